"""Refuses to write where images are read: pictures of a report would be images of the next run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from bench.base.errors import UsageError
from bench.base.files import expand
from bench.base.naming import set_name
from bench.datasets.dataset import parse
from bench.planning.settings import GridSettings

FIGURES = "figures"  # the folder of pictures in one of results


def check_places(settings: GridSettings) -> None:
    """Raise `UsageError` if results or store would lie where images are looked for, or the reverse.

    Hidden folders are not searched for images, so that a store ``.store`` may lie there.
    """
    for name in settings.datasets:
        data = _folder_of(name)
        if data is None:
            continue
        searched = list(_searched(data))
        for option, place in (("out", settings.out), ("store", settings.store)):
            if any(_is_found(place.resolve(), folder) for folder in searched):
                raise UsageError(
                    f"--{option} {place} is inside {data}, so its files would be read as images: "
                    f"name a folder outside with --{option}"
                )
        for out in (settings.out, settings.out / set_name(name)):
            pictures = (out / FIGURES).resolve()
            if pictures in (data.resolve(), *data.resolve().parents):
                raise UsageError(
                    f"{data} is where --out {settings.out} has its figures, which would be read as "
                    "images: name another folder with --out"
                )


def _folder_of(dataset: str) -> Path | None:
    """Return the folder in which a data set looks for images; None if it is of another kind."""
    from bench.datasets.hf import read_argument

    name, argument = parse(dataset)
    if not argument or name not in ("folder", "hf"):
        return None
    if name == "hf":
        wanted = read_argument(argument)
        argument = wanted.where if wanted.local else ""
    folder = expand(argument)
    return folder if argument and folder.is_dir() else None


def _searched(data: Path) -> Iterator[Path]:
    """Iterate over the folders that are searched: at any depth, behind links, but no hidden ones.

    They are returned as they are called without links.
    """
    seen: set[str] = set()
    for folder, inside, _ in os.walk(data, followlinks=True):
        place = os.path.realpath(folder)
        if place in seen:  # a link to a folder further up
            inside.clear()
            continue
        seen.add(place)
        inside[:] = [name for name in inside if not name.startswith(".")]
        yield Path(place)


def _is_found(place: Path, folder: Path) -> bool:
    """Tell whether a folder is, or will be, in another one and not in a hidden one there."""
    if not place.is_relative_to(folder):
        return False
    return not any(name.startswith(".") for name in place.relative_to(folder).parts)
