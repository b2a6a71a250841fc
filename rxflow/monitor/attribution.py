"""Whose doing it is that no more comes out of a running Flow: shares of the time, by part."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from inspect import signature
from typing import Literal

from .explanation import Part
from .trees import Node

Kind = Literal[
    "source", "consumer", "callback", "concurrency", "inner sources", "rate limit", "peer", "time"
]
"""Why a part limits: it gives too little; it takes too little; its function takes its time; all
its calls are under way; so are the sources that it has opened; its limit is reached; it waits
for another subscriber of what is shared; it waits for a time to pass."""

EITHER = frozenset({"merge", "merge_prioritized", "combine_latest", "zip_latest", "amb"})
"""Operators that go on with whatever one of their inputs gives."""

ASIDE = frozenset(
    {"with_latest_from", "take_until", "skip_until", "sample", "throttle_with_mapper"}
)
"""Operators of whose inputs only the first one gives items."""

THREADS = frozenset({"observe_on", "subscribe_on"})
"""Operators with which not all is in one thread."""

RATES = frozenset({"throttle", "throttle_by_key", "pace"})
SERIAL = frozenset({"concat_map", "concat_all", "switch_map", "switch_map_indexed", "exclusive"})


@dataclass(frozen=True, slots=True)
class Share:
    """How much of the time a part keeps the others waiting.

    Attributes:
        node: The part; None for the consumer.
        kind: Why.
        share: How much (0 to 1).
        among: The nearest part behind it that draws from several, if any.
    """

    node: Node | None
    kind: Kind
    share: float
    among: Node | None = None


def shares(root: Node, seconds: float, starved: float) -> list[Share]:
    """Tell how much of the time each part keeps the others waiting.

    Args:
        root: The part that the consumer draws from, with the figures of that time.
        seconds: That time (seconds).
        starved: For how long of it the consumer asked and had nothing (seconds).
    """
    nodes = [*root.all]
    # While a function works in the loop, all that shares its thread stands still.
    worked = sum(
        each.figures.working_seconds for each in nodes if is_stage(each) or not each.inputs
    )
    free = 1.0 if any(each.name in THREADS for each in nodes) else _clear(1 - worked / seconds)
    own = min(free, _clear(1 - (starved + _worked(root)) / seconds))
    found = [Share(None, "consumer", own), *_Walk(seconds, free).visit(root, 1.0, None)]
    return sorted(found, key=lambda each: -each.share)


def number(part: Part | None, name: str, node: Node | None = None) -> float | None:
    """Give an argument of a part that is a number, as it was given or by default.

    Args:
        part: The part.
        name: The argument.
        node: What is known of it besides.
    """
    entry = None if node is None else node.entry
    if part is None or entry is None:
        return None
    names = list(signature(entry.build).parameters.values())
    found: object = next((each.default for each in names if each.name == name), None)
    for index, text in enumerate(part.arguments):
        key, is_named, value = text.partition("=")
        if is_named and key.isidentifier():
            found = value if key == name else found
        elif index < len(names) and names[index].name == name:
            found = text
    try:
        return float(str(found))
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class _Walk:
    """A walk up the tree of figures, from the consumer.

    Attributes:
        seconds: The time that they are of (seconds).
        free: For how much of it no function kept the thread (0 to 1).
    """

    seconds: float
    free: float

    def visit(self, node: Node, most: float, among: Node | None) -> Iterator[Share]:
        """Give the shares of a part and of those it draws from, each at most ``most``."""
        kind, own = self._own(node)
        free = 1.0 if kind == "callback" or _makes(node) else self.free
        yield Share(node, kind, min(most, free, _clear(own)), among)
        if is_pushed(node):  # whatever is asked of those before it, what it holds is no fault
            most = min(most, self._lacking(node))
        most = min(most, _kept(node))
        inputs = node.inputs
        if node.opens or node.name in ASIDE:
            inputs = inputs[:1]
        elif node.name in EITHER and inputs:
            most = min(most, *map(self._lacking, inputs))
        among = node if len(inputs) > 1 else among
        for each in inputs:
            yield from self.visit(each, most, among)

    def _lacking(self, node: Node) -> float:
        """Say how much of the time a part had nothing that could be taken."""
        figures = node.figures
        return _clear(1 - figures.blocked_seconds / self.seconds)

    def _own(self, node: Node) -> tuple[Kind, float]:
        """Say how much of the time a part itself keeps the others waiting, and why."""
        figures, seconds = node.figures, self.seconds
        if not node.inputs:
            if is_pushed(node):
                return "source", self._lacking(node)
            if " #" in figures.name:  # it is an outlet of a part that is elsewhere in the tree
                return "source", 0.0
            return "source", (figures.starved_seconds + figures.working_seconds) / seconds
        before = _kept(node) * max(map(_waited_for, node.inputs))
        waits = (figures.starved_seconds - before) / seconds
        if is_stage(node):
            return "callback", figures.working_seconds / seconds
        if node.opens:
            # Some have a queue of the operator's own, which is filled before it is its turn.
            inner = sum(
                _waited_for(each.inputs[0] if each.inputs and each.name == node.name else each)
                for each in node.inputs[1:]
            )
            return "inner sources", inner / seconds / self._opened(node)
        if is_concurrent(node):
            calls = limit_of(node) or figures.peak or 1
            return "concurrency", max(waits, figures.working_seconds / seconds / calls)
        if node.name in RATES:
            return "rate limit", max(waits, self._rate(node))
        if node.category != "multicast":
            return "time", waits
        return "peer", waits if figures.shared else 0.0

    def _opened(self, node: Node) -> float:
        """Say how many inner sources may be open, or were on average."""
        limit = limit_of(node)
        if limit is not None:
            return limit
        figures = [each.figures for each in node.inputs[1:]]
        life = sum(each.starved_seconds + each.blocked_seconds for each in figures)
        return max(1.0, life / self.seconds)

    def _rate(self, node: Node) -> float:
        """Say how much of its rate a part has used."""
        if node.name != "throttle" or (node.part and "cost" in str(node.part.arguments)):
            return 0.0
        rate, per = number(node.part, "rate", node), number(node.part, "per", node)
        if not rate or not per:
            return 0.0
        return node.figures.delivered * per / rate / self.seconds


def limit_of(node: Node) -> float | None:
    """Say how many calls or inner sources a part may have under way at once."""
    if node.name in SERIAL:
        return 1
    names = ("max_concurrency", "max_concurrent", "max_workers")
    known = (number(node.part, name, node) for name in names)
    return next((value for value in known if value), None)


def is_concurrent(node: Node) -> bool:
    """Tell whether its function runs beside the loop, in several calls."""
    return bool(node.inputs) and node.category in ("asyncio", "concurrency")


def is_stage(node: Node) -> bool:
    """Tell whether its function runs in the loop that pulls it."""
    if len(node.inputs) != 1 or is_concurrent(node):
        return False
    if node.part is not None:
        return node.part.kind == "stage"
    return node.figures.capacity is None and not node.figures.received


def is_pushed(node: Node) -> bool:
    """Tell whether items come into it unasked."""
    if node.part is not None:
        return node.part.kind == "door"
    return not node.inputs and bool(node.figures.received) and node.figures.capacity is not None


def _kept(node: Node) -> float:
    """Say which share of what came into a part, that asks for all there is, it has not given up."""
    figures = node.figures
    if is_pushed(node) or not figures.received:
        return 1.0
    return _clear(1 - sum(figures.dropped.values()) / figures.received)


def _makes(node: Node) -> bool:
    """Tell whether it is a source whose items a function makes, in the loop that pulls it."""
    return not node.inputs and node.figures.working_seconds > 0


def _worked(node: Node) -> float:
    """Say how long functions worked in the loop that pulls a part (seconds)."""
    if is_stage(node):
        return node.figures.working_seconds + _worked(node.inputs[0])
    return 0.0 if node.inputs else node.figures.working_seconds


def _waited_for(node: Node) -> float:
    """Say for how long a part was asked for an item and had not given it (seconds)."""
    own = node.figures.working_seconds if is_stage(node) or not node.inputs else 0.0
    return node.figures.starved_seconds + own


def _clear(share: float) -> float:
    return min(1.0, max(0.0, share))
