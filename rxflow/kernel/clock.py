"""Time: the clock of an event loop, and the one way in which a Feed is woken at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from time import monotonic_ns, time_ns
from typing import Any, cast

from reactivex.abc import SchedulerBase
from reactivex.disposable import SingleAssignmentDisposable
from reactivex.internal.constants import UTC_ZERO
from reactivex.scheduler import TimeoutScheduler
from reactivex.scheduler.eventloop import AsyncIOThreadSafeScheduler
from reactivex.scheduler.scheduler import Scheduler


def _wall() -> int:
    """Give the time of day (whole microseconds), without the detour through a datetime."""
    return time_ns() // 1_000


class LoopScheduler(AsyncIOThreadSafeScheduler):
    """Schedules on a loop, and tells the time by the loop's clock, which may be virtual."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Set the clock by the time of day."""
        super().__init__(loop)
        self._time = loop.time
        self._zero = _wall() - round(loop.time() * 1_000_000)

    def micros(self) -> int:
        """Give the time of day at the beginning, and what has passed on the loop since.

        Returns:
            Whole microseconds.
        """
        return self._zero + round(self._time() * 1_000_000)

    @property
    def now(self) -> datetime:
        """That time."""
        return UTC_ZERO + timedelta(microseconds=self.micros())

    @property
    def closed(self) -> bool:
        """Whether the loop is closed, so that nothing comes any more."""
        return self._loop.is_closed()


def running_scheduler() -> LoopScheduler | None:
    """Give the scheduler of the event loop that runs in this thread, if any."""
    loop = asyncio._get_running_loop()
    return None if loop is None else LoopScheduler(loop)


def stopwatch(scheduler: SchedulerBase | None) -> Callable[[], int]:
    """Give what tells how much time passes for a subscription.

    Args:
        scheduler: The scheduler that was passed to ``subscribe``, if any.

    Returns:
        Reads whole nanoseconds since some zero: of the scheduler or the running event loop,
        where their time is virtual; else of the system.
    """
    if scheduler is None:
        loop: Any = asyncio._get_running_loop()
        if loop is None:
            return monotonic_ns
    elif getattr(type(scheduler), "now", None) is Scheduler.now:
        loop = None
    elif (loop := getattr(scheduler, "_loop", None)) is None:
        return lambda: round(scheduler.to_seconds(scheduler.now) * 1_000_000_000)
    ours = getattr(cast("Any", type(loop)), "time", None) is asyncio.BaseEventLoop.time
    if ours or not isinstance(loop, asyncio.BaseEventLoop):
        return monotonic_ns
    read: Callable[[], float] = loop.time
    return lambda: round(read() * 1_000_000_000)


def _reader(clock: SchedulerBase) -> Callable[[], int]:
    """Give the quickest way to read a clock (whole microseconds)."""
    if isinstance(clock, LoopScheduler):
        return clock.micros
    if getattr(type(clock), "now", None) is Scheduler.now:
        return _wall
    return lambda: round(clock.to_seconds(clock.now) * 1_000_000)


class Alarm:
    """Wakes a consumer at a time, once for each ``set``; it may also be woken too early.

    The consumer looks at ``now`` when it is woken, and sets the alarm again if it
    is not yet time. ``set`` is for one thread at a time: the one that pulls, or is woken.

    Attributes:
        read: Gives the time in whole microseconds, so that sums and differences are exact.
    """

    __slots__ = ("_clock", "_due", "_over", "_pending", "_wake", "read")

    def __init__(self, wake: Callable[[], None], scheduler: SchedulerBase | None) -> None:
        """Make one that is not set.

        Args:
            wake: To be called, on the scheduler's thread.
            scheduler: Whose clock; reactivex's default, which has a thread for each
                alarm, when left out.
        """
        self._wake = wake
        self._clock: SchedulerBase = scheduler or TimeoutScheduler.singleton()
        self.read: Callable[[], int] = _reader(self._clock)
        self._due: float | None = None  # the time it is set to
        self._pending: SingleAssignmentDisposable | None = None  # the action, until it rings
        self._over = False  # cancelled

    @property
    def now(self) -> float:
        """The time (seconds since the scheduler's zero, in whole microseconds)."""
        return self.read() / 1_000_000

    def at(self, time: datetime) -> float:
        """Tell a time of day as ``now`` does (seconds)."""
        return self._clock.to_seconds(time)

    def set(self, due: float) -> None:
        """Have the consumer called at a time, unless it is to be called earlier already.

        Args:
            due: The time, as ``now`` gives it (seconds); one that has passed is at once.
        """
        if self._over or (self._due is not None and self._due <= due):
            return
        self._due = due
        before, self._pending = self._pending, SingleAssignmentDisposable()
        pending = self._pending  # on another thread it may ring, and be set again, before this ends
        if before is not None:
            before.dispose()
        try:
            pending.disposable = self._clock.schedule_relative(max(0.0, due - self.now), self._ring)
        except RuntimeError:
            if not (isinstance(self._clock, LoopScheduler) and self._clock.closed):
                raise
        if self._over:
            pending.dispose()

    def _ring(self, *_: object) -> None:
        self._due = self._pending = None  # before the wake: who is woken may set it again
        if not self._over:
            self._wake()

    def cancel(self) -> None:
        """Call nobody any more; from any thread."""
        self._over = True
        pending = self._pending
        if pending is not None:
            pending.dispose()
