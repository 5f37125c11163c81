"""The columns of results.csv, and what each may hold.

A results.csv may come from anybody. What is read from it is of these types, so that nothing that
is made from records has to doubt them.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Annotated, Any, Literal

import pandas as pd
from pydantic import AfterValidator, BeforeValidator, Field, TypeAdapter

from bench.base.errors import UsageError
from bench.base.tables import check_column
from bench.datasets.dataset import PRIMARY_METRICS
from bench.datasets.image_form import Fit
from bench.stages import stages_of_runs
from bench.stages.metrics.table import METRICS
from bench.stages.training.schedule import Schedule

BESIDE = ("null", "resample", "linear")  # paths of tasks beside a run's own

# Columns that say which data a run was on, and the attributes of a data set that they hold.
FINGERPRINTS = {
    "dataset_fingerprint": "fingerprint",
    "validation_fingerprint": "validation_fingerprint",
    "labels_fingerprint": "labels_fingerprint",
}
NAMES = ("dataset", "preset", "model", "chain", "clusterer")
# Columns that are text, whatever it looks like.
TEXTS = dict.fromkeys(
    (
        *NAMES,
        *(f"{stage}_artifacts" for stage in (*stages_of_runs(), *BESIDE, "stability")),
        *FINGERPRINTS,
        "base_artifacts",
        *("agree_artifacts", "place_artifacts"),  # of the release before
    ),
    str,
)

MOST = 1e30  # of numbers without a range of their own: their squares can be summed
MOST_COUNT = 10**12


def _no_truth_value(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError(f"must be a number, found {value}")
    return value


def _keys(text: str) -> str:
    """Accept names of artifacts, separated by spaces; none leads out of the store."""
    if any(key.startswith(".") or "/" in key or "\\" in key for key in text.split()):
        raise ValueError("must be names of artifacts, separated by spaces")
    return text


def _numbers(value: Any) -> Any:
    """Accept finite numbers, separated by spaces."""
    try:
        finite = all(math.isfinite(float(each)) for each in str(value).split())
    except ValueError:
        finite = False
    if not finite:
        raise ValueError("must be numbers, separated by spaces")
    return value


def _assignment(text: str) -> str:
    """Accept pairs of a cluster and a label, as JSON."""
    try:
        pairs = _PAIRS.validate_python(json.loads(text))
    except (ValueError, RecursionError):
        raise ValueError("must be pairs of a cluster and a label: [[0, 1], [1, 0]]") from None
    if len({cluster for cluster, _ in pairs}) < len(pairs):
        raise ValueError("must name each cluster once")
    return text


Whole = Annotated[int, Field(ge=0, le=MOST_COUNT), BeforeValidator(_no_truth_value)]
_PAIRS = TypeAdapter(list[tuple[Whole, Whole]])

Number = Annotated[float, Field(ge=-MOST, le=MOST), BeforeValidator(_no_truth_value)]
Positive = Annotated[float, Field(ge=0, le=MOST), BeforeValidator(_no_truth_value)]
Share = Annotated[float, Field(ge=0, le=1), BeforeValidator(_no_truth_value)]
Seeds = Annotated[float, Field(ge=0), BeforeValidator(_no_truth_value)]  # infinite: no number of
Keys = Annotated[str, AfterValidator(_keys)]
Numbers = Annotated[Any, AfterValidator(_numbers)]
Assignment = Annotated[str, AfterValidator(_assignment)]
Status = Literal["ok", "failed", "skipped"]
Primary = Literal[PRIMARY_METRICS]  # type: ignore[valid-type]

# Columns that have a value in every row, where they are there.
ALWAYS: dict[str, Any] = {
    "status": Status,
    "primary_metric": Primary,
    **dict.fromkeys(NAMES, str),
    **dict.fromkeys(("seed_index", "validation_images", "base_seed"), Whole),
    **dict.fromkeys(
        ("images", "images_in_source", "clusters", "batch_size", "epochs", "threads"),
        Annotated[Whole, Field(ge=1)],
    ),
    **dict.fromkeys(("labeled", "independent_images"), bool),
}
# Columns in which a cell may be empty.
SOMETIMES: dict[str, Any] = {
    **dict.fromkeys(METRICS, Number),
    **dict.fromkeys(
        ("accuracy", "public_accuracy", "private_accuracy", "validation_accuracy"), Share
    ),
    **dict.fromkeys(("largest_class", "random_accuracy", "equivalence"), Share),
    **dict.fromkeys(("interval_low", "interval_high", "behind_best", "behind_best_half"), Number),
    **dict.fromkeys(("null_silhouette", "lr"), Number),
    **dict.fromkeys(("reconstruction_loss", "code_loss", "summed_batch_mse"), Positive),
    **dict.fromkeys(("mean_image_loss", "pca_loss"), Positive),
    "seeds_needed": Seeds,
    **dict.fromkeys(("image_size", "grid_image_size", "null_images", "images_per_seed"), Whole),
    **dict.fromkeys(("code_size", "encode_batch_size", "clusters_found", "noise"), Whole),
    "labeled_images": Whole,
    **dict.fromkeys(("subsample_images", "deterministic", "pca_exact", "equivalent"), bool),
    "fit": Fit,
    "schedule": Schedule,
    **dict.fromkeys(FINGERPRINTS, str),
    "assignment": Assignment,
    "null_silhouettes": Numbers,
}
# Columns of each stage, by the end of their names; the longer ends first.
ENDINGS: dict[str, Any] = {
    "_artifacts": Keys,
    "_link_seconds": Numbers,
    "_link_warm_up_seconds": Numbers,
    "_seconds": Positive,
    "_peak_memory_mb": Positive,
}
# What a run is named by, and no two rows share.
RUN = ("dataset", "model", "chain", "clusterer", "seed_index")


def check(found: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Return records whose columns hold what they may; columns of other names are left alone.

    Raises
    ------
    UsageError
        With row, column, what is there and what may be there.
    """
    changed = {}
    for name in map(str, found):
        kind = ALWAYS.get(name, SOMETIMES.get(name))
        if kind is None:
            kind = next((kind for end, kind in ENDINGS.items() if name.endswith(end)), None)
        if kind is not None:
            changed[name] = check_column(found[name], kind, name in ALWAYS, path)
    checked = found.assign(**changed)
    if set(RUN) <= {*checked} and checked.duplicated([*RUN]).any():
        first = checked[checked.duplicated([*RUN])].iloc[0]
        raise UsageError(
            f"{path}: two rows are of one run: {', '.join(str(first[name]) for name in RUN)}"
        )
    return checked
