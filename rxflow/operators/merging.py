"""Several sources at once: merge, flat_map, concat_map."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any, TypeVar, overload

from reactivex import Observable
from reactivex.typing import Mapper, MapperIndexed

from ..flow import Flow, checks
from ..flow.inlet import inlet
from ..flow.operator import fed, operator
from ..flow.source import Source
from ..kernel import HANDOVER, Context, Feed
from ..protocol import FAIL, Overflow
from .merged import CONCURRENCY, Make, Merged

T = TypeVar("T")
T1 = TypeVar("T1")
T2 = TypeVar("T2")
V = TypeVar("V")


@overload
def merge(
    *, max_concurrent: None = None, prefetch: int = HANDOVER
) -> Callable[[Observable[T]], Flow[T]]: ...
@overload
def merge(
    *, max_concurrent: int, prefetch: int = HANDOVER
) -> Callable[[Observable[Source[T]]], Flow[T]]: ...
@overload
def merge(
    source: Source[V],
    /,
    *sources: Source[V],
    max_concurrent: None = None,
    prefetch: int = HANDOVER,
) -> Callable[[Observable[T]], Flow[T | V]]: ...
@operator(demand="<= prefetch to each ; 1:1 ; holds <= prefetch per source", category="combine")
def merge(
    *sources: Source[Any], max_concurrent: int | None = None, prefetch: int = HANDOVER
) -> Callable[[Observable[Any]], Flow[Any]]:
    """Give the items of several sources as they come, fairly.

    .. marble::
        :alt: merge

        request  5---------------
        a        -1---3-------|
        b        ---2---4-|
        [       a.merge(b)      ]
                 -1-2-3-4-----|

    Demand: <= prefetch to each ; 1:1 ; holds <= prefetch per source.
    Sources that are ready give one item each in turn. A plain Observable enters
    through a buffer of 256 items that fails when full.

    Args:
        sources: Flows, Observables, futures or iterables to merge with this one.
        max_concurrent: Without sources: merge the sources that are this one's
            items, at most so many at once (sources).
        prefetch: Most that one source is asked for ahead of its turn (items).

    Returns:
        An operator function.

    Raises:
        TypeError: One is no source, when the pipeline is built.
        ValueError: A count below 1, when the pipeline is built.

    Errors:
        The first failure of any source, which cancels the others.

    Source: reactivex merge; RxJava merge.
    """
    prefetch = checks.whole("merge", "prefetch", prefetch)
    if max_concurrent is not None:
        if sources:
            raise TypeError(
                "merge: max_concurrent goes with a source of sources; leave one of them out"
            )
        return _flattened("merge", lambda item: item, max_concurrent, prefetch)
    makes = [inlet(source, "merge") for source in sources]
    return fed(lambda context, flow: Merged(context, [flow.feed, *makes], prefetch=prefetch))


@overload
def flat_map(
    mapper: Mapper[T1, Source[T2]],
    *,
    max_concurrency: int = CONCURRENCY,
    prefetch: int = HANDOVER,
    overflow: Overflow = FAIL,
) -> Callable[[Flow[T1] | Observable[T1]], Flow[T2]]: ...
@overload
def flat_map(
    mapper: Source[T2],
    *,
    max_concurrency: int = CONCURRENCY,
    prefetch: int = HANDOVER,
    overflow: Overflow = FAIL,
) -> Callable[[Observable[Any]], Flow[T2]]: ...
@operator(
    demand="1 per inner opened ; 1:1 ; holds <= max_concurrency * prefetch", category="combine"
)
def flat_map(
    mapper: Any = None,
    *,
    max_concurrency: int = CONCURRENCY,
    prefetch: int = HANDOVER,
    overflow: Overflow = FAIL,
) -> Callable[[Observable[Any]], Flow[Any]]:
    """Turn each item into a source, and give the items of these sources as they come.

    Another inner source is opened only when none of the open ones has an item, or after
    1,024 items without such a pause, and never more than ``max_concurrency`` are open.

    .. marble::
        :alt: flat_map

        request  4-----------------
        source   -a-b-----|
        a        --1---2-|
        b          -3--4----|
        [ flat_map(lambda x: x)   ]
                 --1-3-2-4----|

    Demand: 1 per inner opened ; 1:1 ; holds <= max_concurrency * prefetch.

    Args:
        mapper: Function of an item that gives a Flow, an Observable, a future or
            an iterable; or one of these, for every item.
        max_concurrency: Most inner sources open at once (sources).
        prefetch: Most that one inner source is asked for ahead of its turn (items).
        overflow: What gives way when an inner plain Observable, which does not
            obey demand, has 256 items waiting.

    Returns:
        An operator function.

    Raises:
        TypeError: The mapper is an async function, when the pipeline is built.
        ValueError: A count below 1, when the pipeline is built.

    Errors:
        What the mapper raises; the first failure of any source, which cancels the others.

    Source: reactivex flat_map; RxJava flatMap.
    """
    checks.synchronous("flat_map", mapper if callable(mapper) else None, "mapper")
    checks.strategy("flat_map", overflow)
    function: Callable[[Any], Any] = mapper if callable(mapper) else lambda _: mapper
    return _flattened("flat_map", function, max_concurrency, prefetch, overflow)


@overload
def flat_map_indexed(
    mapper_indexed: MapperIndexed[T1, Source[T2]],
    *,
    max_concurrency: int = CONCURRENCY,
    prefetch: int = HANDOVER,
) -> Callable[[Flow[T1] | Observable[T1]], Flow[T2]]: ...
@overload
def flat_map_indexed(
    mapper_indexed: Source[T2], *, max_concurrency: int = CONCURRENCY, prefetch: int = HANDOVER
) -> Callable[[Observable[Any]], Flow[T2]]: ...
@operator(
    demand="1 per inner opened ; 1:1 ; holds <= max_concurrency * prefetch", category="combine"
)
def flat_map_indexed(
    mapper_indexed: Any = None,
    *,
    max_concurrency: int = CONCURRENCY,
    prefetch: int = HANDOVER,
) -> Callable[[Observable[Any]], Flow[Any]]:
    """Turn each item and its index into a source, and give the items of these sources.

    .. marble::
        :alt: flat_map_indexed

        request  4-----------------
        source   -a-b-----|
        [ flat_map_indexed(lambda x, i: [x, i]) ]
                 -a-0-b-1-|

    Demand: 1 per inner opened ; 1:1 ; holds <= max_concurrency * prefetch.

    Args:
        mapper_indexed: Function of an item and its index that gives a source; or a source.
        max_concurrency: Most inner sources open at once (sources).
        prefetch: Most that one inner source is asked for ahead of its turn (items).

    Returns:
        An operator function.

    Raises:
        TypeError: The mapper is an async function, when the pipeline is built.
        ValueError: A count below 1, when the pipeline is built.

    Errors:
        What the mapper raises; the first failure of any source, which cancels the others.

    Source: reactivex flat_map_indexed.
    """

    def fixed(_: Any, __: int) -> Any:
        return mapper_indexed

    function: Callable[[Any, int], Any] = mapper_indexed if callable(mapper_indexed) else fixed
    checks.synchronous("flat_map_indexed", function, "mapper_indexed")
    max_concurrency = checks.whole("flat_map_indexed", "max_concurrency", max_concurrency)
    prefetch = checks.whole("flat_map_indexed", "prefetch", prefetch)

    def feed(context: Context, flow: Flow[Any]) -> Feed[Any]:
        index = count()
        return Merged(
            context,
            outer=flow.feed,
            inner=lambda item: inlet(function(item, next(index)), "flat_map_indexed"),
            max_concurrency=max_concurrency,
            prefetch=prefetch,
            name="flat_map_indexed",
        )

    return fed(feed)


@operator(demand="1 per inner opened ; 1:1 ; holds <= prefetch", category="combine")
def concat_map(
    project: Mapper[T1, Source[T2]], *, prefetch: int = HANDOVER
) -> Callable[[Flow[T1] | Observable[T1]], Flow[T2]]:
    """Turn each item into a source, and give the items of these sources one after another.

    .. marble::
        :alt: concat_map

        request  4-----------------
        source   -a-b-----|
        [ concat_map(lambda x: [x, x]) ]
                 -a-a-b-b-|

    Demand: 1 per inner opened ; 1:1 ; holds <= prefetch.

    Args:
        project: Function of an item that gives a Flow, an Observable, a future or an iterable.
        prefetch: Most that an inner source is asked for (items).

    Returns:
        An operator function.

    Raises:
        TypeError: The function is async, when the pipeline is built.

    Errors:
        What the function raises; the failure of any source.

    Source: reactivex concat_map.
    """
    checks.callback("concat_map", "project", project)
    return _flattened("concat_map", project, 1, prefetch)


@operator(demand="1 per inner opened ; 1:1 ; holds <= 256 * prefetch", category="combine")
def merge_all(*, prefetch: int = HANDOVER) -> Callable[[Observable[Source[T]]], Flow[T]]:
    """Give the items of the sources that are this one's items, as they come.

    .. marble::
        :alt: merge_all

        request  4-----------------
        source   -a-b-----|
        a        --1---2-|
        b          -3--4----|
        [ merge_all()             ]
                 --1-3-2-4----|

    Demand: 1 per inner opened ; 1:1 ; holds <= 256 * prefetch.

    Args:
        prefetch: Most that one inner source is asked for ahead of its turn (items).

    Returns:
        An operator function.

    Errors:
        An item that is no source; the first failure of any source.

    Source: reactivex merge_all.
    """
    return _flattened("merge_all", lambda item: item, CONCURRENCY, prefetch)


@operator(demand="1 per inner opened ; 1:1 ; holds <= 256", category="combine")
def concat_all() -> Callable[[Observable[Source[T]]], Flow[T]]:
    """Give the items of the sources that are this one's items, one source after another.

    .. marble::
        :alt: concat_all

        request  4-----------------
        source   -a-b-----|
        a        -1-2-|
        b             -3-4-|
        [ concat_all()            ]
                 -1-2--3-4-|

    Demand: 1 per inner opened ; 1:1 ; holds <= 256.

    Returns:
        An operator function.

    Errors:
        An item that is no source; the failure of any source.

    Source: reactivex concat_all.
    """
    return _flattened("concat_all", lambda item: item, 1, HANDOVER)


def _flattened(
    name: str,
    function: Callable[[Any], Any],
    max_concurrency: Any,
    prefetch: Any,
    overflow: Overflow = FAIL,
) -> Any:
    """Make the operator that merges the sources which a function gives for each item."""
    max_concurrency = checks.whole(name, "max_concurrency", max_concurrency)
    prefetch = checks.whole(name, "prefetch", prefetch)

    def inner(item: Any) -> Make:
        return inlet(function(item), name, overflow)

    return fed(
        lambda context, flow: Merged(
            context,
            outer=flow.feed,
            inner=inner,
            max_concurrency=max_concurrency,
            prefetch=prefetch,
            name=name,
        )
    )
