"""A bundle at work: codes, places, clusters and doubts of images.

The part ``training`` of a bundle holds, of the training images: ``digests`` (n, 16) uint8, see
`bench.bundle.images.digests`; ``clusters`` (n,) int64; ``space.0`` to ``space.L`` (n, d) float32,
their codes and where they lie behind each of the L links, of which those before the last are there
where they are needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import UsageError, format_error
from bench.base.grammar import GrammarError
from bench.base.progress import Progress, silent
from bench.base.registry import UnknownNameError
from bench.bundle import images as user_images
from bench.bundle.format import Contents, read
from bench.bundle.images import DIGEST, Given
from bench.bundle.manifest import Manifest
from bench.bundle.placing import Placer, needed_spaces, notes, space, unknown
from bench.clusterers.clusterer import NOISE
from bench.datasets.source import SIDE, Images
from bench.stages.metrics import centroid_ratio
from bench.stages.metrics.clustering import Integers
from models.named import find
from reducers import reducers
from reducers.chain import Chain

if TYPE_CHECKING:
    from torch import Tensor

Array = NDArray[Any]

PIECE = 256  # images at a time
# How far codes may be from those that the bundle was made with, as a share of the largest: other
# processors and versions give other last digits, a GPU that rounds to ten bits other ones before
# that; another model gives other numbers.
TOLERANCE = 1e-2


@dataclass(frozen=True)
class Placed:
    """Where images are.

    Attributes
    ----------
    embedding : ndarray, shape (n, k), float32
        In the space that clusters were sought in.
    clusters : ndarray, shape (n,), int64
        -1 for images in none.
    distance : ndarray, shape (n,), float64
        From the middle of the cluster's training images, in the units of the embedding; from the
        nearest such middle for images in none; NaN where there is no cluster at all.
    doubt : ndarray, shape (n,), float64
        0 to 1; see `bench.stages.metrics.centroid_ratio.doubts`.
    seen : ndarray, shape (n,), bool
        Whether an image is one of the training images, to the byte; it is where that was.
    errors : ndarray, shape (n,), float32
        Mean squared errors of reconstruction, pixel values in -1 to 1; NaN for images that were
        seen and for models that do not reconstruct.
    """

    embedding: Array
    clusters: Integers
    distance: Array
    ambiguity: Array
    seen: NDArray[np.bool_]
    errors: Array


class Bundle:
    """A cell of a grid that places images; `Bundle.load` reads one.

    Images are a uint8 array, (n, H, W, 3) RGB or (n, H, W) gray of any size, or a list of image
    files; they become 32×32 RGB, as in a grid. They are worked on 256 at a time, so that memory is
    bounded by what is returned. Each of them lies where it would lie alone, to a rounding, except
    behind UMAP, which weighs the images of a piece by each other.

    An image that is one of the training images, to the byte, is where it was in the grid. If the
    same image was there more than once, the first one counts.

    Parameters
    ----------
    contents : Contents
    device : str
        Where the model works: ``cpu``, ``cuda`` or ``mps``.

    Attributes
    ----------
    manifest : Manifest
        Model, chain, clusterer, data and metrics.
    code_size : int
        Dimensions of the codes.
    notes : list of str
        What cannot place unseen images, and what is done instead; a line each.

    Raises
    ------
    UsageError
        If model, reducer or clusterer are not registered, not installed, or not those that the
        bundle was made with.
    """

    def __init__(self, contents: Contents, device: str = "cpu") -> None:
        from bench.stages.training import core

        _check(contents)
        self.manifest = contents.manifest
        self.device = device
        self.network = _network(contents).to(device)
        self._core = core
        training, check = contents.parts["training"], contents.parts["check"]
        codes, _ = self._encode(check["images"])
        self._check_codes(codes, check["codes"])
        self.code_size = codes.shape[1]
        self.placer = Placer(contents, device)
        self._index: dict[bytes, int] = {}
        for position, digest in enumerate(training["digests"]):
            self._index.setdefault(digest.tobytes(), position)
        self.notes = notes(self.manifest, _widths(self.manifest, self.code_size))

    @classmethod
    def load(cls, path: str | Path, device: str = "cpu") -> Bundle:
        """Read a bundle, and try whether it does here what it did where it was made.

        Parameters
        ----------
        path : str or Path
            A file that ``python -m bench.export`` wrote.
        device : str
            ``cpu``, ``cuda`` or ``mps``.

        Raises
        ------
        UsageError
            If it is missing or damaged, or its parts are not those that are installed here.
        """
        return cls(read(Path(path)), device)

    @property
    def labels(self) -> dict[int, str]:
        """The label that each cluster is taken for, by cluster; empty where none was known."""
        names = self.manifest.data.class_names
        return {cluster: names[label] for cluster, label in self.manifest.assignment}

    @property
    def clusters(self) -> list[int]:
        """The clusters that training images are in, sorted; -1 among them for images in none."""
        return [int(number) for number in np.unique(self.placer.clusters)]

    def encode(self, images: Given) -> Array:
        """Return codes, (n, code size) float32."""
        found = [self._encode(piece)[0] for piece in user_images.pieces(images, PIECE)]
        return np.concatenate([np.empty((0, self.code_size), np.float32), *found])

    def embed(self, images: Given) -> Array:
        """Return places in the space that clusters were sought in, (n, k) float32."""
        return self.place(images).embedding

    def assign(self, images: Given) -> Integers:
        """Return clusters, (n,) int64; -1 for images in none."""
        return self.place(images).clusters

    def ambiguities(self, images: Given) -> Array:
        """Return how doubtful it is that images belong to their clusters, (n,) float64, 0 to 1."""
        return self.place(images).ambiguity

    def place(self, images: Given, progress: Progress = silent) -> Placed:
        """Return all that can be told of images.

        Parameters
        ----------
        images : ndarray or sequence of paths
        progress : callable
            Told how far it is.

        Raises
        ------
        UsageError
            For what is no images, and for files that cannot be read.
        """
        total, pieces = user_images.count(images), [self._place(np.empty((0, SIDE, SIDE, 3), "u1"))]
        done = 0
        for piece in user_images.pieces(images, PIECE):
            pieces.append(self._place(piece))
            done += len(piece)
            progress("placing images", done, total)
        names = Placed.__dataclass_fields__
        return Placed(**{n: np.concatenate([getattr(each, n) for each in pieces]) for n in names})

    def _place(self, images: Images) -> Placed:
        """Place images of the one form, as many as fit in memory."""
        known = user_images.digests(images)
        index = np.array(
            [self._index.get(digest.tobytes(), -1) for digest in known], dtype=np.int64
        )
        seen = index >= 0
        embedding = self.placer.embedding[index]
        clusters = self.placer.clusters[index]
        errors = np.full(len(images), np.nan, np.float32)
        if not seen.all():
            codes, errors[~seen] = self._encode(images[~seen])
            embedding[~seen], clusters[~seen] = self._placed(codes)
        distance, ambiguities = centroid_ratio.ambiguities(embedding, clusters, self.placer.centers)
        return Placed(embedding, clusters, distance, ambiguities, seen, errors)

    def _placed(self, codes: Array) -> tuple[Array, Integers]:
        """Place codes; what fails there is a bundle of another's making, or a plugin."""
        try:
            return self.placer.place(codes)
        except Exception as error:  # whatever a reducer of somebody else's raises
            raise UsageError(
                f"the bundle's chain {self.manifest.chain} cannot place images: {format_error(error)}"
            ) from error

    def _encode(self, images: Images) -> tuple[Array, Array]:
        """Return codes, and errors of reconstruction: NaN of a model that does not reconstruct."""
        import torch

        found: list[Array] = []

        def look(reconstructions: Tensor, errors: Tensor) -> None:
            found.append(errors.numpy().astype(np.float32))

        tensor = self._core.to_device(images, torch.device(self.device))
        codes, _ = self._core.encode(self.network, tensor, PIECE, look=look)
        errors = np.concatenate(found)
        return codes.numpy(), errors if self.network.decodes else np.full_like(errors, np.nan)

    def _check_codes(self, codes: Array, wanted: Array) -> None:
        """Refuse a model that gives other codes than the one that the bundle was made with."""
        most = float(np.abs(wanted).max(initial=0))
        if codes.shape != wanted.shape or not np.allclose(codes, wanted, 0, TOLERANCE * most):
            raise UsageError(
                f"the model {self.manifest.model.text} that is installed here gives other codes "
                "than the one that the bundle was made with: it was changed since, or a library was"
            )


