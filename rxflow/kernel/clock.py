"""The clock of an event loop, for operators of reactivex that are driven by time."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from reactivex.internal.basic import default_now
from reactivex.scheduler.eventloop import AsyncIOThreadSafeScheduler


class LoopScheduler(AsyncIOThreadSafeScheduler):
    """Schedules on a loop, and tells the time by the loop's clock, which may be virtual."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Set the clock by the time of day."""
        super().__init__(loop)
        self._zero = default_now() - timedelta(seconds=loop.time())

    @property
    def now(self) -> datetime:
        """The time of day at the beginning, and what has passed on the loop since."""
        return self._zero + timedelta(seconds=self._loop.time())


def running_scheduler() -> LoopScheduler | None:
    """Give the scheduler of the event loop that runs in this thread, if any."""
    loop = asyncio._get_running_loop()
    return None if loop is None else LoopScheduler(loop)
