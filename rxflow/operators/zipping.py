"""One item of each source at a time: zip."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from itertools import repeat as times
from typing import Any, TypeVar, overload

from reactivex import Observable

from ..flow import Flow
from ..flow.inlet import inlet
from ..flow.operator import fed, operator, staged
from ..flow.source import Source
from ..kernel import (
    BUDGET,
    NOTHING,
    Context,
    Feed,
    Input,
    Stage,
    StageStatistics,
    State,
    close,
    joined,
)

T1 = TypeVar("T1")
T2 = TypeVar("T2")
T3 = TypeVar("T3")
T4 = TypeVar("T4")
T5 = TypeVar("T5")

Make = Callable[[Context], Feed[Any]]


class Zipped(Feed[Any]):
    """Pulls one item of each Feed, then gives them together."""

    def __init__(self, context: Context, sources: Sequence[Make]) -> None:
        """Make the Feeds."""
        self._inputs = [Input(make, context) for make in sources]
        self._held: list[Any] = [NOTHING] * len(sources)  # the next item of each, once taken
        self._wanted = 0
        self._ended = False
        self._received = self._delivered = self._discarded = self._peak = 0

    def start(self) -> None:
        """Start them all."""
        for entry in self._inputs:
            entry.start(min(1, self._wanted))

    def run(self) -> Iterator[Any]:
        """Give a tuple for each round in which every Feed has an item."""
        held = self._held
        for _ in times(None, BUDGET):
            for index, entry in enumerate(self._inputs):
                if held[index] is NOTHING:
                    held[index] = item = entry.take()
                    self._received += item is not NOTHING
            if any(item is NOTHING for item in held):
                self._peak = max(self._peak, self._count_held())
                self._look_for_end()
                return
            together = tuple(held)
            held[:] = [NOTHING] * len(held)
            self._delivered += len(held)
            yield together

    def _look_for_end(self) -> None:
        """End when a Feed that has no item left has ended: no further tuple can come.

        The failure of any of them is raised at once.
        """
        for item, entry in builtins.zip(self._held, self._inputs, strict=True):
            if entry.over() and item is NOTHING:
                self._ended = True

    def settle(self) -> State:
        """End when no further tuple can come."""
        if self._ended:
            return State.ENDED
        pairs = builtins.zip(self._held, self._inputs, strict=True)
        ready = any(item is NOTHING and not entry.waiting for item, entry in pairs)
        return State.READY if ready else State.WAITING

    def ending(self) -> bool:
        """Let ends through, which need no demand."""
        self._look_for_end()
        return self._ended

    def want(self, n: int) -> None:
        """Pass on to those that wait."""
        self._wanted = n
        for entry in self._inputs:
            entry.want(min(1, n))

    def cancel(self) -> None:
        """Cancel them all."""
        for entry in self._inputs:
            entry.cancel()
        self._discarded += self._count_held()
        self._held[:] = [NOTHING] * len(self._held)

    def statistics(self) -> Iterator[StageStatistics]:
        """Give those of all, then how many items wait for their partners."""
        own = StageStatistics(
            "zip",
            received=self._received,
            delivered=self._delivered,
            held=self._count_held(),
            peak=self._peak,
            capacity=len(self._inputs),
            discarded=self._discarded,
        )
        yield from joined(chain.from_iterable(each.statistics() for each in self._inputs), own)

    def _count_held(self) -> int:
        return sum(item is not NOTHING for item in self._held)


@overload
def zip() -> Callable[[Observable[T1]], Flow[tuple[T1]]]: ...
@overload
def zip(source2: Source[T2], /) -> Callable[[Observable[T1]], Flow[tuple[T1, T2]]]: ...
@overload
def zip(
    source2: Source[T2], source3: Source[T3], /
) -> Callable[[Observable[T1]], Flow[tuple[T1, T2, T3]]]: ...
@overload
def zip(
    source2: Source[T2], source3: Source[T3], source4: Source[T4], /
) -> Callable[[Observable[T1]], Flow[tuple[T1, T2, T3, T4]]]: ...
@overload
def zip(
    source2: Source[T2], source3: Source[T3], source4: Source[T4], source5: Source[T5], /
) -> Callable[[Observable[T1]], Flow[tuple[T1, T2, T3, T4, T5]]]: ...
@overload
def zip(*args: Source[Any]) -> Callable[[Observable[Any]], Flow[tuple[Any, ...]]]: ...
@operator(demand="1:1 to each ; 1:1 ; holds <= 1 per source", category="combine")
def zip(*args: Source[Any]) -> Callable[[Observable[Any]], Flow[tuple[Any, ...]]]:
    """Combine the first items of all sources, then the second ones, and so on.

    .. marble::
        :alt: zip

        request  2--------------
        a        -1---2------|
        b        ---8---9-|
        [        a.zip(b)      ]
                 ---(1,8)-(2,9)|

    Demand: 1:1 to each ; 1:1 ; holds <= 1 per source.
    A plain Observable enters through a buffer of 256 items that fails when full.

    Args:
        args: Flows, Observables, futures or iterables to combine with this one.

    Returns:
        An operator function.

    Raises:
        TypeError: One is no source, when the pipeline is built.

    Errors:
        The first failure of any source, behind the items of it that wait for their
        partners; it cancels the others.

    Source: reactivex zip.
    """
    makes = [inlet(source, "zip") for source in args]
    return fed(lambda context, flow: Zipped(context, [flow.feed, *makes]))


@operator(demand="1:1 ; 1:1 ; holds 0", category="combine")
def zip_with_iterable(
    second: Iterable[T2],
) -> Callable[[Observable[T1]], Flow[tuple[T1, T2]]]:
    """Combine each item with the next one of an iterable.

    .. marble::
        :alt: zip_with_iterable

        request  --2-------------
        source   --1-----2-----3-
        [ zip_with_iterable("ab") ]
                 --(1,a)-(2,b)-|

    Demand: 1:1 ; 1:1 ; holds 0.
    Ends: with the first item for which the iterable has none.

    Args:
        second: The iterable; iterated anew for each subscription.

    Returns:
        An operator function.

    Raises:
        TypeError: It is not iterable, when the pipeline is built.

    Errors:
        What the iterator raises.

    Source: reactivex zip_with_iterable.
    """
    return _paired("zip_with_iterable", second)


@operator(demand="1:1 ; 1:1 ; holds 0", category="combine")
def zip_with_list(second: Iterable[T2]) -> Callable[[Observable[T1]], Flow[tuple[T1, T2]]]:
    """Combine each item with the next one of a list; the same as ``zip_with_iterable``.

    .. marble::
        :alt: zip_with_list

        request  --2-------------
        source   --1-----2-----3-
        [ zip_with_list("ab")   ]
                 --(1,a)-(2,b)-|

    Demand: 1:1 ; 1:1 ; holds 0.

    Args:
        second: The list; iterated anew for each subscription.

    Returns:
        An operator function.

    Raises:
        TypeError: It is not iterable, when the pipeline is built.

    Source: reactivex zip_with_list.
    """
    return _paired("zip_with_list", second)


def _paired(name: str, second: Iterable[Any]) -> Callable[[Observable[Any]], Flow[Any]]:
    if not isinstance(second, Iterable):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"{name} wants an iterable, not {second!r}; use zip for a source")
    return staged(lambda _: _Paired(iter(second)))


class _Paired(Stage):
    def __init__(self, second: Iterator[Any]) -> None:
        self._second = second

    def run(self, items: Iterator[Any]) -> Iterator[Any]:
        for item in items:
            other = next(self._second, NOTHING)
            if other is NOTHING:
                self.done = True
                return
            yield item, other

    def cancel(self) -> None:
        close(self._second)
