"""A Publisher for tests, which obeys the rules, or breaks those it is told to."""

from __future__ import annotations

import threading
from collections.abc import Callable
from enum import Flag, auto
from typing import Any, Generic, TypeVar

from ..protocol import (
    UNBOUNDED,
    Publisher,
    Subscriber,
    Subscription,
    add_demand,
    invalid_request,
)

T = TypeVar("T")


class Misbehaviour(Flag):
    """The rules that a TestPublisher breaks."""

    NONE = 0
    IGNORES_DEMAND = auto()  # 1.1: emits more than is requested
    IGNORES_CANCEL = auto()  # 1.8: goes on after a cancel
    IGNORES_END = auto()  # 1.7: goes on after the end
    NO_ON_SUBSCRIBE = auto()  # 1.9: gives no Subscription
    TWO_ON_SUBSCRIBE = auto()  # 2.12: gives two of them


class TestPublisher(Publisher[T], Generic[T]):
    """Emits what a test tells it to, and writes down what it is asked for.

    It serves any number of Subscribers, each with its demand; ``emit``, ``complete`` and
    ``fail`` tell all of them. What would break a rule is refused with an AssertionError,
    unless it was made to break it.

    Attributes:
        requests: Every valid request, in order (items).
        invalid: Every request that is not valid.
        cancels: How often a Subscription was cancelled.
        subscribers: How many have subscribed.
        subscriptions: What each of them was given, or is to be given.
        second_requests: What was requested of a second Subscription (items).
        ended: Whether it has completed or failed.
    """

    __test__ = False  # it is no test, whatever pytest thinks of its name

    def __init__(
        self,
        misbehaviour: Misbehaviour = Misbehaviour.NONE,
        *,
        on_request: Callable[[TestPublisher[T], int], object] | None = None,
        on_cancel: Callable[[TestPublisher[T]], object] | None = None,
    ) -> None:
        """Say how it behaves.

        Args:
            misbehaviour: Which rules it breaks; they can be combined with ``|``.
            on_request: Called with this publisher and each valid request, before it returns.
            on_cancel: Called with this publisher on the first cancel of each Subscription.
        """
        self.requests: list[int] = []
        self.invalid: list[Any] = []
        self.cancels: int = 0
        self.subscribers: int = 0
        self.second_requests: list[Any] = []
        self.ended: bool = False
        self._misbehaviour = misbehaviour
        self._on_request = on_request
        self._on_cancel = on_cancel
        self.subscriptions: list[_Issued[T]] = []

    def subscribe(self, subscriber: Subscriber[Any], /) -> Subscription:
        """Give a Subscription to a Subscriber.

        Args:
            subscriber: It.

        Returns:
            The Subscription.
        """
        if not callable(getattr(subscriber, "on_subscribe", None)):
            raise TypeError(f"subscribe wants a Subscriber, not {subscriber!r}")
        self.subscribers += 1
        issued = _Issued(self, subscriber)
        self.subscriptions.append(issued)
        if not self._misbehaviour & Misbehaviour.NO_ON_SUBSCRIBE:
            subscriber.on_subscribe(issued)
        if self._misbehaviour & Misbehaviour.TWO_ON_SUBSCRIBE:
            subscriber.on_subscribe(_Second(self, subscriber))
        return issued

    @property
    def requested(self) -> int:
        """The outstanding demand of the Subscriber that has the least (items)."""
        return min((each.outstanding for each in self._active()), default=0)

    @property
    def cancelled(self) -> bool:
        """Whether there were Subscribers, and all have cancelled."""
        return bool(self.subscriptions) and all(each.cancelled for each in self.subscriptions)

    def _active(self) -> list[_Issued[T]]:
        if self._misbehaviour & Misbehaviour.IGNORES_CANCEL:
            return self.subscriptions
        return [each for each in self.subscriptions if not each.cancelled]

    def emit(self, *items: T) -> None:
        """Give items to all Subscribers.

        Args:
            items: They, in order.

        Raises:
            AssertionError: Not so many are requested, or it has ended.
        """
        for item in items:
            self._not_ended()
            for issued in self._active():
                if not self._misbehaviour & Misbehaviour.IGNORES_DEMAND:
                    assert issued.outstanding, (
                        f"{item!r} is not requested; TestPublisher(Misbehaviour.IGNORES_DEMAND) "
                        "emits it nevertheless"
                    )
                issued.emitted += 1
                issued.subscriber.on_next(item)

    def emit_concurrently(self, *items: T) -> None:
        """Give each item to all Subscribers from a thread of its own, all at the same time.

        This breaks rule 1.3, and demand is not looked at.

        Args:
            items: They.
        """
        together = threading.Barrier(len(items))

        def give(item: T) -> None:
            together.wait()
            for issued in self._active():
                issued.subscriber.on_next(item)

        threads = [threading.Thread(target=give, args=(item,)) for item in items]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def complete(self) -> None:
        """Complete all Subscribers.

        Raises:
            AssertionError: It has ended.
        """
        self._not_ended()
        self.ended = True
        for issued in self._active():
            issued.subscriber.on_completed()

    def fail(self, error: Exception) -> None:
        """Fail all Subscribers.

        Args:
            error: The failure.

        Raises:
            AssertionError: It has ended.
        """
        self._not_ended()
        self.ended = True
        for issued in self._active():
            issued.subscriber.on_error(error)

    def _not_ended(self) -> None:
        assert not self.ended or self._misbehaviour & Misbehaviour.IGNORES_END, (
            "it has ended; TestPublisher(Misbehaviour.IGNORES_END) goes on nevertheless"
        )

    def assert_requested(self, n: int) -> None:
        """Assert how much is outstanding.

        Args:
            n: The demand (items), or UNBOUNDED.
        """
        assert self.requested == n, f"{self.requested} are requested, not {n}: {self.requests}"

    def assert_cancelled(self) -> None:
        """Assert that there was a Subscriber, and that none is left."""
        assert self.cancelled, f"of {self.subscribers} Subscribers {self.cancels} have cancelled"

    def assert_not_all_cancelled(self) -> None:
        """Assert that a Subscriber is left."""
        assert self.subscriptions, "nobody has subscribed"
        assert not self.cancelled, "all Subscribers have cancelled"

    def assert_not_cancelled(self) -> None:
        """Assert that no Subscriber has cancelled."""
        assert not self.cancels, f"{self.cancels} Subscribers have cancelled"

    # What a Subscription calls.

    def heard_request(self, n: Any) -> None:
        """Note a request.

        Args:
            n: What was asked for.
        """
        if invalid_request(n) is None:
            self.requests.append(n)
            if self._on_request is not None:
                self._on_request(self, n)
        else:
            self.invalid.append(n)

    def heard_cancel(self) -> None:
        """Note a cancel."""
        self.cancels += 1
        if self._on_cancel is not None:
            self._on_cancel(self)


class _Issued(Subscription, Generic[T]):
    """The Subscription of one Subscriber."""

    def __init__(self, publisher: TestPublisher[T], subscriber: Subscriber[T]) -> None:
        self.subscriber = subscriber
        self.granted = 0
        self.emitted = 0
        self.cancelled = False
        self._publisher = publisher
        self._lock = threading.Lock()

    @property
    def outstanding(self) -> int:
        return UNBOUNDED if self.granted == UNBOUNDED else self.granted - self.emitted

    def request(self, n: int) -> None:
        with self._lock:
            if self.cancelled:
                return
            if invalid_request(n) is None:
                self.granted = add_demand(self.granted, n)
        self._publisher.heard_request(n)

    def cancel(self) -> None:
        with self._lock:
            first, self.cancelled = not self.cancelled, True
        if first:
            self._publisher.heard_cancel()


class _Second(_Issued[T]):
    """A Subscription that a Subscriber is given although it has one."""

    def request(self, n: int) -> None:
        self._publisher.second_requests.append(n)
