"""shed: who goes first, in which order the others are delivered, and what the priority may be."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

import rxflow as rx
from rxflow import operators as ops
from rxflow.testing import TestSubscriber
from tests.support_doors import Opened


def shedding(capacity: float = 3, **options: Any) -> Opened:
    options.setdefault("priority", lambda item: item[0])
    return Opened(ops.shed, capacity, **options)


def test_capacity_3_holds_3_and_the_least_important_goes_first() -> None:
    door = shedding(3)
    door.push((5, "a"), (1, "b"), (9, "c"))
    assert door.drops == []
    door.push((7, "d"))
    assert door.drops == [((1, "b"), "shed")]
    door.push((2, "e"))
    assert door.drops[1:] == [((2, "e"), "shed")]  # the incoming one may be the least important
    door.push((9, "f"))
    assert door.drops[2:] == [((5, "a"), "shed")]
    figures = door.figures
    assert (figures.held, figures.peak, figures.capacity) == (3, 3, 3)
    assert figures.dropped == {"shed": 3}


def test_what_is_left_is_delivered_in_the_order_in_which_it_came() -> None:
    door = shedding(4)
    door.push(*((priority, n) for n, priority in enumerate([3, 9, 1, 7, 5, 8, 2])))
    assert door.take_all() == [(9, 1), (7, 3), (5, 4), (8, 5)]


def test_of_equals_the_oldest_goes() -> None:
    door = shedding(2)
    door.push((1, "a"), (1, "b"), (1, "c"), (1, "d"))
    assert [item for item, _ in door.drops] == [(1, "a"), (1, "b")]
    assert door.take_all() == [(1, "c"), (1, "d")]


def test_what_is_asked_for_is_delivered_however_unimportant() -> None:
    door = shedding(2, demand=3)
    door.push(*((-n, n) for n in range(5)))
    assert [n for _, n in door.probe.items] == [0, 1, 2]
    assert door.drops == []
    door.push((5, 5))
    assert door.drops == [((-4, 4), "shed")]


def test_items_that_were_taken_are_no_longer_compared() -> None:
    door = shedding(2)
    door.push((1, "a"), (2, "b"))
    door.probe.request(1)
    door.push((3, "c"), (4, "d"))
    assert door.probe.items == [(1, "a")]
    assert door.drops == [((2, "b"), "shed")]


@pytest.mark.parametrize("seed", range(10))
def test_it_is_the_same_as_a_search_through_all_that_is_held(seed: int) -> None:
    chance = Random(seed)
    capacity = chance.randint(1, 6)
    door = shedding(capacity)
    model: list[tuple[int, int]] = []
    gone: list[tuple[int, int]] = []
    taken: list[tuple[int, int]] = []
    for n in range(400):
        if chance.random() < 0.3:
            # Nothing is asked for beyond what is held: else it would pass at once.
            asked = min(chance.randint(1, 2), len(model))
            if asked:
                door.probe.request(asked)
                taken += model[:asked]
                del model[:asked]
            continue
        item = (chance.randint(0, 4), n)
        door.push(item)
        model.append(item)
        if len(model) > capacity:
            least = min(model)
            model.remove(least)
            gone.append(least)
    assert door.probe.items == taken
    assert [item for item, _ in door.drops] == gone
    assert door.figures.peak <= capacity
    assert door.take_all() == model


def test_a_long_overload_does_not_leave_anything_behind() -> None:
    """The trap: what is noted of an item that has left must not stay for ever."""
    door = shedding(3)
    for n in range(5_000):
        door.push((n, n))
        if n % 3 == 0:
            door.probe.request(1)
    feed: Any = door.probe.subscription._feed
    assert len(feed._shelf._ranks) < 100


@pytest.mark.parametrize("priority", [float("nan"), "high", None, (1, 2)], ids=repr)
def test_a_priority_that_is_no_number_ends_the_stream(priority: Any) -> None:
    door = shedding(3, priority={"a": 1, "b": priority}.__getitem__)
    door.push("a", "b")
    assert not door.subject.observers
    assert door.drops == [("b", "refused")]
    assert door.take_all() == ["a"]
    assert isinstance(door.probe.error, TypeError)
    assert "shed: the priority of an item must be a number" in str(door.probe.error)


def test_a_priority_may_be_negative_or_infinite() -> None:
    door = shedding(2)
    door.push((float("inf"), "a"), (-3, "b"), (float("-inf"), "c"), (0, "d"))
    assert door.take_all() == [(float("inf"), "a"), (0, "d")]


def test_a_priority_that_raises_ends_the_stream_behind_what_is_held() -> None:
    door = shedding(3)
    door.push((1, "a"), 5, (2, "b"))
    assert not door.subject.observers
    assert door.take_all() == [(1, "a")]
    assert isinstance(door.probe.error, TypeError)


def test_the_end_comes_behind_what_is_held() -> None:
    door = shedding(2)
    door.push((1, 1), (2, 2), (3, 3))
    door.subject.on_completed()
    assert not door.probe.ended
    assert door.take_all() == [(2, 2), (3, 3)]
    assert door.probe.completed


@pytest.mark.parametrize("delay", [True, False])
def test_an_error_waits_or_overtakes(delay: bool) -> None:
    failure = ValueError()
    door = shedding(2, delay_error=delay)
    door.push((1, 1))
    door.subject.on_error(failure)
    assert door.probe.ended is not delay
    assert door.take_all() == ([(1, 1)] if delay else [])
    assert door.probe.error is failure
    assert door.discards == ([] if delay else [(1, 1)])


def test_a_cancel_discards() -> None:
    door = shedding(2)
    door.push((1, 1), (2, 2))
    door.probe.cancel()
    assert door.discards == [(1, 1), (2, 2)]
    assert not door.subject.observers


def test_a_drop_callback_may_take_what_is_left() -> None:
    def take(item: Any, reason: str) -> None:
        door.probe.request(1)

    door = shedding(1, on_drop=take)
    door.push((1, "a"), (2, "b"))
    assert door.probe.items == [(2, "b")]


def test_a_priority_has_to_be_given() -> None:
    async def later(item: Any) -> int:
        return 1

    with pytest.raises(TypeError, match="shed: priority must be callable"):
        ops.shed(3, None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="shed: priority is an async function"):
        ops.shed(3, later)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="shed: capacity"):
        ops.shed(0, len)


def test_it_takes_from_a_flow_without_bound() -> None:
    probe: TestSubscriber[int] = TestSubscriber()
    rx.range(100).pipe(ops.shed(3, lambda n: -abs(n - 50))).subscribe(probe)
    probe.request(9)
    assert sorted(probe.items) == [49, 50, 51]
    assert probe.items == [49, 50, 51]
    assert probe.completed
