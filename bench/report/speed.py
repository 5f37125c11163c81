"""A run of the benchmark suite: times, ratios, and what the machine did meanwhile."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bench.analysis import rounds
from bench.analysis.moderation import Prior
from bench.analysis.rounds import Ratio
from bench.base.errors import UsageError, one_line, reason
from bench.base.files import regular

FILE = "speed.json"  # where `make bench` puts a run, beside results.md
CONTROL = "control"  # the same matrix products in every round of every group
AGAIN = "-again"  # ends the name of a rival that does the same work as that without it


Time = Annotated[float, Field(ge=1e-12, le=1e9)]  # seconds
Amount = Annotated[float, Field(ge=0, le=1e30)]


class _Facts(BaseModel):
    model_config = ConfigDict(extra="allow")

    rival: str | None = None
    against: str | None = None
    control: Annotated[list[Time], Field(min_length=1)] | None = None
    processed: Amount | None = None
    flops: Amount | None = None
    control_flops: Annotated[float, Field(gt=0, le=1e30)] | None = None
    bytes: Amount | None = None
    bandwidth: Annotated[float, Field(gt=0, le=1e30)] | None = None
    peak_memory_mb: Amount | None = None
    device_name: str | None = None
    threads: int | None = None
    torch: str | None = None


class _Stats(BaseModel):
    data: Annotated[list[Time], Field(min_length=1)]


class _Benchmark(BaseModel):
    group: str | None
    name: str
    param: str | None
    stats: _Stats
    extra_info: _Facts


class _Processor(BaseModel):
    brand_raw: str


class _Machine(BaseModel):
    cpu: _Processor


class _File(BaseModel):
    """What pytest-benchmark writes, as far as it is read."""

    machine_info: _Machine
    datetime: str
    benchmarks: list[_Benchmark]


@dataclass(frozen=True)
class Timed:
    """What one benchmark measured."""

    group: str
    name: str
    seconds: list[float]  # one time a round; the rivals of a group ran in turns
    facts: dict[str, Any]  # its extra_info

    @property
    def control(self) -> list[float]:
        """The seconds of the control in the same rounds; none where there was no control."""
        return list(self.facts.get(CONTROL, []))

    @property
    def place(self) -> tuple[Any, ...]:
        """What the control depends on."""
        return tuple(self.facts.get(name) for name in ("device_name", "precision", "threads"))

    @property
    def same_work(self) -> bool:
        """Whether it does the work of its rival, so that their true ratio is 1."""
        rival = str(self.facts.get("rival"))
        return rival.endswith(AGAIN) and rival.removesuffix(AGAIN) == self.facts.get("against")


@dataclass(frozen=True)
class Speeds:
    """A run of the benchmark suite."""

    machine: str
    when: str  # date and time as pytest-benchmark writes them
    timed: list[Timed]

    def logarithms(self, one: Timed) -> NDArray[np.float64] | None:
        """Return the logarithms of its ratio to its rival, (rounds,); None without a rival."""
        against = one.facts.get("against")
        if against == CONTROL:
            return rounds.logarithms(one.control, one.seconds)
        for other in self.timed:
            if other.group == one.group and other.facts.get("rival") == against is not None:
                return rounds.logarithms(other.seconds, one.seconds)
        return None

    @cached_property
    def noise(self) -> Prior:
        """How much ratios vary from round to round."""
        found = [self.logarithms(one) for one in self.timed if not _is_own_rival(one)]
        return rounds.common_noise([logs for logs in found if logs is not None])

    def ratio(self, one: Timed) -> Ratio | None:
        """Return how many times as fast as its rival something is; None without a rival."""
        if _is_own_rival(one):
            return Ratio(1.0, 1.0, 1.0)
        logs = self.logarithms(one)
        return None if logs is None else rounds.ratio(logs, self.noise)

    @cached_property
    def controls(self) -> dict[tuple[Any, ...], list[float]]:
        """The seconds of the control in all rounds, by the place that they were measured at."""
        groups = {(one.place, one.group): one.control for one in self.timed if one.control}
        found: dict[tuple[Any, ...], list[float]] = {}
        for (place, _), seconds in groups.items():
            found.setdefault(place, []).extend(seconds)
        return found

    def seconds(self, one: Timed) -> float:
        """Return the median time in seconds, drift taken out.

        Each round's time is multiplied by how much faster the control was in it than in its median
        round.
        """
        if not one.control:
            return statistics.median(one.seconds)
        usual = statistics.median(self.controls[one.place])
        pairs = zip(one.seconds, one.control, strict=True)
        return statistics.median(seconds * usual / control for seconds, control in pairs)

    def rate(self, one: Timed) -> float | None:
        """Return the images a second; None where no images are processed."""
        count = one.facts.get("processed")
        return None if count is None else count / self.seconds(one)

    def share(self, one: Timed) -> float | None:
        """Return its operations a second as a share of the control's."""
        flops, product = one.facts.get("flops"), one.facts.get("control_flops")
        if flops is None or product is None:
            return None
        return flops / self.seconds(one) / (product / statistics.median(self.controls[one.place]))

    def share_of_bandwidth(self, one: Timed) -> float | None:
        """Return the bytes that it moves a second as a share of what memory can."""
        moved, rate = one.facts.get("bytes"), one.facts.get("bandwidth")
        if moved is None or rate is None:
            return None
        return moved / self.seconds(one) / rate

    def share_of_floor(self, one: Timed) -> float | None:
        """Return the time that operations and bytes take at the least as a share of its time."""
        arithmetic, memory = self.share(one), self.share_of_bandwidth(one)
        return None if arithmetic is None or memory is None else arithmetic + memory


def _is_own_rival(one: Timed) -> bool:
    return "rival" in one.facts and one.facts["rival"] == one.facts.get("against")


def read(path: Path) -> Speeds:
    """Read a file that ``pytest --benchmark-only --benchmark-json=FILE`` wrote.

    Raises
    ------
    UsageError
        If it is missing or something else.
    """
    try:
        found = _File.model_validate_json(regular(path).read_bytes())
    except FileNotFoundError:
        raise UsageError(
            f"no run of the benchmark suite at {path}: make bench writes one"
        ) from None
    except OSError as error:
        raise UsageError(f"cannot read {path}: {reason(error)}") from None
    except ValueError as error:
        why = type(error).__name__
        if isinstance(error, ValidationError):
            first = error.errors()[0]
            why = one_line(": ".join([*map(str, first["loc"]), first["msg"]]))
        raise UsageError(
            f"{path} is not what pytest --benchmark-json=FILE writes ({why})"
        ) from None
    timed = [
        Timed(
            each.group or "",
            (each.param or each.name).removeprefix("test_"),
            each.stats.data,
            each.extra_info.model_dump(exclude_unset=True),
        )
        for each in found.benchmarks
    ]
    return Speeds(found.machine_info.cpu.brand_raw, found.datetime, timed)
