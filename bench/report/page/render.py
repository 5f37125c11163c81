"""Writes the page, ``index.html``: one file that needs nothing else."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from urllib.parse import quote

import pandas as pd
from markupsafe import Markup

from bench.analysis import failures
from bench.analysis.results import PIPELINE, Results
from bench.base.files import read_text, write_text
from bench.base.naming import pipeline_name, set_name
from bench.base.progress import Progress, silent
from bench.report import choices, fresh, headline, tables
from bench.report.colors import looks, shade
from bench.report.columns import MISSING, Column, Table, words
from bench.report.inputs import Inputs
from bench.report.page import embeddings
from bench.report.templates import capital, html, to_html
from bench.stages.metrics.table import METRICS

FILE = "index.html"

_MADE_FROM = re.compile(r'<meta name="made-from" content="([0-9a-f]*)">')


def write(inputs: Inputs, progress: Progress = silent, again: bool = False) -> Path:
    """Write the page of a run on one data set; return its file.

    One that is there and current stays, unless ``again`` is true.
    """
    path = inputs.out / FILE
    key = fresh.key(inputs.results.records, inputs.dataset)
    if again or made_from(path) != key:
        write_text(path, render(inputs, key, progress))
    return path


def render(inputs: Inputs, key: str = "", progress: Progress = silent) -> str:
    """Write the page as text."""
    from bokeh.resources import Resources

    from bench.report.page.charts import draw

    results = inputs.results
    inside = embeddings.collect(inputs, progress)
    pipelines = [] if inside is None else inside.data["pipelines"]
    numbers = {tuple(each[c] for c in PIPELINE): n for n, each in enumerate(pipelines)}
    by_epoch = results.losses(inputs.store)
    score = METRICS[results.metric].title
    table = tables.page(results, [_look(numbers)] if numbers else [])
    return html(
        "page.html",
        key=key,
        dataset=inputs.dataset,
        it=headline.facts(results),
        answer=headline.answer(results),
        form=headline.form(results),
        pretrained=headline.pretrained(results),
        chance=tables.chance(results),
        table=table,
        state=failures.state,
        heat_map=to_html(_heat_map(results, numbers)) if results.has_scores else "",
        score=capital(score),
        choices=choices.facts(results, inputs.choices),
        choice_texts=choices.texts(results, inputs.choices),
        to_html=to_html,
        losses=by_epoch,
        charts=draw(
            0 if inside is None else len(inside.pictured),
            results.compared,
            by_epoch,
            score,
            results.loss_marks,
        ),
        embeddings=inside,
        data={} if inside is None else inside.data | looks(),
        bokeh=Resources(mode="inline", components=["bokeh"], log_level="error").render_js(),
    )


def write_several(results: Results, out: Path, ranks: Table | None, note: str) -> Path:
    """Write the page of a run on several data sets: ranks, if any, and links to each set's page."""
    by_set = results.by_dataset().items()
    answers = {name: [headline.advice(each), *headline.answer(each)] for name, each in by_set}
    text = html(
        "several.html",
        links={name: f"{quote(set_name(name))}/{FILE}" for name in answers},
        answers=answers,
        ranks=ranks,
        note=note,
    )
    write_text(out / FILE, text)
    return out / FILE


def made_from(path: Path) -> str | None:
    """Return the key that a page was made from; None if it is none, not there, or cut off."""
    try:
        text = read_text(path)
    except (OSError, UnicodeDecodeError):
        return None
    found = _MADE_FROM.search(text[:2000])
    return found[1] if found and text.rstrip().endswith("</html>") else None


def _look(numbers: dict[tuple[str, ...], int]) -> Column:
    """Return the column of buttons that show a pipeline's embedding."""

    def buttons(row: pd.Series) -> Markup:
        name = tuple(row[PIPELINE])
        if name not in numbers:
            return Markup(MISSING)
        both = Markup(" ").join(_button(numbers[name], side, side.upper(), name) for side in "ab")
        return Markup('<span class="both">{}</span>').format(both)

    return words("", lambda row: "", html=buttons, stays=True)


def _button(number: int, side: str, text: str, name: tuple[str, ...]) -> Markup:
    label = f"{text}: show {pipeline_name(*name)} in embedding {side.upper()}"
    return Markup(
        '<button type="button" class="look" data-side="{}" data-pipeline="{}" '
        'aria-label="{}">{}</button>'
    ).format(side, number, label, text)


def _heat_map(results: Results, numbers: dict[tuple[str, ...], int]) -> Table:
    """Return the heat map as a table; a field shows its pipeline's embedding."""
    scores, texts, _ = tables.heat_map(results)
    low, high = scores.min().min(), scores.max().max()
    pairs = results.records[PIPELINE[1:]].drop_duplicates().itertuples(index=False)

    def field(title: str, chain: str, clusterer: str, model: str) -> Markup:
        value, text = float(scores.loc[model, title]), str(texts.loc[model, title])  # type: ignore[arg-type]
        name = (model, chain, clusterer)
        shown = _button(numbers[name], "a", text, name) if name in numbers else text
        if pd.isna(value):
            return Markup("<span>{}</span>").format(shown)
        color, ink = shade(0.5 if high == low else (value - low) / (high - low))
        return Markup('<span style="background:{};color:{}">{}</span>').format(color, ink, shown)

    columns = [
        Column(title, lambda model: model, right=False, html=functools.partial(field, title, *pair))
        for title, pair in zip(scores.columns, pairs, strict=True)
    ]
    table = Table([words("", lambda model: model), *columns], list(scores.index))
    return tables.in_groups(table, results, lambda model: model)
