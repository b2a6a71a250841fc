"""The curves do not rot, and the page says what was measured. Nothing is timed."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest

from . import plot
from .curve import SUPER_LINEAR, Curve, growth
from .scale import FOLDER, RESULTS, files
from .scaling import CURVES

SERIES = [
    pytest.param(curve, name, id=f"{curve.id}: {name}") for curve in CURVES for name in curve.series
]


@pytest.mark.parametrize(("curve", "name"), SERIES)
def test_series_does_its_work(curve: Curve, name: str) -> None:
    for x in curve.points[:3]:
        assert curve.measure(name, x, steps=40, rounds=1) >= 0


@pytest.mark.parametrize("power", [-1.0, 0.0, 0.5, 1.0])
def test_growth_is_the_power_at_the_end(power: float) -> None:
    costs = [(x, 7.0 * x**power) for x in (10, 100, 1_000)]
    assert growth([(1, 900.0), (2, 20.0), *costs]) == pytest.approx(power)


def test_what_looks_at_all_others_is_found() -> None:
    assert growth([(x, 500 + 3 * x) for x in (1, 10, 100, 1_000, 10_000)]) > SUPER_LINEAR


def test_page_and_plots_are_of_the_results_and_there_is_one_of_each_curve() -> None:
    results = json.loads(RESULTS.read_text("utf-8"))
    assert [result["id"] for result in results] == [curve.id for curve in CURVES]
    written = files(results)
    assert {*FOLDER.iterdir()} == {RESULTS, *written}
    for path, text in written.items():
        assert path.read_text("utf-8") == text, "run python -m tests.benchmarks.scale --page"


def test_plot_has_a_point_for_each_figure_inside_of_it() -> None:
    series = {"a < b": [(0, 5.0), (1, 50.0), (1_000, 500.0)], "c": [(1_000, 5.0)]}
    root = ElementTree.fromstring(plot.svg("title", "across", "up", series))
    circles = [element for element in root if element.tag.endswith("circle")]
    places = [(float(circle.attrib["cx"]), float(circle.attrib["cy"])) for circle in circles]
    assert len({*places}) == 4
    assert all(0 <= x <= plot.WIDTH and 0 <= y <= plot.HEIGHT for x, y in places)
    assert "a < b" in [element.text for element in root]


def test_plot_of_one_point_is_drawn() -> None:
    assert "<circle" in plot.svg("title", "across", "up", {"a": [(3, 20.0)]})


@pytest.mark.parametrize(
    ("value", "shown"), [(0, "0"), (0.5, "0.5"), (999, "999"), (1_000_000, "1M"), (10**9, "1G")]
)
def test_short_figures(value: float, shown: str) -> None:
    assert plot.short(value) == shown
