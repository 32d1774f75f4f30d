"""Answers without a cassette: `stub`, and the urls that it serves."""
