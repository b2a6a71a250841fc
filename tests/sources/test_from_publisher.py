"""from_publisher: anybody's Publisher, the well-behaved and the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import rxflow as rx
from rxflow import operators as ops
from rxflow.testing import TestSubscriber
from tests.kernel.recorder import dropped_errors


class Given(rx.Subscription):
    """What a test Publisher gives a Subscriber; it writes down what is asked of it."""

    def __init__(self, subscriber: rx.Subscriber[Any]) -> None:
        self.subscriber = subscriber
        self.requests: list[int] = []
        self.cancelled = 0

    def request(self, n: int) -> None:
        self.requests.append(n)

    def cancel(self) -> None:
        self.cancelled += 1

    def give(self, *items: Any) -> None:
        for item in items:
            self.subscriber.on_next(item)


class Manual(rx.Publisher[Any]):
    """A Publisher by hand: the test emits, within the rules or against them."""

    def __init__(self, silent: bool = False) -> None:
        self.given: list[Given] = []
        self._silent = silent

    def subscribe(self, subscriber: rx.Subscriber[Any], /) -> None:
        given = Given(subscriber)
        self.given.append(given)
        if not self._silent:
            subscriber.on_subscribe(given)


class Obedient(rx.Publisher[int], rx.Subscription):
    """A Publisher of numbers that emits inside of ``request``, exactly as many as requested."""

    def __init__(self, stop: int) -> None:
        self.requests: list[int] = []
        self.cancelled = False
        self.emitted = 0
        self._stop = stop
        self._granted = 0
        self._emitting = False

    def subscribe(self, subscriber: rx.Subscriber[Any], /) -> None:
        self._subscriber = subscriber
        subscriber.on_subscribe(self)

    def request(self, n: int) -> None:
        self.requests.append(n)
        self._granted += n
        if self._emitting:
            return
        self._emitting = True
        while self.emitted < min(self._granted, self._stop) and not self.cancelled:
            self.emitted += 1
            self._subscriber.on_next(self.emitted - 1)
        self._emitting = False
        if self.emitted == self._stop:
            self.cancelled = True
            self._subscriber.on_completed()

    def cancel(self) -> None:
        self.cancelled = True


def subscribed(prefetch: int, demand: int = 0) -> tuple[TestSubscriber, Given]:
    publisher = Manual()
    probe = TestSubscriber(demand)
    rx.from_publisher(publisher, prefetch=prefetch).subscribe(probe)
    [given] = publisher.given
    return probe, given


def test_nothing_is_subscribed_before_the_flow_is() -> None:
    publisher = Manual()
    flow = rx.from_publisher(publisher).pipe(ops.map(str))
    assert publisher.given == []
    flow.subscribe(TestSubscriber())
    flow.subscribe(TestSubscriber())
    assert len(publisher.given) == 2


@pytest.mark.parametrize(
    ("prefetch", "batch"), [(1, 1), (2, 2), (3, 3), (4, 3), (8, 6), (100, 75), (256, 192)]
)
def test_prefetch_is_requested_and_then_three_quarters_for_each_three_quarters_taken(
    prefetch: int, batch: int
) -> None:
    probe, given = subscribed(prefetch)
    assert given.requests == [prefetch]
    given.give(*range(prefetch))
    assert given.requests == [prefetch]
    for taken in range(1, prefetch + 1):
        probe.request(1)
        assert given.requests == [prefetch] + [batch] * (taken // batch)
    assert probe.items == list(range(prefetch))


def test_no_more_than_prefetch_is_ever_requested_and_not_yet_taken() -> None:
    publisher = Obedient(1_000)
    outstanding: list[int] = []

    def look(probe: TestSubscriber, _: int) -> None:
        outstanding.append(sum(publisher.requests) - len(probe.items))

    probe = TestSubscriber(0, look)
    rx.from_publisher(publisher, prefetch=8).subscribe(probe)
    while not probe.ended:
        probe.request(3)
        assert publisher.emitted - len(probe.items) <= 8
    assert probe.items == list(range(1_000))
    assert probe.completed
    assert max(outstanding) == 8


def test_an_obedient_publisher_is_read_to_its_end_without_recursion() -> None:
    publisher = Obedient(20_000)
    probe = TestSubscriber(rx.UNBOUNDED)
    rx.from_publisher(publisher, prefetch=4).subscribe(probe)
    assert probe.items == list(range(20_000))
    assert probe.completed


def test_a_demand_of_unbounded_is_not_passed_on() -> None:
    probe, given = subscribed(4, rx.UNBOUNDED)
    given.give(*range(3))
    assert given.requests == [4, 3]
    assert probe.items == [0, 1, 2]


def test_completion_needs_no_demand_and_waits_for_what_is_held() -> None:
    probe, given = subscribed(4)
    given.give(1)
    given.subscriber.on_completed()
    assert not probe.ended
    probe.request(1)
    assert probe.completed
    idle, other = subscribed(4)
    other.subscriber.on_completed()
    assert idle.completed


def test_an_error_waits_for_what_is_held() -> None:
    failure = ValueError("broken")
    probe, given = subscribed(4)
    given.give(1, 2)
    given.subscriber.on_error(failure)
    assert not probe.ended
    probe.request(2)
    assert probe.items == [1, 2]
    assert probe.error is failure


def test_cancel_cancels_the_publisher_once() -> None:
    probe, given = subscribed(4, 1)
    given.give(1, 2)
    probe.cancel()
    probe.cancel()
    assert given.cancelled == 1
    assert probe.items == [1]


def test_a_take_that_has_enough_cancels_the_publisher() -> None:
    publisher = Obedient(1_000)
    probe = TestSubscriber(rx.UNBOUNDED)
    rx.from_publisher(publisher, prefetch=4).pipe(ops.take(3)).subscribe(probe)
    assert probe.items == [0, 1, 2]
    assert probe.completed
    assert publisher.cancelled
    assert publisher.emitted <= 4 + 3


# Publishers that break the rules.


def test_more_than_was_requested_is_an_overflow_rule_1_1() -> None:
    probe, given = subscribed(2)
    given.give(1, 2, 3)
    assert given.cancelled == 1
    given.give(4)
    probe.request(9)
    assert probe.items == [1, 2]
    assert isinstance(probe.error, rx.BufferOverflowError)
    assert "from_publisher(capacity=2) overflowed: 2 held" in str(probe.error)
    assert "item 3" in str(probe.error)


def test_a_second_on_subscribe_is_cancelled_rule_2_5() -> None:
    probe, given = subscribed(2, 2)
    second = Given(given.subscriber)
    given.subscriber.on_subscribe(second)
    assert (second.cancelled, second.requests) == (1, [])
    assert given.cancelled == 0
    given.give(1)
    assert probe.items == [1]


def test_items_after_cancel_are_ignored_rule_2_8() -> None:
    probe, given = subscribed(4, 4)
    probe.cancel()
    given.give(1, 2, 3, 4, 5, 6)
    given.subscriber.on_completed()
    assert probe.signals == ["on_subscribe"]


@pytest.mark.parametrize("first", ["completed", "error"])
def test_of_two_ends_the_first_counts_and_an_error_is_not_lost_rule_1_7(first: str) -> None:
    probe, given = subscribed(4, 4)
    late = ValueError("late")
    early = ValueError("early")
    with dropped_errors() as errors:
        if first == "completed":
            given.subscriber.on_completed()
        else:
            given.subscriber.on_error(early)
        given.subscriber.on_error(late)
        given.subscriber.on_completed()
        given.give(1)
    assert errors == [late]
    assert probe.items == []
    assert probe.completed == (first == "completed")
    assert probe.error is (None if first == "completed" else early)


def test_a_publisher_that_never_calls_on_subscribe_can_be_cancelled() -> None:
    publisher = Manual(silent=True)
    probe = TestSubscriber(5)
    rx.from_publisher(publisher, prefetch=2).subscribe(probe)
    assert probe.signals == ["on_subscribe"]
    probe.cancel()
    [given] = publisher.given
    given.subscriber.on_subscribe(given)  # too late
    assert given.cancelled == 1
    assert given.requests == []


def test_a_publisher_whose_subscribe_raises_fails_the_flow() -> None:
    failure = ValueError("subscribe")

    class Broken(rx.Publisher[int]):
        def subscribe(self, subscriber: rx.Subscriber[Any], /) -> None:
            raise failure

    probe = TestSubscriber()
    rx.from_publisher(Broken()).subscribe(probe)
    assert probe.error is failure


def test_a_publisher_that_has_only_a_subscribe_method_will_do() -> None:
    class Duck:
        def subscribe(self, subscriber: Any) -> None:
            Obedient(3).subscribe(subscriber)

    duck: Any = Duck()
    assert list(rx.from_publisher(duck)) == [0, 1, 2]


def test_a_flow_is_its_own_publisher() -> None:
    flow = rx.of(1)
    assert rx.from_publisher(flow) is flow  # type: ignore[type-var]


def test_none_is_an_item_like_any_other() -> None:
    probe, given = subscribed(2, 2)
    given.give(None)
    assert probe.items == [None]


def test_two_subscriptions_know_nothing_of_each_other() -> None:
    publisher = Manual()
    flow = rx.from_publisher(publisher, prefetch=2)
    first, second = TestSubscriber(2), TestSubscriber(2)
    flow.subscribe(first)
    flow.subscribe(second)
    publisher.given[0].give("a")
    publisher.given[1].give("b")
    first.cancel()
    assert (first.items, second.items) == (["a"], ["b"])
    assert [given.cancelled for given in publisher.given] == [1, 0]


Signal = Callable[[Given], object]


@pytest.mark.parametrize(
    "signal",
    [
        lambda given: given.give(1),
        lambda given: given.subscriber.on_completed(),
        lambda given: given.subscriber.on_error(ValueError()),
    ],
    ids=["on_next", "on_completed", "on_error"],
)
def test_on_subscribe_stays_the_first_signal_when_the_publisher_skips_it_rule_1_9(
    signal: Signal,
) -> None:
    publisher = Manual(silent=True)
    probe = TestSubscriber(5)
    rx.from_publisher(publisher, prefetch=2).subscribe(probe)
    signal(publisher.given[0])
    assert probe.signals[0] == "on_subscribe"
    assert probe.signals.count("on_subscribe") == 1
