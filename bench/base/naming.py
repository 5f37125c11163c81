"""How pipelines are written for people, and names of files and folders that cannot collide."""

from __future__ import annotations

import hashlib
import re

DEFAULT_CLUSTERER = "kmeans"  # goes without saying


def chain_name(chain: str, clusterer: str) -> str:
    """Return a chain with its clusterer behind it, unless that is k-means: ``pca16 → gmm``."""
    return chain if clusterer == DEFAULT_CLUSTERER else f"{chain} → {clusterer}"


def pipeline_name(model: str, chain: str, clusterer: str) -> str:
    """Return a pipeline as it is written for people: ``dnn, pca16 → gmm``."""
    return f"{model}, {chain_name(chain, clusterer)}"


def pipeline_file_name(model: str, chain: str, clusterer: str) -> str:
    """Return a readable file name for a pipeline, with a hash of what the letters leave out."""
    written = chain_name(chain, clusterer)
    return _named(f"{model}-{written}", f"{model}\n{written}")


def set_name(dataset: str) -> str:
    """Return a readable folder name for a data set, with a hash of what the letters leave out."""
    return _named(dataset, dataset)


def unique_names(names: list[str]) -> list[str]:
    """Return names of which those that occur again are numbered."""
    taken: set[str] = set(names)
    if len(taken) == len(names):
        return names
    found: dict[str, None] = {}
    for name in names:
        made, number = name, 2
        while made in found or (made != name and made in taken):
            made, number = f"{name} ({number})", number + 1
        found[made] = None
    return list(found)


def _named(text: str, whole: str) -> str:
    readable = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    digest = hashlib.sha256(whole.encode(errors="surrogateescape")).hexdigest()
    return f"{readable[:60]}-{digest[:6]}"
