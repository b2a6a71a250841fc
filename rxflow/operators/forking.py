"""The last item of each source: fork_join."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import repeat as times
from typing import Any, TypeVar, overload

from reactivex import Observable

from ..flow import Flow
from ..flow.inlet import inlet
from ..flow.operator import fed, operator
from ..flow.source import Source
from ..kernel import BUDGET, NOTHING, Context
from ..protocol import UNBOUNDED
from .several import Make, Several

T1 = TypeVar("T1")
T2 = TypeVar("T2")
T3 = TypeVar("T3")
T4 = TypeVar("T4")


class Forked(Several):
    """Keeps the last item of each Feed, until all have ended."""

    def __init__(self, context: Context, sources: Sequence[Make]) -> None:
        """Make the Feeds."""
        super().__init__(context, "fork_join", sources)
        self._given = False

    def _ask(self, index: int) -> int:
        return UNBOUNDED if self._wanted else 0

    def _takes(self, index: int) -> bool:
        return True

    def run(self) -> Iterator[Any]:
        """Take all that there is; give the last items once, when all have ended."""
        for _ in times(None, BUDGET):
            if self._over():
                return
            came = self._take_each(range(len(self._inputs)))
            if self._over():
                return
            if all(entry.ended for entry in self._inputs):
                self._given = True
                yield self._give()
                return
            if not came:
                return

    def _over(self) -> bool:
        pairs = zip(self._ends(), self._values, strict=True)
        return self._given or any(ended and value is NOTHING for ended, value in pairs)


@overload
def fork_join() -> Callable[[Observable[T1]], Flow[tuple[T1]]]: ...
@overload
def fork_join(source2: Source[T2], /) -> Callable[[Observable[T1]], Flow[tuple[T1, T2]]]: ...
@overload
def fork_join(
    source2: Source[T2], source3: Source[T3], /
) -> Callable[[Observable[T1]], Flow[tuple[T1, T2, T3]]]: ...
@overload
def fork_join(
    source2: Source[T2], source3: Source[T3], source4: Source[T4], /
) -> Callable[[Observable[T1]], Flow[tuple[T1, T2, T3, T4]]]: ...
@overload
def fork_join(*others: Source[Any]) -> Callable[[Observable[Any]], Flow[tuple[Any, ...]]]: ...
@operator(
    demand="unbounded to each, from the first request on ; 1 at the end ; holds <= 1 per source",
    category="combine",
)
def fork_join(*others: Source[Any]) -> Callable[[Observable[Any]], Flow[tuple[Any, ...]]]:
    """Give the last items of all sources together, when all have completed.

    .. marble::
        :alt: fork_join

        request  1----------------
        a        -1---2---|
        b        ---8---9----|
        [     a.fork_join(b)     ]
                 ------------(2,9)|

    Demand: unbounded to each, from the first request on ; 1 at the end ; holds <= 1 per source.
    All sources are run through at the same time; an item that is followed by another one of
    its source is overtaken, and counted. A plain Observable enters through a buffer of 256
    items that fails when full.
    Ends: behind the one tuple; without it as soon as a source has completed without an item.

    Args:
        others: Flows, Observables, futures or iterables to run besides this one.

    Returns:
        An operator function.

    Raises:
        TypeError: One is no source, when the pipeline is built.

    Errors:
        The first failure of any source, which cancels the others.

    Source: reactivex fork_join.
    """
    makes = [inlet(source, "fork_join") for source in others]
    return fed(lambda context, flow: Forked(context, [flow.feed, *makes]))
