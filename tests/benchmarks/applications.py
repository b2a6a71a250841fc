"""Measures the applications of rxflow/examples, and prints the tables of their docstrings.

``python -m tests.benchmarks.applications [NAME ...]``; each figure is of a process of its own. The
load on ``webhooks`` is that of wrk, where it is installed.
"""

from __future__ import annotations

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
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

# Runs a module as ``python -m`` does, and tells at the end how much memory the process has needed.
RUNNER = """
import resource, runpy, sys
module = sys.argv.pop(1)
try:
    runpy.run_module(module, run_name="__main__", alter_sys=True)
finally:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
"""


class Process(subprocess.Popen[bytes]):
    """An application."""

    def __init__(self, module: str, *args: str) -> None:
        pipes: Any = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        command = [sys.executable, "-c", RUNNER, f"rxflow.examples.{module}", *args]
        super().__init__(command, **pipes)

    def feed(self, piece: bytes, seconds: float) -> int:
        """Write as fast as it reads, for some time; give how many lines it has taken."""
        assert self.stdin is not None
        fd, sent, end = self.stdin.fileno(), 0, time.monotonic() + seconds
        os.set_blocking(fd, False)
        left = memoryview(piece)
        while time.monotonic() < end:
            if select.select([], [fd], [], 0.1)[1]:
                wrote = os.write(fd, left)
                sent += bytes(left[:wrote]).count(b"\n")
                left = left[wrote:] or memoryview(piece)
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
        return json.loads(out.splitlines()[-1]), int(err.split()[-1]) / 1024


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


def workers() -> None:
    """Jobs of 10 ms as fast as they are read, and after 8 s a SIGTERM, with a second to go."""
    rows = []
    for name, capacity in (("100 may wait", "100"), ("unbounded", "0")):
        with Process("workers", "--deadline", "1", "--capacity", capacity) as process:
            sent = process.feed(b'{"name": "%s", "seconds": 0.01}\n' % (b"x" * 1000), 8)
            process.send_signal(signal.SIGTERM)
            report, memory = process.report()
        left = len(report["cancelled"]) + len(report["not_begun"])
        rows.append([name, f"{sent:,}", f"{report['done']:,}", f"{left:,}", f"{memory:.0f} MiB"])
    table(["", "written", "done", "not done", "peak memory"], rows)


def webhooks() -> None:
    """Bodies of 16 KiB on 1,000 connections, each of which sends as soon as it is answered."""
    rows = []
    for name, capacity in (("200 may wait", "200"), ("unbounded", str(10**9))):
        with tempfile.TemporaryDirectory() as folder:
            path, script = Path(folder) / "hooks.db", Path(folder) / "post.lua"
            script.write_text('wrk.method = "POST"; wrk.body = string.rep("x", 16384)')
            with Process("webhooks", str(path), "--port", "0", "--capacity", capacity) as process:
                url = process.url()
                load = ["wrk", "-t1", "-c1000", "-d10", "--timeout", "30", "--latency", "-s"]
                told = subprocess.check_output([*load, str(script), url], text=True)
                process.send_signal(signal.SIGINT)
                _, err = process.communicate(timeout=60)
            with closing(sqlite3.connect(path)) as database:
                [(taken,)] = database.execute("SELECT count(*) FROM webhooks")
        found = re.search(r"Non-2xx or 3xx responses: (\d+)", told)
        p99 = re.search(r"99%\s+(\S+)", told)
        assert p99 is not None
        refused = f"{int(found[1]):,}" if found else "0"
        memory = int(err.split()[-1]) / 1024
        rows.append([name, f"{taken:,}", refused, p99[1], f"{memory:.0f} MiB"])
    table(["", "accepted", "refused", "p99", "peak memory"], rows)


MEASURED: dict[str, Callable[[], None]] = {
    "bursts": bursts,
    "workers": workers,
    "webhooks": webhooks,
}

if __name__ == "__main__":
    for name in sys.argv[1:] or MEASURED:
        print(f"{name}\n")
        MEASURED[name]()
        print()
