"""to_marbles, as_observable, single_or_default_async: what came, when, and what is hidden."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from reactivex import Subject
from reactivex.internal.exceptions import SequenceContainsNoElementsError
from reactivex.testing import TestScheduler

import rxflow as rx
from rxflow import operators as ops
from rxflow.flow.connectable import ConnectableFlow
from rxflow.testing import TestSubscriber
from tests.support import counted


class Drawn:
    """A source that a test pushes into at its times, and what is drawn of it."""

    def __init__(self, timespan: Any = 1.0, demand: int = 1) -> None:
        self.clock = TestScheduler()
        self.source = Subject[Any]()
        self.probe = TestSubscriber[str](demand)
        flow = self.source.pipe(ops.on_backpressure_buffer(9), ops.to_marbles(timespan))
        flow.subscribe(self.probe, scheduler=self.clock)

    def at(self, time: float) -> Subject[Any]:
        self.clock.advance_to(time)
        return self.source


@pytest.mark.parametrize("timespan", [1.0, timedelta(seconds=1)])
def test_what_came_is_drawn_with_the_time_between(timespan: Any) -> None:
    drawn = Drawn(timespan)
    drawn.at(2).on_next("a")
    drawn.at(2).on_next(None)
    drawn.at(3).on_next(12)
    drawn.at(7).on_completed()
    drawn.probe.assert_completed("--a(None)-(12)----|")


@pytest.mark.parametrize(("time", "dashes"), [(0.49, ""), (0.5, "-"), (1.49, "-"), (1.5, "--")])
def test_a_time_is_rounded_to_the_next_dash(time: float, dashes: str) -> None:
    drawn = Drawn()
    drawn.at(time).on_next("a")
    drawn.source.on_completed()
    drawn.probe.assert_completed(f"{dashes}a|")


def test_a_failure_is_drawn_too_and_is_none() -> None:
    drawn = Drawn()
    drawn.at(1).on_next("a")
    drawn.at(2).on_error(ValueError("no"))
    drawn.probe.assert_completed("-a-(no)")


def test_the_diagram_waits_for_demand_and_is_one_item() -> None:
    drawn = Drawn(demand=0)
    drawn.at(1).on_completed()
    drawn.probe.assert_open()
    drawn.probe.request(1)
    drawn.probe.assert_completed("-|")


def test_nothing_is_taken_before_demand() -> None:
    source = counted("ab")
    probe = TestSubscriber[str](0)
    rx.from_iterable(source).to_marbles(1.0, TestScheduler()).subscribe(probe)
    assert source.asked == 0
    probe.request(1)
    probe.assert_completed("ab|")


def test_a_cancel_reaches_the_source() -> None:
    drawn = Drawn()
    drawn.at(1).on_next("a")
    drawn.probe.cancel()
    assert drawn.source.observers == []
    assert drawn.probe.items == []


def test_an_item_that_cannot_be_shown_fails_it() -> None:
    class Mute:
        def __str__(self) -> str:
            raise KeyError("mute")

    drawn = Drawn()
    drawn.source.on_next(Mute())
    drawn.probe.assert_failed(KeyError)
    assert drawn.source.observers == []


@pytest.mark.parametrize("timespan", [0, -1.0, timedelta(0)])
def test_a_dash_that_stands_for_no_time_is_refused(timespan: Any) -> None:
    with pytest.raises(ValueError, match="to_marbles: timespan"):
        ops.to_marbles(timespan)


@pytest.mark.parametrize("timespan", [None, "1"])
def test_a_dash_that_stands_for_no_duration_is_refused(timespan: Any) -> None:
    with pytest.raises(TypeError, match="to_marbles: timespan"):
        ops.to_marbles(timespan)


def test_as_observable_hides_the_key_and_the_connection() -> None:
    shared = rx.range(3).publish()
    assert isinstance(shared, ConnectableFlow)
    for flow in (shared, *rx.range(3).group_by(lambda x: 0).take(1)):
        assert type(flow.as_observable()) is rx.Flow


@pytest.mark.parametrize("demand", [0, 1, 2, 5])
def test_as_observable_gives_what_is_asked_for_and_takes_no_more(demand: int) -> None:
    source = counted(range(5))
    probe = TestSubscriber[int](demand)
    rx.from_iterable(source).as_observable().subscribe(probe)
    assert probe.items == list(range(demand))
    assert source.taken == demand
    probe.cancel()


@pytest.mark.parametrize(
    ("items", "has_default", "given"),
    [((7,), False, 7), ((None,), False, None), ((7,), True, 7), ((), True, "z")],
)
def test_the_only_item_or_the_default(items: Any, has_default: bool, given: Any) -> None:
    flow = rx.from_iterable(items).single_or_default_async(has_default, "z")
    probe = TestSubscriber[Any](0)
    flow.subscribe(probe)
    probe.request(1)
    probe.assert_completed(given)


@pytest.mark.parametrize(
    ("items", "has_default", "error"),
    [
        ((), False, SequenceContainsNoElementsError),
        ((1, 2), False, Exception),
        ((1, 2), True, Exception),
    ],
)
def test_no_item_or_several_are_an_error(items: Any, has_default: bool, error: Any) -> None:
    source = counted((*items, *items))
    probe = TestSubscriber[Any](1)
    rx.from_iterable(source).single_or_default_async(has_default, "z").subscribe(probe)
    probe.assert_failed(error)
    assert source.closed == 1
    assert source.taken == len(items)
