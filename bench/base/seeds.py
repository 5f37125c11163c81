"""Seeds, derived so that comparisons are paired.

Every random choice has a seed of its own: a hash of the base seed, the index of the repetition
and the names of what the choice belongs to. Two models get the same order of batches, two
chains the same seed for the link they share, and adding an item changes no other item.
"""

from __future__ import annotations

import hashlib
import json


def derive(base: int, index: int, *names: str) -> int:
    """Derive a seed by SHA-256.

    Parameters
    ----------
    base : int
        The base seed (``--seed``).
    index : int
        Which repetition, from 0.
    *names : str
        What the seed is for.

    Returns
    -------
    int
        0 to 2**32 - 1, the range that NumPy and scikit-learn accept.
    """
    text = json.dumps([base, index, *names])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
