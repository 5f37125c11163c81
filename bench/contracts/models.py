"""What every registered autoencoder promises.

Here a name is one with settings, ``dnn(code=32)``, for a model that cannot be built without.
"""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from bench.base.grammar import GrammarError
from bench.contracts import Spared, require, shared, spare_unless
from bench.contracts.material import is_derived, is_documented, make_images
from bench.datasets.image_form import SIDE
from bench.stages.training import core
from bench.stages.training.probe import input_shape, probe
from models import autoencoders
from models.autoencoder import Autoencoder, ImageShape
from models.named import Named
from models.untrained import untrained_name

SHAPE: ImageShape = (3, SIDE, SIDE)
COUNT = 24
# The second for those whose first steps overshoot: a layer of 3,072 inputs may do so with Adam.
RECIPES = (core.Recipe(epochs=4, lr=1e-3, batch_size=12), core.Recipe(40, 1e-4, 12))


def parsed(name: str) -> Named:
    """Return a model with its settings, or have the check spared if it needs some."""
    try:
        return Named.parse(name)
    except GrammarError as error:
        raise Spared(str(error)) from None


def item_of(name: str) -> type[Autoencoder]:
    """Return a model's class with its settings."""
    return parsed(name).item()


def shape_of(name: str) -> ImageShape:
    """Return the shape of the images that a model is tried on: of the size that it asks for."""
    parsed(name)
    return input_shape(name, SHAPE)


def build(name: str, seed: int = 0) -> Autoencoder:
    """Build a model with the weights of a seed."""
    return core.build(item_of(name), shape_of(name), seed)


def variant_of(name: str) -> str:
    """Return the name of a model's untrained variant, or have the check spared."""
    spare_unless(item_of(name).trains, "it does not train")
    named = parsed(name)
    variant = untrained_name(named.name)
    require(variant in autoencoders, f"{variant} is missing, needed as a baseline")
    return str(Named(variant, named.parameters))


def images(name: str) -> Tensor:
    """Return the images that a model is tried on, (24, 3, H, W) uint8; codes (24, d) float32.

    Codes for one that stands on another; one whose codes are in a file has the check spared.
    """
    item = item_of(name)
    spare_unless(not item.from_names, "its codes are in a file")
    if item.base is not None:
        return torch.randn(COUNT, *shape_of(name), generator=torch.Generator().manual_seed(0))
    found = core.to_device(make_images(COUNT)[0], torch.device("cpu"))
    sides = shape_of(name)[1:]
    return functional.interpolate(found, sides) if sides != SHAPE[1:] else found


@shared(item_of)
def outputs(name: str) -> tuple[Tensor, Tensor]:
    """Return what a model makes of the images in training mode: code and reconstruction."""
    result: Any = build(name)(core.normalize(images(name)))
    pair = isinstance(result, tuple) and len(result) == 2
    require(pair, f"forward returned {_what(result)}, needed (code, reconstruction)")
    code, reconstruction = result
    for part, value in (("code", code), ("reconstruction", reconstruction)):
        require(isinstance(value, Tensor), f"its {part} is {_what(value)}, needed a tensor")
    return code.detach(), reconstruction.detach()


@shared(item_of)
def encoded(name: str) -> tuple[Tensor, float]:
    """Return the codes of the images by a model that is not trained yet, and its loss."""
    return core.encode(build(name), images(name))


@shared(item_of)
def weights(name: str) -> dict[str, Tensor]:
    """Return a model's weights by the seed 5."""
    torch.manual_seed(1)
    return build(name, 5).state_dict()


# The promises.


def check_is_an_autoencoder(name: str) -> str:
    """It is a class derived from Autoencoder."""
    return is_derived(autoencoders[parsed(name).name], Autoencoder)


def check_says_what_it_is(name: str) -> str:
    """It has a docstring of its own, and a summary."""
    summary = is_documented(autoencoders, parsed(name).name)
    require(summary, "its summary is empty")
    return summary


def check_returns_a_code(name: str) -> str:
    """Its code is finite float32, one row for each image."""
    code, _ = outputs(name)
    return _is_good(code, (COUNT, probe(name, SHAPE).code_size), "code")


def check_returns_a_reconstruction(name: str) -> str:
    """Its reconstruction is finite float32 of the images' shape."""
    _, reconstruction = outputs(name)
    return _is_good(reconstruction, (COUNT, *shape_of(name)), "reconstruction")


def check_reconstructs_within_the_range_of_images(name: str) -> str:
    """Its reconstruction stays within the images' range, -1 to 1."""
    spare_unless(item_of(name).base is None, "it reconstructs codes, which have no range")
    _, reconstruction = outputs(name)
    most = float(reconstruction.abs().max())
    require(most <= 1.001, f"its reconstruction reaches {most:.3g}, needed at most 1 either way")
    return f"at most {most:.3g} either way"


def check_codes_do_not_depend_on_company(name: str) -> str:
    """An image has the same code alone and among others."""
    together, _ = encoded(name)
    alone, _ = core.encode(build(name), images(name)[3:4])
    far = float((together[3:4] - alone).abs().max())
    same = torch.allclose(together[3:4], alone, rtol=1e-4, atol=1e-5)
    require(same, f"alone, an image's code differs by {far:.3g}; needed the same within rounding")
    return f"differs by {far:.1g}"


def check_codes_tell_images_apart(name: str) -> str:
    """Different images have different codes."""
    codes, _ = encoded(name)
    spread = float(codes.std(0).max())
    require(spread > 0, "all images have one code")
    return f"a standard deviation of up to {spread:.2g}"


