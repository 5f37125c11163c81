"""From a spec string to the arrays that a grid runs on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import UsageError, name_some
from bench.base.progress import Progress, silent
from bench.base.sampling import stratified
from bench.base.seeds import derive
from bench.datasets import datasets
from bench.datasets.image_form import SIDE, Images
from bench.datasets.source import Reader, Source

PIECE = 4096

Labels = NDArray[np.int64]

# What may decide which pipeline is best on a data set, the first that its labels allow.
PRIMARY_METRICS = ("public_accuracy", "validation_accuracy", "knn_modularity")


@dataclass(frozen=True)
class Dataset:
    """What a grid runs on.

    Labels serve scoring, the public and private halves, a stratified ``limit`` and the number
    of clusters; no stage before scoring is given them. What is not said here is said of `Source`.
    """

    name: str  # the spec string
    images: Images  # for training, (n, 32, 32, 3)
    indices: NDArray[np.int64]  # of those in the source, (n,)
    labels: Labels | None  # positions in class_names, (n,)
    validation_images: Images  # (m, 32, 32, 3), m = 0 where there is no validation set
    validation_labels: Labels | None
    class_names: tuple[str, ...]
    clusters: int  # to seek
    files: tuple[str, ...] | None
    source_count: int  # training images of the source, before a limit
    id_label_form: bool
    independent: bool
    fingerprint: str  # SHA-256 of training images; the next two of validation images, all labels
    validation_fingerprint: str
    labels_fingerprint: str
    notes: tuple[str, ...]

    def __len__(self) -> int:
        """Return the number of training images."""
        return len(self.images)

    @property
    def primary_metric(self) -> str:
        """The metric that decides which pipeline is best on these images."""
        labeled = (self.labels is not None, self.validation_labels is not None, True)
        return PRIMARY_METRICS[labeled.index(True)]

    @property
    def key(self) -> str:
        """The name of all arrays together, images and labels."""
        parts = (self.fingerprint, self.validation_fingerprint, self.labels_fingerprint)
        return hashlib.sha256(" ".join(parts).encode()).hexdigest()[:40]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Images and labels by name, those that there are."""
        found = {
            "images": self.images,
            "validation_images": self.validation_images,
            "labels": self.labels,
            "validation_labels": self.validation_labels,
        }
        return {name: array for name, array in found.items() if array is not None}

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """The shape of an image, (C, H, W), as models are given it."""
        return (3, *self.images.shape[1:3])


def parse(spec: str) -> tuple[str, str | None]:
    """Split a spec string at its first colon; raise `UnknownNameError` for an unknown name."""
    name, colon, argument = spec.partition(":")
    datasets.entry(name)
    return name, argument if colon else None


def split(text: str) -> list[str]:
    """Split a list of data sets at its commas, leaving those within paths alone.

    What follows an argument (``npy:/a,b``) begins a new data set only if it starts with a
    registered name; else it belongs to the path, commas and all. A path of which a part reads
    like a data set is named in a list of strings, which nobody splits. An empty name raises
    `ValueError`.
    """
    sets: list[str] = []
    for piece in text.split(","):
        if sets and ":" in sets[-1] and piece.partition(":")[0].strip() not in datasets:
            sets[-1] += f",{piece}"
        else:
            sets.append(piece)
    if len(sets) == 1:
        return sets
    sets = [each.strip() for each in sets]
    if "" in sets:
        raise ValueError(f"an empty name in {text!r}: data sets are separated by one comma each")
    return sets


