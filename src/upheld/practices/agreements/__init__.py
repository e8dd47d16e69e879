"""Agreements: what a trusted partner may do, signed by both sides, no wider than the policy."""
