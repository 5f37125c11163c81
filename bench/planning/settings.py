"""The settings of a grid, each declared once: type, default, help text, panel, metavar.

The fields of `GridSettings` make the command line and its ``--help`` (`bench.planning.options`),
grid.toml, the signature and docstring of `bench.run_grid`, and docs/settings.md.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from bench.base.checks import MOST_CLUSTERS
from bench.base.errors import UsageError, one_line, show_value
from bench.base.files import expand, is_file, read_toml
from bench.base.grammar import DIGITS
from bench.base.naming import DEFAULT_CLUSTERER
from bench.base.plain_text import readable
from bench.base.processors import MOST_THREADS, find_device
from bench.base.times import seconds
from bench.datasets.brightness import Range
from bench.datasets.image_form import CROP, LARGEST, SIDE, SIDE_OF_FILES, SMALLEST, Fit
from bench.datasets.labels import FOLDERS, NONE
from bench.datasets.reading import AUTO as ANY_GROUND
from bench.datasets.reading import check_background
from bench.planning import engines
from bench.planning.presets import PRESETS
from bench.stages.training.schedule import CONSTANT, Schedule

if TYPE_CHECKING:
    from bench.base.registry import Registry
    from bench.clusterers.named import Named as Clusterer
    from reducers.chain import Chain

# While settings of a finished grid are read: items are only names, which need not be known here.
RECORDED = "recorded"
# For the number of clusters: to be suggested by the data.
AUTO: Literal["auto"] = "auto"

# Upper limits, far above what anybody needs and below what a machine cannot do; how many runs there
# may be in all depends on the memory, see `bench.planning.size`.
MOST_IMAGES = 1_000_000_000
MOST_FOLDERS = 100  # within each other
MOST_SEEDS = 10_000
LARGEST_SEED = 2**63 - 1
MOST_RESAMPLES = 1_000
MOST_EPOCHS = 1_000_000
MOST_BATCH = 1_000_000
MOST_RATE = 1_000
MOST_INTERVAL = 86_400  # seconds

# The parts of --help, in their order there.
PANELS = COMPARE, TRAINING, WORK, WHERE = (
    "What to compare", "Training", "Execution", "Folders",
)  # fmt: skip


def default_store() -> Path:
    """Return the folder of artifacts where no setting names one."""
    return Path(os.environ.get("LATENTGRID_STORE") or ".store")


def _setting(panel: str, metavar: str, default: Any, text: str, flag: str | None = None) -> Any:
    """Declare a setting: where it stands in --help, its default (or what makes it), its help."""
    extra: Any = {"panel": panel, "metavar": metavar, "flag": flag}
    made = {"default_factory": default} if callable(default) else {"default": default}
    return Field(description=" ".join(text.split()), json_schema_extra=extra, **made)


def listed(value: Any) -> Any:
    """Return one path as a list of one."""
    return [value] if isinstance(value, (str, Path)) else value


def _no_truth_value(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError(f"must be a number, found {str(value).lower()}")
    if isinstance(value, str) and value.lstrip("+-").isdecimal() and len(value) > DIGITS:
        raise ValueError(f"must have up to {DIGITS} digits, found {show_value(value)}")
    return value


def _count_or(word: str, most: int) -> BeforeValidator:
    """Accept a whole number from 1, also as text, or a word."""

    def read(value: Any) -> Any:
        found = value
        if isinstance(value, str) and value.lstrip("-").isdecimal() and len(value) <= DIGITS:
            found = int(value)
        if found in (None, word) or (type(found) is int and 1 <= found <= most):
            return found
        raise ValueError(
            f"must be a whole number from 1 to {most:,}, or {word}; found {show_value(found)}"
        )

    return BeforeValidator(read)


def _split(value: Any) -> Any:
    from bench.base.grammar import split_list

    return split_list(value) if isinstance(value, str) else value


def _items(read: Callable[[str], Iterable[str]]) -> AfterValidator:
    """Replace each item by the canonical texts that it stands for, each of them once."""

    def replace(texts: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if info.context == RECORDED:
            return texts
        return tuple(dict.fromkeys(one for text in texts for one in read(text)))

    return AfterValidator(replace)


def _models(text: str) -> list[str]:
    """Return the models that a text stands for: one, or all that start with its word."""
    from bench.planning import recommended
    from models import autoencoders
    from models.named import Named, needed_settings

    if text == recommended.WORD:
        return [*recommended.models()]
    variants = [name for name in autoencoders.names() if name.startswith(f"{text}-")]
    if text not in autoencoders and variants:
        # One that must be given settings is not meant by a name alone.
        return [name for name in variants if not needed_settings(name)]
    return [_installed(autoencoders, Named.parse(text))]


def _chain(text: str) -> list[str]:
    from bench.planning import recommended
    from reducers import reducers
    from reducers.chain import Chain

    if text == recommended.WORD:
        return [*recommended.chains()]
    chain = Chain.parse(text)
    return [_installed(reducers, link) and str(chain) for link in chain.links]


def _clusterer(text: str) -> list[str]:
    from bench.clusterers import clusterers
    from bench.clusterers.named import Named

    return [_installed(clusterers, Named.parse(text))]


def _installed(registry: Registry[Any], item: Any) -> str:
    from bench.base.extras import require

    require(registry, item.name)
    return str(item)


def _datasets(value: Any) -> Any:
    from bench.datasets.dataset import parse, split

    names = split(value) if isinstance(value, str) else value
    if not isinstance(names, (list, tuple)) or not all(isinstance(n, str) for n in names):
        raise ValueError(f"must be a data set or a list of them, found {value!r}")
    if not names:
        raise ValueError("names no data set")
    for name in names:
        parse(name)
        if names.count(name) > 1:
            raise ValueError(f"{name} is named twice: name it once")
    return names[0] if len(names) == 1 else tuple(names)


def _labels(value: str, info: ValidationInfo) -> str:
    several = isinstance(info.data.get("dataset"), tuple)
    if several and value not in (FOLDERS, NONE):
        raise ValueError(f"a CSV file is for one data set, and there are several: {value!r}")
    if value in (FOLDERS, NONE) or is_file(expand(value)):
        return value
    raise ValueError(
        f"must be {FOLDERS}, {NONE} or the name of a CSV file; there is no file {value!r}"
    )


def _load(paths: tuple[Path, ...]) -> tuple[Path, ...]:
    from bench.planning.plugins import load_plugins

    paths = tuple(map(expand, paths))
    load_plugins(paths)
    return paths


def _readable(value: Any) -> Any:
    """Return text, or text in a list, without bytes that are no text; paths are as they are."""
    if isinstance(value, (list, tuple)):
        return type(value)(map(_readable, value))
    return readable(value) if isinstance(value, str) else value


Number = BeforeValidator(_no_truth_value)
Place = Annotated[Path, AfterValidator(expand), PlainSerializer(readable, when_used="json")]
LabelDepth = Annotated[int, Number, Field(ge=1, le=MOST_FOLDERS)]
Seeds = Annotated[int, Number, Field(ge=1, le=MOST_SEEDS)]
Resamples = Annotated[int, Number, Field(ge=0, le=MOST_RESAMPLES)]
Threads = Annotated[int, Number, Field(ge=1, le=MOST_THREADS)]
Epochs = Annotated[int, Number, Field(ge=1, le=MOST_EPOCHS)]
BatchSize = Annotated[int, Number, Field(ge=1, le=MOST_BATCH)]
Size = Annotated[int, Number, Field(ge=SMALLEST, le=LARGEST)]
BaseSeed = Annotated[int, Number, Field(ge=0, le=LARGEST_SEED)]
Rate = Annotated[float, Number, Field(gt=0, le=MOST_RATE, allow_inf_nan=False)]
Interval = Annotated[float, Number, Field(gt=0, le=MOST_INTERVAL, allow_inf_nan=False)]
Share = Annotated[float, Number, Field(ge=0, le=1)]
Plugins = Annotated[
    tuple[Path, ...],
    BeforeValidator(listed),
    AfterValidator(_load),
    PlainSerializer(lambda paths: [readable(path) for path in paths], when_used="json"),
]
PixelRange = Annotated[str, AfterValidator(lambda text: Range.parse(text) and text)]
Names = Annotated[tuple[str, ...], BeforeValidator(_split), Field(min_length=1)]


class GridSettings(BaseModel):
    """A grid: data sets × models × reducer chains × clusterers × seeds, and how they are run.

    A field has the name that it has in grid.toml and in Python; with hyphens it is the option.
    The fields that others depend on come first. docs/settings.md describes them all.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    # fmt: off
    preset: str = _setting(COMPARE, "NAME", "quick", f"""
        Settings to start from: {', '.join(PRESETS)}. Other options replace single settings.""")
    plugins: Plugins = _setting(COMPARE, "FILE", (), """
        Python file that registers models, reducers, clusterers or data sets. It is run, so name
        only files that you trust. May be repeated. Files that a configuration file names are run
        only if you agree.""", flag="--plugin")
    dataset: Annotated[str | tuple[str, ...], BeforeValidator(_datasets)] = _setting(
        COMPARE, "SPEC", ..., """
        digits, photos, npy:DIR (the homework's files), folder:DIR (sub-folders are labels),
        openml:NAME or hf:NAME_OR_PATH[:SPLIT] (Hugging Face; docs/hub.md). With several, separated
        by commas, each gets a report, and a table ranks the pipelines over all of them.""")
    limit: Annotated[int | Literal["all"], _count_or("all", MOST_IMAGES)] = _setting(
        COMPARE, "N", "all", f"""
        Use a stratified subset of N images of each data set, 1 to {MOST_IMAGES:,}; all uses every
        image. If a preset sets a limit and another data set is given, all images are used, unless
        --limit is given too.""")
    image_size: Size | None = _setting(COMPARE, "N", None, f"""
        Side of the square images in pixels, {SMALLEST} to {LARGEST}. All images are resized to it.
        By default {SIDE} for arrays of that size or smaller, else {SIDE_OF_FILES}. A model that
        asks for a size of its own gets images of that size.""")
    fit: Fit = _setting(COMPARE, "HOW", CROP, """
        How images that are not square are made square: crop (default) cuts off both ends of the
        longer side, pad adds gray margins, stretch changes the proportions.""")
    clusters: Annotated[int | Literal["auto"] | None, _count_or(AUTO, MOST_CLUSTERS)] = _setting(
        COMPARE, "N", None, f"""
        Number of clusters, 1 to {MOST_CLUSTERS:,} and not more than there are images; by default
        the number of labels. auto: a number suggested by the embeddings, without labels.""")
    labels: Annotated[str, AfterValidator(_labels)] = _setting(COMPARE, "HOW", FOLDERS, """
        Where labels come from. folders (default): the names of sub-folders, or the labels that the
        data set brings; none: treat the images as unlabeled; FILE.csv: the first column names the
        files, the second has their labels; of some images is enough.""")
    label_depth: LabelDepth | None = _setting(COMPARE, "N", None, f"""
        Which level of sub-folders holds the labels, 1 for the folders directly in DIR; up to
        {MOST_FOLDERS}. By default the first level at which folders differ, below folders such as
        train and test.""")
    range: PixelRange | None = _setting(
        COMPARE, "LOW:HIGH", None, """
        Pixel values that become black and white; values beyond are cut off. By default decided for
        the whole data set: 8-bit images keep their values, whole numbers use the fewest bits that
        hold the largest, and other numbers are taken for 0..1, -1..1 or 0..255 and more. See
        docs/reading_images.md.""")
    background: Annotated[str, AfterValidator(check_background)] = _setting(
        COMPARE, "COLOR", ANY_GROUND, """
        Color on which transparent images are laid: white, black, gray or '#rrggbb'. auto (default):
        white, unless it would hide what the images show.""")
    models: Annotated[Names, _items(_models)] = _setting(COMPARE, "LIST", ..., """
        Autoencoders, separated by commas: pixels,dnn,cnn. untrained-NAME is an untrained model,
        and untrained means all of them. recommended: a pretrained network if its weights are on
        this machine, else hand-crafted and contrastive-hand-crafted. Quote parentheses:
        'dnn(code=32)'.""")
    reducers: Annotated[Names, _items(_chain)] = _setting(COMPARE, "LIST", ..., """
        Reducer chains, separated by commas: none,pca64,pca128+tsne2. recommended: those for the
        recommended models. Quote parentheses: 'pca128+tsne2(perplexity=50)'.""")
    clusterers: Annotated[Names, _items(_clusterer)] = _setting(
        COMPARE, "LIST", (DEFAULT_CLUSTERER,), """
        Clusterers of the embeddings, separated by commas: kmeans (default), gmm, agglomerative,
        spectral, hdbscan. With settings: 'gmm(covariance=diag)'.""")
    baselines: bool = _setting(COMPARE, "", True, """
        Add the baselines (on by default): the model pixels, whose code is the image itself; each
        model untrained; for on(model=MODEL), the model MODEL; the chain none, which does not
        reduce.""")
    seeds: Seeds = _setting(COMPARE, "N", ..., f"""
        Number of runs of each pipeline, each with its own seed; 1 to {MOST_SEEDS:,}.""")
    seed: BaseSeed = _setting(COMPARE, "S", 0, f"""
        Base seed, from which all other seeds are derived; 0 to {LARGEST_SEED:,}.""")
    vary: Literal["all", "model", "reducer", "clusterer"] = _setting(COMPARE, "WHAT", "all", """
        Draw new seeds only for the model, reducer or clusterer, to see how much the result
        varies with each of them. By default for all.""")
    subsample_images: bool = _setting(COMPARE, "", False, """
        Run each seed on its own random half of the images, the same for every pipeline. The
        spread over seeds then includes that of the images, and the results are about images like
        these, not only about these images.""")
    null: bool = _setting(COMPARE, "", False, """
        Also run each pipeline on ten or more draws of the null reference: random data with the
        covariance of the codes, but without clusters.""")
    resamples: Resamples | None = _setting(COMPARE, "N", None, f"""
        Run each chain N more times on four fifths of the images, for every seed, to measure
        stability; 0 to {MOST_RESAMPLES:,}. By default 1 if no image has a label, else 0.""")
    equivalence: Share = _setting(COMPARE, "MARGIN", 0.02, """
        Call a pipeline equivalent to the best if the whole 95% interval of their difference lies
        within plus and minus this margin; by default 0.02. Nothing is computed anew for another
        margin.""")
    engine: Annotated[str, AfterValidator(engines.check)] = _setting(WORK, "NAME", "local", """
        What executes the tasks. local (default): worker processes on this machine; inline: this
        process, one task after the other; dask: a Dask cluster on this machine;
        dask:tcp://HOST:8786: the workers of a running Dask scheduler, which share the store's
        folder.""")
    workers: Threads | None = _setting(WORK, "N", None, f"""
        Number of worker processes, 1 to {MOST_THREADS:,}, for the engines local and dask. By
        default one for each processor, as far as there are 400 MB of memory for each, and tasks
        that run at the same time use no more threads in total than there are processors. With this
        option, that limit does not apply. It does not change results.""")
    budget: Annotated[str, AfterValidator(lambda text: seconds(text) and text)] | None = _setting(
        TRAINING, "TIME", None, """
        Time limit for each data set, such as 15m, from loading to the report. By an estimate, the
        epochs are lowered, to a quarter of --epochs at least, so that all seeds finish in time. If
        that is not enough, the seeds are lowered, to two at least; then the epochs again. Seeds
        that would not finish in time are not started, for any pipeline.""")
    epochs: Epochs = _setting(TRAINING, "N", ..., f"""
        Passes over the training images, 1 to {MOST_EPOCHS:,}.""")
    lr: Rate = _setting(TRAINING, "RATE", ..., f"""
        Learning rate of Adam, above 0 and up to {MOST_RATE:,}.""")
    batch_size: BatchSize = _setting(TRAINING, "N", ..., f"""
        Images per step, 1 to {MOST_BATCH:,}.""")
    schedule: Schedule = _setting(TRAINING, "NAME", CONSTANT, """
        Learning rate over the steps of training. constant (default), as in the HW5 report;
        warmup-cosine: rises linearly from 0 over the first tenth of the steps, then falls to 0
        along a cosine. Models that train in phases, as idec, have one schedule for all of them.""")
    device: Literal["auto", "cpu", "cuda", "mps"] = _setting(TRAINING, "NAME", "auto", """
        Device of computations: auto (default), cpu, cuda or mps.""")
    threads: Threads = _setting(TRAINING, "N", 1, f"""
        Processor threads of a task, 1 to {MOST_THREADS:,}; by default 1 on every machine, because
        the last digits of results depend on it. Choose more if fewer tasks can run at the same
        time than there are processors, as with one large training.""")
    deterministic: bool = _setting(TRAINING, "", False, """
        Make results on a GPU identical every time, which is slower. Results on a CPU are identical
        without it, except those of umap2(fast=true).""")
    precision: Literal["float32", "tf32"] = _setting(TRAINING, "NAME", "float32", """
        Precision of matrix products: float32 (default), or tf32, which is faster on NVIDIA GPUs
        and rounds to 10 bits.""")
    checkpoint: Interval = _setting(TRAINING, "SECONDS", 60.0, f"""
        Time between two checkpoints of training, up to {MOST_INTERVAL:,}. If training is stopped,
        it continues from the last one; by default 60.""")
    out: Place = _setting(WHERE, "DIR", Path("results"), """
        Folder for the report, its tables and figures; by default results.""")
    store: Place = _setting(WHERE, "DIR", default_store, """
        Folder of stored results, so that the next run computes only what is missing; by default
        $LATENTGRID_STORE, or .store. Several grids may share it.""")
    # fmt: on

    @field_validator("workers")
    @classmethod
    def _workers_of_ours(cls, workers: int | None, info: ValidationInfo) -> int | None:
        engine = info.data.get("engine", engines.DASK)
        if workers is not None and engine not in (engines.LOCAL, engines.DASK):
            raise ValueError(
                f"applies to the engines local and dask only, found {workers} for engine {engine}"
            )
        return workers

    @field_validator("subsample_images")
    @classmethod
    def _all_varies(cls, subsample: bool, info: ValidationInfo) -> bool:
        vary = info.data.get("vary", "all")
        if subsample and vary != "all":
            raise ValueError(
                f"each seed has its own images, so that not only the {vary} varies: allowed with "
                f"vary = all, found {vary}"
            )
        return subsample

    @field_validator("device")
    @classmethod
    def _device_is_there(cls, device: str, info: ValidationInfo) -> str:
        if device in ("cuda", "mps") and not _elsewhere(info):
            found = find_device()
            if found != device:
                raise ValueError(f"{device} is not available here; found {found}")
        return device

    @field_validator("precision")
    @classmethod
    def _precision_is_there(cls, precision: str, info: ValidationInfo) -> str:
        if precision == "tf32":
            device = info.data.get("device")
            found = find_device() if device == "auto" and not _elsewhere(info) else device
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
        """The reducer chains, parsed."""
        from reducers.chain import Chain

        return tuple(Chain.parse(text) for text in self.reducers)

    @property
    def named_clusterers(self) -> tuple[Clusterer, ...]:
        """The clusterers, parsed."""
        from bench.clusterers.named import Named

        return tuple(Named.parse(text) for text in self.clusterers)

    @property
    def budget_seconds(self) -> float | None:
        """The budget in seconds, None without one."""
        return None if self.budget is None else seconds(self.budget)

    @property
    def spared(self) -> set[str]:
        """The baseline models: one that cannot work is left out, and the grid is not refused."""
        from bench.planning.baselines import baselines_among

        return baselines_among(self.models) if self.baselines else set()

    def with_baselines(self) -> GridSettings:
        """Return the settings with baselines among models and chains, if those are wanted."""
        from bench.planning.baselines import chains_with_baseline, models_with_baselines

        if not self.baselines:
            return self
        models, chains = models_with_baselines(self.models), chains_with_baseline(self.reducers)
        return self.model_copy(update={"models": models, "reducers": chains})

    def to_toml(self) -> str:
        """Return the settings as a TOML file, which `resolve` reads."""
        import tomli_w

        from bench.datasets.dataset import split

        settings = self.model_dump(mode="json", exclude_none=True)
        if isinstance(self.dataset, str) and split(self.dataset) != [self.dataset]:
            settings["dataset"] = [self.dataset]  # a path that text would be split at
        return tomli_w.dumps(settings)


