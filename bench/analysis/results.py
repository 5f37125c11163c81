"""The results of a grid: its records, summarized by pipeline, and the best of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from bench.analysis import null_draws
from bench.base.naming import pipeline_name
from bench.datasets.dataset import PRIMARY_METRICS, UNLABELED_METRICS
from bench.stages import stages
from bench.stages.metrics.table import METRICS
from bench.store import Store

# The columns that name a pipeline in every table, and their values for one.
PIPELINE = ["model", "chain", "clusterer"]
Key = tuple[str, str, str]

# What `bench.analysis.verdicts` says of a pipeline, the same in each of its records: the 95%
# interval of its score; the best pipeline's score less its own, with half of its interval; the
# verdict in words; the pipeline that struck it out, where there is no interval that shows it; how
# many seeds would tell it from the best, infinite where only more images would; whether the two are
# equivalent, and by which margin.
VERDICT_COLUMNS = (
    "interval_low",
    "interval_high",
    "behind_best",
    "behind_best_half",
    "verdict",
    "worse_than",
    "seeds_needed",
    "equivalent",
    "equivalence",
)

# Why the null reference of a pipeline or its stability is missing.
BESIDE_COLUMNS = ("null_error", "resample_error")

# What the model of a pipeline was given: the size of its images, and the training that its weights
# come from. Then the form of the grid's images.
GIVEN_COLUMNS = ("image_size", "pretrained")
FORM_COLUMNS = ("grid_image_size", "fit")

# What a model's loss is compared with: the losses of the mean image, and of PCA with as many
# components as its code has numbers; whether PCA was exact.
LINEAR_COLUMNS = ("mean_image_loss", "pca_loss", "pca_exact")

# Losses are means over pixels, and can only be compared at one size of images.
LOSSES = ("reconstruction_loss", "summed_batch_mse")


def key_of(row: pd.Series) -> Key:
    """Return the pipeline of a row of a table."""
    return str(row["model"]), str(row["chain"]), str(row["clusterer"])


@dataclass(frozen=True)
class Best:
    """The best pipeline and the seed that stands for it: its median by the primary metric."""

    pipeline: Key
    seed_index: int


class Results:
    """The records of a grid on one data set, and what is derived from them.

    Those of several data sets are taken apart by `by_dataset`. `bench.analysis.records` makes
    records, and reads them from results.csv.
    """

    def __init__(self, records: pd.DataFrame) -> None:
        self.records = records

    def by_dataset(self) -> dict[str, Results]:
        """Return the results on each data set, in the order of the records."""
        groups = self.records.groupby("dataset", sort=False)
        return {str(name): Results(group.reset_index(drop=True)) for name, group in groups}

    def by_pipeline(self) -> dict[Key, pd.DataFrame]:
        """Return the records of each pipeline, in the order of the records."""
        groups = self.records.groupby(PIPELINE, sort=False)
        return {(str(m), str(c), str(by)): rows for (m, c, by), rows in groups}

    @cached_property
    def done(self) -> pd.DataFrame:
        """The records of finished runs."""
        return self.records[self.records["status"] == "ok"]

    @cached_property
    def metric(self) -> str:
        """The primary metric, whose mean decides which pipeline is best.

        Tables, pictures and verdicts compare pipelines by it too. The data set declares it. Where
        no pipeline could assign the validation images, which alone are labeled, a score without
        labels takes its part.
        """
        declared = self.records.get("primary_metric")
        first = self._guess() if declared is None else str(declared.iloc[0])
        rest = PRIMARY_METRICS[PRIMARY_METRICS.index(first) :]
        return next((name for name in rest if self.done[name].notna().any()), first)

    def _guess(self) -> str:
        """Return the primary metric of records of the release before, which do not declare it."""
        if any(self.done[name].notna().any() for name in PRIMARY_METRICS):
            return PRIMARY_METRICS[0]
        known = {"largest_class", "labeled"} <= {*self.records}
        if not known or bool(self.records["labeled"].iloc[0]):
            return "accuracy"
        labeled = self.records["largest_class"].notna().any()
        return "validation_accuracy" if labeled else "knn_modularity"

    @property
    def labeled(self) -> bool:
        """Whether pipelines are compared by an accuracy, and not by a score without labels."""
        return self.metric not in UNLABELED_METRICS

    @property
    def subsampled(self) -> bool:
        """Whether each seed was on its own random half of the images."""
        found = self.records.get("subsample_images")
        return found is not None and bool(found.iloc[0])

    @property
    def images_per_seed(self) -> int:
        """The number of training images that a seed was on."""
        first = self.records.iloc[0]
        return int(first["images_per_seed"] if self.subsampled else first["images"])

    @property
    def over_images(self) -> bool:
        """Whether intervals cover the drawing of images as a source of its own.

        Not where images are not independent, nor where each seed has its own: then the spread
        over seeds includes that of the images. Validation images are the same in every seed.
        """
        same = not self.subsampled or self.metric == "validation_accuracy"
        return bool(self.records["independent_images"].iloc[0]) and same

    @property
    def scope(self) -> str:
        """Which images results are about, in words."""
        if self.subsampled and bool(self.records["independent_images"].iloc[0]):
            return "on images like these"
        count = int(self.records["images"].iloc[0])
        if self.partly_labeled:
            return f"on the {self.partly_labeled:,} labeled of these {count:,} images"
        return f"on these {count:,} images" if count > 1 else "on this image"

    @property
    def partly_labeled(self) -> int:
        """How many images have a label, where some have none; else 0."""
        first = self.records.iloc[0]
        count = first.get("labeled_images", first["images"])
        return int(count) if self.labeled and count < first["images"] else 0

    @property
    def has_scores(self) -> bool:
        """Whether a finished run has the primary metric."""
        return bool(self.done[self.metric].notna().any())

    @cached_property
    def summary(self) -> pd.DataFrame:
        """Each pipeline's mean and spread over seeds.

        A row a pipeline, best first, then those of which seeds failed or were skipped. Columns:
        `PIPELINE`, ``seeds``, ``failed``, ``skipped``, and for each metric ``NAME`` (mean) and
        ``NAME_std`` (sample standard deviation; missing where fewer than two results were computed
        apart: what does not depend on the seed is one result), ``clusters_found`` (least),
        ``noise`` (mean number of images in no cluster), ``seconds`` (mean time of a seed, from
        images to clusters) and the columns `VERDICT_COLUMNS`, `BESIDE_COLUMNS`, `GIVEN_COLUMNS` and
        `null_draws.OF_PIPELINES`.
        """
        records = self.records
        keys = [records[name] for name in PIPELINE]
        ok = records["status"] == "ok"
        numbers = records[list(METRICS)].apply(pd.to_numeric)
        # Measured before the scores: what failed after it must not lead.
        scores = [*UNLABELED_METRICS]
        numbers[scores] = numbers[scores].where(ok, axis=0)
        means = numbers.groupby(keys, sort=False)
        made = {
            name: records[f"{metric.stage}_artifacts"].where(numbers[name].notna())
            for name, metric in METRICS.items()
        }
        apart = pd.DataFrame(made).groupby(keys, sort=False).nunique()
        clocks = [f"{name}_seconds" for name, stage in stages().items() if stage.is_work]
        clocks.append("base_seconds")
        found = records.reindex(columns=["clusters_found", "noise", *clocks]).apply(pd.to_numeric)
        other = found[["clusters_found", "noise"]].assign(
            failed=records["status"] == "failed",
            skipped=records["status"] == "skipped",
            seconds=found[clocks].sum(axis=1, min_count=1).where(ok),
        )
        same = records.reindex(columns=[*VERDICT_COLUMNS, *BESIDE_COLUMNS, *GIVEN_COLUMNS])
        frame = pd.concat(
            [
                other.groupby(keys, sort=False).agg(
                    seeds=("failed", "size"),
                    failed=("failed", "sum"),
                    skipped=("skipped", "sum"),
                    clusters_found=("clusters_found", "min"),
                    noise=("noise", "mean"),
                    seconds=("seconds", "mean"),
                ),
                means.mean(),
                means.std(ddof=1).where(apart > 1).add_suffix("_std"),
                same.groupby(keys, sort=False).first(),
                self._null_draws,
            ],
            axis=1,
        ).reset_index()
        # Stable, the less weighty order first: best first, those without a number last; then
        # complete pipelines before the others.
        if self.has_scores:
            frame = frame.sort_values(self.metric, ascending=False, kind="stable")
        whole = (frame["failed"] == 0) & (frame["skipped"] == 0)
        complete = whole & (frame[self.metric].notna() | (not self.has_scores))
        return pd.concat([frame[complete], frame[~complete]], ignore_index=True)

    @property
    def _null_draws(self) -> pd.DataFrame:
        """The null reference of each pipeline, as `null_draws.pooled` describes it."""
        found = {name: null_draws.pooled(rows) for name, rows in self.by_pipeline().items()}
        return pd.DataFrame(
            list(found.values()), index=pd.MultiIndex.from_tuples(found, names=PIPELINE)
        )

    @cached_property
    def pretrained(self) -> dict[str, str]:
        """What each pretrained model was trained on, as it says; models in order of the records."""
        return self._given("pretrained")

    @cached_property
    def image_sizes(self) -> dict[str, int]:
        """The size of the images that each model was given, where that is known."""
        return {model: int(size) for model, size in self._given("image_size").items()}

    @cached_property
    def loss_sizes(self) -> list[int]:
        """The sizes of images at which there are losses, smallest first."""
        of_loss = self.records[self.records[list(LOSSES)].notna().any(axis=1)]
        return sorted({self.image_sizes[m] for m in of_loss["model"] if m in self.image_sizes})

    def _given(self, column: str) -> dict[str, Any]:
        found = self.records.reindex(columns=["model", column]).dropna().drop_duplicates("model")
        found = found[found[column] != ""]
        return dict(zip(found["model"], found[column], strict=True))

    @cached_property
    def best(self) -> Best | None:
        """The pipeline with the highest mean of the primary metric; None if none has one.

        A pipeline of which seeds failed or were skipped comes after all others, since it was not
        measured with the same seeds.
        """
        if not self.has_scores:
            return None
        first = key_of(self.summary.iloc[0])
        return Best(first, self.median_seed(first))

    def median_seed(self, pipeline: Key) -> int:
        """Return a pipeline's seed with the (lower) median of the primary metric.

        The first finished one where none has a score.
        """
        done = self.rows(pipeline, self.done).sort_values([self.metric, "seed_index"])
        scored = done[done[self.metric].notna()]
        if scored.empty:
            return int(done["seed_index"].min())
        return int(scored["seed_index"].iloc[(len(scored) - 1) // 2])

    def rows(self, pipeline: Key, among: pd.DataFrame | None = None) -> pd.DataFrame:
        """Return the records of a pipeline, or its rows of another table."""
        table = self.records if among is None else among
        return table[(table[PIPELINE] == list(pipeline)).all(axis=1)]

    def row(self, pipeline: Key) -> pd.Series:
        """Return the summary of a pipeline."""
        return self.rows(pipeline, self.summary).iloc[0]

    @cached_property
    def compared(self) -> pd.DataFrame:
        """The pipelines that have a score, best first, as pictures draw them.

        Columns: `PIPELINE`, ``name``, ``mean``, ``seconds``, and ``front``: no other pipeline is
        ahead in mean and seconds.
        """
        if not self.has_scores:
            return pd.DataFrame()
        table = self.summary.dropna(subset=self.metric)
        means, seconds = table[self.metric].to_numpy(float), table["seconds"].to_numpy(float)
        ahead = [
            bool((((means > m) & (seconds <= s)) | ((means >= m) & (seconds < s))).any())
            for m, s in zip(means, seconds, strict=True)
        ]
        return table[PIPELINE].assign(
            name=[pipeline_name(*row) for row in table[PIPELINE].itertuples(index=False)],
            mean=means,
            seconds=seconds,
            front=~np.array(ahead, dtype=bool),
        )

    @property
    def trained(self) -> pd.DataFrame:
        """A record for each training whose loss can be compared."""
        comparable = self.records["summed_batch_mse"].notna()
        return self.records[comparable].drop_duplicates("train_artifacts")

    def losses(self, store: Store) -> pd.DataFrame:
        """Return the training loss by epoch: the mean squared error per pixel value, in [-1, 1].

        It is the summed batch MSE divided by the number of batches. A row an epoch and model, with
        the columns ``images`` (their size in words; empty where all losses are of one size),
        ``model``, ``epoch``, and over seeds ``mean``, ``low`` (least) and ``high`` (greatest).
        """
        lines: list[tuple[str, str, int, float]] = []
        for _, row in self.trained.iterrows():
            history = store.load("train", row["train_artifacts"]).values["history"]
            batches = -(-self.images_per_seed // int(row["batch_size"]))
            images = self.size_in_words(row["model"])
            lines += [
                (images, row["model"], epoch, loss / batches)
                for epoch, loss in enumerate(history, start=1)
            ]
        frame = pd.DataFrame(lines, columns=["images", "model", "epoch", "loss"])
        groups = frame.groupby(["images", "model", "epoch"], sort=False)["loss"]
        return groups.agg(mean="mean", low="min", high="max").reset_index()

    @property
    def loss_marks(self) -> pd.DataFrame:
        """What training losses are compared with: ``images``, ``name`` and ``loss``.

        For each size of images the mean image, then PCA for each number of components where its
        loss is above 0 to five digits; means over seeds.
        """
        rows = self.trained.reindex(columns=["model", "code_size", *LINEAR_COLUMNS])
        rows = rows[rows["mean_image_loss"].notna()]
        rows = rows.assign(images=[self.size_in_words(model) for model in rows["model"]])
        found: list[tuple[str, str, float]] = []
        for images, some in rows.groupby("images", sort=False):
            found.append((str(images), "mean image", float(some["mean_image_loss"].mean())))
            for size, loss in some.groupby("code_size")["pca_loss"].mean().items():
                if round(loss, 5) > 0:
                    found.append((str(images), f"PCA, {size:,.0f} components", loss))
        return pd.DataFrame(found, columns=["images", "name", "loss"])

    def size_in_words(self, model: str) -> str:
        """Return the size of a model's images, ``32×32``; empty where all losses are of one."""
        size = self.image_sizes.get(model)
        return f"{size}×{size}" if size and len(self.loss_sizes) > 1 else ""
