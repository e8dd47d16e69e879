"""Decisions on whole tables: the same answers as one at a time, by joins."""
