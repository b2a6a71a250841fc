"""Items that are let through, and items that are not."""

from __future__ import annotations

import builtins
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from operator import eq
from typing import Any, TypeVar, overload

from reactivex import Observable
from reactivex.typing import Comparer, Mapper, Predicate, PredicateIndexed

from ..flow import Flow, checks
from ..flow.operator import operator, staged
from ..kernel import NOTHING, Plain, Stage
from ..protocol import UNBOUNDED
from .mapping import plain

T = TypeVar("T")
K = TypeVar("K")


@operator(demand="1:1, +1 per item dropped ; 1:1 ; holds 0", category="filter")
def filter(predicate: Predicate[T]) -> Callable[[Flow[T] | Observable[T]], Flow[T]]:
    """Let the items through that satisfy a predicate.

    .. marble::
        :alt: filter

        request  --2-----------
        source   --1-2-3-4-----
        [   filter(x % 2 == 0) ]
                 ----2---4-----

    Demand: 1:1, +1 per item dropped ; 1:1 ; holds 0.

    Args:
        predicate: Function of an item.

    Returns:
        An operator function.

    Raises:
        TypeError: The predicate is not callable or async, when the pipeline is built.

    Errors:
        What the predicate raises.

    Source: reactivex filter.
    """
    checks.function("filter", "predicate", predicate)
    return plain(partial(builtins.filter, predicate))


@operator(demand="1:1, +1 per item dropped ; 1:1 ; holds 0", category="filter")
def filter_indexed(
    predicate_indexed: PredicateIndexed[T] | None = None,
) -> Callable[[Flow[T] | Observable[T]], Flow[T]]:
    """Let the items through that satisfy a predicate of them and their index.

    .. marble::
        :alt: filter_indexed

        request  --2-----------
        source   --a-b-c-d-----
        [ filter_indexed(i % 2 == 0) ]
                 --a---c-------

    Demand: 1:1, +1 per item dropped ; 1:1 ; holds 0.

    Args:
        predicate_indexed: Function of an item and its index, from 0; all are let
            through when left out.

    Returns:
        An operator function.

    Raises:
        TypeError: The predicate is async, when the pipeline is built.

    Errors:
        What the predicate raises.

    Source: reactivex filter_indexed.
    """
    checks.callback("filter_indexed", "predicate_indexed", predicate_indexed)
    if predicate_indexed is None:
        return plain(iter)
    predicate = predicate_indexed
    return staged(lambda _: FilteredIndexed(predicate))


class FilteredIndexed(Stage):
    """Counts the items it looks at."""

    def __init__(self, predicate: Callable[[Any, int], bool]) -> None:
        """Begin at index 0."""
        self._predicate = predicate
        self._index = count()

    def run(self, items: Iterator[Any]) -> Iterator[Any]:
        """Let through what satisfies the predicate."""
        predicate, index = self._predicate, self._index
        return (item for item in items if predicate(item, next(index)))


@operator(demand="unbounded ; none ; holds 0", category="filter")
def ignore_elements() -> Callable[[Observable[T]], Flow[T]]:
    """Take all items and give none, only the end.

    .. marble::
        :alt: ignore_elements

        request  --1--------
        source   --1-2-3-|
        [ ignore_elements() ]
                 --------|

    Demand: unbounded ; none ; holds 0.
    As long as nothing is requested, nothing is taken.

    Returns:
        An operator function.

    Source: reactivex ignore_elements.
    """
    return staged(_Ignoring(_none_of))


class _Ignoring(Plain):
    def demand(self, n: int) -> int:
        return UNBOUNDED


def _none_of(items: Iterator[Any]) -> Iterator[Any]:
    deque(items, maxlen=0)
    return
    yield


