"""The table, in two forms: one that updates in place, and plain lines."""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic
from typing import TYPE_CHECKING, Protocol, TextIO

from .departures import clock
from .measure import Figures
from .pipeline import Update

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

COLUMNS = (
    "strategy",
    "produced",
    "delivered",
    "dropped",
    "discarded",
    "peak",
    "waited",
    "p50",
    "p99",
)
_WIDTHS = (13, 8, 9, 7, 9, 4, 7, 7, 7)  # of the columns, in plain lines (characters)
LEGEND = (
    "peak: most held at the door (items); waited: producer waited for room (s)",
    "p50, p99: time from push to consumer (ms)",
)


class Display(Protocol):
    """Shows the runs while they go on, and in the end."""

    def show(self, rows: Sequence[Figures], last: Update | None) -> None:
        """Show how it stands: the runs so far, and what the consumer was given last."""
        ...

    def finish(self, rows: Sequence[Figures]) -> None:
        """Show the summary. Nothing follows."""
        ...


def open_display(file: TextIO) -> Display:
    """Choose the form: live where ``rich`` is installed and the file is a terminal."""
    if file.isatty():
        try:
            from rich.console import Console
        except ImportError:
            return PlainLines(file)
        console = Console(file=file)
        if not console.is_dumb_terminal:
            return LiveTable(console)
    return PlainLines(file)


class PlainLines:
    """A line now and then about the run that is going on, then the whole table."""

    def __init__(self, file: TextIO, every: float = 1.0) -> None:
        """Prepare to write.

        Args:
            file: Where to.
            every: Least time between two lines about the same run (seconds).
        """
        self._file = file
        self._every = every
        self._strategy = ""  # what the last line was about
        self._next = 0.0  # when the next line about it is due (seconds of time.monotonic)

    def show(self, rows: Sequence[Figures], last: Update | None) -> None:
        """Write a line about the run that is going on, when one is due."""
        strategy = rows[-1].strategy
        if last is not None and (strategy != self._strategy or monotonic() >= self._next):
            self._strategy, self._next = strategy, monotonic() + self._every
            self._write(f"{strategy}: {progress(last)}")

    def finish(self, rows: Sequence[Figures]) -> None:
        """Write the whole table."""
        self._write(_line(COLUMNS))
        for figures in rows:
            self._write(_line(cells(figures)))
        for line in (*notes(rows), *LEGEND):
            self._write(line)

    def _write(self, line: str) -> None:
        print(line, file=self._file, flush=True)


class LiveTable:
    """A table on a terminal that updates in place and stays there in the end."""

    def __init__(self, console: Console) -> None:
        """Prepare to draw.

        Args:
            console: The terminal.
        """
        from rich.live import Live

        self._live = Live(console=console, auto_refresh=False)

    def show(self, rows: Sequence[Figures], last: Update | None) -> None:
        """Draw the table with the departure that the consumer has just seen."""
        self._draw(rows, progress(last) if last else "waiting for the first departure")

    def finish(self, rows: Sequence[Figures]) -> None:
        """Draw the table for the last time and give the terminal back."""
        self._draw(rows, "\n".join((*notes(rows), *LEGEND)))
        self._live.stop()

    def _draw(self, rows: Sequence[Figures], caption: str) -> None:
        self._live.start()  # does nothing when it is started
        self._live.update(_table(rows, caption), refresh=True)


def cells(figures: Figures) -> tuple[str, ...]:
    """Write one row of the table."""
    return (
        figures.strategy,
        str(figures.produced),
        str(figures.delivered),
        str(figures.dropped),
        str(figures.discarded),
        str(figures.peak_held),
        f"{figures.waited_seconds:.2f}",
        _milliseconds(figures.latency_p50_ms),
        _milliseconds(figures.latency_p99_ms),
    )


def notes(rows: Sequence[Figures]) -> list[str]:
    """Say which runs did not go through to the end, and why."""
    failed = [f"{row.strategy}: {row.error}" for row in rows if row.error is not None]
    return failed + [f"{row.strategy}: interrupted" for row in rows if row.interrupted]


def progress(last: Update) -> str:
    """Write what the consumer was given last in one line."""
    flight = last.departure
    return (
        f"{clock(flight.minute)} {flight.flight} {flight.origin}-{flight.dest} "
        f"{_delay(flight.delay)}; {last.departed} seen, "
        f"mean {_delay(round(last.delay / last.departed))}"
    )


def _delay(minutes: int) -> str:
    if minutes == 0:
        return "on time"
    return f"{abs(minutes)} min {'late' if minutes > 0 else 'early'}"


def _milliseconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _line(texts: Sequence[str]) -> str:
    first, *others = (
        text.ljust(width) if index == 0 else text.rjust(width)
        for index, (text, width) in enumerate(zip(texts, _WIDTHS, strict=True))
    )
    return " ".join((first, *others))


def _table(rows: Sequence[Figures], caption: str) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(
        box=box.SIMPLE_HEAD,
        padding=0,
        show_edge=False,
        caption=Text(caption),
        caption_justify="left",
    )
    for index, column in enumerate(COLUMNS):
        table.add_column(column, justify="right" if index else "left", no_wrap=True)
    for figures in rows:
        table.add_row(*cells(figures))
    return table
