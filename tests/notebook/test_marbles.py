"""The marble diagram: its lanes by elements and numbers, and that nothing covers anything."""

from __future__ import annotations

import re
from itertools import combinations
from typing import Any

import pytest

import rxflow as rx
from rxflow import operators as ops
from rxflow.notebook import Recorder, Recording, record
from rxflow.notebook.marbles import PLOT, marbles, pills, summary
from rxflow.notebook.recording import Level, Mark
from tests.support_svg import assert_clear, boxes, elements, parsed, texts, tips

DIAGRAM = """
    request  1-------2------1---
    source   -a-b-c-d-----e---|
"""
ODD: list[Any] = [
    None,
    "x" * 500,
    "<b>&\"'</b>",
    "]]><!--",
    "日本語のとても長いテキスト",
    "\x00\x1b[31m\ud800\uffff",
    "e\N{COMBINING ACUTE ACCENT}\N{RIGHT-TO-LEFT OVERRIDE}abc",
    "\N{FAMILY}",
    [1, [2, [3]]],
    float("nan"),
]


def drop_oldest() -> Recorder:
    return record(
        lambda source: source.pipe(ops.on_backpressure_buffer(2, overflow=rx.DROP_OLDEST)),
        DIAGRAM,
    )


def recording(
    items: list[Any], *, seconds: float = 10.0, held: tuple[Level, ...] = (), name: str = "source"
) -> Recording:
    step = seconds / max(1, len(items))
    marks = tuple(Mark(n * step, "item", repr(item)) for n, item in enumerate(items))
    return Recording(
        seconds=seconds,
        requests=tuple(Mark(mark.at, "request", count=1) for mark in marks),
        sources={name: marks},
        output=(*marks, Mark(seconds, "completed")),
        drops={"oldest": marks},
        held=held,
        blocked=(),
        starved=(),
        missed=0,
    )


def test_it_has_a_lane_for_each_thing() -> None:
    svg = drop_oldest()._repr_svg_()
    shown = texts(svg)
    lanes = ["request", "source", "dropped: oldest", "on_backpressure_buffer", "blocked", "starved"]
    places = [shown.index(lane) for lane in (*lanes, "output")]
    assert places == sorted(places)
    assert_clear(svg)


def test_items_requests_and_drops_are_at_their_time() -> None:
    svg = drop_oldest()._repr_svg_()
    at = {
        element.text: float(element.get("x", ""))
        for element in elements(svg, "text")
        if element.get("text-anchor") == "middle"
    }
    second = (at["15 s"] - at["0 s"]) / 15
    for text, time in {"b": 3, "e": 15, "+2": 8, f"{chr(215)}1": 7}.items():
        assert at[text] == pytest.approx(at["0 s"] + time * second, abs=0.11), text


def test_each_kind_has_a_shape_of_its_own() -> None:
    svg = drop_oldest()._repr_svg_()
    assert len(elements(svg, "polygon")) == 3  # requests
    rects = elements(svg, "rect")
    dashed = [each for each in rects if each.get("stroke-dasharray") == "3 2"]
    round_ = [each for each in rects if each.get("rx")]
    assert len(dashed) == 1  # drops
    assert len(round_) == 5 + 3  # sources, and the output, where c and d come at one time


def test_the_area_of_what_is_held_reaches_its_capacity_line() -> None:
    svg = drop_oldest()._repr_svg_()
    [line] = [each for each in elements(svg, "line") if each.get("stroke-dasharray") == "6 4"]
    [area] = [each for each in elements(svg, "path") if " V" in each.get("d", "")]
    highest = min(float(number) for number in re.findall(r"V([\d.]+)", area.get("d", "")))
    assert highest == float(line.get("y1", ""))
    assert "held, peak 2 of 2" in texts(svg)


def test_a_capacity_that_is_far_off_is_told_and_not_drawn() -> None:
    level = Level("buffer", 1_000_000, ((0.0, 0), (1.0, 3), (2.0, 1)))
    svg = marbles(recording([1, 2], held=(level,)))
    assert not [each for each in elements(svg, "line") if each.get("stroke-dasharray") == "6 4"]
    assert "held, peak 3 of 1,000,000" in texts(svg)


