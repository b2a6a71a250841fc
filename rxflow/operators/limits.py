"""Algorithms that find out how much may run at once: AIMD, Gradient."""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot, inf, sqrt

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
    settles where they begin to. It begins by doubling the limit until there is load. Now
    and then half of the limit, or less, is used for a while, to see again how long a call
    takes without load: longer where that scatters much. As in the gradient algorithms of
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

MEASURED = 64
"""So many calls are enough to tell how long one takes without load (items)."""

PRECISION = 0.02
"""Fewer are when it is known so well by then (a share of it)."""

REMEMBERED = 512
"""What has been measured counts for no more, so that it is forgotten in time (items)."""

SURE = 4
"""Averages that differ by more than so many standard errors do not differ by chance."""


class _Average:
    """How long calls take, and how sure that is.

    Attributes:
        count: Of so many calls (items).
    """

    def __init__(self) -> None:
        self.count = 0
        self._mean = 0.0
        self._squares = 0.0  # of the distances from the mean, summed

    def add(self, seconds: float) -> None:
        """Add a call."""
        self.count += 1
        distance = seconds - self._mean
        self._mean += distance / self.count
        self._squares += distance * (seconds - self._mean)

    def merge(self, other: _Average) -> None:
        """Add the calls of another one; many older ones lose in weight."""
        if self.count > REMEMBERED:
            self._squares *= REMEMBERED / self.count
            self.count = REMEMBERED
        count = self.count + other.count
        distance = other._mean - self._mean
        self._squares += other._squares + distance**2 * self.count * other.count / count
        self._mean += distance * other.count / count
        self.count = count

    @property
    def mean(self) -> float:
        """The average (seconds, more than 0)."""
        return max(self._mean, 1e-9)

    @property
    def error(self) -> float:
        """Its standard error (seconds)."""
        return sqrt(self._squares / max(1, self.count - 1) / max(1, self.count))

    def below(self, other: _Average, errors: float = SURE) -> bool:
        """Tell whether it is less, by more than so many standard errors of the difference."""
        return other.mean - self.mean > errors * hypot(self.error, other.error)


class _Following(Limiter):
    def __init__(self, plan: Gradient, least: int, most: int) -> None:
        self._plan = plan
        self._least, self._most = least, most
        self._limit = float(least)
        self._no_load = _Average()
        self._parts = 1  # the limit is divided by it, so that there is no load: 1, 2, 4, ...
        self._probed = self._no_load  # with what came of the last such part
        self._ramping = True  # no load has been seen yet
        self._windows = 0  # adaptations since the last probe
        self._older = 0  # calls that had begun before the limit was changed at once
        self._begin_window()

    def _begin_window(self) -> None:
        self._calls = _Average()
        self._busiest = 0
        self._failed = False

    def ended(self, seconds: float, running: int, failed: bool) -> float:
        if self._older:
            self._older -= 1
            return self._in_use()
        self._busiest = max(self._busiest, running)
        self._failed = self._failed or failed
        if not failed:
            self._calls.add(seconds)
            if self._enough():
                self._adapt(running)
                self._begin_window()
        return self._in_use()

    def _in_use(self) -> float:
        """Give the limit, or what is used of it while the latency without load is measured."""
        return max(self._least, self._limit / self._parts)

    def _enough(self) -> bool:
        """Tell whether there are enough calls for an average."""
        calls = self._calls
        if calls.count < max(SAMPLES, self._in_use()):
            return False
        return (
            self._parts == 1
            or calls.count >= MEASURED
            or calls.error <= PRECISION * calls.mean
            or self._no_load.below(calls)
        )

    def _adapt(self, running: int) -> None:
        """Take the average of a window into account."""
        before = self._in_use()
        if self._parts > 1:
            self._probe()
        elif self._ramping and self._unloaded():
            self._no_load.merge(self._calls)
            if self._used():
                self._limit = min(self._most, self._limit * 2)
        else:
            self._ramping = False
            self._move()
        if not 0.5 < self._in_use() / before < 2:
            self._older = 2 * running  # so many, as new ones that are quick overtake them

    def _used(self) -> bool:
        """Tell whether it was the limit that held the calls back."""
        return self._busiest * 2 >= self._limit

    def _unloaded(self) -> bool:
        """Tell whether the calls of this window take no longer than they do without load."""
        if self._failed or not self._no_load.count:
            return not self._failed
        within = self._calls.mean <= (1 + self._plan.headroom) * self._no_load.mean
        return within or not self._no_load.below(self._calls, 3)

    def _probe(self) -> None:
        """Learn how long calls take at a part of the limit."""
        calls = self._calls
        slower = self._no_load.below(calls)
        # There is still load; or it has become slower for good, and less makes no difference.
        unsure = slower and (self._parts == 2 or calls.below(self._probed))
        if unsure and self._in_use() > self._least:
            self._parts, self._probed = self._parts * 2, calls
            return
        if slower or calls.below(self._no_load):
            self._no_load, self._ramping = calls, True  # find out anew
        else:
            self._no_load.merge(calls)
        self._parts, self._windows = 1, 0

    def _move(self) -> None:
        """Go some of the way to where the limit is to be."""
        plan, limit = self._plan, self._limit
        if self._calls.below(self._no_load):
            self._no_load = self._calls  # it has become quicker
        gradient = max(0.5, min(1.0, plan.tolerance * self._no_load.mean / self._calls.mean))
        aim = limit * gradient + max(1.0, plan.headroom * limit)
        if self._failed:
            aim = limit * 0.9
        if aim < limit or self._used():
            limit += plan.smoothing * (aim - limit)
            self._limit = max(self._least, min(self._most, limit))
        self._windows += 1
        known = min(1.0, self._no_load.count / MEASURED)  # little is known again sooner
        if (
            self._windows >= plan.probe * known and aim > 0.85 * self._limit
        ):  # else it is on its way
            self._parts = 2


def _between(name: str, parameter: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise ValueError(f"{name}: {parameter} must be between {least} and {most}, not {value!r}")
