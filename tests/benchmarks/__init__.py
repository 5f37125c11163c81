"""What is timed: `pytest --benchmark-only`, or `make bench`, which writes it into results.md."""
