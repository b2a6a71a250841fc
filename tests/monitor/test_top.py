"""The live view: what it computes, how it is drawn, and what it reads from another process."""

from __future__ import annotations

import gc
import io
import signal
import subprocess
import sys
import weakref
from dataclasses import replace
from functools import partial
from math import inf, isnan, nan
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families
from reactivex.testing import TestScheduler
from rich.console import Console

import rxflow
from rxflow import operators as ops
from rxflow.__main__ import main
from rxflow.kernel import StageStatistics
from rxflow.monitor import Reading, Totals
from rxflow.monitor.endpoint import read_endpoint, reading_of
from rxflow.monitor.prometheus import FlowCollector
from rxflow.monitor.top import COLUMNS, Lines, Live, Row, Watch, cells, open_view, rows
from rxflow.testing import TestSubscriber
from tests.support_prometheus import exposed

from .worlds import buffered, stage, telling, value


class Shown:
    """Keeps what it is to show."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.caption = ""

    def show(self, rows: list[Row], caption: str) -> None:  # type: ignore[override]
        self.rows, self.caption = list(rows), caption

    def finish(self) -> None: ...


def buffer_of(found: list[Row]) -> Row:
    [row] = [row for row in found if row.flow == "orders" and row.stage != "subscriber"]
    return row


def test_rates_are_those_between_two_looks() -> None:
    totals, shown, times = Totals(), Shown(), iter([10.0, 12.0])
    watch = Watch(totals.read, shown, lambda: next(times))  # type: ignore[arg-type]
    with buffered(capacity=4) as world:
        world.push(9)
        watch.look()
        first = buffer_of(shown.rows)
        assert isnan(first.rate)
        assert isnan(first.drops)
        assert (first.held, first.capacity, first.full, first.demand) == (4, 4, 1, 0)
        world.subscriber.request(3)
        world.push(9)
        watch.look()
        second = buffer_of(shown.rows)
        assert (second.rate, second.drops) == (1.5, 3)
        assert shown.caption.endswith("1 running, 0 over")
    totals.close()


def test_what_limits_each_flow_is_told_below_the_table() -> None:
    shown, clock, totals = Shown(), TestScheduler(), Totals()
    watch = Watch(partial(totals.read, subscriptions=True), shown)  # type: ignore[arg-type]
    probe = TestSubscriber[int](0)
    rxflow.range(9).pipe(ops.limit_rate(4), ops.named("orders")).subscribe(probe, scheduler=clock)
    watch.look()
    assert shown.caption.endswith("running, 0 over")
    clock.sleep(3)
    watch.look()
    assert "\norders: the consumer has asked for nothing 100% of the time" in shown.caption
    gone = weakref.ref(probe.subscription)
    probe.cancel()
    del probe, clock
    gc.collect()
    assert gone() is None
    watch.look()
    assert "orders" not in shown.caption
    totals.close()


def test_shares_of_time_are_of_each_subscription() -> None:
    def busy(seconds: float) -> StageStatistics:
        return StageStatistics(
            "part",
            blocked_seconds=seconds,
            starved_seconds=2 * seconds,
            working_seconds=3 * seconds,
        )

    totals = Totals()
    with telling(busy(1)) as one, telling(busy(1)) as other:
        before = totals.read()
        one.parts = other.parts = (busy(2),)
        row = buffer_of(rows(totals.read(), before, 10.0))
        assert (row.blocked, row.starved, row.working) == pytest.approx((0.1, 0.2, 0.3))
    assert [row for row in rows(totals.read(), before, 1) if row.flow == "orders"] == []
    totals.close()


def test_a_stage_that_is_new_has_counted_since_the_last_look() -> None:
    totals = Totals()
    before = totals.read()
    with buffered(capacity=4) as world:
        world.push(8)
        row = buffer_of(rows(totals.read(), before, 2.0))
        assert row.drops == 2
    totals.close()


def test_the_cells_are_short() -> None:
    row = Row("orders", "buffer", 1234.5, 3, 4, 0.75, 0.25, inf, 0.5, 0, nan)
    texts = ("orders", "buffer", "1234", "3", "4", "75%", "0.2", "all", "50%", "0%", "-")
    assert cells(row) == texts
    assert len(texts) == len(COLUMNS)
    nothing = Row("orders", "subscriber", 0, 0, 0, 0, 0, 7, 0, 0, 0)
    assert cells(nothing)[4:6] == ("", "")


def test_a_terminal_gets_a_live_table_and_a_file_gets_lines() -> None:
    row = Row("orders", "buffer", 5, 3, 4, 0.75, 0.25, 0, 0.5, 0, 0)
    file = io.StringIO()
    view = open_view(file)
    assert isinstance(view, Lines)
    view.show([row], "1 running, 0 over")
    head, line, caption = file.getvalue().splitlines()[:3]
    assert head.split() == list(COLUMNS)
    assert line.split()[:6] == ["orders", "buffer", "5", "3", "4", "75%"]
    assert caption == "1 running, 0 over"
    drawn = io.StringIO()
    live = Live(Console(file=drawn, force_terminal=True, width=120))
    live.show([row], "1 running, 0 over")
    live.finish()
    for text in ("orders", "buffer", "75%", "1 running, 0 over"):
        assert text in drawn.getvalue()


@pytest.mark.parametrize("width", [80, 72])
def test_in_a_narrow_terminal_names_are_cut_and_figures_are_not(width: int) -> None:
    row = Row(
        "departures", "on_backpressure_buffer", 1234, 812, 1024, 0.79, 12.5, 9, 0.93, 0.06, 3.91
    )
    drawn = io.StringIO()
    live = Live(Console(file=drawn, force_terminal=True, width=width))
    live.show([row], "1 running, 0 over")
    live.finish()
    for text in ("1234", "812", "1024", "79%", "12.5", "93%", "6%", "391%"):
        assert text in drawn.getvalue()


def test_what_counts_nothing_has_no_rate_and_times_of_another_process_are_no_more_than_all() -> (
    None
):
    part = StageStatistics("part", starved_seconds=1)
    other = StageStatistics("other", received=1, delivered=1, starved_seconds=1)
    totals = Totals()
    with telling(part, other) as told:
        before = totals.read()
        told.parts = (replace(part, starved_seconds=2.1), replace(other, starved_seconds=1.5))
        found = rows(totals.read(), before, 1.0)
        assert [(isnan(row.rate), row.starved) for row in found if row.flow == "orders"] == [
            (True, 1.0),
            (False, 0.5),
        ]
    totals.close()


@pytest.fixture
def registry() -> CollectorRegistry:
    made = CollectorRegistry()
    made.register(FlowCollector())
    return made


def counted(stage: Any) -> dict[str, float]:
    """Give what does not grow with time between two looks."""
    return {m.name: value for m, value in stage.values.items() if "seconds" not in m.name}


def test_what_is_read_from_an_endpoint_is_what_is_read_here(registry: CollectorRegistry) -> None:
    totals = Totals()
    with exposed(registry) as port, buffered(capacity=4) as world:
        world.subscriber.request(2)
        world.push(8)
        there = read_endpoint(f"http://127.0.0.1:{port}/metrics")
        here = totals.read()
        assert counted(stage(there)) == counted(stage(here))
        assert stage(there).dropped == {"oldest": 2}
        assert [flow for flow in there.flows if flow.active] == [
            flow for flow in here.flows if flow.active
        ]
    totals.close()


def test_the_metrics_of_others_are_left_out() -> None:
    text = 'up{flow="orders", stage="a"} 1\nrxflow_stage_in_flight{flow="orders", stage="b"} 3\n'
    reading = reading_of(text_string_to_metric_families(text))
    [found] = reading.stages
    assert value(found, "in_flight") == 3


def test_an_endpoint_that_goes_away_leaves_what_was_read(registry: CollectorRegistry) -> None:
    shown = Shown()
    with exposed(registry) as port, buffered() as world:
        url = f"http://127.0.0.1:{port}/metrics"
        watch = Watch(lambda: read_endpoint(url), shown)  # type: ignore[arg-type]
        world.push(1)
        watch.look()
    watch.look(patient=True)
    assert buffer_of(shown.rows).held == 1
    assert shown.caption.startswith("not read: ")
    with pytest.raises(OSError, match="refused"):
        watch.look()


# The command.


def test_top_looks_at_the_demo_in_the_same_process(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["top", "--count", "3", "--every", "0.05"]) == 0
    tables = capsys.readouterr().out.split("\n\n")
    assert "departures     on_backpressure_buffer" in tables[2]
    assert len(tables) == 4
    assert tables[3] == ""


def test_top_looks_at_another_process(
    registry: CollectorRegistry, capsys: pytest.CaptureFixture[str]
) -> None:
    with exposed(registry) as port, buffered() as world:
        world.push(3)
        url = f"http://127.0.0.1:{port}/metrics"
        assert main(["top", url, "--count", "2", "--every", "0.01"]) == 0
    assert "orders         on_backpressure_buffer" in capsys.readouterr().out


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/metrics", "localhost:9000", "http://[/"])
def test_an_endpoint_that_cannot_be_read_is_an_error(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["top", url]) == 1
    assert f"cannot read {url}: " in capsys.readouterr().err


@pytest.mark.parametrize("every", ["0", "-1", "nan", "soon"])
def test_the_time_between_looks_is_checked(every: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["top", "--every", every])
    assert "is not a number above 0" in capsys.readouterr().err


def test_ctrl_c_ends_it_quietly() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "rxflow", "top", "--every", "0.05"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(rxflow.__file__).parents[1],
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("departures"):
                break
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 0
    assert errors == ""


def test_a_reading_of_nothing_is_an_empty_table() -> None:
    assert rows(Reading((), ()), None, 0) == []
