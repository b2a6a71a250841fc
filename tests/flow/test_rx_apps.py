"""A Flow where an existing Rx program has an Observable: what goes on, and what it gains."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
import reactivex
from reactivex import Observable
from reactivex import operators as stock
from reactivex.internal.exceptions import DisposedException
from reactivex.scheduler import EventLoopScheduler, NewThreadScheduler, ThreadPoolScheduler
from reactivex.subject import BehaviorSubject, Subject

import rxflow as rx
from rxflow import operators as ops
from rxflow.testing import TestSubscriber
from tests.support import counted

LIMIT = 20.0


class Seen:
    """An ordinary observer that remembers what it was told, and on which threads."""

    def __init__(self) -> None:
        self.items: list[Any] = []
        self.threads: set[int] = set()
        self.error: Exception | None = None
        self._over = threading.Event()

    def on_next(self, value: Any) -> None:
        self.items.append(value)
        self.threads.add(threading.get_ident())

    def on_error(self, error: Exception) -> None:
        self.error = error
        self._over.set()

    def on_completed(self) -> None:
        self._over.set()

    def wait(self) -> list[Any]:
        assert self._over.wait(LIMIT), "it has not ended"
        if self.error is not None:
            raise self.error
        return self.items


def new_thread() -> NewThreadScheduler:
    """Make one whose threads end as those of a pool do, whatever reactivex's own operators do.

    Its observe_on may go on behind the last item when that has disposed of the thread's queue.
    """

    def thread(target: Callable[[], Any]) -> threading.Thread:
        def run() -> None:
            with suppress(DisposedException):
                target()

        return threading.Thread(target=run, daemon=True)

    return NewThreadScheduler(thread)


@pytest.fixture(params=["new thread", "thread pool", "event loop"])
def scheduler(request: pytest.FixtureRequest) -> Iterator[Any]:
    if request.param == "new thread":
        yield new_thread()
    elif request.param == "thread pool":
        pool = ThreadPoolScheduler(3)
        yield pool
        pool.executor.shutdown(wait=True)
    else:
        loop = EventLoopScheduler()
        yield loop
        loop.dispose()


# Threads of reactivex's schedulers: the same program, with an Observable and with a Flow.

SOURCES: dict[str, Callable[[], Observable[int]]] = {
    "an Observable": lambda: reactivex.from_iterable(range(500)),
    "a Flow": lambda: rx.from_iterable(range(500)),
}
by_source = pytest.mark.parametrize("make", SOURCES.values(), ids=SOURCES)


@by_source
def test_observe_on_moves_the_observer_to_the_thread_of_the_scheduler(
    make: Callable[[], Observable[int]], scheduler: Any
) -> None:
    seen = Seen()
    make().pipe(stock.map(lambda n: n + 1), stock.observe_on(scheduler)).subscribe(seen)
    assert seen.wait() == list(range(1, 501))
    assert threading.get_ident() not in seen.threads


@by_source
def test_subscribe_on_moves_the_source(make: Callable[[], Observable[int]], scheduler: Any) -> None:
    seen = Seen()
    make().pipe(stock.subscribe_on(scheduler), stock.map(str)).subscribe(seen)
    assert seen.wait() == [str(n) for n in range(500)]
    assert threading.get_ident() not in seen.threads


@by_source
def test_merge_of_reactivex_takes_it_beside_observables(
    make: Callable[[], Observable[int]], scheduler: Any
) -> None:
    seen, other = Seen(), Subject[int]()
    parts = make().pipe(stock.observe_on(scheduler)), other, reactivex.of(-2)
    reactivex.merge(*parts).subscribe(seen)
    other.on_next(-1)
    other.on_completed()
    items = seen.wait()
    assert sorted(items) == list(range(-2, 500))
    assert [n for n in items if n >= 0] == list(range(500))


@by_source
def test_a_shared_one_is_subscribed_once_for_all(make: Callable[[], Observable[int]]) -> None:
    pulled = []
    shared = make().pipe(stock.do_action(pulled.append), stock.publish())
    assert isinstance(shared, reactivex.ConnectableObservable)
    first, second = Seen(), Seen()
    shared.subscribe(first)
    shared.subscribe(second)
    shared.connect()
    assert first.wait() == second.wait() == list(range(500)) == pulled


@by_source
def test_it_is_an_inner_source_of_flat_map_zip_and_concat(
    make: Callable[[], Observable[int]],
) -> None:
    seen = Seen()
    few = make().pipe(stock.take(3))
    reactivex.of(1, 2).pipe(stock.flat_map(lambda _: few)).subscribe(seen)
    assert sorted(seen.wait()) == [0, 0, 1, 1, 2, 2]
    seen = Seen()
    reactivex.zip(make(), reactivex.of("a", "b")).subscribe(seen)
    assert seen.wait() == [(0, "a"), (1, "b")]
    seen = Seen()
    reactivex.concat(few, reactivex.of(7), few).subscribe(seen)
    assert seen.wait() == [0, 1, 2, 7, 0, 1, 2]


@by_source
def test_a_subject_subscribes_to_it(make: Callable[[], Observable[int]]) -> None:
    seen = Seen()
    subject = BehaviorSubject(-1)
    subject.subscribe(seen)
    make().pipe(stock.take(2)).subscribe(subject)
    assert seen.wait() == [-1, 0, 1]


# reactivex's observe_on may schedule itself once more when its scheduler is disposed of already.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@by_source
def test_disposing_stops_the_threads(make: Callable[[], Observable[int]], scheduler: Any) -> None:
    seen, reached = Seen(), threading.Event()
    ticks = make().pipe(stock.observe_on(scheduler))

    def take(n: int) -> None:
        seen.on_next(n)
        if n == 10:
            reached.set()
            subscription.dispose()

    subscription = reactivex.disposable.SerialDisposable()
    gate = Subject[int]()
    subscription.disposable = gate.pipe(stock.flat_map(lambda _: ticks)).subscribe(take)
    gate.on_next(0)
    assert reached.wait(LIMIT)
    assert seen.items == list(range(11))


# What the program gains.


def test_observe_on_holds_a_slow_thread_s_source_instead_of_queueing_for_it() -> None:
    """reactivex's observe_on queues without bound: all of it, while the thread is busy."""
    gate, numbers, queued = threading.Event(), counted(range(500)), counted(range(500))
    scheduler = new_thread()

    def wait(_: int) -> None:
        assert gate.wait(LIMIT)

    ours, theirs = Seen(), Seen()
    flow = rx.from_iterable(numbers).pipe(
        ops.observe_on(scheduler, prefetch=8), ops.do_action(wait)
    )
    reactivex.merge(flow).subscribe(ours)  # it goes on inside of a stock combination
    plain = reactivex.from_iterable(queued)
    plain.pipe(stock.observe_on(scheduler), stock.do_action(wait)).subscribe(theirs)
    assert numbers.taken <= 2 * 8
    assert queued.taken == 500
    gate.set()
    assert ours.wait() == theirs.wait() == list(range(500))


