"""Totals: the figures of all subscriptions, by flow and stage, in bounded memory."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import add, attrgetter
from threading import Lock
from weakref import finalize, ref

from ..kernel import Consumer, StageStatistics, running, runs, watch
from .metrics import STAGE, Kind, Metric, latency

OTHER = "other"
"""The flow and the stage under which is added up what exceeds the bound."""

UNNAMED = "unnamed"
"""The flow of the subscriptions that have no name; ``named`` gives one."""

MOST_STAGES = 1_000
"""Most pairs of flow and stage that are told apart, if not said otherwise."""

MOST_REASONS = 16
"""Most reasons of drops, or ways to end, that are told apart for each."""

WAITING = 256
"""After so many subscriptions have ended, they are added up without waiting for a reading."""

KNOWN = 4_096
"""Most shapes of a pipeline of which it is remembered how its stages are labelled."""

GATHERED = 64
"""So many figures of a stage are added up at a time."""

_NUMBER = re.compile(r" #\d+")  # of one consumer of a hub, which is no label
_name = attrgetter("name")

_COUNTERS = tuple(metric for metric in STAGE if metric.kind is Kind.COUNTER)
_LEVELS = tuple(metric for metric in STAGE if metric.kind is Kind.LEVEL)
_WORSTS = tuple(metric for metric in STAGE if metric.kind is Kind.WORST)
_COUNTED = tuple(metric.read for metric in _COUNTERS)
_ADDED = tuple(metric.read for metric in _LEVELS)
_COMPARED = tuple(metric.read for metric in _WORSTS)


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


@dataclass(frozen=True, slots=True)
class Subscribed:
    """One subscription that runs.

    Attributes:
        consumer: Who is at its end; kept alive only as long as this is.
        flow: What it is called.
        stages: The figures of its stages, source first.
    """

    consumer: Consumer
    flow: str
    stages: tuple[StageStatistics, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """How everything stands at one moment.

    Attributes:
        stages: Each stage of each flow.
        flows: Each flow.
        subscriptions: Those that run, if they were asked for.
    """

    stages: tuple[StageTotals, ...]
    flows: tuple[FlowTotals, ...]
    subscriptions: tuple[Subscribed, ...] = ()


def flow_of(names: Iterable[str]) -> str:
    """Tell what a Flow without a name is called: as the last of its parts that is named.

    Args:
        names: The names of its parts, source first.
    """
    named = [name for name in names if "/" in name]
    return named[-1].partition("/")[0] if named else UNNAMED


def stage_of(flow: str, name: str) -> str:
    """Tell what a stage is called in its flow.

    Args:
        flow: The flow.
        name: The name of the part.
    """
    return _NUMBER.sub("", name.removeprefix(f"{flow}/"))


class _Counts:
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


class _Sums:
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


class _Stage:
    """The sums of one stage of one flow.

    What is to be added is gathered first, since one figure of many is added up much
    quicker than many figures of one.
    """

    __slots__ = (
        "_gathered",
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
        self.flow = flow
        self.stage = stage
        self._gathered: list[StageStatistics] = []
        self._sums = _Sums(len(_COUNTED))
        self._times: _Sums | None = None  # of the latency: those of the buckets, and seconds
        self.drops = _Counts()
        self._begin()

    def _begin(self) -> None:
        self.running = 0
        self._levels: Sequence[float] = [0] * len(_ADDED)
        self._worsts: Sequence[float] = [0] * len(_COMPARED)

    def add(self, part: StageStatistics) -> None:
        """Add the figures of a subscription that runs."""
        self._gathered.append(part)
        self._add_uneven(part, ended=False)
        if len(self._gathered) == GATHERED:
            self._add_gathered()

    def _add_gathered(self) -> None:
        parts = self._gathered
        self.running += len(parts)
        self._sums.add([sum(map(read, parts)) for read in _COUNTED], ended=False)
        self._levels = [*map(add, self._levels, [sum(map(read, parts)) for read in _ADDED])]
        self._worsts = [
            max(worst, *map(read, parts))
            for worst, read in zip(self._worsts, _COMPARED, strict=True)
        ]
        parts.clear()

    def keep(self, part: StageStatistics) -> None:
        """Add the last figures of a subscription that is over."""
        self._sums.add([read(part) for read in _COUNTED], ended=True)
        self._add_uneven(part, ended=True)

    def _add_uneven(self, part: StageStatistics, ended: bool) -> None:
        """Add what most parts do not have."""
        if part.dropped:
            self.drops.add(part.dropped.items(), ended)
        times = latency(part)
        if times is not None:
            if self._times is None:
                self._times = _Sums(len(times))
            self._times.add(times, ended)

    def read(self) -> StageTotals:
        """Give the sums, and begin anew with those that run."""
        if self._gathered:
            self._add_gathered()
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


_CAPACITY = next(metric for metric in _LEVELS if metric.bounded)


class _Flow:
    """The subscriptions of one flow."""

    __slots__ = ("active", "ends", "flow")

    def __init__(self, flow: str) -> None:
        self.flow = flow
        self.active = 0
        self.ends = _Counts()

    def read(self) -> FlowTotals:
        """Give the sums, and begin anew with those that run."""
        totals = FlowTotals(self.flow, self.active, self.ends.read())
        self.active = 0
        return totals


class Totals:
    """Adds up the figures of all subscriptions, also of those that ended between two readings.

    What is told apart is bounded: what a pipeline's authors have named, never an id;
    and of that so much, the rest is under "other". Counters never go down. It keeps no
    subscription alive. Close it when it is not needed any more.

    A subscription costs nothing until it ends; then its last figures are taken.
    """

    def __init__(self, most_stages: int = MOST_STAGES) -> None:
        """Begin to count.

        Args:
            most_stages: Most pairs of flow and stage that are told apart.
        """
        if most_stages < 1:
            raise ValueError(f"most_stages must be at least 1, not {most_stages!r}")
        self._most = most_stages
        self._lock = Lock()  # of who reads or adds up; nobody waits for it in a pipeline
        # Those that are over, and how; whatever comes, comes by a single append.
        self._over: deque[tuple[ref[Consumer], tuple[StageStatistics, ...], str, str]] = deque()
        self._stages: dict[tuple[str, str], _Stage] = {}
        self._flows: dict[str, _Flow] = {}
        self._known: dict[tuple[str, tuple[str, ...]], tuple[_Flow, tuple[_Stage, ...]]] = {}
        self._finalizer = finalize(self, watch(_watcher(ref(self))))
        self._finalizer.atexit = False

    def close(self) -> None:
        """Count no more."""
        self._finalizer()

    def read(self, *, subscriptions: bool = False) -> Reading:
        """Add up how everything stands. From any thread.

        Args:
            subscriptions: Give each of those that run, too.
        """
        seen: list[Subscribed] = []
        with self._lock:
            consumers = running()
            over = self._fold()  # after that: who was on the way out may be in both
            for consumer in consumers:
                if over and ref(consumer) in over:
                    continue
                parts = consumer.statistics()
                flow, stages = self._labelled(consumer.name, parts)
                flow.active += 1
                for stage, part in zip(stages, parts, strict=True):
                    stage.add(part)
                if subscriptions:
                    seen.append(Subscribed(consumer, flow.flow, parts))
            return Reading(
                tuple(stage.read() for stage in self._stages.values()),
                tuple(flow.read() for flow in self._flows.values()),
                tuple(seen),
            )

    def _ended(self, consumer: Consumer) -> None:
        """Hear of a subscription that is over, on any thread."""
        status = getattr(consumer, "status", "ended")
        status = str(getattr(status, "value", status))
        self._over.append((ref(consumer), consumer.statistics(), consumer.name, status))
        if len(self._over) >= WAITING and self._lock.acquire(False):
            try:
                self._fold()
            finally:
                self._lock.release()

    def _fold(self) -> set[ref[Consumer]]:
        """Add up what is over, and say whose it was; the lock is held.

        Who is still found among those that run stays for the next time.
        """
        folded: set[ref[Consumer]] = set()
        for _ in range(len(self._over)):
            consumer, parts, name, status = self._over.popleft()
            if runs(consumer):
                self._over.append((consumer, parts, name, status))
                continue
            folded.add(consumer)
            flow, stages = self._labelled(name, parts)
            flow.ends.add([(status, 1)], ended=True)
            for stage, part in zip(stages, parts, strict=True):
                stage.keep(part)
        return folded

    def _labelled(
        self, name: str, parts: tuple[StageStatistics, ...]
    ) -> tuple[_Flow, tuple[_Stage, ...]]:
        """Find the sums to which the figures of a subscription belong."""
        names = tuple(map(_name, parts))
        found = self._known.get((name, names))
        if found is None:
            if len(self._known) >= KNOWN:
                self._known.clear()
            flow = name or flow_of(names)
            stages = tuple(self._stage(flow, stage_of(flow, part)) for part in names)
            found = self._known[name, names] = (self._flow(flow), stages)
        return found

    def _stage(self, flow: str, stage: str) -> _Stage:
        found = self._stages.get((flow, stage))
        if found is None:
            if len(self._stages) >= self._most - 1:
                flow = stage = OTHER
            found = self._stages.setdefault((flow, stage), _Stage(flow, stage))
        return found

    def _flow(self, flow: str) -> _Flow:
        if flow not in self._flows and len(self._flows) >= self._most - 1:
            flow = OTHER
        return self._flows.setdefault(flow, _Flow(flow))


def _watcher(totals: ref[Totals]) -> Callable[[Consumer], None]:
    """Make what is told of each subscription that is over, without keeping the totals alive."""

    def ended(consumer: Consumer) -> None:
        kept = totals()
        if kept is not None:
            kept._ended(consumer)  # pyright: ignore[reportPrivateUsage]

    return ended
