"""Takeovers: a closing that was signed, and the accounts that go with it to the successor."""
