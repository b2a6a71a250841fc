"""Totals: the figures of all subscriptions, by flow and stage, in bounded memory."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import chain
from threading import Lock
from weakref import finalize, ref

from ..flow.assembly import name_of
from ..kernel import (
    RECORD,
    Consumer,
    Drain,
    Row,
    Shape,
    StageStatistics,
    running,
    runs,
    unfold,
    watch,
)
from .sums import OTHER, Alike, FlowSums, FlowTotals, StageSums, StageTotals, tell

UNNAMED = "unnamed"
"""The flow of the subscriptions that have no name; ``named`` gives one."""

MOST_STAGES = 1_000
"""Most pairs of flow and stage that are told apart, if not said otherwise."""

WAITING = 256
"""After so many subscriptions have ended, they are added up without waiting for a reading."""

KNOWN = 4_096
"""Most shapes of a pipeline of which it is remembered how its stages are labelled."""

_NUMBER = re.compile(r" #\d+")  # of one consumer of a hub, which is no label


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
    return _NUMBER.sub(" outlet", name.removeprefix(f"{flow}/"))


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
        self._stages: dict[tuple[str, str], StageSums] = {}
        self._flows: dict[str, FlowSums] = {}
        self._known: dict[tuple[str, Shape], Alike] = {}
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
                name, row = name_of(consumer.flow), Row()
                if (
                    not subscriptions
                    and isinstance(consumer, Drain)
                    and consumer.row(row)
                    and not row.shared
                ):
                    self._labelled(name, tuple(row.shape)).add(row.figures)
                    continue
                parts = consumer.statistics()
                alike = self._labelled(name, _shape(parts))
                alike.add(parts)
                if subscriptions:
                    seen.append(Subscribed(consumer, alike.flow.flow, parts))
            self._settle()
            return Reading(
                tuple(stage.read() for stage in self._stages.values()),
                tuple(flow.read() for flow in self._flows.values()),
                tuple(seen),
            )

    def _ended(self, consumer: Consumer) -> None:
        """Hear of a subscription that is over, on any thread."""
        name, status = name_of(consumer.flow), consumer.status.name.lower()
        self._over.append((ref(consumer), consumer.statistics(), name, status))
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
            alike = self._labelled(name, _shape(parts))
            alike.flow.ends.add([(status, 1)], ended=True)
            tell(alike.stages, parts, ended=True)
        return folded

    def _settle(self) -> None:
        """Add up what was gathered."""
        for alike in self._known.values():
            alike.settle()

    def _labelled(self, name: str, shape: Shape) -> Alike:
        """Find the sums to which the figures of a subscription belong."""
        found = self._known.get((name, shape))
        if found is None:
            if len(self._known) >= KNOWN:
                self._settle()
                self._known.clear()
            parts = [*unfold(shape)]
            flow = name or flow_of(part for part, _ in parts)
            stages = tuple(self._stage(flow, stage_of(flow, part)) for part, _ in parts)
            layouts = tuple(layout for _, layout in parts)
            found = self._known[name, shape] = Alike(self._flow(flow), stages, layouts)
        return found

    def _stage(self, flow: str, stage: str) -> StageSums:
        found = self._stages.get((flow, stage))
        if found is None:
            if len(self._stages) >= self._most - 1:
                flow = stage = OTHER
            found = self._stages.setdefault((flow, stage), StageSums(flow, stage))
        return found

    def _flow(self, flow: str) -> FlowSums:
        if flow not in self._flows and len(self._flows) >= self._most - 1:
            flow = OTHER
        return self._flows.setdefault(flow, FlowSums(flow))


def _shape(parts: Iterable[StageStatistics]) -> Shape:
    """Give the shape of a subscription that is told by records."""
    return tuple(chain.from_iterable([(part.name, RECORD) for part in parts]))


def _watcher(totals: ref[Totals]) -> Callable[[Consumer], None]:
    """Make what is told of each subscription that is over, without keeping the totals alive."""

    def ended(consumer: Consumer) -> None:
        kept = totals()
        if kept is not None:
            kept._ended(consumer)  # pyright: ignore[reportPrivateUsage]

    return ended
