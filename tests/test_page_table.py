"""The page's table of pipelines, its terms, its themes and its address, as somebody uses them.

The page is made from records that are kept in the repository, without images.
"""

import csv
import io
import json
import re
import tomllib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from bench.analysis import records as records_of
from bench.analysis.choices import Choices
from bench.analysis.results import Results
from bench.report import terms
from bench.report.inputs import Inputs
from bench.report.page import render
from bench.stages.metrics.table import METRICS
from bench.store import Store
from tests.browser import PHONE, opened
from tests.conftest import ROOT

HTML = "ValueError: </script><script>alert(1)</script>"
LOSSES = pd.DataFrame(columns=["images", "model", "epoch", "mean", "low", "high"])


def made(records, path):
    """Write the page of records; return its file."""
    dataset = SimpleNamespace(name="photos", fingerprint="0" * 40)
    inputs = Inputs(Results(records), dataset, Store(path.parent / "store"), path.parent)
    vars(inputs)["choices"] = Choices(None, (), ())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(render.embeddings, "collect", lambda *arguments: None)
        patch.setattr(Results, "losses", lambda results, store: LOSSES)
        path.write_text(render.render(inputs)[0], encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def records():
    """18 pipelines, one of which fails."""
    found = records_of.read(ROOT / "results" / "results.csv")
    found = found.astype(dict.fromkeys(["failed_stage", "error", "verdict", "pretrained"], object))
    fails = (found["model"] == "cnn") & (found["chain"] == "none")
    found.loc[fails, ["status", "failed_stage", "error"]] = ["failed", "train", HTML]
    found.loc[fails, [*METRICS, "interval_low", "behind_best"]] = np.nan
    found.loc[fails, "verdict"] = None
    return found


@pytest.fixture(scope="module")
def path(records, tmp_path_factory):
    return made(records, tmp_path_factory.mktemp("table") / "index.html")


@pytest.fixture
def page(browser, path):
    with opened(browser, path) as found:
        yield found


def texts(page, selector):
    return page.locator(selector).all_inner_texts()


def place(page, key):
    """Return which column has a key, from 1."""
    keys = page.locator("#table thead tr > *").evaluate_all("all => all.map(e => e.dataset.key)")
    return keys.index(key) + 1


def column(page, key):
    """Return the texts of a column, in the rows that are shown."""
    return texts(page, f"#table tbody tr:visible > :nth-child({place(page, key)})")


def numbers(page, key):
    """Return the numbers that a column is sorted by, in the rows that are shown; None: none."""
    found = page.locator(f"#table tbody tr:visible > :nth-child({place(page, key)})")
    orders = found.evaluate_all("cells => cells.map(cell => cell.dataset.order)")
    return [float(order) if order else None for order in orders]


def sort(page, key):
    page.locator(f"#table th[data-key={key}] .sort").click()


def known(values):
    return [value for value in values if value is not None]


# ---- sorting ----


def test_it_is_sorted_by_clicks_and_by_keys(page):
    head = page.locator("#table th[data-key=accuracy]")
    assert page.locator("#table th[aria-sort]").all_inner_texts()[0].startswith("rank")
    head.locator(".sort").click()
    found = numbers(page, "accuracy")
    assert known(found) == sorted(known(found), reverse=True)
    assert len(known(found)) == 17
    assert found[-1] is None
    assert head.get_attribute("aria-sort") == "descending"
    head.locator(".sort").press("Enter")
    found = numbers(page, "accuracy")
    assert known(found) == sorted(known(found))
    assert found[-1] is None  # what failed stays last
    sort(page, "model")
    names = column(page, "model")
    assert names == sorted(names)
    assert page.locator("#table th[aria-sort]").count() == 1


def test_verdicts_are_sorted_by_how_far_behind_the_best_they_are(page):
    sort(page, "against_the_best")
    found = numbers(page, "against_the_best")
    assert known(found) == sorted(known(found))
    assert found[-1] is None
    verdicts = column(page, "against_the_best")
    assert verdicts[0] == "best"
    behind = [float(re.search(r"behind by (\d\.\d+)", each)[1]) for each in verdicts[1:-1]]
    assert behind == pytest.approx(known(found)[1:], abs=0.00051)


@pytest.fixture(scope="module")
def grouped(records, tmp_path_factory):
    """A page on four models: of images of two sizes, and one pretrained."""
    four = {"pixels": 24, "hand-crafted": 16, "dnn": 24, "cnn": 48}
    found = records[records["model"].isin(four) & (records["chain"] != "none")]
    first = found["chain"].iloc[0]
    found = found[found["chain"] == first].copy()
    found["image_size"] = found["model"].map(four)
    found["grid_image_size"] = 24
    found["reconstruction_loss"] = found["model"].map(
        {"pixels": 0.0, "hand-crafted": 0.3, "dnn": 0.2, "cnn": 0.1}
    )
    found.loc[found["model"] == "cnn", "pretrained"] = "ImageNet-1k, with <labels>"
    return made(found, tmp_path_factory.mktemp("grouped") / "index.html")


def test_groups_and_sizes_stay_together_when_it_is_sorted(browser, grouped):
    with opened(browser, grouped) as page:
        assert texts(page, "#table tr.group") == ["Not pretrained", "Pretrained"]
        said = page.locator("#pipelines").inner_text()
        assert "hand-crafted was given 16×16; cnn was given 48×48." in said
        assert "Pretrained: cnn on ImageNet-1k, with <labels>." in said
        sort(page, "reconstruction_loss")
        assert column(page, "model") == ["hand-crafted", "pixels", "dnn", "cnn"]
        sort(page, "reconstruction_loss")
        assert column(page, "model") == ["hand-crafted", "dnn", "pixels", "cnn"]
        assert texts(page, "#table tr.group") == ["Not pretrained", "Pretrained"]
        page.fill("#filter", "cnn")
        assert page.locator("#shown").inner_text() == "1 of 4 pipelines"
        assert texts(page, "#table tr.group:visible") == ["Pretrained"]
        page.fill("#filter", "")
        rows = list(csv.reader(io.StringIO(saved(page, "csv"), newline="")))
        assert [row[0] for row in rows] == ["group", *3 * ["Not pretrained"], "Pretrained"]
        assert r"\emph{Not pretrained}" in saved(page, "tex")


# ---- filters ----


def test_words_find_rows_and_whole_names_nothing_else(page):
    page.fill("#filter", "CNN")
    assert set(column(page, "model")) == {"cnn"}
    assert page.locator("#shown").inner_text() == "3 of 18 pipelines"
    page.fill("#filter", "cn")
    assert set(column(page, "model")) == {"cnn", "untrained-cnn"}
    page.fill("#filter", '"cn"')
    assert column(page, "model") == []
    page.fill("#filter", "tsne2 untrained")  # a reducer has a name, too
    assert set(column(page, "chain")) == {"pca128+tsne2"}
    assert set(column(page, "model")) == {"untrained-cnn", "untrained-dnn"}


def test_rows_are_chosen_from_lists(page):
    page.select_option("#only-status", label="failed")
    assert column(page, "model") == ["cnn"]
    assert f"train: {HTML}" in page.locator("#table tbody tr:visible").inner_text()
    page.select_option("#only-status", "")
    page.select_option("#only-model", "dnn")
    page.select_option("#only-chain", "none")
    assert [column(page, key) for key in ("model", "chain")] == [["dnn"], ["none"]]
    page.select_option("#only-model", "")
    page.select_option("#only-chain", "")
    page.select_option("#only-against_the_best", "significantly worse")
    assert {each[:6] for each in column(page, "against_the_best")} == {"worse:"}
    assert page.locator("#only-clusterer").count() == 0  # there is one


def test_rows_are_found_by_numbers(page, records):
    means = records.groupby(["model", "chain"])["accuracy"].mean().dropna()
    page.fill("#where", "accuracy > 0.6 and seconds <= 1000, rank < 7")
    found = numbers(page, "accuracy")
    assert len(found) == min(6, (means > 0.6).sum())
    assert all(each > 0.6 for each in found)
    page.fill("#where", "knn_modularity <= 0.1")  # of a column that is hidden
    assert page.locator("#where-error").is_hidden()
    page.fill("#where", "speed > 1")
    error = page.locator("#where-error").inner_text()
    assert error.startswith("No column “speed” has numbers. Those that have: rank, accuracy, ")
    assert page.locator("#where").get_attribute("aria-invalid") == "true"
    assert page.locator("#shown").inner_text() == "18 of 18 pipelines"


# ---- columns and files ----


def test_every_metric_that_was_measured_can_be_shown(page, records):
    titles = {METRICS[name].title for name in METRICS if records[name].notna().any()}
    page.click("[popovertarget=columns]")
    offered = [each.strip() for each in texts(page, "#columns label")]
    assert titles <= {*offered}
    at = place(page, "trustworthiness")
    head = page.locator(f"#table thead tr > :nth-child({at})")
    assert head.is_hidden()
    page.check("#columns input[value=trustworthiness]")
    assert head.is_visible()
    assert page.locator(f"#table tbody tr > :nth-child({at})").first.is_visible()
    page.uncheck("#columns input[value=accuracy]")
    assert page.locator("#table th[data-key=accuracy]").is_hidden()


def test_a_page_without_its_script_shows_the_same_columns(browser, path):
    with opened(browser, path, java_script_enabled=True) as page:
        shown = texts(page, "#table thead th:visible")
    bare = browser.new_context(java_script_enabled=False)
    page = bare.new_page()
    page.goto(path.as_uri())
    assert texts(page, "#table thead th:visible") == shown
    assert page.locator("#table tbody tr:visible").count() == 18
    bare.close()


def saved(page, kind):
    with page.expect_download() as found:
        page.click(f"#save-{kind}")
    return Path(found.value.path()).read_bytes().decode()


def test_what_is_shown_is_saved(page, records):
    page.select_option("#only-chain", "none")
    page.fill("#where", "accuracy > 0")
    sort(page, "accuracy")
    page.click("[popovertarget=columns]")
    page.uncheck("#columns input[value=seconds]")
    page.keyboard.press("Escape")
    text = saved(page, "csv")
    assert text.count("\r\n") == text.count("\n")
    first, *rows = csv.reader(io.StringIO(text, newline=""))
    assert first[:4] == ["rank", "model", "chain", "accuracy"]
    assert "seconds" not in first
    assert [row[1] for row in rows] == column(page, "model")
    means = records[records["chain"] == "none"].groupby("model")["accuracy"].mean()
    for row in rows:
        assert float(row[3]) == means[row[1]]  # in full
    tex = saved(page, "tex").splitlines()
    assert tex[1] == rf"\begin{{tabular}}{{rllrrl{'r' * (len(first) - 6)}}}"
    assert tex[5].startswith(rf"{rows[0][0]} & {rows[0][1]} & none & {float(rows[0][3]):.3f}")
    assert r" $\pm$ " in tex[5]
    assert tex[-2:] == [r"\bottomrule", r"\end{tabular}"]


def test_intervals_are_drawn(page):
    drawn = page.locator("#table svg.interval")
    assert drawn.count() == page.locator("#table tbody tr.ok").count()
    assert re.fullmatch(r"\d\.\d{3} to \d\.\d{3}", drawn.first.get_attribute("aria-label"))
    places = drawn.first.evaluate(
        "svg => [...svg.querySelectorAll('line:not(.chance)')].map(l => [l.x1, l.x2].map("
        "v => v.baseVal.value)).concat([[svg.querySelector('circle').cx.baseVal.value]])"
    )
    (low, high), (mean,) = places
    assert 0 < low <= mean <= high < 180


# ---- staying where it is ----


def test_headings_and_names_stay(browser, path):
    with opened(browser, path, viewport={"width": 900, "height": 500}) as page:
        region = page.locator(".wide:has(#table)")
        model = page.locator("#table tbody th").last
        region.evaluate("region => region.scrollIntoView({ behavior: 'instant' })")
        head = page.locator("#table th[data-key=model]")
        at = head.bounding_box()
        page.wait_for_function(
            "getComputedStyle(document.querySelector('#table tbody th')).left !== 'auto'"
        )
        region.evaluate("region => region.scrollTo(250, 200)")
        middle = at["x"] + 20, at["y"] + at["height"] / 2
        on_top = "([x, y]) => document.elementFromPoint(x, y).closest('th').dataset.key"
        assert page.evaluate(on_top, middle) == "model"
        assert head.bounding_box() == at
        assert model.bounding_box()["x"] == at["x"]
        other = page.locator("#table th[data-key=accuracy]").bounding_box()
        assert other["y"] + other["height"] == pytest.approx(at["y"] + at["height"], abs=1)
    with opened(browser, path, viewport={"width": 3000, "height": 500}) as page:
        page.add_style_tag(content="body { max-width: none !important; }")
        page.locator(".wide.fits:has(#table)").wait_for()  # nothing to move sideways
        page.locator("#table tbody tr").last.scroll_into_view_if_needed()
        assert page.locator("#table th[data-key=model]").bounding_box()["y"] == 0


def test_accuracy_is_seen_whole_on_a_phone(browser, path):
    with opened(browser, path, viewport=PHONE, has_touch=True, is_mobile=True) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        at = place(page, "accuracy")
        for cell in page.locator(f"#table tr > :nth-child({at})").all():
            box = cell.bounding_box()
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= PHONE["width"]
            assert cell.evaluate("cell => cell.scrollWidth <= cell.clientWidth")


# ---- terms ----


def test_terms_show_their_meanings_by_pointer_keys_and_finger(browser, path):
    with opened(browser, path, has_touch=True) as page:
        term = page.locator("#pipelines button.term", has_text="step-down")
        meaning = page.locator(f"#{term.get_attribute('popovertarget')}")
        for use in (term.click, lambda: term.press("Enter"), term.tap):
            assert meaning.is_hidden()
            use()
            assert meaning.is_visible()
            said, shown = term.bounding_box(), meaning.bounding_box()
            assert 0 <= shown["y"] - said["y"] - said["height"] < 10
            assert shown["x"] >= 0
            page.keyboard.press("Escape")
        assert "one that remains is significantly ahead" in meaning.text_content()


def test_headings_show_their_meanings_and_are_not_sorted_by_that(page):
    head = page.locator("#table th[data-key=nmi]")
    head.locator(".about").click()
    assert METRICS["nmi"].meaning in head.locator(".meaning").inner_text()
    assert head.get_attribute("aria-sort") is None


def test_every_term_has_its_meaning_from_the_glossary():
    glossary = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| ([^|]+?) \| (.+) \|$", glossary, re.MULTILINE))
    for name, term in terms.terms().items():
        without_links = re.sub(r";? ?\(?\[[^\]]*\]\([^)]*\)\)?", "", rows[name])
        assert term.meaning == re.sub("[`*]", "", without_links), name


def test_terms_are_marked_once_and_nothing_else_is():
    assert terms.marked("Seeds & seeds.") == (
        '<button type="button" class="term" popovertarget="term-seed">Seeds</button> &amp; seeds.'
    )
    # No line begins with the period after a button.
    assert terms.marked("One seed.") == (
        'One <span class="joined"><button type="button" class="term" '
        'popovertarget="term-seed">seed</button>.</span>'
    )
    assert "in\nthe group</button>" in terms.marked("One that is in\nthe group")
    for name in ("seed-net", "net-seed", "pca5+stability", "gmm(equivalent=1)", "seedy"):
        assert "button" not in terms.marked(name)
    assert terms.marked(terms.Markup('<em title="seed">x</em>')) == '<em title="seed">x</em>'


def test_no_two_terms_are_said_alike():
    said = [each.lower() for term in terms.terms().values() for each in term.said]
    assert len(said) == len({*said})
    file = ROOT / "bench" / "report" / "prose" / "terms.toml"
    assert len(tomllib.loads(file.read_text(encoding="utf-8"))) == len(terms.terms())


# ---- themes ----


def ground(page):
    return page.evaluate("getComputedStyle(document.body).backgroundColor")


LIGHT, DARK = "rgb(255, 255, 255)", "rgb(21, 23, 27)"


@pytest.mark.parametrize(("scheme", "auto"), [("light", LIGHT), ("dark", DARK)])
def test_the_theme_is_the_systems_or_as_chosen(browser, path, scheme, auto):
    with opened(browser, path, color_scheme=scheme) as page:
        assert ground(page) == auto
        for theme, color in (("light", LIGHT), ("dark", DARK), ("auto", auto), ("dark", DARK)):
            page.select_option("#theme", theme)
            assert ground(page) == color
        page.reload()
        assert page.locator("#theme").input_value() == "dark"
        assert ground(page) == DARK
        page.emulate_media(media="print")
        assert ground(page) == LIGHT
        assert page.locator("#table").is_visible()
        assert page.locator("#filters, #theme, .about").first.is_hidden()


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [PHONE, {"width": 1280, "height": 900}])
def test_it_is_accessible(browser, path, scheme, viewport):
    from axe_playwright_python.sync_playwright import Axe

    with opened(browser, path, color_scheme=scheme, viewport=viewport) as page:
        page.fill("#where", "nothing")
        page.locator("button.term").first.click()
        found = Axe().run(page).response["violations"]
        assert [(each["id"], each["nodes"][0]["html"]) for each in found] == []
        page.click("[popovertarget=columns]")
        found = Axe().run(page).response["violations"]
    assert [(each["id"], each["nodes"][0]["html"]) for each in found] == []


