"""Articles of our own, chosen by what the policy lets us use about a customer, or for everybody."""
