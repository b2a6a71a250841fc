"""Later: delay, delay_subscription."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any, TypeVar

from reactivex import Observable
from reactivex.abc import SchedulerBase

from ..flow import Flow, checks
from ..flow.operator import fed, operator
from ..kernel import HANDOVER, Alarm, Context, Feed, Prefetched, State, drained
from ..protocol import Offer
from .serial import in_turn

T = TypeVar("T")

Due = float | timedelta | datetime


class _Delayed(Prefetched):
    """Notes the time of each item that comes, and gives it when its delay has passed."""

    def __init__(
        self,
        context: Context,
        make: Callable[[Context], Feed[Any]],
        duetime: Due,
        prefetch: int,
        alarm: Alarm,
    ) -> None:
        super().__init__(
            context,
            "delay",
            prefetch,
            1,  # each that is taken makes room at once, or the times between items would grow
            drained(make, context),
            delay_error=False,
        )
        self._alarm = alarm
        self._duetime = duetime
        self._delay = 0  # microseconds
        self._completes = 0  # when the completion is due, once upstream has completed

    def start(self) -> None:
        self._delay = max(0, _due(self._duetime, self._alarm) - self._alarm.read())
        super().start()

    def push(self, item: Any) -> Offer:
        return super().push((item, self._alarm.read() + self._delay))

    def complete(self) -> None:
        self._completes = self._alarm.read() + self._delay
        super().complete()

    def _is_time(self, due: int | None) -> bool:
        """Tell whether a time has come; else be woken then."""
        if due is None or due <= self._alarm.read():
            return True
        self._alarm.set(due / 1_000_000)
        return False

    def _next(self) -> int | None:
        """Tell when the oldest item is due, if one is held."""
        try:
            return self._queue[0][1]
        except IndexError:  # a failure has discarded them meanwhile
            return None

    def run(self) -> Iterator[Any]:
        run = super().run()
        while (due := self._next()) is not None and due <= self._alarm.read():
            pair = next(run, None)
            if pair is None:
                return
            yield pair[0]

    def settle(self) -> State:
        if not self._is_time(self._next()):
            return State.WAITING
        state = super().settle()
        if state is State.ENDED and not self._is_time(self._completes):
            return State.WAITING
        return state

    def ending(self) -> bool:
        return super().ending() and (self.failure is not None or self._is_time(self._completes))

    def cancel(self) -> None:
        self._alarm.cancel()
        super().cancel()


class _Pause(Feed[Any]):
    """Gives nothing, and ends at a time."""

    def __init__(self, duetime: Due, alarm: Alarm) -> None:
        self._duetime = duetime
        self._alarm = alarm
        self._due: int | None = None  # None until started

    def start(self) -> None:
        self._due = _due(self._duetime, self._alarm)

    def run(self) -> Iterator[Any]:
        return iter(())

    def settle(self) -> State:
        return State.ENDED if self.ending() else State.WAITING

    def ending(self) -> bool:
        if self._due is None:
            return False
        if self._due <= self._alarm.read():
            return True
        self._alarm.set(self._due / 1_000_000)
        return False

    def cancel(self) -> None:
        self._alarm.cancel()


@operator(demand="prefetch, then 1:1 ; 1:1 ; holds <= prefetch", category="time")
def delay(
    duetime: float | timedelta | datetime,
    scheduler: SchedulerBase | None = None,
    *,
    prefetch: int = HANDOVER,
) -> Callable[[Observable[T]], Flow[T]]:
    """Give each item, and the completion, some time after it came.

    .. marble::
        :alt: delay

        request  9---------------
        source   -1-2---3--|
        [ delay(4.0)            ]
                 -----1-2---3--|

    Demand: prefetch, then 1:1 ; 1:1 ; holds <= prefetch.
    Items are taken when they come, so the times between them are kept; but no more than
    ``prefetch`` are on their way, and behind those a faster source waits: at most
    ``prefetch`` items come out in each ``duetime``.

    Args:
        duetime: How much later (seconds); or the time of day at which the first moment of
            the subscription comes out (datetime).
        scheduler: Whose clock; the running event loop's, else reactivex's default.
        prefetch: Most items on their way (items, at least 1).

    Returns:
        An operator function.

    Raises:
        TypeError: No time, when the pipeline is built.
        ValueError: A negative time, or prefetch < 1, when the pipeline is built.

    Errors:
        A failure of the source is not delayed, and overtakes the items on their way.

    Source: reactivex delay; RxJava delay.
    """
    later = _checked("delay", duetime)
    size = checks.whole("delay", "prefetch", prefetch)

    def feed(context: Context, flow: Flow[Any]) -> Feed[Any]:
        timed = context.timed()
        alarm = Alarm(context.wake, scheduler or timed.scheduler)
        return _Delayed(timed, flow.feed, later, size, alarm)

    return fed(feed)


@operator(demand="1:1 ; 1:1 ; holds 0", category="time")
def delay_subscription(
    duetime: float | timedelta | datetime, scheduler: SchedulerBase | None = None
) -> Callable[[Observable[T]], Flow[T]]:
    """Subscribe to the source some time later.

    .. marble::
        :alt: delay_subscription

        request  9---------------
        source       -1-2---3--|
        [ delay_subscription(4.0) ]
                 -----1-2---3--|

    Demand: 1:1 ; 1:1 ; holds 0. What is asked for meanwhile is asked of the source then.

    Args:
        duetime: How much later (seconds), or when (datetime).
        scheduler: Whose clock; the running event loop's, else reactivex's default.

    Returns:
        An operator function.

    Raises:
        TypeError: No time, when the pipeline is built.
        ValueError: A negative time, when the pipeline is built.

    Source: reactivex delay_subscription; RxJava delaySubscription.
    """
    later = _checked("delay_subscription", duetime)

    def feed(context: Context, flow: Flow[Any]) -> Feed[Any]:
        clock = scheduler or context.timed().scheduler

        def pause(inner: Context) -> Feed[Any]:
            return _Pause(later, Alarm(inner.wake, clock))

        return in_turn(context, iter([pause, flow.feed]), "delay_subscription")

    return fed(feed)


def _checked(name: str, duetime: Any) -> Due:
    if isinstance(duetime, datetime):
        return duetime
    later = checks.seconds(name, "duetime", duetime, optional=False)
    assert later is not None
    return later


def _due(duetime: Due, alarm: Alarm) -> int:
    """Tell when it is, or when it is over if it begins now (microseconds)."""
    if isinstance(duetime, datetime):
        return round(alarm.at(duetime) * 1_000_000)
    seconds = duetime.total_seconds() if isinstance(duetime, timedelta) else duetime
    return alarm.read() + round(seconds * 1_000_000)
