"""Editions: the versions of the policy that were posted, and which of them is in force."""
