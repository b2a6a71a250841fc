"""How many items a part can hold: its Demand line, with the arguments of its call."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from inspect import Signature, signature
from math import inf
from typing import Any, cast

from ..flow.assembly import Call
from ..flow.operator import Operator
from ..flow.registry import Registered, find
from ..kernel import HANDOVER

Bound = float | None
"""Most items; ``math.inf`` where there is no bound, None where only the run tells."""

_WORDS: dict[str, Callable[[Mapping[str, Any]], Bound]] = {
    "all": lambda _: inf,
    "as publish": lambda _: 0,  # it is counted there
    "as the operator": lambda _: 0,  # it is counted as that
    "0, else <= 256": lambda _: 256,
    "0, or <= 1 with cost": lambda given: int(given["cost"] is not None),
}
_EACH = re.compile(r"(.*?) per (source|side|rail|subscriber)$")
_REST = re.compile(r", the rest on disk$| to be expanded$")


def _traced(name: str, tracer: object = None) -> None:
    """Stand for the operator of ``otel``, which is there only with what that needs."""


_EXTRA = {"traced": Registered("traced", "operator", "observe", "1:1 ; 1:1 ; holds 0", _traced, "")}
"""Operators that are not registered, since they are part of an extra."""


def entry_of(call: Call) -> Registered | None:
    """Find what was called in the registry; None for an operator of reactivex alone."""
    kinds = ("operator", "door") if isinstance(call, Operator) else ("source", "operator")
    known = (find(kind, call.name) for kind in kinds)
    return next(filter(None, known), None) or _EXTRA.get(call.name)


def holds(demand: str) -> str:
    """Give the words of a Demand line that say what is held at most."""
    return demand.rpartition("; holds ")[2].removeprefix("<= ")


@cache
def _signature(build: Callable[..., Any]) -> Signature:
    return signature(build)


def arguments(entry: Registered, call: Call) -> Mapping[str, Any]:
    """Give the arguments of a call by name, with the defaults of those that were left out."""
    try:
        bound = _signature(entry.build).bind(*call.args, **call.kwargs)
    except TypeError:  # a stock operator has others than the native one
        return {}
    bound.apply_defaults()
    return bound.arguments


def bound(
    entry: Registered, call: Call, *, sources: int = 1, consumers: int = 1, latest: bool = False
) -> Bound:
    """Say how many items a part holds at most.

    Args:
        entry: What was called.
        call: How.
        sources: How many sources it draws from.
        consumers: How many parts draw from it.
        latest: Its items would be stale if they were fetched ahead.
    """
    given = dict(arguments(entry, call))
    if given.get("weight") is not None:
        return None  # the capacity is one of what they weigh
    given["prefetch"] = given.get("prefetch") or (1 if latest else HANDOVER)
    words = _REST.sub("", holds(entry.demand))
    inner, times = nested(call), 1
    if each := _EACH.match(words):
        words = each[1]
        inners = given.get("max_concurrent") or sources  # merge, of sources that come as items
        rails = int(given.get("n") or 1)
        times = {"source": inners, "subscriber": consumers, "side": consumers, "rail": rails}[
            each[2]
        ]
    own = _WORDS[words](given) if words in _WORDS else _computed(words, given)
    return total(part and part * times for part in (own, inner))


def nested(call: Call) -> Bound:
    """Say what the operators among the arguments of one hold: those of a rail, or supervised."""
    inner = [arg for arg in call.args if isinstance(arg, Operator)]
    return total(bound(entry, arg) if (entry := entry_of(arg)) else None for arg in inner)


def total(bounds: Iterator[Bound]) -> Bound:
    """Add up: what has no bound leaves none, else what only the run tells is not known."""
    all_of = list(bounds)
    if inf in all_of:
        return inf
    return None if None in all_of else sum(cast("list[float]", all_of))


def _computed(words: str, given: Mapping[str, Any]) -> Bound:
    """Compute a sum or a product of numbers and arguments; None for any other words."""
    try:
        return _value(ast.parse(words, mode="eval").body, given)
    except (SyntaxError, LookupError):
        return None


def _value(node: ast.expr, given: Mapping[str, Any]) -> float:
    match node:
        case ast.Constant(value=int(value)):
            return value
        case ast.Name(id=name) if isinstance(given[name], int | float):
            return given[name]
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _value(left, given) + _value(right, given)
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return _value(left, given) * _value(right, given)
        case _:
            raise LookupError
