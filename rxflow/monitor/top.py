"""A live view of what runs, in the terminal: ``python -m rxflow top``."""

from __future__ import annotations

import argparse
import asyncio
import math
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Protocol, TextIO

from .endpoint import read_endpoint
from .following import Following
from .metrics import BY_NAME
from .sums import StageTotals
from .terminal import terminal
from .totals import Reading, Totals

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

SUMMARY = "a live view of running pipelines, here or in another process"
DESCRIPTION = (
    "Show each stage of each flow that runs: what goes through it, how full it is, what it "
    "drops, and how much of the time it is blocked (nobody asks for what it has), starved (it is "
    "asked and has nothing) or working. With an address it looks at another process, which "
    "exposes its metrics for Prometheus; without, at the pipeline of the demo in this one."
)
EPILOG = (
    "Ctrl-C ends it. The live table needs a terminal and the extra 'demo', an address the extra "
    "'prometheus'; without a terminal the table is written anew each time."
)

COLUMNS = (
    *("flow", "stage", "items/s", "held", "of", "full", "drops/s", "demand"),
    *("blocked", "starved", "working"),
)
_WIDTHS = (14, 26, 9, 7, 7, 5, 8, 8, 7, 7, 7)  # in plain lines (characters)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "url",
        nargs="?",
        help="where another process exposes its metrics, such as http://localhost:9000/metrics",
    )
    parser.add_argument(
        "--every",
        type=_seconds,
        default=1.0,
        metavar="SECONDS",
        help="time between two looks (default: %(default)g)",
    )
    parser.add_argument(
        "--count",
        type=int,
        metavar="LOOKS",
        help="end after so many looks (default: at Ctrl-C, or with the demo)",
    )


def run(options: argparse.Namespace, demo: Callable[[], Awaitable[object]]) -> int:
    """Show what runs until it is over.

    Args:
        options: What was parsed with ``add_arguments``.
        demo: Runs the pipeline that is looked at where there is no address.

    Returns:
        The exit code: 0; 1 when the other process could not be read at all.
    """
    view = open_view(sys.stdout)
    totals = None if options.url else Totals()
    read = partial(read_endpoint, options.url)
    if totals is not None:
        read = partial(totals.read, subscriptions=True)
    watch = Watch(read, view)
    try:
        watch.look()
        asyncio.run(_watch(watch, options.every, options.count, None if options.url else demo))
    except KeyboardInterrupt:
        pass
    except (OSError, ValueError, ImportError) as error:
        sys.stderr.write(f"cannot read {options.url or 'the figures'}: {error}\n")
        return 1
    finally:
        view.finish()
        if totals is not None:
            totals.close()
    return 0


