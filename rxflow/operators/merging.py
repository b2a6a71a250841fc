"""Several sources at once: merge, flat_map, concat_map."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from itertools import repeat as times
from typing import Any, TypeVar, overload

from reactivex import Observable
from reactivex.typing import Mapper, MapperIndexed

from ..flow import Flow, checks
from ..flow.inlet import inlet
from ..flow.operator import fed, operator
from ..flow.source import Source
from ..kernel import (
    BUDGET,
    HANDOVER,
    NOTHING,
    Context,
    Feed,
    Input,
    Ledger,
    StageStatistics,
    State,
    own_trampoline,
)
from ..protocol import FAIL, Overflow

T = TypeVar("T")
T1 = TypeVar("T1")
T2 = TypeVar("T2")
V = TypeVar("V")

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
    ) -> None:
        """Make the Feeds that are known from the beginning.

        Args:
            context: The consumer's.
            sources: Make the Feeds that are known from the beginning.
            outer: Makes the Feed whose items become further ones.
            inner: Turns an item of it into what makes a Feed.
            max_concurrency: Most inner Feeds open at once (sources).
            prefetch: Most that one that has nothing is asked for (items).
        """
        self._context = context
        self._inner = inner
        self._max_concurrency = max_concurrency
        self._prefetch = prefetch
        self._wanted = 0
        self._outer = None if outer is None else Input(outer, context)
        self._inputs: list[Input] = []  # open, in the order of their opening
        self._ready: deque[Input] = deque()  # may have an item
        self._past = Ledger()  # of inputs that have ended
        for make in sources:
            self._add(make)

    def _add(self, make: Make) -> Input:
        entry = Input(make, self._context, self._queue)
        self._inputs.append(entry)
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
                self._queue(entry)
                yield item
            elif entry.ended:
                self._forget(entry)
            elif not entry.waiting:
                self._queue(entry)

    def _forget(self, entry: Input) -> None:
        if entry in self._inputs:  # two wakes at once may have queued it twice
            self._inputs.remove(entry)
            self._past.keep(entry.statistics())

    def _open_another(self) -> bool:
        """Take an item of the outer Feed and open what it stands for, if one more may be open."""
        outer = self._outer
        if outer is None or outer.ended or len(self._inputs) >= self._max_concurrency:
            return False
        item = outer.take()
        if item is NOTHING:
            return not outer.waiting and not outer.ended
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
            self._hear_end(outer)
        if outer is not None and not outer.ended:
            may_open = not outer.waiting and len(self._inputs) < self._max_concurrency
            return State.READY if may_open else State.WAITING
        return State.WAITING if self._inputs else State.ENDED

    def ending(self) -> bool:
        """Let ends through, which need no demand."""
        for entry in list(self._inputs):
            if self._hear_end(entry):
                self._forget(entry)
        outer = self._outer
        if outer is not None:
            self._hear_end(outer)
        return not self._inputs and (outer is None or outer.ended)

    def _hear_end(self, entry: Input) -> bool:
        """Let the end of an input through when nothing else is left of it, or its failure."""
        if not entry.ending():
            return False
        entry.waiting = False
        while not entry.ended:
            entry.take()
        return True

    def want(self, n: int) -> None:
        """Ask each that waits for up to ``prefetch`` items."""
        self._wanted = n
        for entry in list(self._inputs):
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
        """Give those of all."""
        yield from self._past
        for entry in [*([self._outer] if self._outer else []), *self._inputs]:
            yield from entry.statistics()


@overload
def merge(
    *, max_concurrent: None = None, prefetch: int = HANDOVER
) -> Callable[[Observable[T]], Flow[T]]: ...
@overload
def merge(
    *, max_concurrent: int, prefetch: int = HANDOVER
) -> Callable[[Observable[Source[T]]], Flow[T]]: ...
@overload
def merge(
    source: Source[V],
    /,
    *sources: Source[V],
    max_concurrent: None = None,
    prefetch: int = HANDOVER,
) -> Callable[[Observable[T]], Flow[T | V]]: ...
@operator(demand="<= prefetch to each ; 1:1 ; holds <= prefetch per source", category="combine")
def merge(
    *sources: Source[Any], max_concurrent: int | None = None, prefetch: int = HANDOVER
) -> Callable[[Observable[Any]], Flow[Any]]:
    """Give the items of several sources as they come, fairly.

    .. marble::
        :alt: merge

        request  5---------------
        a        -1---3-------|
        b        ---2---4-|
        [       a.merge(b)      ]
                 -1-2-3-4-----|

    Demand: <= prefetch to each ; 1:1 ; holds <= prefetch per source.
    Sources that are ready give one item each in turn. A plain Observable enters
    through a buffer of 256 items that fails when full.

    Args:
        sources: Flows, Observables, futures or iterables to merge with this one.
        max_concurrent: Without sources: merge the sources that are this one's
            items, at most so many at once (sources).
        prefetch: Most that one source is asked for ahead of its turn (items).

    Returns:
        An operator function.

    Raises:
        TypeError: One is no source, when the pipeline is built.
        ValueError: A count below 1, when the pipeline is built.

    Errors:
        The first failure of any source, which cancels the others.

    Source: reactivex merge; RxJava merge.
    """
    prefetch = checks.whole("merge", "prefetch", prefetch)
    if max_concurrent is not None:
        if sources:
            raise TypeError(
                "merge: max_concurrent goes with a source of sources; leave one of them out"
            )
        return _flattened("merge", lambda item: item, max_concurrent, prefetch)
    makes = [inlet(source, "merge") for source in sources]
    return fed(lambda context, flow: Merged(context, [flow.feed, *makes], prefetch=prefetch))


@overload
def flat_map(
    mapper: Mapper[T1, Source[T2]],
    *,
    max_concurrency: int = CONCURRENCY,
    prefetch: int = HANDOVER,
    overflow: Overflow = FAIL,
) -> Callable[[Flow[T1] | Observable[T1]], Flow[T2]]: ...
@overload
def flat_map(
    mapper: Source[T2],
    *,
    max_concurrency: int = CONCURRENCY,
    prefetch: int = HANDOVER,
    overflow: Overflow = FAIL,
) -> Callable[[Observable[Any]], Flow[T2]]: ...
@operator(
    demand="1 per inner opened ; 1:1 ; holds <= max_concurrency * prefetch", category="combine"
)
def flat_map(
    mapper: Any = None,
    *,
    max_concurrency: int = CONCURRENCY,
    prefetch: int = HANDOVER,
    overflow: Overflow = FAIL,
) -> Callable[[Observable[Any]], Flow[Any]]:
    """Turn each item into a source, and give the items of these sources as they come.

    Another inner source is opened only when none of the open ones has an item,
    and never more than ``max_concurrency`` are open.

    .. marble::
        :alt: flat_map

        request  4-----------------
        source   -a-b-----|
        a        --1---2-|
        b          -3--4----|
        [ flat_map(lambda x: x)   ]
                 --1-3-2-4----|

    Demand: 1 per inner opened ; 1:1 ; holds <= max_concurrency * prefetch.

    Args:
        mapper: Function of an item that gives a Flow, an Observable, a future or
            an iterable; or one of these, for every item.
        max_concurrency: Most inner sources open at once (sources).
        prefetch: Most that one inner source is asked for ahead of its turn (items).
        overflow: What gives way when an inner plain Observable, which does not
            obey demand, has 256 items waiting.

    Returns:
        An operator function.

    Raises:
        TypeError: The mapper is an async function, when the pipeline is built.
        ValueError: A count below 1, when the pipeline is built.

    Errors:
        What the mapper raises; the first failure of any source, which cancels the others.

    Source: reactivex flat_map; RxJava flatMap.
    """
    checks.synchronous("flat_map", mapper if callable(mapper) else None, "mapper")
    checks.strategy("flat_map", overflow)
    function: Callable[[Any], Any] = mapper if callable(mapper) else lambda _: mapper
    return _flattened("flat_map", function, max_concurrency, prefetch, overflow)


@overload
def flat_map_indexed(
    mapper_indexed: MapperIndexed[T1, Source[T2]],
    *,
    max_concurrency: int = CONCURRENCY,
    prefetch: int = HANDOVER,
) -> Callable[[Flow[T1] | Observable[T1]], Flow[T2]]: ...
@overload
def flat_map_indexed(
    mapper_indexed: Source[T2], *, max_concurrency: int = CONCURRENCY, prefetch: int = HANDOVER
) -> Callable[[Observable[Any]], Flow[T2]]: ...
@operator(
    demand="1 per inner opened ; 1:1 ; holds <= max_concurrency * prefetch", category="combine"
)
def flat_map_indexed(
    mapper_indexed: Any = None,
    *,
    max_concurrency: int = CONCURRENCY,
    prefetch: int = HANDOVER,
) -> Callable[[Observable[Any]], Flow[Any]]:
    """Turn each item and its index into a source, and give the items of these sources.

    .. marble::
        :alt: flat_map_indexed

        request  4-----------------
        source   -a-b-----|
        [ flat_map_indexed(lambda x, i: [x, i]) ]
                 -a-0-b-1-|

    Demand: 1 per inner opened ; 1:1 ; holds <= max_concurrency * prefetch.

    Args:
        mapper_indexed: Function of an item and its index that gives a source; or a source.
        max_concurrency: Most inner sources open at once (sources).
        prefetch: Most that one inner source is asked for ahead of its turn (items).

    Returns:
        An operator function.

    Raises:
        TypeError: The mapper is an async function, when the pipeline is built.
        ValueError: A count below 1, when the pipeline is built.

    Errors:
        What the mapper raises; the first failure of any source, which cancels the others.

    Source: reactivex flat_map_indexed.
    """

    def fixed(_: Any, __: int) -> Any:
        return mapper_indexed

    function: Callable[[Any, int], Any] = mapper_indexed if callable(mapper_indexed) else fixed
    checks.synchronous("flat_map_indexed", function, "mapper_indexed")
    max_concurrency = checks.whole("flat_map_indexed", "max_concurrency", max_concurrency)
    prefetch = checks.whole("flat_map_indexed", "prefetch", prefetch)

    def feed(context: Context, flow: Flow[Any]) -> Feed[Any]:
        index = count()
        return Merged(
            context,
            outer=flow.feed,
            inner=lambda item: inlet(function(item, next(index)), "flat_map_indexed"),
            max_concurrency=max_concurrency,
            prefetch=prefetch,
        )

    return fed(feed)


@operator(demand="1 per inner opened ; 1:1 ; holds <= prefetch", category="combine")
def concat_map(
    project: Mapper[T1, Source[T2]], *, prefetch: int = HANDOVER
) -> Callable[[Flow[T1] | Observable[T1]], Flow[T2]]:
    """Turn each item into a source, and give the items of these sources one after another.

    .. marble::
        :alt: concat_map

        request  4-----------------
        source   -a-b-----|
        [ concat_map(lambda x: [x, x]) ]
                 -a-a-b-b-|

    Demand: 1 per inner opened ; 1:1 ; holds <= prefetch.

    Args:
        project: Function of an item that gives a Flow, an Observable, a future or an iterable.
        prefetch: Most that an inner source is asked for (items).

    Returns:
        An operator function.

    Raises:
        TypeError: The function is async, when the pipeline is built.

    Errors:
        What the function raises; the failure of any source.

    Source: reactivex concat_map.
    """
    checks.callback("concat_map", "project", project)
    return _flattened("concat_map", project, 1, prefetch)


@operator(demand="1 per inner opened ; 1:1 ; holds <= 256 * prefetch", category="combine")
def merge_all(*, prefetch: int = HANDOVER) -> Callable[[Observable[Source[T]]], Flow[T]]:
    """Give the items of the sources that are this one's items, as they come.

    .. marble::
        :alt: merge_all

        request  4-----------------
        source   -a-b-----|
        a        --1---2-|
        b          -3--4----|
        [ merge_all()             ]
                 --1-3-2-4----|

    Demand: 1 per inner opened ; 1:1 ; holds <= 256 * prefetch.

    Args:
        prefetch: Most that one inner source is asked for ahead of its turn (items).

    Returns:
        An operator function.

    Errors:
        An item that is no source; the first failure of any source.

    Source: reactivex merge_all.
    """
    return _flattened("merge_all", lambda item: item, CONCURRENCY, prefetch)


@operator(demand="1 per inner opened ; 1:1 ; holds <= 256", category="combine")
def concat_all() -> Callable[[Observable[Source[T]]], Flow[T]]:
    """Give the items of the sources that are this one's items, one source after another.

    .. marble::
        :alt: concat_all

        request  4-----------------
        source   -a-b-----|
        a        -1-2-|
        b             -3-4-|
        [ concat_all()            ]
                 -1-2--3-4-|

    Demand: 1 per inner opened ; 1:1 ; holds <= 256.

    Returns:
        An operator function.

    Errors:
        An item that is no source; the failure of any source.

    Source: reactivex concat_all.
    """
    return _flattened("concat_all", lambda item: item, 1, HANDOVER)


def _flattened(
    name: str,
    function: Callable[[Any], Any],
    max_concurrency: Any,
    prefetch: Any,
    overflow: Overflow = FAIL,
) -> Any:
    """Make the operator that merges the sources which a function gives for each item."""
    max_concurrency = checks.whole(name, "max_concurrency", max_concurrency)
    prefetch = checks.whole(name, "prefetch", prefetch)

    def inner(item: Any) -> Make:
        return inlet(function(item), name, overflow)

    return fed(
        lambda context, flow: Merged(
            context,
            outer=flow.feed,
            inner=inner,
            max_concurrency=max_concurrency,
            prefetch=prefetch,
        )
    )
