"""The first sentences: which pipeline is best, by how much, how certain that is, what it costs."""

from __future__ import annotations

from typing import Any

import pandas as pd

from bench.analysis import failures
from bench.analysis.results import PIPELINE, Results
from bench.analysis.selection import track_record
from bench.analysis.verdicts import BEST, GROUP, NOT_TESTED, STEP_DOWN, STRUCK_OUT
from bench.base.errors import count
from bench.base.naming import DEFAULT_CLUSTERER
from bench.planning.baselines import NO_MODEL, NO_REDUCTION
from bench.planning.recommended import is_recommended
from bench.report import tables
from bench.report.templates import paragraphs, title
from models import autoencoders
from models.named import Named
from models.untrained import untrained_name
from reducers.chain import chain_in_words

MOST_WORDS = 15  # of the advice, which is the title of the page


def render(results: Results) -> str:
    """Write the first paragraphs of results.md: the answer with advice, then what it rests on."""
    found = facts(results)
    parts = (paragraphs("headline.md", name, found) for name in ("answer_in_bold", "basis"))
    return "\n\n".join(" ".join(part) for part in parts if part)


def advice(results: Results) -> str:
    """Say in one plain sentence what to use; empty where no pipeline has a score."""
    return str(facts(results)["advice"])


def _advice(found: dict[str, Any]) -> str:
    """Write the advice; what follows a semicolon only if all has at most `MOST_WORDS` words."""
    said = " ".join(paragraphs("headline.md", "advice", found))
    return said if len(said.split()) <= MOST_WORDS else f"{said.split(';')[0].rstrip('.')}."


def answer(results: Results) -> list[str]:
    """Say which pipelines may be best, and how good the first is, a paragraph a sentence."""
    return paragraphs("headline.md", "answer", facts(results), str)


def form(results: Results) -> str:
    """Say how many images there are, and what form they were brought to."""
    return " ".join(paragraphs("images.md", "form", facts(results), str))


def pretrained(results: Results) -> str:
    """Say what pretrained models were trained on; empty where there are none."""
    return " ".join(paragraphs("images.md", "pretrained", facts(results), str))


def notes(results: Results) -> list[str]:
    """Return what the terminal says below the table of pipelines."""
    return paragraphs("headline.md", "notes", facts(results), str)


def facts(results: Results) -> dict[str, Any]:
    """Return what templates read of the results on one data set, under the name ``it``."""
    records, rows = results.records, results.summary
    others = rows[rows["behind_best"].notna()]
    unaided, known = _unaided(results), rows["model"].isin(results.pretrained)
    if unaided is not None:  # which has a sentence of its own
        others = others.drop(index=unaided.name, errors="ignore")
    pixels = others[(others[PIPELINE] == [NO_MODEL, NO_REDUCTION, DEFAULT_CLUSTERER]).all(axis=1)]
    found = {
        "results": results,
        "first": records.iloc[0].to_dict(),
        "rows": rows,
        "best": None if results.best is None else results.row(results.best.pipeline),
        "next": None if others.empty else others.iloc[0],
        "pixels": None if pixels.empty or pixels.index[0] == others.index[0] else pixels.iloc[0],
        "unaided": unaided,
        "unaided_worse": unaided is not None and _all_worse(rows, ~known),
        "words": None if results.best is None else _in_words(*results.best.pipeline),
        "training": _training(results),
        "group": int(rows["verdict"].isin((BEST, GROUP)).sum()),
        "worse": int(rows["verdict"].isin(STRUCK_OUT).sum()),
        "stepped": bool((rows["verdict"] == STEP_DOWN).any()),
        "untested": int((rows["verdict"] == NOT_TESTED).sum()),
        "equivalent": int((rows["equivalent"] == True).sum()),  # noqa: E712
        "title": title(results.metric) + " accuracy" * (results.metric == "validation_accuracy"),
        "over": over(results),
        "seeds": records["seed_index"].nunique(),
        "record": track_record(results),
        "runs": len(records),
        **_given(results),
        **_against_largest(results),
    } | failures.counts(records)
    return found | {"advice": _advice(found)}


def _unaided(results: Results) -> pd.Series | None:
    """Return the best pipeline that is not pretrained, where the best of all is."""
    if results.best is None or results.best.pipeline[0] not in results.pretrained:
        return None
    rows = results.summary
    found = rows[~rows["model"].isin(results.pretrained) & rows[results.metric].notna()]
    return None if found.empty else found.iloc[0]


def _all_worse(rows: pd.DataFrame, which: pd.Series) -> bool:
    """Return whether all of some pipelines are significantly worse than the best."""
    return bool(rows[which]["verdict"].isin(STRUCK_OUT).all())


