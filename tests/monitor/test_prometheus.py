"""The collector, without a server: what is scraped, and what scraping costs and keeps."""

from __future__ import annotations

import gc
import weakref

import pytest
from prometheus_client import CollectorRegistry, generate_latest

import rxflow as rx
from rxflow import operators as ops
from rxflow.monitor.prometheus import FlowCollector

from .worlds import Buffered, Latency, buffered, telling, timed

BUFFER = {"flow": "orders", "stage": "on_backpressure_buffer"}


def test_what_is_scraped_is_what_the_statistics_say(registry: CollectorRegistry) -> None:
    def found(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"rxflow_stage_{name}", {**BUFFER, **labels})

    with buffered(capacity=4) as world:
        world.subscriber.request(3)
        world.push(9)
        assert found("items_received_total") == 9
        assert found("items_emitted_total") == 3
        assert found("items_dropped_total", reason="oldest") == 2
        assert found("queue_depth") == found("queue_capacity") == 4
        assert found("demand") == 0
        assert registry.get_sample_value("rxflow_flow_active", {"flow": "orders"}) == 1
    assert found("queue_depth") is None
    assert found("items_discarded_total") == 4
    assert registry.get_sample_value("rxflow_flow_active", {"flow": "orders"}) == 0


def test_what_has_no_capacity_has_no_queue(registry: CollectorRegistry) -> None:
    labels = {**BUFFER, "stage": "subscriber"}
    with buffered():
        assert registry.get_sample_value("rxflow_stage_demand", labels) == 0
        assert registry.get_sample_value("rxflow_stage_queue_capacity", labels) is None
        assert registry.get_sample_value("rxflow_stage_utilization_ratio", labels) is None


def test_labels_are_never_ids(registry: CollectorRegistry) -> None:
    shared = rx.range(100).pipe(ops.share(), ops.named("orders"))
    taken = []
    for _ in range(5):
        taken.append(iter(shared))
        subscription = shared.subscribe(lambda _: None)
        subscription.dispose()
    text = generate_latest(registry).decode()
    assert 'stage="share' in text
    assert "#" not in "".join(line for line in text.splitlines() if not line.startswith("#"))


def test_latencies_are_a_histogram(registry: CollectorRegistry) -> None:
    def found(suffix: str, **labels: str) -> float | None:
        labels = {"flow": "orders", "stage": "part", **labels}
        return registry.get_sample_value(f"rxflow_stage_latency_seconds_{suffix}", labels)

    part = timed("part", Latency(4, 0.75, ((0.001, 2), (0.3, 1), (100.0, 1))))
    with telling(part), telling(part):
        assert found("count") == 8
        assert found("sum") == 1.5
        assert [found("bucket", le=le) for le in ("0.0005", "0.001", "0.5", "50.0", "+Inf")] == [
            *(0, 4, 6, 6, 8)
        ]
    assert found("count") == 8


def test_a_collector_keeps_nothing_alive(registry: CollectorRegistry) -> None:
    world = Buffered()
    generate_latest(registry)
    kept = weakref.ref(world.subscriber.subscription)
    del world
    gc.collect()
    assert kept() is None


def test_a_collector_that_nobody_has_is_collected() -> None:
    kept = weakref.ref(FlowCollector()._totals)
    gc.collect()
    assert kept() is None


def test_it_is_registered_without_a_reading() -> None:
    collector = FlowCollector()
    assert collector.describe() == []
    with pytest.raises(ValueError, match="most_stages"):
        FlowCollector(0)
    collector.close()
