"""Sources that tick: interval, timer."""

from __future__ import annotations

from datetime import datetime, timedelta

import reactivex
from reactivex import Observable
from reactivex.abc import SchedulerBase

from ..flow import Flow, checks
from ..flow.door import Door
from ..flow.inlet import buffered
from ..flow.registry import register
from ..kernel import HANDOVER, DropCallback
from ..protocol import DROP_INCOMING, Overflow


@register("source", demand="clock ; 1:1 ; holds 0, else <= 256", category="create")
def interval(
    period: float | timedelta,
    scheduler: SchedulerBase | None = None,
    *,
    overflow: Overflow | None = None,
    capacity: float = HANDOVER,
    on_drop: DropCallback | None = None,
) -> Flow[int]:
    """Count with the clock; ticks that nobody asked for are counted and skipped.

    .. marble::
        :alt: interval

        request  2---------1---
        clock    -0-1-2-3-4-5-6
        [ interval(1.0) ]
                 -0-1-------5--

    Demand: clock ; 1:1 ; holds 0, else <= 256.

    Args:
        period: From one tick to the next (seconds).
        scheduler: Whose clock; reactivex's default when left out.
        overflow: Keep ticks that nobody asked for in a buffer with this strategy.
        capacity: Most ticks in that buffer (items).
        on_drop: Called with each tick that is skipped, and the reason; it may be async,
            as that of on_backpressure_buffer.

    Returns:
        A Flow.

    Raises:
        TypeError: No strategy.
        ValueError: period < 0.

    Source: reactivex interval; RxJava interval, which fails instead.
    """
    checks.seconds("interval", "period", period, optional=False)
    return _ticks("interval", reactivex.interval(period, scheduler), overflow, capacity, on_drop)


@register("source", demand="clock ; 1:1 ; holds 0, else <= 256", category="create")
def timer(
    duetime: float | timedelta | datetime,
    period: float | timedelta | None = None,
    scheduler: SchedulerBase | None = None,
    *,
    overflow: Overflow | None = None,
    capacity: float = HANDOVER,
    on_drop: DropCallback | None = None,
) -> Flow[int]:
    """Tick once, or with a period; ticks that nobody asked for are counted and skipped.

    A single tick waits until it is asked for.

    .. marble::
        :alt: timer

        request  1-----
        [ timer(3.0) ]
                 ---0|

    Demand: clock ; 1:1 ; holds 0, else <= 256.

    Args:
        duetime: When the first tick comes (seconds from now, or a datetime).
        period: From one tick to the next (seconds); one tick only when left out.
        scheduler: Whose clock; reactivex's default when left out.
        overflow: Keep ticks that nobody asked for in a buffer with this strategy.
        capacity: Most ticks in that buffer (items).
        on_drop: Called with each tick that is skipped, and the reason; it may be async,
            as that of on_backpressure_buffer.

    Returns:
        A Flow.

    Raises:
        TypeError: No strategy.

    Source: reactivex timer.
    """
    checks.on_drop("timer", on_drop)
    source = reactivex.timer(duetime, period, scheduler)
    if period is None and overflow is None:
        return Flow(
            lambda context: Door(
                context.timed(), source, "timer", 1, DROP_INCOMING, on_drop=on_drop
            )
        )
    return _ticks("timer", source, overflow, capacity, on_drop)


def _ticks(
    name: str,
    source: Observable[int],
    overflow: Overflow | None,
    capacity: float,
    on_drop: DropCallback | None,
) -> Flow[int]:
    checks.on_drop(name, on_drop)
    if overflow is not None:
        held = buffered(name, capacity, overflow, on_drop, None, True)(source)
        return Flow(lambda context: held.feed(context.timed()))
    return Flow(
        lambda context: Door(context.timed(), source, name, 0, DROP_INCOMING, on_drop=on_drop)
    )
