"""Files of the release before: what they called columns, models and verdicts.

They are read for one release, with a line of warning; then this file goes.
"""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import pandas as pd

from bench.base.naming import DEFAULT_CLUSTERER

CORRECTNESS = "hits.safetensors"
ARROW = " → "  # stood between a chain and its clusterer

COLUMNS = {
    "neighbours_kept": "knn_preservation",
    "label_agreement": "knn_label_purity",
    "coherence": "knn_modularity",
    "common_silhouette": "reference_silhouette",
    "agreement": "stability",
    "reported_loss": "summed_batch_mse",
    "labelled": "labeled",
    "agree_artifacts": "stability_artifacts",
} | {
    f"place_{what}": f"reference_{what}"
    for what in ("artifacts", "seconds", "warm_up_seconds", "peak_memory_mb")
}
# Of verdicts by another rule, which `report` makes again.
VERDICTS = ("behind_best", "behind_best_low", "behind_best_high", "behind_best_p", "verdict")
# The best pipeline was chosen on the public half of the images, and compared on all.
METRICS = {"public_accuracy": "accuracy"}


def warn(path: Path, what: str) -> None:
    """Warn that a file is of the release before."""
    text = f"{path} was made by the previous release ({what}): the next release will not read it"
    warnings.warn(text, FutureWarning, stacklevel=2)


def model(text: str) -> str:
    """Return a model, or a pattern of models, under its present name."""
    return re.sub(r"^((?:untrained-|contrastive-|\*)*)handmade(?![^(*])", r"\1hand-crafted", text)


def chain(text: str) -> tuple[str, str]:
    """Split a chain from the clusterer behind it."""
    alone, _, clusterer = text.partition(ARROW)
    return alone, clusterer or DEFAULT_CLUSTERER


def pattern(text: str) -> tuple[str, str]:
    """Split a pattern of chains from that of the clusterers behind them.

    A wild card at the end took in whatever clusterer followed.
    """
    alone, clusterer = chain(text)
    return alone, "*" if text.endswith("*") and ARROW not in text else clusterer


def records(found: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Return records under their present names; those of this release as they are."""
    if "behind_best_p" in found:
        found = found.drop(columns=[*VERDICTS], errors="ignore")
    if "primary_metric" in found:
        found["primary_metric"] = found["primary_metric"].replace(METRICS)
    if not set(COLUMNS) & set(found):
        return found
    warn(path, "columns such as coherence")
    found = found.rename(columns=COLUMNS)
    if {"model", "chain"} <= set(found):
        found["model"] = found["model"].astype(str).map(model)
        split = found["chain"].astype(str).map(chain)
        found["chain"], found["clusterer"] = split.str[0], split.str[1]
    return found


def threshold(table: Any) -> Any:
    """Return a threshold, as read from TOML, under the present names."""
    if not isinstance(table, dict) or "clusterer" in table:
        return table
    texts = {name: value for name, value in table.items() if isinstance(value, str)}
    changed: dict[str, Any] = {}
    if "model" in texts:
        changed["model"] = model(texts["model"])
    if "chain" in texts:
        changed["chain"], changed["clusterer"] = pattern(texts["chain"])
    return table | changed


def correctness_name(name: str) -> tuple[str, ...]:
    """Return a name of ``hits.safetensors`` as (data set,) model, chain, clusterer, seed."""
    *dataset, of_model, of_chain, seed = name.rsplit("\n", 3)
    return *dataset, model(of_model), *chain(of_chain), seed
