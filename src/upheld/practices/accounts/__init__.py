"""Accounts: signing up with what the policy's clause names and no more, signing in, my account."""
