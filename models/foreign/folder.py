"""Networks in folders of transformers: a config.json, and weights beside it."""

from __future__ import annotations

import contextlib
import inspect
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from bench.base.errors import one_line
from models.foreign.preparation import (
    CLIP,
    HALF,
    IMAGENET,
    SIZE,
    Preparation,
    read_json,
    read_preparation,
)

POOLS = ("auto", "cls", "mean", "pooler")

_WEIGHTS = (
    ("model.safetensors", "model.safetensors.index.json"),
    ("pytorch_model.bin", "pytorch_model.bin.index.json"),
)
# Families that were given images of other means and deviations than ImageNet's.
_NORMALIZATIONS = {"clip": CLIP, "metaclip_2": CLIP, "siglip": HALF, "vit": HALF, "beit": HALF}
# Families whose positions are those of one size of images, which is that of their config.json.
_FIXED = ("beit", "clip", "deit", "metaclip_2", "siglip", "vit")
# Families whose pooled output is their embedding: it was trained, or is the mean over places with
# the last layer's normalization behind it, which their classifiers are given.
_POOLED = ("beit", "clip", "convnext", "convnextv2", "dinov3_convnext", "metaclip_2", "siglip")
# The satellite images that two DINOv3 were trained on have this mean; other folders of them look
# the same but for the name.
_SATELLITE_MEAN = 0.43


class FolderNetwork(nn.Module):
    """A network of transformers, with its codes taken from what it returns.

    Parameters
    ----------
    folder : Path
        Holds config.json and weights.
    pool : str
        How codes are made of its output; see `models.pretrained.Pretrained`.
    size : int
        Side of the images that it will be given.
    """

    def __init__(self, folder: Path, pool: str, size: int) -> None:
        super().__init__()
        files = weight_files(folder)
        with _quiet(), _explained(folder):
            config, kind = _network_of(folder)
        family = _family(config.model_type)
        pool = "pooler" if pool == "auto" and family in _POOLED else pool
        with _quiet(), _explained(folder):
            self.network = _load(folder, files[-1], config, kind, pool)
        names = [name.rpartition(".")[2] for name, _ in self.network.named_parameters()]
        # CLIP normalizes the CLS token alone, and calls it the pooled output.
        clip = "class_embedding" in names
        self.has_cls = clip or "cls_token" in names or family == "dinov3_convnext"
        self.leading = (
            int(self.has_cls)
            + int("distillation_token" in names)
            + int(getattr(config, "num_register_tokens", 0) or 0)
        )
        self.pool = "pooler" if clip and pool == "cls" else pool
        self.options = {}
        sides = getattr(config, "image_size", size)
        fitting = sides in (size, [size, size], (size, size))
        if not fitting and "interpolate_pos_encoding" in inspect.signature(kind.forward).parameters:
            self.options["interpolate_pos_encoding"] = True

    def forward(self, x: Tensor) -> Tensor:
        """Return codes, (n, code size), of images (n, 3, H, W) in the network's own range."""
        found = self.network(pixel_values=x, **self.options)
        if self.pool == "pooler":
            pooled = getattr(found, "pooler_output", None)
            if pooled is None:
                raise ValueError("it has no pooled output: pool must be auto, cls or mean")
            return pooled.flatten(1)
        return pooled_from(found.last_hidden_state, self.pool, self.has_cls, self.leading)


def pooled_from(found: Tensor, pool: str, has_cls: bool, leading: int) -> Tensor:
    """Return one code for each image, of channels at places or of tokens.

    ``leading`` tokens stand before those of places, the first of which is CLS if it ``has_cls``.
    """
    if found.ndim == 4:
        if pool == "cls":
            raise ValueError("it has no CLS token: pool must be auto, mean or pooler")
        return found.mean((2, 3))
    if found.ndim != 3:
        raise ValueError(
            f"its output must be tokens (n, tokens, size) or channels (n, size, height, width), "
            f"found {found.ndim} dimensions"
        )
    if pool == "cls" and not has_cls:
        raise ValueError("it has no CLS token: pool must be auto, mean or pooler")
    by_cls = pool == "cls" or (pool == "auto" and has_cls)
    return found[:, 0] if by_cls else found[:, leading:].mean(1)


