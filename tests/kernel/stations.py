"""A hub in the hand of the test: its producers, its outlets and its clock."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Any

from reactivex.testing import TestScheduler

from rxflow.kernel import Context, Hub, Lease, Outlet, StageStatistics, State
from rxflow.protocol import Subscriber, Subscription


class Producer(Subscription):
    """One subscription of a hub, which knows what it was asked for.

    Attributes:
        subscriber: The hub's.
        context: For which it subscribed.
        requested: What it was asked for.
        cancelled: How often it was cancelled.
    """

    def __init__(self, subscriber: Subscriber[Any], context: Context) -> None:
        self.subscriber = subscriber
        self.context = context
        self.requested: list[int] = []
        self.cancelled = 0

    def request(self, n: int) -> None:
        self.requested.append(n)

    def cancel(self) -> None:
        self.cancelled += 1

    def give(self, *items: Any) -> None:
        for item in items:
            self.subscriber.on_next(item)

    def end(self, error: Exception | None = None) -> None:
        if error is None:
            self.subscriber.on_completed()
        else:
            self.subscriber.on_error(error)


class Reader:
    """A consumer that takes from its outlet when it is told to.

    Attributes:
        wakes: How often it was woken.
    """

    def __init__(
        self,
        hub: Hub,
        lease: Lease | None = None,
        then: Callable[[], object] = lambda: None,
        **options: Any,
    ) -> None:
        self.wakes = 0
        self._then = then
        self.outlet = Outlet(Context(self._woken), hub, lease, **options)

    def _woken(self) -> None:
        self.wakes += 1
        self._then()

    def join(self) -> Reader:
        self.outlet.start()
        return self

    def take(self, n: int = 99) -> list[Any]:
        """Take what is there; it is settled where it has no more."""
        items = list(islice(run := self.outlet.run(), n))
        if len(items) < n:
            assert list(run) == []
            self.state = self.outlet.settle()
        return items

    @property
    def figures(self) -> StageStatistics:
        return self.outlet.own_statistics()

    @property
    def ended(self) -> bool:
        return self.outlet.settle() is State.ENDED


class Station:
    """A hub with producers that do as they are told.

    Attributes:
        producers: One for each time it has connected.
    """

    def __init__(self, prefetch: int = 4, kind: Callable[..., Hub] = Hub, **options: Any) -> None:
        self.clock = TestScheduler()
        options.setdefault("scheduler", self.clock)
        self.producers: list[Producer] = []
        self.hub = kind("hub", prefetch, self._subscribe, **options)

    def _subscribe(self, subscriber: Subscriber[Any], context: Context) -> None:
        self.producers.append(Producer(subscriber, context))
        subscriber.on_subscribe(self.producers[-1])

    @property
    def producer(self) -> Producer:
        """The newest one."""
        return self.producers[-1]

    def join(self, lease: Lease | None = None, **options: Any) -> Reader:
        return Reader(self.hub, lease, **options).join()

    @property
    def figures(self) -> StageStatistics:
        *_, figures = self.hub.statistics()
        return figures
