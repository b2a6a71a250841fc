"""Algorithms that find out how much may run at once: AIMD, Gradient."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from ..flow import checks
from ..protocol import LimitAlgorithm, Limiter


@dataclass(frozen=True)
class AIMD(LimitAlgorithm):
    """Adds one while all is well, and takes a share away when something is not.

    Additive increase, multiplicative decrease, as in TCP: good where a service says
    that it has too much to do, by failing or by being late.

    Attributes:
        latency: A call that takes longer counts as one that failed (seconds); None where
            only failures and timeouts count.
        backoff: What the limit is multiplied by then (between 0 and 1).
    """

    latency: float | None = None
    backoff: float = 0.9

    def __post_init__(self) -> None:
        """Check the parameters."""
        checks.seconds("AIMD", "latency", self.latency)
        _between("AIMD", "backoff", self.backoff, 0, 1)

    def limiter(self, least: int, most: int) -> Limiter:
        """Begin with the least.

        Args:
            least: The smallest limit (items).
            most: The largest limit (items).
        """
        return _Additive(self, least, most)


class _Additive(Limiter):
    def __init__(self, plan: AIMD, least: int, most: int) -> None:
        self._plan = plan
        self._least, self._most = least, most
        self._limit = float(least)
        self._older = 0  # calls that had begun before the last decrease, and tell of that time

    def ended(self, seconds: float, running: int, failed: bool) -> float:
        late = self._plan.latency is not None and seconds > self._plan.latency
        if self._older:
            self._older -= 1
        elif failed or late:
            self._limit = max(self._least, self._limit * self._plan.backoff)
            self._older = running - 1
        elif running * 2 >= self._limit:  # else it is not the limit that holds it back
            self._limit = min(self._most, self._limit + 1 / self._limit)
        return self._limit


@dataclass(frozen=True)
class Gradient(LimitAlgorithm):
    """Follows the latency: the limit grows until calls take longer than they do without load.

    The limit is multiplied by the latency without load over the present one, and gets
    some room to grow. Where latency rises as soon as calls wait for each other, this
    settles where they begin to. Now and then half of the limit is used for a while, to
    see again how long a call takes without load. As in the gradient algorithms of
    concurrency-limits.

    Attributes:
        tolerance: How many times the latency without load is still good (at least 1).
        headroom: The room to grow, as a share of the limit; at least one call is given
            (between 0 and 1).
        smoothing: How much of the way to a new limit is gone at once (more than 0, at most 1).
        probe: After how many adaptations the latency without load is measured again.
    """

    tolerance: float = 1.0
    headroom: float = 0.1
    smoothing: float = 0.5
    probe: int = 50

    def __post_init__(self) -> None:
        """Check the parameters."""
        _between("Gradient", "tolerance", self.tolerance, 1, inf)
        _between("Gradient", "headroom", self.headroom, 0, 1)
        if not 0 < self.smoothing <= 1:
            raise ValueError(
                f"Gradient: smoothing must be more than 0 and at most 1, not {self.smoothing!r}"
            )
        checks.whole("Gradient", "probe", self.probe)

    def limiter(self, least: int, most: int) -> Limiter:
        """Begin with the least.

        Args:
            least: The smallest limit (items).
            most: The largest limit (items).
        """
        return _Following(self, least, most)


SAMPLES = 8
"""So many calls at least make an average (items)."""


class _Following(Limiter):
    def __init__(self, plan: Gradient, least: int, most: int) -> None:
        self._plan = plan
        self._least, self._most = least, most
        self._limit = float(least)
        self._no_load = inf  # how long a call takes without load (seconds)
        self._probing = True  # the limit is so low that there is no load, as at the beginning
        self._windows = 0  # adaptations since the last probe
        self._older = 0  # calls that had begun before the limit was changed at once
        self._begin_window()

    def _begin_window(self) -> None:
        self._seconds = 0.0
        self._samples = 0
        self._busiest = 0
        self._failed = False

    def ended(self, seconds: float, running: int, failed: bool) -> float:
        if self._older:
            self._older -= 1
            return self._in_use()
        self._busiest = max(self._busiest, running)
        self._failed = self._failed or failed
        if not failed:
            self._seconds += seconds
            self._samples += 1
            if self._samples >= max(SAMPLES, self._in_use()):
                self._adapt(running)
        return self._in_use()

    def _in_use(self) -> float:
        """Give the limit, or what is used of it while the latency without load is measured."""
        return max(self._least, self._limit / 2 if self._probing else self._limit)

    def _adapt(self, running: int) -> None:
        """Take the average of a window into account."""
        plan, average = self._plan, max(self._seconds / self._samples, 1e-9)
        if self._probing:
            self._no_load, self._probing, self._windows = average, False, 0
            self._older = running - 1
        else:
            # One that is quicker than it was without load: it has become quicker.
            self._no_load = min(self._no_load, (9 * self._no_load + average) / 10)
            gradient = max(0.5, min(1.0, plan.tolerance * self._no_load / average))
            aim = self._limit * gradient + max(1.0, plan.headroom * self._limit)
            if self._failed:
                aim = self._limit * 0.9
            if aim < self._limit or self._busiest * 2 >= self._limit:
                self._limit += plan.smoothing * (aim - self._limit)
                self._limit = max(self._least, min(self._most, self._limit))
            self._windows += 1
            if self._windows >= plan.probe:
                self._probing, self._older = True, running - 1
        self._begin_window()


def _between(name: str, parameter: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise ValueError(f"{name}: {parameter} must be between {least} and {most}, not {value!r}")
