"""A Flow divided in two that share one subscription: partition."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from reactivex import Observable
from reactivex.typing import Predicate, PredicateIndexed

from ..flow import Flow, checks
from ..flow.connectable import connectable
from ..flow.operator import Operator, operator
from .filtering import filter as filter_
from .filtering import filter_indexed

T = TypeVar("T")


@operator(
    demand="what the slower side has room for ; 1 or more per item ; holds <= 256 per side",
    category="multicast",
)
def partition(
    predicate: Predicate[T],
) -> Callable[[Flow[T] | Observable[T]], list[Flow[T]]]:
    """Divide a Flow into the items for which a function is true, and the others.

    .. marble::
        :alt: partition

        request  2-----------------
        source   1-2-3-4-----------
        [ partition(is_odd)[0]    ]
                 1---3-------------

    Demand: what the slower side has room for ; 1 or more per item ; holds <= 256 per side.
    The two share one subscription, as of ``share``, and are in lockstep. A
    PartitionHub calls its function once for each item, and a full side of it holds
    only its own items.

    Args:
        predicate: Function of an item; called once for each side that is subscribed.

    Returns:
        An operator function that gives a list of the two.

    Raises:
        TypeError: The function is async, when the pipeline is built.

    Errors:
        What the function raises, to the side that has called it.

    Source: reactivex partition.
    """
    checks.function("partition", "predicate", predicate)
    return _sides(filter_(predicate), filter_(_not(predicate)))


@operator(
    demand="what the slower side has room for ; 1 or more per item ; holds <= 256 per side",
    category="multicast",
)
def partition_indexed(
    predicate_indexed: PredicateIndexed[T],
) -> Callable[[Flow[T] | Observable[T]], list[Flow[T]]]:
    """Divide a Flow by a function of each item and its index.

    .. marble::
        :alt: partition_indexed

        request  2-----------------
        source   5-6-7-8-----------
        [ partition_indexed(lambda x, i: i % 2 == 0)[0] ]
                 5---7-------------

    Demand: what the slower side has room for ; 1 or more per item ; holds <= 256 per side.

    Args:
        predicate_indexed: Function of an item and its index; called once for each side
            that is subscribed.

    Returns:
        An operator function that gives a list of the two.

    Raises:
        TypeError: The function is async, when the pipeline is built.

    Errors:
        What the function raises, to the side that has called it.

    Source: reactivex partition_indexed.
    """
    checks.function("partition_indexed", "predicate_indexed", predicate_indexed)
    return _sides(
        filter_indexed(predicate_indexed),
        filter_indexed(_not(predicate_indexed)),
    )


def _not(function: Callable[..., Any]) -> Callable[..., bool]:
    return lambda *args: not function(*args)


def _sides(*filters: Any) -> Any:
    def apply(flow: Flow[Any]) -> Any:
        shared = connectable(flow, "partition", None).ref_count()
        return [each(shared) for each in filters]

    return Operator(apply)