def _elsewhere(info: ValidationInfo) -> bool:
    """Return whether the work is, or was, done on machines whose devices are not known here."""
    return (
        info.context == RECORDED
        or engines.scheduler_of(info.data.get("engine", engines.LOCAL)) is not None
    )


def resolve(
    flags: dict[str, Any] | None = None,
    config: Path | None = None,
    trusts: Callable[[str], bool] = lambda question: False,
) -> GridSettings:
    """Combine preset, configuration file and flags; later ones win. Then add the baselines.

    Flags that are None do not count; the file has the same names. A preset's ``limit``
    belongs to its own data set: with another one, all images are taken unless a limit is given.
    Whether the plugins that the file names are run, ``trusts`` answers, unless the flags name
    others.

    Raises
    ------
    UsageError
        In one line, with everything that is wrong.
    """
    flags = {name: value for name, value in (flags or {}).items() if value is not None}
    given = {} if config is None else _read(config)
    if given.get("plugins") and "plugins" not in flags:
        plugins = given["plugins"] if isinstance(given["plugins"], list) else [given["plugins"]]
        files = ", ".join(one_line(str(file)) for file in plugins)
        named = f"{config} names plugins, Python files that would be run: {files}"
        if not trusts(named):
            raise UsageError(
                f"{named}; if you trust them, name them with --plugin FILE (in Python plugins), or "
                "all with --trust-plugins (trust_plugins=True)"
            )
    return _validate(given | flags, None).with_baselines()


