"""What a queue counts and measures where something gives way, on a clock that the test moves."""

from __future__ import annotations

from itertools import islice

import pytest

from rxflow.kernel import Boundary, Context, Meter
from rxflow.protocol import DROP_INCOMING, DROP_OLDEST, FAIL, Offer, Overflow
from tests.kernel.test_giving_way import Turns
from tests.kernel.test_metering import Clock, own, queue


def told(overflow: Overflow) -> tuple[Clock, Boundary[int]]:
    """Make a queue of three, whose drops are told to somebody."""
    clock, context = Clock(), Context(lambda: None)
    context.meter = Meter(clock)
    boundary = Boundary[int](context, "queue", 3, overflow, on_drop=lambda item, reason: None)
    boundary.settle()
    return clock, boundary


@pytest.mark.parametrize(("overflow", "oldest"), [(DROP_OLDEST, 2.0), (DROP_INCOMING, 3.0)])
def test_the_oldest_item_is_the_one_that_did_not_give_way(
    overflow: Overflow, oldest: float
) -> None:
    """One item comes in each second; when the last one comes there is no room."""
    clock, boundary = told(overflow)
    for second in range(5):
        clock.seconds = second
        boundary.push(second)
        if second == 2:
            assert next(boundary.run()) == 0
    assert own(boundary).oldest_seconds == oldest


def test_items_are_measured_whatever_was_refused_before_and_behind_them() -> None:
    clock, boundary = told(DROP_INCOMING)
    for second in range(4):
        clock.seconds = second
        boundary.push(second)
    assert next(boundary.run()) == 0
    clock.seconds = 4
    boundary.push(4)
    clock.seconds = 6
    assert list(boundary.run()) == [1, 2, 4]
    figures = own(boundary)
    assert figures.dropped == {"incoming": 1}
    assert (figures.latency.count, figures.latency.sum) == (2, 3.0 + 2.0)


def test_what_comes_while_the_consumer_is_busy_with_the_last_item_is_held_from_then_on() -> None:
    clock, boundary = queue(FAIL)
    boundary.push(1)
    clock.seconds = 1
    assert list(boundary.run()) == [1]
    clock.seconds = 3
    boundary.push(2)
    clock.seconds = 7
    figures = own(boundary)
    assert (figures.blocked_seconds, figures.oldest_seconds) == (1.0 + 4.0, 4.0)
    assert list(boundary.run()) == [2]
    assert (own(boundary).latency.count, own(boundary).latency.sum) == (2, 5.0)


def test_a_queue_that_overflows_after_it_was_empty_gives_nothing_up_quietly() -> None:
    clock, boundary = queue(FAIL, 2)
    boundary.want(4)
    with boundary.starting():
        for item in range(3):
            assert boundary.push(item) is Offer.ENQUEUED
    clock.seconds = 1
    assert next(boundary.run()) == 0  # a slow one, so the next that comes is looked at
    assert boundary.push(3) is Offer.DROPPED
    assert boundary.closed
    assert list(boundary.run()) == [1, 2]
    assert own(boundary).dropped == {"overflow": 1}


def test_items_that_were_taken_are_told_from_those_that_were_discarded() -> None:
    _, boundary = queue(FAIL)
    for item in range(3):
        boundary.push(item)
    assert boundary.tally() == 0
    assert next(boundary.run()) == 0
    assert boundary.tally() == 1
    boundary.cancel()
    assert boundary.tally() == 1


def test_a_queue_is_looked_at_when_the_timed_item_is_taken_and_the_last_one() -> None:
    """The first one is timed, and then the one that comes behind it, since that was slow."""
    clock, boundary = queue(FAIL, 99)
    turns, taken = list[int](), list[int]()
    for item in range(9):
        boundary.push(item)
    clock.seconds = 1
    Turns(boundary, lambda: turns.append(len(taken)))
    taken += islice(boundary.run(), 3)
    for item in range(9, 20):
        boundary.push(item)
    assert turns[0] == 0
    turns.clear()
    for item in boundary.run():
        taken.append(item)
    assert taken == [*range(20)]
    assert turns == [9, 19]
    assert own(boundary).latency.count == 2
