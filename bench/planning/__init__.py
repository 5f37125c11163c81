"""From settings to tasks."""
