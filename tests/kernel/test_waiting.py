"""Producers that wait for room: threads and tasks, in time and too late, and what it cost."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
import trio

import rxflow
from rxflow.kernel import (
    Boundary,
    Context,
    Limited,
    Limits,
    StageStatistics,
    State,
    offer_blocking,
    offer_suspending,
)
from rxflow.kernel import (
    clock as clock_module,
)
from rxflow.kernel import (
    waiting as waiting_module,
)
from rxflow.protocol import BLOCK, SUSPEND, Offer, OfferTimeoutError, Overflow
from rxflow.testing import run_virtual
from tests.kernel.recorder import COMPLETED, Recorder, in_thread


class Watched(Boundary[Any]):
    """Tells when a producer begins to wait."""

    def __init__(self, capacity: int = 4, overflow: Overflow = BLOCK) -> None:
        super().__init__(Context(lambda: None), "door", capacity, overflow)
        self.waits = threading.Semaphore(0)

    def when_room(self, call: Callable[[], object], item: Any = None) -> bool:
        waits = super().when_room(call, item)
        if waits:
            self.waits.release()
        return waits

    async def until_a_task_waits(self) -> None:
        for _ in range(100):
            if self.waits.acquire(blocking=False):
                return
            await asyncio.sleep(0)
        raise AssertionError("the task does not wait")

    def filled(self) -> Watched:
        for item in range(self._capacity):
            assert self.push(item) is Offer.ENQUEUED
        return self

    def take(self, n: int) -> list[Any]:
        run = self.run()
        return [next(run) for _ in range(n)]

    @property
    def figures(self) -> StageStatistics:
        return next(self.statistics())


class Clock:
    """A clock that stands still unless it is told to go on."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def nanos(self) -> int:
        return round(self.now * 1_000_000_000)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(clock_module, "monotonic_ns", clock.nanos)
    return clock


def test_a_thread_waits_while_the_queue_is_full_and_goes_on_when_room_is_made():
    door = Watched(4).filled()
    offers: list[Offer] = []
    join = in_thread(lambda: offers.append(offer_blocking(door, "last")))
    assert door.waits.acquire(timeout=10)
    assert (offers, door.figures.received, door.figures.held) == ([], 4, 4)
    assert door.take(1) == [0]  # 3 of 4 are left: low enough
    join()
    assert offers == [Offer.ENQUEUED]
    assert list(door.run()) == [1, 2, 3, "last"]
    assert (door.figures.received, door.figures.peak) == (5, 4)


def test_waiting_producers_go_on_when_a_quarter_of_the_room_is_free():
    """So that they are not woken for each single item."""
    door = Watched(8).filled()
    told: list[int] = []
    assert door.when_room(lambda: told.append(door.figures.held))
    run = door.run()
    next(run)
    assert told == []
    next(run)
    assert told == [6]


def test_a_thread_that_is_woken_for_room_that_another_took_waits_again():
    door = Watched(1).filled()
    offers: list[Offer] = []
    joins = [in_thread(lambda: offers.append(offer_blocking(door, "x"))) for _ in range(2)]
    for _ in joins:
        assert door.waits.acquire(timeout=10)
    assert door.take(1) == [0]
    assert door.waits.acquire(timeout=10)  # one of them found it full again
    assert door.figures.held == 1
    assert door.take(1) == ["x"]
    for join in joins:
        join()
    assert offers == [Offer.ENQUEUED, Offer.ENQUEUED]
    assert door.figures.peak == 1


@pytest.mark.parametrize("end", [Boundary.cancel, Boundary.complete])
def test_a_thread_that_waits_when_the_stream_ends_is_let_go_and_its_item_not_taken(
    end: Callable[[Boundary[Any]], None],
):
    door = Watched().filled()
    offers: list[Offer] = []
    join = in_thread(lambda: offers.append(offer_blocking(door, "late")))
    assert door.waits.acquire(timeout=10)
    end(door)
    join()
    assert offers == [Offer.CLOSED]
    assert door.figures.received == 4
    assert "late" not in list(door.run())


