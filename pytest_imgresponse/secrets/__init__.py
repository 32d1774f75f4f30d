"""Secrets in texts: where they stand, and where known ones stand again."""
