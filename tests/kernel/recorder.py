"""A Subscriber that writes down every signal, and the errors that no Subscriber was given."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from rxflow.kernel import hooks
from rxflow.protocol import Subscriber, Subscription

COMPLETED = ("completed",)

Then = Callable[["Recorder", Any], object]


class Recorder(Subscriber[Any]):
    """Requests ``first`` items at the start; ``then`` is called with each item."""

    def __init__(self, first: int = 0, then: Then | None = None) -> None:
        self.signals: list[tuple[Any, ...]] = []
        self.subscription: Subscription | None = None
        self._first = first
        self._then = then

    @property
    def items(self) -> list[Any]:
        return [signal[1] for signal in self.signals if signal[0] == "next"]

    @property
    def ends(self) -> list[tuple[Any, ...]]:
        return [signal for signal in self.signals if signal[0] in ("error", "completed")]

    @property
    def error(self) -> Exception:
        """The one error, which was the one end signal, and the last signal of all."""
        [(kind, error)] = self.ends
        assert kind == "error"
        assert self.signals[-1] == (kind, error)
        return error

    def request(self, n: Any) -> None:
        assert self.subscription is not None
        self.subscription.request(n)

    def cancel(self) -> None:
        assert self.subscription is not None
        self.subscription.cancel()

    def on_subscribe(self, subscription: Subscription) -> None:
        self.signals.append(("subscribed",))
        self.subscription = subscription
        if self._first:
            subscription.request(self._first)

    def on_next(self, value: Any) -> None:
        self.signals.append(("next", value))
        if self._then is not None:
            self._then(self, value)

    def on_error(self, error: Exception) -> None:
        self.signals.append(("error", error))

    def on_completed(self) -> None:
        self.signals.append(COMPLETED)


@contextmanager
def dropped_errors() -> Iterator[list[BaseException]]:
    """Collect what reaches the hook for errors that no Subscriber can be given."""
    errors: list[BaseException] = []
    before, hooks.on_dropped_error = hooks.on_dropped_error, errors.append
    try:
        yield errors
    finally:
        hooks.on_dropped_error = before


class Join(Protocol):
    """Waits for the end of a thread (seconds), and raises what it raised."""

    def __call__(self, within: float = 10) -> None: ...


def in_thread(work: Callable[[], object]) -> Join:
    """Run in another thread."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()

    def join(within: float = 10) -> None:
        thread.join(within)
        assert not thread.is_alive(), "the thread hangs"
        if raised:
            raise raised[0]

    return join
