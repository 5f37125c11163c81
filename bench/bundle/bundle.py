"""A bundle at work: codes, embeddings, clusters and ambiguities of images.

The part ``training`` of a bundle holds, of the training images: ``digests`` and ``names`` (n, 16)
uint8, see `bench.bundle.images`; ``clusters`` (n,) int64; ``space.0`` to ``space.L`` (n, d)
float32, their codes and their embedding behind each of the L links. Those before the last are
there where they are needed; bundles of the release before have no ``names``.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import UsageError, format_error, one_line
from bench.base.progress import Progress, silent
from bench.bundle import images as user_images
from bench.bundle.format import Contents, read
from bench.bundle.images import DIGEST, Given
from bench.bundle.network import build_network
from bench.bundle.transform import (
    FittedPipeline,
    check_settings,
    find_widths,
    needed_spaces,
    notes,
    read_as,
    read_link,
    space,
)
from bench.clusterers.clusterer import NOISE
from bench.clusterers.named import Named as Clusterer
from bench.datasets.image_form import Form, Images
from bench.stages.metrics import centroid_ratio
from bench.stages.metrics.clustering import Integers
from bench.stages.metrics.majority import ClusterName
from reducers import reducers

if TYPE_CHECKING:
    from torch import Tensor

Array = NDArray[Any]

MOST_SIDE = 1024  # of the images that a model asks for
MOST_CHECKED = 16  # images that are encoded where a bundle is loaded

# How far codes may be from those that the bundle was made with, as a share of the largest: other
# processors and versions give other last digits, a GPU that rounds to ten bits differs before
# that; another model gives other numbers.
TOLERANCE = 1e-2


@dataclass(frozen=True)
class Transformed:
    """What a bundle finds out about images.

    Attributes
    ----------
    embedding : ndarray, shape (n, k), float32
        In the space that was clustered.
    clusters : ndarray, shape (n,), int64
        -1 for images in none.
    distance : ndarray, shape (n,), float64
        From the mean of the cluster's training images, in the units of the embedding; from the
        nearest such mean for images in no cluster; NaN where there is no cluster at all.
    ambiguity : ndarray, shape (n,), float64
        0 to 1; see `bench.stages.metrics.centroid_ratio.ambiguities`.
    positions : ndarray, shape (n,), int64
        Which training image it is, to the byte, -1 for none. It keeps their results then.
    errors : ndarray, shape (n,), float32
        Mean squared errors of reconstruction, pixel values in -1 to 1; NaN for images that were
        seen and for models that do not reconstruct.
    """

    embedding: Array
    clusters: Integers
    distance: Array
    ambiguity: Array
    positions: Integers
    errors: Array

    @property
    def seen(self) -> NDArray[np.bool_]:
        """Whether an image is one of the training images, (n,)."""
        return self.positions >= 0


class Bundle:
    """A trained pipeline that assigns images to its clusters; `Bundle.load` reads one.

    Images are a uint8 array, (n, H, W, 3) RGB or (n, H, W) gray of any size, or a list of image
    files; they are brought to the form that they had in the grid. They are worked on 256 at a time,
    so that memory is bounded by what is returned. The result of an image does not depend on the
    others, to a rounding, except behind UMAP, which weighs the images of a piece by each other.

    An image that is one of the training images, to the byte, has its result in the grid. If the
    same image was there more than once, the first one counts.

    Parameters
    ----------
    device : str
        Where the model works: ``cpu``, ``cuda`` or ``mps``.

    Attributes
    ----------
    manifest : Manifest
        Model, chain, clusterer, data and metrics.
    notes : list of str
        What cannot transform unseen images, and what is done instead; a line each.

    Raises
    ------
    UsageError
        If model, reducer or clusterer are not registered, not installed, or not those that the
        bundle was made with.
    """

    def __init__(self, contents: Contents, device: str = "cpu") -> None:
        from bench.stages.training import core

        widths = _check(contents)
        self.manifest = contents.manifest
        self.device = device
        self.network = build_network(contents).to(device)
        self._core = core
        self.form = Form(self.manifest.image_shape[1], self.manifest.fit)
        training, check = contents.parts["training"], contents.parts["check"]
        try:
            codes, _ = self._encode(check["images"])
        except Exception as error:  # whatever a model by somebody else raises
            raise UsageError(
                f"the bundle's model {self.manifest.model.text} cannot encode images: "
                f"{format_error(error)}"
            ) from error
        self._check_codes(codes, check["codes"])
        self.code_size = widths[0]
        self.pipeline = FittedPipeline(contents, device)
        self._index: dict[bytes, int] = {}
        for position, digest in enumerate(training["digests"]):
            self._index.setdefault(digest.tobytes(), position)
        self._name_digests: Array | None = training.get("names")
        self.notes = notes(self.manifest, widths)

    @classmethod
    def load(cls, path: str | Path, device: str = "cpu") -> Bundle:
        """Read a file that ``python -m bench.export`` wrote; ``device`` is as for the class.

        Raise `UsageError` if it is missing or damaged, if its parts are not those that are
        installed here, or if its model gives other codes here than where it was made.
        """
        return cls(read(Path(path)), device)

    @property
    def names(self) -> dict[int, ClusterName]:
        """What clusters are called by the majority of their images; empty without labels."""
        return {cluster: ClusterName(name, share) for cluster, name, share in self.manifest.names}

    @property
    def clusters(self) -> list[int]:
        """The clusters that training images are in, sorted; -1 among them for images in none."""
        return [int(number) for number in np.unique(self.pipeline.clusters)]

    def find(self, names: Iterable[str]) -> Integers:
        """Return which training images are called so, (m,) int64; -1 for a name of none.

        Names are those of the page: of files below their folder, or ``image 12``. Raise
        `UsageError` if the bundle, made by an earlier release, does not have them.
        """
        if self._name_digests is None:
            raise UsageError(
                "the bundle was made by an earlier release and does not say which images it is "
                "of: export it again"
            )
        asked = user_images.name_digests(names)
        return np.array([self._by_name.get(name.tobytes(), -1) for name in asked], dtype=np.int64)

    @cached_property
    def _by_name(self) -> dict[bytes, int]:
        digests = () if self._name_digests is None else self._name_digests
        return {digest.tobytes(): position for position, digest in enumerate(digests)}

    def encode(self, images: Given) -> Array:
        """Return codes, (n, code size) float32."""
        found = [
            self._encode(piece)[0]
            for piece in user_images.pieces(images, self.form, self.manifest.reading)
        ]
        return np.concatenate([np.empty((0, self.code_size), np.float32), *found])

    def embed(self, images: Given) -> Array:
        """Return the embedding in the space that was clustered, (n, k) float32."""
        return self.transform(images).embedding

    def assign(self, images: Given) -> Integers:
        """Return clusters, (n,) int64; -1 for images in none."""
        return self.transform(images).clusters

    def ambiguities(self, images: Given) -> Array:
        """Return the ambiguity of each image's cluster, (n,) float64, 0 to 1."""
        return self.transform(images).ambiguity

    def doubts(self, images: Given) -> Array:
        """Return `ambiguities`, under their name of the release before."""
        _warn("doubts", "ambiguities")
        return self.ambiguities(images)

    def transform(self, images: Given, progress: Progress = silent) -> Transformed:
        """Return all that can be found out about images.

        Raise `UsageError` for what is no images, and for files that cannot be read.
        """
        total = user_images.count(images)
        pieces, done = [self._transform(np.empty((0, *self.form.shape), np.uint8))], 0
        for piece in user_images.pieces(images, self.form, self.manifest.reading):
            pieces.append(self._transform(piece))
            done += len(piece)
            progress("assigning images", done, total)
        names = Transformed.__dataclass_fields__
        joined = {n: np.concatenate([getattr(each, n) for each in pieces]) for n in names}
        return Transformed(**joined)

    def place(self, images: Given, progress: Progress = silent) -> Transformed:
        """Return what `transform` returns, under its name of the release before."""
        _warn("place", "transform")
        return self.transform(images, progress)

    def _transform(self, images: Images) -> Transformed:
        """Transform images of the grid's form, as many as fit in memory."""
        known = user_images.digests(images)
        index = np.array([self._index.get(d.tobytes(), -1) for d in known], dtype=np.int64)
        seen = index >= 0
        embedding, clusters = self.pipeline.embedding[index], self.pipeline.clusters[index]
        errors = np.full(len(images), np.nan, np.float32)
        if not seen.all():
            codes, errors[~seen] = self._encode(images[~seen])
            try:
                embedding[~seen], clusters[~seen] = self.pipeline.transform(codes)
            except Exception as error:  # whatever a reducer by somebody else raises
                raise UsageError(
                    f"the bundle's chain {self.manifest.chain} cannot transform images: "
                    f"{format_error(error)}"
                ) from error
        measured = centroid_ratio.ambiguities(embedding, clusters, self.pipeline.centers)
        return Transformed(embedding, clusters, *measured, index, errors)

    def _encode(self, images: Images) -> tuple[Array, Array]:
        """Return codes, and errors of reconstruction: NaN of a model that does not reconstruct."""
        import torch

        found: list[Array] = []

        def look(reconstructions: Tensor, errors: Tensor) -> None:
            found.append(errors.numpy().astype(np.float32))

        tensor = self._core.to_device(images, torch.device(self.device))
        batch = self._core.fitting_batch(self.manifest.image_shape, user_images.BATCH)
        codes, _ = self._core.encode(self.network, tensor, batch, look=look)
        errors = np.concatenate(found)
        return codes.numpy(), errors if self.network.decodes else np.full_like(errors, np.nan)

    def _check_codes(self, codes: Array, wanted: Array) -> None:
        """Refuse another model than the one that the bundle was made with."""
        most = float(np.abs(wanted).max(initial=0))
        if codes.shape != wanted.shape or not np.allclose(codes, wanted, 0, TOLERANCE * most):
            raise UsageError(
                f"the model {self.manifest.model.text} that is installed here gives other codes "
                "than the one that made the bundle: the model or a library has changed since"
            )


