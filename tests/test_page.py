"""The page, in a real browser, as somebody uses it."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from bench.analysis.folder import open_grid
from bench.analysis.results import Results
from bench.contracts.material import make_images
from bench.report.colors import WRONG, mark
from bench.report.inputs import Inputs
from bench.report.page import embeddings, render
from bench.stages.metrics.centroid_ratio import ambiguities, centers
from tests.browser import PHONE, opened
from tests.conftest import run_grid, run_module
from tests.pages import LABELS


@pytest.fixture(scope="module")
def results(page_grid):
    return page_grid / "results"


@pytest.fixture(scope="module")
def finished(page_grid):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(page_grid)
        return open_grid(page_grid / "results")


@pytest.fixture
def page(browser, results):
    with opened(browser, results / "index.html") as found:
        yield found


def point(page, side, image):
    """Return where an image's point is in the window."""
    return page.evaluate(
        """([side, image]) => {
          const frame = document.getElementById(`keys-${side}`);
          frame.scrollIntoView({ behavior: "instant" });
          const { left, top } = frame.getBoundingClientRect();
          const [x, y] = latentgrid.planes[side].place(image);
          return [left + frame.clientLeft + x, top + frame.clientTop + y];
        }""",
        [side, image],
    )


def selected(page):
    return list(page.evaluate("latentgrid.state.selection.value"))


def texts(page, selector):
    return page.locator(selector).all_inner_texts()


def test_it_is_one_small_file(results):
    assert (results / "index.html").stat().st_size < 1e6
    assert not (results / "index_files").exists()
    assert {path.name for path in results.glob("*") if path.suffix in (".js", ".css")} == set()


def test_it_answers_first(page, results):
    records = pd.read_csv(results / "results.csv")
    heading = page.locator("h1").inner_text()
    assert heading.startswith("Use pixels without reduction; ")
    assert len(heading.split()) <= 15
    heading = page.locator("header").inner_text()
    best = records[(records["status"] == "ok")].groupby(["model", "chain"])["accuracy"].mean()
    assert "on these 60 images" in heading
    assert f"{best.max():.3f}" in heading


@pytest.mark.parametrize("image", [0, 41])
def test_the_pointer_shows_the_image_and_its_reconstruction(page, image, finished):
    x, y = point(page, "a", image)
    page.mouse.move(x - 40, y - 40)
    page.mouse.move(x, y)
    card = page.locator("#card")
    card.wait_for(state="visible")
    shown = page.evaluate("latentgrid.state.pointed.value")
    told = card.inner_text()
    assert finished.dataset.files[shown] in told
    assert finished.dataset.class_names[finished.dataset.labels[shown]] in told
    tiles = card.locator(".tile")
    assert all("blob:" in t.evaluate("tile => tile.style.backgroundImage") for t in tiles.all())
    models = [pipeline(page, side)["model"] for side in "ab"]
    titles = tiles.evaluate_all("tiles => tiles.map(tile => tile.title)")
    assert titles == ["original", *(f"by {model}" for model in dict.fromkeys(models))]
    for model in models:
        assert f"error by {model}" in told
    x, y = page.evaluate(f"latentgrid.planes.b.place({shown})")
    ring = page.locator("#keys-b .ring")
    assert float(ring.get_attribute("cx")) == pytest.approx(x)
    assert float(ring.get_attribute("cy")) == pytest.approx(y)
    page.mouse.move(2, 2)
    card.wait_for(state="hidden")


def pipeline(page, side):
    """Return what the page holds of the pipeline in an embedding."""
    number = page.evaluate(f"latentgrid.state.pipeline.{side}.value")
    return json.loads(page.locator("#data").inner_text())["pipelines"][number]


def test_both_models_reconstructions_are_shown(page):
    names = texts(page, "#pipeline-a option")
    for side, model in (("a", "pixels,"), ("b", "dnn,")):
        wanted = next(name for name in names if name.startswith(model))
        page.select_option(f"#pipeline-{side}", label=wanted)
    page.locator("#keys-b").focus()
    page.keyboard.press("ArrowRight")
    tiles = page.locator("#card .tile")
    pictures = tiles.evaluate_all("tiles => tiles.map(t => [t.title, t.style.backgroundImage])")
    assert [title for title, _ in pictures] == ["original", "by pixels", "by dnn"]
    assert pictures[0][1] == pictures[1][1] != pictures[2][1]


