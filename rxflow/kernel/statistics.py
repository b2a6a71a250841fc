"""The figures that each part of a running Flow keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class StageStatistics:
    """A snapshot of one part of a running Flow.

    Attributes:
        name: The operator, source or consumer.
        requested: Demand that has reached it so far (items; UNBOUNDED for all).
        received: Items that have come in (items).
        delivered: Items that have gone out (items).
        held: Items in it now (items).
        peak: The most that were in it at once (items).
        capacity: The most it may hold (items), None where it holds nothing.
        dropped: Items that were given up for want of room, by reason (items).
        discarded: Items that were held when the stream was cancelled or failed (items).
        blocked_seconds: How long producers were made to wait for room (seconds).
    """

    name: str
    requested: int = 0
    received: int = 0
    delivered: int = 0
    held: int = 0
    peak: int = 0
    capacity: int | None = None
    dropped: Mapping[str, int] = field(default_factory=dict[str, int])
    discarded: int = 0
    blocked_seconds: float = 0.0
