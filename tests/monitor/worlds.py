"""Pipelines whose figures are known by construction."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from types import SimpleNamespace
from typing import Any

from reactivex import Subject

import rxflow as rx
from rxflow import operators as ops
from rxflow.kernel import StageStatistics, appeared, disappeared
from rxflow.monitor import Reading, StageTotals, Status
from rxflow.monitor.metrics import BY_NAME
from rxflow.testing import TestSubscriber


class Buffered:
    """A named flow with a buffer of so many items that drops the oldest, and a demand at hand."""

    def __init__(self, name: str = "orders", capacity: int = 4) -> None:
        self.source = Subject[int]()
        self.subscriber = TestSubscriber[int](0)
        door = ops.on_backpressure_buffer(capacity, overflow=rx.DROP_OLDEST)
        self.source.pipe(door, ops.named(name)).subscribe(self.subscriber)

    def push(self, n: int) -> None:
        for item in range(n):
            self.source.on_next(item)


@contextmanager
def buffered(name: str = "orders", capacity: int = 4) -> Iterator[Buffered]:
    made = Buffered(name, capacity)
    yield made
    made.subscriber.cancel()


class Telling:
    """A consumer whose parts have just the figures that it is given."""

    def __init__(self, *parts: Any, name: str = "orders") -> None:
        self.parts = parts
        self.status = Status.CANCELLED
        self.started = 0.0
        self.flow = rx.empty().pipe(ops.named(name))

    def finish(self) -> None: ...

    def when_over(self, call: object) -> None: ...

    def statistics(self) -> tuple[StageStatistics, ...]:
        return self.parts


@contextmanager
def telling(*parts: Any, name: str = "orders") -> Iterator[Telling]:
    """Have a subscription run whose figures are these."""
    consumer = Telling(*parts, name=name)
    appeared(consumer)
    yield consumer
    disappeared(consumer)


@dataclass(frozen=True)
class Latency:
    """How long items took: in all, together (seconds), and by buckets of a bound (seconds)."""

    count: int
    sum: float
    buckets: tuple[tuple[float, int], ...]


def timed(name: str, latency: Latency) -> Any:
    """Make the figures of a part whose latency is known."""
    part = StageStatistics(name)
    told = {each.name: getattr(part, each.name) for each in fields(part)}
    return SimpleNamespace(**{**told, "latency": latency})


def stage(
    reading: Reading, name: str = "on_backpressure_buffer", flow: str = "orders"
) -> StageTotals:
    [found] = [each for each in reading.stages if (each.flow, each.stage) == (flow, name)]
    return found


def value(totals: StageTotals, metric: str) -> float:
    return totals.values[BY_NAME[f"rxflow_stage_{metric}"]]