def test_a_finger_is_shown_the_image_that_it_taps(browser, results):
    settings = {"viewport": PHONE, "has_touch": True, "is_mobile": True}
    with opened(browser, results / "index.html", **settings) as page:
        page.touchscreen.tap(*point(page, "a", 7))
        page.locator("#card").wait_for(state="visible")
        assert len(selected(page)) == 1
        page.locator("#how").tap()
        page.locator("#card").wait_for(state="hidden")
        page.locator("#sheets .tile").nth(3).tap()
        page.locator("#card").wait_for(state="visible")


def test_what_is_drawn_around_is_selected_in_both_embeddings(page):
    page.click("#tools-a button:has-text('Box')")
    x, y = point(page, "a", 0)
    page.mouse.move(x - 60, y - 60)
    page.mouse.down()
    page.mouse.move(x + 3, y + 3, steps=5)
    page.mouse.up()
    page.wait_for_function("latentgrid.state.selection.value.length > 0")
    chosen = selected(page)
    places = [point(page, "a", image) for image in range(60)]
    inside = [i for i, (px, py) in enumerate(places) if -60 < px - x < 3 and -60 < py - y < 3]
    assert chosen == inside
    assert 0 in chosen
    assert page.locator("#selection .tile").count() == len(chosen)
    assert page.locator("#selection-count").inner_text().startswith(f"{len(chosen)} image")
    page.click("#clear")
    assert selected(page) == []
    assert page.locator("#selection .tile").count() == 0


def test_groups_are_selected_from_a_list(page, finished):
    labels = finished.dataset.labels
    page.select_option("#select", label=f"label {LABELS[0]}")
    dark = finished.dataset.class_names.index(LABELS[0])
    assert selected(page) == np.flatnonzero(labels == dark).tolist()
    page.select_option("#select", label="mistakes in A")
    assert len(selected(page)) == round(60 * (1 - shown(page, finished)["accuracy"]))
    page.click("#clear")
    assert page.locator("#select").input_value() == ""


def test_pipelines_differ_by_what_clusters_are_assigned_to(page, finished):
    """Their numbers mean nothing: the same clusters under other numbers do not differ."""
    for number in range(page.locator("#pipeline-b option").count()):
        page.select_option("#pipeline-b", str(number))
        page.select_option("#select", label="assigned to another label in B")
        found = [labels_given(shown(page, finished, side), finished.store) for side in "ab"]
        assert selected(page) == np.flatnonzero(found[0] != found[1]).tolist()


def labels_given(record, store):
    clusters = store.load("cluster", record["cluster_artifacts"]).require("train")
    assignment = dict(json.loads(record["assignment"]))
    return np.array([assignment.get(cluster, -1) for cluster in clusters])


def shown(page, finished, side="a"):
    """Return the record of the pipeline in an embedding."""
    there = pipeline(page, side)
    rows = finished.records
    rows = rows[(rows["model"] == there["model"]) & (rows["chain"] == there["chain"])]
    seed = int(re.search(r"seed (\d+)", page.locator(f"#caption-{side}").inner_text())[1])
    return rows[rows["seed_index"] == seed].iloc[0]


def test_keys_alone_reach_images_and_select_them(page):
    page.locator("#keys-a").focus()
    page.keyboard.press("ArrowRight")
    start = page.evaluate("latentgrid.state.pointed.value")
    assert page.locator("#card").is_visible()
    page.keyboard.press("ArrowRight")
    right = page.evaluate("latentgrid.state.pointed.value")
    x = page.evaluate("[...latentgrid.state.run.a.value.x]")
    assert x[right] > x[start]
    page.keyboard.press("Space")
    page.keyboard.press("ArrowLeft")
    left = page.evaluate("latentgrid.state.pointed.value")
    page.keyboard.press("Enter")
    assert selected(page) == sorted({right, left})
    scale = "latentgrid.planes.a.transform.value.k"
    page.keyboard.press("+")
    assert page.evaluate(scale) > 1
    page.keyboard.press("0")
    assert page.evaluate(scale) == 1
    page.keyboard.press("Escape")
    assert selected(page) == []
    assert page.locator("#card").is_hidden()


