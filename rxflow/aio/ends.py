"""Consuming a Flow to its end on the running event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing
from datetime import timedelta
from inspect import isawaitable
from typing import Any, TypeVar

from ..flow import Flow, checks
from ..flow.registry import native, register
from ..protocol import shown

T = TypeVar("T")


@register(
    "bridge", demand="1 per call finished ; none ; holds <= max_concurrency", category="asyncio"
)
async def for_each(
    flow: Flow[T],
    fn: Callable[[T], Awaitable[object] | object],
    *,
    max_concurrency: int = 1,
    limiter: AbstractAsyncContextManager[Any, Any] | None = None,
    timeout: float | timedelta | None = None,
) -> None:
    """Call a function with each item, and wait for it; the function sets the pace.

    .. marble::
        :alt: for_each

        source   -1-2-3|
        [ await flow.for_each(fn) ]
                 fn(1)--fn(2)--fn(3)--(returns)

    Demand: 1 per call finished ; none ; holds <= max_concurrency.
    It fills a memory stream of anyio or trio: ``await flow.for_each(stream.send)``. In a
    trio task it has one call at once.

    Args:
        flow: The Flow.
        fn: Function of an item; what it gives is awaited if it can be.
        max_concurrency: Most calls at once (items); above 1 it must be async.
        limiter: Held during each call, for a bound that several flows share:
            ``asyncio.Semaphore(10)``, ``anyio.CapacityLimiter(10)`` or a lock. The items whose
            calls wait for it are among ``max_concurrency``.
        timeout: Longest time of a call, once it has the limiter (seconds); fn must be async.

    Raises:
        Exception: What the Flow fails with, or the function raises. Then, and
            when this is cancelled, the source is cancelled, and closed before it returns.
        TimeoutError: A call took longer than timeout; it names the item.
        TypeError: fn is not callable; not async although max_concurrency is above 1 or there
            is a timeout. The limiter is none for ``async with``.
        ValueError: max_concurrency < 1, or timeout < 0.

    Source: Pekko runForeach and runForeachAsync.
    """
    if not callable(fn):  # pyright: ignore[reportUnnecessaryComparison]
        raise TypeError(f"for_each wants a function of an item, not {fn!r}")
    several = checks.whole("for_each", "max_concurrency", max_concurrency) > 1
    limit = checks.seconds("for_each", "timeout", timeout)
    if several or limit is not None:
        checks.asynchronous("for_each", fn)
    if limit is not None:
        fn = _timed(fn, limit)
    if limiter is not None:
        fn = _limited(fn, limiter)
    if several:
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


def _timed(fn: Callable[[T], Any], seconds: float) -> Callable[[T], Any]:
    async def call(item: T) -> None:
        scope = asyncio.timeout(seconds)
        try:
            async with scope:
                await fn(item)
        except TimeoutError as error:
            if not scope.expired():
                raise  # the function's own
            raise TimeoutError(
                f"for_each: the call with {shown(item)} took longer than {seconds} s"
            ) from error

    return call


def _limited(fn: Callable[[T], Any], limiter: Any) -> Callable[[T], Any]:
    if not (hasattr(limiter, "__aenter__") and hasattr(limiter, "__aexit__")):
        raise TypeError(
            f"for_each: limiter must be one for 'async with', such as asyncio.Semaphore(10), "
            f"not {limiter!r}"
        )

    async def call(item: T) -> None:
        async with limiter:
            result = fn(item)
            if isawaitable(result):
                await result

    return call


setattr(Flow, "for_each", for_each)  # noqa: B010 - declared for type checkers in flow/_fluent
