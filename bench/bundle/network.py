"""The model of a bundle: what is kept of it, and how it is built again."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from torch import Tensor

from bench.base import keys
from bench.base.errors import UsageError, format_error
from bench.base.registry import UnknownNameError
from bench.bundle.format import MOST_FILES, Arrays, Contents, Model
from bench.bundle.transform import read_as
from models import autoencoders
from models.autoencoder import Autoencoder
from models.named import Named, find, fingerprint

BASE = "base."  # before the names of the weights and files of the model that another stands on
NAME = re.compile(r"[\w.-]+", re.ASCII)  # of a file; none of these leads out of a folder


class Stacked(Autoencoder):
    """A model on top of another's codes, as one model of images."""

    decodes: ClassVar[bool] = False

    def __init__(self, base: Autoencoder, top: Autoencoder) -> None:
        super().__init__()
        self.below = base
        self.top = top

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the code of images (n, C, H, W), and the images."""
        code, _ = self.below(x)
        return self.top(code.flatten(1))[0], x


def describe(text: str, clusters: int | None) -> Model:
    """Return what a bundle says of a model; refuse one whose codes are in a file."""
    item: Any = find(text, clusters)
    if item.from_names:
        raise UsageError(
            f"{text} has codes for the images of its file only, so that no bundle can assign "
            "others: export a pipeline with another model"
        )
    return Model(text=text, clusters=clusters, source=keys.source(item), files=fingerprint(item))


def files_of(model: Model) -> Arrays:
    """Return the files that a model reads, as bytes by name; none where they are large."""
    paths: tuple[Path, ...] = find(model.text, model.clusters).files
    if sum(path.stat().st_size for path in paths) > MOST_FILES:
        return {}
    return {path.name: np.fromfile(path, np.uint8) for path in paths}


def build_network(contents: Contents) -> Autoencoder:
    """Build the model of a bundle, with its weights, as a model of images."""
    import torch

    manifest, weights = contents.manifest, contents.parts["weights"]
    files = contents.parts.get("files", {})
    if manifest.base is None:
        return _build(manifest.model, manifest.image_shape, weights, files)
    below = _build(manifest.base, manifest.image_shape, _under(weights), _under(files))
    with torch.inference_mode():
        code_size = below(torch.zeros(1, *manifest.image_shape))[0].numel()
    own = {name: array for name, array in weights.items() if not name.startswith(BASE)}
    return Stacked(below, _build(manifest.model, (code_size,), own, {}))


def _under(arrays: Arrays) -> Arrays:
    return {
        name.removeprefix(BASE): array for name, array in arrays.items() if name.startswith(BASE)
    }


def _build(model: Model, shape: tuple[int, ...], weights: Arrays, files: Arrays) -> Autoencoder:
    import torch

    from bench.stages.training import core

    with tempfile.TemporaryDirectory(prefix="latentgrid-") as folder:
        item: Any = read_as(lambda text: _class_of(model, text, files, Path(folder)), model.text)
        try:
            network = core.build(item, shape, seed=0)
            if not item.frozen:
                found = {name: torch.tensor(array) for name, array in weights.items()}
                network.load_state_dict(found)
        except Exception as error:  # whatever a model by somebody else raises
            raise UsageError(
                f"the weights of the bundle do not fit the model {model.text} that is installed "
                f"here: {format_error(error)}"
            ) from error
    network.eval()
    return network


def _class_of(model: Model, text: str, files: Arrays, folder: Path) -> Any:
    """Return the model's class, which reads the bundle's own files if it holds them."""
    if files:
        for name, array in files.items():
            if not NAME.fullmatch(name) or set(name) == {"."} or array.dtype != np.uint8:
                raise UsageError(f"the bundle holds a file {name!r}, which no model reads")
            (folder / name).write_bytes(array.tobytes())
        named = Named.parse(text)
        item: Any = autoencoders[named.name]
        settings = item.with_files(folder, **dict(named.parameters))
        text = str(Named(named.name, tuple(sorted(settings.items()))))
    try:
        item = find(text, model.clusters)
        found = fingerprint(item)
    except UnknownNameError:
        raise
    except ValueError as error:
        raise UsageError(f"the bundle does not hold what its model reads: {error}") from None
    if found != model.files:
        raise UsageError(
            f"the files that {model.text} reads are not those that the bundle was made with"
        )
    return item
