"""The figures of a report: what they show, and that it can be read."""

import re
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex, to_rgb
from matplotlib.markers import MarkerStyle
from matplotlib.text import Annotation, Text

import bench.report
from bench.analysis.results import VERDICT_COLUMNS, Results
from bench.analysis.verdicts import BEST, GROUP, STEP_DOWN, WORSE
from bench.report import colors, figures, headline, templates
from bench.report.figures import Figure
from bench.report.paint import canvas, curves, embeddings, images, scores
from bench.stages.encode import Album
from bench.stages.linear import linear, shown
from tests.test_report import failed, frame, record, scored

PAGE = Path(bench.report.__file__).parent / "page" / "parts"
NAMES_AT_900 = 900 / 96  # inches of a figure that fills results.md, on a screen of 96 pixels each
CHAINS = ("none", "normalize+pca64+umap8(min_dist=0,n_neighbors=30)", "pca128+tsne2", "pca16")
MODELS = (
    *("pixels", "dnn", "cnn", "hog", "fisher", "untrained-dnn", "untrained-cnn"),
    *("contrastive-hand-crafted", "on(model=embeddings(file=my_features.parquet))", r"v$\frac{$"),
)
CLASSES = tuple(rf"$x_{i}$ \frac{{ and a long name" for i in range(26))


def an_embedding(names, count=400, model="pixels", chain="pca2"):
    random = np.random.default_rng(len(names))
    groups = random.integers(0, len(names), count)
    points = random.normal(0, 4, (len(names), 2))[groups] + random.normal(0, 0.5, (count, 2))
    return embeddings.Embedding((model, chain, "kmeans"), points, groups, names, "label", "0.8")


def of_pipelines():
    """40 pipelines against the best of them; one failed, one lacks seeds."""
    rows = [(model, chain) for chain in CHAINS for model in MODELS]
    table = pd.DataFrame(rows, columns=["model", "chain"])
    table = table.assign(value=-np.linspace(0, 0.6, 40), half=0.1, verdict=GROUP, text="ok")
    table.loc[table["value"] < -0.3, "verdict"] = WORSE
    table.loc[0, ["half", "verdict"]] = np.nan, BEST
    table.loc[5, ["half", "verdict"]] = np.nan, STEP_DOWN
    table.loc[6, ["half", "verdict"]] = np.nan, scores.UNFINISHED
    table.loc[7, ["value", "half", "text"]] = np.nan, np.nan, "failed"
    return table


def against_time(count):
    random = np.random.default_rng(0)
    table = pd.DataFrame({"name": [f"model {i}, pca16+tsne2" for i in range(count)]})
    # In three heaps, as pipelines with one model are.
    seconds = np.exp(random.choice([0, 2, 4], count) + random.normal(0, 0.1, count))
    table = table.assign(mean=np.sort(random.beta(6, 2, count))[::-1], seconds=seconds)
    return table.assign(front=[not (seconds[:i] <= s).any() for i, s in enumerate(seconds)])


def losses(*models):
    rows = [(size, model, epoch, v / epoch, 0.9 * v / epoch, 1.1 * v / epoch)
            for size, model, v in models for epoch in (1, 2, 3)]  # fmt: skip
    return pd.DataFrame(rows, columns=["images", "model", "epoch", "mean", "low", "high"])


