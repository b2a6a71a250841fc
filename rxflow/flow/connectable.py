"""Flows with one subscription upstream for all of their subscribers."""

# pyright: reportIncompatibleMethodOverride=false
# A ConnectableObservable has the methods of an Observable, and a Flow has its own.

from __future__ import annotations

from typing import Any, TypeVar

from reactivex import ConnectableObservable
from reactivex.abc import DisposableBase, SchedulerBase

from ..kernel import (
    HANDOVER,
    Context,
    DiscardCallback,
    DropCallback,
    Hub,
    Lease,
    Memory,
    Outlet,
    StageStatistics,
    drained,
)
from ..protocol import DROP_OLDEST, Overflow, Victim
from . import checks
from .assembly import called
from .flow import Flow

T_out = TypeVar("T_out", covariant=True)


class SharedFlow(Flow[T_out]):
    """A Flow whose subscribers share one subscription upstream, in lockstep.

    Upstream is asked for what the slowest subscriber has room for, and nothing is
    dropped. A subscriber of ``with_overflow`` does not hold the others back.
    """

    def __init__(self, hub: Hub, lease: Lease | None = None, *, latest: bool = False) -> None:
        """Describe the subscribers of a hub.

        Args:
            hub: It.
            lease: What connects it, if its subscribers do.
            latest: See Flow.
        """
        self.hub = hub
        self._lease = lease
        super().__init__(lambda context: Outlet(context, hub, lease), latest=latest)

    def with_overflow(
        self,
        overflow: Overflow,
        *,
        capacity: float = HANDOVER,
        on_drop: DropCallback | None = None,
        on_discard: DiscardCallback | None = None,
    ) -> Flow[T_out]:
        """Give each subscriber a buffer of its own that never holds the others back.

        Behind it is the same one subscription. The latest item, and no backlog, is
        ``with_overflow(rxflow.DROP_OLDEST, capacity=1)``.

        Args:
            overflow: What gives way when the buffer is full: DROP_OLDEST, DROP_NEWEST,
                DROP_INCOMING, DROP_ALL, or FAIL for this subscriber alone.
            capacity: Most items that one subscriber holds (items, at least 1).
            on_drop: Called with each item that is dropped, and the reason.
            on_discard: Called with each item that is held when the subscriber leaves.

        Returns:
            A Flow.

        Raises:
            TypeError: No strategy; or one that makes the producer wait, which is what
                this Flow does without ``with_overflow``.
            ValueError: capacity < 1 or not whole.
        """
        name = "with_overflow"
        size = checks.whole(name, "capacity", capacity)
        if checks.strategy(name, overflow).victim in (Victim.TASK, Victim.THREAD):
            raise TypeError(
                f"{name}: {overflow} makes the producer wait; subscribe to the shared Flow "
                "itself, whose subscribers are in lockstep"
            )
        checks.callback(name, "on_drop", on_drop)
        checks.callback(name, "on_discard", on_discard)

        def feed(context: Context) -> Outlet:
            return Outlet(
                context,
                self.hub,
                self._lease,
                overflow=overflow,
                capacity=size,
                on_drop=on_drop,
                on_discard=on_discard,
            )

        made: Flow[T_out] = Flow(feed, latest=size == 1 and overflow == DROP_OLDEST)
        made.assembly = (self, (called(name, (overflow,), {"capacity": size}),))
        return made

    def statistics(self) -> tuple[StageStatistics, ...]:
        """Give the figures of what is shared, source first, then of each subscriber."""
        return self.hub.all_statistics()


class ConnectableFlow(
    SharedFlow[T_out],
    ConnectableObservable[T_out],  # pyright: ignore[reportInvalidTypeArguments]
):
    """A Flow that subscribes upstream when it is told to; a ConnectableObservable of reactivex.

    While nobody is subscribed, upstream is asked for nothing.
    """

    def __init__(self, hub: Hub, *, latest: bool = False) -> None:
        """Describe a hub.

        Args:
            hub: It.
            latest: See Flow.
        """
        # ConnectableObservable.__init__ would keep a subject; the hub is in its place.
        SharedFlow.__init__(self, hub, latest=latest)  # pyright: ignore[reportUnknownMemberType]

    @property
    def has_subscription(self) -> bool:  # type: ignore[override]
        """Whether it is connected."""
        return self.hub.connection is not None

    @property
    def subscription(self) -> DisposableBase | None:  # type: ignore[override]
        """What disconnects it, while it is connected."""
        return self.hub.connection

    def connect(self, scheduler: SchedulerBase | None = None) -> DisposableBase:
        """Subscribe upstream, unless that is done already.

        Args:
            scheduler: The default scheduler of the subscription.

        Returns:
            What disconnects it.
        """
        return self.hub.connect(scheduler)

    def ref_count(self, subscriber_count: int = 1) -> SharedFlow[T_out]:
        """Connect with a subscriber, and disconnect with the last one.

        Args:
            subscriber_count: It connects when so many are there (subscribers, at least 1).

        Returns:
            A Flow.

        Raises:
            ValueError: subscriber_count < 1.
        """
        needed = checks.whole("ref_count", "subscriber_count", subscriber_count)
        return self._leased(Lease(needed))

    def auto_connect(self, subscriber_count: int = 1) -> SharedFlow[T_out]:
        """Connect with a subscriber, and stay connected.

        Args:
            subscriber_count: It connects when so many are there (subscribers); 0 for now.

        Returns:
            A Flow.

        Raises:
            ValueError: subscriber_count < 0.
        """
        needed = checks.whole("auto_connect", "subscriber_count", subscriber_count, least=0)
        if not needed:
            self.connect()
        return self._leased(Lease(needed, keeps=True))

    def _leased(self, lease: Lease) -> SharedFlow[T_out]:
        made: SharedFlow[T_out] = SharedFlow(self.hub, lease, latest=self.latest)
        made.assembly = self.assembly
        return made


def connectable(
    flow: Flow[Any],
    name: str,
    prefetch: int | None,
    *,
    memory: Memory | None = None,
    eject_after: float | None = None,
    scheduler: SchedulerBase | None = None,
) -> ConnectableFlow[Any]:
    """Share a Flow.

    Args:
        flow: It.
        name: The operator, for errors and statistics.
        prefetch: Most items a subscriber holds (items); 256 when left out, but 1 where
            items that are fetched ahead would be stale.
        memory: What late subscribers get first.
        eject_after: How long a subscriber may be without room (seconds).
        scheduler: Whose clock.
    """
    return ConnectableFlow(
        Hub(
            name,
            prefetch or (1 if flow.latest else HANDOVER),
            lambda intake, context: drained(flow.feed, context)(intake),
            memory=memory,
            eject_after=eject_after,
            scheduler=scheduler,
        ),
        latest=flow.latest,
    )
