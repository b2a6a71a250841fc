"""The doors: bounded ways to take items from a source that does not obey demand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

from reactivex import Observable

from ..flow import Flow, checks
from ..flow.door import BlockingDoor, Door
from ..flow.inlet import buffered, limited
from ..flow.operator import DoorOperator, door, opened
from ..kernel import DiscardCallback, DropCallback
from ..protocol import DROP_INCOMING, DROP_OLDEST, FAIL, Overflow
from .conflating import Reducing

T = TypeVar("T")


@door(demand="unbounded ; 1:1 ; holds <= capacity", category="overflow")
def on_backpressure_buffer(
    capacity: float,
    *,
    overflow: Overflow = FAIL,
    on_drop: DropCallback | None = None,
    on_discard: DiscardCallback | None = None,
    delay_error: bool = True,
    ttl: float | timedelta | None = None,
    weight: Callable[[T], float] | None = None,
) -> Callable[[Observable[T]], Flow[T]]:
    """Park items while there is no demand, up to a bound.

    .. marble::
        :alt: on_backpressure_buffer

        request  ----------2----------
        source   --1-2-3-4-----------|
        [ on_backpressure_buffer(2, overflow=DROP_OLDEST) ]
                 ----------(34)------|

    Demand: unbounded ; 1:1 ; holds <= capacity.
    Ends: on_completed after the backlog; cancel hands the backlog to on_discard.
    The age of an item is looked at when one comes, when it is taken, and when its time
    is over, by the clock of the scheduler of the subscription, or of the running event
    loop. With ``ttl``, ``observe_on`` behind it takes one at a time unless told otherwise.

    An async ``on_drop`` runs on the event loop where it is subscribed: one call after
    the other, in the order of the drops. The end waits for them; a cancel cancels them.

    Args:
        capacity: Most items held at once (items, at least 1); with ``weight`` the
            most that they weigh together (in its unit).
        overflow: What gives way when it is full: DROP_OLDEST, DROP_NEWEST,
            DROP_INCOMING, DROP_ALL, FAIL; or BLOCK, as on_backpressure_block.
        on_drop: Called with each item that is dropped, and the reason; it may be
            async, see below.
        on_discard: Called with each item that is held when the stream is cancelled.
        delay_error: An error of the source waits for the backlog; otherwise it
            overtakes the backlog, which is discarded.
        ttl: How old an item gets at most (seconds, more than 0); older ones are
            dropped, with the reason "expired". Choose how long an item is of use.
        weight: Function of an item that gives its cost, at least 0: ``len`` for bytes.
            As many items give way as are needed. One that weighs more than the
            capacity is refused, with the reason "too heavy", or fails the stream
            where overflow is FAIL or BLOCK. What weighs 0 takes no room.

    Returns:
        An operator function.

    Raises:
        TypeError: No strategy, or an async on_discard or weight, when the pipeline is built.
        ValueError: capacity < 1 or not whole, or ttl not above 0, when the pipeline is built.

    Errors:
        BufferOverflowError: signalled behind the backlog when overflow is FAIL.
        What on_drop or weight raises; a weight that is negative or no number.
        RuntimeError: on_drop is async, and no event loop is running where it is subscribed.
        BackpressureError: 1,024 calls of an async on_drop are waiting.

    Source: Reactive Streams 1.1 and 3.17; Reactor onBackpressureBuffer.
    """
    name = "on_backpressure_buffer"
    limits = limited(name, weight, ttl)
    return DoorOperator(
        buffered(name, capacity, overflow, on_drop, on_discard, delay_error, limits)
    )


@door(demand="unbounded ; 1:1 ; holds 0", category="overflow")
def on_backpressure_drop(
    on_drop: DropCallback | None = None,
) -> Callable[[Observable[T]], Flow[T]]:
    """Drop items while there is no demand.

    .. marble::
        :alt: on_backpressure_drop

        request  2-------1------
        source   -1-2-3-4--5---|
        [ on_backpressure_drop() ]
                 -1-2------5---|

    Demand: unbounded ; 1:1 ; holds 0.
    What is asked for and not taken yet, by a consumer that is busy or on another thread,
    waits: at most 256 items.

    Args:
        on_drop: Called with each item that is dropped, and the reason; it may be
            async, as that of on_backpressure_buffer.

    Returns:
        An operator function.

    Raises:
        TypeError: on_drop cannot be called, when the pipeline is built.

    Errors:
        What on_drop raises.

    Source: Reactor onBackpressureDrop.
    """
    _check_callbacks("on_backpressure_drop", on_drop, None)
    return _plain_door("on_backpressure_drop", 0, DROP_INCOMING, on_drop)


@door(demand="unbounded ; 1:1 ; holds <= 1", category="overflow")
def on_backpressure_latest(
    on_drop: DropCallback | None = None,
) -> Callable[[Observable[T]], Flow[T]]:
    """Keep only the latest item while there is no demand.

    .. marble::
        :alt: on_backpressure_latest

        request  1-------1------
        source   -1-2-3-4------|
        [ on_backpressure_latest() ]
                 -1------4-----|

    Demand: unbounded ; 1:1 ; holds <= 1.
    An item that is fetched ahead would be stale: ``observe_on`` behind it takes one
    at a time unless told otherwise.

    Args:
        on_drop: Called with each item that is overtaken, and the reason; it may be
            async, as that of on_backpressure_buffer.

    Returns:
        An operator function.

    Raises:
        TypeError: on_drop cannot be called, when the pipeline is built.

    Errors:
        What on_drop raises.

    Source: Reactor onBackpressureLatest.
    """
    _check_callbacks("on_backpressure_latest", on_drop, None)
    return _plain_door("on_backpressure_latest", 1, DROP_OLDEST, on_drop, latest=True)


@door(demand="unbounded ; 1:1 ; holds 0", category="overflow")
def on_backpressure_error() -> Callable[[Observable[T]], Flow[T]]:
    """Fail as soon as an item comes for which there is no demand.

    .. marble::
        :alt: on_backpressure_error

        request  2--------------
        source   -1-2-3-4------|
        [ on_backpressure_error() ]
                 -1-2-X

    Demand: unbounded ; 1:1 ; holds 0.

    Returns:
        An operator function.

    Errors:
        BufferOverflowError: An item came that was not asked for.

    Source: Reactor onBackpressureError.
    """
    return _plain_door("on_backpressure_error", 0, FAIL, None)


@door(demand="unbounded ; 1:1 ; holds <= 1", category="overflow")
def on_backpressure_reduce(
    reducer: Callable[[T, T], T],
) -> Callable[[Observable[T]], Flow[T]]:
    """Merge items into one while there is no demand.

    .. marble::
        :alt: on_backpressure_reduce

        request  1-------1------
        source   -1-2-3-4------|
        [ on_backpressure_reduce(lambda a, b: a + b) ]
                 -1------9-----|

    Demand: unbounded ; 1:1 ; holds <= 1.
    An item that was merged is counted as dropped, with the reason "merged".
    ``observe_on`` behind it takes one at a time unless told otherwise.

    Args:
        reducer: Function of what is held and the incoming item.

    Returns:
        An operator function.

    Raises:
        TypeError: The reducer is async or not callable, when the pipeline is built.

    Errors:
        What the reducer raises.

    Source: RxJava onBackpressureReduce.
    """
    name = "on_backpressure_reduce"
    if reducer is None:  # pyright: ignore[reportUnnecessaryComparison]
        raise TypeError(f"{name}: a function of two items is wanted")
    checks.callback(name, "reducer", reducer)
    return opened(
        name, lambda context, source: Reducing(context, source, name, reducer), latest=True
    )


@door(demand="as there is room ; 1:1 ; holds <= capacity", category="overflow")
def on_backpressure_block(
    capacity: float,
    timeout: float | timedelta | None = None,
    *,
    on_discard: DiscardCallback | None = None,
) -> Callable[[Observable[T]], Flow[T]]:
    """Make the thread that pushes wait while the buffer is full: nothing is lost.

    .. marble::
        :alt: on_backpressure_block

        request  1---1---1---1--
        source   -1-2-(3 waits)-3-|
        [ on_backpressure_block(1)  ]
                 -1---2---3--|

    Demand: as there is room ; 1:1 ; holds <= capacity.
    The source must push on another thread than the consumer's.

    Args:
        capacity: Most items held at once (items, at least 1).
        timeout: Longest that a push waits (seconds); None for ever.
        on_discard: Called with each item that is held when the stream is cancelled.

    Returns:
        An operator function.

    Raises:
        ValueError: capacity < 1, or timeout < 0, when the pipeline is built.

    Errors:
        OfferTimeoutError: A push has waited for ``timeout``.
        RuntimeError: The source pushes on an event loop's own thread, which must
            not wait, or on the subscriber's own thread while it subscribes.

    Source: new; Java's BlockingQueue.offer with a time limit.
    """
    name = "on_backpressure_block"
    capacity = checks.whole(name, "capacity", capacity)
    limit = checks.seconds(name, "timeout", timeout)
    _check_callbacks(name, None, on_discard)
    return opened(
        name,
        lambda context, source: BlockingDoor(
            context, source, name, capacity, timeout=limit, on_discard=on_discard
        ),
    )


def _check_callbacks(
    name: str, on_drop: DropCallback | None, on_discard: DiscardCallback | None
) -> None:
    checks.on_drop(name, on_drop)
    checks.callback(name, "on_discard", on_discard)


def _plain_door(
    name: str,
    capacity: int,
    overflow: Overflow,
    on_drop: DropCallback | None,
    latest: bool = False,
) -> Any:
    return opened(
        name,
        lambda context, source: Door(context, source, name, capacity, overflow, on_drop=on_drop),
        latest=latest,
    )
