"""How long the stages of an island work, told in rows and in records, on a clock the test holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from rxflow.kernel import (
    NANOS,
    RECORD,
    Boundary,
    Context,
    Feed,
    Island,
    Meter,
    Plain,
    Row,
    Stage,
    StageStatistics,
    State,
    Times,
    unfold,
)
from rxflow.kernel.island import TIMED
from rxflow.kernel.metering import SAMPLED
from rxflow.kernel.rows import TIMES
from rxflow.protocol import FAIL
from tests.kernel.hand import Hand

Told = tuple[str, float, float, float]
"""A part, and how long it was starved, working and blocked (seconds)."""


class Time:
    """Passes only where something takes it.

    Attributes:
        now: Nanoseconds.
        costs: How long the source takes for an item, the first stage and the second (seconds).
    """

    def __init__(self, *costs: int) -> None:
        self.now = 0
        self.costs = costs
        self.context = Context(lambda: None, meter=Meter(lambda: self.now))

    def take(self, which: int) -> None:
        self.pass_by(self.costs[which])

    def pass_by(self, seconds: int) -> None:
        self.now += seconds * NANOS

    def island(self, source: Feed[Any], *stages: Stage) -> Island:
        made: list[Any] = [each if isinstance(each, Plain) else _maker(each) for each in stages]
        feed = Island(source, made, self.context)
        feed.start()
        return feed


def _maker(stage: Stage) -> Callable[[Context], Stage]:
    return lambda context: stage


class Slow(Hand):
    """Takes its time for each item."""

    def __init__(self, time: Time, *items: Any) -> None:
        super().__init__(*items)
        self.time = time

    def _items(self) -> Iterator[Any]:
        for item in super()._items():
            self.time.take(0)
            yield item


class Passing(Stage):
    """Passes items on, and tells what it was told to tell."""

    def __init__(self, *figures: StageStatistics, done: bool = False) -> None:
        self.figures = figures
        self.done = done

    def run(self, items: Iterator[Any]) -> Iterator[Any]:
        yield from items


class Telling(Passing):
    """Has figures of its own."""

    def statistics(self) -> Iterator[StageStatistics]:
        return iter(self.figures)


def working(time: Time, which: int, name: str = "") -> Plain:
    """Make a stage that takes its time for each item."""

    def work(item: Any) -> Any:
        time.take(which)
        return item

    stage = Plain(lambda items: map(work, items))
    stage.operator = name or ("", "first", "second")[which]
    return stage


def told(feed: Feed[Any], time: Time) -> list[Told]:
    """Read the times of all parts; records and rows, now and at the end, say the same of them."""
    records = [*feed.statistics()]
    row = Row()
    starved = feed.row(row, time.context.meter, time.context.meter.times())
    figures = iter(row.figures)
    by_row: list[Told] = []
    for name, layout in unfold(row.shape):
        if layout is RECORD:
            part: StageStatistics = next(figures)
        else:
            part = layout.record(name, [next(figures) for _ in layout.fields])
        by_row.append(_times(part))
        assert part.name == name
    assert [*figures] == []
    assert by_row == [*map(_times, records)] == [*map(_times, feed.record()())]
    assert starved == by_row[-1][1]
    return by_row


def _times(part: StageStatistics) -> Told:
    return part.name, part.starved_seconds, part.working_seconds, part.blocked_seconds


def test_where_all_is_timed_each_part_has_what_it_took() -> None:
    time = Time(1, 2, 4)
    feed = time.island(Slow(time, *range(5)), working(time, 1), working(time, 2))
    time.context.meter.starve()
    time.pass_by(10)
    time.context.meter.served()
    assert [*feed.run()] == [*range(5)]
    assert feed.settle() is State.WAITING
    assert told(feed, time) == [
        ("hand", 10, 0, 30),
        ("first", 15, 10, 20),
        ("second", 25, 20, 0),
    ]


def test_one_run_in_64_is_timed_and_stands_for_the_others() -> None:
    time = Time()
    source = Slow(time)
    feed = time.island(source, working(time, 1), working(time, 2))
    for number in range(SAMPLED + 2):
        time.costs = {0: (1, 2, 4), SAMPLED + 1: (3, 6, 12)}.get(number, (2, 4, 8))
        source.give(number)
        assert [*feed.run()] == [number]
        assert feed.settle() is State.WAITING
        assert feed.sample == 1 + (number > SAMPLED)
    assert told(feed, time) == [
        ("hand", 0, 0, 780),
        ("first", 130, 260, 520),
        ("second", 390, 520, 0),
    ]


def test_one_run_of_few_in_64_is_timed_and_stands_for_the_others() -> None:
    time = Time()
    source = Boundary[int](time.context, "door", 4, FAIL)
    feed = time.island(source, working(time, 1), working(time, 2))
    for number in range(SAMPLED + 2):
        time.costs = {0: (0, 2, 4), SAMPLED + 1: (0, 6, 12)}.get(number, (0, 20, 40))
        source.push(number)
        assert [*feed.run()] == [number]
        assert feed.settle() is State.WAITING
        assert feed.sample == 1 + (number > SAMPLED)
    door, *stages = told(feed, time)
    assert door[:3] == ("door", 0, 0)
    assert stages == [("first", 0, 260, 3544), ("second", 260, 520, 3024)]


@pytest.mark.parametrize("before", [[], [Passing()]], ids=["plain", "other"])
def test_of_a_long_run_the_first_items_are_timed_and_the_rest_is_of_the_same_run(
    before: list[Stage],
) -> None:
    time = Time(1, 2, 4)
    source = Slow(time, *range(TIMED + 8))
    feed = time.island(source, *before, working(time, 1), working(time, 2))
    items = list[int]()
    for item in feed.run():
        items.append(item)
        if item == TIMED - 1:
            time.costs = (3, 0, 0)
    assert items == [*range(TIMED + 8)]
    assert feed.settle() is State.WAITING
    assert (source.runs, source.settled, feed.sample) == (1, 1, TIMED)
    parts = [each for each in told(feed, time) if each[0] != "stage"]
    # Of 40 that are taken to be like the first 32.
    assert [(name, starved, worked) for name, starved, worked, _ in parts] == [
        ("hand", 0, 0),
        ("first", 40, 80),
        ("second", 120, 160),
    ]


def stopping(at: int) -> Plain:
    """Make a stage that takes for an end what a callback has raised, as ``map`` does."""
    return Plain(lambda items: iter(lambda: next(items), at))


@pytest.mark.parametrize("at", [TIMED - 1, TIMED + 2])
def test_a_false_end_is_found_with_the_last_item_that_is_timed_and_behind_it(at: int) -> None:
    time = Time(0)
    feed = time.island(Slow(time, *range(TIMED + 8)), stopping(at))
    assert [*feed.run()] == [*range(at)]
    with pytest.raises(RuntimeError, match="a callback of the pipeline raised StopIteration"):
        feed.settle()


def test_a_run_that_is_timed_asks_its_source_once_why_it_is_over() -> None:
    time = Time(0)
    source = Slow(time, *range(9))
    source.turn = 5
    feed = time.island(source, working(time, 0, "map"))
    assert [*feed.run()] == [*range(5)]
    assert feed.settle() is State.READY
    assert source.settled == 1


def test_time_that_a_source_takes_for_nothing_is_no_work_of_the_stages() -> None:
    class Empty(Hand):
        def _items(self) -> Iterator[Any]:
            time.pass_by(2)
            yield from super()._items()

    time = Time()
    feed = time.island(Empty(), Passing())
    assert [*feed.run()] == []
    assert feed.sample == 0
    assert told(feed, time) == [("hand", 0, 0, 2), ("stage", 0, 0, 2)]


def test_before_the_source_has_counted_an_item_nothing_is_estimated() -> None:
    class Late(Slow):
        """Counts what it gave at the end of a run."""

        counted = 0

        def tally(self) -> int:
            return self.counted

        def settle(self) -> State:
            self.counted = self.given
            return super().settle()

    time = Time(1, 2, 4)
    feed = time.island(Late(time, "a", "b"), working(time, 1), working(time, 2))
    run = feed.run()
    assert next(run) == "a"
    assert told(feed, time) == [("hand", 0, 0, 7), ("first", 0, 0, 7), ("second", 0, 0, 7)]
    assert [*run] == ["b"]
    assert told(feed, time) == [("hand", 0, 0, 12), ("first", 2, 4, 8), ("second", 6, 8, 0)]


def test_a_stage_with_figures_stands_among_those_without_in_its_place() -> None:
    time = Time(1, 2, 4)
    telling = Telling(StageStatistics("telling", held=3))
    feed = time.island(Slow(time, "a"), working(time, 1), telling, Passing(), working(time, 2))
    assert [*feed.run()] == ["a"]
    assert told(feed, time) == [
        ("hand", 0, 0, 6),
        ("first", 1, 2, 4),
        ("telling", 3, 0, 4),
        ("stage", 3, 0, 4),
        ("second", 3, 4, 0),
    ]
    row = Row()
    feed.row(row, time.context.meter, time.context.meter.times())
    names = ["hand", "first", "telling", "stage", "second"]
    layouts = [RECORD, TIMES, RECORD, TIMES, TIMES]
    assert [*unfold(row.shape)] == [*zip(names, layouts, strict=True)]
    assert [each.held for each in feed.statistics()] == [0, 0, 3, 0, 0]


def test_a_stage_that_counts_nothing_has_no_figures() -> None:
    assert [*Passing().statistics()] == []


def test_its_own_edge_is_measured_and_not_that_of_who_asks() -> None:
    class Asking(Hand):
        def row(self, row: Row, meter: Meter, times: Times, pulled: float | None = None) -> float:
            told.append((meter, times, pulled))
            return 0.0

    told: list[Any] = []
    time = Time(0)
    feed = time.island(Asking("a"), working(time, 0, "map"))
    assert [*feed.run()] == ["a"]
    time.pass_by(1)
    other = Meter(lambda: time.now)
    time.context.meter.starve()
    time.pass_by(2)
    row = Row()
    assert feed.row(row, other, other.times()) == 2.0
    assert row.figures == [2.0, 0.0, 1.0]
    feed.row(Row(), time.context.meter, (9 * NANOS, 5 * NANOS))
    assert told == [
        (time.context.meter, (3 * NANOS, 2 * NANOS), 0.0),
        (time.context.meter, (9 * NANOS, 5 * NANOS), 0.0),
    ]


@pytest.mark.parametrize("steady", [False, True])
def test_it_is_steady_as_its_source_is(steady: bool) -> None:
    source = Hand()
    source.steady = steady
    assert Time().island(source, Passing()).steady is steady


def test_a_stage_right_behind_one_that_releases_is_heard_to_be_done() -> None:
    class Releasing(Passing):
        releases = True

        def finish(self) -> list[str]:
            return ["released"]

    class Ending(Passing):
        """Is done with what it has, and looks for the end all the same."""

        def run(self, items: Iterator[Any]) -> Iterator[Any]:
            for item in items:
                self.done = True
                yield item

    feed = Time().island(Hand("a", ended=True), Releasing(), Ending())
    assert [*feed.run()] == ["a"]
    assert feed.settle() is State.ENDED
