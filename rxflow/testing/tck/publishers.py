"""Publishers that obey the rules in ways that are seldom met."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Any, cast

from ...protocol import Publisher, Subscriber, Subscription, add_demand, invalid_request
from ..publisher import Misbehaviour, TestPublisher


class LatePublisher(TestPublisher[Any]):
    """Calls on_subscribe when it is told to."""

    def __init__(self) -> None:
        super().__init__(Misbehaviour.NO_ON_SUBSCRIBE)
        self.waiting: list[Subscriber[Any]] = []

    def subscribe(self, subscriber: Subscriber[Any], /) -> Any:
        """Keep the Subscriber, see the base class.

        Args:
            subscriber: It.
        """
        self.waiting.append(subscriber)
        return super().subscribe(subscriber)

    def begin(self) -> None:
        """Give the first Subscriber its Subscription."""
        self.waiting[0].on_subscribe(self.subscriptions[0])


class SynchronousPublisher(TestPublisher[Any]):
    """Emits what is requested inside of request, then completes there."""

    def __init__(
        self, elements: int, create_element: Callable[[int], Any], depths: list[int]
    ) -> None:
        super().__init__(on_request=self._serve)
        self.given: int = 0
        self._elements = elements
        self._element = create_element
        self._depths = depths
        self._depth = 0

    def _serve(self, publisher: TestPublisher[Any], n: int) -> None:
        self._depth += 1
        self._depths.append(self._depth)
        try:
            for _ in range(min(n, self._elements - self.given)):
                if self.cancelled or self.given == self._elements:
                    return
                self.given += 1
                self.emit(self._element(self.given - 1))
            if self.given == self._elements and not self.ended:
                self.complete()
        finally:
            self._depth -= 1


class UpstreamPublisher(Publisher[Any]):
    """Gives items inside of request, then completes or fails; obeys every rule."""

    def __init__(
        self, elements: int, create_element: Callable[[int], Any], error: Exception | None = None
    ) -> None:
        """Say what it gives.

        Args:
            elements: How many items (items).
            create_element: Makes the n-th item.
            error: What it fails with after them; None to complete.
        """
        self.elements = elements
        self.create_element = create_element
        self.error = error

    def subscribe(self, subscriber: Subscriber[Any], /) -> None:
        """Serve a Subscriber from the beginning.

        Args:
            subscriber: It.
        """
        if not callable(getattr(subscriber, "on_subscribe", None)):
            raise TypeError(f"subscribe wants a Subscriber, not {subscriber!r}")
        serving = _Serving(self, subscriber)
        subscriber.on_subscribe(serving)
        serving.serve()


class _Serving(Subscription):
    def __init__(self, publisher: UpstreamPublisher, subscriber: Subscriber[Any]) -> None:
        self._publisher = publisher
        self._subscriber: Subscriber[Any] | None = subscriber  # None at the end
        self._lock = Lock()
        self._granted = 0
        self._given = 0
        self._error: Exception | None = None
        self._busy = True  # until subscribe is through with on_subscribe

    def request(self, n: int) -> None:
        error = invalid_request(n)
        with self._lock:
            if error is None:
                self._granted = add_demand(self._granted, n)
            else:
                self._error = error
            if self._busy:
                return  # whoever serves looks again
            self._busy = True
        self.serve()

    def cancel(self) -> None:
        self._subscriber = None

    def serve(self) -> None:
        publisher = self._publisher
        while True:
            with self._lock:
                subscriber, error = self._subscriber, self._error
                at_end = self._given >= publisher.elements
                if subscriber is None or not (at_end or error or self._given < self._granted):
                    self._busy = False
                    return
                if at_end or error is not None:
                    self._subscriber = None
                else:
                    self._given += 1
            if error is not None or (at_end and publisher.error is not None):
                subscriber.on_error(error or cast("Exception", publisher.error))
            elif at_end:
                subscriber.on_completed()
            else:
                subscriber.on_next(publisher.create_element(self._given - 1))
