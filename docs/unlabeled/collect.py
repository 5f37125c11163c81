"""Run pipelines on labeled sets, and keep all that could rank them without labels.

    python docs/unlabeled/collect.py --store DIR                     # the sets that need no folder
    python docs/unlabeled/collect.py --store DIR --sets album,mixed --folders DIR

For each set, `scores.csv` gets a row for each pipeline, seed and number of clusters: accuracy, AMI
with the labels, and raw scores that need no labels. `assignments.csv.gz` has the clusters of all
images, a character an image, in the same order of rows; `counts.csv` what several methods say about
the number of clusters. A set that is there already is replaced. `analyze.py` reads these files
alone. What cannot be found (a folder, a package) is left out and named.

The harness encodes, reduces and clusters; `--store` keeps what it computed, so that a run that was
stopped continues.
"""

from __future__ import annotations

import argparse
import gzip
import importlib.util
import struct
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from bench.analysis import suggest
from bench.analysis.generalization import Classifier
from bench.clusterers.kmeans import KMeans
from bench.datasets.dataset import load
from bench.execution.worker.tasks import Worker
from bench.planning.pipeline import PlannedRun
from bench.planning.plan import Plan, own_sizes, plan, plan_scan
from bench.planning.settings import resolve
from bench.stages.encode import encode
from bench.stages.metrics import neighbors, reference_space
from bench.stages.metrics.clustering import ami
from bench.stages.stage import Data, no_steps
from bench.stages.training.probe import find_model
from bench.store import Store
from bench.store.images import KeptImages, describe

HERE = Path(__file__).parent
SCORES, ASSIGNMENTS, COUNTS, LABELS = (
    HERE / name for name in ("scores.csv", "assignments.csv.gz", "counts.csv", "labels.csv")
)

Floats = NDArray[np.float64]
Codes = NDArray[np.float32]
Clusters = NDArray[np.int64]

LIMIT = 400  # images of a set
SEEDS = 3
UMAP = "umap8(min_dist=0,n_neighbors=30)"
PRETRAINED = "efficientnet-lite0"
MODELS = (
    *("pixels", "histogram", "hog", "hand-crafted", "fisher"),
    *("untrained-cnn", "dnn"),
)
CHAINS = ("none", "pca64", "pca64+tsne2", f"pca64+{UMAP}")
PRETRAINED_CHAINS = (*CHAINS, f"normalize+pca64+{UMAP}")
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"  # of clusters


# ---------------------------------------------------------------------------------------- the sets
def _npy(folder: Path, images: NDArray[np.uint8], labels: Clusters) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "trainX.npy", images)
    np.save(folder / "trainY.npy", labels)
    return f"npy:{folder}"


def fashion(work: Path, folders: Path | None) -> str:
    """Clothes: the test images of Fashion-MNIST, of Debian's package dataset-fashion-mnist."""
    root = Path("/usr/share/datasets/fashion-mnist")

    def read(name: str) -> NDArray[np.uint8]:
        data = gzip.decompress((root / f"t10k-{name}-ubyte.gz").read_bytes())
        dimensions = data[3]
        shape = struct.unpack(f">{dimensions}I", data[4 : 4 + 4 * dimensions])
        return np.frombuffer(data, np.uint8, offset=4 + 4 * dimensions).reshape(shape)

    gray = np.pad(read("images-idx3")[:2000], ((0, 0), (2, 2), (2, 2)))
    images = np.repeat(gray[..., None], 3, axis=3)
    return _npy(work / "fashion", images, read("labels-idx1")[:2000].astype(np.int64))


def _patches(pictures: list[NDArray[np.uint8]], side: int, most: int) -> tuple[Any, Clusters]:
    """Cut patches that do not overlap, and say of which picture each is."""
    found, labels = [], []
    for label, picture in enumerate(pictures):
        color = picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=2)
        rows, columns = color.shape[0] // side, color.shape[1] // side
        cut = color[: rows * side, : columns * side, :3]
        parts = cut.reshape(rows, side, columns, side, 3).swapaxes(1, 2).reshape(-1, side, side, 3)
        chosen = np.random.default_rng([label]).permutation(len(parts))[:most]
        found.append(parts[chosen])
        labels += [label] * len(chosen)
    return np.concatenate(found), np.array(labels)


