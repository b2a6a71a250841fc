"""What ``explain`` gives: a pipeline before it runs, as a data structure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..flow.assembly import Place

Kind = Literal["source", "door", "stage", "boundary", "lifted", "sink"]
"""What a part is: where items come from; where a source that does not obey demand enters;
a synchronous operator; an operator with a loop of its own, where tasks, time, threads or
several sources meet; an operator of reactivex that is lifted; who takes the items."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a pipeline, as the user has written it.

    Attributes:
        number: Its place in ``Explanation.parts``.
        kind: What it is.
        name: The operator, door or source; "subscriber" for the sink.
        label: What it is called where people read: the name that ``named`` gave it, else
            the operator and the line, such as "map_async at app.py:12".
        names: The names that ``named`` gave to the parts of the pipeline it is in, innermost
            first.
        arguments: Its arguments, shortly, as they were given: "1000", "overflow=DROP_OLDEST".
        place: The file and the line it was added at; None where that is not known.
        demand: Its Demand line: upstream ; downstream ; what it holds at most.
        inputs: The numbers of the parts that it draws from, the one it was applied to first.
        island: The number of the island it is in.
        bound: Most items that it holds (items); ``math.inf`` where there is no bound, None
            where only the run tells.
        bounded_by: How that bound comes about: the Demand line's words, such as
            "max_concurrency + buffer".
        overflow: The strategy that applies when it is full, such as "DROP_OLDEST"; None
            where it never is, or makes its source wait.
        unbounded: It asks what is before it for all there is.
        rule: How it is run, where it is an operator of reactivex that is lifted.
    """

    number: int
    kind: Kind
    name: str
    label: str
    names: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    place: Place | None = None
    demand: str = ""
    inputs: tuple[int, ...] = ()
    island: int = 0
    bound: float | None = 0
    bounded_by: str = ""
    overflow: str | None = None
    unbounded: bool = False
    rule: str | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """A pipeline before it runs.

    Attributes:
        parts: Its parts, each behind those that it draws from; the sink is the last one.
        islands: The numbers of the parts of each island, by its number. The parts of an
            island run in one loop; between islands there is a boundary, which is the first
            part of the island behind it.
        bound: Most items that all of it holds (items); ``math.inf`` where there is no bound,
            None where only the run tells.
        text: The same for people to read.
    """

    parts: tuple[Part, ...]
    islands: tuple[tuple[int, ...], ...]
    bound: float | None
    text: str

    def __str__(self) -> str:
        """Give the text."""
        return self.text
