"""report: which part of a running Flow limits it, why, what is lost, and what would help."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, cast

from ..flow import Flow
from ..flow.assembly import Place
from ..kernel import NANOS, Consumer, StageStatistics
from .advice import SHORT, Finding, advised, text_of
from .attribution import Kind, Share, shares
from .explanation import Part
from .parts import parts
from .trees import Node, Pair, since, trees

CONSUMER = "the consumer"
"""What the one at the end is called where it has no name of its own."""

NOTEWORTHY = 0.05
"""A part that keeps the others waiting for less of the time is not told of."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A part that limits what comes out of a running Flow.

    Attributes:
        label: What it is called, as in ``explain``.
        kind: Why it limits.
        share: For how much of the time it is it that the others wait for (0 to 1).
        figures: Its figures in that time; None for a loop at the end, which has none.
        place: The line it was added at, where that is known.
    """

    label: str
    kind: Kind
    share: float
    figures: StageStatistics | None = None
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Loss:
    """Items that a part has given up.

    Attributes:
        label: What the part is called, as in ``explain``.
        reason: Why, such as "oldest".
        items: How many (items).
        share: How many of those that came in (0 to 1).
        place: The line it was added at, where that is known.
    """

    label: str
    reason: str
    items: int
    share: float
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """How a subscription stood at a time.

    Attributes:
        pairs: The figures, source first, each with the part it is of.
        seconds: How long it had been there (seconds).
        starved: For how long of that its consumer had asked and there was nothing (seconds).
        over: It had ended.
    """

    pairs: tuple[Pair, ...]
    seconds: float
    starved: float
    over: bool


@dataclass(frozen=True, slots=True)
class Report:
    """What limits a running Flow; ``print`` it to read it.

    Attributes:
        bottleneck: The part that limits it most; None where nothing can be told, as of a
            subscription that has just begun.
        limits: All parts that the others wait for in a noteworthy share of the time, the
            bottleneck first.
        losses: What was given up, the most first.
        suggestion: What would help; "" where nothing can be told.
        seconds: The time that it is about (seconds).
        over: The subscription has ended.
        text: All that for people to read, in a line.
        snapshot: How the subscription stood; ``report(..., since=...)`` goes on from there.
    """

    bottleneck: Limit | None
    limits: tuple[Limit, ...]
    losses: tuple[Loss, ...]
    suggestion: str
    seconds: float
    over: bool
    text: str
    snapshot: Snapshot = field(repr=False, compare=False)

    def __str__(self) -> str:
        """Give the text."""
        return self.text


def report(subscription: object, *, since: Report | Snapshot | None = None) -> Report:
    """Tell which part of a running Flow limits it, why, what is lost, and what would help.

    The method: it walks the tree of figures up from the consumer, and gives each part the
    share of the time in which it is that part that the others wait for. The one with the
    largest share is the bottleneck. Whatever limits a pipeline, those before it are blocked,
    since it does not ask them, and those behind it are starved. So what a part adds itself
    is what it starves those behind it and is not starved itself:

    - the consumer: the time in which it was not asking;
    - a source: the time in which it was asked and had not given; of one that gives unasked,
      the time in which nothing of it was held;
    - a synchronous function: the time it worked, of that of the whole loop;
    - async functions, executors: the time of all calls over that of ``max_concurrency``
      calls, or, where that is more, the time in which results were waited for and items not;
    - what opens inner sources: the same with the time in which those were waited for;
    - a rate limit: how much of its rate was used, or the time in which it kept items back;
    - any other: the time in which it was asked, had nothing, and did not wait for its source.

    Where one of several inputs is enough, as in ``merge``, they limit only as long as none of
    them has an item; where all are needed, as in ``zip``, each counts. What is before a door
    that drops limits only as long as that door is empty, and what is before an operator that
    drops as it should, such as ``sample``, as far as its items are used.

    A synchronous function keeps all that shares its thread from going on. Its working time is
    therefore taken from what the others may have; not where ``observe_on`` or ``subscribe_on``
    say that there are several threads. Parts whose shares are about equal limit together:
    ``limits`` has all of them.

    >>> import asyncio
    >>> import rxflow as rx
    >>> async def main():
    ...     ticks = rx.interval(0.01).named("ticks")
    ...     iteration = aiter(ticks)
    ...     for _ in range(5):
    ...         await anext(iteration)
    ...     found = report(iteration)
    ...     await iteration.aclose()
    ...     return found
    >>> found = asyncio.run(main())
    >>> found.bottleneck.label, found.bottleneck.kind
    ('ticks', 'source')

    Args:
        subscription: What ``subscribe(Subscriber)``, ``aiter(flow)`` or ``running()`` gives.
        since: An earlier report, or snapshot: what has happened since then counts; else all
            since the beginning.

    Returns:
        A report; its text is a few sentences.

    Raises:
        TypeError: It is no subscription.
    """
    now = snapshot(subscription)
    before = since.snapshot if isinstance(since, Report) else since
    return compared(now, before)


def snapshot(subscription: object, like: Snapshot | None = None) -> Snapshot:
    """Note how a subscription stands, to compare it later.

    Args:
        subscription: As for :func:`report`.
        like: An earlier one, whose labels are still right where it has the same parts.

    Raises:
        TypeError: It is no subscription.
    """
    consumer = cast("Any", subscription)
    if not hasattr(consumer, "meter"):
        consumer = getattr(consumer, "consumer", None)  # of an iteration
    if isinstance(subscription, Flow) or not hasattr(consumer, "meter"):
        raise TypeError(
            "report wants what subscribe(Subscriber), aiter(flow) or running() gives; "
            f"rxflow.monitor.running(flow) gives the subscriptions of a Flow; not {subscription!r}"
        )
    consumer = cast("Consumer", consumer)
    life, starved = consumer.meter.times()
    over = consumer.status.over
    pairs = None if like is None else _like(consumer.statistics(), like)
    return Snapshot(pairs or parts(consumer), life / NANOS, starved / NANOS, over)


def compared(now: Snapshot, before: Snapshot | None = None) -> Report:
    """Report on the time between two snapshots of a subscription.

    Args:
        now: The later one.
        before: The earlier one; None for the beginning.
    """
    roots = trees(_labelled(now, before))
    seconds, starved = now.seconds, now.starved
    if before is not None:
        roots = since(roots, trees(before.pairs))
        seconds, starved = seconds - before.seconds, max(0.0, starved - before.starved)
    sink = roots[-1] if roots and roots[-1].name == "subscriber" else None
    tops = roots if sink is None else sink.inputs
    found: list[Share] = []
    if seconds >= SHORT and len(tops) == 1:
        found = [each for each in shares(tops[0], seconds, starved) if each.share >= NOTEWORTHY]
    nodes = [node for root in roots for node in root.all]
    limits = tuple(_limit(each, sink) for each in found)
    losses = tuple(sorted(_losses(nodes), key=lambda loss: -loss.items))
    finding = Finding(limits, found, losses, nodes, sink, seconds, now.over)
    return Report(
        limits[0] if limits else None,
        limits,
        losses,
        advised(finding),
        seconds,
        now.over,
        text_of(finding),
        now,
    )


def _labelled(now: Snapshot, before: Snapshot | None) -> tuple[Pair, ...]:
    """Give the figures with the labels they had, if they have lost them: it is over."""
    if before is None or any(part for _, part in now.pairs):
        return now.pairs
    return _like((figures for figures, _ in now.pairs), before) or now.pairs


def _like(figures: Iterable[StageStatistics], before: Snapshot) -> tuple[Pair, ...] | None:
    """Give figures the labels they had; None where there are others now."""
    now = tuple(figures)
    if [each.name for each in now] != [each.name for each, _ in before.pairs]:
        return None
    return tuple(zip(now, (part for _, part in before.pairs), strict=True))


def _limit(share: Share, sink: Node | None) -> Limit:
    node = share.node or sink
    if node is None:
        return Limit(CONSUMER, share.kind, share.share)
    return Limit(_label(node), share.kind, share.share, node.figures, _place(node.part))


def _label(node: Node) -> str:
    return CONSUMER if node.name == "subscriber" and node.inputs else node.label


def _losses(nodes: list[Node]) -> list[Loss]:
    found: list[Loss] = []
    for node in nodes:
        received = node.figures.received
        for reason, items in node.figures.dropped.items():
            if items > 0:
                share = items / max(received, items)
                found.append(Loss(node.label, reason, items, share, _place(node.part)))
    return found


def _place(part: Part | None) -> Place | None:
    return None if part is None else part.place
