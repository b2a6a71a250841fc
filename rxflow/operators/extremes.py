"""All items whose key is the greatest, or the least: max_by, min_by."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from operator import sub
from typing import Any, TypeVar

from reactivex import Observable
from reactivex.typing import Comparer, Mapper

from ..flow import Flow, checks
from ..flow.operator import operator, staged
from ..kernel import NOTHING, Stage
from ..protocol import UNBOUNDED

T = TypeVar("T")
K = TypeVar("K")


class _Extremes(Stage):
    releases = True

    def __init__(
        self, key: Callable[[Any], Any], comparer: Callable[[Any, Any], Any], sign: int
    ) -> None:
        self._key = key
        self._comparer = comparer
        self._sign = sign
        self._best: Any = NOTHING  # the key of the items
        self._items: list[Any] = []

    def run(self, items: Iterator[Any]) -> Iterator[Any]:
        for item in items:
            key = self._key(item)
            better: Any = 1
            if self._best is not NOTHING:
                better = self._sign * self._comparer(key, self._best)
            if better > 0:
                self._best = key
                self._items = []
            if better >= 0:
                self._items.append(item)
        return
        yield

    def finish(self) -> Iterable[Any]:
        return (self._items,)

    def holds(self) -> bool:
        return True

    def demand(self, n: int) -> int:
        return UNBOUNDED


def _extremes(
    name: str, key_mapper: Mapper[Any, Any], comparer: Comparer[Any] | None, sign: int
) -> Any:
    checks.function(name, "key_mapper", key_mapper)
    checks.callback(name, "comparer", comparer)
    compare: Callable[[Any, Any], Any] = comparer or sub
    return staged(lambda _: _Extremes(key_mapper, compare, sign))


@operator(
    demand="unbounded ; 1 at the end ; holds the items of the greatest key", category="aggregate"
)
def max_by(
    key_mapper: Mapper[T, K], comparer: Comparer[K] | None = None
) -> Callable[[Flow[T] | Observable[T]], Flow[list[T]]]:
    """Give a list of the items whose key is the greatest.

    .. marble::
        :alt: max_by

        request  --1-------------
        source   --1-5-3-8-|
        [ max_by(lambda x: x % 5) ]
                 ----------[3,8]|

    Demand: unbounded ; 1 at the end ; holds the items of the greatest key.

    Args:
        key_mapper: Function of an item that gives its key.
        comparer: Function of two keys that gives a number above, at or below 0; their
            difference when left out.

    Returns:
        An operator function.

    Raises:
        TypeError: A function is not callable or async, when the pipeline is built.

    Errors:
        What the functions raise.

    Source: reactivex max_by.
    """
    return _extremes("max_by", key_mapper, comparer, 1)


@operator(
    demand="unbounded ; 1 at the end ; holds the items of the least key", category="aggregate"
)
def min_by(
    key_mapper: Mapper[T, K], comparer: Comparer[K] | None = None
) -> Callable[[Flow[T] | Observable[T]], Flow[list[T]]]:
    """Give a list of the items whose key is the least.

    .. marble::
        :alt: min_by

        request  --1-------------
        source   --1-5-3-8-|
        [ min_by(lambda x: x % 5) ]
                 ----------[5]|

    Demand: unbounded ; 1 at the end ; holds the items of the least key.

    Args:
        key_mapper: Function of an item that gives its key.
        comparer: Function of two keys that gives a number above, at or below 0; their
            difference when left out.

    Returns:
        An operator function.

    Raises:
        TypeError: A function is not callable or async, when the pipeline is built.

    Errors:
        What the functions raise.

    Source: reactivex min_by.
    """
    return _extremes("min_by", key_mapper, comparer, -1)
