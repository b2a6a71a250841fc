"""The doors: exactly what is delivered, dropped and discarded, and when the end comes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest
import reactivex
from reactivex import Observable, Subject
from reactivex.testing import TestScheduler

import rxflow as rx
from rxflow import operators as ops
from rxflow.testing import TestSubscriber
from tests.kernel.recorder import dropped_errors, in_thread
from tests.support import counted
from tests.support_together import together

DROPPING = [rx.DROP_OLDEST, rx.DROP_NEWEST, rx.DROP_INCOMING, rx.DROP_ALL]
BUFFERING = [*DROPPING, rx.FAIL]

Make = Callable[..., Callable[[Observable[Any]], Any]]


def operator(capacity: float, **options: Any) -> Any:
    return ops.on_backpressure_buffer(capacity, **options)


def source(capacity: float, **options: Any) -> Any:
    return lambda observable: rx.from_observable(observable, capacity=capacity, **options)


BUFFERS = pytest.mark.parametrize(
    ("make", "name"),
    [(operator, "on_backpressure_buffer"), (source, "from_observable")],
    ids=["on_backpressure_buffer", "from_observable"],
)


@dataclass
class Opened:
    """A door with a Subject before it and a TestSubscriber behind it."""

    probe: TestSubscriber
    subject: Subject[Any] = field(default_factory=Subject)
    drops: list[tuple[Any, str]] = field(default_factory=list)
    discards: list[Any] = field(default_factory=list)

    def push(self, *items: Any) -> None:
        for item in items:
            self.subject.on_next(item)


def opened(make: Make, capacity: float = 3, *, demand: int = 0, **options: Any) -> Opened:
    """Subscribe to a bounded door."""
    door = Opened(TestSubscriber(demand))
    options.setdefault("on_drop", lambda item, reason: door.drops.append((item, reason)))
    options.setdefault("on_discard", door.discards.append)
    door.subject.pipe(make(capacity, **options)).subscribe(door.probe)
    return door


def behind(door: Callable[[Observable[Any]], Any], demand: int = 0) -> Opened:
    """Subscribe to any other door."""
    made = Opened(TestSubscriber(demand))
    made.subject.pipe(door).subscribe(made.probe)
    return made


# What gives way.


@BUFFERS
@pytest.mark.parametrize(
    ("overflow", "kept", "drops"),
    [
        (rx.DROP_OLDEST, [5, 6, 7], [(n, "oldest") for n in (1, 2, 3, 4)]),
        (rx.DROP_NEWEST, [1, 2, 7], [(n, "newest") for n in (3, 4, 5, 6)]),
        (rx.DROP_INCOMING, [1, 2, 3], [(n, "incoming") for n in (4, 5, 6, 7)]),
        (rx.DROP_ALL, [7], [(n, "all") for n in (1, 2, 3, 4, 5, 6)]),
    ],
    ids=repr,
)
def test_who_gives_way_when_seven_come_and_three_have_room(
    make: Make, name: str, overflow: rx.Overflow, kept: list[int], drops: list[tuple[int, str]]
) -> None:
    door = opened(make, 3, overflow=overflow)
    door.push(*range(1, 8))
    assert door.drops == drops
    figures = door.probe.statistics[name]
    assert (figures.received, figures.held, figures.peak, figures.capacity) == (7, len(kept), 3, 3)
    assert figures.dropped == {drops[0][1]: len(drops)}
    assert door.probe.items == []
    door.probe.request(rx.UNBOUNDED)
    assert door.probe.items == kept
    assert door.probe.statistics[name].delivered == len(kept)
    assert door.subject.observers  # it goes on
    door.push(8)
    assert door.probe.items == [*kept, 8]
    assert door.discards == []


@BUFFERS
@pytest.mark.parametrize("overflow", BUFFERING, ids=repr)
@pytest.mark.parametrize("capacity", [1, 3, 3.0, 500])
def test_the_capacity_is_exact(
    make: Make, name: str, overflow: rx.Overflow, capacity: float
) -> None:
    door = opened(make, capacity, overflow=overflow)
    door.push(*range(int(capacity)))
    door.subject.on_completed()
    assert door.drops == []
    assert door.probe.statistics[name].held == capacity
    door.probe.request(rx.UNBOUNDED)
    assert door.probe.items == list(range(int(capacity)))
    assert door.probe.completed


@BUFFERS
@pytest.mark.parametrize("overflow", BUFFERING, ids=repr)
def test_one_more_than_the_capacity_is_one_too_many(
    make: Make, name: str, overflow: rx.Overflow
) -> None:
    door = opened(make, 4, overflow=overflow)
    door.push(0, 1, 2, 3)
    assert door.drops == []
    door.push(4)
    assert len(door.drops) == (4 if overflow is rx.DROP_ALL else 1)


@BUFFERS
@pytest.mark.parametrize("overflow", BUFFERING, ids=repr)
def test_what_is_asked_for_takes_no_room(make: Make, name: str, overflow: rx.Overflow) -> None:
    door = opened(make, 2, demand=5, overflow=overflow)
    door.push(*range(7))
    assert door.probe.items == [0, 1, 2, 3, 4]
    assert door.drops == []
    assert door.probe.statistics[name].held == 2
    door.probe.request(1)
    assert door.probe.items == [0, 1, 2, 3, 4, 5]
    door.push(7)
    assert door.drops == []  # taking one made room for one


@BUFFERS
def test_fail_signals_behind_the_backlog_and_stops_the_source_at_once(
    make: Make, name: str
) -> None:
    door = opened(make, 3, overflow=rx.FAIL)
    door.push(1, 2, 3)
    assert door.subject.observers
    door.push("four")
    assert not door.subject.observers
    assert door.drops == [("four", "overflow")]
    assert not door.probe.ended
    door.probe.request(2)
    assert door.probe.items == [1, 2]
    assert not door.probe.ended
    door.probe.request(1)  # the end needs no demand of its own
    error = door.probe.error
    assert isinstance(error, rx.BufferOverflowError)
    assert door.probe.items == [1, 2, 3]
    assert str(error) == (f"{name}(capacity=3) overflowed: 3 held, 0 requested, item 'four'")
    assert (error.operator, error.capacity, error.held) == (name, 3, 3)
    assert (error.requested, error.item) == (0, "four")


@BUFFERS
def test_an_overflow_is_signalled_behind_the_backlog_whatever_is_said_of_the_sources_errors(
    make: Make, name: str
) -> None:
    door = opened(make, 3, overflow=rx.FAIL, delay_error=False)
    door.push(1, 2, 3, 4)
    door.probe.request(3)
    assert door.probe.items == [1, 2, 3]
    assert isinstance(door.probe.error, rx.BufferOverflowError)
    assert door.drops == [(4, "overflow")]
    assert door.discards == []


def test_fail_is_what_a_buffer_does_unless_told_otherwise() -> None:
    door = behind(ops.on_backpressure_buffer(1))
    door.push(1, 2)
    door.probe.request(5)
    assert door.probe.items == [1]
    assert isinstance(door.probe.error, rx.BufferOverflowError)


@BUFFERS
@pytest.mark.parametrize("overflow", DROPPING, ids=repr)
def test_none_is_an_item_like_any_other(make: Make, name: str, overflow: rx.Overflow) -> None:
    door = opened(make, 1, overflow=overflow)
    door.push(None, None)
    assert [item for item, _ in door.drops] == [None]
    door.probe.request(2)
    assert door.probe.items == [None]


def test_what_an_item_pushes_from_inside_its_delivery_keeps_its_place() -> None:
    subject: Subject[int] = Subject()

    def feed_back(_: TestSubscriber, item: int) -> None:
        if item < 3000:
            subject.on_next(item + 2)

    probe = TestSubscriber(rx.UNBOUNDED, feed_back)
    subject.pipe(ops.on_backpressure_buffer(2)).subscribe(probe)
    subject.on_next(0)
    assert probe.items == list(range(0, 3001, 2))


# The end.


@BUFFERS
@pytest.mark.parametrize("overflow", BUFFERING, ids=repr)
def test_completion_needs_no_demand_when_nothing_is_held(
    make: Make, name: str, overflow: rx.Overflow
) -> None:
    door = opened(make, 3, overflow=overflow)
    door.subject.on_completed()
    assert door.probe.completed


@BUFFERS
@pytest.mark.parametrize("overflow", BUFFERING, ids=repr)
def test_completion_comes_with_the_last_of_the_backlog(
    make: Make, name: str, overflow: rx.Overflow
) -> None:
    door = opened(make, 3, overflow=overflow)
    door.push(1, 2)
    door.subject.on_completed()
    assert not door.probe.completed
    door.probe.request(1)
    assert (door.probe.items, door.probe.completed) == ([1], False)
    door.probe.request(1)
    assert (door.probe.items, door.probe.completed) == ([1, 2], True)
    assert door.probe.signals == ["on_subscribe", "on_next", "on_next", "on_completed"]


@BUFFERS
def test_completion_needs_no_demand_once_all_that_came_was_taken(make: Make, name: str) -> None:
    door = opened(make, 3, demand=2, overflow=rx.DROP_OLDEST)
    door.push(1, 2)
    assert not door.probe.completed
    door.subject.on_completed()
    assert door.probe.completed


@BUFFERS
@pytest.mark.parametrize("overflow", BUFFERING, ids=repr)
def test_an_error_waits_for_the_backlog(make: Make, name: str, overflow: rx.Overflow) -> None:
    failure = ValueError("broken")
    door = opened(make, 3, overflow=overflow)
    door.push(1, 2)
    door.subject.on_error(failure)
    assert not door.probe.ended
    door.probe.request(2)
    assert door.probe.items == [1, 2]
    assert door.probe.error is failure
    assert door.discards == []


@BUFFERS
@pytest.mark.parametrize("overflow", BUFFERING, ids=repr)
def test_an_error_that_is_not_delayed_discards_the_backlog(
    make: Make, name: str, overflow: rx.Overflow
) -> None:
    failure = ValueError("broken")
    door = opened(make, 3, overflow=overflow, delay_error=False)
    door.push(1, 2)
    door.subject.on_error(failure)
    assert door.probe.error is failure
    assert door.probe.items == []
    assert door.discards == [1, 2]
    figures = door.probe.statistics[name]
    assert (figures.discarded, figures.held, figures.delivered) == (2, 0, 0)


@BUFFERS
def test_an_on_drop_that_raises_ends_the_stream_and_disposes_of_the_source(
    make: Make, name: str
) -> None:
    failure = ValueError("on_drop")

    def refuse(item: int, reason: str) -> None:
        raise failure

    door = opened(make, 1, overflow=rx.DROP_OLDEST, on_drop=refuse)
    door.push(1)
    assert door.subject.observers
    door.push(2)
    assert not door.subject.observers
    door.probe.request(1)
    assert door.probe.items == [2]
    assert door.probe.error is failure


def test_an_on_drop_that_raises_without_delay_ends_the_stream_at_once() -> None:
    failure = ValueError("on_drop")

    def refuse(item: int, reason: str) -> None:
        raise failure

    door = opened(operator, 2, overflow=rx.DROP_INCOMING, on_drop=refuse, delay_error=False)
    door.push(1, 2, 3)
    assert door.probe.error is failure
    assert door.discards == [1, 2]


@pytest.mark.parametrize("door", [ops.on_backpressure_drop, ops.on_backpressure_latest])
def test_an_on_drop_that_raises_ends_the_stream_of_the_small_doors(door: Any) -> None:
    failure = ValueError("on_drop")

    def refuse(item: int, reason: str) -> None:
        raise failure

    made = behind(door(refuse))
    made.push(1, 2, 3)
    assert not made.subject.observers
    made.probe.request(1)
    assert made.probe.error is failure


def test_an_on_discard_that_raises_is_reported_and_the_rest_is_discarded_all_the_same() -> None:
    seen: list[int] = []

    def refuse(item: int) -> None:
        seen.append(item)
        raise ValueError(item)

    door = opened(operator, 3, overflow=rx.FAIL, on_discard=refuse)
    door.push(1, 2, 3)
    with dropped_errors() as errors:
        door.probe.cancel()
    assert seen == [1, 2, 3]
    assert [error.args for error in errors] == [(1,), (2,), (3,)]


# Cancel.


@BUFFERS
@pytest.mark.parametrize("overflow", BUFFERING, ids=repr)
def test_cancel_disposes_of_the_source_at_once_and_discards_the_backlog(
    make: Make, name: str, overflow: rx.Overflow
) -> None:
    door = opened(make, 3, demand=1, overflow=overflow)
    door.push(1, 2, 3)
    subject = door.subject
    door.probe.cancel()
    assert not subject.observers
    assert door.discards == [2, 3]
    assert door.probe.statistics[name].discarded == 2
    door.push(4)
    door.probe.request(5)
    door.probe.cancel()
    assert door.probe.signals == ["on_subscribe", "on_next"]
    assert door.discards == [2, 3]
    assert door.drops == []


def test_cancel_inside_of_an_item_leaves_the_rest_of_the_backlog_to_on_discard() -> None:
    door = Opened(TestSubscriber(0, lambda probe, item: probe.cancel() if item == 2 else None))
    door.subject.pipe(ops.on_backpressure_buffer(5, on_discard=door.discards.append)).subscribe(
        door.probe
    )
    door.push(1, 2, 3, 4)
    door.probe.request(rx.UNBOUNDED)
    assert door.probe.items == [1, 2]
    assert door.discards == [3, 4]
    assert not door.subject.observers


@pytest.mark.parametrize(
    "door",
    [
        ops.on_backpressure_drop(),
        ops.on_backpressure_latest(),
        ops.on_backpressure_reduce(max),
        ops.on_backpressure_error(),
        ops.on_backpressure_block(2),
    ],
    ids=repr,
)
def test_cancel_disposes_of_the_source_of_every_door(door: Any) -> None:
    made = behind(door, demand=1)
    assert len(made.subject.observers) == 1
    made.push(1)
    made.probe.cancel()
    assert not made.subject.observers
    assert made.probe.signals == ["on_subscribe", "on_next"]


def test_what_waits_behind_a_take_that_has_enough_is_discarded() -> None:
    door = Opened(TestSubscriber(rx.UNBOUNDED))
    blocked = door.subject.pipe(
        ops.on_backpressure_buffer(5, on_discard=door.discards.append), ops.take(2)
    )
    probe = TestSubscriber()
    blocked.subscribe(probe)
    door.push(1, 2, 3, 4)
    probe.request(9)
    assert probe.items == [1, 2]
    assert probe.completed
    assert door.discards == [3, 4]
    assert not door.subject.observers


# How the source is subscribed.


DOORS = {
    "buffer": ops.on_backpressure_buffer(3, overflow=rx.DROP_OLDEST),
    "drop": ops.on_backpressure_drop(),
    "latest": ops.on_backpressure_latest(),
    "reduce": ops.on_backpressure_reduce(max),
    "error": ops.on_backpressure_error(),
    "block": ops.on_backpressure_block(3),
    "from_observable": lambda plain: rx.from_observable(plain, overflow=rx.DROP_OLDEST),
}
EVERY_DOOR = pytest.mark.parametrize("door", DOORS.values(), ids=DOORS.keys())


@EVERY_DOOR
def test_the_source_is_subscribed_once_without_demand_and_not_before(door: Any) -> None:
    subscriptions: list[Any] = []
    disposed: list[int] = []

    def begin(observer: Any, scheduler: Any) -> Any:
        subscriptions.append(observer)
        return lambda: disposed.append(1)

    flow = reactivex.create(begin).pipe(door)
    assert subscriptions == []
    probe = TestSubscriber()
    flow.subscribe(probe)
    assert len(subscriptions) == 1
    probe.request(1)
    probe.request(3)
    subscriptions[0].on_next(1)
    assert len(subscriptions) == 1
    probe.cancel()
    assert disposed == [1]
    flow.subscribe(TestSubscriber())
    assert len(subscriptions) == 2


@EVERY_DOOR
def test_two_subscriptions_of_a_door_know_nothing_of_each_other(door: Any) -> None:
    subject: Subject[int] = Subject()
    flow = subject.pipe(door)
    first, second = TestSubscriber(2), TestSubscriber(1)
    flow.subscribe(first)
    flow.subscribe(second)
    subject.on_next(1)
    first.cancel()
    assert len(subject.observers) == 1
    second.request(1)
    subject.on_next(2)
    assert first.items == [1]
    assert second.items == [1, 2]


@EVERY_DOOR
def test_a_source_that_fails_while_it_is_subscribed_fails_the_flow(door: Any) -> None:
    failure = ValueError("cannot start")

    def begin(observer: Any, scheduler: Any) -> Any:
        raise failure

    probe = TestSubscriber()
    reactivex.create(begin).pipe(door).subscribe(probe)
    assert probe.error is failure


@EVERY_DOOR
def test_the_scheduler_of_the_subscription_reaches_the_source(door: Any) -> None:
    seen: list[Any] = []
    clock = TestScheduler()

    def begin(observer: Any, scheduler: Any) -> Any:
        seen.append(scheduler)
        observer.on_completed()

    probe = TestSubscriber()
    reactivex.create(begin).pipe(door).subscribe(probe, scheduler=clock)
    assert seen == [clock]
    assert probe.completed


LOSSLESS = {name: door for name, door in DOORS.items() if name != "block"} | {
    "fail": ops.on_backpressure_buffer(1),
    "one": ops.on_backpressure_buffer(1, overflow=rx.DROP_INCOMING),
}


@pytest.mark.parametrize("door", LOSSLESS.values(), ids=LOSSLESS.keys())
def test_a_source_that_pushes_while_it_is_subscribed_loses_nothing_that_is_asked_for(
    door: Any,
) -> None:
    probe = TestSubscriber(rx.UNBOUNDED)
    reactivex.from_iterable(range(10_000)).pipe(door).subscribe(probe)
    assert probe.items == list(range(10_000))
    assert probe.completed


@pytest.mark.parametrize("door", LOSSLESS.values(), ids=LOSSLESS.keys())
def test_a_source_that_pushes_inside_its_subscribe_function_loses_nothing_that_is_asked_for(
    door: Any,
) -> None:
    def begin(observer: Any, scheduler: Any) -> Any:
        for item in range(1_000):
            observer.on_next(item)
        observer.on_completed()

    probe = TestSubscriber(rx.UNBOUNDED)
    reactivex.create(begin).pipe(door).subscribe(probe)
    assert probe.items == list(range(1_000))
    assert probe.completed


@pytest.mark.parametrize("door", LOSSLESS.values(), ids=LOSSLESS.keys())
def test_an_observer_loses_nothing_of_a_source_that_pushes_while_it_is_subscribed(
    door: Any,
) -> None:
    items: list[int] = []
    ends: list[str] = []
    reactivex.of(*range(1_000)).pipe(door).subscribe(
        items.append, lambda error: ends.append(repr(error)), lambda: ends.append("completed")
    )
    assert items == list(range(1_000))
    assert ends == ["completed"]


@BUFFERS
def test_drop_oldest_keeps_the_last_ten_of_a_source_that_pushes_while_it_is_subscribed(
    make: Make, name: str
) -> None:
    drops: list[int] = []
    probe = TestSubscriber()
    reactivex.from_iterable(range(10_000)).pipe(
        make(10, overflow=rx.DROP_OLDEST, on_drop=lambda item, _: drops.append(item))
    ).subscribe(probe)
    assert drops == list(range(9_990))
    assert probe.statistics[name].peak == 10
    probe.request(rx.UNBOUNDED)
    assert probe.items == list(range(9_990, 10_000))
    assert probe.completed


@pytest.mark.parametrize("overflow", BUFFERING, ids=repr)
def test_items_that_are_asked_for_do_not_give_way_while_the_source_is_subscribed(
    overflow: rx.Overflow,
) -> None:
    drops: list[int] = []
    probe = TestSubscriber(5)
    reactivex.of(*range(8)).pipe(
        ops.on_backpressure_buffer(3, overflow=overflow, on_drop=lambda item, _: drops.append(item))
    ).subscribe(probe)
    assert probe.items == [0, 1, 2, 3, 4]
    assert drops == []
    probe.request(3)
    assert probe.items == list(range(8))
    assert probe.completed


def test_what_is_asked_for_of_a_source_that_pushes_while_subscribed_passes_a_drop() -> None:
    probe = TestSubscriber(3)
    reactivex.of(*range(8)).pipe(ops.on_backpressure_drop()).subscribe(probe)
    assert probe.items == [0, 1, 2]
    assert probe.completed


@pytest.mark.parametrize("door", LOSSLESS.values(), ids=LOSSLESS.keys())
def test_a_source_that_pushes_while_it_is_subscribed_is_stopped_when_there_is_enough(
    door: Any,
) -> None:
    endless = counted(range(50_000))
    probe = TestSubscriber(rx.UNBOUNDED)
    reactivex.from_iterable(endless).pipe(door, ops.take(3)).subscribe(probe)
    assert probe.items == [0, 1, 2]
    assert probe.completed
    assert endless.taken < 10


def test_a_door_behind_a_flow_takes_without_bound() -> None:
    taken = counted(range(100))
    probe = TestSubscriber(1)
    rx.from_iterable(taken).pipe(ops.on_backpressure_buffer(3, overflow=rx.DROP_OLDEST)).subscribe(
        probe
    )
    assert taken.taken == 100
    probe.request(5)
    assert probe.items[-3:] == [97, 98, 99]
    assert probe.completed


# The doors without a queue, and those with one slot.


def test_drop_gives_what_is_asked_for_and_reports_the_rest() -> None:
    drops: list[Any] = []
    door = behind(ops.on_backpressure_drop(lambda *lost: drops.append(lost)), demand=2)
    door.push(1, 2, 3, 4)
    assert door.probe.items == [1, 2]
    assert drops == [(3, "incoming"), (4, "incoming")]
    door.probe.request(1)
    assert door.probe.items == [1, 2]  # there is no queue
    door.push(5, 6)
    assert door.probe.items == [1, 2, 5]
    assert drops == [(3, "incoming"), (4, "incoming"), (6, "incoming")]
    figures = door.probe.statistics["on_backpressure_drop"]
    assert (figures.received, figures.delivered, figures.held) == (6, 3, 0)
    assert figures.dropped == {"incoming": 3}
    assert figures.capacity == 0
    door.subject.on_completed()
    assert door.probe.completed


def test_drop_passes_an_error_without_demand() -> None:
    failure = ValueError("broken")
    door = behind(ops.on_backpressure_drop())
    door.push(1)
    door.subject.on_error(failure)
    assert door.probe.error is failure


def test_latest_gives_the_newest_and_reports_those_that_were_overtaken() -> None:
    drops: list[Any] = []
    door = behind(ops.on_backpressure_latest(lambda *lost: drops.append(lost)), demand=1)
    door.push(1, 2, 3, 4)
    assert door.probe.items == [1]
    assert drops == [(2, "oldest"), (3, "oldest")]
    door.probe.request(1)
    assert door.probe.items == [1, 4]
    door.probe.request(1)
    assert door.probe.items == [1, 4]  # it is given once
    door.push(5)
    assert door.probe.items == [1, 4, 5]
    assert door.probe.statistics["on_backpressure_latest"].peak == 1


def test_latest_completes_behind_the_held_item() -> None:
    door = behind(ops.on_backpressure_latest())
    door.push(1, 2)
    door.subject.on_completed()
    assert not door.probe.completed
    door.probe.request(1)
    assert door.probe.items == [2]
    assert door.probe.completed


UNCHANGED: dict[str, Any] = {
    "map": [ops.map(lambda item: item)],
    "filter": [ops.filter(lambda item: True)],
    "do_action": [ops.do_action(lambda item: None)],
    "as_observable": [ops.as_observable()],
    "lifted": [rx.lift(reactivex.operators.map(lambda item: item))],
    "take": [ops.take(100)],
    "flat_map": [ops.flat_map(rx.of)],
    "concat_map": [ops.concat_map(rx.of)],
    "flat_map_iterable": [ops.flat_map_iterable(lambda item: [item])],
    "merge": [ops.merge(rx.never())],
    "concat": [ops.concat(rx.never())],
    "retry": [ops.retry()],
    "catch": [ops.catch(rx.never())],
    "limit_rate(1)": [ops.limit_rate(1)],
}


@pytest.mark.parametrize("behind_it", UNCHANGED.values(), ids=UNCHANGED.keys())
def test_latest_is_not_stale_behind_further_operators(behind_it: list[Any]) -> None:
    subject: Subject[int] = Subject()
    probe = TestSubscriber(1)
    subject.pipe(ops.on_backpressure_latest(), *behind_it).subscribe(probe)
    for item in range(1, 5):
        subject.on_next(item)
    assert probe.items == [1]
    probe.request(1)
    if "limit_rate" in repr(behind_it):
        assert probe.items == [1, 2]  # one item is in the queue of limit_rate, by its definition
        probe.request(1)
    assert probe.items[-1] == 4
    assert len(probe.items) <= 3


def test_reduce_merges_what_is_held_with_what_comes() -> None:
    door = behind(ops.on_backpressure_reduce(lambda held, item: held + item), demand=1)
    door.push("a", "b", "c", "d")
    assert door.probe.items == ["a"]
    figures = door.probe.statistics["on_backpressure_reduce"]
    assert (figures.held, figures.peak) == (1, 1)
    assert figures.dropped == {"merged": 2}
    door.probe.request(2)
    assert door.probe.items == ["a", "bcd"]
    door.push("e")
    assert door.probe.items == ["a", "bcd", "e"]
    figures = door.probe.statistics["on_backpressure_reduce"]
    assert figures.received == figures.delivered + sum(figures.dropped.values()) == 5


def test_reduce_completes_behind_the_merged_item() -> None:
    door = behind(ops.on_backpressure_reduce(lambda held, item: held + item))
    door.push(1, 2, 3)
    door.subject.on_completed()
    assert not door.probe.completed
    door.probe.request(1)
    assert door.probe.items == [6]
    assert door.probe.completed


def test_a_reducer_that_raises_ends_the_stream_and_disposes_of_the_source() -> None:
    door = behind(ops.on_backpressure_reduce(lambda held, item: held / item))
    door.push(1, 0)
    assert not door.subject.observers
    door.probe.request(1)
    assert isinstance(door.probe.error, ZeroDivisionError)


def test_a_reducer_may_give_none() -> None:
    door = behind(ops.on_backpressure_reduce(lambda held, item: None))
    door.push(1, 2, 3)
    door.probe.request(1)
    assert door.probe.items == [None]


def test_error_fails_with_the_first_item_that_was_not_asked_for() -> None:
    door = behind(ops.on_backpressure_error(), demand=2)
    door.push(1, 2)
    assert door.probe.items == [1, 2]
    assert not door.probe.ended
    door.push(3)
    assert not door.subject.observers
    error = door.probe.error
    assert isinstance(error, rx.BufferOverflowError)
    assert (error.operator, error.capacity, error.item) == ("on_backpressure_error", 0, 3)
    assert (error.held, error.requested) == (0, 0)
    assert "on_backpressure_error" in str(error)
    assert "0 requested, item 3" in str(error)


def test_error_lets_everything_through_that_is_asked_for() -> None:
    door = behind(ops.on_backpressure_error(), demand=rx.UNBOUNDED)
    door.push(*range(1_000))
    door.subject.on_completed()
    assert door.probe.items == list(range(1_000))
    assert door.probe.completed


# All of it, as a law.


@pytest.mark.parametrize("overflow", BUFFERING, ids=repr)
@together("seed", range(20))
def test_every_item_is_delivered_dropped_or_discarded_exactly_once(
    overflow: rx.Overflow, seed: int
) -> None:
    from random import Random

    chance = Random(seed)
    door = opened(operator, chance.randint(1, 5), overflow=overflow)
    pushed = count()
    offered = 0
    for _ in range(chance.randint(5, 60)):
        if chance.random() < 0.7:
            if door.subject.observers:
                offered += 1
                door.push(next(pushed))
        else:
            door.probe.request(chance.randint(1, 3))
        assert door.probe.statistics["on_backpressure_buffer"].held <= 5
    chance.choice([door.probe.cancel, door.subject.on_completed])()
    if not door.probe.ended:
        door.probe.request(rx.UNBOUNDED)
    everything = [*door.probe.items, *door.discards, *(item for item, _ in door.drops)]
    assert sorted(everything) == list(range(offered))
    assert door.probe.items == sorted(door.probe.items)


# The door that makes the producing thread wait.


def producer(subject: Subject[int], count: int, returned: list[int]) -> Callable[[], None]:
    def run() -> None:
        for item in range(count):
            subject.on_next(item)
            returned.append(item)
        subject.on_completed()

    return run


@pytest.mark.parametrize("capacity", [1, 2, 5])
def test_block_holds_the_producing_thread_to_the_consumer(capacity: int) -> None:
    subject: Subject[int] = Subject()
    returned: list[int] = []
    excess: list[int] = []
    arrived = threading.Semaphore(0)

    def look(probe: TestSubscriber, item: int) -> None:
        excess.append(len(returned) - len(probe.items) - capacity)
        arrived.release()

    probe = TestSubscriber(0, look)
    subject.pipe(ops.on_backpressure_block(capacity)).subscribe(probe)
    join = in_thread(producer(subject, 200, returned))
    for _ in range(200):
        probe.request(1)
        assert arrived.acquire(timeout=10)
    join()
    assert probe.items == list(range(200))
    assert probe.completed
    assert max(excess) <= 0  # no push has returned for an item beyond those held
    figures = probe.statistics["on_backpressure_block"]
    assert figures.peak <= capacity
    assert figures.dropped == {}


def test_block_loses_nothing_when_the_buffer_strategy_is_block() -> None:
    subject: Subject[int] = Subject()
    returned: list[int] = []
    probe = TestSubscriber(0)
    done = threading.Event()
    flow = subject.pipe(ops.on_backpressure_buffer(2, overflow=rx.BLOCK), ops.map(str))
    flow.pipe(ops.finally_action(done.set)).subscribe(probe)
    join = in_thread(producer(subject, 50, returned))
    probe.request(rx.UNBOUNDED)
    assert done.wait(10)
    join()
    assert probe.items == [str(item) for item in range(50)]


def test_block_fails_behind_the_backlog_when_no_room_is_made_in_time() -> None:
    subject: Subject[int] = Subject()
    probe = TestSubscriber()
    subject.pipe(ops.on_backpressure_block(2, timeout=0)).subscribe(probe)
    in_thread(lambda: [subject.on_next(item) for item in range(5)])()
    assert not subject.observers
    assert not probe.ended
    assert probe.statistics["on_backpressure_block"].dropped == {"timeout": 1}
    probe.request(2)
    assert probe.items == [0, 1]
    assert isinstance(probe.error, rx.OfferTimeoutError)
    assert "on_backpressure_block" in str(probe.error)


def test_cancel_lets_a_blocked_thread_go() -> None:
    subject: Subject[int] = Subject()
    discards: list[int] = []
    second = threading.Event()
    probe = TestSubscriber()
    subject.pipe(ops.on_backpressure_block(1, on_discard=discards.append)).subscribe(probe)

    def produce() -> None:
        subject.on_next(1)
        second.set()
        subject.on_next(2)

    join = in_thread(produce)
    assert second.wait(10)
    probe.cancel()
    join()
    assert discards == [1]
    assert probe.signals == ["on_subscribe"]
    assert not subject.observers


def test_block_refuses_to_wait_on_the_thread_that_subscribes() -> None:
    probe = TestSubscriber()
    taken = counted(range(10))
    reactivex.from_iterable(taken).pipe(ops.on_backpressure_block(2)).subscribe(probe)
    assert taken.taken < 5
    probe.request(2)
    assert probe.items == [0, 1]
    assert isinstance(probe.error, RuntimeError)
    assert "another thread" in str(probe.error)


def test_block_refuses_to_wait_on_the_thread_of_the_event_loop() -> None:
    subject: Subject[int] = Subject()
    probe = TestSubscriber()

    async def main() -> None:
        subject.pipe(ops.on_backpressure_block(2)).subscribe(probe)
        for item in range(5):
            subject.on_next(item)

    asyncio.run(main())
    assert not subject.observers
    probe.request(9)
    assert isinstance(probe.error, RuntimeError)
    assert "event loop" in str(probe.error)
    assert "another thread" in str(probe.error)


@pytest.mark.parametrize(
    "door",
    [ops.on_backpressure_error(), ops.on_backpressure_drop(), ops.on_backpressure_latest()],
    ids=["error", "drop", "latest"],
)
def test_demand_from_inside_on_next_counts_at_once(door: Any) -> None:
    numbers: Subject[int] = Subject()

    def ask_and_push(probe: TestSubscriber, item: int) -> None:
        if item < 3:
            probe.request(1)
            numbers.on_next(item + 1)

    probe = TestSubscriber(1, ask_and_push)
    numbers.pipe(door).subscribe(probe)
    numbers.on_next(1)
    assert probe.items == [1, 2, 3]
    assert probe.error is None


def test_a_cancel_is_heard_by_a_run_that_gives_nothing_and_is_refilled_meanwhile() -> None:
    numbers: Subject[int] = Subject()
    probe = TestSubscriber(5)
    tested: list[int] = []

    def refill(item: int) -> bool:
        tested.append(item)
        if item == 10:
            probe.cancel()
        assert item < 100_000
        numbers.on_next(item + 1)
        return False

    numbers.pipe(ops.on_backpressure_buffer(10), ops.filter(refill)).subscribe(probe)
    numbers.on_next(0)
    assert len(tested) < 5_000
    assert probe.signals == ["on_subscribe"]
    assert numbers.observers == []


@pytest.mark.parametrize(
    ("overflow", "kept", "reason"),
    [
        (rx.DROP_OLDEST, [7, 8, 9], "oldest"),
        (rx.DROP_NEWEST, [0, 1, 9], "newest"),
        (rx.DROP_INCOMING, [0, 1, 2], "incoming"),
        (rx.DROP_ALL, [9], "all"),
    ],
)
def test_what_gives_way_without_on_drop_is_counted_all_the_same(
    overflow: Any, kept: list[int], reason: str
) -> None:
    source: Subject[int] = Subject()
    probe = TestSubscriber[int]()
    source.pipe(ops.on_backpressure_buffer(3, overflow=overflow)).subscribe(probe)
    for n in range(10):
        source.on_next(n)
    figures = probe.subscription.statistics()[0]
    assert (figures.received, figures.held, figures.peak) == (10, len(kept), 3)
    assert figures.dropped == {reason: 10 - len(kept)}
    probe.request(10)
    assert probe.items == kept
