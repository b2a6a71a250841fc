"""The files that are made from the definitions: rules of Prometheus, a dashboard of Grafana."""

from __future__ import annotations

import json
import re

import pytest

from rxflow.monitor.__main__ import main
from rxflow.monitor.grafana import dashboard, queries
from rxflow.monitor.metrics import ACTIVE, DROPPED, LATENCY, STAGE, TERMINATED, Kind
from rxflow.monitor.rules import default_rules, filling, prometheus_rules

NAMES = [each.name for each in (*STAGE, DROPPED, LATENCY, ACTIVE, TERMINATED)]


def test_names_keep_to_the_conventions() -> None:
    for metric in STAGE:
        assert re.fullmatch(r"rxflow_stage_[a-z_]+", metric.name)
        assert metric.name.endswith("_total") is (metric.kind is Kind.COUNTER)
        assert ("seconds" in metric.name) is (metric.unit == "s")
        assert metric.otel.startswith("rxflow.stage.")
        assert metric.help.endswith(".")
    assert len({each.otel for each in STAGE}) == len({each.name for each in STAGE}) == len(STAGE)


@pytest.mark.parametrize("name", NAMES)
def test_each_metric_has_a_panel(name: str) -> None:
    assert any(re.search(rf"\b{name}(_bucket)?\{{", query) for query in queries())


def test_panels_do_not_overlap_and_have_numbers_of_their_own() -> None:
    panels = dashboard()["panels"]
    assert len(panels) == len(NAMES)
    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}
    assert len(places) == len({panel["id"] for panel in panels}) == len(panels)
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in panels)


def test_the_bounds_of_rules_are_written() -> None:
    text = prometheus_rules([filling(0.9, hold=1.5)], window="5m", severity="page")
    assert "expr: rxflow_stage_utilization_ratio > 0.9\n" in text
    assert "for: 1500ms\n" in text
    assert "severity: page\n" in text
    assert "{{ $labels.flow }}: {{ $labels.stage }} uses {{ $value | humanizePercentage }}" in text


def test_the_command_writes_each_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dashboard"]) == 0
    assert json.loads(capsys.readouterr().out) == dashboard()
    assert main(["rules"]) == 0
    text = capsys.readouterr().out
    assert text == prometheus_rules()
    assert re.findall(r"alert: (\w+)", text) == [rule.name for rule in default_rules()]
