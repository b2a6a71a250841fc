"""What an operator that takes sources accepts as one."""

from __future__ import annotations

from asyncio import Future
from collections.abc import Callable, Iterable
from concurrent.futures import Future as ConcurrentFuture
from datetime import timedelta
from functools import partial
from typing import Any, cast

from reactivex import Observable, from_future

from ..kernel import HANDOVER, Context, DiscardCallback, DropCallback, Feed, Limits, feed_of
from ..protocol import FAIL, Overflow, Victim
from . import checks
from .door import BlockingDoor, Door, LimitedBlockingDoor, LimitedDoor
from .flow import Flow


def inlet(
    source: Any,
    operator: str,
    overflow: Overflow = FAIL,
    capacity: int = HANDOVER,
    on_drop: DropCallback | None = None,
    *,
    timed: bool = False,
) -> Callable[[Context], Feed[Any]]:
    """Say how to make the Feed of a source.

    Args:
        source: A Flow; a plain Observable or a future, which enter through a
            door; or an iterable.
        operator: Whose argument it is, for errors.
        overflow: What gives way when the door is full.
        capacity: Most items held in the door (items).
        on_drop: Called with each item that the door drops, and the reason.
        timed: A plain Observable has the clock of the running loop: it may be a timer, and
            is to start no thread there.

    Raises:
        TypeError: It is none of these.
    """
    if isinstance(source, Flow):
        return cast("Flow[Any]", source).feed
    if isinstance(source, Future | ConcurrentFuture):
        source = from_future(cast("Future[Any]", source))
    if isinstance(source, Observable):
        plain = cast("Observable[Any]", source)
        return lambda context: Door(
            context.timed() if timed else context,
            plain,
            operator,
            capacity,
            overflow,
            on_drop=on_drop,
        )
    if isinstance(source, Iterable):
        items = cast("Iterable[Any]", source)
        return lambda context: feed_of(items)
    raise TypeError(
        f"{operator} wants a Flow, an Observable, a future or an iterable, not {source!r}"
    )


def as_flow(source: Any, operator: str) -> Flow[Any]:
    """Give the source itself if it is a Flow, else one that enters through a door."""
    if isinstance(source, Flow):
        return cast("Flow[Any]", source)
    flow = Flow[Any](inlet(source, operator))
    flow.assembly = (source, ())
    return flow


def buffered(
    name: str,
    capacity: float,
    overflow: Overflow,
    on_drop: DropCallback | None,
    on_discard: DiscardCallback | None,
    delay_error: bool,
    limits: Limits | None = None,
) -> Callable[[Observable[Any]], Flow[Any]]:
    """Check the arguments of a bounded door, and say how to put it before a source.

    Args:
        name: The operator, for errors and statistics.
        capacity: Most items held (items).
        overflow: What gives way when it is full.
        on_drop: Called with each item that is dropped, and the reason.
        on_discard: Called with each item that is held when the stream is cancelled.
        delay_error: An error of the source waits for the backlog.
        limits: What else to look at in the items.
    """
    size = checks.whole(name, "capacity", capacity)
    if checks.strategy(name, overflow).victim is Victim.TASK:
        raise TypeError(
            f"{name}: a plain Observable cannot be suspended; use BLOCK for a source on another "
            "thread, or create(..., overflow=SUSPEND)"
        )
    checks.on_drop(name, on_drop)
    checks.callback(name, "on_discard", on_discard)
    blocks = overflow.victim is Victim.THREAD
    kind: Callable[..., Door] = BlockingDoor if blocks else Door
    if limits is not None:
        kind = partial(LimitedBlockingDoor if blocks else LimitedDoor, limits=limits)

    def behind(source: Observable[Any]) -> Flow[Any]:
        checks.observable(name, source)
        return Flow(
            lambda context: kind(
                context,
                source,
                name,
                size,
                overflow,
                on_drop=on_drop,
                on_discard=on_discard,
                delay_error=delay_error,
            ),
            latest=limits is not None and limits.ttl is not None,
        )

    return behind


def limited(
    name: str, weight: Callable[[Any], float] | None = None, ttl: float | timedelta | None = None
) -> Limits | None:
    """Check what a bounded door is to look at in its items; None for nothing.

    Args:
        name: The operator, for errors.
        weight: Function of an item that gives its cost.
        ttl: How old an item gets at most (seconds).
    """
    checks.callback(name, "weight", weight)
    age = checks.seconds(name, "ttl", ttl)
    if age == 0:
        raise ValueError(f"{name}: ttl must be more than 0 seconds, or no item is ever delivered")
    return None if weight is None and age is None else Limits(weight, age)
