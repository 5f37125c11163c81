"""The file: a zip, stored and not compressed, of ``bundle.json`` and files of arrays.

Nothing in it is executed or unpacked to the disk: its names are compared with those that are
allowed, its parts with their checksums, and arrays are read by safetensors.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from safetensors.numpy import load, save

from bench.base.errors import UsageError, format_error, name_some, one_line
from bench.base.files import is_file, write_whole
from bench.base.naming import chain_name
from bench.base.processors import MOST_THREADS
from bench.datasets.image_form import Fit
from bench.datasets.reading import ORDINARY, Reading

FORMAT = 1
MANIFEST = "bundle.json"
# weights: the model's. fitted: what reducers and clusterer keep of their fits, ``0.components``
# of the first link and ``clusterer.centers``. training: of the training images, see
# `bench.bundle.bundle`. check: a few of them, and their codes. files: what the model reads, as
# bytes by name; only where it reads files.
PARTS = ("weights", "fitted", "training", "check")
FILES = {name: f"{name}.safetensors" for name in (*PARTS, "files")}
MOST_FILES = 256_000_000  # bytes of files that a bundle holds; of larger ones it holds the hash
MOST_MANIFEST = 4_000_000  # bytes: ten thousand classes with their names
MOST_LINKS = 16
DATE = (1980, 1, 1, 0, 0, 0)  # zip's first: the same run makes the same file

Arrays = dict[str, NDArray[Any]]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]
Error = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class Strict(BaseModel):
    """A part of a file that is read: nothing else, nothing converted, no number not finite."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Part(Strict):
    """A file beside ``bundle.json``: its SHA-256, in hexadecimal digits, and its size."""

    sha256: str
    size: Count


class Link(Strict):
    """A reducer of the chain, and what it was fitted with."""

    text: str
    seed: Count | None
    threads: Annotated[Positive, Field(le=MOST_THREADS)]
    source: str


class Grouping(Strict):
    """The clusterer, and what it was fitted with."""

    text: str
    clusters: Positive
    seed: Count | None
    source: str


class Model(Strict):
    """The autoencoder; ``clusters`` where it is given how many are sought.

    ``files`` is a hash of the files that it reads, `models.named.fingerprint`, None for none.
    """

    text: str
    clusters: Positive | None
    source: str
    files: str | None = None


class Data(Strict):
    """The data set of the run; ``class_names`` is empty where nothing is labeled."""

    name: str
    images: Positive
    fingerprint: str
    class_names: tuple[str, ...]
    whole: str | None = None  # fingerprint of the whole data set, where the seed is on a half of it


class Errors(Strict):
    """Reconstruction errors of the training images: mean squares, pixel values in -1 to 1."""

    median: Error
    percentile_99: Error


class Manifest(Strict):
    """The whole of ``bundle.json`` but for its format."""

    model: Model
    base: Model | None = None  # the model on whose codes it stands
    links: Annotated[tuple[Link, ...], Field(min_length=1, max_length=MOST_LINKS)]
    placed_links: Count  # so many, from the first on, transform unseen points; those behind do not
    clusterer: Grouping
    placed_clusters: bool  # whether the clusterer predicts the clusters of unseen points
    image_shape: tuple[Positive, Positive, Positive]  # (C, H, W), of the images that are encoded
    fit: Fit = "stretch"  # how they are made square; bundles of the first release do not say
    # How files were read; bundles of the release before do not say, and read them as they come.
    reading: Reading = ORDINARY
    seed_index: Count
    data: Data
    # Of some clusters to positions in class_names, one to one: what accuracy was computed with.
    assignment: tuple[tuple[int, int], ...]
    # Cluster, name, and share of its majority; bundles of the release before do not say.
    names: tuple[tuple[Count, str, Share], ...] = ()
    metrics: dict[str, float]  # what the grid measured of this run
    errors: Errors | None  # None where the model reconstructs no images, or without any error
    versions: dict[str, str]  # of the libraries that made it
    parts: dict[str, Part]

    @model_validator(mode="after")
    def _places_in_order(self) -> Self:
        if self.placed_links > len(self.links):
            raise ValueError(
                f"{self.placed_links} of {len(self.links)} links cannot transform images"
            )
        if self.placed_clusters and self.placed_links < len(self.links):
            raise ValueError("a clusterer cannot predict after a reducer that does not transform")
        for sought in (self.clusterer.clusters, self.model.clusters or 1):
            if sought > self.data.images:
                raise ValueError(f"{sought} clusters of {self.data.images} images")
        if any(not 0 <= label < len(self.data.class_names) for _, label in self.assignment):
            raise ValueError("a cluster is assigned to a label that is no class")
        return self

    @property
    def chain(self) -> str:
        """The chain with the clusterer behind it, as tables write it."""
        return chain_name("+".join(link.text for link in self.links), self.clusterer.text)


