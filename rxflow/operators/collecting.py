"""All items in one container: to_list, to_set, to_dict."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar, overload

from reactivex import Observable
from reactivex.typing import Mapper

from ..flow import Flow, checks
from ..flow.operator import composed, operator, staged
from ..kernel import Stage
from ..protocol import UNBOUNDED
from .mapping import map

T = TypeVar("T")
K = TypeVar("K")
V = TypeVar("V")


class _Collected(Stage):
    """Puts all items into a container, and gives it at the end."""

    releases = True

    def __init__(self, container: Any, put: Callable[[Any, Iterator[Any]], Any]) -> None:
        self._container = container
        self._put = put

    def run(self, items: Iterator[Any]) -> Iterator[Any]:
        self._put(self._container, items)
        return
        yield

    def finish(self) -> Iterable[Any]:
        return (self._container,)

    def holds(self) -> bool:
        return True

    def demand(self, n: int) -> int:
        return UNBOUNDED


@operator(demand="unbounded ; 1 at the end ; holds all", category="aggregate")
def to_list() -> Callable[[Observable[T]], Flow[list[T]]]:
    """Give a list of all items at the end.

    .. marble::
        :alt: to_list

        request  --1-----------
        source   --1-2-3-|
        [      to_list()      ]
                 --------[1,2,3]|

    Demand: unbounded ; 1 at the end ; holds all.

    Returns:
        An operator function.

    Source: reactivex to_list.
    """
    return staged(lambda _: _Collected([], list[Any].extend))


@operator(demand="unbounded ; 1 at the end ; holds all", category="aggregate")
def to_iterable() -> Callable[[Observable[T]], Flow[list[T]]]:
    """Give a list of all items at the end; the same as ``to_list``.

    .. marble::
        :alt: to_iterable

        request  --1-----------
        source   --1-2-3-|
        [     to_iterable()   ]
                 --------[1,2,3]|

    Demand: unbounded ; 1 at the end ; holds all.

    Returns:
        An operator function.

    Source: reactivex to_iterable.
    """
    return to_list()


@operator(demand="unbounded ; 1 at the end ; holds all", category="aggregate")
def to_set() -> Callable[[Observable[T]], Flow[set[T]]]:
    """Give a set of all items at the end.

    .. marble::
        :alt: to_set

        request  --1-----------
        source   --1-2-1-|
        [       to_set()      ]
                 --------{1,2}|

    Demand: unbounded ; 1 at the end ; holds all.

    Returns:
        An operator function.

    Errors:
        TypeError: An item has no hash.

    Source: reactivex to_set.
    """
    return staged(lambda _: _Collected(set[Any](), set[Any].update))


@overload
def to_dict(
    key_mapper: Mapper[T, K], element_mapper: None = None
) -> Callable[[Flow[T] | Observable[T]], Flow[dict[K, T]]]: ...
@overload
def to_dict(
    key_mapper: Mapper[T, K], element_mapper: Mapper[T, V]
) -> Callable[[Flow[T] | Observable[T]], Flow[dict[K, V]]]: ...
@operator(demand="unbounded ; 1 at the end ; holds all", category="aggregate")
def to_dict(
    key_mapper: Mapper[Any, Any], element_mapper: Mapper[Any, Any] | None = None
) -> Callable[[Observable[Any]], Flow[dict[Any, Any]]]:
    """Give a dict of all items at the end.

    .. marble::
        :alt: to_dict

        request  --1-----------
        source   --1-2-|
        [ to_dict(str, x * 10) ]
                 ------{"1":10,"2":20}|

    Demand: unbounded ; 1 at the end ; holds all.

    Args:
        key_mapper: Function of an item that gives its key; of equal ones the last is kept.
        element_mapper: Function of an item that gives the value; the item when left out.

    Returns:
        An operator function.

    Raises:
        TypeError: A function is not callable or async, when the pipeline is built.

    Errors:
        What the functions raise; TypeError for a key that has no hash.

    Source: reactivex to_dict.
    """
    checks.function("to_dict", "key_mapper", key_mapper)
    checks.callback("to_dict", "element_mapper", element_mapper)

    def entry(item: Any) -> tuple[Any, Any]:
        return key_mapper(item), item if element_mapper is None else element_mapper(item)

    return composed(
        map(entry),
        staged(lambda _: _Collected(dict[Any, Any](), dict[Any, Any].update)),
    )
