"""The queues of janus, with a side for tasks and one for threads, at both ends of a Flow."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from typing import Any

import janus
import pytest

import rxflow as rx
from rxflow import operators as ops
from tests.kernel.recorder import dropped_errors
from tests.support import counted
from tests.support_loop import turns, until

PATIENCE = 20.0  # seconds; only a hang gets there


def with_queue(main: Callable[[janus.Queue[Any]], Coroutine[Any, Any, Any]], size: int = 3) -> Any:
    """Run with a queue, which is closed in the end."""

    async def limited() -> Any:
        async with asyncio.timeout(PATIENCE):
            async with aclosing(janus.Queue[Any](size)) as queue:
                return await main(queue)

    return asyncio.run(limited())


def in_thread(call: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    return thread


SIDES = pytest.mark.parametrize("side", ["async_q", "sync_q"])


@SIDES
@pytest.mark.parametrize("way", ["END", "shut down"])
def test_what_a_thread_puts_on_its_side_comes_in_order_to_either_end(side: str, way: str) -> None:
    async def main(queue: janus.Queue[Any]) -> list[int]:
        def produce() -> None:
            for n in range(500):
                queue.sync_q.put(n)
            if way == "END":
                queue.sync_q.put(rx.END)
            else:
                queue.shutdown()

        thread = in_thread(produce)
        taken = [item async for item in rx.from_queue(getattr(queue, side))]
        thread.join()
        await queue.async_q.join()  # each was said to be done
        return taken

    assert with_queue(main) == list(range(500))


@SIDES
def test_a_full_queue_holds_the_source_and_a_thread_takes_all(side: str) -> None:
    async def main(queue: janus.Queue[Any]) -> None:
        source = counted(range(500))
        writing = asyncio.ensure_future(
            rx.from_iterable(source).to_queue(getattr(queue, side), end=rx.END)
        )
        await until(lambda: queue.async_q.full(), 10**6)
        for _ in range(100):
            await asyncio.sleep(0)
        assert source.taken <= 4  # what is in it, and what waits
        taken: list[int] = []

        def consume() -> None:
            while (item := queue.sync_q.get()) is not rx.END:
                taken.append(item)

        thread = in_thread(consume)
        await writing
        thread.join()
        assert taken == list(range(500))

    with_queue(main)


def test_a_flow_between_its_two_queues_ends_with_the_first_and_ends_the_second() -> None:
    async def main(queue: janus.Queue[Any]) -> list[int]:
        async with aclosing(janus.Queue[Any](2)) as second, asyncio.TaskGroup() as tasks:
            doubled = rx.from_queue(queue.async_q).pipe(ops.map(lambda n: 2 * n))
            tasks.create_task(doubled.to_queue(second.async_q))
            tasks.create_task(rx.range(100).to_queue(queue.async_q))
            return [item async for item in rx.from_queue(second.async_q)]

    assert with_queue(main) == [2 * n for n in range(100)]


def test_one_item_is_taken_for_each_that_is_asked_for() -> None:
    async def main(queue: janus.Queue[Any]) -> None:
        await rx.range(3).pipe(ops.map(str)).for_each(queue.async_q.put)
        async with aclosing(aiter(rx.from_queue(queue.async_q))) as items:
            assert await anext(items) == "0"
            assert queue.async_q.qsize() == 2
        assert queue.async_q.unfinished_tasks == 2

    with_queue(main)


@pytest.mark.parametrize("after", range(6))
@pytest.mark.parametrize("fill", [False, True])
def test_what_was_fetched_and_not_taken_goes_back(after: int, fill: bool) -> None:
    """The stream is cancelled after so many turns; the queue may have been filled meanwhile."""

    async def main(queue: janus.Queue[Any]) -> None:
        begun: list[int] = []

        async def work(item: int) -> None:
            begun.append(item)
            await asyncio.sleep(10)

        flow = rx.from_queue(queue.async_q).pipe(ops.map_async(work, max_concurrency=2))
        step = asyncio.ensure_future(anext(aiter(flow)))
        await turns(5)
        put = 0
        while put < 3 or (fill and not queue.async_q.full()):
            queue.async_q.put_nowait(put)
            put += 1
            if put == 3:
                await turns(after)
        step.cancel()
        await asyncio.wait([step])
        assert step.cancelled()
        await turns(5)
        left: list[int] = []
        while not queue.async_q.empty():
            left.append(queue.async_q.get_nowait())
            queue.async_q.task_done()
            await turns(5)
        assert sorted(begun + left) == list(range(put))
        await queue.async_q.join()

    with_queue(main)


@pytest.mark.parametrize("overflow", [rx.DROP_OLDEST, rx.DROP_INCOMING])
def test_what_finds_it_full_is_dropped_as_is_said(overflow: Any) -> None:
    dropped: list[int] = []

    async def main(queue: janus.Queue[Any]) -> list[Any]:
        await rx.range(10).to_queue(
            queue.async_q, overflow=overflow, on_drop=lambda item, _: dropped.append(item)
        )
        return [item async for item in rx.from_queue(queue.async_q)]

    kept = with_queue(main)
    assert kept == ([7, 8, 9] if overflow is rx.DROP_OLDEST else [0, 1, 2])
    assert sorted(kept + dropped) == list(range(10))


def test_a_cancel_while_it_is_full_ends_it_behind_its_items() -> None:
    async def main(queue: janus.Queue[Any]) -> list[int]:
        writing = asyncio.ensure_future(rx.range(10).to_queue(queue.async_q, end=rx.END))
        await until(lambda: queue.async_q.full(), 10**6)
        writing.cancel()
        await asyncio.wait([writing])
        return [item async for item in rx.from_queue(queue.async_q)]

    assert with_queue(main) == [0, 1, 2]


def test_an_end_that_cannot_be_put_is_reported() -> None:
    async def main(queue: janus.Queue[Any]) -> None:
        writing = asyncio.ensure_future(rx.never().to_queue(queue.async_q, end=rx.END))
        await asyncio.sleep(0)
        queue.shutdown()
        writing.cancel()
        await asyncio.wait([writing])

    with dropped_errors() as reported:
        with_queue(main)
    assert [type(error).__name__ for error in reported] == ["QueueShutDown"]
