"""What does tasks: `tasks` one of them, wherever it is called; `process` starts `serve` for it."""
