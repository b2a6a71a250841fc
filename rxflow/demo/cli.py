"""The command line of the demo."""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import sys

from .departures import read
from .measure import Figures, Load, Run
from .pipeline import STRATEGIES
from .table import Display, open_display

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""

REFRESH = 0.1
"""Time between two looks at a run (seconds)."""

SUMMARY = "a day of departures, too fast for its consumer"
DESCRIPTION = (
    "Replay one real day of departures from the three New York airports, much faster than it was, "
    "as a hot source on a thread of its own, through a pipeline into a consumer that is too slow "
    "for it: once for each overflow strategy."
)
EPILOG = (
    "Ctrl-C ends it with the summary of what has run so far, and exit code 130. The live table "
    "needs a terminal and the extra 'demo'; without them there are plain lines."
)


def _spelled(name: str) -> str:
    """Take the name of a strategy also as it is written in code, such as DROP_OLDEST."""
    return name.lower().replace("_", "-")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the demo."""
    parser.add_argument(
        "--speed",
        type=_speed,
        default=30_000.0,
        metavar="FACTOR",
        help="how much faster than the real day (default: %(default)g)",
    )
    parser.add_argument(
        "--capacity",
        type=_capacity,
        default=32,
        metavar="ITEMS",
        help="most departures held at the door (default: %(default)d; 'latest' always holds 1)",
    )
    parser.add_argument(
        "--consumer-ms",
        type=_milliseconds,
        default=3.0,
        metavar="MS",
        help="how long the consumer takes for each departure (default: %(default)g)",
    )
    parser.add_argument(
        "--strategy",
        type=_spelled,
        action="append",
        choices=list(STRATEGIES),
        help="a strategy to run; repeat it for several (default: all)",
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help="write the summary to stdout as JSON; everything else goes to stderr",
    )


def run(options: argparse.Namespace) -> int:
    """Run the demo.

    Args:
        options: What was parsed with ``add_arguments``.

    Returns:
        The exit code: 0; 130 after Ctrl-C; 1 when nobody reads the output any more.
    """
    code = 0
    rows: list[Figures] = []
    try:
        display = open_display(sys.stderr if options.json else sys.stdout)
        try:
            asyncio.run(_run_all(options, display, rows))
        except KeyboardInterrupt:
            code = INTERRUPTED
        finally:
            display.finish(rows)
        if options.json:
            text = json.dumps([figures.as_json() for figures in rows], indent=2)
            sys.stdout.write(text + "\n")
            sys.stdout.flush()
    except* KeyboardInterrupt:  # once more, while the summary was written
        code = INTERRUPTED
    except* BrokenPipeError:
        # What is still buffered is flushed when Python exits; let it go nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    return code


async def consume() -> None:
    """Run one strategy over and over, for those who watch: a day takes half a minute."""
    while True:
        await Run("drop-oldest", Load(read(), speed=3_000.0, capacity=32, work=0.05)).consume()


async def _run_all(options: argparse.Namespace, display: Display, rows: list[Figures]) -> None:
    """Run the strategies in turn; ``rows`` gets the figures of each, also of one cut short."""
    load = Load(read(), options.speed, options.capacity, options.consumer_ms / 1000)
    for strategy in dict.fromkeys(options.strategy or STRATEGIES):
        run = Run(strategy, load)
        try:
            async with asyncio.TaskGroup() as tasks:
                showing = tasks.create_task(_show(display, rows, run))
                await run.consume()
                showing.cancel()
        finally:
            rows.append(run.figures())


async def _show(display: Display, rows: list[Figures], run: Run) -> None:
    while True:
        display.show((*rows, run.figures()), run.last)
        await asyncio.sleep(REFRESH)


def _number(text: str, least: float, *, itself: bool) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < least or (value == least and not itself):
        bound = "of at least" if itself else "above"
        raise argparse.ArgumentTypeError(f"{text!r} is not a number {bound} {least:g}")
    return value


def _speed(text: str) -> float:
    return _number(text, 0, itself=False)


def _milliseconds(text: str) -> float:
    return _number(text, 0, itself=True)


def _capacity(text: str) -> int:
    value = _number(text, 1, itself=True)
    if not value.is_integer():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of items")
    return int(value)
