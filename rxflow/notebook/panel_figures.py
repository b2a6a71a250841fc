"""What the live panel knows of a subscription: its figures, and how fast they change."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from weakref import ref

from ..kernel import Consumer, StageStatistics
from ..monitor import Report
from ..monitor.following import Follower
from ..protocol import UNBOUNDED

WINDOW = 1.0
"""How far the throughput looks back, so that it can be read (seconds)."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a pipeline at one moment.

    Attributes:
        figures: Its figures.
        rate: Items that go out of it in a second (items per second); of the last second while
            it runs, of the whole time when it is over.
    """

    figures: StageStatistics
    rate: float

    @property
    def demand(self) -> int:
        """What is asked for and has not been given (items); UNBOUNDED for all."""
        asked = self.figures.requested
        return asked if asked >= UNBOUNDED else max(0, asked - self.figures.delivered)


@dataclass(frozen=True, slots=True)
class Look:
    """One subscription at one moment.

    Attributes:
        number: Which one of those that are watched, from 1.
        parts: Its parts, source first.
        over: Whether it is over; then these are its last figures.
        seconds: How long it has been watched (seconds).
        report: What limits it.
    """

    number: int
    parts: tuple[Part, ...]
    over: bool
    seconds: float
    report: Report | None = None


class Watched:
    """One subscription that is watched. It is not kept alive."""

    def __init__(
        self, consumer: Consumer, number: int, clock: Callable[[], float] = monotonic
    ) -> None:
        """Begin to watch.

        Args:
            consumer: Its consumer.
            number: Which one of those that are watched, from 1.
            clock: Gives the time (seconds).
        """
        self.consumer: ref[Consumer] = ref(consumer)
        self.number: int = number
        self._clock = clock
        self._began = self._seen = clock()
        self._ended: float | None = None  # when it was over
        self._figures: tuple[StageStatistics, ...] = ()  # the last that were seen
        self._past: deque[tuple[float, tuple[int, ...]]] = deque()  # what had gone out, and when
        self._follower = Follower()
        consumer.when_over(self._is_over)
        self.refresh()

    def _is_over(self) -> None:
        """Take the last figures: they cannot be asked for when the consumer is collected."""
        consumer = self.consumer()
        if consumer is not None:
            self._figures = consumer.statistics()
        self._ended = self._clock()
        if consumer is not None:
            self._follower.see(consumer)

    @property
    def over(self) -> bool:
        """Whether it is over, or was forgotten by all."""
        return self._ended is not None or self.consumer() is None

    def refresh(self) -> None:
        """See how it stands now."""
        consumer = self.consumer()
        if self._ended is None and consumer is not None:
            self.see(self._clock(), consumer.statistics())

    def see(self, at: float, figures: tuple[StageStatistics, ...]) -> None:
        """Take what was read, while it runs.

        Args:
            at: When that was (seconds).
            figures: It.
        """
        if self._ended is None and at >= self._seen:  # else somebody has looked meanwhile
            self._seen, self._figures = at, figures
            consumer = self.consumer()
            if consumer is not None:
                self._follower.see(consumer)
            past, counts = self._past, tuple(part.delivered for part in figures)
            if past and len(past[-1][1]) != len(counts):  # parts come and go: begin anew
                past.clear()
            past.append((at, counts))
            while len(past) > 2 and at - past[1][0] >= WINDOW:
                past.popleft()

    def look(self) -> Look:
        """Give how it stood when it was last seen, or at its end."""
        over, figures = self.over, self._figures
        until = self._seen if self._ended is None else self._ended
        rates = self._average(figures, until) if over else self._rates(figures)
        parts = tuple(map(Part, figures, rates))
        return Look(self.number, parts, over, until - self._began, self._follower.report())

    def _average(self, figures: tuple[StageStatistics, ...], until: float) -> list[float]:
        seconds = until - self._began
        return [part.delivered / seconds if seconds > 0 else 0.0 for part in figures]

    def _rates(self, figures: tuple[StageStatistics, ...]) -> list[float]:
        """Compare with what had gone out a second ago, or at the beginning."""
        past = tuple(self._past)
        (before, least), (now, most) = past[0], past[-1]
        if now <= before or len(most) != len(figures):
            return [0.0] * len(figures)
        return [max(0, new - old) / (now - before) for old, new in zip(least, most, strict=True)]