def paint_all():
    """Every kind of figure, on data that are hard to draw."""
    table = of_pipelines().pivot(index="model", columns="chain", values="value") + 0.9
    texts = table.map(lambda value: "failed" if np.isnan(value) else f"{value:.3f}*")
    spreads = table.map(lambda value: "" if np.isnan(value) else "± 0.012")
    wide = [pd.concat([each] * 4, axis=1) for each in (table, texts, spreads)]
    marks = [("32×32", "mean image", 0.18), ("32×32", "PCA, 9 components", 0.02)]
    marks = pd.DataFrame([*marks, ("64×64", "mean image", 0.2)], columns=["images", "name", "loss"])
    several = losses(*[("32×32", model, 0.3) for model in MODELS], ("64×64", "net", 0.19))
    tiles = np.zeros((4, 8, 8, 3), np.uint8)
    errors = np.linspace(0.1, 1, 4)
    strip = images.Strip("untrained-contrastive\nlearned nothing\n64×64\nMSE 0.1", tiles, errors)
    return {
        "differences": scores.by_chain(
            of_pipelines(), "accuracy", {scores.THE_BEST: 0.0, "always the largest class": -0.7}
        ),
        "scores": scores.heat_map(table, texts, spreads),
        "wide scores": scores.heat_map(*wide),
        "time": scores.against_time(against_time(40), "accuracy"),
        "time of one": scores.against_time(against_time(1), "accuracy"),
        "embeddings": embeddings.panel(
            [an_embedding(CLASSES, model=m, chain=c) for c in CHAINS[:2] for m in MODELS[:6]]
        ),
        "an embedding": embeddings.panel([an_embedding(("$a$", "$b", "c"), 12)]),
        "reconstructions": images.reconstructions([images.Strip("original", tiles), strip]),
        "loss": curves.losses(several, marks),
        "loss at one size": curves.losses(several[:9].assign(images=""), marks[:0]),
        "clusters": curves.curve(pd.DataFrame({"a": [0.1, 0.5], "b": [0.2, 0.4]}, [2, 3]), 3),
    }


@pytest.fixture(scope="module")
def painted():
    def refuse(*args, **kwargs):
        raise AssertionError("a name was taken for a formula")

    with canvas.style(), pytest.MonkeyPatch.context() as patch:
        patch.setattr("matplotlib.mathtext.MathTextParser.parse", refuse)
        found = paint_all()
        for figure in found.values():
            figure.draw_without_rendering()
        yield found


KINDS = [
    *("differences", "scores", "wide scores", "time", "time of one", "embeddings", "an embedding"),
    *("reconstructions", "loss", "loss at one size", "clusters"),
]


def texts_of(figure):
    return [each for each in figure.findobj(Text) if each.get_visible() and each.get_text().strip()]


@pytest.mark.parametrize("kind", KINDS)
def test_all_text_can_be_read_at_the_width_of_results_md(painted, kind):
    figure = painted[kind]
    width = figure.get_tightbbox().width
    # As many pixels as there are, but not more than fit.
    scale = min(figures.DPI / 96, NAMES_AT_900 / width)
    assert min(each.get_fontsize() for each in texts_of(figure)) * scale >= 6.99


@pytest.mark.parametrize("kind", KINDS)
def test_text_has_contrast_and_no_legend_lies_on_data(painted, kind):
    figure = painted[kind]
    for each in texts_of(figure):
        if "scores" not in kind:  # whose text stands on color
            assert contrast(to_hex(each.get_color())) >= 4.5
    assert all(axes.get_legend() is None for axes in figure.axes)
    boxes = [axes.get_window_extent() for axes in figure.axes if axes.get_visible()]
    for legend in figure.legends:
        assert not any(legend.get_window_extent().overlaps(box) for box in boxes)


def test_names_are_no_formulas(painted):
    labels = [each.get_text() for each in painted["embeddings"].legends[0].get_texts()]
    assert labels[7].startswith("$x_7$")
    assert [text.get_text() for text in painted["an embedding"].axes[0].texts].count("$a$") == 1


def test_every_figure_is_painted_in_that_style_and_at_150_dots_an_inch(tmp_path):
    from PIL import Image

    def painter():
        figure = canvas.canvas(3, 2)
        figure.suptitle(r"$\frac{$ $")
        assert not figure.texts[0].get_parse_math()
        return figure

    figures._draw(tmp_path / "a.png", painter, pd.DataFrame({"a": [1]}))
    with Image.open(tmp_path / "a.png") as image:
        assert image.info["dpi"][0] == pytest.approx(150, abs=0.1)


# colors and markers


def contrast(color, ground="#ffffff"):
    one, other = sorted([colors.luminance(color), colors.luminance(ground)])
    return (other + 0.05) / (one + 0.05)


def test_contrast_by_hand():
    assert contrast("#000000") == pytest.approx(21)
    assert contrast("#767676") == pytest.approx(4.54, abs=0.01)  # the known limit of grays


