"""Presets: settings to start from, every one of which can be replaced."""

from __future__ import annotations

from typing import Any, NamedTuple


class Preset(NamedTuple):
    """Settings to start from; baselines are added to models and chains unless turned off."""

    summary: str  # one line
    settings: dict[str, Any]  # fields of `bench.planning.settings.GridSettings`


# The recipe of the HW5 report, section 1; presets are compared with it.
REPORT_CHAIN = "pca128+tsne2"
# Recommended for codes of most kinds, see docs/choosing.md.
UMAP_CHAIN = "pca64+umap8(min_dist=0,n_neighbors=30)"

# fmt: off
PRESETS = {
    # On photographs both of the HW5 report's models reach an R² of 0.8 in 300 steps; on digits the
    # dnn gives the mean image for the first 400 to 900.
    "quick": Preset(
        "400 patches of photographs, the HW5 report's models and baselines: takes minutes", {
        "dataset": "photos", "limit": 400,
        "models": ["pixels", "hand-crafted", "untrained-dnn", "dnn", "untrained-cnn", "cnn"],
        "reducers": ["none", REPORT_CHAIN, UMAP_CHAIN],
        "seeds": 4, "null": True, "epochs": 6, "lr": 3e-4, "batch_size": 8,
        "schedule": "warmup-cosine",
    }),
    "homework": Preset(
        "the HW5 report's recipe: Adam 1e-5, 100 epochs, batches of 64, PCA 128 to t-SNE 2", {
        "dataset": "digits", "limit": "all",
        "models": ["cnn", "dnn"],
        "reducers": [REPORT_CHAIN],
        "seeds": 3, "null": True, "epochs": 100, "lr": 1e-5, "batch_size": 64,
        "schedule": "constant",
    }),
    # docs/choosing.md says what was measured. Where no pretrained weights are found, no pipeline is
    # best everywhere; without labels, kNN modularity orders them, hardly better than chance.
    "best": Preset(
        "the recommended pipelines, pretrained if weights are found: for your own images", {
        "dataset": "digits", "limit": "all",
        "models": ["recommended"],
        "reducers": ["recommended"],
        "baselines": False, "seeds": 5, "budget": "15m",
        "epochs": 40, "lr": 1e-3, "batch_size": 128,
    }),
    # Training matters here: the dnn's codes are far better than those of fresh weights. A gate and
    # no comparison: pipelines without a threshold would only take time.
    "regression": Preset(
        "400 patches of photographs, 12 epochs of the dnn: the grid of `make regression`", {
        "dataset": "photos", "limit": 400,
        "models": ["pixels", "untrained-dnn", "dnn"],
        "reducers": ["pca8", "pca64+tsne2"],
        "baselines": False, "seeds": 5, "epochs": 12, "lr": 3e-4, "batch_size": 16,
    }),
}
# fmt: on
