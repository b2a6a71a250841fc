"""What one consumer of a hub has to take, and what a hub remembers for those who come late."""

from __future__ import annotations

from typing import Any

import pytest

from rxflow.kernel import BalancingHub, Hub, Lease, Memory, State
from rxflow.protocol import DROP_NEWEST, DROP_OLDEST, FAIL, BufferOverflowError, Overflow
from tests.kernel.recorder import dropped_errors
from tests.kernel.stations import Reader, Station


def test_a_lease_is_of_nobody_at_first_and_keeps_nothing() -> None:
    lease = Lease(3)
    assert (lease.needed, lease.keeps, lease.count) == (3, False, 0)
    assert Lease(1, keeps=True).keeps is True


# Memory.


def test_the_last_items_are_remembered_oldest_first() -> None:
    memory = Memory(3)
    assert (memory.size, memory.window, memory.lasting) == (3, None, True)
    for n in range(5):
        memory.add(n, float(n))
    assert memory.items(1e9) == [2, 3, 4]
    assert memory.items(1e9) == [2, 3, 4]  # to be told again


def test_what_it_begins_with_counts_as_any_other() -> None:
    memory = Memory(2, initial="abc", lasting=False)
    assert memory.items(0.0) == ["b", "c"]
    memory.add("d", 1.0)
    assert memory.items(1.0) == ["c", "d"]
    assert memory.lasting is False


@pytest.mark.parametrize(("now", "kept"), [(5.0, "ab"), (5.001, "b"), (7.0, "b"), (7.001, "")])
def test_what_is_older_than_the_window_is_forgotten(now: float, kept: str) -> None:
    memory = Memory(9, window=5.0)
    memory.add("a", 0.0)
    memory.add("b", 2.0)
    assert memory.items(now) == list(kept)
    assert memory.items(0.0) == list(kept)  # for good


def test_what_it_begins_with_gets_as_old_as_any_other() -> None:
    memory = Memory(9, window=5.0, initial="a")
    assert memory.items(5.0) == ["a"]
    assert memory.items(5.1) == []


# The outlet of a hub.


def test_outlets_are_numbered_from_one_and_named() -> None:
    hub = Hub("hub", 4)
    assert [Reader(hub).outlet.name for _ in range(3)] == ["hub #1", "hub #2", "hub #3"]
    assert Reader(hub).outlet.number == 4


def test_in_lockstep_it_has_the_room_of_the_hub_once_it_is_read() -> None:
    station = Station(4, memory=Memory(3))
    reader = station.join()
    outlet = reader.outlet
    station.hub.connect()
    assert outlet.lockstep is True
    assert outlet.reading is False
    assert (outlet.room, outlet.held, outlet.full_since) == (0, 0, 0.0)
    reader.take()
    assert outlet.reading is True
    assert (outlet.room, outlet.held) == (4, 0)
    station.producer.give("a", "b", "c")
    assert (outlet.room, outlet.held) == (1, 3)
    assert (reader.figures.capacity, reader.figures.peak) == (7, 3)
    assert outlet.few() is None


def test_demand_alone_makes_nobody_wait_for_it() -> None:
    station = Station(4)
    reader = station.join()
    station.hub.connect()
    reader.outlet.want(3)
    assert reader.outlet.reading is False
    assert reader.outlet.requested == 3
    assert station.producer.requested == []


def test_only_one_in_lockstep_that_waits_makes_the_hub_ask_for_single_items() -> None:
    station = Station(4)
    own, other = station.join(overflow=DROP_OLDEST, capacity=9), station.join()
    station.hub.connect()
    other.take()
    station.producer.give("a", "b", "c", "d")
    assert station.hub.hungry is False
    assert own.take() == ["a", "b", "c", "d"]  # and it waits
    assert station.hub.hungry is False
    assert other.take(1) == ["a"]
    assert station.producer.requested == [4]  # a batch is 3
    assert other.take(2) == ["b", "c"]
    assert station.producer.requested == [4, 3]


