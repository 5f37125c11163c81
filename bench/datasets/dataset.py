"""From a spec string to the arrays that a grid runs on."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.base import keys
from bench.base.errors import UsageError, count, name_first, name_some
from bench.base.naming import unique_names
from bench.base.progress import Progress, silent
from bench.base.sampling import stratified
from bench.base.seeds import derive
from bench.datasets import datasets, deciding
from bench.datasets import labels as label_rules
from bench.datasets.decoding import Decoder
from bench.datasets.image_form import (
    CROP,
    MOST_BYTES,
    MOST_PIXELS,
    Fit,
    Form,
    Images,
    default_size,
)
from bench.datasets.originals import Originals
from bench.datasets.pieces import (
    ImageNames,
    ImageSet,
    InMemory,
    Keeper,
    Piece,
    Subset,
    fingerprint,
    fingerprint_of_some,
)
from bench.datasets.reading import AUTO, ORDINARY, Reading, Wanted
from bench.datasets.source import Source, in_memory

Labels = NDArray[np.int64]

# What may decide which pipeline is best on a data set, the first that its labels allow; without
# labels the selection score, and kNN modularity where no model is pretrained.
UNLABELED_METRICS = ("selection_score", "knn_modularity")
PRIMARY_METRICS = ("accuracy", "validation_accuracy", *UNLABELED_METRICS)


@dataclass(frozen=True)
class Dataset:
    """What a grid runs on.

    Labels serve scoring, the public and private halves, a stratified ``limit`` and the number
    of clusters; no stage before scoring is given them. What is not said here is said of `Source`.
    """

    name: str  # the spec string
    form: Form  # of the images
    images: Images | ImageSet  # for training, (n, size, size, 3)
    indices: NDArray[np.int64]  # of those in the source, (n,)
    labels: Labels | None  # positions in class_names, (n,); -1 where a label is not known
    validation_images: Images  # (m, size, size, 3), m = 0 where there is no validation set
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
    # The same training and validation images at each size that was asked for, the grid's first.
    sizes: dict[int, tuple[ImageSet, ImageSet]]
    decoded: bool = True  # False: images are placeholders, and nothing was decoded
    # The base seed of random halves, one for each seed; None: every seed is on all images.
    halves: int | None = None
    positions: NDArray[np.int64] | None = None  # of a half: where its images are in the whole
    reading: Reading = ORDINARY  # how its files are read, where images are files
    kept: tuple[str, ...] = ()  # keys of what a store keeps of files beside images
    originals: Originals | None = None  # of the training images; None: not at hand

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

    @property
    def artifact(self) -> str:
        """The key under which a store keeps labels, names, and where the images are."""
        pieces = [piece.key for piece in self.pieces()]
        return keys.key({"data": self.key, "pieces": pieces, "names": vars(self.names)})

    @property
    def names(self) -> ImageNames:
        """What training images are recognized by in files beside them."""
        indices = tuple(self.indices.tolist())
        return ImageNames(self.files, indices, self.source_count, len(self.validation_images))

    @property
    def image_names(self) -> list[str]:
        """What training images are called: by their files, or ``image 12`` by position; unique."""
        if self.files is None:
            return [f"image {index}" for index in self.indices.tolist()]
        return unique_names(list(self.files))

    @property
    def labeled_images(self) -> int:
        """The number of training images whose label is known."""
        return 0 if self.labels is None else int((self.labels >= 0).sum())

    @property
    def images_per_seed(self) -> int:
        """The number of training images that a seed is on."""
        return len(self) if self.halves is None else (len(self) + 1) // 2

    def of_seed(self, seed_index: int) -> Dataset:
        """Return the data set that a seed is on: all of it, or a random half of its images.

        A half is stratified where labels are known, and has the validation images, the classes
        and the number of clusters of the whole. It depends on the base seed and the seed's index
        alone, so that it is the same for every pipeline.
        """
        if self.halves is None:
            return self
        random = np.random.default_rng(derive(self.halves, seed_index, "half of the images"))
        count, size, labels = self.images_per_seed, self.form.size, self.labels
        if labels is None:
            chosen = np.sort(random.choice(len(self), count, replace=False).astype(np.int64))
        else:
            chosen = np.sort(stratified(labels, count, random))
            labels = labels[chosen]
        sizes: dict[int, tuple[ImageSet, ImageSet]] = {
            of: (Subset(train, chosen), held) for of, (train, held) in self.sizes.items()
        }
        known = [array for array in (labels, self.validation_labels) if array is not None]
        return replace(
            self,
            images=sizes[size][0],
            indices=self.indices[chosen],
            labels=labels,
            files=None if self.files is None else tuple(self.files[i] for i in chosen),
            fingerprint=fingerprint_of_some(self.fingerprint, chosen),
            labels_fingerprint=fingerprint(*known),
            sizes=sizes,
            halves=None,
            positions=chosen,
            originals=None if self.originals is None else self.originals[chosen],
        )

    def label_arrays(self) -> dict[str, NDArray[Any]]:
        """Return the labels by name, those that there are."""
        found = {"labels": self.labels, "validation_labels": self.validation_labels}
        return {name: array for name, array in found.items() if array is not None}

    def pieces(self) -> list[Piece]:
        """Return the pieces of all images, of all sizes."""
        return [p for both in self.sizes.values() for images in both for p in images.pieces]

    def fingerprints(self, size: int) -> dict[str, str]:
        """Return the fingerprints of images of a size and of labels, by what they are of."""
        found = {"images": self.fingerprint, "validation_images": self.validation_fingerprint}
        if size != self.form.size:
            both = zip(found, self.sizes[size], strict=True)
            found = {name: images.fingerprint for name, images in both}
        names = keys.key(vars(self.names))
        return found | {"labels": self.labels_fingerprint, "names": names}

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
    image_size: int | None = None,
    fit: Fit = CROP,
    labels: str = label_rules.FOLDERS,
    label_depth: int | None = None,
    halves: bool = False,
    range: str | None = None,
    background: str = AUTO,
    own_sizes: Collection[int] = (),
    keeper: Keeper | None = None,
    decode: bool = True,
    progress: Progress = silent,
) -> Dataset:
    """Load a data set.

    Raise `UsageError` if the data cannot be used, or are unlabeled and ``clusters`` is not given;
    `UnknownNameError` if no data set has that name.

    Parameters
    ----------
    limit : int or None
        Take a subset of this many training images, stratified where there are labels; the same
        for the same seed. None, or more than there are: all. No other file is decoded.
    seed : int
        Base seed, for the subset and the halves.
    clusters : int or None
        Clusters to seek; None: as many as there are labels.
    image_size, fit : int or None, str
        The form of the images, see `Form`. None: 32 where they are arrays of that size or smaller,
        else 64.
    labels, label_depth : str, int or None
        Where labels come from, see `bench.datasets.labels.apply`.
    halves : bool
        Each seed is on a random half of the images, see `Dataset.of_seed`.
    range, background : str or None, str
        ``LOW:HIGH``, the values that become black and white, None to decide by all images; and the
        color on which transparency is laid, ``auto`` to decide by all images. See
        `bench.datasets.deciding`.
    own_sizes : collection of int
        Other sizes at which the images are wanted as well, see `Dataset.sizes`.
    keeper : Keeper or None
        Keeps decoded images, so that no file is decoded twice; None: in memory.
    decode : bool
        False: where images have not been decoded before, take all files for readable and return
        placeholders.
    """
    name, argument = parse(spec)
    wanted = Wanted(range, background)
    source = deciding.to_eight_bits(datasets[name](argument, progress), wanted.given, spec)
    source = label_rules.apply(source, labels, label_depth)
    indices = _subset(source, limit, derive(seed, 0, "limit"))
    only = label_rules.only_label(source, indices)
    if only is not None:
        source = label_rules.without(source)
    sought, said = _clusters(spec, source, indices, clusters, only)
    of_labels = label_rules.notes_on(source, indices)
    example = None if source.read is None else source.read(np.arange(1))[0]
    form = Form(image_size or default_size(example), fit)
    decoder = Decoder(form, own_sizes, keeper or InMemory(), decode, progress, wanted)
    train = decoder.arrays(source.read, indices) if source.read else decoder.files(source, indices)
    held_out = source.validation_labels if source.validation else None
    which = np.arange(0 if held_out is None else len(held_out))
    validation = decoder.arrays(source.validation or in_memory(train.images), which)
    skipped, indices = indices[~train.readable], indices[train.readable]
    if not len(indices):
        what = f"no readable image in {spec}: {len(skipped)} files found"
        raise UsageError("; ".join([what, *_advice(source, skipped)]))
    left = label_rules.only_label(source, indices)
    none_left = source.labels is not None and not label_rules.classes(source.labels[indices])
    if left is not None or none_left:  # all files of the other classes were unreadable
        source = label_rules.without(source)
        sought, said = _clusters(spec, source, indices, clusters, left)
    most = (len(indices) + 1) // 2 if halves else len(indices)
    if halves and source.labels is not None and not label_rules.known(source.labels).all():
        raise UsageError(
            "--subsample-images needs a label for every image, or none: --labels none ignores them"
        )
    if sought > most:
        half = " (a half of them, --subsample-images)" * halves
        raise UsageError(
            f"clusters: {sought} clusters of {len(indices)} images: allowed are 1 to {most}{half}"
        )
    train_labels = None if source.labels is None else source.labels[indices]
    numbers, validation_labels, class_names = _encode(train_labels, source.validation_labels)
    if clusters is None and numbers is not None:  # a class may have no readable image
        sought = len(np.unique(numbers[numbers >= 0]))
    said += (*train.notes, *of_labels, *_unreadable(source, skipped))
    return Dataset(
        name=spec,
        form=form,
        images=train.images,
        indices=indices,
        labels=numbers,
        validation_images=validation.images,
        validation_labels=validation_labels,
        class_names=class_names,
        clusters=sought,
        files=None if source.files is None else tuple(source.files[i] for i in indices),
        source_count=source.count,
        id_label_form=source.id_label_form,
        independent=source.independent,
        fingerprint="not decoded" if train.placeholders else fingerprint(train.images),
        validation_fingerprint=fingerprint(validation.images),
        labels_fingerprint=fingerprint(*(a for a in (numbers, validation_labels) if a is not None)),
        notes=(*source.notes, *said),
        sizes={size: (found, validation.sizes[size]) for size, found in train.sizes.items()},
        decoded=not train.placeholders,
        halves=seed if halves else None,
        reading=train.reading,
        kept=train.kept,
        originals=Originals(source, indices, train.reading, fit),
    )


def _clusters(
    spec: str, source: Source, indices: NDArray[Any], clusters: int | None, only: str | None
) -> tuple[int, tuple[str, ...]]:
    """Return the number of clusters to seek, and notes; before anything is decoded.

    ``only`` is the one label that all images have, if they do.
    """
    said = () if only is None else (f"Only one label, {only}: the images count as unlabeled.",)
    known = source.validation_labels if source.labels is None else source.labels[indices]
    if clusters is not None:
        return clusters, said
    if known is not None:
        return len(label_rules.classes(known)), said
    if source.default_clusters is None:
        has = "no labels to count" if only is None else f"only one label, {only}"
        raise UsageError(
            f"{spec} has {has}, so the number of clusters must be given: "
            "--clusters N, or --clusters auto for a suggestion"
        )
    what = f"No labels to count and no --clusters given: {source.default_clusters} clusters"
    return source.default_clusters, (*said, f"{what}, as in the homework.")


def _unreadable(source: Source, skipped: NDArray[Any]) -> tuple[str, ...]:
    """Return a note on the files that could not be read."""
    if not len(skipped):
        return ()
    named = name_first([source.files[i] for i in skipped] if source.files else [])
    what = (
        f"Skipped {count(len(skipped), 'unreadable file')} (broken, no image, or of more than "
        f"{MOST_BYTES / 1e6:,.0f} MB in memory or {MOST_PIXELS:,} pixels): {named}"
    )
    return ("; ".join([what, *_advice(source, skipped)]) + ".",)


def _advice(source: Source, skipped: NDArray[Any]) -> list[str]:
    return [] if source.advice is None else source.advice(skipped.tolist())


def _subset(source: Source, limit: int | None, seed: int) -> NDArray[np.int64]:
    """Choose training images, in the order of the source."""
    if limit is None or limit >= source.count:
        return np.arange(source.count)
    random = np.random.default_rng(seed)
    if source.labels is None:
        return np.sort(random.choice(source.count, limit, replace=False))
    known = label_rules.known(source.labels)
    if known.all() or known.sum() > limit:
        labeled = np.flatnonzero(known)
        return np.sort(labeled[stratified(source.labels[labeled], limit, random)])
    rest = random.choice(np.flatnonzero(~known), limit - known.sum(), replace=False)
    return np.sort(np.concatenate([np.flatnonzero(known), rest]))


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
    if validation is not None and not label_rules.known(validation).all():
        raise UsageError(
            f"{count(int((~label_rules.known(validation)).sum()), 'validation image')} without a "
            "label: remove them"
        )
    every = np.concatenate(given)
    classes = np.unique(every[label_rules.known(every)])

    def number(array: NDArray[Any] | None) -> Labels | None:
        if array is None:
            return None
        found = np.searchsorted(classes, array).astype(np.int64)
        return np.where(label_rules.known(array), found, -1)

    return number(train), number(validation), tuple(str(value) for value in classes.tolist())


def _some(labels: NDArray[Any]) -> str:
    return name_some([str(label) for label in np.unique(labels).tolist()], 4)
