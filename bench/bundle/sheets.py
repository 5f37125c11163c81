"""Contact sheets: a picture a cluster, of its most typical and its most ambiguous images."""

from __future__ import annotations

import heapq
import itertools
import math
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps, PngImagePlugin

from bench.base.errors import UsageError, count
from bench.base.files import regular, write_whole
from bench.base.progress import Progress, silent
from bench.bundle.groups import Groups, sheet_name
from bench.datasets.folder import open_image
from bench.datasets.reading import ORDINARY, Reading
from bench.report.paint import fonts
from bench.report.paint.canvas import short

SHEETS = "sheets"
NAME = re.compile(r"cluster-(\d+|none)\.png")
# By these texts within the PNG file a sheet is recognized as ours, which may be replaced, and as
# one that is still called as we called it.
MARK = ("Software", "latentgrid contact sheet")
CALLED = "Title"
COLUMNS, ROWS = 10, 2
SHOWN = COLUMNS * ROWS  # of each kind
THUMB, GAP, MARGIN, CAPTION = 96, 8, 24, 20  # pixels
TITLE, HEADING = 40, 30
LONGEST = 84  # letters of a title
BLACK, GRAY, WHITE, FRAME = "#1a1a1a", "#666666", "#ffffff", "#e4e4e4"

# Rank, minus position, file, ambiguity: the least of a heap is its worst.
_Entry = tuple[float, int, Path, float]


@dataclass
class Members:
    """A cluster's number of images, and heaps of those that its sheet shows."""

    count: int = 0
    typical: list[_Entry] = field(default_factory=list)
    ambiguous: list[_Entry] = field(default_factory=list)

    def rows(self) -> tuple[list[_Entry], list[_Entry]]:
        """Return the most typical images and, of the others, the most ambiguous; best first."""
        typical = sorted(self.typical, reverse=True)
        shown = {position for _, position, _, _ in typical}
        ambiguous = [each for each in sorted(self.ambiguous, reverse=True) if each[1] not in shown]
        return typical, ambiguous


def _keep(heap: list[_Entry], entry: _Entry) -> None:
    if len(heap) < SHOWN:
        heapq.heappush(heap, entry)
    else:
        heapq.heappushpop(heap, entry)


@dataclass
class Album:
    """Gathers what contact sheets show, in memory that is bounded by the number of clusters."""

    groups: Groups
    reading: Reading = ORDINARY  # how files are read
    members: dict[int, Members] = field(default_factory=dict)  # by the number of a group

    def add(
        self, file: Path, position: int, number: int, distance: float, ambiguity: float
    ) -> None:
        """Add an image; of two that are alike the earlier one stays; ``distance`` may be NaN."""
        members = self.members.setdefault(number, Members())
        members.count += 1
        typical = -distance if distance == distance else 0.0
        _keep(members.typical, (typical, -position, file, ambiguity))
        _keep(members.ambiguous, (ambiguity, -position, file, ambiguity))

    def write(self, out: Path, progress: Progress = silent) -> list[Path]:
        """Write a sheet a group into ``OUT/sheets``, and remove those of groups without any.

        A picture that no run wrote is not replaced; see `check_sheets`.
        """
        names = {sheet_name(self.groups.group(n)): n for n in sorted(self.members)}
        check_sheets(out, names)
        folder = out / SHEETS
        folder.mkdir(exist_ok=True)
        for done, (name, number) in enumerate(names.items(), 1):
            sheet = paint(self.title(number), *self.members[number].rows(), self.reading)
            mark = PngImagePlugin.PngInfo()
            mark.add_text(*MARK)
            mark.add_text(CALLED, name)
            write_whole(folder / name, partial(sheet.save, format="PNG", pnginfo=mark))
            progress("contact sheets", done, len(names))
        for old in folder.iterdir():
            if old.name not in names and (NAME.fullmatch(old.name) or _called(old) == old.name):
                old.unlink()
        return [folder / name for name in names]

    def title(self, number: int) -> str:
        """Return what stands above a group's images."""
        return f"{self.groups.group(number).title}: {count(self.members[number].count, 'image')}"


