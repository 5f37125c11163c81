"""From tasks to artifacts, on an engine."""
