"""What is measured of how cost grows: the curves, each with what bounds it."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import log
from queue import Queue
from threading import Thread
from time import perf_counter_ns, process_time_ns
from typing import Any

import reactivex
from reactivex import operators as stock
from reactivex.subject import Subject

import rxflow as rx
from rxflow import operators as ops

from . import p13_many as many
from .work import increment

CAPACITY = 256
QUICK, FULL = 20_000, 200_000
"""About how many steps one measurement has."""
SUPER_LINEAR = 0.5
"""What looks at all others for each one comes near to a power of 1; a busy machine to 0.4."""

Series = Callable[[int, int], Any]
"""Does the work at a point in about so many steps; gives its units of work, perhaps Prepared."""


@dataclass
class Prepared:
    """What a series gives that has prepared something first.

    Attributes:
        units: How many units of work it was.
        since: What the clock said when all was prepared (ns).
    """

    units: int
    since: int


@dataclass
class Curve:
    """How the cost of a unit of work grows.

    Attributes:
        id: Its name, also of its plot.
        title: What grows.
        across: What is counted across.
        unit: What a cost is the cost of; it should not grow at all.
        points: Where it is measured; those above ``quick`` only in a full run.
        quick: The last point of a quick run.
        bound: What bounds it, for the page.
        clock: The processor's time, unless it is how much gets through that counts.
    """

    id: str
    title: str
    across: str
    unit: str
    points: Sequence[int]
    quick: int
    bound: str
    clock: Callable[[], int] = process_time_ns
    series: dict[str, Series] = field(default_factory=dict)

    def enter(self, name: str) -> Callable[[Series], Series]:
        """Enter the decorated function as a series."""

        def keep(series: Series) -> Series:
            self.series[name] = series
            return series

        return keep

    def measure(self, name: str, x: int, steps: int, rounds: int) -> float:
        """Give the least cost of a unit in some rounds (ns): what else ran only adds to it."""
        return min(self._once(self.series[name], x, steps) for _ in range(rounds))

    def _once(self, series: Series, x: int, steps: int) -> float:
        with asyncio.Runner() as runner:
            runner.get_loop()
            start = self.clock()
            done = series(x, steps)
            units = runner.run(done) if inspect.iscoroutine(done) else done
            end = self.clock()
        if isinstance(units, Prepared):
            start, units = units.since, units.units
        return (end - start) / units


def growth(costs: Sequence[tuple[int, float]]) -> float:
    """Give the power of x that the cost grows with, towards the end of its range.

    It is fitted to the upper half of the points, of three at least; 0 is flat.
    """
    upper = [(log(x or 0.5), log(cost)) for x, cost in costs[-max(3, (len(costs) + 1) // 2) :]]
    mean_x = sum(x for x, _ in upper) / len(upper)
    mean_y = sum(y for _, y in upper) / len(upper)
    spread = sum((x - mean_x) ** 2 for x, _ in upper)
    return sum((x - mean_x) * (y - mean_y) for x, y in upper) / spread if spread else 0.0


STAGES = Curve(
    "stages",
    "Stages",
    "stages of map",
    "ns per item and stage",
    (1, 2, 5, 10, 20, 50, 100),
    100,
    "A stage of map is one call of the user's function from C, and nothing of rxflow's runs for an "
    "item: the stages are nested iterators, and so what a stage costs is what the call costs. "
    "What bounds it is C's stack: each stage is one frame of it deeper.",
)


@STAGES.enter("rxflow")
def _(x: int, steps: int) -> int:
    items = max(1, steps // x)
    found: list[int] = []
    rx.range(items).pipe(*[ops.map(increment)] * x, ops.sum()).subscribe(found.append)
    assert found[0] == sum(range(items)) + items * x
    return items * x


@STAGES.enter("reactivex")
def _(x: int, steps: int) -> int:
    items = max(1, steps // x)
    found: list[int] = []
    stages = [stock.map(increment)] * x
    reactivex.from_iterable(range(items)).pipe(*stages, stock.sum()).subscribe(found.append)
    assert found[0] == sum(range(items)) + items * x
    return items * x


@STAGES.enter("loop over the functions")
def _(x: int, steps: int) -> int:
    items = max(1, steps // x)
    functions, total = [increment] * x, 0
    for item in range(items):
        for function in functions:
            item = function(item)
        total += item
    assert total == sum(range(items)) + items * x
    return items * x


BOUNDARIES = Curve(
    "boundaries",
    "Boundaries",
    "boundaries of 256 one after the other",
    "ns per item and boundary",
    (0, 1, 2, 3, 5, 10),
    10,
    "Each boundary takes an item once into its queue and once out of it, under a lock on the way "
    "in, and asks for 192 more when 192 were taken. Batches go through all boundaries in turn, so "
    "what is held at once grows with their number: at most 256 items each.",
)


@BOUNDARIES.enter("rxflow, observe_on")
async def _(x: int, steps: int) -> int:
    items = max(1, steps // (x or 1))
    hop = ops.observe_on(asyncio.get_running_loop(), prefetch=CAPACITY)
    total = 0
    async for item in rx.range(items).pipe(*[hop] * x):
        total += item
    assert total == sum(range(items))
    return items * (x or 1)


@BOUNDARIES.enter("asyncio.Queue(256) and a task each")
async def _(x: int, steps: int) -> int:
    items = max(1, steps // (x or 1))
    queues: list[asyncio.Queue[int | None]] = [asyncio.Queue(CAPACITY) for _ in range(x)]

    async def move(source: asyncio.Queue[int | None], to: asyncio.Queue[int | None]) -> None:
        while (item := await source.get()) is not None:
            await to.put(item)
        await to.put(None)

    async def produce() -> None:
        for item in range(items):
            await queues[0].put(item)
        await queues[0].put(None)

    total = 0
    async with asyncio.TaskGroup() as tasks:
        if not queues:
            total = sum(range(items))
        else:
            tasks.create_task(produce())
            for source, to in pairwise(queues):
                tasks.create_task(move(source, to))
            while (item := await queues[-1].get()) is not None:
                total += item
    assert total == sum(range(items))
    return items * (x or 1)


SUBSCRIBERS = Curve(
    "subscribers",
    "Subscribers of a share",
    "subscribers",
    "ns per item and subscriber",
    (1, 10, 100, 1_000, 10_000),
    10_000,
    "An item is pushed into the queue of each subscriber, and taken out by its own drain: that is "
    "what a subscriber costs, whatever the others do. Who holds the others back is looked for from "
    "where the last one was, so all of them are looked at once per request. While an item is on "
    "its way to 10,000 subscribers the event loop does not get a turn.",
)


def _pushed(x: int, steps: int, on_next: Callable[[int], None], count: Sequence[int]) -> Prepared:
    items = max(2, steps // 4 // x)
    since = process_time_ns()
    for item in range(items):
        on_next(item)
    assert count[0] == items * x
    return Prepared(items * x, since)


def _counting() -> tuple[list[int], Callable[[int], None]]:
    count = [0]

    def add(item: int) -> None:
        count[0] += 1

    return count, add


def _emitted_to(x: int, add: Callable[[int], None]) -> tuple[rx.Emitter[int], list[Any]]:
    emitters: list[rx.Emitter[int]] = []
    source = rx.create(emitters.append, overflow=rx.SUSPEND, capacity=CAPACITY)
    shared = source.pipe(ops.share())
    subscriptions = [shared.subscribe(add) for _ in range(x)]
    return emitters[0], subscriptions


@SUBSCRIBERS.enter("rxflow, share")
def _(x: int, steps: int) -> Prepared:
    count, add = _counting()
    emitter, _ = _emitted_to(x, add)
    return _pushed(x, steps, emitter.on_next, count)


@SUBSCRIBERS.enter("reactivex, share")
def _(x: int, steps: int) -> Prepared:
    count, add = _counting()
    subject: Subject[int] = Subject()
    shared = subject.pipe(stock.share())
    for _ in range(x):
        shared.subscribe(add)
    return _pushed(x, steps, subject.on_next, count)


JOINING = Curve(
    "joining",
    "Subscribers that come and go",
    "subscribers of a share",
    "ns for one to join and to leave",
    (1, 10, 100, 1_000, 10_000),
    10_000,
    "Who joins or leaves is put into a dict or taken out of it, whoever else is there; the tuple "
    "of all of them, that an item goes to, is made when the next item comes. What bounds the "
    "number of subscribers is what each holds, and Python's collector.",
)


@JOINING.enter("rxflow, share")
def _(x: int, steps: int) -> int:
    _, subscriptions = _emitted_to(x, lambda item: None)
    for subscription in subscriptions:
        subscription.dispose()
    return x


@JOINING.enter("reactivex, share")
def _(x: int, steps: int) -> int:
    subject: Subject[int] = Subject()
    shared = subject.pipe(stock.share())
    subscriptions = [shared.subscribe(lambda item: None) for _ in range(x)]
    for subscription in subscriptions:
        subscription.dispose()
    return x


FLOWS = Curve(
    "flows",
    "Flows at the same time",
    "Flows of five stages and a boundary on one loop",
    "ns to begin one, give it five items, and end it",
    (1, 10, 100, 1_000, 10_000, 100_000),
    10_000,
    "Flows have nothing in common, so one more costs what the first did. What bounds their number "
    "is memory (P13 says how much each takes), and Python's collector, which goes through all that "
    "is alive whenever a quarter more has come.",
)


def _flows(begin: many.Begin) -> Series:
    async def run(x: int, steps: int) -> int:
        results: list[int] = []
        await many.feed([begin(results) for _ in range(x)])
        assert results == [many.EXPECTED] * x
        return x

    return run


FLOWS.series = {
    "rxflow, subscribe": _flows(many.subscribed),
    "rxflow, async for": _flows(many.iterated),
    "asyncio.Queue(16) and a task": _flows(many.queued),
}

CAPACITIES = Curve(
    "capacity",
    "Capacity",
    "capacity (items)",
    "ns per item",
    (1, 4, 16, 64, 256, 1_024, 16_384, 262_144, 1_000_000),
    16_384,
    "A small buffer costs a change of tasks for each time it is full: that is all there is to "
    "capacities below 64. Above, an item costs the same in a buffer of any size, full or not: "
    "a deque is used at its ends only. What bounds a large one is the memory of what it holds.",
)


@CAPACITIES.enter("rxflow, send and async for")
async def _(x: int, steps: int) -> int:
    items = max(steps // 2, 2 * x)  # it is to be full at times
    tasks: list[asyncio.Task[None]] = []

    def start(emitter: rx.Emitter[int]) -> None:
        async def produce() -> None:
            for item in range(items):
                await emitter.send(item)
            emitter.on_completed()

        tasks.append(asyncio.create_task(produce()))

    total = 0
    async for item in rx.create(start, overflow=rx.SUSPEND, capacity=x):
        total += item
    assert total == sum(range(items))
    return items


@CAPACITIES.enter("rxflow, full, DROP_OLDEST")
def _(x: int, steps: int) -> int:
    items = max(steps // 2, 2 * x)
    emitters: list[rx.Emitter[int]] = []
    flow = rx.create(emitters.append, overflow=rx.DROP_OLDEST, capacity=x)
    subscription = flow.subscribe(_Idle())
    for item in range(items):
        emitters[0].on_next(item)
    subscription.cancel()
    return items


class _Idle(rx.Subscriber[int]):
    def on_subscribe(self, subscription: rx.Subscription) -> None:
        pass

    def on_next(self, value: int) -> None:
        raise AssertionError("nothing was asked for")

    def on_error(self, error: Exception) -> None:
        raise error

    def on_completed(self) -> None:
        pass


@CAPACITIES.enter("asyncio.Queue")
async def _(x: int, steps: int) -> int:
    items = max(steps // 2, 2 * x)
    assert await _through_queue(range(items), x) == sum(range(items))
    return items


async def _through_queue(items: Sequence[Any], capacity: int) -> Any:
    queue: asyncio.Queue[Any] = asyncio.Queue(capacity)

    async def produce() -> None:
        for item in items:
            await queue.put(item)
        await queue.put(None)

    total = 0
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(produce())
        while (item := await queue.get()) is not None:
            total += item if isinstance(item, int) else len(item)
    return total


SIZES = Curve(
    "size",
    "Item size",
    "size of an item (bytes)",
    "ns per item",
    (1, 1_024, 65_536, 1_048_576, 10_485_760),
    10_485_760,
    "Items are passed on by reference, and nothing looks into them: what one costs does not depend "
    "on how large it is, nor does weighing it with len. A capacity counts items, however: large "
    "ones are bounded by weight.",
)


def _sized(weighed: bool) -> Series:
    async def run(x: int, steps: int) -> int:
        items, item = max(1, steps // 4), bytes(x)
        tasks: list[asyncio.Task[None]] = []

        def start(emitter: rx.Emitter[bytes]) -> None:
            async def produce() -> None:
                for _ in range(items):
                    await emitter.send(item)
                emitter.on_completed()

            tasks.append(asyncio.create_task(produce()))

        weight = len if weighed else None
        capacity = CAPACITY * (x if weighed else 1)
        count = 0
        async for _ in rx.create(start, overflow=rx.SUSPEND, capacity=capacity, weight=weight):
            count += 1
        assert count == items
        return items

    return run


async def _sized_queue(x: int, steps: int) -> int:
    items = max(1, steps // 4)
    assert await _through_queue([bytes(x)] * items, CAPACITY) == items * x
    return items


SIZES.series = {
    "rxflow, capacity=256": _sized(False),
    "rxflow, weight=len": _sized(True),
    "asyncio.Queue(256)": _sized_queue,
}

THREADS = Curve(
    "threads",
    "Threads",
    "threads that push into one buffer of 1,024",
    "ns per item, by the clock on the wall",
    (1, 2, 4, 8),
    8,
    "Only one thread runs Python at a time in a build with the GIL, so more threads push no more "
    "items. What they cost is the wait for each other: for the buffer's lock, and for room when "
    "it is full, of which all that wait are told at once.",
    clock=perf_counter_ns,
)


def _in_threads(x: int, each: int, put: Callable[[int], object]) -> list[Thread]:
    def produce() -> None:
        for item in range(each):
            put(item)

    threads = [Thread(target=produce) for _ in range(x)]
    for thread in threads:
        thread.start()
    return threads


@THREADS.enter("rxflow, BLOCK and async for")
async def _(x: int, steps: int) -> int:
    each = max(1, steps // 4 // x)
    threads: list[Thread] = []

    def start(emitter: rx.Emitter[int]) -> None:
        threads.extend(_in_threads(x, each, emitter.on_next))

    count = 0
    async for _ in rx.create(start, overflow=rx.BLOCK, capacity=1_024).pipe(ops.take(x * each)):
        count += 1
    for thread in threads:
        thread.join()
    assert count == x * each
    return count


@THREADS.enter("queue.Queue(1024)")
def _(x: int, steps: int) -> int:
    each = max(1, steps // 4 // x)
    queue: Queue[int] = Queue(1_024)
    threads = _in_threads(x, each, queue.put)
    for _ in range(x * each):
        queue.get()
    for thread in threads:
        thread.join()
    return x * each


CURVES = (STAGES, BOUNDARIES, SUBSCRIBERS, JOINING, FLOWS, CAPACITIES, SIZES, THREADS)
