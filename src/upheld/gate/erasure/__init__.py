"""Everything that deletes: single fields, whole persons, by request or by their day."""
