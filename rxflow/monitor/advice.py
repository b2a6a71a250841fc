"""The words of a report: what limits a running Flow, what is lost, what would help."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..protocol import UNBOUNDED
from .attribution import Share, is_pushed, limit_of
from .trees import Node

if TYPE_CHECKING:
    from .reporting import Limit, Loss

FULL = 0.9
"""From this share of its capacity on a queue is called full."""

TIE = 0.02
"""Parts whose shares differ by less limit together."""

SHORT = 0.001
"""In less time nothing can be told (seconds)."""

SLACK = 0.5
"""A bottleneck with a smaller share is busy, but nothing is held up for long."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found out about a running Flow, to be told.

    Attributes:
        limits: What limits it, the most first.
        shares: The same, as it was found.
        losses: What was lost, the most first.
        nodes: All parts.
        sink: The part of the Subscriber at the end, if it is one.
        seconds: The time that it is about (seconds).
        over: It has ended.
    """

    limits: Sequence[Limit]
    shares: Sequence[Share]
    losses: Sequence[Loss]
    nodes: Sequence[Node]
    sink: Node | None
    seconds: float
    over: bool


def text_of(found: Finding) -> str:
    """Tell what was found."""
    said = [_state(found)]
    if found.limits:
        said = [f"{_said(found)}: {advised(found)}"]
    said += _lost(found.losses)
    text = "; ".join(each for each in said if each)
    return f"it has ended; {text}" if found.over and found.limits else text


def advised(found: Finding) -> str:
    """Tell what would help with the bottleneck."""
    if not found.limits:
        return ""
    return _ADVICE[found.limits[0].kind](found)


def _state(found: Finding) -> str:
    if found.over:
        return "it has ended, too soon to tell what limited it"
    if found.seconds < SHORT:
        return "it has just begun: there is no bottleneck to be seen yet"
    return "there is no bottleneck: no part keeps the others waiting"


def _said(found: Finding) -> str:
    limit = found.limits[0]
    share, label = f"{limit.share:.0%} of the time", f"`{limit.label}`"
    together = _together(found)
    if together:
        label = f"{label} and {' and '.join(f'`{each}`' for each in together)}"
    match limit.kind:
        case "consumer":
            said = f"{limit.label} {_consuming(found)} {share}"
        case "source":
            said = f"{label} {'keep' if together else 'keeps'} the rest waiting {share}"
        case "callback":
            said = f"the function of {label} works {share}, and nothing else in its thread can"
        case "concurrency":
            said = f"{label} is busy {share}{_with_limit(found)}"
        case "inner sources":
            said = f"{label} waits for the sources that it has opened {share}{_with_limit(found)}"
        case "rate limit":
            said = f"{label} is at its limit {share}"
        case "peer":
            said = f"{label} waits for another one of its subscribers {share}"
        case "time":
            said = f"{label} waits {share} for its own time to come"
    return said + _queue(found) + _among(found)


def _consuming(found: Finding) -> str:
    sink = None if found.sink is None else found.sink.figures
    if sink is not None and sink.requested != UNBOUNDED and sink.requested <= 0:
        return "has asked for nothing"
    return "is busy, or does not ask,"


def _together(found: Finding) -> list[str]:
    """Name the other sources of which one would be enough, where all are as slow."""
    first = found.shares[0]
    if first.kind != "source" or first.among is None:
        return []
    return [
        limit.label
        for limit, share in zip(found.limits[1:], found.shares[1:], strict=True)
        if share.kind == "source" and share.among is first.among
        if first.share - share.share < TIE
    ]


def _with_limit(found: Finding) -> str:
    node = found.shares[0].node
    limit = None if node is None else limit_of(node)
    name = "max_concurrency"
    return "" if limit is None or limit == 1 else f" with {name}={limit:.0f}"


def _queue(found: Finding) -> str:
    """Tell of the queue before the bottleneck, where that is full."""
    node = found.shares[0].node or found.sink
    tops = (
        [found.nodes[-1]] if node is None and found.nodes else [] if node is None else node.inputs
    )
    while len(tops) == 1:
        [top] = tops
        full = top.figures.utilisation
        if full is not None:
            queue = f"`{top.label}` ({top.figures.held:,} of {top.figures.capacity:,})"
            return f", and the queue before it, {queue}, is full" if full >= FULL else ""
        tops = top.inputs
    return ""


def _among(found: Finding) -> str:
    """Tell who waits for the bottleneck, where that draws from several."""
    first = found.shares[0]
    if first.among is None or first.kind == "consumer":
        return ""
    return f"; `{first.among.label}` waits for {'them' if _together(found) else 'it'}"


def _lost(losses: Sequence[Loss]) -> Iterator[str]:
    for loss in losses:
        yield f"{_percent(loss.share)} of the items are dropped at `{loss.label}` ({loss.reason})"


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.01 else "less than 1%"


def _slow(found: Finding) -> str:
    """Tell which source might give less: one that does not wait until it is asked."""
    node = found.shares[0].node
    of = found.nodes[0] if node is None and found.nodes else node
    while of is not None and of.inputs:
        of = of.inputs[0]
    pushed = of is not None and of is not node and is_pushed(of)
    return f", or slow what comes into `{of.label}`" if of is not None and pushed else ""


def _source(found: Finding) -> str:
    if found.limits[0].share < SLACK:
        return "the rest keeps up with it; a quicker source would do more"
    return "all behind it keeps up; only a quicker source, or more of them, would give more"


def _consumer(found: Finding) -> str:
    sink = None if found.sink is None else found.sink.figures
    if sink is not None:
        return "request more or earlier, or make on_next quicker" + _slow(found)
    return "make its body quicker, or move its work to map_async(max_concurrency=...)" + _slow(
        found
    )


def _callback(found: Finding) -> str:
    return "make it quicker, or move it to map_thread or map_async with max_concurrency" + _slow(
        found
    )


def _concurrency(found: Finding) -> str:
    node = found.shares[0].node
    limit = None if node is None else limit_of(node)
    how = "raise max_concurrency" if limit else "let it do more at once"
    slow = _slow(found)
    return (
        f"{how}, make its function quicker{slow}"
        if slow
        else f"{how}, or make its function quicker"
    )


def _inner(found: Finding) -> str:
    node = found.shares[0].node
    if node is None or limit_of(node) != 1:
        return "raise max_concurrency, or make those sources quicker"
    if node.name.startswith("concat"):
        return "make those sources quicker, or open several at once with flat_map"
    return "make those sources quicker"


_ADVICE: dict[str, Callable[[Finding], str]] = {
    "source": _source,
    "consumer": _consumer,
    "callback": _callback,
    "concurrency": _concurrency,
    "inner sources": _inner,
    "rate limit": lambda found: "raise its rate if what is behind it can take more",
    "peer": lambda found: (
        "make the slowest subscriber quicker, or give it a buffer of its own that may drop"
    ),
    "time": lambda found: "shorten its time if that is not what you want",
}
