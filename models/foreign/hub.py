"""Where a network's files are: in a folder, or on the hub under a name."""

from __future__ import annotations

import functools
import importlib.util
import re
from pathlib import Path

from bench.base.errors import one_line
from bench.base.files import expand

_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_CONFIGS = ["config.json", "preprocessor_config.json", "processor_config.json"]
# Weights that hold numbers alone come first; pickles are asked for where there are no others.
_WEIGHTS = (
    ["model.safetensors", "model-*-of-*.safetensors", "model.safetensors.index.json"],
    ["pytorch_model.bin", "pytorch_model-*-of-*.bin", "pytorch_model.bin.index.json"],
)


def locate(weights: str) -> Path:
    """Return the folder or the .onnx file that a text means.

    A name on the hub is looked for among what was downloaded before, and then downloaded.

    Raises
    ------
    ValueError
        In one line, if there is nothing of that name, here or there.
    """
    path = expand(weights)
    if path.suffix.lower() == ".onnx":
        if not path.is_file():
            raise ValueError(f"weights: no such file: {weights}")
        return path
    if path.is_dir():
        return path
    if path.exists():
        raise ValueError(
            "weights must be a folder with a config.json, a file that ends in .onnx, or a name on "
            f"the hub, found the file {weights}"
        )
    if not _NAME.fullmatch(weights):
        raise ValueError(
            f"weights: no such folder: {weights} (a name on the hub looks like OWNER/NAME)"
        )
    return _from_hub(weights)


def find_downloaded(name: str) -> Path | None:
    """Return where configuration and weights of a name on the hub are kept; None if nowhere."""
    if importlib.util.find_spec("huggingface_hub") is None:
        return None
    for patterns in _WEIGHTS:
        try:
            folder = _download(name, [*_CONFIGS, *patterns], offline=True)
        except Exception:  # its own, and those of the file system
            return None
        if _is_whole(folder, patterns):
            return folder
    return None


@functools.cache
def _from_hub(name: str) -> Path:
    if importlib.util.find_spec("huggingface_hub") is None:
        raise ValueError(
            f"weights: no such folder: {name}; names on the hub need the package huggingface_hub: "
            "pip install transformers (latentgrid's extra [pretrained])"
        )
    if kept := find_downloaded(name):
        return kept
    for patterns in _WEIGHTS:
        try:
            folder = _download(name, [*_CONFIGS, *patterns], offline=False)
        except Exception as error:  # its own, those of the network and of the file system
            raise ValueError(
                f"weights: {name} is neither a folder nor kept from an earlier download, and "
                f"downloading failed ({_reason(error)}): on a machine with a network, run "
                f"hf download {name} --local-dir DIR, then write weights=DIR"
            ) from None
        if _is_whole(folder, patterns):
            return folder
    raise ValueError(
        f"weights: {name} on the hub has no config.json with model.safetensors or pytorch_model.bin"
    )


def _is_whole(folder: Path, patterns: list[str]) -> bool:
    weights = any(found for pattern in patterns for found in folder.glob(pattern))
    return weights and (folder / "config.json").is_file()


def _download(name: str, patterns: list[str], offline: bool) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.utils import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    shown = not are_progress_bars_disabled()
    disable_progress_bars()
    try:
        return Path(snapshot_download(name, allow_patterns=patterns, local_files_only=offline))
    finally:
        if shown:
            enable_progress_bars()


def _reason(error: Exception) -> str:
    first, *_ = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {one_line(first)[:150]}"
