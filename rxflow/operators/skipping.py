"""A stream without its beginning, or without its end: skip and its kin."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from itertools import dropwhile, islice
from typing import Any, TypeVar

from reactivex import Observable
from reactivex.typing import Predicate, PredicateIndexed

from ..flow import Flow, checks
from ..flow.operator import operator, staged
from ..kernel import Stage
from ..protocol import add_demand
from .taking import counting

T = TypeVar("T")


@operator(demand="1:1, +count at the start ; 1:1 ; holds 0", category="filter")
def skip(count: int) -> Callable[[Observable[T]], Flow[T]]:
    """Leave the first items out.

    .. marble::
        :alt: skip

        request  --2---------
        source   --1-2-3-4---
        [      skip(2)      ]
                 ------3-4---

    Demand: 1:1, +count at the start ; 1:1 ; holds 0.

    Args:
        count: How many (items, at least 0).

    Returns:
        An operator function.

    Raises:
        ValueError: count < 0 or not whole, when the pipeline is built.

    Source: reactivex skip.
    """
    whole = checks.whole("skip", "count", count, least=0)
    return staged(lambda _: _Skipped(whole))


class _Skipped(Stage):
    def __init__(self, count: int) -> None:
        self._left = count

    def run(self, items: Iterator[Any]) -> Iterator[Any]:
        return self._skipping(items) if self._left else items

    def _skipping(self, items: Iterator[Any]) -> Iterator[Any]:
        for _ in islice(items, self._left):
            self._left -= 1
        if not self._left:  # else nothing now: advanced again, they might go on
            yield from items

    def demand(self, n: int) -> int:
        return add_demand(n, self._left)


@operator(demand="1:1, +1 per item skipped ; 1:1 ; holds 0", category="filter")
def skip_while(predicate: Predicate[T]) -> Callable[[Flow[T] | Observable[T]], Flow[T]]:
    """Leave items out as long as a predicate holds.

    .. marble::
        :alt: skip_while

        request  --2---------
        source   --1-2-3-1---
        [  skip_while(x < 3) ]
                 ------3-1---

    Demand: 1:1, +1 per item skipped ; 1:1 ; holds 0.

    Args:
        predicate: Function of an item; not asked again once it did not hold.

    Returns:
        An operator function.

    Raises:
        TypeError: The predicate is not callable or async, when the pipeline is built.

    Errors:
        What the predicate raises.

    Source: reactivex skip_while.
    """
    checks.function("skip_while", "predicate", predicate)
    return staged(lambda _: _SkippedWhile(predicate))


@operator(demand="1:1, +1 per item skipped ; 1:1 ; holds 0", category="filter")
def skip_while_indexed(
    predicate: PredicateIndexed[T],
) -> Callable[[Flow[T] | Observable[T]], Flow[T]]:
    """Leave items out as long as a predicate of them and their index holds.

    .. marble::
        :alt: skip_while_indexed

        request  --2---------
        source   --a-b-c-d---
        [ skip_while_indexed(i < 2) ]
                 ------c-d---

    Demand: 1:1, +1 per item skipped ; 1:1 ; holds 0.

    Args:
        predicate: Function of an item and its index, from 0; not asked again once
            it did not hold.

    Returns:
        An operator function.

    Raises:
        TypeError: The predicate is not callable or async, when the pipeline is built.

    Errors:
        What the predicate raises.

    Source: reactivex skip_while_indexed.
    """
    checks.function("skip_while_indexed", "predicate", predicate)
    return staged(lambda _: _SkippedWhile(counting(predicate)))


class _SkippedWhile(Stage):
    def __init__(self, predicate: Callable[[Any], bool]) -> None:
        self._predicate: Callable[[Any], bool] | None = predicate  # None once it did not hold

    def run(self, items: Iterator[Any]) -> Iterator[Any]:
        return items if self._predicate is None else dropwhile(self._still, items)

    def _still(self, item: Any) -> bool:
        assert self._predicate is not None
        if self._predicate(item):
            return True
        self._predicate = None
        return False


@operator(demand="1:1, +count at the start ; 1:1 ; holds <= count", category="filter")
def skip_last(count: int) -> Callable[[Observable[T]], Flow[T]]:
    """Leave the last items out; each item comes ``count`` items late.

    .. marble::
        :alt: skip_last

        request  --2---------
        source   --1-2-3-4-|
        [     skip_last(2)  ]
                 ------1-2-|

    Demand: 1:1, +count at the start ; 1:1 ; holds <= count.

    Args:
        count: How many (items, at least 0).

    Returns:
        An operator function.

    Raises:
        ValueError: count < 0 or not whole, when the pipeline is built.

    Source: reactivex skip_last.
    """
    whole = checks.whole("skip_last", "count", count, least=0)
    return staged(lambda _: _WithoutLast(whole))


class _WithoutLast(Stage):
    def __init__(self, count: int) -> None:
        self._count = count
        self._items: deque[Any] = deque()

    def run(self, items: Iterator[Any]) -> Iterator[Any]:
        late, count = self._items, self._count
        for item in items:
            late.append(item)
            if len(late) > count:
                yield late.popleft()

    def demand(self, n: int) -> int:
        return add_demand(n, self._count - len(self._items))
