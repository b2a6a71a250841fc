"""One item out of all: first, last, single, element_at; and one where there is none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar, overload

from reactivex import Observable
from reactivex.internal import ArgumentOutOfRangeException, SequenceContainsNoElementsError
from reactivex.typing import Predicate

from ..flow import Flow, checks
from ..flow.operator import composed, operator, staged
from ..kernel import NOTHING, Stage
from .aggregating import Folded
from .filtering import filter

T = TypeVar("T")
V = TypeVar("V")


class _Picked(Stage):
    """Gives the item of an index and is done; at the end of too short a stream the default."""

    releases = True

    def __init__(self, index: int, default: Any, missing: type[Exception]) -> None:
        self._left = index
        self._default = default
        self._missing = missing

    def run(self, items: Iterator[Any]) -> Iterator[Any]:
        for item in items:
            if not self._left:
                self.done = True
                yield item
                return
            self._left -= 1

    def finish(self) -> Iterable[Any]:
        if self._default is NOTHING:
            raise self._missing
        return (self._default,)

    def holds(self) -> bool:
        return self._default is not NOTHING

    def demand(self, n: int) -> int:
        return self._left + 1


class _Default(Stage):
    releases = True

    def __init__(self, default: Any) -> None:
        self._default = default
        self._empty = True

    def run(self, items: Iterator[Any]) -> Iterator[Any]:
        return self._first(items) if self._empty else items

    def _first(self, items: Iterator[Any]) -> Iterator[Any]:
        for item in items:
            self._empty = False
            yield item

    def finish(self) -> Iterable[Any]:
        return (self._default,) if self._empty else ()

    def holds(self) -> bool:
        return self._empty


class _Only(Stage):
    releases = True

    def __init__(self, default: Any) -> None:
        self._value = NOTHING
        self._default = default

    def run(self, items: Iterator[Any]) -> Iterator[Any]:
        for item in items:
            if self._value is not NOTHING:
                raise Exception("Sequence contains more than one element")  # as in reactivex
            self._value = item
        return
        yield

    def finish(self) -> Iterable[Any]:
        value = self._default if self._value is NOTHING else self._value
        if value is NOTHING:
            raise SequenceContainsNoElementsError
        return (value,)

    def holds(self) -> bool:
        return self._value is not NOTHING or self._default is not NOTHING


def _picked(default: Any) -> Any:
    return staged(lambda _: _Picked(0, default, SequenceContainsNoElementsError))


def _last_of(default: Any) -> Any:
    return staged(lambda _: Folded(lambda _, item: item, default))


def _only(default: Any) -> Any:
    return staged(lambda _: _Only(default))


def _where(name: str, predicate: Callable[[Any], bool] | None, then: Any) -> Any:
    """Make an operator of the items that satisfy a predicate, if there is one."""
    checks.callback(name, "predicate", predicate)
    return then if predicate is None else composed(filter(predicate), then)


@operator(demand="1:1, at most index + 1 ; 1 ; holds 0", category="filter")
def element_at(index: int) -> Callable[[Observable[T]], Flow[T]]:
    """Give the item of an index, then complete.

    .. marble::
        :alt: element_at

        request  --1---------
        source   --a-b-c-----
        [    element_at(1)  ]
                 ----b|

    Demand: 1:1, at most index + 1 ; 1 ; holds 0.

    Args:
        index: Which, from 0 (items).

    Returns:
        An operator function.

    Raises:
        ValueError: index < 0 or not whole, when the pipeline is built.

    Errors:
        ArgumentOutOfRangeException: There are fewer items.

    Source: reactivex element_at.
    """
    whole = checks.whole("element_at", "index", index, least=0)
    return staged(lambda _: _Picked(whole, NOTHING, ArgumentOutOfRangeException))


@overload
def element_at_or_default(index: int) -> Callable[[Observable[T]], Flow[T | None]]: ...
@overload
def element_at_or_default(
    index: int, default_value: V
) -> Callable[[Observable[T]], Flow[T | V]]: ...
@operator(demand="1:1, at most index + 1 ; 1 ; holds 0", category="filter")
def element_at_or_default(
    index: int, default_value: Any = None
) -> Callable[[Observable[Any]], Flow[Any]]:
    """Give the item of an index, or a default where there are fewer, then complete.

    .. marble::
        :alt: element_at_or_default

        request  --1---------
        source   --a-|
        [ element_at_or_default(1, z) ]
                 ----z|

    Demand: 1:1, at most index + 1 ; 1 ; holds 0.

    Args:
        index: Which, from 0 (items).
        default_value: What to give where there are fewer.

    Returns:
        An operator function.

    Raises:
        ValueError: index < 0 or not whole, when the pipeline is built.

    Source: reactivex element_at_or_default.
    """
    whole = checks.whole("element_at_or_default", "index", index, least=0)
    return staged(lambda _: _Picked(whole, default_value, ArgumentOutOfRangeException))


@overload
def first(predicate: None = None) -> Callable[[Observable[T]], Flow[T]]: ...
@overload
def first(predicate: Predicate[T]) -> Callable[[Flow[T] | Observable[T]], Flow[T]]: ...
@operator(demand="1:1 up to the first ; 1 ; holds 0", category="filter")
def first(predicate: Predicate[Any] | None = None) -> Callable[[Observable[Any]], Flow[Any]]:
    """Give the first item, then complete.

    .. marble::
        :alt: first

        request  --1---------
        source   --1-2-3-----
        [      first()      ]
                 --1|

    Demand: 1:1 up to the first ; 1 ; holds 0.

    Args:
        predicate: Function of an item: the first that satisfies it.

    Returns:
        An operator function.

    Raises:
        TypeError: The predicate is async, when the pipeline is built.

    Errors:
        SequenceContainsNoElementsError: There is none.
        What the predicate raises.

    Source: reactivex first.
    """
    return _where("first", predicate, _picked(NOTHING))


@overload
def first_or_default(predicate: None = None) -> Callable[[Observable[T]], Flow[T | None]]: ...
@overload
def first_or_default(
    predicate: Predicate[T],
) -> Callable[[Flow[T] | Observable[T]], Flow[T | None]]: ...
@overload
def first_or_default(
    predicate: None = None, *, default_value: V
) -> Callable[[Observable[T]], Flow[T | V]]: ...
@overload
def first_or_default(
    predicate: Predicate[T] | None, default_value: V
) -> Callable[[Flow[T] | Observable[T]], Flow[T | V]]: ...
@operator(demand="1:1 up to the first ; 1 ; holds 0", category="filter")
def first_or_default(
    predicate: Predicate[Any] | None = None, default_value: Any = None
) -> Callable[[Observable[Any]], Flow[Any]]:
    """Give the first item, or a default where there is none, then complete.

    .. marble::
        :alt: first_or_default

        request  --1---------
        source   ----|
        [ first_or_default(None, z) ]
                 ----z|

    Demand: 1:1 up to the first ; 1 ; holds 0.

    Args:
        predicate: Function of an item: the first that satisfies it.
        default_value: What to give where there is none.

    Returns:
        An operator function.

    Raises:
        TypeError: The predicate is async, when the pipeline is built.

    Errors:
        What the predicate raises.

    Source: reactivex first_or_default.
    """
    return _where("first_or_default", predicate, _picked(default_value))


@overload
def last(predicate: None = None) -> Callable[[Observable[T]], Flow[T]]: ...
@overload
def last(predicate: Predicate[T]) -> Callable[[Flow[T] | Observable[T]], Flow[T]]: ...
@operator(demand="unbounded ; 1 at the end ; holds <= 1", category="filter")
def last(predicate: Predicate[Any] | None = None) -> Callable[[Observable[Any]], Flow[Any]]:
    """Give the last item, once the source has completed.

    .. marble::
        :alt: last

        request  --1---------
        source   --1-2-3-|
        [      last()       ]
                 --------3|

    Demand: unbounded ; 1 at the end ; holds <= 1.

    Args:
        predicate: Function of an item: the last that satisfies it.

    Returns:
        An operator function.

    Raises:
        TypeError: The predicate is async, when the pipeline is built.

    Errors:
        SequenceContainsNoElementsError: There is none.
        What the predicate raises.

    Source: reactivex last.
    """
    return _where("last", predicate, _last_of(NOTHING))


@overload
def last_or_default() -> Callable[[Observable[T]], Flow[T | None]]: ...
@overload
def last_or_default(
    *, predicate: Predicate[T]
) -> Callable[[Flow[T] | Observable[T]], Flow[T | None]]: ...
@overload
def last_or_default(default_value: V) -> Callable[[Observable[T]], Flow[T | V]]: ...
@overload
def last_or_default(
    default_value: V, predicate: Predicate[T]
) -> Callable[[Flow[T] | Observable[T]], Flow[T | V]]: ...
@operator(demand="unbounded ; 1 at the end ; holds <= 1", category="filter")
def last_or_default(
    default_value: Any = None, predicate: Predicate[Any] | None = None
) -> Callable[[Observable[Any]], Flow[Any]]:
    """Give the last item, or a default where there is none, once the source has completed.

    .. marble::
        :alt: last_or_default

        request  --1---------
        source   ----|
        [ last_or_default(z) ]
                 ----z|

    Demand: unbounded ; 1 at the end ; holds <= 1.

    Args:
        default_value: What to give where there is none.
        predicate: Function of an item: the last that satisfies it.

    Returns:
        An operator function.

    Raises:
        TypeError: The predicate is async, when the pipeline is built.

    Errors:
        What the predicate raises.

    Source: reactivex last_or_default.
    """
    return _where("last_or_default", predicate, _last_of(default_value))


@overload
def single(predicate: None = None) -> Callable[[Observable[T]], Flow[T]]: ...
@overload
def single(predicate: Predicate[T]) -> Callable[[Flow[T] | Observable[T]], Flow[T]]: ...
@operator(demand="1:1 up to the second ; 1 at the end ; holds <= 1", category="filter")
def single(predicate: Predicate[Any] | None = None) -> Callable[[Observable[Any]], Flow[Any]]:
    """Give the only item, once the source has completed; several are an error.

    .. marble::
        :alt: single

        request  --1---------
        source   --1-|
        [      single()     ]
                 ----1|

    Demand: 1:1 up to the second ; 1 at the end ; holds <= 1.

    Args:
        predicate: Function of an item: the only one that satisfies it.

    Returns:
        An operator function.

    Raises:
        TypeError: The predicate is async, when the pipeline is built.

    Errors:
        SequenceContainsNoElementsError: There is none.
        Exception: There is a second one.
        What the predicate raises.

    Source: reactivex single.
    """
    return _where("single", predicate, _only(NOTHING))


@overload
def single_or_default(predicate: None = None) -> Callable[[Observable[T]], Flow[T | None]]: ...
@overload
def single_or_default(
    predicate: Predicate[T],
) -> Callable[[Flow[T] | Observable[T]], Flow[T | None]]: ...
@overload
def single_or_default(
    predicate: None = None, *, default_value: V
) -> Callable[[Observable[T]], Flow[T | V]]: ...
@overload
def single_or_default(
    predicate: Predicate[T] | None, default_value: V
) -> Callable[[Flow[T] | Observable[T]], Flow[T | V]]: ...
@operator(demand="1:1 up to the second ; 1 at the end ; holds <= 1", category="filter")
def single_or_default(
    predicate: Predicate[Any] | None = None, default_value: Any = None
) -> Callable[[Observable[Any]], Flow[Any]]:
    """Give the only item, or a default where there is none; several are an error.

    .. marble::
        :alt: single_or_default

        request  --1---------
        source   ----|
        [ single_or_default(None, z) ]
                 ----z|

    Demand: 1:1 up to the second ; 1 at the end ; holds <= 1.

    Args:
        predicate: Function of an item: the only one that satisfies it.
        default_value: What to give where there is none.

    Returns:
        An operator function.

    Raises:
        TypeError: The predicate is async, when the pipeline is built.

    Errors:
        Exception: There is a second one.
        What the predicate raises.

    Source: reactivex single_or_default.
    """
    return _where("single_or_default", predicate, _only(default_value))


@overload
def default_if_empty() -> Callable[[Observable[T]], Flow[T | None]]: ...
@overload
def default_if_empty(default_value: V) -> Callable[[Observable[T]], Flow[T | V]]: ...
@operator(demand="1:1 ; 1:1 ; holds <= 1", category="filter")
def default_if_empty(default_value: Any = None) -> Callable[[Observable[Any]], Flow[Any]]:
    """Give a default when the source completes without an item.

    .. marble::
        :alt: default_if_empty

        request  --1---------
        source   ----|
        [ default_if_empty(z) ]
                 ----z|

    Demand: 1:1 ; 1:1 ; holds <= 1.

    Args:
        default_value: What to give.

    Returns:
        An operator function.

    Source: reactivex default_if_empty.
    """
    return staged(lambda _: _Default(default_value))
