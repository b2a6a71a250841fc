"""Both forms of the table show the same figures."""

import sys
from io import StringIO

import pytest

from rxflow.demo.departures import Departure
from rxflow.demo.measure import Figures
from rxflow.demo.pipeline import Update
from rxflow.demo.table import COLUMNS, LEGEND, LiveTable, PlainLines, cells, open_display, progress

ROWS = [
    Figures("drop-incoming", 1001, 640, 361, 0, 0, 32, 0.0, 100.91, 1109.04),
    Figures("fail", 64, 63, 1, 0, 0, 32, 0.0, 52.7, 101.8, error="BufferOverflowError: full"),
    Figures("block", 9, 4, 0, 5, 0, 5, 1.234, interrupted=True),
]
LAST = Update(Departure(1452, 82, "B6 1816", "JFK", "SYR", 209), 0.0, departed=3, delay=-5)


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def test_a_departure_in_one_line():
    assert progress(LAST) == "00:12 B6 1816 JFK-SYR 82 min late; 3 seen, mean 2 min early"


def test_a_run_without_items_has_no_latency():
    assert cells(ROWS[2]) == ("block", "9", "4", "0", "5", "5", "1.23", "-", "-")


def test_plain_lines_end_with_the_whole_table():
    file = StringIO()
    PlainLines(file).finish(ROWS)
    head, *lines = file.getvalue().splitlines()
    assert head.split() == list(COLUMNS)
    assert [tuple(line.split()) for line in lines[:3]] == [cells(row) for row in ROWS]
    assert lines[3:5] == ["fail: BufferOverflowError: full", "block: interrupted"]
    assert tuple(lines[5:]) == LEGEND
    assert all(len(line) < 80 for line in (head, *lines))


def test_plain_lines_tell_now_and_then_of_the_run_that_goes_on():
    file = StringIO()
    lines = PlainLines(file, every=3600)
    lines.show(ROWS[:1], None)
    lines.show(ROWS[:1], LAST)
    lines.show(ROWS[:1], LAST)
    lines.show(ROWS[:2], LAST)
    assert file.getvalue().splitlines() == [
        f"drop-incoming: {progress(LAST)}",
        f"fail: {progress(LAST)}",
    ]


def test_the_live_table_fits_a_terminal_of_80_columns():
    console = pytest.importorskip("rich.console")
    file = StringIO()
    table = LiveTable(console.Console(file=file, force_terminal=True, width=80, height=30))
    table.show(ROWS, None)
    assert "waiting" in file.getvalue()
    table.show(ROWS, LAST)
    assert progress(LAST) in file.getvalue()
    file.truncate(0)
    table.finish(ROWS)
    drawn = file.getvalue()
    for text in (*COLUMNS, *(cell for row in ROWS for cell in cells(row)), *LEGEND):
        assert text in drawn
    assert "fail: BufferOverflowError: full" in drawn
    assert "…" not in drawn


def test_no_terminal_means_plain_lines():
    assert isinstance(open_display(StringIO()), PlainLines)


def test_a_terminal_without_rich_means_plain_lines(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "rich.console", None)
    assert isinstance(open_display(Terminal()), PlainLines)


def test_a_terminal_that_cannot_move_its_cursor_means_plain_lines(monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("rich")
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(open_display(Terminal()), PlainLines)
    monkeypatch.setenv("TERM", "xterm")
    assert isinstance(open_display(Terminal()), LiveTable)
