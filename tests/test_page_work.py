"""What somebody keeps on the page: names, corrections and tags, in a real browser."""

import csv
import io
import json
from pathlib import Path
from urllib.parse import unquote, urlparse

import pytest

from bench.bundle.clusters_file import read
from tests.browser import DESK, PHONE, opened
from tests.pages import LABELS


@pytest.fixture(scope="module")
def index(page_grid):
    return page_grid / "results" / "index.html"


@pytest.fixture
def page(browser, index):
    with opened(browser, index) as found:
        yield found


def selected(page):
    return list(page.evaluate("latentgrid.state.selection.value"))


def data(page):
    return json.loads(page.locator("#data").text_content())


def clusters(page):
    """Return the clusters of embedding A by image."""
    return page.evaluate(
        "(({ state }) => [...state.clustering(state.run.a.value).clusters])(latentgrid)"
    )


def names(page):
    return page.locator(".corrected .name").evaluate_all("fields => fields.map(f => f.value)")


def rename(page, cluster, name):
    field = page.get_by_label(f"Name of cluster {cluster}", exact=True)
    field.fill(name)
    field.press("Enter")


def check(page, *which):
    for cluster in which:
        page.get_by_label(f"Check cluster {cluster}", exact=True).check()


def downloaded(page, button):
    with page.expect_download() as download:
        page.click(button)
    return Path(download.value.path()).read_text(encoding="utf-8"), download.value


def tag(page, name):
    page.fill("#tag", name)
    page.press("#tag", "Enter")


def test_corrections_are_kept_and_go_into_a_file_and_back(page, browser, index, tmp_path):
    count = data(page)["count"]
    check(page, 0, 1)
    page.click("#merge")
    rename(page, 0, "all <b>of</b> them")
    check(page, 0)
    page.click("#split")
    first, second = (
        int(n)
        for n in page.evaluate("latentgrid.state.clustering(latentgrid.state.run.a.value).numbers")
    )
    assert names(page) == ["all <b>of</b> them, part 1", "all <b>of</b> them, part 2"]
    rename(page, first, "one/../<i>side")
    page.select_option("#select", f"cluster:{second}")
    members = selected(page)
    assert members == [image for image, cluster in enumerate(clusters(page)) if cluster == second]
    page.evaluate("latentgrid.state.select([0, 1])")
    page.click("#move")
    tag(page, "blurred")
    corrected, kept = clusters(page), names(page)
    assert len(kept) == 3
    text, file = downloaded(page, "#save-clusters")
    assert file.suggested_filename == "clusters.json"
    (tmp_path / "clusters.json").write_text(text, encoding="utf-8")
    found = read(tmp_path / "clusters.json")
    assert found.names == kept
    assert len(found.images) == count
    assert {image: found.images[image] for image in data(page)["names"][:2]} == dict.fromkeys(
        data(page)["names"][:2], kept[2]
    )
    assert list(found.tags) == ["blurred"]

    page.reload()
    page.wait_for_function("latentgrid.ready")
    assert (clusters(page), names(page)) == (corrected, kept)
    page.select_option("#select", "tag:blurred")
    assert selected(page) == [0, 1]
    page.click("#discard")
    assert names(page) != kept
    page.click("#corrections >> text=Undo")
    assert names(page) == kept

    with opened(browser, index) as elsewhere:
        assert names(elsewhere) != kept
        elsewhere.set_input_files("#load-clusters", tmp_path / "clusters.json")
        elsewhere.locator("#corrections .said", has_text="Loaded: 3 clusters, 1 tag.").wait_for()
        assert names(elsewhere) == kept
        said = elsewhere.locator("#corrections .said")
        (tmp_path / "other.json").write_text(text.replace(found.fingerprint, "0" * 64))
        elsewhere.set_input_files("#load-clusters", tmp_path / "other.json")
        elsewhere.locator("#corrections .said", has_text="another data set").wait_for()
        assert "\n" not in said.inner_text()
        assert names(elsewhere) == kept


