"""The first paragraph: what won, by how much, how sure, and what it cost."""

from __future__ import annotations

import pandas as pd

from bench.baselines import NO_MODEL, NO_REDUCTION
from bench.console import duration
from bench.evidence import seeds_needed
from bench.metrics import METRICS
from bench.report.layout import count_seeds, escape
from bench.report.tables import behind, mean_and_spread, sure
from bench.summary import best_cell, judged_by, leading_metric, summary
from bench.verdicts import ALIKE, WORSE


def render(records: pd.DataFrame) -> str:
    """Write the paragraph."""
    undone = [(word, int((records["status"] == word).sum())) for word in ("failed", "skipped")]
    if sum(count for _, count in undone) == len(records):
        (_, failed), (_, skipped) = undone
        return f"**No cell was finished: {failed} failed, {skipped} were skipped;** see below."
    labelled = records["largest_class"].notna().any() and judged_by(records) != "coherence"
    said = _labelled(records) if labelled else _unlabelled(records)
    verbs = {"failed": "failed", "skipped": "were skipped"}
    warnings = [
        f" **{count} of {len(records)} cells {verbs[word]};** see below."
        for word, count in undone
        if count
    ]
    return said + "".join(warnings)


def answer(records: pd.DataFrame) -> str:
    """Say in one sentence of plain text which cell groups the images best, and how sure that is."""
    best, judged = best_cell(records), judged_by(records)
    if best is None or judged is None:
        counts = records["status"].value_counts()
        said = [f"{count} {word}" for word, count in counts.items() if word != "ok"]
        return f"No cell can be judged: {', '.join(said) or 'none has a score'}."
    cells = summary(records)
    row = _row(cells, best.model, best.chain)
    title = METRICS[judged].title + " accuracy" * (judged == "validation_accuracy")
    known = pd.notna(row["interval_low"])
    measured = f"{title} {mean_and_spread(row, judged)}"
    measured += f", 95% interval {sure(row)}" * known
    measured += ", judged without labels, which is evidence and no proof" * (judged == "coherence")
    alike, worse = (int((cells["verdict"] == word).sum()) for word in (ALIKE, WORSE))
    name, images = f"{best.model} with {best.chain}", f"{records.iloc[0]['images']:,} images"
    if alike:
        others = (
            f"{alike} of {alike + worse} other cells" if alike + worse > 1 else "the other cell"
        )
        return (
            f"No single winner on these {images}: first is {name} ({measured}), and {others} "
            f"cannot be told from it with {count_seeds(records)}."
        )
    if worse:
        others = f"all {worse} other cells are" if worse > 1 else "the other cell is"
        sure_of_it = f"{others} worse, by the same seeds and images"
    elif len(cells) == 1:
        sure_of_it = "it is the only cell"
    elif not known:
        sure_of_it = "how far seeds move that is not known from one"
    else:
        sure_of_it = "no two cells have all of their seeds, so that none is compared"
    return f"First on these {images} is {name} ({measured}); {sure_of_it}."


def _labelled(records: pd.DataFrame) -> str:
    best, metric = best_cell(records), leading_metric(records)
    images = f"{records.iloc[0]['images']:,} images"
    if best is None or metric is None:
        return f"{images}, and no cell has an accuracy."
    cells = summary(records)
    row = _row(cells, best.model, best.chain)
    if metric == "public_accuracy":
        shown, chosen, doubt = "private_accuracy", "public half", ""
    else:
        shown, chosen = metric, "validation images"
        doubt = " It was chosen by the same images, so the figure is a little too high."
    done = int(row["seeds"] - row["failed"] - row["skipped"])
    parts = [
        _standing(records, cells, row),
        f"It is highest on the {chosen}, with {METRICS[shown].title} accuracy "
        f"**{mean_and_spread(row, shown)}** (mean ± standard deviation over {done} "
        f"seed{'s' * (done > 1)}, {images}).{doubt}",
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
    judged = "" if judged_by(records) == "coherence" else "accuracy over all images: "
    said = [f"Its {judged}95% interval {sure(best)}, over {over}"]
    others = cells[cells["behind_best"].notna()]
    if len(others):
        said.append(
            f"it is ahead of the next, {_name(others.iloc[0])}, by {behind(others.iloc[0])}"
        )
    plain = others[(others["model"] == NO_MODEL) & (others["chain"] == NO_REDUCTION)]
    if len(plain) and len(others) > 1:
        said.append(f"of plain k-means on pixels by {behind(plain.iloc[0])}")
    return "; ".join(said) + "."


def _unlabelled(records: pd.DataFrame) -> str:
    labels = "without labels" if pd.isna(records.iloc[0]["largest_class"]) else "not scored"
    images = f"{records.iloc[0]['images']:,} images {labels}: no accuracy can be told."
    best, metric = best_cell(records), leading_metric(records)
    if best is None or metric is None:
        return f"{images} Every cell's clusters are in `assignments/`."
    cells = summary(records)
    row = _row(cells, best.model, best.chain)
    done = int(row["seeds"] - row["failed"] - row["skipped"])
    parts = [
        f"{images} Judged by {METRICS[metric].title}, which asks for none.",
        _standing(records, cells, row),
        f"Its {METRICS[metric].title} is **{mean_and_spread(row, metric)}** (mean ± standard "
        f"deviation over {done} seed{'s' * (done > 1)}).",
        _by_how_much(records, cells, row),
        "That is evidence and no proof: docs/unlabelled.md says how far such picks are right where "
        f"labels are known. A seed of it takes {duration(row['seconds'])}, from images to "
        "clusters. Its clusters are in `assignments.csv`, every cell's in `assignments/`.",
    ]
    return " ".join(part for part in parts if part)


def _row(cells: pd.DataFrame, model: str, chain: str) -> pd.Series:
    return cells[(cells["model"] == model) & (cells["chain"] == chain)].iloc[0]


def _name(row: pd.Series) -> str:
    return f"{escape(row['model'])} with {escape(row['chain'])}"
