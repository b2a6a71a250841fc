"""A single item for an idle consumer that pulls: taken without a run, counted like any other."""

from __future__ import annotations

from typing import Any

import pytest

from rxflow.kernel import (
    NOTHING,
    Boundary,
    Context,
    Hub,
    Limited,
    Limits,
    Outlet,
    Prefetched,
    State,
)
from rxflow.kernel.metering import Meter
from rxflow.protocol import (
    BLOCK,
    DROP_ALL,
    DROP_INCOMING,
    DROP_NEWEST,
    DROP_OLDEST,
    FAIL,
    SUSPEND,
    BufferOverflowError,
    Offer,
    Overflow,
)
from tests.kernel.clock import Clock


class Waiting:
    """An idle consumer that pulls."""

    def __init__(self, overflow: Overflow, capacity: int = 1, **options: Any) -> None:
        self.clock = Clock()
        self.woken = 0
        context = Context(self.wake, pulls=True)
        context.meter = Meter(self.clock)
        self.queue = Boundary[int](context, "queue", capacity, overflow, **options)
        assert self.queue.settle() is State.WAITING

    def wake(self) -> None:
        self.woken += 1

    def push(self, *items: int) -> list[Offer]:
        """Push items, a second after each other."""
        offers: list[Offer] = []
        for item in items:
            offers.append(self.queue.push(item))
            self.clock.seconds += 1
        return offers

    @property
    def figures(self) -> tuple[int, int, int, int, dict[str, int]]:
        """Say what came, was given, is held, was discarded and dropped."""
        [own] = self.queue.statistics()
        return own.received, own.delivered, own.held, own.discarded, own.dropped

    @property
    def times(self) -> tuple[float, float, int, float]:
        """Say for how long it was blocked, how old the oldest is, and the latency."""
        [own] = self.queue.statistics()
        return own.blocked_seconds, own.oldest_seconds, own.latency.count, own.latency.sum


QUIET = [DROP_OLDEST, DROP_NEWEST, DROP_INCOMING, DROP_ALL, FAIL]


@pytest.mark.parametrize("overflow", QUIET)
def test_it_is_taken_once_and_all_is_counted(overflow: Overflow) -> None:
    waiting = Waiting(overflow)
    assert waiting.queue.single() is NOTHING
    for number in range(3):
        assert waiting.push(number) == [Offer.ENQUEUED]
        assert waiting.woken == number + 1
        assert waiting.figures == (number + 1, number, 1, 0, {})
        assert waiting.times == (number + 1, 1.0, number, number)
        assert waiting.queue.single() == number
        assert waiting.queue.single() is NOTHING
        assert waiting.figures == (number + 1, number + 1, 0, 0, {})
        assert waiting.times == (number + 1, 0.0, number + 1, number + 1)
        assert waiting.queue.settle() is State.WAITING
    [own] = waiting.queue.statistics()
    assert own.peak == 1


def test_of_several_none_is_taken_so() -> None:
    waiting = Waiting(DROP_OLDEST, 2)
    waiting.push(1, 2)
    assert waiting.woken == 1
    assert waiting.queue.single() is NOTHING
    assert waiting.times == (2.0, 2.0, 0, 0.0)  # the first is still the one that is timed
    assert list(waiting.queue.run()) == [1, 2]
    assert waiting.times == (2.0, 0.0, 1, 2.0)
    assert waiting.figures == (2, 2, 0, 0, {})


@pytest.mark.parametrize(
    ("overflow", "left", "dropped", "oldest"),
    [
        (DROP_OLDEST, 3, {"oldest": 2}, 1.0),
        (DROP_NEWEST, 3, {"newest": 2}, 1.0),
        (DROP_INCOMING, 1, {"incoming": 2}, 3.0),
        (DROP_ALL, 3, {"all": 2}, 1.0),
    ],
)
def test_it_gives_way_before_it_is_taken_like_any_other(
    overflow: Overflow, left: int, dropped: dict[str, int], oldest: float
) -> None:
    waiting = Waiting(overflow)
    waiting.push(1, 2, 3)
    assert waiting.figures == (3, 0, 1, 0, dropped)
    assert waiting.times[:3] == (3.0, oldest, 0)
    assert waiting.queue.single() is NOTHING
    assert list(waiting.queue.run()) == [left]
    assert waiting.times[2:] == (1, oldest)
    assert waiting.queue.settle() is State.WAITING
    waiting.push(4)
    assert waiting.queue.single() == 4


