"""A relay passes on what its source does, and the end of it reaches every part once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from reactivex import Subject
from reactivex.testing import TestScheduler

import rxflow as rx
from rxflow import operators as ops
from rxflow.kernel import Meter, Relay, Row, State
from rxflow.testing import TestSubscriber
from tests.kernel.hand import Hand
from tests.support_together import together

CLOCK = TestScheduler()

RELAYS: dict[str, Callable[[], Any]] = {
    "timeout": lambda: ops.timeout(5, scheduler=CLOCK),
    "initial_timeout": lambda: ops.initial_timeout(5, CLOCK),
    "idle_timeout": lambda: ops.idle_timeout(5, CLOCK),
    "completion_timeout": lambda: ops.completion_timeout(5, CLOCK),
    "take_with_time": lambda: ops.take_with_time(5, CLOCK),
    "skip_with_time": lambda: ops.skip_with_time(0, CLOCK),
    "kill_switch": lambda: ops.kill_switch(rx.KillSwitch()),
    "tap_signals": lambda: ops.tap_signals(lambda signal, value: None),
    "named": lambda: ops.named("relay"),
}
EACH = pytest.mark.parametrize("relay", RELAYS.values(), ids=RELAYS)


@EACH
@together("demand", [0, 1, 2, rx.UNBOUNDED])
@together("fails", [True, False])
@together("behind", [(), (ops.map(str),), (ops.map(str), ops.scan(max))])
def test_the_end_reaches_what_is_before_it_once_whatever_the_demand(
    relay: Callable[[], Any], demand: int, fails: bool, behind: tuple[Any, ...]
) -> None:
    source, heard = Subject[int](), list[Any]()
    before = ops.do_action(None, heard.append, lambda: heard.append("completed"))
    probe: TestSubscriber[Any] = TestSubscriber(demand)
    source.pipe(ops.on_backpressure_buffer(9), before, relay(), *behind).subscribe(probe)
    if demand:
        source.on_next(7)
    failure = KeyError()
    source.on_error(failure) if fails else source.on_completed()
    assert probe.ended
    assert probe.error is (failure if fails else None)
    assert heard == [failure if fails else "completed"]
    assert len(probe.items) == (demand > 0)


@EACH
def test_an_item_that_is_held_before_the_end_is_asked_for(relay: Callable[[], Any]) -> None:
    source, probe = Subject[int](), TestSubscriber[int]()
    source.pipe(ops.on_backpressure_buffer(9), ops.map(abs), relay()).subscribe(probe)
    source.on_next(7)
    source.on_completed()
    assert not probe.ended
    probe.request(1)
    assert probe.items == [7]
    assert probe.completed


def test_what_is_said_to_it_and_asked_of_it_is_said_to_its_source() -> None:
    hand = Hand(1, 2, name="source")
    relay = Relay(hand)
    relay.want(3)
    relay.start()
    relay.more(4)
    assert (hand.wanted, hand.started, hand.more_wanted) == ([3], 1, [4])
    assert relay.ending() is False
    assert list(relay.run()) == [1, 2]
    assert relay.settle() is State.WAITING
    assert relay.hot is False
    assert relay.advance() is None
    assert [part.name for part in relay.statistics()] == ["source"]
    relay.cancel()
    assert hand.cancelled == 1


def test_its_end_is_heard_once_however_often_it_is_asked_for() -> None:
    hand = Hand(ended=True)
    relay = Relay(hand)
    assert [relay.ending(), relay.ending()] == [True, True]
    assert (hand.runs, hand.settled) == (1, 1)
    assert list(relay.run()) == []
    assert relay.settle() is State.ENDED
    assert (hand.runs, hand.settled) == (1, 1)


def test_a_failure_that_was_heard_early_is_raised_when_it_is_settled() -> None:
    hand = Hand(ended=True)
    hand.error = KeyError("source")
    relay = Relay(hand)
    assert relay.ending() is True
    assert list(relay.run()) == []
    with pytest.raises(KeyError) as raised:
        relay.settle()
    assert raised.value is hand.error
    assert hand.settled == 1


def test_a_source_that_gives_an_item_behind_its_end_fails_the_stream_and_says_so() -> None:
    class Lying(Hand):
        def ending(self) -> bool:
            return True

    relay = Relay(Lying("late"))
    assert relay.ending() is True
    with pytest.raises(AssertionError) as raised:
        relay.settle()
    assert str(raised.value) == "a Feed that is ending gave an item"


def test_a_row_is_filled_by_its_source_with_all_that_is_known_of_the_edge() -> None:
    asked = list[Any]()

    class Telling(Hand):
        def row(self, *told: Any) -> float:
            asked.append(told)
            return 2.5

    told = Row(), Meter(lambda: 0), (9, 4)
    assert Relay(Telling()).row(*told, 0.5) == 2.5
    assert Relay(Telling()).row(*told) == 2.5
    assert asked == [(*told, 0.5), (*told, None)]
