"""How far each synchronous operator advances its source, for each item asked of it.

A row holds for the native operator and for the stock one that is lifted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import accumulate, count, islice
from typing import Any

import reactivex
from reactivex import Observer
from reactivex import operators as stock
from reactivex.notification import OnCompleted, OnNext
from reactivex.operators._timeinterval import TimeInterval
from reactivex.operators._timestamp import Timestamp
from reactivex.scheduler import ImmediateScheduler
from reactivex.testing import TestScheduler

import rxflow as rx
from rxflow import operators as ops
from rxflow.flow.registry import registered
from rxflow.testing import TestSubscriber
from tests.contract.law_callbacks import AtOnce
from tests.support import counted
from tests.support_together import together

CLOCK = TestScheduler()


def endless() -> Iterator[int]:
    return count(1)


def three() -> Iterable[int]:
    return (1, 2, 3)


def two() -> Iterable[int]:
    return (1, 2)


@dataclass(frozen=True)
class Row:
    """What comes of a source, and how much of it that takes.

    Attributes:
        steps: The operators, from those of rxflow or of reactivex.
        items: What is given.
        pulled: How far the source is advanced when 1, 2, ... items have been requested; any
            more that are requested advance it no further.
        source: The items of the source; by default 1, 2, 3 and so on without end.
        demand: How many items are requested in all; by default as many as ``pulled`` tells of.
        ends: The stream has completed then.
        rest: What else is given when the source ends behind ``items``.
        length: How long a source is that ends there; by default what ``items`` take.
        opened: The source is subscribed to before the first item.
        before: How far the source is advanced before the first request.
    """

    steps: Callable[[Any], list[Any]]
    items: tuple[Any, ...]
    pulled: tuple[int, ...]
    source: Callable[[], Iterable[Any]] = endless
    demand: int | None = None
    ends: bool = False
    rest: tuple[Any, ...] = ()
    length: int | None = None
    opened: bool = True
    before: int = 0

    @property
    def total(self) -> int:
        return len(self.pulled) if self.demand is None else self.demand

    @property
    def ending(self) -> list[Any]:
        """The items of a source that ends where the items of this row do."""
        taken = self.pulled[max(1, len(self.items)) - 1] if self.length is None else self.length
        return list(islice(self.source(), taken))

    def after(self, requested: int) -> tuple[list[Any], int]:
        """Tell what is given and how much is pulled for a demand."""
        return list(self.items[:requested]), self.pulled[min(requested, len(self.pulled)) - 1]


def even(value: int) -> bool:
    return value % 2 == 0


def add(left: int, right: int) -> int:
    return left + right


def ignore(*_: Any) -> None: ...


def once() -> Callable[[Any], bool]:
    """Make a condition that holds once."""
    answers = iter((True,))
    return lambda _: next(answers, False)


def wide() -> Any:
    return rx.range(100, 200)


ROWS: dict[str, Row] = {
    # One for one.
    "map": Row(lambda o: [o.map(lambda x: x * 10)], (10, 20), (1, 2)),
    "map_indexed": Row(lambda o: [o.map_indexed(add)], (1, 3, 5), (1, 2, 3)),
    "starmap": Row(lambda o: [o.starmap(add)], (2, 4), (1, 2), lambda: ((x, x) for x in count(1))),
    "starmap_indexed": Row(
        lambda o: [o.starmap_indexed(add)], (1, 3), (1, 2), lambda: ((x, x - 1) for x in count(1))
    ),
    "pluck": Row(lambda o: [o.pluck("a")], (1, 2), (1, 2), lambda: ({"a": x} for x in count(1))),
    "pluck_attr": Row(lambda o: [o.pluck_attr("real")], (1, 2), (1, 2)),
    "scan": Row(lambda o: [o.scan(add)], (1, 3, 6), (1, 2, 3)),
    "do_action": Row(lambda o: [o.do_action(ignore, ignore, ignore)], (1, 2), (1, 2)),
    "tap": Row(lambda o: [o.tap(ignore)], (1, 2), (1, 2)),
    "detach": Row(lambda o: [o.detach()], (1, 2), (1, 2)),
    "as_observable": Row(lambda o: [o.as_observable()], (1, 2), (1, 2)),
    "extrapolate": Row(lambda o: [o.extrapolate(lambda _: ())], (1, 2), (1, 2)),
    "expand_latest": Row(lambda o: [o.expand_latest(lambda x: (x,))], (1, 2), (1, 2)),
    "keep_alive": Row(lambda o: [o.keep_alive(9, object, CLOCK)], (1, 2), (1, 2)),
    "do": Row(lambda o: [o.do(Observer())], (1, 2), (1, 2)),
    "finally_action": Row(lambda o: [o.finally_action(ignore)], (1, 2), (1, 2)),
    "timestamp": Row(
        lambda o: [o.timestamp(CLOCK)],
        (Timestamp(1, CLOCK.now), Timestamp(2, CLOCK.now)),
        (1, 2),
    ),
    "time_interval": Row(
        lambda o: [o.time_interval(CLOCK)],
        (TimeInterval(1, timedelta()), TimeInterval(2, timedelta())),
        (1, 2),
    ),
    "materialize": Row(
        lambda o: [o.materialize()], (OnNext(1), OnNext(2)), (1, 2), rest=(OnCompleted[int](),)
    ),
    "dematerialize": Row(
        lambda o: [o.dematerialize()], (1, 2), (1, 2), lambda: map(OnNext, count(1))
    ),
    "dematerialize, ends": Row(
        lambda o: [o.dematerialize()],
        (1, 2),
        (1, 2, 3),
        lambda: (OnNext(1), OnNext(2), OnCompleted[int](), OnNext(4)),
        demand=9,
        ends=True,
    ),
    "default_if_empty": Row(lambda o: [o.default_if_empty("z")], (1, 2), (1, 2)),
    "default_if_empty, empty": Row(
        lambda o: [o.default_if_empty("z")], ("z",), (0,), tuple, ends=True
    ),
    # Some are left out.
    "filter": Row(lambda o: [o.filter(even)], (2, 4), (2, 4)),
    "filter_indexed": Row(lambda o: [o.filter_indexed(lambda _, i: even(i))], (1, 3), (1, 3)),
    "distinct": Row(lambda o: [o.distinct(lambda x: x // 2)], (1, 2, 4), (1, 2, 4)),
    "distinct_until_changed": Row(
        lambda o: [o.distinct_until_changed(lambda x: x // 3)], (1, 3, 6), (1, 3, 6)
    ),
    "skip": Row(lambda o: [o.skip(2)], (3, 4), (3, 4)),
    "skip_while": Row(lambda o: [o.skip_while(lambda x: x < 3)], (3, 4), (3, 4)),
    "skip_while_indexed": Row(lambda o: [o.skip_while_indexed(lambda _, i: i < 2)], (3, 4), (3, 4)),
    "skip_last": Row(lambda o: [o.skip_last(2)], (1, 2), (3, 4)),
    "ignore_elements": Row(lambda o: [o.ignore_elements()], (), (3,), three, ends=True),
    # The source is cut off.
    "take": Row(lambda o: [o.take(3)], (1, 2, 3), (1, 2, 3), demand=10, ends=True),
    "take_while": Row(
        lambda o: [o.take_while(lambda x: x < 3)], (1, 2), (1, 2, 3), demand=10, ends=True
    ),
    "take_while, inclusive": Row(
        lambda o: [o.take_while(lambda x: x < 2, True)], (1, 2), (1, 2), demand=10, ends=True
    ),
    "take_while_indexed": Row(
        lambda o: [o.take_while_indexed(lambda _, i: i < 2)], (1, 2), (1, 2, 3), demand=9, ends=True
    ),
    "element_at": Row(lambda o: [o.element_at(3)], (4,), (4,), demand=5, ends=True),
    "element_at_or_default": Row(
        lambda o: [o.element_at_or_default(3, "z")], (4,), (4,), demand=5, ends=True
    ),
    "element_at_or_default, too short": Row(
        lambda o: [o.element_at_or_default(3, "z")], ("z",), (3,), three, demand=5, ends=True
    ),
    "first": Row(lambda o: [o.first()], (1,), (1,), demand=5, ends=True),
    "first, predicate": Row(lambda o: [o.first(lambda x: x > 2)], (3,), (3,), demand=5, ends=True),
    "first_or_default": Row(
        lambda o: [o.first_or_default(lambda x: x > 2, "z")], (3,), (3,), demand=5, ends=True
    ),
    "some": Row(lambda o: [o.some()], (True,), (1,), demand=5, ends=True),
    "some, predicate": Row(lambda o: [o.some(lambda x: x > 2)], (True,), (3,), ends=True),
    "some, none": Row(lambda o: [o.some(lambda x: x > 3)], (False,), (3,), three, ends=True),
    "all": Row(lambda o: [o.all(lambda x: x < 3)], (False,), (3,), demand=5, ends=True),
    "contains": Row(lambda o: [o.contains(3)], (True,), (3,), demand=5, ends=True),
    "is_empty": Row(lambda o: [o.is_empty()], (False,), (1,), demand=5, ends=True),
    # All items are needed.
    "reduce": Row(lambda o: [o.reduce(add)], (6,), (3,), three, ends=True),
    "count": Row(lambda o: [o.count()], (3,), (3,), three, ends=True),
    "count, predicate": Row(lambda o: [o.count(even)], (1,), (3,), three, ends=True),
    "sum": Row(lambda o: [o.sum()], (6,), (3,), three, ends=True),
    "average": Row(lambda o: [o.average()], (2.0,), (3,), three, ends=True),
    "min": Row(lambda o: [o.min()], (1,), (3,), three, ends=True),
    "max": Row(lambda o: [o.max()], (3,), (3,), three, ends=True),
    "to_list": Row(lambda o: [o.to_list()], ([1, 2, 3],), (3,), three, ends=True),
    "to_iterable": Row(lambda o: [o.to_iterable()], ([1, 2, 3],), (3,), three, ends=True),
    "to_set": Row(lambda o: [o.to_set()], ({1, 2, 3},), (3,), three, ends=True),
    "to_dict": Row(lambda o: [o.to_dict(even)], ({True: 2, False: 3},), (3,), three, ends=True),
    "last": Row(lambda o: [o.last()], (3,), (3,), three, ends=True),
    "last_or_default": Row(
        lambda o: [o.last_or_default("z", lambda x: x > 3)], ("z",), (3,), three, ends=True
    ),
    "single": Row(lambda o: [o.single(even)], (2,), (3,), three, ends=True),
    "single_or_default": Row(
        lambda o: [o.single_or_default(lambda x: x > 3, "z")], ("z",), (3,), three, ends=True
    ),
    "single_or_default_async": Row(
        lambda o: [o.filter(even), o.single_or_default_async()], (2,), (3,), three, ends=True
    ),
    "to_marbles": Row(lambda o: [o.to_marbles(1.0, CLOCK)], ("123|",), (3,), three, ends=True),
    "take_last": Row(lambda o: [o.take_last(2)], (2, 3), (3, 3), three, ends=True),
    "take_last_buffer": Row(lambda o: [o.take_last_buffer(2)], ([2, 3],), (3,), three, ends=True),
    # Several are made one, or one several.
    "pairwise": Row(lambda o: [o.pairwise()], ((1, 2), (2, 3)), (2, 3)),
    "buffer_with_count": Row(lambda o: [o.buffer_with_count(3)], ([1, 2, 3], [4, 5, 6]), (3, 6)),
    "buffer_with_count, overlapping": Row(
        lambda o: [o.buffer_with_count(3, 1)],
        ([1, 2, 3], [2, 3, 4]),
        (3, 4),
        rest=([3, 4], [4]),
    ),
    "buffer_with_count, gaps": Row(lambda o: [o.buffer_with_count(2, 3)], ([1, 2], [4, 5]), (2, 5)),
    "natural_batches": Row(lambda o: [o.natural_batches(3)], ([1, 2, 3], [4, 5, 6]), (3, 6)),
    "flat_map_iterable": Row(
        lambda o: [o.flat_map_iterable(lambda x: [x, x])],
        (1, 1, 2, 2),
        (1, 1, 2, 2),
    ),
    # Several sources.
    "flat_map": Row(lambda o: [o.flat_map(rx.of)], (1, 2), (1, 2)),
    "flat_map, two of one": Row(
        lambda o: [o.flat_map(lambda x: rx.of(x, -x))], (1, -1, 2, -2), (1, 1, 2, 2)
    ),
    "flat_map, plain Observables": Row(
        lambda o: [o.flat_map(lambda x: reactivex.of(x, -x))], (1, -1, 2, -2), (1, 1, 2, 2)
    ),
    "flat_map, none of some": Row(
        lambda o: [o.flat_map(lambda x: rx.of(x) if even(x) else rx.empty())], (2, 4), (2, 4)
    ),
    "flat_map_indexed": Row(
        lambda o: [o.flat_map_indexed(lambda x, i: rx.of(x + i))], (1, 3), (1, 2)
    ),
    "concat_map": Row(lambda o: [o.concat_map(rx.of)], (1, 2), (1, 2)),
    "concat_map, two of one": Row(
        lambda o: [o.concat_map(lambda x: rx.of(x, -x))], (1, -1, 2, -2), (1, 1, 2, 2)
    ),
    "concat_map, plain Observables": Row(
        lambda o: [o.concat_map(lambda x: reactivex.of(x, -x))], (1, -1, 2, -2), (1, 1, 2, 2)
    ),
    "merge_all": Row(lambda o: [o.map(rx.of), o.merge_all()], (1, 2), (1, 2)),
    "concat_all": Row(lambda o: [o.map(rx.of), o.concat_all()], (1, 2), (1, 2)),
    "merge": Row(lambda o: [o.merge(rx.of("z"))], (1, "z", 2, 3), (1, 1, 2, 3)),
    "merge, one at a time": Row(
        lambda o: [o.map(lambda x: rx.of(x, -x)), o.merge(max_concurrent=1)],
        (1, -1, 2, -2),
        (1, 1, 2, 2),
    ),
    "switch_map": Row(lambda o: [o.switch_map(rx.of)], (3,), (3,), three, ends=True),
    "switch_map, two of one": Row(
        lambda o: [o.switch_map(lambda x: rx.of(x, -x))], (3, -3), (3, 3), three, ends=True
    ),
    "switch_map_indexed": Row(
        lambda o: [o.switch_map_indexed(lambda x, i: rx.of(x + i))], (5,), (3,), three, ends=True
    ),
    "flat_map_latest": Row(lambda o: [o.flat_map_latest(rx.of)], (3,), (3,), three, ends=True),
    "switch_latest": Row(lambda o: [o.map(rx.of), o.switch_latest()], (3,), (3,), three, ends=True),
    "exclusive": Row(
        lambda o: [o.map(lambda x: rx.of(x, -x)), o.exclusive()],
        (1, -1),
        (3, 3),
        three,
        ends=True,
    ),
    "combine_latest": Row(lambda o: [o.combine_latest(rx.of("z"))], ((1, "z"), (2, "z")), (1, 2)),
    "with_latest_from": Row(
        lambda o: [o.with_latest_from(rx.of("z"))], ((1, "z"), (2, "z")), (1, 2)
    ),
    "zip_latest": Row(lambda o: [o.zip_latest(wide())], ((1, 100), (2, 101)), (1, 2)),
    "merge_prioritized": Row(
        lambda o: [o.merge_prioritized((rx.of("z"), 1), priority=2)], (1, 2, "z", 3), (1, 2, 2, 3)
    ),
    "merge_sorted": Row(lambda o: [o.merge_sorted(rx.of(2))], (1, 2, 2, 3), (1, 2, 3, 3)),
    "concat_map_eager": Row(
        lambda o: [o.concat_map_eager(lambda x: rx.of(x, -x), max_concurrency=2)],
        (1, -1, 2, -2),
        (2, 3, 3, 4),
        length=2,
    ),
    "amb": Row(lambda o: [o.amb(rx.never())], (1, 2), (1, 2)),
    "take_until": Row(lambda o: [o.take_until(rx.never())], (1, 2), (1, 2)),
    "skip_until": Row(lambda o: [o.skip_until(rx.of("z"))], (1, 2), (1, 2)),
    "zip": Row(lambda o: [o.zip(wide())], ((1, 100), (2, 101)), (1, 2)),
    "zip_with_iterable": Row(
        lambda o: [o.zip_with_iterable(range(100, 200))], ((1, 100), (2, 101)), (1, 2)
    ),
    "zip_with_iterable, shorter": Row(
        lambda o: [o.zip_with_iterable("ab")],
        ((1, "a"), (2, "b")),
        (1, 2, 3),
        demand=9,
        ends=True,
    ),
    "zip_with_list": Row(
        lambda o: [o.zip_with_list(list(range(100, 200)))], ((1, 100), (2, 101)), (1, 2)
    ),
    "concat": Row(
        lambda o: [o.concat(rx.of(8, 9))], (1, 2, 8, 9), (1, 2, 2, 2), two, demand=9, ends=True
    ),
    "start_with": Row(lambda o: [o.start_with(8, 9)], (8, 9, 1, 2), (0, 0, 1, 2), opened=False),
    "repeat": Row(
        lambda o: [o.repeat(2)], (1, 2, 1, 2), (1, 2, 3, 4), two, demand=9, ends=True, length=2
    ),
    "retry": Row(
        lambda o: [o.concat(rx.throw("end")), o.retry(2), o.catch(rx.empty())],
        (1, 2, 1, 2),
        (1, 2, 3, 4),
        two,
        demand=9,
        ends=True,
        length=2,
    ),
    "restart_with_backoff": Row(
        lambda o: [o.restart_with_backoff(1, 1, max_restarts=0)], (1, 2), (1, 2)
    ),
    "retry, no failure": Row(lambda o: [o.retry()], (1, 2), (1, 2)),
    "catch": Row(
        lambda o: [o.concat(rx.throw("end")), o.catch(rx.of(8, 9))],
        (1, 2, 8, 9),
        (1, 2, 2, 2),
        two,
        demand=9,
        ends=True,
    ),
    "catch, no failure": Row(lambda o: [o.catch(rx.of(8, 9))], (1, 2), (1, 2)),
    # Held to a rate, which is high here; see the tests of their own.
    "throttle": Row(lambda o: [o.throttle(9, burst=9, scheduler=CLOCK)], (1, 2), (1, 2)),
    "throttle, with a cost": Row(
        lambda o: [o.throttle(9, burst=9, cost=lambda x: 1, scheduler=CLOCK)], (1, 2), (1, 2)
    ),
    "throttle_by_key": Row(
        lambda o: [o.throttle_by_key(even, 2, burst=2, scheduler=CLOCK)], (1, 2), (1, 2)
    ),
    "cap_demand": Row(lambda o: [o.cap_demand(2)], (1, 2, 3), (1, 2, 3)),
    "pace": Row(lambda o: [o.pace(9, 1, scheduler=CLOCK)], (1, 2), (1, 2)),
    "valve": Row(lambda o: [o.valve(rx.Valve())], (1, 2), (1, 2)),
    # Ahead of the demand, on purpose: what they have is used up first.
    "limit_rate": Row(
        lambda o: [o.limit_rate(4)], (1, 2, 3, 4, 5, 6), (4, 4, 7, 7, 7, 10), before=4, length=6
    ),
    "limit_rate, in batches": Row(
        lambda o: [o.limit_rate(4, 0)], (1, 2, 3, 4, 5), (4, 4, 4, 8, 8), before=4, length=5
    ),
    "observe_on": Row(
        lambda o: [o.observe_on(ImmediateScheduler(), prefetch=4)],
        (1, 2, 3, 4, 5, 6),
        (4, 4, 7, 7, 7, 10),
        before=4,
        length=6,
    ),
    "backpressure_timeout": Row(
        lambda o: [o.backpressure_timeout(5, CLOCK)], (1, 2), (2, 3), before=1, length=2
    ),
    # A limit of time.
    "timeout": Row(lambda o: [o.timeout(5, scheduler=CLOCK)], (1, 2), (1, 2)),
    "timeout, another source": Row(lambda o: [o.timeout(5, rx.of(9), CLOCK)], (1, 2), (1, 2)),
    "initial_timeout": Row(lambda o: [o.initial_timeout(5, CLOCK)], (1, 2), (1, 2)),
    "idle_timeout": Row(lambda o: [o.idle_timeout(5, CLOCK)], (1, 2), (1, 2)),
    "completion_timeout": Row(lambda o: [o.completion_timeout(5, CLOCK)], (1, 2), (1, 2)),
    "group_by": Row(
        lambda o: [o.group_by(lambda x: x % 2), o.flat_map(lambda group: group)], (1, 2), (1, 2)
    ),
    "group_by, the groups": Row(
        lambda o: [o.group_by(lambda x: x // 2), o.map(lambda group: group.key)], (0, 1), (1, 2)
    ),
    "group_by_until": Row(
        lambda o: [
            o.group_by_until(lambda x: x % 2, None, lambda _: reactivex.never()),
            o.flat_map(lambda group: group),
        ],
        (1, 2),
        (1, 2),
    ),
    "window_with_count": Row(
        lambda o: [o.window_with_count(2), o.flat_map(lambda part: part)], (1, 2, 3), (1, 2, 3)
    ),
    "window_with_count, the windows": Row(
        lambda o: [o.window_with_count(2), o.map(lambda _: "window")],
        ("window", "window"),
        (0, 2),
        rest=("window",),
        length=4,
    ),
    "window_with_time": Row(
        lambda o: [o.window_with_time(9.0, None, CLOCK), o.flat_map(lambda part: part)],
        (1, 2),
        (1, 2),
    ),
    "window_with_time_or_count": Row(
        lambda o: [o.window_with_time_or_count(9.0, 2, CLOCK), o.flat_map(lambda part: part)],
        (1, 2, 3),
        (1, 2, 3),
    ),
    "window": Row(
        lambda o: [o.window(reactivex.never()), o.flat_map(lambda part: part)], (1, 2), (1, 2)
    ),
    "window_when": Row(
        lambda o: [o.window_when(reactivex.never), o.flat_map(lambda part: part)], (1, 2), (1, 2)
    ),
    "buffer_with_time_or_count": Row(
        lambda o: [o.buffer_with_time_or_count(9.0, 3, CLOCK)],
        ([1, 2, 3], [4, 5, 6]),
        (6, 9),
        before=3,
        length=6,
    ),
    "buffer_with_time": Row(
        lambda o: [o.buffer_with_time(9.0, scheduler=CLOCK, max_size=3)],
        ([1, 2, 3], [4, 5, 6]),
        (6, 9),
        before=3,
        length=6,
    ),
    "buffer": Row(
        lambda o: [o.buffer(rx.never(), max_size=3)],
        ([1, 2, 3], [4, 5, 6]),
        (6, 9),
        before=3,
        length=6,
    ),
    "buffer_when": Row(
        lambda o: [o.buffer_when(rx.never, max_size=3)],
        ([1, 2, 3], [4, 5, 6]),
        (6, 9),
        before=3,
        length=6,
    ),
    "delay_with_mapper": Row(
        lambda o: [o.delay_with_mapper(lambda _: rx.empty(), prefetch=3)],
        (1, 2, 3),
        (4, 5, 6),
        before=3,
        length=3,
    ),
    "timeout_with_mapper": Row(
        lambda o: [o.timeout_with_mapper(rx.never(), lambda _: rx.never())], (1, 2), (1, 2)
    ),
    "supervise": Row(
        lambda o: [o.supervise(ops.filter(even))],
        (2, 4),
        (2, 4),
    ),
    "map_executor": Row(
        lambda o: [o.map_executor(AtOnce(), str, 3, buffer=1)],
        ("1", "2", "3"),
        (4, 5, 6),
        length=3,
    ),
    "kill_switch": Row(lambda o: [o.kill_switch(rx.KillSwitch())], (1, 2), (1, 2)),
    "tap_signals": Row(lambda o: [o.tap_signals(ignore)], (1, 2), (1, 2)),
    "on_request": Row(lambda o: [o.on_request(ignore)], (1, 2), (1, 2)),
    "log": Row(lambda o: [o.log("demand", level=0)], (1, 2), (1, 2)),
    "named": Row(lambda o: [o.named("demand")], (1, 2), (1, 2)),
    "take_with_time": Row(lambda o: [o.take_with_time(5, CLOCK)], (1, 2), (1, 2)),
    "take_until_with_time": Row(lambda o: [o.take_until_with_time(5, CLOCK)], (1, 2), (1, 2)),
    "skip_with_time": Row(lambda o: [o.skip_with_time(0, CLOCK)], (1, 2), (1, 2)),
    "skip_until_with_time": Row(lambda o: [o.skip_until_with_time(0, CLOCK)], (1, 2), (1, 2)),
    "take_last_with_time": Row(
        lambda o: [o.take_last_with_time(5, CLOCK)], (1, 2, 3), (3, 3, 3), three, ends=True
    ),
    "skip_last_with_time": Row(lambda o: [o.skip_last_with_time(0, CLOCK)], (1, 2), (1, 2)),
    "share": Row(
        lambda o: [o.share(prefetch=4)], (1, 2, 3, 4, 5, 6), (4, 4, 7, 7, 7, 10), length=6
    ),
    "parallel": Row(lambda o: [o.parallel(1)], (1, 2, 3), (2, 3, 4), length=3),
    "fork_join": Row(lambda o: [o.fork_join(rx.of(7))], ((3, 7),), (3,), three, ends=True),
    "sequence_equal": Row(lambda o: [o.sequence_equal(rx.of(1, 2, 9))], (False,), (3,), ends=True),
    "on_error_resume_next": Row(
        lambda o: [o.on_error_resume_next(rx.of(8, 9))], (1, 2, 8, 9), (1, 2, 2, 2), two, ends=True
    ),
    "while_do": Row(lambda o: [o.while_do(once())], (1, 2), (1, 2)),
    "do_while": Row(lambda o: [o.do_while(lambda _: False)], (1, 2), (1, 2)),
    "find": Row(lambda o: [o.find(lambda x, *_: x > 2)], (3,), (3,), ends=True),
    "find_index": Row(lambda o: [o.find_index(lambda x, *_: x > 2)], (2,), (3,), ends=True),
    "max_by": Row(lambda o: [o.max_by(lambda x: x % 2)], ([1, 3],), (3,), three, ends=True),
    "min_by": Row(lambda o: [o.min_by(lambda x: x % 2)], ([2],), (3,), three, ends=True),
    "slice": Row(lambda o: [o.slice(1, None, 2)], (2, 4), (2, 4)),
    "slice, from the end": Row(lambda o: [o.slice(-2)], (2, 3), (3, 3), three, ends=True),
    "join": Row(
        lambda o: [o.join(rx.of(8), lambda _: rx.never(), lambda _: rx.never())],
        ((1, 8), (2, 8)),
        (1, 2),
    ),
    "group_join": Row(
        lambda o: [
            o.group_join(rx.of(8), lambda _: rx.never(), lambda _: rx.never()),
            o.flat_map(lambda pair: pair[1].pipe(ops.map(lambda other: (pair[0], other)))),
        ],
        ((1, 8), (2, 8)),
        (1, 2),
    ),
    "group_join, the groups": Row(
        lambda o: [
            o.group_join(rx.of(8), lambda _: rx.never(), lambda _: rx.never()),
            o.map(lambda pair: pair[0]),
        ],
        (1, 2),
        (1, 2),
    ),
    "expand": Row(lambda o: [o.expand(lambda x: rx.empty())], (1, 2), (1, 2)),
    "subscribe_on": Row(lambda o: [o.subscribe_on(ImmediateScheduler())], (1, 2), (1, 2)),
    # Several operators.
    "filter, then pairwise": Row(
        lambda o: [o.filter(even), o.pairwise()], ((2, 4), (4, 6)), (4, 6)
    ),
    "pairwise, then filter": Row(
        lambda o: [o.pairwise(), o.filter(lambda pair: even(pair[0]))], ((2, 3), (4, 5)), (3, 5)
    ),
    "skip, then buffer_with_count": Row(
        lambda o: [o.skip(1), o.buffer_with_count(2)], ([2, 3], [4, 5]), (3, 5)
    ),
    "buffer_with_count, then flat_map": Row(
        lambda o: [o.buffer_with_count(2), o.flat_map(lambda part: rx.of(*part))],
        (1, 2, 3, 4),
        (2, 2, 4, 4),
    ),
    "filter, then concat_map, then take": Row(
        lambda o: [o.filter(even), o.concat_map(rx.of), o.take(2)],
        (2, 4),
        (2, 4),
        demand=10,
        ends=True,
    ),
    "skip_last, then to_list": Row(
        lambda o: [o.skip_last(1), o.to_list()], ([1, 2],), (3,), three, ends=True
    ),
}
"""By the operator that a row is about, then what is special about it."""

_TASKS = "it starts tasks on an event loop; see tests/aio/test_map_async.py"
EXCLUDED = {
    "map_async": _TASKS,
    "map_async_partitioned": _TASKS,
    "adaptive_concurrency": _TASKS,
    "map_thread": "it runs in real threads; see tests/operators/test_executing.py",
    **dict.fromkeys(
        ("buffer_toggle", "window_toggle"),
        "it ends with its openings; see tests/operators/test_buffers.py and test_windows.py",
    ),
    "batch": "what it gives depends on when it is asked; see tests/operators/test_batch.py",
    **dict.fromkeys(
        ("delay", "delay_subscription"), "it begins later; see tests/operators/test_delaying.py"
    ),
    **dict.fromkeys(
        ("sample", "debounce", "throttle_with_timeout", "throttle_first", "throttle_with_mapper"),
        "it wants all that there is, in its time; see tests/operators/test_sampling.py",
    ),
    **dict.fromkeys(
        ("partition", "partition_indexed", "publish", "publish_value", "ref_count", "replay"),
        "as share, for several subscribers; see tests/operators/test_multicasting.py",
    ),
    "balance": "it gives several Flows; see tests/operators/test_rails.py",
}
"""Native operators that have no row, with the reason."""

NATIVE_ONLY = {
    "buffer_with_time": "that of reactivex takes all there is, whatever the demand",
    "buffer_with_time_or_count": "that of reactivex takes all there is, whatever the demand",
    "natural_batches": "reactivex has none",
    **dict.fromkeys(
        ("buffer", "buffer_when"), "a list of reactivex is as long as its source, without a bound"
    ),
    "delay_with_mapper": "that of reactivex has no prefetch",
    "to_marbles": "that of reactivex starts a thread, whatever scheduler it is given",
    "group_join": "a group of reactivex ends with its duration only",
    "window_with_time": "that of reactivex takes all there is, whatever the demand",
    "window_with_time_or_count": "that of reactivex takes all there is, whatever the demand",
    "flat_map_iterable": "reactivex has none",
    "limit_rate": "reactivex has none",
    **dict.fromkeys(("detach", "expand_latest", "extrapolate", "keep_alive"), "reactivex has none"),
    **dict.fromkeys(
        ("throttle", "throttle_by_key", "cap_demand", "pace", "valve"), "reactivex has none"
    ),
    "backpressure_timeout": "reactivex has none",
    "completion_timeout": "reactivex has none",
    "idle_timeout": "reactivex has none",
    "initial_timeout": "reactivex has none",
    "restart_with_backoff": "reactivex has none",
    "map_executor": "reactivex has none",
    "concat_map_eager": "reactivex has none",
    "merge_prioritized": "reactivex has none",
    "merge_sorted": "reactivex has none",
    "kill_switch": "reactivex has none",
    "log": "reactivex has none",
    "named": "reactivex has none",
    "on_request": "reactivex has none",
    "tap_signals": "reactivex has none",
    "supervise": "reactivex has none",
    "parallel": "reactivex has none",
    "share": "that of reactivex asks for everything",
    **dict.fromkeys(
        ("skip_until_with_time", "skip_with_time"),
        "a while of 0 is over at once; with reactivex on this clock, which stands still, never",
    ),
    "observe_on": "that of reactivex has no prefetch: what it may take ahead is another number",
}
"""Operators whose rows do not hold for those of reactivex, with the reason."""

UNCOMPARED = {
    "skip_until": "plain Rx subscribes to the signal behind all that the source gives at once",
    "merge": "turns are fair; plain Rx gives one source whole where all are there at once",
    "combine_latest": "turns are fair; plain Rx takes one source whole where all are there at once",
    "zip_latest": "turns are fair; plain Rx takes one source whole where all are there at once",
    **dict.fromkeys(
        ("skip_last_with_time",),
        "a while of 0 is over at once; with reactivex when the scheduler comes to it",
    ),
    "time_interval": "reactivex starts the source in an action of the operator's scheduler",
}
"""Rows whose items plain Rx gives in another order, or at another time."""


@dataclass(frozen=True)
class Case:
    """A row, of native operators or of lifted ones."""

    name: str
    lifted: bool

    @property
    def row(self) -> Row:
        return ROWS[self.name]

    @property
    def opened(self) -> bool:
        """What is lifted is run at once, up to where it subscribes to its source."""
        return self.row.opened or self.lifted

    def over(self, source: Iterable[Any]) -> Any:
        steps = map(rx.lift, self.row.steps(stock)) if self.lifted else self.row.steps(ops)
        return rx.from_iterable(source).pipe(*steps)

    def __str__(self) -> str:
        return f"lifted, {self.name}" if self.lifted else self.name


def operator_of(name: str) -> str:
    return name.partition(",")[0]


CASES = [
    *(Case(name, lifted=False) for name in ROWS),
    *(Case(name, lifted=True) for name in ROWS if operator_of(name) not in NATIVE_ONLY),
]


def each(cases: Iterable[Case]) -> Any:
    return together("case", cases)


EVERY = each(CASES)
GIVING = each(case for case in CASES if case.row.items)
COMPARED = each(
    case
    for case in CASES
    if case.name not in UNCOMPARED and operator_of(case.name) not in NATIVE_ONLY
)

PORTIONS: dict[str, Callable[[int], list[int]]] = {
    "one at a time": lambda total: [1] * total,
    "one, then the rest": lambda total: [1, total - 1] if total > 1 else [1],
    "two, then the rest": lambda total: [2, total - 2] if total > 2 else [total],
    "all at once": lambda total: [total],
}
"""How the demand for a number of items is made up of requests."""


class Source:
    """Counts anew for each subscription."""

    def __init__(self, items: Callable[[], Iterable[Any]]) -> None:
        self.made: list[counted] = []
        self._items = items

    def __iter__(self) -> Iterator[Any]:
        self.made.append(counted(self._items()))
        return self.made[-1]

    @property
    def taken(self) -> int:
        return sum(each.taken for each in self.made)

    @property
    def asked(self) -> int:
        return sum(each.asked for each in self.made)

    @property
    def closed(self) -> list[int]:
        return [each.closed for each in self.made]


Seen = list[tuple[list[Any], int]]


def requested(probe: TestSubscriber, source: Source, portions: Iterable[int]) -> Iterator[Any]:
    """Request, and tell after each request what has been given and how much was taken."""
    for portion in portions:
        probe.request(portion)
        yield list(probe.items), source.taken


def expected(row: Row, portions: Iterable[int]) -> Seen:
    return [row.after(demand) for demand in accumulate(portions)]


# Demand.


@EVERY
def test_nothing_is_taken_before_the_first_request(case: Case) -> None:
    source, probe = Source(case.row.source), TestSubscriber()
    case.over(source).subscribe(probe)
    assert source.asked == case.row.before
    probe.cancel()
    assert source.asked == case.row.before
    assert probe.signals == ["on_subscribe"]
    assert source.closed == [1] * case.opened


@EVERY
@together("portions", PORTIONS.values())
def test_each_request_gives_and_takes_exactly_so_much(
    case: Case, portions: Callable[[int], list[int]]
) -> None:
    row, source, probe = case.row, Source(case.row.source), TestSubscriber()
    case.over(source).subscribe(probe)
    demand = portions(row.total)
    assert list(requested(probe, source, demand)) == expected(row, demand)
    assert probe.error is None
    assert probe.completed is row.ends
    assert set(source.closed) == {int(row.ends)}
    assert source.asked == source.taken or row.ends  # an end that is no item may be looked for


@EVERY
@together("inside", [1, 99])
def test_it_is_the_same_inside_the_subscribe_of_another_observable(case: Case, inside: int) -> None:
    source, probe = Source(case.row.source), TestSubscriber()
    portions = PORTIONS["one at a time"](case.row.total)
    seen: Seen = []
    failures: list[Exception] = []

    def begin(observer: Any, scheduler: Any) -> Any:
        subscription = case.over(source).subscribe(probe)
        assert source.asked == case.row.before
        seen.extend(requested(probe, source, portions[:inside]))
        return subscription

    reactivex.create(begin).subscribe(on_error=failures.append)
    assert failures == []
    seen.extend(requested(probe, source, portions[inside:]))
    assert seen == expected(case.row, portions)
    assert probe.completed is case.row.ends


@EVERY
def test_completion_comes_with_the_last_item_of_a_source_that_ends_there(case: Case) -> None:
    row, probe = case.row, TestSubscriber(max(1, len(case.row.items)))
    case.over(row.ending).subscribe(probe)
    given = list(row.items)
    assert probe.items == given
    for item in row.rest:
        assert not probe.ended
        probe.request(1)
        given.append(item)
        assert probe.items == given
    assert probe.completed


@EVERY
def test_an_end_that_is_come_upon_releases_no_more_than_is_asked_for(case: Case) -> None:
    """The source is an iterator, which tells its end only when it is asked for one more."""
    row = case.row
    source, probe = Source(lambda: row.ending), TestSubscriber()
    case.over(source).subscribe(probe)
    given = [*row.items, *row.rest]
    for demand in range(1, len(given) + 1):
        probe.request(1)
        assert probe.items == given[:demand]
        assert probe.error is None
    probe.request(1)
    assert probe.items == given
    assert probe.completed
    assert set(source.closed) == {1}


@GIVING
@together("inside", [False, True])
def test_a_cancel_after_the_first_item_closes_the_source_once(case: Case, inside: bool) -> None:
    row, source = case.row, Source(case.row.source)
    probe = TestSubscriber(then=lambda it, _: it.cancel() if inside else None)
    case.over(source).subscribe(probe)
    probe.request(rx.UNBOUNDED if inside else 1)
    probe.cancel()
    probe.cancel()
    probe.request(5)
    assert probe.items == list(row.items[:1])
    assert source.taken == row.pulled[0]
    assert source.closed == [1] * case.opened
    if inside:
        assert probe.signals == ["on_subscribe", "on_next"]


@COMPARED
def test_unbounded_demand_gives_what_plain_rx_gives(case: Case) -> None:
    items = list(islice(case.row.source(), 7))
    plain: list[Any] = []
    ends: list[str] = []
    reactivex.from_iterable(items).pipe(*case.row.steps(stock)).subscribe(
        plain.append, lambda error: ends.append(repr(error)), lambda: ends.append("completed")
    )
    probe = TestSubscriber(rx.UNBOUNDED)
    case.over(items).subscribe(probe)
    assert probe.items == plain
    assert (probe.completed, ends) == (True, ["completed"])


# The table itself.


def test_every_synchronous_native_operator_has_a_row() -> None:
    native = {entry.name for entry in registered() if entry.kind == "operator"}
    here = {operator_of(name) for name in ROWS}
    assert here.isdisjoint(EXCLUDED)
    assert sorted(native - here) == sorted(EXCLUDED)
    assert sorted(here - native) == []


def test_each_row_is_about_the_operator_that_it_is_named_after() -> None:
    for name, row in ROWS.items():
        assert operator_of(name) in {step.name for step in row.steps(ops)}, name


def test_what_is_left_out_is_on_the_table() -> None:
    assert NATIVE_ONLY.keys() <= {operator_of(name) for name in ROWS}
    assert UNCOMPARED.keys() <= ROWS.keys()
