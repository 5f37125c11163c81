"""latentgrid against deep clustering by others, on the same images: ``make peers``.

Peers are no dependencies of the project, so this script is part of no package: `make peers` runs
it in an environment of its own, ``.venv-peers``. What is compared, and how, is said in
``docs/peers.md``, which this script writes.

Heavy imports wait until the number of threads is set: arithmetic libraries read it as they load.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.machinery
import io
import json
import math
import os
import statistics
import sys
import textwrap
import time
import types
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bench.base.errors import UsageError, format_error, one_line

if TYPE_CHECKING:
    from bench.datasets.dataset import Dataset

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "peers.md"
RESULTS = ROOT / "results" / "peers.jsonl"
WIDTH = 108  # of the page's lines
WARM = 200  # images of the run that comes before any clock
SCENES = Path(os.environ.get("LATENTGRID_SCENES", ROOT.parent / "shared" / "data" / "scenes"))

_WARM: set[Any] = set()  # cells that have run in this process

# Each data set as `bench.datasets.dataset.load` reads it, and as the page tells it.
SETS = {
    "digits": ("digits", "of scikit-learn's handwritten digits (ten classes)"),
    "photos": ("photos", "patches of scikit-learn's two photographs (which one?)"),
    "scenes": (
        f"npy:{SCENES}",
        "small color photographs, scenery or not (two classes; a set of the homework's form that "
        "is not part of the project)",
    ),
}

Record = dict[str, Any]


@dataclass(frozen=True)
class Cell:
    """What latentgrid's own pieces do: a model, a chain of reducers, a clusterer and a recipe.

    Attributes
    ----------
    model, chain, clusterer : str
        As on the command line of ``python -m bench.grid``; ``{clusters}`` in a chain stands for
        the number of clusters sought.
    epochs, lr, batch_size : int, float, int
        Unused by a model that does not train.
    """

    model: str
    chain: str
    clusterer: str = "kmeans"
    epochs: int = 100
    lr: float = 1e-3
    batch_size: int = 256

    def __str__(self) -> str:
        """Return all of it as one text, by which results are kept."""
        recipe = f"epochs={self.epochs}, lr={self.lr:g}, batch_size={self.batch_size}"
        return f"{self.model} | {self.chain} | {self.clusterer} | {recipe}"

    @property
    def title(self) -> str:
        """What the table calls it."""
        return f"`{self.model}` → `{self.chain}` → `{self.clusterer}`"


UMAP = "pca64+umap8(min_dist=0,n_neighbors=30)"

# The cells that are held against the peers. Each stands for itself: the better of several is not
# chosen set by set, since that would take labels. Which cells stand here was chosen with the
# labels of the three sets in view, all three together.
OURS = (
    Cell("pixels", "pca32+tsne2"),
    Cell("hand-crafted", "pca64+tsne2"),
    Cell("hand-crafted", UMAP),
    Cell("contrastive-hand-crafted", UMAP, epochs=40, batch_size=128),
)

# The autoencoder's code has ten numbers for any number of clusters: the paper's has as many as
# there are clusters, and with two it would lose the images.
N2D = Cell("idec(gamma=0)", "umap{clusters}(min_dist=0,n_neighbors=20)", "gmm", epochs=100)

# ClustPy's own defaults: nothing of this is passed on, and a version that has others is refused.
CLUSTPY = {
    "pretrain_epochs": 100,
    "clustering_epochs": 150,
    "batch_size": 256,
    "embedding_size": 10,
}


@dataclass(frozen=True)
class Method:
    """A way to group images.

    Attributes
    ----------
    name : str
        What its results are kept under.
    title : str
        What the table calls it.
    settings : str
        Results with other settings are other results.
    ours : bool
        False: a peer.
    libraries : tuple of str
        Distributions whose version shapes the result.
    prepare : callable
        Given a data set and the number of threads, does what comes before the stopwatch (imports,
        compilation), and returns a function from a seed to clusters.
    """

    name: str
    title: str
    settings: str
    ours: bool
    libraries: tuple[str, ...]
    prepare: Callable[[Dataset, int], Callable[[int], Any]]


def methods() -> list[Method]:
    """Return everything that is compared, in the order of the table."""
    deep = ("torch", "numpy", "scikit-learn")
    text = ", ".join(f"{name}={value}" for name, value in CLUSTPY.items())
    peers = [
        Method(
            name,
            f"{name} (ClustPy)",
            text,
            False,
            ("clustpy", *deep),
            lambda data, threads, name=name: _clustpy(name, data),  # type: ignore[misc]
        )
        for name in ("IDEC", "DEC")
    ]
    return [*peers, _own("N2D", "N2D", N2D, False), *(_own("", c.title, c, True) for c in OURS)]


def _own(name: str, title: str, cell: Cell, ours: bool) -> Method:
    libraries = ("torch", "numpy", "scikit-learn", "umap-learn", "openTSNE")
    return Method(
        name or f"{cell.model} {cell.chain} {cell.clusterer}",
        title,
        str(cell),
        ours,
        libraries,
        lambda data, threads: own_pieces(cell, data, threads),
    )


def own_pieces(cell: Cell, data: Dataset, threads: int) -> Callable[[int], Any]:
    """Prepare a cell; its seeds are those of ``python -m bench.grid``, repetition by repetition."""
    from bench.base.seeds import derive
    from bench.clusterers.named import Named as Clusterer
    from bench.stages.cluster import cluster
    from bench.stages.encode import encode
    from bench.stages.reduce import reduce
    from bench.stages.train import train
    from bench.stages.training import core
    from models.named import Named
    from reducers.chain import Chain

    named = Named.parse(cell.model)
    model = named.item(data.clusters)
    chain = Chain.parse(cell.chain.format(clusters=data.clusters))
    clusterer = Clusterer.parse(cell.clusterer)
    recipe = core.Recipe(cell.epochs, cell.lr, cell.batch_size)

    def group(weights: dict[str, Any], images: Any, seed: int) -> Any:
        encoded = encode(model, weights, images, data.validation_images[:0], "cpu")
        codes = encoded.arrays["train"]
        for link in chain.links:
            reducer = link.build(derive(0, seed, "reducer", str(link)), threads)
            codes = reduce(reducer, codes, None).arrays["train"]
        built = clusterer.build(data.clusters, derive(0, seed, str(clusterer)))
        return cluster(built, codes, None).arrays["train"]

    def fit(seed: int) -> Any:
        trained = train(
            model,
            data.images,
            recipe,
            derive(0, seed, "weights", data.fingerprint, named.family),
            derive(0, seed, "batches", data.fingerprint),
            "cpu",
        )
        return group(trained.arrays, data.images, seed)

    if (cell, data.image_shape) not in _WARM:
        _WARM.add((cell, data.image_shape))
        core.warm_up(model, data.image_shape, recipe if model.trains else None, "cpu")
        for link in chain.links:
            link.build(0, threads).warm_up(len(data), 64)
        # The reducers' warm-ups leave out what libraries import and compile at their first call.
        fresh = core.build(model, data.image_shape, seed=0).state_dict()
        group({name: value.numpy() for name, value in fresh.items()}, data.images[:WARM], 0)
    return fit


def _clustpy(name: str, data: Dataset) -> Callable[[int], Any]:
    """Prepare DEC or IDEC of ClustPy, with its defaults, on the CPU."""
    import numpy as np

    stub_torchvision()
    try:
        deep = importlib.import_module("clustpy.deep")
    except ModuleNotFoundError as error:
        raise UsageError(
            f"{error.name} is not installed: make peers makes an environment with it, and "
            "--only ours does without"
        ) from None
    X = np.asarray(data.images).reshape(len(data), -1).astype(np.float32) * np.float32(2 / 255) - 1
    made = getattr(deep, name)
    has = {key: made().get_params()[key] for key in CLUSTPY}
    if has != CLUSTPY:
        raise UsageError(f"{name}: its defaults are {has}, and not {CLUSTPY} as the page says")

    def fit(seed: int, images: Any = X, **fewer: int) -> Any:
        # It prints, and draws bars; neither is for whoever follows a comparison.
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            model = made(data.clusters, device="cpu", random_state=seed, **fewer).fit(images)
        return np.asarray(model.labels_, dtype=np.int64)

    fit(0, X[: 2 * data.clusters], pretrain_epochs=1, clustering_epochs=1)
    return fit


class _Stub(types.ModuleType):
    """An empty module in which every name is an empty class."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