def textures(work: Path, folders: Path | None) -> str:
    """Gray textures: patches of scikit-image's brick, grass and gravel."""
    from skimage import data

    return _npy(work / "textures", *_patches([data.brick(), data.grass(), data.gravel()], 40, 144))


def pictures(work: Path, folders: Path | None) -> str:
    """Patches of six color photographs of scikit-image."""
    from skimage import data

    some = [data.astronaut(), data.coffee(), data.chelsea(), data.rocket(), data.retina()]
    return _npy(work / "pictures", *_patches([*some, data.immunohistochemistry()], 48, 80))


def letters(work: Path, folders: Path | None) -> str:
    """Ten letters in matplotlib's text fonts, turned, moved and in colors drawn at random."""
    import matplotlib
    from PIL import Image, ImageDraw, ImageFont

    fonts = sorted((Path(matplotlib.get_data_path()) / "fonts" / "ttf").glob("DejaVuS*.ttf"))
    fonts = [font for font in fonts if "Display" not in font.name]
    images, labels = [], []
    random = np.random.default_rng(0)
    for label, letter in enumerate("ABEGKMQRSX"):
        for _ in range(50):
            dark, light = random.integers(0, 110, 3), random.integers(145, 256, 3)
            ground, ink = (dark, light) if random.random() < 0.5 else (light, dark)
            image = Image.new("RGB", (64, 64), tuple(map(int, ground)))
            font = ImageFont.truetype(str(random.choice(np.array(fonts))), random.integers(28, 44))
            place = (32 + random.integers(-5, 6), 32 + random.integers(-5, 6))
            ImageDraw.Draw(image).text(place, letter, tuple(map(int, ink)), font, anchor="mm")
            turned = image.rotate(random.uniform(-15, 15), fillcolor=tuple(map(int, ground)))
            images.append(np.asarray(turned.resize((32, 32))))
            labels.append(label)
    return _npy(work / "letters", np.array(images), np.array(labels))


def _given(name: str) -> Callable[[Path, Path | None], str]:
    def find(work: Path, folders: Path | None) -> str:
        if folders is None or not (folders / name).is_dir():
            raise FileNotFoundError(f"no folder {name}: name its parent by --folders")
        kind = "npy" if (folders / name / "trainX.npy").exists() else "folder"
        return f"{kind}:{folders / name}"

    return find


def _linked(name: str, classes: dict[str, tuple[str, int]]) -> Callable[[Path, Path | None], str]:
    """Return what makes a folder of classes, each named with its set and its most images."""

    def make(work: Path, folders: Path | None) -> str:
        for label, (of, most) in classes.items():
            if folders is None or not (folders / of / label).is_dir():
                raise FileNotFoundError(f"no folder {of}/{label}: name their parent by --folders")
            into = work / name / label
            into.mkdir(parents=True, exist_ok=True)
            for file in sorted((folders / of / label).iterdir())[:most]:
                if not (into / file.name).exists():
                    (into / file.name).symlink_to(file.resolve())
        return f"folder:{work / name}"

    return make


ALBUM = ("dog", "flower", "wallpaper", "emoji", "cell", "pokemon")
CELLS = ("neutrophil", "lymphocyte", "monocyte", "eosinophil", "basophil")
SETS: dict[str, Callable[[Path, Path | None], str]] = {
    "digits": lambda work, folders: "digits",
    "fashion": fashion,
    "letters": letters,
    "textures": textures,
    "photos": lambda work, folders: "photos",
    "pictures": pictures,
    "scenes": _given("scenes"),
    "album": _given("album"),
    "bloodcells": _given("bloodcells"),
    "mixed": _linked(
        "mixed", dict.fromkeys(ALBUM, ("album", 60)) | dict.fromkeys(CELLS, ("bloodcells", 60))
    ),
    "unbalanced": _linked(
        "unbalanced",
        {"dog": ("album", 118), "flower": ("album", 40), "wallpaper": ("album", 12)},
    ),
}


