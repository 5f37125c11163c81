"""Text from templates: the prose of reports in ``prose``, the parts of the page in ``page/parts``.

What a reader reads stands there; Python gives numbers and tables.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from bench.analysis import learned
from bench.analysis.ranks import FEWEST, least_p
from bench.analysis.results import PIPELINE
from bench.analysis.selection import DEFAULT
from bench.analysis.verdicts import BEST, GROUP, STEP_DOWN, WORSE
from bench.base.errors import count
from bench.base.naming import pipeline_name
from bench.base.times import duration
from bench.report import tables
from bench.report.columns import TEX, Table, escape, escape_tex, to_markdown
from bench.report.terms import marked, terms
from bench.stages import null
from bench.stages.metrics.table import METRICS


def title(metric: str) -> str:
    """Return the title of a metric."""
    return METRICS[metric].title


def percent(share: float) -> str:
    """Write a share: ``71%``, and ``0.4%`` below one in a hundred."""
    return f"{share:.1%}" if 0.0005 <= share < 0.01 else f"{share:.0%}"


def capital(text: str) -> str:
    """Return a title with a capital, unless it has one, as kNN has."""
    return text[:1].upper() + text[1:] if text.islower() else text


def pipeline(row: pd.Series) -> str:
    """Write the pipeline of a row for people."""
    return pipeline_name(*row[PIPELINE])


# What every template can use, besides what it is given.
NAMES: dict[str, Any] = {
    **{"BEST": BEST, "WORSE": WORSE, "GROUP": GROUP, "STEP_DOWN": STEP_DOWN},
    **{"NULL_REFERENCE": null.MEANING, "FEWEST": FEWEST, "DEFAULT_SCORE": DEFAULT},
    **{"HW5_BATCHES": tables.HW5_BATCHES, "least_p": least_p},
    **{"escape": escape, "plain": str, "behind": tables.behind, "format_ci": tables.format_ci},
    **{"mean_and_spread": tables.mean_and_spread, "duration": duration},
    **{"title": title, "plural": count, "capital": capital, "pipeline": pipeline},
    **{"percent": percent, "LEARNED_NOTHING": learned.NOTHING},
}


def markdown(name: str, **values: Any) -> str:
    """Render a template of the reports, a line a paragraph."""
    return reflow(_prose().get_template(name).render(values))


def paragraphs(name: str, macro: str, *values: Any) -> list[str]:
    """Return the paragraphs that a macro of a template writes."""
    text = reflow(getattr(_prose().get_template(name).module, macro)(*values))
    return text.split("\n\n") if text else []


def reflow(text: str) -> str:
    """Join the lines of each paragraph, and leave tables as they are."""
    blocks = [block.strip(" \n") for block in re.split(r"\n(?:[ ]*\n)+", text)]
    joined = [block if block[:1] == "|" else re.sub(r"[ \n]+", " ", block) for block in blocks]
    return "\n\n".join(block for block in joined if block)


def to_html(
    table: Table, sortable: bool = False, row_class: Callable[[Any], str] | None = None
) -> Markup:
    """Render the head and the body of an HTML table, see ``page/parts/table.html``."""
    return _page().get_template("table.html").module.table(table, sortable, row_class)  # type: ignore[attr-defined]


def html(name: str, **values: Any) -> str:
    """Render a template of the page."""
    return _page().get_template(name).render(values)


@functools.cache
def _prose() -> Environment:
    environment = _environment("prose", autoescape=False)
    environment.filters |= {"e": escape, "tex": escape_tex, "table": to_markdown}
    return environment


@functools.cache
def _page() -> Environment:
    environment = _environment("page/parts", autoescape=True)
    environment.globals |= {"TEX": TEX, "terms": terms}
    environment.filters |= {"marked": marked}
    return environment


def _environment(folder: str, autoescape: bool) -> Environment:
    environment = Environment(
        loader=PackageLoader("bench.report", folder),
        autoescape=autoescape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= NAMES
    environment.tests["known"] = pd.notna
    return environment
