"""Runs that failed or were skipped: how records keep that, and how it is shown."""

from __future__ import annotations

from typing import Any

import pandas as pd

from bench.analysis.results import PIPELINE
from bench.execution.runner import Outcome
from bench.planning.pipeline import PlannedRun
from bench.planning.plan import Plan
from bench.stages.stage import Task

UNDONE = ("failed", "skipped")

# Columns that say why a path beside runs failed, and what it is called.
PATHS_BESIDE = {
    "null_error": "null reference",
    "resample_error": "resample",
    "linear_error": "mean image and PCA",
}


def columns(run: PlannedRun, outcome: Outcome) -> dict[str, Any]:
    """Return the columns of a record that say how a run ended."""
    keys = [task.key for task in run.tasks]
    failure = next((outcome.failures[key] for key in keys if key in outcome.failures), None)
    skipped = run.impossible or outcome.skipped.get("".join(keys[-1:]))
    return {
        "status": "failed" if failure else "skipped" if skipped else "ok",
        "failed_stage": failure and failure.stage,
        "error": failure and failure.error,
        "traceback": failure and str(failure.traceback),
        "skip_reason": None if failure else skipped or None,
    }


def beside(name: str, tasks: tuple[Task, ...], outcome: Outcome) -> dict[str, str | None]:
    """Return the column of a record that says why a path beside the run failed."""
    found = (outcome.failures[task.key] for task in tasks if task.key in outcome.failures)
    errors = (_located(each.stage, each.error, each.traceback) for each in found)
    return {f"{name}_error": next(errors, None)}


def _located(stage: str, error: str, traceback: object) -> str:
    return f"{stage}: {error} (see {traceback})"


def reason(record: pd.Series) -> str:
    """Return why a run has no result, in a few words."""
    if record["status"] == "failed":
        return f"{record['failed_stage']}: {record['error']}"
    return str(record["skip_reason"])


def advice(record: pd.Series) -> str:
    """Return why a run has no result and what to do, as a sentence."""
    if record["status"] == "failed":
        why = f"failed at {record['failed_stage']} ({record['error']}); run the grid again, or"
    else:
        why = f"was skipped ({record['skip_reason']});"
    return f"it {why} take another pipeline"


def reasons(records: pd.DataFrame) -> str:
    """Return the reasons of those records that have no result, each once."""
    undone = records[records["status"] != "ok"]
    return "; ".join(dict.fromkeys(reason(record) for _, record in undone.iterrows()))


def failed(records: pd.DataFrame) -> pd.DataFrame:
    """Return the failed runs, a row each."""
    return records[records["status"] == "failed"]


def skipped(records: pd.DataFrame) -> pd.DataFrame:
    """Return the pipelines that were skipped, with the reason and ``count``, how many seeds."""
    reasons = records.reindex(columns=[*PIPELINE, "skip_reason"])[records["status"] == "skipped"]
    return reasons.groupby([*reasons], sort=False).size().rename("count").reset_index()


def counts(records: pd.DataFrame) -> dict[str, int]:
    """Return how many runs ``failed`` and how many were ``skipped``."""
    return {word: int((records["status"] == word).sum()) for word in UNDONE}


def state(row: pd.Series) -> str:
    """Return the state of a summary row: ``missing`` without a record, else of its worst seed."""
    if pd.isna(row["seeds"]):
        return "missing"
    return next((word for word in UNDONE if row[word]), "ok")


def seeds(row: pd.Series) -> str:
    """Write how many seeds a summary row rests on: ``3``, or ``2 of 3, rest failed``."""
    rest = [word for word in UNDONE if row[word]]
    done = row["seeds"] - row["failed"] - row["skipped"]
    return f"{done} of {row['seeds']}, rest {' or '.join(rest)}" if rest else f"{done}"


def undone_seeds(row: pd.Series) -> str:
    """Write how many seeds of a summary row have no result: ``1 failed of 3 seeds``, or nothing."""
    rest = [f"{int(row[word])} {word}" for word in UNDONE if row[word]]
    return f"{' and '.join(rest)} of {int(row['seeds'])} seeds" if rest else ""


def in_terminal(records: pd.DataFrame, outcome: Outcome) -> list[str]:
    """Return a line for each kind of failure of a grid."""
    groups = failed(records).groupby(["failed_stage", "error", "traceback"], sort=False)
    lines = [f"{len(runs)} runs in {_located(*map(str, error))}" for error, runs in groups]
    for column, what in PATHS_BESIDE.items():
        # Errors that are alike differ in their files; one of them is shown.
        errors = {text.partition(" (see ")[0]: text for text in records[column].dropna()}
        lines += [f"{what} in {text}" for text in errors.values()]
    scans = [failure for failure in outcome.failures.values() if failure.stage == "scan"]
    return lines + [_located("scan", failure.error, failure.traceback) for failure in scans]


def impossible(plan: Plan) -> list[str]:
    """Return why runs are skipped whose chain or clusterer cannot work on their codes."""
    reasons = dict.fromkeys(run.impossible for run in plan.runs if run.impossible)
    return [f"skipped: {why}" for why in reasons]