def check_sheets(out: Path, names: Collection[str] = ()) -> None:
    """Raise `UsageError` for a link, and for pictures that have a sheet's name and are none.

    ``names`` are those of sheets that will be written, beside those of clusters.
    """
    folder = out / SHEETS
    if folder.is_symlink():
        raise UsageError(f"{folder} is a symbolic link: remove it, or name another folder")
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if (NAME.fullmatch(path.name) or path.name in names) and _called(path) is None:
            raise UsageError(
                f"{path} would be replaced, but is not a contact sheet of an earlier run: move it "
                "away, or name another folder"
            )


def _called(path: Path) -> str | None:
    """Return the name under which a sheet was written; None for a file that is no sheet."""
    try:
        with Image.open(regular(path), formats=["PNG"]) as image:
            ours = image.info.get(MARK[0]) == MARK[1]
            return str(image.info.get(CALLED, "")) if ours else None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None  # no picture at all, or a damaged one


def paint(
    title: str,
    typical: Iterable[_Entry],
    ambiguous: Iterable[_Entry],
    reading: Reading = ORDINARY,
) -> Image.Image:
    """Return a sheet: a title, and two kinds of images with their ambiguity below each."""
    kinds = [("most typical", list(typical)), ("most ambiguous of the others", list(ambiguous))]
    kinds = [(name, entries) for name, entries in kinds if entries]
    cell = THUMB + CAPTION + GAP
    heights = [HEADING + cell * -(-len(entries) // COLUMNS) + GAP for _, entries in kinds]
    width = 2 * MARGIN + COLUMNS * (THUMB + GAP) - GAP
    sheet = Image.new("RGB", (width, 2 * MARGIN + TITLE + sum(heights)), WHITE)
    draw = ImageDraw.Draw(sheet)
    _write(draw, (MARGIN, MARGIN), short(title, LONGEST), 20)
    top = MARGIN + TITLE
    for (name, entries), height in zip(kinds, heights, strict=True):
        _write(draw, (MARGIN, top), name, 14)
        for number, (_, _, file, ambiguity) in enumerate(entries):
            row, column = divmod(number, COLUMNS)
            corner = (MARGIN + column * (THUMB + GAP), top + HEADING + row * cell)
            sheet.paste(thumbnail(file, reading), corner)
            middle = (corner[0] + THUMB / 2, corner[1] + THUMB + 3)
            draw.text(middle, f"ambiguity {ambiguity:.2f}", GRAY, _font(11), anchor="ma")
        top += height
    return sheet


def thumbnail(file: Path, reading: Reading = ORDINARY) -> Image.Image:
    """Return an image in a square of one size, its proportions kept; gray if it is gone."""
    image = open_image(file, THUMB, reading)
    if image is None:
        return Image.new("RGB", (THUMB, THUMB), FRAME)
    # A small picture shows its pixels, and not what a filter makes up between them.
    small = max(image.size) <= THUMB // 2
    how = Image.Resampling.NEAREST if small else Image.Resampling.LANCZOS
    return ImageOps.pad(image, (THUMB, THUMB), how, FRAME)


def _write(draw: ImageDraw.ImageDraw, corner: tuple[int, int], text: str, size: int) -> None:
    """Write a line, each character in the first typeface that has it."""
    left, bottom = corner[0], corner[1] + size
    for name, characters in itertools.groupby(text, fonts.font_of):
        part, font = "".join(characters), _font(size, name)
        draw.text((left, bottom), part, BLACK, font, anchor="ls")
        left += math.ceil(font.getlength(part))


def _font(size: int, name: str | None = None) -> ImageFont.FreeTypeFont:
    """Return a typeface of the report's pictures."""
    return ImageFont.truetype(fonts.files()[name or fonts.FIRST], size)
