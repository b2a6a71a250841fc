"""A boundary that asks its producer for batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ..protocol import FAIL, Overflow, Subscriber, Subscription
from . import hooks
from .boundary import Boundary, DropCallback
from .drain import Drain
from .feed import Context, Feed
from .loops import running_loop
from .statistics import StageStatistics

Connect = Callable[[Subscriber[Any]], object]


class Prefetched(Boundary[Any]):
    """Requests ``high`` items at the start, then a batch whenever one was taken."""

    def __init__(
        self,
        context: Context,
        name: str,
        high: int,
        batch: int,
        connect: Connect,
        *,
        capacity: int | None = None,
        overflow: Overflow = FAIL,
        on_drop: DropCallback | None = None,
    ) -> None:
        """Prepare the subscription to a producer.

        Args:
            context: The consumer's.
            name: The operator, for errors and statistics.
            high: Most items that are requested and not yet taken (items).
            batch: How many are requested at a time, once so many were taken (items).
            connect: Subscribes a Subscriber to the producer.
            capacity: Most items held, where more than that are requested (items).
            overflow: What gives way then.
            on_drop: Called with each item that was dropped, and the reason.
        """
        super().__init__(context, name, capacity or high, overflow, on_drop=on_drop)
        self._high = high
        self._batch = batch
        self._connect = connect
        self._taken = 0  # since the last request; written by the consumer only
        self._intake = _Intake(self, high)

    def start(self) -> None:
        """Subscribe to the producer."""
        self._connect(self._intake)

    def run(self) -> Iterator[Any]:
        """Give what is held; ask for more for what was taken."""
        for item in super().run():
            self._taken += 1
            if self._taken >= self._batch:
                taken, self._taken = self._taken, 0
                self._intake.request(taken)
            yield item

    def few(self) -> None:
        """Items that are taken are counted by a run."""

    def stop_producer(self) -> None:
        """Cancel the subscription."""
        self._intake.cancel()

    def cancel(self) -> None:
        """Cancel the subscription, then let go of what is held."""
        self._intake.cancel()
        super().cancel()

    def statistics(self) -> Iterator[StageStatistics]:
        """Give the producer's, where it is a Flow, then its own."""
        yield from self._intake.statistics()
        yield from super().statistics()


class _Intake(Subscriber[Any]):
    """Puts what the producer gives into the boundary."""

    def __init__(self, boundary: Prefetched, high: int) -> None:
        self._boundary = boundary
        self._high = high
        self._subscription: Subscription | None = None
        self._over = False  # ended or cancelled: the Subscription is left alone (rule 2.4)
        self.on_next = boundary.push  # type: ignore[method-assign, assignment]

    def on_subscribe(self, subscription: Subscription) -> None:
        _not_none("on_subscribe", subscription)
        if self._subscription is not None or self._over:
            subscription.cancel()  # rule 2.5
            return
        self._subscription = subscription
        subscription.request(self._high)

    def on_next(self, value: Any) -> None: ...  # replaced by the boundary's in __init__

    def on_error(self, error: Exception) -> None:
        _not_none("on_error", error)
        self._over = True
        self._boundary.fail(error)

    def on_completed(self) -> None:
        self._over = True
        self._boundary.complete()

    def request(self, n: int) -> None:
        if self._subscription is not None and not self._over:
            self._subscription.request(n)

    def cancel(self) -> None:
        if not self._over:
            self._over = True
            if self._subscription is not None:
                hooks.reporting(self._subscription.cancel)  # rule 3.15: it is not to raise

    def statistics(self) -> Iterator[StageStatistics]:
        if isinstance(self._subscription, Drain):
            yield from self._subscription.statistics()[:-1]


def _not_none(signal: str, argument: object) -> None:
    if argument is None:
        raise TypeError(f"{signal} was given None (rule 2.13)")


def drained(make: Callable[[Context], Feed[Any]], context: Context) -> Connect:
    """Say how to subscribe a Subscriber to a Feed."""

    def connect(subscriber: Subscriber[Any]) -> None:
        drain = Drain(subscriber, loop=running_loop())
        drain.open(make, context.scheduler, context.tasks)
        drain.wake()

    return connect
