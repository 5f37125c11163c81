"""What was computed, kept on disk: `store` is the folder, `artifact` one thing in it.

`upkeep` looks after the folder: ``python -m bench.store`` shows, verifies and prunes a store.
"""

from bench.store.artifact import ARRAYS, MANIFEST, SUMS, Artifact, DamagedError, StoreError
from bench.store.store import Store

__all__ = ["ARRAYS", "MANIFEST", "SUMS", "Artifact", "DamagedError", "Store", "StoreError"]
