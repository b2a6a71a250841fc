"""How long a part has waited, and what for: read from a clock when that changes, never per item.

A *segment* is what is pulled through one edge: a source and the synchronous stages over it.
Its consumer (a Drain, an Input, a loop) has a :class:`Meter`, and tells it when the segment
was asked and had nothing, and when that is over. The stages tell, by samples, how long the
functions of the user are at work in them. All else follows: at any time one part of a segment
works, those before it are blocked and those behind it are starved; while nobody asks all are
blocked, and while there is nothing all are starved. Queues that are filled from the other side
have a :class:`Stay` beside it.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias

from .latency import NANOS, NONE, Histogram, Latency, next_lot
from .statistics import StageStatistics

SAMPLED = 63
"""A mask: of single items that are handed over at once, and of runs, 1 in 64 is timed."""

SLOW = 1_000_000
"""An item that was held for so long (nanoseconds) is followed by another one that is timed."""

RARELY = 7
"""A mask: otherwise 1 in 8 of those is."""


Times: TypeAlias = tuple[int, int]
"""How long there has been an edge, and for how long of that it was starved (nanoseconds)."""


class Meter:
    """Measures how long an edge was asked for items and had none.

    Attributes:
        now: Reads the clock (nanoseconds).
        open: Since when it has been starved: one time, or none. To be told more often than
            that changes is no harm; to look whether it holds something is cheap.
        handed: How many single items but one were handed over at once, while it was starved
            (items).
    """

    __slots__ = ("_began", "_ended", "_lent", "_starved", "_timed", "handed", "now", "open")

    def __init__(self, now: Callable[[], int]) -> None:
        """Begin.

        Args:
            now: Reads the clock (nanoseconds).
        """
        self.now: Callable[[], int] = now
        self.open: list[int] = []  # a list, since of two threads only one can pop what is in it
        self.handed: int = -1
        self._began = now()
        self._ended: int | None = None
        self._starved = 0
        self._timed = self._lent = 0  # how many of those handed over were timed, and their time

    def starve(self) -> None:
        """Hear that there is nothing, though it is asked for."""
        if not self.open and self._ended is None:
            self.open.append(self.now())

    def served(self) -> None:
        """Hear that there is something, or that it is not asked for any more."""
        try:
            since = self.open.pop()
        except IndexError:
            return
        self._starved += self.now() - since

    def returned(self, since: int) -> None:
        """Hear how long the consumer had the thread with an item that was handed over.

        Args:
            since: When it was given the item (nanoseconds).
        """
        self._timed += 1
        self._lent += self.now() - since

    @property
    def stopped(self) -> bool:
        """Whether it measures no more."""
        return self._ended is not None

    def stop(self) -> None:
        """Measure no more; idempotent."""
        self.served()
        if self._ended is None:
            self._ended = self.now()

    def times(self) -> Times:
        """Give how long there has been an edge, and for how long of that it was starved.

        Returns:
            Nanoseconds.
        """
        since = self.open and self.open.copy()
        now = self.now() if self._ended is None else self._ended
        starved = self._starved
        for each in since:
            if now > each:
                starved += now - each
        if self._timed:  # it was not starved while its consumer was busy with what it got
            starved = max(0, starved - self._lent * (self.handed + 1) // self._timed)
        life = now - self._began
        return life, starved if starved < life else life

    def fill(self, parts: Iterable[StageStatistics], pulled: float = 0.0) -> list[StageStatistics]:
        """Say of the parts that nobody has said it of how long they were starved and blocked.

        Args:
            parts: Those that are pulled through this edge, and those before them. What they
                do not say is put into them, so they are no one else's, or are of what is over.
            pulled: How long it took to pull their items out of them (seconds).
        """
        filled = list(parts)
        empty = [each for part in filled if not (each := part.__dict__).get("metered")]
        if empty:
            life, starved = self.times()
            seconds, blocked = starved / NANOS, max(0.0, (life - starved) / NANOS - pulled)
            for each in empty:
                each.update(starved_seconds=seconds, blocked_seconds=blocked, metered=True)
        return filled


class Lap(Meter):
    """Measures the same edge, for one of several Feeds that follow one another there."""

    __slots__ = ("_all", "_before", "_last")

    def __init__(self, meter: Meter) -> None:
        """Begin.

        Args:
            meter: Of the edge.
        """
        super().__init__(meter.now)
        self._all = meter
        self._before = meter.times()
        self._last: tuple[int, int] | None = None  # when it was over

    def stop(self) -> None:
        """Measure no more; idempotent."""
        self._last = self._last or self._all.times()

    def times(self) -> tuple[int, int]:
        """Give the same as a :class:`Meter`, since it began."""
        life, starved = self._last or self._all.times()
        return life - self._before[0], starved - self._before[1]


class Stay:
    """Measures how long a queue holds something, and how long items are in it.

    Items are told apart by their position: how many leave at the front of the queue before
    them. At most one is timed at a time.

    Attributes:
        limit: When more than so many items have come and are in the queue no more, the one
            that is timed may be among them.
        marked: An item is timed.
        armed: The next item is to be timed, though the queue is not empty.
        alone: Of the items that have come since the queue was empty, at ``since``, there is but
            one. It is timed, though not marked before another one has ``joined`` it.
        since: When the queue came to hold something; None while it is empty.
    """

    __slots__ = (
        "_held",
        "_histogram",
        "_known",
        "_known_since",
        "_lot",
        "_marks",
        "_now",
        "_position",
        "_quick",
        "_seed",
        "_time",
        "alone",
        "armed",
        "limit",
        "marked",
        "since",
    )

    def __init__(self, now: Callable[[], int]) -> None:
        """Begin with an empty queue.

        Args:
            now: Reads the clock (nanoseconds).
        """
        self._now = now
        self.since: int | None = None
        self._held = 0  # how long it had held something before that
        # When the item came that is timed, and where; while none is, by when those before had come.
        self._time = self._position = 0
        self.limit: int = 0
        self._known = self._known_since = 0  # its place and time, of one not behind the first
        self._marks = 0
        # Of the items that went alone and were not slow: how many have gone since one was counted,
        # how many have when the next one is, and what that was made of.
        self._quick, self._lot, self._seed = 0, 1, 1
        self._histogram: Histogram | None = None  # made when it is needed
        self.marked: bool = False
        self.armed: bool = False
        self.alone: bool = False

    def mark(self, before: int, lost: int) -> None:
        """Time the item that is put into the queue now.

        Args:
            before: How many have come before it.
            lost: How many of those have left otherwise than at the front of the queue.
        """
        self._time = now = self._now()
        self._position, self.limit = before - lost, before
        self.marked, self.armed = True, False
        if self.since is None:
            self.since = now
            self._known, self._known_since = self._position, now

    def joined(self, gone: int, lost: int) -> None:
        """Hear that another item comes to the one that is alone.

        Args:
            gone: How many had come before that.
            lost: How many of those have left otherwise than at the front of the queue.
        """
        assert self.since is not None
        self.alone, self.marked = False, True
        self._position, self.limit = gone - lost, gone
        self._known, self._known_since = self._position, self.since
        self._time = self.since

    def went(self) -> None:
        """Hear that the item was taken that was alone.

        All that were slow are counted one by one, of the others as :func:`next_lot` says.
        """
        assert self.since is not None
        stayed = self._now() - self.since
        self._held += stayed
        self.since, self.alone = None, False
        if stayed >= SLOW:
            self.took(stayed)
            return
        self._quick = quick = self._quick + 1
        if quick >= self._lot:
            self.took(stayed, quick)
            self._quick = 0
            self._lot, self._seed = next_lot(self._seed)

    def timed_at(self, before: int, lost: int) -> bool:
        """Tell whether the item is timed in whose place another one is put into the queue now.

        Args:
            before: As for ``mark``.
            lost: As for ``mark``.
        """
        return self.marked and self._position == before - lost

    def left(self, gone: int, lost: int, held: int) -> None:
        """Hear that an item was taken.

        Args:
            gone: How many have come and are in the queue no more.
            lost: How many of those have left otherwise than at its front.
            held: How many are left in the queue (items).
        """
        if self.alone:
            if not held:
                self.went()
            return
        if self.since is None:
            return
        passed, position = gone - lost, self._position
        self.limit = position + lost
        due = self.marked and passed > position
        if held and not due:
            return
        now = self._now()
        if due:
            self._marks += 1
            if passed == position + 1:  # else it had to give way
                self.took(now - self._time)
        if not held:
            self._held += now - self.since
            self.since = None
            self.marked = self.armed = False
            return
        self.marked = False
        self.armed = now - self._time >= SLOW or not self._marks & RARELY
        self._known, self._known_since = position, self._time
        self._position, self._time = passed + held, now  # so many had come by now

    def took(self, nanos: int, times: int = 1) -> None:
        """Count how long an item was in the queue.

        Args:
            nanos: Nanoseconds.
            times: For how many it stands (items).
        """
        if self._histogram is None:
            self._histogram = Histogram()
        self._histogram.add(nanos, times)

    def empty(self) -> None:
        """Hear that the queue is empty; idempotent."""
        if self.since is not None:
            self._held += self._now() - self.since
            self.since = None
            self.marked = self.armed = self.alone = False

    @property
    def seconds(self) -> float:
        """How long the queue has held something (seconds)."""
        since = self.since
        return (self._held + (0 if since is None else self._now() - since)) / NANOS

    def figures(self, gone: int, lost: int, held: int) -> tuple[float, float, Histogram | None]:
        """Give all at once: how long it has held something, the oldest for how long, the latency.

        Args:
            gone: As for ``left``.
            lost: As for ``left``.
            held: How many are in the queue (items).

        Returns:
            Seconds, and as it is counted; None where nothing was measured.
        """
        if self.since is None:
            return self._held / NANOS, 0.0, self._histogram
        return self.seconds, self.oldest(gone, lost, held), self._histogram

    @property
    def latency(self) -> Latency:
        """How long items were in it."""
        return NONE if self._histogram is None else self._histogram.latency()

    def oldest(self, gone: int, lost: int, held: int) -> float:
        """Estimate how long the first item has been in the queue.

        It is exact where that item was timed, or was the first to come; others count as having
        come at equal intervals between two times that are known: when an item came that was
        timed, and when it left, by when all that were held had come.

        Args:
            gone: As for ``left``.
            lost: As for ``left``.
            held: How many are in the queue (items).

        Returns:
            Seconds.
        """
        if not held or self.since is None:
            return 0.0
        if self.alone:
            return (self._now() - self.since) / NANOS
        now, passed = self._now(), gone - lost
        before, came = self._known, self._known_since
        behind, later = self._position, self._time
        if passed >= behind + self.marked:  # nothing is known of those that came after that
            if self.marked:  # it had to give way, and nothing was taken since
                before, came = behind, later
            behind, later = passed + held, now
        if passed < behind and before < behind:
            later = came + (later - came) * max(0, passed - before) // (behind - before)
        return max(0, now - later) / NANOS


class Timed:
    """An iterator that measures how long another one takes; it can be advanced after its end."""

    __slots__ = ("_items", "_now", "_spent", "_stage", "count")

    def __init__(
        self, items: Iterator[Any], now: Callable[[], int], spent: array[int], stage: int
    ) -> None:
        """Measure.

        Args:
            items: What is measured.
            now: Reads the clock (nanoseconds).
            spent: Where the time is added up (nanoseconds), for each stage.
            stage: Its place there.
        """
        self._items = items
        self._now = now
        self._spent = spent
        self._stage = stage
        self.count: int = 0  # items that have come

    def __iter__(self) -> Timed:
        """Return itself."""
        return self

    def __next__(self) -> Any:
        """Advance the other one."""
        began = self._now()
        try:
            item = next(self._items)
        finally:
            self._spent[self._stage] += self._now() - began
        self.count += 1
        return item


def shares_of(life: float, waited: float, spent: array[int], each: float) -> list[float]:
    """Give how long each stage of an island was starved, working and blocked, in turn (seconds).

    Args:
        life: How long it has been there (seconds).
        waited: How long its first stage was starved (seconds).
        spent: How long the samples took, from the source and then with each stage (nanoseconds).
        each: What is to be multiplied by, for all inputs (seconds).
    """
    if not each:
        share = (waited, 0.0, life - waited) if waited < life else (life, 0.0, 0.0)
        return [*share * (len(spent) - 1)]
    shares: list[float] = []
    before = spent[0]
    for after in spent[1:]:
        worked = (after - before) * each if after > before else 0.0
        if (left := life - waited) > 0:
            shares += (waited, worked, left - worked if left > worked else 0.0)
        else:
            shares += (life, worked, 0.0)
        waited += worked
        before = after
    return shares


def by_stage(shares: Iterable[float]) -> Iterator[tuple[float, float, float]]:
    """Give what :func:`shares_of` gave for each stage.

    Args:
        shares: It.
    """
    told = iter(shares)
    return zip(told, told, told, strict=True)
