"""Filling a queue of tasks, threads or processes from a Flow."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from functools import partial
from inspect import isawaitable
from queue import Empty, Full
from time import monotonic
from typing import Any, TypeVar

from ..flow import Flow, checks
from ..flow.registry import register
from ..kernel import DropCallback, Worker, needed_loop, put_at_once
from ..protocol import (
    DROP_INCOMING,
    DROP_OLDEST,
    END,
    FAIL,
    SUSPEND,
    AwaitedQueue,
    BlockingQueue,
    BufferOverflowError,
    OfferTimeoutError,
    Overflow,
)
from ..sources.queues import WAIT, is_awaited, is_blocking

T = TypeVar("T")


class _OfTasks:
    """A queue of the event loop."""

    def __init__(self, queue: Any) -> None:
        self._queue = queue

    def offer(self, item: Any) -> bool:
        try:
            self._queue.put_nowait(item)
        except asyncio.QueueFull:
            return False
        return True

    async def put(self, item: Any, timeout: float | None = None) -> bool:
        try:
            async with asyncio.timeout(timeout):
                await self._queue.put(item)
        except TimeoutError:
            return False
        return True

    async def evict(self) -> list[Any]:
        try:
            item = self._queue.get_nowait()
        except asyncio.QueueEmpty:  # a thread on the other side of it was quicker
            return []
        if hasattr(self._queue, "task_done"):
            self._queue.task_done()
        return [item]

    def put_last(self, item: Any) -> None:
        put_at_once(self._queue, item)

    def leave(self) -> None:
        pass

    def close(self) -> None:
        pass


class _OfThreads:
    """A queue of threads or processes; a thread waits where it is full."""

    def __init__(self, queue: Any) -> None:
        self._queue = queue
        self._worker = Worker("to_queue")
        self._left = False

    def offer(self, item: Any) -> bool:
        try:
            self._queue.put_nowait(item)
        except Full:
            return False
        return True

    async def put(self, item: Any, timeout: float | None = None) -> bool:
        return await self._worker.call(partial(self._put, item, timeout))

    def _put(self, item: Any, timeout: float | None) -> bool:
        deadline = float("inf") if timeout is None else monotonic() + timeout
        while not self._left:
            left = max(0.0, deadline - monotonic())
            try:
                self._queue.put(item, timeout=min(WAIT, left))
            except Full:
                if not left:
                    return False
            else:
                return True
        return False

    async def evict(self) -> list[Any]:
        return await self._worker.call(self._evict)

    def _evict(self) -> list[Any]:
        try:
            item = self._queue.get(timeout=WAIT)
        except Empty:  # another taker was quicker
            return []
        if hasattr(self._queue, "task_done"):
            self._queue.task_done()
        return [item]

    def put_last(self, item: Any) -> None:
        self._worker.submit(partial(self._queue.put, item))

    def leave(self) -> None:
        self._left = True  # so a put that waits is given up, before what put_last is to put

    def close(self) -> None:
        self._worker.stop()


_Target = _OfTasks | _OfThreads


@register("bridge", demand="1 per put ; none ; holds <= the queue", category="asyncio")
async def to_queue(
    flow: Flow[T],
    queue: asyncio.Queue[T] | AwaitedQueue[T] | BlockingQueue[T],
    *,
    end: object = None,
    overflow: Overflow = SUSPEND,
    timeout: float | None = None,
    on_drop: DropCallback | None = None,
) -> None:
    """Put each item into a queue of tasks, threads or processes; a full one holds the source.

    .. marble::
        :alt: to_queue

        source   -1-2-3|
        [ await flow.to_queue(queue) ]
        queue    -1-2-3(shut down)

    Demand: 1 per put ; none ; holds <= the queue.
    Ends: on completion ``end`` is put, if given; else the queue is shut down,
    where it can be (3.13, and not those of processes), or ``rxflow.END`` is put.

    Args:
        flow: The Flow.
        queue: Where to: an asyncio.Queue; a queue.Queue, SimpleQueue or
            multiprocessing.Queue; or another with the methods of one of them, such as both
            sides of a janus.Queue. Its ``maxsize`` is the bound (items). While one of
            threads is full, a thread waits in ``put``.
        end: What to put at the end instead of shutting the queue down.
        overflow: What happens to an item that finds the queue full: it waits (SUSPEND); it
            fails the stream (FAIL); the item that would be taken next gives way
            (DROP_OLDEST); it is refused (DROP_INCOMING).
        timeout: With SUSPEND, longest wait for room (seconds), then the stream fails; None
            for ever.
        on_drop: Called with each item that is dropped, and the reason; it may be async. It
            must be given where items may be dropped.

    Raises:
        Exception: What the Flow fails with; the queue is ended all the same.
        TypeError: It is no such queue.
        ValueError: Another strategy; a timeout without SUSPEND; no on_drop with DROP_OLDEST
            or DROP_INCOMING.
        OfferTimeoutError: No room was made for an item in time.
        BufferOverflowError: The queue was full, with FAIL.

    Source: new; asyncio.Queue.
    """
    limit = _checked(overflow, timeout, on_drop)
    target: _Target
    if is_awaited(queue):
        target = _OfTasks(queue)
    elif is_blocking(queue):
        target = _OfThreads(queue)
    else:
        raise TypeError(
            f"to_queue wants an asyncio.Queue, or a queue of threads or processes, not {queue!r}"
        )
    needed_loop("to_queue", "awaited")
    try:
        try:
            async with aclosing(aiter(flow)) as items:
                async for item in items:
                    if not target.offer(item):
                        await _overflow(target, queue, item, overflow, limit, on_drop)
        except asyncio.CancelledError:
            target.leave()  # without waiting: a cancelled task is to end
            _end_at_once(target, queue, end)
            raise
        except BaseException:
            await _end(target, queue, end)
            raise
        await _end(target, queue, end)
    finally:
        target.close()


def _checked(overflow: Any, timeout: Any, on_drop: Any) -> float | None:
    name = "to_queue"
    if checks.strategy(name, overflow) not in (SUSPEND, FAIL, DROP_OLDEST, DROP_INCOMING):
        raise ValueError(
            f"{name}: overflow must be SUSPEND, FAIL, DROP_OLDEST or DROP_INCOMING, "
            f"not {overflow!r}; others are for a buffer before it: on_backpressure_buffer"
        )
    checks.on_drop(name, on_drop)
    if overflow in (DROP_OLDEST, DROP_INCOMING) and on_drop is None:
        raise ValueError(f"{name}: with {overflow!r}, on_drop must be given, to be told of drops")
    if timeout is not None and overflow is not SUSPEND:
        raise ValueError(f"{name}: timeout is for overflow=SUSPEND, with {overflow!r} nobody waits")
    return checks.seconds(name, "timeout", timeout)


async def _overflow(
    target: _Target,
    queue: Any,
    item: Any,
    overflow: Overflow,
    timeout: float | None,
    on_drop: DropCallback | None,
) -> None:
    """Do what is to be done with an item for which there is no room."""
    if overflow is SUSPEND:
        if not await target.put(item, timeout):
            raise OfferTimeoutError(f"to_queue: no room was made for an item in {timeout} s")
    elif overflow is FAIL:
        capacity = getattr(queue, "maxsize", getattr(queue, "_maxsize", 0))
        raise BufferOverflowError("to_queue", capacity, capacity, 0, item)
    elif overflow is DROP_INCOMING:
        await _tell(on_drop, item, "incoming")
    else:
        while not target.offer(item):
            for evicted in await target.evict():
                await _tell(on_drop, evicted, "oldest")


async def _tell(on_drop: DropCallback | None, item: Any, reason: str) -> None:
    assert on_drop is not None
    told: Any = on_drop(item, reason)
    if isawaitable(told):
        await told


async def _end(target: _Target, queue: Any, end: object) -> None:
    """Say that no item follows, when there is room."""
    if end is None and hasattr(queue, "shutdown"):
        queue.shutdown()
    else:
        await target.put(END if end is None else end)


def _end_at_once(target: _Target, queue: Any, end: object) -> None:
    """Say that no item follows, without waiting."""
    if end is None and hasattr(queue, "shutdown"):
        queue.shutdown()
    else:
        target.put_last(END if end is None else end)


setattr(Flow, "to_queue", to_queue)  # noqa: B010 - declared for type checkers in flow/_fluent