def load(
    spec: str,
    *,
    limit: int | None = None,
    seed: int = 0,
    clusters: int | None = None,
    progress: Progress = silent,
) -> Dataset:
    """Load a data set.

    Raise `UsageError` if the data cannot be used, or are unlabeled and ``clusters`` is not given;
    `UnknownNameError` if no data set has that name.

    Parameters
    ----------
    limit : int or None
        Take a subset of this many training images, stratified where there are labels; the same
        for the same seed. None, or more than there are: all.
    seed : int
        Base seed, for the subset only.
    clusters : int or None
        Clusters to seek; None: as many as there are labels.
    """
    name, argument = parse(spec)
    source = datasets[name](argument, progress)
    indices = _subset(source, limit, derive(seed, 0, "limit"))
    images = _read(source.read, indices, progress, "reading images")
    validation_images = np.empty((0, SIDE, SIDE, 3), np.uint8)
    if source.validation is not None and source.validation_labels is not None:
        held_out = np.arange(len(source.validation_labels))
        what = "reading validation images"
        validation_images = _read(source.validation, held_out, progress, what)
    train_labels = None if source.labels is None else source.labels[indices]
    labels, validation_labels, class_names = _encode(train_labels, source.validation_labels)
    notes = source.notes
    if len(class_names) == 1:
        what = f"One label only, {class_names[0]}"
        notes += (f"{what}: with one cluster accuracy is 1 by definition.",)
    known = labels if labels is not None else validation_labels
    if clusters is None and known is not None:
        clusters = len(np.unique(known))
    elif clusters is None and source.default_clusters is not None:
        clusters = source.default_clusters
        what = f"No labels to count and no --clusters given: {clusters} clusters"
        notes += (f"{what}, as in the homework.",)
    elif clusters is None:
        raise UsageError(
            f"{spec} has no labels to count, so the number of clusters must be given: "
            "--clusters N, or --clusters auto for a suggestion"
        )
    if clusters > len(images):
        raise UsageError(
            f"clusters: {clusters} clusters of {len(images)} images: allowed are 1 to {len(images)}"
        )
    return Dataset(
        name=spec,
        images=images,
        indices=indices,
        labels=labels,
        validation_images=validation_images,
        validation_labels=validation_labels,
        class_names=class_names,
        clusters=clusters,
        files=None if source.files is None else tuple(source.files[i] for i in indices),
        source_count=source.count,
        id_label_form=source.id_label_form,
        independent=source.independent,
        fingerprint=fingerprint(images),
        validation_fingerprint=fingerprint(validation_images),
        labels_fingerprint=fingerprint(*(a for a in (labels, validation_labels) if a is not None)),
        notes=notes,
    )


def fingerprint(*arrays: NDArray[Any]) -> str:
    """Return SHA-256 of the type, shape and bytes of arrays."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        for start in range(0, len(array), PIECE):
            digest.update(np.ascontiguousarray(array[start : start + PIECE]).data)
    return digest.hexdigest()


def _read(read: Reader, indices: NDArray[Any], progress: Progress, what: str) -> Images:
    try:
        images = np.empty((len(indices), SIDE, SIDE, 3), np.uint8)
    except (MemoryError, ValueError):  # numpy says it by either
        gigabytes = len(indices) * SIDE**2 * 3 / 1e9
        raise UsageError(
            f"{len(indices):,} images of {SIDE}×{SIDE} need {gigabytes:,.0f} GB of memory: "
            "--limit N takes fewer"
        ) from None
    for start in range(0, len(indices), PIECE):
        piece = indices[start : start + PIECE]
        images[start : start + len(piece)] = read(piece)
        progress(what, start + len(piece), len(indices))
    return images


def _subset(source: Source, limit: int | None, seed: int) -> NDArray[np.int64]:
    """Choose training images, in the order of the source."""
    if limit is None or limit >= source.count:
        return np.arange(source.count)
    random = np.random.default_rng(seed)
    if source.labels is None:
        return np.sort(random.choice(source.count, limit, replace=False))
    return np.sort(stratified(source.labels, limit, random))


def _encode(
    train: NDArray[Any] | None, validation: NDArray[Any] | None
) -> tuple[Labels | None, Labels | None, tuple[str, ...]]:
    """Replace the labels of both splits by their positions in one sorted list."""
    given = [array for array in (train, validation) if array is not None]
    if not given:
        return None, None, ()
    if train is not None and validation is not None and not np.isin(validation, train).any():
        raise UsageError(
            f"none of the validation labels ({_some(validation)}) is a label of the training "
            f"images ({_some(train)})"
        )
    classes = np.unique(np.concatenate(given))

    def number(array: NDArray[Any] | None) -> Labels | None:
        return None if array is None else np.searchsorted(classes, array).astype(np.int64)

    return number(train), number(validation), tuple(str(value) for value in classes.tolist())


def _some(labels: NDArray[Any]) -> str:
    return name_some([str(label) for label in np.unique(labels).tolist()], 4)
