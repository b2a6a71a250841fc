"""Virtual time for asyncio: a loop whose clock jumps to the next timer when nothing is ready."""

from __future__ import annotations

import asyncio
import gc
import selectors
import sys
from collections.abc import AsyncGenerator, Callable, Coroutine
from datetime import datetime
from math import ulp
from typing import Any, NoReturn, TypeVar
from weakref import WeakSet

from reactivex import abc, typing
from reactivex.scheduler.scheduleditem import ScheduledItem
from reactivex.testing import TestScheduler

T = TypeVar("T")


class StuckError(RuntimeError):
    """Nothing is ready and no timer is set: without threads, it would last for ever."""


class _Jumping(selectors.DefaultSelector):
    """Advances the loop's clock where another selector would wait."""

    clock = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            raise StuckError("every task waits, and nothing is left that could wake one")
        self.clock += timeout
        return []


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """A loop whose time starts at 0 and jumps to the next timer when nothing is ready.

    It is for what happens on the loop; a thread that takes its time is not waited for.
    """

    def __init__(self) -> None:
        """Make a loop, at 0 seconds."""
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Give the virtual time (seconds)."""
        return self._jumping.clock

    @property
    def _clock_resolution(self) -> float:
        """How much later than now asyncio takes a timer for due (seconds).

        After half a year the nanosecond that it would add makes no difference to a float, and a
        timer that is due now would never ring.
        """
        return max(1e-9, ulp(self._jumping.clock))

    @_clock_resolution.setter
    def _clock_resolution(self, resolution: float) -> None:
        """Asyncio sets that of the real clock."""


class LoopTestScheduler(TestScheduler):
    """The TestScheduler of reactivex on the clock of an event loop, one second for a tick.

    Its hot and cold observables, and the observers that record times, then work
    together with ``async for``, tasks and queues on a :class:`VirtualTimeLoop`.
    """

    __test__ = False  # it is no test, whatever pytest thinks of its name

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        """Follow the clock of a loop.

        Args:
            loop: The loop; by default the running one.
        """
        super().__init__()
        self._loop: asyncio.AbstractEventLoop = loop or asyncio.get_running_loop()

    @property
    def clock(self) -> float:  # type: ignore[override]
        """The loop's time (seconds)."""
        return self._loop.time()

    @property
    def now(self) -> datetime:
        """The loop's time, as a time of day."""
        return self.to_datetime(self.clock)

    def schedule(
        self, action: typing.ScheduledAction[Any], state: Any = None
    ) -> abc.DisposableBase:
        """Schedule an action for now.

        Args:
            action: The action.
            state: Its argument.
        """
        return self.schedule_absolute(self.clock, action, state)

    def schedule_relative(
        self, duetime: typing.RelativeTime, action: typing.ScheduledAction[Any], state: Any = None
    ) -> abc.DisposableBase:
        """Schedule an action for later.

        Args:
            duetime: When, from now (seconds).
            action: The action.
            state: Its argument.
        """
        return self.schedule_absolute(self.clock + self.to_seconds(duetime), action, state)

    def schedule_absolute(
        self, duetime: typing.AbsoluteTime, action: typing.ScheduledAction[Any], state: Any = None
    ) -> abc.DisposableBase:
        """Schedule an action.

        Args:
            duetime: When, on the loop's clock (seconds).
            action: The action.
            state: Its argument.
        """
        due = max(self.to_seconds(duetime), self.clock)
        item = ScheduledItem(self, state, action, self.to_datetime(due))
        self._loop.call_at(due, lambda: None if item.is_cancelled() else item.invoke())
        return item.disposable

    def start(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse: the loop runs what is due."""
        raise RuntimeError(
            "the event loop drives this scheduler: run the loop, or await asyncio.sleep(seconds)"
        )

    def advance_to(self, time: typing.AbsoluteTime) -> NoReturn:
        """Refuse, see ``start``.

        Args:
            time: Not used.
        """
        self.start()

    def advance_by(self, time: typing.RelativeTime) -> NoReturn:
        """Refuse, see ``start``.

        Args:
            time: Not used.
        """
        self.start()


class _Watch:
    """What must not be left when a main coroutine has ended."""

    def __init__(self) -> None:
        self.reports: list[dict[str, Any]] = []
        self.tasks: set[asyncio.Task[Any]] = set()
        self._generators: WeakSet[AsyncGenerator[Any, Any]] = WeakSet()
        self.uncollected: list[str] = []  # async generators that were left to the collector

    async def main(self, coroutine: Coroutine[Any, Any, T]) -> T:
        loops_own = sys.get_asyncgen_hooks()
        assert loops_own.firstiter is not None
        assert loops_own.finalizer is not None

        def first(generator: AsyncGenerator[Any, Any]) -> None:
            self._generators.add(generator)
            loops_own.firstiter(generator)  # type: ignore[misc]

        def final(generator: AsyncGenerator[Any, Any]) -> None:
            self.uncollected.append(repr(generator))
            loops_own.finalizer(generator)  # type: ignore[misc]

        sys.set_asyncgen_hooks(first, final)
        try:
            return await coroutine
        finally:
            self.tasks = {task for task in asyncio.all_tasks() if not task.done()}
            self.tasks.discard(asyncio.current_task())  # type: ignore[arg-type]

    def check(self) -> None:
        gc.collect(1)  # an exception that was never retrieved is reported at its collection
        assert not self.tasks, f"tasks are left: {self.tasks}"
        assert not self.reports, f"the loop reported: {self.reports}"
        still_open = [each for each in self._generators if getattr(each, "ag_frame", None)]
        assert not still_open, f"async generators are open: {still_open}"
        assert not self.uncollected, f"left to the garbage collector: {self.uncollected}"


def run_virtual(
    coroutine: Coroutine[Any, Any, T],
    make_loop: Callable[[], asyncio.AbstractEventLoop] = VirtualTimeLoop,
) -> T:
    """Run a coroutine on a loop of its own; it must leave nothing behind.

    Args:
        coroutine: What runs.
        make_loop: Makes the loop; by default one with virtual time.

    Returns:
        What the coroutine returns.

    Raises:
        AssertionError: At its end another task is left, something was reported to the
            loop's exception handler, or an async generator that was begun is not closed.
    """
    watch = _Watch()
    loop = make_loop()
    loop.set_exception_handler(lambda _, context: watch.reports.append(context))
    try:
        result = loop.run_until_complete(watch.main(coroutine))
        watch.check()
        return result
    finally:
        _close(loop)


def _close(loop: asyncio.AbstractEventLoop) -> None:
    """Close the loop, after whatever a failed test has left on it."""
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    if left:
        loop.run_until_complete(asyncio.wait(left, timeout=1))
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()
