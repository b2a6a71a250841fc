"""Two sources side by side: sequence_equal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import repeat as times
from operator import eq
from typing import Any, TypeVar

from reactivex import Observable
from reactivex.typing import Comparer

from ..flow import Flow, checks
from ..flow.inlet import inlet
from ..flow.operator import fed, operator
from ..flow.source import Source
from ..kernel import BUDGET, Context
from .several import Make, Several

T = TypeVar("T")


class Compared(Several):
    """Takes one item of each of two Feeds and compares them, until it knows the answer."""

    def __init__(
        self, context: Context, sources: Sequence[Make], equal: Callable[[Any, Any], Any]
    ) -> None:
        """Make the Feeds.

        Args:
            context: The consumer's.
            sources: Make the two Feeds.
            equal: Tells whether two items are equal.
        """
        super().__init__(context, "sequence_equal", sources)
        self._equal = equal
        self._answered = False

    def _ask(self, index: int) -> int:
        return min(1, self._wanted)

    def _takes(self, index: int) -> bool:
        return index not in self._fresh

    def run(self) -> Iterator[Any]:
        """Compare as many pairs as there are, and give the answer when it is known."""
        for _ in times(None, BUDGET):
            if self._answered:
                return
            came = self._take_each(range(2))
            if len(self._fresh) == 2:
                if self._equal(*self._give()):
                    continue
                answer = False
            else:
                # Before a failure behind the item that will get no partner: the answer is known.
                lonely = any(self._at_end(self._inputs[1 - index]) for index in self._fresh)
                if not (lonely or all(self._ends())):
                    if came:
                        continue
                    return
                answer = not lonely
            self._answered = True
            yield answer

    def _over(self) -> bool:
        if not self._answered:
            self._ends()  # a failure needs no demand
        return self._answered


@operator(demand="1:1 to each, in lockstep ; 1 ; holds <= 1 per source", category="aggregate")
def sequence_equal(
    second: Source[T], comparer: Comparer[T] | None = None
) -> Callable[[Flow[T] | Observable[T]], Flow[bool]]:
    """Tell whether another source gives equal items in the same order, and as many.

    .. marble::
        :alt: sequence_equal

        request  1---------------
        a        -1---2---3---
        b        ---1---2---4-
        [   a.sequence_equal(b) ]
                 ------------False|

    Demand: 1:1 to each, in lockstep ; 1 ; holds <= 1 per source.
    Each source is asked for its next item when the last two were equal. A plain Observable
    enters through a buffer of 256 items that fails when full.

    Args:
        second: A Flow, an Observable, a future or an iterable.
        comparer: Whether an item of this source and one of the other are equal; ``==`` when
            left out.

    Returns:
        An operator function.

    Raises:
        TypeError: It is no source, or the comparer is async, when the pipeline is built.

    Errors:
        What the comparer raises; the failure of a source, behind an item of it that waits
        for its partner.

    Source: reactivex sequence_equal.
    """
    checks.callback("sequence_equal", "comparer", comparer)
    equal: Callable[[Any, Any], Any] = comparer or eq
    make = inlet(second, "sequence_equal")
    return fed(lambda context, flow: Compared(context, [flow.feed, make], equal))
