"""The page on which a person sorts, filters and plots, in a real browser."""

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aiida_superionic.analysis.results import Scalar
from aiida_superionic.campaigns.results import PointResult, conditions
from aiida_superionic.report.explore import render_explore
from aiida_superionic.report.formatting import measurement, typeset

EVIL = "</script><img src=x onerror='window.hacked=1'>\"`$$x$$\\(y\\)"
DIFFUSION, FRICTION = "Diffusion coefficient (Ag), cm²/s", "Friction coefficient (Ag), kg/s"

# Bokeh's widgets are in shadow roots, which no selector reaches into.
DEEP = """
const deep = (root, selector) => [...root.querySelectorAll('*')].flatMap(one =>
  [...(one.matches(selector) ? [one] : []), ...(one.shadowRoot ? deep(one.shadowRoot, selector) : [])]);
"""
MARKS = """
const plot = [...Bokeh.index.roots].find(view => view.model.name === 'plot');
const marks = [...plot.renderer_views.values()].find(view => view.model.name === 'marks').glyph;
const drawn = [...marks.sx].map((x, i) => [x, marks.sy[i]]).filter(place => place.every(isFinite));
"""


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Return a driver of a headless Chromium; without one a test is skipped, but fails where CI is set."""
    found = [shutil.which(name) for name in ("chromium", "chromedriver")]
    if None in found:
        reason = "no chromium or chromedriver on PATH: apt-get install chromium chromium-driver"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = str(found[0])
    for argument in ("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage", "window-size=1300,1700"):
        options.add_argument(f"--{argument}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(str(found[1])))
    try:
        yield driver
    finally:
        driver.quit()


class Shown:
    """A page in the browser, as a person meets it."""

    def __init__(self, driver: Any, path: Path) -> None:
        self.driver = driver
        driver.get_log("performance")
        driver.get(path.as_uri())
        self.until(
            lambda: self.run("return window.Bokeh?.documents[0]?.is_idle && deep(document, '.slick-row').length")
        )

    def run(self, code: str, *arguments: Any) -> Any:
        return self.driver.execute_script(DEEP + code, *arguments)

    def until(self, happens: Callable[[], Any]) -> Any:
        from selenium.webdriver.support.ui import WebDriverWait

        return WebDriverWait(self.driver, 60, poll_frequency=0.1).until(lambda _: happens())

    def find(self, selector: str, text: str = "") -> Any:
        """Return the one element that is found, by its text where several are."""
        code = "return deep(document, arguments[0]).filter(one => one.textContent.trim().startsWith(arguments[1]))"
        found = self.run(code, selector, text)
        assert len(found) == 1, f"{len(found)} elements are {selector} {text}"
        return found[0]

    def under(self, title: str, selector: str) -> Any:
        """Return the part of the control with a title."""
        code = """return deep(document, '.bk-input-group')
            .filter(one => one.querySelector('label, .bk-slider-title')?.textContent.startsWith(arguments[0]))
            .map(one => one.querySelector(arguments[1]))"""
        [element] = self.run(code, title, selector)
        return element

    def choose(self, title: str, option: str) -> None:
        from selenium.webdriver.support.ui import Select

        Select(self.under(title, "select")).select_by_visible_text(option)

    def tick(self, title: str, option: str) -> None:
        self.under(title, ".choices").click()
        self.run(
            """const one = arguments[0].getRootNode();
            const items = [...one.querySelectorAll('.choices__item--choice')];
            const item = items.find(o => o.textContent.trim() === arguments[1]);
            item.dispatchEvent(new MouseEvent('mousedown', {bubbles: true, button: 0}));""",
            self.under(title, ".choices"),
            option,
        )

    def rows(self) -> list[list[str]]:
        """Return the texts of the rows of the table, from the top."""
        return self.run(
            """const top = one => parseFloat(one.style.top);
            return deep(document, '.slick-row').sort((a, b) => top(a) - top(b))
              .map(row => [...row.querySelectorAll('.slick-cell')].map(cell => cell.textContent))"""
        )

    def column(self, title: str) -> list[str]:
        titles = self.run("return deep(document, '.slick-column-name').map(one => one.textContent)")
        return [row[titles.index(title)] for row in self.rows()]

    @property
    def marks(self) -> np.ndarray:
        """The places of the marks on the screen, in pixels, shape (n, 2)."""
        return np.array(self.run(MARKS + "return drawn")).reshape(-1, 2)

    @property
    def requests(self) -> int:
        """How many requests there have been but for what the page holds itself."""
        messages = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        asked = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
        return sum(not url.startswith("data:") for url in asked)

    @property
    def selected(self) -> str:
        """What is said of the rows that are selected."""
        return self.driver.find_element("id", "selected").text

    @property
    def labels(self) -> tuple[str, str]:
        code = """return [plot.model.below, plot.model.left]
            .map(all => all.find(one => one.visible && one.axis_label).axis_label)"""
        return tuple(self.run(MARKS + code))


@pytest.fixture
def show(browser: Any, tmp_path: Path) -> Callable[[list[PointResult]], Shown]:
    def write(points: list[PointResult]) -> Shown:
        path = tmp_path / "explore.html"
        path.write_text(render_explore("scan", conditions(points), points), encoding="utf-8")
        return Shown(browser, path)

    return write


@pytest.fixture
def modes(make_point: Callable[..., PointResult]) -> list[PointResult]:
    """Two constraint modes at three temperatures with two replicas each: 12 points, of which one failed."""
    points = []
    for mode in ("UC", "RC"):
        for temperature in (600.0, 675.0, 750.0):
            for seed in (1, 2):
                failed = (mode, temperature, seed) == ("RC", 675.0, 2)
                label = f"alpha-AgI · {temperature:g} K · {mode} · seed {seed}"
                message = "the host lattice has melted" if failed else ""
                state = "failed" if failed else "finished"
                point = make_point(seed, temperature, state, curves={}, label=label, message=message)
                point.specification["constraint"] = mode
                points.append(point)
    points[0].observables["diffusion_coefficient_Ag"] |= {"value": None, "error": None, "upper_bound": 1.1e-6}
    return points


def test_table_and_plot_show_what_has_finished(show: Callable[..., Shown], modes: list[PointResult]) -> None:
    page = show(modes)
    assert len(page.rows()) == 11
    assert set(page.column("State")) == {"finished"}
    assert page.column(DIFFUSION)[0] == "< 1.1 × 10⁻⁶"
    value = modes[1].observables["friction_coefficient_Ag"]["value"]
    assert page.column(FRICTION)[1] == f"({value * 1e12:.2f} ± 0.24) × 10⁻¹²"
    page.choose("Up", FRICTION)
    assert len(page.marks) == 11
    page.choose("Up", DIFFUSION)
    assert len(page.marks) == 10  # a bound is no mark
    assert "11 of 12 rows, 10 marks in the plot" in page.find(".bk-clearfix", "11 of").text


def test_click_on_a_heading_sorts(show: Callable[..., Shown], modes: list[PointResult]) -> None:
    page = show(modes)
    heading = page.find(".slick-header-column", FRICTION)
    heading.click()
    measured = [p.observables["friction_coefficient_Ag"]["value"] for p in modes if p.state == "finished"]
    ascending = [f"({value * 1e12:.2f}" for value in sorted(measured)]
    assert [cell.partition(" ")[0] for cell in page.column(FRICTION)] == ascending
    heading.click()
    assert [cell.partition(" ")[0] for cell in page.column(FRICTION)] == ascending[::-1]


def test_filters_keep_rows_and_marks(show: Callable[..., Shown], modes: list[PointResult]) -> None:
    from selenium.webdriver.common.keys import Keys

    page = show(modes)
    page.choose("Up", FRICTION)
    page.tick("Constraint", "RC")
    page.until(lambda: len(page.rows()) == 5)
    assert set(page.column("Constraint")) == {"RC"}
    assert len(page.marks) == 5
    page.under("Temperature", ".noUi-handle-lower").send_keys(Keys.ARROW_RIGHT)
    page.until(lambda: len(page.rows()) == 3)
    assert set(page.column("Temperature, K")) == {"675", "750"}
    page.under("Search", "input").send_keys("750 seed")
    page.until(lambda: len(page.rows()) == 2)
    assert len(page.marks) == 2
    page.under("Search", "input").send_keys(" nothing")
    page.until(lambda: len(page.rows()) == 0)
    assert len(page.marks) == 0


def test_axes_are_chosen(show: Callable[..., Shown], modes: list[PointResult]) -> None:
    page = show(modes)
    page.choose("Up", FRICTION)
    assert page.labels == ("Temperature, K", FRICTION)
    friction, x = np.array(
        [
            [p.observables["friction_coefficient_Ag"]["value"], p.specification["temperature"]]
            for p in modes
            if p.state == "finished"
        ]
    ).T
    page.until(lambda: len(page.marks) == 11)
    marks = page.marks
    assert abs(np.corrcoef(marks[:, 0], x)[0, 1] - 1.0) < 1e-9
    assert abs(np.corrcoef(marks[:, 1], friction)[0, 1] + 1.0) < 1e-9
    page.choose("Across", "1000/T, 1/K")
    page.run("return deep(document, 'input[type=checkbox]')")[1].click()
    page.until(lambda: page.labels[0] == "1000/T, 1/K")
    page.until(lambda: abs(np.corrcoef(page.marks[:, 1], np.log(friction))[0, 1] + 1.0) < 1e-9)
    assert abs(np.corrcoef(page.marks[:, 0], 1.0 / x)[0, 1] - 1.0) < 1e-9


def test_words_are_places_on_an_axis(show: Callable[..., Shown], modes: list[PointResult]) -> None:
    page = show(modes)
    page.choose("Up", FRICTION)
    page.choose("Across", "Constraint")
    page.until(lambda: page.labels[0] == "Constraint")
    of_mode = [point.specification["constraint"] == "UC" for point in modes if point.state == "finished"]
    _, right = np.unique(page.marks[:, 0])
    assert [place == right for place in page.marks[:, 0]] == of_mode
    overrides = page.run(
        MARKS + "return plot.model.below.find(one => one.visible && one.axis_label).major_label_overrides"
    )
    assert overrides == {"0": "RC", "1": "UC"}


def test_means_over_replicas_are_rows_of_their_own(show: Callable[..., Shown], modes: list[PointResult]) -> None:
    page = show(modes)
    page.find(".bk-btn", "means").click()
    page.until(lambda: len(page.rows()) == 6)
    mean = np.mean([point.observables["friction_coefficient_Ag"]["value"] for point in modes[2:4]])
    assert page.column(FRICTION)[1].startswith(f"({mean * 1e12:.2f} ±")
    page.run("return deep(document, '.slick-row')")[1].click()
    page.until(lambda: "verdi" in page.selected)
    assert all(f"verdi node show {point.uuid}" in page.selected for point in modes[2:4])


def test_row_and_mark_show_what_is_behind_them(show: Callable[..., Shown], modes: list[PointResult]) -> None:
    from selenium.webdriver import ActionChains

    page = show(modes)
    page.choose("Up", FRICTION)
    page.until(lambda: len(page.marks) == 11)
    canvas = page.find(".bk-Canvas")
    ActionChains(page.driver).scroll_to_element(canvas).perform()
    corner = page.run("const box = arguments[0].getBoundingClientRect(); return [box.x, box.y]", canvas)
    click = ActionChains(page.driver)
    click.w3c_actions.pointer_action.move_to_location(*(int(c + m) for c, m in zip(corner, page.marks[0], strict=True)))
    click.click().perform()
    page.until(lambda: f"verdi node show {modes[0].uuid}" in page.selected)
    page.tick("State", "failed")
    page.until(lambda: len(page.rows()) == 12)
    page.under("Search", "input").send_keys("melted")
    page.until(lambda: len(page.rows()) == 1)
    page.run("return deep(document, '.slick-row')")[0].click()
    page.until(lambda: "failed: the host lattice has melted" in page.selected)
    assert f"verdi node show {modes[9].uuid}" in page.selected


def test_text_from_people_and_the_graph_is_text(
    show: Callable[..., Shown], make_point: Callable[..., PointResult]
) -> None:
    points = [make_point(seed, 600.0 + seed, "failed", label=f"{EVIL} {seed}", message=EVIL) for seed in (1, 2)]
    points += [make_point(seed, 600.0, curves={}, label=f"{EVIL} {seed}") for seed in (3, 4)]
    for k, point in enumerate(points):
        point.specification.update({"material": f"{EVIL}{k}", EVIL: k})
        point.observables[EVIL] = {"value": 1.0 + k, "error": 0.1, "unit": EVIL, "upper_bound": None}
    page = show(points)
    page.tick("State", "failed")
    page.until(lambda: len(page.rows()) == 4)
    for title in ("Exit message", "Point", "UUID"):
        page.tick("Columns", title)
    for title in page.run("return [...arguments[0].options].map(one => one.text)", page.under("Up", "select")):
        page.choose("Up", title)
        page.until(lambda title=title: page.labels[1].replace("\N{ZERO WIDTH SPACE}", "") == title)
        assert not re.search(r"\$\$|\\\(", page.labels[1])  # what Bokeh would read as TeX
    page.choose("Colour", "Material")
    page.until(lambda: EVIL in page.column("Exit message"))
    page.run("return deep(document, '.slick-row')")[0].click()
    page.until(lambda: f"failed: {EVIL}" in page.selected)
    assert page.run("return window.hacked") is None
    assert page.run("return deep(document, 'img').length") == 0
    assert page.requests == 1  # no TeX either
    assert page.run("return deep(document, '.choices__item').filter(one => one.textContent.includes('onerror')).length")


def test_page_needs_no_network_and_complains_of_nothing(show: Callable[..., Shown], modes: list[PointResult]) -> None:
    page = show(modes)
    page.choose("Colour", "Temperature, K")
    assert page.requests == 1
    assert [entry for entry in page.driver.get_log("browser") if entry["level"] == "SEVERE"] == []


def test_numbers_are_written_as_in_the_report(show: Callable[..., Shown], modes: list[PointResult]) -> None:
    page = show(modes)
    numbers = [(3.123e-12, 1.5e-13), (-0.5, 0.012), (749.46, 0.97), (0.01, 0.2), (12345.0, 6.0), (-3.2e7, 4.1e5)]
    numbers += [(0.0, 0.3), (8.4e-5, None), (2.0, 0.0), (1.0, None), (9.99e-4, 3e-6), (0.0996, 0.0996)]
    written = page.run("return arguments[0].map(([value, error]) => explore.measurement(value, error))", numbers)
    assert written == [typeset(measurement(Scalar(*number, "1"))) for number in numbers]


def test_page_of_nothing_is_still_a_page(show: Callable[..., Shown], make_point: Callable[..., PointResult]) -> None:
    page = show([make_point(1, state="missing"), make_point(2, state="missing")])
    assert len(page.rows()) == 2
    assert len(page.marks) <= 2
