"""What the manifest of an artifact may hold: of every stage, and of each by what it leaves.

A store may be shared, and what is in it may come from anybody. A manifest whose numbers are of
other types is damaged, whatever its checksum says.
"""

from __future__ import annotations

import functools
from typing import Annotated, Any, NotRequired

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, with_config
from typing_extensions import TypedDict

from bench.datasets.pieces import ImageNames
from bench.datasets.reading import Seen

Count = Annotated[int, Field(ge=0, lt=2**63)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Number = bool | int | float | None
Pieces = list[tuple[str, Count, str]]
LOOSE = ConfigDict(extra="allow")


class Manifest(BaseModel):
    """What every ``manifest.json`` says; ``values`` are those of the stage."""

    inputs: dict[str, Any]
    values: dict[str, Any]
    seconds: Seconds
    warm_up_seconds: Seconds
    peak_memory_mb: Seconds | None
    bytes: Count


class GridRecord(BaseModel):
    """What ``grids/NAME.json`` says of a grid."""

    out: Annotated[str, Field(min_length=1, pattern=r"^[^\x00]+$")]  # its results folder
    artifacts: list[Annotated[str, Field(pattern=r"^[^/]+/[^/]+$")]]  # stage/key that it rests on


@with_config(LOOSE)
class Settings(TypedDict):
    """The settings of a stage, as far as what is read from them again has a type."""

    model: NotRequired[str]
    link: NotRequired[str]
    clusterer: NotRequired[str]
    clusters: NotRequired[Count]
    seed: NotRequired[Count | None]


@with_config(LOOSE)
class Inputs(TypedDict):
    """What a key is a hash of."""

    settings: NotRequired[Settings]
    threads: NotRequired[Count | None]
    source: NotRequired[str]


@with_config(LOOSE)
class _Train(TypedDict):
    history: NotRequired[list[float]]
    objective_is_loss: NotRequired[bool]


@with_config(LOOSE)
class _Checkpoint(TypedDict):
    epoch: NotRequired[Count]
    batch: NotRequired[Count]
    history: NotRequired[list[float]]
    steps: NotRequired[Count]
    kernels: NotRequired[dict[str, Any]]


@with_config(LOOSE)
class _Reduce(TypedDict):
    notes: NotRequired[list[str]]


@with_config(LOOSE)
class _Scan(TypedDict):
    counts: NotRequired[list[Count]]
    knn_modularity: NotRequired[list[float | None]]


class _Budget(TypedDict):
    epochs: NotRequired[Annotated[int, Field(ge=1, lt=2**63)]]


@with_config(LOOSE)
class _Images(TypedDict):
    count: NotRequired[Count]
    digest: NotRequired[str]
    readable: NotRequired[list[bool]]
    seen: NotRequired[dict[str, Seen]]


@with_config(LOOSE)
class _Data(TypedDict):
    name: NotRequired[str]
    sizes: NotRequired[dict[Annotated[str, Field(pattern=r"^[0-9]{1,6}$")], tuple[Pieces, Pieces]]]
    names: NotRequired[ImageNames]
    positions: NotRequired[list[Count]]


_Numbers = dict[str, Number]
# The stages of scores leave numbers, and one of them the labels of clusters.
_Score = dict[str, Number | list[tuple[Count, Count]]]

VALUES: dict[str, Any] = {
    "train": _Train,
    "checkpoint": _Checkpoint,
    "reduce": _Reduce,
    "scan": _Scan,
    "budget": _Budget,
    "images": _Images,
    "data": _Data,
    "score": _Score,
    **dict.fromkeys(("encode", "cluster", "linear", "measure", "stability"), _Numbers),
}


@functools.cache
def _reader(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def check(stage: str, manifest: Any) -> dict[str, Any]:
    """Return a manifest whose parts are of the types that those of its stage are.

    Raise `pydantic.ValidationError` if they are not.
    """
    found = _reader(Manifest).validate_python(manifest)
    _reader(Inputs).validate_python(found.inputs)
    _reader(VALUES.get(stage, dict[str, Any])).validate_python(found.values)
    return vars(found)