def _widths(manifest: Manifest, code_size: int) -> list[int]:
    """Return the dimensions of the codes, and behind each link."""
    widths = [code_size]
    for link in manifest.links:
        (parsed,) = Chain.parse(link.text).links
        widths.append(parsed.build().output_size(widths[-1]))
    return widths


def _network(contents: Contents) -> Any:
    import torch

    from bench.stages.training import core

    model = contents.manifest.model
    try:
        item = find(model.text, model.clusters)
    except UnknownNameError as error:
        raise unknown(error) from error
    except GrammarError as error:
        raise UsageError(str(error)) from error
    try:
        network = core.build(item, contents.manifest.image_shape, seed=0)
        weights = {name: torch.tensor(a) for name, a in contents.parts["weights"].items()}
        network.load_state_dict(weights)
    except Exception as error:  # whatever a model of somebody else's raises
        raise UsageError(
            f"the weights of the bundle do not fit the model {model.text} that is installed here: "
            f"{format_error(error)}"
        ) from error
    return network


def _check(contents: Contents) -> None:
    """Refuse arrays that are not of the form that the manifest asks for."""
    manifest, training = contents.manifest, contents.parts["training"]
    check, count = contents.parts["check"], contents.manifest.data.images
    shape = (SIDE, SIDE, 3)
    if manifest.image_shape != (3, SIDE, SIDE):
        raise UsageError(f"the bundle is of images {manifest.image_shape}, needed (3, 32, 32)")
    _is_array(training, "digests", np.uint8, (count, DIGEST))
    _is_array(training, "clusters", np.int64, (count,))
    if training["clusters"].min() < NOISE:
        raise UsageError(f"the bundle has a cluster {training['clusters'].min()}: least is -1")
    _is_array(check, "images", np.uint8, (None, *shape))
    _is_array(check, "codes", np.float32, (len(check["images"]), None))
    items = [_link_class(link.text) for link in manifest.links]
    for number in needed_spaces(items, manifest.placed_links, manifest.placed_clusters):
        _is_array(training, space(number), np.float32, (count, None))


def _link_class(text: str) -> Any:
    try:
        (link,) = Chain.parse(text).links
    except UnknownNameError as error:
        raise unknown(error) from error
    except ValueError as error:
        raise UsageError(str(error)) from error
    return reducers[link.name]


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
    if not np.isfinite(found).all():
        raise UsageError(f"the bundle's array {name} holds values that are not finite")
