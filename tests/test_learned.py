"""What training adds, and what reconstructions explain; from images to the report."""

import math
import re

import numpy as np
import pandas as pd
import pytest

from bench.analysis.choices import Choices
from bench.analysis.correctness import Correctness
from bench.analysis.inference import Interval, score_interval
from bench.analysis.learned import Reconstruction, gains, r2_interval
from bench.analysis.results import Results
from bench.report import choices, latex, markdown
from bench.store import Store
from tests.conftest import run_grid, run_python
from tests.test_effects import design, pipelines
from tests.test_report import frame, scored


def of(values, repeated=True):
    return Correctness(dict(enumerate(np.asarray(values, dtype=float))), repeated)


def random_values(seed, share=0.5):
    return np.random.default_rng(seed).random((4, 40)) < share


def test_gains_are_paired_differences():
    values = {
        ("untrained-a", "x", "kmeans"): random_values(0),
        ("untrained-a", "y", "gmm"): random_values(1),
        ("a", "x", "kmeans"): random_values(2, 0.8),
        ("a", "y", "gmm"): random_values(3, 0.9),
        ("a", "z", "kmeans"): random_values(4),  # the untrained variant has no such chain
        ("b", "x", "kmeans"): random_values(5),  # no untrained variant
    }
    (found,) = gains({name: of(v) for name, v in values.items()})
    x = 1.0 * values["a", "x", "kmeans"] - values["untrained-a", "x", "kmeans"]
    y = 1.0 * values["a", "y", "gmm"] - values["untrained-a", "y", "gmm"]
    assert found.model == "a"
    assert found.by_chain == {"x": score_interval(x), "y → gmm": score_interval(y)}
    assert found.mean == score_interval((x + y) / 2)
    (alone,) = gains({name: of(v) for name, v in values.items()}, independent=False)
    assert alone.mean == score_interval((x + y) / 2, independent=False)


def test_settings_belong_to_the_variant():
    values = random_values(0)
    found = {
        ("untrained-a(code=8)", "x", "kmeans"): of(values),
        ("untrained-a", "x", "kmeans"): of(~values),
        ("a(code=8)", "x", "kmeans"): of(values),
    }
    (gain,) = gains(found)
    assert gain.mean.mean == 0


def test_a_gain_is_over_the_seeds_that_both_have():
    values = random_values(0)
    trained = Correctness({1: values[0], 2: values[1], 9: values[2]}, True)
    untrained = Correctness({0: values[3], 1: values[2], 2: values[2]}, True)
    (found,) = gains({("a", "x", "k"): trained, ("untrained-a", "x", "k"): untrained})
    assert found.mean == score_interval(1.0 * values[:2] - values[2])
    apart = {("a", "x", "k"): of(values[:1]), ("untrained-a", "x", "k"): trained}
    assert gains(apart) == []


def test_chains_without_a_seed_in_common_have_no_mean():
    values = random_values(0)
    one, other = Correctness({0: values[0]}, True), Correctness({1: values[1]}, True)
    found = {(m, c, "k"): v for m in ("a", "untrained-a") for c, v in (("x", one), ("y", other))}
    (gain,) = gains(found)
    assert math.isnan(gain.mean.mean)
    assert choices.signed(gain.mean) == "–"
    assert choices.signed(gain.by_chain["x → k"]) == "+0.000"  # one seed: no interval


def test_r2_and_its_interval():
    random = np.random.default_rng(0)
    by_mean = random.gamma(2.0, 0.1, 400)
    errors = 0.4 * by_mean + random.gamma(2.0, 0.005, (3, 400))
    found = r2_interval(errors, by_mean)
    assert found.mean == pytest.approx(1 - errors.mean() / by_mean.mean())
    drawn = []
    for _ in range(2000):
        images = random.integers(0, 400, 400)
        drawn.append(1 - errors[:, images].mean() / by_mean[images].mean())
    alone = r2_interval(errors, by_mean, repeated=False)
    assert (alone.high - alone.low) / 2 == pytest.approx(1.96 * np.std(drawn), rel=0.1)
    # Easy and hard images are so for the mean image too, which the interval takes into account.
    assert alone.high - alone.low < score_interval(errors / by_mean.mean(), False).high
    assert r2_interval(by_mean[None], by_mean, repeated=False).mean == pytest.approx(0)
    assert math.isnan(r2_interval(errors[:1], by_mean).low)


