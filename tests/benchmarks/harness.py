"""Contenders doing the same work in turn, and claims about how they compare."""

from __future__ import annotations

import asyncio
import gc
import inspect
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from importlib.util import find_spec
from multiprocessing import get_context
from statistics import median
from time import perf_counter_ns
from typing import Any, ClassVar

Work = Callable[[int], Any]
"""Does the work for so many items, and returns what came of it so that it can be checked."""

Figures = Mapping[str, float]
"""What one turn of one contender gave, by unit."""

Measure = Callable[[Work, int], tuple[Figures, Any]]
"""Gives one turn of so many items: its figures, and what came of it."""


def per_item(
    work: Work, items: int, loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None
) -> tuple[Figures, Any]:
    """Time one turn. A coroutine function runs on a loop that is there before the clock starts."""
    gc.collect()
    if not inspect.iscoroutinefunction(work):
        start = perf_counter_ns()
        result = work(items)
        return {"ns per item": (perf_counter_ns() - start) / items}, result
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.get_loop()
        start = perf_counter_ns()
        result = runner.run(work(items))
        return {"ns per item": (perf_counter_ns() - start) / items}, result


def own_figures(work: Work, items: int) -> tuple[Figures, Any]:
    """Run one turn of a contender that returns its figures itself."""
    gc.collect()
    return asyncio.run(work(items)) if inspect.iscoroutinefunction(work) else work(items), None


def in_fresh_process(work: Work, items: int) -> tuple[Figures, Any]:
    """Run one turn in a process of its own, whose memory nobody else has touched.

    The work is to have a name in its module, by which the other process finds it.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(own_figures, work, items).result()


@dataclass
class Contender:
    """One way of doing the work.

    Attributes:
        name: What the tables call it.
        work: The function that does it.
        needs: Modules that must be installed for it.
        share: The part of the items it gets (a contender that is slower by orders of
            magnitude would only lengthen the run).
        note: What a reader must know about it, such as that it holds without bound.
        measure: How it is measured, if not as the others of its benchmark.
    """

    measure: ClassVar[Measure | None] = None
    name: str
    work: Work
    needs: tuple[str, ...] = ()
    share: float = 1.0
    note: str = ""

    def missing(self) -> list[str]:
        """Give the modules that are not installed."""
        return [module for module in self.needs if find_spec(module) is None]


@dataclass
class Claim:
    """One contender against another: the ratio (or difference) of a figure.

    Attributes:
        id: The target's name.
        contender: What is judged.
        against: What it is measured against; None judges the figure itself.
        at_most: The target on an optimised build of Python; None only shows the figure.
        elsewhere: The target on other builds, where it differs.
        figure: The figure compared.
        difference: Compare by difference, not by ratio.
        note: What a reader must know about it.
    """

    id: str
    contender: str
    against: str | None
    at_most: float | None
    elsewhere: float | None = None
    figure: str = "ns per item"
    difference: bool = False
    note: str = ""

    @property
    def absolute(self) -> bool:
        """Whether what is judged has the unit of the figure."""
        return self.difference or self.against is None

    def compare(self, mine: Sequence[Figures], other: Sequence[Figures]) -> list[float]:
        """Compare the figures of each round; without another contender, take them as they are."""
        figures = [round_[self.figure] for round_ in mine]
        if self.against is None:
            return figures
        pairs = zip(figures, (round_[self.figure] for round_ in other), strict=True)
        return [a - b if self.difference else a / b for a, b in pairs]


@dataclass
class Benchmark:
    """One piece of work, those who do it, and what is claimed about them.

    Attributes:
        id: The target's name, or those of a family.
        title: What the work is.
        items: How many items a full turn has.
        expected: What the work must return for so many items (None: not looked at).
        measure: How a turn is measured.
        unit: The figure the tables show.
    """

    id: str
    title: str
    items: int
    expected: Callable[[int], Any] | None = None
    measure: Measure = per_item
    unit: str = "ns per item"
    contenders: list[Contender] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)

    def contender(
        self, name: str, *needs: str, share: float = 1.0, note: str = ""
    ) -> Callable[[Work], Work]:
        """Enter the decorated function as a contender."""

        def enter(work: Work) -> Work:
            self.contenders.append(Contender(name, work, needs, share, note))
            return work

        return enter

    def claim(
        self, contender: str, *, against: str | None, at_most: float | None, **more: Any
    ) -> None:
        """Claim that one contender needs at most so much of another's time, or of a figure."""
        claim = Claim(more.pop("id", self.id), contender, against, at_most, **more)
        unknown = {contender, against} - {None, *(known.name for known in self.contenders)}
        if unknown:
            raise ValueError(f"{self.id}: no contender named {unknown}")
        self.claims.append(claim)


