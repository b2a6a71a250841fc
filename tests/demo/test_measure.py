"""The books of every strategy balance, whatever happens."""

import asyncio
import threading

import pytest

from rxflow.demo.departures import read
from rxflow.demo.measure import Figures, Load, Run, percentile_ms
from rxflow.demo.pipeline import STRATEGIES

ROWS = read()
LOSSLESS_WITH_ROOM = [strategy for strategy in STRATEGIES if strategy != "latest"]


def check_books(figures: Figures) -> None:
    assert figures.held == 0
    assert figures.produced == figures.delivered + figures.dropped + figures.discarded


async def run_through(strategy: str, load: Load) -> Run:
    run = Run(strategy, load)
    await run.consume()
    return run


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_consumer_that_is_too_slow(strategy: str):
    load = Load(ROWS, speed=1e6, capacity=8, work=0.0005)
    figures = asyncio.run(run_through(strategy, load)).figures()
    check_books(figures)
    assert figures.discarded == 0
    assert figures.peak_held == (1 if strategy == "latest" else 8)
    assert figures.delivered > 0
    assert not figures.interrupted
    assert figures.latency_p50_ms is not None
    assert figures.latency_p99_ms is not None
    assert 0 < figures.latency_p50_ms <= figures.latency_p99_ms
    if strategy == "fail":
        assert figures.error is not None
        assert figures.error.startswith("BufferOverflowError: on_backpressure_buffer(capacity=8)")
        assert figures.dropped == 1  # the one that found no room
    else:
        assert figures.error is None
        assert figures.produced == len(ROWS)
    if strategy == "block":
        assert figures.delivered == len(ROWS)
        assert figures.waited_seconds > 0
    else:
        assert figures.dropped > 0
        assert figures.waited_seconds == 0


@pytest.mark.parametrize("strategy", LOSSLESS_WITH_ROOM)
def test_nothing_is_lost_where_there_is_room_for_all(strategy: str):
    load = Load(ROWS, speed=1e12, capacity=len(ROWS), work=0)
    run = asyncio.run(run_through(strategy, load))
    figures = run.figures()
    check_books(figures)
    assert figures.delivered == len(ROWS)
    assert run.last is not None
    assert run.last.departed == len(ROWS)
    assert run.last.delay == sum(int(row["dep_delay"]) for row in ROWS)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_cut_short_while_items_are_held(strategy: str):
    async def cut_short() -> Run:
        run = Run(strategy, Load(ROWS, speed=1e5, capacity=8, work=3600))
        task = asyncio.create_task(run.consume())
        while not (run.last and run.figures().held):  # noqa: ASYNC110 - no event tells of it
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return run

    figures = asyncio.run(cut_short()).figures()
    check_books(figures)
    assert figures.interrupted
    assert figures.delivered == 1
    assert figures.discarded > 0
    assert "rxflow-demo-replay" not in [thread.name for thread in threading.enumerate()]


def test_figures_balance_while_it_runs():
    async def watch() -> None:
        run = Run("drop-oldest", Load(ROWS, speed=1e6, capacity=8, work=0.0002))
        task = asyncio.create_task(run.consume())
        while not task.done():
            figures = run.figures()
            gone = figures.delivered + figures.dropped + figures.discarded
            assert figures.produced == gone + figures.held
            await asyncio.sleep(0)
        await task

    asyncio.run(watch())


def test_percentiles():
    assert percentile_ms([], 0.5) is None
    assert percentile_ms([0.003], 0.99) == pytest.approx(3)
    hundred = [n / 1000 for n in range(100, 0, -1)]
    assert percentile_ms(hundred, 0.50) == pytest.approx(50)
    assert percentile_ms(hundred, 0.99) == pytest.approx(99)
    assert percentile_ms(hundred, 1.00) == pytest.approx(100)


def test_json_names_an_error_and_an_interruption_only_where_there_is_one():
    fields = Figures("block").as_json()
    assert list(fields) == [
        "strategy",
        "produced",
        "delivered",
        "dropped",
        "discarded",
        "peak_held",
        "waited_seconds",
        "latency_p50_ms",
        "latency_p99_ms",
    ]
    assert fields["latency_p50_ms"] is None
    assert Figures("fail", error="full").as_json()["error"] == "full"
    assert Figures("fail", interrupted=True).as_json()["interrupted"] is True
