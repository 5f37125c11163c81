"""Which choice mattered, and what models learned: tables, and the sentences around them."""

from __future__ import annotations

import math
from typing import Any

from bench.analysis.choices import Choices
from bench.analysis.effects import Effects, Part
from bench.analysis.inference import Interval
from bench.analysis.learned import Gain, Reconstruction
from bench.analysis.results import Results
from bench.report import headline
from bench.report.columns import MISSING, Column, Table, numbers, words
from bench.report.templates import paragraphs, percent


def facts(results: Results, choices: Choices) -> dict[str, Any]:
    """Return what templates read, under the name ``it``: `headline.facts` and tables."""
    return headline.facts(results) | {
        "effects": choices.effects,
        "gains": choices.gains,
        "reconstructions": choices.reconstructions,
        "parts_table": parts_table(choices.effects) if choices.effects else None,
        "gains_table": gains_table(choices.gains) if choices.gains else None,
        "r2_table": r2_table(choices.reconstructions) if choices.reconstructions else None,
    }


def texts(results: Results, choices: Choices) -> dict[str, list[str]]:
    """Return the paragraphs of each part, for the page."""
    found = facts(results, choices)
    names = {"parts": "parts_table", "gains": "gains_table", "r2": "r2_table"}
    return {
        name: paragraphs("choices.md", name, found, str) if found[table] else []
        for name, table in names.items()
    }


def notes(results: Results, choices: Choices) -> list[str]:
    """Return what the terminal says: what matters most, and which models learned nothing."""
    return paragraphs("choices.md", "notes", facts(results, choices), str)


def parts_table(effects: Effects) -> Table:
    """Return the table of the parts of the variance, the largest first."""
    columns = [
        words("part", "name"),
        Column("options", lambda part: str(part.levels or MISSING)),
        Column("share of the variance", lambda part: percent(part.share.mean)),
        Column("share, 95%", _limits) if _has_limits(effects) else None,
        numbers("standard deviation", "deviation", ".3f"),
    ]
    return Table.of(columns, effects.ranked)


def _has_limits(effects: Effects) -> bool:
    return not math.isnan(effects.parts[0].share.low)


def _limits(part: Part) -> str:
    return f"{percent(part.share.low)} to {percent(part.share.high)}"


def gains_table(gains: tuple[Gain, ...]) -> Table:
    """Return the table of trained less untrained, a row a model, a column a chain."""
    chains = list(dict.fromkeys(chain for gain in gains for chain in gain.by_chain))
    columns = [words("model", "model")]
    if len(chains) > 1:
        columns.append(Column("all chains", lambda gain: signed(gain.mean)))
    columns += [_of_chain(chain) for chain in chains]
    return Table.of(columns, gains)


def _of_chain(chain: str) -> Column:
    def text(gain: Gain) -> str:
        return signed(gain.by_chain[chain]) if chain in gain.by_chain else MISSING

    return Column(chain, text)


def signed(interval: Interval) -> str:
    """Write a difference with its interval: ``+0.100 (+0.050 to +0.150)``."""
    if math.isnan(interval.mean):
        return MISSING
    limits = f" ({interval.low:+.3f} to {interval.high:+.3f})"
    return f"{interval.mean:+.3f}{'' if math.isnan(interval.low) else limits}"


def r2_table(reconstructions: tuple[Reconstruction, ...]) -> Table:
    """Return the table of what reconstructions explain, a row a model."""
    sizes = {each.image_size for each in reconstructions}
    columns = [
        words("model", "model"),
        Column("image size", _size) if len(sizes) > 1 else None,
        Column("R²", lambda row: f"{row.r2.mean:.3f}"),
        Column("R², 95%", _r2_limits),
        numbers("components", "components", ",d"),
        numbers("R² of PCA", "pca_r2", ".3f"),
    ]
    return Table.of(columns, reconstructions)


def _size(row: Reconstruction) -> str:
    side = row.image_size
    return MISSING if math.isnan(side) else f"{side:.0f}×{side:.0f}"


def _r2_limits(row: Reconstruction) -> str:
    return MISSING if math.isnan(row.r2.low) else f"{row.r2.low:.3f} to {row.r2.high:.3f}"
