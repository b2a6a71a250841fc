"""asyncio queues at both ends of a Flow."""

from __future__ import annotations

import asyncio
import sys
from contextlib import aclosing
from typing import Any

import pytest

import rxflow as rx
from rxflow import operators as ops
from tests.support_loop import Recorder, run, turns

SHUTS_DOWN = sys.version_info >= (3, 13)
SHUT_DOWN: tuple[Any, ...] = (asyncio.QueueShutDown,) if SHUTS_DOWN else ()  # type: ignore


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


async def drained(queue: asyncio.Queue[Any]) -> list[Any]:
    """Take items until the queue says in its own way that it is over."""
    items: list[Any] = []
    while True:
        try:
            item = await queue.get()
        except SHUT_DOWN:
            return items
        if item is rx.END:
            assert not SHUTS_DOWN
            return items
        items.append(item)


async def accounted(queue: asyncio.Queue[Any]) -> list[Any]:
    """Take what is left in the queue; then all that was ever put into it must be done."""
    left = [queue.get_nowait() for _ in range(queue.qsize())]
    for _ in left:
        queue.task_done()
    await asyncio.wait_for(queue.join(), 1)
    return left


# to_queue


@pytest.mark.parametrize("maxsize", [1, 2, 7])
def test_a_full_queue_holds_the_source(maxsize: int) -> None:
    source = Advanced(100)

    async def main() -> None:
        queue: asyncio.Queue[int] = asyncio.Queue(maxsize)
        filling = asyncio.ensure_future(rx.from_iterable(source).to_queue(queue))
        await turns(20)
        assert source.count == maxsize + 1  # the queue is full, and one item waits for room
        for taken in range(1, 50):
            assert await queue.get() == taken - 1
            await turns(5)
            assert source.count == maxsize + 1 + taken
        filling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await filling
        assert source.closed

    run(main())


@pytest.mark.parametrize("maxsize", [0, 1, 3])
def test_the_end_of_the_flow_ends_the_queue_behind_its_items(maxsize: int) -> None:
    async def main() -> list[int]:
        queue: asyncio.Queue[int] = asyncio.Queue(maxsize)
        filling = asyncio.ensure_future(rx.range(10).to_queue(queue))
        items = await drained(queue)
        await filling
        return items

    assert run(main()) == list(range(10))


def test_a_given_end_is_put_behind_the_items_instead() -> None:
    async def main() -> list[Any]:
        queue: asyncio.Queue[Any] = asyncio.Queue()
        await rx.of(1, 2).to_queue(queue, end="over")
        return [queue.get_nowait() for _ in range(queue.qsize())]

    assert run(main()) == [1, 2, "over"]


def test_a_failing_flow_ends_the_queue_and_raises() -> None:
    async def main() -> list[int]:
        queue: asyncio.Queue[int] = asyncio.Queue()
        flow = rx.of(1, 2).pipe(ops.concat(rx.throw(KeyError("broken"))))
        with pytest.raises(KeyError, match="broken"):
            await flow.to_queue(queue)
        return await drained(queue)

    assert run(main()) == [1, 2]


def test_cancelling_to_queue_while_the_queue_is_full_returns_without_a_taker() -> None:
    source = Advanced(10)

    async def main() -> None:
        queue: asyncio.Queue[Any] = asyncio.Queue(1)
        filling = asyncio.ensure_future(rx.from_iterable(source).to_queue(queue, end="over"))
        await turns(5)
        filling.cancel()
        done, _ = await asyncio.wait([filling], timeout=1)
        assert done
        assert filling.cancelled()
        assert source.closed

    run(main())


@pytest.mark.parametrize("maxsize", [0, 1])
def test_the_end_of_a_cancelled_to_queue_is_done_with_like_any_other(maxsize: int) -> None:
    """It is put past the bound; who takes it says task_done, so join has to count it."""

    async def main() -> None:
        queue: asyncio.Queue[Any] = asyncio.Queue(maxsize)
        filling = asyncio.ensure_future(rx.concat(rx.of(1), rx.never()).to_queue(queue, end=rx.END))
        await turns(5)
        filling.cancel()
        await asyncio.wait([filling])
        assert [item async for item in rx.from_queue(queue)] == [1]
        await queue.join()

    run(main())


def test_to_queue_closes_an_async_generator_before_it_returns() -> None:
    closed: list[float] = []

    async def numbers() -> Any:
        try:
            while True:
                yield 1
        finally:
            await asyncio.sleep(3)
            closed.append(asyncio.get_running_loop().time())

    async def main() -> None:
        queue: asyncio.Queue[int] = asyncio.Queue(2)
        filling = asyncio.ensure_future(rx.from_async_iterable(numbers()).to_queue(queue))
        await turns(10)
        filling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await filling
        assert closed == [3.0]

    run(main())


@pytest.mark.parametrize("wrong", [None, [], object()])
def test_to_queue_and_from_queue_want_an_asyncio_queue(wrong: Any) -> None:
    async def main() -> None:
        with pytest.raises(TypeError, match="to_queue wants an asyncio"):
            await rx.of(1).to_queue(wrong)

    run(main())
    with pytest.raises(TypeError, match="from_queue wants an asyncio"):
        rx.from_queue(wrong)


