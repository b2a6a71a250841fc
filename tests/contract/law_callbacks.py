"""What the pipelines of the law call. Its text is printed in front of each failing example."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from itertools import count
from threading import Thread
from typing import Any

from reactivex import operators as stock

import rxflow as rx
from rxflow import operators as ops


class CallbackError(Exception):
    """What a callback raises."""


class SourceError(Exception):
    """What a source fails with."""


def fused(nth: int, function: Callable[..., Any]) -> Callable[..., Any]:
    """Make a callback that raises in its nth call; 0 stands for never."""
    calls = count(1)

    def call(*args: Any) -> Any:
        if next(calls) == nth:
            raise CallbackError(f"call {nth}")
        return function(*args)

    return call


def fold(values: Iterable[int]) -> int:
    """Give a number that stands for several ones in their order."""
    total = 7
    for value in values:
        total = (31 * total + int(value)) % 1009
    return total


def steps(length: int, fails: bool) -> Iterator[int]:
    """Give 1, 2, 3, ..., then the end or a failure."""
    yield from range(1, length + 1)
    if fails:
        raise SourceError("the source")


def signal(notification: Any) -> int:
    """Give a number that stands for a notification."""
    return notification.accept(lambda value: value, lambda _: -2, lambda: -1)


class Run:
    """What one subscription has brought to a joint.

    Attributes:
        items: They, in order.
        end: None when it has completed, or its failure; this Run itself while it is open.
    """

    def __init__(self) -> None:
        self.items: list[int] = []
        self.end: Any = self


class Journal:
    """Notes what passes the joints of a pipeline, and what its doors give up.

    Attributes:
        runs: What has passed each joint, by subscription.
        dropped: What each door has dropped, with the reasons.
        discarded: What each door has discarded.
    """

    def __init__(self) -> None:
        self.runs: dict[str, list[Run]] = {}
        self.dropped: dict[str, list[tuple[int, str]]] = {}
        self.discarded: dict[str, list[int]] = {}

    def _signals(self, joint: str) -> tuple[Any, Any, Any, Any]:
        runs = self.runs.setdefault(joint, [])
        current: list[Run] = []

        def run() -> Run:
            if not current:
                current.append(Run())
                runs.append(current[0])
            return current[0]

        def end(error: Any = None) -> None:
            run().end = error

        return lambda item: run().items.append(item), end, end, current.clear

    def tap(self, joint: str) -> Any:
        """Make the operators that note what passes a joint of a Flow."""
        on_next, on_error, on_completed, over = self._signals(joint)
        return ops.do_action(on_next, on_error, on_completed), ops.finally_action(over)

    def entry(self, joint: str) -> Any:
        """Make the operator that notes what passes a joint of a plain Observable."""
        return stock.do_action(self._signals(joint)[0])

    def drop(self, door: str, nth: int = 0) -> Callable[[int, str], object]:
        """Make the ``on_drop`` of a door."""
        dropped = self.dropped.setdefault(door, [])
        return fused_after(nth, lambda item, reason: dropped.append((item, reason)))

    def discard(self, door: str, nth: int = 0) -> Callable[[int], object]:
        """Make the ``on_discard`` of a door."""
        return fused_after(nth, self.discarded.setdefault(door, []).append)


def fused_after(nth: int, function: Callable[..., Any]) -> Callable[..., Any]:
    """Make a callback that raises in its nth call, when it has done its work."""
    fuse = fused(nth, lambda: None)

    def call(*args: Any) -> None:
        function(*args)
        fuse()

    return call


class Tap:
    """The producer behind ``create``: offers to whoever has subscribed last.

    Attributes:
        entered: What was taken, also what was lost by the strategy.
    """

    def __init__(self) -> None:
        self.emitters: list[Any] = []
        self.entered: list[int] = []

    def __call__(self, emitter: Any) -> None:
        self.emitters.append(emitter)

    def on_next(self, item: int) -> None:
        for emitter in self.emitters[-1:]:
            if emitter.try_offer(item) in (rx.Offer.ENQUEUED, rx.Offer.DROPPED):
                self.entered.append(item)

    def on_error(self, error: Exception) -> None:
        for emitter in self.emitters[-1:]:
            emitter.on_error(error)

    def on_completed(self) -> None:
        for emitter in self.emitters[-1:]:
            emitter.on_completed()


def awaited(function: Callable[[int], int]) -> Callable[[int], Awaitable[int]]:
    """Make an async function, which takes longer for some items than for others."""

    async def call(item: int) -> int:
        await asyncio.sleep(item % 3)
        return function(item)

    return call


class AtOnce(Executor):
    """An executor that runs a call when it is given it."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


def produce(producer: Any, first: int, count: int) -> None:
    """Push items with numbers of their own."""
    for item in range(first, first + count):
        producer.on_next(item)


def ask(subscriber: Any, requests: list[int], cancels: bool) -> None:
    """Request, then perhaps cancel."""
    for n in requests:
        subscriber.request(n)
    if cancels:
        subscriber.cancel()


class Worker(Thread):
    """A thread that remembers with what it has failed."""

    def __init__(self, call: Callable[[], None]) -> None:
        super().__init__(daemon=True)
        self.call = call
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self.call()
        except BaseException as error:
            self.error = error


def started(*calls: Callable[[], None]) -> list[Worker]:
    """Call functions in a thread each, all at the same time."""
    workers = [Worker(call) for call in calls]
    for worker in workers:
        worker.start()
    return workers


def joined(workers: Iterable[Worker]) -> None:
    """Wait until threads are done."""
    for worker in workers:
        worker.join(10)
        assert not worker.is_alive(), "a thread waits for ever"
        assert worker.error is None, f"a thread has raised {worker.error!r}"