def test_behind_it_an_overflow_fails() -> None:
    waiting = Waiting(FAIL)
    assert waiting.push(1, 2) == [Offer.ENQUEUED, Offer.DROPPED]
    assert list(waiting.queue.run()) == [1]
    with pytest.raises(BufferOverflowError):
        waiting.queue.settle()


def test_it_is_discarded_when_the_consumer_leaves() -> None:
    discarded: list[int] = []
    waiting = Waiting(DROP_OLDEST, on_discard=discarded.append)
    waiting.push(1)
    waiting.queue.cancel()
    assert waiting.queue.single() is NOTHING
    assert (discarded, waiting.figures) == ([1], (1, 0, 0, 1, {}))
    waiting.clock.seconds = 9
    assert waiting.times == (1.0, 0.0, 0, 0.0)


def test_it_is_taken_back_like_any_other() -> None:
    waiting = Waiting(DROP_OLDEST)
    waiting.push(1)
    assert waiting.queue.take_back("merged") == [1]
    assert waiting.queue.single() is NOTHING
    waiting.push(2)
    assert waiting.queue.single() is NOTHING  # the consumer was woken before, and looks
    assert list(waiting.queue.run()) == [2]
    assert waiting.times == (2.0, 0.0, 1, 1.0)
    assert waiting.figures == (2, 1, 0, 0, {"merged": 1})


@pytest.mark.parametrize("overflow", [DROP_OLDEST, DROP_INCOMING])
def test_what_is_lost_while_it_is_held_does_not_change_its_time(overflow: Overflow) -> None:
    waiting = Waiting(overflow, 3)
    waiting.push(1)
    waiting.queue.lose(0, "refused")
    waiting.push(2, 3)
    assert waiting.times == (3.0, 3.0, 0, 0.0)
    assert list(waiting.queue.run()) == [1, 2, 3]
    assert waiting.times == (3.0, 0.0, 1, 3.0)


def test_one_that_a_run_has_taken_is_timed_though_another_one_has_come_by_then() -> None:
    waiting = Waiting(DROP_OLDEST, 3)
    waiting.push(1)
    run = waiting.queue.run()
    assert next(run) == 1
    waiting.push(2)  # the consumer is busy with the first
    assert waiting.queue.single() is NOTHING
    assert waiting.times == (2.0, 1.0, 1, 1.0)
    assert list(run) == [2]
    assert waiting.times == (2.0, 0.0, 2, 2.0)


@pytest.mark.parametrize("overflow", [BLOCK, SUSPEND])
def test_where_producers_wait_for_room_a_run_tells_them(overflow: Overflow) -> None:
    waiting = Waiting(overflow)
    waiting.push(1)
    assert waiting.queue.single() is NOTHING
    assert list(waiting.queue.run()) == [1]


def test_who_looks_at_what_is_taken_is_not_passed_by() -> None:
    class Bounded(Limited, Boundary[Any]):
        """As a door has it."""

    context = Context(lambda: None, pulls=True)
    bounded = Bounded(context, "door", 4, DROP_OLDEST, limits=Limits(priority=lambda item: item))
    bounded.settle()
    bounded.push(1)
    assert bounded.single() is NOTHING
    assert list(bounded.run()) == [1]
    fetched = Prefetched(context, "fetched", 4, 3, lambda _: None)
    fetched.settle()
    fetched.push(1)
    assert fetched.single() is NOTHING
    outlet = Outlet(context, Hub("share", 4))
    outlet.settle()
    outlet.push(1)
    assert outlet.single() is NOTHING
