"""Partners that obey demand in another spelling: those of the package ``reactivestreams``.

Its Subscriber has ``on_complete`` and ``on_next(value, is_complete)``. RSocket, which ships it,
sends the first request with the call that opens the stream.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from ..protocol import Subscriber, Subscription


class ForeignSubscriber(Protocol):
    """What has ``on_subscribe`` and is no Subscriber of rxflow's."""

    def on_subscribe(self, subscription: Any, /) -> Any:
        """Take the Subscription."""

    def on_next(self, value: Any, /) -> Any:
        """Take one item."""

    def on_error(self, exception: Exception, /) -> Any:
        """Hear that the stream has failed."""

    def on_complete(self) -> Any:
        """Hear that the stream is complete."""


class Serving(Subscriber[Any]):
    """Serves a Subscriber of another library."""

    def __init__(self, foreign: Any) -> None:
        """Find how it spells the end.

        Raises:
            TypeError: A method is missing.
        """
        self._foreign = foreign
        end = getattr(foreign, "on_complete", None) or getattr(foreign, "on_completed", None)
        if not (callable(end) and callable(getattr(foreign, "on_error", None))):
            raise TypeError(
                f"subscribe: {foreign!r} has on_subscribe, but not all of on_next, on_error and "
                "on_complete (or on_completed)"
            )
        self.on_completed = end  # type: ignore[method-assign]

    def on_subscribe(self, subscription: Subscription) -> None:
        """Hand it on."""
        self._foreign.on_subscribe(subscription)

    def on_next(self, value: Any) -> None:
        """Hand it on."""
        self._foreign.on_next(value)

    def on_error(self, error: Exception) -> None:
        """Hand it on."""
        self._foreign.on_error(error)

    def on_completed(self) -> None:
        """Be replaced by what hears of the end."""


class _Answering(Subscriber[Any]):
    """Answers to both spellings."""

    def __init__(self, subscriber: Subscriber[Any], told: int) -> None:
        self._subscriber = subscriber
        self._told = told  # what the publisher was told to be the first request, or 0

    def on_subscribe(self, subscription: Any) -> None:
        given = _Told(subscription, self._told) if self._told else subscription
        self._subscriber.on_subscribe(given)

    def on_next(self, value: Any, is_complete: bool = False) -> None:
        self._subscriber.on_next(value)
        if is_complete:
            self._subscriber.on_completed()

    def on_error(self, error: Exception) -> None:
        self._subscriber.on_error(error)

    def on_completed(self) -> None:
        self._subscriber.on_completed()

    def on_complete(self) -> None:
        self._subscriber.on_completed()


class _Told(Subscription):
    """A Subscription whose first request was told before it."""

    def __init__(self, subscription: Any, told: int) -> None:
        self._subscription = subscription
        self._told = told

    def request(self, n: int) -> None:
        told, self._told = self._told, 0
        if n > told:
            self._subscription.request(n - told)

    def cancel(self) -> None:
        self._subscription.cancel()


def connecting(publisher: Any, first: int) -> Callable[[Subscriber[Any]], object]:
    """Say how to subscribe to a Publisher of another library.

    Args:
        publisher: It.
        first: The first request that will be made (items).
    """

    def connect(subscriber: Subscriber[Any]) -> object:
        tell = getattr(publisher, "initial_request_n", None)
        if callable(tell):  # RSocket; it would ask its peer for 2**31 - 1 items otherwise
            tell(first)
        return publisher.subscribe(_Answering(subscriber, first if callable(tell) else 0))

    return connect
