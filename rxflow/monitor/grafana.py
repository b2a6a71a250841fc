"""A dashboard for Grafana, made from the definitions of the metrics."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .metrics import ACTIVE, DROPPED, LATENCY, STAGE, TERMINATED, Kind, Metric, Split

UNITS = {"s": "s", "1": "percentunit"}
"""Grafana's names of units; what has none is counted."""

WIDTH, HEIGHT, COLUMNS = 12, 8, 24

_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
_STAGE_FILTER = '{flow=~"$flow", stage=~"$stage"}'
_FLOW_FILTER = '{flow=~"$flow"}'

FIRST = ("rxflow_stage_utilization_ratio", "rxflow_stage_items_emitted_total")
"""What is looked at first."""


def dashboard(title: str = "rxflow") -> dict[str, Any]:
    """Make a dashboard with a panel for each metric.

    Args:
        title: What it is called.

    Returns:
        What Grafana imports, as JSON (``json.dumps`` writes it).
    """
    return {
        "title": title,
        "uid": "rxflow",
        "tags": ["rxflow"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "10s",
        "time": {"from": "now-15m", "to": "now"},
        "templating": {
            "list": [
                {"name": "datasource", "type": "datasource", "query": "prometheus"},
                _variable("flow", f"label_values({ACTIVE.name}, flow)"),
                _variable("stage", f'label_values({STAGE[0].name}{{flow=~"$flow"}}, stage)'),
            ]
        },
        "panels": [_panel(number, *each) for number, each in enumerate(_shown())],
    }


def queries() -> tuple[str, ...]:
    """Give each query of the dashboard."""
    return tuple(query for _, query, _, _ in _shown())


def _shown() -> Iterator[tuple[Metric | Split, str, str, str]]:
    """Give what each panel shows: the metric, the query, the unit and what a line is called."""
    flows = (
        (ACTIVE, f"sum by (flow) ({ACTIVE.name}{_FLOW_FILTER})", "short", "{{flow}}"),
        (
            TERMINATED,
            f"sum by (flow, status) (rate({TERMINATED.name}{_FLOW_FILTER}[$__rate_interval]))",
            "ops",
            "{{flow}} {{status}}",
        ),
    )
    yield from map(_stage, sorted(STAGE, key=lambda metric: metric.name not in FIRST))
    yield (
        DROPPED,
        f"sum by (flow, stage, reason) (rate({DROPPED.name}{_STAGE_FILTER}[$__rate_interval]))",
        "ops",
        "{{flow}} {{stage}} {{reason}}",
    )
    times = f"rate({LATENCY.name}_bucket{_STAGE_FILTER}[$__rate_interval])"
    yield (
        LATENCY,
        f"histogram_quantile(0.99, sum by (flow, stage, le) ({times}))",
        "s",
        "{{flow}} {{stage}} p99",
    )
    yield from flows


def _stage(metric: Metric) -> tuple[Metric, str, str, str]:
    query, unit = f"{metric.name}{_STAGE_FILTER}", UNITS.get(metric.unit, "short")
    if metric.kind is Kind.COUNTER:
        query, unit = f"rate({query}[$__rate_interval])", "percentunit" if unit == "s" else "ops"
    joined = "max" if metric.kind is Kind.WORST else "sum"
    return metric, f"{joined} by (flow, stage) ({query})", unit, "{{flow}} {{stage}}"


def _panel(number: int, metric: Metric | Split, query: str, unit: str, legend: str) -> Any:
    row, column = divmod(number, COLUMNS // WIDTH)
    name = metric.name.removeprefix("rxflow_").removesuffix("_total").removesuffix("_ratio")
    return {
        "id": number + 1,
        "type": "timeseries",
        "title": name.replace("_", " "),
        "description": metric.help,
        "datasource": _SOURCE,
        "gridPos": {"x": column * WIDTH, "y": row * HEIGHT, "w": WIDTH, "h": HEIGHT},
        "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
        "options": {},
        "targets": [{"refId": "A", "datasource": _SOURCE, "expr": query, "legendFormat": legend}],
    }


def _variable(name: str, query: str) -> Any:
    return {
        "name": name,
        "type": "query",
        "datasource": _SOURCE,
        "query": query,
        "includeAll": True,
        "multi": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
    }
