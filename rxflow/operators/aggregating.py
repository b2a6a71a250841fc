"""All items made one: scan, reduce, count, sum, min, max, average."""

from __future__ import annotations

import operator as operators
from collections.abc import Callable, Iterable, Iterator
from functools import reduce as fold
from typing import Any, TypeVar, overload

from reactivex import Observable
from reactivex.internal import SequenceContainsNoElementsError
from reactivex.internal.utils import NotSet
from reactivex.typing import Accumulator, Comparer, Mapper, Predicate

from ..flow import Flow, checks
from ..flow.operator import composed, operator, staged
from ..kernel import NOTHING, Stage
from ..protocol import UNBOUNDED
from .filtering import filter
from .mapping import map

T = TypeVar("T")
TState = TypeVar("TState")


class Folded(Stage):
    """Makes one value of all items, and gives it at the end."""

    __slots__ = ("_step", "_value", "done")

    releases = True

    def __init__(self, step: Callable[[Any, Any], Any], seed: Any = NOTHING) -> None:
        """Begin with a seed.

        Args:
            step: Function of the value so far and an item.
            seed: The first value; without one it is the first item, and that
                there is none is an error.
        """
        self._step = step
        self._value = seed
        self.done: bool = False

    def run(self, items: Iterator[Any]) -> Iterator[Any]:
        """Take all items, give none."""
        if self._value is NOTHING:
            self._value = next(items, NOTHING)
        if self._value is NOTHING:  # nothing now: advanced again, they might go on
            return
        self._value = fold(self._step, items, self._value)
        return
        yield

    def finish(self) -> Iterable[Any]:
        """Give the value."""
        if self._value is NOTHING:
            raise SequenceContainsNoElementsError
        return (self._value,)

    def holds(self) -> bool:
        """Tell whether there is a value, and not an error."""
        return self._value is not NOTHING

    def demand(self, n: int) -> int:
        """All of them are needed."""
        return UNBOUNDED


class _Scanned(Stage):
    __slots__ = ("_accumulator", "_value")

    def __init__(self, accumulator: Callable[[Any, Any], Any], seed: Any) -> None:
        self._accumulator = accumulator
        self._value = seed

    def run(self, items: Iterator[Any]) -> Iterator[Any]:
        accumulator = self._accumulator
        for item in items:
            value = self._value
            self._value = value = item if value is NOTHING else accumulator(value, item)
            yield value


def _seed(seed: Any) -> Any:
    return NOTHING if seed is NotSet else seed


@overload
def scan(accumulator: Accumulator[T, T]) -> Callable[[Flow[T] | Observable[T]], Flow[T]]: ...
@overload
def scan(
    accumulator: Accumulator[TState, T], seed: TState | type[NotSet]
) -> Callable[[Flow[T] | Observable[T]], Flow[TState]]: ...
@operator(demand="1:1 ; 1:1 ; holds 0", category="transform")
def scan(
    accumulator: Accumulator[Any, Any], seed: Any = NotSet
) -> Callable[[Observable[Any]], Flow[Any]]:
    """Accumulate items, and give the value after each.

    .. marble::
        :alt: scan

        request  --3---------
        source   --1-2-3-----
        [   scan(acc + x)   ]
                 --1-3-6-----

    Demand: 1:1 ; 1:1 ; holds 0.

    Args:
        accumulator: Function of the value so far and an item.
        seed: The first value; without one the first item is given as it is.

    Returns:
        An operator function.

    Raises:
        TypeError: The accumulator is not callable or async, when the pipeline is built.

    Errors:
        What the accumulator raises.

    Source: reactivex scan.
    """
    checks.function("scan", "accumulator", accumulator)
    return staged(lambda _: _Scanned(accumulator, _seed(seed)))


@overload
def reduce(accumulator: Accumulator[T, T]) -> Callable[[Flow[T] | Observable[T]], Flow[T]]: ...
@overload
def reduce(
    accumulator: Accumulator[TState, T], seed: TState | type[NotSet]
) -> Callable[[Flow[T] | Observable[T]], Flow[TState]]: ...
@operator(demand="unbounded ; 1 at the end ; holds <= 1", category="aggregate")
def reduce(
    accumulator: Accumulator[Any, Any], seed: Any = NotSet
) -> Callable[[Observable[Any]], Flow[Any]]:
    """Accumulate all items, and give the value at the end.

    .. marble::
        :alt: reduce

        request  --1---------
        source   --1-2-3-|
        [  reduce(acc + x)  ]
                 --------6|

    Demand: unbounded ; 1 at the end ; holds <= 1.

    Args:
        accumulator: Function of the value so far and an item.
        seed: The first value; the first item when left out.

    Returns:
        An operator function.

    Raises:
        TypeError: The accumulator is not callable or async, when the pipeline is built.

    Errors:
        SequenceContainsNoElementsError: There was neither a seed nor an item.
        What the accumulator raises.

    Source: reactivex reduce.
    """
    checks.function("reduce", "accumulator", accumulator)
    return staged(lambda _: Folded(accumulator, _seed(seed)))


