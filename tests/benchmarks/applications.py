"""Measures the applications of rxflow/examples: the tables of their docstrings.

``python -m tests.benchmarks.applications [--write] [NAME ...]`` prints them, and puts them into the
docstrings; it takes about three minutes. Each application is a process of its own, and so is the
load on it: wrk, ``burster`` or ``feeder``; each is measured with its bound and without one.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from tests.examples.serving import serving

EXAMPLES = Path(__file__).parents[2] / "rxflow" / "examples"

# Runs a module as ``python -m`` does, and tells at the end how much memory the process has needed.
# That is not ru_maxrss, which is at least what the process had that has started it.
RUNNER = r"""
import re, runpy, sys
from pathlib import Path
module = sys.argv.pop(1)
try:
    runpy.run_module(module, run_name="__main__", alter_sys=True)
finally:
    told = Path("/proc/self/status").read_text()
    print(re.search(r"VmHWM:\s+(\d+)", told)[1], file=sys.stderr)
"""

# Runs the workers with jobs whose names begin with the time at which they were written; tells
# before that how long they took, of a hundred the second longest.
TIMED = r"""
import re, sys, time
from pathlib import Path
from rxflow.examples import workers
del sys.argv[1]
do, ages = workers.work, []
async def work(job):
    await do(job)
    ages.append(time.monotonic() - float(job.name.split()[0]))
workers.work = work
try:
    workers.main()