# ---- the address ----


def address(page):
    return page.evaluate("location.hash")


def test_a_link_opens_the_same_view(browser, page, path):
    page.fill("#filter", "dnn & co")
    page.fill("#filter", "dnn")
    page.fill("#where", "accuracy > 0.1")
    page.select_option("#only-chain", "none")
    sort(page, "accuracy")
    page.click("[popovertarget=columns]")
    page.check("#columns input[value=trustworthiness]")
    page.uncheck("#columns input[value=nmi]")
    page.keyboard.press("Escape")
    page.select_option("#theme", "dark")
    page.wait_for_function("location.hash.includes('theme=dark')")
    link = page.evaluate("location.href")
    assert address(page) == (
        "#view?theme=dark&find=dnn&where=accuracy+%3E+0.1&only.chain=none&down=accuracy"
        "&show=trustworthiness&hide=nmi"
    )
    with opened(browser, path) as other:
        other.goto(link)
        other.reload()
        assert other.locator("#filter").input_value() == "dnn"
        assert column(other, "model") == column(page, "model") == ["dnn"]
        for selector in ("#where", "#only-chain", "#theme"):
            assert other.locator(selector).input_value() == page.locator(selector).input_value()
        head = other.locator("#table th[data-key=accuracy]")
        assert head.get_attribute("aria-sort") == "descending"
        assert other.locator("#table th[data-key=trustworthiness]").is_visible()
        assert other.locator("#table th[data-key=nmi]").is_hidden()
        assert other.evaluate("localStorage.getItem('latentgrid-theme')") is None


