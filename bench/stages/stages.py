"""The stages of a cell: train, encode, rank, place, reduce, cluster, measure, score.

Each is a plain function from arrays and settings to arrays and numbers. It knows nothing of
files, processes or other stages.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench.datasets.source import Images
from bench.stages.metrics import clustering, neighbors, reference_space
from bench.stages.metrics.clustering import Integers

if TYPE_CHECKING:
    from torch import Tensor

    from bench.clusterers.clusterer import Clusterer
    from bench.stages.training.core import Recipe
    from bench.stages.training.state import Keeper
    from models.autoencoder import Autoencoder
    from reducers.reducer import Reducer

STAGES = ("train", "encode", "rank", "place", "reduce", "cluster", "measure", "score")
# What clusters cost; the others only say what they are worth.
WORK = ("train", "encode", "reduce", "cluster")
PICTURED = 20_000  # images whose reconstructions are kept, for people to look at
BATCH = 256  # images encoded at a time
SMALL_BATCH = 16  # the same where the device's memory is short
FITTED = "fitted."  # before the names of what a reducer or clusterer keeps of its fit

Array = NDArray[Any]
Steps = Callable[[int, int], None]


def no_steps(done: int, total: int) -> None:
    """Say nothing."""


@dataclass(frozen=True)
class Result:
    """What a stage leaves: arrays by name, and numbers by name."""

    arrays: dict[str, Array] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)


def train(
    model: type[Autoencoder],
    images: Images,
    recipe: Recipe,
    weights_seed: int,
    batches_seed: int,
    device: str,
    progress: Steps = no_steps,
    keeper: Keeper | None = None,
) -> Result:
    """Build a model and train it; a model that does not train keeps its initial weights.

    Returns
    -------
    Result
        Arrays: the weights by their names in the model. Values: ``history``, the summed
        objective of each epoch (empty for a model that does not train), and
        ``objective_is_loss``, whether that is the mean squared error, and so can be compared.

    Raises
    ------
    FloatingPointError
        If the loss becomes infinite or no number.
    MemoryError
        If a step does not fit in the device's memory; says which batch would.
    """
    import torch

    from bench.stages.training import core
    from models.autoencoder import Autoencoder

    shape = (3, *images.shape[1:3])
    network = core.build(model, shape, weights_seed).to(device)
    history: list[float] = []
    if model.trains:
        reason = None
        try:
            resident = core.to_device(images, torch.device(device))
            history = core.train(network, resident, recipe, batches_seed, progress, keeper)
        except (RuntimeError, MemoryError) as error:
            if not core.out_of_memory(error):
                raise
            reason = str(error)
        if reason is not None:
            # Here and not above: an error in flight keeps hold of the memory it ran out of.
            del network, resident
            core.free_memory(device)
            fits = core.largest_batch(model, shape, recipe, device)
            raise MemoryError(_too_large(recipe, device, fits, reason))
        if not math.isfinite(history[-1]):
            raise FloatingPointError(
                f"the loss became {history[-1]} in epoch {len(history)} of training with lr "
                f"{recipe.lr:g}; a smaller learning rate may help"
            )
    weights = {name: value.cpu().numpy() for name, value in network.state_dict().items()}
    is_loss = model.objective is Autoencoder.objective
    return Result(weights, {"history": history, "objective_is_loss": is_loss})


def _too_large(recipe: Recipe, device: str, fits: int | None, reason: str) -> str:
    advice = f"batches of {fits} would: --batch-size {fits}" if fits else "nor does a single image"
    return (
        f"batches of {recipe.batch_size} do not fit in the memory of {device}; {advice} ({reason})"
    )


def encode(
    model: type[Autoencoder],
    weights: dict[str, Array],
    images: Images,
    validation_images: Images,
    device: str,
    pictured: int = PICTURED,
    progress: Steps = no_steps,
) -> Result:
    """Encode all images, and measure the reconstruction of the training images.

    Returns
    -------
    Result
        Arrays: ``train`` (n, code size) and, where there are validation images, ``validation``
        (m, code size), float32 codes; and where the model decodes ``errors`` (n,) float32, each
        training image's mean squared error, and ``reconstructions`` (k, 32, 32, 3) uint8 of the
        images ``pictured`` (k,), all of them or so many, evenly spaced. Values:
        ``reconstruction_loss`` (None where the model does not decode), ``code_size``,
        ``encode_batch_size`` (less than usual where the device's memory asked for it).
    """
    import torch

    from bench.stages.training import core

    network = core.build(model, (3, *images.shape[1:3]), seed=0)
    network.load_state_dict({name: torch.tensor(value) for name, value in weights.items()})
    network.to(device)
    target = torch.device(device)
    resident = core.to_device(images, target)
    size = BATCH
    album = Album(len(images), pictured)
    try:
        codes, loss = core.encode(network, resident, size, progress, album.add)
    except (RuntimeError, MemoryError) as error:
        if not core.out_of_memory(error):
            raise
        core.free_memory(device)
        size = SMALL_BATCH
        album = Album(len(images), pictured)
        codes, loss = core.encode(network, resident, size, progress, album.add)
    # By pieces: torch makes a copy of all that it is asked of.
    finite = all(bool(torch.isfinite(piece).all()) for piece in codes.split(BATCH))
    if not (finite and (math.isfinite(loss) or not model.decodes)):
        raise FloatingPointError("codes or reconstructions hold values that are not finite")
    arrays = {"train": codes.numpy()}
    if model.decodes:
        arrays |= album.arrays()
    if len(validation_images):
        held_out, _ = core.encode(network, core.to_device(validation_images, target), size)
        arrays["validation"] = held_out.numpy()
    values = {
        "reconstruction_loss": loss if model.decodes else None,
        "code_size": codes.shape[1],
        "encode_batch_size": size,
    }
    return Result(arrays, values)


class Album:
    """Keeps what is shown of a model's reconstructions, batch after batch.

    Parameters
    ----------
    count : int
        Images that will come.
    pictured : int
        Most reconstructions to keep, of evenly spaced images; every image's error is kept.
    """

    def __init__(self, count: int, pictured: int) -> None:
        self.pictured = np.linspace(0, count - 1, min(pictured, count)).astype(np.int64)
        self.errors: list[Array] = []
        self.kept: list[Array] = []
        self.seen = 0

    def add(self, reconstructions: Tensor, errors: Tensor) -> None:
        """Keep what is wanted of a batch."""
        from bench.stages.training import core

        begin, end = np.searchsorted(self.pictured, [self.seen, self.seen + len(errors)])
        if begin < end:
            wanted = self.pictured[begin:end] - self.seen
            self.kept.append(core.to_images(reconstructions[wanted]))
        self.errors.append(errors.numpy().astype(np.float32))
        self.seen += len(errors)

    def arrays(self) -> dict[str, Array]:
        """Return ``pictured``, ``reconstructions`` and ``errors``; see `encode`."""
        return {
            "pictured": self.pictured,
            "reconstructions": np.concatenate(self.kept),
            "errors": np.concatenate(self.errors),
        }


def rank(train: Array) -> Result:
    """Rank the neighbors of codes, once for all chains that start from them.

    Parameters
    ----------
    train : ndarray, shape (n, d), float32

    Returns
    -------
    Result
        Arrays: ``ranks`` (m, m), uint16, of the images `bench.stages.metrics.neighbors.sample`.
    """
    chosen = train[neighbors.sample(len(train))]
    return Result({"ranks": neighbors.ranks(neighbors.distances(chosen))})


def place(images: Images) -> Result:
    """Place images in the reference space, once for all cells.

    Returns
    -------
    Result
        Arrays, of the images `bench.stages.metrics.neighbors.sample`: ``between`` (m, m), float32 distances;
        ``near`` (m, 30), nearest neighbors as positions in that sample.
    """
    chosen = images[neighbors.sample(len(images))]
    between = neighbors.distances(reference_space.place(chosen))
    count = reference_space.neighborhood(len(chosen))
    near = neighbors.nearest(neighbors.ranks(between), count).astype(np.int32)
    return Result({"between": between.astype(np.float32), "near": near})


def reduce(reducer: Reducer, train: Array, validation: Array | None) -> Result:
    """Fit one reducer on the training images, and place the validation images.

    Parameters
    ----------
    reducer : Reducer
        Unfitted.
    train : ndarray, shape (n, d), float32
    validation : ndarray or None, shape (m, d), float32
        None where there are none, or an earlier link could not place them.

    Returns
    -------
    Result
        Arrays: ``train`` (n, k) and, where the reducer has a ``transform``, ``validation``
        (m, k), float32; and ``fitted.NAME``, what the reducer keeps of its fit. Values:
        ``notes``, where the reducer has something to say of its fit.
    """
    arrays = {"train": reducer.fit_transform(train)}
    if len(arrays["train"]) != len(train):
        raise ValueError(f"the reducer gave {len(arrays['train'])} rows for {len(train)} images")
    if not np.isfinite(arrays["train"]).all():
        raise FloatingPointError("the reduced codes hold values that are not finite")
    if validation is not None and hasattr(reducer, "transform"):
        arrays["validation"] = reducer.transform(validation)
    arrays |= _fitted(reducer)
    notes = getattr(reducer, "notes_", ())
    return Result(arrays, {"notes": list(notes)} if notes else {})


def _fitted(item: Reducer | Clusterer) -> dict[str, Array]:
    """Return what an item keeps of its fit, under names that are no other array's."""
    return {f"{FITTED}{name}": np.asarray(array) for name, array in item.fitted().items()}


def cluster(clusterer: Clusterer, train: Array, validation: Array | None) -> Result:
    """Group the training images, and place the validation images in their clusters.

    Parameters
    ----------
    clusterer : Clusterer
        Unfitted.
    train : ndarray, shape (n, k), float32
    validation : ndarray or None, shape (m, k), float32

    Returns
    -------
    Result
        Arrays: ``train`` (n,) and, where they were placed and the clusterer has a ``predict``,
        ``validation`` (m,), int64 cluster numbers, -1 for images in none; and ``fitted.NAME``,
        what the clusterer keeps of its fit. Values: ``clusters_found``, those with images, and
        ``noise``, training images in none.
    """
    from threadpoolctl import threadpool_limits

    # With more threads than one the sums' order, and so their last digits, would vary.
    with threadpool_limits(1, user_api="openmp"):
        arrays = {"train": clusterer.fit_predict(train)}
        if len(arrays["train"]) != len(train):
            raise ValueError(
                f"the clusterer gave {len(arrays['train'])} rows for {len(train)} images"
            )
        if validation is not None and hasattr(clusterer, "predict"):
            arrays["validation"] = clusterer.predict(validation)
    arrays |= _fitted(clusterer)
    noise = int((arrays["train"] < 0).sum())
    found = len(np.unique(arrays["train"])) - (noise > 0)
    return Result(arrays, {"clusters_found": int(found), "noise": noise})


def measure(
    train: Array,
    clusters: Integers,
    codes: Array | None = None,
    placed: Mapping[str, Array] | None = None,
) -> Result:
    """Measure an embedding and its clusters without labels; distances are made once.

    Parameters
    ----------
    train : ndarray, shape (n, k), float32
        What was clustered.
    clusters : ndarray, shape (n,)
    codes : ndarray or None, shape (m, m), uint16
        Ranks of the codes' neighbors, as `rank` leaves them; None where the embedding is not
        compared with its codes.
    placed : mapping or None
        Distances and neighbors in the reference space, the arrays that `place` leaves.

    Returns
    -------
    Result
        Values: ``silhouette``, None for a single cluster; ``trustworthiness``, ``continuity`` and
        ``knn_preservation``, None for fewer than three images; ``knn_modularity``, and
        ``reference_silhouette`` too, None for fewer than twenty. Arrays, of the images
        `bench.stages.metrics.neighbors.sample`: ``near`` (m, 10), the nearest neighbors as positions in that
        sample, and ``coherent`` (m,), each image's part in the kNN modularity.
    """
    chosen = neighbors.sample(len(train))
    between = neighbors.distances(train[chosen])
    groups = clusters[chosen]
    values: dict[str, Any] = {"silhouette": silhouette(between, groups)}
    if codes is None or placed is None:
        return Result({}, values)
    ranks, count = neighbors.ranks(between), neighbors.neighborhood(len(chosen))
    told = placed["near"].size > 0  # the reference space has room for so few images
    values["reference_silhouette"] = silhouette(placed["between"], groups) if told else None
    modularity_by_image = (
        reference_space.knn_modularity(placed["near"], groups) if told else np.empty(0)
    )
    values["knn_modularity"] = float(modularity_by_image.mean()) if told else None
    names = ("trustworthiness", "continuity", "knn_preservation")
    functions = (neighbors.trustworthiness, neighbors.continuity, neighbors.kept)
    for name, function in zip(names, functions, strict=True):
        values[name] = function(codes, ranks, count) if count else None
    near = neighbors.nearest(ranks, count).astype(np.int32)
    return Result(
        {"near": near, "modularity_by_image": modularity_by_image.astype(np.float32)}, values
    )


def silhouette(between: Array, groups: Integers) -> float | None:
    """Return the silhouette coefficient; None for a single cluster."""
    found = neighbors.silhouette(between, groups)
    return found if math.isfinite(found) else None


def score(
    clusters: Integers,
    near: Integers,
    labels: Integers | None,
    validation_clusters: Integers | None,
    validation_labels: Integers | None,
) -> Result:
    """Compare clusters with labels. The only stage that is given labels.

    Parameters
    ----------
    clusters : ndarray, shape (n,)
    near : ndarray, shape (m, k)
        Neighbors in the embedding, as `measure` leaves them.
    labels : ndarray or None, shape (n,)
    validation_clusters, validation_labels : ndarray or None, shape (v,)

    Returns
    -------
    Result
        Values: the metrics that the labels at hand allow, under their names in
        `bench.stages.metrics.clustering.METRICS`, and ``assignment``, pairs of cluster and label. Arrays:
        ``correct`` (n,) and ``validation_correct`` (v,), whether an image's cluster is assigned
        to its label.
    """
    values: dict[str, Any] = {}
    arrays: dict[str, Array] = {}
    assignment: dict[int, int] | None = None
    if labels is not None:
        assignment = clustering.assign(clusters, labels)
        public = clustering.public_half(labels)
        by_public = clustering.assign(clusters[public], labels[public])
        values = {
            "accuracy": clustering.accuracy(clusters, labels, assignment),
            "public_accuracy": clustering.accuracy(clusters[public], labels[public], by_public),
            "private_accuracy": clustering.accuracy(clusters[~public], labels[~public], by_public),
            "nmi": clustering.mutual_information(clusters, labels),
            "ami": clustering.adjusted_mutual_information(clusters, labels),
            "ari": clustering.adjusted_rand(clusters, labels),
        }
        if near.size:
            among = labels[neighbors.sample(len(labels))]
            values["knn_label_purity"] = neighbors.knn_label_purity(near, among)
        arrays["correct"] = clustering.correct(clusters, labels, assignment)
    if validation_labels is not None and validation_clusters is not None:
        if assignment is None:
            assignment = clustering.assign(validation_clusters, validation_labels)
        values["validation_accuracy"] = clustering.accuracy(
            validation_clusters, validation_labels, assignment
        )
        arrays["validation_correct"] = clustering.correct(
            validation_clusters, validation_labels, assignment
        )
    values["assignment"] = [] if assignment is None else sorted(assignment.items())
    return Result(arrays, values)
