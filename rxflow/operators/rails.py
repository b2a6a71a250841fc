"""Each item to one of several consumers: balance, parallel."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar, overload

from reactivex import Observable

from ..flow import Flow, checks
from ..flow.inlet import as_flow
from ..flow.operator import Operator, fed, operator
from ..kernel import (
    HANDOVER,
    BalancingHub,
    Context,
    Feed,
    Lease,
    Outlet,
    Pulled,
    StageStatistics,
    drained,
)
from .eager import Eager
from .merged import Make, Merged

T = TypeVar("T")
T1 = TypeVar("T1")
T2 = TypeVar("T2")


@operator(
    demand="what all together have room for ; 1:1 to one ; holds <= prefetch per subscriber",
    category="multicast",
)
def balance(n: int, *, prefetch: int | None = None) -> Callable[[Observable[T]], list[Flow[T]]]:
    """Give each item to one of several subscribers, each in turn as long as it has room.

    .. marble::
        :alt: balance

        a        9-----------------
        b        2-----------------
        source   1-2-3-4-5-6-7-----
        [ balance(2, prefetch=1)  ]
                 1---3---5-6-7----- (of a)

    Demand: what all together have room for ; 1:1 to one ; holds <= prefetch per subscriber.
    It starts when each of the Flows has a subscriber, and upstream is cancelled when
    all have left. What one of them holds when it leaves goes to the others.

    Args:
        n: How many (Flows, at least 1), each for one subscriber.
        prefetch: Most items that a subscriber holds (items); 1 where it is to get
            none that another could have begun with. 256 when left out, but 1 where
            items that are fetched ahead would be stale.

    Returns:
        An operator function that gives a list of Flows.

    Raises:
        ValueError: A count below 1, when the pipeline is built.

    Errors:
        The failure of upstream, to each behind what it holds.

    Source: Pekko Balance; RxJava parallel.
    """
    count = checks.whole("balance", "n", n)
    size = None if prefetch is None else checks.whole("balance", "prefetch", prefetch)

    def apply(flow: Flow[Any]) -> Any:
        room = size or (1 if flow.latest else HANDOVER)
        return _outlets(_hub("balance", flow, room), count, flow.latest)

    return Operator(apply)  # type: ignore[return-value]


def _hub(name: str, flow: Flow[Any], prefetch: int) -> BalancingHub:
    return BalancingHub(name, prefetch, lambda intake, context: drained(flow.feed, context)(intake))


def _outlets(hub: BalancingHub, count: int, latest: bool) -> Any:
    lease = Lease(count)
    return [
        Flow[Any](lambda context: Outlet(context, hub, lease), latest=latest) for _ in range(count)
    ]


class _Parallel(Merged):
    """The rails of one subscription."""

    def __init__(
        self, context: Context, flow: Flow[Any], count: int, steps: tuple[Callable[[Any], Any], ...]
    ) -> None:
        self._hub = _hub("parallel", flow, 1)
        self._hub.private = True
        outlets = _outlets(self._hub, count, flow.latest)
        rails = [as_flow(rail.pipe(*steps), "parallel") for rail in outlets]
        super().__init__(context, [rail.feed for rail in rails], prefetch=1, name="parallel")

    def _sources(self) -> Iterator[StageStatistics]:
        yield from self._hub.statistics()
        yield from super()._sources()


def _in_order(
    context: Context, flow: Flow[Any], count: int, steps: tuple[Callable[[Any], Any], ...]
) -> Feed[Any]:
    """Give each item a pipeline of its own: what comes out of it, and where it ends, is known."""

    def rail(item: Any) -> Make:
        one = Flow[Any](lambda _: Pulled((item,)))
        return as_flow(one.pipe(*steps), "parallel").feed

    return Eager(context, flow.feed, rail, count, 1, True, "parallel")


@overload
def parallel(
    n: int, step: Callable[[Flow[T1]], Observable[T2]], /, *, ordered: bool = False
) -> Callable[[Flow[T1] | Observable[T1]], Flow[T2]]: ...
@overload
def parallel(
    n: int, *steps: Callable[[Any], Any], ordered: bool = False
) -> Callable[[Observable[Any]], Flow[Any]]: ...
@operator(
    demand="what all rails together have room for ; 1:1 ; holds <= 1 per rail",
    category="multicast",
)
def parallel(
    n: int, *steps: Callable[[Any], Any], ordered: bool = False
) -> Callable[[Observable[Any]], Flow[Any]]:
    """Send each item through one of several equal pipelines, and give what comes out of them.

    .. marble::
        :alt: parallel

        request  4-----------------
        source   1-2-3-4-----------
        [ parallel(2, map_async(fetch)) ]
                 ----2-1-4---3-----

    Demand: what all rails together have room for ; 1:1 ; holds <= 1 per rail.
    Each rail has operators of its own, with what they remember, and takes its next
    item when it has room; a slow one holds only its own items. They are joined as
    they come.

    With ``ordered`` they are joined in the order of the items, whether a rail drops some
    or makes several of one. For that each item is subscribed by itself: the pipeline of a
    rail is made anew for each item, and ends behind it; ``count`` counts what one item
    leads to, and ``pairwise`` never has two.

    Args:
        n: How many (rails, at least 1).
        steps: What goes into the pipe of each rail; made anew for each subscription.
        ordered: All that an item leads to comes before what the next one leads to.

    Returns:
        An operator function.

    Raises:
        TypeError: A step is no operator, when the pipeline is built.
        ValueError: n < 1, when the pipeline is built.

    Errors:
        The first failure of a rail, which cancels the others; with ``ordered`` in its turn.

    Source: RxJava parallel and sequential; Pekko Balance and Merge.
    """
    count = checks.whole("parallel", "n", n)
    for step in steps:
        checks.function("parallel", "steps", step)
    feed: Callable[..., Feed[Any]] = _in_order if ordered else _Parallel
    return fed(lambda context, flow: feed(context, flow, count, steps))
