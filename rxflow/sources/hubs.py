"""Junctions that producers and consumers join and leave as they like: hubs and processors."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import timedelta
from threading import Lock
from typing import Any, Generic, TypeVar

from reactivex.abc import SchedulerBase

from ..flow import Flow, SharedFlow, checks
from ..kernel import (
    HANDOVER,
    Context,
    Feed,
    Hub,
    Intake,
    Memory,
    RoutingHub,
    StageStatistics,
)
from ..protocol import Processor, Subscriber, Subscription
from .joining import Early, Joined

T = TypeVar("T")


class _Intaken(Processor[T, T]):
    """The side of a processor that its producer sees."""

    _intake: Intake

    def on_subscribe(self, subscription: Subscription) -> None:
        """Take the Subscription; a second one is cancelled.

        Args:
            subscription: It.
        """
        self._intake.on_subscribe(subscription)

    def on_next(self, value: T) -> None:
        """Hand an item on.

        Args:
            value: The item.
        """
        self._intake.on_next(value)

    def on_error(self, error: Exception) -> None:
        """Fail, to each subscriber behind what it holds.

        Args:
            error: The failure.
        """
        self._intake.on_error(error)

    def on_completed(self) -> None:
        """Complete, to each subscriber behind what it holds."""
        self._intake.on_completed()


class _Junction(SharedFlow[T], _Intaken[T]):
    """A Flow of the items of the one Subscription that it is given."""

    def __init__(self, hub: Hub) -> None:
        SharedFlow.__init__(self, hub)  # pyright: ignore[reportUnknownMemberType]
        self._intake = hub.connect().intake


class PublishProcessor(_Junction[T]):
    """A Subscriber and a Flow at once: each item goes to all of its subscribers, in lockstep.

    Its producer is asked for what the slowest subscriber has room for. What comes while
    nobody is subscribed waits for the next one.
    """

    def __init__(
        self, *, prefetch: int = HANDOVER, eject_after: float | timedelta | None = None
    ) -> None:
        """Make one that is to be subscribed to a producer.

        Args:
            prefetch: Most items that a subscriber holds (items).
            eject_after: How long a subscriber may be without room (seconds).

        Raises:
            ValueError: prefetch < 1, or a negative time.
        """
        name = "PublishProcessor"
        size = checks.whole(name, "prefetch", prefetch)
        after = checks.seconds(name, "eject_after", eject_after)
        super().__init__(Hub(name, size, eject_after=after))


class ReplayProcessor(_Junction[T]):
    """As PublishProcessor; late subscribers get the last items first."""

    def __init__(
        self,
        buffer_size: int,
        window: float | timedelta | None = None,
        *,
        scheduler: SchedulerBase | None = None,
        prefetch: int = HANDOVER,
    ) -> None:
        """Make one that is to be subscribed to a producer.

        Args:
            buffer_size: How many of the last items are kept (items).
            window: How long one of them is kept (seconds).
            scheduler: Whose clock the window goes by.
            prefetch: Most items that a subscriber holds beyond those (items).

        Raises:
            ValueError: A size that is too small, or a negative time.
        """
        name = "ReplayProcessor"
        kept = checks.whole(name, "buffer_size", buffer_size, least=0)
        memory = Memory(kept, checks.seconds(name, "window", window))
        size = checks.whole(name, "prefetch", prefetch)
        super().__init__(Hub(name, size, memory=memory, scheduler=scheduler))


class UnicastProcessor(Flow[T], _Intaken[T]):
    """A Subscriber and a Flow at once, with one subscriber, which may come late."""

    def __init__(self, *, prefetch: int = HANDOVER) -> None:
        """Make one that is to be subscribed to a producer.

        Args:
            prefetch: Most items held for the subscriber (items).

        Raises:
            ValueError: prefetch < 1.
        """
        name = "UnicastProcessor"
        early = Early(name, checks.whole(name, "prefetch", prefetch))
        super().__init__(_once(name, early.read_by))
        self._intake = early.intake


def _once(name: str, take: Callable[[Context], Feed[Any]]) -> Callable[[Context], Feed[Any]]:
    """Let one consumer in, and refuse the others."""
    free = [True]

    def feed(context: Context) -> Feed[Any]:
        if not free:
            raise RuntimeError(f"{name} has a subscriber already; put share() behind it for more")
        try:
            free.pop()
        except IndexError:  # another thread was quicker
            return feed(context)
        return take(context)

    return feed


class _OneProducer(Generic[T]):
    """What the hubs with one producer have in common."""

    def __init__(self, name: str, hub: Hub) -> None:
        self._name = name
        self._hub = hub
        self._intake: Intake | None = None
        self.flow: SharedFlow[T] = SharedFlow(hub)

    def sink(self) -> Subscriber[T]:
        """Give what is to be subscribed to the producer; once.

        Returns:
            A Subscriber.

        Raises:
            RuntimeError: It has a producer already.
        """
        if self._intake is not None:
            raise RuntimeError(f"{self._name} has a producer already; a MergeHub joins several")
        self._intake = self._hub.connect().intake
        return self._intake

    def complete(self) -> None:
        """Cancel the producer; each subscriber gets what it holds, and then the end."""
        intake = self._hub.connect().intake
        intake.cancel()
        intake.on_completed()

    def statistics(self) -> tuple[StageStatistics, ...]:
        """Give the figures of the producer, then of each subscriber."""
        return self._hub.all_statistics()


class BroadcastHub(_OneProducer[T]):
    """One producer, and consumers that come and go: each item goes to all of them.

    ``hub.sink()`` is subscribed to the producer; ``hub.flow`` is what consumers
    subscribe to, in lockstep, or with ``hub.flow.with_overflow(...)``. While there is
    none, the producer waits.
    """

    def __init__(
        self, capacity: int = HANDOVER, *, eject_after: float | timedelta | None = None
    ) -> None:
        """Make one without producer and consumers.

        Args:
            capacity: Most items that a consumer holds (items).
            eject_after: How long a consumer may be without room (seconds).

        Raises:
            ValueError: capacity < 1, or a negative time.
        """
        name = "BroadcastHub"
        size = checks.whole(name, "capacity", capacity)
        after = checks.seconds(name, "eject_after", eject_after)
        super().__init__(name, Hub(name, size, eject_after=after))


class PartitionHub(_OneProducer[T]):
    """One producer, and consumers that come and go: each item goes to one of them.

    An item may be for any of them, so the producer waits while one of them is full;
    each holds its own items only.
    """

    def __init__(self, route: Callable[[T, int], int], capacity: int = HANDOVER) -> None:
        """Make one without producer and consumers.

        Args:
            route: Function of an item and how many consumers there are that gives the
                index of one of them, in the order of their subscribing.
            capacity: Most items that a consumer holds (items).

        Raises:
            TypeError: The function is async.
            ValueError: capacity < 1.
        """
        name = "PartitionHub"
        checks.function(name, "route", route)
        size = checks.whole(name, "capacity", capacity)
        super().__init__(name, RoutingHub(name, size, route))


class MergeHub(Generic[T]):
    """Producers that come and go, and one consumer: it gets the items of all, each in turn.

    Each ``hub.sink()`` is subscribed to a producer, has a buffer of its own and is asked
    for what that has room for. A producer that fails is reported to
    ``on_dropped_error``, and the others go on. When the consumer leaves, all producers
    are cancelled, and so are those that come later.
    """

    def __init__(self, capacity: int = HANDOVER) -> None:
        """Make one without producers.

        Args:
            capacity: Most items held of one producer (items).

        Raises:
            ValueError: capacity < 1.
        """
        self._capacity = checks.whole("MergeHub", "capacity", capacity)
        self._arrived: deque[Early] = deque()  # that the consumer has not seen yet
        self._sinks: set[Early] = set()
        self._lock = Lock()
        self._closed = False
        self._consumer: Context | None = None
        self.flow: Flow[T] = Flow(_once("MergeHub.flow", self._feed))

    def sink(self) -> Subscriber[T]:
        """Give what is to be subscribed to another producer.

        Returns:
            A Subscriber; it cancels at once when the hub is closed.
        """
        early = Early("MergeHub", self._capacity)
        with self._lock:
            closed = self._closed
            if not closed:
                self._sinks.add(early)
                self._arrived.append(early)
        if closed:
            early.intake.cancel()
        else:
            self._wake()
        return early.intake

    def complete(self) -> None:
        """Take no further producers; the flow completes when those there are have ended."""
        with self._lock:
            self._closed = True
        self._wake()

    def drain(self) -> None:
        """Cancel all producers; the flow gives what is held of them, and completes."""
        self.complete()
        for early in list(self._sinks):
            early.stop_intake()

    def _wake(self) -> None:
        if self._consumer is not None:
            self._consumer.wake()

    def _feed(self, context: Context) -> Feed[Any]:
        self._consumer = context
        return Joined(context, self._arrived, self._is_closed, self._leave)

    def _is_closed(self) -> bool:
        return self._closed

    def _leave(self) -> None:
        """Hear that the consumer has left, or has heard the end."""
        self._consumer = None
        with self._lock:
            self._closed = True
            self._sinks.clear()
