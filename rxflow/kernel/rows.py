"""Figures in rows: those of many subscriptions, to be added up by column.

A record (:class:`StageStatistics`) says by name what a part tells. Where thousands of
subscriptions that are put together alike are added up, the names are the same for all:
so each part puts its bare numbers into a :class:`Row`, and says once by a :class:`Layout`
which they are. The records of such a part are made of the same numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeAlias

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
        told = zip(self.fields, figures, strict=True)
        part.__dict__.update(
            {field: figure for field, figure in told if figure is not None},
            name=name,
            inputs=inputs,
            metered=True,
        )
        return part

    def columns(self, parts: Sequence[Sequence[Any] | StageStatistics]) -> Columns:
        """Give each figure of several such parts.

        Args:
            parts: What each tells, at least one.
        """
        if self.fields:
            return dict(zip(self.fields, zip(*parts, strict=True), strict=True))
        told = set[str]().union(*[part.__dict__ for part in parts])  # most tell little
        return {field: [getattr(part, field) for part in parts] for field in told}


Columns: TypeAlias = dict[str, Sequence[Any]]
"""Figures of several parts by their names; what no part tells is left out."""

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
        parts: What each part tells, source first.
        shape: Name and Layout of each part, in turn. In place of a Layout there may be a place
            in this list: then it is the name that the parts from there on are given in front.
        shared: Several subscriptions tell the figures of one of the parts, so these numbers
            are not simply to be added up, and the records are to be asked for.
    """

    __slots__ = ("parts", "shape", "shared")

    def __init__(self) -> None:
        """Begin with nothing."""
        self.parts: list[Sequence[Any] | StageStatistics] = []
        self.shape: list[str | Layout | int] = []
        self.shared: bool = False

    def put(self, name: str, layout: Layout, figures: Sequence[Any]) -> None:
        """Add the figures of a part.

        Args:
            name: The part.
            layout: Which they are.
            figures: They.
        """
        self.shape += (name, layout)
        self.parts.append(figures)

    def put_records(
        self,
        records: Iterable[StageStatistics],
        starved: float,
        blocked: float,
        worked: float | None = None,
    ) -> float:
        """Add the records of several parts, which are no one else's.

        Args:
            records: They, source first.
            starved: How long those were starved that do not say it (seconds).
            blocked: How long those were blocked (seconds).
            worked: How long functions of the user worked in the last one; None where it says it.

        Returns:
            How long the last one was starved (seconds).
        """
        each: dict[str, Any] = {}
        for part in records:
            each = part.__dict__
            if not part.metered:
                each.update(starved_seconds=starved, blocked_seconds=blocked, metered=True)
            if part.shared:
                self.shared = True
            self.put(part.name, RECORD, part)  # type: ignore[arg-type] # pyright: ignore
        if each and worked is not None:
            each["working_seconds"] = worked
        return each.get("starved_seconds", 0.0)


def unfold(shape: Iterable[str | Layout | int]) -> Iterator[tuple[str, Layout]]:
    """Give the name and the Layout of each part.

    Args:
        shape: Of a Row.
    """
    found: list[tuple[int, str, Layout]] = []
    told = iter(shape)
    for place, name in enumerate(told):
        layout = next(told)
        if isinstance(layout, Layout):
            found.append((2 * place, str(name), layout))
        else:
            found = [
                (at, f"{name}/{part}" if at >= int(layout) else part, each)
                for at, part, each in found
            ]
    for _, name, layout in found:
        yield name, layout
