"""Doors that are bounded by what their items weigh, and not by their number."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import reactivex

import rxflow as rx
from rxflow import operators as ops
from rxflow.testing import TestSubscriber
from tests.kernel.recorder import in_thread
from tests.support_doors import Opened


def weighing(capacity: float = 10, **options: Any) -> Opened:
    options.setdefault("overflow", rx.DROP_OLDEST)
    options.setdefault("weight", len)
    return Opened(ops.on_backpressure_buffer, capacity, **options)


@pytest.mark.parametrize(
    ("overflow", "kept", "drops"),
    [
        (rx.DROP_OLDEST, ["ccc", "dddddd"], ["aaa", "bbb"]),
        (rx.DROP_NEWEST, ["aaa", "dddddd"], ["ccc", "bbb"]),
        (rx.DROP_INCOMING, ["aaa", "bbb", "ccc"], ["dddddd"]),
        (rx.DROP_ALL, ["dddddd"], ["aaa", "bbb", "ccc"]),
    ],
    ids=repr,
)
def test_as_many_give_way_as_are_needed(
    overflow: rx.Overflow, kept: list[str], drops: list[str]
) -> None:
    door = weighing(10, overflow=overflow)
    door.push("aaa", "bbb", "ccc")
    assert door.drops == []
    door.push("dddddd")
    assert door.drops == [(item, overflow.victim.value) for item in drops]
    assert door.figures.weight == sum(map(len, kept))
    assert door.take_all() == kept
    assert door.figures.weight == 0


@pytest.mark.parametrize(
    "overflow", [rx.DROP_OLDEST, rx.DROP_NEWEST, rx.DROP_INCOMING, rx.DROP_ALL, rx.FAIL], ids=repr
)
def test_the_capacity_is_exact_in_weight(overflow: rx.Overflow) -> None:
    door = weighing(10, overflow=overflow)
    door.push("aaaa", "bbb", "ccc")
    assert door.drops == []
    assert (door.figures.weight, door.figures.capacity, door.figures.held) == (10, 10, 3)
    door.push("d")
    assert len(door.drops) == (3 if overflow is rx.DROP_ALL else 1)


def test_capacity_3_holds_3_when_each_item_weighs_1() -> None:
    door = weighing(3, weight=lambda item: 1, overflow=rx.FAIL)
    door.push(1, 2, 3)
    assert door.drops == []
    door.push(4)
    assert door.drops == [(4, "overflow")]


def test_fail_tells_what_was_held_in_the_unit_of_the_weight() -> None:
    door = weighing(10, overflow=rx.FAIL)
    door.push("aaaa", "bbbb", "ccc")
    assert not door.subject.observers
    assert door.drops == [("ccc", "overflow")]
    assert door.take_all() == ["aaaa", "bbbb"]
    assert str(door.probe.error) == (
        "on_backpressure_buffer(capacity=10) overflowed: 8 held, 0 requested, item 'ccc'"
    )


@pytest.mark.parametrize("demand", [0, 5], ids=["no demand", "demand"])
@pytest.mark.parametrize(
    "overflow", [rx.DROP_OLDEST, rx.DROP_NEWEST, rx.DROP_INCOMING, rx.DROP_ALL], ids=repr
)
def test_an_item_heavier_than_the_capacity_is_refused_and_drops_nothing_else(
    overflow: rx.Overflow, demand: int
) -> None:
    door = weighing(4, overflow=overflow, demand=demand)
    door.push("aa", "bbbbb", "cccc")
    assert ("bbbbb", "too heavy") in door.drops
    assert door.figures.dropped["too heavy"] == 1
    assert "bbbbb" not in door.take_all()
    assert not door.probe.ended


def test_an_item_heavier_than_the_capacity_fails_a_door_that_is_to_fail() -> None:
    door = weighing(4, overflow=rx.FAIL)
    door.push("aa", "bbbbb")
    assert door.drops == [("bbbbb", "too heavy")]
    assert not door.subject.observers
    assert door.take_all() == ["aa"]
    assert isinstance(door.probe.error, rx.BufferOverflowError)
    assert door.probe.error.item == "bbbbb"


def test_an_item_heavier_than_the_capacity_does_not_block_a_thread_for_ever() -> None:
    door = weighing(4, overflow=rx.BLOCK)
    in_thread(lambda: door.push("bbbbb"))()
    assert isinstance(door.probe.error, rx.BufferOverflowError)


def test_a_thread_waits_until_there_is_room_for_its_own_item() -> None:
    """Room for a lighter one is not enough, and is not waited beside for ever."""
    door = weighing(10, overflow=rx.BLOCK)
    passed = threading.Event()

    def produce() -> None:
        door.push("aa", "bbbbbb", "ccccccc")
        passed.set()

    join = in_thread(produce)
    door.wait_for_a_waiting_producer()
    door.probe.request(1)
    assert door.probe.items == ["aa"]
    assert not passed.is_set()  # 6 are held, 7 do not fit
    door.probe.request(1)
    join()
    assert passed.is_set()
    assert door.take_all() == ["ccccccc"]
    assert door.drops == []


def test_what_weighs_nothing_takes_no_room() -> None:
    door = weighing(2)
    door.push("", "aa", "", "")
    assert door.drops == []
    assert (door.figures.held, door.figures.weight) == (4, 2)
    door.push("b")
    assert door.drops == [("", "oldest"), ("aa", "oldest")]
    assert door.take_all() == ["", "", "b"]


def test_fractions_do_not_add_up_to_a_capacity_that_is_lost() -> None:
    door = weighing(1, weight=lambda item: 0.1, overflow=rx.FAIL)
    for _ in range(1_000):
        door.push(*range(3))
        door.probe.request(3)
    assert door.figures.weight == 0
    assert door.probe.error is None


def test_what_is_asked_for_of_a_source_that_pushes_while_it_is_subscribed_takes_no_room() -> None:
    drops: list[str] = []
    probe: TestSubscriber[str] = TestSubscriber(3)
    reactivex.of("aaaa", "bbbb", "cccc", "dd", "ee", "f").pipe(
        ops.on_backpressure_buffer(
            4, overflow=rx.DROP_INCOMING, weight=len, on_drop=lambda item, _: drops.append(item)
        )
    ).subscribe(probe)
    assert probe.items == ["aaaa", "bbbb", "cccc"]
    assert drops == ["f"]
    probe.request(9)
    assert probe.items[3:] == ["dd", "ee"]
    assert probe.completed


@pytest.mark.parametrize("weight", [-1, float("nan"), "3", None], ids=repr)
def test_a_weight_that_is_none_ends_the_stream_behind_what_is_held(weight: Any) -> None:
    weights = {"a": 1, "b": weight}
    door = weighing(10, weight=weights.__getitem__)
    door.push("a", "b")
    assert not door.subject.observers
    assert door.drops == [("b", "refused")]
    assert door.take_all() == ["a"]
    assert isinstance(door.probe.error, TypeError | ValueError)
    assert "on_backpressure_buffer: the weight of an item" in str(door.probe.error)


def test_a_weight_that_raises_ends_the_stream_and_loses_no_item_uncounted() -> None:
    door = weighing(10)
    door.push("a", 5, "b")
    assert not door.subject.observers
    assert door.drops == [(5, "refused")]
    assert door.take_all() == ["a"]
    assert isinstance(door.probe.error, TypeError)
    assert door.figures.received == 2


def test_a_weight_may_push_an_item_of_its_own() -> None:
    def weigh(item: str) -> int:
        if item == "b":
            door.push("a")
        return 1

    door = weighing(10, weight=weigh)
    door.push("b")
    assert door.take_all() == ["a", "b"]


def test_an_async_weight_is_an_error_when_the_pipeline_is_built() -> None:
    async def weigh(item: Any) -> int:
        return 1

    with pytest.raises(TypeError, match=r"on_backpressure_buffer: weight is an async function"):
        ops.on_backpressure_buffer(3, weight=weigh)  # type: ignore[arg-type]


def test_a_cancel_discards_the_items_themselves() -> None:
    door = weighing(10)
    door.push("a", "bb")
    door.probe.cancel()
    assert door.discards == ["a", "bb"]
    assert door.figures.weight == 0


def test_weight_and_age_bound_a_door_together() -> None:
    door = weighing(10, ttl=5.0)
    door.push("aaaa", "bbbb")
    door.at(5)
    assert door.figures.weight == 0
    door.push("cccccccc", "dd")
    assert door.drops == [("aaaa", "expired"), ("bbbb", "expired")]
    assert door.take_all() == ["cccccccc", "dd"]


def test_from_observable_and_create_have_it_too() -> None:
    door = Opened(
        lambda **options: lambda source: rx.from_observable(source, **options),
        capacity=4,
        overflow=rx.DROP_OLDEST,
        weight=len,
    )
    door.push("aaa", "bb")
    assert door.drops == [("aaa", "oldest")]
    emitters: list[rx.Emitter[str]] = []
    probe: TestSubscriber[str] = TestSubscriber()
    rx.create(emitters.append, overflow=rx.FAIL, capacity=4, weight=len).subscribe(probe)
    assert emitters[0].try_offer("aaa") is rx.Offer.ENQUEUED
    assert emitters[0].try_offer("bb") is rx.Offer.DROPPED
    probe.request(1)
    assert isinstance(probe.error, rx.BufferOverflowError)
