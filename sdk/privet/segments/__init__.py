"""Segments: groups of people with similar habits, and what of them may be released."""
