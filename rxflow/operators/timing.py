"""Items and the time at which they came: timestamp, time_interval."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from reactivex import Observable
from reactivex.abc import SchedulerBase
from reactivex.operators._timeinterval import TimeInterval
from reactivex.operators._timestamp import Timestamp
from reactivex.scheduler import TimeoutScheduler

from ..flow import Flow
from ..flow.operator import operator, staged
from ..kernel import Context, Stage

T = TypeVar("T")


def clock_of(scheduler: SchedulerBase | None, context: Context) -> SchedulerBase:
    """Give whose clock it is: the one that was named, or of the subscription, or reactivex's."""
    return scheduler or context.scheduler or TimeoutScheduler.singleton()


@operator(demand="1:1 ; 1:1 ; holds 0", category="time")
def timestamp(
    scheduler: SchedulerBase | None = None,
) -> Callable[[Observable[T]], Flow[Timestamp[T]]]:
    """Give each item with the time at which it was taken.

    .. marble::
        :alt: timestamp

        request  --2-------------
        source   --1-----2-------
        [       timestamp()     ]
                 --(1,t)-(2,t)---

    Demand: 1:1 ; 1:1 ; holds 0.
    An item is taken when it is asked for, which is later than it came where a door held it.

    Args:
        scheduler: Whose clock; that of the subscription, or reactivex's default, when left out.

    Returns:
        An operator function.

    Source: reactivex timestamp.
    """
    return staged(lambda context: _Stamped(clock_of(scheduler, context)))


class _Stamped(Stage):
    def __init__(self, clock: SchedulerBase) -> None:
        self._clock = clock

    def run(self, items: Iterator[Any]) -> Iterator[Any]:
        clock = self._clock
        return (Timestamp(item, clock.now) for item in items)


@operator(demand="1:1 ; 1:1 ; holds 0", category="time")
def time_interval(
    scheduler: SchedulerBase | None = None,
) -> Callable[[Observable[T]], Flow[TimeInterval[T]]]:
    """Give each item with the time since the last one was taken, or since the subscription.

    .. marble::
        :alt: time_interval

        request  --2-------------
        source   --1-----2-------
        [     time_interval()   ]
                 --(1,2)-(2,6)---

    Demand: 1:1 ; 1:1 ; holds 0.

    Args:
        scheduler: Whose clock; that of the subscription, or reactivex's default, when left out.

    Returns:
        An operator function.

    Source: reactivex time_interval.
    """
    return staged(lambda context: _Intervals(clock_of(scheduler, context)))


class _Intervals(Stage):
    def __init__(self, clock: SchedulerBase) -> None:
        self._clock = clock
        self._last = clock.now

    def run(self, items: Iterator[Any]) -> Iterator[Any]:
        for item in items:
            last, self._last = self._last, self._clock.now
            yield TimeInterval(item, self._last - last)
