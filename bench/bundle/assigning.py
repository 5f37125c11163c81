"""Assigns a folder of images to a bundle's clusters, in memory that does not grow with it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import NAMED, RunError, UsageError, count, name_first, one_line
from bench.base.files import write_whole
from bench.base.progress import Progress, silent
from bench.base.tables import row_writer
from bench.bundle import images as user_images
from bench.bundle import sorting
from bench.bundle.bundle import Bundle, Transformed
from bench.bundle.correcting import Corrections
from bench.bundle.format import Errors
from bench.bundle.groups import Clusters, Groups
from bench.bundle.sheets import SHEETS, Album, check_sheets
from bench.bundle.sorting import Sorter, open_sorter
from bench.datasets import formats
from bench.datasets.folder import left_out, list_files, readable_name, scan
from bench.datasets.image_form import Images

TABLE, SORTED = "assignments.csv", "sorted"
COLUMNS = ("file", "cluster", "distance", "ambiguity", "seen", "cluster_name", "problem")

FEWEST = 20  # new images; fewer say nothing about their kind
# Of images of the same kind, and a model trained for a hundred epochs on two hundred of them, the
# median error was 2.3 times the training images', and 12% were beyond twice their 99th percentile.
TIMES = 3.0
# Some of another kind among others: errors beyond this multiple of the training images' 99th
# percentile, of which at least this share must be certain.
BEYOND, SHARE = 2.0, 0.2
CONFIDENCE = 0.999


@dataclass
class Summary:
    """What was done."""

    out: Path
    groups: Groups
    files: int = 0
    unreadable: int = 0
    seen: int = 0
    counts: Counter[int] = field(default_factory=Counter)  # images by number of a group
    unreadable_files: list[str] = field(default_factory=list)  # the first few
    advice: list[str] = field(default_factory=list)  # on unreadable files of known formats
    drift: str | None = None  # why the images look unlike the training images
    no_drift: str | None = None  # why that cannot be found out
    other_run: str | None = None  # why corrected clusters may be of another run
    notes: list[str] = field(default_factory=list)  # on how files were read, and what was left out


def assign(
    bundle: Bundle,
    images: Path,
    out: Path,
    *,
    sort_into: str | None = None,
    corrections: Corrections | None = None,
    threads: int = 1,
    progress: Progress = silent,
) -> Summary:
    """Assign every image file under a folder, and write the results.

    Memory grows with the number of images only by the list of their names and a number an image.
    `UsageError` says that there is no readable image, or that folders are in each other's way;
    `RunError` that something cannot be written.

    Parameters
    ----------
    images : Path
        Searched at any depth; hidden files are left out, and links followed.
    out : Path
        Made if it is not there; ``assignments.csv`` and contact sheets in it are replaced.
    sort_into : str or None
        ``copy`` or ``link``: put each file into ``OUT/sorted/cluster-N`` as well.
    corrections : Corrections or None
        Clusters that a user corrected: names, sheets and folders are theirs.
    threads : int
        Threads that read images.
    """
    files = check_places(images, out, sort_into)
    reading, notes = user_images.reading_of(files, bundle.manifest.reading, threads)
    groups: Groups = corrections or Clusters.of(bundle)
    summary, album, errors = Summary(out, groups), Album(groups, reading), []
    unread: list[Path] = []
    summary.notes += [*left_out(scan(images), images), *notes]
    if corrections is not None:
        check_sheets(out, corrections.sheets)
        summary.notes += corrections.notes
        summary.other_run = corrections.other_run
    try:
        out.mkdir(parents=True, exist_ok=True)
        with open_sorter(out / SORTED, sort_into) if sort_into else nullcontext() as sorter:

            def work(draft: Path) -> None:
                with open(draft, "w", encoding="utf-8", newline="") as file:
                    write_row = row_writer(file)
                    write_row(COLUMNS)
                    for batch in user_images.read_batches(files, bundle.form, threads, reading):
                        found = [image for _, image in batch if image is not None]
                        unread.extend(file for file, image in batch if image is None)
                        made = bundle.transform(bundle.form.bring_all(found))
                        for row in _rows(batch, made, images, summary, album, sorter):
                            write_row(row)
                        errors.append(made.errors[~made.seen])
                        progress("assigning images", summary.files, len(files))
                summary.advice = formats.advice(unread)
                if summary.unreadable == len(files):
                    what = f"no readable image in {images}: {len(files)} files found"
                    raise UsageError("; ".join([what, *summary.advice]))

            write_whole(out / TABLE, work)
            album.write(out, progress)
    except OSError as error:
        raise RunError(f"cannot write into {out}: {error.strerror}") from error
    training = bundle.manifest.errors
    if training is not None:
        summary.drift = drift_warning(np.concatenate(errors), training)
    else:
        summary.no_drift = (
            f"{bundle.manifest.model.text} has no reconstruction error, so there is no warning if "
            "new images look unlike the training images"
        )
    return summary


def describe(bundle: Bundle, summary: Summary, sort_into: str | None) -> Iterator[str]:
    """Describe what was done: a line a cluster, then where it is, notes and warnings."""
    assigned = summary.files - summary.unreadable
    yield f"{assigned:,} images, {summary.seen:,} of them seen before"
    for number, members in sorted(summary.counts.items()):
        group = summary.groups.group(number)
        yield f"  {one_line(group.folder)}  {members:,}  {one_line(group.said)}".rstrip()
    made = [TABLE, f"{SHEETS}/", *([f"{SORTED}/"] if sort_into else [])]
    yield f"see {one_line(', '.join(str(summary.out / name) for name in made))}"
    notes = [*bundle.notes, *summary.notes]
    if summary.unreadable:
        named = name_first(summary.unreadable_files, summary.unreadable)
        what = f"skipped {count(summary.unreadable, 'unreadable file')}: {named}"
        notes.append("; ".join([what, *summary.advice]))
    if summary.no_drift:
        notes.append(summary.no_drift)
    yield from (f"note: {one_line(note)}" for note in notes)
    for warning in filter(None, (summary.other_run, summary.drift)):
        yield f"warning: {one_line(warning)}"


def check_places(images: Path, out: Path, sort_into: str | None) -> list[Path]:
    """List the files; refuse folders that would be read and written at once, or are not free."""
    if not images.is_dir():
        raise UsageError(f"no such folder: {images}")
    source, target = images.resolve(), out.resolve()
    if target == source or source in target.parents:
        raise UsageError(
            f"{out} is inside {images}, so its pictures would be read as images: name a "
            "folder outside"
        )
    for made in (out / SORTED, sorting.draft_of(out / SORTED), out / SHEETS):
        sorting.check_apart(images, made)
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file, needed a folder")
    check_sheets(out)
    if sort_into:
        sorting.check_free(out / SORTED)
    files = list_files(images)
    if not files:
        raise UsageError(f"no files in {images}")
    return files


def _rows(
    batch: list[tuple[Path, Images | None]],
    made: Transformed,
    images: Path,
    summary: Summary,
    album: Album,
    sorter: Sorter | None,
) -> Iterator[list[Any]]:
    """Make the table's rows of a batch; count, remember and sort its images."""
    found = iter(range(len(made.clusters)))
    numbers = summary.groups.numbers(made).tolist()
    for position, (file, image) in enumerate(batch, summary.files):
        name = readable_name(file.relative_to(images))
        summary.files += 1
        if image is None:
            summary.unreadable += 1
            if len(summary.unreadable_files) < NAMED:
                summary.unreadable_files.append(name)
            yield [name, "", "", "", "", "", "unreadable"]
            continue
        i = next(found)
        cluster, distance = int(made.clusters[i]), float(made.distance[i])
        group = summary.groups.group(numbers[i])
        album.add(file, position, numbers[i], distance, float(made.ambiguity[i]))
        if sorter is not None:
            sorter.add(file, group.folder)
        summary.counts[numbers[i]] += 1
        summary.seen += int(made.seen[i])
        yield [
            name,
            cluster,
            "" if math.isnan(distance) else f"{distance:.6g}",
            f"{made.ambiguity[i]:.4f}",
            "yes" if made.seen[i] else "no",
            group.name,
            "",
        ]


