"""Looking after a store: what it holds, whether that is sound, and what nobody needs any more."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from bench.base.errors import UsageError
from bench.base.files import clear, refuse_link, regular, write_text
from bench.base.progress import Progress
from bench.store.artifact import MANIFEST, DamagedError, StoreError
from bench.store.content import GridRecord
from bench.store.store import ASIDE, DRAFTS, ERRORS, GRIDS, OTHERS, Store

Place = tuple[str, str]
KEY = re.compile(r"[0-9a-f]{40}(\.\d+)?")  # of a checkpoint with how far it was

# What is made from an artifact and has its key: a checkpoint, with how far it was; what pages keep.
MADE_FROM = {"train": ("checkpoint",), "encode": ("neighbors", "rebuilt")}

# A draft or an error file this old belongs to no run that is still at work, unless its lock is
# held: the token that the workers of a cluster have to find lies there as long as the grid runs.
DAY = 24 * 3600.0


def places(store: Store) -> Iterator[Place]:
    """Iterate over all artifacts, by stage and key; other folders of users are none."""
    for stage in sorted(_folders(store.root)):
        if stage.name not in OTHERS:
            folders = filter(_is_artifact, sorted(_folders(stage)))
            yield from ((stage.name, path.name) for path in folders)


def _is_artifact(path: Path) -> bool:
    """Tell whether a folder is an artifact, or what is left of one."""
    return KEY.fullmatch(path.name) is not None or (path / MANIFEST).is_file()


def sizes(store: Store) -> list[tuple[str, int, float]]:
    """Return name, number of artifacts and megabytes of each stage, and of what is damaged."""
    folders = [path for path in _folders(store.root) if path.name not in set(OTHERS) - {ASIDE}]
    return [(path.name, len(list(_folders(path))), _bytes(path) / 1e6) for path in sorted(folders)]


def verify(store: Store, progress: Progress) -> list[tuple[DamagedError, Path | None]]:
    """Compare every artifact with its checksums, and set aside those that differ.

    Return what was damaged, and where it was put.
    """
    every = list(places(store))
    found = []
    for number, (stage, key) in enumerate(every, start=1):
        try:
            store.load(stage, key).verify()
        except DamagedError as damage:
            if store.path(stage, key).exists():  # else another process took it away meanwhile
                found.append((damage, store.set_aside(stage, key)))
        progress("verifying", number, len(every))
    return found


def record_grid(store: Store, out: Path, used: Iterable[Place], settings: str) -> None:
    """Take note of the artifacts that the results in a folder rest on."""
    place = str(out.resolve())
    name = hashlib.sha256(place.encode(errors="surrogateescape")).hexdigest()[:16]
    record = {"out": place, "artifacts": sorted(f"{s}/{k}" for s, k in used), "grid": settings}
    with store.reporting("written"):
        write_text(store.room(GRIDS) / f"{name}.json", json.dumps(record, indent=1))


def recorded(store: Store) -> dict[Path, set[Place]]:
    """Return what each recorded grid uses, by its results folder.

    A record that cannot be read raises `StoreError`: nothing may then be taken for unused.
    """
    grids = {}
    with store.reporting("read"):
        refuse_link(store.root / GRIDS)
    for path in store.contents(GRIDS, ".json"):
        record = _read_record(path)
        artifacts = (place.split("/") for place in record.artifacts)
        grids[Path(record.out)] = {(stage, key) for stage, key in artifacts}
    return grids


def _read_record(path: Path) -> GridRecord:
    try:
        return GridRecord.model_validate_json(regular(path).read_bytes())
    except (OSError, ValueError) as error:
        raise StoreError(
            f"the record of a grid, {path}, cannot be read ({type(error).__name__}): remove "
            "it if you do not need what that grid computed"
        ) from error


def prune(store: Store, dry_run: bool, progress: Progress) -> tuple[int, float]:
    """Remove every artifact that no recorded grid uses, and what dead processes left.

    A grid counts as long as its results folder is there. Artifacts that another process is making
    are left alone. Return the number of artifacts and their megabytes. With ``dry_run`` nothing is
    removed. Raise `UsageError` for a folder in which no grid was ever recorded: it may be anything.
    """
    if not (store.root / GRIDS).is_dir():
        raise UsageError(f"no grid is recorded in {store.root}: it is no store, nothing is removed")
    grids = recorded(store)
    used = {place for out, artifacts in grids.items() if out.is_dir() for place in artifacts}
    used |= {(made, key) for stage, key in used for made in MADE_FROM.get(stage, ())}
    unused = [
        (stage, key) for stage, key in places(store) if (stage, key.split(".")[0]) not in used
    ]
    freed = 0.0
    for number, (stage, key) in enumerate(unused, start=1):
        freed += _bytes(store.path(stage, key)) / 1e6
        if not dry_run:
            store.remove(stage, key)
        progress("pruning", number, len(unused))
    freed += _sweep(store, [out for out in grids if not out.is_dir()], dry_run)
    return len(unused), freed


def _sweep(store: Store, gone: list[Path], dry_run: bool) -> float:
    """Remove old drafts, error files and damaged artifacts, and records of grids that are gone."""
    old = [
        path
        for room in (DRAFTS, ERRORS, ASIDE)
        for path in store.contents(room)
        if room == ASIDE or time.time() - path.lstat().st_mtime > DAY
        if room != DRAFTS or not _is_wanted(store, path)
    ]
    freed = sum(_bytes(path) for path in old) / 1e6
    if not dry_run:
        store.remove_free_locks()
        for path in old:
            clear(path)
        for record in store.contents(GRIDS, ".json"):
            if Path(_read_record(record).out) in gone:
                record.unlink()
    return freed


def _is_wanted(store: Store, draft: Path) -> bool:
    """Tell whether a draft's process is at work: a draft is named by what its lock is."""
    try:
        return any(store.is_locked(part) for part in draft.name.split("-")[1:])
    except OSError:
        return True


def _folders(path: Path) -> Iterator[Path]:
    """Iterate over the folders in one; links to others are not in it."""
    try:
        yield from (each for each in path.iterdir() if each.is_dir() and not each.is_symlink())
    except OSError as error:
        raise StoreError(f"store: {path} cannot be read ({error.strerror})") from error


def _bytes(path: Path) -> int:
    if path.is_symlink() or path.is_file():
        return path.lstat().st_size
    return sum(child.stat().st_size for child in path.rglob("*") if child.is_file())
