"""Producers, requesters and cancels on many threads at once, under hostile switching."""

from __future__ import annotations

import random
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest
import reactivex
from reactivex.disposable import Disposable

import rxflow
from rxflow.kernel import counting as counting_module
from rxflow.kernel import drain as drain_module
from rxflow.protocol import BLOCK, DROP_ALL, DROP_NEWEST, DROP_OLDEST, UNBOUNDED, Subscriber
from tests.kernel.recorder import dropped_errors

PRODUCERS = 4
ITEMS = 600  # of each producer
PATIENCE = 30  # longest that a thread may take (seconds)

Item = tuple[int, int]  # producer, number


class YieldingLock:
    """A lock that gives other threads a turn before it is taken and after it is let go."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def acquire(self, blocking: bool = True) -> bool:
        time.sleep(0)
        return self._lock.acquire(blocking)

    def release(self) -> None:
        self._lock.release()
        time.sleep(0)

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


@pytest.fixture(params=["often", "at every lock"], autouse=True)
def switching(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Switch threads as often as the interpreter can, or exactly around the critical points."""
    if request.param == "at every lock":
        monkeypatch.setattr(drain_module, "Lock", YieldingLock)
        monkeypatch.setattr(counting_module, "Lock", YieldingLock)
        yield
        return
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


class Threads:
    """Threads that start together, end in time and pass on what they raised."""

    def __init__(self) -> None:
        self._threads: list[threading.Thread] = []
        self._raised: list[BaseException] = []
        self._go = threading.Event()

    def add(self, work: Callable[..., object], *args: Any) -> None:
        def run() -> None:
            try:
                assert self._go.wait(PATIENCE)
                work(*args)
            except BaseException as error:
                self._raised.append(error)

        thread = threading.Thread(target=run, daemon=True)
        self._threads.append(thread)
        thread.start()

    def go(self) -> None:
        self._go.set()

    def join(self) -> None:
        deadline = time.monotonic() + PATIENCE
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        hanging = [thread for thread in self._threads if thread.is_alive()]
        assert hanging == []
        if self._raised:
            raise self._raised[0]


class Serial(Subscriber[Any]):
    """Notes two signals at once, and signals after the end."""

    def __init__(self, first: int = 0) -> None:
        self.items: list[Any] = []
        self.ends: list[Any] = []
        self.faults: list[str] = []
        self.over = threading.Event()
        self._inside = False
        self._first = first

    def on_subscribe(self, subscription: rxflow.Subscription) -> None:
        self.subscription = subscription
        if self._first:
            subscription.request(self._first)

    def _enter(self, signal: str) -> None:
        if self._inside:
            self.faults.append(f"{signal} while another signal is handled")
        if self.ends:
            self.faults.append(f"{signal} after the end")
        self._inside = True

    def on_next(self, value: Any) -> None:
        self._enter("on_next")
        self.items.append(value)
        self._inside = False

    def on_error(self, error: Exception) -> None:
        self._enter("on_error")
        self.ends.append(error)
        self._inside = False
        self.over.set()

    def on_completed(self) -> None:
        self._enter("on_completed")
        self.ends.append(None)
        self._inside = False
        self.over.set()


class Producers:
    """Each pushes its numbers in order; the last one to finish completes."""

    def __init__(self, threads: Threads) -> None:
        self.threads = threads
        self._left = PRODUCERS
        self._lock = threading.Lock()

    def start(self, observer: Any, _: Any = None) -> Any:
        for producer in range(PRODUCERS):
            self.threads.add(self._produce, producer, observer)
        return Disposable()

    def _produce(self, producer: int, observer: Any) -> None:
        for number in range(ITEMS):
            observer.on_next((producer, number))
        with self._lock:
            self._left -= 1
            last = not self._left
        if last:
            observer.on_completed()


ALL = Counter((producer, number) for producer in range(PRODUCERS) for number in range(ITEMS))


def in_order(items: list[Item]) -> bool:
    """Tell whether the numbers of each producer rise."""
    by_producer: dict[int, list[int]] = defaultdict(list)
    for producer, number in items:
        by_producer[producer].append(number)
    return all(numbers == sorted(set(numbers)) for numbers in by_producer.values())


def request_in_parts(serial: Serial, total: int, seed: int) -> None:
    chance = random.Random(seed)
    while total:
        n = min(total, chance.randrange(1, 40))
        total -= n
        serial.subscription.request(n)


def blocking_emitter(producers: Producers) -> Any:
    return rxflow.create(producers.start, overflow=BLOCK, capacity=16)


def blocking_door(producers: Producers) -> Any:
    source: Any = reactivex.create(producers.start)
    return rxflow.from_observable(source, overflow=BLOCK, capacity=16)


