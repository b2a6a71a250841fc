"""Background workers on a queue with priorities, which shut down gracefully.

``jobs | python -m rxflow.examples.workers``: jobs are lines of JSON, ``{"name": "a", "priority": 1,
"seconds": 0.1}``; the lowest number is the most urgent. While as many wait as may, no line is read:
the pipe holds whoever writes them. On SIGTERM or SIGINT no further line is read; what was read is
worked off, the most urgent first; at the deadline what runs is cancelled. A report is printed at
the end, as JSON, which names every job that was read and came to no end; then the exit code is 1.

Measured by ``python -m tests.benchmarks.applications workers``: another process writes jobs of
10 ms as fast as they are read; SIGTERM after 8 s, with 1 s to go; p99 from written to done:

============  ========  =====  ========  ======  ===========
              accepted  done   not done  p99     peak memory
============  ========  =====  ========  ======  ===========
100 may wait  2,842     2,842  0         0.89 s  30 MiB
unbounded     87,572    3,371  84,201    8.44 s  303 MiB
============  ========  =====  ========  ======  ===========
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from math import inf
from typing import Any

import rxflow as rx
from rxflow import operators as ops

WORKERS, CAPACITY = 4, 100  # jobs at work, and that wait


@dataclass(order=True)
class Job:
    """What is to be done; of equal priority, the one that came first goes first."""

    priority: float
    number: int
    name: str = field(compare=False)
    seconds: float = field(compare=False)
    begun: bool = field(default=False, compare=False)


LAST = Job(inf, 0, "", 0)  # comes out when all others have


@dataclass
class Report:
    """How it went. Every line that was read is in one of these."""

    done: int = 0
    failed: int = 0  # told on standard error
    refused: int = 0  # lines that are no jobs; told there too
    cancelled: list[str] = field(default_factory=list[str])  # begun, and not finished in time
    not_begun: list[str] = field(default_factory=list[str])


async def work(job: Job) -> None:
    """Do a job: here is where yours goes."""
    if job.seconds < 0:
        raise ValueError(f"{job.name} cannot be done")
    await asyncio.sleep(job.seconds)


class Service:
    """Reads jobs, and has them done. So many may wait; 0 for no bound."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._queue = asyncio.PriorityQueue[Job](capacity)
        self._intake = rx.KillSwitch()
        self._left: dict[int, Job] = {}  # read, and not done
        self._limit, self._report = asyncio.timeout(None), Report()

    def stop(self, deadline: float) -> None:
        """Read no more; cancel what is not done after so many seconds."""
        if not self._intake.pulled:
            self._intake.shutdown()
            self._limit.reschedule(asyncio.get_running_loop().time() + deadline)

    async def run(self, lines: AsyncIterable[bytes]) -> Report:
        """Work off the jobs in these lines."""
        jobs = rx.from_async_iterable(lines).pipe(
            ops.kill_switch(self._intake),
            ops.map_indexed(self._read),
            ops.flat_map_iterable(lambda jobs: jobs),
            ops.catch(lambda error, _: rx.from_iterable(self._refuse(error))),  # no line at all
        )
        queued = rx.from_queue(self._queue).take_while(lambda job: job is not LAST)
        with suppress(TimeoutError):  # the deadline
            async with self._limit, asyncio.TaskGroup() as tasks:
                tasks.create_task(jobs.to_queue(self._queue, end=LAST))
                tasks.create_task(queued.for_each(self._work, max_concurrency=WORKERS))
        for job in sorted(self._left.values()):
            (self._report.cancelled if job.begun else self._report.not_begun).append(job.name)
        return self._report

    def _read(self, line: bytes, number: int) -> list[Job]:
        try:
            told: dict[str, Any] = {"priority": 0, "seconds": 0} | json.loads(line)
            job = Job(float(told["priority"]), number, told["name"], float(told["seconds"]))
        except (ValueError, TypeError, KeyError):
            return self._refuse(line)
        self._left[number] = job
        return [job]

    def _refuse(self, what: object) -> list[Job]:
        self._report.refused += 1
        print(f"refused: {what!r}", file=sys.stderr)
        return []

    async def _work(self, job: Job) -> None:
        job.begun = True
        try:
            await work(job)
            self._report.done += 1
        except Exception as error:  # one job's failure is not that of the others
            print(f"failed: {job.name}: {error!r}", file=sys.stderr)
            self._report.failed += 1
        del self._left[job.number]


async def serve(deadline: float, capacity: int) -> Report:
    """Serve standard input, until its end or a signal."""
    service, loop, reader = Service(capacity), asyncio.get_running_loop(), asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    transport, _ = await loop.connect_read_pipe(lambda: protocol, sys.stdin)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, service.stop, deadline)
    with closing(transport):
        return await service.run(reader)


def main() -> int:
    """Run it from the command line."""
    parser = argparse.ArgumentParser(description="Background workers.")
    parser.add_argument("--deadline", type=float, default=10, help="after SIGTERM (seconds)")
    parser.add_argument("--capacity", type=int, default=CAPACITY, help="0 for no bound (jobs)")
    told = parser.parse_args()
    print(json.dumps(vars(report := asyncio.run(serve(told.deadline, told.capacity)))))
    return 1 if report.cancelled or report.not_begun else 0


if __name__ == "__main__":
    sys.exit(main())
