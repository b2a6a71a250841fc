"""One subscription upstream for several subscribers: publish, share, replay."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from typing import Any, TypeVar, overload

from reactivex import Observable
from reactivex.abc import SchedulerBase

from ..flow import ConnectableFlow, Flow, SharedFlow, checks
from ..flow.connectable import connectable
from ..flow.inlet import as_flow
from ..flow.operator import Operator, operator
from ..kernel import Connection, Context, Feed, Few, Memory, StageStatistics, State, joined

T = TypeVar("T")
T2 = TypeVar("T2")


class _Selected(Feed[Any]):
    """What a function makes of a shared Flow; connects it for one subscription."""

    def __init__(self, context: Context, shared: ConnectableFlow[Any], inner: Feed[Any]) -> None:
        self._context = context
        self._shared = shared
        self._inner = inner
        self._connection: Connection | None = None

    @property
    def hot(self) -> bool:
        return self._inner.hot

    def start(self) -> None:
        self._inner.start()
        self._connection = self._shared.hub.connect(self._context.scheduler)

    def run(self) -> Iterator[Any]:
        return self._inner.run()

    def few(self) -> Few | None:
        return self._inner.few()

    def settle(self) -> State:
        return self._inner.settle()

    def ending(self) -> bool:
        return self._inner.ending()

    def want(self, n: int) -> None:
        self._inner.want(n)

    def more(self, n: int) -> None:
        self._inner.more(n)

    def advance(self) -> Awaitable[object] | None:
        return self._inner.advance()

    def cancel(self) -> None:
        self._inner.cancel()
        if self._connection is not None:
            self._shared.hub.disconnect(self._connection, self._context)

    def statistics(self) -> Iterator[StageStatistics]:
        hub = self._shared.hub
        yield from joined(
            [*hub.statistics(), *self._inner.statistics()], StageStatistics(f"{hub.name} mapper")
        )


def _multicast(
    name: str,
    share: Callable[[Flow[Any]], ConnectableFlow[Any]],
    mapper: Callable[[Any], Any] | None,
) -> Any:
    """Make the operator that shares a Flow, or gives what a function makes of the shared one."""
    checks.callback(name, "mapper", mapper)
    if mapper is None:
        return Operator(share)

    def apply(flow: Flow[Any]) -> Flow[Any]:
        def feed(context: Context) -> Feed[Any]:
            shared = share(flow)
            shared.hub.private = True
            return _Selected(context, shared, as_flow(mapper(shared), name).feed(context))

        return Flow(feed, latest=flow.latest)

    return Operator(apply)


def _bounds(
    name: str, prefetch: int | None, eject_after: float | timedelta | None
) -> dict[str, Any]:
    """Check what all of them take."""
    return {
        "prefetch": None if prefetch is None else checks.whole(name, "prefetch", prefetch),
        "eject_after": checks.seconds(name, "eject_after", eject_after),
    }


@overload
def publish(
    mapper: None = None,
    *,
    prefetch: int | None = None,
    eject_after: float | timedelta | None = None,
) -> Callable[[Observable[T]], ConnectableFlow[T]]: ...
@overload
def publish(
    mapper: Callable[[ConnectableFlow[T]], Observable[T2]],
    *,
    prefetch: int | None = None,
    eject_after: float | timedelta | None = None,
) -> Callable[[Flow[T] | Observable[T]], Flow[T2]]: ...
@operator(
    demand="what the slowest has room for ; 1:1 ; holds <= prefetch per subscriber",
    category="multicast",
)
def publish(
    mapper: Callable[[Any], Any] | None = None,
    *,
    prefetch: int | None = None,
    eject_after: float | timedelta | None = None,
) -> Callable[[Observable[Any]], Any]:
    """Share one subscription upstream, which begins with ``connect()``.

    The subscribers are in lockstep: upstream is asked for what the slowest has room
    for, from when each has asked for its first item, so nothing is dropped. Late
    subscribers get what comes from then on. What comes while nobody is subscribed
    waits for the next one. A subscriber of ``.with_overflow(...)`` never holds the
    others back.

    .. marble::
        :alt: publish

        a        3-----------------
        b        1---1-------1-----
        source   1---2-------3-----
        [ publish(prefetch=1)     ]
                 1---2-------3-----

    Demand: what the slowest has room for ; 1:1 ; holds <= prefetch per subscriber.
    Two branches that are joined again, one of them more than ``prefetch`` items
    behind, wait for each other for ever; ``eject_after`` names the one that is full.

    Args:
        mapper: Function of the shared Flow; then the operator gives what it makes of
            it, and connects for each subscription.
        prefetch: Most items that a subscriber holds (items); 256 when left out, but
            1 behind on_backpressure_latest and _reduce, whose items would be stale.
        eject_after: How long a subscriber may be without room (seconds); None for ever.

    Returns:
        An operator function that gives a ConnectableFlow, with ``connect``,
        ``ref_count``, ``auto_connect`` and ``with_overflow``; a Flow with a mapper.

    Raises:
        TypeError: The mapper is async, when the pipeline is built.
        ValueError: prefetch < 1 or a negative time, when the pipeline is built.

    Errors:
        SlowConsumerError: To a subscriber that was without room for so long; what it
        holds is discarded, and the others go on.

    Source: reactivex publish; RxJava publish; Reactor publish.
    """
    bounds = _bounds("publish", prefetch, eject_after)
    return _multicast("publish", lambda flow: connectable(flow, "publish", **bounds), mapper)


@operator(
    demand="what the slowest has room for ; 1:1 ; holds <= prefetch per subscriber",
    category="multicast",
)
def share(
    *, prefetch: int | None = None, eject_after: float | timedelta | None = None
) -> Callable[[Observable[T]], SharedFlow[T]]:
    """Share one subscription upstream for as long as there are subscribers.

    It is ``publish().ref_count()``: the first subscriber connects, the last one that
    leaves cancels, and the next one subscribes again. When upstream has ended, that
    is what later subscribers are told.

    .. marble::
        :alt: share

        a        3-----------------
        b        --2---------------
        source   1-2-------3-------
        [ share()                 ]
                 1-2-------3-------

    Demand: what the slowest has room for ; 1:1 ; holds <= prefetch per subscriber.
    ``shared.with_overflow(rxflow.DROP_OLDEST, capacity=100)`` gives a subscriber a
    buffer of its own that never holds the others back.

    Args:
        prefetch: Most items that a subscriber holds (items); 256 when left out, but
            1 behind on_backpressure_latest and _reduce, whose items would be stale.
        eject_after: How long a subscriber may be without room (seconds); None for ever.

    Returns:
        An operator function.

    Raises:
        ValueError: prefetch < 1 or a negative time, when the pipeline is built.

    Errors:
        SlowConsumerError: To a subscriber that was without room for so long; what it
        holds is discarded, and the others go on.

    Source: reactivex share; RxJava share.
    """
    bounds = _bounds("share", prefetch, eject_after)
    return Operator(lambda flow: connectable(flow, "share", **bounds).ref_count())


@operator(demand="as publish ; 1:1 ; holds as publish", category="multicast")
def ref_count(*, subscriber_count: int = 1) -> Callable[[Observable[T]], SharedFlow[T]]:
    """Connect with a subscriber, and disconnect when the last one leaves.

    .. marble::
        :alt: ref_count

        request  2---------
        source   1-2-3-4---
        [ publish().ref_count() ]
                 1-2-------

    Demand: as publish ; 1:1 ; holds as publish.

    Args:
        subscriber_count: It connects when so many are there (subscribers, at least 1).

    Returns:
        An operator function.

    Raises:
        TypeError: It stands behind something else than publish, publish_value or replay.
        ValueError: subscriber_count < 1, when the pipeline is built.

    Source: reactivex ref_count; RxJava refCount.
    """
    needed = checks.whole("ref_count", "subscriber_count", subscriber_count)

    def apply(flow: Flow[Any]) -> SharedFlow[Any]:
        if not isinstance(flow, ConnectableFlow):
            raise TypeError(
                "ref_count goes behind publish(), publish_value(...) or replay(...); "
                "use share() for another Flow"
            )
        shared: ConnectableFlow[Any] = flow
        return shared.ref_count(needed)

    return Operator(apply)  # type: ignore[return-value]


@overload
def publish_value(
    initial_value: T,
    mapper: None = None,
    *,
    prefetch: int | None = None,
    eject_after: float | timedelta | None = None,
) -> Callable[[Observable[T]], ConnectableFlow[T]]: ...
@overload
def publish_value(
    initial_value: T,
    mapper: Callable[[ConnectableFlow[T]], Observable[T2]],
    *,
    prefetch: int | None = None,
    eject_after: float | timedelta | None = None,
) -> Callable[[Observable[T]], Flow[T2]]: ...
@operator(
    demand="what the slowest has room for ; 1:1 ; holds <= prefetch + 1 per subscriber",
    category="multicast",
)
def publish_value(
    initial_value: Any,
    mapper: Callable[[Any], Any] | None = None,
    *,
    prefetch: int | None = None,
    eject_after: float | timedelta | None = None,
) -> Callable[[Observable[Any]], Any]:
    """Share as ``publish``; each subscriber gets the last item first, or the initial value.

    What comes while nobody is subscribed is forgotten, but for the last item.

    .. marble::
        :alt: publish_value

        a        3-----------------
        source   --1---2-----------
        [ publish_value(0)        ]
                 0-1---2-----------

    Demand: what the slowest has room for ; 1:1 ; holds <= prefetch + 1 per subscriber.

    Args:
        initial_value: The last item before there is one.
        mapper: Function of the shared Flow; then the operator gives what it makes of
            it, and connects for each subscription.
        prefetch: Most items that a subscriber holds beyond that one (items); 256 when
            left out, but 1 behind on_backpressure_latest and _reduce.
        eject_after: How long a subscriber may be without room (seconds); None for ever.

    Returns:
        An operator function that gives a ConnectableFlow; a Flow with a mapper.

    Raises:
        TypeError: The mapper is async, when the pipeline is built.
        ValueError: prefetch < 1 or a negative time, when the pipeline is built.

    Errors:
        SlowConsumerError: To a subscriber that was without room for so long.

    Source: reactivex publish_value.
    """
    bounds = _bounds("publish_value", prefetch, eject_after)

    def share(flow: Flow[Any]) -> ConnectableFlow[Any]:
        memory = Memory(1, initial=[initial_value], lasting=False)
        return connectable(flow, "publish_value", memory=memory, **bounds)

    return _multicast("publish_value", share, mapper)


@overload
def replay(
    buffer_size: int | None = None,
    window: float | timedelta | None = None,
    *,
    mapper: None = None,
    scheduler: SchedulerBase | None = None,
    prefetch: int | None = None,
    eject_after: float | timedelta | None = None,
) -> Callable[[Observable[T]], ConnectableFlow[T]]: ...
@overload
def replay(
    buffer_size: int | None = None,
    window: float | timedelta | None = None,
    *,
    mapper: Callable[[ConnectableFlow[T]], Observable[T2]],
    scheduler: SchedulerBase | None = None,
    prefetch: int | None = None,
    eject_after: float | timedelta | None = None,
) -> Callable[[Flow[T] | Observable[T]], Flow[T2]]: ...
@operator(
    demand="what the slowest has room for ; 1:1 ; holds <= buffer_size + prefetch per subscriber",
    category="multicast",
)
def replay(
    buffer_size: int | None = None,
    window: float | timedelta | None = None,
    *,
    mapper: Callable[[Any], Any] | None = None,
    scheduler: SchedulerBase | None = None,
    prefetch: int | None = None,
    eject_after: float | timedelta | None = None,
) -> Callable[[Observable[Any]], Any]:
    """Share as ``publish``; late subscribers get the last items first.

    What comes while nobody is subscribed is forgotten, but for the last items.

    .. marble::
        :alt: replay

        late     --------3---------
        source   1-2-3-------4-----
        [ replay(2)               ]
                 --------(23)4-----

    Demand: what the slowest has room for ; 1:1 ; holds <= buffer_size + prefetch per subscriber.

    Args:
        buffer_size: How many of the last items are kept (items). It has to be given
            on a Flow, which holds nothing without a bound.
        window: How long one of them is kept (seconds); None for ever.
        mapper: Function of the shared Flow; then the operator gives what it makes of
            it, and connects for each subscription.
        scheduler: Whose clock the window goes by.
        prefetch: Most items that a subscriber holds beyond those (items); 256 when left
            out, but 1 behind on_backpressure_latest and _reduce.
        eject_after: How long a subscriber may be without room (seconds); None for ever.

    Returns:
        An operator function that gives a ConnectableFlow; a Flow with a mapper.

    Raises:
        TypeError: The mapper is async, when the pipeline is built.
        ValueError: No buffer_size on a Flow; a negative number, when the pipeline is built.

    Errors:
        SlowConsumerError: To a subscriber that was without room for so long.

    Source: reactivex replay; RxJava replay.
    """
    bounds = _bounds("replay", prefetch, eject_after)
    size = None if buffer_size is None else checks.whole("replay", "buffer_size", buffer_size, 0)
    span = checks.seconds("replay", "window", window)

    def share(flow: Flow[Any]) -> ConnectableFlow[Any]:
        memory = Memory(size or 0, span)
        return connectable(flow, "replay", memory=memory, scheduler=scheduler, **bounds)

    made = _multicast("replay", share, mapper)

    def apply(flow: Flow[Any]) -> Any:
        if size is None:
            raise ValueError(
                "replay: say how many items are kept, such as replay(buffer_size=1000); "
                "a Flow holds nothing without a bound"
            )
        return made(flow)

    return Operator(apply)  # type: ignore[return-value]
