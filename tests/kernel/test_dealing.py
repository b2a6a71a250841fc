"""Hubs that give each item to one: by a function, or to who has room, each in turn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from rxflow.kernel import BalancingHub, RoutingHub, State
from tests.kernel.stations import Producer, Reader, Station


class Routed:
    """Some readers of a hub with a function, all of which have been pulled."""

    def __init__(self, route: Callable[[Any, int], Any], readers: int = 2) -> None:
        self.hub = RoutingHub("routes", 4, route)
        connection = self.hub.connect()
        self.readers = [Reader(self.hub).join() for _ in range(readers)]
        self.producer = Producer(connection.intake, None)  # type: ignore[arg-type]
        connection.intake.on_subscribe(self.producer)
        for reader in self.readers:
            reader.take()

    @property
    def figures(self) -> Any:
        *_, figures = self.hub.statistics()
        return figures


def test_an_item_is_for_the_one_that_the_function_names() -> None:
    asked: list[tuple[Any, int]] = []

    def route(item: int, count: int) -> int:
        asked.append((item, count))
        return item % count

    routed = Routed(route)
    routed.producer.give(1, 2, 3)
    assert asked == [(1, 2), (2, 2), (3, 2)]
    assert [reader.take() for reader in routed.readers] == [[2], [1, 3]]
    figures = routed.figures
    assert (figures.name, figures.requested, figures.received, figures.delivered) == (
        "routes",
        *(figures.requested, 3, 3),
    )


def test_there_must_be_room_in_all_as_any_item_may_be_for_any() -> None:
    routed = Routed(lambda item, count: 0)
    assert routed.producer.requested == [4]
    routed.producer.give(1, 2, 3, 4)
    assert routed.readers[1].take() == []
    assert routed.producer.requested == [4]
    assert routed.readers[0].take() == [1, 2, 3, 4]
    assert sum(routed.producer.requested) == 8


@pytest.mark.parametrize("index", [-1, 2])
def test_an_index_of_nobody_says_which_and_for_what(index: int) -> None:
    routed = Routed(lambda item, count: index)
    routed.producer.give("item")
    assert routed.producer.cancelled == 1
    for reader in routed.readers:
        with pytest.raises(IndexError) as raised:
            reader.take()
        assert str(raised.value) == (
            f"routes: the function gave {index} for 'item', and there are 2 subscribers"
        )


@pytest.mark.parametrize("index", [0, 1])
def test_the_first_and_the_last_are_there(index: int) -> None:
    routed = Routed(lambda item, count: index)
    routed.producer.give("item")
    assert [reader.take() for reader in routed.readers] == [
        ["item"] if n == index else [] for n in range(2)
    ]


def test_an_item_without_readers_is_kept_for_the_first_and_the_function_is_not_asked() -> None:
    asked: list[Any] = []
    routed = Routed(lambda item, count: asked.append(item) or 0, readers=1)
    routed.readers[0].outlet.cancel()
    routed.producer.give("a", "b")
    assert asked == []
    assert routed.figures.held == 2
    late = Reader(routed.hub).join()
    assert late.take() == ["a", "b"]


def test_an_interrupt_of_the_function_reaches_the_producer_and_fails_all() -> None:
    def route(item: Any, count: int) -> int:
        raise KeyboardInterrupt("route")

    routed = Routed(route)
    with pytest.raises(KeyboardInterrupt, match="route"):
        routed.producer.give("item")
    assert routed.producer.cancelled == 1
    for reader in routed.readers:
        with pytest.raises(RuntimeError) as raised:
            reader.take()
        assert str(raised.value) == "routes: the function ended with KeyboardInterrupt('route')"


# Balancing: to who has room, each in turn.


def balanced(count: int = 3, prefetch: int = 2) -> tuple[Station, list[Reader]]:
    """A hub that deals to some who have asked for something each."""
    station = Station(prefetch, lambda *args, scheduler: BalancingHub(*args))
    readers = [station.join() for _ in range(count)]
    for reader in readers:
        reader.outlet.want(9)
    station.hub.connect()
    return station, readers


def test_all_rooms_together_are_asked_for() -> None:
    station, readers = balanced(3, 2)
    assert station.producer.requested == [6]
    station.producer.give(*"abcd")
    assert station.producer.requested == [6]
    assert readers[0].take(1) == ["a"]
    readers[0].take()
    assert sum(station.producer.requested) == 8  # what it has room for, the others are held


def test_who_has_asked_for_nothing_is_dealt_nothing() -> None:
    station, readers = balanced(2, 1)
    idle = station.join()
    station.producer.give("a", "b")
    assert [reader.outlet.held for reader in (*readers, idle)] == [1, 1, 0]


def test_the_search_goes_on_behind_the_last_that_got_one() -> None:
    station, (first, second, third) = balanced(3, 2)
    station.producer.give(1, 2)
    assert (first.take(), second.take()) == ([1], [2])
    station.producer.give(3)
    assert third.take() == [3]
    station.producer.give(4, 5, 6)
    assert [reader.take() for reader in (first, second, third)] == [[4], [5], [6]]


def test_a_turn_passes_over_those_that_are_full() -> None:
    station, (first, second, third) = balanced(3, 1)
    station.producer.give(1, 2, 3)
    assert third.take() == [3]
    station.producer.give(4)  # the first and the second hold one each
    assert third.take() == [4]
    assert second.take() == [2]
    station.producer.give(5, 6)
    assert sorted([*second.take(), *third.take()]) == [5, 6]
    assert first.take() == [1]


def test_the_next_one_behind_those_that_are_full_is_chosen() -> None:
    station, (first, second, third) = balanced(3, 2)
    station.producer.give(1, 2, 3, 4, 5, 6)
    assert (second.take(), third.take()) == ([2, 5], [3, 6])
    station.producer.give(7, 8)  # it is the first one's turn, which has no room
    assert (second.take(), third.take(), first.take()) == ([7], [8], [1, 4])


def test_what_comes_beyond_all_room_is_kept_in_order() -> None:
    station, (first, second) = balanced(2, 1)
    station.producer.give(1, 2)
    second.outlet.cancel()
    assert station.figures.held == 1
    assert station.figures.delivered == 1
    assert station.producer.requested == [2]  # what is kept takes the room of the others
    assert first.take() == [1, 2]
    assert station.figures.held == 0
    assert station.producer.requested == [2, 1]


def test_one_that_leaves_while_it_is_dealt_to_loses_nothing() -> None:
    station, (first, second) = balanced(2, 1)
    second.outlet.complete()  # as one does that leaves: it takes nothing from here on
    station.producer.give(1)
    station.producer.give(2)
    assert station.figures.held == 1  # it is not lost, and waits for room
    assert second.outlet not in station.hub._outlets
    assert first.take() == [1, 2]


def test_what_is_on_its_way_takes_room() -> None:
    """A reader that pulls inside of its wake does not get more than it has room for."""
    station, (first, second) = balanced(2, 1)
    rooms: list[int] = []
    first._then = lambda: rooms.append(first.outlet.room)
    first.take()
    station.producer.give(1)
    assert rooms
    assert max(rooms) <= 0
    assert first.outlet.coming == 0
    assert first.outlet.room == 0
    assert second.outlet.room == 1


def test_what_is_on_its_way_inside_of_another_is_counted_too() -> None:
    station, (first,) = balanced(1, 3)
    station.producer.give(1, 2)
    first.outlet.cancel()
    late = Reader(station.hub, then=station.hub.refill).join()
    late.outlet.want(9)
    station.hub.refill()  # the first item wakes it, and then the second one comes
    assert (late.outlet.held, late.outlet.coming, late.outlet.room) == (2, 0, 1)
    assert late.take() == [1, 2]


def test_the_end_comes_to_all_when_nothing_is_kept() -> None:
    station, (first, second) = balanced(2, 1)
    station.producer.give(1)
    station.producer.end()
    assert first.take() == [1]
    assert first.state is State.ENDED
    assert second.take() == []
    assert second.state is State.ENDED


def test_a_failure_comes_behind_what_is_kept() -> None:
    station, (first, second) = balanced(2, 1)
    station.producer.give(1, 2)
    second.outlet.cancel()
    station.producer.end(KeyError("producer"))
    assert not first.outlet.closed
    assert first.take(2) == [1, 2]
    assert first.outlet.closed
    with pytest.raises(KeyError):
        first.outlet.settle()
