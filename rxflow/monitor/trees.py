"""The figures of a running Flow as a tree, and what has happened in it between two looks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from ..flow.registry import Registered, find
from ..kernel import StageStatistics
from .explanation import Part

OPENING = frozenset(
    {
        *("flat_map", "flat_map_indexed", "concat_map", "concat_map_eager", "expand"),
        *("switch_map", "switch_map_indexed", "flat_map_latest", "switch_latest", "exclusive"),
        *("merge_all", "concat_all"),
    }
)
"""Operators that open inner sources while they run: their first input gives those."""

Pair = tuple[StageStatistics, Part | None]
_COUNTED = ("received", "delivered", "discarded")
_TIMED = ("waited_seconds", "blocked_seconds", "starved_seconds", "working_seconds")


@dataclass(slots=True)
class Node:
    """A part of a running Flow, with all that it draws from.

    Attributes:
        figures: Its figures; the sum of several that were opened alike while it runs.
        part: What it is in the user's code; None where that is not known.
        inputs: What it draws from.
    """

    figures: StageStatistics
    part: Part | None = None
    inputs: list[Node] = field(default_factory=list["Node"])

    @property
    def name(self) -> str:
        """The operator alone."""
        return self.figures.name.rpartition("/")[2].partition(" #")[0]

    @property
    def entry(self) -> Registered | None:
        """What the registry knows of it."""
        kinds = ("operator", "door") if self.inputs else ("source", "door", "operator")
        return next((entry for kind in kinds if (entry := find(kind, self.name))), None)

    @property
    def category(self) -> str:
        """The family of operators it belongs to."""
        entry = self.entry
        return "" if entry is None else entry.category

    @property
    def opens(self) -> bool:
        """It opens inner sources while it runs."""
        if self.name == "merge" and self.part is not None:
            return len(self.part.inputs) == 1
        return self.name in OPENING

    @property
    def label(self) -> str:
        """What it is called where people read."""
        return self.figures.name if self.part is None else self.part.label

    @property
    def all(self) -> Iterator[Node]:
        """Those it draws from, then itself."""
        for node in self.inputs:
            yield from node.all
        yield self

    @property
    def shape(self) -> tuple[Any, ...]:
        """How it is put together."""
        return (self.name, *(node.shape for node in self.inputs))


def trees(pairs: Iterable[Pair]) -> list[Node]:
    """Make the tree of figures in post-order; several where the last part is still to come.

    Args:
        pairs: The figures, each with the part it is of.
    """
    roots: list[Node] = []
    for figures, part in pairs:
        begin = len(roots) - figures.inputs
        inputs, roots[begin:] = roots[begin:], []
        roots.append(_folded(Node(figures, part, inputs)))
    return roots


def since(now: list[Node], before: list[Node]) -> list[Node]:
    """Give what has happened between two looks.

    Args:
        now: The trees of the later one.
        before: The trees of the earlier one.
    """
    earlier = dict(_keyed(before))
    return [_minus(node, earlier.get(key)) for key, node in _keyed(now)]


def _minus(now: Node, before: Node | None) -> Node:
    if before is None:
        return now
    grown = now.figures.minus(before.figures)
    # Of what comes and goes, the sums may be of others than before.
    least = {name: max(0, getattr(grown, name)) for name in (*_COUNTED, *_TIMED)}
    return Node(replace(grown, **least), now.part, since(now.inputs, before.inputs))


def _keyed(nodes: list[Node]) -> Iterator[tuple[Any, Node]]:
    """Tell siblings apart: by what they are in the code, else by how they are put together."""
    seen: dict[Any, int] = {}
    for node in nodes:
        key: Any = node.shape if node.part is None else (node.part.number, node.name)
        seen[key] = seen.get(key, 0) + 1
        yield (key, seen[key]), node


def _folded(node: Node) -> Node:
    """Add up those inputs of a part that come and go."""
    if not (node.opens or node.category == "recover" or node.name == "concat"):
        return node
    kept: list[Node] = node.inputs[:1] if node.opens else []
    first = len(kept)
    for each in node.inputs[first:]:
        alike = (index for index in range(first, len(kept)) if kept[index].shape == each.shape)
        index = next(alike, None)
        if index is None or (each.part is not None and kept[index].part is not None):
            kept.append(each)
        else:
            kept[index] = _plus(kept[index], each)
    return Node(node.figures, node.part, kept)


def _plus(one: Node, other: Node) -> Node:
    """Add up two that are put together alike."""
    pairs = zip(one.inputs, other.inputs, strict=True)
    return Node(
        one.figures.plus(other.figures), one.part or other.part, [_plus(a, b) for a, b in pairs]
    )
