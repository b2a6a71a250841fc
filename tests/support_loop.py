"""An event loop with virtual time, a runner that tolerates no leftovers, a Subscriber."""

from __future__ import annotations

import asyncio
import gc
import selectors
import sys
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Coroutine
from typing import Any, TypeVar
from weakref import WeakSet

from rxflow import Subscriber, Subscription

T = TypeVar("T")


class StuckError(RuntimeError):
    """Nothing is ready and no timer is set: without threads, it would last for ever."""


class _Jumping(selectors.DefaultSelector):
    """Advances the loop's clock where another selector would wait."""

    clock = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            raise StuckError("every task waits, and nothing is left that could wake one")
        self.clock += timeout
        return []


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """A loop whose time starts at 0 and jumps to the next timer when nothing is ready."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.clock


class _Watch:
    """What must not be left when a main coroutine has ended."""

    def __init__(self) -> None:
        self.reports: list[dict[str, Any]] = []
        self.tasks: set[asyncio.Task[Any]] = set()
        self._generators: WeakSet[AsyncGenerator[Any, Any]] = WeakSet()
        self.uncollected: list[str] = []  # async generators that were left to the collector

    async def main(self, coroutine: Coroutine[Any, Any, T]) -> T:
        loops_own = sys.get_asyncgen_hooks()
        assert loops_own.firstiter is not None
        assert loops_own.finalizer is not None

        def first(generator: AsyncGenerator[Any, Any]) -> None:
            self._generators.add(generator)
            loops_own.firstiter(generator)  # type: ignore[misc]

        def final(generator: AsyncGenerator[Any, Any]) -> None:
            self.uncollected.append(repr(generator))
            loops_own.finalizer(generator)  # type: ignore[misc]

        sys.set_asyncgen_hooks(first, final)
        try:
            return await coroutine
        finally:
            self.tasks = {task for task in asyncio.all_tasks() if not task.done()}
            self.tasks.discard(asyncio.current_task())  # type: ignore[arg-type]

    def check(self) -> None:
        gc.collect(1)  # an exception that was never retrieved is reported at its collection
        assert not self.tasks, f"tasks are left: {self.tasks}"
        assert not self.reports, f"the loop reported: {self.reports}"
        still_open = [each for each in self._generators if each.ag_frame is not None]
        assert not still_open, f"async generators are open: {still_open}"
        assert not self.uncollected, f"left to the garbage collector: {self.uncollected}"


def run(
    coroutine: Coroutine[Any, Any, T],
    make_loop: Callable[[], asyncio.AbstractEventLoop] = VirtualTimeLoop,
) -> T:
    """Run a coroutine on a loop of its own; it must leave nothing behind.

    At its end no other task is left, nothing was reported to the loop's exception
    handler, and each async generator that was begun is closed.
    """
    watch = _Watch()
    loop = make_loop()
    loop.set_exception_handler(lambda _, context: watch.reports.append(context))
    try:
        result = loop.run_until_complete(watch.main(coroutine))
        watch.check()
        return result
    finally:
        _close(loop)


def _close(loop: asyncio.AbstractEventLoop) -> None:
    """Close the loop, after whatever a failed test has left on it."""
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    if left:
        loop.run_until_complete(asyncio.wait(left, timeout=1))
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()


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
