"""Millions of items: what is in use is the same after a tenth of them, half of them, and all."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from reactivex.subject import Subject

import rxflow as rx
from rxflow import operators as ops
from rxflow.protocol import Subscriber, Subscription
from rxflow.testing import run_virtual
from tests.kernel.recorder import in_thread

pytestmark = pytest.mark.stress

ITEMS = 10_000_000
TENTH = ITEMS // 10
BLOCKS = 200  # what a sample itself, a counter or a free list may take (blocks of the allocator)
GROWTH = 2 * 2**20  # of the process, from a tenth of the items to all (bytes)
PATIENCE = 120  # seconds; only a hang gets there


class Memory:
    """What is in use after a tenth, half and all of the items."""

    def __init__(self) -> None:
        self.blocks: list[int] = []
        self.resident: list[int] = []

    def sample(self, tenth: int) -> None:
        """Look, where this tenth is one at which it is looked."""
        if tenth not in (1, 5, 10):
            return
        gc.collect()
        self.blocks.append(sys.getallocatedblocks())
        self.resident.append(resident())

    def check(self) -> None:
        assert len(self.blocks) == 3
        assert max(self.blocks) - self.blocks[0] < BLOCKS, self.blocks
        assert max(self.resident) - self.resident[0] < GROWTH, self.resident


def resident() -> int:
    """Give the memory of the process (bytes); 0 where that is not known."""
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * 4096 if statm.exists() else 0


class Counting(Subscriber[Any]):
    """Counts, and keeps the last item only."""

    def __init__(self) -> None:
        self.taken = 0
        self.last: Any = None
        self.completed = False

    def on_subscribe(self, subscription: Subscription) -> None:
        self.subscription: Any = subscription

    def on_next(self, value: Any) -> None:
        self.taken += 1
        self.last = value

    def on_error(self, error: Exception) -> None:
        raise AssertionError from error

    def on_completed(self) -> None:
        self.completed = True


def double(value: int) -> int:
    return 2 * value


def even(value: int) -> bool:
    return not value & 1


FUSED: dict[str, Callable[[Any], Any]] = {
    "map, filter, map": lambda source: source.pipe(
        ops.map(double), ops.filter(even), ops.map(double)
    ),
    "scan, pairwise, buffer": lambda source: source.pipe(
        ops.scan(max), ops.pairwise(), ops.map(len), ops.buffer_with_count(1)
    ),
}


@pytest.mark.parametrize("batch", [TENTH, 1000], ids=lambda batch: f"requests of {batch}")
def test_a_fused_pipeline(batch: int):
    counting, memory = Counting(), Memory()
    FUSED["map, filter, map"](rx.range(ITEMS)).subscribe(counting)
    for tenth in range(1, 11):
        for _ in range(TENTH // batch):
            counting.subscription.request(batch)
        assert counting.taken == tenth * TENTH
        memory.sample(tenth)
    assert counting.completed
    assert counting.last == 4 * (ITEMS - 1)
    memory.check()


def test_a_pipeline_that_remembers():
    items = ITEMS // 4
    counting, memory = Counting(), Memory()
    FUSED["scan, pairwise, buffer"](rx.range(items + 1)).subscribe(counting)
    for tenth in range(1, 11):
        counting.subscription.request(items // 10)
        memory.sample(tenth)
    assert counting.taken == items
    assert counting.completed
    memory.check()


def test_a_door_that_drops():
    """Of each thousand pushed 700 are asked for, so that it is full most of the time."""
    items = ITEMS // 4
    counting, memory = Counting(), Memory()
    subject: Subject[int] = Subject()
    subject.pipe(
        ops.on_backpressure_buffer(1024, overflow=rx.DROP_OLDEST), ops.map(double)
    ).subscribe(counting)
    push = subject.on_next
    for tenth in range(1, 11):
        for start in range(0, items // 10, 1000):
            for item in range(start, start + 1000):
                push(item)
            counting.subscription.request(700)
        memory.sample(tenth)
    door, _, consumer = counting.subscription.statistics()
    assert (door.received, door.peak) == (items, 1024)
    assert counting.taken == consumer.delivered == items * 7 // 10
    assert door.dropped == {"oldest": items - counting.taken - door.held}
    counting.subscription.cancel()
    memory.check()
    assert subject.observers == []


def test_from_a_thread_to_a_loop_with_tasks_between():
    """Through a boundary that makes the thread wait."""
    items = ITEMS // 50
    memory = Memory()
    seen = 0

    def emit(emitter: rx.Emitter[int]) -> None:
        def push() -> None:
            for item in range(items):
                emitter.on_next(item)
            emitter.on_completed()

        joins.append(in_thread(push))

    async def work(item: int) -> int:
        return item

    async def main() -> None:
        nonlocal seen
        flow = rx.create(emit, overflow=rx.BLOCK, capacity=256).pipe(ops.map_async(work, 8))
        async with asyncio.timeout(PATIENCE), aclosing(aiter(flow)) as taken:
            async for item in taken:
                assert item == seen
                seen += 1
                if not seen % (items // 10):
                    memory.sample(seen * 10 // items)

    joins: list[Any] = []
    threads = threading.active_count()
    run_virtual(main(), asyncio.SelectorEventLoop)
    joins[0](PATIENCE)
    assert seen == items
    assert threading.active_count() == threads
    memory.check()
