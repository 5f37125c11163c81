"""Artifacts on disk, named by a hash of what went into them.

An artifact is a folder ``<stage>/<key>/`` with ``arrays.safetensors`` and ``manifest.json``.
It is written under a temporary name and renamed, so that one that is there is whole. Nothing
in it is ever executed when it is read.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save_file

from bench.errors import UsageError

ARRAYS = "arrays.safetensors"
MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Artifact:
    """What a stage left, read back.

    Attributes
    ----------
    path : Path
        Its folder.
    values : dict
        Numbers by name.
    seconds : float
        Wall clock of the stage, warm-up left out.
    warm_up_seconds : float
        Imports and compilation that came before it.
    peak_memory_mb : float or None
        Most memory of the process while the stage ran, in MiB, where it could be measured.
    """

    path: Path
    values: dict[str, Any]
    seconds: float
    warm_up_seconds: float
    peak_memory_mb: float | None

    def array(self, name: str) -> NDArray[Any] | None:
        """Read one array; None where there is none of that name."""
        with safe_open(self.path / ARRAYS, framework="np") as file:
            return file.get_tensor(name) if name in file.keys() else None  # noqa: SIM118

    def require(self, name: str) -> NDArray[Any]:
        """Read an array that every artifact of this stage has."""
        array = self.array(name)
        if array is None:
            raise KeyError(f"artifact {self.path} has no array {name!r}")
        return array

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Read all arrays."""
        with safe_open(self.path / ARRAYS, framework="np") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


class Store:
    """A folder of artifacts.

    Parameters
    ----------
    root : Path
        Nothing is made there before `prepare`.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def prepare(self) -> None:
        """Make the folder, or say in one line why it cannot be made or written to.

        Raises
        ------
        UsageError
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            (self.root / ".gitignore").write_text("*\n")
        except OSError as error:
            raise UsageError(f"store {self.root} cannot be written: {error.strerror}") from None

    def path(self, stage: str, key: str) -> Path:
        """Return where an artifact is or would be."""
        return self.root / stage / key

    def __contains__(self, place: tuple[str, str]) -> bool:
        """Tell whether an artifact, by stage and key, is there."""
        return (self.path(*place) / MANIFEST).is_file()

    def load(self, stage: str, key: str) -> Artifact:
        """Read an artifact's numbers; its arrays are read when asked for."""
        path = self.path(stage, key)
        manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
        return Artifact(
            path,
            manifest["values"],
            manifest["seconds"],
            manifest["warm_up_seconds"],
            manifest["peak_memory_mb"],
        )

    def save(
        self,
        stage: str,
        key: str,
        arrays: dict[str, NDArray[Any]],
        values: dict[str, Any],
        inputs: dict[str, Any],
        seconds: float,
        warm_up_seconds: float,
        peak_memory_mb: float | None,
    ) -> None:
        """Write an artifact; one that is there already stays.

        Parameters
        ----------
        stage, key : str
        arrays, values
            What the stage left.
        inputs : dict
            What the key is a hash of, kept for people who read the manifest.
        seconds, warm_up_seconds, peak_memory_mb
            See `Artifact`.
        """
        place = self.path(stage, key)
        place.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=place.parent))
        try:
            save_file({k: np.ascontiguousarray(v) for k, v in arrays.items()}, draft / ARRAYS)
            manifest = {
                "stage": stage,
                "inputs": inputs,
                "values": values,
                "seconds": seconds,
                "warm_up_seconds": warm_up_seconds,
                "peak_memory_mb": peak_memory_mb,
            }
            (draft / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
            for name in (ARRAYS, MANIFEST):
                _flush(draft / name)
            if not (place / MANIFEST).is_file():
                os.replace(draft, place)
        finally:
            shutil.rmtree(draft, ignore_errors=True)


def _flush(path: Path) -> None:
    """Have the system write a file to disk before it is renamed into its place."""
    with open(path, "rb+") as file:
        os.fsync(file.fileno())
