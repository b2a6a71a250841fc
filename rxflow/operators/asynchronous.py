"""Async functions in a pipeline: map_async, map_async_partitioned."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import timedelta
from inspect import iscoroutinefunction
from typing import Any, TypeVar, cast

from reactivex import Observable

from ..flow import Flow, checks
from ..flow.operator import operator
from ..flow.retrying import Retry
from ..kernel import DiscardCallback
from ..protocol import shown
from .calls import Call, Tasks, awaitable
from .concurrent import Concurrent, concurrent

T1 = TypeVar("T1")
T2 = TypeVar("T2")
K = TypeVar("K")

Function = Callable[[Any], Awaitable[Any]]


def attempts(name: str, function: Function, timeout: Any, retry: Any) -> Function:
    """Give a function that limits the time of each call, and calls again after a failure.

    Args:
        name: The operator.
        function: What it calls; the function itself is given back where there is nothing to add.
        timeout: Longest time for each try (seconds, or a timedelta); None for ever.
        retry: A number of further tries, or what wraps an async function.
    """
    checks.asynchronous(name, function)
    limit = checks.seconds(name, "timeout", timeout)
    if limit is not None:
        function = _limited(name, function, limit)
    if isinstance(retry, int | float):
        retries = checks.whole(name, "retry", retry, least=0)
        return _again(name, function, retries) if retries else function

    async def attempt(item: Any) -> Any:
        return await awaitable(name, function(item))

    wrap = getattr(retry, "wraps", retry)
    wrapped = wrap(attempt) if callable(wrap) else None
    if not iscoroutinefunction(wrapped):
        raise TypeError(
            f"{name}: retry must be a number of further tries, a decorator of async functions "
            f"such as tenacity.retry(...), or a tenacity.AsyncRetrying, not {retry!r}"
        )
    return cast("Function", wrapped)


def _limited(name: str, function: Function, seconds: float) -> Function:
    async def limited(item: Any) -> Any:
        scope = asyncio.timeout(seconds)
        try:
            async with scope:
                return await awaitable(name, function(item))
        except TimeoutError as error:
            if not scope.expired():
                raise  # the function's own
            raise TimeoutError(
                f"{name}: the call with {shown(item)} took longer than {seconds} s"
            ) from error

    return limited


def _again(name: str, function: Function, retries: int) -> Function:
    async def again(item: Any) -> Any:
        for _ in range(retries):
            try:
                return await awaitable(name, function(item))
            except Exception:
                continue
        return await awaitable(name, function(item))

    return again


@operator(
    demand="max_concurrency + buffer, then 1:1 ; 1:1 ; holds <= max_concurrency + buffer",
    category="asyncio",
)
def map_async(
    function: Callable[[T1], Awaitable[T2]],
    max_concurrency: int = 1,
    ordered: bool = True,
    *,
    timeout: float | timedelta | None = None,
    retry: Retry = 0,
    buffer: int = 0,
    on_discard: DiscardCallback | None = None,
) -> Callable[[Flow[T1] | Observable[T1]], Flow[T2]]:
    """Transform each item with an async function, several at a time.

    .. marble::
        :alt: map_async

        request  3---------------
        source   -a-b-c---|
        [ map_async(slow_upper, max_concurrency=2) ]
                 ----A-B---C|

    Demand: max_concurrency + buffer, then 1:1 ; 1:1 ; holds <= max_concurrency + buffer.
    Nothing starts before there is demand. What runs is at most ``max_concurrency``;
    what runs and what has finished and was not taken is at most ``buffer`` more.
    So without a buffer a slow item keeps those behind it from starting when all
    others have finished; with one, as many more may overtake it. Under ``async for`` a
    call takes its first step as soon as its item is there, without a turn of the loop
    (an eager task: from Python 3.12 on, on asyncio's own loop without a task factory).
    Each call has a task and a context of its own.

    A circuit breaker goes around the function, for example one of ``purgatory``:
    ``map_async(breaker("prices")(fetch), 8)``.

    Args:
        function: Async function of an item.
        max_concurrency: Most items in it at once (items).
        ordered: Give the results in the order of the items; else as they come.
        timeout: Longest time of a call (seconds, or a timedelta); each try has its own.
        retry: How often a call that fails is made again, without a pause (times); or, for
            pauses and limits, a decorator of async functions (``tenacity.retry(...)``) or
            a ``tenacity.AsyncRetrying``.
        buffer: Most results that wait for an earlier one, or for demand, beside what may
            run (items).
        on_discard: Called with each result that nobody takes, when the stream is cancelled
            or fails.

    Returns:
        An operator function; the Flow is to be subscribed where an event loop is running.

    Raises:
        TypeError: The function is not async, or retry is none of these, when the pipeline
            is built.
        ValueError: max_concurrency < 1, or buffer, retry or timeout < 0, when the pipeline
            is built.

    Errors:
        What the function raises, at once, also when earlier items are still running;
        the others are cancelled.
        TimeoutError: A call took longer than timeout; it names the item.

    Source: Pekko mapAsync and mapAsyncUnordered.
    """
    call = attempts("map_async", function, timeout, retry)
    bounds = checked("map_async", max_concurrency, buffer, on_discard)
    return concurrent(
        lambda context, flow, decide: Concurrent(
            context, flow.feed, "map_async", Tasks("map_async", call), ordered, *bounds, decide
        )
    )


Bounds = tuple[int, int, DiscardCallback | None]


def checked(
    name: str, max_concurrency: Any, buffer: Any, on_discard: DiscardCallback | None
) -> Bounds:
    """Check the arguments that bound what runs and what is held."""
    checks.callback(name, "on_discard", on_discard)
    return (
        checks.whole(name, "max_concurrency", max_concurrency),
        checks.whole(name, "buffer", buffer, least=0),
        on_discard,
    )


class _Partitioned(Concurrent):
    """Begins the call of an item when those of the earlier items of its key have ended."""

    def __init__(self, key: Callable[[Any], Any], *args: Any) -> None:
        super().__init__(*args)
        self._eager = True  # any call that ends lets the next one of its key begin
        self._key = key
        self._behind: dict[Any, deque[Call]] = {}  # by key: a call runs, and these wait for it

    def _admit(self, call: Call) -> None:
        call.key = key = self._key(call.item)  # once: it may give another one later
        if (waiting := self._behind.get(key)) is not None:
            waiting.append(call)
            return
        self._behind[key] = deque()
        self._begin(call)

    def _ended(self, call: Call) -> None:
        """Begin the next call of a key."""
        waiting = self._behind[call.key]
        if waiting and self._error is None:
            following = waiting.popleft()
            following.began = self.now()
            self._begin(following)
        elif not waiting:
            del self._behind[call.key]


@operator(
    demand="max_concurrency + buffer, then 1:1 ; 1:1 ; holds <= max_concurrency + buffer",
    category="asyncio",
)
def map_async_partitioned(
    key: Callable[[T1], K],
    function: Callable[[T1], Awaitable[T2]],
    max_concurrency: int,
    ordered: bool = True,
    *,
    timeout: float | timedelta | None = None,
    retry: Retry = 0,
    buffer: int = 0,
    on_discard: DiscardCallback | None = None,
) -> Callable[[Flow[T1] | Observable[T1]], Flow[T2]]:
    """Transform items with an async function, those of one key one after another.

    .. marble::
        :alt: map_async_partitioned

        request  3---------------
        source   a1-a2-b1-------|
        [ map_async_partitioned(letter, slow_upper, 2, ordered=False) ]
                 ----A1--B1-A2--|

    Demand: max_concurrency + buffer, then 1:1 ; 1:1 ; holds <= max_concurrency + buffer.
    At most one call runs for each key, and the calls of a key run in the order of its
    items, so that a later state of a thing is never written before an earlier one.
    Calls for different keys run at the same time. An item whose key is busy waits, in
    one of the ``max_concurrency + buffer`` places: a buffer keeps a busy key from
    holding up the others.

    Args:
        key: Function of an item that gives its key, which is hashable.
        function: Async function of an item.
        max_concurrency: Most items in it at once (items).
        ordered: Give the results in the order of the items; else as they come, those of
            one key still in the order of its items.
        timeout: Longest time of a call (seconds, or a timedelta); each try has its own.
        retry: As for ``map_async``.
        buffer: Most items that wait for their key, and results that wait for an earlier one
            or for demand, beside what may run (items).
        on_discard: Called with each result that nobody takes, when the stream is cancelled
            or fails.

    Returns:
        An operator function; the Flow is to be subscribed where an event loop is running.

    Raises:
        TypeError: The function is not async, or the key function is, when the pipeline is
            built.
        ValueError: max_concurrency < 1, or buffer, retry or timeout < 0, when the pipeline
            is built.

    Errors:
        What a function raises, at once; a key that is not hashable.
        TimeoutError: A call took longer than timeout; it names the item.

    Source: Pekko mapAsyncPartitioned and mapAsyncPartitionedUnordered.
    """
    name = "map_async_partitioned"
    checks.function(name, "key", key)
    call = attempts(name, function, timeout, retry)
    bounds = checked(name, max_concurrency, buffer, on_discard)
    return concurrent(
        lambda context, flow, decide: _Partitioned(
            key, context, flow.feed, name, Tasks(name, call), ordered, *bounds, decide
        )
    )
