"""One command's run: load, plan, execute, collect, report."""
