"""What a boundary counts, and how long it is and has been full."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from itertools import repeat
from operator import length_hint
from threading import Lock
from typing import Any, Generic, TypeVar

from ..protocol import UNBOUNDED, Overflow, Victim
from .ends import HANDOVER, NEWEST
from .feed import Context, Feed, Server
from .latency import NANOS
from .metering import Meter, Stay, Times
from .rows import QUEUED, Row
from .statistics import StageStatistics, joined
from .waiters import Waiters

T = TypeVar("T")

ATOMIC: bool = getattr(sys, "_is_gil_enabled", lambda: True)()
"""One operation of a deque or an iterator is seen by other threads as a whole, also its count."""


class Counted(Feed[T], Generic[T]):
    """The queue of a boundary, and its figures. The lock guards all fields."""

    __slots__ = (
        "_capacity",
        "_discarded",
        "_displaced",
        "_dropped",
        "_front",
        "_handed",
        "_idle",
        "_lock",
        "_lost",
        "_meter",
        "_overflow",
        "_peak",
        "_queue",
        "_quick",
        "_received",
        "_room",
        "_shortcut",
        "_starting",
        "_stay",
        "_usual_quick",
        "_usual_quiet",
        "_waiters",
        "_wanted",
        "name",
    )

    def __init__(self, context: Context, name: str, capacity: int, overflow: Overflow) -> None:
        """Count from nothing; see :class:`Boundary` for the arguments."""
        self.name: str = name
        self._capacity = capacity
        self._overflow = overflow
        self._lock = Lock()
        self._queue: deque[T] = deque()
        # While fewer are held, there is room without a closer look, as there was before (items):
        # 0 when there is to be one, as always when it is idle, or closed.
        self._quick = 0
        # What is done with an item without the lock: True to have one give way where it is full, or
        # the Server that is handed it where it is idle, none after the end.
        self._shortcut: Server | bool | None = None
        self._idle = True  # the consumer has found the queue empty and waits for a wake
        # The most that _quick gets, and what is done when it is full, while no item is to be timed.
        self._usual_quick = capacity
        self._usual_quiet = False
        self._front = overflow.victim in (Victim.OLDEST, Victim.ALL)  # what gives way was there
        self._starting = False  # the consumer is in a call of the source, and cannot take
        self._received: int = 0  # items offered so far, but for those below
        self._handed: int = 0  # those that were never in the queue; written in a Server's turn
        self._wanted = 0  # demand as a level of items taken: those up to it are asked for
        self._peak: int = 0
        self._dropped: dict[str, int] | None = None  # made when something is
        self._lost: int = 0  # the sum of _dropped, and what gave way quietly
        self._discarded: int = 0
        # Counts, without the lock, what came to a full queue at the cost of an item: it is neither
        # in _received nor in _lost.
        self._displaced = repeat(True, sys.maxsize)
        self._meter = context.meter
        self._stay = Stay(context.meter.now)
        self._waiters = Waiters(context.meter.now)
        self._room = self._waiters.since  # true while a producer waits

    @property
    def requested(self) -> int:
        """Items that are asked for and not yet offered."""
        if self._wanted == UNBOUNDED:
            return UNBOUNDED
        return max(0, self._wanted - (self.received - self._lost))

    @property
    def received(self) -> int:
        """Items offered so far, but for those that came to a full queue at the cost of one."""
        return self._received + self._handed

    def _count_taken(self) -> int:
        """Count the items that the consumer has taken; the lock is held."""
        return self._received + self._handed - self._lost - len(self._queue)

    @contextmanager
    def starting(self) -> Generator[None]:
        """Call into the source on the consumer's side, who cannot take items meanwhile.

        What is asked for is held even beyond the capacity.
        """
        with self._lock:  # who pushes asks for it more than once
            outer, self._starting = self._starting, True
        try:
            yield
        finally:
            with self._lock:
                self._starting = outer

    def _full(self, item: Any) -> bool:
        """Tell whether there is no room for this item; the lock is held."""
        held = len(self._queue)
        if self._capacity and not self._starting:
            return held >= self._capacity
        unmet = max(0, self._wanted - self._count_taken())
        return held >= (self._capacity + unmet if self._starting else min(unmet, HANDOVER))

    def _count_lost(self, reason: str, n: int) -> None:
        if self._dropped is None:
            self._dropped = {}
        self._dropped[reason] = self._dropped.get(reason, 0) + n
        self._lost += n

    def statistics(self) -> Iterator[StageStatistics]:
        """Give the figures of those before it, then its own."""
        own = QUEUED.record(self.name, self._figures(self._meter.times()[1] / NANOS), 0)
        yield from joined(self._before(), own)

    def row(self, row: Row, meter: Meter, times: Times, pulled: float | None = None) -> float:
        """Put the same figures into a row; see :class:`Feed`."""
        waited = (times if meter is self._meter else self._meter.times())[1] / NANOS
        own = self._figures(waited)
        self._put_before(row, times)
        row.shape += (self.name, QUEUED)
        row.figures += own
        return waited

    def _figures(self, starved: float) -> tuple[Any, ...]:
        """Give its own figures, in their order."""
        with self._lock:
            received, lost, held = self._received, self._lost, len(self._queue)
            blocked, oldest, latency = self._stay.figures(
                received - held, 0 if self._front else lost, held
            )
            displaced = sys.maxsize - length_hint(self._displaced)
            handed = self._handed
            delivered = received + handed - held - lost - self._discarded
            return (
                # What was there was asked for by taking it.
                self._wanted if self._wanted > delivered else delivered,
                received + handed + displaced,
                delivered,
                held,
                self._peak or min(1, handed),
                self._capacity,
                self._drops(displaced) if lost or displaced else None,
                self._discarded,
                self._waiters.seconds,
                blocked,
                starved,
                oldest,
                latency,
            )

    def _drops(self, displaced: int) -> dict[str, int]:
        """Count by reason what was given up; the lock is held."""
        dropped = dict(self._dropped or {})
        if quiet := displaced + self._lost - sum(dropped.values()):
            reason = self._overflow.victim.value
            dropped[reason] = dropped.get(reason, 0) + quiet
        return dropped

    def _before(self) -> Iterable[StageStatistics]:
        """Give the figures of what it is filled by, source first; nothing where it is a source."""
        return ()

    def _put_before(self, row: Row, times: Times) -> None:
        """Put the same into a row; see :class:`Feed`."""

    def tally(self) -> int:
        """Count the items that were taken."""
        with self._lock:
            return self._count_taken() - self._discarded

    def _company(self) -> None:
        """Mark the item that is alone, before another one comes; the lock is held.

        The consumer may have taken it, and be about to say so.
        """
        self._stay.joined(self._received - 1, 0 if self._front else self._lost)

    def _mark(self, before: int) -> None:
        """Time the item that is to be put into the queue; the lock is held.

        Args:
            before: How many have come before it (items).
        """
        self._stay.mark(before, 0 if self._front else self._lost)
        # The one that is timed may be the newest, and would give way unseen.
        self._shortcut = self._usual_quiet and self._overflow.victim is not NEWEST

    def _mark_instead(self, before: int) -> None:
        """Time an item if it is due, or the one that was timed had to give way; the lock is held.

        Args:
            before: As for ``_mark``.
        """
        queue, stay = self._queue, self._stay
        if self._front:  # what gave way was there, else it was in the place of the new one
            gone = before - len(queue) > stay.limit
        else:
            gone = stay.timed_at(before, self._lost)
        if gone or stay.armed or not queue:
            self._mark(before)
        else:
            self._shortcut = self._usual_quiet

    def _rises(self, held: int) -> bool:
        """Tell whether one more has room without a closer look; the lock is held.

        It is timed if there is none before it.

        Args:
            held: How many are held before it; they may be as many as ever were, or more.
        """
        most, stay = self._usual_quick, self._stay
        if held >= most or stay.armed:
            return False
        if stay.alone:
            self._company()
        if not self._queue:
            self._mark(self._received)
        if held >= self._peak:
            self._peak = held + 1
        if not self._idle:
            self._quick = self._peak if self._peak < most else most
        return True
