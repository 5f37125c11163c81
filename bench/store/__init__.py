"""What was computed, kept on disk: `artifacts` writes and reads, `upkeep` looks after the folder.

``python -m bench.store`` shows, verifies and prunes a store.
"""

from bench.store.artifacts import (
    ARRAYS,
    MANIFEST,
    SUMS,
    Artifact,
    DamagedError,
    Store,
    StoreError,
)

__all__ = ["ARRAYS", "MANIFEST", "SUMS", "Artifact", "DamagedError", "Store", "StoreError"]
