"""Watch what rxflow does for each item, in figures that no other load can change.

`python -m tests.benchmarks.guard` counts the bytecodes that Python executes in rxflow's own
functions, and the calls that they take and make, for one more item in the pipelines of P1, P3,
P5 and P6; and compares them with `guard.json`. `--write` writes what it counts for this Python.
A figure that has become better is to be written, too, or the gain could be lost again unseen.

It does not see what is done in C, such as one more `map` or `chain` around an iterator: what an
item costs is told by `python -m tests.benchmarks`, on a quiet machine.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import inspect
import json
import os
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from itertools import repeat
from pathlib import Path
from types import FrameType
from typing import Any

import rxflow

from .harness import Benchmark, Work
from .p01_sync import P1
from .p03_async import P3
from .p05_handoff import P5
from .p06_subject import P6

FILE = Path(__file__).with_name("guard.json")
MARGIN = 0.05
"""What a figure may differ by, as a part of it."""
SLACK = 0.05
"""What it may differ by at least (per item): once in 20 items matters to nobody."""
FEW, MANY = 768, 1_536
"""Numbers of items; what they differ in is per item: whole batches of 192 and of 256 (items)."""
OURS = str(Path(rxflow.__file__).parent) + os.sep

GUARDED = {
    "P1": (P1, "rxflow"),
    "P3": (P3, "rxflow, async for"),
    "P4": (P3, "rxflow, chunks(256)"),
    "P5 send": (P5, "rxflow, send and async for"),
    "P5 observe_on": (P5, "rxflow, observe_on and async for"),
    "P6": (P6, "rxflow, unbounded demand"),
    "P6 bursts": (P6, "rxflow, demand in bursts"),
}

Counts = Mapping[str, float]
"""By what is counted, how often for one item."""


class Counter:
    """Counts what is executed in rxflow's functions."""

    def __init__(self) -> None:
        self.bytecodes = 0
        self.calls = 0

    def trace(self, frame: FrameType, event: str, argument: Any) -> Any:
        """Hear that a function begins, or a generator goes on."""
        if not frame.f_code.co_filename.startswith(OURS):
            return None
        self.calls += 1
        frame.f_trace_lines = False
        frame.f_trace_opcodes = True
        return self._step

    def _step(self, frame: FrameType, event: str, argument: Any) -> Any:
        if event == "opcode":
            self.bytecodes += 1
        return self._step

    def profile(self, frame: FrameType, event: str, argument: Any) -> None:
        """Hear of a call of what is not written in Python."""
        if event == "c_call" and frame.f_code.co_filename.startswith(OURS):
            self.calls += 1


@contextmanager
def timeless() -> Generator[None]:
    """Let no time pass for rxflow, which gives others a turn when much of it has."""
    clocks = [
        (module, name, clock)
        for module_name, module in [*sys.modules.items()]
        if module_name.partition(".")[0] == "rxflow"
        for name in ("perf_counter", "monotonic", "monotonic_ns")
        if (clock := vars(module).get(name)) is not None
    ]
    for module, name, _ in clocks:
        setattr(module, name, repeat(0).__next__)  # a call of C's, as the clock's is
    try:
        yield
    finally:
        for module, name, clock in clocks:
            setattr(module, name, clock)


@contextmanager
def _traced(counter: Counter) -> Generator[None]:
    before = sys.gettrace(), sys.getprofile()
    gc.collect()
    gc.disable()  # what it finalises would be counted anywhere
    sys.settrace(counter.trace)
    sys.setprofile(counter.profile)
    try:
        yield
    finally:
        sys.settrace(before[0])
        sys.setprofile(before[1])
        gc.enable()


def _counted(work: Work, items: int) -> Counter:
    counter = Counter()
    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        with _traced(counter):
            if inspect.iscoroutinefunction(work):
                loop.run_until_complete(work(items))
            else:
                work(items)
    return counter


def count(work: Work) -> Counts:
    """Count what one more item takes."""
    with timeless():
        _counted(work, MANY)  # what is done only once, or for the first time
        few, many = _counted(work, FEW), _counted(work, MANY)
    return {
        name: round((getattr(many, name) - getattr(few, name)) / (MANY - FEW), 3)
        for name in ("bytecodes", "calls")
    }


def work_of(benchmark: Benchmark, name: str) -> Work:
    """Find a contender's work."""
    return next(found.work for found in benchmark.contenders if found.name == name)


def compare(counted: Mapping[str, Counts], written: Mapping[str, Counts]) -> list[str]:
    """Say what differs by more than the margin, or is not there to be compared."""
    differing = list[str]()
    for name in sorted({*counted, *written}):
        if name not in counted or name not in written:
            differing.append(f"{name}: {'not written' if name in counted else 'not counted'}")
            continue
        for figure, before in written[name].items():
            now = counted[name][figure]
            if abs(now - before) > max(MARGIN * before, SLACK):
                verdict = "WORSE" if now > before else "better: to be written"
                differing.append(f"{name}: {now:g} {figure} per item, {before:g} before: {verdict}")
    return differing


def this_python() -> str:
    """Name the Python whose bytecodes these are."""
    free = "" if getattr(sys, "_is_gil_enabled", lambda: True)() else "t"
    return f"{sys.version_info.major}.{sys.version_info.minor}{free}"


def main() -> None:
    """Check, or write."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.guard", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write what is counted")
    options = parser.parse_args()
    counted = {name: count(work_of(*guarded)) for name, guarded in GUARDED.items()}
    for name, counts in counted.items():
        shown = ", ".join(f"{value:g} {figure}" for figure, value in counts.items())
        print(f"{name:<14} {shown} per item")
    written: dict[str, dict[str, Counts]] = json.loads(FILE.read_text(encoding="utf-8"))
    python = this_python()
    if options.write:
        written[python] = counted
        FILE.write_text(json.dumps(dict(sorted(written.items())), indent=1) + "\n", "utf-8")
    elif python not in written:
        print(f"nothing is written for Python {python}, so nothing is compared")
    elif differing := compare(counted, written[python]):
        advice = "if it is meant: python -m tests.benchmarks.guard --write"
        raise SystemExit("\n".join([*differing, advice]))


if __name__ == "__main__":
    main()
