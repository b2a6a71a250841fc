"""Sums of figures: of one stage, and of one flow, over its subscriptions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import add
from typing import Any

from ..kernel import RECORD, Columns, Layout, StageStatistics
from .metrics import STAGE, Kind, Metric, latency

OTHER = "other"
"""The flow and the stage under which is added up what exceeds the bound."""

MOST_REASONS = 16
"""Most reasons of drops, or ways to end, that are told apart for each."""

MOST_HUBS = 256
"""Of so many hubs whose consumers have all left it is remembered, for each stage, which it was."""

GATHERED = 256
"""The figures of so many subscriptions are added up at a time."""

_COUNTERS = tuple(metric for metric in STAGE if metric.kind is Kind.COUNTER)
_LEVELS = tuple(metric for metric in STAGE if metric.kind is Kind.LEVEL)
_WORSTS = tuple(metric for metric in STAGE if metric.kind is Kind.WORST)


def _sums(metrics: tuple[Metric, ...], told: Columns) -> Iterator[float]:
    """Add up each figure of several parts, if one of them tells what it is read from."""
    for metric in metrics:
        yield sum(metric.read(told)) if metric.field in told else 0


def _told(part: StageStatistics) -> Columns:
    """Give what one part tells."""
    return RECORD.columns(iter(([part],)))


@dataclass(frozen=True, slots=True)
class StageTotals:
    """The figures of a stage, over all subscriptions of a flow.

    Attributes:
        flow: The flow.
        stage: The stage.
        running: Subscriptions that run now and have it.
        values: Each figure by its metric; levels only while there is one that runs.
        dropped: Items that were dropped, by reason (items).
        latency: Of so many items it is known how long they were in it: up to each of
            ``LATENCY_BOUNDS`` (seconds) and above the one before, and longer (items).
        latency_seconds: How long those were in it together (seconds).
    """

    flow: str
    stage: str
    running: int
    values: dict[Metric, float]
    dropped: dict[str, int]
    latency: tuple[int, ...] = ()
    latency_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class FlowTotals:
    """The subscriptions of a flow.

    Attributes:
        flow: The flow.
        active: How many run now.
        terminated: How many are over, by how they ended.
    """

    flow: str
    active: int
    terminated: dict[str, int]


class Counts:
    """Counts by name, of which only so many are told apart, and which never go down."""

    __slots__ = ("_base", "_ended", "_live", "_shown")

    def __init__(self) -> None:
        self._ended: Counter[str] = Counter()  # of subscriptions that have
        self._live: Counter[str] = Counter()  # of those that run, in this reading
        self._base: Counter[str] = Counter()  # of those that were collected without an end
        self._shown: dict[str, int] = {}  # what was given last

    def add(self, counts: Iterable[tuple[str, int]], ended: bool) -> None:
        """Add what one subscription has counted."""
        into = self._ended if ended else self._live
        for name, count in counts:
            known = name in self._shown or name in into or len(into) < MOST_REASONS - 1
            into[name if known else OTHER] += count

    def read(self) -> dict[str, int]:
        """Give the sums, and begin anew with those that run."""
        sums = self._ended + self._live + self._base
        for name, before in self._shown.items():
            if (missing := before - sums[name]) > 0:
                self._base[name] += missing
                sums[name] = before
        self._live.clear()
        self._shown = dict(sums)
        return self._shown.copy()


class Sums:
    """Several sums, which never go down."""

    __slots__ = ("_base", "_ended", "_live", "_shown", "_zero")

    def __init__(self, size: int) -> None:
        self._zero: Sequence[float] = (0,) * size
        self._ended = self._zero  # of subscriptions that have
        self._live = self._zero  # of those that run, in this reading
        self._base = self._zero  # of those that were collected without an end
        self._shown = self._zero  # what was given last

    def add(self, values: Iterable[float], ended: bool) -> None:
        """Add to each."""
        if ended:
            self._ended = [*map(add, self._ended, values)]
        else:
            self._live = [*map(add, self._live, values)]

    def read(self) -> Sequence[float]:
        """Give the sums, and begin anew with those that run."""
        sums = [*map(add, map(add, self._ended, self._live), self._base)]
        missing = [max(0, before - now) for before, now in zip(self._shown, sums, strict=True)]
        if any(missing):
            self._base = [*map(add, self._base, missing)]
            sums = [*map(add, sums, missing)]
        self._shown, self._live = sums, self._zero
        return sums


class StageSums:
    """The sums of one stage of one flow.

    Of figures only what they tell is read, for most parts tell little.
    """

    __slots__ = (
        "_alive",
        "_hubs",
        "_levels",
        "_sums",
        "_times",
        "_worsts",
        "drops",
        "flow",
        "running",
        "stage",
    )

    def __init__(self, flow: str, stage: str) -> None:
        self.flow: str = flow
        self.stage: str = stage
        self._sums = Sums(len(_COUNTERS))
        self._times: Sums | None = None  # of the latency: those of the buckets, and seconds
        self.drops: Counts = Counts()
        # By hub, its last figures: each of its consumers tells them, and they count once.
        self._hubs: dict[int, StageStatistics] = {}
        self._begin()

    def _begin(self) -> None:
        self.running: int = 0
        self._alive: set[int] = set()  # the hubs with a consumer that runs, in this reading
        self._levels: Sequence[float] = [0] * len(_LEVELS)
        self._worsts: Sequence[float] = [0] * len(_WORSTS)

    def add(self, told: Columns, running: int = 1) -> None:
        """Add the figures of subscriptions that run."""
        self._count(told, ended=False)
        self.running += running
        self._levels = [*map(add, self._levels, _sums(_LEVELS, told))]
        self._worsts = [
            max(worst, *metric.read(told)) if metric.field in told else worst
            for worst, metric in zip(self._worsts, _WORSTS, strict=True)
        ]

    def keep(self, part: StageStatistics) -> None:
        """Add the last figures of a subscription that is over."""
        self._count(_told(part), ended=True)

    def share(self, part: StageStatistics, ended: bool) -> None:
        """Note the figures of a hub, told by one of those that draw from it."""
        self._hubs[part.shared] = part
        if not ended:
            self._alive.add(part.shared)

    def _add_hubs(self) -> None:
        """Add the figures of hubs: of those without consumers, what they have counted."""
        for hub, part in [*self._hubs.items()]:
            if hub in self._alive:
                self.add(_told(part))
                continue
            ended = len(self._hubs) > MOST_HUBS
            self._count(_told(part), ended)
            if ended:
                del self._hubs[hub]

    def _count(self, told: Columns, ended: bool) -> None:
        """Add what only counts up."""
        self._sums.add(_sums(_COUNTERS, told), ended)
        for dropped in filter(None, told.get("dropped", ())):
            self.drops.add(dropped.items(), ended)
        times = latency(told.get("latency", ()))
        if times is not None:
            if self._times is None:
                self._times = Sums(len(times))
            self._times.add(times, ended)

    def read(self) -> StageTotals:
        """Give the sums, and begin anew with those that run."""
        self._add_hubs()
        values: dict[Metric, float] = dict(zip(_COUNTERS, self._sums.read(), strict=True))
        if self.running:
            values.update(zip(_LEVELS, self._levels, strict=True))
            values.update(zip(_WORSTS, self._worsts, strict=True))
            if not values[_CAPACITY]:
                values = {metric: value for metric, value in values.items() if not metric.bounded}
        times = self._times.read() if self._times is not None else (0,)
        totals = StageTotals(
            *(self.flow, self.stage, self.running, values, self.drops.read()),
            latency=tuple(map(int, times[:-1])),
            latency_seconds=times[-1],
        )
        self._begin()
        return totals


def tell(stages: Iterable[StageSums], parts: Iterable[StageStatistics], *, ended: bool) -> None:
    """Add the figures of one subscription to those of its stages."""
    shared: dict[tuple[StageSums, int], StageStatistics] = {}
    for stage, part in zip(stages, parts, strict=True):
        if part.shared:  # by connections of the hub one after the other, perhaps
            had = shared.get((stage, part.shared))
            shared[stage, part.shared] = part if had is None else had.plus(part)
        elif ended:
            stage.keep(part)
        else:
            stage.add(_told(part))
    for (stage, _), part in shared.items():
        stage.share(part, ended)


class Alike:
    """The subscriptions of one flow that are put together alike.

    What they tell is gathered first, since one figure of many is added up much quicker
    than many figures of one.
    """

    __slots__ = ("_gathered", "_layouts", "_records", "flow", "stages")

    def __init__(
        self, flow: FlowSums, stages: tuple[StageSums, ...], layouts: tuple[Layout, ...]
    ) -> None:
        self.flow: FlowSums = flow
        self.stages: tuple[StageSums, ...] = stages
        self._layouts = layouts
        self._records = set(layouts) <= {RECORD}  # in a Row, nothing is shared
        self._gathered: list[Sequence[Any]] = []

    def add(self, parts: Sequence[Any]) -> None:
        """Add the figures of one that runs: what each part tells, by its Layout."""
        self.flow.active += 1
        self._gathered.append(parts)
        if len(self._gathered) == GATHERED:
            self.settle()

    def settle(self) -> None:
        """Add up what was gathered."""
        gathered, self._gathered = self._gathered, []
        if self._records and any(part.shared for parts in gathered for part in parts):
            for parts in gathered:
                tell(self.stages, parts, ended=False)
        elif gathered:
            columns = zip(*gathered, strict=True)
            for stage, layout in zip(self.stages, self._layouts, strict=True):
                stage.add(layout.columns(columns), len(gathered))


_CAPACITY = next(metric for metric in _LEVELS if metric.bounded)


class FlowSums:
    """The subscriptions of one flow."""

    __slots__ = ("active", "ends", "flow")

    def __init__(self, flow: str) -> None:
        self.flow: str = flow
        self.active: int = 0
        self.ends: Counts = Counts()

    def read(self) -> FlowTotals:
        """Give the sums, and begin anew with those that run."""
        totals = FlowTotals(self.flow, self.active, self.ends.read())
        self.active = 0
        return totals
