"""Two threads at the worst moment, made to meet there by events; no luck is needed."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from reactivex.disposable import Disposable
from reactivex.scheduler import ImmediateScheduler, NewThreadScheduler

import rxflow
from rxflow.kernel import Boundary, Context, State
from rxflow.protocol import BLOCK, Offer
from tests.kernel.recorder import COMPLETED, Join, Recorder, dropped_errors, in_thread


class Meeting:
    """Lets one thread wait inside ``on_next`` until another has done something."""

    def __init__(self) -> None:
        self.inside = threading.Event()
        self.go_on = threading.Event()
        self.entered = 0
        self.at_once = 0  # most threads in on_next at once

    def __call__(self, recorder: Recorder, item: Any) -> None:
        self.entered += 1
        self.at_once = max(self.at_once, self.entered)
        self.inside.set()
        assert self.go_on.wait(10)
        self.entered -= 1


class Elsewhere(NewThreadScheduler):
    """Runs its one action in a thread, and returns once that thread delivers an item."""

    def __init__(self, delivers: threading.Event) -> None:
        super().__init__()
        self._delivers = delivers
        self.join: Join | None = None

    def schedule(self, action: Any, state: Any = None) -> Disposable:
        self.join = in_thread(lambda: action(self, state))
        assert self._delivers.wait(10)
        return Disposable()


def test_a_thread_that_delivers_before_subscribe_returns_is_alone_in_the_loop():
    """Rule 1.3: signals are serial, also when the source starts before subscribe is over."""
    meeting = Meeting()
    scheduler = Elsewhere(meeting.inside)
    recorder = Recorder(rxflow.UNBOUNDED, then=meeting)
    subscribe = in_thread(lambda: rxflow.range(0, 3, 1, scheduler).subscribe(recorder))
    assert meeting.inside.wait(10)
    hangs = None
    try:
        subscribe(within=2)  # it has nothing to wait for: it leaves a note to the other thread
    except AssertionError as error:
        hangs = error
    meeting.go_on.set()
    subscribe()
    assert scheduler.join is not None
    scheduler.join()
    assert meeting.at_once == 1
    assert hangs is None
    assert recorder.items == [0, 1, 2]
    assert recorder.signals[-1] == COMPLETED


def test_a_request_from_another_thread_leaves_its_demand_to_the_loop_that_runs():
    meeting = Meeting()
    recorder = Recorder(1, then=meeting)
    join = in_thread(lambda: rxflow.from_iterable([1, 2, 3]).subscribe(recorder))
    assert meeting.inside.wait(10)
    recorder.request(2)  # returns at once
    assert recorder.items == [1]
    meeting.go_on.set()
    join()
    assert recorder.signals == [("subscribed",), ("next", 1), ("next", 2), ("next", 3), COMPLETED]


def test_a_cancel_from_another_thread_returns_at_once_and_is_the_last_that_is_heard():
    meeting = Meeting()
    closed: list[str] = []

    def source():
        try:
            while True:
                yield len(closed)
        finally:
            closed.append(threading.current_thread().name)

    recorder = Recorder(rxflow.UNBOUNDED, then=meeting)
    join = in_thread(lambda: rxflow.from_iterable(source()).subscribe(recorder))
    assert meeting.inside.wait(10)
    recorder.cancel()
    assert closed == []  # the generator is closed by the thread that runs it
    meeting.go_on.set()
    join()
    assert recorder.signals == [("subscribed",), ("next", 0)]
    assert len(closed) == 1
    assert closed != [threading.current_thread().name]


class Consumed(Boundary[Any]):
    """A boundary whose consumer, on another thread, takes everything and then waits."""

    def __init__(self) -> None:
        super().__init__(Context(lambda: None), "door", 4, BLOCK)
        self.needs_lock = threading.Event()
        self.taken: list[Any] = []

    def consume(self) -> None:
        self.taken += self.run()
        self.state = self.settle()

    def _took(self, ahead: int = 0) -> None:
        """Leave out the look at the clock, which takes the lock at the last item."""

    def settle(self) -> State:
        self.needs_lock.set()
        return super().settle()


def test_room_that_is_made_while_a_producer_looks_for_it_is_not_lost(
    monkeypatch: pytest.MonkeyPatch,
):
    """Else the consumer waits for an item and the producer for room, for ever."""
    door = Consumed()
    joins: list[Join] = []

    def clock_that_lets_the_consumer_run() -> int:
        joins.append(in_thread(door.consume))  # it takes items without the lock
        assert door.needs_lock.wait(10)
        return 0

    for item in range(4):
        assert door.push(item) is Offer.ENQUEUED
    assert door.push(4) is Offer.FULL
    told: list[str] = []
    with monkeypatch.context() as patch:
        # when_room asks for the time while it is looking
        patch.setattr(door._waiters, "_now", clock_that_lets_the_consumer_run)
        waits = door.when_room(lambda: told.append("room"))
    [join] = joins
    join()
    assert door.taken == [0, 1, 2, 3]
    assert door.state is State.WAITING
    assert not waits or told == ["room"]


def test_a_stream_that_ends_inside_of_its_start_is_closed_in_order():
    closed: list[str] = []

    def source():
        try:
            yield 1
            yield 2
        finally:
            closed.append("source")

    recorder = Recorder(rxflow.UNBOUNDED, then=lambda it, item: it.cancel())
    with dropped_errors() as dropped:
        rxflow.from_iterable(source(), ImmediateScheduler()).subscribe(recorder)
    assert dropped == []
    assert recorder.signals == [("subscribed",), ("next", 1)]
    assert closed == ["source"]
