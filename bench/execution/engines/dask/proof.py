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
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import models
import reducers
from bench.base import keys
from bench.base.files import write_text
from bench.store import Store, StoreError
from bench.store.store import DRAFTS, LOCKS

# What carries tasks and results, beside what keys are made of.
CARRIERS = ("cloudpickle", "dask", "distributed", "numpy")
PREFIX = "token-"


@dataclass(frozen=True)
class Proof:
    """What a worker has to find."""

    store: Path
    token: str  # name and content of a file in the store; a lock of that name is held
    versions: tuple[tuple[str, str], ...]  # of distributions, and of Python
    sources: str  # hash of latentgrid's own files
    processor: str  # see `bench.base.keys.processor`


@contextmanager
def asked(store: Path, libraries: Iterable[str]) -> Iterator[Proof]:
    """Put a token into a prepared store and hold its lock; give what a worker has to find.

    ``libraries`` are distributions that keys are made of.
    """
    token = uuid.uuid4().hex
    path = _token(store, token)
    _sweep(store)
    try:
        # Locked first: a token whose lock is free belongs to nobody.
        with Store(store).lock(token):
            try:
                Store(store).room(DRAFTS)
                write_text(path, token)
            except OSError as error:
                raise StoreError(
                    f"store {store} could not be written ({error.strerror})"
                ) from error
            names = sorted({*libraries, *CARRIERS})
            yield Proof(store, token, _versions(names), sources(), keys.processor())
    finally:
        _remove(store, token)


def _sweep(store: Path) -> None:
    """Remove the tokens of commands that were killed, which could not do so themselves."""
    for path in (store / DRAFTS).glob(f"{PREFIX}*"):
        token = path.name.removeprefix(PREFIX)
        with suppress(OSError):
            if not Store(store).is_locked(token):
                _remove(store, token)


def _remove(store: Path, token: str) -> None:
    with suppress(OSError):  # in nobody's way where it has to stay
        _token(store, token).unlink()
        (store / LOCKS / f"{token}.lock").unlink()


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
            f"it does not see the store {proof.store} of this grid: --store must name a folder "
            "that all machines share under the same path"
        )
    try:
        held = Store(proof.store).is_locked(proof.token)
    except OSError as error:
        return (
            f"it cannot write to the store {proof.store} of this grid ({error.strerror}): all "
            "machines need permission to write there"
        )
    if not held:
        return (
            f"locks on the store {proof.store} do not work there: it needs a file system whose "
            "locks all machines share, such as NFS 4"
        )
    if sources() != proof.sources:
        return "its version of latentgrid differs: install the same version on all machines"
    other = [
        f"{name} {there} there, {here} here"
        for (name, here), (_, there) in zip(
            proof.versions, _versions([name for name, _ in proof.versions]), strict=True
        )
        if here != there
    ]
    if other:
        return (
            f"its libraries differ ({'; '.join(other)}): install the same versions on all machines"
        )
    try:
        found = _kernels()
    except subprocess.CalledProcessError as error:
        reason = str(error.stderr).strip().rpartition("\n")[2]
        return f"its arithmetic kernels could not be determined ({reason or error})"
    if found != proof.processor:
        return (
            f"it computes with {found} and not with {proof.processor}, which changes last digits: "
            "set the same OPENBLAS_CORETYPE and ATEN_CPU_CAPABILITY on all machines"
        )
    return ""


def _token(store: Path, token: str) -> Path:
    return store / DRAFTS / f"{PREFIX}{token}"


def _versions(names: list[str]) -> tuple[tuple[str, str], ...]:
    python = ("Python", ".".join(platform.python_version_tuple()[:2]))
    return (*((name, keys.installed(name)) for name in names if name != "Python"), python)


@functools.cache
def sources() -> str:
    """Return a hash of latentgrid's own files, 16 hexadecimal digits."""
    digest = hashlib.sha256()
    for package in (sys.modules["bench"], models, reducers):
        root = Path(str(package.__file__)).parent
        for path in sorted(root.rglob("*.py")):
            digest.update(f"{package.__name__} {path.relative_to(root)}\n".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


@functools.cache
def _kernels() -> str:
    """Return this machine's `bench.base.keys.processor`, found where the libraries are loaded.

    In a process of its own: a worker that only hands out tasks is spared torch and scipy.
    """
    code = (
        f"import sys; sys.path[:] = {sys.path!r}; "
        "from bench.base import keys; print(keys.processor())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()
