"""Rows that decide: what rests on a row of the database rests on a MAC, and each set is covered."""
