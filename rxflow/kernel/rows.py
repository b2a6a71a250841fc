"""Figures in rows: those of many subscriptions, to be added up by column.

A record (:class:`StageStatistics`) says by name what a part tells. Where thousands of
subscriptions that are put together alike are added up, the names are the same for all:
so each part puts its bare numbers into a :class:`Row`, and says once by a :class:`Layout`
which they are. The records of such a part are made of the same numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeAlias

from .latency import NANOS, merged
from .metering import Times
from .statistics import StageStatistics


class Layout:
    """Which figures a part tells, and in which order.

    Attributes:
        fields: Those of :class:`StageStatistics`; none where a part tells a record.
    """

    __slots__ = ("fields",)

    def __init__(self, *fields: str) -> None:
        """Name them."""
        self.fields: tuple[str, ...] = fields

    def record(self, name: str, figures: Sequence[Any], inputs: int = 1) -> StageStatistics:
        """Make a record of a part, of which it is known how long it was starved and blocked.

        Args:
            name: The part.
            figures: What it tells; None for what it does not.
            inputs: How many parts it draws from.
        """
        part = object.__new__(StageStatistics)
        told = part.__dict__
        for field, figure in zip(self.fields, figures, strict=True):
            if figure is not None:
                told[field] = figure
        told.update(name=name, inputs=inputs, metered=True)
        if "latency" in told:
            told["latency"] = told["latency"].latency()
        return part

    def columns(self, figures: Iterator[Sequence[Any]]) -> Columns:
        """Give each figure of several such parts.

        Args:
            figures: Those that the parts tell, a column for each; no more are taken.
        """
        if self.fields:
            columns: Columns = dict(zip(self.fields, figures, strict=False))
            if "latency" in columns:
                columns["latency"] = [merged(filter(None, columns["latency"]))]
            return columns
        parts = next(figures)
        told = set[str]().union(*[part.__dict__ for part in parts])  # most tell little
        return {field: [getattr(part, field) for part in parts] for field in told}


Columns: TypeAlias = dict[str, Sequence[Any]]
"""Figures of several parts by their names; what no part tells is left out."""

Named: TypeAlias = str | tuple[str, ...]
"""The name of a part, or those of several."""

Shape: TypeAlias = Iterable[Named | Layout | int]
"""See :class:`Row`."""

RECORD = Layout()
"""A part tells a record."""

TIMES = Layout("starved_seconds", "working_seconds", "blocked_seconds")
"""A synchronous stage, which counts nothing."""

GIVEN = Layout("received", "delivered", "starved_seconds", "blocked_seconds", "working_seconds")
"""A source that only counts what it gives."""

QUEUED = Layout(
    *("requested", "received", "delivered", "held", "peak", "capacity", "dropped", "discarded"),
    *("waited_seconds", "blocked_seconds", "starved_seconds", "oldest_seconds", "latency"),
)
"""The queue of a boundary."""

CONSUMED = Layout("requested", "received", "delivered", "discarded", "starved_seconds")
"""A Subscriber."""


class Row:
    """The figures of one subscription.

    Attributes:
        figures: What each part tells, source first, in the order of its Layout; or its record.
        shape: Name and Layout of each part, in turn; or the names of several parts with the
            same one. In place of a Layout there may be a place in this list: then it is the
            name that the parts from there on are given in front.
        shared: Several subscriptions tell the figures of one of the parts, so these numbers
            are not simply to be added up, and the records are to be asked for.
    """

    __slots__ = ("figures", "shape", "shared")

    def __init__(self) -> None:
        """Begin with nothing."""
        self.figures: list[Any] = []
        self.shape: list[Named | Layout | int] = []
        self.shared: bool = False

    def put_records(
        self,
        records: Iterable[StageStatistics],
        times: Times,
        pulled: float | None = None,
        works: bool = False,
    ) -> float:
        """Add the records of several parts, which are no one else's.

        Args:
            records: They, source first.
            times: Those of the edge that they are pulled through.
            pulled: How long it took to pull their items (seconds); None where nobody knows.
            works: That is how long functions of the user worked in the last one.

        Returns:
            How long the last one was starved (seconds).
        """
        life, short = times
        starved, blocked = short / NANOS, max(0.0, (life - short) / NANOS - (pulled or 0.0))
        each: dict[str, Any] = {}
        for part in records:
            each = part.__dict__
            if not part.metered:
                each.update(starved_seconds=starved, blocked_seconds=blocked, metered=True)
            if part.shared:
                self.shared = True
            self.shape += (part.name, RECORD)
            self.figures.append(part)
        if each and works and pulled is not None:
            each["working_seconds"] = pulled
        return each.get("starved_seconds", 0.0)


def unfold(shape: Shape) -> Iterator[tuple[str, Layout]]:
    """Give the name and the Layout of each part.

    Args:
        shape: Of a Row.
    """
    found: list[tuple[int, str, Layout]] = []
    told: Iterator[Any] = iter(shape)
    for place, name in enumerate(told):
        layout: Layout | int = next(told)
        if isinstance(layout, Layout):
            names: tuple[str, ...] = (name,) if isinstance(name, str) else name
            found += [(2 * place, each, layout) for each in names]
        else:
            found = [
                (at, f"{name}/{part}" if at >= layout else part, each) for at, part, each in found
            ]
    for _, name, layout in found:
        yield name, layout