def test_a_failure_that_was_heard_is_for_good() -> None:
    station, lease = Station(4), Lease(1)
    error = KeyError("producer")
    reader = station.join(lease)
    station.producer.end(error)
    with pytest.raises(KeyError):
        reader.take()
    reader.outlet.cancel()
    late = station.join(lease)
    with pytest.raises(KeyError) as raised:
        late.take()
    assert raised.value is error
    assert len(station.producers) == 1


@pytest.mark.parametrize(
    ("overflow", "kept", "lost"),
    [(DROP_OLDEST, [3, 4], [(1, "oldest"), (2, "oldest")]), (DROP_NEWEST, [1, 4], None)],
)
def test_with_an_overflow_it_has_a_buffer_of_its_own(
    overflow: Overflow, kept: list[int], lost: list[Any] | None
) -> None:
    station, drops, discards = Station(4), list[Any](), list[Any]()
    reader = station.join(
        overflow=overflow,
        capacity=2,
        on_drop=lambda *drop: drops.append(drop),
        on_discard=discards.append,
    )
    assert reader.outlet.lockstep is False
    assert reader.outlet.reading is True
    station.hub.connect()
    station.producer.give(1, 2, 3, 4)
    assert reader.figures.capacity == 2
    assert drops == (lost or [(2, "newest"), (3, "newest")])
    assert reader.take() == kept
    station.producer.give(5)
    reader.outlet.cancel()
    assert discards == [5]
    assert reader.outlet not in station.hub._outlets


def test_with_a_buffer_of_its_own_few_items_are_given_as_few() -> None:
    station = Station(4)
    reader = station.join(overflow=FAIL, capacity=3)
    station.hub.connect()
    station.producer.give("a", "b")
    few = reader.outlet.few()
    assert few is not None
    assert list(few) == ["a", "b"]


def test_one_that_overflows_by_itself_leaves_the_hub_and_the_others() -> None:
    station = Station(4)
    strict = station.join(overflow=FAIL, capacity=1)
    other = station.join()
    station.hub.connect()
    other.take()
    station.producer.give("a", "b")
    assert strict.outlet not in station.hub._outlets
    assert strict.take(1) == ["a"]
    with pytest.raises(BufferOverflowError):
        strict.outlet.settle()
    assert other.take() == ["a", "b"]
    assert station.producer.cancelled == 0


@pytest.mark.parametrize(
    ("capacity", "told"), [(1, ["d"]), (3, ["b", "c", "d"]), (4, ["a", "b", "c", "d"]), (9, None)]
)
def test_what_was_remembered_fits_into_a_buffer_of_its_own(
    capacity: int, told: list[str] | None
) -> None:
    station = Station(4, memory=Memory(9, initial="abcd"))
    reader = station.join(overflow=DROP_OLDEST, capacity=capacity)
    held = len(told or "abcd")
    figures = reader.figures
    assert (figures.received, figures.held, figures.peak) == (held, held, held)
    assert reader.take() == (told or list("abcd"))


def test_what_was_remembered_is_counted_and_takes_room_in_lockstep() -> None:
    station = Station(4, memory=Memory(3, initial="abc"))
    reader = station.join()
    figures = reader.figures
    assert (figures.received, figures.held, figures.peak, figures.dropped) == (3, 3, 3, {})
    station.hub.connect()
    assert reader.take(1) == ["a"]
    assert station.producer.requested == [1]  # there was room for 4, and 3 were held
    assert reader.take() == ["b", "c"]
    assert station.producer.requested == [1, 3]  # a batch was taken, and 1 is on its way


def test_a_memory_that_does_not_last_ends_with_the_stream() -> None:
    for lasting, told in ((True, ["a"]), (False, [])):
        station = Station(4, memory=Memory(3, initial="a", lasting=lasting))
        station.hub.connect()
        assert station.join().take() == ["a"]
        station.producer.end()
        late = station.join()
        assert late.take() == told
        assert late.state is State.ENDED


