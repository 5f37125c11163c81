"""The engine ``dask``: tasks on workers of Dask, on this machine or on others.

`cluster` is the engine. `rounds` hands a plan to Dask as a graph of `batches`, over a
`connection`. At the other end, `remote` does a batch (`doing`) in processes of a `pool`, after
`proof` that the worker gives the same results.
"""
