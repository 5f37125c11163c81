"""Networks in .onnx files, run by onnxruntime."""

from __future__ import annotations

import functools
import mmap
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from bench.base.errors import one_line
from models.foreign.folder import pooled_from

_FLOAT = "tensor(float)"
# A pair of texts as protocol buffers write it: the key, then the length of a file's name.
_LOCATION = re.compile(rb"\x0a\x08location\x12([\x01-\x7f])")


@dataclass(frozen=True)
class Input:
    """The input of a network; ``batch`` and ``size`` are None where the file leaves them open."""

    name: str
    batch: int | None
    size: int | None


class OnnxNetwork(nn.Module):
    """A network in an .onnx file, with its codes taken from what it returns.

    It runs on the CPU, wherever the images are, by as many threads as torch has.

    Parameters
    ----------
    path : Path
        The file.
    pool : str
        How codes are made of its output; see `models.pretrained.Pretrained`.
    size : int
        Side of the images that it will be given.
    """

    def __init__(self, path: Path, pool: str, size: int) -> None:
        super().__init__()
        self.path, self.pool = path, pool
        self.input = look(path)
        if self.input.size not in (None, size):
            raise ValueError(
                f"{path} is made for images of {self.input.size}×{self.input.size}, found "
                f"size={size}"
            )
        self.session = _open(path, optimized=True)

    def forward(self, x: Tensor) -> Tensor:
        """Return codes, (n, code size), of images (n, 3, H, W) in the network's own range."""
        batch = self.input.batch or len(x)
        codes = [self._codes(piece, batch) for piece in x.cpu().split(batch)]
        return torch.cat(codes).to(x.device)

    def _codes(self, x: Tensor, batch: int) -> Tensor:
        """Return the codes of a batch; one that is too short for the file is filled up."""
        filled = torch.cat([x, x.new_zeros(batch - len(x), *x.shape[1:])])
        images = {self.input.name: filled.numpy(force=True)}
        found = [torch.as_tensor(a) for a in self.session.run(None, images) if hasattr(a, "shape")]
        return self._chosen(found).flatten(1)[: len(x)].to(torch.float32)

    def _chosen(self, found: list[Tensor]) -> Tensor:
        """Return the codes in the first of the outputs that the pool asks for."""
        ranks = {"auto": (2, 3, 4), "pooler": (2,), "cls": (3,), "mean": (3, 4)}[self.pool]
        # Beside codes, some files give attentions, masks or the classes of images as numbers.
        usable = [a for a in found if a.ndim in ranks and a.is_floating_point()]
        if not usable:
            shapes = ", ".join(str(tuple(a.shape)) for a in found)
            raise ValueError(
                f"{self.path}: pool={self.pool} needs an output of {_or(ranks)} dimensions, found "
                f"{shapes} for one image: allowed are codes (n, size), tokens (n, tokens, size) "
                "and channels (n, size, height, width)"
            )
        chosen = usable[0]
        # Which tokens stand before those of places, the file does not say: CLS, by custom.
        return chosen if chosen.ndim == 2 else pooled_from(chosen, self.pool, True, 1)


def look(path: Path) -> Input:
    """Return the input of a network; raise `ValueError` for one that does not take images."""
    stat = path.stat()
    return _look(path, stat.st_size, stat.st_mtime_ns)


@functools.lru_cache(maxsize=64)
def _look(path: Path, size: int, changed: int) -> Input:
    inputs = _open(path, optimized=False).get_inputs()
    if len(inputs) != 1 or len(inputs[0].shape or ()) != 4 or inputs[0].type != _FLOAT:
        found = ", ".join(f"{i.name} {list(i.shape)} {i.type}" for i in inputs) or "none"
        raise ValueError(
            f"{path} must have one input, images (n, 3, height, width) of {_FLOAT}, found {found}"
        )
    batch, channels, *sides = inputs[0].shape
    known = {side for side in sides if isinstance(side, int)}
    if (isinstance(channels, int) and channels != 3) or len(known) > 1:
        raise ValueError(
            f"{path} must take square images with their 3 channels first, (n, 3, height, width), "
            f"found {list(inputs[0].shape)}"
        )
    fixed = batch if isinstance(batch, int) and batch > 0 else None
    return Input(inputs[0].name, fixed, known.pop() if known else None)


def weight_files(path: Path) -> tuple[Path, ...]:
    """Return the file, and those beside it that hold numbers of it.

    Their names are found in the text of the file, as protocol buffers write them: its own
    library, which reads them, need not be installed.
    """
    stat = path.stat()
    return (path, *_beside(path, stat.st_size, stat.st_mtime_ns))


@functools.lru_cache(maxsize=64)
def _beside(path: Path, size: int, changed: int) -> tuple[Path, ...]:
    if not size:
        return ()
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
        names = {text[m.end() : m.end() + m[1][0]] for m in _LOCATION.finditer(text)}
    beside = [path.parent / name.decode(errors="replace") for name in names if b"\0" not in name]
    return tuple(sorted(p for p in beside if p.is_file()))


def _open(path: Path, optimized: bool) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what is wrong is raised, and not written as well
    options.intra_op_num_threads = torch.get_num_threads()
    options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    # Threads that wait by running would take a processor from others between the batches.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if not optimized:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        return onnxruntime.InferenceSession(
            str(path), sess_options=options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # its errors have no common class
        reason = one_line(str(error))[:200]
        raise ValueError(f"{path} is no .onnx file that can be used: {reason}") from None


def _or(numbers: tuple[int, ...]) -> str:
    *most, last = map(str, numbers)
    return f"{', '.join(most)} or {last}" if most else last
