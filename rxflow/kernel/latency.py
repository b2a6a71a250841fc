"""How long items take: a histogram whose error is bounded."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from math import ceil

NANOS = 1_000_000_000
"""Nanoseconds in a second."""

_BITS = 3
"""Each power of two has two to this many buckets, so one is at most 1/8 wider than its start."""


def _start(bucket: int) -> int:
    """Give the least time of a bucket (nanoseconds)."""
    shift = max(0, (bucket >> _BITS) - 1)
    return (bucket - (shift << _BITS)) << shift


@cache
def _bound(bucket: int) -> float:
    """Give the time below which those of a bucket are (seconds)."""
    return _start(bucket + 1) / NANOS


FIRST = 8
"""So many quick items that come one at a time are counted one by one (items)."""


def next_lot(seed: int) -> tuple[int, int]:
    """Say for how many items the next one stands that is measured: 5 to 12 behind the first ones.

    No rhythm of the items keeps to these steps.

    Args:
        seed: What was given with the last one; at first 1.

    Returns:
        How many (items), and the seed of the next one.
    """
    if seed < FIRST:
        return 1, seed + 1
    seed = (seed * 1_103_515_245 + 12_345) % 2**31
    return 5 + (seed >> 16) % 8, seed


@dataclass(frozen=True, slots=True)
class Latency:
    """How long items were in a part, as far as they were sampled.

    Attributes:
        count: How many were measured; of items that came one at a time one may stand for others.
        sum: How long they were in it together (seconds).
        buckets: How many were in it for less than so many seconds, and for no less than the
            bound before: pairs of the bound (seconds) and the number (items), in order; those
            that are empty are left out. A bucket is at most 1/8 wider than it begins.
    """

    count: int = 0
    sum: float = 0.0
    buckets: tuple[tuple[float, int], ...] = ()

    def quantile(self, q: float) -> float:
        """Give the time in which a part of the items got through.

        Args:
            q: Which part, from 0 to 1.

        Returns:
            Seconds, at most 1/8 too much; 0 where nothing was measured.

        Raises:
            ValueError: q is not from 0 to 1.
        """
        if not 0 <= q <= 1:
            raise ValueError(f"a quantile is from 0 to 1, not {q!r}")
        left = max(1, ceil(q * self.count))
        for bound, count in self.buckets:
            left -= count
            if left <= 0:
                return bound
        return 0.0

    def plus(self, other: Latency) -> Latency:
        """Add up two.

        Args:
            other: The other one.
        """
        return self._with(other, 1) if other.count else self

    def minus(self, earlier: Latency) -> Latency:
        """Give what was measured since an earlier time.

        Args:
            earlier: What had been measured then.
        """
        return self._with(earlier, -1) if earlier.count else self

    def _with(self, other: Latency, sign: int) -> Latency:
        counts = dict(self.buckets)
        for bound, count in other.buckets:
            counts[bound] = counts.get(bound, 0) + sign * count
        return Latency(
            self.count + sign * other.count,
            self.sum + sign * other.sum,
            tuple(sorted((bound, count) for bound, count in counts.items() if count)),
        )


NONE = Latency()
"""Nothing was measured."""


class Histogram:
    """Counts times in buckets; for one thread at a time."""

    __slots__ = ("_counts", "_sum")

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self._sum = 0

    def add(self, nanos: int, times: int = 1) -> None:
        """Count a time.

        Args:
            nanos: Nanoseconds.
            times: For how many items it stands.
        """
        if nanos < 0:
            nanos = 0
        # The power of two, then the three bits that follow the first.
        shift = nanos.bit_length() - _BITS - 1
        bucket = (shift << _BITS) + (nanos >> shift) if shift > 0 else nanos
        self._counts[bucket] = self._counts.get(bucket, 0) + times
        self._sum += nanos * times

    def latency(self) -> Latency:
        """Give what was counted."""
        return merged([self])

    def add_to(self, counts: dict[int, int]) -> int:
        """Add what was counted to the counts of others.

        Args:
            counts: By bucket.

        Returns:
            The sum of the times (nanoseconds).
        """
        for bucket, count in self._counts.copy().items():  # in one step: another thread may add
            counts[bucket] = counts.get(bucket, 0) + count
        return self._sum


def merged(histograms: Iterable[Histogram]) -> Latency:
    """Give what several have counted.

    Args:
        histograms: They.
    """
    counts: dict[int, int] = {}
    nanos = sum([each.add_to(counts) for each in histograms])
    return Latency(
        sum(counts.values()),
        nanos / NANOS,
        tuple([(_bound(bucket), counts[bucket]) for bucket in sorted(counts)]),
    )
