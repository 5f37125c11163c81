"""Sort a folder of images into groups: ``latentgrid sort``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from bench.base.command import argument, command, option
from bench.planning.options import takes_settings

EPILOG = (
    "Examples:\n\n"
    "latentgrid sort PHOTOS --into sorted-photos\n\n"
    "latentgrid sort PHOTOS --into sorted-photos --clusters 6 --files link\n\n"
    "latentgrid sort PHOTOS --into sorted-photos --models 'pretrained(weights=FOLDER)'"
)
INTO = "Folder to write into, outside of DIR. OUT/sorted must be empty or not exist."
FILES = "copy (default) or link (symbolic links). The files in DIR stay as they are."
TEXTS = {
    "clusters": "Number of groups; by default a suggestion, which is often wrong.",
    "models": "Encoder instead of the recommended one, as for latentgrid grid.",
    "reducers": "Chain of reducers instead of the recommended one, as for latentgrid grid.",
    "seeds": "Number of runs, of which the most central one is used; by default 5.",
}
SETTINGS = [
    *TEXTS, "plugins", "seed", "image_size", "fit", "range", "background", "device", "threads",
    "store",
]  # fmt: skip


@command("latentgrid sort", EPILOG)
@takes_settings(SETTINGS, TEXTS)
def main(
    settings: dict[str, Any],
    images: Annotated[Path, argument("Folder of image files, at any depth.", "DIR")],
    into: Annotated[Path, option(INTO, "OUT")],
    files: Annotated[str, option(FILES, "HOW")] = "copy",
) -> int:
    """Sort the images of a folder into groups of similar ones; no labels are needed.

    Writes OUT/sorted, a folder for each group; OUT/sheets, a picture of each group; OUT/summary.txt
    and OUT/assignments.csv; OUT/report, the report of the run; and OUT/model.latentgrid, which
    assigns new images to the same groups.

    Uses a pretrained network if its weights are found on this machine (in a plugin, or downloaded
    from the hub before), else features that need no weights. Sub-folders do not count as labels.
    """
    from bench.base.errors import one_line
    from bench.session import sorting
    from bench.session.grid import show

    done = sorting.sort(images, into, files, settings)
    print(one_line(done.text))
    for note in done.notes:
        print(f"note: {one_line(note)}")
    for name in ("sorted", "sheets", sorting.SUMMARY, f"{sorting.REPORT}/index.html"):
        print(f"see {show(into / name)}")
    return 0


if __name__ == "__main__":
    main()
