"""Versions: how this policy changes, which version holds for whom, and since when."""
