"""The bursty pipeline: each kind by its own policy, and every event accounted for."""

from __future__ import annotations

import asyncio
import json
import sys

import pytest

from rxflow.examples import bursts


@pytest.fixture(scope="module")
def report() -> bursts.Report:
    """One burst into a consumer that is far too slow for it."""
    return asyncio.run(bursts.run(1, capacity=100, rate=1e9))


def test_trades_are_absorbed(report: bursts.Report) -> None:
    assert report.published["trade"] == report.handled["trade"] > 4000
    assert "on_backpressure_spill" not in report.dropped
    assert report.peak_held["on_backpressure_spill"] <= 100  # the rest was on disk


def test_of_the_quotes_the_newest_of_each_symbol_is_kept(report: bursts.Report) -> None:
    replaced = report.dropped["conflate_by_key"]["replaced"]
    assert report.published["quote"] == report.handled["quote"] + replaced
    assert report.handled["quote"] >= 200
    assert report.peak_held["conflate_by_key"] <= 200


def test_of_the_logs_some_are_shed(report: bursts.Report) -> None:
    assert report.published["log"] == report.handled["log"] + report.dropped["shed"]["shed"]
    assert report.peak_held["shed"] <= 100


def test_memory_is_bounded_whatever_the_burst(report: bursts.Report) -> None:
    assert sum(report.published.values()) == bursts.BURST
    assert sum(report.peak_held.values()) < 1000


def test_its_report_is_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["bursts", "--bursts", "0"])
    bursts.main()
    assert json.loads(capsys.readouterr().out)["handled"] == {}
