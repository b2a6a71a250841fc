"""The figures that each part of a running Flow keeps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from threading import Lock
from typing import TypeAlias

from ..protocol import add_demand
from .lingering import lingering


@dataclass(frozen=True, slots=True)
class StageStatistics:
    """A snapshot of one part of a running Flow.

    Attributes:
        name: The operator, source or consumer.
        requested: Demand that has reached it so far (items; UNBOUNDED for all).
        received: Items that have come in (items).
        delivered: Items that have gone out (items).
        held: Items in it now (items).
        peak: The most that were in it at once (items).
        capacity: The most it may hold (items), None where it holds nothing.
        dropped: Items that were given up for want of room, by reason (items).
        discarded: Items that were held when the stream was cancelled or failed (items).
        waited_seconds: How long producers were made to wait for room (seconds).
        weight: What the items in it weigh now, where ``capacity`` bounds that; else None.
        blocked_seconds: How long it had items that nobody asked for (seconds).
        starved_seconds: How long it was asked for items and had none (seconds).
        working_seconds: How long functions of the user were at work in it, estimated from
            samples (seconds).
        in_flight: Items that a function of the user is at work on now (items).
        oldest_seconds: How long the oldest item has been in it (seconds).
        inputs: How many parts it draws from: those before it, each with what that one draws
            from; 0 for a source.
        shared: Which hub it belongs to, a number, where several subscriptions draw from it,
            each of which tells its figures; else 0.
    """

    name: str
    requested: int = 0
    received: int = 0
    delivered: int = 0
    held: int = 0
    peak: int = 0
    capacity: int | None = None
    dropped: Mapping[str, int] = field(default_factory=dict[str, int])
    discarded: int = 0
    waited_seconds: float = 0.0
    weight: float | None = None
    blocked_seconds: float = 0.0
    starved_seconds: float = 0.0
    working_seconds: float = 0.0
    in_flight: int = 0
    oldest_seconds: float = 0.0
    inputs: int = 1
    shared: int = 0

    def plus(self, other: StageStatistics) -> StageStatistics:
        """Add up the figures of two parts that do the same work, one after the other.

        Args:
            other: The figures of the other part.
        """
        return StageStatistics(
            self.name,
            requested=add_demand(self.requested, other.requested),
            received=self.received + other.received,
            delivered=self.delivered + other.delivered,
            held=self.held + other.held,
            peak=max(self.peak, other.peak),
            capacity=other.capacity,
            dropped=Counter(self.dropped) + Counter(other.dropped),
            discarded=self.discarded + other.discarded,
            waited_seconds=self.waited_seconds + other.waited_seconds,
            blocked_seconds=self.blocked_seconds + other.blocked_seconds,
            starved_seconds=self.starved_seconds + other.starved_seconds,
            working_seconds=self.working_seconds + other.working_seconds,
            in_flight=self.in_flight + other.in_flight,
            oldest_seconds=max(self.oldest_seconds, other.oldest_seconds),
            weight=other.weight,
            inputs=other.inputs,
            shared=other.shared,
        )


Figures: TypeAlias = Callable[[], Iterable[StageStatistics]]
"""Gives the figures of a part, and of those before it, as they are when it is called."""


class Ledger:
    """The figures of parts that have ended, added up by name, so that no count is lost."""

    __slots__ = ("_late", "_lock", "_past")

    def __init__(self) -> None:
        self._lock = Lock()
        self._past: dict[str, StageStatistics] = {}
        self._late: list[Figures] = []  # of parts whose last figures are still to come

    def keep(self, figures: Figures) -> None:
        """Add the last figures of a part that has ended, as soon as they are the last.

        Args:
            figures: Gives them.
        """
        with lingering() as loops:
            ended = tuple(figures())
        if loops:
            self._late.append(figures)
            loops[0].when_over(partial(self._settle, figures))
            return
        with self._lock:
            for each in ended:
                self._add(self._past, each)

    def _settle(self, figures: Figures) -> None:
        self._late.remove(figures)
        self.keep(figures)

    @staticmethod
    def _add(sums: dict[str, StageStatistics], figures: StageStatistics) -> None:
        past = sums.get(figures.name)
        sums[figures.name] = figures if past is None else past.plus(figures)

    def __iter__(self) -> Iterator[StageStatistics]:
        """Give the sums."""
        with self._lock:
            sums = dict(self._past)
        for figures in tuple(self._late):
            for each in figures():
                self._add(sums, each)
        return iter(sums.values())
