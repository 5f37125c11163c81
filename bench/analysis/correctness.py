"""Hits on disk, beside results.csv: which images each cell and seed had right.

``hits.safetensors`` holds a packed bit an image, so that two runs can be compared image by image
without their stores. A name in it is model, chain and seed, a line each; where a run had several
data sets, a line with the data set's stands before them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from bench.analysis.inference import Evidence
from bench.analysis.summary import leading_accuracy
from bench.analysis.verdicts import Cell, collect, is_repeated
from bench.base.errors import UsageError, format_error
from bench.base.files import write_whole
from bench.store import Store

FILE = "hits.safetensors"


def write(records: pd.DataFrame, store: Store, out: Path) -> Path | None:
    """Write the hits of all scored cells; None where nothing is labeled."""
    found = collect(records, store) if leading_accuracy(records) else {}
    tensors = {
        f"{model}\n{chain}\n{seed}": np.packbits(hits)
        for (model, chain), evidence in found.items()
        for seed, hits in evidence.hits.items()
    }
    if not tensors:
        return None
    write_whole(out / FILE, lambda draft: save_file(tensors, draft))
    return out / FILE


def join(files: dict[str, Path], out: Path) -> Path | None:
    """Write the hits of several data sets, each in a file of its own, into one file.

    Parameters
    ----------
    files : dict
        By the data set's name; those that are not there are left out.
    out : Path
        The folder of the one file.
    """
    tensors = {
        f"{dataset}\n{name}": packed
        for dataset, path in files.items()
        if path.is_file()
        for name, packed in load_file(path).items()
    }
    if not tensors:
        return None
    write_whole(out / FILE, lambda draft: save_file(tensors, draft))
    return out / FILE


def read(records: pd.DataFrame, path: Path) -> dict[Cell, Evidence]:
    """Read the hits that belong to the records of one data set.

    Raises
    ------
    UsageError
        If there are none, or they are not those of these records.
    """
    images = _images(records)
    found: dict[Cell, Evidence] = {}
    try:
        for name, packed in load_file(path).items():
            *dataset, model, chain, seed = name.rsplit("\n", 3)
            if dataset not in ([], [str(records["dataset"].iloc[0])]):
                continue
            hits = np.unpackbits(packed, count=images).astype(bool)
            rows = records[(records["model"] == model) & (records["chain"] == chain)]
            repeated = is_repeated(rows)
            cell = found.setdefault((model, chain), Evidence({}, repeated))
            cell.hits[int(seed)] = hits
    except FileNotFoundError:
        raise UsageError(
            f"no {FILE} beside {path.parent / 'results.csv'}: run the grid again, which writes it "
            "where images are labeled"
        ) from None
    except (OSError, SafetensorError, ValueError) as error:
        raise UsageError(f"cannot read {path}: {format_error(error)}") from None
    return found


def _images(records: pd.DataFrame) -> int:
    first = records.iloc[0]
    on_training = records["accuracy"].notna().any()
    return int(first["images"] if on_training else first["validation_images"])
