"""A source of your own that emits into a bounded buffer: create."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar, cast, overload

import reactivex
from reactivex import Observable, typing
from reactivex.abc import DisposableBase, ObserverBase
from reactivex.disposable import Disposable

from ..flow import Flow, checks
from ..flow.inlet import limited
from ..flow.registry import register
from ..kernel import (
    FULL,
    HANDOVER,
    Boundary,
    Context,
    DiscardCallback,
    DropCallback,
    Limited,
    hooks,
    needed_loop,
    offer_blocking,
    offer_suspending,
)
from ..protocol import UNBOUNDED, Offer, Overflow, Victim

T = TypeVar("T")


class Emitter(ObserverBase[T]):
    """What the function given to ``create`` emits with. Any thread may call it."""

    def __init__(self, created: _Created) -> None:
        """Emit into the boundary of a subscription."""
        self._created = created
        if created.blocks:
            self.on_next = partial(offer_blocking, created)  # type: ignore[method-assign, assignment]
        elif not created.suspends:
            self.on_next = created.push  # type: ignore[method-assign]
        self._awaited = False  # send was, where a task can wait; to look each time takes time

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

        Args:
            item: The item.

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
        if timeout is not None:
            timeout = checks.seconds("send", "timeout", timeout)
        if not self._awaited:
            needed_loop("send", "awaited")
            self._awaited = True
        offer = self._created.push(item)
        if offer is not FULL:
            return offer
        return await offer_suspending(self._created, item, timeout)

    def on_next(self, value: T) -> None:
        """Emit an item; the thread waits for room when the strategy is BLOCK.

        Args:
            value: The item.

        Raises:
            RuntimeError: There is no room and the strategy is SUSPEND: use ``send``.
        """
        if self._created.push(value) is FULL:  # where it can be: else another way was taken
            raise RuntimeError(
                "create(overflow=SUSPEND): there is no room, and on_next cannot wait; "
                "use 'await send(item)', or try_offer"
            )

    def on_error(self, error: Exception) -> None:
        """Fail, behind what is held.

        Args:
            error: The failure.
        """
        self._created.fail(error)

    def on_completed(self) -> None:
        """Complete, behind what is held."""
        self._created.complete()


_NOTHING = Disposable()
"""There is nothing to clean up; it may be disposed of again and again."""


class _Created(Boundary[Any]):
    """The boundary of one subscription to ``create``."""

    __slots__ = ("_cleanup", "_function", "_on_request", "_told", "blocks", "suspends")

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
        self._cleanup: DisposableBase = _NOTHING
        self.blocks: bool = overflow.victim is Victim.THREAD
        self.suspends: bool = overflow.victim is Victim.TASK
        self._on_request: Callable[[int], object] | None = None
        self.steady: bool = True  # who requests is told what is new only
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
            hooks.reporting(self._cleanup.dispose)

    def want(self, n: int) -> None:
        super().want(n)
        self._tell()

    def tell_requests_to(self, call: Callable[[int], object]) -> None:
        """Have a function called with the demand there is, and with what is added to it."""
        self._on_request = call
        self._tell()

    def _tell(self) -> None:
        if self._on_request is None or self.closed:
            return
        more = min(self.requested, self._wanted - self._told)
        if more <= 0:
            return
        self._told = self._wanted
        with self.starting():
            self._on_request(UNBOUNDED if self._wanted == UNBOUNDED else more)

    def stop_producer(self) -> None:
        hooks.reporting(self._cleanup.dispose)

    def cancel(self) -> None:
        try:
            super().cancel()
        finally:
            hooks.reporting(self._cleanup.dispose)


class _LimitedCreated(Limited, _Created):
    """One that looks at its items: what they weigh and how old they are."""


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
    ttl: float | timedelta | None = None,
    weight: Callable[[T], float] | None = None,
) -> Flow[T]: ...
@register(
    "source", demand="emitter.requested and on_request ; 1:1 ; holds <= capacity", category="create"
)
def create(
    function: Callable[..., Any],
    *,
    overflow: Overflow | None = None,
    capacity: float = HANDOVER,
    on_drop: DropCallback | None = None,
    on_discard: DiscardCallback | None = None,
    ttl: float | timedelta | None = None,
    weight: Callable[[Any], float] | None = None,
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
        capacity: Most items held (items, at least 1); with ``weight`` the most that they
            weigh together (in its unit).
        on_drop: Called with each item that is dropped, and the reason; it may be
            async, as that of on_backpressure_buffer.
        on_discard: Called with each item that is held when the stream is cancelled.
        ttl: How old an item gets at most (seconds), as in on_backpressure_buffer.
        weight: Function of an item that gives its cost, as in on_backpressure_buffer.

    Returns:
        A Flow; a plain Observable without ``overflow``.

    Raises:
        TypeError: No strategy, or an async function.
        ValueError: capacity < 1 or not whole, or ttl not above 0.

    Errors:
        BufferOverflowError: The strategy is FAIL. What the function, on_drop or weight raises.

    Source: Reactor Flux.create; reactivex create.
    """
    if overflow is None:
        return cast("Observable[Any]", reactivex.create(function))
    checks.strategy("create", overflow)
    checks.callback("create", "function", function)
    checks.on_drop("create", on_drop)
    checks.callback("create", "on_discard", on_discard)
    size = checks.whole("create", "capacity", capacity)
    limits = limited("create", weight, ttl)
    kind: Callable[..., _Created] = _Created
    if limits is not None:
        kind = partial(_LimitedCreated, limits=limits)
    flow: Flow[Any] = Flow(
        partial(_created, kind, function, size, overflow, on_drop, on_discard),
        latest=ttl is not None,
    )
    return flow


def _created(kind: Callable[..., _Created], *options: Any) -> _Created:
    """Make the boundary of a subscription, whose context comes last."""
    return kind(options[-1], *options[:-1])
