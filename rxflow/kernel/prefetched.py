"""A boundary that asks its producer for batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

from ..protocol import FAIL, Overflow, Subscriber, Subscription
from . import hooks
from .boundary import Boundary
from .drain import Drain
from .ends import OPEN
from .feed import Context, Feed, inherits
from .loops import running_loop
from .metering import Times
from .rows import Row
from .statistics import StageStatistics
from .telling import DropCallback

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
        delay_error: bool = True,
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
            delay_error: An error waits for what is held; else it overtakes and discards it.
        """
        super().__init__(
            context, name, capacity or high, overflow, on_drop=on_drop, delay_error=delay_error
        )
        self._high = high  # most that is asked for and not yet taken, at once (items)
        self._batch = batch
        self._connect = connect
        # How many were taken when it was requested last, and since then, as far as was looked.
        self._asked = self._taken = 0
        self._intake = Intake(self, lambda intake: intake.request(high))
        if context.pulls and inherits(type(self), Boundary, "push"):
            self._intake.on_batch = self._push_all

    def start(self) -> None:
        """Subscribe to the producer."""
        self._connect(self._intake)

    def _push_all(self, items: list[Any]) -> None:
        """Offer items at once, with one look at the room and one wake."""
        queue = self._queue
        with self._lock:
            room = self._end is OPEN and self._rises(len(queue) + len(items) - 1)
            idle = room and self._idle
            if room:
                queue.extend(items)
                self._received += len(items)
                self._idle = False
        if not room:
            for item in items:
                self.push(item)
        elif idle:
            self._wake()

    def _until_told(self) -> int:
        """Look at the batch, too."""
        return min(super()._until_told(), self._batch - self._taken)

    def _passed(self) -> None:
        """Ask for more when a batch was taken."""
        with self._lock:
            count = self._count_taken()
            self._taken = taken = count - self._asked
            if taken < self._batch:
                return
            self._asked, self._taken = count, 0
        self._intake.request(taken)

    def few(self) -> None:
        """Items that are taken are counted by a run."""

    def stop_producer(self) -> None:
        """Cancel the subscription."""
        self._intake.cancel()

    def cancel(self) -> None:
        """Cancel the subscription, then let go of what is held."""
        try:
            self._intake.cancel()
        finally:  # KeyboardInterrupt and the like pass through
            super().cancel()

    def _before(self) -> Iterable[StageStatistics]:
        return self._intake.statistics()

    def _put_before(self, row: Row, times: Times) -> None:
        self._intake.row(row, times)


class Taker(Protocol):
    """Where an Intake puts what it is given."""

    def push(self, item: Any) -> object:
        """Take an item."""

    def fail(self, error: Exception) -> object:
        """Hear of the failure."""

    def complete(self) -> object:
        """Hear of the end."""


class Intake(Subscriber[Any]):
    """Hands on what a producer gives; the rules of a Subscriber are kept here.

    Attributes:
        shared: It is a hub's, whose consumers tell the figures of the producer.
    """

    shared: bool = False

    def __init__(self, taker: Taker, begin: Callable[[Intake], object]) -> None:
        """Subscribe for somebody.

        Args:
            taker: Who.
            begin: Called with this, once there is a Subscription to request of.
        """
        self._taker = taker
        self._begin = begin
        self._subscription: Subscription | None = None
        self._over = False  # ended or cancelled: the Subscription is left alone (rule 2.4)
        # Takes some items at once, for a consumer that acts later only; see :class:`Drain`.
        self.on_batch: Callable[[list[Any]], object] | None = None
        self.on_next = taker.push  # type: ignore[method-assign, assignment]

    @property
    def subscribed(self) -> bool:
        """Whether there is a Subscription to request of."""
        return self._subscription is not None and not self._over

    def on_subscribe(self, subscription: Subscription) -> None:
        """Keep the Subscription; cancel a second one.

        Args:
            subscription: It.
        """
        _not_none("on_subscribe", subscription)
        if self._subscription is not None or self._over:
            subscription.cancel()  # rule 2.5
            return
        self._subscription = subscription
        self._begin(self)

    def on_next(self, value: Any) -> None:
        """Be replaced by what takes the items."""

    def on_error(self, error: Exception) -> None:
        """Hand it on.

        Args:
            error: The failure.
        """
        _not_none("on_error", error)
        self._over = True
        self._taker.fail(error)

    def on_completed(self) -> None:
        """Hand it on."""
        self._over = True
        self._taker.complete()

    def request(self, n: int) -> None:
        """Request, unless it is over."""
        if self._subscription is not None and not self._over:
            self._subscription.request(n)

    def cancel(self) -> None:
        """Cancel, unless it is over."""
        if not self._over:
            self._over = True
            if self._subscription is not None:
                hooks.reporting(self._subscription.cancel)  # rule 3.15: it is not to raise

    def statistics(self) -> Iterator[StageStatistics]:
        """Give the producer's figures, where it is a Flow."""
        if isinstance(self._subscription, Drain):
            yield from self._subscription.statistics()[:-1]

    def row(self, row: Row, times: Times) -> None:
        """Put the same figures into a row; see :class:`Feed`."""
        if isinstance(self._subscription, Drain) and not self._subscription.row(row, last=False):
            row.put_records(self.statistics(), times)


def _not_none(signal: str, argument: object) -> None:
    if argument is None:
        raise TypeError(f"{signal} was given None (rule 2.13)")


def drained(make: Callable[[Context], Feed[Any]], context: Context) -> Connect:
    """Say how to subscribe a Subscriber to a Feed."""

    def connect(subscriber: Subscriber[Any]) -> None:
        drain = Drain(subscriber, loop=running_loop())
        consumer, wrap = context.consumer, context.wrap
        drain.open(make, context.scheduler, context.tasks, consumer=consumer, wrap=wrap)
        drain.wake()

    return connect
