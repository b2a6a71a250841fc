"""The bursty pipeline: each kind by its own policy, and every event accounted for."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections import Counter
from io import BytesIO
from random import Random
from typing import Any

import pytest
from reactivex import Subject

from rxflow.examples import burster, bursts
from rxflow.protocol import UNBOUNDED
from rxflow.testing import TestSubscriber

LIMIT = 60.0


@pytest.fixture(scope="module")
def report() -> bursts.Report:
    """One burst into a consumer that is far too slow for it."""
    return asyncio.run(bursts.run(burster.burst(Random(1)), capacity=100, rate=1e9))


def test_trades_are_absorbed(report: bursts.Report) -> None:
    assert report.published["trade"] == report.handled["trade"] > 4000
    assert "on_backpressure_spill" not in report.dropped


def test_trades_that_memory_has_no_room_for_are_handled_too() -> None:
    found = asyncio.run(bursts.run([b"trade 1 1\n"] * 500, capacity=100, rate=1000))
    assert found.peak_held["on_backpressure_spill"] > 100  # in memory and on disk
    assert found.handled == {"trade": 500}


def lost(report: bursts.Report, door: str, reason: str) -> int:
    """Give how many events a door has dropped: none, where the consumer was quick enough."""
    return report.dropped.get(door, {}).get(reason, 0)


def test_of_the_quotes_the_newest_of_each_symbol_is_kept(report: bursts.Report) -> None:
    replaced = lost(report, "conflate_by_key", "replaced")
    assert report.published["quote"] == report.handled["quote"] + replaced
    assert report.handled["quote"] >= 200
    assert report.peak_held["conflate_by_key"] <= 200


def test_of_the_logs_that_are_not_handled_each_is_shed(report: bursts.Report) -> None:
    assert report.published["log"] == report.handled["log"] + lost(report, "shed", "shed")
    assert report.peak_held["shed"] <= 100


def test_what_waits_gives_way_by_its_kind() -> None:
    events = Subject[bursts.Event]()
    subscriber = TestSubscriber[bursts.Event](0)
    bursts.guarded(events, 100).subscribe(subscriber)
    for number in range(300):
        for kind, key in (("trade", number), ("quote", number % 3), ("log", number)):
            events.on_next(bursts.Event(kind, key, 0.0))
    events.on_completed()
    subscriber.request(UNBOUNDED)
    handled = Counter(event.kind for event in subscriber.items)
    waited = {event.key for event in subscriber.items if event.kind == "log"}
    dropped = {part.name: part.dropped for part in subscriber.subscription.statistics()}
    assert handled["trade"] == 300
    assert handled["quote"] == 300 - dropped["conflate_by_key"]["replaced"] <= 3 + 1
    assert handled["log"] == 300 - dropped["shed"]["shed"] <= 100 + 1
    assert {*range(201, 300)} <= waited  # the severest


def test_every_event_of_a_burst_is_in_the_report(report: bursts.Report) -> None:
    assert sum(report.published.values()) == burster.BURST
    dropped = sum(sum(reasons.values()) for reasons in report.dropped.values())
    assert sum(report.handled.values()) + dropped == burster.BURST


def test_lines_that_are_no_events_are_refused_and_the_others_are_handled() -> None:
    lines = [b"trade 1 0.5\n", b"\n", b"trade\n", b"\xff 1 1\n", b"log x 1\n", b"rumour 1 1\n"]
    found = asyncio.run(bursts.run([*lines, b"log 1 1"]))
    assert found.refused == 5
    assert found.published == found.handled == {"trade": 1, "log": 1}


def program(name: str, *args: str, **pipes: Any) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", f"rxflow.examples.{name}", *args]
    return subprocess.Popen(command, stdout=subprocess.PIPE, **pipes)


def test_a_burst_of_another_process_comes_over_a_pipe_and_its_report_is_printed() -> None:
    with program("burster", "--bursts", "2", "--size", "2000") as sending:
        assert sending.stdout is not None
        with program("bursts", stdin=sending.stdout) as handling:
            sending.stdout.close()  # here; so it hears if the other one is gone
            told, _ = handling.communicate(timeout=LIMIT)
    found = json.loads(told)
    assert (sending.returncode, handling.returncode) == (0, 0)
    assert sum(found["published"].values()) == 4000
    assert found["handled"]["trade"] == found["published"]["trade"]


def test_a_line_without_an_end_is_refused_piece_by_piece() -> None:
    endless = BytesIO(b"x" * 10 * bursts.LONGEST)
    assert asyncio.run(bursts.run(bursts.lines_of(endless))).refused == 10
