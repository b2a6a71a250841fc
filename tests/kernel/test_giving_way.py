"""What gives way in a full queue where nobody is told of it: mostly decided without the lock."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import pytest

from rxflow.kernel import Boundary, Context
from rxflow.kernel.counting import ATOMIC
from rxflow.protocol import DROP_INCOMING, DROP_NEWEST, DROP_OLDEST, Offer, Overflow
from tests.kernel.recorder import in_thread

PRODUCERS, EACH, CAPACITY = 3, 1_500, 4

STRATEGIES = pytest.mark.parametrize(
    ("overflow", "reason"),
    [(DROP_OLDEST, "oldest"), (DROP_NEWEST, "newest"), (DROP_INCOMING, "incoming")],
    ids=["oldest", "newest", "incoming"],
)


class Turns:
    """The lock of a boundary, of which the test hears each time that somebody is to take it."""

    def __init__(self, boundary: Any, before: Callable[[], object]) -> None:
        self._lock, boundary._lock = boundary._lock, self
        self._before = before
        self.release = self._lock.release

    def acquire(self) -> None:
        self._before()
        self._lock.acquire()

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


@pytest.fixture
def unlucky() -> Iterator[None]:
    """Have threads take turns as often as the interpreter lets them."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def _boundary(overflow: Overflow, discarded: list[Any] | None = None) -> Boundary[Any]:
    return Boundary(
        Context(lambda: None),
        "door",
        CAPACITY,
        overflow,
        on_discard=None if discarded is None else discarded.append,
    )


def _figures(boundary: Boundary[Any]) -> Any:
    [figures] = boundary.statistics()
    return figures


@STRATEGIES
@pytest.mark.usefixtures("unlucky")
def test_threads_that_push_at_once_lose_no_item_uncounted(overflow: Overflow, reason: str) -> None:
    boundary = _boundary(overflow)
    taken, most = [], 0

    def push(first: int) -> None:
        for item in range(first, first + EACH):
            boundary.push(item)

    joins = [in_thread(lambda at=at: push(at * EACH)) for at in range(PRODUCERS)]
    while sum(_figures(boundary).dropped.values()) + len(taken) < PRODUCERS * EACH - CAPACITY:
        most = max(most, _figures(boundary).held)
        taken += islice(boundary.run(), 2)
    for join in joins:
        join()
    held = list(islice(boundary.run(), CAPACITY + 1))
    figures = _figures(boundary)
    assert figures.received == PRODUCERS * EACH
    assert figures.delivered == len(taken) + len(held) == len({*taken, *held})
    assert figures.dropped == {reason: PRODUCERS * EACH - figures.delivered}
    assert max(most, figures.peak, len(held)) <= CAPACITY
    for at in range(PRODUCERS):  # each producer's items are in its order
        own = [item for item in taken + held if item // EACH == at]
        assert own == sorted(own)


@STRATEGIES
def test_nothing_is_replaced_when_it_is_over(overflow: Overflow, reason: str) -> None:
    discarded = list[Any]()
    boundary = _boundary(overflow, discarded)
    for item in range(CAPACITY + 1):
        boundary.push(item)
    boundary.complete()
    held = {"oldest": [1, 2, 3, 4], "newest": [0, 1, 2, 4], "incoming": [0, 1, 2, 3]}[reason]
    assert boundary.push("late") is Offer.CLOSED
    boundary.cancel()
    assert boundary.push("later") is Offer.CLOSED
    assert discarded == held
    figures = _figures(boundary)
    assert (figures.received, figures.dropped) == (CAPACITY + 1, {reason: 1})
    assert (figures.discarded, figures.delivered, figures.held) == (CAPACITY, 0, 0)


@STRATEGIES
def test_what_is_asked_for_in_a_call_of_the_source_gives_nothing_up(
    overflow: Overflow, reason: str
) -> None:
    boundary = _boundary(overflow)
    boundary.want(CAPACITY + 2)
    with boundary.starting():
        for item in range(CAPACITY + 2):
            assert boundary.push(item) is Offer.ENQUEUED
    assert _figures(boundary).dropped == {}
    assert list(boundary.run()) == [*range(CAPACITY + 2)]


def test_nothing_gives_way_to_an_item_for_which_there_is_room_by_then() -> None:
    """The consumer takes without the lock, here just after the queue was found to be full."""
    taken: list[int] = []

    class Raced(deque[int]):
        def __len__(self) -> int:
            found = super().__len__()
            if found == CAPACITY and not taken:
                taken.append(self.popleft())
            return found

    boundary = _boundary(DROP_OLDEST)
    boundary._queue = Raced()
    for item in range(CAPACITY + 1):
        assert boundary.push(item) is Offer.ENQUEUED
    assert (taken, list(boundary.run())) == ([0], [*range(1, CAPACITY + 1)])
    assert _figures(boundary).dropped == {}


def test_nothing_is_replaced_by_an_item_that_has_waited_for_the_lock_until_it_was_over() -> None:
    boundary = _boundary(DROP_OLDEST)
    for item in range(CAPACITY):
        boundary.push(item)
    others = [boundary.complete]  # somebody else is quicker
    Turns(boundary, lambda: others and others.pop()())
    assert boundary.push("late") is Offer.CLOSED
    figures = _figures(boundary)
    assert (figures.received, figures.dropped) == (CAPACITY, {})
    assert list(boundary.run()) == [*range(CAPACITY)]


@pytest.mark.skipif(not ATOMIC, reason="each operation needs the lock")
@STRATEGIES
def test_a_queue_that_stays_full_is_looked_at_once_at_most_however_often_it_was_empty(
    overflow: Overflow, reason: str
) -> None:
    boundary, turns = _boundary(overflow), list[None]()
    Turns(boundary, lambda: turns.append(None))
    for _ in range(2):
        for item in range(CAPACITY):
            boundary.push(item)
        boundary.push("the first one that finds it full")
        turns.clear()
        assert boundary.push("more") is (
            Offer.DROPPED if overflow is DROP_INCOMING else Offer.ENQUEUED
        )
        assert len(turns) == (overflow is DROP_OLDEST)
        assert len(list(boundary.run())) == CAPACITY
