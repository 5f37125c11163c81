"""Sort a run's images by the clusters that were corrected on its page: ``latentgrid apply``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from bench.base.command import argument, command, option

EPILOG = (
    "Examples:\n\n"
    "latentgrid apply clusters.json --sort-into sorted-photos\n\n"
    "latentgrid apply clusters.json --sort-into sorted-photos --files link --table clusters.csv\n\n"
    "New images: latentgrid assign BUNDLE NEW_IMAGES_DIR --clusters clusters.json"
)
CLUSTERS = "The file that you downloaded from the page of a run (index.html)."
SORT_INTO = "Folder that gets a folder for each cluster. It must be empty or not exist."
FILES = "copy (default) or link (symbolic links). The images stay as they are."
IMAGES = "Folder of the images; by default the one of the run, relative to the current folder."
SKIP = "Sort the images that are there if others are not; by default none is sorted then."
TABLE = "CSV file to write: a row for each image, with its cluster and its tags. Replaced if there."


@command("latentgrid apply", EPILOG)
def main(
    clusters: Annotated[Path, argument(CLUSTERS, "CLUSTERS.JSON")],
    sort_into: Annotated[Path | None, option(SORT_INTO, "DIR")] = None,
    files: Annotated[str, option(FILES, "HOW")] = "copy",
    images: Annotated[Path | None, option(IMAGES, "DIR")] = None,
    skip_missing: Annotated[bool, option(SKIP, name="--skip-missing")] = False,
    table: Annotated[Path | None, option(TABLE, "FILE")] = None,
) -> int:
    """Sort the images of a run by the clusters that you corrected on its page.

    On the page, index.html, you name clusters, merge and split them, move and tag images, and
    download that as clusters.json. This command puts each image into the folder of its cluster,
    DIR/NAME, or writes a table. Characters that a folder's name cannot have become _, and no file
    is replaced. DIR appears when all images are in it.

    It is for the images of the run. New images get the corrected names by latentgrid assign
    --clusters.
    """
    from bench.base.console import LoadBar
    from bench.base.errors import UsageError, one_line
    from bench.bundle.applying import apply, describe
    from bench.bundle.clusters_file import read
    from bench.bundle.sorting import HOW

    if sort_into is None and table is None:
        raise UsageError("give --sort-into DIR, --table FILE, or both")
    if files not in HOW:
        raise UsageError(f"--files must be {' or '.join(HOW)}, found {files!r}")
    found = read(clusters)
    with LoadBar() as progress:
        done = apply(
            found,
            clusters,
            sort_into=sort_into,
            how=files,
            images=images,
            skip_missing=skip_missing,
            table=table,
            progress=progress,
        )
    print("\n".join(describe(found, clusters, done)))
    for made in (sort_into, table):
        if made is not None:
            print(f"see {one_line(str(made))}")
    return 0


if __name__ == "__main__":
    main()
