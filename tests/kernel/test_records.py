"""Figures that are told: cheap to make, frozen for those who get them, nobody else's."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, asdict, fields, replace

import pytest

import rxflow as rx
from rxflow import operators as ops
from rxflow.kernel import Ledger, Meter, StageStatistics, changed
from rxflow.kernel.statistics import timed
from rxflow.testing import TestSubscriber


def test_what_is_not_said_is_as_the_class_has_it() -> None:
    part = timed("map", 1.0, 2.0, 3.0)
    said = StageStatistics(
        "map", starved_seconds=1.0, working_seconds=2.0, blocked_seconds=3.0, metered=True
    )
    assert part == said
    assert repr(part) == repr(said)
    assert asdict(part) == asdict(said)
    assert [*asdict(part)] == [each.name for each in fields(StageStatistics)]
    assert replace(part, held=3) == changed(part, held=3) == replace(said, held=3)
    assert part.held == 0


def test_drops_that_were_not_said_are_a_dict_of_ones_own() -> None:
    one, other = StageStatistics("a"), StageStatistics("b")
    assert one.dropped == {}
    assert one.dropped is not other.dropped


def test_it_is_frozen_and_takes_its_own_fields_only() -> None:
    part = timed("map", 1.0, 2.0, 3.0)
    with pytest.raises(FrozenInstanceError):
        part.held = 1  # type: ignore[misc] # pyright: ignore
    with pytest.raises(TypeError, match="unexpected keyword"):
        StageStatistics("map", helt=1)  # type: ignore[call-arg] # pyright: ignore
    assert StageStatistics("map", 1, 2, 3) == StageStatistics(
        "map", requested=1, received=2, delivered=3
    )


def test_a_ledger_leaves_alone_what_it_was_given_and_what_it_gave() -> None:
    ledger = Ledger()
    first = StageStatistics("part", received=1, dropped={"oldest": 1}, metered=True)
    ledger.keep(lambda: [first])
    [given] = ledger
    ledger.keep(lambda: [StageStatistics("part", received=2, dropped={"oldest": 2}, metered=True)])
    assert (first.received, given.received) == (1, 1)
    given.__dict__["received"] = 99
    [sums] = ledger
    assert (sums.received, sums.dropped) == (3, {"oldest": 3})


def test_a_meter_puts_nothing_into_what_is_a_ledgers() -> None:
    now = 0
    meter = Meter(lambda: now)
    ledger = Ledger()
    ledger.keep(lambda: [StageStatistics("part")])
    now = 2_000_000_000
    meter.fill(ledger)
    now = 5_000_000_000
    [part] = meter.fill(ledger)
    assert part.blocked_seconds == 5.0


def test_the_last_figures_stay_the_same_however_often_they_are_asked_for() -> None:
    subscriber = TestSubscriber[int](5)
    inner = rx.range(3).pipe(ops.map(abs))
    flow = rx.range(2).pipe(ops.flat_map(lambda _: inner), ops.named("whole"))
    flow.subscribe(subscriber)
    subscriber.cancel()
    first = subscriber.subscription.statistics()
    assert subscriber.subscription.statistics() == first
    assert {part.name for part in first} >= {"whole/flat_map", "whole/map"}
