"""Items that lead to further items: expand."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from itertools import repeat as times
from typing import Any, TypeVar

from reactivex import Observable
from reactivex.typing import Mapper

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
from .merged import CONCURRENCY, Make, Merged

T = TypeVar("T")


class Expanded(Merged):
    """Gives items, and keeps each until it is turned into one more Feed to pull.

    Breadth first, as reactivex, while there is room to keep items; else depth first, so that
    what is finite comes to its end within the bounds.
    """

    def __init__(
        self,
        context: Context,
        source: Make,
        inner: Callable[[Any], Make],
        max_concurrency: int,
        capacity: int,
    ) -> None:
        """Make the Feed of the source.

        Args:
            context: The consumer's.
            source: Makes it.
            inner: Turns an item into what makes a Feed.
            max_concurrency: Most Feeds of items open at once (sources).
            capacity: Most items that wait to be turned into one (items).
        """
        super().__init__(
            context,
            [source],
            inner=inner,
            max_concurrency=max_concurrency,
            prefetch=HANDOVER,
        )
        (self._first,) = self._inputs
        self._capacity = capacity
        self._pending = deque[Any]()  # were given, and wait to be turned into a source
        self._spent = False  # an input wants another turn
        self._received = self._peak = self._discarded = self._lost = 0

    def _queue(self, entry: Input) -> None:
        """Look at all in their order instead."""

    def _news(self) -> list[Input]:
        return list(self._inputs)

    def run(self) -> Iterator[Any]:
        """Give what the open ones have; open another when none has anything."""
        self._spent = False
        for _ in times(None, BUDGET):
            if len(self._pending) >= self._capacity and self._open():
                continue
            item = self._take()
            if item is not NOTHING:
                self._keep(item)
                yield item
            elif self._spent or not self._open():
                return

    def _crowded(self) -> bool:
        """Tell whether there is room for one more item only, so that what is there goes first."""
        return len(self._pending) + 1 >= self._capacity

    def _in_order(self) -> list[Input]:
        """Say which may be pulled, the next one first."""
        if not self._crowded():
            return list(self._inputs)
        inner = [entry for entry in reversed(self._inputs) if entry is not self._first]
        return inner if inner or self._pending else list(self._inputs)

    def _take(self) -> Any:
        for entry in self._in_order():
            item = entry.take(self._ask() or 1)
            if item is not NOTHING:
                return item
            if entry.ended:
                self._forget(entry)
            elif not entry.waiting:  # its budget is spent, and so is that of this run
                self._spent = True
                break
        return NOTHING

    def _keep(self, item: Any) -> None:
        self._received += 1
        held = len(self._pending)
        if held >= self._capacity:
            self._lost += 1
            raise BufferOverflowError("expand", self._capacity, held, self._wanted, item)
        self._pending.append(item)
        self._peak = max(self._peak, held + 1)

    def _room(self) -> int:
        return self._max_concurrency - len(self._inputs) + (not self._first.ended)

    def _open(self) -> bool:
        """Turn an item that waits into a source, if one more may be open."""
        if not self._pending or self._room() <= 0:
            return False
        item = self._pending.pop() if self._crowded() else self._pending.popleft()
        assert self._inner is not None
        with own_trampoline():  # else one inside another subscribe would begin too late
            self._begin(self._add(self._inner(item)))
        return True

    def settle(self) -> State:
        """End when all have ended and no item waits."""
        if self._pending and self._room() > 0:
            return State.READY
        if any(not entry.waiting for entry in self._in_order()):
            return State.READY
        return State.WAITING if self._inputs else State.ENDED

    def ending(self) -> bool:
        """Let ends through; the last items may have no source behind them but empty ones."""
        while super().ending() and self._open():
            pass
        return not self._inputs

    def cancel(self) -> None:
        """Cancel them all."""
        super().cancel()
        self._discarded += len(self._pending)
        self._pending.clear()

    def statistics(self) -> Iterator[StageStatistics]:
        """Give those of all, then what becomes of the items that wait."""
        held = len(self._pending)
        own = StageStatistics(
            "expand",
            received=self._received,
            delivered=self._received - held - self._discarded - self._lost,
            held=held,
            peak=self._peak,
            capacity=self._capacity,
            dropped={"overflow": self._lost} if self._lost else {},
            discarded=self._discarded,
        )
        yield from joined(self._sources(), own)


@operator(demand="<= 256 to each ; 1:1 ; holds <= capacity to be expanded", category="combine")
def expand(
    mapper: Mapper[T, Source[T]],
    *,
    max_concurrency: int = CONCURRENCY,
    capacity: int = HANDOVER,
) -> Callable[[Flow[T] | Observable[T]], Flow[T]]:
    """Give each item, and the items of the source it is turned into, and so on with those.

    .. marble::
        :alt: expand

        request  9-------------------
        source   -1-|
        of 1     --2---3-|
        of 2        --4-|
        [ expand(lambda x: ...)      ]
                 -1-2-4-3---|

    Demand: <= 256 to each ; 1:1 ; holds <= capacity to be expanded.
    An item is turned into a source after it was given, when none of the open ones has an
    item; those that were opened first come first. While only one more item may wait to be
    turned into a source, the last one goes first, and the source itself waits.

    Args:
        mapper: Function of an item that gives a Flow, an Observable, a future or an
            iterable of further items; an empty one where there are none.
        max_concurrency: Most sources that items were turned into open at once (sources).
        capacity: Most items that wait to be turned into one (items, at least 1).

    Returns:
        An operator function.

    Raises:
        TypeError: The mapper is no function, or an async one, when the pipeline is built.
        ValueError: A count below 1, when the pipeline is built.

    Errors:
        BufferOverflowError: As many sources are open as may be, as many items wait as may,
            and one of those sources gave one more. What the mapper raises; the first
            failure of any source, which cancels the others.

    Source: reactivex expand; Reactor expand.
    """
    checks.function("expand", "mapper", mapper)
    max_concurrency = checks.whole("expand", "max_concurrency", max_concurrency)
    capacity = checks.whole("expand", "capacity", capacity)

    def inner(item: Any) -> Make:
        return inlet(mapper(item), "expand")

    return fed(lambda context, flow: Expanded(context, flow.feed, inner, max_concurrency, capacity))
