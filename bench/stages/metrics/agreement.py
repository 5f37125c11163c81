"""How far pipelines find the same clusters. Compared after all of them are done, by no stage."""

from __future__ import annotations

from bench.stages.metrics.metric import Metric

METRICS = (
    Metric(
        name="consensus",
        title="consensus",
        meaning="mean adjusted mutual information of a pipeline's clusters with those of the other "
        "pipelines and the same seed: half of the weight is on other chains and clusterers of its "
        "encoder, half on other encoders; on up to 2,000 images; it depends on which pipelines "
        "are compared",
        stage="cluster",
        range="0 by chance, up to 1",
        tables=("unlabeled", "selection"),
    ),
)
