"""The functions of reactivex that combine sources: demand-native as soon as one is a Flow.

Plain Observables alone stay plain Rx; with a Flow among them the result is a Flow, and
they enter it through a buffer of 256 items that fails when full. Type checkers are told
of the Flow where it is the first source or the second.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any, TypeVar, overload

import reactivex
from reactivex import Observable

from ..flow import Flow
from ..flow.assembly import placed
from ..flow.inlet import as_flow
from ..flow.registry import native
from ..flow.source import Source

T1 = TypeVar("T1")
T2 = TypeVar("T2")
T3 = TypeVar("T3")
T4 = TypeVar("T4")


def _combined(name: str, sources: tuple[Any, ...]) -> Any:
    if not any(isinstance(source, Flow) for source in sources):
        plain: Callable[..., Any] = getattr(reactivex, name)
        return plain(*sources)
    build = native(name)
    assert build is not None
    first, *others = sources
    if name in ("amb", "catch"):  # their operators take one
        return reduce(lambda flow, other: placed(build(other))(flow), others, as_flow(first, name))
    return placed(build(*others))(as_flow(first, name))


@overload
def concat(source: Flow[T1], /, *sources: Source[T2]) -> Flow[T1 | T2]: ...
@overload
def concat(
    source1: Observable[T1], source2: Flow[T2], /, *sources: Source[T3]
) -> Flow[T1 | T2 | T3]: ...
@overload
def concat(*sources: Observable[T1]) -> Observable[T1]: ...
def concat(*sources: Any) -> Any:
    """Give the items of one source after another.

    .. marble::
        :alt: concat

        request  ---3------------
        a        -1-2-|
        b               -3-4-|
        [     concat(a, b)      ]
                 ---1-2--3-------

    Demand: 1:1 ; 1:1 ; holds 0.

    Args:
        sources: Flows and Observables, in order.

    Returns:
        A Flow where one of them is a Flow, else an Observable of reactivex.

    Source: reactivex concat; see the operator concat.
    """
    return _combined("concat", sources)


@overload
def merge(source: Flow[T1], /, *sources: Source[T2]) -> Flow[T1 | T2]: ...
@overload
def merge(
    source1: Observable[T1], source2: Flow[T2], /, *sources: Source[T3]
) -> Flow[T1 | T2 | T3]: ...
@overload
def merge(*sources: Observable[T1]) -> Observable[T1]: ...
def merge(*sources: Any) -> Any:
    """Give the items of several sources as they come, fairly.

    .. marble::
        :alt: merge

        request  ---4------------
        a        -1---3-|
        b        ---2---4-|
        [      merge(a, b)      ]
                 ---12-3-4|

    Demand: <= prefetch to each ; 1:1 ; holds <= prefetch per source.

    Args:
        sources: Flows and Observables.

    Returns:
        A Flow where one of them is a Flow, else an Observable of reactivex.

    Source: reactivex merge; see the operator merge.
    """
    return _combined("merge", sources)


@overload
def catch(source: Flow[T1], /, *sources: Source[T2]) -> Flow[T1 | T2]: ...
@overload
def catch(
    source1: Observable[T1], source2: Flow[T2], /, *sources: Source[T3]
) -> Flow[T1 | T2 | T3]: ...
@overload
def catch(*sources: Observable[T1]) -> Observable[T1]: ...
def catch(*sources: Any) -> Any:
    """Go on with the next source when one fails.

    .. marble::
        :alt: catch

        request  ---3------------
        a        -1-2-X
        b               -3-4-|
        [      catch(a, b)      ]
                 ---1-2--3-------

    Demand: 1:1 ; 1:1 ; holds 0.

    Args:
        sources: Flows and Observables, in order.

    Returns:
        A Flow where one of them is a Flow, else an Observable of reactivex.

    Errors:
        The failure of the last source.

    Source: reactivex catch; see the operator catch.
    """
    return _combined("catch", sources)


@overload
def zip(source1: Flow[T1], source2: Source[T2], /) -> Flow[tuple[T1, T2]]: ...
@overload
def zip(source1: Observable[T1], source2: Flow[T2], /) -> Flow[tuple[T1, T2]]: ...
@overload
def zip(
    source1: Flow[T1], source2: Source[T2], source3: Source[T3], /
) -> Flow[tuple[T1, T2, T3]]: ...
@overload
def zip(
    source1: Observable[T1], source2: Flow[T2], source3: Source[T3], /
) -> Flow[tuple[T1, T2, T3]]: ...
@overload
def zip(
    source1: Flow[T1], source2: Source[T2], source3: Source[T3], source4: Source[T4], /
) -> Flow[tuple[T1, T2, T3, T4]]: ...
@overload
def zip(
    source1: Observable[T1], source2: Flow[T2], source3: Source[T3], source4: Source[T4], /
) -> Flow[tuple[T1, T2, T3, T4]]: ...
@overload
def zip(source: Flow[Any], /, *sources: Source[Any]) -> Flow[tuple[Any, ...]]: ...
@overload
def zip(source1: Observable[T1], source2: Observable[T2], /) -> Observable[tuple[T1, T2]]: ...
@overload
def zip(
    source1: Observable[T1], source2: Observable[T2], source3: Observable[T3], /
) -> Observable[tuple[T1, T2, T3]]: ...
@overload
def zip(
    source1: Observable[T1],
    source2: Observable[T2],
    source3: Observable[T3],
    source4: Observable[T4],
    /,
) -> Observable[tuple[T1, T2, T3, T4]]: ...
@overload
def zip(*sources: Observable[Any]) -> Observable[tuple[Any, ...]]: ...
def zip(*sources: Any) -> Any:
    """Combine the first items of all sources, then the second ones, and so on.

    .. marble::
        :alt: zip

        request  2--------------
        a        -1---2------|
        b        ---8---9-|
        [      zip(a, b)       ]
                 ---(1,8)-(2,9)|

    Demand: 1:1 to each ; 1:1 ; holds <= 1 per source.

    Args:
        sources: Flows and Observables.

    Returns:
        A Flow where one of them is a Flow, else an Observable of reactivex.

    Source: reactivex zip; see the operator zip.
    """
    return _combined("zip", sources)


@overload
def combine_latest(source1: Flow[T1], source2: Source[T2], /) -> Flow[tuple[T1, T2]]: ...
@overload
def combine_latest(source1: Observable[T1], source2: Flow[T2], /) -> Flow[tuple[T1, T2]]: ...
@overload
def combine_latest(
    source1: Flow[T1], source2: Source[T2], source3: Source[T3], /
) -> Flow[tuple[T1, T2, T3]]: ...
@overload
def combine_latest(
    source1: Observable[T1], source2: Flow[T2], source3: Source[T3], /
) -> Flow[tuple[T1, T2, T3]]: ...
@overload
def combine_latest(
    source1: Flow[T1], source2: Source[T2], source3: Source[T3], source4: Source[T4], /
) -> Flow[tuple[T1, T2, T3, T4]]: ...
@overload
def combine_latest(
    source1: Observable[T1], source2: Flow[T2], source3: Source[T3], source4: Source[T4], /
) -> Flow[tuple[T1, T2, T3, T4]]: ...
@overload
def combine_latest(source: Flow[Any], /, *sources: Source[Any]) -> Flow[tuple[Any, ...]]: ...
@overload
def combine_latest(
    source1: Observable[T1], source2: Observable[T2], /
) -> Observable[tuple[T1, T2]]: ...
@overload
def combine_latest(
    source1: Observable[T1], source2: Observable[T2], source3: Observable[T3], /
) -> Observable[tuple[T1, T2, T3]]: ...
@overload
def combine_latest(
    source1: Observable[T1],
    source2: Observable[T2],
    source3: Observable[T3],
    source4: Observable[T4],
    /,
) -> Observable[tuple[T1, T2, T3, T4]]: ...
@overload
def combine_latest(*sources: Observable[Any]) -> Observable[tuple[Any, ...]]: ...
def combine_latest(*sources: Any) -> Any:
    """Give the latest items of all sources together whenever one of them gives an item.

    .. marble::
        :alt: combine_latest

        request  4---------------------
        a        -1-----2-----------|
        b        ---8-----9---|
        [     combine_latest(a, b)     ]
                 ---(1,8)(2,8)(2,9)-|

    Demand: <= prefetch to each ; 1:1 ; holds <= prefetch per source.

    Args:
        sources: Flows and Observables.

    Returns:
        A Flow where one of them is a Flow, else an Observable of reactivex.

    Source: reactivex combine_latest; see the operator combine_latest.
    """
    return _combined("combine_latest", sources)


@overload
def with_latest_from(source1: Flow[T1], source2: Source[T2], /) -> Flow[tuple[T1, T2]]: ...
@overload
def with_latest_from(source1: Observable[T1], source2: Flow[T2], /) -> Flow[tuple[T1, T2]]: ...
@overload
def with_latest_from(
    source1: Flow[T1], source2: Source[T2], source3: Source[T3], /
) -> Flow[tuple[T1, T2, T3]]: ...
@overload
def with_latest_from(
    source1: Observable[T1], source2: Flow[T2], source3: Source[T3], /
) -> Flow[tuple[T1, T2, T3]]: ...
@overload
def with_latest_from(
    source1: Flow[T1], source2: Source[T2], source3: Source[T3], source4: Source[T4], /
) -> Flow[tuple[T1, T2, T3, T4]]: ...
@overload
def with_latest_from(
    source1: Observable[T1], source2: Flow[T2], source3: Source[T3], source4: Source[T4], /
) -> Flow[tuple[T1, T2, T3, T4]]: ...
@overload
def with_latest_from(source: Flow[Any], /, *sources: Source[Any]) -> Flow[tuple[Any, ...]]: ...
@overload
def with_latest_from(
    source1: Observable[T1], source2: Observable[T2], /
) -> Observable[tuple[T1, T2]]: ...
@overload
def with_latest_from(
    source1: Observable[T1], source2: Observable[T2], source3: Observable[T3], /
) -> Observable[tuple[T1, T2, T3]]: ...
@overload
def with_latest_from(
    source1: Observable[T1],
    source2: Observable[T2],
    source3: Observable[T3],
    source4: Observable[T4],
    /,
) -> Observable[tuple[T1, T2, T3, T4]]: ...
@overload
def with_latest_from(*sources: Observable[Any]) -> Observable[tuple[Any, ...]]: ...
def with_latest_from(*sources: Any) -> Any:
    """Give each item of the first source together with the latest items of the others.

    .. marble::
        :alt: with_latest_from

        request  4----------------------
        a        -1---2-----3------4--|
        b        ---8-----------9---|
        [    with_latest_from(a, b)     ]
                 -----(2,8)-(3,8)-(4,9)|

    Demand: 1:1, unbounded to the others ; 1:1 ; holds <= 1 per source.

    Args:
        sources: Flows and Observables.

    Returns:
        A Flow where one of them is a Flow, else an Observable of reactivex.

    Source: reactivex with_latest_from; see the operator with_latest_from.
    """
    return _combined("with_latest_from", sources)


@overload
def zip_latest(source1: Flow[T1], source2: Source[T2], /) -> Flow[tuple[T1, T2]]: ...
@overload
def zip_latest(source1: Observable[T1], source2: Flow[T2], /) -> Flow[tuple[T1, T2]]: ...
@overload
def zip_latest(
    source1: Flow[T1], source2: Source[T2], source3: Source[T3], /
) -> Flow[tuple[T1, T2, T3]]: ...
@overload
def zip_latest(
    source1: Observable[T1], source2: Flow[T2], source3: Source[T3], /
) -> Flow[tuple[T1, T2, T3]]: ...
@overload
def zip_latest(
    source1: Flow[T1], source2: Source[T2], source3: Source[T3], source4: Source[T4], /
) -> Flow[tuple[T1, T2, T3, T4]]: ...
@overload
def zip_latest(
    source1: Observable[T1], source2: Flow[T2], source3: Source[T3], source4: Source[T4], /
) -> Flow[tuple[T1, T2, T3, T4]]: ...
@overload
def zip_latest(source: Flow[Any], /, *sources: Source[Any]) -> Flow[tuple[Any, ...]]: ...
@overload
def zip_latest(
    source1: Observable[T1], source2: Observable[T2], /
) -> Observable[tuple[T1, T2]]: ...
@overload
def zip_latest(
    source1: Observable[T1], source2: Observable[T2], source3: Observable[T3], /
) -> Observable[tuple[T1, T2, T3]]: ...
@overload
def zip_latest(
    source1: Observable[T1],
    source2: Observable[T2],
    source3: Observable[T3],
    source4: Observable[T4],
    /,
) -> Observable[tuple[T1, T2, T3, T4]]: ...
@overload
def zip_latest(*sources: Observable[Any]) -> Observable[tuple[Any, ...]]: ...
def zip_latest(*sources: Any) -> Any:
    """Give the latest items of all sources together whenever each has given a new one.

    .. marble::
        :alt: zip_latest

        request  4----------------------
        a        -1-2-----3---|
        b        -----8--------9------|
        [       zip_latest(a, b)        ]
                 -----(2,8)----(3,9)|

    Demand: unbounded to each, from the first request on ; 1:1 ; holds <= 1 per source.

    Args:
        sources: Flows and Observables.

    Returns:
        A Flow where one of them is a Flow, else an Observable of reactivex.

    Source: reactivex zip_latest; see the operator zip_latest.
    """
    return _combined("zip_latest", sources)


@overload
def amb(source: Flow[T1], /, *sources: Source[T2]) -> Flow[T1 | T2]: ...
@overload
def amb(
    source1: Observable[T1], source2: Flow[T2], /, *sources: Source[T3]
) -> Flow[T1 | T2 | T3]: ...
@overload
def amb(*sources: Observable[T1]) -> Observable[T1]: ...
def amb(*sources: Any) -> Any:
    """Give what the source gives that is first to give something, or to end.

    .. marble::
        :alt: amb

        request  4---------------
        a        ----1--2---3-|
        b        --8---9----|
        [      amb(a, b)        ]
                 --8---9----|

    Demand: 1 to each, then 1:1 to the first ; 1:1 ; holds 0.

    Args:
        sources: Flows and Observables.

    Returns:
        A Flow where one of them is a Flow, else an Observable of reactivex.

    Source: reactivex amb; see the operator amb.
    """
    return _combined("amb", sources)
