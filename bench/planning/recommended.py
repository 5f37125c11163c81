"""The pipelines that are recommended before anything is known of the images: docs/choosing.md.

They stand for the word ``recommended`` in lists of models and chains: those of the preset best and
of ``latentgrid sort``. Nothing of the images that are to be grouped decides between them.
"""

from __future__ import annotations

from typing import Any

from bench.base.extras import missing
from bench.planning.presets import UMAP_CHAIN
from models import autoencoders
from models.foreign import hub
from models.named import Named, needed_settings

WORD = "recommended"

# Where pretrained weights are found: one pipeline.
PRETRAINED_CHAIN = f"normalize+{UMAP_CHAIN}"
# Too few images for 64 components and 30 neighbors have this one.
FEWEST, FEW_CHAIN = 100, "normalize"
# Networks on the hub that are used where they were downloaded before, the first that is there.
HUB = (
    "facebook/dinov3-vits16-pretrain-lvd1689m",
    "facebook/dinov2-base",
    "facebook/dinov2-small",
    "google/siglip2-base-patch16-224",
    "google/siglip-base-patch16-224",
    "openai/clip-vit-base-patch32",
    "facebook/convnext-tiny-224",
    "microsoft/resnet-50",
)
# Elsewhere: what did best among those that need no weights, on three kinds of images.
MODELS = ("hand-crafted", "contrastive-hand-crafted")
CHAINS = ("pca64+tsne2", UMAP_CHAIN)


def models() -> tuple[str, ...]:
    """Return the pretrained network that is found here; else those that need no weights."""
    found = pretrained()
    return MODELS if found is None else (found,)


def chains() -> tuple[str, ...]:
    """Return the chains for `models`."""
    return CHAINS if pretrained() is None else (PRETRAINED_CHAIN,)


def pipeline(images: int) -> tuple[str, str]:
    """Return the one model and chain for so many images, where there is no time to compare."""
    chain = CHAINS[-1] if pretrained() is None else PRETRAINED_CHAIN
    return models()[0], chain if images >= FEWEST else FEW_CHAIN


def is_recommended(model: str, chain: str, pretrained: bool) -> bool:
    """Return whether a pipeline is one that is recommended here or on another machine."""
    return (pretrained or model in MODELS) and chain in (PRETRAINED_CHAIN, FEW_CHAIN, *CHAINS)


def pretrained() -> str | None:
    """Return a pretrained network whose weights are here, as users write it; None if none is.

    Models of plugins and of other packages come first, in the order of their names; then networks
    of the hub that were downloaded before.
    """
    registered = (entry.name for entry in autoencoders if _has_weights(entry.name))
    return next(registered, None) or _downloaded()


def _has_weights(name: str) -> bool:
    """Return whether a registered model brings weights of its own, all of which are here."""
    item: Any = autoencoders[name]
    if missing(item) or needed_settings(name) or getattr(item, "trains", True):
        return False
    return getattr(Named.parse(name).item(), "pretrained", None) is not None


def _downloaded() -> str | None:
    if missing(autoencoders["pretrained"]):
        return None
    name = next(filter(hub.find_downloaded, HUB), None)
    return None if name is None else str(Named.parse(f"pretrained(weights={name})"))
