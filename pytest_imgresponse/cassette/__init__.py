"""Cassettes: what is on the disk, and the session that chooses, records and merges."""