def test_the_pointer_at_rest_does_not_undo_what_keys_do(page):
    frame = page.locator("#keys-a").bounding_box()
    page.mouse.move(frame["x"] + 6, frame["y"] + 6)
    page.locator("#keys-a").focus()
    for _ in range(3):
        page.keyboard.press("ArrowDown")
    page.wait_for_timeout(100)
    assert page.evaluate("latentgrid.state.pointed.value") is not None


def test_every_part_is_reached_by_tab(page):
    seen = set()
    for _ in range(160):
        page.keyboard.press("Tab")
        seen.add(page.evaluate("document.activeElement.id || document.activeElement.className"))
    assert {
        "skip",
        "filter",
        "only-status",
        "wide",
        "keys-a",
        "keys-b",
        "pipeline-a",
        "select",
    } <= seen


def test_links_lead_to_parts_of_the_page(page):
    targets = page.locator("nav a, a.skip").evaluate_all("links => links.map(l => l.hash)")
    assert set(targets) == {"#pipelines", "#map", "#choices", "#cost", "#look", "#clusters"}
    for target in targets:
        assert page.locator(target).count() == 1
    page.locator("nav a", has_text="Clusters").press("Enter")
    page.wait_for_function("location.hash === '#clusters' && scrollY > 500")


def test_points_are_colored_by_groups_and_by_numbers(page, finished):
    looks = {}
    for way in ("label", "cluster", "mistake", "ambiguity", "distance", "error", "outlier"):
        page.check(f'input[value="{way}"]')
        page.wait_for_function("latentgrid.planes.a.coloring.value !== null")
        looks[way] = page.evaluate(
            """(({ looks, of }) => [...of].map((each) => looks[each]))(
                 latentgrid.planes.a.coloring.value)"""
        )
        assert page.locator("#legend-a li").count() > 0
        title = page.locator(f'label:has(input[value="{way}"])').inner_text().strip()
        assert f"by {title}." in page.locator("#caption-a").inner_text()
    wrong = round(60 * (1 - shown(page, finished)["accuracy"]))
    page.check('input[value="mistake"]')
    assert texts(page, "#legend-a li") == [f"right ({60 - wrong})", f"wrong ({wrong})"]
    label = finished.dataset.labels
    assert looks["label"] == [[mark(each).color, mark(each).marker.name] for each in label]
    assert sum(color == WRONG.color for color, _ in looks["mistake"]) == wrong
    page.check('input[value="label"]')
    drawn = page.locator("#legend-a path").first
    assert drawn.get_attribute("fill") == mark(0).color
    assert drawn.get_attribute("d") == mark(0).marker.svg
    page.locator("#legend-a button").first.click()
    assert selected(page) == np.flatnonzero(label == 0).tolist()


def test_what_is_drawn_has_the_colors_of_the_points(page, finished):
    """The canvas itself: at a point that no other covers stands its color, strongly."""
    places = np.array([page.evaluate(f"latentgrid.planes.a.place({image})") for image in range(60)])
    apart = np.linalg.norm(places[:, None] - places, axis=-1) + 1e9 * np.eye(60)
    image = int(apart.min(axis=1).argmax())
    red, green, blue = page.evaluate(
        """async ([x, y]) => {
          const { planes: { a } } = latentgrid, middle = a.size.value / 2, k = 20;
          const drawn = a.drawn;
          a.transform.value = { k, x: middle - k * x, y: middle - k * y };
          while (a.drawn === drawn) await new Promise(requestAnimationFrame);
          return [...a.canvas.getContext("2d")
            .getImageData(Math.round(middle), Math.round(middle), 1, 1).data].slice(0, 3);
        }""",
        places[image].tolist(),
    )
    color = mark(int(finished.dataset.labels[image])).color
    wanted = [int(color[place : place + 2], 16) for place in (1, 3, 5)]
    for found, right in zip((red, green, blue), wanted, strict=True):
        assert abs(found - (0.85 * right + 0.15 * 255)) < 6


def test_another_seed_is_chosen(page, finished):
    page.select_option("#seed", "1")
    page.wait_for_function("latentgrid.state.run.a.value.seed === 1")
    record = shown(page, finished)
    assert record["seed_index"] == 1
    clusters = finished.store.load("cluster", record["cluster_artifacts"]).require("train")
    assert page.evaluate("[...latentgrid.state.run.a.value.clusters]") == clusters.tolist()