def test_points_and_text_have_contrast():
    both = r"--ground: light-dark\(#\w+, (#\w+)\)"
    dark = re.search(both, (PAGE / "page.css").read_text())
    assert dark
    for color in (*colors.PALETTE, colors.GRAY):
        assert contrast(color) >= 3
        assert contrast(color, dark[1]) >= 2
    assert min(contrast(color) for color in (colors.INK, colors.QUIET)) >= 4.5
    for ground, ink in colors.ramp():
        assert contrast(ground, ink) >= 4.5


# Machado, Oliveira, Fernandes (2009): what readers without one kind of cones see.
CONES = {
    "all": np.eye(3),
    "no red": [[0.1523, 1.0526, -0.2049], [0.1145, 0.7863, 0.0992], [-0.0039, -0.0481, 1.0520]],
    "no green": [[0.3673, 0.8606, -0.2280], [0.2801, 0.6725, 0.0474], [-0.0118, 0.0429, 0.9689]],
    "no blue": [[1.2555, -0.0767, -0.1788], [-0.0784, 0.9308, 0.1476], [0.0047, 0.6914, 0.3039]],
}


@pytest.mark.parametrize("eyes", CONES)
def test_no_two_colors_look_alike(eyes):
    from skimage.color import rgb2lab

    seen = np.array([to_rgb(color) for color in colors.PALETTE])
    linear_light = np.where(seen <= 0.04045, seen / 12.92, ((seen + 0.055) / 1.055) ** 2.4)
    light = (linear_light @ np.array(CONES[eyes]).T).clip(0, 1)
    back = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    lab = rgb2lab(back[None])[0]
    assert min(np.linalg.norm(a - b) for a, b in combinations(lab, 2)) > 15


def test_marks_repeat_a_color_with_another_marker():
    pairs = [(each.color, each.marker.name) for each in colors.MARKS]
    assert len(set(pairs)) == 100
    assert len({color for color, _ in pairs[:10]}) == len({m for _, m in pairs[:10]}) == 10
    assert pairs[17][0] == pairs[7][0]
    assert pairs[17][1] != pairs[7][1]


def test_a_class_looks_the_same_in_figures_and_on_the_page():
    looks = colors.looks()
    with canvas.style():
        (axes,) = embeddings.panel([an_embedding(CLASSES, 800)]).axes
    for group, drawn in enumerate(axes.collections):
        color, marker = looks["marks"][group]
        assert to_hex(drawn.get_facecolor()[0]) == color
        table = {each.name: each.matplotlib for each in colors.MARKERS}
        style = MarkerStyle(table[marker])
        expected = style.get_path().transformed(style.get_transform())
        np.testing.assert_array_equal(drawn.get_paths()[0].vertices, expected.vertices)
    assert set(looks["shapes"]) == {each.name for each in colors.MARKERS}
    script = "".join(path.read_text() for path in (PAGE.parent / "script" / "src").glob("*.ts"))
    assert "marks[" in script
    assert not [color for color in (*colors.PALETTE, colors.GRAY) if color in script]


# against the best


@pytest.fixture
def draw(monkeypatch):
    """Return what a function of `figures` paints, and what it says of that."""

    def draw(function, results, **more):
        found = []

        def paint(path, painter, rows, dataset=None, **also):
            with canvas.style():
                found.append(painter())

        monkeypatch.setattr(figures, "_draw", paint)
        inputs = SimpleNamespace(results=results, out=Path(), **more)
        said = list(function(inputs, Path("figure.png")))
        return (found[0], said[0]) if said else (None, None)

    return draw


def caption(figure, results):
    facts = headline.facts(results)
    return "\n\n".join(templates.paragraphs("pictures.md", "pictures", [figure], facts))


def compared():
    """Two models by two chains, with verdicts."""
    rows = [*scored("cnn", "pca5", 0.7, 0.8), *scored("dnn", "pca5", 0.9, 0.9)]
    records = frame(*rows, *scored("dnn", "none", 0.85, 0.85), failed("cnn", "none", 0))
    said = {
        ("dnn", "pca5"): (0.9, 0.9, np.nan, np.nan, BEST),
        ("cnn", "pca5"): (0.7, 0.8, 0.15, 0.1, WORSE),
        ("dnn", "none"): (0.8, 0.9, 0.05, 0.08, GROUP),
    }
    for (model, chain), values in said.items():
        which = (records["model"] == model) & (records["chain"] == chain)
        for name, value in zip(VERDICT_COLUMNS, values, strict=False):
            records.loc[which, name] = value
    return Results(records)


