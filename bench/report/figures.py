"""Figures of a grid, drawn from records and artifacts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pandas as pd
from PIL import Image

from bench.analysis.results import PIPELINE, VERDICT_COLUMNS, Results
from bench.analysis.suggest import choose, leading
from bench.base.files import regular, write_whole
from bench.base.naming import chain_name
from bench.datasets.dataset import PRIMARY_METRICS, Dataset
from bench.planning.places import FIGURES
from bench.report import fresh
from bench.report.inputs import Inputs
from bench.report.paint import canvas, curves, embeddings, images, scores
from bench.report.tables import CHANCE, chance, heat_map, missing
from bench.stages.linear import shown
from bench.stages.metrics.table import METRICS
from models.untrained import untrained_name

DPI = 150
FOLDER = FIGURES
MOST_PCA = 3  # rows of reconstructions by PCA

Painter = Callable[[], Any]


@dataclass(frozen=True)
class Figure:
    """A figure that was written; ``prose/pictures.md`` has the captions by kind."""

    path: Path
    kind: str
    facts: dict[str, Any] = field(default_factory=dict)  # what its caption says of it

    @property
    def link(self) -> str:
        """Its address in results.md."""
        return f"{FOLDER}/{quote(self.path.name)}"


def draw_all(inputs: Inputs) -> list[Figure]:
    """Draw every figure that the records allow; those that are current stay."""
    folder = inputs.out / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    return [each for kind, draw in KINDS.items() for each in draw(inputs, folder / f"{kind}.png")]


def _draw(
    path: Path, painter: Painter, rows: pd.DataFrame, dataset: Dataset | None = None, **more: Any
) -> None:
    """Paint a figure of some rows unless the file there is current."""
    key = fresh.key(rows, dataset, **more)
    if _made_from(path) == key:
        return
    with canvas.style():
        figure = painter()
        write_whole(
            path,
            lambda draft: figure.savefig(
                draft, dpi=DPI, bbox_inches="tight", pad_inches=0.06, metadata={"Comment": key}
            ),
        )


def _made_from(path: Path) -> str | None:
    """Return the key that a figure was drawn from; None if it is none."""
    try:
        with Image.open(regular(path)) as image:
            return image.info.get("Comment")
    except OSError:
        return None


def _reconstructions(inputs: Inputs, path: Path) -> Iterator[Figure]:
    rows = _decoded(inputs)
    if rows.empty:
        return
    columns = ["model", "encode_artifacts", "reconstruction_loss", "dataset_fingerprint"]
    columns += ["image_size", "linear_artifacts", "pca_loss"]
    drawn = rows.reindex(columns=columns)
    nothing = _learned_nothing(inputs)
    by_pca = list(_by_pca(inputs, rows))
    _draw(
        path,
        lambda: images.reconstructions(_strips(inputs, rows, nothing, by_pca)),
        drawn.assign(nothing=drawn["model"].isin(nothing)),
    )
    facts = {"subsampled": inputs.results.subsampled, "pca": bool(by_pca)}
    yield Figure(path, "reconstructions", facts)


def _decoded(inputs: Inputs) -> pd.DataFrame:
    """Return a record for each trained model that decodes images, at its seed of median loss.

    Where seeds have their own images, all are at the same seed.
    """
    results, store = inputs.results, inputs.store
    known = results.records[results.records["reconstruction_loss"].notna()]
    if results.subsampled and len(known):
        known = known[known["seed_index"] == known["seed_index"].mode()[0]]
    found = []
    for _, rows in known.groupby("model", sort=False):
        once = rows.drop_duplicates("encode_artifacts").sort_values("reconstruction_loss")
        row = once.iloc[(len(once) - 1) // 2]
        if store.load("train", row["train_artifacts"]).values["history"]:
            found.append(row)
    return pd.DataFrame(found, columns=known.columns)


def _learned_nothing(inputs: Inputs) -> list[str]:
    """Return the trained models that explain next to nothing of the images."""
    return [each.model for each in inputs.choices.reconstructions if each.learned_nothing]


def _strips(
    inputs: Inputs, rows: pd.DataFrame, nothing: list[str], by_pca: list[images.Strip]
) -> list[images.Strip]:
    """Return the original images, their reconstructions by PCA, and those by each model."""
    store, seed = inputs.store, int(rows["seed_index"].iloc[0])
    dataset = inputs.dataset.of_seed(seed)
    indices = shown(len(dataset))
    strips = [images.Strip("original", dataset.images[indices]), *by_pca]
    for _, row in rows.iterrows():
        artifact = store.load("encode", row["encode_artifacts"])
        places = np.searchsorted(artifact.require("pictured"), indices)
        size = inputs.results.size_in_words(row["model"])
        title = [canvas.wrapped(row["model"], 22), size]
        title += ["learned nothing" * (row["model"] in nothing)]
        title += [f"MSE {row['reconstruction_loss']:.4f}"]
        strips.append(
            images.Strip(
                "\n".join(filter(None, title)),
                artifact.require("reconstructions")[places],
                artifact.require("errors")[indices],
            )
        )
    return strips


def _by_pca(inputs: Inputs, rows: pd.DataFrame) -> Iterator[images.Strip]:
    """Return reconstructions by PCA, with as many components as codes have numbers.

    With as many components as images less one, or more, PCA is exact, and has one row.
    """
    count = len(inputs.dataset.of_seed(int(rows["seed_index"].iloc[0])))
    rows = rows[rows["linear_artifacts"].fillna("").ne("")]
    sizes = [inputs.results.size_in_words(model) for model in rows["model"]]
    rows = rows.assign(components=rows["code_size"].astype(int).clip(upper=count - 1), size=sizes)
    rows = rows.drop_duplicates(["components", "size"]).sort_values(["components", "size"])
    # The fewest, the most, and one between.
    kept = np.unique(np.linspace(0, len(rows) - 1, min(MOST_PCA, len(rows))).astype(int))
    for _, row in rows.iloc[kept].iterrows():
        artifact = inputs.store.load("linear", row["linear_artifacts"])
        pictured = artifact.array("pictured")
        if pictured is None or not np.array_equal(pictured, shown(count)):
            continue  # of an earlier release, which kept none
        title = [f"PCA, {row['components']:,}", "components", row["size"]]
        title += [f"MSE {row['pca_loss']:.4f}"]
        yield images.Strip(
            "\n".join(filter(None, title)),
            artifact.require("reconstructions"),
            artifact.require("pca_errors"),
        )


def _heat_map(inputs: Inputs, path: Path) -> Iterator[Figure]:
    results = inputs.results
    if not results.has_scores:
        return
    values, texts, spreads = heat_map(results)
    path = path.with_stem(results.metric)
    rows = pd.concat([each.reset_index() for each in (values, texts, spreads)], axis=1)
    _draw(path, partial(scores.heat_map, values, texts, spreads), rows)
    yield Figure(path, "scores")


def _differences(inputs: Inputs, path: Path) -> Iterator[Figure]:
    """Draw each pipeline's difference to the best, or the means where these have no intervals."""
    results = inputs.results
    if len(results.compared) < 2:
        return
    rows, title, largest = results.summary, METRICS[results.metric].title, chance(results)
    means = rows[results.metric].astype(float)
    compared = bool(rows["behind_best_half"].notna().any())
    if compared:
        values = means - means.iloc[0]
        lines = {scores.THE_BEST: 0.0} | ({} if largest is None else {CHANCE: largest - means[0]})
        label = f"{title} minus that of the best pipeline, with its simultaneous 95% interval"
    else:
        values, label = means, _mean_of(results)
        lines = {} if largest is None else {CHANCE: largest}
    chains = [chain_name(*row) for row in rows[PIPELINE[1:]].itertuples(index=False)]
    table = pd.DataFrame(
        {
            "model": rows["model"],
            "chain": chains,
            "value": values,
            "half": rows["behind_best_half"].astype(float),
            "verdict": rows["verdict"].fillna(scores.UNFINISHED),
            "text": [missing(row) for _, row in rows.iterrows()],
        }
    )
    _draw(path, partial(scores.by_chain, table, label, lines), table, lines=lines)
    yield Figure(path, "differences", {"compared": compared})


