"""The rows that a scrape adds up say what the records say, for each operator; and are small."""

from __future__ import annotations

import asyncio
import gc
import linecache
import operator
import re
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from reactivex import Subject
from reactivex.testing import TestScheduler

import rxflow as rx
from rxflow import operators as ops
from rxflow.kernel import Drain, Row, StageStatistics, running
from rxflow.monitor import Totals
from rxflow.testing import TestSubscriber, run_virtual
from tests.support_together import together
from tests.tck.cases import DOORS, OPERATORS, Case

from .worlds import stage, value

CASES = {**OPERATORS, **DOORS}


def figures(*, records: bool) -> dict[tuple[str, str], tuple[Any, ...]]:
    """Read everything: by rows, or by records."""
    totals = Totals()  # one that has shown nothing yet, for what it shows never goes down
    totals.close()
    return {
        (stage.flow, stage.stage): (
            *(stage.running, stage.dropped, stage.latency, round(stage.latency_seconds, 9)),
            {metric.name: round(value, 9) for metric, value in stage.values.items()},
        )
        for stage in totals.read(subscriptions=records).stages
    }


def bare() -> int:
    """Count what is told in rows, and not by records."""
    told = 0
    for consumer in running():
        row = Row()
        if isinstance(consumer, Drain) and consumer.row(row) and not row.shared:
            told += sum(not isinstance(each, StageStatistics) for each in row.figures)
    return told


def ahead(case: Case) -> Any:
    """Items that are there, so that demand alone decides."""
    return rx.from_iterable(map(case.element, range(40)))


def pushed(case: Case) -> Any:
    """Items that come by themselves into a boundary, some of them too early."""

    def start(emitter: rx.Emitter[Any]) -> None:
        for item in map(case.element, range(9)):
            emitter.on_next(item)

    return rx.create(start, overflow=rx.DROP_OLDEST, capacity=4)


def asked_twice(case: Case) -> Any:
    """Items that go through a boundary in the middle."""
    return ahead(case).pipe(ops.map(lambda item: item), ops.limit_rate(4))


async def compare(case: Case, source: Any) -> int:
    """Run a pipeline for a while, then read it in both ways; say how much was told in rows."""
    door = case in DOORS.values()
    probes = [TestSubscriber[Any](2), TestSubscriber[Any](0), TestSubscriber[Any](2)]
    subject = Subject[Any]()
    for probe in probes:
        items = subject if door else source(case)
        case.step(items).pipe(ops.named("compared")).subscribe(probe)
    if door:
        for item in map(case.element, range(6)):
            subject.on_next(item)
            await asyncio.sleep(0.1)
    await asyncio.sleep(0.25)
    told = bare()
    by_rows, by_records = figures(records=False), figures(records=True)
    for probe in probes:
        probe.cancel()
    await asyncio.sleep(1)
    assert by_rows == by_records
    return told


@pytest.mark.parametrize("source", [ahead, pushed, asked_twice])
def test_rows_say_what_records_say_of_each_operator(
    source: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rxflow.kernel.clock.monotonic_ns", lambda: 7)  # of other threads
    told: dict[str, int] = {}

    @together("name", CASES)
    def each(name: str) -> None:
        told[name] = run_virtual(compare(CASES[name], source))

    each()
    assert sum(map(bool, told.values())) > len(CASES) / 2  # else little was compared


def test_rows_say_how_long_functions_worked() -> None:
    clock: Any = TestScheduler()

    def slow(item: Any) -> Any:
        clock._clock += 0.5
        return item

    flow = rx.from_iterable(map(slow, range(99))).pipe(
        ops.map(slow), ops.limit_rate(4), ops.scan(operator.add), ops.map(slow), ops.named("worked")
    )
    probe = TestSubscriber[Any](3)
    flow.subscribe(probe, scheduler=clock)
    clock.advance_by(1.0)
    assert bare() == 3 + 13 + 2 * 3 + 5  # all but what the scheduler starts
    by_rows = figures(records=False)
    assert by_rows == figures(records=True)
    read = Totals().read()
    probe.cancel()
    worked = [
        value(stage(read, name, "worked"), "working_seconds_total") for name in ("map", "scan")
    ]
    assert worked[0] > 0
    assert worked[1] == 0


MADE = re.compile(r" Meter\(|= Stay\(|= Histogram\(|_spent = |_dropped = |_displaced = |_usual")
"""Makes what a part measures and counts with, in the modules that do other things, too."""

MEASURING = ("kernel/metering.py", "kernel/latency.py")
"""The modules that do nothing else."""

LESS = 1024
"""The statistics of a subscription take less than this (bytes)."""


def test_the_statistics_of_a_subscription_of_five_stages_take_less_than_a_kibibyte() -> None:
    many, emitters = 200, list[rx.Emitter[int]]()

    def run(count: int) -> list[Any]:
        begun: list[Any] = [
            rx.create(emitters.append, overflow=rx.SUSPEND, capacity=16)
            .pipe(ops.map(str), ops.filter(bool), ops.map(len), ops.scan(operator.add), ops.last())
            .subscribe(lambda _: None)
            for _ in range(count)
        ]
        for emitter in emitters:
            emitter.on_next(1)
        return begun

    started = run(8)  # what is made once is made
    emitters.clear()
    tracemalloc.start()
    started += run(many)
    figures(records=False)
    figures(records=True)
    gc.collect()
    traces = tracemalloc.take_snapshot().statistics("lineno")
    tracemalloc.stop()
    for each in started:
        each.dispose()
    taken = dict[str, float]()
    for trace in traces:
        frame = trace.traceback[0]
        line = linecache.getline(frame.filename, frame.lineno).strip()
        name = "/".join(Path(frame.filename).parts[-2:])
        if name in MEASURING or (name.startswith("kernel/") and MADE.search(line)):
            taken[f"{name}: {line}"] = trace.size / many
    assert all(any(made in line for line in taken) for made in ("Meter(", "Stay(", "_spent = "))
    assert sum(taken.values()) < LESS, taken
