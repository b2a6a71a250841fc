"""The pipeline under test: a door for each strategy, then rxflow and stock operators mixed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from reactivex import Observable
from reactivex import operators as stock

import rxflow as rx
from rxflow import operators as ops

from .departures import Departure, parse
from .replay import Announcement

Door = Callable[[Observable[Announcement]], rx.Flow[Announcement]]


def _buffer(overflow: rx.Overflow) -> Callable[[int], Door]:
    return lambda capacity: ops.on_backpressure_buffer(capacity, overflow=overflow)


STRATEGIES: dict[str, Callable[[int], Door]] = {
    "drop-oldest": _buffer(rx.DROP_OLDEST),
    "drop-newest": _buffer(rx.DROP_NEWEST),
    "drop-incoming": _buffer(rx.DROP_INCOMING),
    "drop-all": _buffer(rx.DROP_ALL),
    "latest": lambda capacity: ops.on_backpressure_latest(),
    "fail": _buffer(rx.FAIL),
    "block": lambda capacity: ops.on_backpressure_block(capacity),
}
"""What each strategy puts at the door, given the capacity (items); ``latest`` has one slot.

SUSPEND is not here: it lets an awaiting producer wait, and a Subject does not await.
"""


@dataclass(frozen=True, slots=True)
class Update:
    """A departure, and how the day is going with it.

    Attributes:
        departure: The flight.
        announced: When the source pushed it (seconds of ``time.perf_counter``).
        departed: Departures seen so far (flights).
        delay: Their delays added up (minutes).
    """

    departure: Departure
    announced: float
    departed: int
    delay: int


def updates(announcements: Observable[Announcement], door: Door) -> rx.Flow[Update]:
    """Follow the day.

    Every operator is one to one, so what passes the door is delivered, or
    discarded when the stream ends before its time.

    Args:
        announcements: The hot source.
        door: What stands between it and the consumer's demand.
    """
    flow = announcements.pipe(door)  # a Flow: from here on ``pipe`` keeps demand
    return flow.pipe(
        ops.map(_first_update),  # rxflow's own
        stock.scan(_add),  # reactivex's
    )


def _first_update(announcement: Announcement) -> Update:
    departure = parse(announcement.row)
    return Update(departure, announcement.at, departed=1, delay=departure.delay)


def _add(before: Update, new: Update) -> Update:
    return replace(new, departed=before.departed + 1, delay=before.delay + new.delay)
