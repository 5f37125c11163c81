"""A picture of the memory cell's steps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from bench.report.colors import BLUE, ORANGE, QUIET
from bench.report.paint import canvas
from bench.worked.gated_cell import Trace
from bench.worked.page import cell_table
from bench.worked.problems import CELL_INPUTS, cell_steps

DPI = 110
# The sums of the gates, in the order of the picture, and what a gate does when it is open.
GATES = ["input gate\nadds z", "forget gate\nkeeps the memory", "output gate\nshows the memory"]


def draw(trace: Trace, path: Path) -> None:
    """Draw what the cell receives, how far its gates are open, its memory and its output, as a PNG.

    Parameters
    ----------
    trace : Trace
        Of one cell, for the inputs of the HW5 report: each of shape (8, 1).
    """
    steps = np.arange(1, len(trace.c) + 1)
    z, memory, output = (each[:, 0].numpy() for each in (trace.z, trace.c, trace.y))
    sums = torch.cat([trace.z_i, trace.z_f, trace.z_o], dim=1).T
    opened = torch.sigmoid(sums).numpy()
    with canvas.style():
        figure = canvas.canvas(7.0, 5.0)
        above, gates, below = figure.subplots(3, 1, sharex=True, height_ratios=[1, 0.8, 1.3])
        above.bar(steps, z, 0.5, color=QUIET)
        above.set(ylabel="candidate z", ylim=(-6, 6), yticks=[-4, -2, 0, 2, 4])
        for t, value in zip(steps, z, strict=True):
            text, place, side = (value, 3, "bottom") if value >= 0 else (-value, -3, "top")
            sign = "" if value >= 0 else "−"
            above.annotate(
                f"{sign}{text:.0f}", (t, value), (0, place), textcoords="offset points",
                ha="center", va=side,
            )  # fmt: skip
        gates.imshow(
            opened,
            cmap="Blues",
            vmin=0,
            vmax=4,
            aspect="auto",
            extent=(0.5, len(steps) + 0.5, 3, 0),
        )
        gates.set_yticks([0.5, 1.5, 2.5], GATES)
        for row, values in enumerate(opened):
            for t, value in zip(steps, values, strict=True):
                word = "open" if value > 0.5 else "closed"
                gates.text(t, row + 0.5, word, ha="center", va="center")
        below.step(steps, memory, where="mid", color=BLUE, lw=1.6, label="memory c'")
        below.plot(steps, memory, "o", color=BLUE, ms=5)
        below.bar(steps, output, 0.5, color=ORANGE, alpha=0.55, label="output y")
        for t, value in zip(steps, memory, strict=True):
            below.annotate(
                f"{value:.0f}", (t, value), (0, 5), textcoords="offset points", ha="center"
            )
        below.set(ylim=(0, 7.4), ylabel="memory and output")
        below.legend(loc="upper left")
        inputs = [", ".join(map(str, x)) for x in CELL_INPUTS]
        below.set_xticks(steps, [f"{t}\n{x}" for t, x in zip(steps, inputs, strict=True)])
        below.set(xlabel="step and input x", xlim=(0.5, len(steps) + 0.5))
        for axes in (above, gates):
            axes.tick_params(axis="x", length=0)
        above.axhline(0, color=QUIET, lw=0.8)
        # In words, and by which a test tells whether the picture is current.
        words = {"Description": cell_table(cell_steps(trace), "simple")}
        figure.savefig(
            path, format="png", dpi=DPI, bbox_inches="tight", pad_inches=0.06, metadata=words
        )
