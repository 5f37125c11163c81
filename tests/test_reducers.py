"""Reducers against scikit-learn's own results, and what each promises beyond the contracts."""

import os
import random
import tracemalloc
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from openTSNE.affinity import PerplexityBasedNN
from scipy import sparse
from sklearn import decomposition, manifold
from sklearn.datasets import load_digits

from bench.base import keys
from bench.base.extras import missing
from bench.stages.reduce import reduce
from reducers import reducers
from reducers.chain import Chain
from reducers.descent import MOST_CELLS, WIDTH, Descent
from reducers.tsne import TSNE
from reducers.umap import DESCENT_FROM, UMAP


def build(text, seed=0):
    (link,) = Chain.parse(text).links
    return link.build(random_state=seed)


def digits(count=300):
    return load_digits().data[:count].astype(np.float32)


def up_to_sign(ours, theirs):
    return ours * np.sign(np.sum(ours * theirs, axis=0))


@pytest.mark.parametrize("shape", [(60, 20), (20, 60)])
def test_whitening_is_scikit_learns(shape):
    random_state = np.random.default_rng(0)
    points = (random_state.normal(size=shape) * np.geomspace(100, 1, shape[1])).astype(np.float32)
    unseen = random_state.normal(size=(5, shape[1])).astype(np.float32)
    ours = build("pca8(whiten=true)")
    theirs = decomposition.PCA(8, svd_solver="full", whiten=True).fit(points.astype(np.float64))
    expected = theirs.transform(points)
    found = ours.fit_transform(points)
    np.testing.assert_allclose(up_to_sign(found, expected), expected, atol=1e-5)
    np.testing.assert_allclose(found.std(axis=0, ddof=1), 1, rtol=1e-5)
    expected = theirs.transform(unseen)
    np.testing.assert_allclose(up_to_sign(ours.transform(unseen), expected), expected, atol=1e-5)


@pytest.mark.parametrize("name", ["pca6(whiten=true)", "ica6"])
@pytest.mark.parametrize("shape", [(60, 20), (20, 60)])
def test_rounding_is_not_blown_up_to_a_component(name, shape):
    """Points of four dimensions, turned: what float32 adds is no fifth."""
    random_state = np.random.default_rng(0)
    inner = random_state.laplace(size=(shape[0], 4)) * [100, 10, 1, 1]
    points = (inner @ random_state.normal(size=(4, shape[1])) + 50).astype(np.float32)
    found = build(name).fit_transform(points)
    np.testing.assert_allclose(found.std(axis=0)[:4], 1, rtol=0.03)
    assert not found[:, 4:].any()


@pytest.mark.parametrize("name", ["pca2(whiten=true)", "ica2"])
def test_points_that_are_all_the_same_become_zero(name):
    assert not build(name).fit_transform(np.full((9, 5), 3, np.float32)).any()


@pytest.mark.parametrize("shape", [(60, 20), (20, 60)])
def test_svd_is_scikit_learns(shape):
    points = (5 + np.random.default_rng(0).normal(size=shape)).astype(np.float32)
    ours = build("svd6")
    theirs = decomposition.TruncatedSVD(6, algorithm="arpack", random_state=0)
    expected = theirs.fit_transform(points.astype(np.float64))
    found = ours.fit_transform(points)
    np.testing.assert_allclose(up_to_sign(found, expected), expected, atol=1e-4)
    np.testing.assert_allclose(ours.transform(points), found, atol=1e-4)


@pytest.mark.parametrize("name", ["ipca10", "ipca10(batch_size=100)", "ipca10(batch_size=599)"])
def test_principal_components_in_batches_are_the_exact_ones(name):
    """1,797 digits in 4, 18 and 3 batches: the last takes what is left with it, or is short."""
    points = load_digits().data.astype(np.float32)
    theirs = decomposition.PCA(10, svd_solver="full").fit(points.astype(np.float64))
    expected = theirs.transform(points)
    ours = build(name)
    found = ours.fit_transform(points)
    np.testing.assert_allclose(up_to_sign(found, expected), expected, atol=1e-4 * expected.std())
    np.testing.assert_allclose(
        np.abs(theirs.components_ @ ours.components_.T), np.eye(10), atol=1e-4
    )


def test_components_that_are_carried_along_make_batches_nearly_exact():
    points = load_digits().data.astype(np.float32)
    exact = decomposition.PCA(2, svd_solver="full").fit(points).components_

    def angle(text):
        """Degrees between the planes."""
        reducer = build(text)
        reducer.fit_transform(points)
        cosines = np.linalg.svd(exact @ reducer.components_.T, compute_uv=False)
        return np.degrees(np.arccos(min(cosines.min(), 1)))

    assert angle("ipca2(spare=0)") > 30
    assert angle("ipca2(spare=10)") < 0.5


