"""Incidents: what was misused, whose data that touched, and the notices that are owed for it."""