def _warn(old: str, new: str) -> None:
    text = f"Bundle.{old} is now called Bundle.{new}; the next release drops the old name"
    warnings.warn(text, FutureWarning, stacklevel=3)


def _check(contents: Contents) -> list[int]:
    """Refuse arrays that are not of the form that the manifest asks for, before any is used.

    Return the dimensions of codes, and behind each link.
    """
    manifest, training = contents.manifest, contents.parts["training"]
    check, count = contents.parts["check"], contents.manifest.data.images
    channels, height, width = manifest.image_shape
    if channels != 3 or height != width or height > MOST_SIDE:
        raise UsageError(
            f"the bundle is of images {manifest.image_shape}, needed (3, size, size) with a size "
            f"of up to {MOST_SIDE}"
        )
    _is_array(training, "digests", np.uint8, (count, DIGEST))
    _is_array(training, "clusters", np.int64, (count,))
    if training["clusters"].min() < NOISE:
        raise UsageError(
            f"the bundle has a cluster {training['clusters'].min()}, needed -1 or more"
        )
    _is_array(check, "images", np.uint8, (None, height, width, 3))
    if len(check["images"]) > MOST_CHECKED:
        raise UsageError(
            f"the bundle has {len(check['images'])} images to check its model by, allowed are up "
            f"to {MOST_CHECKED}"
        )
    _is_array(check, "codes", np.float32, (len(check["images"]), None))
    for part in ("weights", "fitted"):
        for name, array in contents.parts[part].items():
            _is_of_numbers(name, array)
    links = [read_link(link.text) for link in manifest.links]
    widths = find_widths(links, count, check["codes"].shape[1])
    items: list[Any] = [reducers[link.name] for link in links]
    needed = needed_spaces(items, manifest.placed_links, manifest.placed_clusters)
    for number, size in enumerate(widths):
        if number in needed or space(number) in training:
            _is_array(training, space(number), np.float32, (count, size))
    if "names" in training:
        _is_array(training, "names", np.uint8, (count, DIGEST))
    known = {"digests", "names", "clusters", *map(space, range(len(widths)))}
    if more := sorted(training.keys() - known):
        raise UsageError(f"the bundle has an array {one_line(more[0])}, which nothing reads")
    check_settings(read_as(Clusterer.parse, manifest.clusterer.text))
    return widths


def _is_array(
    arrays: dict[str, Array], name: str, kind: Any, shape: tuple[int | None, ...]
) -> None:
    """Refuse an array that is missing, of another type or shape, empty or not finite."""
    found = arrays.get(name)
    if found is None:
        raise UsageError(f"the bundle has no array {name}")
    fits = len(found.shape) == len(shape) and all(
        size == wanted or (wanted is None and size > 0)
        for size, wanted in zip(found.shape, shape, strict=False)
    )
    if found.dtype != kind or not fits:
        raise UsageError(
            f"the bundle's array {name} is {found.dtype} {found.shape}, needed "
            f"{np.dtype(kind)} {shape}"
        )
    _is_of_numbers(name, found)


def _is_of_numbers(name: str, found: Array) -> None:
    """Refuse an array of other things than numbers, or of numbers that are not finite."""
    if found.dtype.kind not in "fiub":
        raise UsageError(
            f"the bundle's array {one_line(name)} is {found.dtype}, needed are numbers"
        )
    if not np.isfinite(found).all():
        raise UsageError(f"the bundle's array {one_line(name)} holds values that are not finite")
