"""Steps of training: queued one by one, or recorded once and played back.

A small network's step is over on a GPU before the next one's hundred kernels have been queued.
Recorded as a CUDA graph, all of them are one launch: the step finds its batch by itself, from an
order of images and a place in it that lie on the device.

References
----------
CUDA C++ Programming Guide, section on CUDA Graphs; `torch.cuda.CUDAGraph`.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from bench.stages.training.state import Training

# Takes a batch (n, C, H, W) uint8 and does everything that one step of training is.
Step = Callable[[Tensor], None]
# Given an order of images and the first batch to take, takes a step each time it is asked.
Epoch = Callable[[Tensor, int], Iterator[None]]
# Turns work on the device into a way to do it again.
Record = Callable[[Callable[[], None]], Callable[[], None]]

WARM_UP = 3  # runs before a recording, in which libraries choose kernels and set memory aside


def queued(step: Step, images: Tensor, batch_size: int) -> Epoch:
    """Return epochs of which every step is queued anew."""

    def epoch(order: Tensor, first: int) -> Iterator[None]:
        for batch in order.split(batch_size)[first:]:
            step(images[batch])
            yield

    return epoch


def recorded(
    step: Step, images: Tensor, batch_size: int, training: Training, record: Record
) -> Epoch:
    """Return epochs of which every step is a recording played back.

    The training is left as it was before. A model that cannot be recorded (it looks at numbers, or
    decides by them) is warned of, and its steps are queued. ``record`` is `record_graph`, or what
    stands for it in a test.
    """
    count, device = len(images), images.device
    order = torch.arange(count, device=device)
    position = torch.zeros((), dtype=torch.int64, device=device)

    def take(size: int) -> None:
        step(images[order[position + torch.arange(size, device=device)]])
        position.add_(size).remainder_(count)

    sizes = [min(batch_size, count - start) for start in range(0, count, batch_size)]
    before = training.tensors(), training.place()
    try:
        play = {size: record(functools.partial(take, size)) for size in sorted(set(sizes))}
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        warnings.warn(f"its steps cannot be recorded as a CUDA graph: {error}", stacklevel=2)
        return queued(step, images, batch_size)
    finally:
        training.restore(*before)

    def epoch(new_order: Tensor, first: int) -> Iterator[None]:
        order.copy_(new_order)
        position.fill_(first * batch_size)
        for size in sizes[first:]:
            play[size]()
            yield

    return epoch


def record_graph(work: Callable[[], None]) -> Callable[[], None]:
    """Record work as a CUDA graph, after running it a few times; return its playing."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(WARM_UP):
            work()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        work()
    played: Callable[[], None] = graph.replay
    return played
