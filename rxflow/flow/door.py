"""The door: where a source that does not obey demand becomes a Flow."""

from __future__ import annotations

from collections.abc import Callable
from threading import get_ident
from typing import Any

from reactivex import Observable
from reactivex.disposable import SingleAssignmentDisposable
from reactivex.scheduler import CurrentThreadScheduler

from ..kernel import (
    Boundary,
    Context,
    DiscardCallback,
    DropCallback,
    Limited,
    hooks,
    offer_blocking,
    subscribing,
)
from ..protocol import BLOCK, Offer, Overflow


class Door(Boundary[Any]):
    """A boundary whose producer is an Observable, subscribed without bound."""

    def __init__(
        self,
        context: Context,
        source: Observable[Any],
        name: str,
        capacity: int,
        overflow: Overflow,
        *,
        on_drop: DropCallback | None = None,
        on_discard: DiscardCallback | None = None,
        delay_error: bool = True,
    ) -> None:
        """Prepare the subscription; see :class:`Boundary` for the arguments."""
        super().__init__(
            context,
            name,
            capacity,
            overflow,
            on_drop=on_drop,
            on_discard=on_discard,
            delay_error=delay_error,
        )
        self._source = source
        self._scheduler = context.scheduler
        self._consumer = context.consumer
        self._upstream = SingleAssignmentDisposable()

    def intake(self) -> Callable[[Any], Any]:
        """Give what the source is to call with an item."""
        return self.push

    def start(self) -> None:
        """Subscribe to the source."""
        with self.starting():
            # As an outermost subscribe of reactivex: what the source itself puts on the
            # trampoline comes after the assignment, so that it can be disposed of.
            CurrentThreadScheduler.singleton().ensure_trampoline(self._subscribe)

    def _subscribe(self, *_: Any) -> None:
        with subscribing(self._consumer):
            self._upstream.disposable = self._source.subscribe(
                self.intake(), self.fail, self.complete, scheduler=self._scheduler
            )

    def stop_producer(self) -> None:
        """Dispose of the subscription."""
        hooks.reporting(self._upstream.dispose)

    def cancel(self) -> None:
        """Dispose of the subscription, then let go of what is held."""
        hooks.reporting(self._upstream.dispose)
        super().cancel()


class BlockingDoor(Door):
    """A door that makes the thread which pushes wait while it is full."""

    def __init__(
        self,
        context: Context,
        source: Observable[Any],
        name: str,
        capacity: int,
        overflow: Overflow = BLOCK,
        *,
        timeout: float | None = None,
        on_drop: DropCallback | None = None,
        on_discard: DiscardCallback | None = None,
        delay_error: bool = True,
    ) -> None:
        """Prepare the subscription.

        Args:
            timeout: Longest that a push waits (seconds); None for ever.
            context: See :class:`Boundary`, also for what follows.
            source: The Observable.
            name: The operator.
            capacity: Most items held (items).
            overflow: BLOCK.
            on_drop: Called with each item that is dropped.
            on_discard: Called with each item that is held when the consumer leaves.
            delay_error: An error waits for what is held.
        """
        super().__init__(
            context,
            source,
            name,
            capacity,
            overflow,
            on_drop=on_drop,
            on_discard=on_discard,
            delay_error=delay_error,
        )
        self._timeout = timeout
        self._subscribing: int | None = None  # the thread that is in start, if any

    def start(self) -> None:
        """Subscribe to the source."""
        self._subscribing = get_ident()
        try:
            super().start()
        finally:
            self._subscribing = None

    def intake(self) -> Callable[[Any], Any]:
        """Give what makes the source wait."""
        return self._wait_for_room

    def _wait_for_room(self, item: Any) -> Offer:
        """Take an item from the source, once there is room."""
        try:
            if self._subscribing and self._subscribing == get_ident() and self.full(item):
                raise RuntimeError(
                    f"{self.name}: the source pushes on the subscriber's own thread while it "
                    "subscribes, so waiting would last for ever; let it push from another thread"
                )
            return offer_blocking(self, item, self._timeout)
        except Exception as error:
            if self.closed:
                return Offer.CLOSED
            self.lose(item, "timeout" if isinstance(error, TimeoutError) else "refused")
            self.fail(error)
            self.stop_producer()
            return Offer.DROPPED


class LimitedDoor(Limited, Door):
    """A door that looks at its items: what they weigh, how old and how important they are."""


class LimitedBlockingDoor(Limited, BlockingDoor):
    """The same, which makes the thread that pushes wait while it is full."""
