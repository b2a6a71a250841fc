"""Measures the applications of rxflow/examples, and prints the tables of their docstrings.

``python -m tests.benchmarks.applications [NAME ...]``; each figure is of a process of its own. The
load on ``webhooks`` is that of wrk, where it is installed.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterable
from typing import Any

# Runs a module as ``python -m`` does, and tells at the end how much memory the process has needed.
RUNNER = """
import json, resource, runpy, sys
module = sys.argv.pop(1)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    runpy.run_module(module, run_name="__main__", alter_sys=True)
finally:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
"""


def ran(module: str, *args: str, stdin: str | None = None) -> tuple[dict[str, Any], float]:
    """Run an application; give its report, and its peak memory (MiB)."""
    done = subprocess.run(
        [sys.executable, "-c", RUNNER, f"rxflow.examples.{module}", *args],
        input=stdin,
        capture_output=True,
        check=True,
        text=True,
        timeout=300,
    )
    return json.loads(done.stdout.splitlines()[-1]), int(done.stderr.split()[-1]) / 1024


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


MEASURED: dict[str, Callable[[], None]] = {"bursts": bursts}

if __name__ == "__main__":
    for name in sys.argv[1:] or MEASURED:
        print(f"{name}\n")
        MEASURED[name]()
        print()
