"""The stage linear: what the mean image and PCA leave of images, to compare losses with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from bench.base.checks import ImageShape
from bench.datasets.image_form import Images
from bench.datasets.pieces import ImageSet
from bench.stages.cost import matrix_rate
from bench.stages.encode import PICTURED
from bench.stages.stage import Context, Given, Job, Result, Stage, Task
from bench.stages.training.probe import find_model, input_shape, probe

# PCA is exact where there are no more images than this, or no more pixel values.
EXACT = 4096
NUMBERS = 2**24  # pixel values in floating point at a time
PIXELS = 1024  # of all images, likewise
ROUNDS = 4  # of subspace iteration, where PCA is not exact
MORE = 10  # dimensions that it seeks beside those that are asked for
SHOWN = 10  # images whose reconstructions by PCA are kept, for people to look at
UNIT = 127.5  # values of a pixel in [-1, 1] are its bytes divided by this, minus 1

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Linear(Stage):
    """Measures the losses of the mean image and of PCA, once for a size and number."""

    name: ClassVar[str] = "linear"
    long: ClassVar[bool] = True
    path: ClassVar[str] = "linear"
    data: ClassVar[tuple[str, ...]] = ("images",)
    uses: ClassVar[tuple[str, ...]] = ("numpy",)

    components: int
    size: int | None = None  # of the images, where it is not the grid's

    @staticmethod
    def applies(model: str) -> bool:
        """Return whether a model has losses to compare: it decodes images, and is not given."""
        item = find_model(model)
        return bool(item.decodes and item.base is None and not item.deterministic)

    @classmethod
    def plan(cls, context: Context) -> Linear:
        _, side, _ = input_shape(context.model, context.image_shape)
        size = side if side != context.image_shape[1] else None
        return cls(probe(context.model, context.image_shape).code_size, size)

    @property
    def parallel(self) -> bool:
        return True

    @property
    def own_size(self) -> int | None:
        return self.size

    def label(self, context: Context) -> str:
        return f"mean image and PCA, {self.components} components"

    def features(self, context: Context, parents: list[Task]) -> int:
        return 3 * (self.size or context.image_shape[1]) ** 2

    def job(self, given: Given) -> Job:
        images, _ = given.data.at(self.size)
        return Job(lambda: linear(images, self.components))

    def seconds(self, task: Task, shape: ImageShape) -> float:
        images, values = task.samples, task.features
        least, passes = min(images, values), 2 * (ROUNDS + 1)
        work = 2 * least if least <= EXACT else 2 * passes * (self.components + MORE)
        return 0.05 + (images * values * work + 12 * min(least, EXACT) ** 3) / matrix_rate("cpu")

    def megabytes(self, task: Task, shape: ImageShape, validation_images: int = 0) -> float:
        return (4 * task.samples + 2000) / 1e6


def linear(images: Images | ImageSet, components: int) -> Result:
    """Measure how well the mean image and PCA reconstruct images, values in [-1, 1].

    Of n images with d values each, the smaller of two matrices is made, n × n or d × d, and PCA is
    exact, if that has 4,096 rows or fewer. Else it is found by subspace iteration, from random
    vectors; its loss is then at most slightly too high.

    Parameters
    ----------
    images : ndarray or ImageSet, shape (n, H, W, 3), uint8
    components : int
        With as many as there are images less one, or values, PCA leaves nothing.

    Returns
    -------
    Result
        Arrays: ``errors`` (n,) float32, each image's mean squared error if it is reconstructed as
        the mean image; ``pictured`` (k,), a few evenly spaced images, with their
        ``reconstructions`` (k, H, W, 3) uint8 by PCA and the ``pca_errors`` (k,) float32 of these.
        Values: ``mean_image_loss``, the mean of ``errors``; ``pca_loss``, the mean squared error of
        PCA with so many components; ``pca_exact``.

    References
    ----------
    Halko, Martinsson, Tropp (2011), Finding structure with randomness, algorithm 4.4.
    """
    count, values = len(images), int(np.prod(images.shape[1:]))
    mean = sum(rows.sum(axis=0, dtype=np.float64) for _, rows in _batches(images)) / count
    errors = np.concatenate([np.square(x - mean).mean(axis=1) for _, x in _batches(images)])
    errors /= UNIT**2
    everything = components >= min(count - 1, values) or not errors.any()
    exact = everything or min(count, values) <= EXACT
    kept, pictured = 1.0, shown(count)
    originals = rebuilt = images[pictured].reshape(len(pictured), values).astype(np.float64)
    if not everything:
        found, basis = _exact(images, mean) if exact else _sought(images, mean, components)
        order = np.argsort(found)[::-1][:components]
        kept = float(found[order].sum()) / (float(errors.sum()) * UNIT**2 * values)
        basis = basis[:, order]
        if exact and count >= values:
            rebuilt = mean + (originals - mean) @ basis @ basis.T
        else:  # each is a mixture of all images
            rebuilt = mean + _across(images, mean, basis @ basis[pictured].T).T
    loss = float(errors.mean())
    pixels = np.rint(rebuilt).clip(0, 255).astype(np.uint8)
    return Result(
        {
            "errors": errors.astype(np.float32),
            "pictured": pictured,
            "reconstructions": pixels.reshape(-1, *images.shape[1:]),
            "pca_errors": np.square((rebuilt - originals) / UNIT).mean(axis=1, dtype=np.float32),
        },
        {"mean_image_loss": loss, "pca_loss": max(0.0, loss * (1 - kept)), "pca_exact": exact},
    )


def shown(count: int) -> NDArray[np.int64]:
    """Return the positions of the images that are shown, of those that encode keeps."""
    kept = np.linspace(0, count - 1, min(PICTURED, count)).astype(np.int64)
    return kept[np.linspace(0, len(kept) - 1, min(SHOWN, len(kept))).astype(np.int64)]


def _batches(images: Images | ImageSet) -> Iterator[tuple[slice, NDArray[np.uint8]]]:
    """Return images a few at a time, (b, d), with their places."""
    pieces = [(0, images)] if isinstance(images, np.ndarray) else images.arrays()
    for start, piece in pieces:
        flat = piece.reshape(len(piece), -1)
        at_once = max(1, NUMBERS // flat.shape[1])
        for first in range(0, len(flat), at_once):
            rows = flat[first : first + at_once]
            yield slice(start + first, start + first + len(rows)), rows


def _exact(images: Images | ImageSet, mean: Floats) -> tuple[Floats, Floats]:
    """Return what each principal component holds of the squares of images, and the components.

    Of fewer images than values, these are weights of the images, (n, n); else axes, (d, d).
    """
    count, values = len(images), len(mean)
    square = np.zeros((min(count, values),) * 2)
    if count < values:
        flat = np.asarray(images).reshape(count, values)
        for first in range(0, values, PIXELS):
            some = slice(first, first + PIXELS)
            part = flat[:, some] - mean[some]
            square += part @ part.T
    else:
        for _, rows in _batches(images):
            part = rows - mean
            square += part.T @ part
    return np.linalg.eigh(square)


def _sought(images: Images | ImageSet, mean: Floats, components: int) -> tuple[Floats, Floats]:
    """Return the same of the first components and some more, weights of the images, (n, m).

    They are found by subspace iteration.
    """
    center = mean.astype(np.float32)
    random = np.random.default_rng(0)
    width = min(components + MORE, len(images))
    basis = random.standard_normal((len(images), width), dtype=np.float32)
    for _ in range(ROUNDS):
        basis, _ = np.linalg.qr(basis)
        across = _across(images, center, basis)
        for place, rows in _batches(images):
            basis[place] = (rows - center) @ across
    basis, _ = np.linalg.qr(basis)
    across = _across(images, center, basis)
    found, turn = np.linalg.eigh((across.T @ across).astype(np.float64))
    return found, basis @ turn


def _across(images: Images | ImageSet, center: Floats, basis: Floats) -> Floats:
    """Return mixtures of images, with weights (n, m), as (d, m)."""
    found = np.zeros((len(center), basis.shape[1]), np.float32)
    for place, rows in _batches(images):
        found += (rows - center).T @ basis[place]
    return found