finally:
    told = Path("/proc/self/status").read_text()
    print(sorted(ages)[len(ages) * 99 // 100], file=sys.stderr)
    print(re.search(r"VmHWM:\s+(\d+)", told)[1], file=sys.stderr)
"""

# Before RUNNER: a database that takes 4 ms for each row, as one that is far away does.
SLOW = r"""
import sqlite3, time
from functools import partial
class Slow(sqlite3.Connection):
    def executemany(self, sql, rows):
        time.sleep(0.004 * len(rows))
        return super().executemany(sql, rows)
sqlite3.connect = partial(sqlite3.connect, factory=Slow)
"""

# What wrk sends: 48 KiB; who is refused comes again after a second.
POLITE = """
wrk.method = "POST"; wrk.body = string.rep("x", 49152)
local pause = 0
function response(status) if status == 429 then pause = 1000 end end
function delay() local now = pause; pause = 0; return now end
"""


class Process(subprocess.Popen[bytes]):
    """An application."""

    def __init__(
        self, module: str, *args: str, stdin: IO[bytes] | None = None, runner: str = RUNNER
    ) -> None:
        command = [sys.executable, "-c", runner, f"rxflow.examples.{module}", *args]
        self.said: list[bytes] = []  # at its end, on standard error
        pipe = subprocess.PIPE
        super().__init__(command, stdin=stdin or subprocess.DEVNULL, stdout=pipe, stderr=pipe)
        if stdin is not None:
            stdin.close()  # here: so that who writes to it hears when it reads no more

    def url(self) -> str:
        """Wait until it listens; give the address that it says."""
        assert self.stderr is not None
        for line in self.stderr:
            found = re.search(rb"http://\S+", line)
            if found:
                return found[0].decode()
        raise RuntimeError("it does not listen")

    def ended(self) -> float:
        """Wait for its end; give its peak memory (MiB)."""
        self.out, err = self.communicate(timeout=300)
        self.said = err.split()
        return int(self.said[-1]) / 1024

    def report(self) -> tuple[dict[str, Any], float]:
        """Wait for its end; give its report, and its peak memory (MiB)."""
        memory = self.ended()
        return json.loads(self.out.splitlines()[-1]), memory


def load(module: str, *args: str) -> subprocess.Popen[bytes]:
    """Start what writes a load to its standard output."""
    command = [sys.executable, "-m", module, *args]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


def count(number: int) -> str:
    """Show how many."""
    return f"{number:,}"


def seconds(number: float) -> str:
    """Show how long."""
    return f"{number:.2f} s"


def mebibytes(number: float) -> str:
    """Show how much memory."""
    return f"{number:.0f} MiB"


def bursts(unbounded: bool) -> list[str]:
    """Three bursts of 50,000 events, one a second."""
    with load("rxflow.examples.burster", "--bursts", "3") as sending:
        args = ["--unbounded"] if unbounded else []
        with Process("bursts", *args, stdin=sending.stdout) as process:
            report, memory = process.report()
    dropped = Counter[str]()
    for reasons in report["dropped"].values():
        dropped.update(reasons)
    return [
        count(sum(report["handled"].values())),
        count(dropped["replaced"]),
        count(dropped["shed"]),
        *(seconds(report["p99_age"][kind]) for kind in ("trade", "quote", "log")),
        mebibytes(memory),
    ]


def workers(unbounded: bool) -> list[str]:
    """Jobs of 10 ms as fast as they are read, and after 8 s a SIGTERM, with a second to go."""
    args = ["--deadline", "1", "--capacity", "0" if unbounded else "100"]
    with load("tests.benchmarks.feeder", "jobs") as sending:
        with Process("workers", *args, stdin=sending.stdout, runner=TIMED) as process:
            time.sleep(8)
            process.send_signal(signal.SIGTERM)
            report, memory = process.report()
        sending.terminate()  # had it not heard that nobody reads
    left = len(report["cancelled"]) + len(report["not_begun"])
    return [
        count(report["done"] + left),
        count(report["done"]),
        count(left),
        seconds(float(process.said[-2])),
        mebibytes(memory),
    ]


def in_seconds(told: str) -> float:
    """Read a time as wrk writes it: 1.50s, 20.00ms, 3.00us, 1.00m."""
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", told).groups()  # type: ignore[union-attr]
    return float(number) * {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}[unit]


def webhooks(unbounded: bool) -> list[str]:
    """Bodies of 48 KiB on 500 connections, to a database that can write 250 of them a second."""
    with tempfile.TemporaryDirectory() as folder:
        path, script = Path(folder) / "hooks.db", Path(folder) / "post.lua"
        script.write_text(POLITE)
        args = [str(path), "--port", "0", "--capacity", str(10**9 if unbounded else 100)]
        with Process("webhooks", *args, runner=SLOW + RUNNER) as process:
            wrk = ["wrk", "-t1", "-c500", "-d10", "--timeout", "30", "--latency", "-s", str(script)]
            told = subprocess.check_output([*wrk, process.url()], text=True)
            process.send_signal(signal.SIGINT)
            memory = process.ended()
        with closing(sqlite3.connect(path)) as database:
            [(taken,)] = database.execute("SELECT count(*) FROM webhooks")
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", told)
    half, most = (re.search(rf"{share}%\s+(\S+)", told) for share in (50, 99))
    assert half is not None
    assert most is not None
    return [
        count(taken),
        count(int(refused[1]) if refused else 0),
        seconds(in_seconds(half[1])),
        seconds(in_seconds(most[1])),
        mebibytes(memory),
    ]


class Service:
    """Takes 20 ms for each of 8 calls at once, is busy beyond them, and down for 2 s."""

    def __init__(self) -> None:
        self.told: Counter[int] = Counter()
        self.took: list[float] = []  # of each call, from when it was written (seconds)
        self._now = 0
        self._begun: float | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        now = time.monotonic()
        self._begun = self._begun or now
        written = float((await receive())["body"].split()[0])
        status = 503 if 2 < now - self._begun < 4 else 429 if self._now >= 8 else 200
        self._now += 1
        if status == 200:
            await asyncio.sleep(0.02)
            self.took.append(time.monotonic() - written)
        self._now -= 1
        self.told[status] += 1
        headers = [(b"content-length", b"0")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body"})


CALLS = 2000


def fanout(unbounded: bool) -> list[str]:
    """Two thousand calls to a service that can do 400 a second."""
    service = Service()
    args = ["--rate", "1e9", "--concurrency", "100000"] if unbounded else []

    def run(url: str) -> tuple[dict[str, Any], float]:
        with (
            load("tests.benchmarks.feeder", "calls", "--count", str(CALLS)) as sending,
            Process("fanout", url, *args, stdin=sending.stdout) as process,
        ):
            return process.report()

    async def measure() -> tuple[dict[str, Any], float]:
        async with serving(service) as url:
            return await asyncio.to_thread(run, url)

    begun = time.monotonic()
    report, memory = asyncio.run(measure())
    took = sorted(service.took)[CALLS * 99 // 100 - 1 :]  # of all calls, not of those answered
    return [
        count(report["answered"]),
        count(service.told[429]),
        count(service.told[503]),
        count(report["spared"]),
        count(report["given_up"]),
        seconds(took[0]) if took else "never",
        seconds(time.monotonic() - begun),
        mebibytes(memory),
    ]


@dataclass
class Measured:
    """How an application is measured.

    Attributes:
        measure: Gives the cells of one row; it is told whether it is to be without a bound.
        bounded: What the row with the bound is called.
        heads: What the columns are called, but for the first.
    """

    measure: Callable[[bool], list[str]]
    bounded: str
    heads: tuple[str, ...]


P99, MEMORY = "p99", "peak memory"
APPLICATIONS = {
    "bursts": Measured(
        bursts,
        "three doors",
        ("handled", "conflated", "shed", "p99 trades", "p99 quotes", "p99 logs", MEMORY),
    ),
    "workers": Measured(
        workers, "100 may wait", ("accepted", "done", "not done", P99, MEMORY)
    ),
    "webhooks": Measured(
        webhooks, "100 on their way", ("accepted", "refused", "p50", P99, MEMORY)
    ),
    "fanout": Measured(
        fanout,
        "200/s, 16 at once",
        ("answered", "429", "503", "spared", "given up", P99, "in", MEMORY),
    ),
}  # fmt: skip


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Give a table as a docstring has it."""
    cells = [heads, *rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(heads))]
    rule = "  ".join("=" * width for width in widths)
    shown = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]
    return "\n".join([rule, shown[0], rule, *shown[1:], rule]) + "\n"


RULE = r"=+(?:  =+)+\n"
TABLE = re.compile(rf"(?m)^{RULE}.*\n{RULE}(?:(?!=).*\n)*{RULE}")


def replaced(text: str, new: str) -> str:
    """Put another table in the place of the one that is in a text.

    Raises:
        ValueError: There is not exactly one.
    """
    text, found = TABLE.subn(new.replace("\\", r"\\"), text)
    if found != 1:
        raise ValueError(f"there are {found} tables")
    return text


def measured(name: str) -> str:
    """Measure an application; give its table."""
    how = APPLICATIONS[name]
    rows = [[how.bounded, *how.measure(False)], ["unbounded", *how.measure(True)]]
    return table(["", *how.heads], rows)


def main() -> None:
    """Run it from the command line."""
    parser = argparse.ArgumentParser(description="Measures the applications.")
    parser.add_argument("name", nargs="*", choices=[*APPLICATIONS, []], default=[])
    parser.add_argument("--write", action="store_true", help="into the docstrings")
    told = parser.parse_args()
    for name in told.name or APPLICATIONS:
        shown = measured(name)
        print(f"{name}\n\n{shown}", flush=True)
        if told.write:
            path = EXAMPLES / f"{name}.py"
            text = path.read_text(encoding="utf-8")
            path.write_text(replaced(text, shown), encoding="utf-8")


if __name__ == "__main__":
    main()
