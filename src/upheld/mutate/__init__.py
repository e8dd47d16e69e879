"""What each word of a policy does: it is struck, the provider's stories are told again."""
