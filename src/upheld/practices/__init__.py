"""What a provider does with a policy, one practice a package."""
