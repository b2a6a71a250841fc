"""Measures the applications of rxflow/examples, and prints the tables of their docstrings.

``python -m tests.benchmarks.applications [NAME ...]``; each figure is of a process of its own. The
load on ``webhooks`` is that of wrk, where it is installed.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import select
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.examples.serving import serving

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


class Process(subprocess.Popen[bytes]):
    """An application."""

    def __init__(self, module: str, *args: str, runner: str = RUNNER) -> None:
        pipes: Any = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        command = [sys.executable, "-c", runner, f"rxflow.examples.{module}", *args]
        self.said: list[bytes] = []  # at its end, on standard error
        super().__init__(command, **pipes)

    def feed(self, piece: Callable[[], bytes], seconds: float) -> int:
        """Write as fast as it reads, for some time; give how many lines it has taken."""
        assert self.stdin is not None
        fd, sent, end = self.stdin.fileno(), 0, time.monotonic() + seconds
        os.set_blocking(fd, False)
        left = b""
        while time.monotonic() < end:
            if select.select([], [fd], [], 0.1)[1]:
                left = left or piece()
                wrote = os.write(fd, left)
                sent += left[:wrote].count(b"\n")
                left = left[wrote:]
        return sent

    def url(self) -> str:
        """Wait until it listens; give the address that it says."""
        assert self.stderr is not None
        for line in self.stderr:
            found = re.search(rb"http://\S+", line)
            if found:
                return found[0].decode()
        raise RuntimeError("it does not listen")

    def report(self) -> tuple[dict[str, Any], float]:
        """Wait for its end; give its report, and its peak memory (MiB)."""
        assert self.stdin is not None
        self.stdin.close()
        self.stdin = None
        out, err = self.communicate(timeout=300)
        self.said = err.split()
        return json.loads(out.splitlines()[-1]), int(self.said[-1]) / 1024


def ran(module: str, *args: str) -> tuple[dict[str, Any], float]:
    """Run an application to its end."""
    with Process(module, *args) as process:
        return process.report()


def table(heads: list[str], rows: Iterable[list[str]]) -> None:
    """Print a table as a docstring has it."""
    cells = [heads, *rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(heads))]
    line = "  ".join("=" * width for width in widths)
    print(line)
    for number, row in enumerate(cells):
        print(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        )
        if not number:
            print(line)
    print(line)


def bursts() -> None:
    """Three bursts of 50,000 events, one a second."""
    bounded, memory = ran("bursts", "--bursts", "3")
    without, without_memory = ran("bursts", "--bursts", "3", "--unbounded")
    rows = []
    for kind in ("trade", "quote", "log"):
        published, handled = bounded["published"][kind], bounded["handled"][kind]
        rows.append([
            kind + "s",
            f"{published:,}",
            f"{handled:,}",
            f"{published - handled:,}",
            f"{bounded['p99_age'][kind]:.2f} s",
            f"{without['p99_age'][kind]:.2f} s",
        ])  # fmt: skip
    table(["", "published", "handled", "given up", "p99 age", "unbounded"], rows)
    held, all_held = (sum(each["peak_held"].values()) for each in (bounded, without))
    print(f"\nHeld in memory at most: {held:,} events, unbounded {all_held:,}; the process had")
    print(f"{memory:.0f} MiB at its peak, unbounded {without_memory:.0f} MiB.")


def job() -> bytes:
    """Give one that is written now."""
    return b'{"name": "%f %s", "seconds": 0.01}\n' % (time.monotonic(), b"x" * 1000)


def workers() -> None:
    """Jobs of 10 ms as fast as they are read, and after 8 s a SIGTERM, with a second to go."""
    rows = []
    for name, capacity in (("100 may wait", "100"), ("unbounded", "0")):
        args = ("--deadline", "1", "--capacity", capacity)
        with Process("workers", *args, runner=TIMED) as process:
            sent = process.feed(job, 8)
            process.send_signal(signal.SIGTERM)
            report, memory = process.report()
            p99 = float(process.said[-2])
        left = len(report["cancelled"]) + len(report["not_begun"])
        rows.append([
            name,
            f"{sent:,}",
            f"{report['done']:,}",
            f"{left:,}",
            f"{p99:.1f} s",
            f"{memory:.0f} MiB",
        ])  # fmt: skip
    table(["", "written", "done", "not done", "p99", "peak memory"], rows)


# What wrk sends: 48 KiB; who is refused comes again after a second.
POLITE = """
wrk.method = "POST"; wrk.body = string.rep("x", 49152)
local pause = 0
function response(status) if status == 429 then pause = 1000 end end
function delay() local now = pause; pause = 0; return now end
"""


def lock(path: Path, after: float, seconds: float) -> None:
    """Keep everybody from writing to a database, as a backup does."""
    time.sleep(after)
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        time.sleep(seconds)
        database.execute("COMMIT")


def webhooks() -> None:
    """Bodies of 48 KiB on 500 connections, while somebody locks the database for 4 s of 10."""
    rows = []
    for name, capacity in (("100 on their way", "100"), ("unbounded", str(10**9))):
        with tempfile.TemporaryDirectory() as folder:
            path, script = Path(folder) / "hooks.db", Path(folder) / "post.lua"
            script.write_text(POLITE)
            with Process("webhooks", str(path), "--port", "0", "--capacity", capacity) as process:
                url = process.url()
                load = ["wrk", "-t1", "-c500", "-d10", "--timeout", "30", "--latency", "-s"]
                with ThreadPoolExecutor(1) as pool:
                    pool.submit(lock, path, after=3, seconds=4)
                    told = subprocess.check_output([*load, str(script), url], text=True)
                process.send_signal(signal.SIGINT)
                _, err = process.communicate(timeout=60)
            with closing(sqlite3.connect(path)) as database:
                [(taken,)] = database.execute("SELECT count(*) FROM webhooks")
        found = re.search(r"Non-2xx or 3xx responses: (\d+)", told)
        half, most = (re.search(rf"{share}%\s+(\S+)", told) for share in (50, 99))
        assert half is not None
        assert most is not None
        refused = f"{int(found[1]):,}" if found else "0"
        memory = int(err.split()[-1]) / 1024
        rows.append([name, f"{taken:,}", refused, half[1], most[1], f"{memory:.0f} MiB"])
    table(["", "accepted", "refused", "p50", "p99", "peak memory"], rows)


class Service:
    """Takes 20 ms for each of 8 calls at once, is busy beyond them, and down for 2 s."""

    def __init__(self) -> None:
        self.told: Counter[int] = Counter()
        self.took: list[float] = []  # each call, from its first request to its answer (seconds)
        self._first: dict[bytes, float] = {}
        self._now = 0
        self._begun: float | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        now = time.monotonic()
        self._begun = self._begun or now
        first = self._first.setdefault((await receive())["body"], now)
        status = 503 if 2 < now - self._begun < 4 else 429 if self._now >= 8 else 200
        self._now += 1
        if status == 200:
            await asyncio.sleep(0.02)
            self.took.append(time.monotonic() - first)
        self._now -= 1
        self.told[status] += 1
        headers = [(b"content-length", b"0")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body"})


def fanout() -> None:
    """Two thousand calls to a service that can do 400 a second."""
    unbounded = ("--rate", "1e9", "--concurrency", "100000")
    rows = []
    with tempfile.NamedTemporaryFile("w") as lines:
        lines.writelines(f"{number}\n" for number in range(2000))
        lines.flush()

        async def measure(*args: str) -> tuple[Service, dict[str, Any], float, float]:
            service, begun = Service(), time.monotonic()
            async with serving(service) as url:
                report, memory = await asyncio.to_thread(ran, "fanout", url, lines.name, *args)
            return service, report, memory, time.monotonic() - begun

        for name, args in (("200/s, 16 at once", ()), ("unbounded", unbounded)):
            service, report, memory, seconds = asyncio.run(measure(*args))
            took = sorted(service.took)[1979:]  # of all calls the 99th of a hundred
            rows.append([
                name,
                f"{report['answered']:,}",
                f"{service.told[429]:,}",
                f"{service.told[503]:,}",
                f"{report['spared']:,}",
                f"{report['given_up']:,}",
                f"{took[0]:.1f} s" if took else "never",
                f"{seconds:.0f} s",
                f"{memory:.0f} MiB",
            ])  # fmt: skip
    heads = ["", "answered", "429", "503", "spared", "given up", "p99", "in", "peak memory"]
    table(heads, rows)


MEASURED: dict[str, Callable[[], None]] = {
    "bursts": bursts,
    "workers": workers,
    "webhooks": webhooks,
    "fanout": fanout,
}

if __name__ == "__main__":
    for name in sys.argv[1:] or MEASURED:
        print(f"{name}\n")
        MEASURED[name]()
        print()
