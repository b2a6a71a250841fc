"""limit_rate and observe_on: what is asked upstream, and on which thread items come."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest
from reactivex.abc import SchedulerBase
from reactivex.scheduler import (
    CurrentThreadScheduler,
    EventLoopScheduler,
    ImmediateScheduler,
    NewThreadScheduler,
    ThreadPoolScheduler,
    TrampolineScheduler,
)
from reactivex.testing import TestScheduler

import rxflow as rx
from rxflow import Emitter
from rxflow import operators as ops
from rxflow.testing import TestSubscriber
from tests.support import counted


class Asked:
    """A source that tells how much has been asked of it, in all, since the beginning."""

    def __init__(self) -> None:
        self.emitted = 0
        self.flow = rx.create(self._start, overflow=rx.FAIL, capacity=1)

    def _start(self, emitter: Emitter[int]) -> None:
        self.emitter = emitter

    @property
    def granted(self) -> int:
        return self.emitted + self.emitter.requested

    def emit(self) -> int:
        """Emit one item and say how much has been asked for then."""
        self.emitted += 1
        self.emitter.on_next(self.emitted)
        return self.granted


# limit_rate


@pytest.mark.parametrize(
    ("high", "low", "granted"),
    [
        (1, None, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
        (2, None, [2, 2, 4, 4, 6, 6, 8, 8, 10, 10]),  # 75 % of 2 is 1.5, rounded up
        (4, None, [4, 4, 4, 7, 7, 7, 10, 10, 10, 13]),
        (4, 0, [4, 4, 4, 4, 8, 8, 8, 8, 12, 12]),
        (4, 4, [4, 4, 4, 4, 8, 8, 8, 8, 12, 12]),
        (4, 1, [4, 5, 6, 7, 8, 9, 10, 11, 12, 13]),
        (4, 2, [4, 4, 6, 6, 8, 8, 10, 10, 12, 12]),
        (8, 6, [8, 8, 8, 8, 8, 8, 14, 14, 14, 14]),
    ],
)
@pytest.mark.parametrize("demand", [100, rx.UNBOUNDED])
def test_the_requests_upstream_while_items_are_taken_as_they_come(
    high: int, low: int | None, granted: list[int], demand: int
) -> None:
    source = Asked()
    probe = TestSubscriber(demand)
    source.flow.pipe(ops.limit_rate(high, low)).subscribe(probe)
    seen = [source.granted]
    for _ in range(9):
        seen.append(source.emit())
    assert seen == granted
    assert probe.items == list(range(1, 10))


@pytest.mark.parametrize(
    ("high", "low", "pulled"),
    [
        (4, None, [4, 4, 4, 7, 7, 7, 10, 10, 10, 13]),
        (4, 0, [4, 4, 4, 4, 8, 8, 8, 8, 12, 12]),
        (3, 1, [3, 4, 5, 6, 7, 8, 9, 10, 11, 12]),
    ],
)
def test_what_is_pulled_ahead_of_a_consumer_that_takes_one_at_a_time(
    high: int, low: int | None, pulled: list[int]
) -> None:
    source = counted(count())
    probe = TestSubscriber()
    rx.from_iterable(source).pipe(ops.limit_rate(high, low)).subscribe(probe)
    seen = [source.taken]
    for _ in range(9):
        probe.request(1)
        seen.append(source.taken)
    assert seen == pulled
    assert probe.items == list(range(9))
    assert probe.statistics["limit_rate"].peak == high
    assert probe.statistics["limit_rate"].capacity == high


def test_limit_rate_hands_on_a_source_shorter_than_its_batch() -> None:
    for length in range(10):
        probe = TestSubscriber(rx.UNBOUNDED)
        rx.from_iterable(counted(range(length))).pipe(ops.limit_rate(4)).subscribe(probe)
        assert probe.items == list(range(length))
        assert probe.completed


def test_limit_rate_signals_the_end_behind_what_is_held() -> None:
    def broken() -> Iterator[int]:
        yield 1
        yield 2
        raise ValueError("broken")

    probe = TestSubscriber()
    rx.from_iterable(broken()).pipe(ops.limit_rate(4)).subscribe(probe)
    assert not probe.ended
    probe.request(1)
    assert not probe.ended
    probe.request(1)
    assert probe.items == [1, 2]
    assert repr(probe.error) == "ValueError('broken')"


def test_limit_rate_is_cancelled_with_its_source() -> None:
    source = counted(count())
    probe = TestSubscriber(1)
    rx.from_iterable(source).pipe(ops.limit_rate(4)).subscribe(probe)
    probe.cancel()
    assert source.closed == 1
    assert probe.statistics["limit_rate"].discarded == 3
    probe.request(5)
    assert source.taken == 4


def test_a_take_behind_limit_rate_bounds_what_is_pulled() -> None:
    source = counted(count())
    assert list(rx.from_iterable(source).pipe(ops.limit_rate(4), ops.take(3))) == [0, 1, 2]
    assert source.taken <= 7
    assert source.closed == 1


# observe_on


def test_items_come_in_actions_of_the_scheduler_only() -> None:
    clock = TestScheduler()
    probe = TestSubscriber(3)
    rx.range(5).pipe(ops.observe_on(clock)).subscribe(probe)
    assert probe.signals == ["on_subscribe"]
    clock.start()
    assert probe.items == [0, 1, 2]
    probe.request(1)
    assert probe.items == [0, 1, 2]
    clock.start()
    assert probe.items == [0, 1, 2, 3]
    probe.request(1)
    clock.start()
    assert probe.items == [0, 1, 2, 3, 4]
    assert probe.completed


@pytest.mark.parametrize("end", ["completed", "error"])
def test_the_end_comes_in_an_action_of_the_scheduler_without_demand(end: str) -> None:
    clock = TestScheduler()
    probe = TestSubscriber()
    source = rx.empty() if end == "completed" else rx.throw("broken")
    source.pipe(ops.observe_on(clock)).subscribe(probe)
    assert probe.signals == ["on_subscribe"]
    clock.start()
    assert probe.signals == ["on_subscribe", f"on_{end}"]


@pytest.mark.parametrize(("prefetch", "batch"), [(1, 1), (4, 3), (8, 6)])
def test_observe_on_holds_no_more_than_prefetch(prefetch: int, batch: int) -> None:
    clock = TestScheduler()
    source = counted(count())
    probe = TestSubscriber()
    rx.from_iterable(source).pipe(ops.observe_on(clock, prefetch=prefetch)).subscribe(probe)
    for taken in range(30):
        assert len(probe.items) == taken
        assert source.taken == prefetch + batch * (taken // batch)
        probe.request(1)
        clock.start()
    assert probe.items == list(range(30))
    assert probe.statistics["observe_on"].peak == prefetch


def test_cancel_clears_what_is_held_also_when_the_scheduler_never_acts_again() -> None:
    clock = TestScheduler()
    source = counted(count())
    probe = TestSubscriber(1)
    rx.from_iterable(source).pipe(ops.observe_on(clock, prefetch=4)).subscribe(probe)
    probe.cancel()
    assert source.closed == 1
    figures = probe.statistics["observe_on"]
    assert (figures.held, figures.discarded) == (0, 4)
    clock.start()
    assert probe.signals == ["on_subscribe"]


def test_what_comes_before_stays_where_it_is_and_what_follows_moves() -> None:
    where: list[tuple[str, bool]] = []
    clock = TestScheduler()
    acting = False

    def note(place: str) -> Any:
        return lambda item: where.append((place, acting)) or item

    probe = TestSubscriber(1)
    rx.range(1).pipe(
        ops.map(note("before")), ops.observe_on(clock), ops.map(note("after"))
    ).subscribe(probe)
    acting = True
    clock.start()
    assert where == [("before", False), ("after", True)]


@pytest.mark.parametrize("prefetch", [1, 3, 256])
def test_an_event_loop_scheduler_delivers_everything_in_order_on_its_thread(
    prefetch: int,
) -> None:
    scheduler = EventLoopScheduler()
    threads: set[threading.Thread] = set()
    done = threading.Event()
    probe = TestSubscriber(rx.UNBOUNDED, lambda *_: threads.add(threading.current_thread()))
    rx.range(2_000).pipe(
        ops.observe_on(scheduler, prefetch=prefetch), ops.finally_action(done.set)
    ).subscribe(probe)
    assert done.wait(10)
    scheduler.dispose()
    assert probe.items == list(range(2_000))
    assert len(threads) == 1
    assert threading.current_thread() not in threads
    assert probe.statistics["observe_on"].peak <= prefetch


def patient(scheduler: SchedulerBase, monkeypatch: pytest.MonkeyPatch) -> SchedulerBase:
    """Have a scheduler fail, not hang, when it is asked again and again.

    Some are the same object for the whole process, whose other tests ask them, too.
    """
    schedule = scheduler.schedule
    asked = count()

    def limited(action: Any, state: Any = None) -> Any:
        assert next(asked) < 10_000, "it schedules for ever"
        return schedule(action, state)

    monkeypatch.setattr(scheduler, "schedule", limited)
    return scheduler


SCHEDULERS = [NewThreadScheduler, ImmediateScheduler, CurrentThreadScheduler, TrampolineScheduler]


@pytest.mark.parametrize("make", [*SCHEDULERS, lambda: ThreadPoolScheduler(2)])
@pytest.mark.parametrize("prefetch", [1, 4])
def test_any_scheduler_delivers_everything_in_order(
    make: Callable[[], SchedulerBase], prefetch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = threading.Event()
    inside = threading.Lock()
    overlaps: list[int] = []

    def alone(_: TestSubscriber, item: int) -> None:
        if inside.acquire(blocking=False):
            inside.release()
        else:
            overlaps.append(item)

    probe = TestSubscriber(rx.UNBOUNDED, alone)
    rx.range(200).pipe(
        ops.observe_on(patient(make(), monkeypatch), prefetch=prefetch),
        ops.finally_action(done.set),
    ).subscribe(probe)
    assert done.wait(10)
    assert probe.items == list(range(200))
    assert overlaps == []


def test_requests_from_another_thread_lead_to_items_on_the_schedulers_thread() -> None:
    scheduler = EventLoopScheduler()
    threads: set[int] = set()
    arrived = threading.Semaphore(0)

    def look(probe: TestSubscriber, item: int) -> None:
        threads.add(threading.get_ident())
        arrived.release()

    probe = TestSubscriber(0, look)
    rx.range(50).pipe(ops.observe_on(scheduler, prefetch=4)).subscribe(probe)
    for taken in range(50):
        probe.request(1)
        assert arrived.acquire(timeout=10)
        assert len(probe.items) == taken + 1
    scheduler.dispose()
    assert probe.items == list(range(50))
    assert len(threads) == 1
    assert threading.get_ident() not in threads
