"""Clusterers: scikit-learn's results; noise; the command."""

import numpy as np
import pandas as pd
import pytest
from sklearn import cluster, mixture

from bench.base.grammar import GrammarError
from bench.base.registry import UnknownNameError
from bench.clusterers.named import Named
from bench.contracts.clusterers import groups
from bench.report.columns import escape
from bench.stages.cluster import cluster as cluster_stage
from bench.stages.metrics import clustering, reference_space
from tests.conftest import run_grid


@pytest.mark.filterwarnings("ignore:Graph is not fully connected")
@pytest.mark.parametrize(
    ("text", "theirs"),
    [
        ("kmeans", cluster.KMeans(4, n_init=10, random_state=3)),
        ("kmeans(starts=2)", cluster.KMeans(4, n_init=2, random_state=3)),
        (
            "gmm(covariance=diag)",
            mixture.GaussianMixture(4, covariance_type="diag", n_init=3, random_state=3),
        ),
        ("agglomerative(linkage=average)", cluster.AgglomerativeClustering(4, linkage="average")),
        (
            "hdbscan(min_cluster_size=8)",
            cluster.HDBSCAN(min_cluster_size=8, min_samples=8, copy=True),
        ),
        (
            "spectral(n_neighbors=9)",
            cluster.SpectralClustering(
                4, affinity="nearest_neighbors", n_neighbors=9, random_state=3
            ),
        ),
    ],
)
def test_clusters_are_scikit_learns(text, theirs):
    random = np.random.default_rng(1)
    points = (np.arange(120)[:, None] % 4 * 5 + random.normal(size=(120, 3))).astype(np.float32)
    ours = Named.parse(text).build(4, random_state=3).fit_predict(points)
    assert clustering.adjusted_rand(ours, theirs.fit_predict(points.astype(np.float64))) > 0.99


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kmeans(starts=0)", "starts must be 1 to .*, found 0"),
        ("gmm(covariance=round)", "covariance must be one of full, tied, diag, spherical"),
        ("gmm", "covariances of 3072 dimensions are too large: at most 512"),
        ("gmm(starts=0)", "starts must be 1 to"),
        ("gmm(shrinkage=-1)", "shrinkage must be 0 to 10, found -1"),
        ("agglomerative(linkage=chain)", "linkage must be one of ward, average"),
        ("spectral(n_neighbors=1)", "n_neighbors must be 2 to"),
        ("spectral(n_neighbors=50)", "n_neighbors=50 needs more than 50 images, found 50"),
        ("hdbscan(min_cluster_size=51)", "min_cluster_size must be 2 to 50, or 0, found 51"),
        ("hdbscan(min_cluster_size=1)", "min_cluster_size must be 2 to 50"),
        ("hdbscan(min_samples=51)", "min_samples must be 1 to 50, or 0, found 51"),
    ],
)
def test_what_cannot_work_is_refused(text, message):
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        Named.parse(text).build(3).check(50, 3072)


def test_so_many_images_have_too_many_distances():
    with pytest.raises(ValueError, match="at most 30,000 images, found 30,001"):
        Named.parse("agglomerative").build(3).check(30_001, 2)


def test_names_and_settings_are_checked():
    with pytest.raises(UnknownNameError, match="did you mean 'kmeans'"):
        Named.parse("kmean")
    with pytest.raises(GrammarError, match="no parameter 'n_clusters'"):
        Named.parse("kmeans(n_clusters=3)")
    assert str(Named.parse("gmm(starts=3, covariance=diag)")) == "gmm(covariance=diag)"


