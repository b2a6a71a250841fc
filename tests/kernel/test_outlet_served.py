"""Single items that are handed over at once to a consumer of a hub, and how they are counted."""

from __future__ import annotations

from collections.abc import Sized
from typing import Any

import pytest

import rxflow as rx
from rxflow import operators as ops
from rxflow.kernel import State
from rxflow.protocol import DROP_OLDEST
from rxflow.testing import TestSubscriber
from tests.kernel.stations import Reader, Station


class Taker:
    """Takes single items at once, as long as it is told to."""

    def __init__(self) -> None:
        self.taken: list[Any] = []
        self.entered = 0
        self.asks = True

    def enter(self, queue: Sized) -> bool:
        self.entered += 1
        return self.asks

    def hand(self, item: Any) -> None:
        self.taken.append(item)


def served(station: Station, taker: Taker, **options: Any) -> Reader:
    """A consumer that can take single items at once, before it is attached."""
    reader = Reader(station.hub, **options)
    reader.outlet.serve(taker)
    return reader.join()


def test_in_lockstep_nothing_is_handed_over_before_it_is_read() -> None:
    station, taker = Station(4), Taker()
    reader = served(station, taker)
    station.hub.connect()
    station.producer.give("a")
    assert (taker.taken, taker.entered) == ([], 0)
    assert reader.take() == ["a"]
    assert reader.state is State.WAITING


def test_in_lockstep_single_items_are_handed_over_once_it_is_read_and_nobody_is_woken() -> None:
    station, taker = Station(4), Taker()
    reader = served(station, taker)
    station.hub.connect()
    assert reader.take() == []
    wakes = reader.wakes
    station.producer.give("a", None, "c")
    assert taker.taken == ["a", None, "c"]
    assert reader.wakes == wakes
    assert reader.take() == []
    assert (reader.figures.received, reader.figures.delivered) == (3, 3)


def test_in_lockstep_what_is_handed_over_is_counted_as_what_is_pulled() -> None:
    station, taker = Station(4), Taker()
    reader = served(station, taker)
    station.hub.connect()
    reader.take()
    station.producer.give("a", "b")
    assert station.producer.requested == [4]  # two of a batch of three
    station.producer.give("c")
    assert station.producer.requested == [4, 2]  # one is to come, and the third was on its way
    station.producer.give("d", "e")
    assert station.producer.requested == [4, 2]
    station.producer.give("f")
    assert station.producer.requested == [4, 2, 3]
    assert taker.taken == list("abcdef")


def test_one_that_cannot_take_is_woken_and_pulls() -> None:
    station, taker = Station(4), Taker()
    reader = served(station, taker)
    station.hub.connect()
    reader.take()
    wakes, taker.asks = reader.wakes, False
    station.producer.give("a")
    assert (taker.taken, taker.entered, reader.wakes) == ([], 1, wakes + 1)
    station.producer.give("b")  # behind it
    taker.asks = True
    station.producer.give("c")
    assert (taker.taken, taker.entered) == ([], 1)
    assert reader.take() == ["a", "b", "c"]
    station.producer.give("d")
    assert taker.taken == ["d"]


def test_with_a_buffer_of_its_own_it_is_read_from_the_beginning() -> None:
    station, taker = Station(4), Taker()
    reader = served(station, taker, overflow=DROP_OLDEST, capacity=2)
    station.hub.connect()
    station.producer.give("a", "b", "c")
    assert taker.taken == ["a", "b", "c"]
    assert station.producer.requested == [4]  # as it was filled; nobody holds it back
    assert (reader.figures.received, reader.figures.delivered) == (3, 3)


def test_one_that_leaves_is_handed_nothing_more() -> None:
    station, taker = Station(4), Taker()
    reader = served(station, taker)
    station.hub.connect()
    reader.take()
    station.join().take()  # so that the hub stays
    reader.outlet.cancel()
    station.producer.give("a")
    assert taker.taken == []


@pytest.mark.parametrize("prefetch", [1, 2, 3, 4, 5, 8])
@pytest.mark.parametrize("demands", [(1,), (2, 1), (7,)], ids=str)
def test_two_in_lockstep_get_all_and_the_producer_is_asked_for_no_more_than_the_prefetch(
    prefetch: int, demands: tuple[int, ...]
) -> None:
    asked = given = 0

    def count(n: int) -> None:
        nonlocal asked
        asked += n

    def passed(_: int) -> None:
        nonlocal given
        given += 1
        assert given <= asked

    shared = rx.range(20).pipe(
        ops.do_action(passed), ops.on_request(count), ops.publish(prefetch=prefetch)
    )
    fast, slow = TestSubscriber[Any](99), TestSubscriber[Any](0)
    shared.subscribe(fast)
    shared.subscribe(slow)
    shared.connect()
    taken = 0
    while taken < 20:
        for demand in demands:
            slow.request(demand)
            taken = min(20, taken + demand)
            assert slow.items == list(range(taken))
            assert len(fast.items) - taken <= prefetch
    assert fast.items == slow.items
    assert fast.completed
    assert slow.completed
