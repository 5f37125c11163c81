"""Writes the page, ``index.html``: one file that needs nothing else, or a folder beside it."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd
from markupsafe import Markup

from bench.analysis import failures
from bench.analysis.results import PIPELINE, Results
from bench.base.errors import UsageError
from bench.base.files import read_text, read_toml, write_text
from bench.base.naming import pipeline_name, set_name
from bench.base.progress import Progress, silent
from bench.planning import repeat
from bench.report import choices, fresh, headline, tables
from bench.report.colors import looks, shade
from bench.report.columns import MISSING, Column, Table, words
from bench.report.inputs import Inputs
from bench.report.page import assets, charts, embeddings
from bench.report.page.assets import Assets
from bench.report.templates import capital, html, to_html
from bench.stages.metrics.table import METRICS

FILE = "index.html"
MOST_BYTES = 30_000_000  # of a page; with more, what it shows is in a folder beside it

_MADE_FROM = re.compile(r'<meta name="made-from" content="([0-9a-f]*)" data-files="([^"]*)">')


def write(inputs: Inputs, progress: Progress = silent, again: bool = False) -> Path:
    """Write the page of a run on one data set, and what it shows; return its file.

    One that is there and current stays, unless ``again`` is true.
    """
    path, folder = inputs.out / FILE, inputs.out / assets.FOLDER
    key = fresh.key(inputs.results.records, inputs.dataset, **_said(inputs))
    if not again and made_from(path) == key:
        return path
    text, files = render(inputs, key, progress)
    if files:
        assets.write(folder, files)
    write_text(path, text)
    assets.remove(folder, files)
    return path


def render(
    inputs: Inputs, key: str = "", progress: Progress = silent
) -> tuple[str, dict[str, bytes]]:
    """Write the page as text; return it with the files beside it, by their names."""
    inside = embeddings.collect(inputs, progress)
    by_epoch = inputs.results.losses(inputs.store)
    shown = Assets() if inside is None else inside.assets
    if shown.room < MOST_BYTES:
        text = _text(inputs, key, inside, by_epoch, shown.inside, {})
        if len(text.encode()) <= MOST_BYTES:
            return text, {}
    files = shown.files
    return _text(inputs, key, inside, by_epoch, {}, files), files


def _text(
    inputs: Inputs,
    key: str,
    inside: embeddings.Embeddings | None,
    by_epoch: pd.DataFrame,
    within: dict[str, str],
    files: dict[str, bytes],
) -> str:
    """Write the page with arrays and sheets ``within`` it, or in ``files``."""
    results = inputs.results
    pipelines = [] if inside is None else inside.data["pipelines"]
    numbers = {tuple(each[c] for c in PIPELINE): n for n, each in enumerate(pipelines)}
    drawn = charts.collect(results, by_epoch)
    table = tables.page(results, [_look(numbers)] if numbers else [])
    data = {} if inside is None else inside.data | looks()
    folder = f"{assets.FOLDER}/" if files else None
    return html(
        "page.html",
        key=key,
        files=[f"{name}:{len(content)}" for name, content in files.items()],
        assets={name: Markup(content) for name, content in within.items()},
        dataset=inputs.dataset,
        it=headline.facts(results),
        answer=headline.answer(results),
        form=headline.form(results),
        pretrained=headline.pretrained(results),
        chance=tables.chance(results),
        table=table,
        state=failures.state,
        heat_map=to_html(_heat_map(results, numbers)) if results.has_scores else "",
        score=capital(METRICS[results.metric].title),
        choices=choices.facts(results, inputs.choices),
        choice_texts=choices.texts(results, inputs.choices),
        to_html=to_html,
        losses=by_epoch,
        charts=drawn,
        embeddings=inside,
        data=data | {"key": key, "folder": folder, "charts": drawn} | _said(inputs),
    )


def _said(inputs: Inputs) -> dict[str, Any]:
    """Return what stands on the page beside the results: the command that made them."""
    try:
        settings = read_toml(inputs.out / "grid.toml", "settings", "there are none")
    except UsageError:
        return {"command": ""}
    return {"command": repeat.command(settings)}


def write_several(results: Results, out: Path, ranks: Table | None, note: str) -> Path:
    """Write the page of a run on several data sets: ranks, if any, and links to each set's page."""
    by_set = results.by_dataset().items()
    answers = {name: [headline.advice(each), *headline.answer(each)] for name, each in by_set}
    text = html(
        "several.html",
        links={name: f"{quote(set_name(name))}/{FILE}" for name in answers},
        answers=answers,
        ranks=ranks and to_html(ranks),
        note=note,
    )
    write_text(out / FILE, text)
    assets.remove(out / assets.FOLDER)
    return out / FILE


def made_from(path: Path) -> str | None:
    """Return the key that a page was made from.

    None if it is none, not there, cut off, or if a file beside it is missing.
    """
    try:
        text = read_text(path)
    except (OSError, UnicodeDecodeError):
        return None
    found = _MADE_FROM.search(text)
    if not found or not text.rstrip().endswith("</html>"):
        return None
    beside = [each.rpartition(":") for each in found[2].split()]
    folder = path.parent / assets.FOLDER
    whole = all(assets.is_there(folder, name, int(size)) for name, _, size in beside)
    return found[1] if whole else None


def _look(numbers: dict[tuple[str, ...], int]) -> Column:
    """Return the column of buttons that show a pipeline's embedding."""

    def buttons(row: pd.Series) -> Markup:
        name = tuple(row[PIPELINE])
        if name not in numbers:
            return Markup(MISSING)
        both = Markup(" ").join(_button(numbers[name], side, side.upper(), name) for side in "ab")
        return Markup('<span class="both">{}</span>').format(both)

    return words("", lambda row: "", html=buttons, buttons=True, stays=True)


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
