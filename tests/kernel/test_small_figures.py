"""What a context, gates, a queue and a producer keep of time and of others."""

from __future__ import annotations

from threading import get_ident
from typing import Any

import pytest
import reactivex
from reactivex.testing import TestScheduler

from rxflow.kernel import (
    NANOS,
    Boundary,
    Context,
    LiftFeed,
    Limited,
    Limits,
    Meter,
    Rule,
    offer_blocking,
)
from rxflow.kernel.queues import One
from rxflow.protocol import BLOCK, DROP_INCOMING, FAIL, Offer
from rxflow.testing import run_virtual
from tests.kernel.hand import Hand
from tests.kernel.recorder import in_thread


def wake() -> None: ...


class Bounded(Limited, Boundary[Any]):
    """As a door has it."""


class Watched:
    """A queue that sees to the importance of its items, on a virtual clock."""

    def __init__(self, capacity: int = 2) -> None:
        self.clock = TestScheduler()
        self.queue = Bounded(
            Context(wake, self.clock),
            *("door", capacity, DROP_INCOMING),
            limits=Limits(priority=lambda item: item),
        )

    def push(self, at: float, item: int) -> Offer:
        self.clock.advance_to(at)
        return self.queue.push(item)

    def figures(self, at: float) -> tuple[float, float]:
        """Say for how long it was blocked, and how old the oldest is (seconds)."""
        self.clock.advance_to(at)
        [own] = self.queue.statistics()
        return own.blocked_seconds, own.oldest_seconds


def test_the_age_of_the_oldest_is_exact_whichever_have_left_before_it() -> None:
    watched = Watched(3)
    for at, item in ((2, 5), (3, 6), (9, 7)):
        assert watched.push(at, item) is Offer.ENQUEUED
    assert watched.figures(10) == (8.0, 8.0)
    run = watched.queue.run()
    assert next(run) == 5
    assert watched.figures(11) == (9.0, 8.0)
    assert next(run) == 6
    assert watched.figures(12) == (10.0, 3.0)
    assert [*run] == [7]
    assert watched.figures(14) == (10.0, 0.0)


def test_a_queue_that_keeps_nothing_is_not_blocked() -> None:
    watched = Watched(0)
    assert watched.push(1, 5) is Offer.DROPPED
    assert watched.figures(4) == (0.0, 0.0)


def test_few_items_that_are_taken_end_the_time_for_which_there_were_some() -> None:
    now = 0
    queue = Boundary[int](Context(wake, meter=Meter(lambda: now * NANOS)), "door", 4, FAIL)
    queue.settle()
    queue.push(1)
    queue.push(2)
    few = queue.few()
    assert few is not None
    now = 1
    assert next(few) == 1
    now = 3
    assert next(few) == 2
    now = 7
    [own] = queue.statistics()
    assert (own.blocked_seconds, own.latency.count, own.latency.sum) == (3.0, 1, 1.0)


def test_where_no_item_was_put_none_is_taken() -> None:
    one = One()
    assert [*one] == []
    one.item = None
    assert [*one] == [None]


def test_what_is_made_of_a_context_measures_by_the_same_clock() -> None:
    scheduler = TestScheduler()
    meter = Meter(lambda: 7)
    context = Context(wake, scheduler, meter=meter)
    before = context.waking(wake)
    assert before.meter is not meter
    assert before.meter.now is meter.now
    lap = context.lap()
    assert lap.scheduler is scheduler
    assert lap.meter.now is meter.now
    assert Context(wake, meter=meter).timed().meter is meter


def test_what_is_common_to_contexts_is_found_however_many_are_between() -> None:
    context = last = Context(wake)
    for _ in range(5000):
        last = last.waking(wake)
    assert last.tasks is context.tasks
    assert last.closing is context.closing


def test_the_figures_behind_all_gates_are_told() -> None:
    hands = [Hand("a", name="outer"), Hand("b", "c", name="inner")]

    def apply(source: Any) -> Any:
        return reactivex.merge(source, hands[1].flow)

    feed = LiftFeed(Context(wake), hands[0].make, apply, Rule(), "lifted")
    feed.start()
    assert [*feed.run()] == ["a", "b", "c"]
    assert [(part.name, part.delivered) for part in feed.statistics()] == [
        ("outer", 1),
        ("inner", 2),
        ("lifted", 3),
    ]


def test_a_thread_that_may_wait_is_known_and_another_one_is_looked_at() -> None:
    door = Boundary[int](Context(wake), "door", 9, BLOCK)
    for _ in range(2):
        in_thread(lambda: offer_blocking(door, 1))()
    assert offer_blocking(door, 2) is Offer.ENQUEUED
    assert door.pusher == get_ident()

    async def push() -> None:
        offer_blocking(door, 3)

    join = in_thread(lambda: run_virtual(push()))
    with pytest.raises(RuntimeError, match="would stop the loop"):
        join()
    assert door.pusher == get_ident()
    assert [*door.run()] == [1, 1, 2]
