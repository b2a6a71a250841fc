"""Turns of an event loop, what is collected on it, and a Subscriber."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterable, Callable
from typing import Any, TypeVar

from rxflow import Subscriber, Subscription
from rxflow.testing import StuckError, VirtualTimeLoop
from rxflow.testing import run_virtual as run

__all__ = [
    "Recorder",
    "StuckError",
    "VirtualTimeLoop",
    "collect",
    "forget",
    "run",
    "turns",
    "until",
]

T = TypeVar("T")


async def turns(count: int) -> None:
    """Give every other task of the loop some turns."""
    for _ in range(count):
        await asyncio.sleep(0)


async def until(condition: Callable[[], object], most: int = 1000) -> None:
    """Give other tasks turns until a condition holds."""
    for _ in range(most):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError(f"it does not come in {most} turns")


async def collect(items: AsyncIterable[T], into: list[T]) -> None:
    """Append each item to a list, which also has those before an error."""
    async for item in items:
        into.append(item)


def forget(kept: list[Any]) -> None:
    """Let go of what is in a list, down to the last cycle."""
    kept.clear()
    gc.collect()


class Recorder(Subscriber[Any]):
    """Writes down what it is given; asks for nothing but what it is told to."""

    def __init__(self, requested: int = 0, cancel_after: int | None = None) -> None:
        self.items: list[Any] = []
        self.errors: list[Exception] = []
        self.completed = 0
        self._requested = requested
        self._cancel_after = cancel_after

    def on_subscribe(self, subscription: Subscription) -> None:
        self.request = subscription.request
        self.cancel = subscription.cancel
        if self._requested:
            subscription.request(self._requested)

    def on_next(self, value: Any) -> None:
        self.items.append(value)
        if len(self.items) == self._cancel_after:
            self.cancel()

    def on_error(self, error: Exception) -> None:
        self.errors.append(error)

    def on_completed(self) -> None:
        self.completed += 1
