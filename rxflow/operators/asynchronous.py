"""Async functions in a pipeline: map_async."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar

from reactivex import Observable

from ..flow import Flow, checks
from ..flow.operator import fed, operator
from ..kernel import (
    NOTHING,
    Context,
    Feed,
    Input,
    StageStatistics,
    State,
    hooks,
    needed_loop,
    on_loop,
    spawn,
)

T1 = TypeVar("T1")
T2 = TypeVar("T2")


class _AsyncMapped(Feed[Any]):
    """Runs a function in tasks; what runs and what has not been taken is bounded."""

    def __init__(
        self,
        context: Context,
        make: Callable[[Context], Feed[Any]],
        function: Callable[[Any], Awaitable[Any]],
        max_concurrency: int,
        ordered: bool,
    ) -> None:
        self._context = context
        self._input = Input(make, context)
        self._function = function
        self._max_concurrency = max_concurrency
        self._ordered = ordered
        self._tasks: deque[asyncio.Task[Any]] = deque()  # running, or done and not taken
        self._done: deque[asyncio.Task[Any]] = deque()  # not ordered: done and not taken
        self._error: Exception | None = None
        self._received = self._delivered = self._peak = 0
        self._loop: asyncio.AbstractEventLoop | None = None  # None until started

    def start(self) -> None:
        self._loop = needed_loop("map_async")
        self._input.start()

    def run(self) -> Iterator[Any]:
        while self._error is None and self._loop is not None:
            self._fill(self._loop)
            ready = self._tasks if self._ordered else self._done
            if not ready or not ready[0].done() or self._error is not None:
                return
            task = ready.popleft()
            if not self._ordered:
                self._tasks.remove(task)
            if task.cancelled():
                raise _cancelled()
            result = task.result()
            self._delivered += 1
            yield result

    def _fill(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start as many as the bound allows and the input has."""
        while (free := self._max_concurrency - len(self._tasks)) > 0:
            item = self._input.take(free)
            if item is NOTHING:
                return
            self._received += 1
            work = self._function(item)
            if not isinstance(work, Awaitable):  # pyright: ignore[reportUnnecessaryIsInstance]
                raise TypeError(
                    f"map_async: the function gave {work!r}, which cannot be awaited; "
                    "use map for a synchronous function"
                )
            task = spawn(loop, self._context, work if asyncio.iscoroutine(work) else _awaited(work))
            self._tasks.append(task)
            self._peak = max(self._peak, len(self._tasks))
            task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[Any]) -> None:
        if task.cancelled():
            self._fail(_cancelled())
        elif (error := task.exception()) is not None:
            self._fail(error)
        elif not self._ordered:
            self._done.append(task)
        elif not self._tasks or self._tasks[0] is not task:
            return  # an earlier one is still running; its end will wake
        self._context.wake()

    def _fail(self, error: BaseException) -> None:
        if not isinstance(error, Exception):
            error = RuntimeError(f"map_async: the function ended with {error!r}")
        if self._error is None:
            self._error = error
        else:
            hooks.dropped_error(error)

    def settle(self) -> State:
        if self._error is not None:
            raise self._error
        ready = self._tasks if self._ordered else self._done
        if ready and ready[0].done():
            return State.READY
        if self._input.ended:
            return State.WAITING if self._tasks else State.ENDED
        room = len(self._tasks) < self._max_concurrency
        return State.READY if room and not self._input.waiting else State.WAITING

    def ending(self) -> bool:
        if self._error is not None:
            return True
        if self._tasks:
            return False
        if self._input.ending():
            self._input.waiting = False
            while not self._input.ended:
                self._input.take()
        return self._input.ended

    def want(self, n: int) -> None:
        self._input.want(self._max_concurrency - len(self._tasks))

    def cancel(self) -> None:
        self._input.cancel()
        tasks = list(self._tasks)
        self._tasks.clear()
        self._done.clear()
        for task in tasks:
            assert self._loop is not None
            task.remove_done_callback(self._finished)
            on_loop(self._loop, task.cancel)

    def statistics(self) -> Iterator[StageStatistics]:
        yield from self._input.statistics()
        held = len(self._tasks)
        yield StageStatistics(
            "map_async",
            received=self._received,
            delivered=self._delivered,
            held=held,
            peak=self._peak,
            capacity=self._max_concurrency,
            discarded=self._received - self._delivered - held,  # failed or cancelled
        )


def _cancelled() -> RuntimeError:
    return RuntimeError("map_async: the function ended with CancelledError()")


async def _awaited(work: Awaitable[Any]) -> Any:
    return await work


@operator(demand="max_concurrency, then 1:1 ; 1:1 ; holds <= max_concurrency", category="asyncio")
def map_async(
    function: Callable[[T1], Awaitable[T2]], max_concurrency: int = 1, ordered: bool = True
) -> Callable[[Flow[T1] | Observable[T1]], Flow[T2]]:
    """Transform each item with an async function, several at a time.

    .. marble::
        :alt: map_async

        request  3---------------
        source   -a-b-c---|
        [ map_async(slow_upper, max_concurrency=2) ]
                 ----A-B---C|

    Demand: max_concurrency, then 1:1 ; 1:1 ; holds <= max_concurrency.
    Nothing starts before there is demand. What runs and what has finished and was
    not taken is at most ``max_concurrency`` together.

    Args:
        function: Async function of an item.
        max_concurrency: Most items in it at once (items).
        ordered: Give the results in the order of the items; else as they come.

    Returns:
        An operator function; the Flow is to be subscribed where an event loop is running.

    Raises:
        TypeError: The function is not async, when the pipeline is built.
        ValueError: max_concurrency < 1, when the pipeline is built.

    Errors:
        What the function raises, at once, also when earlier items are still running;
        the others are cancelled.

    Source: Pekko mapAsync and mapAsyncUnordered.
    """
    checks.asynchronous("map_async", function)
    max_concurrency = checks.whole("map_async", "max_concurrency", max_concurrency)
    return fed(
        lambda context, flow: _AsyncMapped(context, flow.feed, function, max_concurrency, ordered)
    )