def _mean_of(results: Results) -> str:
    """Name what stands for a pipeline: its mean, or its only score."""
    title = METRICS[results.metric].title
    return f"mean {title}" if results.records["seed_index"].nunique() > 1 else title


def _against_time(inputs: Inputs, path: Path) -> Iterator[Figure]:
    results = inputs.results
    table = results.compared
    if table.empty:
        return
    drawn = table[["name", "mean", "seconds", "front"]]
    _draw(path, partial(scores.against_time, drawn, _mean_of(results)), drawn)
    yield Figure(path, "time")


def _embeddings(inputs: Inputs, path: Path) -> Iterator[Figure]:
    results, dataset = inputs.results, inputs.dataset
    models, left_out = _embedded_models(inputs)
    drawn: list[tuple[embeddings.Embedding, pd.DataFrame]] = []
    seen: set[tuple[str, str]] = set()
    columns = [name for name in results.records if name not in VERDICT_COLUMNS]
    for pipeline in results.by_pipeline():
        runs = results.rows(pipeline, results.done)
        if runs.empty or pipeline[0] not in models:
            continue
        row = runs[runs["seed_index"] == results.median_seed(pipeline)]
        found = _embedding(inputs, row.iloc[0])
        # Colored by label, the embedding of another clusterer is the same.
        if found is None or (found.by != "cluster" and pipeline[:2] in seen):
            continue
        seen.add(pipeline[:2])
        drawn.append((found, row[columns]))
    if not drawn:
        return
    every = [found for found, _ in drawn]
    _draw(path, partial(embeddings.panel, every), pd.concat([row for _, row in drawn]), dataset)
    by = " or ".join(dict.fromkeys(found.by for found in every))
    named = any(len(found.names) <= embeddings.NAMED for found in every)
    facts = {"by": by, "left_out": left_out, "named": named}
    facts["in_full"] = embeddings.written_otherwise(max((e.names for e in every), key=len))
    yield Figure(path, "embeddings", facts)


