"""Makes the figures, the data and the tables of docs/homework.md from the runs of `make homework`.

    python docs/homework/analyze.py build/homework     # reads the results and stores of runs
    python docs/homework/analyze.py                    # prints the tables from the committed data

RUNS has a folder of results for each run. What is made of them, three tables of data and three
figures, goes into RUNS, or into the folder that ``--to`` names.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from bench.analysis.confidence_set import Scores, confidence_set
from bench.analysis.folder import FinishedGrid, open_grid
from bench.analysis.results import Results
from bench.base.console import LoadBar
from bench.planning.presets import REPORT_CHAIN
from bench.report.colors import GRAY, INK, mark
from bench.report.paint import canvas
from bench.report.paint.images import Strip, reconstructions
from bench.report.tables import HW5, HW5_BATCHES
from bench.stages.linear import shown

HERE = Path(__file__).parent
MODELS = ["cnn", "dnn"]
RATE = 1e-5  # of the HW5 report
WHOLE = ["report", "trains"]  # the runs with all images; all others are changes of the recipe
BATCH = 64
HW5_IMAGES = 9000
# By a plain loop on data/scenes, without latentgrid: summed loss of the dnn by epoch.
PLAIN_LOOP = {1: 33.84, 10: 16.29, 20: 13.73, 30: 12.48, 50: 10.55, 70: 9.61, 90: 8.84, 100: 8.50}
PICTURES = [0, 6]  # of the ten images that reports show
COLUMNS = {
    "run": "run", "images": "images", "lr": "lr", "schedule": "schedule", "model": "model",
    "chain": "chain", "seed_index": "seed", "accuracy": "accuracy", "public_accuracy": "public",
    "private_accuracy": "private", "validation_accuracy": "validation",
    "knn_label_purity": "label_purity", "reconstruction_loss": "mse",
    "summed_batch_mse": "summed_mse", "interval_low": "interval_low",
    "interval_high": "interval_high", "behind_best": "behind", "behind_best_half": "behind_half",
    "verdict": "verdict",
}  # fmt: skip
RUN = ["run", "images", "lr", "schedule", "model", "chain", "seed"]
# Names of networks and of settings, as the table of changes has them.
CHANGED_NETWORKS = {
    "": "the report's recipe",
    "-no-tanh": "no Tanh between layers",
    "-linear-end": "no activation at the end",
    "-tanh-end": "Tanh alone at the end",
    "-leaky-end": "LeakyReLU alone at the end",
}
CHANGED_RATES = {
    (1e-4, "constant"): "learning rate 1e-4",
    (1e-3, "constant"): "learning rate 1e-3",
    (3e-4, "warmup-cosine"): "learning rate 3e-4 with warm-up and cosine",
}


# ---------------------------------------------------------------------------------------- data
def collect(grids: list[FinishedGrid]) -> pd.DataFrame:
    """Return the finished runs of all grids, a row each, with the columns of records.csv."""
    names = [grid.out.name if grid.out.name in WHOLE else "changes" for grid in grids]
    parts = [grid.records.assign(run=name) for grid, name in zip(grids, names, strict=True)]
    every = pd.concat(parts, ignore_index=True)
    every = every[every["status"] == "ok"][list(COLUMNS)].rename(columns=COLUMNS)
    return every.drop_duplicates(RUN).round(6)


def histories(grid: FinishedGrid) -> pd.DataFrame:
    """Return the summed batch MSE of the report's models by epoch: model, seed, epoch, loss."""
    rows = [
        (row["model"], row["seed_index"], epoch, round(loss, 4))
        for _, row in Results(grid.records).trained.iterrows()
        for epoch, loss in enumerate(
            grid.store.load("train", row["train_artifacts"]).values["history"], start=1
        )
    ]
    return pd.DataFrame(rows, columns=["model", "seed", "epoch", "loss"])


