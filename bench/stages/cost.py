"""What estimates of time share; they are good to a factor of two or so."""

from __future__ import annotations

import functools
import time

from bench.base.processors import find_device
from bench.stages.metrics.neighbors import MOST
from bench.stages.stage import Task, megabytes

# Measured on two cores of an AMD EPYC, against a matrix product on the same machine.
SHARE_OF_MATRIX_RATE = 0.6


@functools.cache
def matrix_rate(device: str) -> float:
    """Measure floating-point operations a second of a float32 matrix product, in 0.1 s."""
    import torch

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


def seconds_by_pairs(task: Task) -> float:
    """Estimate a measure over all pairs of the points that are measured, in seconds."""
    pairs = min(task.samples, MOST) ** 2
    return 0.02 + 2.0 * pairs * task.features / matrix_rate("cpu") + 2e-7 * pairs


def megabytes_of_pairs(task: Task) -> float:
    """Estimate an artifact with a number for each of those pairs, in MB."""
    return megabytes(min(task.samples, MOST) ** 2)
