"""The four interfaces of Reactive Streams 1.0.4, with the spelling of reactivex."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import wraps
from types import MethodType
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
        """Stop the stream and let go of all that it holds. Idempotent.

        Source: Reactive Streams 3.5 to 3.8, 3.12, 3.13.
        """

    def dispose(self) -> None:
        """Cancel: a Subscription is also a disposable of reactivex."""
        self.cancel()


class Subscriber(Generic[T_in], ABC):
    """Receives ``on_subscribe`` once, then items as requested, then at most one end signal.

    It is no observer: a plain Observable, which gives no Subscription, is refused
    with a TypeError as soon as it looks for ``on_next``.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Have ``on_next`` refuse whoever has not called ``on_subscribe``."""
        super().__init_subclass__(**kwargs)
        if "on_subscribe" in cls.__dict__:
            cls.on_subscribe = _noting(cls.on_subscribe)  # type: ignore[method-assign]
        if "on_next" in cls.__dict__:
            cls.on_next = _Subscribed(cls.on_next)  # type: ignore[method-assign, assignment]

    @abstractmethod
    def on_subscribe(self, subscription: Subscription) -> None:
        """Take the Subscription. Nothing comes before it, and no item before a request.

        Args:
            subscription: To request items with, now or later, and to cancel.

        Source: Reactive Streams 1.9, 2.5.
        """

    @abstractmethod
    def on_next(self, value: T_in) -> None:
        """Take one item.

        Args:
            value: The item.

        Source: Reactive Streams 1.1, 1.3.
        """

    @abstractmethod
    def on_error(self, error: Exception) -> None:
        """Hear that the stream has failed; nothing follows.

        Args:
            error: The failure.

        Source: Reactive Streams 1.4, 1.7.
        """

    @abstractmethod
    def on_completed(self) -> None:
        """Hear that the stream is complete; nothing follows.

        Source: Reactive Streams 1.5, 1.7.
        """


class _Subscribed:
    """A method that is there once the Subscriber has been given a Subscription (rule 1.9)."""

    def __init__(self, function: Callable[..., None]) -> None:
        self._function = function

    def __get__(self, subscriber: Subscriber[Any] | None, owner: type) -> Callable[..., None]:
        if subscriber is None:
            return self._function
        if not vars(subscriber).get(_NOTE):
            raise TypeError(
                f"{owner.__name__} is a Subscriber, which is given items on request; a plain "
                "Observable obeys none. Put a door before it: on_backpressure_buffer(...), "
                "on_backpressure_latest() or rxflow.from_observable(source, overflow=...)"
            )
        return MethodType(self._function, subscriber)


_NOTE = "_rxflow_subscribed"


def _noting(function: Callable[..., None]) -> Callable[..., None]:
    """Note that a Subscriber has been given a Subscription."""

    @wraps(function)
    def on_subscribe(self: Subscriber[Any], subscription: Subscription) -> None:
        vars(self)[_NOTE] = True
        function(self, subscription)

    return on_subscribe


class Publisher(Generic[T_out], ABC):
    """Whatever gives items to a Subscriber on demand. A Flow is one; so may be your own class."""

    @abstractmethod
    def subscribe(self, subscriber: Subscriber[Any], /) -> Any:
        """Start a Subscription and pass it to ``subscriber.on_subscribe``.

        Args:
            subscriber: Who is to be given the items.

        Source: Reactive Streams 1.8 to 1.11.
        """


class Processor(Subscriber[T_in], Publisher[T_out]):
    """Both at once: it obeys the rules of both."""
