"""Items of two sources whose times overlap: join."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from itertools import repeat as times
from typing import Any, TypeVar

from reactivex import Observable

from ..flow import Flow, checks
from ..flow.inlet import inlet
from ..flow.operator import fed, operator
from ..flow.source import Source
from ..kernel import (
    BUDGET,
    HANDOVER,
    NOTHING,
    Context,
    Input,
    StageStatistics,
    State,
    joined,
    own_trampoline,
)
from ..protocol import BufferOverflowError
from .merged import Make, Merged

T1 = TypeVar("T1")
T2 = TypeVar("T2")

Duration = Callable[[Any], Source[Any]]


class _Side:
    """One of the two sources."""

    def __init__(self, entry: Input, duration: Duration) -> None:
        self.entry = entry
        self.duration = duration
        self.open = dict[Input, Any]()  # items whose time has not passed, by what ends it

    @property
    def over(self) -> bool:
        """Whether nothing is left of it that an item of the other one could be paired with."""
        return self.entry.ended and not self.open


class Overlapping(Merged):
    """Takes an item of two Feeds in turn; gives it with those of the other that are open."""

    def __init__(
        self, context: Context, sources: tuple[Make, Make], durations: Any, capacity: int
    ) -> None:
        """Make the Feeds.

        Args:
            context: The consumer's.
            sources: Make the two Feeds.
            durations: For each of them, a function of an item that gives what ends its time.
            capacity: Most items of each that are open (items).
        """
        super().__init__(context, sources, prefetch=HANDOVER)
        self._capacity = capacity
        self._sides = [_Side(*pair) for pair in zip(self._inputs, durations, strict=True)]
        self._results = deque[Any]()  # of the item that was taken last
        self._received = self._expired = self._discarded = self._lost = self._peak = 0

    def run(self) -> Iterator[Any]:
        """Give the results of an item, then take the next one."""
        ready = self._ready
        for _ in times(None, BUDGET):
            while self._results:
                yield self._results.popleft()
            if self._over() or not ready:
                return
            entry = ready.popleft()
            entry.queued = False  # before it is looked at: a wake meanwhile queues it again
            side = next((side for side in self._sides if side.entry is entry), None)
            if side is None:
                self._look(entry)
                continue
            item = entry.take(self._ask() or 1)
            if item is not NOTHING:
                self._give_turn(entry)
                self._taken(side, item)
            elif entry.ended:
                self._forget(entry)
            elif not entry.waiting:  # its budget is spent, and so is that of this run
                self._queue(entry)
                return

    def _taken(self, side: _Side, item: Any) -> None:
        """Begin the time of an item, and pair it."""
        self._received += 1
        held = len(side.open)
        if held >= self._capacity:
            self._lost += 1
            raise BufferOverflowError("join", self._capacity, held, self._wanted, item)
        with own_trampoline():  # else one inside another subscribe would begin too late
            timer = self._add(inlet(side.duration(item), "join"))
            side.open[timer] = item
            self._peak = max(self._peak, self._count_open())
            timer.start(1)
        self._look(timer)
        first, second = self._sides
        if side is first:
            self._results.extend((item, other) for other in second.open.values())
        else:
            self._results.extend((other, item) for other in first.open.values())

    def _look(self, timer: Input) -> None:
        """End the time of an item when what ends it has given anything, or has ended."""
        side = next((side for side in self._sides if timer in side.open), None)
        if side is None:
            return
        if timer.take() is not NOTHING or timer.ended:
            del side.open[timer]
            self._expired += 1
            timer.cancel()
            self._forget(timer)
        elif not timer.waiting:
            self._queue(timer)

    def _over(self) -> bool:
        sides = self._sides
        return any(side.over for side in sides) or all(side.entry.ended for side in sides)

    def settle(self) -> State:
        """End when no further pair can come."""
        if self._results:
            return State.READY
        if self._over():
            return State.ENDED
        return State.READY if self._ready else State.WAITING

    def ending(self) -> bool:
        """Let times pass, and ends through, which need no demand."""
        if self._results:
            return False
        for side in self._sides:
            for timer in list(side.open):
                self._look(timer)
            if side.entry.over():
                self._forget(side.entry)
        over = self._over()
        timers = (timer for side in self._sides for timer in side.open)
        if not over and any(not timer.waiting for timer in timers):
            self._context.wake()  # their budget is spent, so nothing else looks at them again
        return over

    def cancel(self) -> None:
        """Cancel them all."""
        super().cancel()
        self._results.clear()
        self._discarded += self._count_open()
        for side in self._sides:
            side.open.clear()

    def _count_open(self) -> int:
        return sum(len(side.open) for side in self._sides)

    def statistics(self) -> Iterator[StageStatistics]:
        """Give those of all, then how many items are open."""
        own = StageStatistics(
            "join",
            received=self._received,
            delivered=self._expired,
            held=self._count_open(),
            peak=self._peak,
            capacity=2 * self._capacity,
            dropped={"overflow": self._lost} if self._lost else {},
            discarded=self._discarded,
        )
        yield from joined(self._sources(), own)


@operator(
    demand="<= 256 to each, 1 to durations ; 1:1 ; holds <= capacity per source", category="combine"
)
def join(
    right: Source[T2],
    left_duration_mapper: Callable[[T1], Source[Any]],
    right_duration_mapper: Callable[[T2], Source[Any]],
    *,
    capacity: int = HANDOVER,
) -> Callable[[Flow[T1] | Observable[T1]], Flow[tuple[T1, T2]]]:
    """Give each pair of an item of this source and one of another whose times overlap.

    .. marble::
        :alt: join

        request  9---------------------
        a        -1-------2----|
        b        ---8---9---|
        of each  ---|
        [ a.join(b, of_each, of_each)  ]
                 ---(1,8)-(2,9)|

    Demand: <= 256 to each, 1 to durations ; 1:1 ; holds <= capacity per source.
    The time of an item lasts from when it is taken until its duration has given an item or
    has ended, with or without demand. An item is taken when all pairs of the one before it
    were given; sources that are ready give one in turn. A plain Observable enters through a
    buffer of 256 items that fails when full.
    Ends: when a source has ended and none of its items is open, or when both have ended.

    Args:
        right: The other source: a Flow, an Observable, a future or an iterable.
        left_duration_mapper: Function of an item of this source that gives its duration, a
            source; ``rxflow.timer(5.0)`` for five seconds.
        right_duration_mapper: The same for items of the other one.
        capacity: Most items of one source that are open at once (items, at least 1).

    Returns:
        An operator function.

    Raises:
        TypeError: ``right`` is no source, or a function none or async, when the pipeline is
            built.
        ValueError: capacity < 1, when the pipeline is built.

    Errors:
        BufferOverflowError: One more item came while so many of its source are open. What a
            function raises; the first failure of a source or a duration, which cancels all.

    Source: reactivex join; RxJava join.
    """
    make = inlet(right, "join")
    checks.function("join", "left_duration_mapper", left_duration_mapper)
    checks.function("join", "right_duration_mapper", right_duration_mapper)
    size = checks.whole("join", "capacity", capacity)
    durations = (left_duration_mapper, right_duration_mapper)
    return fed(lambda context, flow: Overlapping(context, (flow.feed, make), durations, size))
