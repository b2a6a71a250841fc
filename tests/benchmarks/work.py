"""The work that contenders share: the same callbacks over the same items."""

from __future__ import annotations

from functools import cache


def increment(x: int) -> int:
    return x + 1


def is_even(x: int) -> bool:
    return x % 2 == 0


def double(x: int) -> int:
    return x * 2


def three_stages(items: int) -> int:
    """Give the sum of map(increment), filter(is_even), map(double), as a hand-written loop."""
    total = 0
    for x in range(items):
        y = increment(x)
        if is_even(y):
            total += double(y)
    return total


expected_sum = cache(three_stages)
