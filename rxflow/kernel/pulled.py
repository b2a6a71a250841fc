"""The Feed of an iterator, and that of a failure."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain, compress, islice, repeat
from operator import length_hint
from sys import maxsize
from typing import Any, cast

from . import hooks
from .feed import BUDGET, Feed, State
from .latency import NANOS
from .metering import Meter, Times
from .rows import GIVEN, Row
from .statistics import Ledger, StageStatistics

# Iterators that know exactly how much is left without being advanced.
_SAMPLES: tuple[Iterable[Any], ...] = (
    *([], (), range(0), "", b""),
    *({}, dict[Any, Any]().values(), dict[Any, Any]().items(), set[Any]()),
)
_SIZED = tuple(type(iter(sample)) for sample in _SAMPLES)


def used_up(iterator: Iterator[Any]) -> bool:
    """Tell, without advancing it, whether an iterator is known to have given its last item."""
    return isinstance(iterator, _SIZED) and not length_hint(iterator)


def close(iterator: Iterator[Any] | None) -> None:
    """Close an iterator that can be closed, such as a generator; what it raises is reported."""
    call = getattr(iterator, "close", None)
    if call is not None:
        hooks.reporting(call)


class _Given(Feed[Any]):
    """What gives its items in the consumer's own steps, and counts them."""

    __slots__ = ("_name",)
    steady: bool = True

    def __init__(self, name: str) -> None:
        """Give the items of a source of that name, for statistics."""
        self._name = name

    def settle(self) -> State:
        """End with the last item."""
        return State.ENDED if self.ending() else State.READY

    @abstractmethod
    def tally(self) -> int:
        """Count the items."""

    def note(self, ledger: Ledger, meter: Meter) -> None:
        """Put its last figures into a ledger: there is no more to say than how many items it gave.

        Args:
            ledger: Where to.
            meter: Of the edge that it was pulled through.
        """
        ledger.count(self._name, self.tally(), *meter.times())

    def record(self) -> Callable[[], Iterable[StageStatistics]]:
        """Give what makes the figures."""
        return partial(_counted, self._name, self.tally())

    def statistics(self) -> Iterator[StageStatistics]:
        """Give how many items there were."""
        yield from _counted(self._name, self.tally())

    def row(self, row: Row, meter: Meter, times: Times, pulled: float | None = None) -> float:
        """Put the same figures into a row; see :class:`Feed`."""
        given = self.tally()
        row.shape += (self._name, GIVEN)
        life, short = times
        starved, blocked = short / NANOS, (life - short) / NANOS - (pulled or 0.0)
        worked = pulled if self.works and pulled else 0.0
        row.figures += (given, given, starved, blocked if blocked > 0 else 0.0, worked)
        return starved


class Numbers(_Given):
    """The Feed of a range: a part of it is one, too, so that its runs need no iterator around."""

    __slots__ = ("_left", "_part")

    def __init__(self, numbers: range, name: str) -> None:
        """Give the numbers of a range.

        Args:
            numbers: It.
            name: The source, for statistics.
        """
        super().__init__(name)
        self._left = numbers
        self._part = _NO_PART  # how many were given with the end of the last one, and that one

    def run(self) -> Iterator[Any]:
        """Give what is left of a part, or the next one."""
        given, part = self._part
        if not length_hint(part):
            numbers, self._left = self._left[:BUDGET], self._left[BUDGET:]
            part = iter(numbers)
            self._part = given + len(numbers), part
        return part

    def ending(self) -> bool:
        """Tell whether the last number was given."""
        return not self._left and not length_hint(self._part[1])

    def cancel(self) -> None:
        """Give no other part."""
        self._left = self._left[:0]

    def tally(self) -> int:
        """Count the items."""
        given, part = self._part
        return given - length_hint(part)


_NO_PART: tuple[int, Iterator[int]] = 0, iter(())


class Pulled(_Given):
    """The Feed of an iterator, which is never advanced beyond demand."""

    __slots__ = (
        *("_count", "_ended", "_items", "_iterator", "_list", "_size", "_sized"),
        "works",
    )

    def __init__(self, items: Iterable[Any], name: str = "from_iterable") -> None:
        """Pull an iterator.

        Args:
            items: It, or what gives it.
            name: The source, for statistics.
        """
        super().__init__(name)
        self._iterator = iterator = iter(items)
        self._sized = isinstance(iterator, _SIZED)  # then its end is known without asking
        self.works: bool = not self._sized
        self._ended = False
        # What is left of this many tells how many items were given; in a list, its place does.
        self._list = cast("list[Any]", items) if type(items) is list else None  # it may change
        self._size = length_hint(iterator) if self._sized else maxsize
        if self._list is not None:
            self._size = 0  # were given when it was looked at last
        self._count: Any = iterator if self._sized else repeat(True, maxsize)
        self._items = (
            iterator if self._sized else compress(chain(iterator, self._end()), self._count)
        )

    def _end(self) -> Iterator[Any]:
        self._ended = True
        return
        yield

    def run(self) -> Iterator[Any]:
        """Advance the iterator."""
        return islice(self._items, BUDGET)

    def ending(self) -> bool:
        """Tell whether a source of known length has given its last item."""
        return self._ended or (self._sized and not length_hint(self._iterator))

    def cancel(self) -> None:
        """Close a generator."""
        self._items = iter(())
        close(self._iterator)

    def tally(self) -> int:
        """Count the items."""
        if self._list is None:
            return self._size - length_hint(self._count)
        place = cast("tuple[Any, ...]", self._iterator.__reduce__())[2:]  # none at its end
        self._size = place[0] if place else max(self._size, len(self._list))
        return self._size


def feed_of(items: Iterable[Any], name: str = "from_iterable") -> Feed[Any]:
    """Make the Feed of an iterable.

    Args:
        items: It.
        name: The source, for statistics.
    """
    return Numbers(items, name) if type(items) is range else Pulled(items, name)


def _counted(name: str, given: int) -> list[StageStatistics]:
    return [StageStatistics(name, received=given, delivered=given, inputs=0)]


class Failed(Feed[Any]):
    """The Feed of a failure."""

    __slots__ = ("_error",)

    def __init__(self, error: Exception) -> None:
        """Fail at once."""
        self._error = error

    def run(self) -> Iterator[Any]:
        """Give nothing."""
        return iter(())

    def settle(self) -> State:
        """Fail."""
        # Without the frames of the last time, which would pile up, and stay alive.
        raise self._error.with_traceback(None)

    def ending(self) -> bool:
        """Need no demand."""
        return True

    def cancel(self) -> None:
        """Do nothing: nothing is open."""

    def note(self, ledger: Ledger, meter: Meter) -> None:
        """Put into a ledger that there was nothing.

        Args:
            ledger: Where to.
            meter: Of the edge that it was pulled through.
        """
        ledger.count("throw", 0, *meter.times())

    def statistics(self) -> Iterator[StageStatistics]:
        """Give that there was nothing."""
        yield StageStatistics("throw", inputs=0)
