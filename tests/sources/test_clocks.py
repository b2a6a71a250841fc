"""interval and timer on virtual time: what becomes of ticks that nobody asked for."""

from __future__ import annotations

from typing import Any

import pytest
from reactivex.testing import TestScheduler

import rxflow as rx
from rxflow.testing import TestSubscriber


@pytest.fixture
def clock() -> TestScheduler:
    return TestScheduler()


def test_an_interval_does_not_tick_before_it_is_subscribed(clock: TestScheduler) -> None:
    flow = rx.interval(10, clock)
    clock.advance_to(100)
    probe = TestSubscriber(5)
    flow.subscribe(probe)
    clock.advance_to(125)
    assert probe.items == [0, 1]


def test_ticks_that_nobody_asked_for_are_skipped_counted_and_reported(
    clock: TestScheduler,
) -> None:
    skipped: list[Any] = []
    probe = TestSubscriber(2)
    rx.interval(10, clock, on_drop=lambda *lost: skipped.append(lost)).subscribe(probe)
    clock.advance_to(55)
    assert probe.items == [0, 1]
    assert skipped == [(2, "incoming"), (3, "incoming"), (4, "incoming")]
    probe.request(1)
    assert probe.items == [0, 1]
    clock.advance_to(75)
    assert probe.items == [0, 1, 5]
    figures = probe.statistics["interval"]
    assert (figures.received, figures.delivered, figures.held) == (7, 3, 0)
    assert figures.dropped == {"incoming": 4}


@pytest.mark.parametrize(
    ("overflow", "kept"),
    [(rx.DROP_OLDEST, [4, 5]), (rx.DROP_INCOMING, [0, 1]), (rx.DROP_ALL, [4, 5])],
    ids=repr,
)
def test_ticks_are_kept_where_a_strategy_is_given(
    clock: TestScheduler, overflow: rx.Overflow, kept: list[int]
) -> None:
    skipped: list[int] = []
    probe = TestSubscriber()
    rx.interval(
        10, clock, overflow=overflow, capacity=2, on_drop=lambda tick, _: skipped.append(tick)
    ).subscribe(probe)
    clock.advance_to(65)
    probe.request(2)
    assert probe.items == kept
    assert sorted(skipped + kept) == list(range(6))


def test_an_interval_that_is_to_fail_fails(clock: TestScheduler) -> None:
    probe = TestSubscriber(1)
    rx.interval(10, clock, overflow=rx.FAIL, capacity=1).subscribe(probe)
    clock.advance_to(35)
    probe.request(1)
    assert probe.items == [0, 1]
    assert isinstance(probe.error, rx.BufferOverflowError)


def test_cancel_stops_the_clock(clock: TestScheduler) -> None:
    probe = TestSubscriber(rx.UNBOUNDED)
    rx.interval(10, clock).subscribe(probe)
    clock.advance_to(25)
    probe.cancel()
    clock.start()  # it ends only if nothing is scheduled any more
    assert probe.items == [0, 1]


def test_the_scheduler_of_the_subscription_is_the_clock_where_none_is_given(
    clock: TestScheduler,
) -> None:
    probe = TestSubscriber(3)
    rx.interval(10).subscribe(probe, scheduler=clock)
    clock.advance_to(25)
    assert probe.items == [0, 1]
    probe.cancel()


def test_two_subscriptions_of_an_interval_count_each_for_itself(clock: TestScheduler) -> None:
    flow = rx.interval(10, clock)
    first, second = TestSubscriber(9), TestSubscriber(9)
    flow.subscribe(first)
    clock.advance_to(25)
    flow.subscribe(second)
    clock.advance_to(45)
    assert first.items == [0, 1, 2, 3]
    assert second.items == [0, 1]


def test_a_single_tick_waits_until_it_is_asked_for(clock: TestScheduler) -> None:
    probe = TestSubscriber()
    rx.timer(30, scheduler=clock).subscribe(probe)
    clock.advance_to(100)
    assert probe.signals == ["on_subscribe"]
    probe.request(1)
    assert probe.items == [0]
    assert probe.completed


def test_a_single_tick_that_is_awaited_comes_on_time(clock: TestScheduler) -> None:
    probe = TestSubscriber(1)
    rx.timer(30, scheduler=clock).subscribe(probe)
    clock.advance_to(29)
    assert probe.signals == ["on_subscribe"]
    clock.advance_to(30)
    assert probe.signals == ["on_subscribe", "on_next", "on_completed"]


def test_a_timer_with_a_period_skips_and_counts(clock: TestScheduler) -> None:
    skipped: list[int] = []
    probe = TestSubscriber(1)
    rx.timer(5, 10, clock, on_drop=lambda tick, _: skipped.append(tick)).subscribe(probe)
    clock.advance_to(36)
    assert probe.items == [0]
    assert skipped == [1, 2, 3]
    probe.request(1)
    clock.advance_to(46)
    assert probe.items == [0, 4]
    assert probe.statistics["timer"].dropped == {"incoming": 3}


def test_a_timer_with_a_strategy_keeps_its_ticks(clock: TestScheduler) -> None:
    probe = TestSubscriber()
    rx.timer(5, 10, clock, overflow=rx.DROP_OLDEST, capacity=2).subscribe(probe)
    clock.advance_to(36)
    probe.request(2)
    assert probe.items == [2, 3]


def test_a_timer_that_is_cancelled_does_not_tick(clock: TestScheduler) -> None:
    probe = TestSubscriber(1)
    rx.timer(30, scheduler=clock).subscribe(probe)
    probe.cancel()
    clock.start()
    assert probe.signals == ["on_subscribe"]