@pytest.mark.parametrize(
    ("trained", "r2", "nothing", "unclear"),
    [
        (True, Interval(0.04, 0.03, 0.06), True, False),
        (True, Interval(0.04, math.nan, math.nan), True, False),
        (True, Interval(0.30, -0.10, 0.70), False, True),
        (True, Interval(0.30, 0.20, 0.40), False, False),
        (True, Interval(0.30, math.nan, math.nan), False, False),
        (False, Interval(-2.0, -2.1, -1.9), False, False),
    ],
)
def test_who_learned_nothing(trained, r2, nothing, unclear):
    found = Reconstruction("m_1", trained, 64, 32.0, r2, 0.94, True)
    assert (found.learned_nothing, found.unclear) == (nothing, unclear)
    results = Results(frame(*scored("m_1", "x", 0.5)))
    (told, *_) = choices.texts(results, Choices(reconstructions=(found,)))["r2"]
    assert told.startswith("The reconstructions of m_1 show that it learned nothing") is nothing
    said = "The R² of m_1 is 0.300; that of PCA with 64 components is 0.940."
    assert (said in told) is (trained and not nothing)
    assert ("It is not clear that m_1 learned anything: the interval" in told) is unclear
    assert bool(choices.notes(results, Choices(reconstructions=(found,)))) is nothing


def section(values, **more):
    """The section of results.md on scores by design."""
    from bench.analysis.effects import effects

    found = Choices(effects(pipelines(values, **more)))
    results = Results(frame(*scored("m", "x", 0.5, 0.6)))
    text = markdown.render(results, [], found=found)
    after = text.partition("## Which choice mattered")[2].partition("\n## ")[0]
    return after, latex.render(results, found)


def test_the_section_says_which_choice_matters_most():
    text, tex = section(design((-0.3, 0.3), (-0.1, 0.1)))
    assert "the encoder matters most: 90% (95% interval 90% to 90%) of the variance of " in text
    assert re.search(r"\| encoder +\| +2 \| +90% \| +90% to 90% \| +0.300 \|", text)
    assert r"encoder & 2 & 90\% & 90\% to 90\% & 0.300 \\" in tex
    assert "% digits: parts of the variance of accuracy over 16 runs, with 95\\%" in tex


def test_the_section_says_what_cannot_be_said():
    even, _ = section(design((-0.1, 0.1), (-0.1, 0.1)))
    assert "The encoder has the largest share of the variance of accuracy, 50%" in even
    assert "not clearly: the reducer chain has 50%" in even
    one, tex = section(design((-0.3, 0.3), (-0.1, 0.1), seeds=1))
    assert "The largest part of the variance of accuracy is due to the encoder: 90%." in one
    assert "There is one seed, so what is due to chance is contained in every part" in one
    assert "95%" not in one
    assert "95\\% intervals" not in tex
    two, _ = section(design((-0.3, 0.3), (-0.1, 0.1), seeds=2))
    assert "An interval needs three seeds." in two
    same, _ = section(design((-0.3, 0.3), (-0.1, 0.1)), repeated=False)
    assert "All seeds gave the same result." in same
    random = np.random.default_rng(0)
    of_seeds, _ = section(design((0, 0), (0, 0), seeds=8) + random.normal(0, 1, (8, 2, 2, 1, 1)))
    assert "The seed matters most" in of_seeds


def test_where_nothing_is_known_there_is_no_section():
    results = Results(frame(*scored("m", "x", 0.5)))
    assert "Which choice mattered" not in markdown.render(results, [])
    assert choices.notes(results, Choices()) == []
    assert latex.render(results, Choices()) == latex.render(results)


