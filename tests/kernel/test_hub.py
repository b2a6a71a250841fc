"""A hub by itself: what it asks for, what it keeps, when it ends, and whom it ejects."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from reactivex.testing import TestScheduler

import rxflow as rx
from rxflow import operators as ops
from rxflow.kernel import Context, Hub, Lease, Memory, State, drained
from rxflow.protocol import (
    DROP_OLDEST,
    BufferOverflowError,
    SlowConsumerError,
    Subscription,
)
from rxflow.testing import run_virtual
from tests.kernel.recorder import dropped_errors
from tests.kernel.stations import Reader, Station

# What is asked for.


@pytest.mark.parametrize(
    ("prefetch", "batch"), [(1, 1), (2, 2), (3, 3), (4, 3), (8, 6), (256, 192)]
)
def test_it_asks_again_when_a_batch_was_taken(prefetch: int, batch: int) -> None:
    station = Station(prefetch)
    reader = station.join()
    station.hub.connect()
    assert station.producer.requested == []  # it has not been pulled yet
    assert reader.take() == []
    assert station.producer.requested == [prefetch]
    station.producer.give(*range(prefetch))
    assert reader.take(batch - 1) == list(range(batch - 1))
    assert station.producer.requested == [prefetch]
    reader.take(1)
    assert station.producer.requested == [prefetch, batch]
    assert station.figures.requested == prefetch + batch
    assert station.figures.received == prefetch
    station.producer.give(*range(batch))
    assert len(reader.take(batch - 1)) == batch - 1
    assert station.producer.requested == [prefetch, batch]
    reader.take(1)
    assert station.producer.requested == [prefetch, batch, batch]


def test_a_reader_that_waits_makes_use_of_any_room() -> None:
    station = Station(4)
    reader = station.join()
    station.hub.connect()
    reader.take()
    station.producer.give("a")
    assert reader.take() == ["a"]  # and it waits: less than a batch is room enough
    assert station.producer.requested == [4, 1]
    station.producer.give("b", "c")
    assert station.producer.requested == [4, 1]
    assert station.hub.hungry is False
    assert reader.take() == ["b", "c"]
    assert station.producer.requested == [4, 1, 2]
    assert station.hub.hungry is True


def test_the_slowest_says_how_much() -> None:
    station = Station(4)
    fast, slow = station.join(), station.join()
    station.hub.connect()
    fast.take()
    assert station.producer.requested == []
    slow.take()
    assert station.producer.requested == [4]
    station.producer.give(1, 2, 3, 4)
    assert fast.take() == [1, 2, 3, 4]
    assert station.producer.requested == [4]
    assert slow.take(3) == [1, 2, 3]
    assert station.producer.requested == [4, 1, 1, 1]  # the fast one waits for each
    slow.outlet.cancel()
    assert station.producer.requested == [4, 1, 1, 1, 1]


def test_what_was_asked_for_and_not_come_is_not_asked_for_again() -> None:
    station = Station(4)
    reader = station.join()
    station.hub.connect()
    reader.take()
    for _ in range(3):
        station.hub.refill()
        reader.take()
    assert station.producer.requested == [4]
    station.producer.give(1)
    reader.take()
    station.hub.refill()
    assert station.producer.requested == [4, 1]


def test_one_without_lockstep_holds_nobody_back_and_one_alone_runs_free() -> None:
    station = Station(4)
    station.join(overflow=DROP_OLDEST, capacity=1)
    station.hub.connect()
    assert station.producer.requested == [4]
    station.producer.give(1, 2, 3)
    assert station.producer.requested == [4]
    station.producer.give(4)  # all that was asked for has come
    assert station.producer.requested == [4, 4]


def test_nothing_is_asked_for_while_nobody_is_there() -> None:
    station = Station(4)
    station.hub.connect()
    assert station.producer.requested == []
    assert station.figures.requested == 0


def test_a_request_that_brings_items_at_once_is_not_made_inside_itself() -> None:
    class Eager(Subscription):
        def __init__(self, subscriber: Any) -> None:
            self.subscriber, self.depth, self.deepest, self.given = subscriber, 0, 0, 0

        def request(self, n: int) -> None:
            self.depth += 1
            self.deepest = max(self.deepest, self.depth)
            for _ in range(n):
                self.given += 1
                self.subscriber.on_next(self.given)
            self.depth -= 1

        def cancel(self) -> None: ...

    eager: list[Eager] = []

    def subscribe(subscriber: Any, context: Context) -> None:
        eager.append(Eager(subscriber))
        subscriber.on_subscribe(eager[0])

    hub = Hub("hub", 4, subscribe)
    taken: list[Any] = []

    def pull() -> None:
        if len(taken) < 20:
            taken.extend(reader.take(1))

    reader = Reader(hub, then=pull).join()
    hub.connect()
    pull()
    while len(taken) < 20:
        pull()
    assert taken == list(range(1, 21))
    assert eager[0].deepest == 1


def test_a_request_that_raises_fails_all() -> None:
    class Broken(Subscription):
        cancelled = 0

        def request(self, n: int) -> None:
            raise OSError("request")

        def cancel(self) -> None:
            self.cancelled += 1

    broken = Broken()
    hub = Hub("hub", 4, lambda subscriber, context: subscriber.on_subscribe(broken))
    reader = Reader(hub).join()
    hub.connect()
    with pytest.raises(OSError, match="request"):
        reader.take()
    assert broken.cancelled == 1


# Figures.


def test_its_figures_are_of_what_it_was_given_and_handed_on() -> None:
    station = Station(4)
    reader = station.join()
    station.hub.connect()
    reader.take()
    station.producer.give("a", "b")
    [own, outlets] = station.hub.all_statistics()
    assert (own.name, own.requested, own.received, own.delivered) == ("hub", 4, 2, 2)
    assert (own.held, own.peak, own.capacity, own.discarded, own.dropped) == (0, 0, 4, 0, {})
    assert (outlets.name, outlets.received, outlets.held) == ("hub #1", 2, 2)
    assert [part.name for part in reader.outlet.statistics()] == ["hub", "hub #1"]
    station.hub.private = True  # its figures are told by who has it
    assert [part.name for part in reader.outlet.statistics()] == ["hub #1"]


def test_what_comes_while_nobody_is_there_is_held_for_the_next_one() -> None:
    station = Station(4)
    first = station.join()
    station.hub.connect()
    first.take()
    first.outlet.cancel()
    station.producer.give("a", "b", "c")
    figures = station.figures
    assert (figures.received, figures.held, figures.peak, figures.delivered) == (3, 3, 3, 0)
    second, third = station.join(), station.join()
    figures = station.figures
    assert (figures.held, figures.peak, figures.delivered) == (0, 3, 3)
    assert second.take() == ["a", "b", "c"]
    assert third.take() == []


def test_what_nobody_has_taken_is_discarded_with_the_connection() -> None:
    station = Station(4)
    for items, discarded in (("a", 1), ("bc", 3)):
        connection = station.hub.connect()
        reader = station.join()
        reader.take()
        reader.outlet.cancel()
        station.producer.give(*items)
        assert station.figures.held == len(items)
        connection.dispose()
        assert (station.figures.held, station.figures.discarded) == (0, discarded)
        late = station.join()
        assert late.take() == []
        late.outlet.cancel()
    assert (station.figures.received, station.figures.delivered) == (3, 0)


def test_a_producer_that_gives_more_than_was_asked_for_overflows_what_nobody_takes() -> None:
    station = Station(4)
    first = station.join()
    station.hub.connect()
    first.take()
    first.outlet.cancel()
    station.producer.give(1, 2, 3, 4)
    assert station.figures.held == 4
    station.producer.give(5)
    assert station.producer.cancelled == 1
    assert station.figures.dropped == {"overflow": 1}
    assert (station.figures.received, station.figures.held, station.figures.peak) == (5, 4, 4)
    assert station.figures.delivered == 0
    late = station.join()
    assert list(late.outlet.run()) == [1, 2, 3, 4]
    with pytest.raises(BufferOverflowError) as raised:
        late.outlet.settle()
    error = raised.value
    assert (error.operator, error.capacity, error.held) == ("hub", 4, 4)
    assert (error.requested, error.item) == (0, 5)


def test_what_overflows_of_one_producer_after_another_adds_up() -> None:
    station = Station(4)
    for lost in (1, 2):
        station.hub.connect()
        station.producer.give("not asked for")
        assert station.figures.dropped == {"overflow": lost}
        assert station.figures.received == lost
        assert station.figures.delivered == 0
        station.join(Lease(1)).outlet.cancel()  # who leaves without having heard of it


def test_the_figures_of_a_flow_before_it_stay_when_it_is_left() -> None:
    subject = rx.Subject[int]()
    flow = subject.pipe(ops.on_backpressure_buffer(9))
    hub = Hub("hub", 4, lambda intake, context: drained(flow.feed, context)(intake))
    reader = Reader(hub).join()
    connection = hub.connect()
    reader.take()
    subject.on_next(1)
    before, own = hub.statistics()
    assert (before.name, before.received, own.name) == ("on_backpressure_buffer", 1, "hub")
    connection.dispose()
    assert [part.received for part in hub.statistics()] == [1, 1]
    hub.connect()
    subject.on_next(2)
    assert sum(part.received for part in hub.statistics() if part.name != "hub") == 2


# Connecting and leaving.


def test_it_connects_once_and_tells_its_connection() -> None:
    station = Station()
    assert station.hub.connection is None
    connection = station.hub.connect()
    assert station.hub.connect() is connection
    assert station.hub.connection is connection
    assert len(station.producers) == 1
    connection.dispose()
    assert station.hub.connection is None
    assert station.producer.cancelled == 1
    connection.dispose()
    again = station.hub.connect()
    connection.dispose()  # it is another one by now
    assert station.hub.connection is again
    assert [producer.cancelled for producer in station.producers] == [1, 0]


def test_the_producer_is_subscribed_for_the_schedulers_of_who_connects() -> None:
    station, scheduler = Station(), TestScheduler()
    connection = station.hub.connect(scheduler)
    assert station.producer.context.scheduler is scheduler
    assert station.producer.context.tasks is connection.tasks
    station.producer.context.wake()  # nobody


def test_a_lease_connects_with_as_many_as_it_needs_and_leaves_with_the_last() -> None:
    station, lease = Station(), Lease(2)
    first = station.join(lease)
    assert (lease.count, station.producers) == (1, [])
    second = station.join(lease)
    assert (lease.count, len(station.producers)) == (2, 1)
    station.join(lease).outlet.cancel()
    assert (lease.count, len(station.producers), station.producer.cancelled) == (2, 1, 0)
    first.outlet.cancel()
    assert station.producer.cancelled == 0
    second.outlet.cancel()
    assert (lease.count, station.producer.cancelled) == (0, 1)
    assert station.hub.connection is None
    assert [station.join(lease) and len(station.producers) for _ in range(2)] == [1, 2]


def test_a_lease_that_keeps_stays_connected() -> None:
    station, lease = Station(), Lease(1, keeps=True)
    station.join(lease).outlet.cancel()
    assert (lease.count, station.producer.cancelled) == (0, 0)
    station.join(lease)
    assert len(station.producers) == 1


def test_an_end_that_nobody_has_heard_is_forgotten_with_the_last_one() -> None:
    station, lease = Station(), Lease(1)
    reader = station.join(lease)
    reader.take()
    station.producer.give("a")
    station.producer.end(KeyError("unheard"))
    reader.outlet.cancel()
    again = station.join(lease)
    assert len(station.producers) == 2
    assert again.take() == []
    station.producer.give("b")
    station.producer.end()
    assert again.take() == ["b"]
    assert again.state is State.ENDED
    again.outlet.cancel()
    assert station.join(lease).take() == []  # that one was heard, and is for good
    assert len(station.producers) == 2


def test_nobody_connects_to_a_hub_that_is_at_its_end() -> None:
    station = Station(memory=Memory(2))
    station.hub.connect()
    station.producer.end()
    connection = station.hub.connection
    assert connection is not None
    lease = Lease(1)
    late = station.join(lease)
    assert late.ended
    assert lease.count == 1
    assert len(station.producers) == 1
    assert late.outlet not in station.hub._outlets


def test_the_tasks_of_a_producer_are_waited_for_by_the_last_one_on_their_loop() -> None:
    async def main() -> None:
        station, lease = Station(), Lease(1)
        reader = station.join(lease)
        task = asyncio.ensure_future(asyncio.sleep(0))
        station.producer.context.tasks.add(task)
        reader.outlet.cancel()
        assert reader.outlet.context.tasks == {task}
        await task

        connection = station.hub.connect()
        task = asyncio.ensure_future(asyncio.sleep(0))
        connection.tasks.add(task)
        context = Context(lambda: None)
        station.hub.disconnect(connection, context)  # as one does who has the hub to itself
        assert context.tasks == {task}
        await task

    run_virtual(main())

    other = asyncio.new_event_loop()
    try:
        station, lease = Station(), Lease(1)
        reader = station.join(lease)
        work = asyncio.sleep(0)
        task = other.create_task(work)
        station.producer.context.tasks.add(task)
        reader.outlet.cancel()
        assert reader.outlet.context.tasks == set()  # it cannot be waited for here
        other.run_until_complete(task)
    finally:
        other.close()


def test_who_joins_during_an_item_gets_the_next_one() -> None:
    station = Station(4)
    joined: list[Reader] = []

    def join() -> None:
        if not joined:
            joined.append(station.join())

    first = Reader(station.hub, then=join).join()
    station.hub.connect()
    first.take()
    station.producer.give("a", "b")
    assert first.take() == ["a", "b"]
    assert joined[0].take() == ["b"]


# Ends.


def test_an_end_comes_behind_what_each_has_still_to_take() -> None:
    station = Station(4)
    first, second = station.join(), station.join()
    station.hub.connect()
    first.take()
    second.take()
    station.producer.give("a", "b")
    assert first.take() == ["a", "b"]
    station.producer.end()
    assert first.ended
    assert second.take(1) == ["a"]
    assert second.outlet.settle() is State.READY
    assert second.take() == ["b"]
    assert second.state is State.ENDED
    assert station.hub._outlets == ()
    assert len(station.producer.requested) == 1  # nothing is asked for after the end


def test_a_second_end_is_reported_if_it_is_a_failure() -> None:
    station = Station()
    reader = station.join()
    connection = station.hub.connect()
    error = KeyError("late")
    with dropped_errors() as reported:
        station.hub.end(connection, None)
        station.hub.end(connection, None)
        assert reported == []
        station.hub.end(connection, error)
    assert reported == [error]
    assert reader.ended


def test_what_comes_of_a_producer_that_was_left_is_ignored_and_its_failure_reported() -> None:
    station = Station()
    old = station.hub.connect()
    old.dispose()
    station.hub.connect()
    reader = station.join()
    reader.take()
    old.push("old")
    old.complete()
    error = KeyError("old")
    with dropped_errors() as reported:
        old.fail(error)
    assert reported == [error]
    assert reader.take() == []
    assert station.figures.received == 0


def test_items_after_the_end_are_ignored() -> None:
    station = Station()
    station.join()
    connection = station.hub.connect()
    connection.complete()
    connection.push("late")
    assert station.figures.received == 0


def test_a_failure_is_told_to_those_who_come_later_too() -> None:
    station, error = Station(), KeyError("producer")
    first = station.join()
    station.hub.connect()
    station.producer.end(error)
    for reader in (first, station.join()):
        with pytest.raises(KeyError) as raised:
            reader.take()
        assert raised.value is error


def test_who_was_cancelled_by_the_failure_of_another_hears_none_and_nothing_is_reported() -> None:
    station = Station()
    second: list[Reader] = []

    def cancel() -> None:
        second[0].outlet.cancel()

    first = Reader(station.hub, then=cancel).join()
    second.append(station.join())
    station.hub.connect()
    first.take()
    with dropped_errors() as reported:
        station.producer.end(KeyError("producer"))
    assert reported == []


def test_a_reader_that_raises_is_reported_and_one_that_is_interrupted_fails_all() -> None:
    station = Station(4)
    raises: list[BaseException] = [OSError("reader")]

    def woken() -> None:
        raise raises[0]

    first = Reader(station.hub, then=woken).join()
    second = station.join()
    station.hub.connect()
    first.take()
    second.take()
    with dropped_errors() as reported:
        station.producer.give("a")
    assert reported == raises
    assert second.take() == ["a"]
    first.take()
    raises[0] = KeyboardInterrupt("reader")
    with pytest.raises(KeyboardInterrupt, match="reader"):
        station.producer.give("b")
    assert station.producer.cancelled == 1
    with pytest.raises(RuntimeError) as raised:
        second.take()
    assert str(raised.value) == "hub: a subscriber ended with KeyboardInterrupt('reader')"


# Time.


def ejecting(after: float = 5.0, **options: Any) -> Station:
    return Station(2, eject_after=after, **options)


def test_who_is_full_is_ejected_at_its_time_and_named() -> None:
    station = ejecting()
    fast, slow = station.join(), station.join()
    station.hub.connect()
    fast.take()
    slow.take()
    station.clock.advance_to(3.0)
    station.producer.give("a", "b")
    assert fast.take() == ["a", "b"]
    station.clock.advance_to(7.999)
    assert not slow.outlet.closed
    station.clock.advance_to(8.0)
    assert slow.outlet.closed
    with pytest.raises(SlowConsumerError) as raised:
        slow.outlet.settle()
    error = raised.value
    assert error.args == ("hub", 2, 2, 5.0)
    assert slow.figures.discarded == 2  # it is not told of what it held
    assert fast.outlet in station.hub._outlets
    assert slow.outlet not in station.hub._outlets
    assert station.producer.requested == [2, 2]  # nobody is waited for any more


def test_who_has_room_for_one_is_not_ejected() -> None:
    station = ejecting()
    reader = station.join()
    station.hub.connect()
    reader.take()
    station.producer.give("a")
    station.clock.advance_to(50.0)
    assert reader.take() == ["a"]
    station.producer.give("b")
    station.clock.advance_to(99.0)
    assert reader.take() == ["b"]


def test_who_takes_one_item_in_time_begins_anew() -> None:
    station = ejecting()
    reader = station.join()
    station.hub.connect()
    reader.take()
    station.producer.give("a", "b")
    station.clock.advance_to(4.0)
    assert reader.take(2) == ["a", "b"]
    station.producer.give("c", "d")
    station.clock.advance_to(8.9)
    assert not reader.outlet.closed
    station.clock.advance_to(9.0)
    assert reader.outlet.closed


def test_each_has_a_time_of_its_own() -> None:
    station = ejecting()
    station.hub.connect()
    readers = []
    for time in (0.0, 1.0, 2.5):
        station.clock.advance_to(time)
        readers.append(station.join())  # it never asks
    for time, closed in (
        (4.9, [False, False, False]),
        (5.0, [True, False, False]),
        (5.9, [True, False, False]),
        (6.0, [True, True, False]),
        (7.4, [True, True, False]),
        (7.5, [True, True, True]),
    ):
        station.clock.advance_to(time)
        assert [reader.outlet.closed for reader in readers] == closed, time


def test_an_item_gives_no_more_time_to_one_that_never_asks() -> None:
    station = ejecting()
    reader = station.join()
    station.hub.connect()
    reader.take()
    idle = station.join()
    station.clock.advance_to(3.0)
    station.producer.give("a")
    station.clock.advance_to(4.9)
    assert not idle.outlet.closed
    station.clock.advance_to(5.0)
    assert idle.outlet.closed
    assert not reader.outlet.closed


def test_one_that_joins_when_nobody_is_watched_is_watched_again() -> None:
    station = ejecting()
    station.hub.connect()
    station.join()
    station.clock.advance_to(30.0)
    late = station.join()
    station.clock.advance_to(34.9)
    assert not late.outlet.closed
    station.clock.advance_to(35.0)
    assert late.outlet.closed


def test_the_time_begins_with_the_connection() -> None:
    station = ejecting()
    reader = station.join()
    station.clock.advance_to(20.0)
    station.hub.connect()
    station.clock.advance_to(24.9)
    assert not reader.outlet.closed
    station.clock.advance_to(25.0)
    assert reader.outlet.closed


def test_nobody_is_ejected_while_it_is_disconnected_or_after_the_end() -> None:
    station = ejecting()
    connection = station.hub.connect()
    idle = station.join()
    connection.dispose()
    station.clock.advance_to(50.0)
    assert not idle.outlet.closed
    station.hub.connect()
    station.clock.advance_to(52.0)
    held = station.join(overflow=None)
    station.producer.end()
    station.clock.advance_to(99.0)
    assert held.ended  # and not with an error
    assert idle.ended


def test_nothing_is_left_on_the_clock_when_the_last_one_leaves() -> None:
    class Noting(TestScheduler):
        def __init__(self) -> None:
            super().__init__()
            self.set: list[Any] = []
            self.dues: list[float] = []

        def schedule_relative(self, duetime: Any, *args: Any, **kwargs: Any) -> Any:
            self.dues.append(duetime)
            self.set.append(super().schedule_relative(duetime, *args, **kwargs))
            return self.set[-1]

    clock = Noting()
    station, lease = Station(2, eject_after=5.0, scheduler=clock), Lease(1)
    reader = station.join(lease)
    assert [action.is_disposed for action in clock.set] == [False]
    reader.outlet.cancel()
    assert [action.is_disposed for action in clock.set] == [True]
    connection = station.hub.connect()
    station.join()
    assert [action.is_disposed for action in clock.set] == [True, False]
    connection.dispose()
    assert [action.is_disposed for action in clock.set] == [True, True]
    station.hub.connect()
    station.join()
    station.producer.end()
    station.join()  # nobody is watched after the end
    assert [action.is_disposed for action in clock.set] == [True] * 3
    assert clock.dues == [5.0] * 3  # each is when the first may be due


def test_who_has_its_own_buffer_is_not_ejected() -> None:
    station = ejecting()
    reader = station.join(overflow=DROP_OLDEST, capacity=1)
    station.hub.connect()
    station.producer.give(*range(9))
    station.clock.advance_to(50.0)
    assert reader.take() == [8]


def test_the_clock_is_that_of_who_connects_unless_one_is_given() -> None:
    clock = TestScheduler()
    station = Station(2, eject_after=5.0, scheduler=None)
    reader = station.join()
    station.hub.connect(clock)
    clock.advance_to(4.9)
    assert not reader.outlet.closed
    clock.advance_to(5.0)
    assert reader.outlet.closed

    station = ejecting()
    reader = station.join()
    station.hub.connect(clock)
    clock.advance_to(50.0)
    assert not reader.outlet.closed
    station.clock.advance_to(5.0)
    assert reader.outlet.closed


def test_without_a_limit_of_time_no_clock_is_looked_at() -> None:
    class Untouched(TestScheduler):
        @property
        def now(self) -> Any:
            raise AssertionError("looked at")

    station = Station(2, scheduler=Untouched(), memory=Memory(2))
    reader = station.join()
    station.hub.connect()
    reader.take()
    station.producer.give("a", "b")
    assert reader.take() == ["a", "b"]


def test_with_a_window_late_ones_get_what_is_young_enough() -> None:
    station = Station(4, memory=Memory(3, window=5.0))
    station.join().take()
    station.hub.connect()
    assert station.hub.capacity == 7
    station.producer.give("a")
    station.clock.advance_to(2.0)
    station.producer.give("b")
    station.clock.advance_to(5.0)
    assert station.join().take() == ["a", "b"]
    station.clock.advance_to(5.5)
    assert station.join().take() == ["b"]
    assert station.figures.held == 0


def test_a_window_goes_by_the_clock_that_was_given_also_before_it_connects() -> None:
    station = Station(4, memory=Memory(3, window=5.0, initial="a"))
    station.clock.advance_to(4.0)
    assert station.join().take() == ["a"]
    station.clock.advance_to(5.5)
    assert station.join().take() == []