def first_components(grid: FinishedGrid) -> pd.DataFrame:
    """Return what the first principal component of pixels and of the dnn's codes is about.

    Of the first seed.

    Columns: model; ``share`` of the variance of codes; and the size of the component's correlation
    with an image's ``brightness``, with how much its upper half is brighter (``top``), with how
    much more blue it has than red (``blue``), and with its ``label``.
    """
    images = grid.dataset.images[: len(grid.dataset)].astype(np.float32)
    upper, lower = np.split(images, 2, axis=1)
    colors = images.mean(axis=(1, 2))
    about = {
        "brightness": images.mean(axis=(1, 2, 3)),
        "top": upper.mean(axis=(1, 2, 3)) - lower.mean(axis=(1, 2, 3)),
        "blue": colors[:, 2] - colors[:, 0],
        "label": grid.dataset.labels,
    }
    every = {"pixels": images.reshape(len(images), -1)}
    first = grid.records[grid.records["seed_index"] == 0].drop_duplicates("encode_artifacts")
    for _, row in first[first["model"].str.startswith("dnn")].iterrows():
        every[row["model"]] = grid.store.load("encode", row["encode_artifacts"]).require("train")
    rows = []
    for model, codes in every.items():
        left, sizes, _ = np.linalg.svd(codes - codes.mean(axis=0), full_matrices=False)
        found = {k: abs(np.corrcoef(left[:, 0], values)[0, 1]) for k, values in about.items()}
        share = sizes[0] ** 2 / np.square(sizes).sum()
        rows.append({"model": model, "share": share, **found})
    return pd.DataFrame(rows).round(4)


def of_recipe(records: pd.DataFrame) -> pd.DataFrame:
    """Return the runs of the report's recipe with all images."""
    return records[records["run"] == "report"]


# -------------------------------------------------------------------------------------- tables
def spread(values: pd.Series, digits: int = 3) -> str:
    """Write mean ± standard deviation over seeds."""
    mean, deviation = values.mean(), values.std(ddof=1)
    if np.isnan(mean):
        return "–"
    return f"{mean:.{digits}f}" + (f" ± {deviation:.{digits}f}" if len(values) > 1 else "")


def _table(headings: list[str], rows: list[list[str]]) -> str:
    rule = [":--", *["--:"] * (len(headings) - 1)]
    return "".join(f"| {' | '.join(row)} |\n" for row in [headings, rule, *rows])


def report_table(records: pd.DataFrame) -> str:
    """Return the HW5 report's table beside ours, the baselines last."""
    some = of_recipe(records)
    some = some[some["chain"] == REPORT_CHAIN]
    own = {name.lower(): row for name, *row in HW5}
    rows = []
    for model in [*MODELS, *[name for name in some["model"].unique() if name not in MODELS]]:
        runs = some[some["model"] == model]
        first = runs.iloc[0]
        loss, accuracy = own.get(model, (None, None))
        rows.append(
            [
                f"`{model}`",
                "" if loss is None else f"{loss / HW5_BATCHES:.4f}",
                spread(runs["mse"], 4) if model in MODELS else "",
                "" if accuracy is None else f"{accuracy:.3f}",
                spread(runs["accuracy"]),
                f"{first['interval_low']:.3f} to {first['interval_high']:.3f}",
                _verdict(first),
            ]
        )
    headings = ["model", "MSE, report", "MSE, ours", "accuracy, report", "accuracy, ours"]
    return _table([*headings, "95% interval", "verdict"], rows)


def _verdict(row: pd.Series) -> str:
    if pd.isna(row["behind"]):
        return "best"
    verdict = str(row["verdict"]).removeprefix("significantly ")
    return f"{verdict}: behind by {row['behind']:.3f} ± {row['behind_half']:.3f}"


def chains_table(records: pd.DataFrame, run: str = "report") -> str:
    """Return the accuracy of every model and chain of a run with all images."""
    some = records[records["run"] == run]
    chains = list(some["chain"].unique())
    rows = []
    for model in some["model"].unique():
        runs = [some[(some["model"] == model) & (some["chain"] == chain)] for chain in chains]
        rows.append([f"`{model}`", *[spread(each["accuracy"]) for each in runs]])
    return _table(["model", *[f"`{chain}`" for chain in chains]], rows)


def changes_table(records: pd.DataFrame) -> str:
    """Return what one change of the recipe does, with fewer images."""
    few = records[(records["run"] == "changes") & (records["chain"] == REPORT_CHAIN)]
    recipe = few[(few["lr"] == RATE) & (few["schedule"] == "constant")]
    rows = []
    for suffix, title in CHANGED_NETWORKS.items():
        rows.append([title, *_cells(recipe, suffix)])
    for (rate, schedule), title in CHANGED_RATES.items():
        some = few[(few["lr"] == rate) & (few["schedule"] == schedule)]
        rows.append([title, *_cells(some, "")])
    headings = [f"{model}, {what}" for model in MODELS for what in ("MSE", "accuracy")]
    return _table(["change", *headings], [row for row in rows if {*row[1:]} != {"–"}])


