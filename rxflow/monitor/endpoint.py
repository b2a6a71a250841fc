"""Reads the figures of another process, from where Prometheus scrapes them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.request import urlopen

from .metrics import ACTIVE, BY_NAME, DROPPED, TERMINATED, Metric
from .sums import FlowTotals, StageTotals
from .totals import Reading

if TYPE_CHECKING:
    from prometheus_client import Metric as Family

PATIENCE = 10.0
"""How long an answer may take (seconds)."""


def read_endpoint(url: str) -> Reading:
    """Read the figures that a process exposes with a ``FlowCollector``.

    Args:
        url: Where, such as "http://localhost:9000/metrics".

    Returns:
        How everything stands there.

    Raises:
        OSError: Nobody answers there.
        ValueError: It is no address, or the answer is not in Prometheus' format.
    """
    from prometheus_client.parser import text_string_to_metric_families

    if not url.startswith(("http://", "https://")):
        raise ValueError(f"{url!r} is no address of the web, such as http://localhost:9000/metrics")
    with urlopen(url, timeout=PATIENCE) as answer:
        text = answer.read().decode("utf-8")
    return reading_of(text_string_to_metric_families(text))


def reading_of(families: Iterable[Family]) -> Reading:
    """Understand what was exposed; what is not rxflow's is left out.

    Args:
        families: Metrics with their samples.
    """
    values: dict[tuple[str, str], dict[Metric, float]] = {}
    dropped: dict[tuple[str, str], dict[str, int]] = {}
    active: dict[str, int] = {}
    terminated: dict[str, dict[str, int]] = {}
    for family in families:
        for sample in family.samples:
            labels, flow = sample.labels, sample.labels.get("flow", "")
            key = flow, labels.get("stage", "")
            if sample.name == ACTIVE.name:
                active[flow] = int(sample.value)
            elif sample.name == TERMINATED.name:
                terminated.setdefault(flow, {})[labels[TERMINATED.label]] = int(sample.value)
            elif sample.name == DROPPED.name:
                dropped.setdefault(key, {})[labels[DROPPED.label]] = int(sample.value)
            elif sample.name in BY_NAME:
                values.setdefault(key, {})[BY_NAME[sample.name]] = sample.value
    return Reading(
        tuple(
            StageTotals(*key, active.get(key[0], 0), found, dropped.get(key, {}))
            for key, found in values.items()
        ),
        tuple(FlowTotals(flow, n, terminated.get(flow, {})) for flow, n in active.items()),
    )
