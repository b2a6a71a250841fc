"""Figures in rows: what a part tells by its Layout, and the records that are put between."""

from __future__ import annotations

import pytest

from rxflow.kernel import NANOS, RECORD, Boundary, Context, Layout, Meter, Row, StageStatistics
from rxflow.kernel.latency import Histogram
from rxflow.kernel.rows import QUEUED, TIMES, unfold
from rxflow.protocol import FAIL
from tests.kernel.test_metering import SECOND, Clock


def test_a_layout_makes_a_record_of_what_is_told_and_of_nothing_else() -> None:
    layout, histogram = Layout("held", "peak", "latency"), Histogram()
    histogram.add(2 * NANOS)
    assert layout.fields == ("held", "peak", "latency")
    part = layout.record("part", (3, None, histogram))
    assert part == StageStatistics("part", held=3, latency=histogram.latency(), inputs=1)
    assert part.metered is True
    assert "peak" not in vars(part)
    assert layout.record("source", (3, 4, None), 0) == StageStatistics(
        "source", held=3, peak=4, inputs=0
    )


def test_records_that_are_put_into_a_row_are_given_the_times_of_their_edge() -> None:
    row, unknown = Row(), StageStatistics("unknown", held=3)
    known = StageStatistics("known", starved_seconds=9.0, metered=True)
    assert row.shared is False
    assert row.put_records([known, unknown], (10 * NANOS, 4 * NANOS), 2.5) == 4.0
    assert row.shape == ["known", RECORD, "unknown", RECORD]
    assert row.figures == [known, unknown]
    assert (known.starved_seconds, known.blocked_seconds) == (9.0, 0.0)
    assert unknown == StageStatistics("unknown", held=3, starved_seconds=4.0, blocked_seconds=3.5)
    assert unknown.metered is True
    assert row.shared is False


@pytest.mark.parametrize(("pulled", "working"), [(None, 0.0), (2.5, 2.5)])
def test_the_last_of_several_records_has_worked_while_it_was_pulled(
    pulled: float | None, working: float
) -> None:
    first, last = StageStatistics("first"), StageStatistics("last")
    Row().put_records([first, last], (10 * NANOS, 4 * NANOS), pulled, True)
    assert (first.working_seconds, last.working_seconds) == (0.0, working)


@pytest.mark.parametrize("parts", [[], [StageStatistics("part", metered=True)]])
def test_what_says_nothing_of_starving_was_not_starved(parts: list[StageStatistics]) -> None:
    assert Row().put_records(parts, (10 * NANOS, 4 * NANOS), 2.5, True) == 0.0


def test_a_row_says_that_others_tell_the_figures_of_one_of_its_parts_too() -> None:
    row = Row()
    row.put_records([StageStatistics("hub", shared=7), StageStatistics("outlet")], (0, 0))
    assert row.shared is True


def test_a_name_is_put_before_those_of_the_parts_from_its_place_on() -> None:
    shape = ["a", QUEUED, ("b", "c"), TIMES, "d", TIMES, "e", RECORD, "inner", 6, "f", TIMES]
    assert [*unfold(shape)] == [
        *(("a", QUEUED), ("b", TIMES), ("c", TIMES), ("d", TIMES)),
        *(("inner/e", RECORD), ("f", TIMES)),
    ]
    assert [*unfold([*shape, "outer", 2])] == [
        *(("a", QUEUED), ("outer/b", TIMES), ("outer/c", TIMES), ("outer/d", TIMES)),
        *(("outer/inner/e", RECORD), ("outer/f", TIMES)),
    ]


@pytest.mark.parametrize(("other", "starved"), [(False, 4.0), (True, 1.0)])
def test_a_queue_was_starved_as_its_own_edge_says(other: bool, starved: float) -> None:
    clock, context = Clock(), Context(lambda: None)
    context.meter = meter = Meter(clock)
    boundary = Boundary[int](context, "queue", 3, FAIL)
    boundary.settle()
    meter.starve()
    clock.seconds = 1
    meter.served()
    boundary.push(7)
    clock.seconds = 3
    row = Row()
    asked = Meter(clock) if other else meter
    assert boundary.row(row, asked, (9 * SECOND, 4 * SECOND)) == starved
    assert row.shape == ["queue", QUEUED]
    assert row.figures == [
        *(0, 1, 0, 1, 1, 3, None, 0),  # None: there is nothing to be said of drops
        *(0.0, 2.0, starved, 2.0, None),
    ]