def stub_torchvision() -> bool:
    """Put empty modules in torchvision's place, where that does not load.

    ClustPy imports it for its loaders of data sets, and to annotate types of networks that are
    not used here; nothing of it is ever called.

    Returns
    -------
    bool
        False: torchvision itself is there.
    """
    try:
        importlib.import_module("torchvision")
    except Exception:  # one that was built for another PyTorch raises whatever comes first
        for name in [each for each in sys.modules if each.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
    else:
        return isinstance(sys.modules["torchvision"], _Stub)
    for name in ("", ".datasets", ".models", ".models._api", ".transforms"):
        full = f"torchvision{name}"
        module = _Stub(full)
        # Some libraries ask whether there is a torchvision by its spec.
        module.__spec__ = importlib.machinery.ModuleSpec(full, None, is_package=True)
        module.__path__ = []
        sys.modules[full] = module
        parent, _, child = full.rpartition(".")
        if parent:
            setattr(sys.modules[parent], child, module)
    return True


def read(path: Path) -> tuple[list[Record], int]:
    """Read results; those of a run that was killed while it wrote are whole but for one line.

    Returns
    -------
    records : list of dict
    torn : int
        Lines that are no record.
    """
    records, torn = [], 0
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        try:
            found = json.loads(line)
        except ValueError:
            found = None
        if isinstance(found, dict) and "accuracy" in found:
            records.append(found)
        else:
            torn += 1
    return records, torn


def append(path: Path, record: Record) -> None:
    """Append a result, and have it on disk before going on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a+b") as file:
        end = file.seek(0, os.SEEK_END)
        if end:
            file.seek(end - 1)
            if file.read(1) != b"\n":  # a kill left half a line, which must stay alone
                file.write(b"\n")
        file.write(json.dumps(record, ensure_ascii=False).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def key(record: Record) -> str:
    """Return what a result is kept under: all that went in."""
    names = ("data", "limit", "method", "settings", "seed", "threads", "versions")
    return json.dumps([record[name] for name in names], sort_keys=True)


def say(text: str) -> None:
    """Tell the user how far it is."""
    print(one_line(text), file=sys.stderr, flush=True)


@dataclass(frozen=True)
class Plan:
    """What is to be compared.

    Attributes
    ----------
    limit : int
        Images of each data set.
    seeds : int
    threads : int
    results : Path
    """

    limit: int
    seeds: int
    threads: int
    results: Path


def compare(
    plan: Plan, data_sets: dict[str, Dataset], chosen: Sequence[Method]
) -> tuple[int, list[str]]:
    """Run what there is no result of yet, and append each result at once.

    One seed of everything comes before the next: a comparison that is cut short has as many of
    each.

    Returns
    -------
    done : int
        Runs made.
    failed : list of str
        One line each.
    """
    from bench.base.keys import versions

    records, torn = read(plan.results)
    if torn:
        say(f"note: {torn} lines of {plan.results.name} are no results and are passed over")
    there = {key(record) for record in records}
    todo: list[tuple[Record, Dataset, Method]] = []
    for seed in range(plan.seeds):
        for name, data in data_sets.items():
            for method in chosen:
                record: Record = {
                    "dataset": name,
                    "data": data.key,
                    "images": len(data),
                    "limit": plan.limit,
                    "clusters": data.clusters,
                    "method": method.name,
                    "settings": method.settings,
                    "seed": seed,
                    "threads": plan.threads,
                    "versions": versions(*method.libraries),
                }
                if key(record) not in there:
                    todo.append((record, data, method))
    total = plan.seeds * len(data_sets) * len(chosen)
    say(f"{total} runs, {total - len(todo)} of them in {plan.results.name}")
    failed = []
    for number, (record, data, method) in enumerate(todo, 1):
        label = f"[{number}/{len(todo)}] {record['dataset']}, {method.name}, seed {record['seed']}"
        try:
            found = measure(method, data, record["seed"], plan.threads)
        except UsageError:
            raise
        except Exception as error:  # whatever a method raises: told, and the others go on
            failed.append(f"{label}: {format_error(error)}")
            say(f"failed: {failed[-1]}")
            continue
        append(plan.results, record | found)
        say(f"{label}: accuracy {found['accuracy']:.3f} in {found['seconds']:.1f} s")
    return len(todo) - len(failed), failed


def measure(method: Method, data: Dataset, seed: int, threads: int) -> Record:
    """Run a method once; return its scores, its wall clock and its processor time."""
    from bench.base import keys
    from bench.base.stopwatch import Stopwatch
    from bench.stages.metrics import clustering

    fit = method.prepare(data, threads)
    before = time.process_time()
    with Stopwatch("cpu") as watch:
        clusters = fit(seed)
    processor_seconds = time.process_time() - before
    assert data.labels is not None
    assignment = clustering.assign(clusters, data.labels)
    return {
        "accuracy": clustering.accuracy(clusters, data.labels, assignment),
        "ami": clustering.ami(clusters, data.labels),
        "ari": clustering.adjusted_rand(clusters, data.labels),
        "seconds": round(watch.seconds, 3),
        "processor_seconds": round(processor_seconds, 3),
        "cores": os.cpu_count(),
        "processor": keys.processor(),
    }


def select(records: Iterable[Record], limit: int, chosen: Sequence[Method]) -> list[Record]:
    """Choose what the table is made of: the latest result of each method, set and seed.

    Results of other images, numbers of images, settings or numbers of threads than the latest are
    left out: a table has one kind only.
    """
    known = {(method.name, method.settings) for method in chosen}
    mine = [r for r in records if r["limit"] == limit and (r["method"], r["settings"]) in known]
    latest_data = {r["dataset"]: r["data"] for r in mine}
    threads = mine[-1]["threads"] if mine else 1
    latest = {
        (r["dataset"], r["method"], r["seed"]): r
        for r in mine
        if r["data"] == latest_data[r["dataset"]] and r["threads"] == threads
    }
    return list(latest.values())


@dataclass(frozen=True)
class Stand:
    """How a method did on a data set, over seeds."""

    mean: float
    spread: float
    seconds: float
    seeds: int

    @classmethod
    def of(cls, records: Sequence[Record]) -> Stand:
        """Summarize the results of one method on one data set."""
        values = [record["accuracy"] for record in records]
        return cls(
            statistics.fmean(values),
            statistics.stdev(values) if len(values) > 1 else math.nan,
            statistics.fmean(record["seconds"] for record in records),
            len(values),
        )


Stands = dict[tuple[str, str], Stand]  # by method and data set


def stands(records: Sequence[Record]) -> Stands:
    """Summarize results by method and data set."""
    groups: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        groups.setdefault((record["method"], record["dataset"]), []).append(record)
    return {place: Stand.of(group) for place, group in groups.items()}


def sets_of(records: Sequence[Record]) -> list[str]:
    """Return the data sets that there are results of, in the order of the table."""
    return [name for name in SETS if any(r["dataset"] == name for r in records)]


def table(records: Sequence[Record], chosen: Sequence[Method]) -> str:
    """Return the table: a row a method, for each data set accuracy and seconds."""
    found, names = stands(records), sets_of(records)
    most = max((stand.seeds for stand in found.values()), default=0)
    best = {n: max(round(s.mean, 3) for (_, on), s in found.items() if on == n) for n in names}
    head = ["method", *(part for name in names for part in (f"{name}, accuracy", "seconds"))]
    lines = [head, [":--", *["--:"] * (len(head) - 1)]]
    for method in chosen:
        row = [f"{method.title}{', ours' if method.ours else ''}"]
        for name in names:
            stand = found.get((method.name, name))
            row += ["–", "–"] if stand is None else _cells(stand, best[name], most)
        lines.append(row)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cells(stand: Stand, best: float, most: int) -> list[str]:
    mean = f"{stand.mean:.3f}"
    mean = f"**{mean}**" if round(stand.mean, 3) == best else mean
    spread = "" if math.isnan(stand.spread) else f" ± {stand.spread:.3f}"
    fewer = "" if stand.seeds == most else f" ({stand.seeds} of {most} seeds)"
    return [f"{mean}{spread}{fewer}", _seconds(stand.seconds)]


def _seconds(value: float) -> str:
    return f"{value:.1f}" if value < 10 else f"{value:.0f}"


def verdict(records: Sequence[Record], chosen: Sequence[Method]) -> str:
    """Say on which sets each of our cells is ahead of all peers, and where not."""
    found, names = stands(records), sets_of(records)
    sentences, ahead_on_all = [], []
    for ours in (method for method in chosen if method.ours):
        ahead, behind, open_ = [], [], []
        for name in names:
            mine = found.get((ours.name, name))
            peers = [method for method in chosen if not method.ours]
            there = [(peer, found[peer.name, name]) for peer in peers if (peer.name, name) in found]
            if mine is None or not there:
                open_.append(f"{name}, where {'no peer has run' if mine else 'it has not run'}")
                continue
            best_peer, best = max(there, key=lambda each: each[1].mean)
            side = f"{name} ({_against(mine, best_peer, best)})"
            if mine.mean <= best.mean:
                behind.append(side)
            elif len(there) < len(peers):
                missing = [peer.name for peer in peers if (peer.name, name) not in found]
                has = "has" if len(missing) == 1 else "have"
                open_.append(f"{name}, where {_list(missing)} {has} not run")
            else:
                ahead.append(side)
        parts = [
            f"{what} {_list(where)}"
            for what, where in (
                ("is ahead of every peer on", ahead),
                ("is **not** ahead on", behind),
                ("cannot be compared on", open_),
            )
            if where
        ]
        if len(ahead) == len(names) > 0:
            ahead_on_all.append(ours.title)
        if parts:
            sentences.append(f"- {ours.title} {'; it '.join(parts)}.")
    count = f"{len(names)} data {'set' if len(names) == 1 else 'sets'}"
    first = (
        f"Ahead of every peer on all {count}: {_list(ahead_on_all)}."
        if ahead_on_all
        else f"None of our pipelines is ahead of every peer on all {count}."
    )
    return "\n".join([first, "", *sentences])


def _against(mine: Stand, peer: Method, best: Stand) -> str:
    spreads = [s.spread for s in (mine, best) if not math.isnan(s.spread)]
    close = abs(mine.mean - best.mean) <= max(spreads, default=0)
    within = ", which is within the spread of the seeds" if close else ""
    return (
        f"{mine.mean:.3f} in {_seconds(mine.seconds)} s against {best.mean:.3f} in "
        f"{_seconds(best.seconds)} s by {peer.name}, the best of them{within}"
    )


def _list(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def page(records: Sequence[Record], chosen: Sequence[Method]) -> str:
    """Return docs/peers.md."""
    seeds = len({record["seed"] for record in records})
    images = [
        f"{next(r['images'] for r in records if r['dataset'] == name):,} {SETS[name][1]}"
        for name in sets_of(records)
    ]
    absent = [name for name in SETS if name not in sets_of(records)]
    left_out = f" There are no results of {_list(absent)}." if absent else ""
    paragraphs = [
        "# Comparison with other methods",
        "<!-- written by docs/peers/compare.py: make peers -->",
        _filled(
            "This page compares pipelines of latentgrid with deep clustering by others. All",
            "methods ran with the same images, seeds, machine and number of threads, and were",
            "scored and timed in the same way:",
        ),
        table(records, chosen),
        _filled(
            f"Accuracy is the mean over {seeds} seed{'s' * (seeds > 1)} ± its standard deviation,",
            "the best on each data set in bold; seconds are the mean wall-clock time of a run.",
        ),
        verdict(records, chosen),
        "## What is compared",
        _filled(
            f"**Images**: {'; '.join(images)}. All methods get the same images, a stratified",
            "subset. Each method gets the number of clusters and no labels. Pixels are scaled to",
            f"−1 to 1.{left_out}",
        ),
        _filled(
            "**DEC** (Xie et al. 2016) and **IDEC** (Guo et al. 2017) are ClustPy's, with its",
            "default settings: a fully connected autoencoder",
            f"(500-500-2000-{CLUSTPY['embedding_size']}), {CLUSTPY['pretrain_epochs']} epochs of",
            f"pretraining and {CLUSTPY['clustering_epochs']} of clustering, batches of",
            f"{CLUSTPY['batch_size']}, and k-means at the end. The seed is passed as",
            "`random_state`. ClustPy imports torchvision for its loaders of data sets and for type",
            "annotations. If torchvision cannot be imported, empty modules replace it.",
        ),
        _filled(
            "**N2D** (McConville et al. 2021) is built from parts of latentgrid: the same fully",
            f"connected autoencoder (`{N2D.model}`, {N2D.epochs} epochs of Adam at {N2D.lr:g} in",
            f"batches of {N2D.batch_size}), UMAP to as many dimensions as there are clusters (20",
            "neighbors, minimum distance 0), and a mixture of normal distributions. It differs",
            "from the paper in two ways. The paper trains for 1,000 epochs on up to 70,000 images;",
            "here the number of epochs is that of ClustPy's autoencoder. In the paper, the code",
            "has as many dimensions as there are clusters; here it has ten, as in ClustPy, since",
            "two dimensions are too few to represent an image.",
        ),
        _filled(
            "**Ours** are pipelines of a grid, listed at the top of `docs/peers/compare.py`;",
            f"{_training()}. Each pipeline is compared separately: the best of several is not",
            "selected for each data set, because this would require labels. The pipelines on this",
            "page were chosen by their accuracy on all three labeled data sets together. N2D was",
            "also tried with 250 epochs, and reached 0.722 on scenes and 0.619 on photos.",
        ),
        _filled(
            "**Time** is the time of fitting, from images to clusters, without loading data,",
            f"importing and compiling. {_machine(records)} No method has a time limit: peers run",
            "for the number of epochs that their authors chose. A pipeline that is ahead in less",
            "time is also ahead with equal time. For a pipeline that takes longer, this is not",
            "shown.",
        ),
        _filled(f"Versions: {_versions(records)}."),
        "## How to repeat the comparison",
        "```sh\n"
        "make peers                                # makes .venv-peers; runs what is missing\n"
        'make peers ARGS="--seeds 5 --limit 2000"\n'
        "make peers ARGS=--table-only              # only writes this page again\n"
        "```",
        _filled(
            "Each result is appended to `results/peers.jsonl` when it is computed, with adjusted",
            "mutual information and the adjusted Rand index. If a comparison was stopped, the same",
            "command continues it. pip builds ClustPy from source, which requires a C compiler. On",
            "Linux, PyTorch is installed without CUDA from PyTorch's own index, if that can be",
            "reached; `make peers TORCH_INDEX=` uses pip's index.",
        ),
    ]
    return "\n\n".join(paragraphs) + "\n"


def _filled(*text: str) -> str:
    return textwrap.fill(
        " ".join(text), WIDTH, break_long_words=False, break_on_hyphens=False
    )  # fmt: skip


def _machine(records: Sequence[Record]) -> str:
    threads = records[0]["threads"]
    cores = " and ".join(str(count) for count in sorted({r["cores"] for r in records}))
    text = f"Every run used {threads} thread{'s' * (threads > 1)} of a machine with {cores} cores."
    wall = sum(record["seconds"] for record in records)
    busy = wall / max(sum(record["processor_seconds"] for record in records), 1e-9)
    if threads == 1 and busy > 1.05:
        text += (
            " The machine did other work meanwhile: in total, wall-clock time is "
            f"{busy:.2f} times processor time."
        )
    return text


def _versions(records: Sequence[Record]) -> str:
    used: dict[str, set[str]] = {}
    for record in records:
        for library, number in record["versions"].items():
            used.setdefault(library, set()).add(number)
    return ", ".join(f"{name} {' and '.join(sorted(used[name]))}" for name in sorted(used))


def _training() -> str:
    """Say how those of our cells are trained that are."""
    from models.named import find

    recipes = [
        f"`{cell.model}` is trained for {cell.epochs} epochs of Adam at {cell.lr:g} in batches of "
        f"{cell.batch_size}"
        for cell in OURS
        if find(cell.model).trains
    ]
    return _list(list(dict.fromkeys(recipes))) if recipes else "none of these is trained"


app = typer.Typer(add_completion=False, rich_markup_mode="rich", pretty_exceptions_enable=False)

EPILOG = (
    "Each result is appended to the file when it is computed. After a stop, the same command "
    "continues. Exit codes: 0 all results exist, 1 a run failed, 2 wrong usage.\n\nExamples:\n\n"
    "make peers ARGS='--seeds 5'\n\n"
    "make peers ARGS='--datasets digits --only IDEC,ours'\n\n"
    "make peers ARGS=--table-only"
)


@app.command(epilog=EPILOG)
def main(
    seeds: Annotated[int, typer.Option(min=1, help="Seeds, from 0 on.")] = 3,
    limit: Annotated[
        int, typer.Option(min=50, help="Images of each set: the same stratified subset for all.")
    ] = 1000,
    datasets: Annotated[
        str, typer.Option(metavar="NAMES", help=f"Of {', '.join(SETS)}; comma between them.")
    ] = ",".join(SETS),
    only: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="Run these methods only: of IDEC, DEC, N2D and ours; comma between them. The "
            "page has all that there are results of.",
        ),
    ] = None,
    threads: Annotated[
        int, typer.Option(min=1, help="Processor threads, the same for every method.")
    ] = 1,
    results: Annotated[Path, typer.Option(help="File of results, one in a line.")] = RESULTS,
    page_file: Annotated[Path, typer.Option("--page", help="File of the page.")] = PAGE,
    table_only: Annotated[
        bool, typer.Option("--table-only", help="Write the page from the results; run nothing.")
    ] = False,
) -> None:
    """Compare latentgrid's pipelines with deep clustering by others, and write docs/peers.md."""
    try:
        code = carry_out(
            Plan(limit, seeds, threads, results),
            page_file,
            chosen_sets(datasets),
            [] if table_only else chosen_methods(only),
        )
    except UsageError as error:
        say(f"error: {error}")
        code = 2
    except OSError as error:  # a place that cannot be read or written
        say(f"error: {format_error(error)}")
        code = 1
    except KeyboardInterrupt:
        say("stopped; the same command continues")
        code = 130
    raise typer.Exit(code)


def chosen_sets(text: str) -> list[str]:
    """Read the names of data sets."""
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in SETS:
            raise UsageError(f"no data set {name!r}: there are {', '.join(SETS)}")
    return list(dict.fromkeys(names))


def chosen_methods(text: str | None) -> list[Method]:
    """Read the names of methods; ``ours`` stands for all cells of ours."""
    everything = methods()
    if text is None:
        return everything
    peers = [method.name for method in everything if not method.ours]
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in (*peers, "ours"):
            raise UsageError(f"no method {name!r}: there are {', '.join(peers)} and ours")
    return [m for m in everything if m.name in names or (m.ours and "ours" in names)]


def carry_out(plan: Plan, place: Path, names: Sequence[str], chosen: Sequence[Method]) -> int:
    """Run what is chosen and missing, then write the page of all results; return the exit code."""
    from bench.base.files import write_text

    failed: list[str] = []
    if chosen:
        use_threads(plan.threads)
        _, failed = compare(plan, load_sets(names, plan.limit), chosen)
    everything = methods()
    records = select(read(plan.results)[0], plan.limit, everything)
    if not records:
        raise UsageError(f"no results of {plan.limit:,} images in {plan.results}: run it first")
    write_text(place, page(records, everything))
    print(table(records, everything), verdict(records, everything), sep="\n\n")
    return 1 if failed else 0


def use_threads(count: int) -> None:
    """Give every library this many threads; those that read it as they load, before they do."""
    for name in ("OMP", "OPENBLAS", "MKL", "NUMBA"):
        os.environ[f"{name}_NUM_THREADS"] = str(count)
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    import torch

    torch.set_num_threads(count)


def load_sets(names: Sequence[str], limit: int) -> dict[str, Dataset]:
    """Load data sets; one that is not part of the project and not there is left out."""
    from bench.datasets.dataset import load

    found = {}
    for name in names:
        if name == "scenes" and not (SCENES / "trainX.npy").is_file():
            say(f"note: scenes is left out: not at {SCENES}; $LATENTGRID_SCENES names its folder")
            continue
        found[name] = load(SETS[name][0], limit=limit)
    if not found:
        raise UsageError("none of the data sets is there")
    return found


if __name__ == "__main__":
    app()
