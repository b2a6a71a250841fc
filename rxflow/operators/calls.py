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
            return spawned(self._loop, work, call.passed_over)
        work: Any = self._function(call.item)
        if not iscoroutine(work):
            work = _awaited(awaitable(self._name, work))
        return spawn(self._loop, self._context, work, call)

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
        "done",
        "ended",
        "error",
        "future",
        "item",
        "key",
        "result",
        "since",
    )

    def __init__(self, feed: Concurrent, item: Any) -> None:
        self._feed = feed
        self.item: Any = item
        self.future: Any = None  # until it has begun
        self.result: Any = None
        # When the item was taken, if it had to wait then, and the call began; and when it had
        # finished, less than 0 until then (nanoseconds).
        self.since: int | None = None
        self.began: int = 0
        self.ended: int = -1
        self.done: bool = False  # it has a result, and the consumer knows
        self.error: BaseException | None = None  # what it has failed with

    @property
    def came(self) -> int:
        """When its item was taken (nanoseconds)."""
        return self.began if self.since is None else self.since

    def __call__(self, future: Any) -> None:
        """Tell the consumer."""
        if future.cancelled():
            self.end(CancelledError())
            return
        error = future.exception()
        if error is None:
            self.result = future.result()
        self.end(error)

    def end(self, error: BaseException | None) -> None:
        """Tell the consumer that it has failed, or that there is a result."""
        self.ended = self._feed.now()
        self.error = error
        self._feed.finished(self)

    async def perform(self, function: Callable[[Any], Awaitable[Any]]) -> None:
        """Call a function with the item, and tell the consumer at once."""
        error: BaseException | None = None
        try:
            self.result = await function(self.item)
        except Exception as failure:
            error = failure
        except BaseException as failure:
            error = failure
            raise
        finally:
            self.end(error)

    def passed_over(self, task: asyncio.Task[Any]) -> None:
        """Hear that its task is over; it may have been cancelled before its first step."""
        if self.ended < 0:
            self.end(CancelledError())
