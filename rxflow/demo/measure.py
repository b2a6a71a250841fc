"""One measured run: the replay through one strategy into a slow consumer, and its books."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from time import perf_counter

import rxflow as rx

from .departures import Row
from .pipeline import STRATEGIES, Update, updates
from .replay import Replay


@dataclass(frozen=True, slots=True)
class Load:
    """How hard a run is.

    Attributes:
        rows: The day.
        speed: How much faster than the real day it is replayed (factor, above 0).
        capacity: Most announcements held at the door (items, at least 1).
        work: How long the consumer takes for each item (seconds, 0 or more).
    """

    rows: Sequence[Row]
    speed: float
    capacity: int
    work: float


@dataclass(frozen=True, slots=True)
class Figures:
    """The books of a run: ``produced`` is what was delivered, dropped, discarded or is held.

    Attributes:
        strategy: The overflow strategy.
        produced: Announcements that came to the door (items).
        delivered: Updates that the consumer was given (items).
        dropped: What the strategy gave up (items).
        discarded: What was held when the stream was cut short (items).
        held: What is held now (items); 0 at the end.
        peak_held: The most that the door held at once (items).
        waited_seconds: How long the producer was made to wait for room (seconds).
        latency_p50_ms: Median time from push to consumer (milliseconds), None without items.
        latency_p99_ms: The same at the 99th percentile (milliseconds).
        error: How the strategy failed the stream, if it did.
        interrupted: Whether the run was cut short.
    """

    strategy: str
    produced: int = 0
    delivered: int = 0
    dropped: int = 0
    discarded: int = 0
    held: int = 0
    peak_held: int = 0
    waited_seconds: float = 0.0
    latency_p50_ms: float | None = None
    latency_p99_ms: float | None = None
    error: str | None = None
    interrupted: bool = False

    def as_json(self) -> dict[str, object]:
        """Give the fields for ``--json``; ``error`` and ``interrupted`` only where there is one."""
        report: dict[str, object] = {
            "strategy": self.strategy,
            "produced": self.produced,
            "delivered": self.delivered,
            "dropped": self.dropped,
            "discarded": self.discarded,
            "peak_held": self.peak_held,
            "waited_seconds": round(self.waited_seconds, 3),
            "latency_p50_ms": _rounded(self.latency_p50_ms),
            "latency_p99_ms": _rounded(self.latency_p99_ms),
        }
        if self.error is not None:
            report["error"] = self.error
        if self.interrupted:
            report["interrupted"] = True
        return report


class Run:
    """One strategy under load. Its figures can be read at any time, also while it runs."""

    def __init__(self, strategy: str, load: Load) -> None:
        """Prepare a run.

        Args:
            strategy: A key of ``STRATEGIES``.
            load: How hard it is.
        """
        self.strategy = strategy
        self.last: Update | None = None  # what the consumer was given last
        self._load = load
        self._replay = Replay(load.rows, load.speed)
        door = STRATEGIES[strategy](load.capacity)
        self._updates = aiter(updates(self._replay.announcements, door).named("departures"))
        self._latencies: list[float] = []  # of what was delivered, in order (seconds)
        self._error: str | None = None
        self._interrupted = False

    async def consume(self) -> None:
        """Replay the day and take it in at the consumer's pace; to be called once."""
        try:
            async with aclosing(self._updates):
                self._replay.start()
                async for update in self._updates:
                    self._latencies.append(perf_counter() - update.announced)
                    self.last = update
                    await asyncio.sleep(self._load.work)
        except rx.BackpressureError as error:
            self._error = f"{type(error).__name__}: {error}"
        except asyncio.CancelledError:
            self._interrupted = True
            raise
        finally:
            self._replay.stop()
            self._replay.join()

    def figures(self) -> Figures:
        """Read the library's statistics, and the latencies seen by the consumer."""
        stages = self._updates.statistics()
        door = stages[0]
        return Figures(
            strategy=self.strategy,
            produced=door.received,
            delivered=len(self._latencies),
            dropped=sum(sum(stage.dropped.values()) for stage in stages),
            discarded=sum(stage.discarded for stage in stages),
            held=sum(stage.held for stage in stages),
            peak_held=door.peak,
            waited_seconds=door.waited_seconds,
            latency_p50_ms=percentile_ms(self._latencies, 0.50),
            latency_p99_ms=percentile_ms(self._latencies, 0.99),
            error=self._error,
            interrupted=self._interrupted,
        )


def percentile_ms(seconds: Sequence[float], share: float) -> float | None:
    """Find the smallest time that at least ``share`` of the times do not exceed.

    Args:
        seconds: The times (seconds), in any order.
        share: Above 0, at most 1.

    Returns:
        It in milliseconds, or None when there are no times.
    """
    if not seconds:
        return None
    return sorted(seconds)[math.ceil(share * len(seconds)) - 1] * 1000


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
