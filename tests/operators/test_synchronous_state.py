"""Every synchronous operator, once: exact demand, and nothing shared between subscriptions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import count, zip_longest
from operator import itemgetter
from typing import Any

import reactivex
from reactivex import Observer
from reactivex.internal import ArgumentOutOfRangeException, SequenceContainsNoElementsError
from reactivex.notification import OnCompleted, OnNext
from reactivex.operators._timeinterval import TimeInterval
from reactivex.operators._timestamp import Timestamp
from reactivex.testing import TestScheduler

import rxflow as rx
from rxflow import operators as ops
from rxflow.flow.registry import registered
from rxflow.testing import TestSubscriber
from tests.support import counted
from tests.support_together import together

NUMBERS = (3, 1, 1, 2, 5)
PAIRS = ((1, 2), (3, 4))
DICTS = ({"a": 1}, {"a": 2})
SIGNALS = (OnNext(1), OnNext(2), OnCompleted[int]())
CLOCK = TestScheduler()
ERROR = ValueError("from the source")
ROUNDS = 30  # more requests than any case needs


@dataclass(frozen=True)
class Case:
    """An operator, what it is given, and what it makes of it.

    Attributes:
        build: Makes the operator.
        gives: What it gives for the source.
        nothing: What it gives for an empty source, or the type of its error.
        source: The items of the source.
        looks_on: It cannot know with its last item that it was the last, so the end takes
            one request more.
    """

    build: Callable[[], Any]
    gives: tuple[Any, ...]
    nothing: tuple[Any, ...] | type[Exception] = ()
    source: tuple[Any, ...] = NUMBERS
    looks_on: bool = False


def odd(value: int) -> bool:
    return value % 2 == 1


def add(left: int, right: int) -> int:
    return left + right


def ignore(*_: Any) -> None: ...


NONE = SequenceContainsNoElementsError
LIST = list(NUMBERS)

CASES: dict[str, Case] = {
    "map": Case(lambda: ops.map(lambda x: x * 10), (30, 10, 10, 20, 50)),
    "map_indexed": Case(lambda: ops.map_indexed(lambda x, i: x * i), (0, 1, 2, 6, 20)),
    "starmap": Case(lambda: ops.starmap(add), (3, 7), source=PAIRS),
    "starmap_indexed": Case(
        lambda: ops.starmap_indexed(lambda x, i: (i, x)), ((2, 1), (4, 3)), source=PAIRS
    ),
    "pluck": Case(lambda: ops.pluck("a"), (1, 2), source=DICTS),
    "pluck_attr": Case(lambda: ops.pluck_attr("real"), NUMBERS),
    "filter": Case(lambda: ops.filter(odd), (3, 1, 1, 5)),
    "filter_indexed": Case(lambda: ops.filter_indexed(lambda _, i: i % 2 == 0), (3, 1, 5)),
    "ignore_elements": Case(ops.ignore_elements, (), looks_on=True),
    "distinct": Case(ops.distinct, (3, 1, 2, 5)),
    "distinct, late": Case(ops.distinct, (3, 1), source=(3, 1, 3, 1), looks_on=True),
    "distinct_until_changed": Case(
        ops.distinct_until_changed, (1, 2, 1), source=(1, 1, 2, 1, 1), looks_on=True
    ),
    "scan": Case(lambda: ops.scan(add), (3, 4, 5, 7, 12)),
    "scan, seed": Case(lambda: ops.scan(add, 10), (13, 14, 15, 17, 22)),
    "reduce": Case(lambda: ops.reduce(add), (12,), NONE),
    "reduce, seed": Case(lambda: ops.reduce(add, 10), (22,), (10,)),
    "count": Case(ops.count, (5,), (0,)),
    "count, predicate": Case(lambda: ops.count(odd), (4,), (0,)),
    "sum": Case(ops.sum, (12,), (0,)),
    "sum, key": Case(lambda: ops.sum(lambda x: x * 10), (120,), (0,)),
    "average": Case(ops.average, (2.4,), NONE),
    "min": Case(ops.min, (1,), NONE),
    "max": Case(ops.max, (5,), NONE),
    "to_list": Case(ops.to_list, (LIST,), ([],)),
    "to_iterable": Case(ops.to_iterable, (LIST,), ([],)),
    "to_set": Case(ops.to_set, ({1, 2, 3, 5},), (set[int](),)),
    "to_dict": Case(lambda: ops.to_dict(odd), ({True: 5, False: 2},), ({},)),
    "some": Case(ops.some, (True,), (False,)),
    "some, none": Case(lambda: ops.some(lambda x: x > 9), (False,), (False,)),
    "all": Case(lambda: ops.all(lambda x: x < 5), (False,), (True,)),
    "contains": Case(lambda: ops.contains(2), (True,), (False,)),
    "is_empty": Case(ops.is_empty, (False,), (True,)),
    "pairwise": Case(ops.pairwise, ((3, 1), (1, 1), (1, 2), (2, 5))),
    "buffer_with_count": Case(lambda: ops.buffer_with_count(2), ([3, 1], [1, 2], [5])),
    "buffer_with_count, overlapping": Case(
        lambda: ops.buffer_with_count(3, 2), ([3, 1, 1], [1, 2, 5], [5])
    ),
    "buffer_with_count, gaps": Case(lambda: ops.buffer_with_count(2, 3), ([3, 1], [2, 5])),
    "flat_map_iterable": Case(
        lambda: ops.flat_map_iterable(lambda x: [x] * (x - 1)), (3, 3, 2, 5, 5, 5, 5)
    ),
    "materialize": Case(
        ops.materialize, (*map(OnNext, NUMBERS), OnCompleted[int]()), (OnCompleted[int](),)
    ),
    "dematerialize": Case(ops.dematerialize, (1, 2), source=SIGNALS, looks_on=True),
    "do_action": Case(lambda: ops.do_action(ignore, ignore, ignore), NUMBERS),
    "tap": Case(lambda: ops.tap(ignore), NUMBERS),
    "do": Case(lambda: ops.do(Observer()), NUMBERS),
    "finally_action": Case(lambda: ops.finally_action(ignore), NUMBERS),
    "element_at": Case(lambda: ops.element_at(3), (2,), ArgumentOutOfRangeException),
    "element_at_or_default": Case(lambda: ops.element_at_or_default(9, "z"), ("z",), ("z",)),
    "first": Case(ops.first, (3,), NONE),
    "first, predicate": Case(lambda: ops.first(lambda x: x < 3), (1,), NONE),
    "first_or_default": Case(lambda: ops.first_or_default(lambda x: x > 9, "z"), ("z",), ("z",)),
    "last": Case(ops.last, (5,), NONE),
    "last_or_default": Case(lambda: ops.last_or_default("z"), (5,), ("z",)),
    "single": Case(lambda: ops.single(lambda x: x == 2), (2,), NONE),
    "single_or_default": Case(ops.single_or_default, (7,), (None,), source=(7,)),
    "default_if_empty": Case(lambda: ops.default_if_empty("z"), NUMBERS, ("z",)),
    "take": Case(lambda: ops.take(2), (3, 1)),
    "take_while": Case(lambda: ops.take_while(lambda x: x != 2), (3, 1, 1), looks_on=True),
    "take_while, inclusive": Case(lambda: ops.take_while(lambda x: x == 3, True), (3, 1)),
    "take_while_indexed": Case(
        lambda: ops.take_while_indexed(lambda _, i: i < 2), (3, 1), looks_on=True
    ),
    "take_last": Case(lambda: ops.take_last(3), (1, 2, 5)),
    "take_last_buffer": Case(lambda: ops.take_last_buffer(2), ([2, 5],), ([],)),
    "skip": Case(lambda: ops.skip(2), (1, 2, 5)),
    "skip_while": Case(lambda: ops.skip_while(lambda x: x != 1), (1, 1, 2, 5)),
    "skip_while_indexed": Case(lambda: ops.skip_while_indexed(lambda _, i: i < 2), (1, 2, 5)),
    "skip_last": Case(lambda: ops.skip_last(2), (3, 1, 1)),
    "timestamp": Case(
        lambda: ops.timestamp(CLOCK), tuple(Timestamp(x, CLOCK.now) for x in NUMBERS)
    ),
    "time_interval": Case(
        lambda: ops.time_interval(CLOCK),
        tuple(TimeInterval(x, CLOCK.now - CLOCK.now) for x in NUMBERS),
    ),
    "zip_with_iterable": Case(
        lambda: ops.zip_with_iterable("abcdef"), tuple(zip(NUMBERS, "abcde", strict=True))
    ),
    "zip_with_list": Case(
        lambda: ops.zip_with_list(["a", "b"]), ((3, "a"), (1, "b")), looks_on=True
    ),
    "start_with": Case(lambda: ops.start_with(8, 9), (8, 9, *NUMBERS), (8, 9)),
}

ROOMS = (
    *("mapping", "filtering", "taking", "skipping", "aggregating", "collecting", "picking"),
    *("deciding", "grouping", "observing", "notifying", "timing"),
)


def name_of(case: Case) -> str:
    return next(name for name, each in CASES.items() if each is case)


def every(names: Iterable[str] = CASES) -> Any:
    return together("case", [CASES[name] for name in names], name_of)


def one_at_a_time(probe: TestSubscriber) -> Iterator[int]:
    """Request one item as long as it has not ended; check that no more come (rule 1.1)."""
    for requested in range(1, ROUNDS):
        if probe.ended:
            return
        probe.request(1)
        assert len(probe.items) <= requested, "more than was requested"
        yield requested
    raise AssertionError("it does not end")


def finished(probe: TestSubscriber) -> TestSubscriber:
    for _ in one_at_a_time(probe):
        pass
    return probe


def test_every_synchronous_operator_is_here() -> None:
    rooms = [f"rxflow.operators.{room}" for room in ROOMS]
    native = {each.name for each in registered() if each.build.__module__ in rooms}
    here = {name.partition(",")[0] for name in CASES}
    assert here - native == {"zip_with_iterable", "zip_with_list", "start_with"}
    assert native <= here


# State.


@every()
def test_a_second_subscription_gives_the_same(case: Case) -> None:
    flow = rx.from_iterable(case.source).pipe(case.build())
    for _ in range(2):
        probe = TestSubscriber(rx.UNBOUNDED)
        flow.subscribe(probe)
        assert tuple(probe.items) == case.gives
        assert probe.completed
        assert probe.error is None


@every()
@together("shared", ["flow", "operator"])
def test_interleaved_subscriptions_share_no_state(case: Case, shared: str) -> None:
    operator = case.build()
    flows = [rx.from_iterable(case.source).pipe(operator) for _ in range(2)]
    first, second = TestSubscriber(), TestSubscriber()
    flows[0].subscribe(first)
    flows[0 if shared == "flow" else 1].subscribe(second)
    for _ in zip_longest(one_at_a_time(first), one_at_a_time(second)):
        pass
    for probe in (first, second):
        assert probe.error is None
        assert tuple(probe.items) == case.gives


@every()
def test_a_subscription_does_not_go_on_where_a_cancelled_one_stopped(case: Case) -> None:
    flow = rx.from_iterable(case.source).pipe(case.build())
    stopped = TestSubscriber(1)
    flow.subscribe(stopped)
    stopped.cancel()
    probe = TestSubscriber()
    flow.subscribe(probe)
    assert tuple(finished(probe).items) == case.gives


# Demand.


@every()
def test_no_operator_gives_more_than_was_requested(case: Case) -> None:
    for size in range(1, 4):
        probe = TestSubscriber()
        rx.from_iterable(case.source).pipe(case.build()).subscribe(probe)
        assert probe.items == []
        for wanted in range(size, ROUNDS, size):
            probe.request(size)
            assert tuple(probe.items) == case.gives[:wanted]
            assert probe.error is None
        assert probe.completed


@every()
def test_it_completes_with_its_last_item_where_that_is_known_to_be_the_last(case: Case) -> None:
    probe = TestSubscriber(len(case.gives))
    rx.from_iterable(case.source).pipe(case.build()).subscribe(probe)
    assert tuple(probe.items) == case.gives
    assert probe.completed is not case.looks_on
    probe.request(1)
    assert tuple(probe.items) == case.gives
    assert probe.completed


@every()
def test_over_an_empty_source_only_items_need_demand(case: Case) -> None:
    """An end needs none (rule 1.5); what a ``count`` gives is an item."""
    probe = TestSubscriber()
    rx.empty().pipe(case.build()).subscribe(probe)
    assert probe.items == []
    if isinstance(case.nothing, type):
        assert type(probe.error) is case.nothing
        return
    assert probe.completed is (case.nothing == ())
    assert tuple(finished(probe).items) == case.nothing
    assert probe.completed


@every()
def test_a_request_inside_of_on_next_is_served_after_it(case: Case) -> None:
    """Rules 1.3 and 3.3: serial signals, no recursion."""
    inside: list[Any] = []

    def ask(probe: TestSubscriber, item: Any) -> None:
        assert inside == []
        inside.append(item)
        probe.request(1)
        inside.clear()

    probe = TestSubscriber(1, ask)
    rx.from_iterable(case.source).pipe(case.build()).subscribe(probe)
    assert tuple(probe.items) == case.gives
    assert probe.completed
    assert inside == []


@every(name for name, case in CASES.items() if case.gives)
def test_a_cancel_inside_of_on_next_is_the_last_signal(case: Case) -> None:
    closed: list[int] = []

    def source() -> Iterator[Any]:
        try:
            yield from case.source
        finally:
            closed.append(1)

    def stop(probe: TestSubscriber, _: Any) -> None:
        probe.cancel()
        probe.request(5)

    items = source()
    probe = TestSubscriber(rx.UNBOUNDED, stop)
    rx.from_iterable(items).pipe(case.build()).subscribe(probe)
    assert probe.signals == ["on_subscribe", "on_next"]
    assert tuple(probe.items) == case.gives[:1]
    if case is not CASES["start_with"]:  # it has not subscribed to its source yet
        assert closed == [1]
        assert next(items, "at its end") == "at its end"


ONE_TO_ONE = (
    *("map", "map_indexed", "pluck_attr", "scan", "materialize", "do_action", "tap", "do"),
    *("finally_action", "default_if_empty", "timestamp", "time_interval", "zip_with_iterable"),
)
TAKEN: dict[str, Callable[[int], int]] = {
    **dict.fromkeys(ONE_TO_ONE, lambda n: n),
    "filter_indexed": lambda n: 2 * n - 1,
    "pairwise": lambda n: n + 1,
    "buffer_with_count": lambda n: 2 * n,
    "buffer_with_count, overlapping": lambda n: 2 * n + 1,
    "buffer_with_count, gaps": lambda n: 3 * n - 1,
    "skip": lambda n: n + 2,
    "skip_while_indexed": lambda n: n + 2,
    "skip_last": lambda n: n + 2,
    "start_with": lambda n: max(0, n - 2),
}
"""How many items of an endless source they need for a number of their own."""


@together(("name", "taken"), TAKEN.items(), itemgetter(0))
def test_upstream_is_asked_for_exactly_what_is_needed(
    name: str, taken: Callable[[int], int]
) -> None:
    source = counted(count())
    probe = TestSubscriber()
    rx.from_iterable(source).pipe(CASES[name].build()).subscribe(probe)
    assert source.asked == 0
    for requested in range(1, 6):
        probe.request(1)
        assert len(probe.items) == requested
        assert source.asked == taken(requested)
    probe.cancel()
    assert source.asked == taken(5)


# Sources of one item, and those that fail, as plain Rx has them.


def failing(items: Iterable[Any]) -> Iterator[Any]:
    yield from items
    raise ERROR


def plainly(items: Iterable[Any], operator: Any) -> tuple[list[Any], Exception | None]:
    """Give the items and the error of plain Rx."""
    got: list[Any] = []
    errors: list[Exception] = []
    reactivex.from_iterable(items).pipe(operator).subscribe(got.append, errors.append)
    return got, errors[0] if errors else None


# reactivex does not have the first, and has the second run the source on its scheduler.
STOCK = [name for name in CASES if name not in ("flat_map_iterable", "time_interval")]


@every(STOCK)
def test_a_source_of_one_item_is_as_in_plain_rx_one_at_a_time(case: Case) -> None:
    items, error = plainly(case.source[:1], case.build())
    probe = TestSubscriber()
    rx.from_iterable(iter(case.source[:1])).pipe(case.build()).subscribe(probe)
    assert finished(probe).items == items
    assert type(probe.error) is type(error)


@every(STOCK)
@together("length", [0, 1, 2, 4])
def test_items_before_a_failure_are_as_in_plain_rx_one_at_a_time(case: Case, length: int) -> None:
    source = case.source[:length]
    items, error = plainly(failing(source), case.build())
    probe = TestSubscriber()
    rx.from_iterable(failing(source)).pipe(case.build()).subscribe(probe)
    assert finished(probe).items == items
    assert probe.error is error


@every(STOCK)
def test_a_failure_that_is_there_from_the_beginning_needs_no_demand_for_itself(case: Case) -> None:
    items, error = plainly(failing(()), case.build())
    probe = TestSubscriber(len(items))
    rx.throw(ERROR).pipe(case.build()).subscribe(probe)
    if isinstance(case.nothing, tuple) and case.nothing:  # it may wait in place of an item
        finished(probe)
    assert probe.items == items
    assert probe.error is error