def points(axes):
    """The points of a panel, ``(x, y)`` with marker and color, and its intervals by their row."""
    lines = [line for line in axes.lines if line.get_label().startswith("_child")]
    dots = {(float(line.get_xdata()[0]), float(line.get_ydata()[0])):
            (line.get_marker(), line.get_color()) for line in lines
            if line.get_marker() != "None"}  # fmt: skip
    ends = {float(line.get_ydata()[0]): line.get_xdata() for line in lines
            if line.get_marker() == "None" and len(set(line.get_ydata())) == 1}  # fmt: skip
    return dots, ends


def test_each_chain_has_a_panel_of_differences_to_the_best(draw):
    results = compared()
    figure, said = draw(figures._differences, results)
    first, second = figure.axes
    assert [first.get_title(), second.get_title()] == ["pca5", "none"]
    assert [label.get_text() for label in first.get_yticklabels()] == ["dnn", "cnn"]
    assert first.get_xlim() == second.get_xlim()
    dots, ends = points(first)
    np.testing.assert_allclose(list(dots), [(0, 0), (-0.15, 1)], atol=1e-9)
    assert [marker for marker, _ in dots.values()] == ["*", "s"]
    np.testing.assert_allclose(ends[1], [-0.25, -0.05])
    assert 0 not in ends
    other, ends = points(second)
    np.testing.assert_allclose(list(other), [(-0.05, 0)])
    np.testing.assert_allclose(ends[0], [-0.13, 0.03])
    looks = [*dots.values(), *other.values()]
    assert len({marker for marker, _ in looks}) == len({color for _, color in looks}) == 3
    assert [text.get_text() for text in second.texts] == ["failed"]
    vertical = [line.get_xdata()[0] for line in first.lines if len(set(line.get_ydata())) > 1]
    assert vertical == [0, pytest.approx(0.1 - 0.9)]
    labels = [each.get_text() for each in figure.legends[0].get_texts()]
    assert labels == [BEST, GROUP, WORSE, "the best pipeline", "always the largest class"]
    assert "minus that of the best pipeline" in figure.get_supxlabel()
    text = caption(said, results)
    assert "### Accuracy against the best" in text
    assert "Mean accuracy over 2 seeds minus that of the best pipeline" in text


def test_one_seed_shows_scores_and_says_that_there_are_no_intervals(draw):
    results = Results(frame(*scored("dnn", "pca5", 0.9), *scored("cnn", "pca5", 0.8)))
    figure, said = draw(figures._differences, results)
    dots, ends = points(figure.axes[0])
    assert sorted(x for x, _ in dots) == [0.8, 0.9]
    assert not ends
    assert figure.get_supxlabel() == "accuracy"
    text = caption(said, results)
    assert "### Accuracy by chain" in text
    assert "there are no intervals of differences to the best pipeline" in text


def test_one_pipeline_is_compared_with_none(draw):
    results = Results(frame(*scored("dnn", "pca5", 0.9, 0.8)))
    assert draw(figures._differences, results) == (None, None)


# the heat map


def test_the_heat_map_has_means_large_and_spreads_small(draw):
    results = compared()
    figure, said = draw(figures._heat_map, results)
    sizes = {text.get_text(): text.get_fontsize() for text in figure.axes[0].texts}
    assert {"0.900", "0.750", "0.850", "failed", "± 0.000", "± 0.071"} <= set(sizes)
    assert sizes["0.750"] > sizes["± 0.071"]
    assert "Mean over 2 seeds, with the standard deviation over seeds beneath" in caption(
        said, results
    )


def test_text_on_the_heat_map_has_contrast(painted):
    axes = painted["scores"].axes[0]
    (fields,) = axes.collections
    fields.update_scalarmappable()
    grounds = [to_hex(each) if each[3] else "#ffffff" for each in fields.get_facecolor()]
    columns = len(CHAINS)
    for text in axes.texts:
        x, y = text.get_position()
        ground = grounds[int(y) * columns + int(x)]
        assert contrast(to_hex(text.get_color()), ground) >= 4.5


