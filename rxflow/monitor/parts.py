"""Which part of the pipeline the figures of a running subscription are of."""

from __future__ import annotations

from typing import Any, cast

from ..flow import Flow
from ..kernel import Consumer, StageStatistics
from .explaining import explain
from .explanation import Part


def parts(consumer: Consumer) -> tuple[tuple[StageStatistics, Part | None], ...]:
    """Give the figures of a running subscription, each with the part that it is of.

    So they can be shown under the labels of :func:`explain`, which tell the line, or the
    name that was given. ``StageStatistics.name`` is the operator's alone.

    Args:
        consumer: One of ``running()``, or what ``flow.subscribe(Subscriber)`` returns.

    Returns:
        The figures, source first; None for what is opened while it runs, such as inner
        sources, and for all of it when it is over.
    """
    figures = consumer.statistics()
    flow = consumer.flow
    if not isinstance(flow, Flow):
        return tuple((each, None) for each in figures)
    explained = explain(cast("Flow[Any]", flow)).parts
    found: list[tuple[StageStatistics, Part | None]] = []
    begin = 0  # both have each part behind those that it draws from
    for each in figures:
        # A shared part has figures of its own, then those of its subscriber, such as "share #1".
        ahead = explained[max(0, begin - (" #" in each.name)) :]
        part = next((p for p in ahead if _is_of(each, p, explained)), None)
        begin = begin if part is None else part.number + 1
        found.append((each, part))
    return tuple(found)


def _is_of(figures: StageStatistics, part: Part, explained: tuple[Part, ...]) -> bool:
    """Tell whether figures are of a part, whose operator may have said more in their name."""
    given, _, name = figures.name.rpartition("/")
    if given and part.names and given.partition("/")[0] not in part.names:
        return False
    if part.kind == "lifted":
        return part.name in name.split("|")
    if part.place is None and part.kind == "door":  # one that an operator has put there
        return any(name == each.name for each in explained if part.number in each.inputs)
    return name.partition(" #")[0] == part.name
