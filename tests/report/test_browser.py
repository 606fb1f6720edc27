"""The report in a real browser: it sorts, filters and saves; hostile text stays text. Skipped where there is none."""

from __future__ import annotations

import csv
import json
import re
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from xstilts.report import write_html
from xstilts.results import Results

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium, of the extra dev, is not installed")
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    not (BROWSER and DRIVER), reason="no Chromium with chromedriver: apt-get install chromium chromium-driver"
)

Make = Callable[..., Results]

ALONE = (
    "--headless --no-sandbox --disable-gpu --disable-dev-shm-usage --disable-background-networking "
    "--disable-component-update --disable-sync --no-first-run --window-size=1280,900"
)
BREAK = "document.title='broken'"
HOSTILE = f'</script><script>{BREAK}</script><img src=x onerror="{BREAK}">\u202eabc\x00'
WAIT = 60


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for argument in ALONE.split():
        options.add_argument(argument)
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('profile')}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    driver.set_page_load_timeout(WAIT)
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def hostile(make: Make, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a run all of whose words are hostile."""
    folder = tmp_path_factory.mktemp("hostile")
    task = f"my/{HOSTILE.replace('/', '')}"
    gains = {task: {HOSTILE: {"en": 0.02, "de": 0.03, "ar": -0.04}}}
    results = make(folder, gains, skipped=[HOSTILE], conditions=("clean", "typos@1", "typos@3"))
    explained = {"arm": HOSTILE, "family": "trained", "condition": "clean", "model": "", "feature": ""}
    explained |= {"estimate": None, "note": HOSTILE, "languages": 2, "families": 2, "left_out": 0}
    row = {"task": task, "arm": HOSTILE, "seed": 0, "language": "ar", "item": HOSTILE, "better": "arm"}
    row |= {"texts": json.dumps({HOSTILE: HOSTILE}), "gold": HOSTILE, "baseline": HOSTILE, "answer": HOSTILE}
    counts = {"task": task, "arm": HOSTILE, "seed": 0, "items": 9, "better": 1, "worse": 0}
    run = results.run | {"differences": [counts]}
    return write_html(
        replace(results, examples=[row], run=run, explanations=[explained]), folder / "report.html"
    )


@pytest.fixture
def page(browser: Any, rich_run: Results, tmp_path: Path) -> Any:
    """The browser with a report open; what it complains of fails the test."""
    browser.get(write_html(rich_run, tmp_path / "report.html").as_uri())
    yield browser
    assert browser.get_log("browser") == []


def column(page: Any, place: int) -> list[str]:
    """The cells that can be seen in a column of the table of gains."""
    script = """return Array.from(document.querySelectorAll('#gains-table tbody tr'))
        .filter(row => row.offsetParent !== null).map(row => row.cells[arguments[0]].textContent.trim())"""
    found: list[str] = page.execute_script(script, place)
    return found


def numbers(page: Any) -> list[float]:
    return [float(text.lstrip("▲▼ ").replace("−", "-")) for text in column(page, 1)]


def status(page: Any) -> str:
    return str(page.find_element("id", "shown").text)


def put(page: Any, selector: str, value: str) -> None:
    page.execute_script(
        """const field = document.querySelector(arguments[0]); field.value = arguments[1];
        field.dispatchEvent(new Event('input', {bubbles: true}))""",
        selector,
        value,
    )


def test_numbers_are_sorted_as_numbers(page: Any) -> None:
    head, button = (page.find_elements("css selector", f"#gains-table th{x}")[1] for x in ("", " button"))
    assert head.get_attribute("aria-sort") == "none"
    button.click()
    assert head.get_attribute("aria-sort") == "descending"
    assert numbers(page) == sorted(numbers(page), reverse=True)
    assert "sorted by gain, descending" in status(page)
    button.click()
    assert head.get_attribute("aria-sort") == "ascending" and numbers(page) == sorted(numbers(page))


def test_words_are_sorted_from_the_keyboard(page: Any) -> None:
    button = page.find_elements("css selector", "#gains-table th button")[0]
    button.send_keys("\ue007")  # Enter
    names = column(page, 0)
    assert names == sorted(names)
    sorts = [
        head.get_attribute("aria-sort")
        for head in page.find_elements("css selector", "#gains-table thead th")
    ]
    assert sorts == ["ascending", *["none"] * 6]


def test_filters_work_together_and_are_taken_back(page: Any) -> None:
    every = len(column(page, 0))
    assert status(page) == f"{every} of {every} gains."
    put(page, "#filters select[data-column=Target]", "intents")
    put(page, "#filters select[data-column=Arm]", "replies")
    assert set(column(page, 4)) == {"intents"} and set(column(page, 5)) == {"replies"}
    put(page, "#filters input[data-column=Language]", "CHIN")
    assert len(column(page, 0)) == 1 and status(page) == f"1 of {every} gains."
    put(page, "#filters input[data-column=Language]", "no such")
    assert column(page, 0) == []
    page.find_element("css selector", "[data-reset]").click()
    assert len(column(page, 0)) == every
    page.find_element("css selector", "[data-clear]").click()
    clear = column(page, 1)
    assert 0 < len(clear) < every and all(text[0] in "▲▼" for text in clear)


def test_everything_that_can_be_used_has_a_name(page: Any) -> None:
    for field in page.find_elements("css selector", "#filters select, #filters input, button, summary, a"):
        assert field.accessible_name.strip(), field.get_attribute("outerHTML")
    for figure in page.find_elements("css selector", "figure > svg"):
        assert figure.get_attribute("role") == "img" and figure.get_attribute("aria-label")
    ids = [element.get_attribute("id") for element in page.find_elements("css selector", "[id]")]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_never_scrolls_sideways(page: Any, width: int, scheme: str) -> None:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    try:
        assert page.execute_script("return document.documentElement.scrollWidth") <= width
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_a_table_is_saved_as_csv(page: Any, rich_run: Results, tmp_path: Path) -> None:
    folder = tmp_path / "saved"
    page.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(folder)})
    page.find_element("link text", "verdicts.csv").click()
    path, until = folder / "verdicts.csv", time.monotonic() + WAIT
    while not path.is_file() and time.monotonic() < until:
        time.sleep(0.1)
    rows = list(csv.DictReader(path.read_text("utf-8").splitlines()))
    assert [row["verdict"] for row in rows] == [row["verdict"] for row in rich_run.verdicts]


def test_hostile_text_stays_text(browser: Any, hostile: Path) -> None:
    browser.get(hostile.as_uri())
    assert browser.title == "Does an English intermediate task help?"
    assert browser.find_elements("tag name", "img") == []
    assert len(browser.find_elements("tag name", "script")) == 1
    shown = browser.find_element("css selector", ".example dd").text
    assert BREAK in shown and "U+202E" in shown and "U+0000" in shown
    options = browser.find_elements("css selector", "#filters select[data-column=Arm] option")
    put(browser, "#filters select[data-column=Arm]", options[1].get_attribute("value"))
    assert len(column(browser, 0)) == 3
    assert browser.title == "Does an English intermediate task help?"
    assert browser.get_log("browser") == []


def test_claims_and_spread_are_told_and_fit(browser: Any, judged_run: Results, tmp_path: Path) -> None:
    browser.get(write_html(judged_run, tmp_path / "report.html").as_uri())
    chips = browser.find_elements("css selector", "#claims .chips b")
    assert [chip.text.split(" · ")[0] for chip in chips] == [
        *map(str, (*range(1, 7), *range(10, 15), *range(7, 10)))
    ]
    browser.find_element("css selector", "#claims summary").click()
    assert browser.find_element("css selector", "#claims details[open] pre").is_displayed()
    assert len(browser.find_elements("css selector", "#spread tbody tr:not(.group)")) == 4
    assert browser.get_log("browser") == []


@pytest.mark.parametrize("width", [390, 1280])
def test_claims_never_make_the_page_scroll(
    browser: Any, judged_run: Results, tmp_path: Path, width: int
) -> None:
    browser.get(write_html(judged_run, tmp_path / "report.html").as_uri())
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_without_its_script_the_page_still_tells_everything(
    browser: Any, rich_run: Results, tmp_path: Path
) -> None:
    path = write_html(rich_run, tmp_path / "report.html")
    path.write_text(re.sub(r"<script>.*</script>", "", path.read_text("utf-8"), flags=re.S), "utf-8")
    browser.get(path.as_uri())
    assert not browser.find_element("id", "filters").is_displayed()
    assert browser.find_element("id", "gains-table").is_displayed()
    assert browser.find_element("link text", "gains.csv").get_attribute("download") == "gains.csv.gz"