def test_the_heat_map_grows_with_its_columns(painted):
    assert painted["wide scores"].get_figwidth() > 2 * painted["scores"].get_figwidth()


# against time


def test_every_point_of_40_is_named(painted):
    axes, names = painted["time"].axes
    numbers = [each for each in axes.texts if isinstance(each, Annotation)]
    assert [each.get_text() for each in numbers] == [str(n) for n in range(1, 41)]
    boxes = [Text.get_window_extent(each) for each in numbers]
    assert not [pair for pair in combinations(boxes, 2) if pair[0].overlaps(pair[1])]
    rows = [each.get_text() for each in names.texts]
    table = against_time(40)
    assert rows == [
        text
        for number, row in enumerate(table.itertuples(), start=1)
        for text in (str(number), row.name, f"{row.mean:.3f}")
    ]
    assert table["mean"].is_monotonic_decreasing


# embeddings


def test_the_densest_point_is_not_the_mean_nor_the_median():
    random = np.random.default_rng(0)
    ring = random.normal(0, 1, (300, 2))
    ring *= 10 / np.linalg.norm(ring, axis=1, keepdims=True)
    heap = np.array([0.0, 10.0]) + random.normal(0, 0.3, (60, 2))
    found = embeddings.densest(np.concatenate([ring, heap]), np.array([-11.0, -11.0]), 22.0)
    assert np.linalg.norm(found[0] - [0, 10]) < 1


def test_the_densest_point_is_one_of_the_points():
    points = np.random.default_rng(0).normal(size=(50, 2))
    for found in embeddings.densest(points, points.min(axis=0), 6.0):
        assert (points == found).all(axis=1).any()
    assert embeddings.densest(np.zeros((1, 2)), np.array([-0.5, -0.5]), 1.0).tolist() == [[0, 0]]


def test_names_of_groups_do_not_overlap():
    """Groups that are mixed have their densest point at nearly the same place."""
    random = np.random.default_rng(0)
    names = tuple(f"class {i}" for i in range(8))
    points, groups = random.normal(0, 1, (2000, 2)), random.integers(0, 8, 2000)
    mixed = embeddings.Embedding(("a", "b", "kmeans"), points, groups, names, "label", "")
    with canvas.style():
        figure = embeddings.panel([mixed])
        figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    assert len(boxes) == 8
    assert not [pair for pair in combinations(boxes, 2) if pair[0].overlaps(pair[1])]
    frame_of_axes = figure.axes[0].get_window_extent()
    assert all(frame_of_axes.x0 <= box.x0 and box.x1 <= frame_of_axes.x1 for box in boxes)


@pytest.mark.parametrize(
    ("finished", "shown_models", "left_out"),
    [
        (["pixels", "dnn", "untrained-dnn", "untrained-cnn"], ["pixels"],
         {"untrained": ["untrained-dnn", "untrained-cnn"], "nothing": ["dnn"],
          "failed": ["cnn"]}),
        (["dnn", "untrained-dnn"], ["untrained-dnn"],
         {"nothing": ["dnn"], "failed": ["pixels", "untrained-cnn", "cnn"]}),
        (["dnn"], ["dnn"], {"failed": ["pixels", "untrained-dnn", "untrained-cnn", "cnn"]}),
    ],
)  # fmt: skip
def test_models_that_failed_or_learned_nothing_have_no_embedding(finished, shown_models, left_out):
    every = ["pixels", "dnn", "untrained-dnn", "untrained-cnn", "cnn"]
    rows = [
        scored(model, "pca2", 0.5)[0] if model in finished else failed(model, "pca2", 0)
        for model in every
    ]
    results = Results(frame(*rows))
    learned = [SimpleNamespace(model=model, learned_nothing=model == "dnn") for model in finished]
    inputs = SimpleNamespace(results=results, choices=SimpleNamespace(reconstructions=learned))
    assert figures._embedded_models(inputs) == (shown_models, left_out)
    facts = {"by": "label", "left_out": left_out, "named": True, "in_full": {}}
    text = caption(Figure(Path("embeddings.png"), "embeddings", facts), results)
    reasons = {"untrained": "untrained", "nothing": "learned nothing", "failed": "no finished run"}
    said = "; ".join(f"{', '.join(left_out[kind])} ({reasons[kind]})" for kind in left_out)
    assert f"Left out: {said}." in text.replace("\\", "")


