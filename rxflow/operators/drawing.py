"""A stream as text: to_marbles."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from typing import Any

from reactivex import Observable
from reactivex.abc import SchedulerBase
from reactivex.operators._tomarbles import stringify

from ..flow import Flow, checks
from ..flow.operator import composed, operator, staged
from ..kernel import Stage
from ..protocol import UNBOUNDED
from .notifying import materialize
from .timing import clock_of


@operator(demand="unbounded ; 1 at the end ; holds all", category="aggregate")
def to_marbles(
    timespan: timedelta | float = 0.1, scheduler: SchedulerBase | None = None
) -> Callable[[Observable[Any]], Flow[str]]:
    """Give a marble diagram of the source at the end, also where that is a failure.

    .. marble::
        :alt: to_marbles

        request  --1---------
        source   --a---b|
        [  to_marbles(1.0)  ]
                 -------(--a---b-|)|

    Demand: unbounded ; 1 at the end ; holds all.

    Args:
        timespan: What one dash stands for (seconds).
        scheduler: Whose clock; that of the subscription, or reactivex's default, when left out.

    Returns:
        An operator function.

    Raises:
        TypeError: The timespan is no duration, when the pipeline is built.
        ValueError: It is not more than 0, when the pipeline is built.

    Source: reactivex to_marbles.
    """
    span = checks.positive("to_marbles", "timespan", timespan, "seconds")
    drawn: Any = staged(lambda context: _Drawn(clock_of(scheduler, context), span))
    return composed(materialize(), drawn)


_SHOWN: dict[str, Callable[[Any], str]] = {
    "N": lambda notification: stringify(notification.value),
    "E": lambda notification: stringify(notification.exception),
    "C": lambda _: "|",
}
"""How a notification is drawn, by its kind."""


class _Drawn(Stage):
    """Draws notifications."""

    releases = True

    def __init__(self, clock: SchedulerBase, span: float) -> None:
        self._clock = clock
        self._span = span
        self._last = clock.now
        self._drawn: list[str] = []

    def run(self, items: Iterator[Any]) -> Iterator[Any]:
        for item in items:
            now = self._clock.now
            passed = self._clock.to_seconds(now - self._last)
            self._last = now
            self._drawn.append("-" * int((passed + self._span / 2) * (1 / self._span)))
            self._drawn.append(_SHOWN[item.kind](item))
        return
        yield

    def finish(self) -> Iterable[Any]:
        return ("".join(self._drawn),)

    def holds(self) -> bool:
        return True

    def demand(self, n: int) -> int:
        return UNBOUNDED
