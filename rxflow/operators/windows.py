"""One Flow after another: windows by count, by time and by the signals of other sources."""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, TypeVar

from reactivex import Observable
from reactivex.abc import SchedulerBase

from ..flow import Flow, checks
from ..flow.grouped import InnerFlow
from ..flow.inlet import inlet
from ..flow.operator import fed, operator
from ..flow.source import Source
from ..kernel import HANDOVER, NOTHING, Context, Feed, Input
from .keyed import STALLED
from .splitting import Make, Room, Split

T = TypeVar("T")

Places = Iterator[tuple[Room, Any]]


class _Windows(Split):
    """Puts each item into all windows that are open."""

    def __init__(
        self,
        context: Context,
        make: Make,
        name: str,
        *,
        prefetch: int,
        stalled: float | None,
        scheduler: SchedulerBase | None = None,
    ) -> None:
        super().__init__(
            context,
            make,
            name,
            prefetch=prefetch,
            inners=1,
            stalled=stalled,
            scheduler=scheduler,
        )
        self.windows: deque[Room] = deque()  # open, oldest first
        self._number = 0  # windows so far

    def route(self, item: Any) -> Places:
        readable = [room for room in self.windows if not room.closed]
        for room in readable:
            yield room, item
        if not readable:
            self.drop("cancelled" if self.windows else "between windows")
        yield from self.took()

    def refused(self, room: Room, value: Any) -> None:
        """Count nothing: other windows have the item, or the last consumer is leaving."""
        if room is self.outer:
            super().refused(room, value)

    def took(self) -> Places:
        """Say what windows begin after an item; close those that end."""
        return iter(())

    def attend(self) -> Places | None:
        return self.another() if not self._number else self.signalled()

    def signalled(self) -> Places | None:
        """Look at the clock and at further sources."""
        return None

    def another(self) -> Places:
        """Open a window."""
        room = self.room("window", self._number)
        self._number += 1
        self.windows.append(room)
        yield self.outer, InnerFlow[Any](room)

    def release(self) -> None:
        self.windows.clear()


class _Counted(_Windows):
    """Windows by the number of items."""

    count: int
    skip: int
    _items = 0

    def took(self) -> Places:
        ended = self._items - self.count + 1
        if ended >= 0 and ended % self.skip == 0:
            self.close(self.windows.popleft())
        self._items += 1
        if self._items % self.skip == 0:
            yield from self.another()


class _Timed(_Windows):
    """Windows by the clock, on a grid; or a new one when one is closed, by time or count."""

    span: float
    shift: float | None
    count: int | None = None
    _items = 0

    def before(self) -> None:
        now = self.alarm.now
        self._closes = deque([now + self.span])
        self._opens = now + (self.shift or self.span)

    def due(self) -> float | None:
        return min([self._opens, *self._closes])

    def took(self) -> Places:
        self._items += 1
        if self._items == self.count:
            yield from self._turn()

    def signalled(self) -> Places | None:
        if self.shift is None:
            return self._turn() if self.reached(self._closes[0]) else None
        first = self._closes[0] if self._closes else self._opens
        if self._opens <= first and self.reached(self._opens):
            return self._begin(self.shift)
        if self._closes and self.reached(first):
            self._closes.popleft()
            self.close(self.windows.popleft())
            return iter(())
        return None

    def _begin(self, shift: float) -> Places:
        """Open a window at its time; those that were missed are left out."""
        missed = max(0.0, (self.alarm.now - self._opens) // shift * shift)
        self._closes.append(self._opens + missed + self.span)
        self._opens += missed + shift
        yield from self.another()

    def _turn(self) -> Places:
        """Close the window, open the next one."""
        self._items = 0
        self._opens = self.alarm.now + self.span
        self._closes = deque([self._opens])
        self.close(self.windows.popleft())
        yield from self.another()


class _Signalled(_Windows):
    """Windows that other sources begin and end."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._fired: deque[Input] = deque()  # of the sources, those that may have something
        self._sources: dict[Input, None] = {}

    def watch(self, make: Callable[[Context], Feed[Any]]) -> None:
        """Start a source, and look at what it has."""
        entry = self.begin(make, self._fired.append)
        self._sources[entry] = None
        self._fired.append(entry)

    def signalled(self) -> Places | None:
        while self._fired:
            entry = self._fired.popleft()
            if entry not in self._sources:
                continue
            if entry.take() is not NOTHING:
                self._fired.appendleft(entry)  # it may have more
            elif not entry.ended:
                continue
            return self.heard(entry)
        return None

    @abstractmethod
    def heard(self, entry: Input) -> Places | None:
        """Say what becomes of an item, or of the end, of a source."""

    def forget(self, entry: Input) -> None:
        """Let go of a source."""
        self._sources.pop(entry, None)
        entry.cancel()

    def turn(self) -> Places:
        """Close the window, open the next one."""
        self.close(self.windows.popleft())
        yield from self.another()

    def release(self) -> None:
        super().release()
        for entry in self._sources:
            entry.cancel()
        self._sources.clear()


class _Bounded(_Signalled):
    """Windows between the items of another source."""

    boundaries: Make

    def after(self) -> None:
        self.watch(self.boundaries)

    def heard(self, entry: Input) -> Places | None:
        if not entry.ended:
            return self.turn()
        self.finish(None)
        return None


class _Closing(_Signalled):
    """Windows that end with a source that is made for each."""

    closing: Callable[[], Any]

    def after(self) -> None:
        self.watch(inlet(self.closing(), self.name))

    def heard(self, entry: Input) -> Places:
        self.forget(entry)
        yield from self.turn()
        self.after()


def _windowed(
    name: str,
    kind: type[_Windows],
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
    return _windowed(name, _Counted, prefetch, stalled, count=size, skip=step)


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
    return _windowed(name, _Timed, prefetch, stalled, scheduler, span=span, shift=None, count=size)


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
    return _windowed(name, _Timed, prefetch, stalled, scheduler, span=span, shift=shift)


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
    other = inlet(boundaries, "window")
    return _windowed("window", _Bounded, prefetch, stalled, boundaries=other)


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
    return _windowed("window_when", _Closing, prefetch, stalled, closing=closing_mapper)