def test_a_thread_that_has_waited_long_enough_gets_an_error_and_keeps_its_item():
    door = Watched(2).filled()
    with pytest.raises(OfferTimeoutError, match=r"door: no room .* in 0 s"):
        offer_blocking(door, "late", timeout=0)
    assert (door.figures.received, door.figures.held) == (2, 2)
    assert door.take(2) == [0, 1]
    assert offer_blocking(door, "again", timeout=0) is Offer.ENQUEUED


def test_one_that_gave_up_is_not_told_of_room_any_more():
    door = Watched(2).filled()
    with pytest.raises(OfferTimeoutError):
        offer_blocking(door, "late", timeout=0)
    told: list[int] = []
    assert door.when_room(lambda: told.append(1))
    assert door.take(2) == [0, 1]
    assert told == [1]
    assert not door.when_room(lambda: told.append(2))  # there is room now
    assert told == [1]


@pytest.mark.asyncio
async def test_a_thread_with_a_running_event_loop_must_not_wait():
    door = Watched().filled()
    with pytest.raises(RuntimeError) as raised:
        offer_blocking(door, "never", timeout=0)
    assert str(raised.value) == (
        "a blocking push on the event loop's own thread would stop the loop that is to make "
        "room; push from another thread, or use create(..., overflow=SUSPEND) and await send()"
    )
    assert door.figures.received == 4


@pytest.mark.asyncio
async def test_a_task_waits_while_the_queue_is_full_and_goes_on_when_room_is_made():
    door = Watched(2, SUSPEND).filled()
    task = asyncio.create_task(offer_suspending(door, "last"))
    await door.until_a_task_waits()
    assert not task.done()
    assert door.take(2) == [0, 1]
    assert await asyncio.wait_for(task, 10) is Offer.ENQUEUED
    assert list(door.run()) == ["last"]


@pytest.mark.asyncio
async def test_a_task_is_let_go_by_a_consumer_on_another_thread():
    door = Watched(1, SUSPEND).filled()
    task = asyncio.create_task(offer_suspending(door, "last"))
    await door.until_a_task_waits()
    join = in_thread(lambda: door.take(1))
    assert await asyncio.wait_for(task, 10) is Offer.ENQUEUED
    join()


@pytest.mark.asyncio
async def test_a_task_that_is_cancelled_while_it_waits_leaves_nothing_behind():
    door = Watched(1, SUSPEND).filled()
    task = asyncio.create_task(offer_suspending(door, "gone"))
    await door.until_a_task_waits()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    waited = door.figures.waited_seconds
    assert door.take(1) == [0]
    assert list(door.run()) == []
    assert (door.figures.received, door.figures.waited_seconds) == (1, waited)


@pytest.mark.asyncio
async def test_a_task_that_has_waited_long_enough_gets_an_error_and_keeps_its_item():
    door = Watched(1, SUSPEND).filled()
    with pytest.raises(OfferTimeoutError) as raised:
        await offer_suspending(door, "late", timeout=0)
    assert str(raised.value) == "door: no room was made for an item in 0 s"
    assert door.figures.received == 1


def test_a_task_waits_for_the_whole_of_its_time_and_no_longer():
    async def main() -> float:
        loop, door = asyncio.get_running_loop(), Watched(1, SUSPEND).filled()
        began = loop.time()
        with pytest.raises(OfferTimeoutError, match="for an item in 5 s"):
            await offer_suspending(door, "late", timeout=5)
        return loop.time() - began

    assert run_virtual(main()) == 5


@pytest.mark.parametrize("runs", ["nothing", "trio"])
def test_where_no_task_of_asyncio_runs_a_send_says_what_it_needs(runs: str):
    async def main() -> None:
        await offer_suspending(Watched(1, SUSPEND), "never")

    with pytest.raises(RuntimeError) as raised:
        trio.run(main) if runs == "trio" else main().send(None)
    needed = "send must be awaited where an asyncio event loop is running"
    assert str(raised.value).partition(",")[0] == needed


def test_a_wait_counts_while_it_goes_on_and_stays_counted(clock: Clock):
    door = Watched(4).filled()
    assert door.when_room(lambda: None)
    clock.now += 5
    assert door.figures.waited_seconds == 5
    clock.now += 2
    door.take(1)
    clock.now += 100  # nobody waits
    assert door.figures.waited_seconds == 7