@overload
def distinct(
    key_mapper: None = None, comparer: None = None
) -> Callable[[Observable[T]], Flow[T]]: ...
@overload
def distinct(
    key_mapper: None = None, *, comparer: Comparer[T]
) -> Callable[[Flow[T] | Observable[T]], Flow[T]]: ...
@overload
def distinct(
    key_mapper: Mapper[T, K], comparer: Comparer[K] | None = None
) -> Callable[[Flow[T] | Observable[T]], Flow[T]]: ...
@operator(demand="1:1, +1 per item dropped ; 1:1 ; holds 0", category="filter")
def distinct(
    key_mapper: Mapper[Any, Any] | None = None, comparer: Comparer[Any] | None = None
) -> Callable[[Observable[Any]], Flow[Any]]:
    """Let each item through once.

    .. marble::
        :alt: distinct

        request  --3-----------
        source   --1-2-1-3-----
        [      distinct()     ]
                 --1-2---3-----

    Demand: 1:1, +1 per item dropped ; 1:1 ; holds 0.
    It remembers every key it has seen: on an endless source, give a key that has few values.

    Args:
        key_mapper: Function of an item that gives what is compared; the item when left out.
        comparer: Whether two keys are equal; it makes each item cost a look at all
            keys seen. ``==``, by hash where there is one, when left out.

    Returns:
        An operator function.

    Raises:
        TypeError: A function is async, when the pipeline is built.

    Errors:
        What the functions raise.

    Source: reactivex distinct.
    """
    checks.callback("distinct", "key_mapper", key_mapper)
    checks.callback("distinct", "comparer", comparer)
    return staged(lambda _: _Distinct(key_mapper, comparer))


class _Distinct(Stage):
    def __init__(self, key_mapper: Mapper[Any, Any] | None, comparer: Comparer[Any] | None) -> None:
        self._key_mapper = key_mapper
        self._comparer = comparer
        self._seen: list[Any] = []  # what has no hash; everything when there is a comparer
        self._hashed = set[Any]()

    def run(self, items: Iterator[Any]) -> Iterator[Any]:
        key_mapper = self._key_mapper
        for item in items:
            if self._is_new(item if key_mapper is None else key_mapper(item)):
                yield item

    def _is_new(self, key: Any) -> bool:
        if self._comparer is not None:
            new = not any(self._comparer(seen, key) for seen in self._seen)
        else:
            try:
                if key in self._hashed and key == key:
                    return False
                new = key not in self._seen
                if new:
                    self._hashed.add(key)
                return new
            except TypeError:  # it has no hash
                new = not any(seen == key for seen in (*self._seen, *self._hashed))
        if new:
            self._seen.append(key)
        return new


@overload
def distinct_until_changed(
    key_mapper: None = None, comparer: None = None
) -> Callable[[Observable[T]], Flow[T]]: ...
@overload
def distinct_until_changed(
    key_mapper: None = None, *, comparer: Comparer[T]
) -> Callable[[Flow[T] | Observable[T]], Flow[T]]: ...
@overload
def distinct_until_changed(
    key_mapper: Mapper[T, K], comparer: Comparer[K] | None = None
) -> Callable[[Flow[T] | Observable[T]], Flow[T]]: ...
@operator(demand="1:1, +1 per item dropped ; 1:1 ; holds 0", category="filter")
def distinct_until_changed(
    key_mapper: Mapper[Any, Any] | None = None, comparer: Comparer[Any] | None = None
) -> Callable[[Observable[Any]], Flow[Any]]:
    """Let an item through when it differs from the last one that was.

    .. marble::
        :alt: distinct_until_changed

        request  --3-----------
        source   --1-1-2-2-1---
        [ distinct_until_changed() ]
                 --1---2---1---

    Demand: 1:1, +1 per item dropped ; 1:1 ; holds 0.

    Args:
        key_mapper: Function of an item that gives what is compared; the item when left out.
        comparer: Whether two keys are equal; ``==`` when left out.

    Returns:
        An operator function.

    Raises:
        TypeError: A function is async, when the pipeline is built.

    Errors:
        What the functions raise.

    Source: reactivex distinct_until_changed.
    """
    checks.callback("distinct_until_changed", "key_mapper", key_mapper)
    checks.callback("distinct_until_changed", "comparer", comparer)
    return staged(lambda _: _Changed(key_mapper, comparer or eq))


class _Changed(Stage):
    def __init__(self, key_mapper: Mapper[Any, Any] | None, comparer: Comparer[Any]) -> None:
        self._key_mapper = key_mapper
        self._comparer = comparer
        self._last: Any = NOTHING  # the key of the last item that was let through

    def run(self, items: Iterator[Any]) -> Iterator[Any]:
        key_mapper, comparer = self._key_mapper, self._comparer
        for item in items:
            key = item if key_mapper is None else key_mapper(item)
            if self._last is NOTHING or not comparer(self._last, key):
                self._last = key
                yield item