def test_an_eject_overtakes_what_is_held_and_does_nothing_after_the_end() -> None:
    station, discards = Station(4), list[Any]()
    reader = station.join(on_discard=discards.append)
    station.hub.connect()
    reader.take()
    station.producer.give("a", "b")
    wakes = reader.wakes
    error = KeyError("slow")
    reader.outlet.eject(error)
    assert discards == ["a", "b"]
    assert reader.wakes == wakes + 1
    with dropped_errors() as reported:
        reader.outlet.eject(KeyError("again"))
    assert reported == []
    with pytest.raises(KeyError) as raised:
        reader.take()
    assert raised.value is error


def test_a_cancel_leaves_the_hub_before_it_discards() -> None:
    station = Station(4)
    there: list[bool] = []
    reader = station.join(on_discard=lambda item: there.append(bool(station.hub._outlets)))
    station.hub.connect()
    reader.take()
    station.producer.give("a")
    reader.outlet.cancel()
    assert there == [False]
    assert reader.figures.discarded == 1


# Where items are dealt out.


def dealing(prefetch: int = 2) -> tuple[Station, list[Reader]]:
    """A hub that deals to three, who have asked for something each."""
    station = Station.__new__(Station)
    station.producers = []
    station.hub = BalancingHub("deal", prefetch, station._subscribe)
    readers = [station.join() for _ in range(3)]
    for reader in readers:
        reader.outlet.want(9)
    station.hub.connect()
    return station, readers


def test_demand_is_enough_to_be_dealt_to() -> None:
    station, readers = dealing()
    assert all(reader.outlet.reading for reader in readers)
    assert station.producer.requested == [6]
    idle = station.join()
    idle.outlet.want(0)
    assert idle.outlet.reading is False


def test_each_in_turn_gets_one_while_it_has_room() -> None:
    station, readers = dealing()
    station.producer.give(1, 2, 3, 4, 5)
    readers[0].outlet.want(9)
    assert readers[0].take(1) == [1]
    station.producer.give(6)
    assert [reader.take() for reader in readers] == [[4], [2, 5], [3, 6]]
    figures = station.figures
    assert (figures.received, figures.delivered, figures.held) == (6, 6, 0)


def test_one_that_has_no_room_is_passed_over() -> None:
    station, (first, second, third) = dealing(1)
    station.producer.give(1, 2, 3)
    assert second.take(1) == [2]
    second.take()
    station.producer.give(4)
    assert second.take() == [4]
    assert first.take() == [1]
    station.producer.give(5, 6)
    assert first.take() + second.take() == [5, 6] or first.take() == []
    assert third.take() == [3]


def test_what_one_holds_when_it_leaves_goes_to_the_others_first_and_in_order() -> None:
    station, (first, second, third) = dealing(2)
    station.producer.give(*range(1, 7))
    first.outlet.cancel()
    assert first.figures.dropped == {"given to another": 2}
    figures = station.figures
    assert (figures.held, figures.peak) == (2, 2)
    assert second.take(2) == [2, 5]
    assert second.take() == [1, 4]
    assert third.take() == [3, 6]


def test_what_the_last_one_holds_waits_for_the_next() -> None:
    station, readers = dealing(2)
    station.producer.give(*range(1, 7))
    station.producer.end()
    for reader in readers:
        reader.outlet.cancel()
    assert station.figures.held == 6
    late = station.join()
    late.outlet.want(9)
    items = [item for _ in range(4) for item in late.take()]
    assert sorted(items) == [1, 2, 3, 4, 5, 6]
    assert late.state is State.ENDED


def test_the_end_waits_for_what_nobody_has_room_for() -> None:
    station, (first, second, third) = dealing(1)
    station.producer.give(1, 2, 3)
    first.outlet.cancel()
    station.producer.end()
    assert not second.outlet.closed
    assert third.take(1) == [3]
    assert third.take() == [1]
    assert second.outlet.closed
    assert third.ended
    assert second.take() == [2]
    assert second.state is State.ENDED
