"""How well clusters can be told from pretrained codes. Measured after all runs, by no stage."""

from __future__ import annotations

from bench.stages.metrics.metric import Metric

METRICS = (
    Metric(
        name="generalization",
        title="generalization",
        meaning="how well a linear classifier on the codes of a network that was trained "
        "elsewhere, trained on the clusters of one half of the images, predicts those of the other "
        "half (Cohen's kappa; after Gadetsky, Jiang and Brbić 2024); on up to 2,000 images, where "
        "such a network is among the models",
        stage="cluster",
        range="0 by chance, up to 1",
        tables=("selection",),
    ),
    Metric(
        name="selection_score",
        title="selection score",
        meaning="mean of generalization and stability, with weights of 10 and 1; it ranks "
        "pipelines if no image is labeled and a network that was trained elsewhere is among the "
        "models",
        stage="cluster",
        range="0 by chance, up to 1",
        tables=("unlabeled", "selection"),
    ),
)
