"""Billing: services and their plans, usage, invoices, payments by card, and what is owed."""
