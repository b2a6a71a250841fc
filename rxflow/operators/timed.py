"""What a clock does to a stream, for the operators that have a limit or a period."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeAlias

from reactivex.abc import SchedulerBase
from reactivex.scheduler.scheduler import Scheduler

from ..flow import checks
from ..kernel import Alarm, Context, Feed, Relay

Limit: TypeAlias = float | datetime

GRAIN = 1e-6
"""A time that is so near has come: clocks tell whole microseconds (seconds)."""


class Timed(Relay):
    """Something happens to the stream at a time.

    Time counts from ``_since``; the alarm may ring earlier, and is then set again.
    """

    def __init__(
        self, context: Context, source: Feed[Any], limit: Limit, scheduler: SchedulerBase | None
    ) -> None:
        """Relay a Feed, made with the context.

        Args:
            context: The consumer's.
            source: The Feed.
            limit: How long (seconds), or until when.
            scheduler: Whose clock; that of the context when left out.
        """
        super().__init__(source)
        self._wake = context.wake
        self._alarm = Alarm(self._ring, scheduler or context.timed().scheduler)
        self._limit = limit
        self._since: float | None = None  # None while no time counts
        self._rung = False  # the alarm has, since it was looked at the time

    def _ring(self) -> None:
        self._rung = True
        self._wake()

    def advance(self) -> None:
        """Let the consumer wait for a wake, which may be the alarm's."""

    def cancel(self) -> None:
        """Cancel the alarm and the source."""
        self._alarm.cancel()
        super().cancel()

    def _due(self, since: float) -> float:
        if isinstance(self._limit, datetime):
            return Scheduler.to_seconds(self._limit)
        return since + self._limit

    def _begin(self) -> None:
        self._since = self._alarm.now
        self._late()

    def _late(self) -> bool:
        """Tell whether the time is over; else be woken when it is."""
        if self._since is None:
            return False
        self._rung = False
        due = self._due(self._since)
        if self._alarm.now + GRAIN >= due:
            return True
        self._alarm.set(due)
        return False


def duration_of(name: str, argument: str, value: Any) -> float:
    """Check a duration (seconds, or a timedelta) that must be given."""
    limit = checks.seconds(name, argument, value, optional=False)
    assert limit is not None
    return limit


def time_of(name: str, argument: str, value: Any) -> Limit:
    """Check a duration, or a time of day."""
    if not isinstance(value, datetime):
        return duration_of(name, argument, value)
    if value.tzinfo is None:
        raise ValueError(f"{name}: a time of day needs a time zone, as in datetime.now(UTC)")
    return value
