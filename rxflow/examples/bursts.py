"""A bursty internal pipeline: it absorbs, conflates and sheds, each kind by its own policy.

Events come over a pipe in bursts, far faster than they are handled; a thread reads them as they
come, so that whoever sends them is not held:

- trades are **absorbed**: each counts, so what memory has no room for goes to disk
- quotes are **conflated**: only the newest of each symbol is worth anything
- logs are **shed**: at most so many wait, and the least severe go first

``python -m rxflow.examples.burster | python -m rxflow.examples.bursts`` prints what became of each
kind, as JSON. ``--unbounded`` puts one queue without a bound in the place of the three doors.

Measured by ``python -m tests.benchmarks.applications bursts``: another process sends three bursts
of 50,000 events, one a second; 20,000 a second are handled; p99 from sent to handled:

===========  =======  =========  ======  ==========  ==========  ========  ===========
             handled  conflated  shed    p99 trades  p99 quotes  p99 logs  peak memory
===========  =======  =========  ======  ==========  ==========  ========  ===========
three doors  19,733   72,395     57,872  1.82 s      0.10 s      0.65 s    34 MiB
unbounded    150,000  0          0       6.45 s      6.46 s      6.45 s    46 MiB
===========  =======  =========  ======  ==========  ==========  ========  ===========
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import aclosing
from dataclasses import dataclass, field
from threading import Thread
from typing import BinaryIO, NamedTuple

import rxflow as rx
from rxflow import operators as ops

KINDS = {kind: kind for kind in ("trade", "quote", "log")}
LONGEST = 1000  # of a line (bytes)


class Event(NamedTuple):
    """Something that has happened."""

    kind: str  # one of KINDS
    key: int  # the symbol; of a log its severity
    at: float  # when it was sent (seconds of time.time)


@dataclass
class Report:
    """What became of the events, by kind or by door; all of them are accounted for."""

    refused: int = 0  # lines that are no events
    published: Counter[str] = field(default_factory=Counter[str])
    handled: Counter[str] = field(default_factory=Counter[str])
    dropped: dict[str, dict[str, int]] = field(default_factory=dict[str, dict[str, int]])
    peak_held: dict[str, int] = field(default_factory=dict[str, int])
    p99_age: dict[str, float] = field(default_factory=dict[str, float])  # seconds


def lines_of(file: BinaryIO) -> Iterator[bytes]:
    """Give the lines of a file; one that is too long comes in pieces, which are no events."""
    return iter(lambda: file.readline(LONGEST), b"")


def publish(events: rx.Subject[Event], lines: Iterable[bytes], report: Report) -> None:
    """Publish the events in these lines, on a thread that waits for nobody."""
    for line in lines:
        try:
            kind, key, at = line.decode().split()
            event = Event(KINDS[kind], int(key), float(at))
        except (ValueError, KeyError):
            report.refused += 1
            continue
        report.published[kind] += 1
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
    lines: Iterable[bytes],
    *,
    capacity: int = 1000,
    rate: float = 20_000,
    bounded: bool = True,
) -> Report:
    """Handle events to their end.

    Args:
        lines: Where they are.
        capacity: Most trades, and most logs, in memory (events).
        rate: How many are handled in a second (events).
        bounded: With the doors.
    """
    report, events = Report(), rx.Subject[Event]()
    ages: dict[str, list[float]] = defaultdict(list)
    flow = guarded(events, capacity) if bounded else unguarded(events)
    publisher = Thread(target=publish, args=(events, lines, report), daemon=True)
    async with aclosing(aiter(flow)) as items:
        publisher.start()
        async for event in items:
            report.handled[event.kind] += 1
            ages[event.kind].append(time.time() - event.at)
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
    parser.add_argument("--unbounded", action="store_true", help="one queue without a bound")
    told = parser.parse_args()
    report = asyncio.run(run(lines_of(sys.stdin.buffer), bounded=not told.unbounded))
    print(json.dumps(vars(report)))


if __name__ == "__main__":
    main()
