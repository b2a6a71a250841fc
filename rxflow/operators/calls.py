"""The calls of map_async, map_executor and their kin: what one is, and where it runs."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from asyncio import CancelledError
from collections import deque
from collections.abc import Awaitable, Callable, Generator
from contextvars import Context as Variables
from contextvars import copy_context
from inspect import iscoroutine
from types import coroutine
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

    def start(self, context: Context, buffered: bool) -> None:  # noqa: B027 - it runs already
        """Begin; raises where calls cannot run here.

        Args:
            context: Of the consumer.
            buffered: A call that has ended may make room though nobody has taken its result.
        """

    def here(self) -> bool:
        """Tell whether calls can begin in this thread; if not, the consumer is woken where."""
        return True

    def variables(self) -> Variables | None:
        """Give the variables that a call would find now; None where no call goes on for another.

        They are the same object as long as they are the same.
        """
        return None

    @abstractmethod
    def begin(self, call: Call) -> Future:
        """Begin the call for its item; it is to be told of the end."""

    def cancel(self, future: Future) -> None:
        """Cancel a call."""
        future.cancel()

    def close(self) -> None:  # noqa: B027 - an executor is its owner's
        """Hear that no call begins any more."""


class Tasks(Runner):
    """Runs an async function in tasks of the event loop.

    A task that has finished a call goes on with another one if there is one at once: to make
    a task takes as long as all else. Its variables are as if it had been made for that call.
    """

    def __init__(self, name: str, function: Callable[[Any], Awaitable[Any]]) -> None:
        self._name = name
        self._function: Callable[[Any], Awaitable[Any]] = function
        self._free: deque[_Place] = deque()  # whose tasks wait a turn of the loop for a call
        self._variables: Variables | None = None

    def start(self, context: Context, buffered: bool) -> None:
        """Find the loop."""
        self._loop = needed_loop(self._name)
        self._context = context
        # Where a consumer that is woken acts later, a call can tell it from inside its task,
        # and the task can go on: unless somebody wants to make the tasks.
        self._tells = context.pulls and is_async(self._function) and ordinary(self._loop)
        self._eager = eager(self._loop)  # a task begins at once, sooner than one that waits
        self._goes_on = self._tells and (buffered or not self._eager)

    def here(self) -> bool:
        """Tell whether this is the loop's thread."""
        if running_loop() is self._loop:
            return True
        self._loop.call_soon_threadsafe(self._context.wake)
        return False

    def variables(self) -> Variables | None:
        """Give those of the context; see :class:`Runner`."""
        if self._goes_on:
            variables = copy_context()
            if self._variables is None or not _same(variables, self._variables):
                self._variables = variables
        return self._variables

    def begin(self, call: Call) -> Future:
        """Have a task go on with the call, or start one."""
        loop = self._loop
        if self._tells:
            variables = self.variables() if self._goes_on else None
            if self._free and self._free[0].variables is variables:
                place = self._free.popleft()
                place.next, task = call, place.task
                assert task is not None, "it waits"
                return task
            place = _Place(call, variables)
            if self._eager:
                return eager_task(loop, self._perform(place))
            place.task = task = spawned(loop, self._perform(place), place)
            return task
        work: Any = self._function(call.item)
        if not iscoroutine(work):
            work = _awaited(awaitable(self._name, work))
        return spawn(loop, self._context, work, call)

    def cancel(self, future: Future) -> None:
        """Cancel a task."""
        on_loop(self._loop, lambda: self._stop(cast("asyncio.Task[Any]", future)))

    def _stop(self, task: asyncio.Task[Any]) -> None:
        if self._tells and not task.done():
            hold(self._context, task)  # until it has heard; its call has held it so far
        task.cancel()

    async def _perform(self, place: _Place) -> None:
        """Make the call that is in a place, then others; tell the consumer of each end at once."""
        function, variables = self._function, place.variables
        while (call := place.next) is not None:
            place.next = None
            try:
                call.result = await function(call.item)
            except Exception as error:  # it refers to this frame, which is to be over then
                return call.end(error)
            except BaseException as error:
                call.end(error)
                raise
            if variables is None or not _unchanged(call.future, variables):
                return call.end(None)
            feed = call.feed
            call.ended = feed.now()
            place.next = feed.go_on(call, variables)
            if place.next is None and not self._eager:
                del call  # nobody is to hold it any more
                self._free.append(place)
                try:
                    await _turn()
                finally:
                    if place.next is None:
                        self._free.remove(place)
        return None

    def close(self) -> None:
        """Hold the tasks that are to see that there is no other call: who leaves waits for them."""
        if self._free:
            on_loop(self._loop, self._hold_free)

    def _hold_free(self) -> None:
        for place in self._free:
            if place.task is not None:
                hold(self._context, place.task)


class _Place:
    """Where a task finds its call, and then another one.

    Attributes:
        next: The call, until it begins.
        variables: Of the context of the task; None where there is no other call.
        task: It, where it waits for calls; None when it is over, for a failure keeps this alive.
    """

    __slots__ = ("next", "task", "variables")

    def __init__(self, call: Call, variables: Variables | None) -> None:
        self.next: Call | None = call
        self.variables = variables
        self.task: asyncio.Task[Any] | None = None

    def __call__(self, task: asyncio.Task[Any]) -> None:
        """Hear that the task is over; it may have been cancelled before a call began."""
        call, self.next, self.task = self.next, None, None
        if call is not None:
            call.end(CancelledError())


def _unchanged(task: asyncio.Task[Any] | None, variables: Variables) -> bool:
    """Tell whether a task is as if it were new: its call has left nothing behind."""
    return task is not None and not task.cancelling() and _same(copy_context(), variables)


def _same(variables: Variables, others: Variables) -> bool:
    """Tell whether two contexts have the same variables: at once, where nobody has set one."""
    try:
        return variables == others
    except Exception:  # of two values that cannot be compared
        return False


@coroutine
def _turn() -> Generator[None]:
    """Let the event loop make a turn."""
    yield


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
        "began",
        "done",
        "ended",
        "error",
        "feed",
        "future",
        "item",
        "key",
        "result",
        "since",
    )

    def __init__(self, feed: Concurrent, item: Any) -> None:
        self.feed = feed
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
        self.ended = self.feed.now()
        self.error = error
        self.feed.finished(self)
