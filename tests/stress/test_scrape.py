"""Ten thousand running subscriptions: what a scrape takes, and what looking at them keeps."""

from __future__ import annotations

import gc
import operator
import tracemalloc
from collections.abc import Iterator
from time import thread_time

import pytest
from prometheus_client import CollectorRegistry, generate_latest

import rxflow as rx
from rxflow import operators as ops
from rxflow.monitor import Totals
from rxflow.monitor.prometheus import FlowCollector
from rxflow.testing import TestSubscriber

pytestmark = pytest.mark.stress

MANY = 10_000
MOST_SECONDS = 0.2  # more than an empty scrape (seconds)
MOST_BYTES = 50  # that stay after a reading, for each subscription (bytes)


@pytest.fixture
def many() -> Iterator[list[TestSubscriber[str]]]:
    flow = rx.range(100).pipe(ops.map(str), ops.limit_rate(8), ops.named("orders"))
    subscribers = [TestSubscriber[str](1) for _ in range(MANY)]
    for subscriber in subscribers:
        flow.subscribe(subscriber)
    yield subscribers
    for subscriber in subscribers:
        subscriber.cancel()


@pytest.fixture
def many_of_five_stages() -> Iterator[list[rx.Emitter[int]]]:
    """Make as many Flows of five stages behind a boundary, as the benchmark P13 has them."""
    emitters: list[rx.Emitter[int]] = []
    running = [
        rx.create(emitters.append, overflow=rx.SUSPEND, capacity=16)
        .pipe(
            ops.map(str),
            ops.filter(bool),
            ops.map(len),
            ops.scan(operator.add),
            ops.last(),
            ops.named("five"),
        )
        .subscribe(lambda _: None)
        for _ in range(MANY)
    ]
    for emitter in emitters:
        emitter.on_next(1)
    yield emitters
    for each in running:
        each.dispose()


def quickest(registry: CollectorRegistry) -> float:
    """Give the least time of a thread's own that a scrape takes (seconds)."""
    times = list[float]()
    for _ in range(10):
        begin = thread_time()
        generate_latest(registry)
        times.append(thread_time() - begin)
    return min(times)


@pytest.mark.parametrize(
    ("running", "metric", "labels", "told"),
    [
        ("many", "queue_depth", {"flow": "orders", "stage": "limit_rate"}, 7 * MANY),
        ("many_of_five_stages", "items_received_total", {"flow": "five", "stage": "create"}, MANY),
    ],
)
def test_a_scrape_takes_little_time(
    request: pytest.FixtureRequest, running: str, metric: str, labels: dict[str, str], told: int
) -> None:
    registry = CollectorRegistry()
    registry.register(FlowCollector())
    gc.collect()
    empty = quickest(registry)
    request.getfixturevalue(running)
    full = quickest(registry)
    assert registry.get_sample_value(f"rxflow_stage_{metric}", labels) == told
    assert full - empty < MOST_SECONDS


def test_looking_keeps_nothing_for_each_of_them(many: list[TestSubscriber[str]]) -> None:
    totals = Totals()
    tracemalloc.start()
    gc.collect()
    before, _ = tracemalloc.get_traced_memory()
    for _ in range(3):
        totals.read()
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    totals.close()
    assert len(many) == MANY
    assert after - before < MOST_BYTES * MANY
