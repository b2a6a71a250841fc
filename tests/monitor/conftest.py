"""What runs is what a test has begun itself."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry

from rxflow.monitor.prometheus import FlowCollector

from .worlds import Buffered, buffered


@pytest.fixture(autouse=True)
def nothing_runs_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the subscriptions that earlier tests have left running."""
    module = sys.modules["rxflow.kernel.running"]  # the function has the same name
    monkeypatch.setattr(module, "_running", {})


@pytest.fixture
def world() -> Iterator[Buffered]:
    with buffered(capacity=10) as made:
        yield made


@pytest.fixture
def registry() -> Iterator[CollectorRegistry]:
    registry = CollectorRegistry()
    collector = FlowCollector()
    registry.register(collector)
    yield registry
    collector.close()
