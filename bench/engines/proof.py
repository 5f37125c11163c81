"""Whether a worker would give the results of this grid: proven before work starts.

Artifacts are kept by the versions of libraries and the kernels of the processor, and two workers
do nothing twice thanks to locks. So a worker has to see the same store with the same locks, and
run the same sources on the same libraries and kernels.
"""

from __future__ import annotations

import functools
import hashlib
import platform
import subprocess
import sys
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from bench import keys

PACKAGES = ("bench", "models", "reducers")
MODULES = ("grammar.py", "registry.py")
# What carries tasks and results, beside what keys are made of.
CARRIERS = ("cloudpickle", "dask", "distributed", "numpy")


@dataclass(frozen=True)
class Proof:
    """What a worker has to find.

    Attributes
    ----------
    store : Path
    token : str
        Names a file in the store, and is what stands in it; a lock of that name is held.
    versions : tuple of (str, str)
        Of distributions, and of Python.
    sources : str
        Hash of latentgrid's own files.
    processor : str
        See `bench.keys.processor`.
    """

    store: Path
    token: str
    versions: tuple[tuple[str, str], ...]
    sources: str
    processor: str


@contextmanager
def asked(store: Path, libraries: Iterable[str]) -> Iterator[Proof]:
    """Put a token into a store and hold its lock; give what a worker of ours has to find.

    Parameters
    ----------
    store : Path
        Prepared, see `bench.store.Store.prepare`.
    libraries : iterable of str
        Distributions that keys are made of.
    """
    token = uuid.uuid4().hex
    path = _token(store, token)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(token)
    try:
        with FileLock(_lock(store, token)):
            names = sorted({*libraries, *CARRIERS})
            yield Proof(store, token, _versions(names), sources(), keys.processor())
    finally:
        path.unlink(missing_ok=True)
        _lock(store, token).unlink(missing_ok=True)


_proven: set[Proof] = set()


def misfit(proof: Proof) -> str:
    """Say in one line why this machine cannot work for a grid; empty where it can."""
    reason = "" if proof in _proven else _why_not(proof)
    if not reason:
        _proven.add(proof)
    return reason


def _why_not(proof: Proof) -> str:
    try:
        if _token(proof.store, proof.token).read_text() != proof.token:
            raise FileNotFoundError
    except OSError:
        return (
            f"it does not see the store {proof.store} of this grid: --store has to name a folder "
            "that all machines share, by the same path"
        )
    if not _is_held(_lock(proof.store, proof.token)):
        return (
            f"locks on the store {proof.store} do not hold there: its file system has to be one "
            "whose locks all machines share, such as NFS 4"
        )
    if sources() != proof.sources:
        return "its latentgrid differs from this one's: install the same on all machines"
    other = [
        f"{name} {there or 'missing'} and not {here}"
        for (name, here), (_, there) in zip(
            proof.versions, _versions([name for name, _ in proof.versions]), strict=True
        )
        if here != there
    ]
    if other:
        return f"it has {', '.join(other)}: install the same on all machines"
    found = _kernels()
    if found != proof.processor:
        return (
            f"it computes by {found} and not by {proof.processor}, which differ in last digits: "
            "set OPENBLAS_CORETYPE and ATEN_CPU_CAPABILITY alike on all machines"
        )
    return ""


def _token(store: Path, token: str) -> Path:
    return store / "drafts" / f"token-{token}"


def _lock(store: Path, token: str) -> Path:
    return store / "locks" / f"token-{token}.lock"


def _is_held(path: Path) -> bool:
    try:
        with FileLock(path, blocking=False):
            return False
    except Timeout:
        return True
    except OSError:
        return False


def _versions(names: list[str]) -> tuple[tuple[str, str], ...]:
    python = ("Python", ".".join(platform.python_version_tuple()[:2]))
    return (*((name, keys.installed(name)) for name in names if name != "Python"), python)


@functools.cache
def sources() -> str:
    """Return a hash of latentgrid's own files, 16 hexadecimal digits."""
    root = Path(__file__).resolve().parents[2]
    files = [path for package in PACKAGES for path in (root / package).rglob("*.py")]
    digest = hashlib.sha256()
    for path in sorted([*files, *(root / name for name in MODULES)]):
        digest.update(f"{path.relative_to(root)}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


@functools.cache
def _kernels() -> str:
    """Return this machine's `bench.keys.processor`, found where the libraries are loaded.

    In a process of its own: a worker that only hands out tasks is spared torch and scipy.
    """
    code = (
        f"import sys; sys.path[:] = {sys.path!r}; from bench import keys; print(keys.processor())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    return done.stdout.strip() or f"nothing ({done.stderr.strip().rpartition(chr(10))[2]})"
