"""What the machine is and can do, for `extra_info`."""

from __future__ import annotations

import functools
import multiprocessing
import platform
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from bench.base.stopwatch import Stopwatch
from models.autoencoder import Autoencoder, ImageShape
from tests.benchmarks.race import THREADS, Work

SIDE = {"cpu": 1024, "cuda": 8192}  # of the matrices that are multiplied
PRODUCTS = 3  # one after another, which take some 60 ms


def processor_name() -> str:
    """Return the processor's name as its maker gives it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(": ")[1] for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


@functools.cache
def matrix_product(device: str) -> Work:
    """Return the control of every race: a few products of matrices."""
    side = SIDE[device]
    a = torch.rand(side, side, device=device)

    def work() -> None:
        for _ in range(PRODUCTS):
            torch.mm(a, a)

    return work


@functools.cache
def training_flops(model: type[Autoencoder], shape: ImageShape) -> int:
    """Count the operations of one image's step, forward and back, as torch computes it."""
    # Two: what is normalized over a batch asks for more than one.
    network, x = model(shape).train(), torch.zeros(2, *shape)
    with FlopCounterMode(display=False) as counter:
        network.objective(x).backward()
    return int(counter.get_total_flops()) // len(x)


@functools.cache
def encoding_flops(model: type[Autoencoder], shape: ImageShape) -> int:
    """Count the operations of one image's way through encoder and decoder."""
    network, x = model(shape).eval(), torch.zeros(1, *shape)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(x)
    return int(counter.get_total_flops())


def describe(device: str, precision: str) -> dict[str, Any]:
    """Return where something is timed."""
    return {
        "device": device,
        "device_name": torch.cuda.get_device_name() if device == "cuda" else processor_name(),
        "precision": precision,
        "threads": THREADS,
        "control_flops": 2 * SIDE[device] ** 3 * PRODUCTS,
        "torch": torch.__version__,
    }


def _peak(prepare: Callable[..., Callable[[], object]], *arguments: Any) -> float | None:
    torch.set_num_threads(THREADS)
    with Stopwatch("cpu") as before:
        pass
    with Stopwatch("cpu") as watch:
        prepare(*arguments)()
    if before.peak_memory_mb is None or watch.peak_memory_mb is None:
        return None
    return watch.peak_memory_mb - before.peak_memory_mb


def peak_memory(
    device: str, prepare: Callable[..., Callable[[], object]], *arguments: Any
) -> float | None:
    """Measure in MiB what work takes at most, its weights and images included.

    In a pass of its own, and on a CPU in a process of its own.
    """
    if device == "cuda":
        torch.cuda.synchronize()
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        prepare(*arguments)()
        torch.cuda.synchronize()
        return (torch.cuda.max_memory_allocated() - before) / 2**20
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as pool:
        return pool.submit(_peak, prepare, *arguments).result()
