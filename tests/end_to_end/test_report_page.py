"""The report's page in a real browser: drawn, silent, searchable, sortable, and deaf to what texts try."""

import os
import shutil

import pytest

from bleuberi.cli import report as command
from tests.unit.report.report_folders import EVIL, write_evaluation, write_json, write_run, write_selection

playwright = pytest.importorskip("playwright.sync_api", reason="needs the Python package playwright")
pytest.importorskip("vl_convert")
expect = playwright.expect

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs a chromium (Debian: apt-get install chromium)")
PATIENCE = 60_000  # milliseconds: the machine may be busy
ALL_DRAWN = "() => [...document.querySelectorAll('.plot')].every((plot) => plot.dataset.drawn === 'yes')"

LISTS_FIT = """() => [...document.querySelectorAll("nav, nav .list")].every((one) =>
    one.scrollWidth <= one.clientWidth && one.getBoundingClientRect().right <= innerWidth)"""


@pytest.fixture(scope="module")
def page_file(tmp_path_factory):
    """A page of every kind of folder, all texts of which attack it."""
    root = tmp_path_factory.mktemp("report")
    write_selection(root / "data/picked", evil=EVIL)
    write_run(root / "grpo", evil=EVIL, warnings=[f"the reward follows {EVIL}"])
    write_run(root / "killed", finished=False, steps=100)
    write_evaluation(root / "evaluation", evil=EVIL)
    assert command.main([str(root), "--no_figures", "--title", EVIL]) == 0
    return root / "report/report.html"


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium's sandbox refuses root
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield chromium
        chromium.close()


