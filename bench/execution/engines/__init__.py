"""Where a plan's tasks are done: one after the other here, or many at once by Dask.

`choose` finds an engine by its name. `local` is a process of its own on this machine; `cluster`
hands a plan to Dask's distributed as a graph (`rounds`), over a `connection`, to workers that have
`proof` and do tasks by `remote`. Large arrays travel through the store and never through Dask.
"""
