"""The desks of those who work here: signing in, a queue of tasks, and nothing without a task."""
