"""A rate for all items: throttle."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Literal, TypeVar

from reactivex import Observable
from reactivex.abc import SchedulerBase

from ..flow import Flow
from ..flow.operator import fed, operator
from ..kernel import Alarm, Context, Feed
from ..protocol import UNBOUNDED
from .buckets import Bucket, Rate, checked
from .metered import Allowance, Metered

T = TypeVar("T")


class _Tokens(Allowance):
    """As many items as there are tokens, one for each."""

    grows = True

    def __init__(self, rate: Rate, alarm: Alarm) -> None:
        self._rate = rate
        self._alarm = alarm
        self._bucket = Bucket(rate)

    def ask(self) -> int:
        return self._bucket.whole(self._alarm.read())

    def admits(self, item: Any) -> bool:
        self._bucket.spend(1, self._alarm.read())
        return True

    def wait(self) -> None:
        self._alarm.set(self._bucket.due(1) / 1_000_000)

    def cancel(self) -> None:
        self._alarm.cancel()


class _Prices(_Tokens):
    """One item after the other, since what it costs is known when it is there."""

    capacity = 1
    grows = False
    _price: float | None = None  # of the item that is held

    def ask(self) -> int:
        return 1

    def admits(self, item: Any) -> bool:
        if self._price is None:
            self._price = self._rate.price(item)
        now = self._alarm.read()
        if now < self._bucket.due(self._price):
            return False
        self._bucket.spend(self._price, now)
        self._price = None
        return True

    def wait(self) -> None:
        assert self._price is not None, "it waits for the tokens of an item only"
        self._alarm.set(self._bucket.due(self._price) / 1_000_000)


class _Enforced(_Tokens):
    """All that comes, as long as there are tokens for it."""

    grows = False

    def ask(self) -> int:
        return UNBOUNDED

    def admits(self, item: Any) -> bool:
        price, now = self._rate.price(item), self._alarm.read()
        if now < self._bucket.due(price):
            raise self._rate.exceeded(item)
        self._bucket.spend(price, now)
        return True


@operator(demand="as there are tokens ; 1:1 ; holds 0, or <= 1 with cost", category="demand")
def throttle(
    rate: float,
    per: float | timedelta = 1.0,
    *,
    burst: float | None = None,
    cost: Callable[[T], float] | None = None,
    mode: Literal["shape", "enforce"] = "shape",
    scheduler: SchedulerBase | None = None,
) -> Callable[[Flow[T] | Observable[T]], Flow[T]]:
    """Let items pass at a limited rate; upstream is asked for those only that may pass.

    .. marble::
        :alt: throttle

        request  9-----------
        upstream 2--1--1--1--
        source   (12)-3--4--5--
        [ throttle(1, per=3.0, burst=2) ]
                 (12)-3--4--5--

    Demand: as there are tokens ; 1:1 ; holds 0, or <= 1 with cost.
    A bucket holds ``burst`` tokens, is full at the beginning, and ``rate`` tokens come
    into it in ``per`` seconds, evenly. An item takes one out, or what it costs. So in
    any t seconds no more than ``burst + rate * t / per`` tokens are spent: by default
    items are spaced evenly, and no ``per`` seconds have more than ``rate`` of them.
    ``burst=rate`` lets those through at once that a pause has saved up. A bucket of one
    token cannot make up for a clock that rings late: with thousands of items a second,
    give it a few milliseconds' worth.

    Args:
        rate: How much may pass in ``per`` seconds (tokens: items, unless there is a cost).
        per: The time that the rate is meant for (seconds).
        burst: The most that may pass at once (tokens); 1 when left out, but it must be
            given with ``cost``, since no item may cost more.
        cost: Function of an item that gives what it costs (tokens, at least 0).
        mode: "shape" makes items wait upstream, the one whose cost is too high yet here;
            "enforce" fails when an item comes too soon.
        scheduler: Whose clock; the running event loop's, else reactivex's default.

    Returns:
        An operator function.

    Raises:
        TypeError: No number, an async cost, or a cost without a burst, when the pipeline is
            built.
        ValueError: rate, per or burst is not more than 0, or another mode, when the
            pipeline is built.

    Errors:
        RateExceededError: An item came too soon and the mode is "enforce".
        ValueError: An item costs more than the bucket holds, or less than nothing.
        What cost raises.

    Source: Pekko throttle, whose bucket also may save up; Bucket4j.
    """
    limit = checked("throttle", rate, per, burst, cost, mode)
    kind = _Enforced if mode == "enforce" else _Prices if cost is not None else _Tokens

    def feed(context: Context, flow: Flow[Any]) -> Feed[Any]:
        alarm = Alarm(context.wake, scheduler or context.timed().scheduler)
        return Metered(context, "throttle", flow.feed, kind(limit, alarm))

    return fed(feed)
