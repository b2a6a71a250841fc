"""The runs that are kept, as the table and the plot of the README."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .plot import Mark, ladder

HERE = Path(__file__).parent
RUNS = HERE / "results"
"""A file for each run: `python -m tests.benchmarks --json tests/benchmarks/results/NAME.json`."""
PLOT = HERE / "targets.svg"

Row = tuple[str, ...]


@dataclass
class Python:
    """The runs on one interpreter.

    Attributes:
        version: Its version.
        runs: What each run has measured, as it was written.
    """

    version: str
    runs: list[dict[str, Any]]

    def targets(self) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
        """Give each benchmark with what the runs say of each of its targets."""
        for same in zip(*(run["benchmarks"] for run in self.runs), strict=True):
            for verdicts in zip(*(benchmark["targets"] for benchmark in same), strict=True):
                yield same[0], [*verdicts]


def pythons(folder: Path = RUNS) -> list[Python]:
    """Read the runs that are kept, by interpreter, the oldest first."""
    found: dict[str, list[dict[str, Any]]] = {}
    for file in sorted(folder.glob("*.json")):
        run = json.loads(file.read_text(encoding="utf-8"))
        found.setdefault(run["python"]["version"], []).append(run)
    return [Python(version, found[version]) for version in sorted(found, key=_numbers)]


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


def measured_on(known: Sequence[Python]) -> str:
    """Say on what, and how, all was measured."""
    first = known[0].runs[0]
    machine = first["machine"]
    versions: dict[str, str] = {}
    for python in known:
        versions |= python.runs[0]["versions"]
    named = ", ".join(f"{name} {number}" for name, number in sorted(versions.items()))
    interpreters = " and ".join(_interpreter(python) for python in known)
    return (
        f"{interpreters}; {machine['processor']} {machine['architecture']}, {machine['cores']} "
        f"cores, {machine['system']}; {named}. In each run all contenders had a turn in each of "
        f"{first['rounds']} rounds, and a ratio compares two turns of one round. The figures are "
        "the medians of each run, in brackets the lowest and the highest of all rounds. A target "
        "is met in a run if its median is at most the target's. Written by `python -m "
        "tests.benchmarks --json tests/benchmarks/results/NAME.json`, once for each run."
    )


def _interpreter(python: Python) -> str:
    first = python.runs[0]
    build = first["python"]
    made = "" if build["build"] == "other" else f", {build['build']}'s build"
    optimised = "with" if build["pgo"] else "without"
    times = f"{len(python.runs)} runs" if len(python.runs) > 1 else "1 run"
    return (
        f"{build['implementation']} {build['version']}{made}, {optimised} profile-guided "
        f"optimisation ({times}, {first['date']})"
    )


def targets(known: Sequence[Python]) -> Iterator[Row]:
    """Give the head of the table of targets, then its rows."""
    yield (
        *("target", "work", "contender", "against", "at most"),
        *(cell for python in known for cell in (f"on {python.version}", "met")),
    )
    for entries in zip(*(python.targets() for python in known), strict=True):
        benchmark, (first, *_) = entries[0]
        figure = "" if first["figure"] == "ns per item" else f" ({first['figure']})"
        limits = dict.fromkeys(_limit(verdicts[0]) for _, verdicts in entries)
        note = f" ({first['note']})" if first["note"] else ""
        yield (
            first["id"],
            benchmark["title"],
            first["contender"] + figure + note,
            first["against"],
            " / ".join(limits),
            *(cell for _, verdicts in entries for cell in (_shown(verdicts), _met(verdicts))),
        )


def _limit(verdict: dict[str, Any]) -> str:
    return "" if verdict["target"] is None else _ratio(verdict["target"]) + _unit(verdict)


def _unit(verdict: dict[str, Any]) -> str:
    return "" if verdict["unit"] == "x" else f" {verdict['unit']}"


def _shown(verdicts: list[dict[str, Any]]) -> str:
    measured = [verdict["measured"] for verdict in verdicts]
    if not all(measured):
        return "not measured"
    medians = ", ".join(_ratio(figures["median"]) for figures in measured)
    low = _ratio(min(figures["low"] for figures in measured))
    high = _ratio(max(figures["high"] for figures in measured))
    return f"{medians}{_unit(verdicts[0])} ({low} to {high})"


def _met(verdicts: list[dict[str, Any]]) -> str:
    if verdicts[0]["target"] is None:
        return ""
    met = sum(bool(verdict["met"]) for verdict in verdicts)
    if met == len(verdicts):
        return "yes"
    return "**no**" if not met else f"**{met} of {len(verdicts)}**"


def contenders(python: Python) -> Iterator[Row]:
    """Give the head of the table of all contenders in the first run, then its rows."""
    yield "work", "contender", "median", "lowest to highest", "note"
    for benchmark in python.runs[0]["benchmarks"]:
        for contender in benchmark["contenders"]:
            for figure in _figures(contender):
                yield f"{benchmark['id']}: {benchmark['title']}", *figure


def _figures(contender: dict[str, Any]) -> Iterator[Row]:
    if "failed" in contender:
        yield contender["name"], "failed", contender["failed"], contender["note"]
    for unit, figure in contender.get("figures", {}).items():
        spread = f"{_number(figure['low'])} to {_number(figure['high'])}"
        yield contender["name"], f"{_number(figure['median'])} {unit}", spread, contender["note"]


def _ratio(value: float) -> str:
    return f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.2g}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def plot(known: Sequence[Python]) -> str:
    """Draw each target: what was measured, as a multiple of it, in each run."""
    rows: dict[str, list[Mark]] = {}
    for python in known:
        for _, verdicts in python.targets():
            first = verdicts[0]
            if first["target"] is None or not first["measured"]:
                continue
            against = f" / {first['against']}" if first["against"] else ""
            own = first["contender"].removeprefix("rxflow, ")
            name = f"{first['id']}  {own}{against}, {first['figure']}"
            rows.setdefault(name.removesuffix(", ns per item"), []).extend(
                Mark(python.version, verdict["measured"]["median"] / verdict["target"])
                for verdict in verdicts
                if verdict["measured"]
            )
    title = "What was measured, as a multiple of its target (left of the line: met)"
    return ladder(title, rows, 0.01, 100)
