"""The first item that a function of item, index and source accepts: find, find_index."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from reactivex import Observable

from ..flow import Flow, checks
from ..flow.operator import Operator, operator
from ..kernel import Stage

T = TypeVar("T")

Predicate = Callable[[T, int, Observable[T]], bool]


class _Found(Stage):
    releases = True

    def __init__(self, predicate: Predicate[Any], flow: Flow[Any], gives_index: bool) -> None:
        self._predicate = predicate
        self._flow = flow
        self._gives_index = gives_index
        self._index = 0

    def run(self, items: Iterator[Any]) -> Iterator[Any]:
        for item in items:
            if self._predicate(item, self._index, self._flow):
                self.done = True
                yield self._index if self._gives_index else item
                return
            self._index += 1

    def finish(self) -> Iterable[Any]:
        return (-1 if self._gives_index else None,)

    def holds(self) -> bool:
        return True

    def demand(self, n: int) -> int:
        return 1


def _found(name: str, predicate: Predicate[Any], gives_index: bool) -> Any:
    checks.function(name, "predicate", predicate)
    return Operator(
        lambda flow: flow.with_stages((lambda _: _Found(predicate, flow, gives_index),))
    )


@operator(demand="1:1 up to the answer ; 1 ; holds 0", category="filter")
def find(
    predicate: Callable[[T, int, Observable[T]], bool],
) -> Callable[[Flow[T] | Observable[T]], Flow[T | None]]:
    """Give the first item that a function accepts, or None at the end.

    .. marble::
        :alt: find

        request  --1-------------
        source   --1-2-3-4-------
        [ find(lambda x, i, s: x > 2) ]
                 ------3|

    Demand: 1:1 up to the answer ; 1 ; holds 0.
    Where None is an item, ``first`` with a predicate tells it from no item.

    Args:
        predicate: Function of an item, its index and the source.

    Returns:
        An operator function.

    Raises:
        TypeError: The predicate is not callable or async, when the pipeline is built.

    Errors:
        What the predicate raises.

    Source: reactivex find.
    """
    return _found("find", predicate, gives_index=False)


@operator(demand="1:1 up to the answer ; 1 ; holds 0", category="filter")
def find_index(
    predicate: Callable[[T, int, Observable[T]], bool],
) -> Callable[[Flow[T] | Observable[T]], Flow[int]]:
    """Give the index of the first item that a function accepts, or -1 at the end.

    .. marble::
        :alt: find_index

        request  --1-------------
        source   --1-2-3-4-------
        [ find_index(lambda x, i, s: x > 2) ]
                 ------2|

    Demand: 1:1 up to the answer ; 1 ; holds 0.

    Args:
        predicate: Function of an item, its index and the source.

    Returns:
        An operator function.

    Raises:
        TypeError: The predicate is not callable or async, when the pipeline is built.

    Errors:
        What the predicate raises.

    Source: reactivex find_index.
    """
    return _found("find_index", predicate, gives_index=True)