def test_links_within_the_page_leave_the_view_as_it_is(page):
    page.fill("#filter", "pixels")
    page.wait_for_function("location.hash === '#view?find=pixels'")
    page.locator("nav a", has_text="Time and loss").press("Enter")
    page.wait_for_function("location.hash === '#cost?find=pixels' && scrollY > 300")
    assert set(column(page, "model")) == {"pixels"}
    page.fill("#filter", "")
    page.wait_for_function("location.hash === '#cost'")
    page.evaluate("location.hash = '#pipelines?find=dnn'")
    page.wait_for_function("document.getElementById('filter').value === 'dnn'")
    page.go_back()
    page.wait_for_function(
        "location.hash === '#cost' && document.getElementById('filter').value === ''"
    )


@pytest.mark.parametrize(
    "broken",
    ["#view?up=nothing&only.model=gone&show=no&seed=x&theme=red&a=none&group=cluster:9&image=1",
     "#%E0%A4%A?find", "#nowhere", "#?&&==&images=r-"],
)  # fmt: skip
def test_what_a_link_names_and_the_page_lacks_is_ignored(browser, path, broken):
    with opened(browser, path) as page:
        page.goto(path.as_uri() + broken)
        page.reload()
        assert page.locator("#shown").inner_text() == "18 of 18 pipelines"
        assert page.locator("#table th[aria-sort]").count() == 1
        assert page.locator("#theme").input_value() == "auto"


def test_a_link_is_copied(browser, path):
    with opened(browser, path, permissions=["clipboard-read", "clipboard-write"]) as page:
        page.fill("#filter", "pixels")
        page.click("text=Copy link")
        page.locator("#link-part output", has_text="Copied.").wait_for()
        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied == f"{path.as_uri()}#view?find=pixels"


def test_what_cannot_be_copied_is_left_selected(page):
    page.evaluate(
        """() => {
          navigator.clipboard.writeText = async () => { throw new Error("refused"); };
          document.execCommand = () => false;
        }"""
    )
    page.click("text=Copy link")
    page.locator("#link-part output", has_text="Selected").wait_for()
    assert page.evaluate("getSelection().toString()") == page.evaluate("location.href")


# ---- what a page that is not opened by a browser says ----


def test_the_escapes_of_latex_are_those_of_the_reports(path):
    from bench.report.columns import TEX

    found = re.search(r"data-tex='([^']*)'", path.read_text(encoding="utf-8"))
    assert json.loads(found[1]) == TEX
