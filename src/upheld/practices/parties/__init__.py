"""Parties: every company outside that works with us, by name and role, on a register for all."""
