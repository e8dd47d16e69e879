"""Feeds: what business partners know of our customers, combined with what we hold of them."""