@pytest.fixture
def opened(browser, page_file):
    """Open the page at a width and colour scheme; what it said and asked for is on it as `said` and `asked`."""
    contexts = []

    def open_page(width=1280, scheme="light"):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.said, page.asked = [], []
        page.on("console", lambda message: page.said.append(message.text))
        page.on("pageerror", lambda error: page.said.append(str(error)))
        page.on("dialog", lambda dialog: page.said.append(dialog.message))
        page.on("request", lambda request: page.asked.append(request.url))
        page.goto(page_file.as_uri())
        page.wait_for_selector("html[data-ready]")
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_all_charts_are_drawn_in_silence_and_fit(opened, page_file, width, scheme):
    page = opened(width, scheme)
    page.evaluate("document.querySelectorAll('.plot').forEach(draw)")
    page.wait_for_function(ALL_DRAWN)
    charts = page.locator(".plot svg")
    assert charts.count() == page.locator(".plot").count() > 15
    assert all(box["width"] <= width for box in (charts.nth(at).bounding_box() for at in range(charts.count())))
    assert (
        page.locator(".plot svg .mark-rect path, .plot svg .mark-line path, .plot svg .mark-symbol path").count() > 50
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.said == []
    assert page.asked == [page_file.as_uri()]


def test_colours_follow_the_scheme(opened):
    shades = {
        scheme: opened(scheme=scheme).evaluate("getComputedStyle(document.querySelector('.part')).backgroundColor")
        for scheme in ("light", "dark")
    }
    assert shades == {"light": "rgb(255, 255, 255)", "dark": "rgb(24, 28, 39)"}


def test_texts_show_as_texts(opened):
    page = opened()
    for place in page.locator(".browser").all():
        place.locator(".open").first.click()
    numbers = page.locator("details.data")
    numbers.evaluate_all("all => all.forEach((one) => { one.open = true; })")
    # A browser tells that one opened only later; then its table is drawn.
    expect(numbers.locator("table")).to_have_count(numbers.count(), timeout=PATIENCE)
    assert page.evaluate("window.pwned") is None
    assert page.locator("img").count() == 0
    assert page.said == []
    shown = page.locator("h1").inner_text() + page.locator(".text.response p").first.inner_text()
    assert shown.count("<script>window.pwned = 1</script>") == 2
    assert shown.count("\\x1b[31m \\u202egpj.exe") == 2
    assert not {"\x1b", "\u202e"} & set(page.content())


def test_the_policy_stops_a_script_that_got_in_all_the_same(opened):
    page = opened()
    page.evaluate(
        "const script = document.createElement('script'); script.textContent = 'window.pwned = 3';"
        "document.body.append(script)"
    )
    assert page.evaluate("window.pwned") is None
    assert "Content Security Policy" in page.said[0]


def test_examples_are_searched_and_shown_by_tag(opened):
    page = opened()
    place = page.locator("[data-browser^=selection]")
    rows = place.locator("tbody tr")
    assert rows.count() == 25
    place.locator(".more").click()
    assert rows.count() == 50
    place.locator("input[type=search]").fill("number 17")
    assert place.locator("[role=status]").inner_text() == "1 of 60 examples"
    assert "Prompt number 17" in rows.first.inner_text()
    place.locator("input[type=search]").fill("")
    place.locator("select").select_option("not picked")
    assert place.locator("[role=status]").inner_text() == "30 of 60 examples"
    place.locator("input[type=search]").fill("no such words")
    assert rows.count() == 0


def test_examples_and_tables_are_sorted_by_number(opened):
    page = opened()
    place = page.locator("[data-browser^=evaluation]")
    first = place.locator("tbody tr").first
    assert "e29" in first.inner_text()  # the largest difference
    header = place.locator("thead th").nth(1)
    header.locator("button").click()
    assert header.get_attribute("aria-sort") == "descending"
    assert "e29" in first.inner_text()
    header.locator("button").click()
    assert header.get_attribute("aria-sort") == "ascending"
    assert "e0" in first.inner_text()
    table = page.locator("section[id^=evaluation] table.sortable").first
    mean = table.locator("thead th").nth(2)
    mean.locator("button").click()
    assert table.locator("tbody tr").first.inner_text().startswith("grpo")
    mean.locator("button").click()
    assert table.locator("tbody tr").first.inner_text().startswith("base")


def test_the_keyboard_reaches_and_opens_everything(opened):
    page = opened()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    place = page.locator("[data-browser^=selection]")
    place.locator("input[type=search]").focus()
    for _ in range(10):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.className") == "open":
            break
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    assert place.locator(".text.response mark").count() > 0
    page.keyboard.press("Enter")
    assert place.locator(".text").count() == 0


def test_a_pointer_on_a_chart_tells_its_numbers(opened):
    page = opened()
    plot = page.locator(".plot[data-title^='Reward']").first
    plot.scroll_into_view_if_needed()
    page.wait_for_function("() => document.querySelector(\".plot[data-title^='Reward']\").dataset.drawn === 'yes'")
    plot.hover(position={"x": 300, "y": 120})
    page.wait_for_selector("#vg-tooltip-element.visible")
    assert "step" in page.locator("#vg-tooltip-element").inner_text()
    assert page.said == []
    numbers = page.locator("details.data").first
    numbers.locator("summary").click()
    expect(numbers.locator("tbody tr")).to_have_count(20, timeout=PATIENCE)  # 10 bins, pool and picked


@pytest.fixture(scope="module")
def long_page(tmp_path_factory):
    """A page of nineteen sections."""
    root = tmp_path_factory.mktemp("long")
    flag = {"flag": "refusal", "meaning": "it declines", "rows": 3, "share": 0.1, "references": 3, "examples": ["r1"]}
    for place in range(1, 13):
        write_json(root / f"checked/a_rather_long_name_of_a_pool_{place:02}/check.json", {"rows": 30, "table": [flag]})
    write_selection(root / "picked")
    write_run(root / "one")
    write_run(root / "two", finished=False)
    write_evaluation(root / "evaluation")
    write_evaluation(root / "other")
    assert command.main([str(root), "--no_figures"]) == 0
    return root / "report/report.html"


@pytest.mark.slow
@pytest.mark.parametrize(("width", "scheme"), [(1280, "dark"), (390, "light")])
def test_many_sections_are_listed_reached_and_told(opened, long_page, width, scheme):
    page = opened(width, scheme)
    page.goto(long_page.as_uri())
    page.wait_for_selector("html[data-ready]")
    folded = width == 390
    links = page.locator("nav a")
    assert links.count() == page.locator("section.part").count() + 1 == 20
    assert links.first.is_visible() is not folded
    # In its middle, so that charts are drawn above it and below it on the way.
    for at in (9, 17, 4):
        if folded:
            page.locator("nav summary").click()
        assert page.evaluate(LISTS_FIT)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        links.nth(at).click()
        assert links.first.is_visible() is not folded
        page.wait_for_function("(at) => document.querySelectorAll('nav a')[at].hasAttribute('aria-current')", arg=at)
        page.wait_for_function("(at) => { const top = document.querySelectorAll('section.part')[at - 1]"
                               ".getBoundingClientRect().top; return top >= 0 && top < 120; }", arg=at)  # fmt: skip
    assert page.locator("nav a[aria-current]").count() == 1
    if folded:
        assert page.locator("nav .here").inner_text() == "checked/a_rather_long_name_of_a_pool_04"
        page.locator("nav summary").click()
        assert links.first.is_visible()
        page.keyboard.press("Escape")
        assert not links.first.is_visible()
    assert page.said == []
