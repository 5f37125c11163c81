"""Try a new model, reducer, clusterer or data set: ``python -m bench.try FILE.py``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from bench.base.command import argument, command
from bench.base.stopping import Stopped
from bench.planning.options import takes_settings

EPILOG = (
    "Exit codes: 0 all promises are kept and all runs finished, 1 otherwise, 2 wrong usage.\n\n"
    "Examples:\n\n"
    "latentgrid try mine.py\n\n"
    "latentgrid try mine.py --seeds 10   (smaller differences than with three)\n\n"
    "latentgrid try mine.py --dataset npy:DIR --limit 1000 --epochs 20\n\n"
    "latentgrid try my_data.py --dataset mine:DIR   (a data set of your own with an argument)"
    "\n\n"
    "docs/growing.md says how to write such a file."
)


FILE = (
    "Python file that registers models, reducers, clusterers or data sets. It is run, so name only "
    "files that you trust."
)
# What differs from the help of a grid's settings; `bench.session.trial` has the defaults.
TEXTS = {
    "dataset": "Data set on which to try models, reducers and clusterers; by default digits. To "
    "try a data set of the file, give its name with its argument.",
    "limit": "Use a subset of N images, or all; by default 300.",
    "seeds": "Number of runs of each pipeline; by default 3, which show large differences.",
    "epochs": "Passes over the training images; by default 8, or 3 for a data set, which is tried "
    "with slower models.",
    "out": "Folder for results, with a sub-folder for each item; by default results/try.",
}


@command("python -m bench.try", EPILOG)
@takes_settings(
    ["dataset", "limit", "seeds", "epochs", "clusters", "threads", "out", "store"], TEXTS
)
def main(
    settings: dict[str, Any],
    file: Annotated[Path, argument(FILE, "FILE.PY")],
) -> int:
    """Test the items that a file registers against their contract, and compare them in small grids.

    Each item of the file is tested, promise by promise. If it keeps all of them, it runs in a grid
    of about a minute. A model is compared with pixels, its untrained variant and the dnn. A reducer
    is compared, on pixels and the dnn, with no reduction, the same number of principal components
    and t-SNE; a clusterer with k-means. A data set runs with the models of the preset quick.
    """
    from bench.session import trial

    try:
        return trial.run(file, settings)
    except Stopped as stop:
        return stop.say("finished tasks are in the store; the same command continues")


if __name__ == "__main__":
    main()
