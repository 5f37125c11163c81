"""Pictures that Pillow alone does not read: whether it is taught to, and else what users can do."""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from bench.base import keys
from bench.base.errors import count

READS_HEIC = "pillow-heif"
_RAW = (
    "3fr arw cr2 cr3 crw dcr dng erf fff gpr iiq k25 kdc mef mos mrw nef nrw orf pef ptx raf raw "
    "rw2 rwl sr2 srf srw x3f"
)


class Format(NamedTuple):
    """A format of pictures, and what to do so that they can be read."""

    name: str
    endings: str  # of files' names, without the dot
    advice: str


HEIC = Format(
    "HEIC",
    "heic heics heif heifs hif",
    "pip install pillow-heif (latentgrid's extra [heif]) to read them",
)
# Some are TIFF inside, and Pillow reads a small preview of those.
RAW = Format(
    "camera raw",
    _RAW,
    "convert them to JPEG, PNG or TIFF, for example with darktable or RawTherapee",
)
FORMATS = (
    HEIC,
    RAW,
    Format("SVG", "svg svgz", "convert them to PNG; they are drawings without pixels"),
    Format("AVIF", "avif avifs", "pip install --upgrade pillow (11.3 or later) to read them"),
    Format("JPEG XL", "jxl", "convert them to PNG or JPEG"),
    Format("DICOM", "dcm dicom", "convert them to PNG or TIFF"),
    Format(
        "video",
        "3gp avi m4v mkv mov mp4 mpeg mpg webm wmv",
        "take single pictures out of them, for example with ffmpeg",
    ),
)
_BY_ENDING = {f".{ending}": each for each in FORMATS for ending in each.endings.split()}
# What stands behind ``ftyp`` in a HEIC file, whatever the file is called.
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")


def versions() -> dict[str, str]:
    """Return the versions of what reads pictures, on which decoded images depend."""
    return keys.versions("pillow", *[READS_HEIC] * _reads_heic())


def _reads_heic() -> bool:
    return keys.installed(READS_HEIC) != keys.ABSENT


def teach_pillow() -> None:
    """Have Pillow read HEIC, where the package for that is installed."""
    if _reads_heic():
        with suppress(ImportError):  # it is broken, and so HEIC cannot be read
            importlib.import_module("pillow_heif").register_heif_opener()


def format_of(path: Path) -> Format | None:
    """Return by a file's name which of the formats here it has."""
    return _BY_ENDING.get(path.suffix.lower())


def _recognized(path: Path) -> Format | None:
    """Return the format of a file that cannot be read: by its first bytes, or its name."""
    try:
        if path.is_file():
            with open(path, "rb") as file:
                start = file.read(12)
            if start[4:8] == b"ftyp" and start[8:] in _HEIC_BRANDS:
                return HEIC
    except OSError:
        pass
    return format_of(path)


def advice(unread: Iterable[Path]) -> list[str]:
    """Say of files that were not read how those of a known format can be; nothing of others."""
    there = _reads_heic()
    found = Counter(each for path in unread if (each := _recognized(path)) is not None)
    return [
        f"{count(number, f'{each.name} file')}: {each.advice}"
        for each, number in found.most_common()
        if not (each is HEIC and there)  # the file is broken
    ]
