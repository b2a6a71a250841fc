"""A door that gives up what matters least: shed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from reactivex import Observable

from ..flow import Flow, checks
from ..flow.inlet import buffered
from ..flow.operator import DoorOperator, door
from ..kernel import DiscardCallback, DropCallback, Limits
from ..protocol import DROP_OLDEST

T = TypeVar("T")


@door(demand="unbounded ; 1:1 ; holds <= capacity", category="overflow")
def shed(
    capacity: float,
    priority: Callable[[T], float],
    *,
    on_drop: DropCallback | None = None,
    on_discard: DiscardCallback | None = None,
    delay_error: bool = True,
) -> Callable[[Observable[T]], Flow[T]]:
    """Park items while there is no demand; when full, the least important goes first.

    .. marble::
        :alt: shed

        request  ----------2----------
        source   --9-1-5-7-----------|
        [ shed(2, priority=lambda x: x) ]
                 ----------(97)------|

    Demand: unbounded ; 1:1 ; holds <= capacity.
    Items are delivered in the order in which they came, whatever their priority.
    Ends: on_completed after the backlog; cancel hands the backlog to on_discard.

    Args:
        capacity: Most items held at once (items, at least 1).
        priority: Function of an item that gives a number. When full, the item with the
            lowest is dropped, of several the oldest, with the reason "shed"; that may be
            the incoming one.
        on_drop: Called with each item that is dropped, and the reason; it may be
            async, as that of on_backpressure_buffer.
        on_discard: Called with each item that is held when the stream is cancelled.
        delay_error: An error of the source waits for the backlog; otherwise it
            overtakes the backlog, which is discarded.

    Returns:
        An operator function.

    Raises:
        TypeError: No priority, or an async one, when the pipeline is built.
        ValueError: capacity < 1 or not whole, when the pipeline is built.

    Errors:
        What priority or on_drop raises; a priority that is no number.

    Source: new; load shedding of servers, by importance.
    """
    checks.function("shed", "priority", priority)
    limits = Limits(priority=priority)
    return DoorOperator(
        buffered("shed", capacity, DROP_OLDEST, on_drop, on_discard, delay_error, limits)
    )
