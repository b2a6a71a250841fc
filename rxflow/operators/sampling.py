"""Fewer items than come, by the clock: sample, debounce, throttle_first and their kin."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

import reactivex
from reactivex import Observable
from reactivex.abc import SchedulerBase

from ..flow import Flow, checks
from ..flow.operator import operator
from ..kernel import Alarm, Context, DropCallback, Feed
from .sifted import Debounced, Firsts, Make, Sampled, Throttled, sifting

T = TypeVar("T")


@operator(demand="unbounded ; 1:1, the latest ; holds <= 2", category="time")
def sample(
    sampler: float | timedelta | Observable[Any],
    scheduler: SchedulerBase | None = None,
    *,
    on_drop: DropCallback | None = None,
) -> Callable[[Flow[T] | Observable[T]], Flow[T]]:
    """Give the last item at each tick, if one has come since the tick before.

    .. marble::
        :alt: sample

        request  9----------------
        source   -1-2-3---4-5-6-|
        sampler  ----x----x----x-x
        [ sample(sampler)         ]
                 ----2----4----5-6|

    Demand: unbounded ; 1:1, the latest ; holds <= 2.
    One that is to be sampled is held, and one that was and waits for demand; the next one
    takes its place. The stream completes at the first tick after its source, as in
    reactivex; but where the sampler has ended, with its source, for no tick comes.

    Args:
        sampler: From one tick to the next (seconds); or a source whose items, and whose
            end, are the ticks.
        scheduler: Whose clock; the running event loop's, else reactivex's default.
        on_drop: Called with each item that is dropped, and the reason: "superseded" by the
            next one before a tick, or "oldest" when it has waited for demand.

    Returns:
        An operator function.

    Raises:
        TypeError: No time and no source, or an async callback, when the pipeline is built.
        ValueError: A period that is not more than 0, when the pipeline is built.

    Errors:
        The failure of the sampler. What on_drop raises.

    Source: reactivex sample; RxJava sample.
    """
    if not isinstance(sampler, Observable):
        period = checks.positive("sample", "sampler", sampler, "seconds, or an Observable")
        sampler = reactivex.interval(period, scheduler)
    ticks = sampler
    return sifting(
        "sample",
        on_drop,
        lambda context, make: Sampled(context, make, "sample", on_drop, sampler=ticks),
    )


@operator(demand="unbounded ; 1:1, the latest ; holds <= 2", category="time")
def debounce(
    duetime: float | timedelta,
    scheduler: SchedulerBase | None = None,
    *,
    on_drop: DropCallback | None = None,
) -> Callable[[Flow[T] | Observable[T]], Flow[T]]:
    """Give an item when no other has followed it for a time.

    .. marble::
        :alt: debounce

        request  9----------------
        source   -1-2-3-----4---5|
        [ debounce(3.0)         ]
                 --------3-----4-5|

    Demand: unbounded ; 1:1, the latest ; holds <= 2.
    One whose time has not come is held, and one whose time has and that waits for demand;
    the next one takes its place. The last item does not wait for its time.

    Args:
        duetime: How long no other must follow (seconds).
        scheduler: Whose clock; the running event loop's, else reactivex's default.
        on_drop: Called with each item that is dropped, and the reason: "superseded" by the
            next one before its time, or "oldest" when it has waited for demand.

    Returns:
        An operator function.

    Raises:
        TypeError: No time, or an async callback, when the pipeline is built.
        ValueError: A negative time, when the pipeline is built.

    Errors:
        What on_drop raises. A failure of the source does not wait for the item that is held.

    Source: reactivex debounce; RxJava debounce.
    """
    return _debounced("debounce", duetime, scheduler, on_drop)


@operator(demand="unbounded ; 1:1, the latest ; holds <= 2", category="time")
def throttle_with_timeout(
    duetime: float | timedelta,
    scheduler: SchedulerBase | None = None,
    *,
    on_drop: DropCallback | None = None,
) -> Callable[[Flow[T] | Observable[T]], Flow[T]]:
    """Give an item when no other has followed it for a time; the same as ``debounce``.

    .. marble::
        :alt: throttle_with_timeout

        request  9----------------
        source   -1-2-3-----4---5|
        [ throttle_with_timeout(3.0) ]
                 --------3-----4-5|

    Demand: unbounded ; 1:1, the latest ; holds <= 2.

    Args:
        duetime: How long no other must follow (seconds).
        scheduler: Whose clock; the running event loop's, else reactivex's default.
        on_drop: Called with each item that is dropped, and the reason: "superseded" by the
            next one before its time, or "oldest" when it has waited for demand.

    Returns:
        An operator function.

    Raises:
        TypeError: No time, or an async callback, when the pipeline is built.
        ValueError: A negative time, when the pipeline is built.

    Errors:
        What on_drop raises. A failure of the source does not wait for the item that is held.

    Source: reactivex throttle_with_timeout.
    """
    return _debounced("throttle_with_timeout", duetime, scheduler, on_drop)


@operator(demand="unbounded ; 1:1, the latest ; holds <= 1", category="time")
def throttle_first(
    window_duration: float | timedelta,
    scheduler: SchedulerBase | None = None,
    *,
    on_drop: DropCallback | None = None,
) -> Callable[[Flow[T] | Observable[T]], Flow[T]]:
    """Give an item, and none of those that follow it within a time.

    .. marble::
        :alt: throttle_first

        request  9----------------
        source   -1-2-3-----4-5-|
        [ throttle_first(4.0)   ]
                 -1---3-----4---|

    Demand: unbounded ; 1:1, the latest ; holds <= 1.
    An item that waits for demand is held; the first one of the next window takes its place.

    Args:
        window_duration: How long none is given after one (seconds).
        scheduler: Whose clock; the running event loop's, else reactivex's default.
        on_drop: Called with each item that is dropped, and the reason: "too soon" after the
            last one, or "oldest" when it has waited for demand.

    Returns:
        An operator function.

    Raises:
        TypeError: No time, or an async callback, when the pipeline is built.
        ValueError: A time that is not more than 0, when the pipeline is built.

    Errors:
        What on_drop raises.

    Source: reactivex throttle_first; RxJava throttleFirst.
    """
    name = "throttle_first"
    window = _micros(checks.positive(name, "window_duration", window_duration, "seconds"))

    def feed(context: Context, make: Make) -> Feed[Any]:
        clock = Alarm(context.wake, scheduler or context.scheduler)
        return Firsts(context, make, name, on_drop, window=window, clock=clock)

    return sifting(name, on_drop, feed)


@operator(demand="unbounded ; 1:1, the latest ; holds <= 2", category="time")
def throttle_with_mapper(
    throttle_duration_mapper: Callable[[T], Observable[Any]],
    *,
    on_drop: DropCallback | None = None,
) -> Callable[[Flow[T] | Observable[T]], Flow[T]]:
    """Give an item when no other has come before a source made of it has signalled.

    .. marble::
        :alt: throttle_with_mapper

        request  9----------------
        source   -1-2-3-----4---5|
        [ throttle_with_mapper(lambda x: rxflow.timer(3.0)) ]
                 --------3-----4-5|

    Demand: unbounded ; 1:1, the latest ; holds <= 2.
    One whose source has not signalled is held, and one whose source has and that waits for
    demand; the next one takes its place. The last item waits for no signal.

    Args:
        throttle_duration_mapper: Function of an item that gives a source, whose first item
            or whose end is the signal.
        on_drop: Called with each item that is dropped, and the reason: "superseded" by the
            next one before its signal, or "oldest" when it has waited for demand.

    Returns:
        An operator function.

    Raises:
        TypeError: No function, or an async one, when the pipeline is built.

    Errors:
        What the mapper raises; the failure of a source that it gave; what on_drop raises.

    Source: reactivex throttle_with_mapper; RxJava debounce with a selector.
    """
    name = "throttle_with_mapper"
    checks.function(name, "throttle_duration_mapper", throttle_duration_mapper)
    return sifting(
        name,
        on_drop,
        lambda context, make: Throttled(
            context, make, name, on_drop, mapper=throttle_duration_mapper
        ),
    )


def _micros(seconds: float) -> int:
    return max(1, round(seconds * 1_000_000))


def _debounced(
    name: str,
    duetime: float | timedelta,
    scheduler: SchedulerBase | None,
    on_drop: DropCallback | None,
) -> Any:
    seconds = checks.seconds(name, "duetime", duetime, optional=False)
    assert seconds is not None
    quiet = round(seconds * 1_000_000)

    def feed(context: Context, make: Make) -> Feed[Any]:
        alarm = Alarm(context.wake, scheduler or context.scheduler)
        return Debounced(context, make, name, on_drop, duetime=quiet, alarm=alarm)

    return sifting(name, on_drop, feed)