def test_a_text_tells_the_same() -> None:
    recorder = drop_oldest()
    title, desc = (child.text for child in list(parsed(recorder._repr_svg_()))[:2])
    assert title == "Marble diagram of a recorded run"
    assert desc == summary(recorder.recording())
    assert desc.startswith("In 17 s: 5 came in, 4 requested, 4 came out, 1 dropped (oldest), ")
    assert "blocked for 7 s, starved for 1 s, completed." in desc
    lines = repr(recorder).splitlines()
    assert lines[0] == desc
    assert [line.split()[0] for line in lines[1:]] == ["request", "source", "dropped:", "output"]


@pytest.mark.parametrize("item", ODD, ids=ascii)
def test_odd_items_are_shown_in_valid_xml(item: Any) -> None:
    recorder = Recorder()
    source = rx.of(item, item).pipe(recorder.source(str(item)))
    assert len(list(source.pipe(recorder))) == 2
    assert_clear(recorder._repr_svg_())
    assert repr(recorder)


@pytest.mark.parametrize("count", [0, 1, 2, 12, 40, 41, 1000, 20_000])
@pytest.mark.parametrize("odd", [False, True])
def test_labels_do_not_overlap(count: int, odd: bool) -> None:
    items = [ODD[n % len(ODD)] if odd else n for n in range(count)]
    level = Level("a part with a name that is much too long", 3, ((0.0, 0), (1.0, 3)))
    svg = marbles(recording(items, held=(level,), name="a source with quite a long name"))
    assert_clear(svg)


def test_many_items_are_thinned_and_the_rest_is_counted() -> None:
    svg = marbles(recording(list(range(1000))))
    shown = texts(svg)
    counted = [int(text[1:]) for text in shown if re.fullmatch(f"{chr(215)}\\d+", text)]
    assert sum(counted) == 2000 + 1000  # source and output, and the drops
    assert (
        "source: 1,000 of 1,000 are too close together to be shown; \N{MULTIPLICATION SIGN}n"
        in [text.removesuffix(" counts them.") for text in shown]
    )
    assert len(svg) < 60_000


def test_each_item_that_is_not_shown_can_be_pointed_at() -> None:
    level = tips(marbles(recording(list(range(1000)))))
    assert any(tip.startswith("0 s: 0; 0.01 s: 1; ") and "more" in tip for tip in level)


def test_pills_are_joined_where_they_would_cover_each_other() -> None:
    marks = [Mark(at, "item", text) for at, text in ((0, "1"), (0, "2"), (5, "3"), (5.1, "4"))]
    made = pills(marks, lambda at: at * 100, (-50, 1000))
    assert [pill.text for pill in made] == ["1 2", "3 4"]
    assert [pill.middle for pill in made] == [0, 505]


def shapes(svg: str) -> list[tuple[float, float, float, float]]:
    """Give where the pills are: left, top, right, bottom."""
    found: list[tuple[float, float, float, float]] = []
    for each in elements(svg, "rect"):
        if each.get("height") == "20":
            left, top, broad = (float(each.get(name, "0")) for name in ("x", "y", "width"))
            found.append((left, top, left + broad, top + 20))
    for each in elements(svg, "polygon"):
        points = [tuple(map(float, point.split(","))) for point in each.get("points", "").split()]
        xs, ys = zip(*points, strict=True)
        found.append((min(xs), min(ys), max(xs), max(ys)))
    return found


def assert_in_lanes(svg: str) -> None:
    """Assert that no pill leaves its lane, covers another one or a text that is not its own."""
    found = shapes(svg)
    axis = max(elements(svg, "line"), key=lambda line: float(line.get("y1", "0")))
    baseline = float(axis.get("y1", "0"))
    (left, right) = min(
        (float(line.get("x1", "0")), float(line.get("x2", "0")))
        for line in elements(svg, "line")
        if float(line.get("y1", "0")) == float(line.get("y2", "0")) == baseline - 5
        or float(line.get("x2", "0")) - float(line.get("x1", "0")) == pytest.approx(PLOT, abs=0.2)
    )
    for one in found:
        assert left - 0.2 <= one[0] < one[2] <= right + 0.2, (left, one, right)
    for one, other in combinations(found, 2):
        apart = one[2] < other[0] or other[2] < one[0] or one[3] < other[1] or other[3] < one[1]
        assert apart, (one, other)
    for text, box in boxes(svg):
        for one in found:
            within = one[0] <= box.left and box.right <= one[2]
            apart = box.right <= one[0] or one[2] <= box.left
            apart = apart or box.bottom <= one[1] or one[3] <= box.top
            assert within or apart, (text, box, one)