@pytest.mark.parametrize("text", ["ipca1", "ipca5", "ipca5(batch_size=5)", "ipca5(spare=0)"])
@pytest.mark.parametrize("shape", [(5, 9), (11, 5), (14, 9)])
def test_principal_components_in_batches_of_few_points(text, shape):
    points = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    reducer = build(text)
    reducer.check(*shape)
    found = reducer.fit_transform(points)
    assert found.shape == (shape[0], reducer.n_components)
    assert np.isfinite(found).all()
    np.testing.assert_array_equal(reducer.transform(points[:3]), found[:3])


def test_principal_components_in_batches_of_points_that_are_all_the_same():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for count in (1, 9):
            assert not build("ipca1").fit_transform(np.full((count, 5), 3, np.float32)).any()


@pytest.mark.slow
def test_principal_components_in_batches_need_little_memory():
    """20,000 points of 512 numbers are 41 MB in float32, and 82 in float64."""
    points = np.random.default_rng(0).normal(size=(20_000, 512)).astype(np.float32)
    reducer = build("ipca10")
    reducer.warm_up(*points.shape)
    tracemalloc.start()
    try:
        reducer.fit_transform(points)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        reducer.transform(points)
        placing = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    assert most < 0.75 * points.nbytes
    assert placing < 0.25 * points.nbytes


def sources(count=500):
    """Four independent signals, and a mixture of them in ten dimensions."""
    random_state = np.random.default_rng(0)
    found = np.stack(
        [
            random_state.uniform(-1, 1, count),
            random_state.laplace(size=count),
            np.sign(random_state.normal(size=count)),
            random_state.exponential(size=count),
        ],
        axis=1,
    )
    return found, (found @ random_state.normal(size=(4, 10))).astype(np.float32)


def test_ica_finds_what_scikit_learn_finds():
    signals, points = sources()
    found = build("ica4").fit_transform(points)
    theirs = decomposition.FastICA(
        4, whiten="unit-variance", whiten_solver="svd", random_state=0
    ).fit_transform(points.astype(np.float64))
    np.testing.assert_allclose(found.std(axis=0), 1, rtol=1e-5)
    likeness = np.abs(np.corrcoef(found.T, theirs.T)[:4, 4:])
    assert sorted(likeness.argmax(axis=1)) == [0, 1, 2, 3]
    assert likeness.max(axis=1).min() > 0.9999
    assert np.abs(np.corrcoef(found.T, signals.T)[:4, 4:]).max(axis=1).min() > 0.97


def test_ica_that_does_not_settle_says_so_and_warns_nobody_else():
    _, points = sources()
    reducer = build("ica4(iterations=1)")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert reduce(reducer, points, None).values["notes"] == list(reducer.notes_)
    assert "did not converge in 1 steps" in reducer.notes_[0]
    settles = build("ica4")
    assert reduce(settles, points, None).values == {}


def test_what_a_fit_says_is_printed_after_the_run_and_is_no_column(command, tmp_path):
    arguments = ["--models", "pixels", "--limit", "60", "--no-null", "--no-baselines"]
    found = command(*arguments, "--seeds", "2", "--reducers", "pca4+ica4(iterations=1)")
    assert found.returncode == 0
    assert "note: ica4(iterations=1): did not converge in 1 steps" in found.stdout
    assert "; 2 of 2 fits\n" in found.stdout
    header = (tmp_path / "results" / "results.csv").read_text().partition("\n")[0]
    assert "notes" not in header.replace("dataset_notes", "").split(",")


