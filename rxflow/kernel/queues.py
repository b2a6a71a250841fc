"""What a boundary keeps its items in."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from heapq import heapify, heappop, heappush
from itertools import repeat, starmap
from typing import Any, TypeVar

from .feed import NOTHING, Few
from .metering import Stay

T = TypeVar("T")

FEW = 4
"""So many items are taken one at a time, without a run of their own (items)."""


def popped(pop: Callable[[], T], most: int) -> list[T]:
    """Take items out of a queue, one at a time, since the consumer may be taking, too.

    Args:
        pop: Takes one; raises an IndexError where there is none.
        most: So many at most (items).
    """
    items: list[T] = []
    with suppress(IndexError):  # CPython leaves in the list what has come before it
        items.extend(starmap(pop, repeat((), most)))
    return items


class Held(Few):
    """Takes the items of a queue."""

    __slots__ = ("_queue", "_stay", "_took", "left")

    def __init__(self, queue: deque[Any], stay: Stay, took: Callable[[], None]) -> None:
        """Take none yet.

        Args:
            queue: Where from.
            stay: Measures how long they were in it.
            took: To be called when it is to be looked at, or nothing is left.
        """
        self._queue = queue
        self._stay = stay
        self._took = took
        self.left: int = 0  # how many it may still take, so that a cancel is heard

    def __next__(self) -> Any:
        """Take one."""
        if self._queue and self.left:
            self.left -= 1
            try:
                item = self._queue.popleft()
            except IndexError:  # the producer was quicker and has evicted it
                pass
            else:
                if not self._queue or self._stay.marked:
                    self._took()
                return item
        self.ended = True
        raise StopIteration


class One(Few):
    """Takes the one item that was put into it last."""

    __slots__ = ("item",)

    def __init__(self) -> None:
        """Have none yet."""
        self.item: Any = NOTHING

    def __next__(self) -> Any:
        """Take it."""
        item, self.item = self.item, NOTHING
        if item is NOTHING:
            self.ended = True
            raise StopIteration
        return item


class Parcel:
    """An item with what a boundary has to know of it.

    Attributes:
        item: It.
        weight: How much of the capacity it takes.
        priority: How important it is.
        since: When it came (seconds).
        key: What it belongs to.
    """

    __slots__ = ("item", "key", "priority", "since", "weight")

    def __init__(
        self,
        item: Any,
        weight: float = 1,
        priority: float = 0,
        since: float = 0.0,
        key: Any = None,
    ) -> None:
        """Pack an item; see the attributes."""
        self.item: Any = item
        self.weight: float = weight
        self.priority: float = priority
        self.since: float = since
        self.key: Any = key


class Shelf:
    """Parcels in the order of their arrival, any of which can be taken out.

    Whoever uses it holds the lock of the boundary.

    Attributes:
        weight: What they weigh together.
    """

    def __init__(self, ranked: bool = False) -> None:
        """Make an empty one.

        Args:
            ranked: It is asked for the least important.
        """
        self._parcels: OrderedDict[int, Parcel] = OrderedDict()
        self._numbers = 0
        self.weight: float = 0
        # By priority, then by age; also those that have left otherwise. None where nobody asks.
        self._ranks: list[tuple[float, int]] | None = [] if ranked else None

    def __len__(self) -> int:
        """Count them."""
        return len(self._parcels)

    @property
    def first(self) -> Parcel:
        """The oldest."""
        return next(iter(self._parcels.values()))

    def beyond(self, count: int) -> float:
        """Weigh those behind the first few (items)."""
        return sum(parcel.weight for parcel in list(self._parcels.values())[count:])

    def append(self, item: Parcel, /) -> None:
        """Put one behind all others."""
        self._numbers += 1
        self._parcels[self._numbers] = item
        self.weight += item.weight
        if self._ranks is not None:
            heappush(self._ranks, (item.priority, self._numbers))
            if len(self._ranks) > 2 * len(self._parcels) + 64:
                self._ranks = [(p.priority, number) for number, p in self._parcels.items()]
                heapify(self._ranks)

    def popleft(self) -> Parcel:
        """Take out the oldest."""
        return self._outermost(last=False)

    def pop(self) -> Parcel:
        """Take out the newest."""
        return self._outermost(last=True)

    def pop_least(self) -> Parcel:
        """Take out the least important, of several the oldest."""
        assert self._ranks is not None
        number = 0
        while number not in self._parcels:
            number = heappop(self._ranks)[1]
        return self._out(self._parcels.pop(number))

    def _outermost(self, last: bool) -> Parcel:
        if not self._parcels:
            raise IndexError("nothing is held")
        return self._out(self._parcels.popitem(last)[1])

    def _out(self, parcel: Parcel) -> Parcel:
        self.weight -= parcel.weight
        if not self._parcels:
            self.weight = 0  # what was rounded does not add up for ever
        return parcel


class Slots(Shelf):
    """A place for each key, in the order in which the keys came.

    What is in a place may be lent, to be merged; then another parcel of the key takes it.
    """

    def __init__(self) -> None:
        """Make none yet."""
        super().__init__()
        self._slots: OrderedDict[Any, Parcel | None] = OrderedDict()  # None while it is lent
        self._lent = 0

    def __len__(self) -> int:
        """Count the parcels that are there."""
        return len(self._slots) - self._lent

    def __contains__(self, key: Any) -> bool:
        """Tell whether a key has a place."""
        return key in self._slots

    @property
    def places(self) -> int:
        """How many keys have a place."""
        return len(self._slots)

    @property
    def first(self) -> Parcel:
        """That of the oldest key whose place is not lent."""
        return next(parcel for parcel in self._slots.values() if parcel is not None)

    def lend(self, key: Any) -> Parcel | None:
        """Give what is in the place of a key, which keeps it."""
        parcel = self._slots.get(key)
        if parcel is not None:
            self._slots[key] = None
            self._lent += 1
        return parcel

    def append(self, item: Parcel, /) -> None:
        """Put one in the place of its key, behind all others if it has none."""
        if item.key in self._slots and self._slots[item.key] is None:
            self._lent -= 1
        self._slots[item.key] = item

    def popleft(self) -> Parcel:
        """Take out that of the oldest key."""
        return self._first(iter(self._slots))

    def pop(self) -> Parcel:
        """Take out that of the newest key."""
        return self._first(reversed(self._slots))

    def _first(self, keys: Iterator[Any]) -> Parcel:
        for key in keys:
            parcel = self._slots[key]
            if parcel is not None:
                del self._slots[key]
                return parcel
        raise IndexError("nothing is held")