def check_weights_depend_on_the_seed_alone(name: str) -> str:
    """With the same seed, it has the same weights, whatever random numbers were drawn before."""
    one = weights(name)
    torch.manual_seed(2)
    differ = _differing(one, build(name, 5).state_dict())
    require(not differ, f"{differ} differs when the model is built again with the same seed")
    return f"{len(one)} arrays are the same"


def check_says_truly_whether_it_is_deterministic(name: str) -> str:
    """It depends on the seed, unless it is declared deterministic."""
    differ = bool(_differing(weights(name), build(name, 6).state_dict()))
    said = item_of(name).deterministic
    found = "differ" if differ else "are the same"
    require(differ != said, f"deterministic is {said}, and weights of two seeds {found}")
    return f"weights of two seeds {found}, as declared"


def check_has_an_untrained_variant_if_it_trains(name: str) -> str:
    """It has an untrained variant if it trains, and none if it does not."""
    variant, trains = untrained_name(parsed(name).name), item_of(name).trains
    there = variant in autoencoders
    needed = "needed as a baseline" if trains else "though it does not train itself"
    require(there == trains, f"{variant} {'exists' if there else 'is missing'}, {needed}")
    return variant if there else "it does not train"


def check_its_variant_is_the_same_model_untrained(name: str) -> str:
    """Its untrained variant does not train, and has the same family, code size and parameters."""
    variant = variant_of(name)
    other, family = item_of(variant), parsed(name).family
    require(not other.trains, f"{variant} trains")
    require(other.family == family, f"{variant} is of family {other.family}, needed {family}")
    one, its = probe(name, SHAPE), probe(variant, SHAPE)
    require(one == its, f"{variant} has {its}, needed {one}")
    return f"code {one.code_size:,}, {one.parameters:,} parameters"


def check_its_variant_starts_from_its_weights(name: str) -> str:
    """Its untrained variant has its initial weights."""
    variant = variant_of(name)
    one, other = weights(name), build(variant, 5).state_dict()
    require(list(one) == list(other), f"{variant} has arrays {list(other)}, needed {list(one)}")
    differ = _differing(one, other)
    require(not differ, f"{differ} of {variant} differs with the same seed")
    return f"{len(one)} arrays are the same"


def check_weights_survive_saving(name: str) -> str:
    """Saved and loaded into another instance, its weights give the same codes."""
    from safetensors.torch import load_file, save_file

    model, again = build(name, 5), build(name, 6)
    with tempfile.TemporaryDirectory() as folder:
        save_file(model.state_dict(), Path(folder) / "weights")
        again.load_state_dict(load_file(Path(folder) / "weights"))
    one, other = core.encode(model, images(name))[0], core.encode(again, images(name))[0]
    require(
        torch.equal(one, other),
        "its codes differ after saving and loading: some state is in no parameter or buffer",
    )
    return f"{len(model.state_dict())} arrays hold its whole state"


def check_training_lowers_the_loss(name: str) -> str:
    """A few steps of training lower its reconstruction loss."""
    spare_unless(item_of(name).trains, "it does not train")
    spare_unless(item_of(name).decodes, "it does not decode")
    _, before = encoded(name)
    for recipe in RECIPES:
        model = build(name)
        history = core.train(model, images(name), recipe, seed=0)
        _, after = core.encode(model, images(name))
        require(
            len(history) == recipe.epochs,
            f"training ended after {len(history)} of {recipe.epochs} epochs, with a loss of "
            f"{history[-1]:.3g}",
        )
        if after < before:
            return f"{before:.3f} to {after:.3f} in {recipe.epochs} epochs"
    steps = recipe.epochs * -(-COUNT // recipe.batch_size)
    raise AssertionError(
        f"the loss went from {before:.4g} to {after:.4g} in {steps} steps, needed less"
    )


def check_random_weights_reconstruct_nothing_exactly(name: str) -> str:
    """If it does not train, its loss is above 0, unless it is deterministic (as the identity)."""
    spare_unless(not item_of(name).trains, "it trains")
    spare_unless(item_of(name).decodes, "it does not decode")
    _, loss = encoded(name)
    require(
        item_of(name).deterministic or loss > 0,
        "its loss is 0 with random weights: it reconstructs from more than the code",
    )
    return f"a loss of {loss:.3g}"


def check_works_on_one_image(name: str) -> str:
    """It works on a single image."""
    network = build(name).eval()
    with torch.inference_mode():
        code, _ = network(core.normalize(images(name)[:1]))
    require(len(code) == 1, f"one image has {len(code)} codes")
    _, loss = core.encode(network, images(name)[:1])
    require(np.isfinite(loss) or not item_of(name).decodes, f"the loss of one image is {loss}")
    return f"a loss of {loss:.3g}"


def _is_good(tensor: Tensor, shape: tuple[int, ...], what: str) -> str:
    found = tuple(tensor.shape)
    require(found == shape, f"its {what} has shape {found}, needed {shape}")
    require(tensor.dtype == torch.float32, f"its {what} is {tensor.dtype}, needed torch.float32")
    bad = int((~torch.isfinite(tensor)).sum())
    require(not bad, f"{bad} of {math.prod(shape)} numbers of its {what} are not finite")
    return "×".join(map(str, shape[1:]))


def _what(value: Any) -> str:
    size = f" of {len(value)}" if isinstance(value, tuple) else ""
    return f"{type(value).__name__}{size}"


def _differing(one: dict[str, Tensor], other: dict[str, Tensor]) -> str:
    """Return the name of the first array that differs; empty where none does."""
    return next((name for name in one if not torch.equal(one[name], other[name])), "")
