"""What keeps a provider running: jobs, backups, restoring, the self-check."""
