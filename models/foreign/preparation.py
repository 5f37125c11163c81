"""How a network wants its images: their size, and the range of their values.

Read from the ``preprocessor_config.json`` beside its weights, in plain Python: the classes that
transformers has for it need torchvision.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from bench.base.errors import one_line
from bench.base.files import read_text

Triple = tuple[float, float, float]

# Older folders have the first; transformers 5 also writes the second, for several inputs at once.
NAMES = ("preprocessor_config.json", "processor_config.json")
SIZE = 224  # where nothing says which

# Means and standard deviations of channels, values in [0, 1]: those of the images of ImageNet,
# those that CLIP was trained with, and those that bring values to [-1, 1].
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
CLIP = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
HALF = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


@dataclass(frozen=True)
class Preparation:
    """What is done to images of [-1, 1]: each channel times ``scale``, plus ``shift``.

    ``size`` is None where the file does not say which; ``file`` is None where there is none.
    """

    scale: Triple
    shift: Triple
    size: int | None = None
    file: Path | None = None


class Scaling(nn.Module):
    """Brings images of [-1, 1] to the values that a network was trained with."""

    scale: Tensor
    shift: Tensor

    def __init__(self, scale: Triple, shift: Triple) -> None:
        super().__init__()
        # Not among the weights: they are read again from where they were found.
        for name, values in (("scale", scale), ("shift", shift)):
            self.register_buffer(name, torch.tensor(values).view(3, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return images (n, 3, H, W) scaled."""
        return torch.addcmul(self.shift, x, self.scale)


def read_json(path: Path) -> dict[str, Any]:
    """Read a file that holds a JSON object; raise `ValueError` in one line for another."""
    try:
        found = json.loads(read_text(path))
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read: {one_line(str(error))}") from None
    if not isinstance(found, dict):
        raise ValueError(f"{path} must hold a JSON object, found {type(found).__name__}")
    return found


def read_preparation(
    folder: Path, defaults: tuple[Triple, Triple] = IMAGENET, twice: bool = False
) -> Preparation:
    """Read how the network in a folder wants its images.

    ``defaults`` are the mean and the standard deviation where no file says which; ``twice`` says
    whether values are divided by the standard deviation again where a file does not say.
    """
    for name in NAMES:
        if (folder / name).is_file():
            found = read_json(folder / name)
            found = found.get("image_processor", found) if name == NAMES[1] else found
            if isinstance(found, dict) and (name == NAMES[0] or "image_mean" in found):
                return _read(found, folder / name, defaults, twice)
    return _combine(1 / 255, 0.0, *defaults)


def _read(
    found: dict[str, Any], file: Path, defaults: tuple[Triple, Triple], twice: bool
) -> Preparation:
    mean = _triple(found, "image_mean", defaults[0], file)
    std = _triple(found, "image_std", defaults[1], file)
    if not all(std):
        raise ValueError(f"{file}: image_std must be other than 0, found {list(std)}")
    # EfficientNet's values are divided by roots of deviations, twice: `include_top`.
    again = found.get("include_top", twice)
    if not found.get("do_normalize", True):
        mean, std, once = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), std
        std = once if again else std
    elif again:
        std = _as_triple([value * value for value in std])
    rescales = found.get("do_rescale", True)
    factor = found.get("rescale_factor", 1 / 255) if rescales else 1.0
    if not isinstance(factor, (int, float)) or not math.isfinite(factor):
        raise ValueError(f"{file}: rescale_factor must be a number, found {factor!r}")
    offset = 1.0 if rescales and found.get("rescale_offset", False) else 0.0
    combined = _combine(factor, offset, mean, std)
    return Preparation(combined.scale, combined.shift, _size(found, file), file)


def _combine(factor: float, offset: float, mean: Triple, std: Triple) -> Preparation:
    """Join the steps, of which the first brings [-1, 1] to the 0 to 255 that files speak of."""
    scale = [127.5 * factor / s for s in std]
    shift = [(127.5 * factor - offset - m) / s for m, s in zip(mean, std, strict=True)]
    return Preparation(_as_triple(scale), _as_triple(shift))


def _as_triple(values: list[float]) -> Triple:
    one, two, three = values
    return one, two, three


def _triple(found: dict[str, Any], key: str, default: Triple, file: Path) -> Triple:
    values = found.get(key)
    if values is None:
        return default
    values = [values] * 3 if isinstance(values, (int, float)) else values
    if (
        not isinstance(values, list)
        or len(values) != 3
        or not all(isinstance(v, (int, float)) and math.isfinite(v) for v in values)
    ):
        raise ValueError(f"{file}: {key} must be three numbers, found {values!r}")
    return _as_triple([float(value) for value in values])


def _size(found: dict[str, Any], file: Path) -> int | None:
    """Return the side of the images that the network is given at last."""
    crops = found.get("crop_size") is not None and found.get("do_center_crop", True)
    key = "crop_size" if crops else "size"
    value = found.get(key)
    if isinstance(value, dict):
        sides = [value[name] for name in ("height", "width") if name in value]
        sides = sides or [value[name] for name in ("shortest_edge",) if name in value]
    else:
        sides = value if isinstance(value, list) else [value]
    if sides == [None]:
        return None
    whole = all(isinstance(side, int) and not isinstance(side, bool) for side in sides)
    if not sides or not whole or len(set(sides)) != 1 or sides[0] < 1:
        raise ValueError(
            f"{file}: {key} must be a side of square images (a number, height and width that are "
            f"equal, or shortest_edge), found {value!r}: write one, size=224"
        )
    return int(sides[0])
