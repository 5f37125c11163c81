"""Work on tasks in a process of its own: `process` is this end, `serve` the other.

`tasks` does one task, wherever it is called.
"""
