"""What ``bundle.json`` says, and that it says no more and no less."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bench.base.naming import chain_name

Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]
Error = Annotated[float, Field(ge=0)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Part(_Strict):
    """A file beside ``bundle.json``: its SHA-256, in hexadecimal digits, and its size."""

    sha256: str
    size: Count


class Link(_Strict):
    """A reducer of the chain, and what it was fitted with."""

    text: str
    seed: Count | None
    threads: Positive
    source: str


class Grouping(_Strict):
    """The clusterer, and what it was fitted with."""

    text: str
    clusters: Positive
    seed: Count | None
    source: str


class Model(_Strict):
    """The autoencoder; ``clusters`` where it was told how many are sought."""

    text: str
    clusters: Positive | None
    source: str


class Data(_Strict):
    """What the cell was made on; ``class_names`` is empty where nothing is labeled."""

    name: str
    images: Positive
    fingerprint: str
    class_names: tuple[str, ...]


class Errors(_Strict):
    """Reconstruction errors of the training images: mean squares, pixel values in -1 to 1."""

    median: Error
    percentile_99: Error


class Manifest(_Strict):
    """The whole of ``bundle.json`` but for its format.

    Attributes
    ----------
    links : tuple of Link
    placed_links : int
        So many of them, from the first on, place unseen points; those behind do not.
    placed_clusters : bool
        Whether the clusterer places unseen points.
    image_shape : tuple of int
        (C, H, W).
    seed_index : int
        Which repetition of the cell this is.
    assignment : tuple of (int, int)
        Clusters and the positions in ``class_names`` that they are taken for; some are for none.
    metrics : dict
        What the grid measured of this cell and seed.
    errors : Errors or None
        None where the model does not reconstruct images, or does so without any error.
    versions : dict
        Of the libraries that made it.
    """

    model: Model
    links: Annotated[tuple[Link, ...], Field(min_length=1)]
    placed_links: Count
    clusterer: Grouping
    placed_clusters: bool
    image_shape: tuple[Positive, Positive, Positive]
    seed_index: Count
    data: Data
    assignment: tuple[tuple[int, int], ...]
    metrics: dict[str, float]
    errors: Errors | None
    versions: dict[str, str]
    parts: dict[str, Part]

    @model_validator(mode="after")
    def _places_in_order(self) -> Self:
        if self.placed_links > len(self.links):
            raise ValueError(f"{self.placed_links} of {len(self.links)} links cannot place images")
        if self.placed_clusters and self.placed_links < len(self.links):
            raise ValueError("no clusterer places images behind a link that does not")
        if any(not 0 <= label < len(self.data.class_names) for _, label in self.assignment):
            raise ValueError("a cluster is assigned to a label that is no class")
        return self

    @property
    def chain(self) -> str:
        """The chain with the clusterer behind it, as tables write it."""
        return chain_name("+".join(link.text for link in self.links), self.clusterer.text)