@operator(demand="unbounded ; 1 at the end ; holds <= 1", category="aggregate")
def count(predicate: Predicate[T] | None = None) -> Callable[[Flow[T] | Observable[T]], Flow[int]]:
    """Count the items.

    .. marble::
        :alt: count

        request  --1---------
        source   --1-2-3-|
        [      count()      ]
                 --------3|

    Demand: unbounded ; 1 at the end ; holds <= 1.

    Args:
        predicate: Function of an item that says whether it counts; all do when left out.

    Returns:
        An operator function.

    Raises:
        TypeError: The predicate is async, when the pipeline is built.

    Errors:
        What the predicate raises.

    Source: reactivex count.
    """
    checks.callback("count", "predicate", predicate)
    counted = staged(lambda _: Folded(lambda n, _: n + 1, 0))
    return counted if predicate is None else composed(filter(predicate), counted)


@overload
def sum() -> Callable[[Observable[float]], Flow[float]]: ...
@overload
def sum(key_mapper: Mapper[T, float]) -> Callable[[Flow[T] | Observable[T]], Flow[float]]: ...
@operator(demand="unbounded ; 1 at the end ; holds <= 1", category="aggregate")
def sum(key_mapper: Mapper[Any, float] | None = None) -> Callable[[Observable[Any]], Flow[float]]:
    """Add up the items.

    .. marble::
        :alt: sum

        request  --1---------
        source   --1-2-3-|
        [       sum()       ]
                 --------6|

    Demand: unbounded ; 1 at the end ; holds <= 1.

    Args:
        key_mapper: Function of an item that gives what is added; the item when left out.

    Returns:
        An operator function.

    Raises:
        TypeError: The mapper is async, when the pipeline is built.

    Errors:
        What the mapper or the addition raises.

    Source: reactivex sum.
    """
    checks.callback("sum", "key_mapper", key_mapper)
    added = staged(lambda _: Folded(operators.add, 0))
    return added if key_mapper is None else composed(map(key_mapper), added)


@operator(demand="unbounded ; 1 at the end ; holds <= 1", category="aggregate")
def average(
    key_mapper: Mapper[T, float] | None = None,
) -> Callable[[Flow[T] | Observable[T]], Flow[float]]:
    """Give the mean of the items.

    .. marble::
        :alt: average

        request  --1---------
        source   --1-2-3-|
        [     average()     ]
                 --------2.0|

    Demand: unbounded ; 1 at the end ; holds <= 1.

    Args:
        key_mapper: Function of an item that gives the number; ``float`` when left out.

    Returns:
        An operator function.

    Raises:
        TypeError: The mapper is async, when the pipeline is built.

    Errors:
        SequenceContainsNoElementsError: There was no item.
        What the mapper raises.

    Source: reactivex average.
    """
    checks.callback("average", "key_mapper", key_mapper)

    def numbered(item: Any) -> tuple[float, int]:
        return 0 + (float(item) if key_mapper is None else key_mapper(item)), 1

    def step(mean: tuple[float, int], item: tuple[float, int]) -> tuple[float, int]:
        return mean[0] + item[0], mean[1] + 1

    def divided(mean: tuple[float, int]) -> float:
        return mean[0] / float(mean[1])

    return composed(map(numbered), staged(lambda _: Folded(step)), map(divided))


@overload
def min(comparer: None = None) -> Callable[[Observable[T]], Flow[T]]: ...
@overload
def min(comparer: Comparer[T]) -> Callable[[Flow[T] | Observable[T]], Flow[T]]: ...
@operator(demand="unbounded ; 1 at the end ; holds <= 1", category="aggregate")
def min(comparer: Comparer[Any] | None = None) -> Callable[[Observable[Any]], Flow[Any]]:
    """Give the least item, the first of several equal ones.

    .. marble::
        :alt: min

        request  --1---------
        source   --3-1-2-|
        [       min()       ]
                 --------1|

    Demand: unbounded ; 1 at the end ; holds <= 1.

    Args:
        comparer: Function of two items that gives a number above, at or below 0;
            their difference when left out.

    Returns:
        An operator function.

    Raises:
        TypeError: The comparer is async, when the pipeline is built.

    Errors:
        SequenceContainsNoElementsError: There was no item.
        What the comparer raises.

    Source: reactivex min.
    """
    return _extreme("min", comparer, -1)


@overload
def max(comparer: None = None) -> Callable[[Observable[T]], Flow[T]]: ...
@overload
def max(comparer: Comparer[T]) -> Callable[[Flow[T] | Observable[T]], Flow[T]]: ...
@operator(demand="unbounded ; 1 at the end ; holds <= 1", category="aggregate")
def max(comparer: Comparer[Any] | None = None) -> Callable[[Observable[Any]], Flow[Any]]:
    """Give the greatest item, the first of several equal ones.

    .. marble::
        :alt: max

        request  --1---------
        source   --1-3-2-|
        [       max()       ]
                 --------3|

    Demand: unbounded ; 1 at the end ; holds <= 1.

    Args:
        comparer: Function of two items that gives a number above, at or below 0;
            their difference when left out.

    Returns:
        An operator function.

    Raises:
        TypeError: The comparer is async, when the pipeline is built.

    Errors:
        SequenceContainsNoElementsError: There was no item.
        What the comparer raises.

    Source: reactivex max.
    """
    return _extreme("max", comparer, 1)


def _extreme(name: str, comparer: Callable[[Any, Any], Any] | None, sign: int) -> Any:
    checks.callback(name, "comparer", comparer)
    compare = comparer or operators.sub

    def step(best: Any, item: Any) -> Any:
        return item if sign * compare(item, best) > 0 else best

    return staged(lambda _: Folded(step))
