"""Keys of artifacts: a hash of settings, source and versions of libraries."""

from __future__ import annotations

import functools
import hashlib
import inspect
import json
import os
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path
from typing import Any

from bench.base.errors import UsageError

ABSENT = "not installed"
NOT_WRITTEN = ("__pycache__", "node_modules")  # folders that tools make among sources

_MARK = "?" * 40  # stands for an entry that varies; no key, name or version looks like it
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)


def key(inputs: dict[str, Any]) -> str:
    """Return 40 hexadecimal digits that name these inputs."""
    return _digest(text(inputs))


def text(inputs: Any) -> str:
    """Write inputs as JSON, always in the same way."""
    return _ENCODER.encode(inputs)


class Frame:
    """Makes keys of inputs of which most entries stay the same; they are written once.

    Parameters
    ----------
    fixed : dict
        The entries that stay.
    varying : str
        The names of the others, sorted.
    """

    def __init__(self, fixed: dict[str, Any], *varying: str) -> None:
        marked = text(fixed | dict.fromkeys(varying, _MARK))
        self.first, *self.behind = marked.split(f'"{_MARK}"')

    def key(self, *varying: str) -> str:
        """Return what `key` does of all entries, given `text` of those that vary, by name."""
        pairs = zip(varying, self.behind, strict=True)
        return _digest(self.first + "".join(written + behind for written, behind in pairs))


def _digest(written: str) -> str:
    return hashlib.sha256(written.encode()).hexdigest()[:40]


@functools.cache
def source(*items: Any) -> str:
    """Return a hash of the source of functions, classes and modules, 16 hexadecimal digits.

    A function counts with its own text, a module with its file, and a class with the files that
    define it and the classes it derives from: editing one model changes that model's key only.
    """
    digest = hashlib.sha256()
    for item in items:
        for code in _class_texts(item) if inspect.isclass(item) else [inspect.getsource(item)]:
            digest.update(code.encode())
    return digest.hexdigest()[:16]


def sources(*packages: str | Path) -> str:
    """Return a hash of every file in packages, named or given as folders; see `source`.

    What tools put among them, such as the packages of npm, does not count.
    """
    digest = hashlib.sha256()
    for package in packages:
        folder = package if isinstance(package, Path) else Path(str(files(package)))
        for path in sorted(_written(folder)):
            digest.update(f"{path.relative_to(folder)}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _written(folder: Path) -> Iterator[Path]:
    """Find the files below a folder that somebody wrote."""
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in NOT_WRITTEN]
        yield from (Path(place, name) for name in names)


def _class_texts(item: type) -> list[str]:
    # Libraries' classes are stood for by the library's version.
    ours = {"bench", "models", "reducers", item.__module__.partition(".")[0]}
    every = [c for each in (item, *getattr(item, "parts", ())) for c in inspect.getmro(each)]
    lineage = [c for c in every if c.__module__.partition(".")[0] in ours and not _is_made(c)]
    try:
        texts = {Path(inspect.getfile(c)).read_text(encoding="utf-8") for c in lineage}
    except (OSError, TypeError):
        texts = {_cell_text(c) for c in lineage}
    return sorted(texts)


def _is_made(item: type) -> bool:
    """Tell whether a class was made of its original, see `models.untrained`, and not written.

    Its text is then that of the classes that it derives from.
    """
    return any(vars(item).get("original") is base for base in item.__bases__)


def _cell_text(item: type) -> str:
    """Return the text of a class that was defined in a notebook and not in a file."""
    try:
        return inspect.getsource(item)
    except (OSError, TypeError):
        raise UsageError(
            f"the source of {item.__name__} cannot be read, but is part of the key of its results: "
            "define it in a file or a notebook"
        ) from None


@functools.cache
def installed(distribution: str) -> str:
    """Return the version of an installed distribution, without a build's local suffix."""
    try:
        return version(distribution).partition("+")[0]
    except PackageNotFoundError:
        return ABSENT


def versions(*distributions: str) -> dict[str, str]:
    """Return installed versions by distribution."""
    return {name: installed(name) for name in distributions}


@functools.cache
def processor() -> str:
    """Return which kernels do the arithmetic here, such as ``openblas 0.3.30 Haswell, AVX512``.

    Libraries choose them by the processor, or by variables such as ``OPENBLAS_CORETYPE``; other
    kernels give other last digits, from which t-SNE and UMAP go quite other ways.
    """
    import scipy.linalg  # noqa: F401  # only what is loaded can be asked
    import torch
    from threadpoolctl import threadpool_info

    libraries = {
        f"{found['internal_api']} {found['version']} {found.get('architecture', '')}".strip()
        for found in threadpool_info()
        if found["user_api"] == "blas"
    }
    return ", ".join([*sorted(libraries), torch.backends.cpu.get_cpu_capability()])