def test_the_waits_of_several_producers_add_up(clock: Clock):
    door = Watched(4).filled()
    assert door.when_room(lambda: None)
    clock.now += 1
    assert door.when_room(lambda: None)
    clock.now += 1
    assert door.figures.waited_seconds == 3
    door.cancel()
    clock.now += 10
    assert door.figures.waited_seconds == 3


def test_a_wait_that_is_given_up_counts_until_then(clock: Clock):
    door = Watched(4).filled()

    def call() -> None: ...

    assert door.when_room(call)
    clock.now += 3
    door.forget_room(call)
    door.forget_room(call)
    clock.now += 3
    assert door.figures.waited_seconds == 3


def test_waits_that_are_given_up_one_after_the_other_add_up(clock: Clock):
    door = Watched(4).filled()

    def call() -> None: ...

    for seconds in (3, 2):
        assert door.when_room(call)
        clock.now += seconds
        door.forget_room(call)
    assert door.figures.waited_seconds == 5


def test_waits_that_end_with_room_one_after_the_other_add_up(clock: Clock):
    door = Watched(4).filled()
    for seconds in (3, 2):
        assert door.when_room(lambda: None)
        clock.now += seconds
        door.take(1)
        assert door.push("again") is Offer.ENQUEUED
    assert door.figures.waited_seconds == 5


@pytest.mark.parametrize(("capacity", "free"), [(1, 1), (3, 1), (4, 1), (7, 1), (8, 2), (11, 2)])
def test_producers_are_told_of_room_when_a_quarter_is_free_rounded_down_but_some(
    capacity: int, free: int
):
    door = Watched(capacity).filled()
    told: list[int] = []
    assert door.when_room(lambda: told.append(len(taken)))
    taken: list[Any] = []
    for item in door.run():
        taken.append(item)
    assert [len(taken), *told] == [capacity, free - 1]  # told before the item is given


def test_a_thread_that_gave_up_does_not_count_as_waiting_any_more(clock: Clock):
    door = Watched(4).filled()
    with pytest.raises(OfferTimeoutError):
        offer_blocking(door, "late", timeout=0)
    clock.now += 50
    assert door.figures.waited_seconds == 0


def test_a_look_that_finds_room_costs_nothing(clock: Clock):
    door = Watched(4)
    assert not door.when_room(lambda: None)
    clock.now += 3
    assert door.figures.waited_seconds == 0
    assert door.settle() is State.WAITING


def test_a_blocking_emitter_waits_for_its_subscriber_item_by_item():
    joins: list[Callable[[], None]] = []
    pushed: list[int] = []
    full = threading.Event()
    recorder = Recorder()

    def start(emitter: Any) -> None:
        def produce() -> None:
            for item in range(10):
                if item == 3:
                    assert emitter.try_offer("not taken") is Offer.FULL
                    full.set()
                emitter.on_next(item)
                pushed.append(item)
            emitter.on_completed()

        joins.append(in_thread(produce))

    subscription = rxflow.create(start, overflow=BLOCK, capacity=3).subscribe(recorder)
    assert full.wait(10)
    assert pushed == [0, 1, 2]
    for _ in range(10):
        recorder.request(1)
    joins[0]()
    assert recorder.items == list(range(10))
    assert recorder.signals[-1] == COMPLETED
    door, _ = subscription.statistics()
    assert (door.peak, door.received, door.dropped) == (3, 10, {})


@pytest.mark.asyncio
async def test_room_that_producers_are_not_told_of_yet_counts_when_the_time_is_over():
    """They are told when a quarter is free; with 7 of 8 held nobody is."""
    door = Watched(8, SUSPEND).filled()
    task = asyncio.create_task(offer_suspending(door, "last", timeout=0.01))
    await door.until_a_task_waits()
    assert door.take(1) == [0]
    assert await task is Offer.ENQUEUED
    assert list(door.run()) == [*range(1, 8), "last"]


def test_a_thread_tries_once_more_when_its_time_is_over():
    door = Watched(8).filled()
    offers: list[Offer] = []
    join = in_thread(lambda: offers.append(offer_blocking(door, "last", timeout=0.2)))
    assert door.waits.acquire(timeout=10)
    assert door.take(1) == [0]
    join()
    assert offers == [Offer.ENQUEUED]
    assert list(door.run()) == [*range(1, 8), "last"]