def test_each_subscriber_of_a_multicast_sees_the_latest_at_its_own_pace() -> None:
    """share, then a latest of its own for each: the usual shape of a robot's sensors."""
    frames = Subject[int]()
    shared = frames.pipe(stock.share())  # the existing program's multicast
    slow, quick = TestSubscriber[int](), TestSubscriber[int]()
    every = Seen()
    shared.subscribe(every)
    shared.pipe(ops.on_backpressure_latest()).subscribe(slow)
    shared.pipe(ops.on_backpressure_latest(), ops.map(lambda n: -n)).subscribe(quick)
    slow.request(1)
    for n in range(6):
        quick.request(1)
        frames.on_next(n)
    slow.request(1)
    frames.on_completed()
    assert every.wait() == [0, 1, 2, 3, 4, 5]
    assert quick.items == [0, -1, -2, -3, -4, -5]
    assert slow.items == [0, 5]
    assert slow.statistics["on_backpressure_latest"].dropped == {"oldest": 4}


def test_a_shared_flow_gives_each_subscriber_a_strategy_of_its_own() -> None:
    frames = Subject[int]()
    shared = frames.pipe(ops.on_backpressure_buffer(100, overflow=rx.FAIL)).share()
    latest = shared.with_overflow(rx.DROP_OLDEST, capacity=1)
    slow, quick = TestSubscriber[int](), TestSubscriber[int](rx.UNBOUNDED)
    latest.subscribe(slow)
    latest.subscribe(quick)
    for n in range(6):
        frames.on_next(n)
    slow.request(1)
    assert quick.items == [0, 1, 2, 3, 4, 5]
    assert slow.items == [5]


def test_readers_in_threads_read_the_latest_of_a_multicast(scheduler: Any) -> None:
    frames = Subject[int]()
    shared = frames.pipe(stock.share())
    moved = shared.pipe(stock.observe_on(scheduler))
    with rx.latest(shared) as here, rx.latest(moved) as there:
        for n in range(5):
            frames.on_next(n)
        assert here.get(timeout=0) == 4
        frames.on_completed()
        assert list(there)[-1] == 4
        assert not frames.observers


def test_a_consumer_in_the_rx_program_sets_the_pace() -> None:
    """One door where the Flow begins; the rest of the program stays as it was."""
    events = Subject[str]()
    stored: list[str] = []
    probe = TestSubscriber[str]()
    events.pipe(
        ops.map(str.upper),  # plain Rx up to here
        ops.on_backpressure_buffer(2, overflow=rx.DROP_OLDEST),
        ops.distinct_until_changed(),
        ops.do_action(stored.append),
    ).subscribe(probe)
    for event in "abbcd":
        events.on_next(event)
    assert stored == []
    probe.request(1)
    assert stored == probe.items == ["C"]
