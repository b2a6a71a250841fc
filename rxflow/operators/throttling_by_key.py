"""A rate for each key: throttle_by_key."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterator
from datetime import timedelta
from functools import partial
from heapq import heappop, heappush
from itertools import count
from itertools import repeat as times
from typing import Any, Literal, TypeVar

from reactivex import Observable
from reactivex.abc import SchedulerBase

from ..flow import Flow, checks
from ..flow.operator import fed, operator
from ..kernel import (
    BUDGET,
    HANDOVER,
    NOTHING,
    Alarm,
    Context,
    DiscardCallback,
    Feed,
    Input,
    StageStatistics,
    State,
    hooks,
)
from ..protocol import UNBOUNDED
from .buckets import Bucket, Rate, checked

T = TypeVar("T")

KEYS = 10_000
"""How many keys have a bucket at once unless said otherwise (keys)."""


class _Tenant:
    """What is known of a key: its bucket, and its items that wait for tokens."""

    __slots__ = ("bucket", "key", "listed", "parked")

    def __init__(self, key: Hashable, rate: Rate) -> None:
        self.key = key
        self.bucket = Bucket(rate)
        self.parked: deque[tuple[Any, float]] = deque()  # each with its price, oldest first
        self.listed = False  # it is among those that are looked at when they are full again


class _Line:
    """Tenants by the time at which each is to be looked at (microseconds)."""

    __slots__ = ("_heap", "_order")

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, _Tenant]] = []
        self._order = count()  # of those of the same time, the first that came

    def add(self, due: int, tenant: _Tenant) -> None:
        heappush(self._heap, (due, next(self._order), tenant))

    def take(self, now: int) -> _Tenant | None:
        return heappop(self._heap)[-1] if self._heap and self._heap[0][0] <= now else None

    @property
    def next(self) -> int | None:
        return self._heap[0][0] if self._heap else None

    def clear(self) -> None:
        self._heap.clear()


class _ByKey(Feed[Any]):
    """Passes over items whose key has no tokens, and parks them, up to a bound."""

    def __init__(
        self,
        context: Context,
        make: Callable[[Context], Feed[Any]],
        alarm: Alarm,
        key: Callable[[Any], Hashable],
        rate: Rate,
        enforce: bool,
        max_keys: int,
        capacity: int,
        delay_error: bool,
        on_discard: DiscardCallback | None,
    ) -> None:
        self._input = Input(make, context)
        self._alarm = alarm
        self._key = key
        self._rate = rate
        self._enforce = enforce
        self._max_keys = max_keys
        self._capacity = capacity
        self._delay_error = delay_error
        self._on_discard = on_discard
        self._tenants: dict[Hashable, _Tenant] = {}
        self._due = _Line()  # those with parked items
        self._filling = _Line()  # those that may be forgotten when they are full again
        self._stuck: tuple[Any, Hashable] | None = None  # its key has no room in the table yet
        self._held = 0  # parked or stuck (items)
        self._error: Exception | None = None  # of upstream, behind what is held
        self._wanted = 0
        self._received = self._delivered = self._peak = 0

    def start(self) -> None:
        self._input.start(self._ask() if self._wanted else 0)

    def _ask(self) -> int:
        """Say how many more upstream may be asked for (items)."""
        return 0 if self._stuck else min(self._wanted or 1, self._capacity - self._held)

    def run(self) -> Iterator[Any]:
        for _ in times(None, BUDGET):
            now = self._alarm.read()
            self._forget(now)
            item = self._parked(now)
            if item is NOTHING:
                item = self._fresh(now)
            if item is not NOTHING:
                self._delivered += 1
                if 0 < self._wanted < UNBOUNDED:
                    self._wanted -= 1
                yield item
            elif not self._ask() or self._input.waiting or self._input.ended:
                return

    def _parked(self, now: int) -> Any:
        """Give the parked item that has waited longest for tokens that are there now."""
        tenant = self._due.take(now)
        if tenant is None:
            return NOTHING
        item, price = tenant.parked.popleft()
        self._held -= 1
        self._spend(tenant, price, now)
        if tenant.parked:
            self._due.add(tenant.bucket.due(tenant.parked[0][1]), tenant)
        return item

    def _fresh(self, now: int) -> Any:
        """Take an item of upstream; give it, or park it."""
        if self._stuck:
            (item, key), self._stuck = self._stuck, None
            self._held -= 1
        else:
            item = self._take()
            if item is NOTHING:
                return NOTHING
            self._received += 1
            key = self._key(item)
        tenant = self._tenant(key)
        if tenant is None:
            self._stuck = item, key
            self._hold()
            return NOTHING
        price = self._rate.price(item)
        due = tenant.bucket.due(price)
        if due <= now and not tenant.parked:
            self._spend(tenant, price, now)
            return item
        if self._enforce:
            raise self._rate.exceeded(item)
        if not tenant.parked:
            self._due.add(due, tenant)
        tenant.parked.append((item, price))
        self._hold()
        return NOTHING

    def _take(self) -> Any:
        """Take an item, if there is room; a failure is kept behind what is held, or raised."""
        if not (ask := self._ask()):
            return NOTHING
        try:
            return self._input.take(ask)
        except Exception as error:
            self._failed(error)
            return NOTHING

    def _failed(self, error: Exception) -> None:
        self._input.cancel()
        self._error = error
        if not self._held or not self._delay_error:
            raise error

    def _hold(self) -> None:
        self._held += 1
        self._peak = max(self._peak, self._held)

    def _tenant(self, key: Hashable) -> _Tenant | None:
        """Give what is known of a key; None where the table is full."""
        tenant = self._tenants.get(key)
        if tenant is None and len(self._tenants) < self._max_keys:
            tenant = self._tenants[key] = _Tenant(key, self._rate)
        return tenant

    def _spend(self, tenant: _Tenant, price: float, now: int) -> None:
        tenant.bucket.spend(price, now)
        if not tenant.listed:
            tenant.listed = True
            self._filling.add(tenant.bucket.full_again(), tenant)

    def _forget(self, now: int) -> None:
        """Forget keys whose buckets are full again: they are as those that never came."""
        while (tenant := self._filling.take(now)) is not None:
            if tenant.parked:
                tenant.listed = False  # until it is spent from again
            elif (due := tenant.bucket.full_again()) > now:
                self._filling.add(due, tenant)
            else:
                del self._tenants[tenant.key]

    def settle(self) -> State:
        self._hear_end()
        if not self._held and self._input.ended:
            return State.ENDED
        dues = (self._due.next, self._filling.next if self._stuck else None)
        due = min((due for due in dues if due is not None), default=None)
        if due is not None:
            if due <= self._alarm.read():
                return State.READY
            self._alarm.set(due / 1_000_000)
        idle = not self._ask() or self._input.waiting or self._input.ended
        return State.WAITING if idle else State.READY

    def _hear_end(self) -> None:
        """Let the end of upstream through, or its failure, where nothing else is left of it."""
        if self._error is None:
            try:
                self._input.over()
            except Exception as error:
                self._failed(error)
        elif not self._held:
            raise self._error

    def ending(self) -> bool:
        self._hear_end()
        return not self._held and self._input.ended

    def want(self, n: int) -> None:
        self._wanted = n
        if ask := self._ask():
            self._input.want(ask)

    def cancel(self) -> None:
        self._alarm.cancel()
        self._input.cancel()
        left = [item for tenant in self._tenants.values() for item, _ in tenant.parked]
        if self._stuck:
            left.append(self._stuck[0])
        self._stuck, self._held = None, 0
        self._tenants.clear()
        self._due.clear()
        self._filling.clear()
        if self._on_discard is not None:
            for item in left:
                hooks.reporting(partial(self._on_discard, item))

    def statistics(self) -> Iterator[StageStatistics]:
        yield from self._input.statistics()
        yield StageStatistics(
            "throttle_by_key",
            received=self._received,
            delivered=self._delivered,
            held=self._held,
            peak=self._peak,
            capacity=self._capacity,
            discarded=self._received - self._delivered - self._held,
        )


@operator(demand="1:1, +1 per item parked ; 1:1 ; holds <= capacity", category="demand")
def throttle_by_key(
    key: Callable[[T], Any],
    rate: float,
    per: float | timedelta = 1.0,
    *,
    burst: float | None = None,
    cost: Callable[[T], float] | None = None,
    mode: Literal["shape", "enforce"] = "shape",
    max_keys: int = KEYS,
    capacity: int = HANDOVER,
    delay_error: bool = True,
    on_discard: DiscardCallback | None = None,
    scheduler: SchedulerBase | None = None,
) -> Callable[[Flow[T] | Observable[T]], Flow[T]]:
    """Let the items of each key pass at a limited rate; none waits for those of another key.

    .. marble::
        :alt: throttle_by_key

        request  9-------------
        source   (a1 a2 b1)----
        [ throttle_by_key(lambda x: x[0], 1, per=3.0) ]
                 (a1 b1)--a2---

    Demand: 1:1, +1 per item parked ; 1:1 ; holds <= capacity.
    Each key has a token bucket of its own, as that of ``throttle``. An item whose key has
    no tokens is parked, and those behind it are looked at; items of one key stay in their
    order. When ``capacity`` items are parked, upstream waits. A key whose bucket is full
    again is forgotten. While there are ``max_keys`` whose buckets are not, an item of a
    further key waits, and upstream with it.

    Args:
        key: Function of an item that gives its key, which is hashable.
        rate: How much of one key may pass in ``per`` seconds (tokens: items, unless there
            is a cost).
        per: The time that the rate is meant for (seconds).
        burst: The most of one key that may pass at once (tokens); 1 when left out, but it
            must be given with ``cost``.
        cost: Function of an item that gives what it costs (tokens, at least 0).
        mode: "shape" parks items that come too soon; "enforce" fails then.
        max_keys: Most buckets at once (keys, at least 1).
        capacity: Most items parked, of all keys together (items, at least 1).
        delay_error: An error of the source waits for what is parked; otherwise it
            overtakes it, and it is discarded.
        on_discard: Called with each parked item when the stream is cancelled or fails.
        scheduler: Whose clock; the running event loop's, else reactivex's default.

    Returns:
        An operator function.

    Raises:
        TypeError: No number, an async callback, or a cost without a burst, when the
            pipeline is built.
        ValueError: A number is not more than 0, or another mode, when the pipeline is built.

    Errors:
        RateExceededError: An item came too soon and the mode is "enforce".
        ValueError: An item costs more than a bucket holds, or less than nothing.
        TypeError: A key is not hashable.
        What key and cost raise.

    Source: new; Bucket4j and Envoy limit each tenant so, and no stream library does.
    """
    name = "throttle_by_key"
    checks.function(name, "key", key)
    checks.callback(name, "on_discard", on_discard)
    limit = checked(name, rate, per, burst, cost, mode)
    most = checks.whole(name, "max_keys", max_keys)
    room = checks.whole(name, "capacity", capacity)

    def feed(context: Context, flow: Flow[Any]) -> Feed[Any]:
        alarm = Alarm(context.wake, scheduler or context.timed().scheduler)
        enforce = mode == "enforce"
        return _ByKey(
            context, flow.feed, alarm, key, limit, enforce, most, room, delay_error, on_discard
        )

    return fed(feed)
