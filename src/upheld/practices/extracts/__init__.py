"""Extracts for research and for improving services: bands by row, under pseudonyms, for a time."""