def drift_warning(errors: NDArray[np.float32], training: Errors) -> str | None:
    """Say by the errors of new images that they are of another kind; None if they are not.

    A model reconstructs worse what it was not trained for. Images of the same kind that it was not
    trained on are reconstructed somewhat worse as well, the more so the longer it trained on few;
    so only a larger change is reported: where the median error is at least 3 times the training
    images', or where, at a confidence of 99.9%, more than a fifth of the errors are beyond twice
    the training images' 99th percentile. docs/bundles.md has the figures.
    """
    count = len(errors)
    if count < FEWEST:
        return None
    median = float(np.median(errors))
    beyond = int((errors > BEYOND * training.percentile_99).sum())
    # Where most training images had no error, any error is larger.
    larger = median > 0 and median >= TIMES * training.median
    if not larger and least_share(beyond, count) <= SHARE:
        return None
    if training.median:
        compared = f"{median / training.median:.1f} times that of the training images"
    else:
        compared = f"{median:.2g}, and that of the training images is 0"
    return (
        "the images look unlike those that the model was trained on: the median reconstruction "
        f"error of {count:,} new images is {compared}, and {beyond / count:.0%} have more than "
        f"{BEYOND:g} times the 99% quantile of the training errors; their clusters may mean little "
        "(after long training on few images, this warning appears for any new images)"
    )


def least_share(found: int, count: int) -> float:
    """Return a lower confidence limit of a share, at 99.9% (Clopper, Pearson 1934)."""
    from scipy import stats

    if not found:
        return 0.0
    return float(stats.beta.ppf(1 - CONFIDENCE, found, count - found + 1))
