"""Deliveries at the desk: what waits to leave the house, what left and what was kept back."""