def weight_files(folder: Path) -> tuple[Path, ...]:
    """Return the files of a folder's weights: one, or an index and what it names.

    Files of safetensors hold numbers alone and are preferred.
    """
    for single, index in _WEIGHTS:
        if (folder / single).is_file():
            return (folder / single,)
        if (folder / index).is_file():
            shards = read_json(folder / index).get("weight_map")
            if not isinstance(shards, dict) or not shards:
                raise ValueError(f"{folder / index} has no weight_map that names files")
            found = [folder / Path(str(name)).name for name in sorted(set(shards.values()))]
            for path in found:
                if not path.is_file():
                    raise ValueError(f"{folder / index} names {path.name}, which is not there")
            return (folder / index, *found)
    raise ValueError(
        f"{folder} has no weights: needed is model.safetensors or pytorch_model.bin, or an index "
        "of several such files"
    )


def read_config(folder: Path) -> dict[str, Any]:
    """Read a folder's config.json, and refuse what cannot be a network of transformers."""
    if not (folder / "config.json").is_file():
        raise ValueError(
            f"{folder} has no config.json: needed is a folder that transformers' save_pretrained "
            "or `hf download` made"
        )
    config = read_json(folder / "config.json")
    if not isinstance(config.get("model_type"), str):
        why = "; it asks for code of its own (auto_map), which is never run" * (
            "auto_map" in config
        )
        raise ValueError(f"{folder / 'config.json'} names no model_type{why}")
    return config


def prepare(folder: Path, config: dict[str, Any]) -> Preparation:
    """Return how the network in a folder wants its images, size included."""
    family = _family(config["model_type"])
    found = read_preparation(
        folder, _NORMALIZATIONS.get(family, IMAGENET), twice=family == "efficientnet"
    )
    inner = config.get("vision_config")
    own = (inner if isinstance(inner, dict) else config).get("image_size")
    fallback = own if family in _FIXED and isinstance(own, int) else SIZE
    return Preparation(found.scale, found.shift, found.size or fallback, found.file)


def trained_on(config: dict[str, Any], name: str, preparation: Preparation) -> str:
    """Return what a network was trained on, as far as its family and labels say.

    ``name`` is that of its folder or on the hub.
    """
    family = _family(config["model_type"])
    classifies = any("Classification" in str(a) for a in config.get("architectures") or ())
    labels = config.get("id2label")
    labels = labels if isinstance(labels, dict) and classifies else {}
    if family.startswith("dinov2"):
        behind = "; a classifier of them, with labels" if classifies else ""
        return f"LVD-142M, without labels{behind}"
    if family.startswith("dinov3"):
        mean = -(preparation.shift[0] / preparation.scale[0]) / 2 + 0.5
        satellite = "sat493m" in name.lower() or abs(mean - _SATELLITE_MEAN) < 1e-3
        return f"{'SAT-493M' if satellite else 'LVD-1689M'}, without labels"
    if family == "clip":
        return "image-text pairs (captions)"
    if family == "siglip":
        return "WebLI, image-text pairs (captions)"
    # Numbers of classes alone would take any thousand for ImageNet's; the first of those is a fish.
    if len(labels) == 1000 and str(labels.get("0", "")).startswith("tench"):
        return "ImageNet-1k, with labels"
    if len(labels) in (21841, 21843):
        return "ImageNet-21k, with labels"
    return "unknown data (say which with trained_on=)"


def _family(model_type: str) -> str:
    """Return the family of a type: towers of two-tower models are called after the whole."""
    return model_type.removesuffix("_vision_model")


