"""Plans a grid and does nothing else: ``python -m tests.benchmarks.planning CELLS``."""

from __future__ import annotations

import sys

from bench.planning.plan import plan
from bench.planning.settings import resolve
from bench.session.session import Session

MODELS = "pixels,untrained-cnn,untrained-dnn,cnn,dnn"
CHAINS = ",".join(f"pca{n}" for n in range(1, 26))
PIPELINES = 5 * 25


def session(seeds: int) -> Session:
    """Return a session of one grid of `PIPELINES` × seeds cells."""
    settings = {"models": MODELS, "reducers": CHAINS, "seeds": seeds, "baselines": False}
    return Session(resolve(settings))


def main(cells: int) -> None:
    """Plan."""
    (ready,) = session(cells // PIPELINES).grids
    assert len(plan(ready.settings, ready.dataset).runs) == cells


if __name__ == "__main__":
    main(int(sys.argv[1]))
