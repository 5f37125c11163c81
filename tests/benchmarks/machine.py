"""What the machine is and can do, for `extra_info`."""

from __future__ import annotations

import functools
import multiprocessing
import platform
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from bench.base.stopwatch import Stopwatch, synchronize
from models.autoencoder import Autoencoder, ImageShape
from tests.benchmarks.race import THREADS, Work

SIDE = {"cpu": 1024, "cuda": 8192}  # of the matrices that are multiplied
PRODUCTS = 3  # one after another, which take some 60 ms
ADDED = 32 * 2**20  # numbers of each of the arrays that are added: more than caches hold
# Bytes of each parameter that a step of Adam moves: weight, gradient and both moments are read,
# and all but the gradient written.
ADAM = 7 * 4


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
def bandwidth(device: str) -> float:
    """Measure the bytes a second that adding one large array to another moves, at best."""
    a, b = torch.zeros(ADDED, device=device), torch.zeros(ADDED, device=device)
    torch.set_num_threads(THREADS)
    seconds = []
    for _ in range(5):
        synchronize(device)
        start = time.perf_counter()
        a.add_(b)  # two are read, and one is written
        synchronize(device)
        seconds.append(time.perf_counter() - start)
    return 3 * 4 * ADDED / min(seconds)


@functools.cache
def training_bytes(model: type[Autoencoder], shape: ImageShape, batch: int) -> int:
    """Count the bytes that a step of training moves at the least, beside what products read.

    By Adam, and what the way forward leaves for the way back, written once and read once.
    """
    network, x = model(shape).train(), torch.zeros(batch, *shape)
    weights = {parameter.data_ptr() for parameter in network.parameters()}
    left: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            left[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        network.objective(x)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    return ADAM * parameters + 2 * sum(left.values())


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
        "bandwidth": bandwidth(device),
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
    with ProcessPoolExecutor(1, mp_context=_fresh()) as pool:
        return pool.submit(_peak, prepare, *arguments).result()


@functools.cache
def _fresh() -> Any:
    """Return how to start processes: where that can be, copies of one that has imported all."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    found = multiprocessing.get_context("forkserver")
    found.set_forkserver_preload(["tests.benchmarks.test_training"])
    return found