TINY = """
import math
from torch import nn
from models import autoencoders
from models.autoencoder import Autoencoder

@autoencoders.register("tiny", "a linear layer there and back")
class Tiny(Autoencoder):
    def __init__(self, image_shape):
        super().__init__()
        values = math.prod(image_shape)
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(values, 8))
        self.decoder = nn.Sequential(nn.Linear(8, values), nn.Unflatten(1, image_shape))
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A grid whose model learns nothing: its learning rate is next to 0."""
    place = tmp_path_factory.mktemp("learned")
    (place / "tiny.py").write_text(TINY)
    run = run_grid(
        place, "--plugin", "tiny.py", "--models", "tiny", "--reducers", "pca5", "--limit", "90",
        "--seeds", "3", "--epochs", "1", "--lr", "1e-12", "--no-null",
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    return place, run.stdout, pd.read_csv(place / "results" / "results.csv")


def test_records_hold_the_losses(finished):
    _, _, records = finished
    of_tiny = records[records["model"].str.contains("tiny")]
    assert of_tiny["mean_image_loss"].nunique() == of_tiny["pca_loss"].nunique() == 1
    assert of_tiny["linear_artifacts"].nunique() == 1
    expected = 1 - of_tiny["reconstruction_loss"] / of_tiny["mean_image_loss"]
    np.testing.assert_allclose(of_tiny["reconstruction_r2"], expected)
    assert (of_tiny["pca_loss"] > 0).all()
    assert (of_tiny["pca_loss"] < of_tiny["mean_image_loss"]).all()
    of_pixels = records[records["model"] == "pixels"]
    assert of_pixels[["mean_image_loss", "reconstruction_r2"]].isna().all(axis=None)


def test_a_model_that_learned_nothing_is_named(finished):
    place, said, records = finished
    text = (place / "results" / "results.md").read_text()
    r2 = records.loc[records["model"] == "tiny", "reconstruction_r2"].mean()
    told = f"The reconstructions of tiny show that it learned nothing: its R² is {r2:.3f}"
    assert told in text
    assert told in said
    assert "Training tiny shows no clear effect on accuracy." in text
    (row,) = re.findall(r"^\| tiny +\| +\+0.000 .*$", text, re.MULTILINE)
    assert row.count("+0.000 (") == 3  # all chains, none, pca5
    page = (place / "results" / "index.html").read_text()
    assert told in re.sub(r"<[^>]*>", "", page)
    assert page.count('<section id="choices"') == 1
    assert "What reconstructions explain" in page
    assert "encoder & 3 &" in (place / "results" / "results.tex").read_text()


def test_what_is_found_does_not_depend_on_the_order_of_records(finished):
    place, _, records = finished
    store = Store(place / ".store")
    found = Choices.of(Results(records), store)
    turned = Choices.of(Results(records.iloc[::-1].reset_index(drop=True)), store)
    assert found.effects == turned.effects
    assert found.reconstructions == turned.reconstructions[::-1]
    assert [gain.mean for gain in found.gains] == [gain.mean for gain in turned.gains]
    one, other = found.reconstructions
    assert [(each.model, each.trained) for each in (one, other)] == [
        ("untrained-tiny", False),
        ("tiny", True),
    ]
    assert one.components == 8
    assert one.pca_r2 == other.pca_r2 > 0.5


def test_where_pca_fails_the_runs_are_finished(tmp_path, monkeypatch):
    def fails(images, components):
        raise MemoryError("too large")

    monkeypatch.setattr("bench.stages.linear.linear", fails)
    (tmp_path / "tiny.py").write_text(TINY)
    run = run_grid(
        tmp_path, "--plugin", "tiny.py", "--models", "tiny", "--reducers", "pca5", "--limit", "60",
        "--seeds", "1", "--epochs", "1", "--no-null", "--no-baselines",
    )  # fmt: skip
    assert run.returncode == 1
    assert run.stderr.startswith("failed: mean image and PCA in linear: MemoryError: too large")
    assert run.stderr.count("\n") == 1
    records = pd.read_csv(tmp_path / "results" / "results.csv")
    assert (records["status"] == "ok").all()
    assert records[["mean_image_loss", "reconstruction_r2"]].isna().all(axis=None)
    assert "What reconstructions explain" not in (tmp_path / "results" / "results.md").read_text()


def test_unlabeled_images_are_compared_by_knn_modularity(npy_folder, tmp_path):
    for name in ("trainY", "valX", "valY"):
        (npy_folder / f"{name}.npy").unlink()
    records = run_python(
        dataset=f"npy:{npy_folder}", clusters=3, models="pixels,hand-crafted", reducers="none,pca5",
        limit=60, seeds=3, null=False, resamples=0, out=tmp_path / "out", store=tmp_path / "store",
    )  # fmt: skip
    found = Choices.of(Results(records), Store(tmp_path / "store"))
    assert found.gains == found.reconstructions == ()
    assert sum(part.share.mean for part in found.effects.parts) == pytest.approx(1)
    text = (tmp_path / "out" / "results.md").read_text()
    assert re.search("variance of kNN modularity", text.split("## Which choice mattered")[1])