def resolve_recorded(config: Path, replaced: dict[str, Any]) -> GridSettings:
    """Read the settings of a finished grid, as far as its results are read by them.

    Those that are given and not None are replaced. Nothing that the file names is run: plugins are
    left out, and models, reducers and clusterers are names. Raise `UsageError` as `resolve`.
    """
    given = _read(config) | {name: value for name, value in replaced.items() if value is not None}
    plugins = given.pop("plugins", None)
    try:
        return _validate(given, RECORDED)
    except UsageError as error:
        hint = "; an item of a plugin needs --plugin FILE" if plugins else ""
        raise UsageError(f"{error}{hint}") from None


def _read(config: Path) -> dict[str, Any]:
    return read_toml(config, "configuration file", f"no such configuration file: {config}")


def _validate(given: dict[str, Any], context: str | None) -> GridSettings:
    """Put a preset's settings below those that were given, and check them."""
    from bench.base.registry import did_you_mean

    given = {name: _readable(value) for name, value in given.items()}
    preset = given.get("preset", "quick")
    if not isinstance(preset, str) or preset not in PRESETS:
        raise UsageError(
            f"unknown preset {preset!r}: {did_you_mean(str(preset), PRESETS)}"
            f"known are {', '.join(PRESETS)}"
        )
    settings = dict(PRESETS[preset].settings)
    own = settings["dataset"]
    if given.get("dataset", own) not in (own, [own], (own,)):
        settings.pop("limit", None)
    try:
        return GridSettings.model_validate(settings | {"preset": preset} | given, context=context)
    except ValidationError as error:
        raise UsageError(what_is_wrong(error, GridSettings)) from None


def what_is_wrong(error: ValidationError, of: type[BaseModel]) -> str:
    """Return what pydantic found in one line: field, reason, value."""
    from bench.base.registry import did_you_mean

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
            parts.append(f"{field}: {message}, found {show_value(problem['input'])}")
    return "; ".join(dict.fromkeys(parts))
