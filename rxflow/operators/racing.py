"""The source that is first: amb."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import repeat as times
from typing import Any, TypeVar

from reactivex import Observable

from ..flow import Flow
from ..flow.inlet import inlet
from ..flow.operator import fed, operator
from ..flow.source import Source
from ..kernel import BUDGET, NOTHING, Context, Feed, Input, Ledger, StageStatistics, State, joined
from .merged import Make

T = TypeVar("T")
V = TypeVar("V")


class Raced(Feed[Any]):
    """Asks each Feed for one item; goes on with the first that has one, or ends."""

    def __init__(self, context: Context, sources: Sequence[Make]) -> None:
        """Make the Feeds."""
        self._woken = deque[Input]()  # not looked at since, in the order of their waking
        self._inputs = [Input(make, context, self._queue) for make in sources]
        self._winner: Input | None = None
        self._past = Ledger()  # of those that have lost
        self._wanted = 0

    def start(self) -> None:
        """Start them all, but none after one that has won."""
        for entry in list(self._inputs):
            entry.start(min(1, self._wanted))

    def _queue(self, entry: Input) -> None:
        """Note that something has come of an input; called from any thread."""
        if self._winner is None and not entry.queued:
            entry.queued = True
            self._woken.append(entry)

    def run(self) -> Iterator[Any]:
        """Give the first item of all, then what the winner has."""
        for _ in times(None, BUDGET):
            item = self._first() if self._winner is None else self._winner.take()
            if item is NOTHING:
                return
            yield item

    def _first(self) -> Any:
        """Take an item of the first that has one, which has won; a failure wins too."""
        while self._winner is None and (entry := self._next()) is not None:
            try:
                item = entry.take()
            except Exception:
                self._win(entry)
                raise
            if item is not NOTHING or entry.ended:
                self._win(entry)
                return item
            if not entry.waiting:  # its budget is spent, and so is that of this run
                break
        return NOTHING

    def _next(self) -> Input | None:
        """Find one that may have something: those that have woken first, in their order."""
        if self._woken:
            entry = self._woken.popleft()
            entry.queued = False  # before it is looked at: a wake meanwhile queues it again
            return entry
        return next((entry for entry in self._inputs if not entry.waiting), None)

    def _win(self, winner: Input) -> None:
        self._winner = winner
        losers = [entry for entry in self._inputs if entry is not winner]
        self._inputs = [winner]
        for entry in losers:
            entry.cancel()
            entry.account(self._past)

    def settle(self) -> State:
        """End with the winner."""
        if self._winner is not None:
            if self._winner.ended:
                return State.ENDED
            return State.WAITING if self._winner.waiting else State.READY
        ready = self._woken or any(not entry.waiting for entry in self._inputs)
        return State.READY if ready else State.WAITING

    def ending(self) -> bool:
        """Let an end win, which needs no demand."""
        for entry in (*self._woken, *self._inputs) if self._winner is None else ():
            try:
                over = entry.over()
            except Exception:
                self._win(entry)
                raise
            if over:
                self._win(entry)
                break
            if entry.queued:
                break  # an item of it waits, and was first
        return self._winner is not None and self._winner.over()

    def want(self, n: int) -> None:
        """Ask each for one item, the winner for what is wanted."""
        self._wanted = n
        for entry in list(self._inputs):
            entry.want(n if entry is self._winner else min(1, n))

    def cancel(self) -> None:
        """Cancel them all."""
        self._woken.clear()
        for entry in self._inputs:
            entry.cancel()

    def statistics(self) -> Iterator[StageStatistics]:
        """Give those of all."""
        before = [*self._past]
        for entry in self._inputs:
            before += entry.statistics()
        yield from joined(before, StageStatistics("amb"))


@operator(demand="1 to each, then 1:1 to the first ; 1:1 ; holds 0", category="combine")
def amb(right_source: Source[V]) -> Callable[[Observable[T]], Flow[T | V]]:
    """Give what the source gives that is first to give something, or to end.

    .. marble::
        :alt: amb

        request  4---------------
        a        ----1--2---3-|
        b        --8---9----|
        [      a.amb(b)         ]
                 --8---9----|

    Demand: 1 to each, then 1:1 to the first ; 1:1 ; holds 0.
    Each is asked for one item until one of them has an item, a failure or its end; the
    other one is cancelled, and the demand goes over to the first. Where both have
    something when they are asked, this source is first. A plain Observable enters through
    a buffer of 256 items that fails when full.

    Args:
        right_source: A Flow, an Observable, a future or an iterable.

    Returns:
        An operator function.

    Raises:
        TypeError: It is no source, when the pipeline is built.

    Errors:
        The failure of the first; that of the other one is not heard of.

    Source: reactivex amb; RxJava ambWith.
    """
    make = inlet(right_source, "amb")
    return fed(lambda context, flow: Raced(context, [flow.feed, make]))
