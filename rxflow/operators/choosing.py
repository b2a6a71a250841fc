"""Several sources, with a say in whose item is next: merge_prioritized, merge_sorted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import repeat as times
from typing import Any, TypeVar, cast

from reactivex import Observable

from ..flow import Flow, checks
from ..flow.inlet import inlet
from ..flow.operator import fed, operator
from ..flow.source import Source
from ..kernel import BUDGET, HANDOVER, Context, Input
from .merged import Make, Merged
from .several import Several

T = TypeVar("T")
V = TypeVar("V")


class Prioritized(Merged):
    """Gives each Feed that is ready as many turns in a row as it has priority."""

    def __init__(
        self, context: Context, sources: Sequence[tuple[Make, int]], prefetch: int
    ) -> None:
        """Make the Feeds, each with its priority (items in a row)."""
        super().__init__(context, [make for make, _ in sources], prefetch=prefetch)
        priorities = [priority for _, priority in sources]
        self._priorities = dict(zip(self._inputs, priorities, strict=True))
        self._current: Input | None = None  # whose turn it was
        self._row = 0  # how many items that has given in a row

    def _give_turn(self, entry: Input) -> None:
        if entry is not self._current:
            self._current, self._row = entry, 0
        self._row += 1
        if self._row < self._priorities[entry]:
            entry.queued = True
            self._ready.appendleft(entry)
        else:
            self._current = None
            self._queue(entry)


class MergedSorted(Several):
    """Takes one item of each Feed, then gives the smallest."""

    def __init__(
        self, context: Context, sources: Sequence[Make], key: Callable[[Any], Any] | None
    ) -> None:
        """Make the Feeds."""
        super().__init__(context, "merge_sorted", sources)
        self._key = key
        self._keys: list[Any] = [None] * len(sources)  # of the items that are held

    def _ask(self, index: int) -> int:
        return min(1, self._wanted)

    def _takes(self, index: int) -> bool:
        return index not in self._fresh

    def _take(self, index: int) -> bool:
        came = super()._take(index)
        if came:
            item = self._values[index]
            self._keys[index] = item if self._key is None else self._key(item)
        return came

    def run(self) -> Iterator[Any]:
        """Give the smallest, once each Feed has given an item or ended."""
        for _ in times(None, BUDGET):
            self._take_each(range(len(self._inputs)))
            pairs = enumerate(self._inputs)
            if not self._fresh or any(self._takes(i) and not each.ended for i, each in pairs):
                return
            least = min(sorted(self._fresh), key=self._keys.__getitem__)
            self._fresh.discard(least)
            self._delivered += 1
            yield self._values[least]

    def _over(self) -> bool:
        open_ones = [each for i, each in enumerate(self._inputs) if i not in self._fresh]
        ended = [entry.over() for entry in open_ones]
        return not self._fresh and all(ended)


@operator(demand="<= prefetch to each ; 1:1 ; holds <= prefetch per source", category="combine")
def merge_prioritized(
    *sources: tuple[Source[V], int], priority: int = 1, prefetch: int = HANDOVER
) -> Callable[[Observable[T]], Flow[T | V]]:
    """Give the items of several sources as they come, more often those of higher priority.

    .. marble::
        :alt: merge_prioritized

        request  ------8----------
        a        -1234------------
        b        -5678------------
        [ a.merge_prioritized((b, 3)) ]
                 ------15672834---

    Demand: <= prefetch to each ; 1:1 ; holds <= prefetch per source.
    Sources that are ready give as many items in a row as their priority, in turn; so
    each of them gets its share of what is asked for, and none waits for ever. One that
    has nothing leaves its turn to the others. A plain Observable enters through a buffer
    of 256 items that fails when full.
    Ends: when all have ended.

    Args:
        sources: Flows, Observables, futures or iterables to merge with this one, each
            in a pair with its priority (items in a row, at least 1).
        priority: That of this source (items in a row, at least 1).
        prefetch: Most that one source is asked for ahead of its turn (items).

    Returns:
        An operator function.

    Raises:
        TypeError: One is no pair, or no source, when the pipeline is built.
        ValueError: A priority or prefetch < 1, when the pipeline is built.

    Errors:
        The first failure of any source, which cancels the others.

    Source: Pekko MergePrioritized, which draws lots.
    """
    name = "merge_prioritized"
    own = checks.whole(name, "priority", priority)
    prefetch = checks.whole(name, "prefetch", prefetch)
    others = [_weighed(name, pair) for pair in sources]
    return fed(lambda context, flow: Prioritized(context, [(flow.feed, own), *others], prefetch))


def _weighed(name: str, pair: Any) -> tuple[Make, int]:
    if not isinstance(pair, tuple) or len(cast("tuple[Any, ...]", pair)) != 2:
        raise TypeError(f"{name} wants pairs of a source and its priority, not {pair!r}")
    source, priority = cast("tuple[Any, Any]", pair)
    return inlet(source, name), checks.whole(name, "priority", priority)


@operator(demand="1 to each that has none ; 1:1 ; holds <= 1 per source", category="combine")
def merge_sorted(
    *others: Source[V], key: Callable[[Any], Any] | None = None
) -> Callable[[Observable[T]], Flow[T | V]]:
    """Give the items of several sorted sources in their order.

    .. marble::
        :alt: merge_sorted

        request  9----------------
        a        -1---4-----7-|
        b        ---2---5-----8-|
        [    a.merge_sorted(b)   ]
                 ---1-2-4---5-7-8|

    Demand: 1 to each that has none ; 1:1 ; holds <= 1 per source.
    An item is given when each source that has not ended has one to compare it with; of
    equal ones the source that comes first here is first. A source that is not sorted
    keeps its own order. A plain Observable enters through a buffer of 256 items that
    fails when full.
    Ends: when all have ended.

    Args:
        others: Sorted Flows, Observables, futures or iterables to merge with this one.
        key: Function of an item that gives what they are sorted by; the item itself when
            left out.

    Returns:
        An operator function.

    Raises:
        TypeError: One is no source, or the key is async, when the pipeline is built.

    Errors:
        What the key and the comparison raise; the first failure of any source, behind its
        items, which cancels the others.

    Source: Pekko mergeSorted; Reactor mergeComparing.
    """
    checks.callback("merge_sorted", "key", key)
    makes = [inlet(source, "merge_sorted") for source in others]
    return fed(lambda context, flow: MergedSorted(context, [flow.feed, *makes], key))
