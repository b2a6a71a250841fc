"""How much upstream is asked for at once, and how often: cap_demand, pace."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

from reactivex import Observable
from reactivex.abc import SchedulerBase

from ..flow import Flow, checks
from ..flow.operator import fed, operator
from ..kernel import Alarm, Context, Feed
from .metered import Allowance, Metered

T = TypeVar("T")


class _Capped(Allowance):
    """So many at a time."""

    def __init__(self, n: int) -> None:
        self._n = n

    def ask(self) -> int:
        return self._n


class _Beats(Allowance):
    """A batch, and the next one some time after it."""

    def __init__(self, batch: int, every: int, alarm: Alarm) -> None:
        self._batch = batch
        self._every = every  # microseconds
        self._alarm = alarm
        self._left = 0  # of this batch (items)
        self._next = 0  # when the next one may begin (microseconds)
        self._awaited = False  # there has been demand for it, which waits

    def ask(self) -> int:
        now = self._alarm.read()
        if now >= self._next:
            # One that was waited for counts from its time, though the clock may have rung
            # late; else batches would come ever later. Any other one counts from now.
            begun = self._next if self._awaited else now
            self._left, self._next, self._awaited = self._batch, begun + self._every, False
        return self._left

    def admits(self, item: Any) -> bool:
        self._left -= 1
        return True

    def wait(self) -> None:
        self._awaited = True
        self._alarm.set(self._next / 1_000_000)

    def cancel(self) -> None:
        self._alarm.cancel()


@operator(demand="1:1, <= n at a time ; 1:1 ; holds 0", category="demand")
def cap_demand(n: int) -> Callable[[Observable[T]], Flow[T]]:
    """Never ask upstream for more than so many items at a time, whatever is asked for.

    .. marble::
        :alt: cap_demand

        request   5---------------
        upstream  2----2----1-----
        source    -1-2--3-4--5----
        [ cap_demand(2)          ]
                  -1-2--3-4--5----

    Demand: 1:1, <= n at a time ; 1:1 ; holds 0.
    What has come is asked for again, as long as there is demand: so an unbounded
    subscriber never stalls. Unlike ``limit_rate`` it asks for nothing ahead of demand.

    Args:
        n: Most that upstream is asked for and has not given (items, at least 1).

    Returns:
        An operator function.

    Raises:
        ValueError: n < 1 or not whole, when the pipeline is built.

    Source: Mutiny capDemandsTo, which leaves it to the subscriber to ask again.
    """
    n = checks.whole("cap_demand", "n", n)
    return fed(lambda context, flow: Metered(context, "cap_demand", flow.feed, _Capped(n)))


@operator(demand="1:1, <= batch each period ; 1:1 ; holds 0", category="demand")
def pace(
    batch: int, every: float | timedelta, *, scheduler: SchedulerBase | None = None
) -> Callable[[Observable[T]], Flow[T]]:
    """Ask upstream for a batch at most, then for the next one some time later.

    .. marble::
        :alt: pace

        request   5------------
        upstream  2----2----1--
        source    (12)-(34)-5--
        [ pace(2, every=5.0)  ]
                  (12)-(34)-5--

    Demand: 1:1, <= batch each period ; 1:1 ; holds 0.
    The first batch begins with the first demand. Each one is at least ``every`` seconds
    after the one before it, and no larger than the demand there is; what a period leaves
    of it is not added to the next one.

    Args:
        batch: Most items in a period (items, at least 1).
        every: How long a period is (seconds).
        scheduler: Whose clock; the running event loop's, else reactivex's default.

    Returns:
        An operator function.

    Raises:
        TypeError: No number, when the pipeline is built.
        ValueError: batch < 1, or every is not more than 0, when the pipeline is built.

    Source: Mutiny paceDemand with FixedDemandPacer, which does not look at the demand.
    """
    size = checks.whole("pace", "batch", batch)
    micros = max(1, round(checks.positive("pace", "every", every, "seconds") * 1_000_000))

    def feed(context: Context, flow: Flow[Any]) -> Feed[Any]:
        alarm = Alarm(context.wake, scheduler or context.timed().scheduler)
        return Metered(context, "pace", flow.feed, _Beats(size, micros, alarm))

    return fed(feed)
