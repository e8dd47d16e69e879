"""The ledger in the provider's own database: entries, checkpoints, receipts, sentences."""
