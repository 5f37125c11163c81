"""Hits on disk, beside results.csv: which images each cell and seed had right.

``hits.safetensors`` holds a packed bit an image, so that two runs can be compared image by image
without their stores.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from bench.errors import UsageError, told
from bench.evidence import Evidence
from bench.files import write_whole
from bench.store import Store
from bench.verdicts import Cell, collect

FILE = "hits.safetensors"


def write(records: pd.DataFrame, store: Store, out: Path) -> Path | None:
    """Write the hits of all scored cells; None where nothing is labelled."""
    found = collect(records, store)
    tensors = {
        f"{model}\n{chain}\n{seed}": np.packbits(hits)
        for (model, chain), evidence in found.items()
        for seed, hits in evidence.hits.items()
    }
    if not tensors:
        return None
    write_whole(out / FILE, lambda draft: save_file(tensors, draft))
    return out / FILE


def read(records: pd.DataFrame, path: Path) -> dict[Cell, Evidence]:
    """Read the hits that belong to records.

    Raises
    ------
    UsageError
        If there are none, or they are not those of these records.
    """
    images = _images(records)
    found: dict[Cell, Evidence] = {}
    try:
        for name, packed in load_file(path).items():
            model, chain, seed = name.split("\n")
            hits = np.unpackbits(packed, count=images).astype(bool)
            rows = records[(records["model"] == model) & (records["chain"] == chain)]
            repeated = rows["cluster_artifacts"].nunique() > 1
            cell = found.setdefault((model, chain), Evidence({}, repeated))
            cell.hits[int(seed)] = hits
    except FileNotFoundError:
        raise UsageError(
            f"no {FILE} beside {path.parent / 'results.csv'}: run the grid again, which writes it "
            "where images are labelled"
        ) from None
    except (OSError, SafetensorError, ValueError) as error:
        raise UsageError(f"cannot read {path}: {told(error)}") from None
    return found


def _images(records: pd.DataFrame) -> int:
    first = records.iloc[0]
    on_training = records["accuracy"].notna().any()
    return int(first["images"] if on_training else first["validation_images"])
