"""The Feed of an iterator, and that of a failure."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from typing import Any

import pytest

from rxflow.kernel import (
    BUDGET,
    NANOS,
    Failed,
    Ledger,
    Meter,
    Pulled,
    Row,
    StageStatistics,
    State,
    close,
    feed_of,
    used_up,
)
from tests.kernel.recorder import dropped_errors
from tests.support import counted

SIZED: list[Callable[[], Iterable[Any]]] = [
    lambda: [1, 2],
    lambda: (1, 2),
    lambda: range(1, 3),
    lambda: "12",
    lambda: b"12",
    lambda: {1: 0, 2: 0},
    lambda: {0: 1, 3: 2}.values(),
    lambda: {0: 1, 3: 2}.items(),
    lambda: {1, 2},
]
EACH = pytest.mark.parametrize("make", SIZED, ids=lambda make: type(make()).__name__)


@EACH
def test_the_last_item_of_a_builtin_is_known_to_be_the_last(make: Callable[[], Iterable[Any]]):
    iterator = iter(make())
    assert not used_up(iterator)
    next(iterator)
    assert not used_up(iterator)
    next(iterator)
    assert used_up(iterator)


@EACH
def test_the_end_of_a_builtin_needs_no_further_step(make: Callable[[], Iterable[Any]]):
    feed = Pulled(iter(make()))
    run = feed.run()
    next(run)
    assert not feed.ending()
    assert feed.settle() is State.READY
    next(run)
    assert feed.ending()
    assert feed.settle() is State.ENDED


def test_any_other_iterator_is_asked_when_there_is_demand_and_not_before():
    source = counted([1])
    assert not used_up(source)
    feed = Pulled(source)
    assert not feed.ending()
    assert next(feed.run()) == 1
    assert not feed.ending()
    assert feed.settle() is State.READY
    assert source.asked == 1
    assert list(feed.run()) == []
    assert feed.ending()
    assert feed.settle() is State.ENDED
    assert not used_up(source)  # that would be a guess


def test_a_run_takes_a_budget_and_the_next_goes_on_behind_it():
    feed = Pulled(count())
    assert list(feed.run()) == list(range(BUDGET))
    assert feed.settle() is State.READY
    assert next(feed.run()) == BUDGET


def test_cancel_closes_what_can_be_closed_and_nothing_comes_any_more():
    source = counted(count())
    feed = Pulled(source)
    assert next(feed.run()) == 0
    feed.cancel()
    assert list(feed.run()) == []
    assert (source.closed, source.asked) == (1, 1)
    Pulled(iter([1])).cancel()  # it has nothing to close


def test_what_a_close_raises_is_reported():
    def source() -> Iterator[int]:
        try:
            yield 1
        finally:
            raise OSError("cannot close")

    iterator = source()
    next(iterator)
    with dropped_errors() as dropped:
        close(iterator)
        close(None)
    assert [str(error) for error in dropped] == ["cannot close"]


def test_a_failure_needs_no_demand_and_keeps_no_frames_of_the_last_time():
    error = OSError("cut")
    feed = Failed(error)
    assert feed.ending() is True
    assert list(feed.run()) == []
    depths: list[int] = []
    for _ in range(3):
        with pytest.raises(OSError, match="cut") as raised:
            feed.settle()
        assert raised.value is error
        depths.append(len(traceback.extract_tb(error.__traceback__)))
    assert len(set(depths)) == 1
    feed.cancel()


@pytest.mark.parametrize(
    ("life", "starved", "pulled", "blocked", "worked"),
    [
        (10, 4, 2.5, 3.5, 2.5),
        (10, 4, None, 6.0, 0.0),
        (10, 0, 0.0, 10.0, 0.0),
        (4, 4, 1.0, 0.0, 1.0),
    ],
)
def test_a_row_has_what_a_function_gave_and_how_long_it_took(
    life: int, starved: int, pulled: float | None, blocked: float, worked: float
) -> None:
    feed = Pulled(iter(item for item in "abc"), "generate")
    assert next(feed.run()) == "a"
    row = Row()
    row.shape += ("before", None)
    given = feed.row(row, Meter(lambda: 0), (life * NANOS, starved * NANOS), pulled)
    assert given == starved
    assert [*row.shape[:1], row.shape[2]] == ["before", "generate"]
    assert [*row.figures] == [1, 1, starved, blocked, worked]


def test_what_a_builtin_gives_is_no_work_of_a_function() -> None:
    row = Row()
    Pulled(iter("abc")).row(row, Meter(lambda: 0), (10 * NANOS, 4 * NANOS), 2.5)
    assert [*row.figures] == [0, 0, 4.0, 3.5, 0.0]


def test_a_failure_tells_that_it_gave_nothing() -> None:
    feed, ledger, clock = Failed(OSError("it")), Ledger(), iter((0, 5 * NANOS, 9 * NANOS))
    assert [*feed.statistics()] == [StageStatistics("throw", inputs=0)]
    meter = Meter(lambda: next(clock))
    meter.starve()
    feed.note(ledger, meter)
    assert [*ledger] == [
        StageStatistics("throw", starved_seconds=4.0, blocked_seconds=5.0, inputs=0)
    ]


def test_a_range_is_given_in_parts_of_a_budget_and_counted_by_what_was_taken():
    numbers = range(10, 10 + 2 * (BUDGET + 1), 2)
    feed = feed_of(numbers, "range")
    assert (feed.tally(), feed.ending()) == (0, False)
    first = feed.run()
    assert [next(first), next(first)] == [10, 12]
    assert feed.tally() == 2
    again = feed.run()  # a run that was left in the middle is taken up
    assert next(again) == 14
    assert [*first] == [*numbers[3:BUDGET]]
    assert (feed.tally(), feed.ending(), feed.settle()) == (BUDGET, False, State.READY)
    assert [*feed.run()] == [numbers[-1]]
    assert (feed.tally(), feed.ending(), feed.settle()) == (BUDGET + 1, True, State.ENDED)
    assert [*feed.run()] == []
    assert [*feed.statistics()] == [
        StageStatistics("range", received=BUDGET + 1, delivered=BUDGET + 1, inputs=0)
    ]


@pytest.mark.parametrize(
    "numbers", [range(0), range(5, 1), range(3, 0, -1), range(10**30, 10**30 + 3)]
)
def test_any_range_is_given_whole_and_its_end_needs_no_step(numbers: range):
    feed = feed_of(numbers)
    for number in numbers:
        assert not feed.ending()
        assert next(feed.run()) == number
    assert feed.ending()
    assert feed.tally() == len(numbers)


def test_a_range_that_is_cancelled_gives_no_other_part():
    feed = feed_of(range(3 * BUDGET))
    assert next(feed.run()) == 0
    feed.cancel()
    assert [*feed.run()] == [*range(1, BUDGET)]
    assert [*feed.run()] == []
    assert feed.tally() == BUDGET
