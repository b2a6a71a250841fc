"""Writes lines as fast as they are read: a load on an application that reads standard input.

``python -m tests.benchmarks.feeder jobs`` for ``workers``, ``calls`` for ``fanout``. Each line
begins with the time at which it was written, by the clock that all processes share. Whoever reads
no more ends it.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count

PADDING = "x" * 1000  # so that a pipe, which has 64 KiB, holds few


def job() -> str:
    """Give one of 10 ms."""
    return f'{{"name": "{time.monotonic()} {PADDING}", "seconds": 0.01}}\n'


def call() -> str:
    """Give what is posted."""
    return f"{time.monotonic()} {PADDING}\n"


LINES: dict[str, Callable[[], str]] = {"jobs": job, "calls": call}


def lines(kind: str, most: int | None = None) -> Iterator[bytes]:
    """Give lines, each made when it is asked for, without an end or so many."""
    for _ in count() if most is None else range(most):
        yield LINES[kind]().encode()


def main() -> None:
    """Run it from the command line."""
    parser = argparse.ArgumentParser(description="Writes lines as fast as they are read.")
    parser.add_argument("kind", choices=LINES)
    parser.add_argument("--count", type=int, default=None, help="lines; else without an end")
    told = parser.parse_args()
    with suppress(BrokenPipeError), open(sys.stdout.fileno(), "wb", buffering=0) as out:
        for line in lines(told.kind, told.count):
            out.write(line)


if __name__ == "__main__":
    main()
