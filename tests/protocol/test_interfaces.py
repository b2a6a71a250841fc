"""A Subscriber is no observer: it is given items by whoever gave it a Subscription, only."""

from __future__ import annotations

from typing import Any

import pytest
import reactivex

import rxflow
from rxflow.protocol import Subscriber, Subscription


class Given:
    """Notes what it is given; the rest of a Subscriber, without its ``on_next``."""

    def __init__(self) -> None:
        self.signals: list[Any] = []

    def on_error(self, error: Exception) -> None:
        self.signals.append(error)

    def on_completed(self) -> None:
        self.signals.append("completed")


def subscriber() -> Any:
    """Give one of a class that is made now."""

    class Printer(Given, Subscriber[Any]):
        def on_subscribe(self, subscription: Subscription) -> None:
            self.signals.append("subscribed")
            subscription.request(2)

        def on_next(self, value: Any) -> None:
            self.signals.append(value)

    return Printer()


def test_a_plain_observable_is_refused_with_a_way_out():
    printer = subscriber()
    with pytest.raises(TypeError) as raised:
        reactivex.of(1, 2).subscribe(printer)
    assert str(raised.value) == (
        "Printer is a Subscriber, which is given items on request; a plain Observable obeys "
        "none. Put a door before it: on_backpressure_buffer(...), on_backpressure_latest() or "
        "rxflow.from_observable(source, overflow=...)"
    )
    assert printer.signals == []


def test_whoever_gave_a_subscription_may_give_items():
    printer = subscriber()
    rxflow.of(1, 2).subscribe(printer)
    assert printer.signals == ["subscribed", 1, 2, "completed"]


def test_a_subscription_given_to_one_subscriber_is_none_of_another_of_its_class():
    first = subscriber()
    second = type(first)()
    rxflow.of(1).subscribe(first)
    assert first.on_next
    with pytest.raises(TypeError, match="Printer is a Subscriber"):
        second.on_next(1)


def test_a_class_that_inherits_all_its_methods_obeys_and_refuses_like_its_parent():
    class Child(type(subscriber())):
        pass

    child = Child()
    with pytest.raises(TypeError, match="Child is a Subscriber"):
        child.on_next(1)
    rxflow.of(1).subscribe(child)
    assert child.signals == ["subscribed", 1, "completed"]


def test_a_class_may_have_one_of_the_two_methods_only():
    """The rest comes from its children."""

    class Asking(Given, Subscriber[Any]):
        def on_subscribe(self, subscription: Subscription) -> None:
            subscription.request(9)

    class Taking(Given, Subscriber[Any]):
        def on_next(self, value: Any) -> None:
            self.signals.append(value)

    class Both(Asking, Taking):
        pass

    both: Any = Both()
    rxflow.of(1).subscribe(both)
    assert both.signals == [1, "completed"]


def test_the_methods_of_the_class_are_the_functions_that_were_written():
    """So a method can be looked at, and called by a child with ``super()``."""
    written = type(subscriber())
    assert written.on_next.__name__ == "on_next"
    assert written.on_subscribe.__name__ == "on_subscribe"


def test_arguments_of_a_class_reach_its_other_parents():
    told: list[Any] = []

    class Configured:
        def __init_subclass__(cls, *, channel: str, **kwargs: Any) -> None:
            super().__init_subclass__(**kwargs)
            told.append((cls.__name__, channel))

    class Tuned(Subscriber[Any], Configured, channel="news"):  # pyright: ignore
        pass

    assert told == [(Tuned.__name__, "news")]


def test_dispose_is_cancel_for_a_subscription_of_ones_own():
    told: list[str] = []

    class Own(Subscription):
        def request(self, n: int) -> None:
            told.append(f"request({n})")

        def cancel(self) -> None:
            told.append("cancel")

    Own().dispose()
    assert told == ["cancel"]
