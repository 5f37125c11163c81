"""Assigns a folder of images to a bundle's clusters, in memory that their number does not move."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bench.base.errors import RunError, UsageError
from bench.base.files import write_whole
from bench.base.progress import Progress, silent
from bench.bundle import drift, sorting, stream
from bench.bundle.bundle import Bundle, Placed
from bench.bundle.sheets import SHEETS, Album, check_sheets
from bench.bundle.sorting import Sorter
from bench.datasets.folder import list_files, readable_name

TABLE = "assignments.csv"
COLUMNS = ("file", "cluster", "distance", "ambiguity", "seen", "label", "problem")
NAMED = 5  # unreadable files that are named one by one; all of them are in the table


@dataclass
class Summary:
    """What was done.

    Attributes
    ----------
    out : Path
    files, unreadable, seen : int
    clusters : dict
        Images by cluster.
    unreadable_files : list of str
        The first few.
    drift : str or None
        Why the images look unlike those that the model was trained on.
    untold : str or None
        Why that cannot be told.
    """

    out: Path
    files: int = 0
    unreadable: int = 0
    seen: int = 0
    clusters: dict[int, int] = field(default_factory=dict)
    unreadable_files: list[str] = field(default_factory=list)
    drift: str | None = None
    untold: str | None = None


def assign(
    bundle: Bundle,
    images: Path,
    out: Path,
    *,
    sort_into: str | None = None,
    threads: int = 1,
    progress: Progress = silent,
) -> Summary:
    """Assign every image file under a folder, and write what was found.

    Memory does not grow with the number of images but for the list of their names and a number an
    image.

    Parameters
    ----------
    bundle : Bundle
    images : Path
        Searched at any depth; hidden files are left out, and links followed.
    out : Path
        Made if it is not there; ``assignments.csv`` and contact sheets in it are replaced.
    sort_into : str or None
        ``copy`` or ``link``: put each file into ``OUT/sorted/cluster-N`` as well.
    threads : int
        That read images.
    progress : callable
        Told how far it is.

    Raises
    ------
    UsageError
        If there is no readable image, or the folders are in each other's way.
    RunError
        If something cannot be written.
    """
    files = _files(images, out, sort_into)
    summary, album, errors = Summary(out), Album(bundle.labels), []
    try:
        out.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            sorter = stack.enter_context(Sorter(out, sort_into)) if sort_into else None

            def work(draft: Path) -> None:
                with open(draft, "w", encoding="utf-8", newline="") as file:
                    table = csv.writer(file)
                    table.writerow(COLUMNS)
                    for batch in stream.read(files, threads):
                        placed = bundle.place(batch.images)
                        table.writerows(_rows(batch, placed, images, bundle.labels, summary))
                        errors.append(placed.errors[~placed.seen])
                        _remember(batch, placed, album, sorter)
                        progress("assigning images", summary.files, len(files))
                if summary.unreadable == len(files):
                    raise UsageError(f"no readable image in {images}: {len(files)} files found")

            write_whole(out / TABLE, work)
            album.write(out, progress)
    except OSError as error:
        raise RunError(f"cannot write into {out}: {error.strerror}") from error
    _tell_drift(bundle, np.concatenate(errors), summary)
    return summary


def _files(images: Path, out: Path, sort_into: str | None) -> list[Path]:
    """List the files, and refuse folders of which one would be read while it is written."""
    if not images.is_dir():
        raise UsageError(f"no such folder: {images}")
    source, target = images.resolve(), out.resolve()
    if target == source or source in target.parents:
        raise UsageError(
            f"--out {out} lies in {images}, and its pictures would be taken for images: name a "
            "folder outside"
        )
    for made in (sorting.SORTED, sorting.DRAFT, SHEETS):
        place = (target / made).resolve()  # which may be a link to elsewhere
        if source == place or place in source.parents or source in place.parents:
            raise UsageError(
                f"{images} is in the way of {out / made}, which is written: name another --out"
            )
    if out.exists() and not out.is_dir():
        raise UsageError(f"--out {out} is a file, needed a folder")
    check_sheets(out)
    if sort_into:
        sorting.check_free(out)
    files = list_files(images)
    if not files:
        raise UsageError(f"no files in {images}")
    return files


def _rows(
    batch: stream.Batch, placed: Placed, images: Path, labels: dict[int, str], summary: Summary
) -> Iterator[list[Any]]:
    """Make the table's rows of a batch, and count."""
    found = iter(range(len(batch.images)))
    for file, readable in zip(batch.files, batch.readable, strict=True):
        name = readable_name(file.relative_to(images))
        summary.files += 1
        if not readable:
            summary.unreadable += 1
            if len(summary.unreadable_files) < NAMED:
                summary.unreadable_files.append(name)
            yield [name, "", "", "", "", "", "unreadable"]
            continue
        i = next(found)
        cluster, distance = int(placed.clusters[i]), float(placed.distance[i])
        summary.clusters[cluster] = summary.clusters.get(cluster, 0) + 1
        summary.seen += int(placed.seen[i])
        yield [
            name,
            cluster,
            "" if math.isnan(distance) else f"{distance:.6g}",
            f"{placed.ambiguity[i]:.4f}",
            "yes" if placed.seen[i] else "no",
            labels.get(cluster, ""),
            "",
        ]


def _remember(batch: stream.Batch, placed: Placed, album: Album, sorter: Sorter | None) -> None:
    for i, position in enumerate(np.flatnonzero(batch.readable)):
        file, cluster = batch.files[position], int(placed.clusters[i])
        album.add(
            file,
            batch.start + int(position),
            cluster,
            float(placed.distance[i]),
            float(placed.ambiguity[i]),
        )
        if sorter is not None:
            sorter.add(file, cluster)


def _tell_drift(bundle: Bundle, errors: Any, summary: Summary) -> None:
    training = bundle.manifest.errors
    if training is None:
        summary.untold = (
            f"{bundle.manifest.model.text} has no reconstruction error by which new images could "
            "be told to be unlike the training images"
        )
        return
    summary.drift = drift.warning(errors, training)
