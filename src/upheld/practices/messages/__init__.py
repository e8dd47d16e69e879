"""Messages: what we write to people, by purpose; the outbox, mail, and one-click unsubscribing."""
