"""Cassettes: all that touches vcrpy or the disk."""
