"""What a bounded buffer keeps under a fast source and a slow consumer, measured."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from typing import Any

import pytest
from reactivex.subject import Subject

from rxflow import operators as ops
from rxflow.protocol import DROP_OLDEST, Subscriber, Subscription

SIZE = 1024  # of an item (bytes)
PER_ITEM = 64  # what an item of bytes and its place in the queue cost beyond that (bytes)
SLACK = 128 * 1024  # (bytes)


class Slow(Subscriber[Any]):
    """Counts, and keeps nothing."""

    def __init__(self) -> None:
        self.taken = 0

    def on_subscribe(self, subscription: Subscription) -> None:
        self.subscription = subscription

    def on_next(self, value: Any) -> None:
        self.taken += 1

    def on_error(self, error: Exception) -> None:
        raise AssertionError from error

    def on_completed(self) -> None: ...


class Item:
    """Counts how many of its kind are alive."""

    alive = most = 0

    def __init__(self) -> None:
        self.data = bytes(SIZE)
        Item.alive += 1
        Item.most = max(Item.most, Item.alive)

    def __del__(self) -> None:
        Item.alive -= 1


def flood(make: Any, items: int, capacity: int) -> tuple[Slow, Subscription]:
    """Push items that are made on the fly; one in a thousand is asked for."""
    subject: Subject[Any] = Subject()
    slow = Slow()
    buffered = subject.pipe(ops.on_backpressure_buffer(capacity, overflow=DROP_OLDEST))
    subscription = buffered.subscribe(slow)
    for number in range(1, items + 1):
        subject.on_next(make())
        if not number % 1000:
            subscription.request(1)
    return slow, subscription


def check_alive(items: int) -> None:
    Item.alive = Item.most = 0
    slow, subscription = flood(Item, items, 1000)
    assert slow.taken == items // 1000
    door, _ = subscription.statistics()
    assert (door.peak, door.held) == (1000, 999)  # one was just taken
    assert Item.alive <= 999 + 1  # and the one that was given last
    assert Item.most <= 1000 + 2  # and the one that was just made
    assert door.dropped == {"oldest": items - slow.taken - 999}
    subscription.cancel()
    assert Item.alive == 0


def test_no_more_items_are_alive_than_the_buffer_may_hold():
    check_alive(100_000)


@pytest.mark.stress
def test_no_more_of_a_million_items_are_alive_than_the_buffer_may_hold():
    check_alive(1_000_000)


@pytest.mark.parametrize("capacity", [10, 2000])
def test_memory_grows_with_the_capacity_and_not_with_the_source(capacity: int):
    flood(lambda: b"", 2000, capacity)[1].cancel()  # what is made once, is made here
    tracemalloc.start()
    try:
        _, subscription = flood(lambda: bytes(SIZE), 3 * capacity + 5000, capacity)
        _, peak = tracemalloc.get_traced_memory()
        subscription.cancel()
        left, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert capacity * SIZE < peak < capacity * (SIZE + PER_ITEM) + SLACK
    assert left < SLACK


def test_streams_that_are_over_leave_nothing_behind():
    subject: Subject[int] = Subject()
    flow = subject.pipe(ops.on_backpressure_buffer(9, overflow=DROP_OLDEST), ops.map(str))

    def run(times: int) -> None:
        for number in range(times):
            subscription = flow.subscribe(Slow())
            subject.on_next(1)
            subscription.request(number % 3 + 1)
            subscription.cancel()

    run(50)
    tracemalloc.start()
    try:
        run(2_000)  # until Python has kept as many tuples for later use as it ever does
        before, _ = tracemalloc.get_traced_memory()
        run(1000)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert subject.observers == []
    assert after - before < 50 * 1000  # less than 50 bytes a stream: a Drain alone is larger


FULL = """
import sys
from pathlib import Path
from tests.stress.test_memory import SIZE, flood

def most_so_far():  # KiB
    [line] = [l for l in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in l]
    return int(line.split()[1])

flood(lambda: b"", 2000, 1000)[1].cancel()
before = most_so_far()
slow, _ = flood(lambda: bytes(SIZE), 1_000_000, int(sys.argv[1]))
assert slow.taken == 1000
print(most_so_far() - before)
"""


@pytest.mark.stress
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("capacity", [1000, 50_000])
def test_a_process_that_takes_in_a_gigabyte_grows_by_the_capacity_only(capacity: int):
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(capacity)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    grown = int(done.stdout) * 1024
    assert grown < 1.25 * capacity * (SIZE + PER_ITEM) + 8 * 2**20
    if capacity == 50_000:
        assert grown > 0.8 * capacity * SIZE  # the measure does see what is held
