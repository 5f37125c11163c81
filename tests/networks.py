"""Small networks with random weights, as transformers saves them; see `models.pretrained`."""

import json
from pathlib import Path

import pytest

SIDE = 32
TOWER = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "image_size": SIDE,
    "patch_size": 8,
}
TEXT = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "vocab_size": 60}
# Layers of a Dropout make a network differ from itself where it is not kept evaluating.
DROPOUT = {"hidden_dropout_prob": 0.5, "attention_probs_dropout_prob": 0.5}
PREPARED = {
    "do_rescale": True,
    "do_normalize": True,
    "size": {"height": SIDE, "width": SIDE},
    "image_mean": [0.4, 0.5, 0.6],
    "image_std": [0.2, 0.25, 0.3],
}


def save(folder, model, prepared=None):
    """Save a network and how it wants its images; return the folder."""
    from transformers.utils import logging

    logging.disable_progress_bar()
    model.eval().save_pretrained(folder)
    (Path(folder) / "preprocessor_config.json").write_text(json.dumps(prepared or PREPARED))
    return folder


def seeded():
    """Return transformers, or skip the test without it; random weights are those of one seed."""
    import torch

    why = "needs transformers: pip install 'latentgrid[pretrained]'"
    transformers = pytest.importorskip("transformers", reason=why)
    torch.manual_seed(0)
    return transformers


def vit(folder):
    """Save a small ViT, which has a pooler."""
    t = seeded()
    return save(folder, t.ViTModel(t.ViTConfig(**TOWER, **DROPOUT)))