@dataclass
class Outcome:
    """What a benchmark gave.

    Attributes:
        benchmark: What ran.
        items: How many items a full turn had.
        rounds: By contender, its figures in each round.
        failed: By contender, why there are none.
    """

    benchmark: Benchmark
    items: int
    rounds: dict[str, list[Figures]]
    failed: dict[str, str]

    def as_json(self, *, optimised: bool) -> dict[str, Any]:
        """Give medians, spreads and verdicts; `optimised` tells which targets hold."""
        return {
            "id": self.benchmark.id,
            "title": self.benchmark.title,
            "items": self.items,
            "unit": self.benchmark.unit,
            "targets": [self._judge(claim, optimised) for claim in self.benchmark.claims],
            "contenders": [self._describe(contender) for contender in self.benchmark.contenders],
        }

    def _describe(self, contender: Contender) -> dict[str, Any]:
        described: dict[str, Any] = {"name": contender.name, "note": contender.note}
        if contender.name in self.failed:
            return described | {"failed": self.failed[contender.name]}
        rounds = self.rounds[contender.name]
        figures = {unit: _spread([figures[unit] for figures in rounds]) for unit in rounds[0]}
        return described | {"figures": figures}

    def _judge(self, claim: Claim, optimised: bool) -> dict[str, Any]:
        target = claim.at_most
        if claim.elsewhere is not None and not optimised:
            target = claim.elsewhere
        verdict: dict[str, Any] = {
            "id": claim.id,
            "contender": claim.contender,
            "against": claim.against or "",
            "unit": claim.figure.split()[0] if claim.absolute else "x",
            "figure": claim.figure,
            "target": target,
            "note": claim.note,
            "measured": None,
            "met": None if target is None else False,
        }
        if not {claim.contender, claim.against} & self.failed.keys():
            compared = claim.compare(
                self.rounds[claim.contender], self.rounds.get(claim.against or "", ())
            )
            verdict["measured"] = _spread(compared)
            if target is not None:
                verdict["met"] = median(compared) <= target
        return verdict


def _spread(values: Sequence[float]) -> dict[str, float]:
    return {
        name: float(f"{value:.4g}")
        for name, value in (("median", median(values)), ("low", min(values)), ("high", max(values)))
    }


def run(
    benchmark: Benchmark,
    *,
    rounds: int,
    items: int,
    progress: Callable[[str], None] = lambda line: None,
) -> Outcome:
    """Let the contenders take turns, each round starting with another one.

    Args:
        benchmark: What to run.
        rounds: How often each contender has its turn (a warm-up comes before).
        items: Items of a full turn.
        progress: Is told of each round.
    """
    outcome = Outcome(benchmark, items, {}, {})
    for contender in benchmark.contenders:
        if missing := contender.missing():
            outcome.failed[contender.name] = f"not installed: {', '.join(missing)}"
        else:
            outcome.rounds[contender.name] = []
    warm_up = max(1, min(items, items // 20))
    _round(outcome, warm_up, first=0, record=False)
    for number in range(rounds):
        progress(f"{benchmark.id}: round {number + 1} of {rounds}")
        _round(outcome, items, first=number, record=True)
    return outcome


def _round(outcome: Outcome, items: int, *, first: int, record: bool) -> None:
    """Give each contender that has not failed one turn."""
    benchmark = outcome.benchmark
    contenders = benchmark.contenders
    first %= len(contenders)
    for contender in contenders[first:] + contenders[:first]:
        if contender.name in outcome.failed:
            continue
        own = max(1, int(items * contender.share))
        try:
            measure = contender.measure or benchmark.measure
            figures, result = measure(contender.work, own)
            if benchmark.expected is not None and result != benchmark.expected(own):
                raise AssertionError(f"{own} items gave {result!r}, which is wrong")
        except Exception as error:
            outcome.failed[contender.name] = f"{type(error).__name__}: {error}"
            outcome.rounds.pop(contender.name)
        else:
            if record:
                outcome.rounds[contender.name].append(figures)
