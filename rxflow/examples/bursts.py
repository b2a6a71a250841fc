"""A bursty internal pipeline: it absorbs, conflates and sheds, each kind by its own policy.

A thread publishes bursts of events, far faster than they are handled:

- trades are **absorbed**: each counts, so what memory has no room for goes to disk
- quotes are **conflated**: only the newest of each symbol is worth anything
- logs are **shed**: at most so many wait, and the least severe go first

``python -m rxflow.examples.bursts --bursts 3`` prints what became of each kind, as JSON.
``--unbounded`` puts one queue without a bound in the place of the three doors.

Measured by ``python -m tests.benchmarks.applications bursts`` on a busy machine, so ratios
count; 20,000 events a second are handled, bursts begin a second after one another:

======  =========  =======  ========  =======  =========
        published  handled  given up  p99 age  unbounded
======  =========  =======  ========  =======  =========
trades  15,073     15,073   0         0.09 s   6.95 s
quotes  75,098     21,998   53,100    0.10 s   6.96 s
logs    59,829     8,689    51,140    1.07 s   6.95 s
======  =========  =======  ========  =======  =========

Held in memory at most: 1,315 events, unbounded 108,900; the process had 33 MiB at its peak,
unbounded 45 MiB.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import dataclass, field
from random import Random
from threading import Thread
from typing import NamedTuple

import rxflow as rx
from rxflow import operators as ops

BURST = 50_000  # events


class Event(NamedTuple):
    """Something that has happened."""

    kind: str  # "trade", "quote" or "log"
    key: int  # the symbol; of a log its severity
    at: float  # when it was published (seconds of time.perf_counter)


@dataclass
class Report:
    """What became of the events, by kind or by door; all of them are accounted for."""

    published: Counter[str] = field(default_factory=Counter[str])
    handled: Counter[str] = field(default_factory=Counter[str])
    dropped: dict[str, dict[str, int]] = field(default_factory=dict[str, dict[str, int]])
    peak_held: dict[str, int] = field(default_factory=dict[str, int])
    p99_age: dict[str, float] = field(default_factory=dict[str, float])  # seconds


def burst(random: Random) -> Iterator[Event]:
    """Give the events of one burst: a tenth are trades, half are quotes of 200 symbols."""
    for _ in range(BURST):
        share = random.random()
        kind = "trade" if share < 0.1 else "quote" if share < 0.6 else "log"
        yield Event(kind, random.randrange(5 if kind == "log" else 200), time.perf_counter())


def publish(events: rx.Subject[Event], bursts: int, report: Report) -> None:
    """Publish bursts, on a thread that waits for nobody."""
    random = Random(1)
    for number in range(bursts):
        if number:
            time.sleep(1)
        for event in burst(random):
            report.published[event.kind] += 1
            events.on_next(event)
    events.on_completed()


def guarded(events: rx.Subject[Event], capacity: int) -> rx.Flow[Event]:
    """Put a door of its own before each kind; of what waits, trades are taken most often."""

    def of(kind: str) -> rx.Observable[Event]:
        return events.pipe(ops.filter(lambda event: event.kind == kind))  # plain Rx

    trades = of("trade").pipe(ops.on_backpressure_spill(capacity))
    quotes = of("quote").pipe(ops.conflate_by_key(lambda event: event.key))
    logs = of("log").pipe(ops.shed(capacity, priority=lambda event: event.key))
    return trades.pipe(ops.merge_prioritized((quotes, 4), (logs, 1), priority=8, prefetch=1))


def unguarded(events: rx.Subject[Event]) -> rx.Flow[Event]:
    """Put a queue without a bound before all of them, which is what most programs have."""
    return events.pipe(ops.on_backpressure_buffer(10**9))


async def run(
    bursts: int,
    *,
    capacity: int = 1000,
    rate: float = 20_000,
    bounded: bool = True,
) -> Report:
    """Handle bursts of events to their end.

    Args:
        bursts: How many.
        capacity: Most trades, and most logs, in memory (events).
        rate: How many are handled in a second (events).
        bounded: With the doors.
    """
    report, events = Report(), rx.Subject[Event]()
    ages: dict[str, list[float]] = defaultdict(list)
    flow = guarded(events, capacity) if bounded else unguarded(events)
    publisher = Thread(target=publish, args=(events, bursts, report))
    async with aclosing(aiter(flow)) as items:
        publisher.start()
        async for event in items:
            report.handled[event.kind] += 1
            ages[event.kind].append(time.perf_counter() - event.at)
            if not report.handled.total() % 100:
                await asyncio.sleep(100 / rate)  # the work
        figures = items.statistics()
    publisher.join()
    for kind, found in ages.items():
        report.p99_age[kind] = sorted(found)[len(found) * 99 // 100]
    for door in figures:
        if door.dropped:
            report.dropped[door.name] = dict(door.dropped)
        report.peak_held[door.name] = door.peak
    return report


def main() -> None:
    """Run it from the command line."""
    parser = argparse.ArgumentParser(description="A bursty internal pipeline.")
    parser.add_argument("--bursts", type=int, default=3, help=f"bursts of {BURST} events")
    parser.add_argument("--unbounded", action="store_true", help="one queue without a bound")
    told = parser.parse_args()
    print(json.dumps(vars(asyncio.run(run(told.bursts, bounded=not told.unbounded)))))


if __name__ == "__main__":
    main()
