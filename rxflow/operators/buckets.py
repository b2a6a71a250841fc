"""Token buckets, and what is known of a rate when the pipeline is built."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from math import ceil
from typing import Any, NamedTuple

from ..flow import checks
from ..protocol import RateExceededError

MODES = ("shape", "enforce")
"""What becomes of an item that comes too soon: it waits, or the stream fails."""


class Rate(NamedTuple):
    """So many tokens per time, of which so many may be saved up.

    Attributes:
        operator: Whose rate it is, for errors.
        rate: Tokens that come in ``per`` seconds.
        per: See there (seconds).
        burst: The most that a bucket holds (tokens).
        cost: Gives what an item costs (tokens); None where each costs one.
    """

    operator: str
    rate: float
    per: float
    burst: float
    cost: Callable[[Any], float] | None

    def price(self, item: Any) -> float:
        """Tell what an item costs (tokens)."""
        if self.cost is None:
            return 1
        price: Any = self.cost(item)
        if isinstance(price, bool) or not isinstance(price, int | float):
            raise TypeError(f"{self.operator}: cost must give a number of tokens, not {price!r}")
        if not price >= 0:
            raise ValueError(f"{self.operator}: cost must not be negative, not {price!r}")
        if price > self.burst:
            raise ValueError(
                f"{self.operator}: an item costs {price:g} tokens, and the bucket never holds more "
                f"than {self.burst:g}; give a burst of at least {price:g}, or smaller items"
            )
        return price

    def exceeded(self, item: Any) -> RateExceededError:
        """Make the error of an item that came too soon."""
        return RateExceededError(self.operator, self.rate, self.per, self.burst, item)


class Bucket:
    """Fills with time, up to its size; full at the beginning.

    All is reckoned from when it was last full and what was spent since, in one
    step: so nothing adds up that was rounded, however long it is never full.
    Times are whole microseconds.
    """

    __slots__ = ("_again", "_full", "_micros", "_rate", "_size", "_spent")

    def __init__(self, rate: Rate) -> None:
        """Make a full one."""
        self._size = rate.burst
        self._rate = rate.rate  # tokens in _micros
        self._micros = rate.per * 1_000_000
        self._full: int | None = None  # when it was last full; None before it is first used
        self._again = 0  # when it is full again
        self._spent: float = 0  # since then (tokens)

    def due(self, price: float) -> int:
        """Tell when there are so many tokens: never sooner than exact."""
        if self._full is None or (short := self._spent + price - self._size) <= 0:
            return self._full or 0
        return self._full + ceil(short * self._micros / self._rate)

    def whole(self, now: int) -> int:
        """Tell how many items of one token each may pass now."""
        if self._full is None:
            return int(self._size)
        if now < self.due(1):
            return 0
        come = (now - self._full) * self._rate / self._micros
        return max(1, int(min(self._size, self._size - self._spent + come)))

    def spend(self, price: float, now: int) -> None:
        """Take out tokens that are there."""
        # At the very microsecond the part of it that was rounded is kept, or it would add up.
        if self._full is None or now > self._again:
            self._full, self._spent = now, 0
        self._spent += price
        self._again = self._full + ceil(self._spent * self._micros / self._rate)

    def full_again(self) -> int:
        """Tell when it is full if nothing more is spent."""
        return self._again


def checked(
    operator: str,
    rate: float,
    per: float | timedelta,
    burst: float | None,
    cost: Callable[[Any], float] | None,
    mode: str,
) -> Rate:
    """Check the arguments that throttle and throttle_by_key have in common."""
    checks.callback(operator, "cost", cost)
    if mode not in MODES:
        raise ValueError(f'{operator}: mode must be "shape" or "enforce", not {mode!r}')
    if burst is None and cost is not None:
        raise TypeError(
            f"{operator}: burst (tokens) must be given with cost: no item may cost more than it"
        )
    size = 1 if burst is None else checks.positive(operator, "burst", burst, "tokens")
    if cost is None and size < 1:
        raise ValueError(f"{operator}: burst must be at least the 1 token of an item, not {size!r}")
    return Rate(
        operator,
        checks.positive(operator, "rate", rate, "tokens"),
        checks.positive(operator, "per", per, "seconds"),
        size,
        cost,
    )