# ------------------------------------------------------------------------------------ the pipelines
def settings(spec: str, store: Path, work: Path, pretrained: bool) -> Any:
    """Return the settings of the grid of one kind of models, all computed on one thread."""
    return resolve(
        {
            "dataset": spec,
            "limit": LIMIT,
            "models": list((PRETRAINED,) if pretrained else MODELS),
            "reducers": list(PRETRAINED_CHAINS if pretrained else CHAINS),
            "plugins": [HERE.parent / "plugins" / "efficientnet_lite.py"],
            "baselines": False,
            "seeds": SEEDS,
            "epochs": 8,
            "lr": 5e-4,
            "batch_size": 32,
            "threads": 1,
            "device": "cpu",
            "resamples": 1,
            "null": True,
            "store": store,
            "out": work / "out",
        }
    )


class Runner:
    """Plans and does the tasks of one data set."""

    def __init__(self, spec: str, store: Path, work: Path) -> None:
        kinds = [False, True] if importlib.util.find_spec("efficientnet_lite_pytorch") else [False]
        self.settings = [settings(spec, store, work, kind) for kind in kinds]
        self.store = Store(store)
        keeper = KeptImages(self.store)
        models = [name for each in self.settings for name in each.models]
        self.data = load(spec, limit=LIMIT, keeper=keeper, own_sizes=own_sizes(models))
        found = self.data
        with self.store.lock(found.artifact):
            if ("data", found.artifact) not in self.store:
                arrays = found.label_arrays()
                self.store.save("data", found.artifact, arrays, describe(found), {})
        whole = Data(
            found.images, found.validation_images[:0], found.labels, None, found.names,
            {size: (train, held) for size, (train, held) in found.sizes.items()},
        )  # fmt: skip
        self.worker = Worker(whole, self.store)

    def runs(self, clusters: int) -> Iterator[PlannedRun]:
        """Do all runs with a number of clusters.

        With as many as there are classes, the first seed has its null reference and a resample.
        """
        data = replace(self.data, clusters=clusters)
        alone = {"null": False, "resamples": 0}
        for each in self.settings:
            beside = {} if clusters == self.data.clusters else alone
            first = plan(each.model_copy(update={"seeds": 1} | beside), data)
            rest = plan(each.model_copy(update=alone), data)
            self._do(first)
            self._do(rest)
            yield from first.runs
            yield from (run for run in rest.runs if run.seed_index > 0)

    def scan(self) -> list[Plan]:
        """Do what suggests a number of clusters, in all embeddings that are reduced."""
        data = replace(self.data, clusters=2)
        reduced = [
            each.model_copy(update={"reducers": tuple(c for c in each.reducers if c != "none")})
            for each in self.settings
        ]
        plans = [plan_scan(each, data) for each in reduced]
        for each in plans:
            self._do(each)
        return plans

    def _do(self, planned: Plan) -> None:
        for task in planned.tasks.values():
            if task.stage != "linear":
                self.worker.do(task, no_steps)

    def array(self, tasks: tuple[Any, ...], stage: str, name: str = "train", last: int = -1) -> Any:
        """Return an array of the last task of a stage."""
        task = [task for task in tasks if task.stage == stage][last]
        return self.store.load(task.stage, task.key).require(name)

    def values(self, tasks: tuple[Any, ...], stage: str) -> dict[str, Any]:
        """Return the numbers of the last task of a stage; none where there is no such task."""
        found = [task for task in tasks if task.stage == stage]
        return self.store.load(found[-1].stage, found[-1].key).values if found else {}


