"""The first paragraph: what won, by how much, how sure, and what it cost."""

from __future__ import annotations

import pandas as pd

from bench.analysis.inference import ALIKE, WORSE, seeds_needed
from bench.analysis.results import Results
from bench.base.naming import chain_name
from bench.base.times import duration
from bench.planning.baselines import NO_MODEL, NO_REDUCTION
from bench.report.layout import count_seeds, escape
from bench.report.tables import behind, format_ci, mean_and_spread
from bench.stages.metrics.table import METRICS


def render(records: pd.DataFrame) -> str:
    """Write the paragraph."""
    undone = [(word, int((records["status"] == word).sum())) for word in ("failed", "skipped")]
    if sum(count for _, count in undone) == len(records):
        (_, failed), (_, skipped) = undone
        return f"**No cell was finished: {failed} failed, {skipped} were skipped;** see below."
    said = _labeled(records) if Results(records).labeled else _unlabeled(records)
    verbs = {"failed": "failed", "skipped": "were skipped"}
    warnings = [
        f" **{count} of {len(records)} cells {verbs[word]};** see below."
        for word, count in undone
        if count
    ]
    return said + "".join(warnings)


def answer(records: pd.DataFrame) -> str:
    """Say in one sentence of plain text which cell groups the images best, and how sure that is."""
    results = Results(records)
    best, judged, cells = results.best, results.shown, results.summary
    if best is None:
        counts = records["status"].value_counts()
        undone = [f"{count} {word}" for word, count in counts.items() if word != "ok"]
        return f"No cell can be judged: {', '.join(undone) or 'none has a score'}."
    row = results.row(best.pipeline)
    name = f"{best.model} with {chain_name(best.chain, best.clusterer)}"
    measured = f"{name} ({_measured(records, row, judged)})"
    images = f"{records.iloc[0]['images']:,} images"
    alike, worse = (int((cells["verdict"] == word).sum()) for word in (ALIKE, WORSE))
    if alike:
        others = (
            f"{alike} of {alike + worse} other cells" if alike + worse > 1 else "the other cell"
        )
        said = (
            f"No single winner on these {images}: first is {measured}, and {others} cannot be told "
            f"from it with {count_seeds(records)}{_too_few(records, alike + worse)}"
        )
    else:
        said = f"First on these {images} is {measured}; {_how_sure(records, cells, row, worse)}"
    lost = int((cells["failed"] + cells["skipped"] > 0).sum())
    return said + f"; {lost} of {len(cells)} cells failed or were skipped" * (lost > 0) + "."


def _measured(records: pd.DataFrame, row: pd.Series, judged: str) -> str:
    """Say what the first cell reached, how sure that is, and on which images."""
    title = METRICS[judged].title + " accuracy" * (judged == "validation_accuracy")
    said = f"{title} {mean_and_spread(row, judged)}"
    if pd.notna(row["interval_low"]):
        over = "seeds and images" if records.iloc[0]["independent_images"] else "seeds alone"
        said += f", 95% interval {format_ci(row)} over {over}"
    if judged == "knn_modularity":
        return f"{said}, judged without labels, which is evidence and no proof"
    if judged == "validation_accuracy":
        return f"{said}, a little too high, since the same images chose it"
    return f"{said}; {mean_and_spread(row, 'private_accuracy')} on the half that did not choose it"


def _too_few(records: pd.DataFrame, others: int) -> str:
    """Say how many seeds would do, where there are fewer."""
    needed = seeds_needed(others)
    return f" ({needed} are the least that could)" * (records["seed_index"].nunique() < needed)


def _how_sure(records: pd.DataFrame, cells: pd.DataFrame, row: pd.Series, worse: int) -> str:
    """Say how sure it is that a cell is first which none is as good as."""
    if worse:
        others = f"all {worse} other cells are" if worse > 1 else "the other cell is"
        images = " and images" * bool(records.iloc[0]["independent_images"])
        return f"{others} worse, by the same seeds{images}"
    only = "it is the only cell, and " * (len(cells) == 1)
    if pd.isna(row["interval_low"]):
        return f"{only}how far seeds move that is not known from one"
    if len(cells) == 1:
        return "it is the only cell"
    return "no two cells have all of their seeds, so that none is compared"