def test_the_caption_says_which_seed_an_embedding_is_of():
    facts = {"by": "label", "left_out": {}, "named": True, "in_full": {}}
    figure = Figure(Path("embeddings.png"), "embeddings", facts)
    several = Results(frame(*scored("dnn", "pca2", 0.5, 0.6)))
    assert (
        "each pipeline at its median seed; the accuracy above an embedding is of this seed, not"
        in (caption(figure, several))
    )
    assert "median seed" not in caption(figure, Results(frame(*scored("dnn", "pca2", 0.5))))


# reconstructions and losses


class FakeArtifact(dict):
    """An artifact in memory."""

    array = dict.get
    require = dict.__getitem__

    @property
    def values(self):
        return self["values"]


class FakeStore:
    def __init__(self, **stages):
        self.stages = stages

    def load(self, stage, key):
        return self.stages[stage][key]


class FakeDataset:
    def __init__(self, images):
        self.images = images

    def __len__(self):
        return len(self.images)

    def of_seed(self, seed):
        return self


def decoders(models, count=60, seeds=2):
    """A run in which models decode images: results, data set and store; ``untrained-`` is not."""
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (count, 4, 4, 3), dtype=np.uint8)
    rows, store = [], FakeStore(train={}, encode={}, linear={})
    for number, (model, code) in enumerate(models.items()):
        trained = not model.startswith(("untrained", "pixels"))
        for seed in range(seeds):
            key, of_linear = f"{model}-{seed}", f"linear-{code}"
            store.stages["train"][key] = FakeArtifact(values={"history": [4.0, 2.0] * trained})
            errors = np.full(count, 0.1 * (number + seed), np.float32)
            encoded = {"pictured": np.arange(count), "reconstructions": pixels, "errors": errors}
            store.stages["encode"][key] = FakeArtifact(encoded)
            store.stages["linear"][of_linear] = FakeArtifact(linear(pixels, code).arrays)
            values = {"reconstruction_loss": 0.1 * (number + seed), "code_size": code}
            if trained:
                values["summed_batch_mse"] = 2.0
            rows.append(record(model, "pca2", seed, accuracy=0.5, images=count, **values) | {
                "train_artifacts": key, "encode_artifacts": key, "linear_artifacts": of_linear,
                "mean_image_loss": 0.2, "pca_loss": linear(pixels, code).values["pca_loss"],
                "image_size": 4,
            })  # fmt: skip
    return Results(frame(*rows)), FakeDataset(pixels), store


def nothing_learned(*models):
    found = [SimpleNamespace(model=model, learned_nothing=True) for model in models]
    return SimpleNamespace(reconstructions=found)


def rows_of(figure):
    """The titles of a figure of reconstructions, each with the numbers below its images."""
    lines = {}
    for axes in figure.axes:
        lines.setdefault(axes.get_subplotspec().rowspan.start, []).append(axes)
    return {
        " ".join(line[0].get_ylabel().split()): [axes.get_xlabel() for axes in line]
        for line in lines.values()
    }


def test_reconstructions_are_beside_pca_and_have_their_errors(draw):
    results, dataset, store = decoders({"pixels": 48, "dnn": 5, "untrained-dnn": 5, "cnn": 59})
    choices = nothing_learned("dnn")
    figure, said = draw(
        figures._reconstructions, results, dataset=dataset, store=store, choices=choices
    )
    rows = rows_of(figure)
    loss = results.records.set_index("model")["pca_loss"]["dnn"].iloc[0]
    # Of two seeds the lower median.
    assert list(rows) == [
        "original", f"PCA, 5 components MSE {loss:.4f}", "PCA, 59 components MSE 0.0000",
        "dnn learned nothing MSE 0.1000", "cnn MSE 0.3000",
    ]  # fmt: skip
    original, by_pca, exact, dnn, _ = rows.values()
    assert original == [""] * 10
    assert by_pca == [f"{e:.4f}" for e in linear(dataset.images, 5).arrays["pca_errors"]]
    assert exact == ["0.0000"] * 10
    assert dnn == ["0.1000"] * 10
    images_of = [axes.images[0].get_array() for axes in figure.axes[:10]]
    np.testing.assert_array_equal(images_of, dataset.images[shown(60)])
    text = caption(said, results)
    assert "each with its seed of median MSE" in text
    assert "PCA of the same training images" in text


