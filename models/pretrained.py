"""Networks that were trained elsewhere: transformers' folders, the hub's names, .onnx files."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from bench.base.checks import ImageShape, need, one_of, within
from bench.base.errors import one_line
from models import autoencoders
from models.autoencoder import Autoencoder
from models.foreign import folder, hub, onnx_file
from models.foreign.preparation import SIZE, Preparation, Scaling, read_preparation
from models.hand_crafted import Gray

UNKNOWN = "unknown data (say which with trained_on=)"
LEAST, MOST = 8, 2048  # sides of images
# Images of 224×224 that go through a network at once. On a CPU, what is between the layers of a few
# stays in its caches: EfficientNet-Lite0 encodes twice as many images a second by 8 as by 32.
TOGETHER, TOGETHER_ON_GPU = 8, 64


class Frozen(nn.Module):
    """Scales images, and has a network encode a few at a time."""

    def __init__(self, scaling: Scaling, network: nn.Module) -> None:
        super().__init__()
        self.scaling, self.network = scaling, network

    def forward(self, x: Tensor) -> Tensor:
        """Return codes, (n, code size) float32, of images (n, 3, H, W) in [-1, 1]."""
        pieces = x.split(TOGETHER if x.device.type == "cpu" else TOGETHER_ON_GPU)
        # Channels last is what the kernels of convolutions work on. The weights stay as they are.
        laid_out = (p.contiguous(memory_format=torch.channels_last) for p in pieces)
        return torch.cat([self.network(self.scaling(piece)) for piece in laid_out])


@autoencoders.register(
    "pretrained",
    "a network trained elsewhere, as it is: pretrained(weights=FOLDER, FILE.onnx or a hub's name)",
)
class Pretrained(Autoencoder):
    """The codes of a network that was trained elsewhere and is not trained here.

    It reads folders and names on the Hugging Face hub that transformers' `AutoModel` reads as a
    network for images, and .onnx files. No code of such a folder is run. Its images have the size
    and the range of values that its ``preprocessor_config.json`` asks for.

    Parameters
    ----------
    weights : str
        A folder with config.json, an .onnx file, or a name on the hub (OWNER/NAME), which is
        downloaded once.
    size : int
        Side of the images that it is given, 8 to 2048; 0: as its files say, else 224.
    pool : str
        How an image's code is made. ``cls``: the CLS token behind the last normalization.
        ``mean``: the mean over places. ``pooler``: the network's own pooled output.
        ``auto``: the pooled output of CLIP (the normalized CLS token before the projection to the
        space of captions), SigLIP (attention pooling), BEiT and ConvNeXt (the normalized mean);
        else CLS where there is such a token; else the mean. Of an .onnx file, ``auto`` takes its
        first output.
    trained_on : str
        What it was trained on and whether with labels, for tables; by default as its family says.

    References
    ----------
    What families were trained on: Oquab et al. (2023), DINOv2, arXiv:2304.07193 (LVD-142M,
    without labels); Siméoni et al. (2025), DINOv3, arXiv:2508.10104, and its model cards
    (LVD-1689M or, in those called sat493m, SAT-493M, without labels); Radford et al. (2021),
    CLIP, arXiv:2103.00020 (pairs of images and texts); Zhai et al. (2023), SigLIP,
    arXiv:2303.15343, and Tschannen et al. (2025), SigLIP 2, arXiv:2502.14786 (WebLI); He et al.
    (2016), Dosovitskiy et al. (2021), Liu et al. (2022) and Tan, Le (2019) for ResNet, ViT,
    ConvNeXt and EfficientNet, whose classifiers' labels say whether they are of ImageNet.
    """

    trains: ClassVar[bool] = False
    decodes: ClassVar[bool] = False
    deterministic: ClassVar[bool] = True
    frozen: ClassVar[bool] = True
    libraries: ClassVar[tuple[str, ...]] = ("torch", "transformers", "onnxruntime")
    requires: ClassVar[tuple[str, ...]] = ("transformers", "onnxruntime")
    extra: ClassVar[str] = "pretrained"
    parts: ClassVar[tuple[type, ...]] = (
        Scaling,
        folder.FolderNetwork,
        onnx_file.OnnxNetwork,
        Gray,
    )

    def __init__(
        self,
        image_shape: ImageShape,
        *,
        weights: str,
        size: int = 0,
        pool: str = "auto",
        trained_on: str = "",
    ) -> None:
        super().__init__()
        _check(size, pool)
        channels, height, width = image_shape
        need(
            channels == 3 and height == width,
            f"works on square images of 3 channels, found {channels} of {height}×{width}",
        )
        path = hub.locate(weights)
        _, preparation, _ = _found(path, weights)
        kind = onnx_file.OnnxNetwork if _is_onnx(path) else folder.FolderNetwork
        network = kind(path, pool, height)
        scaling = Scaling(preparation.scale, preparation.shift)
        self.encoder = Frozen(scaling, network).eval().requires_grad_(False)
        self.decoder = Gray(image_shape)
        _try(self.encoder, path, height)

    def train(self, mode: bool = True) -> Self:
        """Stay as it is: dropout and the like are never switched on."""
        return super().train(False)

    @classmethod
    def attributes(cls, **settings: Any) -> dict[str, Any]:
        size, pool = settings.get("size", 0), settings.get("pool", "auto")
        _check(size, pool)
        path = hub.locate(settings["weights"])
        files, preparation, trained_on = _found(path, settings["weights"])
        return {
            "image_size": size or preparation.size or SIZE,
            "files": files,
            "pretrained": settings.get("trained_on") or trained_on,
            "libraries": ("torch", "onnxruntime" if _is_onnx(path) else "transformers"),
        }

    @classmethod
    def with_files(cls, folder: Path, **settings: Any) -> dict[str, Any]:
        network = next(folder.glob("*.onnx"), folder)
        return settings | {"weights": str(network)}


def _check(size: int, pool: str) -> None:
    one_of(folder.POOLS, pool=pool)
    if size:
        within(LEAST, MOST, size=size)


def _is_onnx(path: Path) -> bool:
    return path.suffix.lower() == ".onnx"


def _found(path: Path, name: str) -> tuple[tuple[Path, ...], Preparation, str]:
    """Return the files of a network, how it wants its images, and what it was trained on."""
    needed = "onnxruntime" if _is_onnx(path) else "transformers"
    need(
        importlib.util.find_spec(needed) is not None,
        f"{path} needs the package {needed}, which is not installed: pip install {needed} "
        "(latentgrid's extra [pretrained])",
    )
    if _is_onnx(path):
        preparation = read_preparation(path.parent)
        size = onnx_file.look(path).size or preparation.size
        files, trained_on = onnx_file.weight_files(path), UNKNOWN
        preparation = Preparation(preparation.scale, preparation.shift, size, preparation.file)
    else:
        config = folder.read_config(path)
        preparation = folder.prepare(path, config)
        files = (path / "config.json", *folder.weight_files(path))
        trained_on = folder.trained_on(config, name, preparation)
    beside = (preparation.file,) if preparation.file else ()
    return (*files, *beside), preparation, trained_on


def _try(encoder: nn.Module, path: Path, size: int) -> None:
    """Send one gray image through, so that a network that cannot work is refused at once."""
    try:
        with torch.inference_mode():
            codes = encoder(torch.zeros(1, 3, size, size))
    except Exception as error:  # whatever a network that is no good raises
        reason = one_line(str(error))[:300]
        raise ValueError(f"{path} does not work on {size}×{size} images: {reason}") from None
    need(
        codes.ndim == 2 and bool(torch.isfinite(codes).all()),
        f"{path}: its codes must be finite numbers (n, size), found {tuple(codes.shape)}",
    )
