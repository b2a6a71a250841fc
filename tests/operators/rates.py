"""What the tests of rates share: a subscriber that notes times, and a source to be asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from reactivex.scheduler import VirtualTimeScheduler
from reactivex.testing import TestScheduler

import rxflow as rx
from rxflow import Emitter, Flow
from rxflow.testing import StuckError, TestSubscriber, VirtualTimeLoop, run_virtual

Times = list[tuple[float, Any]]


class Timed(TestSubscriber[Any]):
    """Notes when each item came.

    Attributes:
        times: Each item with the time at which it came.
        ended_at: When it was told of the end.
    """

    def __init__(self, clock: TestScheduler, initial: int = rx.UNBOUNDED, **options: Any) -> None:
        super().__init__(initial, **options)
        self.clock = clock
        self.times: Times = []
        self.ended_at: float | None = None

    def on_next(self, value: Any) -> None:
        self.times.append((round(self.clock.clock, 6), value))
        super().on_next(value)

    def on_error(self, error: Exception) -> None:
        self.ended_at = self.clock.clock
        super().on_error(error)

    def on_completed(self) -> None:
        self.ended_at = self.clock.clock
        super().on_completed()

    @property
    def at(self) -> list[float]:
        return [time for time, _ in self.times]


class Asked:
    """A source that is pushed into, and tells what is asked of it.

    Attributes:
        requests: Each request that reached it (items).
        cancelled: Whether it was cancelled.
    """

    def __init__(self) -> None:
        self.requests: list[int] = []
        self.cancelled = False
        self.flow: Flow[Any] = rx.create(self._start, overflow=rx.FAIL, capacity=1_000)

    def _start(self, emitter: Emitter[Any]) -> Callable[[], None]:
        self.emitter = emitter
        emitter.on_request(self.requests.append)
        return self._cancel

    def _cancel(self) -> None:
        self.cancelled = True

    @property
    def outstanding(self) -> int:
        """What is asked for and not given (items)."""
        return self.emitter.requested

    def push(self, *items: Any) -> None:
        for item in items:
            self.emitter.on_next(item)

    def fail(self, error: Exception) -> None:
        self.emitter.on_error(error)

    def complete(self) -> None:
        self.emitter.on_completed()


def subscribed(
    clock: TestScheduler, flow: Flow[Any], initial: int = rx.UNBOUNDED, **options: Any
) -> Timed:
    """Subscribe one that notes times."""
    probe = Timed(clock, initial, **options)
    flow.subscribe(probe)
    return probe


def finish(clock: TestScheduler) -> None:
    """Let the time pass until nothing is scheduled, and no longer."""
    VirtualTimeScheduler.start(clock)


def balanced(probe: TestSubscriber[Any], name: str) -> bool:
    """Tell whether each item of a part is accounted for once."""
    part = probe.statistics[name]
    dropped = sum(part.dropped.values())
    return part.received == part.delivered + part.held + dropped + part.discarded


def time_left(step: Callable[[Flow[Any]], Flow[Any]]) -> float:
    """Cancel a pipeline on a loop; tell how long timers go on after that (seconds)."""
    loop = VirtualTimeLoop()

    async def main() -> None:
        probe = TestSubscriber[Any](rx.UNBOUNDED)
        rx.from_iterable(range(9)).concat(rx.never()).pipe(step).subscribe(probe)
        probe.cancel()
        await asyncio.Event().wait()

    with pytest.raises(StuckError):
        run_virtual(main(), lambda: loop)
    return loop.time()
