"""What estimates of time share; they are good to a factor of two or so."""

from __future__ import annotations

import functools
import time

from bench.base.processors import find_device

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


def seconds_by_pairs(points: int, features: int) -> float:
    """Estimate a measure over all pairs of points, in seconds."""
    return 0.02 + 2.0 * points**2 * features / matrix_rate("cpu") + 2e-7 * points**2
