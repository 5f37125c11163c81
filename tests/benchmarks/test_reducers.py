"""Reducers as the grid configures them, against scikit-learn's own."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import openTSNE.sklearn
import pytest
import umap  # noqa: F401 - imports are not timed
from sklearn import datasets, decomposition, manifold

from bench.base.extras import missing
from bench.report.speed import AGAIN
from reducers import reducers
from reducers.chain import Chain
from tests.benchmarks.machine import describe
from tests.benchmarks.race import Rival, Work, against, recorded_clock, replay

pytestmark = pytest.mark.benchmark(timer=recorded_clock)

POINTS = 600  # digits, as a comparison on two cores takes
LONG = 8500  # what the homework has


def points(count: int) -> np.ndarray:
    """Digits, with noise where there are not enough of them, (count, 64) float32."""
    digits = datasets.load_digits().data
    random = np.random.default_rng(0)
    rows = digits[np.arange(count) % len(digits)]
    return (rows + random.normal(size=rows.shape)).astype(np.float32)


def codes(count: int, features: int) -> np.ndarray:
    """Noise whose variance falls off as that of codes does, (count, features) float32."""
    random = np.random.default_rng(0)
    rank = min(256, features)
    turn = np.linalg.qr(random.normal(size=(features, rank)))[0]
    x = random.normal(size=(count, rank)) / np.sqrt(1 + np.arange(rank)) @ turn.T
    return (x + 0.01 * random.normal(size=x.shape)).astype(np.float32)


def ours(link: str, X: np.ndarray) -> Work:
    (parsed,) = Chain.parse(link).links
    reducer = parsed.build(0, 1)
    reducer.warm_up(*X.shape)
    return lambda: reducer.fit_transform(X)


def theirs(make: Callable[[], Any], X: np.ndarray) -> Work:
    model = make()

    def work() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit_transform(X)

    return work


def tsne() -> Any:
    return manifold.TSNE(2, random_state=0)


def open_tsne() -> Any:
    return openTSNE.sklearn.TSNE(2, random_state=0)


def run(
    benchmark: Any, times: Any, rounds: int, group: str, rivals: dict[str, Any], name: str,
    X: np.ndarray, usual: str, warm_up: bool = True,
) -> None:  # fmt: skip
    benchmark.group = group

    def ready() -> list[Rival]:
        return [Rival(rival, prepare) for rival, prepare in rivals.items()]

    replay(benchmark, times(group, name, ready, rounds, warm_up=warm_up))
    benchmark.extra_info |= describe("cpu", "float32") | {
        "rival": name,
        "against": against(name, usual),
        "images": len(X),
        "features": X.shape[1],
    }


def installed(link: str) -> bool:
    (parsed,) = Chain.parse(link).links
    return not missing(reducers[parsed.name])


def or_skipped(link: str) -> Any:
    absent = pytest.mark.skipif(not installed(link), reason=f"{link} is not installed")
    return pytest.param(link, marks=absent)


def embeddings(count: int, links: tuple[str, ...]) -> tuple[np.ndarray, dict[str, Any]]:
    X = points(count)
    rivals = {link: functools.partial(ours, link, X) for link in links if installed(link)}
    others = {"scikit-learn-tsne": tsne, "opentsne": open_tsne}
    return X, {name: functools.partial(theirs, make, X) for name, make in others.items()} | rivals


def factors(count: int, features: int) -> tuple[np.ndarray, dict[str, Any]]:
    X = codes(count, features)

    def svd() -> Any:
        return decomposition.TruncatedSVD(16, algorithm="arpack", random_state=0)

    def ica() -> Any:
        return decomposition.FastICA(
            16, whiten="unit-variance", max_iter=500, whiten_solver="eigh", random_state=0
        )

    links = ("svd16", "pca16(whiten=true)", "ica16")
    return X, {
        "scikit-learn-svd": functools.partial(theirs, svd, X),
        "scikit-learn-ica": functools.partial(theirs, ica, X),
        **{link: functools.partial(ours, link, X) for link in links},
    }


def pca_solvers(count: int, features: int, components: int) -> tuple[np.ndarray, dict[str, Any]]:
    X = codes(count, features)
    solvers = ("covariance_eigh", "randomized", "arpack")
    rivals: dict[str, Any] = {
        f"scikit-learn-{solver}": functools.partial(
            theirs,
            lambda solver=solver: decomposition.PCA(components, svd_solver=solver, random_state=0),
            X,
        )
        for solver in solvers
    }
    link = f"pca{components}"
    return X, rivals | {name: functools.partial(ours, link, X) for name in (link, link + AGAIN)}


EMBEDDINGS = (
    "tsne2", "umap2", "isomap2", "spectral2", "pacmap2", "torchdr-umap2", "torchdr-tsne2",
)  # fmt: skip


@pytest.mark.parametrize("name", ["scikit-learn-tsne", "opentsne", *map(or_skipped, EMBEDDINGS)])
def test_embedding(benchmark: Any, times: Any, enough: Any, name: str) -> None:
    """What scikit-learn has not, such as UMAP, is held against the same t-SNE."""
    X, rivals = embeddings(POINTS if not benchmark.disabled else 120, EMBEDDINGS)
    group = f"embed {len(X):,} digits"
    run(benchmark, times, enough(3), group, rivals, name, X, "scikit-learn-tsne")


SOLVERS = ["scikit-learn-covariance_eigh", "scikit-learn-randomized", "scikit-learn-arpack"]


@pytest.mark.parametrize("name", [*SOLVERS, "pca64", "pca64" + AGAIN])
def test_pca(benchmark: Any, times: Any, enough: Any, name: str) -> None:
    """Against the fastest of the exact solvers; the later components of randomized are others."""
    size = (2000, 1024) if not benchmark.disabled else (200, 100)
    X, rivals = pca_solvers(*size, 64)
    group = f"pca64 of {size[0]:,} × {size[1]:,}"
    run(benchmark, times, enough(3), group, rivals, name, X, "scikit-learn-arpack")


FACTORS = ["scikit-learn-svd", "scikit-learn-ica", "svd16", "pca16(whiten=true)", "ica16"]


@pytest.mark.parametrize("name", FACTORS)
def test_factors(benchmark: Any, times: Any, enough: Any, name: str) -> None:
    """Noise has no independent components: FastICA takes all of its steps, ours and theirs."""
    size = (2000, 1024) if not benchmark.disabled else (200, 100)
    X, rivals = factors(*size)
    group = f"16 factors of {size[0]:,} × {size[1]:,}"
    run(benchmark, times, enough(3), group, rivals, name, X, "scikit-learn-svd")


@pytest.mark.long
@pytest.mark.parametrize("name", ["scikit-learn-tsne", "opentsne", "tsne2", "umap2"])
def test_embedding_at_full_size(benchmark: Any, times: Any, name: str) -> None:
    X, rivals = embeddings(LONG, ("tsne2", "umap2"))
    group = f"embed {len(X):,} digits"
    run(benchmark, times, 1, group, rivals, name, X, "scikit-learn-tsne", warm_up=False)


@pytest.mark.long
@pytest.mark.parametrize("name", [*SOLVERS, "pca128", "pca128" + AGAIN])
def test_pca_at_full_size(benchmark: Any, times: Any, name: str) -> None:
    X, rivals = pca_solvers(LONG, 4096, 128)
    group = f"pca128 of {LONG:,} × 4,096"
    run(benchmark, times, 1, group, rivals, name, X, "scikit-learn-arpack", warm_up=False)