@pytest.mark.parametrize("count", [1, 2, 3, 12, 40, 41, 1000])
@pytest.mark.parametrize("text", ["a", "a text that is longer than there is room for"])
def test_no_pill_leaves_its_lane_or_covers_another_one(count: int, text: str) -> None:
    svg = marbles(recording([f"{text} {n}" for n in range(count)]))
    assert shapes(svg)
    assert_in_lanes(svg)


@pytest.mark.parametrize("at", [0.0, 10.0])
def test_a_long_text_at_an_end_of_the_lane_is_moved_into_it(at: float) -> None:
    marks = (Mark(at, "item", repr("x" * 40)),)
    made = Recording(10.0, (), {"source": marks}, marks, {}, (), (), (), 0)
    svg = marbles(made)
    assert_in_lanes(svg)
    (left, _, right, _), *_ = shapes(svg)
    ticks = [float(each.get("x1", "")) for each in elements(svg, "line")]
    assert (left == pytest.approx(min(ticks), abs=0.2)) == (at == 0.0)
    assert right - left > 60


def test_the_bins_of_many_items_are_equally_broad_up_to_the_end() -> None:
    marks = [Mark(n / 100, "item", "1") for n in range(1300)]
    made = pills(marks, lambda at: at * 10, (0, 130))
    assert [pill.count for pill in made] == [650, 650]
    assert [pill.middle for pill in made] == [32.5, 97.5]
    made = pills([*marks, Mark(13.0, "item", "1")], lambda at: at * 10, (0, 130))
    assert [pill.count for pill in made] == [650, 651]


def test_drops_whose_items_are_not_known_are_counted() -> None:
    marks = [Mark(at, "drop", count=count) for at, count in ((0.0, 1), (0.1, 2), (9.0, 1))]
    made = pills(marks, lambda at: at * 100, (-50, 1000))
    assert [pill.text for pill in made] == [f"{chr(215)}3", f"{chr(215)}1"]
    assert not any(pill.counts for pill in made)  # there is nothing that is not shown


def test_what_comes_at_one_time_is_one_pill_and_joins_no_neighbour() -> None:
    wide = "a long name"
    marks = [Mark(at, "item", wide) for at in (0.0, 4.0, 4.0, 4.0)]
    made = pills(marks, lambda at: at * 25, (-12, 1000))
    assert [pill.count for pill in made] == [1, 3]  # one by one they would reach the first
    assert made[0].middle - made[0].half == -12
    assert made[1].middle == 100


def test_what_was_not_kept_is_told() -> None:
    recorder = Recorder(limit=5)
    assert len(list(rx.range(100).pipe(recorder))) == 100
    missed = recorder.recording().missed
    assert f"{missed:,} more signals were not kept." in texts(recorder._repr_svg_())


def test_ends_are_drawn_and_told() -> None:
    failed = record(
        lambda source: source.pipe(ops.on_backpressure_buffer(2)), "request u\nsource  -aX"
    )
    assert "output: failed: Exception('error') at 2 s." in texts(failed._repr_svg_())
    assert "failed with Exception('error')" in repr(failed)
    left = record(
        lambda source: source.pipe(ops.on_backpressure_buffer(2)), "request u-x\nsource  -a-b"
    )
    assert "request: cancelled at 2 s." in texts(left._repr_svg_())


def test_the_same_run_gives_the_same_picture() -> None:
    assert drop_oldest()._repr_svg_() == drop_oldest()._repr_svg_()


def test_nothing_recorded_is_a_picture_too() -> None:
    assert_clear(Recorder()._repr_svg_())
    assert repr(Recorder()).startswith("In 0 s: 0 requested, 0 came out")


def test_it_is_no_broader_than_a_page() -> None:
    _, _, broad, _ = map(float, parsed(drop_oldest()._repr_svg_()).get("viewBox", "").split())
    assert PLOT < broad < 1000