class _Refused(Exception):  # noqa: N818 - its text is a reason
    """Why a file is no bundle."""


@dataclass(frozen=True)
class Contents:
    """What is in a bundle."""

    manifest: Manifest
    parts: dict[str, Arrays]


def write(path: Path, contents: Contents) -> None:
    """Write a bundle, whole or not at all; raise `UsageError` if it cannot be written."""
    files = {
        FILES[name]: save({k: np.asarray(v, order="C") for k, v in arrays.items()})
        for name, arrays in contents.parts.items()
    }
    parts = {
        name: Part(sha256=hashlib.sha256(data).hexdigest(), size=len(data))
        for name, data in files.items()
    }
    manifest = contents.manifest.model_copy(update={"parts": parts})
    text = json.dumps({"format": FORMAT} | manifest.model_dump(mode="json"), indent=1)
    if len(text.encode()) > MOST_MANIFEST:
        raise UsageError(
            f"cannot write {path}: {MANIFEST} would be larger than {MOST_MANIFEST / 1e6:.0f} MB; "
            "it names every class and cluster"
        )

    def pack(draft: Path) -> None:
        with zipfile.ZipFile(draft, "w", zipfile.ZIP_STORED) as packed:
            for name, data in ({MANIFEST: text.encode()} | files).items():
                packed.writestr(zipfile.ZipInfo(name, DATE), data)

    try:
        write_whole(path, pack)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error


def read(path: Path) -> Contents:
    """Read a bundle.

    Raise `UsageError` if it is missing, no bundle, of another format, or not what was written.
    """
    if not is_file(path):
        raise UsageError(f"no bundle at {path}: python -m bench.export makes one")
    try:
        return _read(path)
    except Exception as error:  # whatever a broken file makes zipfile and safetensors raise
        reason = one_line(str(error)) if isinstance(error, _Refused) else format_error(error)
        raise UsageError(f"{path} is damaged, or no bundle: {reason}") from error


def _read(path: Path) -> Contents:
    with zipfile.ZipFile(path) as packed:
        members = packed.infolist()
        names = [member.filename for member in members]
        if names.count(MANIFEST) != 1:
            raise _Refused(f"there is no {MANIFEST} in it")
        _check_sizes(members, os.path.getsize(path))
        if packed.getinfo(MANIFEST).file_size > MOST_MANIFEST:
            raise _Refused(f"{MANIFEST} is larger than {MOST_MANIFEST / 1e6:.0f} MB")
        manifest = _manifest(packed.read(MANIFEST))
        parts = [name for name in FILES if name in PARTS or FILES[name] in manifest.parts]
        wanted = [MANIFEST, *(FILES[name] for name in parts)]
        if sorted(names) != sorted(wanted) or sorted(manifest.parts) != sorted(wanted[1:]):
            raise _Refused(f"it holds {name_some(names, 6)}, and must hold {', '.join(wanted)}")
        found = {}
        for name in parts:
            file = FILES[name]
            data, part = packed.read(file), manifest.parts[file]
            if len(data) != part.size or hashlib.sha256(data).hexdigest() != part.sha256:
                raise _Refused(f"{file} does not have its checksum")
            found[name] = load(data)
    return Contents(manifest, found)


def _check_sizes(members: list[zipfile.ZipInfo], size: int) -> None:
    """Refuse what would take more memory than the file takes on the disk."""
    packed = [m.filename for m in members if m.compress_type != zipfile.ZIP_STORED]
    if packed:
        raise _Refused(f"{name_some(packed, 6)} is compressed, and must not be")
    if sum(member.file_size for member in members) > size:
        raise _Refused("its parts are larger than the file")


def _manifest(text: bytes) -> Manifest:
    said = json.loads(text)
    version = said.pop("format", None) if isinstance(said, dict) else None
    if version != FORMAT:
        raise _Refused(f"its format is {version!r}, and this latentgrid reads format {FORMAT}")
    try:
        return Manifest.model_validate_json(json.dumps(said))
    except ValidationError as error:
        first = error.errors()[0]
        where = f"{MANIFEST} is not valid: {'.'.join(map(str, first['loc']))}"
        raise _Refused(f"{where}: {first['msg']}") from None