# ------------------------------------------------------------------------------------- the scores
class Space:
    """The codes of a model: who is near whom, and a linear classifier on them."""

    def __init__(self, codes: Codes) -> None:
        between = neighbors.ranks(neighbors.distances(codes))
        self.near = neighbors.nearest(between, reference_space.neighborhood(len(codes)))
        centered = (codes - codes.mean(axis=0)).astype(np.float64)
        self.spectrum = np.linalg.svd(centered, compute_uv=False)
        self.classifier = Classifier(codes)

    def modularity(self, clusters: Clusters) -> float:
        """Return the kNN modularity of clusters among the codes."""
        return float(reference_space.modularity_by_image(self.near, clusters).mean())

    def generalization(self, clusters: Clusters) -> float:
        """Return how well a classifier, trained on one half's clusters, tells the other's."""
        return float(self.classifier.by_image(clusters).mean())


def rank_me(singular: Floats) -> float:
    """Return the effective rank of codes (Garrido, Balestriero, Najman, LeCun 2023)."""
    p = singular / singular.sum() + 1e-7
    return float(np.exp(-(p * np.log(p)).sum()))


def alpha_req(singular: Floats) -> float:
    """Return how fast the eigenvalues of the covariance fall (Agrawal et al. 2022, α-ReQ)."""
    values = singular**2
    values = values[values > 1e-9 * values[0]][:100]
    places = np.log(np.arange(1, len(values) + 1))
    return float(-np.polyfit(places, np.log(values), 1)[0]) if len(values) > 2 else 0.0


def lidar(codes: Codes, views: int) -> float:
    """Return the effective rank of a discriminant of views (Thilak et al. 2024, LiDAR).

    ``codes`` are those of the views of each image, one image after the other.
    """
    X = codes.astype(np.float64)
    X -= X.mean(axis=0)
    # In the span of the codes, beyond which both covariances are 0.
    u, s, _ = np.linalg.svd(X, full_matrices=False)
    X = (u * s)[:, s > 1e-6 * max(float(s[0]), 1e-12)]
    images = X.reshape(-1, views, X.shape[1])
    means = images.mean(axis=1)
    between = np.cov(means.T, ddof=1)
    inner = (images - means[:, None]).reshape(-1, X.shape[1])
    within = inner.T @ inner / (len(means) * (views - 1))
    scale = np.trace(within) / len(within)
    e, v = np.linalg.eigh(np.atleast_2d(within) + max(1e-4 * scale, 1e-12) * np.eye(len(within)))
    white = v / np.sqrt(e)
    found = np.linalg.eigvalsh(white.T @ np.atleast_2d(between) @ white)
    return rank_me(np.maximum(found, 0))