class Quick(Watched):
    """Its consumer makes room just when a producer is about to wait, some times."""

    quick = 2

    def when_room(self, call: Callable[[], object], item: Any = None) -> bool:
        if self.quick:
            self.quick -= 1
            self.take(1)
        return super().when_room(call, item)


def test_room_that_is_made_before_a_thread_waits_is_used_at_once():
    door = Quick(2).filled()
    assert offer_blocking(door, "first", timeout=0) is Offer.ENQUEUED
    assert offer_blocking(door, "second") is Offer.ENQUEUED
    assert list(door.run()) == ["first", "second"]
    assert not door.waits.acquire(blocking=False)


@pytest.mark.asyncio
async def test_room_that_is_made_before_a_task_waits_is_used_at_once():
    door = Quick(2, SUSPEND).filled()
    assert await offer_suspending(door, "first", timeout=0) is Offer.ENQUEUED
    assert await offer_suspending(door, "second") is Offer.ENQUEUED
    assert list(door.run()) == ["first", "second"]
    assert not door.waits.acquire(blocking=False)


@pytest.mark.parametrize("timeout", [None, 5.0])
def test_a_thread_waits_for_what_is_left_of_its_time_and_no_longer(
    timeout: float | None, monkeypatch: pytest.MonkeyPatch
):
    """Each time it is told of room, another producer is quicker."""
    clock, waits = Clock(), list[float | None]()

    class Room:
        def set(self) -> None: ...

        def wait(self, seconds: float | None) -> bool:
            waits.append(seconds)
            clock.now += 2.0 if len(waits) < 3 else 7.0
            return len(waits) < 4

    monkeypatch.setattr(waiting_module, "monotonic", clock)
    monkeypatch.setattr(waiting_module.threading, "Event", Room)
    with pytest.raises(OfferTimeoutError) as raised:
        offer_blocking(Watched(2).filled(), "late", timeout=timeout)
    assert waits == ([None] * 4 if timeout is None else [5.0, 3.0, 1.0, 0.0])
    assert str(raised.value) == f"door: no room was made for an item in {timeout} s"


def test_nobody_waits_on_a_loop_that_is_closed():
    loop = asyncio.new_event_loop()
    tell = waiting_module._telling(loop, loop.create_future())
    loop.close()
    tell()


class Weighed(Limited, Boundary[Any]):
    """Its items weigh what they are; it tells when a producer begins to wait."""

    def __init__(self, capacity: int, overflow: Overflow) -> None:
        limits = Limits(weight=lambda item: item)
        super().__init__(Context(lambda: None), "scales", capacity, overflow, limits=limits)
        self.waits = threading.Event()
        self.looked = list[tuple[Any, bool]]()

    def when_room(self, call: Callable[[], object], item: Any = None) -> bool:
        waits = super().when_room(call, item)
        self.looked.append((item, waits))
        if waits:
            self.waits.set()
        return waits


def test_a_thread_waits_for_room_for_its_own_item():
    door = Weighed(4, BLOCK)
    assert offer_blocking(door, 3) is Offer.ENQUEUED
    assert offer_blocking(door, 1) is Offer.ENQUEUED
    offers: list[Offer] = []
    join = in_thread(lambda: offers.append(offer_blocking(door, 2)))
    assert door.waits.wait(10)
    assert next(door.run()) == 3
    join()
    assert offers == [Offer.ENQUEUED]
    assert list(door.run()) == [1, 2]
    assert door.looked == [(2, True)]


def test_a_task_waits_for_room_for_its_own_item():
    async def main() -> None:
        door = Weighed(4, SUSPEND)
        for item in (3, 1):
            assert await offer_suspending(door, item) is Offer.ENQUEUED
        task = asyncio.create_task(offer_suspending(door, 2))
        await asyncio.sleep(0)
        assert door.waits.is_set()
        assert next(door.run()) == 3
        assert await task is Offer.ENQUEUED
        assert list(door.run()) == [1, 2]
        assert door.looked == [(2, True)]

    run_virtual(main())
