"""Baselines, without which a comparison means little: no model, no training, no reduction."""

from __future__ import annotations

from collections.abc import Sequence

from models import autoencoders
from models.named import Named
from reducers import reducers

NO_MODEL = "pixels"
NO_REDUCTION = "none"


def models_with_baselines(models: Sequence[str]) -> tuple[str, ...]:
    """Put `pixels` first, and before each model that trains its base and its untrained variant.

    The base is the model whose codes it is given, if it is. What is there already stays where it
    is.
    """
    found = [NO_MODEL] if NO_MODEL not in models and NO_MODEL in autoencoders else []
    for model in models:
        found += [one for one in _baselines_of(model) if one not in (*models, *found)]
        found.append(model)
    return tuple(found)


def baselines_among(models: Sequence[str]) -> set[str]:
    """Return those that are baselines of others of these models."""
    return {NO_MODEL, *(one for model in models for one in _baselines_of(model))} & set(models)


def _baselines_of(model: str) -> list[str]:
    named = Named.parse(model)
    if named.untrained is None:
        return []
    try:
        base = named.item().base
    except ValueError:  # settings that cannot work: the plan says so, of the model itself
        return []
    return [base, named.untrained] if base else [named.untrained]


def chains_with_baseline(chains: Sequence[str]) -> tuple[str, ...]:
    """Put the chain `none` first, unless it is there."""
    missing = NO_REDUCTION not in chains and NO_REDUCTION in reducers
    return (NO_REDUCTION, *chains) if missing else tuple(chains)
