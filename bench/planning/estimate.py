"""How long tasks will take and how much disk they need: good to a factor of two or so."""

from __future__ import annotations

import functools
import math
import time

from bench.clusterers.kmeans import ITERATIONS
from bench.clusterers.named import Named
from bench.planning.task import Task
from bench.stages.metrics import neighbors
from bench.stages.training.probe import forward_flops, probe, training_flops
from models.autoencoder import ImageShape
from reducers.chain import Chain

# Found on two cores of an AMD EPYC, against a matrix product on the same machine.
SHARE_OF_MATRIX_RATE = 0.6
SECONDS_TO_DRAW = 1e-8  # a parameter's first value
SECONDS_TO_STEP = 1.4e-9  # a parameter, in Adam: memory traffic, not arithmetic
LEAST_STEP = 2e-4


@functools.cache
def matrix_rate(device: str) -> float:
    """Measure floating-point operations a second of a float32 matrix product, in 0.1 s."""
    import torch

    from bench.planning.settings import find_device

    if device != "cpu" and find_device() != device:
        device = "cpu"  # the GPUs are the workers'; here is nothing to measure
    n = 512 if device == "cpu" else 4096
    a = torch.rand(n, n, device=device)
    best = float("inf")
    for _ in range(4):
        start = time.perf_counter()
        float((a @ a)[0, 0])
        best = min(best, time.perf_counter() - start)
    return 2 * n**3 / best


def seconds(task: Task, shape: ImageShape, clusters: int, device: str) -> float:
    """Estimate a task's wall clock in seconds.

    Parameters
    ----------
    task : Task
    shape : tuple of int
        Of an image, (C, H, W).
    clusters : int
    device : str
    """
    if task.stage == "train":
        return _train_seconds(task, shape, device)
    if task.stage == "encode":
        flops = forward_flops(task.settings["model"], shape) * task.samples
        return 0.05 + flops / matrix_rate(device) / SHARE_OF_MATRIX_RATE
    if task.stage == "reduce":
        (link,) = Chain.parse(task.settings["link"]).links
        return link.build().seconds(task.samples, task.features)
    if task.stage == "scan":
        points = min(task.samples, neighbors.MOST)
        tries = sum(task.settings["counts"]) * task.settings["starts"]
        distances = 2.0 * points * task.features * tries * ITERATIONS
        return 0.3 + distances / matrix_rate("cpu") / 0.2
    if task.stage == "null":
        return 0.05 + 2.0 * task.samples**2 * task.features / matrix_rate("cpu")
    if task.stage in ("rank", "place", "measure"):
        points = min(task.samples, neighbors.MOST)
        return 0.02 + 2.0 * points**2 * task.features / matrix_rate("cpu") + 2e-7 * points**2
    if task.stage == "cluster":
        by = Named.parse(task.settings["clusterer"]).build(clusters)
        return by.seconds(task.samples, task.features)
    return 0.02


def _train_seconds(task: Task, shape: ImageShape, device: str) -> float:
    model = task.settings["model"]
    parameters = probe(model, shape).parameters
    fresh = 0.01 + SECONDS_TO_DRAW * parameters
    epochs = task.settings.get("epochs", 0)
    if not epochs:
        return fresh
    steps = epochs * -(-task.samples // task.settings["batch_size"])
    traffic = SECONDS_TO_STEP * parameters if device == "cpu" else 0.0
    flops = training_flops(model, shape) * task.samples * epochs
    arithmetic = flops / matrix_rate(device) / SHARE_OF_MATRIX_RATE
    return fresh + steps * max(traffic, LEAST_STEP) + arithmetic


def megabytes(task: Task, shape: ImageShape, validation_images: int = 0) -> float:
    """Estimate the size of a task's artifact in MB.

    Parameters
    ----------
    task : Task
    shape : tuple of int
        Of an image, (C, H, W).
    validation_images : int
        They are encoded, reduced and clustered as well.
    """
    numbers = (task.samples + validation_images) * task.outputs
    if task.stage == "reduce":  # axes, of those reducers that find any
        numbers += task.features * task.outputs
    if task.stage == "train":
        numbers = probe(task.settings["model"], shape).parameters
    if task.stage == "encode":  # a byte a pixel of each reconstruction
        numbers += min(task.samples, task.settings["pictured"]) * math.prod(shape) / 4
    if task.stage in ("rank", "place"):
        numbers = min(task.samples, neighbors.MOST) ** 2
    return (4 * numbers + 2000) / 1e6


def checkpoint_megabytes(task: Task, shape: ImageShape) -> float:
    """Estimate what a training's checkpoints take in MB, until it ends.

    Weights and Adam's two moments, twice: the new one is written before the old one goes.
    """
    trains = task.stage == "train" and "epochs" in task.settings
    return 6 * megabytes(task, shape) if trains else 0.0
