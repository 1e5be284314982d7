"""One file that needs nothing else and says what a reader must know."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from aiida_superionic.analysis.results import Surface
from aiida_superionic.campaigns.results import PointResult, conditions
from aiida_superionic.report import selection
from aiida_superionic.report.page import render_report, write_report

WRITTEN = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
VOID = {"meta", "br", "img", "link", "input", "hr"}


class Page(HTMLParser):
    """What a browser would load, and the text that a reader sees; complains of tags that do not match."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.tags: list[str] = []
        self.labels: list[str] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in VOID:
            self._open.append(tag)
        for name, value in attrs:
            if name in {"src", "href", "xlink:href", "srcset", "action", "data"} and not (value or "").startswith("#"):
                self.loads.append(value or "")
            if name == "aria-label":
                self.labels.append(value or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open[-1:] != ["style"]:
            self.text += data


def page(points: list[PointResult], title: str = "agi-friction") -> tuple[str, Page]:
    html = render_report(title, conditions(points), points, written=WRITTEN)
    return html, Page(html)


@pytest.fixture(scope="module")
def study_page(study: list[PointResult]) -> tuple[str, Page]:
    return page(study)


@pytest.fixture(scope="module")
def scan_page(scan: list[PointResult]) -> tuple[str, Page]:
    return page(scan)


@pytest.fixture
def brief(make_point: Callable[..., PointResult]) -> list[PointResult]:
    """One point with one curve: quick to draw."""
    point = make_point(1)
    return [replace(point, curves={"cage_residence_Ag": point.curves["cage_residence_Ag"]})]


@pytest.mark.parametrize("name", ["study_page", "scan_page"])
def test_page_loads_nothing(name: str, request: pytest.FixtureRequest) -> None:
    html, parsed = request.getfixturevalue(name)
    assert parsed.loads == []
    assert not {"script", "link", "iframe", "object", "img"} & set(parsed.tags)
    assert not re.search(r"@import|url\((?!#)", html)


def test_page_shows_each_number_beside_the_published_one(
    study: list[PointResult], study_page: tuple[str, Page]
) -> None:
    _, parsed = study_page
    text = " ".join(parsed.text.split())
    assert re.search(r"\(3\.\d+ ± 0\.\d+\) × 10⁻¹² classical FF 3\.3 × 10⁻¹² \(−\d %\)", text)
    assert "Electronic paddlewheels impact the dynamics of superionic conduction in AgI" in text
    for point in study:
        assert f"{point.observables['temperature']['value']:.1f} ± 1.4" in text


def test_page_leads_from_each_number_to_its_nodes(study: list[PointResult], study_page: tuple[str, Page]) -> None:
    _, parsed = study_page
    for point in study:
        assert f"verdi node show {point.uuid}" in parsed.text
        assert f"pk {point.pk}" in parsed.text
        assert f"verdi node show {point.provenance['trajectory']}" in parsed.text
    assert parsed.text.count("22 Jul 2025 - Update 4") == 1  # what all points share is said once
    assert "verdi node show 22 Jul" not in parsed.text
    assert '"potential": "vashishta-rahman"' in parsed.text


def test_page_says_what_is_in_no_mean(scan_page: tuple[str, Page]) -> None:
    _, parsed = scan_page
    text = " ".join(parsed.text.split())
    assert "3 conditions, 9 points: 7 finished, 1 failed, 1 missing" in text
    assert "seed 2: failed: the host lattice has melted" in text
    assert "2 of 9 points have no results and are in no mean" in text


def test_page_says_how_many_replicas_converged(make_point: Callable[..., PointResult]) -> None:
    points = [make_point(seed, curves={}) for seed in (1, 2, 3)]
    points[0].observables["memory_time_Ag"] |= {"value": None, "error": None}
    points[2].observables["friction_coefficient_Ag"] |= {"value": None, "error": None, "upper_bound": 1e-11}
    text = page(points)[1].text
    assert "2 of 3 replicas determine it" in text
    assert "not converged" in text
    assert "< 1.0 × 10⁻¹¹" in text


def test_every_figure_has_a_text_alternative(study_page: tuple[str, Page]) -> None:
    html, parsed = study_page
    assert parsed.labels[0] == "Contents"
    assert parsed.tags.count("figure") == html.count('role="img"') == len(parsed.labels[1:]) == 10
    assert all(parsed.labels)


def test_maps_stand_among_the_curves_in_the_order_of_the_page(make_point: Callable[..., PointResult]) -> None:
    x = np.linspace(0.0, 1.0, 5)
    surface = Surface(x, x, np.outer(x, x), "distance", "Å", "time", "ps", "4πr² G_s", "1/Å")
    point = make_point(1, 623.0, surfaces={"van_hove_self_Ag": surface})
    kept = ("mean_squared_displacement_Ag", "cage_residence_Ag")
    _, parsed = page([replace(point, curves={name: point.curves[name] for name in kept})])
    assert [label.partition(" of ")[0] for label in parsed.labels[1:]] == [
        "Mean squared displacement",
        "Self part",
        "Cage residence correlation",
    ]


def test_text_from_people_is_escaped(make_point: Callable[..., PointResult]) -> None:
    evil = '<script>alert("x")</script>'
    point = make_point(1, label=f"{evil} · seed 1", message=evil, provenance={evil: evil})
    other = make_point(2, 600.0, "failed", label=f"b{evil} · seed 2", message=evil)
    point.specification["material"] = evil
    html, parsed = page([point, other], title=evil)
    assert "script" not in parsed.tags
    assert "<script" not in html
    assert parsed.text.count(evil) >= 6


def test_page_without_results_is_still_a_page(make_point: Callable[..., PointResult]) -> None:
    _, parsed = page([make_point(1, state="running"), make_point(2, state="missing")])
    assert "No point has finished yet" in parsed.text
    assert "1 running, 1 missing" in parsed.text
    assert "0 conditions, 0 points: none yet" in page([])[1].text


def test_page_is_the_same_every_time(brief: list[PointResult]) -> None:
    assert page(brief)[0] == page(brief)[0]


def test_file_is_replaced_as_a_whole(tmp_path: Path, brief: list[PointResult], monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "report.html"
    path.write_text("the old report")

    def full_disk(self: Path, *_: object, **__: object) -> int:
        self.touch()
        raise OSError("No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", full_disk)
        with pytest.raises(OSError, match="No space"):
            write_report(path, "agi", conditions(brief), brief)
    assert path.read_text() == "the old report"
    assert list(tmp_path.iterdir()) == [path]

    write_report(path, "agi", conditions(brief), brief, written=WRITTEN)
    assert path.read_text(encoding="utf-8") == render_report("agi", conditions(brief), brief, written=WRITTEN)
    assert list(tmp_path.iterdir()) == [path]


def test_unknown_column_leaves_no_file(tmp_path: Path, brief: list[PointResult]) -> None:
    with pytest.raises(ValueError, match="did you mean"):
        write_report(tmp_path / "report.html", "agi", conditions(brief), brief, columns=["memory_time_I"])
    assert list(tmp_path.iterdir()) == []


def test_page_of_a_large_campaign_shows_some_of_it(
    make_point: Callable[..., PointResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selection, "MOST_CONDITIONS", 3)
    points = [make_point(seed, 500.0 + 10.0 * k, curves={}) for k in range(9) for seed in (1, 2)]
    points += [make_point(1, 700.0 + k, "missing") for k in range(5)]
    html = render_report("big", conditions(points), points, explore="big <1>.html", written=WRITTEN)
    parsed = Page(html)
    text = " ".join(parsed.text.split())
    assert "14 conditions, 23 points: 18 finished, 5 missing" in text
    assert "of 3 of the 14 conditions, evenly chosen among those with results" in text
    assert "5 of 23 points have no results" in text
    assert "and 2 more" in text
    assert [f"{500 + 10 * k} K" in parsed.text.partition("Specifications")[2] for k in range(9)] == [
        k in {0, 4, 8} for k in range(9)
    ]
    assert "Diffusion coefficient (Ag) 9 " in text  # the fit has all of them
    assert parsed.loads == ["big%20%3C1%3E.html"] * 2


def test_curves_are_read_for_what_the_page_shows(
    make_point: Callable[..., PointResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    points = [make_point(seed, 500.0 + 10.0 * k) for k in range(9) for seed in (1, 2)]
    points = [replace(point, pk=pk) for pk, point in enumerate(points)]
    statuses = [SimpleNamespace(attempt=SimpleNamespace(pk=point.pk)) for point in points]

    def collect(statuses: list[SimpleNamespace], *, with_curves: bool = True) -> list[PointResult]:
        found = [points[status.attempt.pk] for status in statuses]
        return found if with_curves else [replace(point, curves={}, provenance={}) for point in found]

    monkeypatch.setattr(selection, "MOST_CONDITIONS", 3)
    monkeypatch.setattr(selection, "collect_results", collect)
    read = selection.collect_for_page(statuses)  # type: ignore[arg-type]
    assert [bool(point.curves) for point in read] == [k in {0, 1, 8, 9, 16, 17} for k in range(18)]
    assert [point.label for point in read] == [point.label for point in points]
