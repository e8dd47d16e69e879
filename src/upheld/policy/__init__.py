"""The rule language and its meaning: documents in, decisions out; no storage, no web, no clock."""
