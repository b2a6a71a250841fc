"""Measures the applications of rxflow/examples, and prints the tables of their docstrings.

``python -m tests.benchmarks.applications [NAME ...]``; each figure is of a process of its own. The
load on ``webhooks`` is that of wrk, where it is installed.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
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


MEASURED: dict[str, Callable[[], None]] = {"bursts": bursts, "workers": workers}

if __name__ == "__main__":
    for name in sys.argv[1:] or MEASURED:
        print(f"{name}\n")
        MEASURED[name]()
        print()