@pytest.mark.parametrize("make", [blocking_emitter, blocking_door])
def test_four_blocking_producers_and_two_requesters_lose_and_double_nothing(
    make: Callable[[Producers], Any],
):
    threads = Threads()
    serial = Serial()
    with dropped_errors() as dropped:
        subscription = make(Producers(threads)).subscribe(serial)
        for seed in range(2):
            threads.add(request_in_parts, serial, PRODUCERS * ITEMS // 2, seed)
        threads.go()
        threads.join()
        assert serial.over.wait(PATIENCE)
    assert serial.faults == []
    assert serial.ends == [None]
    assert Counter(serial.items) == ALL
    assert in_order(serial.items)
    assert dropped == []
    door, consumer = subscription.statistics()
    assert door.peak <= 16
    assert (door.received, door.delivered, door.dropped) == (len(ALL), len(ALL), {})
    assert consumer.delivered == len(ALL)


@pytest.mark.parametrize("overflow", [DROP_OLDEST, DROP_NEWEST, DROP_ALL], ids=repr)
def test_four_producers_that_drop_account_for_every_item(overflow: rxflow.Overflow):
    threads = Threads()
    serial = Serial()
    drops: list[Item] = []
    discards: list[Item] = []
    with dropped_errors() as late:
        flow = rxflow.create(
            Producers(threads).start,
            overflow=overflow,
            capacity=16,
            on_drop=lambda item, reason: drops.append(item),
            on_discard=discards.append,
        )
        subscription = flow.subscribe(serial)
        threads.add(request_in_parts, serial, ITEMS, 1)
        threads.add(request_in_parts, serial, ITEMS, 2)
        threads.go()
        threads.join()
        subscription.cancel()
    assert serial.faults == []
    assert late == []
    assert Counter(serial.items) + Counter(drops) + Counter(discards) == ALL
    assert in_order(serial.items)
    assert len(serial.items) <= 2 * ITEMS
    door, consumer = subscription.statistics()
    assert door.peak <= 16
    assert door.received == len(ALL)
    assert sum(door.dropped.values()) == len(drops)
    assert (door.discarded, door.held) == (len(discards), 0)
    assert door.delivered == consumer.received == len(serial.items)


@pytest.mark.parametrize("make", [blocking_emitter, blocking_door])
def test_a_cancel_from_a_third_thread_lets_every_producer_go(make: Callable[[Producers], Any]):
    threads = Threads()
    half = threading.Event()

    class Half(Serial):
        def on_next(self, value: Any) -> None:
            super().on_next(value)
            if len(self.items) == ITEMS:
                half.set()

    def cancel_in_the_middle() -> None:
        assert half.wait(PATIENCE)
        serial.subscription.cancel()

    serial = Half()
    with dropped_errors() as late:
        subscription = make(Producers(threads)).subscribe(serial)
        threads.add(cancel_in_the_middle)
        for seed in range(2):
            threads.add(request_in_parts, serial, ITEMS, seed)
        threads.go()
        threads.join()  # also those that waited for room
    assert serial.faults == []
    assert serial.ends == []
    assert late == []
    assert len(serial.items) >= ITEMS
    assert in_order(serial.items)
    door, consumer = subscription.statistics()
    assert door.held == 0
    assert door.received == door.delivered + door.discarded
    assert door.delivered == consumer.received == len(serial.items) + consumer.discarded


def test_requests_of_four_threads_add_up_exactly_and_the_source_is_not_advanced_beyond():
    threads = Threads()
    serial = Serial()
    advanced: list[int] = []

    def source() -> Iterator[int]:
        for number in count():
            advanced.append(number)
            yield number

    with dropped_errors() as late:
        subscription = rxflow.from_iterable(source()).subscribe(serial)
        for seed in range(4):
            threads.add(request_in_parts, serial, 1500, seed)
        threads.go()
        threads.join()
        assert serial.items == advanced == list(range(6000))
        subscription.cancel()
    assert serial.faults == []
    assert late == []


def test_cancels_that_race_with_requests_close_the_source_exactly_once():
    """A generator that is advanced cannot be closed: ValueError, if two threads were in it."""
    closed: list[int] = []

    def source() -> Iterator[int]:
        try:
            yield from range(10_000)
        finally:
            closed.append(1)

    for _ in range(40):
        closed.clear()
        threads = Threads()
        serial = Serial(first=1)
        with dropped_errors() as late:
            subscription = rxflow.from_iterable(source()).subscribe(serial)
            threads.add(subscription.request, UNBOUNDED)
            threads.add(subscription.cancel)
            threads.add(subscription.cancel)
            threads.go()
            threads.join()
        assert late == []
        assert serial.faults == []
        assert closed == [1]
        assert serial.items == list(range(len(serial.items)))


def test_an_end_that_races_with_a_cancel_is_signalled_once_or_not_at_all():
    for _ in range(40):
        threads = Threads()
        serial = Serial(first=UNBOUNDED)
        emitters: list[rxflow.Emitter[int]] = []
        subscription = rxflow.create(emitters.append, overflow=DROP_OLDEST).subscribe(serial)
        error = OSError()
        with dropped_errors() as late:
            threads.add(emitters[0].on_error, error)
            threads.add(emitters[0].on_completed)
            threads.add(subscription.cancel)
            threads.go()
            threads.join()
        assert serial.faults == []
        assert len(serial.ends) <= 1
        assert serial.ends.count(error) + late.count(error) <= 1
        if serial.ends == [None]:
            assert late == [error]  # it came too late, and was not lost
