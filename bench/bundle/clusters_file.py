"""``clusters.json``: clusters that a user corrected on the page; docs/correcting.md has its fields.

The page writes it. An original cluster is called by its number, ``3``, and the images in none by
``-1``; ``3/1`` is a part of cluster 3, which was split, and ``3/1/0`` a part of that part.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, PrivateAttr, ValidationError, model_validator

from bench.base.errors import UsageError, one_line, reason, show_value
from bench.base.files import read_text
from bench.base.naming import pipeline_name
from bench.bundle.format import Strict

MOST_BYTES = 256_000_000  # of a file: more than two million images, with their parts
MOST_NAME = 1000  # letters of the name of a cluster or tag
DEPTH = 100  # how often a part of a part may be split

Text = Annotated[str, Field(max_length=4096)]
Name = Annotated[str, Field(max_length=MOST_NAME)]
_ROOT = r"(-1|0|[1-9][0-9]{0,8})"
_PART = r"/(0|[1-9][0-9]{0,4})"
Id = Annotated[str, Field(pattern=rf"^{_ROOT}({_PART}){{0,{DEPTH}}}$")]
PartId = Annotated[str, Field(pattern=rf"^{_ROOT}({_PART}){{1,{DEPTH}}}$")]
Images = tuple[Text, ...]


class Corrected(Strict):
    """A corrected cluster: its name, and the original clusters and parts that it is made of."""

    name: Name
    of: tuple[Id, ...]


class Pipeline(Strict):
    """The run whose clusters were corrected."""

    model: Text
    chain: Text
    clusterer: Text
    seed_index: Annotated[int, Field(ge=0)]

    @property
    def name(self) -> str:
        """Without the seed, as tables write it."""
        return pipeline_name(self.model, self.chain, self.clusterer)

    def __str__(self) -> str:
        return f"{self.name}, seed {self.seed_index}"


@dataclass(frozen=True)
class Tree:
    """What became of each original cluster.

    ``owners`` has the position in ``clusters`` of each original cluster and part that is whole,
    ``parts`` those into which one was split.
    """

    owners: dict[str, int]
    parts: dict[str, list[str]]

    @classmethod
    def of(cls, clusters: Sequence[Corrected], parts: Mapping[str, Images]) -> Self:
        """Make it; raise `ValueError` where clusters and parts contradict each other."""
        below: dict[str, list[str]] = defaultdict(list)
        for part in parts:
            below[parent(part)].append(part)
        for split, its in below.items():
            _check_split(split, its, parts)
        owners: dict[str, int] = {}
        for position, cluster in enumerate(clusters):
            for each in cluster.of:
                name = show_value(cluster.name)
                if each in below:
                    raise ValueError(f"{name} has {each}, which was split: needed are its parts")
                if "/" in each and each not in parts:
                    raise ValueError(f"{name} has the part {each}, which is not there")
                if each in owners:
                    other = show_value(clusters[owners[each]].name)
                    raise ValueError(f"{each} is in two clusters, {other} and {name}")
                owners[each] = position
        for part in parts:
            if part not in below and part not in owners:
                raise ValueError(f"the part {part} is in no cluster")
        return cls(owners, dict(below))


def _check_split(split: str, its: Sequence[str], parts: Mapping[str, Images]) -> None:
    """Refuse the parts of a cluster that cannot be: of a part that is not there, or not apart."""
    if "/" in split and split not in parts:
        raise ValueError(f"there are parts of {split}, which is not there")
    seen: set[str] = set()
    for part in its:
        for image in parts[part]:
            if image in seen:
                raise ValueError(f"{show_value(image)} is twice in the parts of {split}")
            seen.add(image)
    if not seen:
        raise ValueError(f"the parts of {split} have no image")


def parent(part: str) -> str:
    """Return what a part is of."""
    return part.rpartition("/")[0]


class ClustersFile(Strict):
    """The whole of the file."""

    format: Literal["latentgrid-clusters"]
    version: Literal[1]
    dataset: Text
    fingerprint: Text
    key: Text
    pipeline: Pipeline
    clusters: tuple[Corrected, ...]
    parts: dict[PartId, Images]
    images: dict[Text, Name]
    tags: dict[Name, Images]
    _tree: Tree = PrivateAttr()

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        names = Counter(self.names)
        if twice := [name for name, count in names.items() if count > 1]:
            raise ValueError(f"two clusters are called {show_value(twice[0])}")
        for image, name in self.images.items():
            if name not in names:
                raise ValueError(
                    f"{show_value(image)} is in the cluster {show_value(name)}, which is not there"
                )
        self._tree = Tree.of(self.clusters, self.parts)
        return self

    @property
    def tree(self) -> Tree:
        """What became of each original cluster."""
        return self._tree

    @property
    def names(self) -> list[str]:
        """The names of the corrected clusters."""
        return [cluster.name for cluster in self.clusters]


def read(path: Path) -> ClustersFile:
    """Read the file; raise `UsageError` if it is missing, or no such file."""
    try:
        if os.path.getsize(path) > MOST_BYTES:
            most = f"{MOST_BYTES / 1e6:.0f} MB"
            raise UsageError(
                f"{path} is larger than {most}, which no file of corrected clusters is"
            )
        text = read_text(path)
    except FileNotFoundError:
        raise UsageError(f"no file {path}: download it on the page of a run (index.html)") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read {path}: {reason(error)}") from None
    try:
        return ClustersFile.model_validate_json(text)
    except ValidationError as error:
        raise UsageError(f"{path} is no file of corrected clusters: {_first(error)}") from None


def _first(error: ValidationError) -> str:
    """Return what is wrong in one line, and where."""
    problem = error.errors(include_url=False)[0]
    said = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "string_pattern_mismatch":
        said = "needed is the number of a cluster, such as 3 or -1, or of a part, such as 3/1"
    where = one_line(".".join(map(str, problem["loc"])))[:200]
    found = f", found {show_value(problem['input'])}" if where else ""
    return one_line(f"{where}: {said}{found}" if where else said)
