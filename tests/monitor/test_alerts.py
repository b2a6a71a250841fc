"""Alerts begin when a figure has stayed above its bound for long enough, and end below another."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import rxflow as rx
from rxflow import operators as ops
from rxflow.monitor import Sampler
from rxflow.monitor.alerts import Alert, Alerts
from rxflow.monitor.rules import Rule, aging, dropping, filling, stalled
from rxflow.testing import TestSubscriber

from .worlds import Buffered, buffered, telling


class Watched:
    """A buffer of ten, the sampler that is stepped, and what the alerts have told."""

    def __init__(self, world: Buffered, sampler: Sampler, *rules: Rule) -> None:
        self.world = world
        self.told: list[Alert] = []
        self.sampler = sampler
        self.alerts = Alerts(self.told.append, rules, sampler=sampler)

    def at(self, now: float) -> list[tuple[str, bool]]:
        """Take a sample; give what begins (True) and ends there."""
        self.told.clear()
        self.sampler.sample(now)
        return [(alert.rule.name, alert.firing) for alert in self.told]

    def hold(self, n: int) -> None:
        """Have the buffer hold so many."""
        subscriber = self.world.subscriber
        held = subscriber.subscription.statistics()[0].held
        if n > held:
            self.world.push(n - held)
        elif n < held:
            subscriber.request(held - n)


@pytest.fixture
def sampler() -> Iterator[Sampler]:
    with Sampler() as made:
        yield made


FULL = [("RxflowStageFull", True)]
OVER = [("RxflowStageFull", False)]


def test_it_begins_when_the_time_is_over_and_not_before(sampler: Sampler, world: Buffered) -> None:
    watched = Watched(world, sampler, filling(0.8, hold=10))
    watched.hold(9)
    assert watched.at(100) == []
    assert watched.at(109.999) == []
    assert watched.at(110) == FULL
    [alert] = watched.told
    assert (alert.flow, alert.stage, alert.value) == ("orders", "on_backpressure_buffer", 0.9)
    assert (alert.since, alert.at) == (100, 110)
    assert alert.text.startswith("orders: on_backpressure_buffer uses 90% of its capacity")
    assert watched.at(120) == [], "it is told once"


def test_a_bound_itself_is_not_above(sampler: Sampler, world: Buffered) -> None:
    watched = Watched(world, sampler, filling(0.8, hold=0))
    watched.hold(8)
    assert watched.at(0) == []
    watched.hold(9)
    assert watched.at(1) == FULL


def test_going_below_begins_the_time_anew(sampler: Sampler, world: Buffered) -> None:
    watched = Watched(world, sampler, filling(0.8, hold=10))
    watched.hold(9)
    watched.at(0)
    watched.hold(8)
    assert watched.at(5) == []
    watched.hold(9)
    assert watched.at(6) == []
    assert watched.at(15.9) == []
    assert watched.at(16) == FULL


def test_what_swings_about_the_bound_begins_once_and_ends_once(
    sampler: Sampler, world: Buffered
) -> None:
    watched = Watched(world, sampler, filling(0.8, hold=0, until=0.5))
    told = list[tuple[str, bool]]()
    for now, held in enumerate([9, 8, 9, 7, 6, 9, 6]):
        watched.hold(held)
        told += watched.at(now)
    assert told == FULL
    assert [flow for _, flow, _ in watched.alerts.firing] == ["orders"]
    watched.hold(5)
    assert watched.at(20) == OVER
    assert watched.alerts.firing == ()
    watched.hold(9)
    assert watched.at(21) == FULL


def test_it_ends_when_the_subscription_does(sampler: Sampler, world: Buffered) -> None:
    watched = Watched(world, sampler, filling(hold=0))
    watched.hold(10)
    assert watched.at(0) == FULL
    world.subscriber.cancel()
    assert watched.at(1) == OVER


def test_drops_are_counted_per_second(sampler: Sampler, world: Buffered) -> None:
    watched = Watched(world, sampler, dropping(4, hold=0, until=1))
    world.push(10 + 40)
    assert watched.at(0) == [], "what was dropped before it was looked at has no rate"
    world.push(8)
    assert watched.at(2) == [], "four in a second are not more than four"
    world.push(10)
    assert watched.at(4) == [("RxflowStageDropping", True)]
    assert watched.told[0].value == 5
    world.push(4)
    assert watched.at(6) == [], "two in a second, and it is not over until one"
    world.push(2)
    assert watched.at(8) == [("RxflowStageDropping", False)]


def test_a_flow_that_drops_and_ends_between_two_samples_is_seen(sampler: Sampler) -> None:
    told: list[Alert] = []
    Alerts(told.append, [dropping()], sampler=sampler)
    sampler.sample(0)
    with buffered("brief", capacity=1) as world:
        world.push(11)
    sampler.sample(2)
    assert [(alert.flow, alert.value) for alert in told] == [("brief", 5)]


def test_a_stage_that_nobody_asks_is_stalled(sampler: Sampler, world: Buffered) -> None:
    watched = Watched(world, sampler, stalled(hold=30))
    watched.hold(3)
    assert watched.at(0) == []
    assert watched.at(10) == []
    world.subscriber.request(1)
    assert watched.at(20) == [], "one has gone out"
    assert watched.at(30) == []
    assert watched.at(59) == []
    assert watched.at(60) == [("RxflowStageStalled", True)]
    assert watched.told[0].text.startswith("orders: on_backpressure_buffer holds 2 items")
    world.subscriber.request(1)
    assert watched.at(61) == [("RxflowStageStalled", False)]


def test_one_that_waits_for_its_source_is_not_stalled(sampler: Sampler, world: Buffered) -> None:
    watched = Watched(world, sampler, stalled(hold=0))
    world.subscriber.request(5)
    assert watched.at(0) == watched.at(10) == watched.at(20) == []


def test_the_age_of_the_oldest_item_is_judged(sampler: Sampler) -> None:
    told: list[Alert] = []
    Alerts(told.append, [aging(60)], sampler=sampler)
    with telling(rx.StageStatistics("part", oldest_seconds=61.0)):
        sampler.sample(0)
    assert [alert.text for alert in told] == [
        "orders: the oldest item in part has been there for 61.0 s"
    ]


def test_subscriptions_of_one_flow_make_one_alert(sampler: Sampler, world: Buffered) -> None:
    watched = Watched(world, sampler, filling(hold=0))
    with buffered(capacity=10) as another:
        watched.hold(1)
        another.push(10)
        assert watched.at(0) == FULL, "the fullest one counts"
    assert watched.at(1) == OVER


def test_those_that_are_closed_tell_nothing(sampler: Sampler, world: Buffered) -> None:
    watched = Watched(world, sampler, filling(hold=0))
    watched.hold(10)
    watched.alerts.close()
    assert watched.at(0) == []


def test_the_default_rules_find_a_flow_that_is_well_without_fault(sampler: Sampler) -> None:
    told: list[Alert] = []
    Alerts(told.append, sampler=sampler)
    subscriber = TestSubscriber[int](3)
    rx.range(1000).pipe(ops.limit_rate(8), ops.named("well")).subscribe(subscriber)
    for now in range(0, 200, 5):
        sampler.sample(now)
        subscriber.request(3)
    assert [alert for alert in told if alert.flow == "well" and alert.stage == "subscriber"] == []
    subscriber.cancel()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: filling(-1), "bound must be at least 0"),
        (lambda: filling(hold=-1), "hold must be at least 0 seconds"),
        (lambda: filling(0.8, until=0.9), "until must be between 0 and 0.8"),
        (lambda: dropping(float("nan")), "bound must be at least 0"),
    ],
)
def test_rules_are_checked(make: object, message: str) -> None:
    assert callable(make)
    with pytest.raises(ValueError, match=message):
        make()
