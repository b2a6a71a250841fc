"""Sources that push: create, interval, timer, from_observable, from_publisher, defer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar, cast, overload

import reactivex
from reactivex import Observable, typing
from reactivex.abc import DisposableBase, ObserverBase, SchedulerBase
from reactivex.disposable import Disposable

from ..flow import Flow, checks
from ..flow.door import Door
from ..flow.inlet import buffered, inlet
from ..flow.registry import register
from ..flow.source import Source
from ..kernel import (
    HANDOVER,
    Boundary,
    Context,
    DiscardCallback,
    DropCallback,
    Feed,
    Prefetched,
    offer_blocking,
    offer_suspending,
)
from ..protocol import DROP_INCOMING, UNBOUNDED, Offer, Overflow, Publisher, Victim

T = TypeVar("T")


class Emitter(ObserverBase[T]):
    """What the function given to ``create`` emits with. Any thread may call it."""

    def __init__(self, created: _Created) -> None:
        """Emit into the boundary of a subscription."""
        self._created = created

    @property
    def requested(self) -> int:
        """Items that are asked for and not yet emitted (items; UNBOUNDED for all)."""
        return self._created.requested

    @property
    def closed(self) -> bool:
        """Whether nothing is taken any more: ended, failed or cancelled."""
        return self._created.closed

    def on_request(self, call: Callable[[int], object]) -> None:
        """Have a function called with what is asked for now, then with what is asked for anew.

        Args:
            call: Function of how many more items are asked for (items; UNBOUNDED for all).
        """
        self._created.tell_requests_to(call)

    def try_offer(self, item: T) -> Offer:
        """Offer an item without waiting.

        Returns:
            ENQUEUED; DROPPED by the overflow strategy; FULL, not taken, when the
            strategy is to wait; CLOSED after the end.
        """
        return self._created.push(item)

    async def send(self, item: T, timeout: float | timedelta | None = None) -> Offer:
        """Offer an item; the task waits for room when the strategy is SUSPEND or BLOCK.

        Args:
            item: The item.
            timeout: Longest wait (seconds); None for ever.

        Returns:
            ENQUEUED, DROPPED or CLOSED.

        Raises:
            OfferTimeoutError: No room was made in time; the item was not taken.
        """
        return await offer_suspending(
            self._created, item, checks.seconds("send", "timeout", timeout)
        )

    def on_next(self, value: T) -> None:
        """Emit an item; the thread waits for room when the strategy is BLOCK."""
        if self._created.blocks:
            offer_blocking(self._created, value)
        elif self._created.push(value) is Offer.FULL:
            raise RuntimeError(
                "create(overflow=SUSPEND): there is no room, and on_next cannot wait; "
                "use 'await send(item)', or try_offer"
            )

    def on_error(self, error: Exception) -> None:
        """Fail, behind what is held."""
        self._created.fail(error)

    def on_completed(self) -> None:
        """Complete, behind what is held."""
        self._created.complete()


class _Created(Boundary[Any]):
    """The boundary of one subscription to ``create``."""

    def __init__(
        self,
        context: Context,
        function: Callable[[Emitter[Any]], Any],
        capacity: int,
        overflow: Overflow,
        on_drop: DropCallback | None,
        on_discard: DiscardCallback | None,
    ) -> None:
        super().__init__(
            context, "create", capacity, overflow, on_drop=on_drop, on_discard=on_discard
        )
        self._function = function
        self._cleanup: DisposableBase = Disposable()
        self.blocks = overflow.victim is Victim.THREAD
        self._on_request: Callable[[int], object] | None = None
        self._told = 0  # the level of demand that it has been called for

    def start(self) -> None:
        failure: Exception | None = None
        cleanup: Any = None
        try:
            with self.starting():
                cleanup = self._function(Emitter(self))
        except Exception as error:
            failure = error
        if failure is not None:  # not in the except clause, which later errors would refer to
            self.fail(failure)  # behind what it has emitted
        if callable(cleanup):
            cleanup = Disposable(cast("Callable[[], None]", cleanup))
        if isinstance(cleanup, DisposableBase):
            self._cleanup = cleanup
        if self.closed:
            self._cleanup.dispose()

    def want(self, n: int) -> None:
        super().want(n)
        self._tell()

    def tell_requests_to(self, call: Callable[[int], object]) -> None:
        """Have a function called with the demand there is, and with what is added to it."""
        self._on_request = call
        self._tell()

    def _tell(self) -> None:
        more = min(self.requested, self._wanted - self._told)
        if self._on_request is None or self.closed or more <= 0:
            return
        self._told = self._wanted
        with self.starting():
            self._on_request(UNBOUNDED if self._wanted == UNBOUNDED else more)

    def stop_producer(self) -> None:
        self._cleanup.dispose()

    def cancel(self) -> None:
        super().cancel()
        self._cleanup.dispose()


@overload
def create(function: typing.Subscription[T], *, overflow: None = None) -> Observable[T]: ...
@overload
def create(
    function: Callable[[Emitter[T]], DisposableBase | Callable[[], object] | None],
    *,
    overflow: Overflow,
    capacity: float = HANDOVER,
    on_drop: DropCallback | None = None,
    on_discard: DiscardCallback | None = None,
) -> Flow[T]: ...
def create(
    function: Callable[..., Any],
    *,
    overflow: Overflow | None = None,
    capacity: float = HANDOVER,
    on_drop: DropCallback | None = None,
    on_discard: DiscardCallback | None = None,
) -> Any:
    """Make a source of your own that emits into a bounded buffer.

    .. marble::
        :alt: create

        request  --------2---------
        emitter  -1-2-3------------
        [ create(fn, overflow=DROP_OLDEST, capacity=2) ]
                 --------(23)------

    Demand: emitter.requested and on_request ; 1:1 ; holds <= capacity.
    Without ``overflow`` it is reactivex's ``create``: a plain Observable.

    Args:
        function: Called with an :class:`Emitter` for each subscription. It may
            return a disposable, or a function, to be called at the end.
        overflow: What gives way when the buffer is full.
        capacity: Most items held (items, at least 1).
        on_drop: Called with each item that is dropped, and the reason.
        on_discard: Called with each item that is held when the stream is cancelled.

    Returns:
        A Flow; a plain Observable without ``overflow``.

    Raises:
        TypeError: No strategy, or an async function.
        ValueError: capacity < 1 or not whole.

    Errors:
        BufferOverflowError: The strategy is FAIL. What the function raises.

    Source: Reactor Flux.create; reactivex create.
    """
    if overflow is None:
        return cast("Observable[Any]", reactivex.create(function))
    checks.strategy("create", overflow)
    checks.callback("create", "function", function)
    checks.callback("create", "on_drop", on_drop)
    checks.callback("create", "on_discard", on_discard)
    size = checks.whole("create", "capacity", capacity)
    return Flow[Any](
        lambda context: _Created(context, function, size, overflow, on_drop, on_discard)
    )


register(
    "source", demand="emitter.requested and on_request ; 1:1 ; holds <= capacity", category="create"
)(create)


@register("source", demand="that of the door ; 1:1 ; holds <= capacity", category="overflow")
def from_observable(
    source: Observable[T],
    *,
    overflow: Overflow,
    capacity: float = HANDOVER,
    on_drop: DropCallback | None = None,
    on_discard: DiscardCallback | None = None,
    delay_error: bool = True,
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
        capacity: Most items held (items, at least 1).
        on_drop: Called with each item that is dropped, and the reason.
        on_discard: Called with each item that is held when the stream is cancelled.
        delay_error: An error of the source waits for the backlog.

    Returns:
        A Flow.

    Raises:
        TypeError: No Observable, or no strategy.
        ValueError: capacity < 1 or not whole.

    Errors:
        BufferOverflowError: The strategy is FAIL.

    Source: RxJava Flowable.fromObservable.
    """
    return buffered("from_observable", capacity, overflow, on_drop, on_discard, delay_error)(source)


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
        publisher: Anything whose ``subscribe`` takes a Subscriber.
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
    return Flow(
        lambda context: Prefetched(
            context, "from_publisher", high, high - high // 4, publisher.subscribe
        )
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


@register("source", demand="clock ; 1:1 ; holds 0, else <= 256", category="create")
def interval(
    period: float | timedelta,
    scheduler: SchedulerBase | None = None,
    *,
    overflow: Overflow | None = None,
    capacity: float = HANDOVER,
    on_drop: DropCallback | None = None,
) -> Flow[int]:
    """Count with the clock; ticks that nobody asked for are counted and skipped.

    .. marble::
        :alt: interval

        request  2---------1---
        clock    -0-1-2-3-4-5-6
        [ interval(1.0) ]
                 -0-1-------5--

    Demand: clock ; 1:1 ; holds 0, else <= 256.

    Args:
        period: From one tick to the next (seconds).
        scheduler: Whose clock; reactivex's default when left out.
        overflow: Keep ticks that nobody asked for in a buffer with this strategy.
        capacity: Most ticks in that buffer (items).
        on_drop: Called with each tick that is skipped, and the reason.

    Returns:
        A Flow.

    Raises:
        TypeError: No strategy.
        ValueError: period < 0.

    Source: reactivex interval; RxJava interval, which fails instead.
    """
    checks.seconds("interval", "period", period, optional=False)
    return _ticks("interval", reactivex.interval(period, scheduler), overflow, capacity, on_drop)


@register("source", demand="clock ; 1:1 ; holds 0, else <= 256", category="create")
def timer(
    duetime: float | timedelta | datetime,
    period: float | timedelta | None = None,
    scheduler: SchedulerBase | None = None,
    *,
    overflow: Overflow | None = None,
    capacity: float = HANDOVER,
    on_drop: DropCallback | None = None,
) -> Flow[int]:
    """Tick once, or with a period; ticks that nobody asked for are counted and skipped.

    A single tick waits until it is asked for.

    .. marble::
        :alt: timer

        request  1-----
        [ timer(3.0) ]
                 ---0|

    Demand: clock ; 1:1 ; holds 0, else <= 256.

    Args:
        duetime: When the first tick comes (seconds from now, or a datetime).
        period: From one tick to the next (seconds); one tick only when left out.
        scheduler: Whose clock; reactivex's default when left out.
        overflow: Keep ticks that nobody asked for in a buffer with this strategy.
        capacity: Most ticks in that buffer (items).
        on_drop: Called with each tick that is skipped, and the reason.

    Returns:
        A Flow.

    Raises:
        TypeError: No strategy.

    Source: reactivex timer.
    """
    checks.callback("timer", "on_drop", on_drop)
    source = reactivex.timer(duetime, period, scheduler)
    if period is None and overflow is None:
        return Flow(
            lambda context: Door(context, source, "timer", 1, DROP_INCOMING, on_drop=on_drop)
        )
    return _ticks("timer", source, overflow, capacity, on_drop)


def _ticks(
    name: str,
    source: Observable[int],
    overflow: Overflow | None,
    capacity: float,
    on_drop: DropCallback | None,
) -> Flow[int]:
    checks.callback(name, "on_drop", on_drop)
    if overflow is not None:
        return buffered(name, capacity, overflow, on_drop, None, True)(source)
    return Flow(lambda context: Door(context, source, name, 0, DROP_INCOMING, on_drop=on_drop))
