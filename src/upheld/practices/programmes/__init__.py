"""Programmes: sharing with one other company that a customer joins by choice, and can leave."""