def test_a_link_opens_the_images_of_what_only_this_browser_keeps(page, browser, index):
    page.evaluate("latentgrid.state.select([1, 4, 5])")
    tag(page, "blurred")
    page.select_option("#select", "tag:blurred")
    page.wait_for_function("location.hash.includes('images=')")
    assert page.locator("#select").input_value() == "tag:blurred"
    with opened(browser, index) as elsewhere:
        elsewhere.goto(page.url)
        elsewhere.reload()
        elsewhere.wait_for_function("latentgrid.ready")
        assert selected(elsewhere) == [1, 4, 5]


def test_a_selection_is_downloaded_and_its_tags_taken_away(page):
    page.select_option("#select", f"label:{data(page)['classes'].index(LABELS[0])}")
    images = selected(page)
    tag(page, 'a "tag", <b>')
    rows = list(csv.DictReader(io.StringIO(downloaded(page, "#selection-csv")[0])))
    assert [row["image"] for row in rows] == [data(page)["names"][image] for image in images]
    assert {row["label"] for row in rows} == {LABELS[0]}
    assert {row["tags"] for row in rows} == {'a "tag", <b>'}
    assert downloaded(page, "#selection-list")[0].splitlines() == [row["image"] for row in rows]
    page.locator(".tagged button").click()
    assert page.locator(".tagged").count() == 0
    assert page.evaluate("localStorage.length") == 0


def test_fields_of_the_table_of_labels_select(page):
    labels = page.evaluate("[...latentgrid.state.labels]")
    field = page.locator("#confusion td button").first
    field.press("Enter")
    assert len(selected(page)) == int(field.inner_text())
    _, _, cell = page.evaluate("latentgrid.state.group.value").partition(":")
    label, cluster = map(int, cell.split(","))
    both = zip(labels, clusters(page), strict=True)
    assert selected(page) == [i for i, pair in enumerate(both) if pair == (label, cluster)]


def test_similar_and_unusual_images_are_found(page, page_grid):
    (same,) = data(page)["duplicates"]
    page.locator("#unusual").get_by_label("Select 2: group 1").first.click()
    assert selected(page) == same
    near = page.locator("#similar li").first
    near.wait_for()
    assert int(near.get_attribute("data-image")) == same[1]
    assert near.locator("> span").last.inner_text() == "0.00"
    address = page.locator("#similar .one a").evaluate("link => link.href")
    file = Path(unquote(urlparse(address).path))
    assert file == page_grid / "images" / data(page)["names"][same[0]]
    assert file.is_file()
    distances = page.locator("#similar li > span:last-of-type").all_inner_texts()
    assert list(map(float, distances)) == sorted(map(float, distances))
    page.locator("#similar li").nth(3).click()
    goes_on = page.locator("#similar .one p").inner_text()
    assert goes_on != data(page)["names"][same[0]]


def test_lists_of_images_are_worked_with_by_keys(page):
    page.evaluate("latentgrid.state.select([3, 4, 5])")
    page.locator("#selection").focus()
    for key in ("ArrowRight", "ArrowRight", "Enter"):
        page.keyboard.press(key)
    page.locator("#card").wait_for(state="visible")
    assert page.locator("#similar .one p").inner_text() == data(page)["names"][4]
    page.keyboard.press("Escape")
    page.locator("#card").wait_for(state="hidden")
    page.keyboard.press("Space")
    assert selected(page) == [3, 5]


@pytest.mark.parametrize("wide", [True, False])
def test_the_selection_stands_beside_embeddings_where_there_is_room(browser, index, wide):
    with opened(browser, index, viewport=DESK if wide else PHONE) as page:
        page.evaluate("latentgrid.state.select([...Array(60).keys()])")
        pair, beside = (page.locator(s).bounding_box() for s in (".beside .pair", "#selected"))
        assert (beside["x"] >= pair["x"] + pair["width"]) == wide
        assert (beside["y"] >= pair["y"] + pair["height"]) != wide
        assert page.evaluate("document.documentElement.scrollWidth") == page.viewport_size["width"]
        ids = page.locator("[id]").evaluate_all("all => all.map(each => each.id)")
        assert len(ids) == len(set(ids))
        for part in ("#work button", "#corrections button", "#corrections input"):
            for box in (each.bounding_box() for each in page.locator(part).all()):
                assert box["x"] >= 0
                assert box["x"] + box["width"] <= page.viewport_size["width"]