def test_the_confusion_matrix_adds_up(page, finished):
    for option in page.locator("#pipeline-a option").all():
        page.select_option("#pipeline-a", option.get_attribute("value"))
        record = shown(page, finished)
        rows = [re.split(r"\s*\t", row) for row in texts(page, "#confusion tbody tr")]
        counts = np.array([[int(value) for value in row[1:]] for row in rows])
        assert counts.sum() == 60
        assert [row[0] for row in rows] == list(finished.dataset.class_names)
        assert np.trace(counts) == round(record["accuracy"] * 60)


def test_contact_sheets_begin_with_the_most_typical_and_the_most_ambiguous(page, finished):
    page.select_option("#pipeline-a", "1")
    record, store = shown(page, finished), finished.store
    points = store.load("reduce", record["reduce_artifacts"]).require("train")
    clusters = store.load("cluster", record["cluster_artifacts"]).require("train")
    distance, ambiguity = ambiguities(points, clusters, centers(points, clusters))
    for number, part in enumerate(page.locator("#sheets .cluster").all()):
        members = np.flatnonzero(clusters == number)
        labels = finished.dataset.labels[members]
        most = np.bincount(labels).argmax()
        name = f"{finished.dataset.class_names[most]} ({np.mean(labels == most):.0%})"
        assert f"cluster {number}: {name}: " in part.locator("h3").inner_text()
        assert part.locator("h3").inner_text().endswith(f"{len(members)} images")
        for strip, order in zip(part.locator(".tiles").all(), (distance, -ambiguity), strict=True):
            named = strip.locator(".tile").first.get_attribute("aria-label")
            first = members[np.argsort(order[members], kind="stable")][0]
            assert named.startswith(finished.dataset.files[first])
            assert strip.locator(".tile").count() == min(24, len(members))


def test_an_embedding_is_shown_from_the_table_and_from_the_heat_map(page):
    page.locator("#table button.look[data-side=b]").last.click()
    last = page.locator("#pipeline-b option").count() - 1
    assert page.evaluate("latentgrid.state.pipeline.b.value") == last
    page.locator("#map button").first.press("Enter")
    chosen = page.evaluate("latentgrid.state.pipeline.a.value")
    assert page.locator("#map button").first.get_attribute("data-pipeline") == str(chosen)


def test_html_in_names_stays_text(page, finished):
    page.select_option("#select", label=f"label {LABELS[0]}")
    assert page.locator("main b, main img, main i").count() == 0
    label = page.locator("#selection .tile").first.get_attribute("aria-label")
    assert label.startswith(f"{LABELS[0]}/")
    assert "<img src=x onerror=alert(1)>.png" in label
    assert f"label {LABELS[0]}" in label
    assert LABELS[1] in texts(page, "#confusion tbody th")


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_accessible_and_has_its_scheme(browser, results, scheme):
    from axe_playwright_python.sync_playwright import Axe

    with opened(browser, results / "index.html", color_scheme=scheme) as page:
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert ground == {"light": "rgb(255, 255, 255)", "dark": "rgb(21, 23, 27)"}[scheme]
        plane = page.locator("#keys-a").evaluate("frame => getComputedStyle(frame).backgroundColor")
        assert plane == ground
        found = Axe().run(page).response["violations"]
    assert [(each["id"], each["nodes"][0]["html"]) for each in found] == []


def test_it_fits_a_phone(browser, results):
    with opened(browser, results / "index.html", viewport=PHONE, has_touch=True) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        one, other = (page.locator(f"#keys-{side}").bounding_box() for side in "ab")
        assert other["y"] > one["y"] + one["height"]


def test_it_prints(browser, results):
    with opened(browser, results / "index.html", color_scheme="dark") as page:
        page.emulate_media(media="print")
        assert page.locator("nav").is_hidden()
        assert page.locator(".filters").first.is_hidden()
        assert page.locator("#table").is_visible()
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert ground == "rgb(255, 255, 255)"
        assert len(page.pdf()) > 50_000
        page.emulate_media(media="screen")
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        corner = "latentgrid.planes.a.canvas.getContext('2d').getImageData(1, 1, 1, 1).data.join()"
        assert page.evaluate(corner) == "255,255,255,255"


