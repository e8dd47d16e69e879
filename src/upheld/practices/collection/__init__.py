"""Collection: what our servers see of visits, as far as the policy lets it in, and for how long."""