# from_queue


async def filled(*items: Any, maxsize: int = 0) -> asyncio.Queue[Any]:
    queue: asyncio.Queue[Any] = asyncio.Queue(maxsize)
    for item in items:
        await queue.put(item)
    return queue


def finish(queue: asyncio.Queue[Any]) -> None:
    """Say that no item follows, as this version of Python can."""
    if SHUTS_DOWN:
        queue.shutdown()  # type: ignore[attr-defined]
    else:
        queue.put_nowait(rx.END)


def test_one_get_for_each_item_asked_for() -> None:
    async def main() -> None:
        queue = await filled(*range(10))
        async with aclosing(aiter(rx.from_queue(queue))) as items:
            assert queue.qsize() == 10
            for n in range(5):
                assert await anext(items) == n
                assert queue.qsize() == 9 - n

    run(main())


def test_what_is_in_the_queue_when_it_is_finished_is_delivered_first() -> None:
    async def main() -> list[Any]:
        queue = await filled(1, None, 3)
        finish(queue)
        return [item async for item in rx.from_queue(queue)]

    assert run(main()) == [1, None, 3]


def test_the_private_end_ends_the_flow_on_every_version() -> None:
    async def main() -> list[Any]:
        queue = await filled(1, 2, rx.END, "of somebody else")
        items = [item async for item in rx.from_queue(queue)]
        assert queue.get_nowait() == "of somebody else"
        return items

    assert run(main()) == [1, 2]


def test_a_step_that_waits_ends_when_the_queue_is_finished() -> None:
    async def main() -> float:
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[int] = asyncio.Queue()
        loop.call_later(5, finish, queue)
        assert [item async for item in rx.from_queue(queue)] == []
        return loop.time()

    assert run(main()) == 5


def test_a_subscriber_waiting_for_the_queue_gets_its_items_and_its_end() -> None:
    async def main() -> Recorder:
        queue: asyncio.Queue[int] = asyncio.Queue()
        subscriber = Recorder(2)
        rx.from_queue(queue).subscribe(subscriber)
        for n in range(4):
            queue.put_nowait(n)
        await turns(5)
        assert subscriber.items == [0, 1]
        assert queue.qsize() == 2
        subscriber.request(10)
        await turns(5)
        assert subscriber.items == [0, 1, 2, 3]
        finish(queue)
        await turns(5)
        return subscriber

    subscriber = run(main())
    assert subscriber.items == [0, 1, 2, 3]
    assert subscriber.completed == 1
    assert subscriber.errors == []


def test_join_returns_only_when_the_consumer_is_through_with_each_item() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        queue = await filled(*range(100))
        worked: list[int] = []

        async def consume() -> None:
            async for item in rx.from_queue(queue):
                await asyncio.sleep(1)
                worked.append(item)

        consumer = asyncio.ensure_future(consume())
        await queue.join()
        assert worked == list(range(100))
        assert loop.time() == 100
        finish(queue)
        await consumer
        await asyncio.wait_for(queue.join(), 1)  # END itself is accounted for too

    run(main())


def test_leaving_the_loop_accounts_for_the_item_in_hand() -> None:
    async def main() -> None:
        queue = await filled(1)
        async with aclosing(aiter(rx.from_queue(queue))) as items:
            await anext(items)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(queue.join(), 1)
        await asyncio.wait_for(queue.join(), 1)

    run(main())


def test_without_task_done_the_consumer_accounts_for_items_itself() -> None:
    async def main() -> None:
        queue = await filled(1, 2)
        async with aclosing(aiter(rx.from_queue(queue, task_done=False))) as items:
            for _ in range(2):
                await anext(items)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(queue.join(), 1)
        queue.task_done()
        queue.task_done()
        await queue.join()
        with pytest.raises(ValueError, match="called too many times"):
            queue.task_done()

    run(main())


