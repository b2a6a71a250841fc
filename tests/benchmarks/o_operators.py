"""O1 to O9: operators with several sources, time or threads, against those of reactivex.

What is measured is the operator: the callbacks do next to nothing, and the sources are ready.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import reactivex
from reactivex import operators as stock
from reactivex.scheduler import ThreadPoolScheduler
from reactivex.scheduler.eventloop import AsyncIOScheduler
from reactivex.subject import Subject

import rxflow as rx
from rxflow import operators as ops

from .harness import Benchmark
from .work import increment

CAPACITY = 1_000
NO_BACKPRESSURE = "no backpressure"


def _total(items: int) -> int:
    """Give what comes of 0, 1, 2, ... when nothing is lost."""
    return sum(range(items))


def _sum(source: Any) -> int:
    """Subscribe an ordinary observer that adds up what comes, and tell how much it is."""
    total = 0

    def add(x: int) -> None:
        nonlocal total
        total += x

    source.subscribe(add)
    return total


# O1: inner sources of 1 and of 10 items.

O1 = Benchmark("O1", "flat_map into inner sources of 1 and of 10 items, and a sum", 100_000)


def _parts(items: int, size: int) -> list[range]:
    return [range(begin, min(begin + size, items)) for begin in range(0, items, size)]


def _flat_map(size: int) -> None:
    def loop(items: int) -> None:
        total = 0
        for part in _parts(items, size):
            for x in part:
                total += x
        assert total == _total(items)

    def flow(items: int) -> None:
        parts = rx.from_iterable(_parts(items, size))
        assert _sum(parts.pipe(ops.flat_map(rx.from_iterable))) == _total(items)

    def plain(items: int) -> None:
        parts = reactivex.from_iterable(_parts(items, size))
        assert _sum(parts.pipe(stock.flat_map(reactivex.from_iterable))) == _total(items)

    O1.contender(f"hand-written loop, {size}")(loop)
    O1.contender(f"rxflow, {size}")(flow)
    O1.contender(f"reactivex, {size}", note=NO_BACKPRESSURE)(plain)
    O1.claim(f"rxflow, {size}", against=f"reactivex, {size}", at_most=None)


_flat_map(1)
_flat_map(10)


# O2: sources that are ready.

O2 = Benchmark("O2", "merge of 4 sources that are ready, and a sum", 200_000, expected=_total)


@O2.contender("hand-written loop", note="each in turn")
def _(items: int) -> int:
    total = 0
    ready = [iter(range(first, items, 4)) for first in range(4)]
    while ready:
        for source in list(ready):
            x = next(source, None)
            if x is None:
                ready.remove(source)
            else:
                total += x
    return total


@O2.contender("rxflow", note="each in turn")
def _(items: int) -> int:
    return _sum(rx.merge(*[rx.range(first, items, 4) for first in range(4)]))


@O2.contender("reactivex", note="no backpressure; one source after the other")
def _(items: int) -> int:
    sources = [reactivex.from_iterable(range(first, items, 4)) for first in range(4)]
    return _sum(reactivex.merge(*sources))


O2.claim("rxflow", against="reactivex", at_most=None)


# O3: groups.

KEYS = 10

O3 = Benchmark("O3", f"group_by into {KEYS} groups, merged again, and a sum", 100_000, _total)


def _key(x: int) -> int:
    return x % KEYS


@O3.contender("hand-written loop", note="a list for each group")
def _(items: int) -> int:
    groups: dict[int, list[int]] = defaultdict(list)
    for x in range(items):
        groups[_key(x)].append(x)
    return sum(sum(group) for group in groups.values())


@O3.contender("rxflow")
def _(items: int) -> int:
    return _sum(rx.range(items).pipe(ops.group_by(_key), ops.flat_map(lambda group: group)))


@O3.contender("reactivex", note=NO_BACKPRESSURE)
def _(items: int) -> int:
    groups = reactivex.from_iterable(range(items)).pipe(stock.group_by(_key))
    return _sum(groups.pipe(stock.flat_map(lambda group: group)))


O3.claim("rxflow", against="reactivex", at_most=None)


# O4: several subscribers.

O4 = Benchmark("O4", "one source for 1 and for 10 subscribers, each with a sum", 50_000)


def _multicast(count: int) -> None:
    def shared(connectable: Any, items: int) -> None:
        totals = [0] * count

        def adding(index: int) -> Callable[[int], None]:
            def add(x: int) -> None:
                totals[index] += x

            return add

        for index in range(count):
            connectable.subscribe(adding(index))
        connectable.connect()
        assert totals == [_total(items)] * count

    def flow(items: int) -> None:
        shared(rx.range(items).publish(), items)

    def plain(items: int) -> None:
        shared(reactivex.from_iterable(range(items)).pipe(stock.publish()), items)

    O4.contender(f"rxflow, {count}")(flow)
    O4.contender(f"reactivex, {count}", note=NO_BACKPRESSURE)(plain)
    O4.claim(f"rxflow, {count}", against=f"reactivex, {count}", at_most=None)


_multicast(1)
_multicast(10)


# O5: timed batches.

BATCH = 100

O5 = Benchmark(
    "O5", f"buffer_with_time_or_count(60 s, {BATCH}) on an event loop, and a sum", 200_000, _total
)


@O5.contender("hand-written loop", note="looks at the clock for each item")
async def _(items: int) -> int:
    total = 0
    clock = asyncio.get_running_loop().time
    batch: list[int] = []
    due = clock() + 60
    for x in range(items):
        batch.append(x)
        if len(batch) == BATCH or clock() >= due:
            total += sum(batch)
            batch, due = [], clock() + 60
    return total + sum(batch)


@O5.contender("rxflow")
async def _(items: int) -> int:
    total = 0
    async for batch in rx.range(items).pipe(ops.buffer_with_time_or_count(60.0, BATCH)):
        total += sum(batch)
    return total


@O5.contender("reactivex", note=NO_BACKPRESSURE)
async def _(items: int) -> int:
    scheduler = AsyncIOScheduler(asyncio.get_running_loop())
    batches = stock.buffer_with_time_or_count(60.0, BATCH, scheduler)
    return _sum(reactivex.from_iterable(range(items)).pipe(batches, stock.map(sum)))


O5.claim("rxflow", against="reactivex", at_most=None)


# O6: a rate that is never reached.

O6 = Benchmark("O6", "throttle at a rate that is never reached, and a sum", 200_000, _total)


@O6.contender("rxflow, throttle")
def _(items: int) -> int:
    return _sum(rx.range(items).pipe(ops.throttle(1e12, burst=10**9)))


@O6.contender("rxflow, cap_demand", note="for comparison: it lets through by count")
def _(items: int) -> int:
    return _sum(rx.range(items).pipe(ops.cap_demand(256)))


@O6.contender("rxflow, nothing between")
def _(items: int) -> int:
    return _sum(rx.range(items))


@O6.contender("reactivex, nothing between", note="it has no limit on a rate")
def _(items: int) -> int:
    return _sum(reactivex.from_iterable(range(items)))


O6.claim("rxflow, throttle", against="rxflow, nothing between", at_most=None)
O6.claim("rxflow, throttle", against="reactivex, nothing between", at_most=None)


# O7: threads.

WORKERS = 4

O7 = Benchmark("O7", f"a function of each item on {WORKERS} threads, and a sum", 10_000)


def _incremented(items: int) -> int:
    return _total(items + 1)


@O7.contender("executor.map", note="everything is submitted at once")
def _(items: int) -> None:
    with ThreadPoolExecutor(WORKERS) as threads:
        assert sum(threads.map(increment, range(items))) == _incremented(items)


@O7.contender("rxflow, map_executor")
async def _(items: int) -> None:
    total = 0
    with ThreadPoolExecutor(WORKERS) as threads:
        async for x in rx.range(items).pipe(ops.map_executor(threads, increment, 4 * WORKERS)):
            total += x
    assert total == _incremented(items)


@O7.contender("reactivex, start and merge", note="no backpressure from the consumer; unordered")
def _(items: int) -> None:
    with ThreadPoolScheduler(WORKERS).executor as threads:
        scheduler = ThreadPoolScheduler(WORKERS)
        scheduler.executor.shutdown()
        scheduler.executor = threads
        calls = reactivex.from_iterable(range(items)).pipe(
            stock.map(lambda x: reactivex.start(partial(increment, x), scheduler)),
            stock.merge(max_concurrent=4 * WORKERS),
            stock.sum(),
        )
        assert calls.run() == _incremented(items)


O7.claim("rxflow, map_executor", against="reactivex, start and merge", at_most=None)
O7.claim("rxflow, map_executor", against="executor.map", at_most=None)


# O8: the newest inner source.

O8 = Benchmark("O8", "switch_map of pushed items into inner sources of 3", 50_000)


def _push(subject: Subject[int], source: Any, items: int, expected: int) -> None:
    total = 0

    def add(x: int) -> None:
        nonlocal total
        total += x

    source.subscribe(add)
    for x in range(items):
        subject.on_next(x)
    subject.on_completed()
    assert total == expected


@O8.contender("rxflow")
def _(items: int) -> None:
    subject: Subject[int] = Subject()
    door = ops.on_backpressure_buffer(CAPACITY)
    flow = subject.pipe(door, ops.switch_map(lambda x: rx.of(x, x, x)))
    _push(subject, flow, items, 3 * _total(items))


@O8.contender("reactivex", note=NO_BACKPRESSURE)
def _(items: int) -> None:
    subject: Subject[int] = Subject()
    switched = subject.pipe(stock.switch_map(lambda x: reactivex.of(x, x, x)))
    _push(subject, switched, items, 3 * _total(items))


O8.claim("rxflow", against="reactivex", at_most=None)


# O9: the latest of two.

O9 = Benchmark("O9", "combine_latest of two Subjects that are pushed in turn", 100_000)


def _push_in_turn(a: Subject[int], b: Subject[int], source: Any, items: int) -> None:
    last: list[int] = [0]

    def take(pair: Any) -> None:
        last[0] = pair[0] + pair[1]

    source.subscribe(take)
    for x in range(items):
        (a if x % 2 else b).on_next(x)
    a.on_completed()
    b.on_completed()
    assert last == [2 * items - 3] or items < 2


@O9.contender("rxflow")
def _(items: int) -> None:
    a, b = Subject[int](), Subject[int]()
    flow = a.pipe(ops.on_backpressure_buffer(CAPACITY), ops.combine_latest(b))
    _push_in_turn(a, b, flow, items)


@O9.contender("reactivex", note=NO_BACKPRESSURE)
def _(items: int) -> None:
    a, b = Subject[int](), Subject[int]()
    _push_in_turn(a, b, a.pipe(stock.combine_latest(b)), items)


O9.claim("rxflow", against="reactivex", at_most=None)

OPERATORS = (O1, O2, O3, O4, O5, O6, O7, O8, O9)