def _network_of(folder: Path) -> tuple[Any, Any]:
    """Return the configuration and the class of the network for images in a folder."""
    import transformers

    try:
        config = transformers.AutoConfig.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
    except (ValueError, KeyError):
        found = read_config(folder)
        why = "; it asks for code of its own (auto_map), which is never run" * ("auto_map" in found)
        raise ValueError(
            f"transformers {transformers.__version__} knows no model_type "
            f"{found['model_type']!r}{why}"
        ) from None
    whole = config.model_type
    # Of a model with a tower for images and one for text, the first.
    config = getattr(config, "vision_config", None) or config
    kind: Any = transformers.MODEL_MAPPING.get(type(config), None)
    kind = kind[0] if isinstance(kind, tuple) else kind
    reads = getattr(kind, "main_input_name", None)
    if kind is None or reads != "pixel_values":
        what = f", it reads {reads}" if kind else ""
        raise ValueError(
            f"a network of the type {whole} is not for images{what}; allowed are those that read "
            "pixel_values, such as dinov2, vit, clip, siglip, convnext and resnet"
        )
    if getattr(config, "mask_ratio", None):
        raise ValueError(
            f"a network of the type {whole} hides a random part of each image: its codes would "
            "differ from call to call"
        )
    return config, kind


def _load(folder: Path, weights: Path, config: Any, kind: Any, pool: str) -> Any:
    """Build the network with the weights in a folder, all of which must be there."""
    options: dict[str, Any] = {}
    if "add_pooling_layer" in inspect.signature(kind.__init__).parameters:
        options["add_pooling_layer"] = pool == "pooler"
    network, found = kind.from_pretrained(
        folder,
        config=config,
        local_files_only=True,
        trust_remote_code=False,
        use_safetensors=weights.suffix == ".safetensors",
        weights_only=True,
        dtype=torch.float32,
        ignore_mismatched_sizes=True,  # reported, and refused below: one line instead of a table
        output_loading_info=True,
        **options,
    )
    wrong = sorted(
        str(key[0] if isinstance(key, tuple) else key) for key in found["mismatched_keys"]
    )
    if wrong:
        raise ValueError(
            f"its weights do not fit its config.json: {len(wrong)} have another shape, such as "
            f"{wrong[0]}"
        )
    head = ("pooler.", "head.") if pool != "pooler" else ()
    missing = sorted(key for key in found["missing_keys"] if not key.startswith(head or ("\0",)))
    if missing and all(key.startswith(("pooler.", "head.")) for key in missing):
        raise ValueError(
            f"its weights have no pooler ({missing[0]} is missing): pool must be cls or mean"
        )
    if missing:
        raise ValueError(
            f"its weights do not fit its config.json: {len(missing)} are missing, such as "
            f"{missing[0]}"
        )
    more = _left_over(network, found["unexpected_keys"])
    if more:
        raise ValueError(
            f"its weights do not fit its config.json, which has no place for {len(more)} of them, "
            f"such as {more[0]}"
        )
    return network


def _left_over(network: nn.Module, unexpected: Any) -> list[str]:
    """Return weights that look as the network's own do but for a number: layers that it lacks.

    Others are those of heads and towers that are left out.
    """
    prefix = f"{getattr(network, 'base_model_prefix', '')}."
    shapes = {re.sub(r"\.\d+\.", ".0.", name) for name, _ in network.named_parameters()}
    return sorted(
        key for key in unexpected if re.sub(r"\.\d+\.", ".0.", key.removeprefix(prefix)) in shapes
    )


@contextlib.contextmanager
def _explained(folder: Path) -> Iterator[None]:
    """Turn whatever transformers raises into a `ValueError` of one line that names the folder."""
    try:
        yield
    except Exception as error:
        reason = one_line(str(error))
        if not isinstance(error, ValueError):
            reason = f"{type(error).__name__}: {reason}"
        raise ValueError(f"{folder}: {reason[:300]}") from None


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep transformers from writing to the terminal."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity(logging.CRITICAL)
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