def components_table(components: pd.DataFrame) -> str:
    """Return `first_components` as a table."""
    rows = []
    titles = {f"dnn{suffix}": f"`dnn`, {title}" for suffix, title in CHANGED_NETWORKS.items()}
    for model, title in ({"pixels": "raw pixels"} | titles).items():
        for _, row in components[components["model"] == model].iterrows():
            numbers = [_number(row[name]) for name in ("brightness", "top", "blue", "label")]
            rows.append([title, f"{row['share']:.0%}", *numbers])
    return _table(
        ["codes", "share of variance", "brightness", "upper half brighter", "blue", "label"], rows
    )


def _number(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.2f}"


def _cells(records: pd.DataFrame, suffix: str) -> list[str]:
    cells = []
    for model in MODELS:
        runs = records[records["model"] == model + suffix]
        cells += [f"{runs['mse'].mean():.4f}" if len(runs) else "–", spread(runs["accuracy"])]
    return cells


# --------------------------------------------------------------------------------------- seeds
def seeds_needed(records: pd.DataFrame, over_images: bool) -> int:
    """Return how many seeds of each model would show the HW5 report's difference, 0.015.

    By the rule of `bench.analysis.confidence_set`, with 80% power, and the spread over seeds that
    the two models have here. Over images: of other images like the report's 9,000 as well, if the
    errors of both models were independent.
    """
    means = np.array([accuracy for _, _, accuracy in HW5])
    of_images = float((means * (1 - means)).sum()) / HW5_IMAGES
    scores = Scores(
        means,
        variances(records),
        seeds=np.full(2, seeds(records)),
        deterministic=np.zeros(2, bool),
        images=np.array([[0, of_images], [of_images, 0]]) if over_images else None,
        same=np.arange(2),
    )
    return int(confidence_set(scores).seeds_needed.min(where=[True, False], initial=np.inf))


def seeds(records: pd.DataFrame) -> int:
    """Return how many seeds the report's recipe ran with."""
    return int(of_recipe(records)["seed"].nunique())


def variances(records: pd.DataFrame) -> Any:
    """Return the variance over seeds of both models' accuracy, on the report's chain, (2,)."""
    some = of_recipe(records)
    some = some[some["chain"] == REPORT_CHAIN]
    return np.array([some[some["model"] == name]["accuracy"].var(ddof=1) for name in MODELS])


def by_chance(records: pd.DataFrame) -> float:
    """Return how often equal models would differ by 0.015 or more, with one seed each."""
    from scipy.stats import norm

    (_, _, one), (_, _, other) = HW5
    return float(2 * norm.sf(abs(other - one) / np.sqrt(variances(records).sum())))


# ------------------------------------------------------------------------------------- figures
def save(figure: Any, path: Path, colors: int = 64) -> None:
    """Save a figure as a small PNG; photographs need 256 colors."""
    figure.savefig(path, dpi=110, bbox_inches="tight", pad_inches=0.06)
    with Image.open(path) as image:
        small = image.convert("RGB").quantize(colors, Image.Quantize.MAXCOVERAGE)
    small.save(path, optimize=True)


