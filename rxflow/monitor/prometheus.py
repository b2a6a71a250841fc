"""The metrics for Prometheus, by its client library (extra ``prometheus``).

from prometheus_client import REGISTRY, start_http_server
from rxflow.monitor.prometheus import FlowCollector

REGISTRY.register(FlowCollector())
start_http_server(9000)
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from .metrics import (
    ACTIVE,
    DROPPED,
    LATENCY,
    LATENCY_BOUNDS,
    STAGE,
    TERMINATED,
    Kind,
    Metric,
    Split,
)
from .sums import FlowTotals, StageTotals
from .totals import MOST_STAGES, Reading, Totals

Family = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily


class FlowCollector(Collector):
    """Gives the figures of all Flows that run, when it is scraped; in between it does nothing.

    A subscription that begins and ends between two scrapes is counted all the same. The
    labels are ``flow`` (see ``named``), ``stage``, and ``reason`` or ``status``, never an id;
    subscriptions of one flow are added up.
    """

    def __init__(self, most_stages: int = MOST_STAGES) -> None:
        """Count from now on.

        Args:
            most_stages: Most pairs of flow and stage that are told apart; the rest are
                added up as flow "other".

        Raises:
            ValueError: most_stages < 1.
        """
        self._totals = Totals(most_stages)

    def describe(self) -> list[Family]:
        """Say nothing ahead, so that a registry takes it without a reading."""
        return []

    def collect(self) -> Iterator[Family]:
        """Read the figures."""
        reading = self._totals.read()
        for metric in STAGE:
            yield _stages(metric, reading.stages)
        yield _dropped(reading.stages)
        yield _latency(reading.stages)
        yield from _flows(reading)

    def close(self) -> None:
        """Count no more; to be called after it was taken off its registry."""
        self._totals.close()


def _family(metric: Metric | Split, *labels: str) -> CounterMetricFamily | GaugeMetricFamily:
    counts = isinstance(metric, Split) or metric.kind is Kind.COUNTER
    make = CounterMetricFamily if counts else GaugeMetricFamily
    return make(metric.name, metric.help, labels=labels)


def _stages(metric: Metric, stages: tuple[StageTotals, ...]) -> Family:
    family = _family(metric, "flow", "stage")
    for stage in stages:
        value = stage.values.get(metric)
        if value is not None:
            family.add_metric((stage.flow, stage.stage), value)
    return family


def _dropped(stages: tuple[StageTotals, ...]) -> Family:
    family = _family(DROPPED, "flow", "stage", DROPPED.label)
    for stage in stages:
        for reason, count in stage.dropped.items():
            family.add_metric((stage.flow, stage.stage, reason), count)
    return family


def _latency(stages: tuple[StageTotals, ...]) -> Family:
    family = HistogramMetricFamily(LATENCY.name, LATENCY.help, labels=("flow", "stage"))
    bounds = (*map(str, LATENCY_BOUNDS), "+Inf")
    for stage in stages:
        if stage.latency:
            buckets = [*zip(bounds, accumulate(stage.latency), strict=True)]
            family.add_metric((stage.flow, stage.stage), buckets, stage.latency_seconds)
    return family


def _flows(reading: Reading) -> Iterator[Family]:
    active, terminated = _family(ACTIVE, "flow"), _family(TERMINATED, "flow", TERMINATED.label)
    flows: tuple[FlowTotals, ...] = reading.flows
    for flow in flows:
        active.add_metric((flow.flow,), flow.active)
        for status, count in flow.terminated.items():
            terminated.add_metric((flow.flow, status), count)
    yield active
    yield terminated
