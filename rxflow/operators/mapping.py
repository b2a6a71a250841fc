"""One item in, one item out."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from itertools import starmap as starmap_
from operator import attrgetter, itemgetter
from typing import Any, TypeVar, TypeVarTuple, overload

from reactivex import Observable
from reactivex.typing import Mapper, MapperIndexed

from ..flow import Flow, checks
from ..flow.operator import Operator, operator, staged
from ..kernel import Plain, Stage

T1 = TypeVar("T1")
T2 = TypeVar("T2")
K = TypeVar("K")
Ts = TypeVarTuple("Ts")


def plain(function: Callable[[Iterator[Any]], Iterator[Any]]) -> Any:
    """Make an operator of a function from iterator to iterator that remembers nothing."""
    return Operator(None, (Plain(function),))


@operator(demand="1:1 ; 1:1 ; holds 0", category="transform")
def map(mapper: Mapper[T1, T2] | None = None) -> Callable[[Flow[T1] | Observable[T1]], Flow[T2]]:
    """Transform each item with a function.

    .. marble::
        :alt: map

        request  --2---------
        source   --1-2-------
        [     map(x * 10)   ]
                 --10-20-----

    Demand: 1:1 ; 1:1 ; holds 0.

    Args:
        mapper: Function of an item; the identity when left out.

    Returns:
        An operator function.

    Raises:
        TypeError: The mapper is an async function, when the pipeline is built.

    Errors:
        What the mapper raises.

    Source: reactivex map.
    """
    checks.callback("map", "mapper", mapper)
    return plain(iter if mapper is None else partial(builtins.map, mapper))


@overload
def starmap(mapper: None = None) -> Callable[[Observable[T1]], Flow[T1]]: ...
@overload
def starmap(
    mapper: Callable[[*Ts], T2],
) -> Callable[[Flow[tuple[*Ts]] | Observable[tuple[*Ts]]], Flow[T2]]: ...
@operator(demand="1:1 ; 1:1 ; holds 0", category="transform")
def starmap(
    mapper: Callable[..., Any] | None = None,
) -> Callable[[Observable[Any]], Flow[Any]]:
    """Transform each tuple with a function of its parts.

    .. marble::
        :alt: starmap

        request  --2-------------
        source   --(1,2)-(3,4)---
        [      starmap(x + y)   ]
                 --3-----7-------

    Demand: 1:1 ; 1:1 ; holds 0.

    Args:
        mapper: Function of the parts of an item; the identity of the item when left out.

    Returns:
        An operator function.

    Raises:
        TypeError: The mapper is an async function, when the pipeline is built.

    Errors:
        What the mapper raises; an item that is not iterable.

    Source: reactivex starmap.
    """
    checks.callback("starmap", "mapper", mapper)
    return plain(iter if mapper is None else partial(starmap_, mapper))


@operator(demand="1:1 ; 1:1 ; holds 0", category="transform")
def starmap_indexed(
    mapper: Callable[[*Ts], T2],
) -> Callable[[Flow[tuple[*Ts]] | Observable[tuple[*Ts]]], Flow[T2]]:
    """Transform each tuple whose last part is an index with a function of its parts.

    .. marble::
        :alt: starmap_indexed

        request  --2-------------
        source   --(a,0)-(b,1)---
        [ starmap_indexed(x + str(i)) ]
                 --a0----b1------

    Demand: 1:1 ; 1:1 ; holds 0.

    Args:
        mapper: Function of the parts of an item.

    Returns:
        An operator function.

    Raises:
        TypeError: The mapper is not callable or async, when the pipeline is built.

    Errors:
        What the mapper raises; an item that is not iterable.

    Source: reactivex starmap_indexed.
    """
    checks.function("starmap_indexed", "mapper", mapper)
    return plain(partial(starmap_, mapper))


@operator(demand="1:1 ; 1:1 ; holds 0", category="transform")
def map_indexed(
    mapper_indexed: MapperIndexed[T1, T2] | None = None,
) -> Callable[[Flow[T1] | Observable[T1]], Flow[T2]]:
    """Transform each item with a function of it and its index.

    .. marble::
        :alt: map_indexed

        request  --2---------
        source   --5-6-------
        [ map_indexed(x * i) ]
                 --0-6-------

    Demand: 1:1 ; 1:1 ; holds 0.

    Args:
        mapper_indexed: Function of an item and its index, from 0; the identity when left out.

    Returns:
        An operator function.

    Raises:
        TypeError: The mapper is an async function, when the pipeline is built.

    Errors:
        What the mapper raises.

    Source: reactivex map_indexed.
    """
    checks.callback("map_indexed", "mapper_indexed", mapper_indexed)
    if mapper_indexed is None:
        return plain(iter)
    function = mapper_indexed
    return staged(lambda _: _Indexed(function))


class _Indexed(Stage):
    def __init__(self, mapper: Callable[[Any, int], Any]) -> None:
        self._mapper = mapper
        self._index = count()

    def run(self, items: Iterator[Any]) -> Iterator[Any]:
        return builtins.map(self._mapper, items, self._index)


@operator(demand="1:1 ; 1:1 ; holds 0", category="transform")
def pluck(key: K) -> Callable[[Observable[dict[K, T2]]], Flow[T2]]:
    """Take the value of a key out of each item.

    .. marble::
        :alt: pluck

        request  --2-----------
        source   --{a:1}-{a:2}-
        [      pluck("a")     ]
                 --1-----2-----

    Demand: 1:1 ; 1:1 ; holds 0.

    Args:
        key: The key.

    Returns:
        An operator function.

    Errors:
        KeyError: An item has no such key.

    Source: reactivex pluck.
    """
    return plain(partial(builtins.map, itemgetter(key)))


@operator(demand="1:1 ; 1:1 ; holds 0", category="transform")
def pluck_attr(prop: str) -> Callable[[Observable[Any]], Flow[Any]]:
    """Take an attribute of each item.

    .. marble::
        :alt: pluck_attr

        request  --2-------------
        source   --P(x=1)-P(x=2)-
        [     pluck_attr("x")   ]
                 --1------2------

    Demand: 1:1 ; 1:1 ; holds 0.

    Args:
        prop: The attribute's name.

    Returns:
        An operator function.

    Raises:
        TypeError: It is not a name, when the pipeline is built.

    Errors:
        AttributeError: An item has no such attribute.

    Source: reactivex pluck_attr.
    """
    if not isinstance(prop, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"pluck_attr wants the name of an attribute, not {prop!r}")
    return plain(partial(builtins.map, attrgetter(prop)))
