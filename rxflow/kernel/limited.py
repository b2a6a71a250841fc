"""A boundary that looks at its items: what they weigh, how old and how important they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import repeat
from math import inf, isnan
from numbers import Real
from typing import Any, NamedTuple

from ..protocol import Offer, Victim
from .boundary import Boundary
from .clock import Alarm
from .feed import BUDGET, Context
from .latency import NANOS
from .metering import RARELY
from .queues import Parcel, Shelf
from .statistics import StageStatistics, changed


class Limits(NamedTuple):
    """What a boundary looks at in its items.

    Attributes:
        weight: Function of an item; the capacity bounds the sum, not the number of items.
        ttl: How old an item gets at most (seconds).
        priority: Function of an item; when full, the item with the lowest goes first.
    """

    weight: Callable[[Any], float] | None = None
    ttl: float | None = None
    priority: Callable[[Any], float] | None = None


class Limited(Boundary[Any]):
    """A mixin, before a Boundary: its queue holds parcels, which the consumer takes under the lock.

    The overflow strategy is the Boundary's; this says how many give way, and who
    does where items have a priority.
    """

    def __init__(self, context: Context, *args: Any, limits: Limits, **options: Any) -> None:
        """Make an empty queue.

        Args:
            context: Of the consumer; its scheduler, or the running event loop, is the clock.
            args: Of the Boundary.
            limits: What to look at.
            options: Of the Boundary.
        """
        super().__init__(context, *args, **options)
        self._limits = limits
        self._shelf = Shelf(ranked=limits.priority is not None)
        # It has what the Boundary uses of a deque.
        self._queue = self._shelf  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue]
        self._usual_quick, self._usual_quiet = 0, False
        self._ttl = inf if limits.ttl is None else limits.ttl
        self._alarm = Alarm(self._ring, context.timed().scheduler)
        self._armed = False  # the alarm is set, or is being set
        self._parcels = 0  # how many were taken, 1 in 8 of which tells how long it was held

    # The producer's side.

    def push(self, item: Any) -> Offer:
        """Offer one item; see :meth:`Boundary.push`."""
        if self.closed:
            return Offer.CLOSED
        try:
            parcel = self._parcel(item)
        except BaseException as error:
            self.lose(item, "refused")
            if not isinstance(error, Exception):
                self.interrupted(error)
                raise
            self.break_off(error)
            return Offer.DROPPED
        if self._ttl == inf:
            return super().push(parcel)
        self._expire(parcel.since)
        offer = super().push(parcel)
        self._arm()
        return offer

    def when_room(self, call: Callable[[], object], item: Any = None) -> bool:
        """Have ``call`` called when there may be room for an item."""
        return super().when_room(call, self._parcel(item))

    def full(self, item: Any = None) -> bool:
        """Tell whether an item would find no room."""
        return super().full(self._parcel(item))

    def _parcel(self, item: Any) -> Parcel:
        limits, parcel = self._limits, Parcel(item)
        if limits.weight is not None:
            parcel.weight = self._measured(limits.weight, item, "weight")
        if limits.priority is not None:
            parcel.priority = self._measured(limits.priority, item, "priority")
        parcel.since = self._alarm.now
        return parcel

    def _measured(self, function: Callable[[Any], float], item: Any, name: str) -> float:
        value: Any = function(item)
        if not isinstance(value, Real) or isnan(value):
            raise TypeError(f"{self.name}: the {name} of an item must be a number, not {value!r}")
        if name == "weight" and value < 0:  # type: ignore[operator]
            raise ValueError(f"{self.name}: the weight of an item is negative: {value!r}")
        return value  # type: ignore[return-value]

    # The consumer's side.

    def run(self) -> Iterator[Any]:
        """Give what is held and not too old, oldest first."""
        for _ in repeat(None, BUDGET):
            if self._ttl != inf:
                self._expire(self._alarm.now)
            with self._lock:
                if not self._shelf:
                    return
                parcel = self._shelf.popleft()
                self._look(parcel)
            if self._room:
                self._tell_room()
            yield parcel.item

    def _look(self, parcel: Parcel) -> None:
        """See to the times of one that was taken; the lock is held."""
        if not self._parcels & RARELY:
            self._stay.took(round((self._alarm.now - parcel.since) * NANOS))
        self._parcels += 1
        if not self._shelf:
            self._stay.empty()

    def few(self) -> None:
        """Items are looked at by a run."""

    def cancel(self) -> None:
        """Close, and hand what is held to ``on_discard``."""
        self._alarm.cancel()
        super().cancel()

    def statistics(self) -> Iterator[StageStatistics]:
        """Give the figures, with the weight where that is bounded."""
        *before, own = super().statistics()
        yield from before
        with self._lock:
            oldest = self._alarm.now - self._shelf.first.since if self._shelf else 0.0
            weight = None if self._limits.weight is None else self._shelf.weight
        yield changed(own, weight=weight, oldest_seconds=oldest)

    # Age.

    def _expire(self, now: float) -> None:
        """Drop what is too old; from any thread."""
        lost: list[tuple[Parcel, str]] = []
        with self._lock:
            while self._shelf and self._shelf.first.since + self._ttl <= now:
                lost.append((self._shelf.popleft(), "expired"))
            if not lost:
                return
            self._count_lost("expired", len(lost))
            emptied = not self._shelf
        self._report(lost)
        self._tell_room()
        if emptied and self.closed:
            self._wake()  # the end needs no demand any more

    def _arm(self) -> None:
        """Set the alarm to when the oldest is too old, unless it is set."""
        with self._lock:
            if self._armed or not self._shelf:
                return
            self._armed = True
            due = self._shelf.first.since + self._ttl
        self._alarm.set(due)

    def _ring(self) -> None:
        self._expire(self._alarm.now)
        self._armed = False
        self._arm()

    # Inside; the lock is held.

    def _unmet(self) -> int:
        """Count what is asked for and not yet taken."""
        return max(0, self._wanted - self._count_taken())

    def _full(self, item: Parcel) -> bool:
        if self._limits.weight is None:
            return super()._full(item)
        if item.weight > self._capacity:
            return False  # it is not for want of room that it is refused
        held = self._shelf.beyond(self._unmet()) if self._starting else self._shelf.weight
        return held + item.weight > self._capacity

    def _overflowing(self, item: Parcel) -> tuple[bool, list[tuple[Any, str]]]:
        if self._limits.weight is not None and item.weight > self._capacity:
            return self._too_heavy(item)
        if self._limits.priority is None:
            return super()._overflowing(item)
        full, held = self._full(item), len(self._shelf)
        self._received += 1
        self._shelf.append(item)
        least = self._shelf.pop_least() if full else None
        if self._shelf and not held:
            self._mark(self._received - 1)
        self._peak = max(self._peak, len(self._shelf))
        if least is None:
            return True, []
        self._count_lost("shed", 1)
        return least is not item, [(least, "shed")]

    def _too_heavy(self, item: Parcel) -> tuple[bool, list[tuple[Any, str]]]:
        if self._waits or self._overflow.victim is Victim.STREAM:
            self._overflow_with(item, self.requested)
        self._received += 1
        self._count_lost("too heavy", 1)
        return False, [(item, "too heavy")]

    def _overflow_with(self, item: Any, requested: int) -> None:
        super()._overflow_with(item.item, requested)

    def _load(self) -> float:
        return super()._load() if self._limits.weight is None else self._shelf.weight

    def _evict(self, victim: Victim, item: Any) -> list[Any]:
        take = self._shelf.pop if victim is Victim.NEWEST else self._shelf.popleft
        lost: list[Parcel] = []
        while self._shelf and (victim is Victim.ALL or self._full(item)):
            lost.append(take())
        return lost

    def _emptied(self) -> list[Any]:
        return [parcel.item for parcel in super()._emptied()]

    def _report(self, lost: list[tuple[Any, str]]) -> None:
        # What was refused has not been packed.
        super()._report([(x.item if type(x) is Parcel else x, reason) for x, reason in lost])