async def _watch(
    watch: Watch, every: float, count: int | None, demo: Callable[[], Awaitable[object]] | None
) -> None:
    async def looking() -> None:
        looks = 1
        while count is None or looks < count:
            await asyncio.sleep(every)
            watch.look(patient=True)
            looks += 1

    if demo is None:
        await looking()
        return
    looks, shown = asyncio.ensure_future(looking()), asyncio.ensure_future(demo())
    try:
        await asyncio.wait((looks, shown), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (looks, shown):
            task.cancel()
        await asyncio.gather(looks, shown, return_exceptions=True)


class Watch:
    """Looks, compares with what it has seen before, and shows it."""

    def __init__(
        self, read: Callable[[], Reading], view: View, clock: Callable[[], float] = monotonic
    ) -> None:
        """Prepare to look.

        Args:
            read: Gives how everything stands.
            view: Where it is shown.
            clock: Gives the time (seconds).
        """
        self._read = read
        self._view = view
        self._clock = clock
        self._before: Reading | None = None
        self._at = 0.0
        self._rows: list[Row] = []
        self._following = Following()

    def look(self, *, patient: bool = False) -> None:
        """Look and show.

        Args:
            patient: What cannot be read now is said, and what was read before stays.
        """
        try:
            reading = self._read()
        except (OSError, ValueError) as error:
            if not patient:
                raise
            self._view.show(self._rows, f"not read: {error}")
            return
        at = self._clock()
        self._rows = rows(reading, self._before, at - self._at)
        self._before, self._at = replace(reading, subscriptions=()), at  # keeps none alive
        limits = self._following.see(reading.subscriptions)
        self._view.show(self._rows, "\n".join([_caption(reading), *limits]))


@dataclass(frozen=True, slots=True)
class Row:
    """One stage; what is told per second is nan at the first look.

    Attributes:
        flow: The flow.
        stage: The stage.
        rate: What goes out of it (items per second); nan as well while that is not known, as of
            what holds nothing and therefore counts nothing.
        held: What is in it (items).
        capacity: What it may hold (items, or a weight); 0 where it holds nothing.
        full: The share of that which is used.
        drops: What it drops (items per second).
        demand: What is asked of it (items).
        blocked: The share of the time in which nobody asked for what it had.
        starved: The share of the time in which it was asked and had nothing.
        working: The share of the time in which functions of the user worked in it; above 1
            where several of them work at once.
    """

    flow: str
    stage: str
    rate: float
    held: float
    capacity: float
    full: float
    drops: float
    demand: float
    blocked: float
    starved: float
    working: float


def rows(now: Reading, before: Reading | None, seconds: float) -> list[Row]:
    """Compare two looks; stages that nobody runs any more are left out.

    Args:
        now: The last one.
        before: The one before.
        seconds: How long that was before (seconds).
    """
    past = {(each.flow, each.stage): each for each in before.stages} if before else {}
    made: list[Row] = []
    for stage in now.stages:
        if stage.running:
            earlier = past.get((stage.flow, stage.stage), NOTHING_YET if before else None)
            made.append(_row(stage, earlier, seconds))
    return made


NOTHING_YET = StageTotals("", "", 0, {}, {})
"""How a stage stood before it was there."""


def _row(stage: StageTotals, before: StageTotals | None, seconds: float) -> Row:
    def now(name: str) -> float:
        return stage.values.get(BY_NAME[f"rxflow_stage_{name}"], 0)

    def rate(name: str, each: float = 1.0) -> float:
        if before is None or seconds <= 0:
            return math.nan
        grown = now(name) - before.values.get(BY_NAME[f"rxflow_stage_{name}"], 0)
        return grown / seconds / each

    def share(name: str) -> float:
        # Other processes are read a little sooner or later than by the clock of this one.
        value = rate(name, stage.running)
        return 1.0 if value > 1 else value  # false for nan

    untold = not (now("items_received_total") or now("items_emitted_total"))
    drops = math.nan
    if before is not None and seconds > 0:
        drops = (sum(stage.dropped.values()) - sum(before.dropped.values())) / seconds
    return Row(
        flow=stage.flow,
        stage=stage.stage,
        rate=math.nan if untold else rate("items_emitted_total"),
        held=now("queue_depth"),
        capacity=now("queue_capacity"),
        full=now("utilization_ratio"),
        drops=drops,
        demand=now("demand"),
        blocked=share("blocked_seconds_total"),
        starved=share("starved_seconds_total"),
        working=rate("working_seconds_total", stage.running),
    )


def cells(row: Row) -> tuple[str, ...]:
    """Write one row of the table."""
    return (
        row.flow,
        row.stage,
        _number(row.rate),
        _number(row.held),
        _number(row.capacity) if row.capacity else "",
        _share(row.full) if row.capacity else "",
        _number(row.drops),
        "all" if math.isinf(row.demand) else _number(row.demand),
        *map(_share, (row.blocked, row.starved, row.working)),
    )


def _number(value: float) -> str:
    if math.isnan(value):
        return "-"
    return f"{value:.0f}" if value == round(value) or value >= 100 else f"{value:.1f}"


def _share(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.0%}"


def _caption(reading: Reading) -> str:
    running = sum(flow.active for flow in reading.flows)
    over = sum(sum(flow.terminated.values()) for flow in reading.flows)
    return f"{running} running, {over} over"


class View(Protocol):
    """Where the table is shown."""

    def show(self, rows: Sequence[Row], caption: str) -> None:
        """Show it."""
        ...

    def finish(self) -> None:
        """Leave it as it is. Nothing follows."""
        ...


def open_view(file: TextIO) -> View:
    """Choose the form: live where ``rich`` is installed and the file is a terminal.

    Args:
        file: Where to.
    """
    console = terminal(file)
    return Lines(file) if console is None else Live(console)


class Lines:
    """The table, written anew each time."""

    def __init__(self, file: TextIO) -> None:
        """Prepare to write.

        Args:
            file: Where to.
        """
        self._file = file

    def show(self, rows: Sequence[Row], caption: str) -> None:
        """Write it."""
        for texts in (COLUMNS, *map(cells, rows)):
            self._file.write(_line(texts) + "\n")
        self._file.write(caption + "\n\n")
        self._file.flush()

    def finish(self) -> None:
        """Do nothing."""


class Live:
    """The table, on a terminal, in place."""

    def __init__(self, console: Console) -> None:
        """Prepare to draw.

        Args:
            console: The terminal.
        """
        from rich.live import Live as RichLive

        self._live = RichLive(console=console, auto_refresh=False)

    def show(self, rows: Sequence[Row], caption: str) -> None:
        """Draw it."""
        self._live.start()  # does nothing when it is started
        self._live.update(_table(rows, caption), refresh=True)

    def finish(self) -> None:
        """Give the terminal back."""
        self._live.stop()


def _line(texts: Sequence[str]) -> str:
    return " ".join(
        text.rjust(width) if index > 1 else text.ljust(width)
        for index, (text, width) in enumerate(zip(texts, _WIDTHS, strict=True))
    ).rstrip()


def _table(rows: Sequence[Row], caption: str) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    table.caption, table.caption_justify = Text(caption), "left"
    lines = [*map(cells, rows)]
    for index, (column, *texts) in enumerate(zip(COLUMNS, *lines, strict=True)):
        if index > 1:
            width = max(map(len, (column, *texts)))
            table.add_column(column, justify="right", no_wrap=True, min_width=width)
        else:  # in a narrow terminal names are cut, and figures are not
            table.add_column(column, overflow="ellipsis")
    for row, texts in zip(rows, lines, strict=True):
        dropping = row.drops > 0  # false for nan
        table.add_row(*map(Text, texts), style=_style(row.full, dropping))
    return table


def _style(full: float, dropping: bool) -> str:
    if dropping:
        return "red"
    return "yellow" if full > 0.8 else ""


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value
