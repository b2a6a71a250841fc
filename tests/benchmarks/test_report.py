"""The table and the plot tell what each run has measured, on each interpreter."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from .report import PLOT, RUNS, Python, plot, pythons, targets

SVG = "{http://www.w3.org/2000/svg}"


def run(version: str, median: float | None, *, target: float | None = 1.0) -> dict[str, Any]:
    """Give a run of one benchmark with one target."""
    verdict = {
        "id": "P1",
        "contender": "rxflow, fast",
        "against": "a loop",
        "unit": "x",
        "figure": "ns per item",
        "target": target,
        "note": "",
        "measured": median and {"median": median, "low": median / 2, "high": median * 2},
        "met": None if target is None else median is not None and median <= target,
    }
    return {
        "python": {"version": version},
        "benchmarks": [{"id": "P1", "title": "work", "targets": [verdict], "contenders": []}],
    }


def test_each_run_is_told_and_how_many_have_met_the_target() -> None:
    old = Python("3.9.1", [run("3.9.1", 0.5), run("3.9.1", 3.0), run("3.9.1", 0.75)])
    new = Python("3.13.0", [run("3.13.0", 1.25, target=1.3)])
    head, row = targets([old, new])
    assert head[4:] == ("at most", "on 3.9.1", "met", "on 3.13.0", "met")
    assert row[:5] == ("P1", "work", "rxflow, fast", "a loop", "1.00 / 1.30")
    assert row[5:7] == ("0.50, 3.00, 0.75 (0.25 to 6.00)", "**2 of 3**")
    assert row[7:] == ("1.25 (0.62 to 2.50)", "yes")


@pytest.mark.parametrize(
    ("median", "target", "told"),
    [
        (2.0, 1.0, ("1.00", "2.00 (1.00 to 4.00)", "**no**")),
        (2.0, None, ("", "2.00 (1.00 to 4.00)", "")),
        (None, 1.0, ("1.00", "not measured", "**no**")),
    ],
)
def test_a_target_that_is_missed_missing_or_not_measured(
    median: float | None, target: float | None, told: tuple[str, ...]
) -> None:
    _, row = targets([Python("3.11.2", [run("3.11.2", median, target=target)])])
    assert row[4:] == told


def test_runs_are_read_by_interpreter_the_oldest_first(tmp_path: Path) -> None:
    for name, version in (("a", "3.13.0"), ("b", "3.9.1"), ("c", "3.13.0")):
        (tmp_path / f"{name}.json").write_text(json.dumps(run(version, 1.0)), encoding="utf-8")
    assert [(python.version, len(python.runs)) for python in pythons(tmp_path)] == [
        ("3.9.1", 1),
        ("3.13.0", 2),
    ]


def marks(drawn: str) -> tuple[list[float], list[ElementTree.Element]]:
    root = ElementTree.fromstring(drawn)
    circles = [float(mark.attrib["cx"]) for mark in root.iter(f"{SVG}circle")]
    return circles, [*root.iter(f"{SVG}text")]


def test_the_plot_has_a_mark_for_each_run_left_of_the_line_where_it_is_met() -> None:
    circles, texts = marks(plot([Python("3.11.2", [run("3.11.2", 0.5), run("3.11.2", 2.0)])]))
    (line,) = (float(text.attrib["x"]) for text in texts if text.text == "1")
    _, met, missed = circles  # after that of the legend
    assert met < line < missed
    assert "P1  fast / a loop" in [text.text for text in texts]


def test_the_plot_that_is_kept_is_of_the_runs_that_are_kept() -> None:
    assert PLOT.read_text("utf-8") == plot(pythons(RUNS))
