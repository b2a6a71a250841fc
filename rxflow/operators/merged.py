"""The Feed behind merge, flat_map and concat_map: several Feeds, each in turn."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import repeat as times
from typing import Any

from ..kernel import (
    BUDGET,
    NOTHING,
    Context,
    Feed,
    Input,
    Ledger,
    StageStatistics,
    State,
    joined,
    own_trampoline,
)

Make = Callable[[Context], Feed[Any]]

CONCURRENCY = 256
"""How many inner sources are open at once unless said otherwise (sources)."""


class Merged(Feed[Any]):
    """Pulls several Feeds, each in turn; opens another when none of them has an item.

    An outer Feed, if any, gives what the others are made of.
    """

    def __init__(
        self,
        context: Context,
        sources: Iterable[Make] = (),
        *,
        outer: Make | None = None,
        inner: Callable[[Any], Make] | None = None,
        max_concurrency: int = CONCURRENCY,
        prefetch: int = 1,
        name: str = "merge",
    ) -> None:
        """Make the Feeds that are known from the beginning.

        Args:
            context: The consumer's.
            sources: Make the Feeds that are known from the beginning.
            outer: Makes the Feed whose items become further ones.
            inner: Turns an item of it into what makes a Feed.
            max_concurrency: Most inner Feeds open at once (sources).
            prefetch: Most that one that has nothing is asked for (items).
            name: The operator, for statistics.
        """
        self.name: str = name
        self._context = context
        self._inner = inner
        self._max_concurrency = max_concurrency
        self._prefetch = prefetch
        self._wanted = 0
        self._outer = None if outer is None else Input(outer, context)
        self._inputs: dict[Input, None] = {}  # open, in the order of their opening
        self._unsteady: dict[Input, None] = {}  # those of them to be asked again and again
        self._ready: deque[Input] = deque()  # may have an item
        self._past = Ledger()  # of inputs that have ended
        for make in sources:
            self._add(make)

    def _add(self, make: Make) -> Input:
        entry = Input(make, self._context, self._queue)
        self._inputs[entry] = None
        if not entry.steady:
            self._unsteady[entry] = None
        return entry

    def start(self) -> None:
        """Start them all."""
        for entry in list(self._inputs):
            self._begin(entry)
        if self._outer is not None:
            self._outer.start(self._wanted)

    def _begin(self, entry: Input) -> None:
        entry.start(self._ask())
        self._queue(entry)

    def _queue(self, entry: Input) -> None:
        """Note that an input may have an item; called from any thread."""
        if not entry.queued:
            entry.queued = True
            self._ready.append(entry)

    def _give_turn(self, entry: Input) -> None:
        """Say when an input that has given an item has its next turn: after the others."""
        self._queue(entry)

    def _ask(self) -> int:
        """Say how much an input that has nothing is asked for (items)."""
        return min(self._prefetch, self._wanted)

    def run(self) -> Iterator[Any]:
        """Give one item of each that is ready, again and again."""
        ready = self._ready
        for _ in times(None, BUDGET):
            if not ready:
                if not self._open_another():
                    return
                continue
            entry = ready.popleft()
            entry.queued = False  # before it is looked at: a wake meanwhile queues it again
            item = entry.take(self._ask() or 1)
            if item is not NOTHING:
                self._give_turn(entry)
                yield item
            elif entry.ended:
                self._forget(entry)
            elif not entry.waiting:  # its budget is spent, and so is that of this run
                self._queue(entry)
                break
        self._open_another()  # those that never pause do not keep others from being opened

    def _news(self) -> list[Input]:
        """Give those that may have ended; the others would have woken this."""
        return list(self._ready)

    def _forget(self, entry: Input) -> None:
        if entry in self._inputs:  # two wakes at once may have queued it twice
            del self._inputs[entry]
            self._unsteady.pop(entry, None)
            entry.account(self._past)

    def _open_another(self) -> bool:
        """Take an item of the outer Feed and open what it stands for, if one more may be open."""
        outer = self._outer
        if outer is None or outer.ended or len(self._inputs) >= self._max_concurrency:
            return False
        item = outer.take()
        if item is NOTHING:  # if its budget is spent, so is that of this run
            return False
        assert self._inner is not None
        with own_trampoline():  # else one inside another subscribe would begin too late
            self._begin(self._add(self._inner(item)))
        return True

    def settle(self) -> State:
        """End when all have ended."""
        if self._ready:
            return State.READY
        outer = self._outer
        if outer is not None and len(self._inputs) >= self._max_concurrency:
            outer.over()
        if outer is not None and not outer.ended:
            may_open = not outer.waiting and len(self._inputs) < self._max_concurrency
            return State.READY if may_open else State.WAITING
        return State.WAITING if self._inputs else State.ENDED

    def ending(self) -> bool:
        """Let ends through, which need no demand."""
        for entry in self._news():
            if entry.over():
                self._forget(entry)
        outer = self._outer
        if outer is not None:
            outer.over()
        return not self._inputs and (outer is None or outer.ended)

    def want(self, n: int) -> None:
        """Ask each that waits for up to ``prefetch`` items; most not twice for as many."""
        before, self._wanted = self._ask(), n
        grown = self._ask() > before  # else each item of one would be news to all of them
        for entry in list(self._inputs if grown else self._unsteady):
            entry.want(self._ask())
        if self._outer is not None:
            self._outer.want(min(self._max_concurrency, n))

    def cancel(self) -> None:
        """Cancel them all."""
        if self._outer is not None:
            self._outer.cancel()
        for entry in list(self._inputs):
            entry.cancel()
            self._forget(entry)
        self._ready.clear()

    def statistics(self) -> Iterator[StageStatistics]:
        """Give those of all, then its own: it holds nothing."""
        yield from joined(self._sources(), StageStatistics(self.name))

    def _sources(self) -> Iterator[StageStatistics]:
        # Those that have ended come last, so that the others find their part by their name.
        for entry in [*([self._outer] if self._outer else []), *self._inputs]:
            yield from entry.statistics()
        yield from self._past
