"""The log warns once of what goes on, carries the figures, and says when it is over."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

import rxflow as rx
from rxflow import operators as ops
from rxflow.monitor import Sampler
from rxflow.monitor.logs import WarningLog
from rxflow.monitor.rules import filling, stalled
from rxflow.testing import TestSubscriber

from .worlds import Buffered

LOGGER = "rxflow.monitor"


@pytest.fixture
def sampler(caplog: pytest.LogCaptureFixture) -> Iterator[Sampler]:
    caplog.set_level(logging.INFO, LOGGER)
    with Sampler() as made:
        yield made


def lines(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """Give the levels and texts since the last time."""
    found = [(record.levelname, record.getMessage()) for record in caplog.records]
    caplog.clear()
    return found


def test_a_stage_that_stays_full_is_warned_of(
    sampler: Sampler, world: Buffered, caplog: pytest.LogCaptureFixture
) -> None:
    WarningLog(sampler)
    world.subscriber.request(1)
    world.push(11)
    sampler.sample(0)
    world.subscriber.request(1)  # so it is not stalled
    sampler.sample(9)
    assert lines(caplog) == []
    world.push(1)
    sampler.sample(10)
    [record] = caplog.records
    assert record.levelname == "WARNING"
    assert record.getMessage() == (
        "orders: on_backpressure_buffer uses 100% of its capacity: "
        "it is too slow, or what comes after it"
    )
    assert {name: found for name, found in vars(record).items() if name.startswith("rxflow")} == {
        "rxflow_flow": "orders",
        "rxflow_stage": "on_backpressure_buffer",
        "rxflow_rule": "RxflowStageFull",
        "rxflow_value": 1.0,
        "rxflow_suppressed": 0,
    }


def test_a_stage_that_begins_to_drop_is_warned_of(
    sampler: Sampler, world: Buffered, caplog: pytest.LogCaptureFixture
) -> None:
    WarningLog(sampler)
    sampler.sample(0)
    world.push(10)
    world.subscriber.request(5)
    sampler.sample(1)
    assert lines(caplog) == []
    world.push(6)
    sampler.sample(2)
    assert lines(caplog) == [("WARNING", "orders: on_backpressure_buffer drops 1 items per second")]
    sampler.sample(3)
    assert lines(caplog) == [
        ("INFO", "orders: on_backpressure_buffer: RxflowStageDropping is over after 1.0 s")
    ]


def test_of_a_stalled_flow_the_stage_without_demand_is_named(
    sampler: Sampler, caplog: pytest.LogCaptureFixture
) -> None:
    WarningLog(sampler, [stalled(hold=30)])
    subscriber = TestSubscriber[int](2)
    rx.range(100).pipe(
        ops.limit_rate(8), ops.named("first"), ops.limit_rate(4), ops.named("orders")
    ).subscribe(subscriber)
    for now in range(0, 200, 10):
        sampler.sample(now)
        told = lines(caplog)
        if told:
            break
    [(level, text)] = told
    assert level == "WARNING"
    assert text.startswith("orders: limit_rate holds 2 items ")  # and not first/limit_rate
    assert text.endswith("nobody asks for them: what comes after it has no demand")
    subscriber.cancel()


def test_the_same_is_warned_of_once_in_a_while_and_what_was_kept_back_is_counted(
    sampler: Sampler, world: Buffered, caplog: pytest.LogCaptureFixture
) -> None:
    WarningLog(sampler, [filling(hold=0, until=0.0)], every=60)
    warned = []
    for now in range(0, 180, 10):  # it fills and empties again and again
        world.push(10)
        sampler.sample(now)
        warned += [text for level, text in lines(caplog) if level == "WARNING"]
        world.subscriber.request(10)
        sampler.sample(now + 1)
    assert len(warned) == 3
    assert not warned[0].endswith("last warning)")
    assert warned[1].endswith(" (5 more since the last warning)")
    assert warned[2].endswith(" (5 more since the last warning)")


def test_a_logger_of_ones_own_is_used_and_a_closed_log_writes_nothing(
    sampler: Sampler, world: Buffered, caplog: pytest.LogCaptureFixture
) -> None:
    mine = logging.getLogger("mine")
    log = WarningLog(sampler, [filling(hold=0)], logger=mine)
    world.push(10)
    sampler.sample(0)
    assert [record.name for record in caplog.records] == ["mine"]
    log.close()
    world.subscriber.cancel()
    caplog.clear()
    sampler.sample(1)
    assert caplog.records == []