def _in_words(model: str, chain: str, clusterer: str) -> str:
    """Return a pipeline as people say it: ``pixels with PCA 128 and t-SNE``."""
    reduced = "without reduction" if chain == NO_REDUCTION else f"with {chain_in_words(chain)}"
    by = clusterer.partition("(")[0]
    return f"{model} {reduced}" + f" and {by}" * (clusterer != DEFAULT_CLUSTERER)


def _training(results: Results) -> str:
    """Return what the verdicts show of training, where models stand beside untrained ones.

    Returns
    -------
    str
        ``helps``: the best is trained, and its untrained variant is significantly worse;
        ``unclear``: the best is trained; ``hurts``: the best is not, and all that are trained are
        significantly worse; ``nothing``: they are that or equivalent; ``as good``: the best is
        not, and some that are trained may be the best; ``other``: else; empty where nothing was
        compared.
    """
    rows = results.summary
    trained = rows["model"].map(untrained_name).isin(rows["model"])
    if results.best is None or not trained.any() or rows["verdict"].isna().all():
        return ""
    if trained.iloc[0]:
        own = rows["model"] == untrained_name(rows["model"].iloc[0])
        return "helps" if _all_worse(rows, own) else "unclear"
    untrained = rows["model"].isin(rows["model"][trained].map(untrained_name))
    # Others may be trained as well, without a variant here that shows it.
    known = trained | untrained | (rows["model"] == NO_MODEL) | ~_may_train(rows["model"])
    if known.all() and _all_worse(rows, trained):
        return "hurts"
    ended = rows["verdict"].isin(STRUCK_OUT) | (rows["equivalent"] == True)  # noqa: E712
    if known.all() and ended[trained].all():
        return "nothing"
    return "as good" if (rows["verdict"][trained] == GROUP).any() else "other"


def _may_train(models: pd.Series) -> pd.Series:
    """Return whether each model trains, or is not known here, as one of a plugin."""

    def trains(text: str) -> bool:
        try:
            return bool(getattr(autoencoders[Named.parse(text).name], "trains", True))
        except ValueError:
            return True

    return models.map(trains)


def _given(results: Results) -> dict[str, Any]:
    """Return models by the size of their images, where it is not the grid's, and by training."""
    own_sizes: dict[int, list[str]] = {}
    for model, size in results.image_sizes.items():
        if size != results.records.iloc[0].get("grid_image_size"):
            own_sizes.setdefault(size, []).append(model)
    trained_on: dict[str, list[str]] = {}
    for model, text in results.pretrained.items():
        trained_on.setdefault(text, []).append(model)
    return {"own_sizes": own_sizes, "pretrained": trained_on, "fixed": _is_fixed(results)}


def _is_fixed(results: Results) -> bool:
    """Return whether all pipelines were recommended before anything was known of the images."""
    pairs = zip(results.records["model"], results.records["chain"], strict=True)
    return results.records.iloc[0]["preset"] == "best" and all(
        is_recommended(model, chain, model in results.pretrained) for model, chain in pairs
    )


def _against_largest(results: Results) -> dict[str, Any]:
    """Compare pipelines with always naming the largest class.

    Returns
    -------
    dict
        ``largest``, the accuracy of that; ``above``, how many pipelines have a higher one;
        ``clearly_above``, how many with their whole interval; ``floor``, the larger of ``largest``
        and the mean accuracy of random clusters; ``at_chance``, whether the best is not above
        that, or its interval includes it.
    """
    largest = tables.chance(results)
    if largest is None or results.best is None:
        return {"largest": None, "above": 0, "clearly_above": 0, "floor": 0, "at_chance": False}
    random = results.records.iloc[0].get("random_accuracy")
    floor = largest if random is None or pd.isna(random) else max(largest, float(random))
    rows = results.summary
    above = rows[results.metric].astype(float) > largest
    low = rows["interval_low"].astype(float)
    return {
        "largest": largest,
        "above": int(above.sum()),
        "clearly_above": int((above & (low > largest)).sum()),
        "floor": floor,
        "at_chance": rows[results.metric].iloc[0] <= floor or bool(low.iloc[0] <= floor),
    }


def count_seeds(results: Results) -> str:
    """Write how many seeds there are."""
    return count(results.records["seed_index"].nunique(), "seed")


def over(results: Results) -> str:
    """Say which variation the intervals cover."""
    if results.over_images:
        return "seeds and images"
    return "seeds, each with its own images" if results.subsampled else "seeds, not images"
