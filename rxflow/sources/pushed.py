"""Sources made of others: from_observable, from_publisher, defer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar, cast

from reactivex import Observable
from reactivex.abc import SchedulerBase

from ..flow import Flow, checks
from ..flow.foreign import connecting
from ..flow.inlet import buffered, inlet, limited
from ..flow.registry import register
from ..flow.source import Source
from ..kernel import (
    HANDOVER,
    Context,
    DiscardCallback,
    DropCallback,
    Feed,
    Prefetched,
)
from ..protocol import Overflow, Publisher

T = TypeVar("T")


@register("source", demand="that of the door ; 1:1 ; holds <= capacity", category="overflow")
def from_observable(
    source: Observable[T],
    *,
    overflow: Overflow,
    capacity: float = HANDOVER,
    on_drop: DropCallback | None = None,
    on_discard: DiscardCallback | None = None,
    delay_error: bool = True,
    ttl: float | timedelta | None = None,
    weight: Callable[[T], float] | None = None,
) -> Flow[T]:
    """Take a plain Observable in through a bounded buffer.

    .. marble::
        :alt: from_observable

        request  ----------2----------
        source   --1-2-3-4-----------|
        [ from_observable(source, overflow=DROP_OLDEST, capacity=2) ]
                 ----------(34)------|

    Demand: that of the door ; 1:1 ; holds <= capacity.

    Args:
        source: The Observable.
        overflow: What gives way when the buffer is full; there is no default.
        capacity: Most items held (items, at least 1); with ``weight`` the most that they
            weigh together (in its unit).
        on_drop: Called with each item that is dropped, and the reason; it may be
            async, as that of on_backpressure_buffer.
        on_discard: Called with each item that is held when the stream is cancelled.
        delay_error: An error of the source waits for the backlog.
        ttl: How old an item gets at most (seconds), as in on_backpressure_buffer.
        weight: Function of an item that gives its cost, as in on_backpressure_buffer.

    Returns:
        A Flow.

    Raises:
        TypeError: No Observable, or no strategy.
        ValueError: capacity < 1 or not whole, or ttl not above 0.

    Errors:
        BufferOverflowError: The strategy is FAIL.
        What on_drop or weight raises.

    Source: RxJava Flowable.fromObservable.
    """
    name = "from_observable"
    limits = limited(name, weight, ttl)
    door = buffered(name, capacity, overflow, on_drop, on_discard, delay_error, limits)
    return door(source)


@register(
    "source", demand="prefetch, then 75 % of it each ; 1:1 ; holds <= prefetch", category="create"
)
def from_publisher(publisher: Publisher[T], *, prefetch: int = HANDOVER) -> Flow[T]:
    """Take in any Publisher of Reactive Streams.

    .. marble::
        :alt: from_publisher

        request  2-----1---
        [ from_publisher(publisher) ]
                 1-2---3|

    Demand: prefetch, then 75 % of it each ; 1:1 ; holds <= prefetch.

    Args:
        publisher: Anything whose ``subscribe`` takes a Subscriber, also those of the
            package ``reactivestreams``, such as RSocket's requests, which are told of the
            prefetch by ``initial_request_n``.
        prefetch: Most items that are requested ahead (items).

    Returns:
        A Flow.

    Raises:
        TypeError: It has no ``subscribe``, or is a plain Observable.
        ValueError: prefetch < 1.

    Errors:
        BufferOverflowError: The publisher gave more than was requested (rule 1.1).

    Source: RxJava Flowable.fromPublisher.
    """
    if isinstance(publisher, Flow):
        return cast("Flow[T]", publisher)
    if isinstance(publisher, Observable):
        raise TypeError(
            f"from_publisher: a plain Observable does not obey demand; use a door: {checks.DOORS}"
        )
    if not callable(getattr(publisher, "subscribe", None)):
        raise TypeError(f"from_publisher wants a Publisher, not {publisher!r}")
    high = checks.whole("from_publisher", "prefetch", prefetch)
    known = isinstance(publisher, Publisher)  # pyright: ignore[reportUnnecessaryIsInstance]
    connect = publisher.subscribe if known else connecting(publisher, high)
    return Flow(
        lambda context: Prefetched(context, "from_publisher", high, high - high // 4, connect)
    )


@register("source", demand="that of the source ; 1:1 ; holds 0", category="create")
def defer(factory: Callable[[SchedulerBase], Source[T]]) -> Flow[T]:
    """Make a source anew for each subscription.

    .. marble::
        :alt: defer

        request  2-----1---
        [ defer(lambda _: of(1, 2, 3)) ]
                 1-2---3|

    Demand: that of the source ; 1:1 ; holds 0.
    A plain Observable enters through a buffer of 256 items that fails when full.

    Args:
        factory: Given the scheduler of the subscription, or None, it gives a Flow,
            an Observable, a future or an iterable.

    Returns:
        A Flow.

    Raises:
        TypeError: The factory is async.

    Errors:
        What the factory raises.

    Source: reactivex defer.
    """
    checks.callback("defer", "factory", factory)

    def feed(context: Context) -> Feed[Any]:
        return inlet(factory(cast("SchedulerBase", context.scheduler)), "defer")(context)

    return Flow(feed)
