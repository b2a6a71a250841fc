"""A source that the test is in control of, and who subscribes."""

from __future__ import annotations

from typing import Any

import rxflow as rx
from rxflow import Emitter
from rxflow.testing import TestSubscriber


def subscribed(flow: Any, demand: int = 0) -> TestSubscriber:
    probe = TestSubscriber(demand)
    flow.subscribe(probe)
    return probe


class Waiting:
    """A source that gives nothing of itself; the test emits, and sees what is asked for."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.disposed = 0
        self.emitters: list[Emitter[Any]] = []
        self.flow = rx.create(self._start, overflow=rx.FAIL, capacity=1_000)

    def _start(self, emitter: Emitter[Any]) -> Any:
        self.emitters.append(emitter)
        emitter.on_request(self.asked.append)
        return self._dispose

    def _dispose(self) -> None:
        self.disposed += 1

    def emit(self, *items: Any) -> None:
        for item in items:
            self.emitters[-1].on_next(item)

    def complete(self) -> None:
        self.emitters[-1].on_completed()

    def fail(self, error: Exception) -> None:
        self.emitters[-1].on_error(error)
