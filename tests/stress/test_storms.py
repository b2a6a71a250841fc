"""A thousand streams that are subscribed to and left: no task, thread, file or object is left."""

from __future__ import annotations

import asyncio
import gc
import os
import random
import sys
import threading
import tracemalloc
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
import reactivex
from reactivex.scheduler import NewThreadScheduler
from reactivex.subject import Subject
from reactivex.testing import TestScheduler

import rxflow as rx
from rxflow import operators as ops
from rxflow.protocol import UNBOUNDED
from rxflow.testing import TestSubscriber, run_virtual
from tests.kernel.recorder import dropped_errors, in_thread

pytestmark = pytest.mark.stress

STORMS = 1000
WARM = 60  # streams that are run before it is measured: what is made once, is made there
LEFT = 40  # what a stream may leave on average, for free lists and the like (bytes)
PATIENCE = 30.0  # seconds; only a hang gets there


def objects() -> Counter[str]:
    """Count what is alive of rxflow and reactivex, by class."""
    gc.collect()
    return Counter(
        f"{type(each).__module__}.{type(each).__qualname__}"
        for each in gc.get_objects()
        if str(type(each).__module__).startswith(("rxflow", "reactivex", "tests"))
    )


def files() -> int:
    """Count the open files, where that can be known."""
    return len(os.listdir("/proc/self/fd")) if sys.platform == "linux" else 0


def leaks_nothing(storm: Callable[[int], object]) -> None:
    """Run a thousand storms and look at what is left."""
    with dropped_errors() as reported:
        for number in range(WARM):
            storm(number)
        alive, threads, opened = objects(), threading.active_count(), files()
        tracemalloc.start()
        try:
            for number in range(WARM):
                storm(number)
            gc.collect()
            before, _ = tracemalloc.get_traced_memory()
            for number in range(STORMS):
                storm(number)
            gc.collect()
            after, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert objects() - alive == Counter()
    assert threading.active_count() == threads
    assert files() == opened
    assert reported == []
    assert after - before < LEFT * STORMS, f"{after - before} bytes"


def add(left: Any, right: Any) -> Any:
    return left + right