class TestNoise:
    clusters = np.array([0, 0, 1, 1, -1, -1])
    labels = np.array([0, 0, 1, 1, 0, 1])

    def test_is_wrong_in_every_accuracy(self):
        assignment = clustering.assign(self.clusters, self.labels)
        assert assignment == {0: 0, 1: 1}
        assert clustering.accuracy(self.clusters, self.labels, assignment) == 4 / 6
        np.testing.assert_array_equal(
            clustering.oriented(self.clusters, assignment), [0, 0, 1, 1, -1, -1]
        )

    def test_takes_no_label_even_where_one_is_left(self):
        clusters = np.array([0, 0, -1, -1])
        labels = np.array([0, 0, 1, 1])
        assignment = clustering.assign(clusters, labels)
        assert -1 not in assignment
        assert clustering.accuracy(clusters, labels, assignment) == 0.5
        nothing = np.full(4, -1)
        assert clustering.accuracy(nothing, labels, clustering.assign(nothing, labels)) == 0

    def test_is_a_group_of_its_own_in_other_scores(self):
        as_group = np.where(self.clusters < 0, 2, self.clusters)
        for score in (clustering.adjusted_rand, clustering.nmi):
            assert score(self.clusters, self.labels) == score(as_group, self.labels)

    def test_has_no_company_in_the_common_space(self):
        near = np.array([[1], [0], [3], [2], [5], [4]])
        found = reference_space.modularity_by_image(near, self.clusters)
        assert (found[4:] < found[:4].min()).all()
        everything = reference_space.modularity_by_image(near, np.full(6, -1))
        np.testing.assert_array_equal(everything, 0)

    def test_is_counted(self):
        points, _ = groups()
        points[:4] = [[99, 99, 99], [-99, 5, 5], [5, -99, 50], [7, 7, -99]]
        found = cluster_stage(Named.parse("hdbscan").build(3), points, None)
        assert found.values == {"clusters_found": 3, "noise": 4}
        assert (found.arrays["train"][:4] == -1).all()


def test_what_works_somewhere_is_skipped_elsewhere_and_not_refused(tmp_path):
    """gmm cannot work on 3,072 pixels, and the chain none is in every grid."""
    done = run_grid(tmp_path, "--clusterers", "kmeans,gmm,hdbscan", "--limit", "200", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "note: skipped: gmm cannot work on pixels, none" in done.stdout
    nowhere = run_grid(
        tmp_path, "--models", "pixels", "--reducers", "none", "--clusterers", "gmm", "--dry-run"
    )
    assert nowhere.returncode == 2
    assert len(nowhere.stderr.strip().splitlines()) == 1


def test_a_clusterer_that_is_not_installed_is_refused(monkeypatch):
    from bench.base.errors import UsageError
    from bench.clusterers import clusterers
    from bench.planning.settings import resolve

    monkeypatch.setattr(clusterers["gmm"], "requires", ("no_such_module",), raising=False)
    with pytest.raises(UsageError, match="clusterer gmm needs the package no_such_module"):
        resolve({"clusterers": "gmm"})


def test_a_grid_with_two_clusterers(tmp_path):
    done = run_grid(
        tmp_path,
        *("--dataset", "digits", "--limit", "200", "--models", "pixels", "--no-baselines"),
        *("--reducers", "pca8,pca16", "--clusterers", "kmeans,hdbscan(min_cluster_size=9)"),
        *("--seeds", "2", "--null", "--resamples", "1"),
    )
    assert done.returncode == 0, done.stderr
    records = pd.read_csv(tmp_path / "results" / "results.csv")
    by = "hdbscan(min_cluster_size=9)"
    pipelines = records[["chain", "clusterer"]].drop_duplicates().values.tolist()
    assert pipelines == [[c, b] for c in ("pca8", "pca16") for b in ("kmeans", by)]
    assert set(records["clusterer"]) == {"kmeans", by}
    of_hdbscan = records[records["clusterer"] == by]
    assert (of_hdbscan["noise"] > 0).all()
    assert of_hdbscan["null_artifacts"].notna().all()
    assert of_hdbscan["stability"].notna().all()
    report = (tmp_path / "results" / "results.md").read_text()
    assert "images in no cluster" in report
    assert f"| kmeans, {escape(by)} " in report


@pytest.mark.parametrize("features", [30, 3000])
def test_kmeans_finds_the_same_on_any_number_of_features(features):
    """Of many more features than images it works on other axes; centers are on those given."""
    random = np.random.default_rng(0)
    X = (random.normal(size=(60, features)) + 9 * random.integers(0, 2, 60)[:, None]).astype("f4")
    ours = Named.parse("kmeans").build(4, 3)
    theirs = cluster.KMeans(4, n_init=10, random_state=3).fit(X)
    np.testing.assert_array_equal(ours.fit_predict(X), theirs.labels_)
    np.testing.assert_allclose(ours.centers_, theirs.cluster_centers_, atol=1e-4)
    np.testing.assert_array_equal(ours.predict(X), theirs.labels_)
