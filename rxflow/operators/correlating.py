"""For each item of a source, those of another whose times overlap with its own: group_join."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, TypeVar

from reactivex import Observable

from ..flow import Flow, checks
from ..flow.grouped import InnerFlow
from ..flow.inlet import inlet
from ..flow.operator import Operator, operator
from ..flow.source import Source
from ..kernel import (
    HANDOVER,
    NOTHING,
    Context,
    Feed,
    Figures,
    Input,
    StageStatistics,
    count_roots,
    joined,
)
from ..protocol import BufferOverflowError
from .keyed import STALLED
from .mapping import map as map_
from .splitting import Make, Room, Split, cancelled

T1 = TypeVar("T1")
T2 = TypeVar("T2")

Places = Iterator[tuple[Room, Any]]


class _Correlated(Split):
    """A room for each item of the one source, into which those of the other one go.

    Whoever asks has both pulled, each in turn: the first one only while a group more may
    wait for the consumer of groups, so that a group ends that lasts until the next one begins.
    """

    def __init__(
        self,
        context: Context,
        make: Make,
        right: Make,
        durations: tuple[Callable[[Any], Any], Callable[[Any], Any]],
        capacity: int,
        prefetch: int,
        stalled: float | None,
    ) -> None:
        super().__init__(context, make, "group_join", prefetch=prefetch, inners=1, stalled=stalled)
        self._make_right = right
        self._left_duration, self._right_duration = durations
        self._capacity = capacity
        self._turns = deque[Input]()  # both sources, whose turn it is first
        self._right: Input | None = None  # None until opened, and when cancelled
        self._others: Figures = tuple  # its figures; the last ones when it was cancelled
        self._groups = dict[Room, Input | None]()  # open, each with what ends it
        self._items = dict[Input, Any]()  # of the other source, still open, by what ends them
        self._timers = dict[Input, Room | None]()  # what ends times; with its group, if it is one's
        self._gone = deque[Room]()  # whose consumers have left; noted by any thread
        self._opened_items = self._expired = self._peak = 0

    def before(self) -> None:
        """Make the other source."""
        assert self.input is not None
        self._right = Input(self._make_right, self.context)
        self._others = self._right.statistics
        self._turns.extend((self.input, self._right))

    def after(self) -> None:
        """Start the other source, after this one."""
        if self._right is not None:  # what came of this one may have ended all
            self._right.start()

    def left(self, room: Room) -> None:
        """Note that a group has no consumer any more."""
        self._gone.append(room)
        super().left(room)

    def attend(self) -> None:
        """End the times that have passed."""
        while self._gone:
            self._stop_timer(self._groups.pop(self._gone.popleft(), None))
        while (fired := self.fired(self._timers)) is not None:
            timer, _ = fired
            group = self._timers[timer]
            if group is not None:
                self._end(group)
            else:
                del self._items[timer]
                self._expired += 1
                self._stop_timer(timer)

    def _end(self, room: Room) -> None:
        self._stop_timer(self._groups.pop(room))
        self.close(room)

    def _stop_timer(self, timer: Input | None) -> None:
        if timer is not None:
            self._timers.pop(timer, None)
            timer.cancel()

    def pull(self) -> bool:
        """Take an item of either source, or hear its end."""
        turns = self._turns
        for entry in tuple(turns) if self._asked else ():
            if entry is self.input and self.outer.full():
                continue
            item = entry.take()
            if item is not NOTHING:
                turns.remove(entry)
                turns.append(entry)  # the other one is next
                self._received += 1
                self._routing = self._begin(item) if entry is self.input else self._put(item)
                return True
            self._again |= not (entry.waiting or entry.ended)
        self._hear_ends()
        return False

    def _hear_ends(self) -> None:
        """End what can get nothing more: the groups, and the stream of them."""
        entry, right = self.input, self._right
        assert entry is not None
        assert right is not None
        if self.outer.closed:
            entry.cancel()  # nobody takes further groups
        if right.over():
            for room in tuple(self._groups):
                self._end(room)
        if entry.over():
            if not self.outer.closed:
                self.outer.complete()
            if not self._groups:
                self.finish(None)

    def _begin(self, item: Any) -> Places:
        """Open a group, with the items of the other source that are open."""
        self._bound(len(self._groups), item)
        room = self.room("group", item)
        self._groups[room] = None
        yield self.outer, InnerFlow(room)
        for other in tuple(self._items.values()):
            yield room, other
        self._groups[room] = self._time(self._left_duration(item), room)

    def _put(self, item: Any) -> Places:
        """Begin the time of an item of the other source, and put it into the groups."""
        self._bound(len(self._items), item)
        self._items[self._time(self._right_duration(item))] = item
        self._opened_items += 1
        self._peak = max(self._peak, len(self._items))
        for room in tuple(self._groups):
            yield room, item

    def _time(self, duration: Any, group: Room | None = None) -> Input:
        return self.begin(inlet(duration, self.name, timed=True), self._timers, group)

    def _bound(self, held: int, item: Any) -> None:
        if held >= self._capacity:
            self.drop("overflow")
            raise BufferOverflowError(self.name, self._capacity, held, len(self._asked), item)

    def route(self, item: Any) -> Places:
        """Say nothing: it depends on the source."""
        raise AssertionError("each source has its own way")

    def refused(self, room: Room, value: Any) -> None:
        """Count nothing: an item may be in other groups, or in one that comes."""
        if room is self.outer:
            super().refused(room, value)

    def release(self) -> None:
        """Let go of the other source, and of what ends times."""
        if self._right is not None:
            self._others = cancelled(self._right)
            self._right = None
        for timer in (*self._groups.values(), *self._items):
            self._stop_timer(timer)
        self._groups.clear()
        self._items.clear()
        self._turns.clear()

    def statistics(self) -> Iterator[StageStatistics]:
        """Give those of both sources, then how many items of the other one are open."""
        *parts, own = super().statistics()  # first: it says whether they are the last ones
        before = [*self._others()]
        held = 0 if self._ended or self._over else len(self._items)
        before.append(
            StageStatistics(
                "open items",
                received=self._opened_items,
                delivered=self._expired,
                held=held,
                peak=self._peak,
                capacity=self._capacity,
                discarded=self._opened_items - self._expired - held,
                inputs=count_roots(before),
            )
        )
        yield from joined([*before, *parts], own)


@operator(
    demand="1 at a time, 1 group ahead ; 1:1 ; holds <= (prefetch + 1) * capacity + 2",
    category="group",
)
def group_join(
    right: Source[T2],
    left_duration_mapper: Callable[[T1], Source[Any]],
    right_duration_mapper: Callable[[T2], Source[Any]],
    *,
    capacity: int = HANDOVER,
    prefetch: int = HANDOVER,
    stalled: timedelta | float | None = STALLED,
) -> Callable[[Flow[T1] | Observable[T1]], Flow[tuple[T1, Observable[T2]]]]:
    """Give each item with a Flow of those of another source whose times overlap with its own.

    .. marble::
        :alt: group_join

        request  9-------------------
        a        -1-------2------|
        b        ---7---8----9----|
        of each  ----|
        [ a.group_join(b, of_each, of_each) ]
        of 1     ---7-|
        of 2     ---------8--9|

    Demand: 1 at a time, 1 group ahead ; 1:1 ; holds <= (prefetch + 1) * capacity + 2.
    The time of an item lasts from when it is taken until its duration has given an item or
    has ended, with or without demand. Whoever asks, the consumer of a group or of the groups,
    has both sources pulled, each in turn; of this one an item more than was asked for, so
    that a group may last until the next one begins. Each Flow is for one consumer, and what
    comes for it waits there till that asks; when it is full, all wait. A group that is full
    and that nobody empties does not keep the others waiting for ever: after ``stalled`` the
    stream fails and the error names its item. A plain Observable enters through a buffer of
    256 items that fails when full.
    Ends: with this source; a group with its duration, or with the other source.

    Args:
        right: The other source: a Flow, an Observable, a future or an iterable.
        left_duration_mapper: Function of an item of this source that gives its duration, a
            source; ``rxflow.timer(5.0)`` for five seconds.
        right_duration_mapper: The same for items of the other one.
        capacity: Most items of one source that are open at once (items, at least 1). Give
            flat_map behind it as much max_concurrency.
        prefetch: Most items that wait in one group (items).
        stalled: How long a group that is full and that nobody asks for items may keep
            the others waiting (seconds); None for ever.

    Returns:
        An operator function.

    Raises:
        TypeError: ``right`` is no source, or a function none or async, when the pipeline is
            built.
        ValueError: A count below 1, or a negative time, when the pipeline is built.

    Errors:
        BufferOverflowError: One more item came while so many of its source are open.
        GroupStalledError: a group has kept the others waiting.
        What a function raises; the first failure of a source or a duration, behind what the
        groups hold.

    Source: reactivex group_join; RxJava groupJoin.
    """
    name = "group_join"
    make = inlet(right, name)
    checks.function(name, "left_duration_mapper", left_duration_mapper)
    checks.function(name, "right_duration_mapper", right_duration_mapper)
    durations = (left_duration_mapper, right_duration_mapper)
    most, size = checks.whole(name, "capacity", capacity), checks.whole(name, "prefetch", prefetch)
    patience = checks.seconds(name, "stalled", stalled)

    def feed(flow: Flow[Any], context: Context) -> Feed[Any]:
        return _Correlated(context, flow.feed, make, durations, most, size, patience).outer

    pairs: Any = map_(_pair)

    def apply(flow: Flow[Any]) -> Flow[Any]:
        return Flow[Any](lambda context: feed(flow, context), pairs.stages, latest=flow.latest)

    made: Any = Operator(apply)
    return made


def _pair(group: InnerFlow[Any]) -> tuple[Any, Any]:
    return group.room.key, group
