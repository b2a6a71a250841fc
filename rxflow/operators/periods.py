"""The items of a period: take_with_time, skip_with_time and their kin."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, TypeVar

from reactivex import Observable
from reactivex.abc import SchedulerBase

from ..flow import Flow
from ..flow.operator import fed, operator, staged
from ..kernel import Alarm, Context, Stage, State
from ..protocol import UNBOUNDED
from .timed import GRAIN, Timed, duration_of, time_of

T = TypeVar("T")


class _Until(Timed):
    """Completes when the alarm rings."""

    _over = False

    def start(self) -> None:
        self._begin()  # before the source, whose first item may come at the same instant
        self._over = self._late()
        if not self._over:
            super().start()

    def _is_over(self) -> bool:
        if self._rung and not self._over:
            self._over = self._late()
        return self._over

    def run(self) -> Iterator[Any]:
        if self._is_over():
            return
        for item in super().run():
            yield item
            if self._is_over():
                return

    def settle(self) -> State:
        return State.ENDED if self._over else super().settle()

    def ending(self) -> bool:
        return self._is_over() or super().ending()


class _From(Timed):
    """Leaves out what is taken before the alarm rings."""

    _open = False

    def start(self) -> None:
        self._begin()
        self._open = self._late()
        super().start()

    def run(self) -> Iterator[Any]:
        for item in super().run():
            if self._rung and not self._open:
                self._open = self._late()
            if self._open:
                yield item

    def advance(self) -> Any:
        """Advance the source: the alarm has nothing to tell a consumer that waits."""
        return self._source.advance()


class _FromAfter(_From):
    """The same, but what comes at the very time is left out."""

    def start(self) -> None:
        now = self._alarm.now
        self._open = self._due(now) <= now
        self._source.start()
        self._begin()


class _Aged(Stage):
    """Holds the items of a while, with the times at which they were taken."""

    releases = True

    def __init__(self, context: Context, duration: float, scheduler: SchedulerBase | None) -> None:
        self._clock = Alarm(context.wake, scheduler or context.timed().scheduler)
        self._duration = duration
        self._items: deque[tuple[float, Any]] = deque()
        self._released: list[Any] | None = None  # at the end, and with the clock of then

    def _aged(self, now: float) -> bool:
        """Tell whether the oldest item has been held for so long."""
        return bool(self._items) and now - self._items[0][0] + GRAIN >= self._duration

    def finish(self) -> Iterable[Any]:
        if self._released is None:
            self._released = self._release(self._clock.now)
        return self._released

    def holds(self) -> bool:
        return bool(self.finish())

    def _release(self, now: float) -> list[Any]:
        raise NotImplementedError


class _LastOf(_Aged):
    def run(self, items: Iterator[Any]) -> Iterator[Any]:
        for item in items:
            now = self._clock.now
            self._items.append((now, item))
            while self._aged(now):
                self._items.popleft()
        return
        yield

    def _release(self, now: float) -> list[Any]:
        return [item for time, item in self._items if now - time - GRAIN <= self._duration]

    def demand(self, n: int) -> int:
        return UNBOUNDED


class _WithoutLastOf(_Aged):
    def run(self, items: Iterator[Any]) -> Iterator[Any]:
        for item in items:
            now = self._clock.now
            self._items.append((now, item))
            while self._aged(now):
                yield self._items.popleft()[1]

    def _release(self, now: float) -> list[Any]:
        return [item for time, item in self._items if now - time + GRAIN >= self._duration]


@operator(demand="1:1 ; 1:1 ; holds 0", category="time")
def take_with_time(
    duration: float | timedelta, scheduler: SchedulerBase | None = None
) -> Callable[[Observable[T]], Flow[T]]:
    """Give the items of a while from the subscription on, then complete.

    .. marble::
        :alt: take_with_time

        request  9---------
        source   -1-2-3-4--
        [ take_with_time(6) ]
                 -1-2-3|

    Demand: 1:1 ; 1:1 ; holds 0.
    The end needs no demand; a loop hears of it when it asks for its next item.

    Args:
        duration: How long (seconds).
        scheduler: Whose clock; that of the subscription, or of the running event loop,
            when left out.

    Returns:
        An operator function.

    Raises:
        TypeError: No duration, when the pipeline is built.
        ValueError: A negative duration, when the pipeline is built.

    Source: reactivex take_with_time.
    """
    limit = duration_of("take_with_time", "duration", duration)
    return fed(lambda context, flow: _Until(context, flow.feed(context), limit, scheduler))


@operator(demand="1:1 ; 1:1 ; holds 0", category="time")
def take_until_with_time(
    end_time: float | timedelta | datetime, scheduler: SchedulerBase | None = None
) -> Callable[[Observable[T]], Flow[T]]:
    """Give items until a time, then complete.

    .. marble::
        :alt: take_until_with_time

        request  9---------
        source   -1-2-3-4--
        [ take_until_with_time(6) ]
                 -1-2-3|

    Demand: 1:1 ; 1:1 ; holds 0.
    The end needs no demand; a loop hears of it when it asks for its next item.

    Args:
        end_time: When (seconds from the subscription, or a datetime).
        scheduler: Whose clock; that of the subscription, or of the running event loop,
            when left out.

    Returns:
        An operator function.

    Raises:
        TypeError: No duration and no time, when the pipeline is built.
        ValueError: A negative duration, or a time without a time zone, when the pipeline is built.

    Source: reactivex take_until_with_time.
    """
    limit = time_of("take_until_with_time", "end_time", end_time)
    return fed(lambda context, flow: _Until(context, flow.feed(context), limit, scheduler))


@operator(demand="1:1, +1 per item skipped ; 1:1 ; holds 0", category="time")
def skip_with_time(
    duration: float | timedelta, scheduler: SchedulerBase | None = None
) -> Callable[[Observable[T]], Flow[T]]:
    """Leave out the items of a while from the subscription on.

    .. marble::
        :alt: skip_with_time

        request  9---------
        source   -1-2-3-4--
        [ skip_with_time(4) ]
                 -----3-4--

    Demand: 1:1, +1 per item skipped ; 1:1 ; holds 0.
    An item is taken when it is asked for, which is later than it came where a door held it.

    Args:
        duration: How long (seconds).
        scheduler: Whose clock; that of the subscription, or of the running event loop,
            when left out.

    Returns:
        An operator function.

    Raises:
        TypeError: No duration, when the pipeline is built.
        ValueError: A negative duration, when the pipeline is built.

    Source: reactivex skip_with_time.
    """
    limit = duration_of("skip_with_time", "duration", duration)
    return fed(lambda context, flow: _From(context, flow.feed(context), limit, scheduler))


@operator(demand="1:1, +1 per item skipped ; 1:1 ; holds 0", category="time")
def skip_until_with_time(
    start_time: float | timedelta | datetime, scheduler: SchedulerBase | None = None
) -> Callable[[Observable[T]], Flow[T]]:
    """Leave out items until a time.

    .. marble::
        :alt: skip_until_with_time

        request  9---------
        source   -1-2-3-4--
        [ skip_until_with_time(4) ]
                 -----3-4--

    Demand: 1:1, +1 per item skipped ; 1:1 ; holds 0.
    An item is taken when it is asked for, which is later than it came where a door held it.

    Args:
        start_time: When (seconds from the subscription, or a datetime).
        scheduler: Whose clock; that of the subscription, or of the running event loop,
            when left out.

    Returns:
        An operator function.

    Raises:
        TypeError: No duration and no time, when the pipeline is built.
        ValueError: A negative duration, or a time without a time zone, when the pipeline is built.

    Source: reactivex skip_until_with_time.
    """
    limit = time_of("skip_until_with_time", "start_time", start_time)
    return fed(lambda context, flow: _FromAfter(context, flow.feed(context), limit, scheduler))


@operator(demand="unbounded ; 1:1 at the end ; holds <= what comes in duration", category="time")
def take_last_with_time(
    duration: float | timedelta, scheduler: SchedulerBase | None = None
) -> Callable[[Observable[T]], Flow[T]]:
    """Give the items of the last while before the source has completed.

    .. marble::
        :alt: take_last_with_time

        request  9---------
        source   -1-2-3-4-|
        [ take_last_with_time(4) ]
                 ---------(34)|

    Demand: unbounded ; 1:1 at the end ; holds <= what comes in duration.
    What it holds is bounded by time and not in number.

    Args:
        duration: How long (seconds).
        scheduler: Whose clock; that of the subscription, or of the running event loop,
            when left out.

    Returns:
        An operator function.

    Raises:
        TypeError: No duration, when the pipeline is built.
        ValueError: A negative duration, when the pipeline is built.

    Source: reactivex take_last_with_time.
    """
    seconds = duration_of("take_last_with_time", "duration", duration)
    return staged(lambda context: _LastOf(context, seconds, scheduler))


@operator(
    demand="1:1, ahead by what comes in duration ; 1:1 ; holds <= what comes in duration",
    category="time",
)
def skip_last_with_time(
    duration: float | timedelta, scheduler: SchedulerBase | None = None
) -> Callable[[Observable[T]], Flow[T]]:
    """Leave out the items of the last while before the source has completed.

    .. marble::
        :alt: skip_last_with_time

        request  9---------
        source   -1-2-3-4-|
        [ skip_last_with_time(4) ]
                 -----1-2-|

    Demand: 1:1, ahead by what comes in duration ; 1:1 ; holds <= what comes in duration.
    An item waits until another one comes, or the end, when it is old enough. What it holds
    is bounded by time and not in number.

    Args:
        duration: How long (seconds).
        scheduler: Whose clock; that of the subscription, or of the running event loop,
            when left out.

    Returns:
        An operator function.

    Raises:
        TypeError: No duration, when the pipeline is built.
        ValueError: A negative duration, when the pipeline is built.

    Source: reactivex skip_last_with_time.
    """
    seconds = duration_of("skip_last_with_time", "duration", duration)
    return staged(lambda context: _WithoutLastOf(context, seconds, scheduler))
