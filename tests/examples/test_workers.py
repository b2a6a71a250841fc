"""The workers, as a process that is sent signals, and on a loop with virtual time."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from rxflow.examples import workers
from tests.support_loop import run

LIMIT = 30.0


def line(name: str, priority: float = 0, seconds: float = 0) -> bytes:
    return json.dumps({"name": name, "priority": priority, "seconds": seconds}).encode() + b"\n"


@contextmanager
def started(*args: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "rxflow.examples.workers", *args]
    pipes: Any = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen(command, **pipes) as process:
        try:
            yield process
        finally:
            process.kill()


def told(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    out, _ = process.communicate(timeout=LIMIT)
    report: dict[str, Any] = json.loads(out)
    return report


def send(process: subprocess.Popen[bytes], *lines: bytes) -> None:
    assert process.stdin is not None
    process.stdin.writelines(lines)
    process.stdin.flush()


def read_up_to_here(process: subprocess.Popen[bytes]) -> None:
    """Wait until it has read all that was sent: it says so of a line that is no job."""
    send(process, b"a sign\n")
    assert process.stderr is not None
    assert process.stderr.readline() == b"refused: b'a sign\\n'\n"


def test_on_sigterm_it_ends_by_the_deadline_and_names_what_was_not_done() -> None:
    with started("--deadline", "0.3") as process:
        send(process, line("done"), line("fails", seconds=-1))
        send(process, *(line(f"long {n}", seconds=3600) for n in range(workers.WORKERS)))
        assert process.stderr is not None
        assert process.stderr.readline().startswith(b"failed: fails")
        send(process, line("late", priority=9), line("urgent", priority=-9))
        read_up_to_here(process)
        process.send_signal(signal.SIGTERM)
        report = told(process)
    assert process.returncode == 1
    assert report == {
        "done": 1,
        "failed": 1,
        "refused": 1,
        "cancelled": [f"long {n}" for n in range(workers.WORKERS)],
        "not_begun": ["urgent", "late"],
    }


def test_whoever_writes_jobs_is_held_by_the_pipe() -> None:
    """Eight megabytes of jobs: the workers read 100 of them and what asyncio and the pipe hold."""
    with started("--deadline", "0") as process:
        send(process, *(line(f"long {n}", seconds=3600) for n in range(workers.WORKERS)))
        read_up_to_here(process)
        assert process.stdin is not None
        os.set_blocking(process.stdin.fileno(), False)
        sent = 0
        piece = line("x" * 1000) * 4
        for _ in range(2000):
            try:
                sent += os.write(process.stdin.fileno(), piece)
            except BlockingIOError:
                os.sched_yield()
        assert sent < 600_000
        process.send_signal(signal.SIGTERM)
        process.stdin.close()
        process.stdin = None
        report = told(process)
        waiting = len(report["not_begun"])
        assert waiting <= workers.CAPACITY + 1  # one is in the hand that waits for room


# On a loop with virtual time.


def served(lines: list[bytes], *, stop_at: float, deadline: float) -> tuple[workers.Report, float]:
    async def arriving() -> AsyncIterator[bytes]:
        for each in lines:
            yield each
        await asyncio.sleep(3600)

    async def main() -> tuple[workers.Report, float]:
        service, loop = workers.Service(), asyncio.get_running_loop()
        loop.call_at(stop_at, service.stop, deadline)
        loop.call_at(stop_at + 1, service.stop, 3600)  # a second signal gains no time
        return await service.run(arriving()), loop.time()

    return run(main())


def test_the_most_urgent_come_first_and_the_deadline_is_kept() -> None:
    lines = [line(str(n), priority=-n, seconds=2) for n in range(40)]
    report, ended = served(lines, stop_at=3, deadline=10)
    assert ended == 13
    assert report.done == 6 * workers.WORKERS
    assert len(report.cancelled) == workers.WORKERS
    # The first four were taken as they came, then the most urgent ones.
    assert report.not_begun == [str(n) for n in range(15, 3, -1)]


def test_it_ends_before_the_deadline_when_all_is_done() -> None:
    report, ended = served([line(str(n), seconds=2) for n in range(8)], stop_at=1, deadline=100)
    assert (report.done, ended) == (8, 4)


@pytest.mark.parametrize(
    "bad", [b"{}\n", b"[1]\n", b"\xff\n", b'{"name": "a", "priority": "high"}\n']
)
def test_a_line_that_is_no_job_is_refused_and_the_others_are_done(bad: bytes) -> None:
    report, _ = served([line("a"), bad, line("b")], stop_at=1, deadline=1)
    assert report.done == 2
    assert report.refused == 1


def test_a_line_without_an_end_ends_the_intake_and_what_came_before_is_done() -> None:
    async def main() -> workers.Report:
        reader = asyncio.StreamReader()  # as for standard input
        reader.feed_data(line("a") + b"x" * 2**18)
        return await workers.Service().run(reader)

    report = run(main())
    assert report == workers.Report(done=1, refused=1)