@pytest.mark.slow
def test_labels_of_validation_images_color_no_training_image(browser, tmp_path, npy_folder):
    (npy_folder / "trainY.npy").unlink()
    done = run_grid(
        tmp_path,
        *("--dataset", f"npy:{npy_folder}", "--models", "dnn", "--reducers", "pca2"),
        *("--seeds", "2", "--epochs", "1", "--no-baselines", "--no-null"),
    )
    assert done.returncode == 0, done.stderr
    with opened(browser, tmp_path / "results" / "index.html") as page:
        assert page.locator('input[value="label"]').count() == 0
        assert (
            "because the pipeline was chosen by the same images"
            in page.locator("header").inner_text()
        )
        for title in texts(page, "#sheets h3"):  # no training image is labeled
            assert re.fullmatch(r"cluster \d+: \d+ images?", title)
        assert page.locator("#sheets .wrong").count() == 0


def test_without_labels_there_is_nothing_to_be_wrong_about(browser, tmp_path):
    folder = tmp_path / "flat"
    folder.mkdir()
    for number, image in enumerate(make_images(30)[0]):
        Image.fromarray(image).save(folder / f"{number}.png")
    done = run_grid(
        tmp_path,
        *("--dataset", f"folder:{folder}", "--clusters", "2", "--models", "histogram"),
        *("--reducers", "pca2", "--clusterers", "hdbscan", "--seeds", "1", "--no-baselines"),
    )
    assert done.returncode == 0, done.stderr
    with opened(browser, tmp_path / "results" / "index.html") as page:
        for way in ("label", "mistake", "error"):
            assert page.locator(f'input[value="{way}"]').count() == 0
        assert page.locator('input[value="cluster"]').is_checked()
        assert page.locator("#confusion-part").is_hidden()
        assert "a score without labels" in page.locator("header").inner_text()
        assert page.locator("#sheets .tile").count() > 0


@pytest.mark.slow
def test_several_sets_have_a_page_that_leads_to_theirs(browser, tmp_path, npy_folder, image_folder):
    done = run_grid(
        tmp_path,
        *("--dataset", f"npy:{npy_folder},folder:{image_folder}", "--models", "pixels"),
        *("--reducers", "pca2", "--seeds", "1", "--no-baselines", "--no-null"),
    )
    assert done.returncode == 0, done.stderr
    index = tmp_path / "results" / "index.html"
    with opened(browser, index) as page:
        assert "2 data sets" in page.locator("h1").inner_text()
        links = page.locator("h2 a").evaluate_all("links => links.map(link => link.href)")
        assert page.locator("tbody tr").count() == 1
    assert len(links) == 2
    text = index.read_text()
    index.unlink()
    again = run_module("bench.report", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert index.read_text() == text


# ---- without a browser ----


def test_reports_are_made_again_as_they_were(page_grid, tmp_path):
    results = page_grid / "results"
    names = ("index.html", "results.md", "results.csv", "results.tex", "grid.toml")
    before = {name: (results / name).read_bytes() for name in names}
    for name in ("index.html", "results.md", "results.tex"):
        (results / name).unlink()
    done = run_module("bench.report", cwd=page_grid)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "see results/index.html\n"
    assert {name: (results / name).read_bytes() for name in before} == before


def inputs_of(finished, out=Path("unused")):
    return Inputs(Results(finished.records), finished.dataset, finished.store, out)


def test_a_page_that_is_current_is_left_alone(finished, results):
    path = results / "index.html"
    path.write_text(path.read_text().replace("</html>", "<!-- kept --></html>"))
    render.write(inputs_of(finished, results))
    assert "<!-- kept -->" in path.read_text()
    other = replace(finished.dataset, class_names=("one", "other"))
    render.write(replace(inputs_of(finished, results), dataset=other))
    assert "<!-- kept -->" not in path.read_text()
    render.write(inputs_of(finished, results))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "no results of a grid in nowhere: python -m bench.grid makes them"),
        (["results", "--store", "empty"], "store empty lacks"),
    ],
)
def test_what_cannot_be_reported_is_told_in_a_line(page_grid, arguments, message):
    done = run_module("bench.report", *arguments, cwd=page_grid)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {message}")
    assert done.stderr.count("\n") == 1


