"""A question about all items, answered as soon as it can be: all, some, contains, is_empty."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from operator import eq, not_
from typing import Any, TypeVar

from reactivex import Observable
from reactivex.typing import Comparer, Predicate

from ..flow import Flow, checks
from ..flow.operator import composed, operator, staged
from ..kernel import Stage
from .filtering import filter
from .mapping import map

T = TypeVar("T")


class _Some(Stage):
    """Gives True with the first item; False at the end."""

    releases = True

    def run(self, items: Iterator[Any]) -> Iterator[Any]:
        for _ in items:
            self.done = True
            yield True
            return

    def finish(self) -> Iterable[Any]:
        return (False,)

    def holds(self) -> bool:
        return True

    def demand(self, n: int) -> int:
        return 1


@operator(demand="1:1 up to the answer ; 1 ; holds 0", category="aggregate")
def some(predicate: Predicate[T] | None = None) -> Callable[[Flow[T] | Observable[T]], Flow[bool]]:
    """Tell whether there is an item, or one that satisfies a predicate.

    .. marble::
        :alt: some

        request  --1---------
        source   --1-2-3-4---
        [    some(x > 2)    ]
                 ------True|

    Demand: 1:1 up to the answer ; 1 ; holds 0.

    Args:
        predicate: Function of an item; any item will do when left out.

    Returns:
        An operator function.

    Raises:
        TypeError: The predicate is async, when the pipeline is built.

    Errors:
        What the predicate raises.

    Source: reactivex some.
    """
    checks.callback("some", "predicate", predicate)
    found = staged(lambda _: _Some())
    return found if predicate is None else composed(filter(predicate), found)


@operator(demand="1:1 up to the answer ; 1 ; holds 0", category="aggregate")
def all(predicate: Predicate[T]) -> Callable[[Flow[T] | Observable[T]], Flow[bool]]:
    """Tell whether every item satisfies a predicate.

    .. marble::
        :alt: all

        request  --1---------
        source   --1-2-3-4---
        [     all(x < 3)    ]
                 ------False|

    Demand: 1:1 up to the answer ; 1 ; holds 0.

    Args:
        predicate: Function of an item.

    Returns:
        An operator function.

    Raises:
        TypeError: The predicate is not callable or async, when the pipeline is built.

    Errors:
        What the predicate raises.

    Source: reactivex all.
    """
    checks.function("all", "predicate", predicate)

    def fails(item: Any) -> bool:
        return not predicate(item)

    return composed(some(fails), map(not_))


@operator(demand="1:1 up to the answer ; 1 ; holds 0", category="aggregate")
def contains(
    value: T, comparer: Comparer[T] | None = None
) -> Callable[[Flow[T] | Observable[T]], Flow[bool]]:
    """Tell whether there is an item that equals a value.

    .. marble::
        :alt: contains

        request  --1---------
        source   --1-2-3-4---
        [     contains(3)   ]
                 ------True|

    Demand: 1:1 up to the answer ; 1 ; holds 0.

    Args:
        value: The value.
        comparer: Whether an item and the value are equal; ``==`` when left out.

    Returns:
        An operator function.

    Raises:
        TypeError: The comparer is async, when the pipeline is built.

    Errors:
        What the comparer raises.

    Source: reactivex contains.
    """
    checks.callback("contains", "comparer", comparer)
    equal: Callable[[Any, Any], bool] = comparer or eq
    return some(lambda item: equal(item, value))


@operator(demand="1 ; 1 ; holds 0", category="aggregate")
def is_empty() -> Callable[[Observable[Any]], Flow[bool]]:
    """Tell whether the source completes without an item.

    .. marble::
        :alt: is_empty

        request  --1---------
        source   --1-2-3-4---
        [     is_empty()    ]
                 --False|

    Demand: 1 ; 1 ; holds 0.

    Returns:
        An operator function.

    Source: reactivex is_empty.
    """
    return composed(some(), map(not_))
