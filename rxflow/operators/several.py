"""The Feed behind the operators that keep one item of each source: the next one, or the newest."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

from ..kernel import NOTHING, Context, DropCallback, Feed, Input, StageStatistics, State, joined

Make = Callable[[Context], Feed[Any]]


class Several(Feed[Any]):
    """Pulls several Feeds, keeps the last item of each, and counts what becomes of them.

    An item is held until it has been given; then it is kept as a value only, which
    further results may be made of. One that is replaced while it is held is overtaken.
    """

    def __init__(
        self,
        context: Context,
        name: str,
        sources: Sequence[Make],
        on_drop: DropCallback | None = None,
    ) -> None:
        """Make the Feeds.

        Args:
            context: The consumer's.
            name: The operator, for statistics.
            sources: Make the Feeds.
            on_drop: Called with each item that was not given, and the reason.
        """
        self._name = name
        self._on_drop = on_drop
        self._inputs = [Input(make, context) for make in sources]
        self._values: list[Any] = [NOTHING] * len(sources)
        self._missing = len(sources)  # how many of the values are NOTHING
        self._fresh = set[int]()  # whose value has not been given: these are held
        self._wanted = 0
        self._asked = False  # there was demand
        self._started = False  # all are: before that nothing is taken, it might be overtaken
        self._received = self._delivered = self._discarded = self._peak = 0
        self._dropped = Counter[str]()

    @abstractmethod
    def _ask(self, index: int) -> int:
        """Say how much a Feed that has nothing is asked for (items)."""

    @abstractmethod
    def _takes(self, index: int) -> bool:
        """Tell whether an item of a Feed would be taken now."""

    @abstractmethod
    def _over(self) -> bool:
        """Tell whether no further result can come; raise a failure that is at its turn."""

    def start(self) -> None:
        """Start them all; the consumer looks at them after that."""
        for index in self._order():
            self._inputs[index].start(self._ask(index))
        self._started = True

    def _order(self) -> Iterable[int]:
        """Say in which order they are started."""
        return range(len(self._inputs))

    def _take(self, index: int) -> bool:
        """Take an item of a Feed, and keep it; tell whether there was one."""
        item = self._inputs[index].take(self._ask(index) or 1) if self._started else NOTHING
        if item is NOTHING:
            return False
        self._received += 1
        old, self._values[index] = self._values[index], item
        self._missing -= old is NOTHING
        if index in self._fresh:
            self._lose(old, "overtaken")
        else:
            self._fresh.add(index)
            self._peak = max(self._peak, len(self._fresh))
        return True

    def _take_each(self, indices: Iterable[int]) -> bool:
        """Take an item of each of these Feeds that it would be taken of; tell if any was there."""
        came = False
        for index in indices:
            came |= self._takes(index) and self._take(index)
        return came

    def _ends(self) -> list[bool]:
        """Let ends through; tell which of the Feeds are over."""
        return [self._at_end(entry) for entry in self._inputs]

    @staticmethod
    def _at_end(entry: Input) -> bool:
        """Let the end of a Feed through; tell whether it is over."""
        return entry.ended if entry.waiting else entry.over()  # it would have woken the consumer

    def _lose(self, item: Any, reason: str) -> None:
        self._dropped[reason] += 1
        if self._on_drop is not None:
            self._on_drop(item, reason)

    def _give(self) -> tuple[Any, ...]:
        """Give the values; none of them is held any more."""
        self._delivered += len(self._fresh)
        self._fresh.clear()
        return tuple(self._values)

    def settle(self) -> State:
        """Wait until there is an item that would be taken."""
        if self._over():
            return State.ENDED
        for index, entry in enumerate(self._inputs if self._started else ()):
            if not (entry.waiting or entry.ended) and self._takes(index):
                return State.READY
        return State.WAITING

    def ending(self) -> bool:
        """Let ends through, which need no demand."""
        return self._over()

    def want(self, n: int) -> None:
        """Pass on to those that wait."""
        self._wanted = n
        for index, entry in enumerate(self._inputs):
            entry.want(self._ask(index))

    def cancel(self) -> None:
        """Cancel them all."""
        for entry in self._inputs:
            entry.cancel()
        self._discarded += len(self._fresh)
        self._fresh.clear()
        self._values = [NOTHING] * len(self._inputs)

    def statistics(self) -> Iterator[StageStatistics]:
        """Give those of all, then how many items are held."""
        own = StageStatistics(
            self._name,
            received=self._received,
            delivered=self._delivered,
            held=len(self._fresh),
            peak=self._peak,
            capacity=len(self._inputs),
            dropped=dict(self._dropped),
            discarded=self._discarded,
        )
        yield from joined(chain.from_iterable(each.statistics() for each in self._inputs), own)