SYNCHRONOUS: dict[str, Callable[[Any], Any]] = {
    "fused": lambda source: source.pipe(
        ops.map(lambda x: x + 1), ops.filter(bool), ops.scan(add), ops.buffer_with_count(2)
    ),
    "merge": lambda source: rx.merge(source, source, rx.never()),
    "zip": lambda source: source.pipe(ops.zip(source, rx.range(100))),
    "flat_map": lambda source: source.pipe(ops.flat_map(lambda x: rx.range(x % 5))),
    "concat_map": lambda source: source.pipe(ops.concat_map(lambda x: reactivex.of(x, x))),
    "concat": lambda source: rx.concat(source.pipe(ops.take(3)), source),
    "retry": lambda source: source.pipe(
        ops.map(lambda x: 1 // (x % 3)), ops.retry(4), ops.catch(rx.of(1))
    ),
    "limit_rate": lambda source: source.pipe(ops.limit_rate(5), ops.pairwise()),
    "finally": lambda source: source.pipe(ops.finally_action(lambda: None), ops.materialize()),
    "sync, lifted": lambda source: source.pipe(rx.lift(reactivex.operators.pairwise())),
    "combine_latest, lifted": lambda source: source.pipe(ops.combine_latest(source)),
    "group_by, lifted": lambda source: source.pipe(
        ops.group_by(lambda x: x % 2), ops.flat_map(lambda group: group)
    ),
    "groups nobody reads, lifted": lambda source: source.pipe(ops.group_by(lambda x: x % 7)),
    "window, lifted": lambda source: source.pipe(ops.window_with_count(3)),
    "switch, lifted": lambda source: source.pipe(ops.switch_map(lambda x: rx.of(x, x))),
}


@pytest.mark.parametrize("hot", [False, True], ids=["cold", "hot"])
@pytest.mark.parametrize("name", SYNCHRONOUS)
def test_synchronous_streams(name: str, hot: bool):
    """They are left at some point: before a request, in the middle, in an item, or at the end."""
    subject: Subject[int] = Subject()
    source = subject.pipe(ops.on_backpressure_buffer(16, overflow=rx.DROP_OLDEST))
    flow = SYNCHRONOUS[name](source if hot else rx.range(9))

    def storm(number: int) -> None:
        chance = random.Random(number)
        probe: TestSubscriber[Any] = TestSubscriber(
            chance.choice((0, 1, 5, UNBOUNDED)), cancel_after=chance.choice((None, 1, 3))
        )
        flow.subscribe(probe)
        for item in range(chance.randrange(12) if hot else 0):
            subject.on_next(item)
        probe.request(chance.randrange(1, 9))
        probe.cancel()

    leaks_nothing(storm)
    assert subject.observers == []


@pytest.mark.parametrize(
    "name",
    ["fused", "retry", "flat_map", "concat_map", "combine_latest, lifted", "group_by, lifted"],
)
def test_streams_of_a_loop_in_this_thread(name: str):
    """One that is left by break, and forgotten."""
    flow = SYNCHRONOUS[name](rx.range(9))

    def storm(number: int) -> None:
        for index, _ in enumerate(flow):
            if index == number % 9:
                break

    leaks_nothing(storm)


TIMED: dict[str, Callable[[Any], Any]] = {
    "delay": lambda _: ops.delay(3.0),
    "debounce": lambda _: ops.debounce(0.5),
    "sample": lambda _: ops.sample(2.0),
    "buffer_with_time": lambda _: ops.buffer_with_time(2.0),
    "timeout": lambda _: ops.timeout(9.0),
    "observe_on": ops.observe_on,
}


@pytest.mark.parametrize("name", TIMED)
def test_streams_that_wait_for_a_clock(name: str):
    def storm(number: int) -> None:
        clock = TestScheduler()
        probe: TestSubscriber[Any] = TestSubscriber(number % 4)
        rx.interval(1.0).pipe(TIMED[name](clock)).subscribe(probe, scheduler=clock)
        clock.advance_by(number % 5)
        probe.cancel()

    leaks_nothing(storm)


# Threads.


def test_threads_that_push_and_are_let_go():
    def storm(number: int) -> None:
        joins: list[Any] = []

        def emit(emitter: rx.Emitter[int]) -> None:
            def push() -> None:
                while not emitter.closed:
                    emitter.on_next(number)

            joins.append(in_thread(push))

        probe: TestSubscriber[int] = TestSubscriber(number % 5)
        overflow = rx.BLOCK if number % 2 else rx.DROP_OLDEST
        rx.create(emit, overflow=overflow, capacity=4).subscribe(probe)
        probe.cancel()
        joins[0](PATIENCE)

    leaks_nothing(storm)


def test_threads_that_deliver():
    def storm(number: int) -> None:
        made: list[threading.Thread] = []

        def thread(target: Any) -> threading.Thread:
            made.append(threading.Thread(target=target, daemon=True))
            return made[-1]

        probe: TestSubscriber[int] = TestSubscriber(number % 5)
        rx.range(20).pipe(
            ops.observe_on(NewThreadScheduler(thread), prefetch=4), ops.map(str)
        ).subscribe(probe)
        probe.cancel()
        for each in made:
            each.join(PATIENCE)
            assert not each.is_alive()

    leaks_nothing(storm)


# Event loops: one for many streams, so that a task that is left would be seen.


class Opened:
    """Gives async generators that hold a file open."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def lines(self) -> AsyncIterator[str]:
        with self._path.open() as file:
            for line in file:
                await asyncio.sleep(0)
                yield line


async def _work(item: Any) -> Any:
    await asyncio.sleep(0)
    return item


async def _iterate(flow: Any) -> None:
    async with aclosing(aiter(flow)) as items:
        async for _ in items:
            await asyncio.sleep(0)


async def _forget(flow: Any) -> None:
    async for _ in flow:
        await asyncio.sleep(0)


async def _chunks(flow: Any) -> None:
    async with aclosing(flow.chunks(3)) as chunks:
        async for _ in chunks:
            await asyncio.sleep(0)


CONSUMERS: dict[str, Callable[[Any], Any]] = {
    "async for": _iterate,
    "async for, without aclosing": _forget,
    "chunks": _chunks,
    "map_async": lambda flow: _iterate(flow.map_async(_work, 3)),
    "for_each": lambda flow: flow.for_each(_work, max_concurrency=2),
    "to_queue": lambda flow: flow.to_queue(asyncio.Queue(2)),
    "limit_rate": lambda flow: _iterate(flow.limit_rate(4)),
    "merge": lambda flow: _iterate(rx.merge(flow, flow)),
    "delay": lambda flow: _iterate(flow.delay(0.0)),
}


@pytest.mark.parametrize("name", CONSUMERS)
def test_tasks_that_are_cancelled(name: str, tmp_path: Path):
    path = tmp_path / "lines"
    path.write_text("\n".join("abcdefgh"))
    opened = Opened(path)

    async def storms(first: int) -> None:
        for number in range(first, first + 20):
            task = asyncio.ensure_future(CONSUMERS[name](rx.from_async_iterable(opened.lines())))
            for _ in range(number % 23):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            del task
            for _ in range(3):  # for what is left to the collector
                await asyncio.sleep(0)

    def storm(number: int) -> None:
        if not number % 20:
            run_virtual(storms(number))

    leaks_nothing(storm)


def test_files_of_generators(tmp_path: Path):
    """Also of one that is not begun, of a second source, and of an inner one."""
    path = tmp_path / "lines"
    path.write_text("\n".join("abcdefgh"))

    def lines() -> Iterator[str]:
        with path.open() as file:
            yield from file

    def storm(number: int) -> None:
        source = rx.defer(lambda _: lines())
        flow: Any = (
            source,
            source.pipe(ops.zip_with_iterable(lines())),
            source.pipe(ops.merge(source), ops.zip(source)),
            source.pipe(ops.flat_map_iterable(lambda _: lines())),
            source.pipe(ops.flat_map(lambda _: source), ops.take(9)),
            source.pipe(ops.map(int), ops.retry(3)),  # which fails
        )[number % 6]
        probe: TestSubscriber[Any] = TestSubscriber(number % 4)
        flow.subscribe(probe)
        probe.cancel()
        assert files() == before, "closed when cancel returns, and not by the collector"

    before = files()
    leaks_nothing(storm)
