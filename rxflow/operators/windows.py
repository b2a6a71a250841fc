"""One Flow after another: windows by count, by time and by the signals of other sources."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

from reactivex import Observable
from reactivex.abc import SchedulerBase

from ..flow import Flow, checks
from ..flow.inlet import inlet
from ..flow.operator import fed, operator
from ..flow.source import Source
from ..kernel import HANDOVER, Context, Feed
from .keyed import STALLED
from .windowed import Bounded, Closing, Counted, Timed, Toggled, Windows

T = TypeVar("T")
V = TypeVar("V")


def _windowed(
    name: str,
    kind: type[Windows],
    prefetch: Any,
    stalled: Any,
    scheduler: SchedulerBase | None = None,
    **fields: Any,
) -> Any:
    """Make an operator of windows of a kind, with its fields."""
    size = checks.whole(name, "prefetch", prefetch)
    patience = checks.seconds(name, "stalled", stalled)

    def feed(context: Context, flow: Flow[Any]) -> Feed[Any]:
        windows = kind(
            context, flow.feed, name, prefetch=size, stalled=patience, scheduler=scheduler
        )
        vars(windows).update(fields)
        return windows.outer

    return fed(feed)


def _span(name: str, argument: str, value: Any) -> float:
    span = checks.seconds(name, argument, value, optional=False)
    if not span:
        raise ValueError(f"{name}: {argument} must be more than 0 seconds")
    return span


@operator(
    demand="1 at a time, for who asks ; 1:1 ; holds <= prefetch per window + 1", category="group"
)
def window_with_count(
    count: int,
    skip: int | None = None,
    *,
    prefetch: int = HANDOVER,
    stalled: timedelta | float | None = STALLED,
) -> Callable[[Observable[T]], Flow[Observable[T]]]:
    """Divide the items among Flows of ``count`` items each, one after another.

    .. marble::
        :alt: window_with_count

        request  9----------------
        source   -1-2-3-4-5-|
        [   window_with_count(2)   ]
        first    -1-2|
        second      -3-4|
        third           -5-|

    Demand: 1 at a time, for who asks ; 1:1 ; holds <= prefetch per window + 1.
    Each window is for one consumer, and what comes for one waits there till that asks;
    when a window is full, or two wait for the consumer of the windows, upstream waits.
    A window that is full and that nobody empties fails the stream after ``stalled``.
    Items that are in no window, or only in such whose consumer has left, are dropped and counted.

    Args:
        count: How long a window is (items, at least 1).
        skip: How far the beginnings of two windows are apart (items, at least 1);
            count when left out.
        prefetch: Most items that wait in one window (items).
        stalled: How long a window that is full and that nobody asks for items may keep
            the others waiting (seconds); None for ever.

    Returns:
        An operator function.

    Raises:
        ValueError: A count below 1, or a negative time, when the pipeline is built.

    Errors:
        GroupStalledError: a window has kept the others waiting.
        The failure of the source, behind what the windows hold.

    Source: reactivex window_with_count.
    """
    name = "window_with_count"
    size = checks.whole(name, "count", count)
    step = size if skip is None else checks.whole(name, "skip", skip)
    return _windowed(name, Counted, prefetch, stalled, count=size, skip=step)


@operator(
    demand="1 at a time, for who asks ; 1:1 ; holds <= prefetch per window + 1", category="group"
)
def window_with_time_or_count(
    timespan: timedelta | float,
    count: int,
    scheduler: SchedulerBase | None = None,
    *,
    prefetch: int = HANDOVER,
    stalled: timedelta | float | None = STALLED,
) -> Callable[[Observable[T]], Flow[Observable[T]]]:
    """Divide the items among Flows that end with ``count`` items, or after a time.

    .. marble::
        :alt: window_with_time_or_count

        request  9--------------------
        source   -1-2-3---4-----|
        [ window_with_time_or_count(6.0, 3) ]
        first    -1-2-3|
        second         ---4---|
        third                 --|

    Demand: 1 at a time, for who asks ; 1:1 ; holds <= prefetch per window + 1.
    It never fails for want of demand: what is not asked for waits. All else is as with
    ``window_with_count``.

    Args:
        timespan: How long a window is open (seconds).
        count: How long a window is at most (items, at least 1).
        scheduler: Whose clock; that of the subscription, the running event loop's or
            reactivex's default, when left out.
        prefetch: Most items that wait in one window (items).
        stalled: How long a window that is full and that nobody asks for items may keep
            the others waiting (seconds); None for ever.

    Returns:
        An operator function.

    Raises:
        TypeError: The timespan is no duration, when the pipeline is built.
        ValueError: A count below 1, or a negative time, when the pipeline is built.

    Errors:
        GroupStalledError: a window has kept the others waiting.
        The failure of the source, behind what the windows hold.

    Source: reactivex window_with_time_or_count.
    """
    name = "window_with_time_or_count"
    size, span = checks.whole(name, "count", count), _span(name, "timespan", timespan)
    return _windowed(name, Timed, prefetch, stalled, scheduler, span=span, shift=None, count=size)


@operator(
    demand="1 at a time, for who asks ; 1:1 ; holds <= prefetch per window + 1", category="group"
)
def window_with_time(
    timespan: timedelta | float,
    timeshift: timedelta | float | None = None,
    scheduler: SchedulerBase | None = None,
    *,
    prefetch: int = HANDOVER,
    stalled: timedelta | float | None = STALLED,
) -> Callable[[Observable[T]], Flow[Observable[T]]]:
    """Divide the items among Flows that end after a time.

    .. marble::
        :alt: window_with_time

        request  9--------------------
        source   -1-2-3---4-----|
        [      window_with_time(6.0)     ]
        first    -1-2-3|
        second         ---4--|
        third                ---|

    Demand: 1 at a time, for who asks ; 1:1 ; holds <= prefetch per window + 1.
    It never fails for want of demand: what is not asked for waits, and a window whose
    time has passed meanwhile is left out. All else is as with ``window_with_count``.

    Args:
        timespan: How long a window is open (seconds).
        timeshift: How far the beginnings of two windows are apart (seconds); the timespan
            when left out, so that they follow one another.
        scheduler: Whose clock; that of the subscription, the running event loop's or
            reactivex's default, when left out.
        prefetch: Most items that wait in one window (items).
        stalled: How long a window that is full and that nobody asks for items may keep
            the others waiting (seconds); None for ever.

    Returns:
        An operator function.

    Raises:
        TypeError: A time is no duration, when the pipeline is built.
        ValueError: A count below 1, or a negative time, when the pipeline is built.

    Errors:
        GroupStalledError: a window has kept the others waiting.
        The failure of the source, behind what the windows hold.

    Source: reactivex window_with_time.
    """
    name = "window_with_time"
    span = _span(name, "timespan", timespan)
    shift = span if timeshift is None else _span(name, "timeshift", timeshift)
    return _windowed(name, Timed, prefetch, stalled, scheduler, span=span, shift=shift)


@operator(
    demand="1 at a time, for who asks ; 1:1 ; holds <= prefetch per window + 1", category="group"
)
def window(
    boundaries: Source[Any],
    *,
    prefetch: int = HANDOVER,
    stalled: timedelta | float | None = STALLED,
) -> Callable[[Observable[T]], Flow[Observable[T]]]:
    """Divide the items among Flows, between the items of another source.

    .. marble::
        :alt: window

        request  9--------------------
        source   -1-2-----3-4---|
        other    -----x---------|
        [         window(other)      ]
        first    -1-2-|
        second        ----3-4---|

    Demand: 1 at a time, for who asks ; 1:1 ; holds <= prefetch per window + 1.
    The windows end with the other source, too. All else is as with ``window_with_count``.

    Args:
        boundaries: The other source; each item of it closes a window and opens the next.
        prefetch: Most items that wait in one window (items).
        stalled: How long a window that is full and that nobody asks for items may keep
            the others waiting (seconds); None for ever.

    Returns:
        An operator function.

    Raises:
        TypeError: It is no source, when the pipeline is built.
        ValueError: A count below 1, or a negative time, when the pipeline is built.

    Errors:
        GroupStalledError: a window has kept the others waiting.
        The failure of either source, behind what the windows hold.

    Source: reactivex window.
    """
    other = inlet(boundaries, "window", timed=True)
    return _windowed("window", Bounded, prefetch, stalled, boundaries=other)


@operator(
    demand="1 at a time, for who asks ; 1:1 ; holds <= prefetch per window + 1", category="group"
)
def window_when(
    closing_mapper: Callable[[], Source[Any]],
    *,
    prefetch: int = HANDOVER,
    stalled: timedelta | float | None = STALLED,
) -> Callable[[Observable[T]], Flow[Observable[T]]]:
    """Divide the items among Flows, each of which ends with a source made for it.

    .. marble::
        :alt: window_when

        request  9--------------------
        source   -1-2-----3-4---|
        [ window_when(lambda: timer(5.0)) ]
        first    -1-2-|
        second        ----3|
        third               -4--|

    Demand: 1 at a time, for who asks ; 1:1 ; holds <= prefetch per window + 1.
    All else is as with ``window_with_count``.

    Args:
        closing_mapper: Function that gives a source, whose first item or end closes the
            window and opens the next one.
        prefetch: Most items that wait in one window (items).
        stalled: How long a window that is full and that nobody asks for items may keep
            the others waiting (seconds); None for ever.

    Returns:
        An operator function.

    Raises:
        TypeError: The function is async or none, when the pipeline is built.
        ValueError: A count below 1, or a negative time, when the pipeline is built.

    Errors:
        GroupStalledError: a window has kept the others waiting.
        What the function raises; the failure of any source, behind what the windows hold.

    Source: reactivex window_when.
    """
    checks.function("window_when", "closing_mapper", closing_mapper)
    return _windowed("window_when", Closing, prefetch, stalled, closing=closing_mapper)


@operator(
    demand="1 at a time, for who asks ; 1:1 ; holds <= prefetch per window + 1", category="group"
)
def window_toggle(
    openings: Source[V],
    closing_mapper: Callable[[V], Source[Any]],
    *,
    prefetch: int = HANDOVER,
    stalled: timedelta | float | None = STALLED,
) -> Callable[[Observable[T]], Flow[Observable[T]]]:
    """Divide the items among Flows that another source opens, each with a source that ends it.

    .. marble::
        :alt: window_toggle

        request  9--------------------
        source   -1-2-3-4-5-6-7-8-9--
        openings --a-----b--c----|
        [ window_toggle(openings, lambda _: timer(5.0)) ]
        first    --2-3--|
        second           -5-6-|
        third               -7-8-|

    Demand: 1 at a time, for who asks ; 1:1 ; holds <= prefetch per window + 1.
    Windows may overlap; each is open till it is closed, also when the openings or the source
    have ended. The windows end with the openings, and not with the source. No opening is
    taken while two windows wait for their consumer; a plain Observable enters through a
    buffer of 256 openings that fails when full. All else is as with ``window_with_count``.

    Args:
        openings: The source whose items open windows.
        closing_mapper: Function of such an item that gives a source, whose first item or
            end closes the window.
        prefetch: Most items that wait in one window (items).
        stalled: How long a window that is full and that nobody asks for items may keep
            the others waiting (seconds); None for ever.

    Returns:
        An operator function.

    Raises:
        TypeError: The function is async or none, or the openings are no source, when the
            pipeline is built.
        ValueError: A count below 1, or a negative time, when the pipeline is built.

    Errors:
        GroupStalledError: a window has kept the others waiting.
        What the function raises; the failure of any source, behind what the windows hold.

    Source: reactivex window_toggle.
    """
    name = "window_toggle"
    begins = inlet(openings, f"{name}, openings", timed=True)
    checks.function(name, "closing_mapper", closing_mapper)
    return _windowed(name, Toggled, prefetch, stalled, openings=begins, closing=closing_mapper)