def loss_figure(losses: pd.DataFrame, images: int) -> Any:
    """Paint the loss of every seed by epoch, the plain loop's and the HW5 report's."""
    batches = -(-images // BATCH)
    figure = canvas.canvas(6.6, 3.4)
    axes = figure.subplots()
    for number, model in enumerate(MODELS):
        for seed, rows in losses[losses["model"] == model].groupby("seed"):
            label = f"{model}, each seed" if seed == 0 else None
            color = mark(number).color
            axes.plot(rows["epoch"], rows["loss"] / batches, color=color, lw=0.9, label=label)
    plain = np.array([*PLAIN_LOOP.values()]) / -(-8500 // BATCH)
    axes.plot([*PLAIN_LOOP], plain, "x", color=INK, ms=5, label="dnn, a plain loop, one seed")
    for (name, loss, _), dash in zip(HW5, ("--", ":"), strict=True):
        label = f"{name.lower()} of the HW5 report, its images, at the end"
        axes.axhline(loss / HW5_BATCHES, color=GRAY, ls=dash, lw=1.1, label=label)
    axes.set_yscale("log")
    canvas.log_axis(axes.yaxis)
    axes.set(xlabel="epoch", ylabel="MSE per pixel value", xlim=(0, losses["epoch"].max() + 1))
    axes.grid(axis="y")
    axes.legend()
    return figure


def strips(grid: FinishedGrid, note: str) -> list[Strip]:
    """Return two images of a grid, as they are and as both models reconstruct them."""
    places = shown(len(grid.dataset))[PICTURES]
    found = [Strip("original", grid.dataset.images[places])]
    for model in MODELS:
        rows = grid.records[(grid.records["model"] == model) & (grid.records["seed_index"] == 0)]
        artifact = grid.store.load("encode", rows["encode_artifacts"].iloc[0])
        kept = np.searchsorted(artifact.require("pictured"), places)
        images, errors = artifact.require("reconstructions")[kept], artifact.require("errors")
        found.append(Strip(f"{model}\n{note}", images, errors[places]))
    return found


def labels_figure(grid: FinishedGrid) -> Any:
    """Paint the report's embedding of both models by label, and where k-means divides it."""
    results = Results(grid.records)
    labels = grid.dataset.labels
    assert labels is not None
    figure = canvas.canvas(6.6, 3.6, "compressed")
    for axes, model in zip(figure.subplots(1, len(MODELS)), MODELS, strict=True):
        pipeline = (model, REPORT_CHAIN, "kmeans")
        runs = results.rows(pipeline, results.done)
        row = runs[runs["seed_index"] == results.median_seed(pipeline)].iloc[0]
        points = grid.store.load("reduce", row["reduce_artifacts"].split()[-1]).require("train")
        clusters = grid.store.load("cluster", row["cluster_artifacts"]).require("train")
        order = np.random.default_rng(0).permutation(len(points))
        colors = np.array([mark(int(label)).color for label in labels])
        axes.scatter(*points[order].T, s=2, c=colors[order], lw=0, alpha=0.7)
        limits = [axes.get_xlim(), axes.get_ylim()]
        if grid.dataset.clusters == 2:
            middles = [points[clusters == each].mean(axis=0) for each in (0, 1)]
            axis = middles[1] - middles[0]
            middle, across = sum(middles) / 2, np.array([-axis[1], axis[0]])
            axes.axline(middle, middle + across, color=INK, ls="--", lw=1.3)
        axes.set(xticks=[], yticks=[], aspect="equal", xlim=limits[0], ylim=limits[1])
        axes.spines[:].set_visible(False)
        axes.set_title(f"{model}, accuracy {row['accuracy']:.3f}")
    from matplotlib.lines import Line2D

    names = [f"label {name}" for name in grid.dataset.class_names]
    keys = [Line2D([], [], color=mark(i).color, marker="o", ls="") for i in range(len(names))]
    if grid.dataset.clusters == 2:
        names.append("between the clusters of k-means")
        keys.append(Line2D([], [], color=INK, ls="--", lw=1.3))
    canvas.legend(figure, keys, names, 6)
    return figure


# ---------------------------------------------------------------------------------------- main
def make(runs: Path, to: Path) -> None:
    """Write the data and the figures of the runs in a folder."""
    with LoadBar() as progress:
        grids = [
            open_grid(each.parent, None, progress) for each in sorted(runs.glob("*/grid.toml"))
        ]
    records = collect(grids)
    records.to_csv(to / "records.csv", index=False)
    by_name = {grid.out.name: grid for grid in grids}
    report = by_name["report"]
    losses = histories(report)
    losses.to_csv(to / "losses.csv", index=False)
    first_components(by_name["changes"]).to_csv(to / "components.csv", index=False)
    pictures = strips(report, "learning rate 1e-5")
    if "trains" in by_name:
        pictures += strips(by_name["trains"], "learning rate 3e-4")[1:]
    with canvas.style():
        save(loss_figure(losses, int(of_recipe(records)["images"].max())), to / "loss.png")
        save(reconstructions(pictures), to / "reconstructions.png", colors=256)
        save(labels_figure(report), to / "labels.png")


def main() -> None:
    """Make everything of runs, if they are named; print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("runs", nargs="?", type=Path)
    parser.add_argument("--to", type=Path)
    given = parser.parse_args()
    folder = HERE
    if given.runs is not None:
        folder = given.to or given.runs
        make(given.runs, folder)
    records = pd.read_csv(folder / "records.csv")
    components = pd.read_csv(folder / "components.csv")
    print(report_table(records), chains_table(records), changes_table(records), sep="\n")
    print(components_table(components))
    if "trains" in set(records["run"]):
        print(f"With a rate that trains:\n\n{chains_table(records, 'trains')}")
    print("seeds to show 0.015 on the same images:", seeds_needed(records, over_images=False))
    print("on images like these:", seeds_needed(records, over_images=True))
    print(f"equal models differ by as much in {by_chance(records):.0%} of pairs of seeds")


if __name__ == "__main__":
    main()
