"""Guardians: permission and supervision for whoever is under age, and what a guardian sees."""