def test_isomap_is_scikit_learns():
    points = digits()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of parts
        theirs = manifold.Isomap(n_neighbors=8, n_components=3, eigen_solver="dense").fit(points)
    expected = theirs.embedding_
    ours = build("isomap3(n_neighbors=8)")
    found = ours.fit_transform(points)
    np.testing.assert_allclose(up_to_sign(found, expected), expected, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(
        up_to_sign(ours.transform(points[:9]), expected[:9]), theirs.transform(points[:9]),
        rtol=1e-4, atol=1e-3,
    )  # fmt: skip


def test_spectral_embedding_is_scikit_learns():
    points = np.random.default_rng(0).normal(size=(300, 5)).astype(np.float32)
    expected = manifold.SpectralEmbedding(
        3, affinity="nearest_neighbors", n_neighbors=12, random_state=5
    ).fit_transform(points)
    found = build("spectral3(n_neighbors=12)").fit_transform(points)
    np.testing.assert_allclose(up_to_sign(found, expected), expected, atol=1e-6)


def islands(copies=1):
    """Three groups far apart, each along a line of its own."""
    random_state = np.random.default_rng(0)
    along = np.sort(random_state.uniform(0, 1, (3, 40)), axis=1)
    points = np.stack([along, 0.01 * random_state.normal(size=(3, 40))], axis=2)
    points += np.array([[0, 0], [10, 0], [30, 5]])[:, None]
    return np.repeat(points.reshape(-1, 2), copies, axis=0).astype(np.float32)


@pytest.mark.parametrize("name", ["spectral2(n_neighbors=5)", "isomap2(n_neighbors=5)"])
def test_a_graph_in_parts_is_joined_without_a_warning(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = build(name).fit_transform(islands()).reshape(3, 40, 2)
    middles = found.mean(axis=1)
    within = np.linalg.norm(found - middles[:, None], axis=2).max()
    assert within > 0  # not one place a part, as eigenvectors of the parts would have it
    assert np.isfinite(found).all()
    # The part between the two others is between them here as well.
    assert sorted(middles[:, 0])[1] == middles[1, 0]


def test_spectral_embedding_joins_parts_that_are_the_same_points():
    """Of copies, each point's nearest are its own: parts at no distance."""
    found = build("spectral2(n_neighbors=2)").fit_transform(islands(copies=6)[::2])
    assert np.isfinite(found).all()


# those that an installation may lack


def needs(name):
    lacking = missing(reducers[name])
    return pytest.mark.skipif(bool(lacking), reason=f"{name} needs {', '.join(lacking)}")


@needs("pacmap")
def test_pacmap_takes_any_seed_in_silence(capfd):
    points = digits(100)
    seeds = (0, 2**32 - 1, np.int64(2**31 + 7))
    found = [build("pacmap2(iterations=20)", seed).fit_transform(points) for seed in seeds]
    assert len({each.tobytes() for each in found}) == 3
    again = build("pacmap2(iterations=20)", 2**32 - 1).fit_transform(points)
    np.testing.assert_array_equal(again, found[1])
    assert capfd.readouterr() == ("", "")


@needs("torchdr-umap")
@pytest.mark.parametrize("name", ["torchdr-umap2(iterations=20)", "torchdr-tsne2(iterations=20)"])
def test_torchdr_leaves_the_process_as_it_was_and_says_nothing(name, capfd, monkeypatch):
    monkeypatch.delenv("PYTHONHASHSEED", raising=False)

    def state():
        return (
            torch.random.get_rng_state().tolist(),
            random.getstate(),
            str(np.random.get_state()),  # noqa: NPY002 - TorchDR seeds it
            torch.backends.cudnn.benchmark,
            torch.are_deterministic_algorithms_enabled(),
            os.environ.get("PYTHONHASHSEED"),
        )

    before = state()
    reducer = build(name, 2**32 - 1)
    reducer.warm_up(300, 64)
    reducer.fit_transform(digits(100))
    assert state() == before
    assert capfd.readouterr() == ("", "")


@needs("torchdr-tsne")
@pytest.mark.parametrize("name", ["torchdr-umap", "torchdr-tsne"])
def test_torchdr_finds_the_classes_of_digits(name):
    from sklearn.neighbors import KNeighborsClassifier

    data = load_digits()
    found = build(f"{name}2(iterations=100)").fit_transform(data.data[:300].astype(np.float32))
    neighbors = KNeighborsClassifier(5).fit(found, data.target[:300])
    assert neighbors.score(found, data.target[:300]) > 0.9


@pytest.mark.parametrize(
    ("text", "theirs"),
    [
        ("kpca4(gamma=0.001)", decomposition.KernelPCA(4, kernel="rbf", gamma=0.001)),
        ("isomap3", manifold.Isomap(n_neighbors=10, n_components=3, eigen_solver="dense")),
    ],
)
def test_unseen_points_are_placed_where_scikit_learn_places_them(text, theirs):
    points, unseen = digits(200)[:150], digits(200)[150:]
    ours = build(text)
    size = np.abs(ours.fit_transform(points)).max()
    found = theirs.fit(points.astype(np.float64)).transform(unseen.astype(np.float64))
    placed = ours.transform(unseen)
    np.testing.assert_allclose(up_to_sign(placed, found), found, atol=1e-4 * size)


@pytest.mark.slow
def pairs(points):
    """Return 1 / (1 + r²) of all pairs and their differences, and 0 for a point with itself."""
    apart = points[:, None] - points
    near = 1 / (1 + (apart**2).sum(axis=-1))
    np.fill_diagonal(near, 0)
    return near, apart


@pytest.mark.parametrize("dimensions", [1, 2])
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize(
    ("exact", "spread", "tolerance"),
    [(True, 20, 1e-5), (False, 20, 0.02), (False, 1, 0.01), (True, 1e-3, 1e-5), (False, 1e-3, 0.1)],
)
def test_forces_of_tsne_are_those_of_the_formula(dimensions, threads, exact, spread, tolerance):
    """Between points far apart, and between those that are almost in one place, as at first."""
    points = np.random.default_rng(0).normal(size=(200, dimensions)) * spread
    near, apart = pairs(points)
    affinities = sparse.random(200, 200, 0.1, "csr", random_state=0)
    descent = Descent(points, affinities, exact, threads)
    with ThreadPoolExecutor(threads) as pool:
        attraction = descent._attract(pool.map)
        repulsion, total = descent.repel(pool.map)
    expected = np.einsum("ij,ijd->di", affinities.toarray() * near, apart)
    np.testing.assert_allclose(attraction[:dimensions], expected, atol=1e-5 * np.ptp(expected))
    expected = np.einsum("ij,ijd->di", near**2, apart)
    np.testing.assert_allclose(repulsion[:dimensions], expected, atol=tolerance * np.ptp(expected))
    assert total == pytest.approx(near.sum(), rel=1e-5 if exact else 5e-3)
    assert not attraction[dimensions:].any()
    assert np.abs(repulsion[dimensions:]).max(initial=0) < 1e-3


def test_a_grid_of_tsne_has_no_more_cells_than_it_may():
    far = WIDTH * MOST_CELLS * 3
    descent = Descent(np.array([[0, 0], [far, 1]]), sparse.csr_matrix((2, 2)), False, 1)
    at, cells, width = descent._lay_grid()
    assert width == 4 * WIDTH
    assert max(cells) <= MOST_CELLS
    assert at.min() >= 0
    assert (at.max(axis=1) + 4 <= cells).all()


def divergence_of(embedding, points):
    """Return the KL divergence of an embedding from all points' affinities."""
    affinities = PerplexityBasedNN(points, 30, method="exact").P.toarray()
    near, _ = pairs(embedding.astype(np.float64))
    here = affinities > 0
    return (affinities[here] * np.log(affinities[here] / (near / near.sum())[here])).sum()


def test_all_methods_of_tsne_end_at_the_same_divergence():
    points = digits(300)
    found = {
        method: divergence_of(
            build(f"tsne2(method={method},iterations=250)").fit_transform(points), points
        )
        for method in ("exact", "fft", "bh")
    }
    assert found["exact"] == pytest.approx(found["bh"], rel=0.06)
    assert found["fft"] == pytest.approx(found["exact"], rel=0.06)


def test_the_key_of_tsne_depends_on_its_descent(monkeypatch):
    with_it = keys.source.__wrapped__(TSNE)
    monkeypatch.setattr(TSNE, "parts", ())
    assert keys.source.__wrapped__(TSNE) != with_it


@pytest.mark.parametrize("method", ["exact", "fft"])
@pytest.mark.parametrize("threads", [1, 2])
def test_tsne_is_the_same_to_the_bit_for_the_same_number_of_threads(method, threads):
    (link,) = Chain.parse(f"tsne2(method={method},iterations=20)").links
    one, other = (link.build(0, n_jobs=threads).fit_transform(digits(200)) for _ in range(2))
    np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_umap_restored_above_the_size_where_it_descends_places_points_as_before():
    """From there on neighbors are found by descent, which is made again from its own seed."""
    X = np.random.default_rng(0).normal(size=(DESCENT_FROM + 104, 8)).astype(np.float32)
    unseen, settings = X[:100] + np.float32(0.01), {"random_state": 5, "n_neighbors": 5}
    fitted = UMAP(2, **settings)
    embedding = fitted.fit_transform(X)
    again = UMAP(2, **settings).restore(fitted.fitted(), X, embedding)
    assert hasattr(again.model_, "_knn_search_index")
    before, after = fitted.transform(unseen), again.transform(unseen)
    np.testing.assert_allclose(after, before, atol=1e-4 * np.ptp(embedding))
