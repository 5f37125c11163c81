"""The stage reduce: one reducer of a chain, fitted on the training images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from bench.base.checks import ImageShape
from bench.stages import fitted
from bench.stages.fitted import fitted_arrays
from bench.stages.stage import Array, Context, Given, Job, Result, Stage, Task, megabytes
from reducers import reducers
from reducers.chain import Chain, Link

if TYPE_CHECKING:
    from reducers.reducer import Reducer


@dataclass(frozen=True)
class Reduce(Stage):
    """Fits a reducer. Of a resample it is given the images drawn as a second parent."""

    name: ClassVar[str] = "reduce"
    long: ClassVar[bool] = True
    reads: ClassVar[tuple[str, ...]] = ("encode",)
    is_work: ClassVar[bool] = True

    link: str
    device: str | None = None
    deterministic: bool | None = None
    precision: str | None = None
    seed: int | None = None

    @classmethod
    def plan(cls, context: Context) -> Reduce:
        (link,) = Chain.parse(context.link).links
        settings: dict[str, Any] = dict(context.on_device) if link.on_device else {}
        if not reducers[link.name].deterministic:
            settings["seed"] = context.seed("reducer", "reducer", str(link))
        return cls(str(link), **settings)

    @property
    def parsed(self) -> Link:
        """The reducer's name with its settings."""
        return Chain.parse(self.link).links[0]

    @property
    def parallel(self) -> bool:
        return bool(self.parsed.build().parallel)

    @property
    def item(self) -> Any:
        return reducers[self.parsed.name]

    def sources(self) -> tuple[Any, ...]:
        return (self.item, fitted)

    def label(self, context: Context) -> str:
        return f"{self.link}, {context.title}"

    def outputs(self, features: int) -> int:
        return self.parsed.build().output_size(features)

    def job(self, given: Given) -> Job:
        reducer = self.parsed.build(self.seed, given.task.threads, self.device or "cpu")
        parent, *drawn = given.parents
        train, validation = parent.require("train"), parent.array("validation")
        if drawn:
            train, validation = train[drawn[0].require("chosen")], None
        return Job(
            lambda: reduce(reducer, train, validation), lambda: reducer.warm_up(*train.shape)
        )

    def seconds(self, task: Task, shape: ImageShape) -> float:
        return self.parsed.build().seconds(task.samples, task.features)

    def memory(self, task: Task, shape: ImageShape) -> float:
        return self.parsed.build().memory(task.samples, task.features)

    def megabytes(self, task: Task, shape: ImageShape, validation_images: int = 0) -> float:
        # Its axes; what works on each number by itself, and so leaves as many, keeps none.
        axes = 0 if task.outputs == task.features else task.features
        return megabytes((task.samples + validation_images + axes) * task.outputs)


def reduce(reducer: Reducer, train: Array, validation: Array | None) -> Result:
    """Fit a reducer on the training images, (n, d) float32, and place validation images, (m, d).

    There are none of the latter where an earlier link could not place them.

    Returns
    -------
    Result
        Arrays: ``train`` (n, k) and, where the reducer has a ``transform``, ``validation``
        (m, k), float32; and ``fitted.NAME``, what the reducer keeps of its fit. Values:
        ``notes``, where the reducer has something to say of its fit.
    """
    arrays = {"train": reducer.fit_transform(train)}
    if len(arrays["train"]) != len(train):
        raise ValueError(f"the reducer gave {len(arrays['train'])} rows for {len(train)} images")
    if not np.isfinite(arrays["train"]).all():
        raise FloatingPointError("the reduced codes hold values that are not finite")
    if validation is not None and hasattr(reducer, "transform"):
        arrays["validation"] = reducer.transform(validation)
    arrays |= fitted_arrays(reducer)
    notes = getattr(reducer, "notes_", ())
    return Result(arrays, {"notes": list(notes)} if notes else {})
