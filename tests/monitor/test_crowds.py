"""Many subscriptions of a flow, and many flows: each counts; and how far a report looks back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from reactivex.subject import Subject
from reactivex.testing import TestScheduler

import rxflow as rx
from rxflow import operators as ops
from rxflow.monitor import Totals
from rxflow.monitor import totals as module
from rxflow.monitor.following import Follower
from rxflow.monitor.sums import GATHERED
from rxflow.testing import TestSubscriber

from .worlds import stage, value


@pytest.fixture
def totals() -> Iterator[Totals]:
    made = Totals()
    yield made
    made.close()


@pytest.mark.parametrize("many", [GATHERED - 1, GATHERED, GATHERED + 1, 2 * GATHERED + 3])
def test_of_a_crowd_each_one_counts(totals: Totals, many: int) -> None:
    flow = rx.range(100).pipe(ops.limit_rate(8), ops.named("orders"))
    crowd = [TestSubscriber[int](1 + number % 3) for number in range(many)]
    for each in crowd:
        flow.subscribe(each)
    delivered = sum(len(each.items) for each in crowd)
    for _ in range(2):  # to read is to change nothing
        now = stage(totals.read(), "limit_rate")
        assert now.running == many
        assert value(now, "items_emitted_total") == delivered
        assert value(now, "requested_total") == delivered
        assert value(now, "items_received_total") == 8 * many
        assert value(now, "queue_depth") == 8 * many - delivered
        assert value(now, "queue_capacity") == 8 * many
    for each in crowd[: many // 2]:
        each.cancel()
    now = stage(totals.read(), "limit_rate")
    assert now.running == many - many // 2
    assert value(now, "items_emitted_total") == delivered
    for each in crowd:
        each.cancel()
    assert stage(totals.read(), "limit_rate").running == 0


def test_names_that_are_looked_up_again_lead_to_the_same_sums(
    totals: Totals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KNOWN", 2)
    for _ in range(2):
        for name in "abcde":
            rx.range(3).pipe(ops.limit_rate(8), ops.named(name)).subscribe(TestSubscriber[int](9))
    read = totals.read()
    for name in "abcde":
        flow = next(each for each in read.flows if each.flow == name)
        assert (flow.active, sum(flow.terminated.values())) == (0, 2)
        (found,) = [s for s in read.stages if s.flow == name and s.stage == "limit_rate"]
        assert value(found, "items_emitted_total") == 6


def test_a_report_looks_back_to_the_last_look_that_is_old_enough() -> None:
    clock, source, follower = TestScheduler(), Subject[int](), Follower(window=5.0)
    assert follower.report() is None
    probe = TestSubscriber[int](99)
    source.pipe(ops.on_backpressure_buffer(9)).subscribe(probe, scheduler=clock)
    seconds: list[float] = []
    for _ in range(9):
        clock.advance_by(2.0)
        follower.see(probe.subscription)  # type: ignore[arg-type]
        report = follower.report()
        assert report is not None
        seconds.append(report.seconds)
    # The first is of all; then what has passed, at least 5 seconds as soon as there are so many.
    assert seconds == [2.0, 2.0, 4.0, 6.0, 6.0, 6.0, 6.0, 6.0, 6.0]
    probe.cancel()
    follower.see(probe.subscription)  # type: ignore[arg-type]
    report = follower.report()
    assert report is not None
    assert report.seconds == 18.0  # when it is over: all of it