def test_there_are_at_most_three_rows_of_pca():
    models = {"a": 3, "b": 3, "c": 9, "d": 20, "e": 30, "f": 100, "g": 200}
    results, dataset, store = decoders(models, seeds=1)
    inputs = SimpleNamespace(results=results, dataset=dataset, store=store)
    titles = [strip.title for strip in figures._by_pca(inputs, results.records)]
    assert [int(re.match(r"PCA, (\d+)", title)[1]) for title in titles] == [3, 20, 59]
    # What an earlier release kept of PCA has no reconstructions.
    for artifact in store.stages["linear"].values():
        artifact.pop("pictured")
    assert list(figures._by_pca(inputs, results.records)) == []


def test_without_a_trained_decoder_there_are_no_reconstructions(draw):
    results, dataset, store = decoders({"pixels": 48, "untrained-dnn": 5})
    more = {"dataset": dataset, "store": store, "choices": nothing_learned()}
    assert draw(figures._reconstructions, results, **more) == (None, None)


@pytest.mark.parametrize("count", [1, 9, 500, 20_001, 47_123])
def test_images_shown_are_among_those_whose_reconstructions_are_kept(count):
    kept = Album(count, 20_000).pictured
    assert np.isin(shown(count), kept).all()
    assert len(shown(count)) == len(set(shown(count))) == min(10, count)


def test_losses_are_errors_per_pixel_value_beside_the_mean_image_and_pca(draw):
    results, _, store = decoders({"dnn": 5, "cnn": 59, "untrained-dnn": 5})
    records = results.records.assign(batch_size=25)  # three batches of 60 images
    records["train_artifacts"] = records["model"] + "-" + records["seed_index"].astype(str)
    store.stages["train"]["dnn-1"] = FakeArtifact(values={"history": [8.0, 2.0]})
    results = Results(records)
    table = results.losses(store)
    first = table[(table["model"] == "dnn") & (table["epoch"] == 1)].iloc[0]
    np.testing.assert_allclose(first[["mean", "low", "high"]].astype(float), [2, 4 / 3, 8 / 3])
    marks = results.loss_marks
    assert marks["name"].tolist() == ["mean image", "PCA, 5 components"]  # of 59 nothing is left
    assert marks["loss"].iloc[0] == 0.2
    figure, said = draw(figures._losses, results, store=store)
    (axes,) = figure.axes
    assert axes.get_yscale() == "log"
    lines = {line.get_label(): line for line in axes.lines}
    assert [lines[name].get_linestyle() for name in marks["name"]] == ["--", ":"]
    assert lines["mean image"].get_ydata()[0] == 0.2
    np.testing.assert_allclose(lines["dnn"].get_ydata(), [2, 2 / 3])
    band = axes.collections[0].get_paths()[0].vertices[:, 1]
    assert (band.min(), band.max()) == (pytest.approx(2 / 3), pytest.approx(8 / 3))
    text = caption(said, results)
    assert "Line: mean over seeds; band: lowest to highest seed." in text
    assert "Dashed: the error of the mean image. Dotted: the error of PCA" in text


def test_an_axis_of_a_narrow_range_has_numbers():
    with canvas.style():
        figure = curves.losses(
            losses(("", "dnn", 0.3))[:1], pd.DataFrame(columns=["images", "name", "loss"])
        )
        figure.draw_without_rendering()
    low, high = figure.axes[0].get_ylim()
    assert sum(low <= tick <= high for tick in figure.axes[0].get_yticks()) >= 2


def test_names_are_shortened_and_broken_where_their_parts_end():
    assert canvas.short("a\nb", 9) == "a b"
    assert canvas.short("abcdefghij", 7) == "abcd…ij"
    assert canvas.wrapped("normalize+pca64+umap8(min_dist=0)", 16) == (
        "normalize+pca64+\numap8(\nmin_dist=0)"
    )
