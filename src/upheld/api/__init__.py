"""The policy for programs: AuthZEN 1.0, its limits, tokens and description, kept running."""
