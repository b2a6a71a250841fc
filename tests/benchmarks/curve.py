"""A curve: how the cost of a unit of work grows with what is counted across."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import log
from time import process_time_ns
from typing import Any

QUICK, FULL = 20_000, 200_000
"""About how many steps one measurement has."""
SUPER_LINEAR = 0.5
"""What looks at all others for each one comes near to a power of 1; a busy machine to 0.4."""

Series = Callable[[int, int], Any]
"""Does the work at a point in about so many steps; gives its units of work, perhaps Prepared."""


@dataclass
class Prepared:
    """What a series gives that has prepared something first.

    Attributes:
        units: How many units of work it was.
        since: What the clock said when all was prepared (ns).
    """

    units: int
    since: int


@dataclass
class Curve:
    """How the cost of a unit of work grows.

    Attributes:
        id: Its name, also of its plot.
        title: What grows.
        across: What is counted across.
        unit: What a cost is the cost of; it should not grow at all.
        points: Where it is measured; those above ``quick`` only in a full run.
        quick: The last point of a quick run.
        bound: What bounds it, for the page.
        clock: The processor's time, unless it is how much gets through that counts.
        gil: It is measured on a build that has the GIL; else on one that has none.
    """

    id: str
    title: str
    across: str
    unit: str
    points: Sequence[int]
    quick: int
    bound: str
    clock: Callable[[], int] = process_time_ns
    gil: bool = True
    series: dict[str, Series] = field(default_factory=dict)

    def enter(self, name: str) -> Callable[[Series], Series]:
        """Enter the decorated function as a series."""

        def keep(series: Series) -> Series:
            self.series[name] = series
            return series

        return keep

    def measure(self, name: str, x: int, steps: int, rounds: int) -> float:
        """Give the least cost of a unit in some rounds (ns): what else ran only adds to it."""
        return min(self._once(self.series[name], x, steps) for _ in range(rounds))

    def _once(self, series: Series, x: int, steps: int) -> float:
        with asyncio.Runner() as runner:
            runner.get_loop()
            start = self.clock()
            done = series(x, steps)
            units = runner.run(done) if inspect.iscoroutine(done) else done
            end = self.clock()
        if isinstance(units, Prepared):
            start, units = units.since, units.units
        return (end - start) / units


def growth(costs: Sequence[tuple[int, float]]) -> float:
    """Give the power of x that the cost grows with, towards the end of its range.

    It is fitted to the upper half of the points, of three at least; 0 is flat.
    """
    upper = [(log(x or 0.5), log(cost)) for x, cost in costs[-max(3, (len(costs) + 1) // 2) :]]
    mean_x = sum(x for x, _ in upper) / len(upper)
    mean_y = sum(y for _, y in upper) / len(upper)
    spread = sum((x - mean_x) ** 2 for x, _ in upper)
    return sum((x - mean_x) * (y - mean_y) for x, y in upper) / spread if spread else 0.0
