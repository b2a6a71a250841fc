"""The switch that ends pipelines from outside."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from ..kernel import Consumer, StageStatistics, needed_loop, on_loop
from . import checks


@dataclass(frozen=True, slots=True)
class DrainReport:
    """What ``drain_and_complete`` has achieved.

    Attributes:
        in_time: Every pipeline came to its end before the deadline.
        undelivered: Items that were not delivered, by the stage that held them (items).
    """

    in_time: bool
    undelivered: Mapping[str, int]

    @property
    def complete(self) -> bool:
        """Whether everything that was held was delivered, in time."""
        return self.in_time and not self.undelivered


class KillSwitch:
    """Ends the pipelines that have ``kill_switch(switch)`` in them, from any thread.

    The first call of ``shutdown``, ``abort`` or ``drain_and_complete`` decides; a pipeline
    that is subscribed later ends at once in the same way.
    """

    def __init__(self) -> None:
        """Make one that is not pulled."""
        # Who comes looks at the end after it has joined; who ends it sets the end before it
        # looks at the parts: so nobody is missed, without a lock.
        self._end: dict[str, Exception | None] = {}  # empty until it is pulled
        self._parts: dict[SwitchedPart, None] = {}

    @property
    def pulled(self) -> bool:
        """Whether it was used."""
        return bool(self._end)

    def shutdown(self) -> None:
        """Complete downstream and cancel upstream. Idempotent."""
        self._pull(None)

    def abort(self, error: Exception) -> None:
        """Fail downstream and cancel upstream. Idempotent.

        Args:
            error: The failure.

        Raises:
            TypeError: It is no exception.
        """
        if not isinstance(error, Exception):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"abort wants an exception, not {error!r}")
        self._pull(error)

    async def drain_and_complete(self, timeout: float | timedelta | None = None) -> DrainReport:
        """Shut down, and wait until what is held downstream of the switch is delivered.

        What is held at the deadline is discarded, and the consumers hear a completion. So
        put the switch at the intake: before the door, if there is one.

        Args:
            timeout: Longest wait (seconds, or a timedelta); no limit when left out.

        Returns:
            What was not delivered, if anything.

        Raises:
            TypeError: The timeout is no duration.
            ValueError: It is negative.
        """
        limit = checks.seconds("drain_and_complete", "timeout", timeout)
        found = (part.consumer for part in tuple(self._parts))
        pipelines = [_Draining(each) for each in dict.fromkeys(found) if each is not None]
        self.shutdown()
        with suppress(TimeoutError):
            async with asyncio.timeout(limit):
                for pipeline in pipelines:
                    await pipeline.over.wait()
        in_time = all(pipeline.over.is_set() for pipeline in pipelines)
        for pipeline in pipelines:
            pipeline.consumer.finish()
        await asyncio.sleep(0)  # tasks that are cancelled end
        lost: Counter[str] = Counter()
        for pipeline in pipelines:
            lost += pipeline.lost()
        return DrainReport(in_time, dict(lost))

    def _pull(self, error: Exception | None) -> None:
        self._end.setdefault("end", error)
        for part in tuple(self._parts):
            part.hear()

    # What the operator calls.

    @property
    def failure(self) -> Exception | None:
        """What it was aborted with."""
        return self._end.get("end")

    def join(self, part: SwitchedPart) -> None:
        """Have a part hear when it is pulled, perhaps at once.

        Args:
            part: It.
        """
        self._parts[part] = None
        if self._end:
            part.hear()

    def leave(self, part: SwitchedPart) -> None:
        """Forget a part.

        Args:
            part: It.
        """
        self._parts.pop(part, None)


class SwitchedPart(Protocol):
    """One subscription that goes through the switch.

    Attributes:
        consumer: Who is at the end of its pipeline, where that is known.
    """

    consumer: Consumer | None

    def hear(self) -> None:
        """Hear that the switch was pulled."""

    def __hash__(self) -> int: ...


class _Draining:
    """A pipeline that is being drained."""

    def __init__(self, consumer: Consumer) -> None:
        self.consumer = consumer
        self.over = asyncio.Event()
        self._before = _discarded(consumer.statistics())
        loop = needed_loop("drain_and_complete", "awaited")
        consumer.when_over(lambda: on_loop(loop, self.over.set))

    def lost(self) -> Counter[str]:
        """Count what was discarded since, and what is held although it was to end."""
        figures = self.consumer.statistics()
        held = Counter({part.name: 0 for part in figures})
        for part in figures:
            held[part.name] += part.held
        return +(_discarded(figures) + held - self._before)


def _discarded(figures: tuple[StageStatistics, ...]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for part in figures:
        counts[part.name] += part.discarded
    return counts
