"""The model of a bundle: what is kept of it, and how it is built again."""

from __future__ import annotations

import re
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from torch import Tensor

from bench.base import keys
from bench.base.errors import UsageError, format_error
from bench.base.registry import UnknownNameError
from bench.bundle.format import MOST_FILES, Arrays, Contents, Model
from bench.bundle.transform import read_as
from bench.datasets.image_form import LARGEST
from models import autoencoders
from models.autoencoder import Autoencoder
from models.named import Named, find, fingerprint

BASE = "base."  # before the names of the weights and files of the model that another stands on
ROOM = 16_000_000  # bytes that a model may have beside what the bundle holds of it
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
    with tempfile.TemporaryDirectory(prefix="latentgrid-") as folder:
        if manifest.base is None:
            text = _with_files(manifest.model.text, files, Path(folder))
            return _build(manifest.model, text, manifest.image_shape, weights, files)
        own_files = _under(files)
        base = _with_files(manifest.base.text, own_files, Path(folder))
        below = _build(manifest.base, base, manifest.image_shape, _under(weights), own_files)
        try:
            with torch.inference_mode():
                code_size = below(torch.zeros(1, *manifest.image_shape))[0].numel()
        except Exception as error:  # whatever a model by somebody else raises
            raise UsageError(
                f"the bundle's model {base} cannot encode images: {format_error(error)}"
            ) from error
        named = Named.parse(manifest.model.text)
        settings = {k: base if v == manifest.base.text else v for k, v in named.parameters}
        own = {name: array for name, array in weights.items() if not name.startswith(BASE)}
        text = str(Named(named.name, tuple(settings.items())))
        return Stacked(below, _build(manifest.model, text, (code_size,), own, {}))


def _under(arrays: Arrays) -> Arrays:
    return {
        name.removeprefix(BASE): array for name, array in arrays.items() if name.startswith(BASE)
    }


def _build(
    model: Model, text: str, shape: tuple[int, ...], weights: Arrays, files: Arrays
) -> Autoencoder:
    """Build a model, whose text may name the bundle's own files, with its weights."""
    import torch

    from bench.stages.training import core

    item: Any = read_as(lambda text: _class_of(model, text), text)
    if len(shape) == 3 and shape[1] > (item.image_size or LARGEST):
        raise UsageError(
            f"the bundle is of images of {shape[1]}×{shape[1]} pixels, which {model.text} does not "
            f"take: allowed is up to {item.image_size or LARGEST}"
        )
    held = sum(array.nbytes for array in (*weights.values(), *files.values()))
    # Files of this machine, whose hash is in the bundle, are as large as they are.
    bounded = nullcontext() if item.frozen and not files else _bounded(4 * held + ROOM)
    try:
        with bounded:
            if not item.frozen:
                _check_weights(item, shape, weights)
            network = core.build(item, shape, seed=0)
        if not item.frozen:
            network.load_state_dict({name: torch.tensor(array) for name, array in weights.items()})
    except Exception as error:  # whatever a model by somebody else raises
        raise UsageError(
            f"the weights of the bundle do not fit the model {model.text} that is installed "
            f"here: {format_error(error)}"
        ) from error
    network.eval()
    return network


class _TooLargeError(ValueError):
    """A model has more numbers than the bundle holds of it."""


@contextmanager
def _bounded(most: int) -> Iterator[None]:
    """Stop building a model as soon as its parameters and buffers have more bytes than ``most``."""
    from torch.nn.modules import module
    from torch.nn.parameter import is_lazy

    size = 0

    def look(owner: Any, name: str, tensor: Tensor | None) -> None:
        nonlocal size
        if tensor is not None and not is_lazy(tensor):
            size += tensor.numel() * tensor.element_size()
        if size > most:
            raise _TooLargeError("its settings ask for far more numbers than the bundle holds")

    hooks = (
        module.register_module_parameter_registration_hook(look),
        module.register_module_buffer_registration_hook(look),
    )
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _check_weights(item: Any, shape: tuple[int, ...], weights: Arrays) -> None:
    """Raise `ValueError` for weights of other names, shapes or types than a model has.

    The model is built without memory for its numbers, as far as it can be.
    """
    import torch

    from bench.stages.training import core

    wanted: dict[str, Any] = {}
    with (
        suppress(RuntimeError, NotImplementedError, TypeError),
        warnings.catch_warnings(action="ignore"),  # that weights which a model reads go nowhere
        torch.device("meta"),
    ):
        wanted = core.build(item, shape, seed=0).state_dict()
    for name, tensor in wanted.items():
        array = weights.get(name)
        if array is None or array.shape != tuple(tensor.shape):
            found = "none" if array is None else f"{array.dtype} {array.shape}"
            raise ValueError(f"{name} must be {tuple(tensor.shape)}, found {found}")
        if torch.from_numpy(np.empty(0, array.dtype)).dtype != tensor.dtype:
            raise ValueError(f"{name} must be {tensor.dtype}, found {array.dtype}")


def _with_files(text: str, files: Arrays, folder: Path) -> str:
    """Write the bundle's files into a folder; return the model that reads them, as text."""
    if not files:
        return text
    for name, array in files.items():
        if not NAME.fullmatch(name) or set(name) == {"."} or array.dtype != np.uint8:
            raise UsageError(f"the bundle holds a file {name!r}, which no model reads")
        (folder / name).write_bytes(array.tobytes())
    named = read_as(Named.parse, text)
    item: Any = autoencoders[named.name]
    settings = item.with_files(folder, **dict(named.parameters))
    return str(Named(named.name, tuple(sorted(settings.items()))))


def _class_of(model: Model, text: str) -> Any:
    """Return the model's class; refuse one that reads other files than the bundle's did."""
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
