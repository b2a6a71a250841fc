"""The beginning of a stream, or its end: take and its kin."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import count as indices
from typing import Any, TypeVar

from reactivex import Observable
from reactivex.typing import Predicate, PredicateIndexed

from ..flow import Flow, checks
from ..flow.operator import composed, operator, staged
from ..kernel import Stage
from ..protocol import UNBOUNDED

T = TypeVar("T")


@operator(demand="1:1, at most count ; 1:1 ; holds 0", category="filter")
def take(count: int) -> Callable[[Observable[T]], Flow[T]]:
    """Give the first items, then complete.

    .. marble::
        :alt: take

        request  --9---------
        source   --1-2-3-4---
        [      take(2)      ]
                 --1-2|

    Demand: 1:1, at most count ; 1:1 ; holds 0.
    Ends: with the last of them; with a count of 0 at once, without subscribing.

    Args:
        count: How many (items, at least 0).

    Returns:
        An operator function.

    Raises:
        ValueError: count < 0 or not whole, when the pipeline is built.

    Source: reactivex take; RxJava take.
    """
    whole = checks.whole("take", "count", count, least=0)
    return staged(lambda _: _Taken(whole))


class _Taken(Stage):
    def __init__(self, count: int) -> None:
        self._left = count
        self.done = not count

    def run(self, items: Iterator[Any]) -> Iterator[Any]:
        if self.done:
            return
        for item in items:
            self._left -= 1
            if not self._left:
                self.done = True
                yield item
                return
            yield item

    def demand(self, n: int) -> int:
        return min(n, self._left)


@operator(demand="1:1 ; 1:1 ; holds 0", category="filter")
def take_while(
    predicate: Predicate[T], inclusive: bool = False
) -> Callable[[Flow[T] | Observable[T]], Flow[T]]:
    """Give items as long as a predicate holds, then complete.

    .. marble::
        :alt: take_while

        request  --9---------
        source   --1-2-3-4---
        [  take_while(x < 3) ]
                 --1-2-|

    Demand: 1:1 ; 1:1 ; holds 0.

    Args:
        predicate: Function of an item.
        inclusive: Give the item for which it does not hold, too.

    Returns:
        An operator function.

    Raises:
        TypeError: The predicate is not callable or async, when the pipeline is built.

    Errors:
        What the predicate raises.

    Source: reactivex take_while.
    """
    checks.function("take_while", "predicate", predicate)
    return staged(lambda _: _TakenWhile(predicate, inclusive))


@operator(demand="1:1 ; 1:1 ; holds 0", category="filter")
def take_while_indexed(
    predicate: PredicateIndexed[T], inclusive: bool = False
) -> Callable[[Flow[T] | Observable[T]], Flow[T]]:
    """Give items as long as a predicate of them and their index holds, then complete.

    .. marble::
        :alt: take_while_indexed

        request  --9---------
        source   --a-b-c-d---
        [ take_while_indexed(i < 2) ]
                 --a-b-|

    Demand: 1:1 ; 1:1 ; holds 0.

    Args:
        predicate: Function of an item and its index, from 0.
        inclusive: Give the item for which it does not hold, too.

    Returns:
        An operator function.

    Raises:
        TypeError: The predicate is not callable or async, when the pipeline is built.

    Errors:
        What the predicate raises.

    Source: reactivex take_while_indexed.
    """
    checks.function("take_while_indexed", "predicate", predicate)
    return staged(lambda _: _TakenWhile(counting(predicate), inclusive))


def counting(predicate: Callable[[Any, int], bool]) -> Callable[[Any], bool]:
    """Make a predicate of an item and its index one of an item, for one subscription."""
    index = indices()
    return lambda item: predicate(item, next(index))


class _TakenWhile(Stage):
    def __init__(self, predicate: Callable[[Any], bool], inclusive: bool) -> None:
        self._predicate = predicate
        self._inclusive = inclusive

    def run(self, items: Iterator[Any]) -> Iterator[Any]:
        predicate = self._predicate
        for item in items:
            if not predicate(item):
                self.done = True
                if self._inclusive:
                    yield item
                return
            yield item


@operator(demand="unbounded ; 1:1 at the end ; holds <= count", category="filter")
def take_last(count: int) -> Callable[[Observable[T]], Flow[T]]:
    """Give the last items, once the source has completed.

    .. marble::
        :alt: take_last

        request  --9------------
        source   --1-2-3-4-|
        [      take_last(2)    ]
                 ----------(34)|

    Demand: unbounded ; 1:1 at the end ; holds <= count.

    Args:
        count: How many (items, at least 0).

    Returns:
        An operator function.

    Raises:
        ValueError: count < 0 or not whole, when the pipeline is built.

    Source: reactivex take_last.
    """
    whole = checks.whole("take_last", "count", count, least=0)
    return staged(lambda _: _Last(whole))


@operator(demand="unbounded ; 1 at the end ; holds <= count", category="filter")
def take_last_buffer(count: int) -> Callable[[Observable[T]], Flow[list[T]]]:
    """Give a list of the last items, once the source has completed.

    .. marble::
        :alt: take_last_buffer

        request  --1------------
        source   --1-2-3-4-|
        [ take_last_buffer(2)  ]
                 ----------[3,4]|

    Demand: unbounded ; 1 at the end ; holds <= count.

    Args:
        count: How many (items, at least 0).

    Returns:
        An operator function.

    Raises:
        ValueError: count < 0 or not whole, when the pipeline is built.

    Source: reactivex take_last_buffer.
    """
    from .collecting import to_list

    whole = checks.whole("take_last_buffer", "count", count, least=0)
    return composed(take_last(whole), to_list())


class _Last(Stage):
    releases = True

    def __init__(self, count: int) -> None:
        self._items: deque[Any] = deque(maxlen=count)

    def run(self, items: Iterator[Any]) -> Iterator[Any]:
        self._items.extend(items)
        return
        yield

    def finish(self) -> Iterable[Any]:
        return self._items  # and it holds them until it is done

    def holds(self) -> bool:
        return bool(self._items)

    def demand(self, n: int) -> int:
        return UNBOUNDED
