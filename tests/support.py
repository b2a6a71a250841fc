"""What a test subscribes with, and what it lets a Flow pull from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from rxflow import StageStatistics, Subscriber, Subscription

Then = Callable[["Probe", Any], object]


class Probe(Subscriber[Any]):
    """Asks for what it is told to, and writes down what it is given.

    Attributes:
        items: What came.
        error: What the stream failed with.
        completed: Whether it completed.
        subscribed: How often ``on_subscribe`` was called.
        signals: The names of all signals, in order.
    """

    def __init__(self, initial: int = 0, then: Then | None = None) -> None:
        """Request ``initial`` items in ``on_subscribe``; call ``then`` with each item."""
        self.items: list[Any] = []
        self.error: Exception | None = None
        self.completed = False
        self.subscribed = 0
        self.signals: list[str] = []
        self.subscription: Any = None
        self._initial = initial
        self._then = then

    @property
    def ended(self) -> bool:
        return self.completed or self.error is not None

    @property
    def statistics(self) -> dict[str, StageStatistics]:
        """The figures of each part of the stream, by its name."""
        return {part.name: part for part in self.subscription.statistics()}

    def request(self, n: Any) -> None:
        self.subscription.request(n)

    def cancel(self) -> None:
        self.subscription.cancel()

    def on_subscribe(self, subscription: Subscription) -> None:
        self.signals.append("on_subscribe")
        self.subscribed += 1
        self.subscription = subscription
        if self._initial:
            subscription.request(self._initial)

    def on_next(self, value: Any) -> None:
        self.signals.append("on_next")
        self.items.append(value)
        if self._then is not None:
            self._then(self, value)

    def on_error(self, error: Exception) -> None:
        self.signals.append("on_error")
        self.error = error

    def on_completed(self) -> None:
        self.signals.append("on_completed")
        self.completed = True


class counted(Iterator[Any]):  # noqa: N801 - it reads as a function
    """An iterator that knows how far it was advanced.

    Attributes:
        taken: How many items were taken.
        asked: How often it was advanced, the end included.
        closed: How often it was closed.
    """

    def __init__(self, iterable: Iterable[Any]) -> None:
        self.taken = 0
        self.asked = 0
        self.closed = 0
        self._iterator = iter(iterable)

    def __next__(self) -> Any:
        self.asked += 1
        item = next(self._iterator)
        self.taken += 1
        return item

    def close(self) -> None:
        self.closed += 1
