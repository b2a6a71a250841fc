"""A queue that looks at its items: what it tells of itself, and whom it wakes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from reactivex.testing import TestScheduler

from rxflow.kernel import (
    BUDGET,
    Boundary,
    Context,
    Limited,
    Limits,
    State,
    offer_suspending,
)
from rxflow.protocol import (
    BLOCK,
    DROP_INCOMING,
    DROP_OLDEST,
    FAIL,
    SUSPEND,
    UNBOUNDED,
    BufferOverflowError,
    Offer,
    Overflow,
)
from rxflow.testing import run_virtual


class Bounded(Limited, Boundary[Any]):
    """As a door has it."""


class Kept:
    """A limited queue on a virtual clock.

    Attributes:
        wakes: How often its consumer was woken.
        drops: What was dropped, with the reasons.
    """

    def __init__(
        self,
        overflow: Overflow = DROP_OLDEST,
        capacity: int = 4,
        *,
        weight: Callable[[Any], Any] | None = None,
        ttl: float | None = None,
        priority: Callable[[Any], Any] | None = None,
    ) -> None:
        self.wakes = 0
        self.drops: list[tuple[Any, str]] = []
        self.clock = TestScheduler()
        self.queue = Bounded(
            Context(self._woken, self.clock),
            "door",
            capacity,
            overflow,
            on_drop=lambda item, reason: self.drops.append((item, reason)),
            limits=Limits(weight, ttl, priority),
        )

    def _woken(self) -> None:
        self.wakes += 1

    def push(self, *items: Any) -> list[Offer]:
        return [self.queue.push(item) for item in items]

    @property
    def figures(self) -> Any:
        [figures] = self.queue.statistics()
        return figures


async def turn() -> None:
    """Let the tasks that can go on do so."""
    for _ in range(5):
        await asyncio.sleep(0)


def test_whether_there_is_room_depends_on_the_item():
    kept = Kept(BLOCK, 4, weight=len)
    kept.push("aaa")
    assert kept.queue.full("b") is False
    assert kept.queue.full("bb") is True
    assert kept.queue.when_room(lambda: None, "b") is False
    assert kept.queue.when_room(lambda: None, "bb") is True


def test_only_what_is_bounded_by_weight_tells_its_weight():
    kept = Kept(weight=len)
    kept.push("aa", "b")
    assert kept.figures.weight == 3
    aging = Kept(ttl=9)
    aging.push("aa", "b")
    assert aging.figures.weight is None


def test_the_weight_of_a_part_before_it_is_none_of_its_own():
    class Behind(Boundary[Any]):
        def statistics(self) -> Any:
            yield from Boundary(Context(lambda: None), "before", 1, FAIL).statistics()
            yield from super().statistics()

    class LimitedBehind(Limited, Behind):
        pass

    queue = LimitedBehind(Context(lambda: None), "door", 4, FAIL, limits=Limits(weight=len))
    queue.push("aa")
    assert [(part.name, part.weight) for part in queue.statistics()] == [
        ("before", None),
        ("door", 2),
    ]


@pytest.mark.parametrize("overflow", [DROP_OLDEST, DROP_INCOMING, FAIL])
def test_what_is_too_heavy_is_received_dropped_and_refused(overflow: Overflow):
    kept = Kept(overflow, 4, weight=len)
    assert kept.push("aa", "bb") == [Offer.ENQUEUED] * 2
    assert kept.push("ccccc") == [Offer.DROPPED]
    assert (kept.figures.received, kept.figures.held) == (3, 2)
    assert kept.figures.dropped == {"too heavy": 1}
    assert kept.drops == [("ccccc", "too heavy")]
    assert list(kept.queue.run()) == ["aa", "bb"]
    assert kept.figures.delivered == 2


def test_what_is_too_heavy_fails_with_what_is_held_and_asked_for():
    kept = Kept(FAIL, 4, weight=len)
    kept.queue.want(3)
    kept.push("aa", "b", "ccccc")
    assert list(kept.queue.run()) == ["aa", "b"]
    with pytest.raises(BufferOverflowError) as raised:
        kept.queue.settle()
    error = raised.value
    assert (error.operator, error.capacity, error.held) == ("door", 4, 3)
    assert (error.requested, error.item) == (1, "ccccc")


def test_without_a_weight_an_overflow_tells_the_number_of_items():
    kept = Kept(FAIL, 2, ttl=9)
    assert kept.push("aa", "bb", "cc") == [Offer.ENQUEUED, Offer.ENQUEUED, Offer.DROPPED]
    assert list(kept.queue.run()) == ["aa", "bb"]
    with pytest.raises(BufferOverflowError, match="2 held, 0 requested, item 'cc'"):
        kept.queue.settle()


def test_what_gets_too_old_wakes_nobody_unless_only_the_end_is_left():
    kept = Kept(ttl=5)
    assert kept.queue.settle() is State.WAITING
    kept.push(1, 2)
    kept.clock.advance_to(3)
    kept.push(3)
    assert kept.wakes == 1  # for the first item
    kept.clock.advance_to(5)
    assert kept.drops == [(1, "expired"), (2, "expired")]
    assert kept.wakes == 1
    kept.clock.advance_to(20)
    assert kept.figures.held == 0
    assert kept.wakes == 1  # it is empty, and nothing is to be heard
    kept.push(4)
    kept.clock.advance_to(21)
    kept.push(5)
    kept.queue.complete()
    before = kept.wakes
    kept.clock.advance_to(25)
    assert kept.drops[-1] == (4, "expired")
    assert kept.wakes == before  # one is left before the end
    kept.clock.advance_to(26)
    assert kept.wakes == before + 1
    assert list(kept.queue.run()) == []
    assert kept.queue.settle() is State.ENDED


def test_what_goes_by_age_is_counted_each_time():
    kept = Kept(ttl=5)
    for begun in (0, 10, 20):
        kept.clock.advance_to(begun)
        kept.push("a", "b")
    kept.clock.advance_to(40)
    assert kept.figures.dropped == {"expired": 6}
    assert (kept.figures.received, kept.figures.held, kept.figures.delivered) == (6, 0, 0)


def test_a_run_takes_no_more_than_a_budget():
    kept = Kept(capacity=BUDGET + 5, weight=lambda item: 1)
    kept.push(*range(BUDGET + 5))
    assert list(kept.queue.run()) == list(range(BUDGET))
    assert kept.queue.settle() is State.READY
    assert list(kept.queue.run()) == [BUDGET + n for n in range(5)]


def test_one_in_eight_tells_how_long_it_was_held():
    kept = Kept(capacity=30, priority=lambda item: 1)
    for begun in range(20):
        kept.clock.advance_to(begun)
        kept.push(begun)
    taken = kept.queue.run()
    for number in range(20):
        kept.clock.advance_to(20 + 2 * number)
        assert next(taken) == number
    latency = kept.figures.latency
    assert latency.count == 3  # the first, the ninth and the seventeenth
    assert latency.sum == (20 - 0) + (36 - 8) + (52 - 16)


def test_it_holds_nothing_from_when_its_last_item_is_taken():
    kept = Kept(capacity=3, priority=lambda item: 1)
    kept.push("a", "b")
    taken = kept.queue.run()
    kept.clock.advance_to(2)
    assert next(taken) == "a"
    kept.clock.advance_to(5)
    assert kept.figures.blocked_seconds == 5
    assert next(taken) == "b"
    kept.clock.advance_to(9)
    assert kept.figures.blocked_seconds == 5


def test_the_most_that_was_held_is_known_of_a_queue_with_priorities():
    kept = Kept(capacity=3, priority=abs)
    assert kept.push(5, 1) == [Offer.ENQUEUED] * 2
    assert (kept.figures.peak, kept.figures.held) == (2, 2)
    kept.push(7, 3, 4)
    assert (kept.figures.peak, kept.figures.held) == (3, 3)
    assert kept.drops == [(1, "shed"), (3, "shed")]
    assert kept.figures.dropped == {"shed": 2}
    assert kept.push(0) == [Offer.DROPPED]
    assert kept.push(9) == [Offer.ENQUEUED]
    assert list(kept.queue.run()) == [5, 7, 9]
    assert kept.figures.delivered == 3


def test_an_item_as_heavy_as_the_capacity_is_held_alone():
    kept = Kept(DROP_OLDEST, 4, weight=len)
    kept.push("a", "bb", "cccc")
    assert kept.drops == [("a", "oldest"), ("bb", "oldest")]
    assert (kept.figures.held, kept.figures.weight) == (1, 4)
    assert kept.queue.full("") is False


def test_with_a_weight_and_a_priority_the_least_important_makes_room():
    kept = Kept(capacity=4, weight=len, priority=len)
    assert kept.push("aa", "b", "c") == [Offer.ENQUEUED] * 3
    assert kept.drops == []
    kept.push("dd")
    assert kept.drops == [("b", "shed")]
    assert kept.push("too heavy") == [Offer.DROPPED]
    assert kept.drops[1:] == [("too heavy", "too heavy")]


def test_nothing_is_taken_after_the_end_and_no_function_is_called():
    called: list[Any] = []
    kept = Kept(weight=lambda item: called.append(item) or 1)
    kept.queue.complete()
    assert kept.push("late") == [Offer.CLOSED]
    assert called == []
    assert kept.figures.received == 0


@pytest.mark.parametrize(
    ("weight", "error", "message"),
    [
        (lambda item: "heavy", TypeError, "must be a number, not 'heavy'"),
        (lambda item: float("nan"), TypeError, "must be a number, not nan"),
        (lambda item: -1, ValueError, "is negative: -1"),
    ],
)
def test_a_weight_that_is_none_names_the_operator(weight: Any, error: type, message: str):
    kept = Kept(weight=weight)
    assert kept.push("item") == [Offer.DROPPED]
    assert kept.drops == [("item", "refused")]
    with pytest.raises(error) as raised:
        kept.queue.settle()
    assert str(raised.value) == f"door: the weight of an item {message}"


def test_a_priority_that_is_none_says_that_it_is_the_priority():
    kept = Kept(priority=lambda item: None)
    assert kept.push("item") == [Offer.DROPPED]
    with pytest.raises(TypeError) as raised:
        kept.queue.settle()
    assert str(raised.value) == "door: the priority of an item must be a number, not None"


def test_an_interrupt_of_a_function_reaches_who_pushes_and_fails_the_stream():
    def interrupted(item: Any) -> int:
        raise KeyboardInterrupt("weight")

    kept = Kept(weight=interrupted)
    with pytest.raises(KeyboardInterrupt, match="weight"):
        kept.push("item")
    assert kept.drops == [("item", "refused")]
    with pytest.raises(RuntimeError) as raised:
        kept.queue.settle()
    assert str(raised.value) == "door: a callback ended with KeyboardInterrupt('weight')"
    assert kept.push("next") == [Offer.CLOSED]


def test_what_is_asked_for_is_no_part_of_the_weight_while_the_source_starts():
    kept = Kept(FAIL, 4, weight=len)
    kept.queue.want(2)
    with kept.queue.starting():
        assert kept.push("aaaa", "bbbb", "cccc") == [Offer.ENQUEUED] * 3
        assert kept.queue.full("d") is True
    assert list(kept.queue.run()) == ["aaaa", "bbbb", "cccc"]


def test_demand_that_a_busy_consumer_has_not_met_makes_no_room_otherwise():
    kept = Kept(DROP_INCOMING, 4, weight=len)
    kept.queue.want(2)
    assert kept.push("aaaa", "b") == [Offer.ENQUEUED, Offer.DROPPED]


def test_all_that_is_held_is_taken_back_unpacked():
    kept = Kept(weight=len)
    kept.push("aa", "b")
    assert kept.queue.take_back("elsewhere") == ["aa", "b"]
    assert kept.figures.dropped == {"elsewhere": 2}
    assert kept.figures.weight == 0


def test_demand_without_bound_is_counted_as_such():
    kept = Kept(FAIL, 1, weight=len)
    kept.queue.want(UNBOUNDED)
    assert kept.queue.requested == UNBOUNDED
    assert kept.figures.requested == UNBOUNDED


def test_a_task_waits_for_the_room_that_its_own_item_needs():
    async def main() -> None:
        kept = Kept(SUSPEND, 4, weight=len)
        kept.push("aa", "b")
        light = asyncio.ensure_future(offer_suspending(kept.queue, "c"))
        heavy = asyncio.ensure_future(offer_suspending(kept.queue, "ddd"))
        await turn()
        assert (light.done(), heavy.done()) == (True, False)
        run = kept.queue.run()
        assert next(run) == "aa"
        await turn()
        assert not heavy.done()  # 2 are free
        assert next(run) == "b"
        await turn()
        assert await heavy is Offer.ENQUEUED
        assert list(run) == ["c", "ddd"]

    run_virtual(main())
