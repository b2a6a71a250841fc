"""The figures that each part of a running Flow keeps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import partial, wraps
from operator import add
from threading import Lock
from typing import Any, TypeAlias

from ..protocol import UNBOUNDED, add_demand
from .latency import NANOS, NONE, Latency
from .lingering import asked


def _none() -> dict[str, int]:
    return {}


@dataclass(frozen=True)
class StageStatistics:
    """A snapshot of one part of a running Flow.

    A part is a source, an operator or the consumer. Synchronous operators that follow one
    another are pulled together, item by item; those of them that hold nothing count nothing.

    At each moment a part works, or is starved or blocked, or has nothing to do:

    - It is *working* while a function of the user runs in it. Of a synchronous one that is
      estimated: 1 run in 64 is timed, and stands for the others. Of an async one, or one in an
      executor, the times of all calls are added up, so there may be more seconds than have passed.
    - It is *starved* from the moment at which it is asked for an item and neither has one nor
      can make one, until there is something to be pulled or it is not asked any more; and while
      a synchronous part before it, in the same pull, works.
    - It is *blocked* while nobody pulls it: there is no demand, the consumer is busy with an
      item, or a part behind it works. A part that is filled from the other side, as the
      boundaries are, is blocked as long as it holds an item that can be taken, and idle when
      it is not asked and holds none.

    The clock is that of the scheduler that was passed to ``subscribe``, or of the event loop,
    where their time is virtual; else the system's.

    Attributes:
        name: The operator, source or consumer.
        requested: Demand that has reached it so far (items; UNBOUNDED for all).
        received: Items that have come in (items).
        delivered: Items that have gone out (items).
        held: Items in it now (items).
        peak: The most that were in it at once (items).
        capacity: The most it may hold (items), None where it holds nothing.
        dropped: Items that were given up for want of room, by reason (items).
        discarded: Items that were held when the stream was cancelled or failed (items).
        waited_seconds: How long producers were made to wait for room (seconds).
        weight: What the items in it weigh now, where ``capacity`` bounds that; else None.
        blocked_seconds: How long it was blocked (seconds).
        starved_seconds: How long it was starved (seconds).
        working_seconds: How long functions of the user were at work in it (seconds).
        in_flight: Items that a function of the user is at work on now (items).
        oldest_seconds: How long the oldest item has been in it, estimated between the items
            whose time is known (seconds).
        inputs: How many parts it draws from: those before it, each with what that one draws
            from; 0 for a source. So the figures of a pipeline are a tree in post-order.
        shared: Which hub it belongs to, a number, where several subscriptions draw from it,
            each of which tells its figures; else 0.
        latency: How long items were in it, from samples.
        metered: How long it was starved and blocked is known; else the consumer adds that.
    """

    name: str
    requested: int = 0
    received: int = 0
    delivered: int = 0
    held: int = 0
    peak: int = 0
    capacity: int | None = None
    dropped: Mapping[str, int] = field(default_factory=_none)
    discarded: int = 0
    waited_seconds: float = 0.0
    weight: float | None = None
    blocked_seconds: float = 0.0
    starved_seconds: float = 0.0
    working_seconds: float = 0.0
    in_flight: int = 0
    oldest_seconds: float = 0.0
    inputs: int = 1
    shared: int = 0
    latency: Latency = NONE
    metered: bool = field(default=False, repr=False, compare=False)

    @property
    def utilisation(self) -> float | None:
        """How full it is, from 0 to 1, by weight where that is bounded; None without a bound."""
        if not self.capacity:
            return None
        return (self.held if self.weight is None else self.weight) / self.capacity

    def plus(self, other: StageStatistics) -> StageStatistics:
        """Add up the figures of two parts that do the same work, one after the other.

        Args:
            other: The figures of the other part.
        """
        both = changed(self)
        _absorb(both, other)
        return both

    def minus(self, earlier: StageStatistics) -> StageStatistics:
        """Give what has happened since an earlier snapshot of the same part.

        Divided by the seconds between the two, ``delivered`` is the throughput, and each of
        the seconds a share of the time.

        Args:
            earlier: That snapshot.

        Returns:
            What counts up is the difference; what goes up and down is as it is now.
        """
        endless = UNBOUNDED in (self.requested, earlier.requested)
        return changed(
            self,
            requested=self.requested if endless else self.requested - earlier.requested,
            dropped=Counter(self.dropped) - Counter(earlier.dropped),
            latency=self.latency.minus(earlier.latency),
            **{name: getattr(self, name) - getattr(earlier, name) for name in _COUNTERS},
        )


_declared = StageStatistics.__init__
_names = frozenset(each.name for each in fields(StageStatistics))


@wraps(_declared)
def _write_down(self: StageStatistics, name: str, *more: Any, **figures: Any) -> None:
    """Write down what is said, and nothing else: the rest is as the class has it.

    They are made for each part of each subscription that is looked at, and mostly say little.
    """
    if more or not _names.issuperset(figures):
        _declared(self, name, *more, **figures)
        return
    self.__dict__.update(figures, name=name)


StageStatistics.__init__ = _write_down  # type: ignore[method-assign]


class _Nothing:
    """What is found as ``dropped`` where nothing is said of it."""

    def __get__(self, part: object, of: type | None = None) -> dict[str, int]:
        return {}


StageStatistics.dropped = _Nothing()  # type: ignore # pyright: ignore


def timed(name: str, starved: float, working: float, blocked: float) -> StageStatistics:
    """Make the figures of a part of which only the times are known.

    Args:
        name: The part.
        starved: How long it was starved (seconds).
        working: How long it was working (seconds).
        blocked: How long it was blocked (seconds).
    """
    part = object.__new__(StageStatistics)
    part.__dict__["name"] = name
    retime(part, starved, working, blocked)
    return part


def retime(part: StageStatistics, starved: float, working: float, blocked: float) -> None:
    """Put the times of a part into its figures, which nobody else has yet.

    Args:
        part: Its figures.
        starved: How long it was starved (seconds).
        working: How long it was working (seconds).
        blocked: How long it was blocked (seconds).
    """
    part.__dict__.update(
        starved_seconds=starved, working_seconds=working, blocked_seconds=blocked, metered=True
    )


def changed(part: StageStatistics, **figures: Any) -> StageStatistics:
    """Give figures like others, but for some: as ``dataclasses.replace``, and quicker.

    Args:
        part: The others.
        figures: What is to be different.
    """
    other = object.__new__(StageStatistics)
    other.__dict__.update(part.__dict__, **figures)
    return other


_COUNTERS = (
    *("received", "delivered", "discarded"),
    *("waited_seconds", "blocked_seconds", "starved_seconds", "working_seconds"),
)
"""What only counts up, and is simply added."""

_LATEST = ("capacity", "weight", "inputs", "shared")
"""What is as the later one of two parts has it."""


def _add_drops(one: Mapping[str, int], other: Mapping[str, int]) -> Mapping[str, int]:
    return Counter(one) + Counter(other) if other else one


_SUMS: dict[str, Callable[[Any, Any], Any]] = {
    **dict.fromkeys((*_COUNTERS, "held", "in_flight"), add),
    "requested": add_demand,
    "peak": max,
    "oldest_seconds": max,
    "dropped": _add_drops,
    "latency": Latency.plus,
}
"""How each figure of two parts becomes one, where that is more than the later one."""


def _absorb(into: StageStatistics, part: StageStatistics) -> None:
    """Add the figures of another part that does the same work, in place.

    Args:
        into: Figures that nobody else has yet.
        part: Those of the other part.
    """
    sums = into.__dict__
    for name, value in part.__dict__.items():
        how = _SUMS.get(name)
        if how is not None:
            sums[name] = how(getattr(into, name), value)
    for name in _LATEST:
        sums[name] = getattr(part, name)
    sums["metered"] = into.metered and part.metered


def count_roots(parts: Iterable[StageStatistics]) -> int:
    """Count the parts, of some in post-order, that no other one of them draws from.

    Args:
        parts: The figures, source first.
    """
    roots = 0
    for part in parts:
        roots += 1 - part.inputs
    return roots


def joined(before: Iterable[StageStatistics], own: StageStatistics) -> Iterator[StageStatistics]:
    """Give the figures of a part that draws from several, behind theirs.

    Args:
        before: All that it draws from, each with what that draws from, source first.
        own: Its own, which nobody else has; how many it draws from is counted, and put in.
    """
    roots = 0
    for part in before:
        roots += 1 - part.inputs
        yield part
    own.__dict__["inputs"] = roots
    yield own


Figures: TypeAlias = Callable[[], Iterable[StageStatistics]]
"""Gives the figures of a part, and of those before it, as they are when it is called."""

_Sums = dict[tuple[Any, ...], list[StageStatistics]]
"""By names and inputs, the figures of parts that are put together alike, source first."""


class Ledger:
    """The figures of parts that have ended, so that no count is lost.

    Those that are put together alike are added up, so it stays small however many there are.
    """

    __slots__ = ("_late", "_lock", "_past", "_simple")

    def __init__(self) -> None:
        self._lock = Lock()
        self._past: _Sums = {}
        self._late: list[Figures] = []  # of parts whose last figures are still to come
        # Of sources that only count what they give, by name: those items, and the times
        # (nanoseconds); there may be one for each item, so there is no more ado.
        self._simple: dict[str, list[int]] = {}

    def count(self, name: str, given: int, life: int, starved: int) -> None:
        """Add the figures of a source that has ended and only counts.

        Args:
            name: The source.
            given: What it gave (items).
            life: How long it was there (nanoseconds).
            starved: How long it was starved (nanoseconds).
        """
        sums = self._simple.get(name)
        if sums is None:
            sums = self._simple[name] = [0, 0, 0]
        sums[0] += given
        sums[1] += life - starved
        sums[2] += starved

    def keep(self, figures: Figures) -> None:
        """Add the last figures of a part that has ended, as soon as they are the last.

        Args:
            figures: Gives them.
        """
        self.begin(figures)
        self.end(figures)

    def begin(self, figures: Figures) -> None:
        """Add the figures of a part that goes on.

        Args:
            figures: Gives them.
        """
        with self._lock:
            self._late.append(figures)

    def end(self, figures: Figures) -> None:
        """Have the figures of a part that was added be its last, as soon as they are.

        Args:
            figures: Gives them.
        """
        ended, late = asked(lambda: list(figures()))
        if late is not None:
            late.when_over(partial(self.end, figures))
            return
        with self._lock:  # who adds up meanwhile must find them in one place or the other
            self._late.remove(figures)
            self._add(self._past, ended)

    @staticmethod
    def _add(sums: _Sums, parts: list[StageStatistics]) -> None:
        shape = tuple([(part.name, part.inputs) for part in parts])
        past = sums.get(shape)
        if past is None:
            sums[shape] = [changed(part) for part in parts]  # which it may add to
            return
        for had, part in zip(past, parts, strict=True):
            _absorb(had, part)

    def __iter__(self) -> Iterator[StageStatistics]:
        """Give the sums."""
        for name, (given, blocked, starved) in self._simple.copy().items():
            yield StageStatistics(
                name,
                received=given,
                delivered=given,
                blocked_seconds=blocked / NANOS,
                starved_seconds=starved / NANOS,
                inputs=0,
                metered=True,
            )
        with self._lock:
            sums = {shape: [changed(part) for part in parts] for shape, parts in self._past.items()}
            late = tuple(self._late)
        for figures in late:
            self._add(sums, list(figures()))
        for parts in sums.values():
            yield from parts
