"""The enforcement point: the one road to personal data, and what records prove on it."""
