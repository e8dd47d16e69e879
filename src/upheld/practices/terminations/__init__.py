"""Terminations: a member of staff ends the services of somebody who broke the terms."""