def _labeled(records: pd.DataFrame) -> str:
    results = Results(records)
    best, metric, cells = results.best, results.metric, results.summary
    images = f"{records.iloc[0]['images']:,} images"
    if best is None:
        return f"{images}, and no cell has an accuracy."
    row = results.row(best.pipeline)
    if metric == "public_accuracy":
        shown, chosen, ambiguity = "private_accuracy", "public half", ""
    else:
        shown, chosen = metric, "validation images"
        ambiguity = " It was chosen by the same images, so the figure is a little too high."
    done = int(row["seeds"] - row["failed"] - row["skipped"])
    parts = [
        _standing(records, cells, row),
        f"It is highest on the {chosen}, with {METRICS[shown].title} accuracy "
        f"**{mean_and_spread(row, shown)}** (mean ± standard deviation over {done} "
        f"seed{'s' * (done > 1)}, {images}).{ambiguity}",
        _by_how_much(records, cells, row),
        f"A seed of it takes {duration(row['seconds'])}, from images to clusters.",
    ]
    return " ".join(part for part in parts if part)


def _standing(records: pd.DataFrame, cells: pd.DataFrame, best: pd.Series) -> str:
    """Say who won, if anybody did, and how sure that is."""
    name = f"**{_name(best)}**"
    if pd.isna(best["interval_low"]):
        return (
            f"First of {len(cells)}: {name}. With one seed nothing is known of how far seeds "
            "move it."
        )
    alike, worse = (int((cells["verdict"] == word).sum()) for word in (ALIKE, WORSE))
    if len(cells) == 1:
        return f"The only cell: {name}."
    if not alike + worse:
        return (
            f"First of {len(cells)}: {name}. No two cells have all of their seeds, so that none is "
            "compared."
        )
    if not alike:
        return (
            f"The winner is {name}: **all {worse} other cells are worse**, by the same seeds and "
            "images."
        )
    count, needed = records["seed_index"].nunique(), seeds_needed(alike + worse)
    said = (
        f"**No single winner: {alike} of {alike + worse} other cells cannot be told** from the "
        f"first, {name}, with {count_seeds(records)}."
    )
    if count < needed:
        said += f" {needed} seeds are the least with which that number of cells could be."
    return said


def _by_how_much(records: pd.DataFrame, cells: pd.DataFrame, best: pd.Series) -> str:
    """Say how sure the best is, and how far the next cell and no method at all are."""
    if pd.isna(best["interval_low"]):
        return ""
    over = "seeds and images" if records.iloc[0]["independent_images"] else "seeds alone"
    judged = "accuracy over all images: " * Results(records).labeled
    said = [f"Its {judged}95% interval {format_ci(best)}, over {over}"]
    others = cells[cells["behind_best"].notna()]
    if len(others):
        said.append(
            f"it is ahead of the next, {_name(others.iloc[0])}, by {behind(others.iloc[0])}"
        )
    plain = others[(others["model"] == NO_MODEL) & (others["chain"] == NO_REDUCTION)]
    if len(plain) and len(others) > 1:
        said.append(f"of plain k-means on pixels by {behind(plain.iloc[0])}")
    return "; ".join(said) + "."


def _unlabeled(records: pd.DataFrame) -> str:
    labels = "without labels" if pd.isna(records.iloc[0]["largest_class"]) else "not scored"
    images = f"{records.iloc[0]['images']:,} images {labels}: no accuracy can be told."
    results = Results(records)
    best, metric, cells = results.best, results.metric, results.summary
    if best is None:
        return f"{images} Every cell's clusters are in `assignments/`."
    row = results.row(best.pipeline)
    done = int(row["seeds"] - row["failed"] - row["skipped"])
    parts = [
        f"{images} Judged by {METRICS[metric].title}, which asks for none.",
        _standing(records, cells, row),
        f"Its {METRICS[metric].title} is **{mean_and_spread(row, metric)}** (mean ± standard "
        f"deviation over {done} seed{'s' * (done > 1)}).",
        _by_how_much(records, cells, row),
        "That is evidence and no proof: docs/unlabeled.md says how far such picks are right where "
        f"labels are known. A seed of it takes {duration(row['seconds'])}, from images to "
        "clusters. Its clusters are in `assignments.csv`, every cell's in `assignments/`.",
    ]
    return " ".join(part for part in parts if part)


def _name(row: pd.Series) -> str:
    return f"{escape(row['model'])} with {escape(chain_name(row['chain'], row['clusterer']))}"
