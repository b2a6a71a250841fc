"""The calls of map_async, map_executor and their kin: what one is, and where it runs."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from asyncio import CancelledError
from collections.abc import Awaitable, Callable
from inspect import iscoroutine
from typing import TYPE_CHECKING, Any, Protocol, cast

from ..kernel import (
    Context,
    eager,
    eager_task,
    hold,
    is_async,
    needed_loop,
    on_loop,
    ordinary,
    running_loop,
    spawn,
    spawned,
)

if TYPE_CHECKING:
    from .concurrent import Concurrent


class Future(Protocol):
    """What futures of asyncio and of ``concurrent.futures`` have in common."""

    def cancelled(self) -> bool:
        """Tell whether it was cancelled."""
        ...

    def cancel(self) -> bool:
        """Cancel it, if that is possible."""
        ...

    def result(self) -> Any:
        """Give its result."""
        ...

    def exception(self) -> BaseException | None:
        """Give what it has failed with."""
        ...

    def add_done_callback(self, fn: Callable[[Any], object], /) -> None:
        """Have a function called when it has finished, on any thread."""
        ...


class Runner(ABC):
    """Where the calls of one subscription run."""

    def start(self, context: Context) -> None:  # noqa: B027 - an executor runs already
        """Begin; raises where calls cannot run here."""

    def here(self) -> bool:
        """Tell whether calls can begin in this thread; if not, the consumer is woken where."""
        return True

    @abstractmethod
    def begin(self, call: Call) -> Future:
        """Begin the call for its item; it is to be told of the end."""

    def cancel(self, future: Future) -> None:
        """Cancel a call."""
        future.cancel()

    def close(self) -> None:  # noqa: B027 - an executor is its owner's
        """Hear that no call begins any more."""


class Tasks(Runner):
    """Runs an async function in tasks of the event loop."""

    def __init__(self, name: str, function: Callable[[Any], Awaitable[Any]]) -> None:
        self._name = name
        self._function = function

    def start(self, context: Context) -> None:
        """Find the loop."""
        self._loop = needed_loop(self._name)
        self._context = context
        # Where a consumer that is woken acts later, a call can tell it from inside its task.
        self._tells = context.pulls and is_async(self._function) and ordinary(self._loop)
        self._eager = eager(self._loop)
        # Those that may not have taken their first step yet; a look at them is on its way.
        self._begun: list[Call] = []
        self._stepped: list[Call] = []  # those that have, by that look

    def here(self) -> bool:
        """Tell whether this is the loop's thread."""
        if running_loop() is self._loop:
            return True
        self._loop.call_soon_threadsafe(self._context.wake)
        return False

    def begin(self, call: Call) -> Future:
        """Start a task."""
        if self._tells:
            work = call.perform(self._function)
            if self._eager:
                return eager_task(self._loop, work)
            task = spawned(self._loop, work)
            if not self._begun and not self._stepped:
                self._loop.call_soon(self._look)
            self._begun.append(call)
            return task
        work: Any = self._function(call.item)
        if not iscoroutine(work):
            work = _awaited(awaitable(self._name, work))
        return spawn(self._loop, self._context, work, call)

    def _look(self) -> None:
        """Look for calls whose tasks were cancelled before their first step: they cannot tell.

        A callback of each task would take a turn of the loop for each.
        """
        for call in self._stepped:
            if call.ended < 0 and call.future.done():
                call(call.future)
        self._stepped, self._begun = self._begun, []
        if self._stepped:
            self._loop.call_soon(self._look)

    def cancel(self, future: Future) -> None:
        """Cancel a task."""
        on_loop(self._loop, lambda: self._stop(cast("asyncio.Task[Any]", future)))

    def _stop(self, task: asyncio.Task[Any]) -> None:
        if self._tells and not task.done():
            hold(self._context, task)  # until it has heard; its call has held it so far
        task.cancel()


def awaitable(name: str, work: Any) -> Awaitable[Any]:
    """Give what a function has returned, if it can be awaited."""
    if not isinstance(work, Awaitable):
        raise TypeError(
            f"{name}: the function gave {work!r}, which cannot be awaited; "
            "use map for a synchronous function"
        )
    return cast("Awaitable[Any]", work)


async def _awaited(work: Awaitable[Any]) -> Any:
    return await work


class Call:
    """An item, and the call that runs for it; told when that has finished, on any thread."""

    __slots__ = (
        "_feed",
        "began",
        "came",
        "done",
        "ended",
        "error",
        "future",
        "item",
        "key",
        "result",
    )

    def __init__(self, feed: Concurrent, item: Any, now: int) -> None:
        self._feed = feed
        self.item: Any = item
        self.future: Any = None  # until it has begun, and when its end was seen
        self.result: Any  # when it is done
        # When the item was taken; when the call began, the same until it has; and when it had
        # finished, less than 0 until then (nanoseconds).
        self.came: int = now
        self.began: int = now
        self.ended: int = -1
        self.done: bool = False  # it has a result, and the consumer knows
        self.error: BaseException | None = None  # what it has failed with

    def __call__(self, future: Any) -> None:
        """Tell the consumer."""
        self.error = CancelledError() if future.cancelled() else future.exception()
        if self.error is None:
            self.result = future.result()
        self._feed.finished(self)

    async def perform(self, function: Callable[[Any], Awaitable[Any]]) -> None:
        """Call a function with the item, and tell the consumer at once."""
        try:
            self.result = await function(self.item)
        except BaseException as error:
            self.error = error
            if not isinstance(error, Exception):
                raise
        finally:
            self._feed.finished(self)
