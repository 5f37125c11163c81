"""Where a plan's tasks are done; `choose` finds an engine by its name.

`inline` does them in this process, `local` in worker processes on this machine, `dask` on the
workers of Dask. Large arrays travel through the store alone.
"""