def views(images: NDArray[np.uint8], count: int) -> NDArray[np.uint8]:
    """Return views of images: mirrored or not, cut by up to a tenth, and a little brighter."""
    random = np.random.default_rng(0)
    side, found = images.shape[1], []
    for image in images:
        for _ in range(count):
            top, left = random.integers(0, max(2, side // 10), 2)
            cut = np.roll(image, (-top, -left), (0, 1))[:, :: random.choice([-1, 1])]
            found.append(np.clip(cut * random.uniform(0.8, 1.2), 0, 255).astype(np.uint8))
    return np.array(found)


def prediction_strength(embedding: Codes, clusters: int) -> float:
    """Return the prediction strength of k-means (Tibshirani, Walther 2005).

    The embedding is halved; the centers of one half tell which images of the other belong
    together, and the least share of a cluster's pairs that stay together is taken, both ways.
    """
    order = np.random.default_rng(1).permutation(len(embedding))
    halves = embedding[order[::2]], embedding[order[1::2]]
    fitted = [KMeans(clusters, starts=3, random_state=0) for _ in halves]
    own = [by.fit_predict(half) for by, half in zip(fitted, halves, strict=True)]
    found = []
    for test in (0, 1):
        told = fitted[1 - test].predict(halves[test])
        shares = []
        for cluster in range(clusters):
            sizes = np.bincount(told[own[test] == cluster]).astype(float)
            size = sizes.sum()
            if size > 1:
                shares.append(float((sizes * (sizes - 1)).sum() / (size * (size - 1))))
        found.append(min(shares, default=0.0))
    return float(np.mean(found))


def _lidar(runner: Runner, run: PlannedRun) -> float:
    """Return the LiDAR of a model on a few images of its size."""
    settings = next(task for task in run.tasks if task.stage == "encode").settings
    images = runner.worker.data.at(settings.get("size"))[0]
    pieces = images if isinstance(images, np.ndarray) else np.concatenate(
        [piece for _, piece in images.arrays()]
    )  # fmt: skip
    chosen = np.linspace(0, len(pieces) - 1, 50).astype(int)
    train = [task for task in run.tasks if task.stage == "train"][-1]
    weights = runner.store.load(train.stage, train.key).arrays()
    found = encode(find_model(str(run.pipeline.model)), weights, views(pieces[chosen], 5),
                   pieces[:0], "cpu", 1)  # fmt: skip
    return lidar(found.arrays["train"], 5)


def measure(name: str, runner: Runner) -> tuple[pd.DataFrame, list[str]]:
    """Run all pipelines on a set, and return its rows and the clusters of each."""
    labels = cast(Clusters, runner.data.labels)
    true = runner.data.clusters
    rows, texts = [], []
    spaces: dict[tuple[str, int], Space] = {}
    nulls: dict[str, Space] = {}
    intrinsic: dict[tuple[str, int], dict[str, float]] = {}
    for clusters in sorted({max(2, true // 2), true, 2 * true}):
        for run in list(runner.runs(clusters)):
            of, seed = run.pipeline.model, run.seed_index
            if (of, seed) not in spaces:
                spaces[of, seed] = space = Space(runner.array(run.tasks, "encode"))
                intrinsic[of, seed] = {
                    "rank_me": rank_me(space.spectrum),
                    "alpha_req": alpha_req(space.spectrum),
                    "lidar": _lidar(runner, run) if seed == 0 else np.nan,
                }
            found = runner.array(run.tasks, "cluster")
            measured = runner.values(run.tasks, "measure")
            row: dict[str, Any] = {
                "set": name, "classes": true, "clusters": clusters, "model": of,
                "chain": str(run.pipeline.chain), "seed": seed,
                "accuracy": runner.values(run.tasks, "score")["accuracy"],
                "ami": ami(found, labels),
            }  # fmt: skip
            shown = ("knn_modularity", "reference_silhouette", "silhouette")
            row |= {metric: measured[metric] for metric in shown}
            row["prediction_strength"] = prediction_strength(
                runner.array(run.tasks, "reduce"), clusters
            )
            if run.resamples:
                row["stability"] = runner.values(run.resamples, "stability")["stability"]
            if run.null:
                drawn = next(task.key for task in run.null[::-1] if task.stage == "null")
                if drawn not in nulls:
                    nulls[drawn] = Space(runner.array(run.null, "null"))
                row["null_silhouette"] = runner.values(run.null, "measure")["silhouette"]
                row["null_own"] = nulls[drawn].modularity(runner.array(run.null, "cluster"))
            row |= intrinsic[of, seed]
            rows.append(row)
            texts.append("".join(DIGITS[cluster] for cluster in found))
    return _complete(rows, texts, spaces), texts


def _complete(
    rows: list[dict[str, Any]], texts: list[str], spaces: dict[tuple[str, int], Space]
) -> pd.DataFrame:
    """Measure in spaces that were not known yet when a row was made."""
    for row, text in zip(rows, texts, strict=True):
        found = np.array([DIGITS.index(each) for each in text])
        for model in {model for model, _ in spaces}:
            space = spaces[model, row["seed"]]
            row[f"near:{model}"] = space.modularity(found)
            row[f"head:{model}"] = space.generalization(found)
    return pd.DataFrame(rows)


# ---------------------------------------------------------------------------- numbers of clusters
def count(name: str, runner: Runner) -> pd.DataFrame:
    """Return what the harness, EVoC and HDBSCAN say about the number of clusters."""
    from sklearn.cluster import HDBSCAN

    plans = runner.scan()
    curves = pd.concat([suggest.curve(each, runner.store) for each in plans], ignore_index=True)
    curves["model"] = curves["model"].astype(str)
    true, rows = runner.data.clusters, []

    def add(method: str, of: str, found: int) -> None:
        rows.append({"set": name, "classes": true, "method": method, "of": of, "found": found})

    add("auto", "all pipelines", suggest.choose(curves))
    for model in dict.fromkeys(curves["model"]):
        add("auto", model, suggest.choose(curves[curves["model"] == model]))
    for run in (run for each in plans for run in each.runs):
        model, chain = str(run.pipeline.model), str(run.pipeline.chain)
        if chain == f"pca64+{UMAP}":
            found = HDBSCAN(min_cluster_size=15).fit_predict(runner.array(run.tasks, "reduce"))
            add("HDBSCAN", model, int(found.max()) + 1)
        if chain == "pca64" and importlib.util.find_spec("evoc"):
            import evoc

            found = evoc.EVoC(random_state=0).fit_predict(runner.array(run.tasks, "encode"))
            add("EVoC", model, int(np.max(found)) + 1)
    return pd.DataFrame(rows)


# ----------------------------------------------------------------------------------------- files
def keep(name: str, scores: pd.DataFrame, texts: list[str], counts: pd.DataFrame) -> None:
    """Put a set's rows into the files, in place of those that are there."""
    new = scores.round(4).assign(assignments=texts)
    if SCORES.exists():
        old = pd.read_csv(SCORES)
        with gzip.open(ASSIGNMENTS, "rt") as file:
            old["assignments"] = file.read().splitlines()
        new = pd.concat([old[old["set"] != name], new], ignore_index=True)
    if COUNTS.exists():
        before = pd.read_csv(COUNTS)
        counts = pd.concat([before[before["set"] != name], counts], ignore_index=True)
    with gzip.GzipFile(ASSIGNMENTS, "wb", mtime=0) as packed:
        packed.write("".join(f"{text}\n" for text in new["assignments"]).encode())
    new.drop(columns="assignments").to_csv(SCORES, index=False)
    counts.to_csv(COUNTS, index=False)


def keep_labels(name: str, labels: Clusters) -> None:
    """Put the labels of a set's images into their file, a digit an image."""
    found = {}
    if LABELS.exists():
        found = dict(pd.read_csv(LABELS, dtype=str).itertuples(index=False, name=None))
    found[name] = "".join(DIGITS[label] for label in labels)
    pd.DataFrame(found.items(), columns=["set", "labels"]).to_csv(LABELS, index=False)


def main() -> None:
    """Collect the sets that are asked for, or all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--store", type=Path, required=True, help="folder of computed results")
    parser.add_argument("--sets", default=",".join(SETS), help=f"of {', '.join(SETS)}")
    parser.add_argument("--folders", type=Path, help="folder with scenes, album and bloodcells")
    asked = parser.parse_args()
    warnings.filterwarnings("ignore")
    work = asked.store / "sets"
    for name in asked.sets.split(","):
        start = time.monotonic()
        try:
            spec = SETS[name](work, asked.folders)
        except (OSError, ImportError) as error:
            print(f"{name}: left out, {error}", file=sys.stderr)
            continue
        with threadpool_limits(1):
            runner = Runner(spec, asked.store, work)
            scores, texts = measure(name, runner)
            counts = count(name, runner)
        with runner.store.lock("study"):
            keep(name, scores, texts, counts)
            keep_labels(name, runner.data.labels)
        print(f"{name}: {len(scores)} rows in {time.monotonic() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
