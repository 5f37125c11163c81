"""What a grid is: settings from presets, TOML files and flags, with one meaning."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any, Literal

import tomli_w
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from bench.base.errors import UsageError
from bench.base.extras import require
from bench.base.grammar import split_list
from bench.base.processors import available_threads
from bench.base.registry import did_you_mean
from bench.clusterers import clusterers
from bench.clusterers.named import DEFAULT
from bench.clusterers.named import Named as Clusterer
from bench.planning import engines
from bench.planning.baselines import baselines_among, chains_with_baseline, models_with_baselines
from bench.planning.budget import seconds
from bench.planning.plugins import load_plugins
from bench.planning.presets import PRESETS
from models import autoencoders
from models.named import Named
from reducers import reducers as registered_reducers
from reducers.chain import Chain

Count = Field(ge=1)

# For the number of clusters: to be suggested by the data.
AUTO: Literal["auto"] = "auto"


def default_store() -> Path:
    """Return where artifacts are kept unless told otherwise."""
    return Path(os.environ.get("LATENTGRID_STORE") or ".store")


class GridSettings(BaseModel):
    """A grid: data set × models × reducer chains × clusterers × seeds, and how they are run.

    Field names are those of the TOML file and, with hyphens, of the flags.

    Attributes
    ----------
    preset : str
        Where the settings started from.
    dataset : str or tuple of str
        Spec string of the data set, or of several (``digits,photos``, or a list), each of which
        gets a grid of its own; `datasets` has them as a tuple in any case.
    limit : int or "all"
        Training images to take, of each data set.
    models : tuple of str
        Registered names, with settings in parentheses: ``dnn(code=32)``. ``untrained`` stands for
        all models whose names start with ``untrained-``, and so on for other first words.
        ``untrained-NAME`` is there for every model that trains.
    reducers : tuple of str
        Chains, kept in canonical form.
    clusterers : tuple of str
        What groups the reduced codes, registered names with settings in parentheses; k-means alone
        unless asked for.
    baselines : bool
        Add what the models and chains are measured against, where it is not asked for by name:
        ``pixels`` shows what an autoencoder adds, the untrained variant of each model what its
        training adds, the chain ``none`` what a reduction adds.
    seeds : int
        Repetitions.
    seed : int
        Base seed.
    vary : str
        What seeds are drawn anew for: ``all``, or one of ``model`` (weights and batches),
        ``reducer`` and ``clusterer``, the others keeping those of the first repetition.
    null : bool
        Hold each model and chain against data without clusters.
    resamples : int or None
        How often each chain runs again on four fifths of the images, for every seed; None: once
        where nothing is labeled, else never.
    budget : str or None
        A time for each data set, such as ``15m``: as many epochs are taken, up to ``epochs``, as
        all seeds have room for by an estimate; a seed that would not end in time is not begun.
    epochs, lr, batch_size
        The recipe; see `bench.stages.training.core.Recipe`.
    clusters : int, "auto" or None
        Clusters to seek, in each data set; None: as many as there are labels; ``auto``: as many as
        the embeddings suggest, without a look at labels (`bench.analysis.suggest`).
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``mps``.
    deterministic : bool
        Have torch use algorithms that give the same bits every time; on a GPU they are slower.
        A CPU does that anyway.
    precision : str
        ``float32``, or ``tf32`` for products of matrices on NVIDIA GPUs.
    threads : int
        Processor threads of a task. Results can differ in their last digits with another number.
    engine : str
        Who does the tasks: ``local``, one after the other in a process of its own; ``dask``, many
        at once on this machine; ``dask:tcp://HOST:PORT``, the workers of a running scheduler.
    workers : int or None
        Tasks at once, for the engine ``dask``; None: as many as there are processors.
    checkpoint : float
        Seconds between two checkpoints of a training.
    out, store : Path
        Where results and artifacts go. The store is by default the environment variable
        LATENTGRID_STORE, or ``.store``.
    plugins : tuple of Path
        Python files that register items; loaded before names are looked up.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    plugins: tuple[Path, ...] = ()
    engine: str = engines.LOCAL
    workers: int | None = Field(None, ge=1)
    preset: str = "quick"
    dataset: str | tuple[str, ...]
    limit: int | Literal["all"] = "all"
    models: tuple[str, ...] = Field(min_length=1)
    reducers: tuple[str, ...] = Field(min_length=1)
    clusterers: tuple[str, ...] = Field((DEFAULT,), min_length=1)
    baselines: bool = True
    seeds: int = Count
    seed: int = Field(0, ge=0)
    null: bool = False
    resamples: int | None = Field(None, ge=0)
    vary: Literal["all", "model", "reducer", "clusterer"] = "all"
    budget: str | None = None
    epochs: int = Count
    lr: float = Field(gt=0, allow_inf_nan=False)
    batch_size: int = Count
    clusters: int | Literal["auto"] | None = None
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    deterministic: bool = False
    precision: Literal["float32", "tf32"] = "float32"
    threads: int = Field(default_factory=available_threads, ge=1)
    checkpoint: float = Field(60.0, gt=0, allow_inf_nan=False)
    out: Path = Path("results")
    store: Path = Field(default_factory=default_store)

    @field_validator("plugins", mode="before")
    @classmethod
    def _one_plugin(cls, value: Any) -> Any:
        return [value] if isinstance(value, (str, Path)) else value

    @field_validator("plugins")
    @classmethod
    def _load_plugins(cls, paths: tuple[Path, ...]) -> tuple[Path, ...]:
        load_plugins(paths)
        return paths

    @field_validator("engine")
    @classmethod
    def _known_engine(cls, engine: str) -> str:
        return engines.check(engine)

    @field_validator("workers")
    @classmethod
    def _workers_of_ours(cls, workers: int | None, info: ValidationInfo) -> int | None:
        engine = info.data.get("engine", engines.DASK)
        if workers is not None and engine != engines.DASK:
            raise ValueError(f"is for the engine dask, found {workers} for the engine {engine}")
        return workers

    @field_validator("dataset", mode="before")
    @classmethod
    def _known_datasets(cls, value: Any) -> Any:
        from bench.datasets.dataset import parse, split

        names = split(value) if isinstance(value, str) else value
        if not isinstance(names, (list, tuple)) or not all(isinstance(n, str) for n in names):
            raise ValueError(f"must be a data set or a list of them, found {value!r}")
        if not names:
            raise ValueError("names no data set")
        for name in names:
            parse(name)
            if names.count(name) > 1:
                raise ValueError(f"{name} is named twice: once is enough")
        return names[0] if len(names) == 1 else tuple(names)

    @field_validator("clusters", mode="before")
    @classmethod
    def _clusters(cls, value: Any) -> Any:
        if isinstance(value, str) and value.lstrip("-").isdecimal():
            value = int(value)
        if value is None or value == AUTO or (type(value) is int and value >= 1):
            return value
        raise ValueError(f"must be a whole number from 1, or auto; found {value!r}")

    @field_validator("limit", mode="before")
    @classmethod
    def _limit(cls, value: Any) -> Any:
        if isinstance(value, str) and value != "all" and value.lstrip("-").isdecimal():
            value = int(value)
        if value == "all" or (type(value) is int and value >= 1):
            return value
        raise ValueError(f"must be a whole number from 1, or all; found {value!r}")

    @field_validator(
        "seeds",
        "seed",
        "resamples",
        "epochs",
        "lr",
        "batch_size",
        "threads",
        "workers",
        "checkpoint",
        mode="before",
    )
    @classmethod
    def _no_truth_values(cls, value: Any) -> Any:
        if isinstance(value, bool):
            raise ValueError(f"must be a number, found {str(value).lower()}")
        return value

    @field_validator("budget")
    @classmethod
    def _budget(cls, text: str | None) -> str | None:
        if text is not None:
            seconds(text)
        return text

    @field_validator("models", mode="before")
    @classmethod
    def _split_models(cls, value: Any) -> Any:
        return split_list(value) if isinstance(value, str) else value

    @field_validator("models")
    @classmethod
    def _known_models(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        found = [model for name in names for model in _expand(name)]
        return tuple(dict.fromkeys(found))

    @field_validator("reducers", mode="before")
    @classmethod
    def _split_reducers(cls, value: Any) -> Any:
        return split_list(value) if isinstance(value, str) else value

    @field_validator("reducers")
    @classmethod
    def _canonical_reducers(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        chains = [Chain.parse(text) for text in texts]
        for link in (link for chain in chains for link in chain.links):
            require(registered_reducers, link.name)
        return tuple(dict.fromkeys(map(str, chains)))

    @field_validator("clusterers", mode="before")
    @classmethod
    def _split_clusterers(cls, value: Any) -> Any:
        return split_list(value) if isinstance(value, str) else value

    @field_validator("clusterers")
    @classmethod
    def _known_clusterers(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        found = [Clusterer.parse(text) for text in texts]
        for clusterer in found:
            require(clusterers, clusterer.name)
        return tuple(dict.fromkeys(map(str, found)))

    @field_validator("device")
    @classmethod
    def _device_is_there(cls, device: str, info: ValidationInfo) -> str:
        elsewhere = engines.scheduler_of(info.data.get("engine", engines.LOCAL))
        if device in ("cuda", "mps") and not elsewhere:
            found = find_device()
            if found != device:
                raise ValueError(f"{device} is not available here; found {found}")
        return device

    @field_validator("precision")
    @classmethod
    def _precision_is_there(cls, precision: str, info: ValidationInfo) -> str:
        if precision == "tf32":
            device = info.data.get("device")
            elsewhere = engines.scheduler_of(info.data.get("engine", engines.LOCAL))
            found = find_device() if device == "auto" and not elsewhere else device
            if found != "cuda":
                raise ValueError(f"tf32 is a precision of NVIDIA GPUs; the device is {found}")
        return precision

    @property
    def datasets(self) -> tuple[str, ...]:
        """The spec strings of all data sets."""
        return (self.dataset,) if isinstance(self.dataset, str) else self.dataset

    @property
    def most_images(self) -> int | None:
        """The limit as a number, None for all images."""
        return None if self.limit == "all" else self.limit

    @property
    def chains(self) -> tuple[Chain, ...]:
        """The reducer chains, read."""
        return tuple(Chain.parse(text) for text in self.reducers)

    @property
    def named_clusterers(self) -> tuple[Clusterer, ...]:
        """The clusterers, read."""
        return tuple(Clusterer.parse(text) for text in self.clusterers)

    @property
    def budget_seconds(self) -> float | None:
        """The budget in seconds, None without one."""
        return None if self.budget is None else seconds(self.budget)

    @property
    def spared(self) -> set[str]:
        """Models that may be unable to work: a baseline is left out, and not a grid refused."""
        return baselines_among(self.models) if self.baselines else set()

    def with_baselines(self) -> GridSettings:
        """Return the settings with baselines among models and chains, if those are wanted."""
        if not self.baselines:
            return self
        return self.model_copy(
            update={
                "models": models_with_baselines(self.models),
                "reducers": chains_with_baseline(self.reducers),
            }
        )

    def to_toml(self) -> str:
        """Return the settings as a TOML file that runs again as it is."""
        from bench.datasets.dataset import split

        settings = self.model_dump(mode="json", exclude_none=True)
        if isinstance(self.dataset, str) and split(self.dataset) != [self.dataset]:
            settings["dataset"] = [self.dataset]  # a path that text would be split at
        return tomli_w.dumps(settings)


def find_device() -> str:
    """Return the best device here: ``cuda``, ``mps`` or ``cpu``."""
    import torch

    if torch.cuda.is_available():
        return "cuda"
    if torch.backends.mps.is_available():
        return "mps"
    return "cpu"


def resolve(flags: dict[str, Any] | None = None, config: Path | None = None) -> GridSettings:
    """Combine preset, configuration file and flags; later ones win. Then add the baselines.

    A preset's ``limit`` belongs to its own data set: with another one, all images are taken
    unless a limit is given.

    Parameters
    ----------
    flags : dict
        Settings by field name; None values do not count.
    config : Path or None
        A TOML file with the same names.

    Raises
    ------
    UsageError
        In one line, with everything that is wrong.
    """
    given = {} if config is None else read_toml(config)
    given |= {name: value for name, value in (flags or {}).items() if value is not None}
    preset = given.get("preset", "quick")
    if not isinstance(preset, str) or preset not in PRESETS:
        raise UsageError(
            f"unknown preset {preset!r}: {did_you_mean(str(preset), PRESETS)}"
            f"known are {', '.join(PRESETS)}"
        )
    settings = dict(PRESETS[preset].settings)
    own = settings["dataset"]
    if given.get("dataset", own) not in (own, [own], (own,)):
        settings["limit"] = "all"
    try:
        spec = GridSettings.model_validate(settings | {"preset": preset} | given)
    except ValidationError as error:
        raise UsageError(what_is_wrong(error, GridSettings)) from None
    return spec.with_baselines()


def read_toml(path: Path) -> dict[str, Any]:
    """Read a configuration file.

    Raises
    ------
    UsageError
        If it is missing or not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"no such configuration file: {path}") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"cannot read configuration file {path}: {error}") from None


def _expand(name: str) -> list[str]:
    """Return the models that a name stands for: itself, or all that start with it."""
    if name not in autoencoders:
        variants = [other for other in autoencoders.names() if other.startswith(f"{name}-")]
        if variants:
            return variants
    named = Named.parse(name)
    require(autoencoders, named.name)
    return [str(named)]


def what_is_wrong(error: ValidationError, of: type[BaseModel]) -> str:
    """Say what pydantic found in one line: field, reason, value."""
    parts = []
    for problem in error.errors():
        field = str(problem["loc"][0]) if problem["loc"] else "settings"
        if problem["type"] == "extra_forbidden":
            hint = did_you_mean(field, of.model_fields)
            known = ", ".join(of.model_fields)
            parts.append(f"unknown setting {field!r}: {hint}known are {known}")
        elif problem["type"] == "value_error":
            parts.append(f"{field}: {problem['ctx']['error']}")
        else:
            message = problem["msg"].removeprefix("Input ")
            parts.append(f"{field}: {message}, found {problem['input']!r}")
    return "; ".join(dict.fromkeys(parts))