def _embedded_models(inputs: Inputs) -> tuple[list[str], dict[str, list[str]]]:
    """Return the models whose embeddings are shown, and others by the reason why they are not.

    If all models that are left were untrained variants, or learned nothing, those are shown.
    """
    results = inputs.results
    every, finished = (list(dict.fromkeys(t["model"])) for t in (results.records, results.done))
    untrained = {untrained_name(model) for model in every}
    learned_nothing = _learned_nothing(inputs)
    groups: dict[str, list[str]] = {"shown": [], "untrained": [], "nothing": []}
    for model in finished:
        nothing = model in learned_nothing
        kind = "nothing" if nothing else "untrained" if model in untrained else "shown"
        groups[kind].append(model)
    kind = next((kind for kind, some in groups.items() if some), "shown")
    models = groups.pop(kind)
    failed = [model for model in every if model not in finished]
    groups.pop("shown", None)
    return models, {kind: some for kind, some in (groups | {"failed": failed}).items() if some}


def _embedding(inputs: Inputs, record: pd.Series) -> embeddings.Embedding | None:
    """Read a record's embedding; None where it does not have two dimensions."""
    results, store = inputs.results, inputs.store
    dataset = inputs.dataset.of_seed(int(record["seed_index"]))
    embedding = store.load("reduce", record["reduce_artifacts"].split()[-1])
    points = embedding.require("train")
    if points.shape[1] != 2:
        return None
    held_out = embedding.array("validation")
    by, names = "label", dataset.class_names
    if dataset.labels is not None:
        groups = dataset.labels
    elif dataset.validation_labels is not None and held_out is not None:
        points, groups, by = held_out, dataset.validation_labels, "label, validation images"
    else:
        groups = store.load("cluster", record["cluster_artifacts"]).require("train")
        # A clusterer may find another number, and leave images in none.
        count = max(dataset.clusters, int(groups.max()) + 1)
        by, names = "cluster", tuple(str(i) for i in range(count))
    subtitle = ""
    if results.labeled and pd.notna(record[results.metric]):
        subtitle = f"{METRICS[results.metric].title} {record[results.metric]:.3f}"
    if dataset.labels is None and dataset.validation_labels is not None:
        subtitle += f"\nby {by}"
    return embeddings.Embedding(tuple(record[PIPELINE]), points, groups, names, by, subtitle)


def _losses(inputs: Inputs, path: Path) -> Iterator[Figure]:
    results, store = inputs.results, inputs.store
    if results.trained.empty:
        return
    columns = ["model", "train_artifacts", "image_size", "mean_image_loss", "pca_loss"]
    marks = results.loss_marks
    made_from = results.trained.reindex(columns=columns)
    _draw(path, lambda: curves.losses(results.losses(store), marks), made_from)
    yield Figure(
        path, "loss", {"marks": len(marks) > 0, "pca": len(marks) > marks["images"].nunique()}
    )


def _curve(inputs: Inputs, path: Path) -> Iterator[Figure]:
    curve = inputs.curve
    if curve is None:
        return
    _draw(path, lambda: curves.curve(leading(curve), choose(curve)), curve)
    yield Figure(path, "clusters")


# What draws each kind of figure, in the order of the report. A figure's file is named after its
# kind, but scores after their metric.
KINDS = {
    "differences": _differences,
    "scores": _heat_map,
    "time": _against_time,
    "embeddings": _embeddings,
    "reconstructions": _reconstructions,
    "loss": _losses,
    "clusters": _curve,
}
# The files of all figures, also under their names of releases before.
FILES = tuple(
    f"{FOLDER}/{name}.png"
    for name in (
        *(*KINDS, *PRIMARY_METRICS, "intervals", "embedding-*"),
        *("kNN modularity", "planes", "plane-*"),
    )
)