@pytest.mark.parametrize("takers", [2, 5])
def test_several_takers_share_the_items_and_lose_none(takers: int) -> None:
    async def main() -> None:
        queue = await filled(*range(100), maxsize=200)
        if SHUTS_DOWN:
            finish(queue)
        else:
            for _ in range(takers):
                finish(queue)
        shares: list[list[int]] = [[] for _ in range(takers)]

        async def take(share: list[int]) -> None:
            async for item in rx.from_queue(queue):
                share.append(item)
                await asyncio.sleep(1)

        await asyncio.gather(*map(take, shares))
        assert sorted(item for share in shares for item in share) == list(range(100))
        assert all(len(share) == 100 // takers for share in shares)
        await asyncio.wait_for(queue.join(), 1)

    run(main())


@pytest.mark.parametrize("after", [0, 1, 2, 3])
def test_a_cancelled_step_takes_no_item_with_it(after: int) -> None:
    async def main() -> None:
        queue: asyncio.Queue[int] = asyncio.Queue()
        taken: list[int] = []

        async def take() -> None:
            async with aclosing(aiter(rx.from_queue(queue))) as items:
                taken.append(await anext(items))

        taker = asyncio.ensure_future(take())
        await turns(3)
        queue.put_nowait(7)
        await turns(after)
        taker.cancel()
        await asyncio.wait([taker])
        assert taken + await accounted(queue) == [7]

    run(main())


@pytest.mark.parametrize("after", range(6))
def test_what_was_fetched_and_not_taken_goes_back_when_the_stream_is_cancelled(after: int) -> None:
    async def main() -> None:
        queue: asyncio.Queue[int] = asyncio.Queue()
        begun: list[int] = []

        async def work(item: int) -> None:
            begun.append(item)
            await asyncio.sleep(10)

        items = aiter(rx.from_queue(queue).pipe(ops.map_async(work, max_concurrency=4)))
        step = asyncio.ensure_future(anext(items))
        await turns(5)
        for n in range(6):
            queue.put_nowait(n)
        await turns(after)
        step.cancel()
        await asyncio.wait([step])
        left = await accounted(queue)
        assert sorted(begun + left) == list(range(6))

    run(main())


@pytest.mark.parametrize("before", range(4))
@pytest.mark.parametrize("after", range(4))
def test_an_item_that_comes_while_the_stream_is_being_cancelled_stays(
    before: int, after: int
) -> None:
    """So many turns before and after the cancel; the task that waits for it may have it already."""

    async def main() -> None:
        queue: asyncio.Queue[int] = asyncio.Queue()
        subscriber = Recorder(1)
        rx.from_queue(queue).subscribe(subscriber)
        await turns(before)
        queue.put_nowait(7)
        await turns(after)
        subscriber.cancel()
        await turns(5)
        assert subscriber.items + await accounted(queue) == [7]

    run(main())


@pytest.mark.parametrize("after", range(6))
def test_what_goes_back_finds_room_in_a_queue_that_was_filled_meanwhile(after: int) -> None:
    async def main() -> None:
        queue: asyncio.Queue[int] = asyncio.Queue(4)
        begun: list[int] = []

        async def work(item: int) -> None:
            begun.append(item)
            await asyncio.sleep(10)

        items = aiter(rx.from_queue(queue).pipe(ops.map_async(work, max_concurrency=4)))
        step = asyncio.ensure_future(anext(items))
        await turns(5)
        for n in range(4):
            queue.put_nowait(n)
        await turns(after)
        put = 4
        while not queue.full():
            queue.put_nowait(put)
            put += 1
        step.cancel()
        (outcome,) = await asyncio.gather(step, return_exceptions=True)
        assert isinstance(outcome, asyncio.CancelledError), outcome
        left = await accounted(queue)
        assert sorted(begun + left) == list(range(put))

    run(main())


@pytest.mark.skipif(not SHUTS_DOWN, reason="asyncio.Queue.shutdown came with Python 3.13")
@pytest.mark.parametrize("after", range(6))
def test_what_goes_back_to_a_queue_that_was_shut_down_is_not_lost(after: int) -> None:
    async def main() -> None:
        queue: asyncio.Queue[int] = asyncio.Queue()
        begun: list[int] = []

        async def work(item: int) -> None:
            begun.append(item)
            await asyncio.sleep(10)

        items = aiter(rx.from_queue(queue).pipe(ops.map_async(work, max_concurrency=4)))
        step = asyncio.ensure_future(anext(items))
        await turns(5)
        for n in range(4):
            queue.put_nowait(n)
        await turns(after)
        queue.shutdown()  # type: ignore[attr-defined]
        step.cancel()
        (outcome,) = await asyncio.gather(step, return_exceptions=True)
        assert isinstance(outcome, asyncio.CancelledError), outcome
        left = await accounted(queue)
        assert sorted(begun + left) == list(range(4))

    run(main())


def test_a_subscriber_that_cancels_leaves_the_other_items_in_the_queue() -> None:
    async def main() -> None:
        queue: asyncio.Queue[int] = asyncio.Queue()
        subscriber = Recorder(5, cancel_after=1)
        rx.from_queue(queue).subscribe(subscriber)
        await turns(3)
        for n in range(4):
            queue.put_nowait(n)
        await turns(10)
        assert subscriber.items == [0]
        assert await accounted(queue) == [1, 2, 3]

    run(main())


def test_a_chain_of_queues_is_bounded_end_to_end() -> None:
    source = Advanced(1000)

    async def main() -> None:
        first: asyncio.Queue[int] = asyncio.Queue(3)
        second: asyncio.Queue[int] = asyncio.Queue(2)
        filling = asyncio.ensure_future(rx.from_iterable(source).to_queue(first))
        moving = asyncio.ensure_future(rx.from_queue(first).to_queue(second))
        await turns(30)
        assert source.count == 3 + 1 + 2 + 1  # both full, and one in each hand
        assert await drained(second) == list(range(1000))
        await asyncio.gather(filling, moving)

    run(main())
