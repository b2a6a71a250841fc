"""Consuming a Flow to its end on the running event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from inspect import isawaitable
from typing import Any, TypeVar

from ..flow import Flow, checks
from ..flow.registry import native, register
from ..kernel import put_back
from ..protocol import END

T = TypeVar("T")


@register(
    "bridge", demand="1 per call finished ; none ; holds <= max_concurrency", category="asyncio"
)
async def for_each(
    flow: Flow[T], fn: Callable[[T], Awaitable[object] | object], *, max_concurrency: int = 1
) -> None:
    """Call a function with each item, and wait for it; the function sets the pace.

    .. marble::
        :alt: for_each

        source   -1-2-3|
        [ await flow.for_each(fn) ]
                 fn(1)--fn(2)--fn(3)--(returns)

    Demand: 1 per call finished ; none ; holds <= max_concurrency.

    Args:
        flow: The Flow.
        fn: Function of an item; what it gives is awaited if it can be.
        max_concurrency: Most calls at once (items); above 1 it must be async.

    Raises:
        Exception: What the Flow fails with, or the function raises. Then, and
            when this is cancelled, the source is cancelled, and closed before it returns.
        TypeError: fn is not callable; not async although max_concurrency is above 1.
        ValueError: max_concurrency < 1.

    Source: Pekko runForeach and runForeachAsync.
    """
    if not callable(fn):  # pyright: ignore[reportUnnecessaryComparison]
        raise TypeError(f"for_each wants a function of an item, not {fn!r}")
    if checks.whole("for_each", "max_concurrency", max_concurrency) > 1:
        map_async = native("map_async")
        assert map_async is not None
        called: Flow[Any] = map_async(fn, max_concurrency, ordered=False)(flow)
        async with aclosing(aiter(called)) as results:
            async for _ in results:
                pass
        return
    async with aclosing(aiter(flow)) as items:
        async for item in items:
            result = fn(item)
            if isawaitable(result):
                await result


@register("bridge", demand="1 per put ; none ; holds <= the queue", category="asyncio")
async def to_queue(flow: Flow[T], queue: asyncio.Queue[T], *, end: object = None) -> None:
    """Put each item into an asyncio queue; a full queue holds the source.

    .. marble::
        :alt: to_queue

        source   -1-2-3|
        [ await flow.to_queue(queue) ]
        queue    -1-2-3(shut down)

    Demand: 1 per put ; none ; holds <= the queue.
    Ends: on completion ``end`` is put, if given; else the queue is shut down,
    where it can be (3.13), or ``rxflow.END`` is put.

    Args:
        flow: The Flow.
        queue: Where to; its ``maxsize`` is the bound (items).
        end: What to put at the end instead of shutting the queue down.

    Raises:
        Exception: What the Flow fails with; the queue is ended all the same.
        TypeError: It is no asyncio queue.

    Source: new; asyncio.Queue.
    """
    if not isinstance(queue, asyncio.Queue):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"to_queue wants an asyncio.Queue, not {queue!r}")
    try:
        async with aclosing(aiter(flow)) as items:
            async for item in items:
                if queue.full():
                    await queue.put(item)
                else:
                    queue.put_nowait(item)
    except asyncio.CancelledError:
        _shut_down(queue, end)  # without waiting: a cancelled task is to end
        raise
    except BaseException:
        await _end(queue, end)
        raise
    await _end(queue, end)


async def _end(queue: asyncio.Queue[Any], end: object) -> None:
    """Say that no item follows, when there is room."""
    if end is None and hasattr(queue, "shutdown"):
        _shut_down(queue, end)
    else:
        await queue.put(END if end is None else end)


def _shut_down(queue: asyncio.Queue[Any], end: object) -> None:
    """Say that no item follows, at once."""
    shutdown = getattr(queue, "shutdown", None)
    if end is None and shutdown is not None:
        shutdown()
    else:
        put_back(queue, END if end is None else end)


setattr(Flow, "for_each", for_each)  # noqa: B010 - declared for type checkers in flow/_fluent
setattr(Flow, "to_queue", to_queue)  # noqa: B010
