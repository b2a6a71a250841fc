"""One Flow per key: group_by, group_by_until."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, TypeVar, overload

import reactivex.operators as stock
from reactivex import GroupedObservable, Observable
from reactivex.subject import Subject
from reactivex.typing import Mapper

from ..flow import Flow, checks, lift
from ..flow.grouped import GroupedFlow
from ..flow.inlet import inlet
from ..flow.operator import fed, operator
from ..flow.source import Source
from ..kernel import HANDOVER, Context, Input
from ..protocol import TooManyGroupsError
from .splitting import Make, Room, Split

T = TypeVar("T")
K = TypeVar("K")
V = TypeVar("V")

GROUPS = 256
"""Most groups that are open at once unless said otherwise: as many as flat_map reads (groups)."""

STALLED = 10.0
"""How long a group that is full may keep the others waiting unless said otherwise (seconds)."""


class _Grouping(Split):
    """A room for each key."""

    def __init__(
        self,
        context: Context,
        make: Make,
        name: str,
        key_mapper: Callable[[Any], Any],
        element_mapper: Callable[[Any], Any] | None,
        duration_mapper: Callable[[Any], Any] | None,
        max_groups: int,
        prefetch: int,
        idle: float | None,
        stalled: float | None,
    ) -> None:
        super().__init__(
            context,
            make,
            name,
            prefetch=prefetch,
            inners=max_groups,
            stalled=stalled,
            max_groups=max_groups,
        )
        self._key = key_mapper
        self._element = element_mapper
        self._duration = duration_mapper
        self._most = max_groups
        self._idle = idle
        self._groups: dict[Any, Room] = {}  # open, where idle is told the longest unused first
        self._lives: dict[Input, tuple[Any, Room]] = {}  # by what ends a group: the group
        self._taps: dict[Room, Subject[Any]] = {}  # what a duration may observe of its group

    def route(self, item: Any) -> Iterator[tuple[Any, Any]]:
        key = self._key(item)
        room = self._groups.get(key)
        if room is None:
            if self.outer.closed:
                self.drop("no consumer of new groups")
                return
            room = self._open(key)
            ends = None if self._duration is None else self._lifetime(key, room, self._duration)
            yield self.outer, GroupedFlow(key, room)
            if ends is not None:
                self.begin(ends, self._lives, (key, room))
        value = item if self._element is None else self._element(item)
        if self._idle is not None:
            room.used = self.alarm.now
            self._groups[key] = self._groups.pop(key)
        yield room, value
        if room in self._taps:
            self._taps[room].on_next(value)

    def _open(self, key: Any) -> Room:
        if len(self._groups) >= self._most:
            raise TooManyGroupsError(self._most, key)
        room = self._groups[key] = self.room(f"group {key!r}", key)
        return room

    def _lifetime(self, key: Any, room: Room, duration: Callable[[Any], Any]) -> Make:
        """Make what ends a group, from the mapper, which may observe the group itself."""
        tap = self._taps[room] = Subject[Any]()
        return inlet(duration(GroupedObservable[Any, Any](key, tap)), self.name, timed=True)

    def attend(self) -> None:
        while fired := self.fired(self._lives):
            entry, _ = fired
            key, room = self._lives.pop(entry)
            entry.cancel()
            self._expire(key, room)
        if self._idle is not None and self._groups:
            now = self.alarm.now
            for key, room in list(self._groups.items()):
                if now < room.used + self._idle:
                    break
                self._expire(key, room)

    def _expire(self, key: Any, room: Room) -> None:
        del self._groups[key]
        self.close(room)
        tap = self._taps.pop(room, None)
        if tap is not None:
            tap.on_completed()

    def due(self) -> float | None:
        if self._idle is None:
            return None
        return next((room.used + self._idle for room in self._groups.values()), None)

    def release(self) -> None:
        for entry in self._lives:
            entry.cancel()
        self._lives.clear()
        self._groups.clear()
        self._taps.clear()


def _grouped(
    name: str,
    key_mapper: Callable[[Any], Any],
    element_mapper: Callable[[Any], Any] | None,
    duration_mapper: Callable[[Any], Any] | None,
    max_groups: Any,
    prefetch: Any,
    idle: Any,
    stalled: Any,
) -> Any:
    """Check the arguments, and make the operator."""
    checks.function(name, "key_mapper", key_mapper)
    checks.callback(name, "element_mapper", element_mapper)
    most = checks.whole(name, "max_groups", max_groups)
    size = checks.whole(name, "prefetch", prefetch)
    span, patience = checks.seconds(name, "idle", idle), checks.seconds(name, "stalled", stalled)
    return fed(
        lambda context, flow: (
            _Grouping(
                context,
                flow.feed,
                name,
                key_mapper,
                element_mapper,
                duration_mapper,
                most,
                size,
                span,
                patience,
            ).outer
        )
    )


@overload
def group_by(
    key_mapper: Mapper[T, K],
    element_mapper: None = None,
    subject_mapper: Callable[[], Subject[Any]] | None = None,
    *,
    max_groups: int = GROUPS,
    prefetch: int = HANDOVER,
    idle: timedelta | float | None = None,
    stalled: timedelta | float | None = STALLED,
) -> Callable[[Flow[T] | Observable[T]], Flow[GroupedObservable[K, T]]]: ...
@overload
def group_by(
    key_mapper: Mapper[T, K],
    element_mapper: Mapper[T, V],
    subject_mapper: Callable[[], Subject[Any]] | None = None,
    *,
    max_groups: int = GROUPS,
    prefetch: int = HANDOVER,
    idle: timedelta | float | None = None,
    stalled: timedelta | float | None = STALLED,
) -> Callable[[Flow[T] | Observable[T]], Flow[GroupedObservable[K, V]]]: ...
@operator(
    demand="1 at a time, for who asks ; 1:1 ; holds <= max_groups * prefetch + 1",
    category="group",
)
def group_by(
    key_mapper: Mapper[Any, Any],
    element_mapper: Mapper[Any, Any] | None = None,
    subject_mapper: Callable[[], Subject[Any]] | None = None,
    *,
    max_groups: int = GROUPS,
    prefetch: int = HANDOVER,
    idle: timedelta | float | None = None,
    stalled: timedelta | float | None = STALLED,
) -> Callable[[Observable[Any]], Flow[Any]]:
    """Divide the items among Flows, one for each key.

    .. marble::
        :alt: group_by

        request  9-------------------
        source   -1-2-3-4----------|
        [ group_by(lambda x: x % 2) ]
        odd      -1---3------------|
        even     ---2---4----------|

    Demand: 1 at a time, for who asks ; 1:1 ; holds <= max_groups * prefetch + 1.
    Each group is a ``GroupedFlow`` with a ``key``, for one consumer. Upstream is asked
    when the consumer of a group, or of the groups, asks for more than there is. An item
    of another group waits there till its consumer asks; when that group is full, all
    wait. A group that is full and that nobody empties does not keep the others waiting
    for ever: after ``stalled`` the stream fails and the error names it. What comes for a
    group whose consumer has left is dropped, and counted. Without the consumer of the
    groups, those that are read go on.

    Args:
        key_mapper: Function of an item that gives its key.
        element_mapper: Function of an item that gives what goes into the group; the item
            itself when left out.
        subject_mapper: Makes the subject behind each group; then the operator of
            reactivex is lifted, which knows none of the further arguments.
        max_groups: Most groups open at once (groups). Give flat_map behind it as much
            max_concurrency.
        prefetch: Most items that wait in one group (items).
        idle: A group is completed when no item has come for it for so long (seconds);
            its key opens a new one later. None leaves groups open to the end.
        stalled: How long a group that is full and that nobody asks for items may keep
            the others waiting (seconds); None for ever.

    Returns:
        An operator function.

    Raises:
        TypeError: A function is async or none, when the pipeline is built.
        ValueError: A count below 1, or a negative time, when the pipeline is built.

    Errors:
        GroupStalledError: a group has kept the others waiting.
        TooManyGroupsError: a new key while ``max_groups`` are open.
        What a function raises; the failure of the source, behind what the groups hold.

    Source: reactivex group_by; RxJava groupBy.
    """
    if subject_mapper is not None:
        checks.callback("group_by", "subject_mapper", subject_mapper)
        return lift(stock.group_by(key_mapper, element_mapper, subject_mapper))
    return _grouped(
        "group_by", key_mapper, element_mapper, None, max_groups, prefetch, idle, stalled
    )


@operator(
    demand="1 at a time, for who asks ; 1:1 ; holds <= max_groups * prefetch + 1",
    category="group",
)
def group_by_until(
    key_mapper: Mapper[T, K],
    element_mapper: Mapper[T, V] | None,
    duration_mapper: Callable[[GroupedObservable[K, V]], Source[Any]],
    subject_mapper: Callable[[], Subject[Any]] | None = None,
    *,
    max_groups: int = GROUPS,
    prefetch: int = HANDOVER,
    stalled: timedelta | float | None = STALLED,
) -> Callable[[Flow[T] | Observable[T]], Flow[GroupedObservable[K, V]]]:
    """Divide the items among Flows, one for each key, until another source ends that Flow.

    .. marble::
        :alt: group_by_until

        request  9-------------------
        source   -1-2-3---------5--|
        [ group_by_until(lambda x: x % 2, None, lambda _: timer(10.0)) ]
        odd      -1---3-------|
        even     ---2-----------|
        odd      ---------------5--|

    Demand: 1 at a time, for who asks ; 1:1 ; holds <= max_groups * prefetch + 1.
    A key whose group has ended opens a new one when it comes again. All else is as with
    ``group_by``.

    Args:
        key_mapper: Function of an item that gives its key.
        element_mapper: Function of an item that gives what goes into the group; None for
            the item itself.
        duration_mapper: Function of a group that gives a source, whose first item or end
            completes the group. What it is given has the items as they go into the group.
        subject_mapper: Makes the subject behind each group; then the operator of
            reactivex is lifted, which knows none of the further arguments.
        max_groups: Most groups open at once (groups).
        prefetch: Most items that wait in one group (items).
        stalled: How long a group that is full and that nobody asks for items may keep
            the others waiting (seconds); None for ever.

    Returns:
        An operator function.

    Raises:
        TypeError: A function is async or none, when the pipeline is built.
        ValueError: A count below 1, or a negative time, when the pipeline is built.

    Errors:
        GroupStalledError: a group has kept the others waiting.
        TooManyGroupsError: a new key while ``max_groups`` are open.
        What a function raises; the failure of the source or of a duration, behind what
        the groups hold.

    Source: reactivex group_by_until.
    """
    name = "group_by_until"
    checks.function(name, "duration_mapper", duration_mapper)
    if subject_mapper is not None:
        checks.callback(name, "subject_mapper", subject_mapper)
        duration: Any = duration_mapper
        return lift(stock.group_by_until(key_mapper, element_mapper, duration, subject_mapper))
    return _grouped(
        name, key_mapper, element_mapper, duration_mapper, max_groups, prefetch, None, stalled
    )
