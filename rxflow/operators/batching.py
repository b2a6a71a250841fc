"""Lists of what comes in a time, or of what is ready: timed batches, natural_batches."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import islice
from math import inf
from typing import Any, TypeVar

from reactivex import Observable
from reactivex.abc import SchedulerBase

from ..flow import Flow, checks
from ..flow.operator import fed, operator, staged
from ..kernel import Alarm, Context, Feed, Prefetched, Stage, State, drained, hooks
from ..protocol import UNBOUNDED, Offer

T = TypeVar("T")

MAX_SIZE = 1024
"""How many items a list has at most where only a time is given (items)."""


class _Batched(Prefetched):
    """Gives its queue in parts: a list begins at an item, and is due at a time.

    Upstream fills the queue without demand, and waits when it is full. A list that
    nobody has asked for stays open when it is due.
    """

    def __init__(
        self,
        context: Context,
        make: Callable[[Context], Feed[Any]],
        name: str,
        size: int,
        span: float,
        shift: float | None,
        scheduler: SchedulerBase | None,
    ) -> None:
        """Prepare the subscription.

        Args:
            context: The consumer's.
            make: Makes the Feed upstream.
            name: The operator.
            size: Most items held, with which a list is full (items).
            span: How long a list is open (seconds).
            shift: How far the beginnings of two lists are apart (seconds); None where
                one begins when the one before was given.
            scheduler: Whose clock.
        """
        super().__init__(context, name, size, size, drained(make, context))
        self._alarm = Alarm(self._ring, scheduler or context.timed().scheduler)
        self._span = span
        self._shift = shift
        self._lists: deque[tuple[int, float]] = deque()  # open: the first item, and when due
        self._opens = inf  # when the next one begins
        self._gone = 0  # items that have left the queue
        self._rung = False  # the alarm has rung since it was set
        self._failed_at: float | None = None
        self._hungry = False  # the consumer waits for a list
        self._over = False  # the end was told without the empty lists that were open

    def start(self) -> None:
        """Open the first list, then subscribe to the producer."""
        now = self._alarm.now
        self._lists.append((0, now + self._span))
        if self._shift is not None:
            self._opens = now + self._shift
        self._set_alarm()
        super().start()

    def _ring(self) -> None:
        self._rung = True
        self._wake()

    def _set_alarm(self) -> None:
        self._rung = False
        self._alarm.set(min([self._opens, *(due for _, due in self._lists)]))

    def push(self, item: Any) -> Offer:
        """Keep an item; wake the consumer when a list is full."""
        offer = super().push(item)
        if self._hungry and len(self._queue) >= self._high:
            self._hungry = False
            self._wake()
        return offer

    def complete(self) -> None:
        """Say that no item comes any more."""
        super().complete()
        self._wake()

    def fail(self, error: Exception) -> None:
        """Say that the source has failed: what was due before is still given."""
        if not self.closed:
            self._failed_at = self._alarm.now
        super().fail(error)
        self._wake()

    def _reached(self, time: float) -> bool:
        """Tell whether a time has come: at that very instant, only when the alarm has rung."""
        if self._failed_at is not None:
            return time < self._failed_at
        now = self._alarm.now
        return time < now or (self._rung and time <= now)

    def _due(self) -> bool:
        """Tell whether a list is to be given."""
        if self.closed and self.failure is None:
            return bool(self._lists) and not self._over
        if not self._lists or (self.closed and not self._queue):
            return False  # a failure does not wait for an empty list
        return len(self._queue) >= self._high or self._reached(self._lists[0][1])

    def run(self) -> Iterator[Any]:
        """Give the lists that are due, or full."""
        while True:
            while self._opening():
                self._begin()
            if self._due():
                yield self._give()
            elif not self._lists and len(self._queue) >= self._high:
                self._trim("between lists")
            else:
                return

    def _opening(self) -> bool:
        """Tell whether a list begins before another one is due."""
        first = self._lists[0][1] if self._lists else inf
        return not self.closed and self._opens <= first and self._reached(self._opens)

    def _begin(self) -> None:
        """Open a list at its time."""
        assert self._shift is not None
        self._trim("between lists")
        self._lists.append((self._gone + len(self._queue), self._opens + self._span))
        self._opens += self._shift

    def _give(self) -> list[Any]:
        """Take the next list that is to be given."""
        completed = self.closed and self.failure is None
        full = not (completed or self._reached(self._lists[0][1]))
        with self._lock:
            end = self._gone + len(self._queue)
            index = min(range(len(self._lists)), key=lambda i: self._lists[i][0]) if full else 0
            first, due = self._lists[index]
            part = list(islice(self._queue, first - self._gone, None))
        if self._shift is None:
            self._lists[0] = (end, self._alarm.now + self._span)
        elif full:  # given early: what else comes in its time is in another one
            self._lists[index] = (end, due)
        else:
            self._lists.popleft()
            self._catch_up(due)
        if self.closed and self._shift is None:
            self._lists.clear()
        self._trim()
        return part

    def _catch_up(self, due: float) -> None:
        """Leave out the beginnings that have passed while a list waited for demand."""
        assert self._shift is not None
        late = (self._alarm.now - due) // self._shift * self._shift
        if late > 0:
            self._opens += late
            self._lists = deque((first, due + late) for first, due in self._lists)

    def _trim(self, reason: str | None = None) -> None:
        """Let go of what is in no open list, and ask for as many."""
        with self._lock:
            end = self._gone + len(self._queue)
            count = min([end, *(first for first, _ in self._lists)]) - self._gone
            for _ in range(count):
                self._queue.popleft()
            if reason is not None and count:
                self._count_lost(reason, count)
        self._gone += count
        if count:
            self._intake.request(count)

    def settle(self) -> State:
        """Wait until a list is full, or the alarm."""
        self._hungry = True  # from here on a push that fills the queue wakes
        if self._due():
            return State.READY
        if self.closed:
            if self.failure is not None:
                raise self.failure
            return State.ENDED
        if len(self._queue) >= self._high:
            return State.READY
        self._set_alarm()
        return State.WAITING

    def ending(self) -> bool:
        """Need no demand where no list is left but empty ones."""
        if not self.closed or (self.failure is not None and self._due()):
            return False
        self._over = self.failure is None and not (self._lists and self._queue)
        return self._over or self.failure is not None

    def cancel(self) -> None:
        """Stop the alarm, too."""
        self._alarm.cancel()
        super().cancel()


@operator(
    demand="count, then as many as a list has taken ; 1:1 ; holds <= count", category="transform"
)
def buffer_with_time_or_count(
    timespan: timedelta | float, count: int, scheduler: SchedulerBase | None = None
) -> Callable[[Observable[T]], Flow[list[T]]]:
    """Give lists of ``count`` items, or of what has come in a time.

    .. marble::
        :alt: buffer_with_time_or_count

        request  3---------------------
        source   -1-2-3---4-----5-|
        [ buffer_with_time_or_count(6.0, 3) ]
                 -----[1,2,3]-----[4]---[5]|

    Demand: count, then as many as a list has taken ; 1:1 ; holds <= count.
    It never fails for want of demand: a list that is due while nothing is asked for
    is given as soon as it is, and goes on filling up till then; when it is full,
    upstream waits. The next timespan begins when a list is given. A list may be
    empty, as in reactivex.

    Args:
        timespan: How long a list is open (seconds).
        count: How long a list is at most (items, at least 1).
        scheduler: Whose clock; that of the subscription, the running event loop's or
            reactivex's default, when left out.

    Returns:
        An operator function.

    Raises:
        TypeError: The timespan is no duration, when the pipeline is built.
        ValueError: count < 1, or a negative timespan, when the pipeline is built.

    Errors:
        The failure of the source, behind a list that is full or was due before; what is
        in a list that is not is discarded, as in reactivex.

    Source: reactivex buffer_with_time_or_count; Reactor bufferTimeout with fair backpressure.
    """
    name = "buffer_with_time_or_count"
    size = checks.whole(name, "count", count)
    span = _span(name, "timespan", timespan)
    return fed(
        lambda context, flow: _Batched(context, flow.feed, name, size, span, None, scheduler)
    )


@operator(
    demand="max_size, then as many as a list has taken ; 1:1 ; holds <= max_size",
    category="transform",
)
def buffer_with_time(
    timespan: timedelta | float,
    timeshift: timedelta | float | None = None,
    scheduler: SchedulerBase | None = None,
    *,
    max_size: int = MAX_SIZE,
) -> Callable[[Observable[T]], Flow[list[T]]]:
    """Give lists of what has come in a time.

    .. marble::
        :alt: buffer_with_time

        request  3---------------------
        source   -1-2-3---4-----5-|
        [      buffer_with_time(6.0)      ]
                 ------[1,2,3]-[4]-[5]|

    Demand: max_size, then as many as a list has taken ; 1:1 ; holds <= max_size.
    It never fails for want of demand: a list that is due while nothing is asked for
    is given as soon as it is, and goes on filling up till then. A list that is full is
    given early, and another one goes on in its time; while nothing is asked for
    upstream waits then. A list may be empty, as in reactivex. Items that come between
    two lists are dropped, and counted.

    Args:
        timespan: How long a list is open (seconds).
        timeshift: How far the beginnings of two lists are apart (seconds); the timespan
            when left out, so that they follow one another.
        scheduler: Whose clock; that of the subscription, the running event loop's or
            reactivex's default, when left out.
        max_size: How long a list is at most (items, at least 1).

    Returns:
        An operator function.

    Raises:
        TypeError: A time is no duration, when the pipeline is built.
        ValueError: max_size < 1, or a negative time, when the pipeline is built.

    Errors:
        The failure of the source, behind a list that is full or was due before; what is
        in a list that is not is discarded, as in reactivex.

    Source: reactivex buffer_with_time.
    """
    name = "buffer_with_time"
    size = checks.whole(name, "max_size", max_size)
    span = _span(name, "timespan", timespan)
    shift = _span(name, "timeshift", timeshift) if timeshift else span
    return fed(
        lambda context, flow: _Batched(context, flow.feed, name, size, span, shift, scheduler)
    )


def _span(name: str, argument: str, value: Any) -> float:
    span = checks.seconds(name, argument, value, optional=False)
    if not span:
        raise ValueError(
            f"{name}: {argument} must be more than 0 seconds; use natural_batches for lists of "
            "what is ready"
        )
    return span


@operator(demand="max_size per list ; 1:1 ; holds 0", category="transform")
def natural_batches(max_size: int) -> Callable[[Observable[T]], Flow[list[T]]]:
    """Give what is ready, at once, in lists of at least one item.

    .. marble::
        :alt: natural_batches

        request  1-----2----------
        source   -1-2-3-4-5-6-7--|
        [    natural_batches(3)  ]
                 -[1]--[2,3]--[4,5,6]-[7]|

    Demand: max_size per list ; 1:1 ; holds 0.
    It never waits to fill a list: a consumer that is quick gets short ones, one that is
    slow gets what its source, or the door before this, has held meanwhile.

    Args:
        max_size: How long a list is at most (items, at least 1).

    Returns:
        An operator function.

    Raises:
        ValueError: max_size < 1 or not whole, when the pipeline is built.

    Errors:
        The failure of the source, behind what was ready before it.

    Source: new; Pekko batch, without its queue.
    """
    size = checks.whole("natural_batches", "max_size", max_size)
    return staged(lambda _: _Natural(size))


class _Natural(Stage):
    def __init__(self, size: int) -> None:
        self._size = size
        self._failure: Exception | None = None  # came in the middle of the last list

    def run(self, items: Iterator[Any]) -> Iterator[Any]:
        while True:
            failure, self._failure = self._failure, None
            if failure is not None:
                raise failure
            part: list[Any] = []
            try:
                part.extend(islice(items, self._size))
            except Exception as error:
                if not part:
                    raise
                self._failure = error
            if part:
                yield part
            if len(part) < self._size and self._failure is None:
                return  # there is no more: what comes after a false end is not pulled

    def cancel(self) -> None:
        failure, self._failure = self._failure, None
        if failure is not None:
            hooks.dropped_error(failure)

    def demand(self, n: int) -> int:
        return min(UNBOUNDED, n * self._size)
