"""The four interfaces of Reactive Streams 1.0.4, with the spelling of reactivex."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Generic, TypeVar

from reactivex.abc import DisposableBase

T = TypeVar("T")
T_in = TypeVar("T_in", contravariant=True)
T_out = TypeVar("T_out", covariant=True)


class Subscription(DisposableBase):
    """The link between one Subscriber and one Publisher. Neither method ever raises or blocks."""

    @abstractmethod
    def request(self, n: int) -> None:
        """Ask for more items.

        Args:
            n: How many more (items, at least 1), or UNBOUNDED. Anything else
                is signalled through ``on_error`` as a ValueError.

        Source: Reactive Streams 3.1 to 3.17.
        """

    @abstractmethod
    def cancel(self) -> None:
        """Stop the stream and let go of all that it holds. Idempotent."""

    def dispose(self) -> None:
        """Cancel: a Subscription is also a disposable of reactivex."""
        self.cancel()


class Subscriber(ABC, Generic[T_in]):
    """Receives ``on_subscribe`` once, then items as requested, then at most one end signal."""

    @abstractmethod
    def on_subscribe(self, subscription: Subscription) -> None:
        """Take the Subscription. Nothing comes before it, and no item before a request."""

    @abstractmethod
    def on_next(self, value: T_in) -> None:
        """Take one item."""

    @abstractmethod
    def on_error(self, error: Exception) -> None:
        """The stream has failed; nothing follows."""

    @abstractmethod
    def on_completed(self) -> None:
        """The stream is complete; nothing follows."""


class Publisher(ABC, Generic[T_out]):
    """Whatever gives items to a Subscriber on demand. A Flow is one; so may be your own class."""

    @abstractmethod
    def subscribe(self, subscriber: Subscriber[Any], /) -> Any:
        """Start a Subscription and pass it to ``subscriber.on_subscribe``."""


class Processor(Subscriber[T_in], Publisher[T_out]):
    """Both at once: it obeys the rules of both."""
