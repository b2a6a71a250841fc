"""A Subscriber for tests: it asks for what it is told to, writes down what comes, and judges it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from ..kernel import StageStatistics
from ..protocol import Subscriber, Subscription, add_demand, invalid_request

T = TypeVar("T")


class TestSubscriber(Subscriber[T], Generic[T]):
    """Asks for what it is told to, writes down what it is given, and what breaks a rule.

    It notes what a Publisher must not do, by the number of the rule: items that
    were not requested (1.1), signals at the same time (1.3), after the end (1.7),
    before ``on_subscribe`` or a second one of it (1.9, 2.12). ``assert_valid``, which the other
    assertions call too, raises for what was noted.

    Attributes:
        items: What came.
        error: What the stream failed with.
        completed: Whether it completed.
        subscribed: How often ``on_subscribe`` was called.
        signals: The names of all signals, in order.
        requested: All that it has asked for (items).
        cancelled: Whether it has cancelled.
        depth: How deep ``on_next`` has been inside of itself at most.
        violations: What broke a rule, with the rule's number.
        subscription: What it was given.
    """

    __test__ = False  # it is no test, whatever pytest thinks of its name

    def __init__(
        self,
        initial: int = 0,
        then: Callable[[TestSubscriber[T], T], object] | None = None,
        *,
        request_each: int = 0,
        cancel_after: int | None = None,
    ) -> None:
        """Say what it does by itself.

        Args:
            initial: Requested in ``on_subscribe`` (items).
            then: Called with the subscriber and each item, inside of ``on_next``.
            request_each: Requested inside of each ``on_next`` (items).
            cancel_after: It cancels inside of ``on_next`` of this item (items, at least 1).
        """
        self.items: list[T] = []
        self.error: Exception | None = None
        self.completed: bool = False
        self.subscribed: int = 0
        self.signals: list[str] = []
        self.requested: int = 0
        self.cancelled: bool = False
        self.depth: int = 0
        self.violations: list[str] = []
        self.subscription: Any = None
        self._initial = initial
        self._then = then
        self._request_each = request_each
        self._cancel_after = cancel_after
        self._inside = 0
        self._thread: int | None = None
        self._told = threading.Condition()

    def __repr__(self) -> str:
        """Show what it has got so far."""
        end = self.error if self.error is not None else "completed" if self.completed else "open"
        return f"TestSubscriber({self.items!r}, {end!r}, requested={self.requested})"

    @property
    def ended(self) -> bool:
        """Whether it was told of an end."""
        return self.completed or self.error is not None

    @property
    def statistics(self) -> dict[str, StageStatistics]:
        """The figures of each part of the stream, by its name; of several, the last."""
        return {part.name: part for part in self.subscription.statistics()}

    def request(self, n: Any) -> None:
        """Ask for more; before there is a Subscription, as soon as there is one.

        Args:
            n: How many (items), UNBOUNDED, or what a Publisher is to refuse.
        """
        if self.subscription is None:
            self._initial = add_demand(self._initial, n)
            return
        if invalid_request(n) is None:
            self.requested = add_demand(self.requested, n)
        self.subscription.request(n)

    def cancel(self) -> None:
        """Cancel."""
        self.cancelled = True
        self.subscription.cancel()

    def on_subscribe(self, subscription: Subscription) -> None:
        """Keep the Subscription; cancel a second one (rule 2.5).

        Args:
            subscription: It.
        """
        with self._signal("on_subscribe"):
            self.subscribed += 1
            if self.subscription is not None:
                self._violated("2.12: on_subscribe came twice")
                subscription.cancel()
                return
            self.subscription = subscription
            if self._initial:
                self.request(self._initial)

    def on_next(self, value: T) -> None:
        """Write it down.

        Args:
            value: The item.
        """
        with self._signal("on_next"):
            self.items.append(value)
            if len(self.items) > self.requested:
                self._violated(f"1.1: {value!r} came, and only {self.requested} are requested")
            if self._then is not None:
                self._then(self, value)
            if len(self.items) == self._cancel_after:
                self.cancel()
            elif self._request_each and not self.cancelled:
                self.request(self._request_each)

    def on_error(self, error: Exception) -> None:
        """Write it down.

        Args:
            error: The failure.
        """
        with self._signal("on_error"):
            if not self.ended:
                self.error = error

    def on_completed(self) -> None:
        """Write it down."""
        with self._signal("on_completed"):
            if not self.ended:
                self.completed = True

    @contextmanager
    def _signal(self, name: str) -> Any:
        """Judge a signal while it is taken, then tell those who wait."""
        thread = threading.get_ident()
        if self._inside and self._thread != thread:
            self._violated(f"1.3: {name} came during another signal, on another thread")
        if self.ended:
            self._violated(f"1.7: {name} came after the end")
        elif name != "on_subscribe" and self.subscription is None:
            self._violated(f"1.9: {name} came before on_subscribe")
        outer, self._thread = self._thread, thread
        self._inside += 1
        self.depth = max(self.depth, self._inside)
        self.signals.append(name)
        try:
            yield
        finally:
            self._inside -= 1
            self._thread = outer
            with self._told:
                self._told.notify_all()

    def _violated(self, what: str) -> None:
        self.violations.append(what)

    def wait_for(
        self, condition: Callable[[TestSubscriber[T]], object], timeout: float = 10.0
    ) -> None:
        """Wait in this thread, for signals from others, until a condition holds.

        Args:
            condition: Function of this subscriber.
            timeout: Longest wait (seconds).

        Raises:
            AssertionError: It does not come in time.
        """
        with self._told:
            came = self._told.wait_for(lambda: condition(self), timeout)
        assert came, f"it did not come in {timeout} s: {self!r}"

    async def until(
        self, condition: Callable[[TestSubscriber[T]], object], timeout: float = 10.0
    ) -> None:
        """Wait on the event loop, whose time may be virtual, until a condition holds.

        Args:
            condition: Function of this subscriber.
            timeout: Longest wait (seconds of the loop's clock).

        Raises:
            AssertionError: It does not come in time.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        turns = 0
        while not condition(self):
            assert loop.time() < deadline, f"it did not come in {timeout} s: {self!r}"
            turns += 1  # first whatever is ready, then time passes
            await asyncio.sleep(0 if turns % 100 else timeout / 1000)

    def assert_valid(self) -> None:
        """Assert that no rule was broken."""
        assert not self.violations, f"{self!r} saw rules broken: {self.violations}"

    def assert_items(self, *items: T) -> None:
        """Assert that exactly these items have come.

        Args:
            items: They, in order.
        """
        self.assert_valid()
        assert self.items == list(items), f"{list(items)!r} were to come: {self!r}"

    def assert_open(self) -> None:
        """Assert that the stream has not ended."""
        self.assert_valid()
        assert not self.ended, f"it has ended: {self!r}"

    def assert_completed(self, *items: T) -> None:
        """Assert that the stream has completed, after exactly these items.

        Args:
            items: They, in order.
        """
        self.assert_items(*items)
        assert self.completed, f"it has not completed: {self!r}"

    def assert_failed(self, error: type[Exception] | Exception, *items: T) -> None:
        """Assert that the stream has failed, after exactly these items.

        Args:
            error: What with: an exception, or its class.
            items: They, in order.
        """
        self.assert_items(*items)
        same = isinstance(self.error, error) if isinstance(error, type) else self.error is error
        assert same, f"it has not failed with {error!r}: {self!r}"