def test_a_figure_that_cannot_be_written_is_one_line(page_grid, tmp_path):
    copy = tmp_path / "results"
    shutil.copytree(page_grid / "results", copy)
    shutil.rmtree(copy / "figures")
    (copy / "figures").write_text("in the way")
    done = run_module("bench.report", copy, cwd=page_grid)
    assert done.returncode == 1
    assert done.stderr.startswith("error: cannot write ")
    assert done.stderr.count("\n") == 1


@pytest.mark.slow
def test_twenty_thousand_points_are_looked_into(browser, tmp_path, record_property):
    images, labels = make_images(20_000)
    np.save(tmp_path / "trainX.npy", images)
    np.save(tmp_path / "trainY.npy", labels)
    done = run_grid(
        tmp_path,
        *("--dataset", f"npy:{tmp_path}", "--models", "pixels", "--reducers", "pca2,pca5"),
        *("--seeds", "1", "--no-null", "--no-baselines"),
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "results" / "index.html").stat().st_size < 30e6
    with opened(browser, tmp_path / "results" / "index.html") as page:
        # Told and not judged: it depends on the machine.
        median = page.evaluate(
            """async () => {
              const times = [];
              for (let step = 1; step <= 30; step++) {
                const start = performance.now();
                const moved = { k: 1 + step / 20, x: -step, y: -step };
                for (const side of "ab") latentgrid.planes[side].transform.value = moved;
                await new Promise(requestAnimationFrame);
                times.push(performance.now() - start);
              }
              return times.sort((one, other) => one - other)[15];
            }"""
        )
        record_property("median milliseconds a frame", median)
        page.keyboard.press("Escape")
        page.select_option("#select", index=1)
        assert len(selected(page)) > 5000
        assert page.locator("#selection .tile").count() == 300


def test_it_says_what_it_lacks_without_its_folder(browser, results, tmp_path):
    text = (results / "index.html").read_text(encoding="utf-8")
    assert '"folder": null' in text
    lost = text.replace('"folder": null', '"folder": "index_files/"')
    (tmp_path / "index.html").write_text(lost, encoding="utf-8")
    page = browser.new_page()
    errors = []
    page.on("pageerror", lambda error: errors.append(error))
    page.goto((tmp_path / "index.html").as_uri())
    page.wait_for_function("window.latentgrid && latentgrid.ready")
    assert "keep the folder index_files/ beside this page" in page.inner_text("#missing")
    page.close()
    assert errors == []


def test_many_clusters_are_made_as_they_come_into_view(browser, finished, results, tmp_path):
    """HDBSCAN may find hundreds; a page that made all their tiles at once stood still."""
    found = embeddings.collect(inputs_of(finished))
    for each in found.data["pipelines"]:
        for cell in each["runs"].values():
            parts = np.frombuffer(found.assets.arrays[cell["asset"]], "<u2").reshape(5, 60).copy()
            parts[2] = np.arange(60)  # clusters, as the script reads them
            cell["asset"] = found.assets.array((parts, "<u2"))
            cell["numbers"] = list(range(60))
            cell["assignment"] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embeddings, "collect", lambda *arguments: found)
        (tmp_path / "index.html").write_text(
            render.render(inputs_of(finished))[0],
            encoding="utf-8",
        )
    with opened(browser, tmp_path / "index.html") as page:
        page.check('input[value="cluster"]')
        assert page.locator("#legend-a li").count() == 41
        assert texts(page, "#legend-a li")[-1] == "and 20 more"
        assert page.locator("#sheets .cluster").count() == 60
        assert page.locator("#sheets .tile").count() < 60
        last = page.locator("#sheets .cluster").last
        last.scroll_into_view_if_needed()
        last.locator(".tile").first.wait_for()


def test_hovering_does_not_draw_the_points_again(page):
    """What keeps 70,000 of them smooth: only the ring and the card are drawn."""
    x, y = point(page, "a", 0)
    page.mouse.move(x - 30, y - 30)
    before = page.evaluate("latentgrid.planes.a.drawn")
    seen = set()
    for move in range(30):
        page.mouse.move(x - 30 + 2 * move, y - 30 + 2 * move)
        page.evaluate("new Promise(requestAnimationFrame)")
        seen.add(page.evaluate("latentgrid.state.pointed.value"))
    assert len(seen) > 1
    assert page.evaluate("latentgrid.planes.a.drawn") == before
    page.check('input[value="cluster"]')
    page.wait_for_function(f"latentgrid.planes.a.drawn > {before}")
