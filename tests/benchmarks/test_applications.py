"""The tables of the applications are as the script writes them. Nothing is timed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from importlib import import_module
from itertools import islice

import pytest

from . import feeder
from .applications import (
    APPLICATIONS,
    EXAMPLES,
    MEMORY,
    TABLE,
    count,
    in_seconds,
    mebibytes,
    replaced,
    seconds,
    table,
)

SECONDS, COUNT = r"\d+\.\d\d s|never", r"\d{1,3}(,\d{3})*"


def cells_of(shown: str) -> list[list[str]]:
    """Read a table: its columns are where its rules say."""
    rule, *lines = shown.splitlines()
    spans = [found.span() for found in re.finditer("=+", rule)]
    return [[line[a:b].strip() for a, b in spans] for line in lines if not line.startswith("=")]


def pattern(head: str) -> str:
    if head == MEMORY:
        return r"\d+ MiB"
    return SECONDS if head == "in" or head.startswith("p") else COUNT


@pytest.mark.parametrize("name", APPLICATIONS)
def test_the_table_of_an_application_is_one_that_the_script_writes(name: str) -> None:
    told = import_module(f"rxflow.examples.{name}").__doc__
    assert told is not None
    assert re.search(rf"python -m tests\.benchmarks\.applications\s{name}``", told)
    (found,) = TABLE.finditer(told)
    heads, *rows = cells_of(found[0])
    assert found[0] == table(heads, rows)
    how = APPLICATIONS[name]
    assert heads == ["", *how.heads]
    assert [row[0] for row in rows] == [how.bounded, "unbounded"]
    for row in rows:
        for head, cell in zip(heads[1:], row[1:], strict=True):
            assert re.fullmatch(pattern(head), cell), (head, cell)


@pytest.mark.parametrize("name", APPLICATIONS)
def test_a_measurement_takes_the_place_of_the_one_before_and_of_nothing_else(name: str) -> None:
    how = APPLICATIONS[name]
    text = (EXAMPLES / f"{name}.py").read_text(encoding="utf-8")
    rows = [[kind, *("987,654" for _ in how.heads)] for kind in (how.bounded, "unbounded")]
    other = replaced(text, table(["", *how.heads], rows))
    assert other.count("987,654") == 2 * len(how.heads)
    assert TABLE.sub("", other) == TABLE.sub("", text)
    assert max(map(len, other.splitlines())) <= 100
    (before,) = TABLE.finditer(text)
    assert replaced(other, before[0]) == text


@pytest.mark.parametrize("tables", [0, 2])
def test_where_there_is_not_one_table_none_is_written(tables: int) -> None:
    with pytest.raises(ValueError, match=f"there are {tables} tables"):
        replaced("text\n" + tables * (table(["", "a"], [["b", "1"]]) + "\n"), "new")


def test_figures_are_shown_with_their_units() -> None:
    assert (count(1234567), seconds(0.126), mebibytes(71.6)) == ("1,234,567", "0.13 s", "72 MiB")
    told = ["2.50s", "20.00ms", "500.00us", "1.50m"]
    assert [in_seconds(each) for each in told] == pytest.approx([2.5, 0.02, 0.0005, 90.0])


def test_each_line_of_the_load_says_when_it_was_made() -> None:
    begun = time.monotonic()
    jobs = [json.loads(line) for line in islice(feeder.lines("jobs"), 2)]
    calls = [line.decode() for line in feeder.lines("calls", 2)]
    named = [job["name"] for job in jobs]
    made = [float(text.split()[0]) for text in (*named, *calls)]
    moments = [begun, *made, time.monotonic()]
    assert moments == sorted(moments)
    assert {job["seconds"] for job in jobs} == {0.01}
    assert all(line.endswith("\n") and line.count("\n") == 1 for line in calls)


def test_the_load_ends_quietly_when_nobody_reads_it_any_more() -> None:
    command = [sys.executable, "-m", "tests.benchmarks.feeder", "jobs"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(process.stdout.readline())
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(30) == 0
