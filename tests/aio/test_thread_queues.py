"""Queues of threads and processes at both ends of a Flow, and what to do when one is full."""

from __future__ import annotations

import asyncio
import multiprocessing
import queue
import sys
import threading
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

import pytest

import rxflow as rx
from rxflow import operators as ops
from rxflow.testing import TestSubscriber
from tests.support_loop import run, turns, until

PATIENCE = 20.0  # seconds; only a hang gets there
SHUTS_DOWN = sys.version_info >= (3, 13)

QUEUES: dict[str, Callable[[], Any]] = {
    "Queue": queue.Queue,
    "SimpleQueue": queue.SimpleQueue,
    "multiprocessing": multiprocessing.get_context("spawn").Queue,
}

on_each_queue = pytest.mark.parametrize("make", QUEUES.values(), ids=QUEUES)


def run_real(main: Any) -> Any:
    async def patient() -> Any:
        async with asyncio.timeout(PATIENCE):
            return await main

    return run(patient(), asyncio.SelectorEventLoop)


def in_thread(call: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    return thread


def drained(items: Any) -> list[Any]:
    """Take until the queue says in its own way that it is over."""
    taken: list[Any] = []
    while True:
        try:
            item = items.get(timeout=PATIENCE)
        except getattr(queue, "ShutDown", ()):
            return taken
        if item is rx.END:
            return taken
        taken.append(item)


async def emptied(items: Any) -> list[Any]:
    """Take what is there, once a thread that waited has left, and what it took is back."""
    waiters = [each for each in threading.enumerate() if each.name == "rxflow from_queue"]
    await until(lambda: not any(each.is_alive() for each in waiters), 10**9)
    taken: list[Any] = []
    while True:
        try:
            taken.append(items.get_nowait())
        except queue.Empty:
            return taken


# from_queue


@on_each_queue
def test_everything_that_a_thread_puts_comes_in_order(make: Any) -> None:
    items = make()

    def produce() -> None:
        for n in range(1000):
            items.put(None if n == 500 else n)
        items.put(rx.END)

    async def main() -> list[Any]:
        flow = rx.from_queue(items)
        in_thread(produce)
        return [item async for item in flow]

    expected: list[Any] = list(range(1000))
    expected[500] = None
    assert run_real(main()) == expected


@on_each_queue
def test_a_loop_without_an_event_loop_waits_for_the_queue(make: Any) -> None:
    items = make()
    taken: list[int] = []
    flow = rx.from_queue(items)
    thread = in_thread(lambda: taken.extend(flow))
    for n in range(5):
        items.put(n)
    items.put(rx.END)
    thread.join(PATIENCE)
    assert taken == [0, 1, 2, 3, 4]


def test_a_blocking_loop_with_a_limit_of_time() -> None:
    items: queue.Queue[int] = queue.Queue()
    items.put(1)
    flow = iter(rx.from_queue(items).pipe(ops.timeout(0.01)))
    assert next(flow) == 1
    with pytest.raises(rx.StreamTimeoutError, match="the source has given no item in time"):
        next(flow)


@on_each_queue
def test_one_item_is_taken_for_each_that_is_asked_for(make: Any) -> None:
    items = make()
    probe: TestSubscriber[Any] = TestSubscriber()
    rx.from_queue(items).subscribe(probe)
    for n in range(5):
        items.put(n)
    probe.request(2)
    _await(lambda: len(probe.items) == 2)
    probe.cancel()
    probe.assert_items(0, 1)
    assert [items.get(timeout=PATIENCE) for _ in range(3)] == [2, 3, 4]


def _await(condition: Callable[[], object]) -> None:
    """Let other threads go on until a condition holds."""
    waited = threading.Event()
    for _ in range(int(PATIENCE / 0.001)):
        if condition():
            return
        waited.wait(0.001)
    raise AssertionError("it does not come in time")


@on_each_queue
def test_an_item_that_comes_after_a_cancelled_step_is_not_lost(make: Any) -> None:
    items = make()

    async def main() -> None:
        step = asyncio.ensure_future(anext(aiter(rx.from_queue(items))))
        await turns(5)
        step.cancel()
        await asyncio.wait([step])
        items.put(7)
        # The thread of the step may have taken it at that instant; then it puts it back.
        assert await asyncio.to_thread(items.get, timeout=PATIENCE) == 7

    run_real(main())


def test_what_was_taken_for_a_consumer_that_left_goes_back_to_its_place() -> None:
    items: queue.Queue[int] = queue.Queue(6)

    async def main() -> None:
        begun: list[int] = []

        async def work(item: int) -> None:
            begun.append(item)
            await asyncio.sleep(PATIENCE)

        flow = rx.from_queue(items).pipe(ops.map_async(work, max_concurrency=4))
        step = asyncio.ensure_future(anext(aiter(flow)))
        await turns(5)
        for n in range(6):
            items.put(n)
        await until(lambda: begun, 10**9)
        step.cancel()
        await asyncio.wait([step])
        left = await emptied(items)
        assert begun + left == list(range(6))

    run_real(main())


def test_join_waits_for_the_consumer() -> None:
    items: queue.Queue[int] = queue.Queue()
    for n in range(3):
        items.put(n)

    async def main() -> None:
        async with aclosing(aiter(rx.from_queue(items))) as flow:
            for n in range(3):
                await anext(flow)
                assert items.unfinished_tasks == 3 - n
        assert items.unfinished_tasks == 0

    run_real(main())
    items.put(1)

    async def without() -> None:
        async with aclosing(aiter(rx.from_queue(items, task_done=False))) as flow:
            await anext(flow)

    run_real(without())
    assert items.unfinished_tasks == 1


def test_a_priority_queue_keeps_its_order() -> None:
    items: queue.PriorityQueue[int] = queue.PriorityQueue()
    for n in (3, 1, 2):
        items.put(n)
    assert list(rx.from_queue(items).pipe(ops.take(2))) == [1, 2]
    assert items.get_nowait() == 3


@pytest.mark.skipif(not SHUTS_DOWN, reason="queue.Queue.shutdown came with Python 3.13")
@pytest.mark.parametrize("late", [False, True])
def test_a_queue_that_is_shut_down_ends_behind_its_items(late: bool) -> None:
    items: Any = queue.Queue()
    items.put(1)

    async def main() -> list[int]:
        if not late:
            items.shutdown()
        taken: list[int] = []
        async for item in rx.from_queue(items):
            taken.append(item)
            if late:
                asyncio.get_running_loop().call_soon(items.shutdown)
        return taken

    assert run_real(main()) == [1]


def test_several_takers_share_the_items_and_lose_none() -> None:
    items: queue.Queue[Any] = queue.Queue()
    shares: list[list[int]] = [[], [], []]

    async def take(share: list[int]) -> None:
        async for item in rx.from_queue(items):
            share.append(item)
            await asyncio.sleep(0)

    def produce() -> None:
        for n in range(300):
            items.put(n)
        for _ in shares:
            items.put(rx.END)

    async def main() -> None:
        taking = asyncio.gather(*map(take, shares))
        await turns(5)
        in_thread(produce)
        await taking

    run_real(main())
    assert sorted(sum(shares, [])) == list(range(300))  # noqa: RUF017
    assert all(share == sorted(share) for share in shares)
    assert items.unfinished_tasks == 0


def test_a_queue_that_fails_fails_the_stream() -> None:
    items = QUEUES["multiprocessing"]()
    items.close()

    async def main() -> None:
        with pytest.raises((ValueError, OSError)):
            await rx.from_queue(items).for_each(print)

    run_real(main())


def test_nothing_is_left_running_when_the_queue_was_never_empty() -> None:
    items: queue.Queue[int] = queue.Queue()
    items.put(1)
    before = set(threading.enumerate())
    assert list(rx.from_queue(items).pipe(ops.take(1))) == [1]
    assert set(threading.enumerate()) <= before


# Processes


def double(source: Any, target: Any) -> None:
    """Run in a process: a Flow from one queue to another."""
    asyncio.run(rx.from_queue(source).pipe(ops.map(lambda n: 2 * n)).to_queue(target))


def test_a_process_between_two_flows() -> None:
    context = multiprocessing.get_context("spawn")
    source, target = context.Queue(2), context.Queue(2)
    process = context.Process(target=double, args=(source, target), daemon=True)
    process.start()

    async def main() -> list[int]:
        results: list[int] = []
        async with asyncio.TaskGroup() as group:
            group.create_task(rx.range(50).to_queue(source))
            group.create_task(rx.from_queue(target).for_each(results.append))
        return results

    assert run_real(main()) == [2 * n for n in range(50)]
    process.join(PATIENCE)
    assert process.exitcode == 0


# to_queue


class Advanced:
    """Items 0, 1, 2, ... and how many of them were taken."""

    def __init__(self, stop: int) -> None:
        self.count = 0
        self.closed = False
        self._stop = stop

    def __iter__(self) -> Any:
        try:
            while self.count < self._stop:
                self.count += 1
                yield self.count - 1
        finally:
            self.closed = True


@pytest.mark.parametrize("name", ["Queue", "multiprocessing"])
def test_a_full_queue_holds_the_source_and_loses_nothing(name: str) -> None:
    items = QUEUES[name](3)
    source = Advanced(200)

    async def main() -> list[Any]:
        filling = asyncio.ensure_future(rx.from_iterable(source).to_queue(items))
        await until(lambda: source.count == 4, 10**9)
        await turns(100)
        assert source.count == 4  # the queue is full, and one item waits for room
        taken = await asyncio.to_thread(drained, items)
        await filling
        return taken

    assert run_real(main()) == list(range(200))


def test_a_cancel_while_a_queue_of_threads_is_full_ends_it_behind_its_items() -> None:
    items: queue.Queue[Any] = queue.Queue(2)
    source = Advanced(10)

    async def main() -> None:
        filling = asyncio.ensure_future(rx.from_iterable(source).to_queue(items, end="over"))
        await until(lambda: source.count == 3, 10**9)
        await turns(10)
        filling.cancel()
        done, _ = await asyncio.wait([filling], timeout=PATIENCE / 2)
        assert done
        assert filling.cancelled()
        assert source.closed

    run_real(main())
    taken = [items.get(timeout=PATIENCE) for _ in range(3)]
    if taken[-1] == 2:  # it found room, just when it was given up
        taken.append(items.get(timeout=PATIENCE))
    assert taken in ([0, 1, "over"], [0, 1, 2, "over"])


class Dropped(list[tuple[Any, str]]):
    def __call__(self, item: Any, reason: str) -> None:
        self.append((item, reason))


FULL: dict[str, Callable[[int], Any]] = {"asyncio": asyncio.Queue, "threads": queue.Queue}

on_each_full = pytest.mark.parametrize("make", FULL.values(), ids=FULL)


def left_in(items: Any) -> list[Any]:
    return [items.get_nowait() for _ in range(items.qsize())]


@on_each_full
def test_the_oldest_item_gives_way(make: Any) -> None:
    dropped = Dropped()

    async def main() -> None:
        items = make(3)
        filling = rx.range(10).to_queue(items, end="over", overflow=rx.DROP_OLDEST, on_drop=dropped)
        task = asyncio.ensure_future(filling)
        await until(lambda: len(dropped) == 7, 10**9)
        assert left_in(items) == [7, 8, 9]
        await task
        assert left_in(items) == ["over"]
        for _ in range(4):
            items.task_done()
        with pytest.raises(ValueError, match="called too many"):
            items.task_done()  # what was dropped is done with

    run_real(main())
    assert dropped == [(n, "oldest") for n in range(7)]


@on_each_full
def test_the_new_item_is_refused(make: Any) -> None:
    dropped = Dropped()

    async def main() -> None:
        items = make(3)
        filling = rx.range(10).to_queue(items, end=0, overflow=rx.DROP_INCOMING, on_drop=dropped)
        task = asyncio.ensure_future(filling)
        await until(lambda: len(dropped) == 7, 10**9)
        assert left_in(items) == [0, 1, 2]
        await task

    run_real(main())
    assert dropped == [(n, "incoming") for n in range(3, 10)]


@on_each_full
def test_an_async_on_drop_is_awaited(make: Any) -> None:
    dropped: list[int] = []

    async def tell(item: int, reason: str) -> None:
        await asyncio.sleep(0)
        dropped.append(item)

    async def main() -> None:
        items = make(1)
        flow = rx.range(3)
        task = asyncio.ensure_future(
            flow.to_queue(items, end=0, overflow=rx.DROP_INCOMING, on_drop=tell)
        )
        await until(lambda: len(dropped) == 2, 10**9)
        left_in(items)
        await task

    run_real(main())
    assert dropped == [1, 2]


@on_each_full
def test_a_full_queue_fails_the_stream_at_once(make: Any) -> None:
    source = Advanced(10)

    async def main() -> None:
        items = make(3)
        task = asyncio.ensure_future(
            rx.from_iterable(source).to_queue(items, end="over", overflow=rx.FAIL)
        )
        await until(lambda: source.closed, 10**9)
        assert left_in(items) == [0, 1, 2]
        with pytest.raises(rx.BufferOverflowError, match=r"to_queue\(capacity=3\) overflowed: 3"):
            await task
        assert left_in(items) == ["over"]

    run_real(main())


@pytest.mark.parametrize(("room_at", "in_time"), [(4.999, True), (5.001, False)])
def test_a_wait_for_room_has_its_limit_just_then(room_at: float, in_time: bool) -> None:
    async def main() -> list[Any]:
        loop = asyncio.get_running_loop()
        items: asyncio.Queue[Any] = asyncio.Queue(1)
        taken: list[Any] = []
        for time in (room_at, 100):
            loop.call_later(time, lambda: taken.extend(left_in(items)))
        [outcome] = await asyncio.gather(
            rx.of("a", "b").to_queue(items, timeout=5), return_exceptions=True
        )
        text = "to_queue: no room was made for an item in 5.0 s"
        assert in_time or (type(outcome), str(outcome)) == (rx.OfferTimeoutError, text)
        await asyncio.sleep(200)
        return taken

    taken = run(main())
    assert taken[:2] == ["a", "b"] if in_time else "b" not in taken


def test_a_wait_for_room_in_a_queue_of_threads_has_its_limit_too() -> None:
    items: queue.Queue[Any] = queue.Queue(1)
    source = Advanced(10)

    async def main() -> None:
        filling = rx.from_iterable(source).to_queue(items, end="over", timeout=0.01)
        task = asyncio.ensure_future(filling)
        await until(lambda: source.closed, 10**9)
        assert left_in(items) == [0]
        with pytest.raises(rx.OfferTimeoutError, match=r"no room was made for an item in 0.01 s"):
            await task
        assert left_in(items) == ["over"]

    run_real(main())


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"overflow": rx.DROP_NEWEST}, "overflow must be SUSPEND, FAIL, DROP_OLDEST or"),
        ({"overflow": rx.BLOCK}, "overflow must be"),
        ({"overflow": rx.DROP_OLDEST}, "on_drop must be given"),
        ({"overflow": rx.DROP_INCOMING}, "on_drop must be given"),
        ({"overflow": rx.FAIL, "timeout": 1}, "timeout is for overflow=SUSPEND"),
        ({"timeout": -1}, "timeout must not be negative"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: Any, text: str) -> None:
    async def main() -> None:
        with pytest.raises(ValueError, match=text):
            await rx.of(1).to_queue(asyncio.Queue(), **options)

    run(main())


class AsyncOnly:
    """It has the names, and its methods are async."""

    async def get(self) -> None: ...

    async def put(self, item: Any) -> None: ...

    async def get_nowait(self) -> None: ...

    async def put_nowait(self, item: Any) -> None: ...


@pytest.mark.parametrize("wrong", [{}, [], AsyncOnly()])
def test_what_is_no_queue_is_refused(wrong: Any) -> None:
    with pytest.raises(TypeError, match="from_queue wants an asyncio"):
        rx.from_queue(wrong)

    async def main() -> None:
        with pytest.raises(TypeError, match="to_queue wants an asyncio"):
            await rx.of(1).to_queue(wrong)

    run(main())
