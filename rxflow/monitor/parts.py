"""Which part of the pipeline the figures of a running subscription are of."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, cast

from ..flow import Flow
from ..kernel import Consumer, StageStatistics
from .explaining import explain
from .explanation import Part
from .trees import OPENING


def parts(consumer: Consumer) -> tuple[tuple[StageStatistics, Part | None], ...]:
    """Give the figures of a running subscription, each with the part that it is of.

    So they can be shown under the labels of :func:`explain`, which tell the line, or the
    name that was given. ``StageStatistics.name`` is the operator's alone.

    Args:
        consumer: One of ``running()``, or what ``flow.subscribe(Subscriber)`` returns.

    Returns:
        The figures, source first; None for what is opened while it runs, such as inner
        sources, and for all of it when it is over and nobody has the Flow any more.
    """
    figures = consumer.statistics()
    flow = consumer.flow
    if not isinstance(flow, Flow):
        return tuple((each, None) for each in figures)
    of = _aligned(figures, explain(cast("Flow[Any]", flow)).parts)
    return tuple((each, of.get(index)) for index, each in enumerate(figures))


def _aligned(figures: Sequence[StageStatistics], explained: Sequence[Part]) -> dict[int, Part]:
    """Lay the tree of figures upon that of the parts, from the consumer up.

    Parts that have no figures are passed over, and so are figures that are of no part, such as
    those of the rails of ``parallel``. What a part opens while it runs is of none altogether.
    """
    inputs, roots = _tree(figures)
    found: dict[int, Part] = {}
    todo = deque([(roots, [explained[-1].number])])  # figures, and the parts to begin at
    while todo:
        indices, starts = todo.popleft()
        for index in indices:
            of = _first(figures[index], starts, explained)
            if of is None:
                todo.append((inputs[index], starts))
                continue
            start, part = of
            starts.remove(start)
            found[index] = part
            before, ahead = inputs[index], [*part.inputs]
            if " #" in figures[index].name:  # an outlet of a shared part, whose own come next
                ahead = [part.number]
            elif part.name in OPENING:
                before = before[: len(ahead)]
            todo.append((before, ahead))
    return found


def _tree(figures: Sequence[StageStatistics]) -> tuple[list[list[int]], list[int]]:
    """Tell of each which ones it draws from, and which nobody draws from."""
    inputs: list[list[int]] = []
    roots: list[int] = []
    for index, each in enumerate(figures):
        begin = len(roots) - each.inputs
        inputs.append(roots[begin:])
        roots[begin:] = [index]
    return inputs, roots


def _first(
    figures: StageStatistics, starts: Sequence[int], explained: Sequence[Part]
) -> tuple[int, Part] | None:
    """Find the part that figures are of, the nearest to one of some; and to which of them."""
    for start in starts:
        todo = [start]
        while todo:
            part = explained[todo.pop()]
            if _is_of(figures, part, explained):
                return start, part
            todo += reversed(part.inputs)
    return None


def _is_of(figures: StageStatistics, part: Part, explained: Sequence[Part]) -> bool:
    """Tell whether figures are of a part, whose operator may have said more in their name."""
    given, _, name = figures.name.rpartition("/")
    if given and part.names and given.partition("/")[0] not in part.names:
        return False
    if part.kind == "lifted":
        return part.name in name.split("|")
    if part.place is None and part.kind == "door":  # one that an operator has put there
        return any(name == each.name for each in explained if part.number in each.inputs)
    return name.partition(" #")[0] == part.name
