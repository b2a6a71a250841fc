"""What the synchronous operators make of odd items, odd arguments and odd numbers of items."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
import reactivex
from reactivex import Subject
from reactivex.internal import ArgumentOutOfRangeException, SequenceContainsNoElementsError
from reactivex.operators._timeinterval import TimeInterval
from reactivex.operators._timestamp import Timestamp
from reactivex.testing import TestScheduler

import rxflow as rx
from rxflow import operators as ops
from rxflow.testing import TestSubscriber
from tests.support import counted

NAN = float("nan")
ERROR = ValueError("from a callback")


def collected(items: Iterable[Any], *operators: Any) -> list[Any]:
    """Give all items; the stream must complete."""
    probe = outcome(items, *operators)
    assert probe.error is None
    assert probe.completed
    return probe.items


def outcome(items: Iterable[Any], *operators: Any, demand: int = rx.UNBOUNDED) -> TestSubscriber:
    probe = TestSubscriber(demand)
    rx.from_iterable(items).pipe(*operators).subscribe(probe)
    return probe


def raises(*_: Any) -> Any:
    raise ERROR


# distinct and distinct_until_changed.

ODD_ITEMS: dict[str, list[Any]] = {
    "without a hash": [[1], [2], [1], [1, 2], [2]],
    "with and without a hash": [frozenset({1}), {1}, {2}, frozenset({2}), {3}, {3}],
    "a list in a tuple": [(1, [2]), (1, [3]), (1, [2])],
    "one nan again and again": [NAN, NAN, 1.0, NAN],
    "several nans": [NAN, float("nan"), 1.0],
    "equal numbers of several types": [1, True, 1.0, 2, 0, False],
    "None": [None, None, 0, None],
}


@pytest.mark.parametrize("items", ODD_ITEMS.values(), ids=ODD_ITEMS)
@pytest.mark.parametrize("name", ["distinct", "distinct_until_changed"])
def test_odd_items_are_told_apart_as_in_plain_rx(name: str, items: list[Any]) -> None:
    expected: list[Any] = []
    reactivex.from_iterable(items).pipe(getattr(ops, name)()).subscribe(expected.append)
    got = collected(items, getattr(ops, name)())
    assert [id(item) for item in got] == [id(item) for item in expected]
    assert 0 < len(got) <= len(items)


def test_distinct_gives_a_nan_each_time_since_it_does_not_equal_itself() -> None:
    assert len(collected([NAN] * 3, ops.distinct())) == 3


def test_distinct_asks_its_comparer_with_the_key_seen_first() -> None:
    asked: list[tuple[int, int]] = []

    def same(seen: int, new: int) -> bool:
        asked.append((seen, new))
        return seen == new

    assert collected([10, 21, 32, 43], ops.distinct(lambda x: x % 10 // 2, same)) == [10, 32]
    assert asked == [(0, 0), (0, 1), (0, 1), (1, 1)]


def test_distinct_until_changed_compares_with_the_last_one_let_through() -> None:
    near = ops.distinct_until_changed(comparer=lambda a, b: abs(a - b) < 3)
    assert collected([1, 2, 3, 4, 5, 9, 7], near) == [1, 4, 9]


@pytest.mark.parametrize("name", ["distinct", "distinct_until_changed"])
def test_a_comparer_that_raises_is_not_asked_for_the_first_item(name: str) -> None:
    source = counted([1, 2, 3])
    probe = outcome(source, getattr(ops, name)(comparer=raises))
    assert probe.items == [1]
    assert probe.error is ERROR
    assert (source.taken, source.closed) == (2, 1)


# scan, reduce, min, max, average, and the like.


def test_a_seed_of_none_is_a_seed() -> None:
    def seen(before: Any, item: int) -> Any:
        return (before, item)

    assert collected([1, 2], ops.scan(seen, None)) == [(None, 1), ((None, 1), 2)]
    assert collected([1, 2], ops.reduce(seen, None)) == [((None, 1), 2)]
    assert collected([], ops.reduce(seen, None)) == [None]


def test_without_a_seed_the_accumulator_is_not_called_for_the_first_item() -> None:
    assert collected([None], ops.scan(raises)) == [None]
    assert collected([None], ops.reduce(raises)) == [None]


@pytest.mark.parametrize(
    "operator",
    [ops.average(), ops.min(), ops.max(), ops.reduce(max), ops.first(), ops.last(), ops.single()],
    ids=lambda it: it.name,
)
def test_what_there_is_none_of_is_an_error(operator: Any) -> None:
    probe = outcome([], operator)
    assert probe.signals == ["on_subscribe", "on_error"]
    assert isinstance(probe.error, SequenceContainsNoElementsError)


def test_min_and_max_give_the_first_of_equal_ones() -> None:
    words = ["bb", "a", "cc", "d"]

    def by_length(left: str, right: str) -> int:
        return len(left) - len(right)

    assert collected(words, ops.min(by_length)) == ["a"]
    assert collected(words, ops.max(by_length)) == ["bb"]
    assert [type(x) for x in collected([1, True, 1.0], ops.max())] == [int]


@pytest.mark.parametrize("name", ["min", "max"])
def test_items_without_a_difference_need_a_comparer(name: str) -> None:
    source = counted("ab")
    probe = outcome(source, getattr(ops, name)())
    assert isinstance(probe.error, TypeError)
    assert source.closed == 1
    assert collected("a", getattr(ops, name)()) == ["a"]


def test_average_takes_numbers_written_as_text() -> None:
    assert collected(["1", "2.5"], ops.average()) == [1.75]
    assert isinstance(outcome(["1", "x"], ops.average()).error, ValueError)


def test_a_key_without_a_hash_fails_to_dict_and_to_set() -> None:
    for operator in (ops.to_set(), ops.to_dict(lambda item: item)):
        source = counted([[1], [2]])
        assert isinstance(outcome(source, operator).error, TypeError)
        assert source.closed == 1


# buffer_with_count, take_last, skip_last.


@pytest.mark.parametrize("size", range(1, 5))
@pytest.mark.parametrize("skip", [None, 1, 2, 3, 4, 5])
def test_buffers_are_slices(size: int, skip: int | None) -> None:
    for length in range(8):
        items = list(range(length))
        slices = [items[at : at + size] for at in range(0, length, skip or size)]
        assert collected(items, ops.buffer_with_count(size, skip)) == slices


def test_a_partial_buffer_is_given_at_the_completion_only() -> None:
    subject: Subject[int] = Subject()
    probe = TestSubscriber(9)
    subject.pipe(ops.on_backpressure_buffer(9), ops.buffer_with_count(2)).subscribe(probe)
    for item in range(3):
        subject.on_next(item)
    assert probe.items == [[0, 1]]
    subject.on_completed()
    assert probe.items == [[0, 1], [2]]
    assert probe.completed


def test_lists_that_were_given_do_not_change_afterwards() -> None:
    for skip in (2, 1):
        probe = outcome(range(4), ops.buffer_with_count(2, skip), demand=1)
        probe.items[0].append("mine")
        probe.request(9)
        assert probe.items[1:] == ([[2, 3]] if skip == 2 else [[1, 2], [2, 3], [3]])


@pytest.mark.parametrize("number", [0, 1, 3, 4, 9])
def test_the_last_ones_are_slices_too(number: int) -> None:
    items = [1, 2, None, 4]
    at = max(0, len(items) - number)
    assert collected(items, ops.take_last(number)) == items[at:]
    assert collected(items, ops.take_last_buffer(number)) == [items[at:]]
    assert collected(items, ops.skip_last(number)) == items[:at]
    assert collected(items, ops.skip(number)) == items[number:]
    assert collected(items, ops.take(number)) == items[:number]


def test_a_whole_float_is_a_count() -> None:
    assert collected(range(9), ops.take(2.0), ops.skip(1.0)) == [1]  # type: ignore[arg-type]


# element_at, single.


def test_an_index_out_of_range_is_an_error_or_the_default() -> None:
    for index in (3, 4, 99):
        probe = outcome([1, 2, 3], ops.element_at(index))
        assert probe.items == []
        assert isinstance(probe.error, ArgumentOutOfRangeException)
        assert collected([1, 2, 3], ops.element_at_or_default(index)) == [None]
    assert collected([1, 2, None], ops.element_at(2)) == [None]


def test_element_at_reads_no_further_than_its_index() -> None:
    source = counted(count())
    assert collected(source, ops.element_at(3)) == [3]
    assert (source.taken, source.closed) == (4, 1)


@pytest.mark.parametrize(
    ("items", "predicate", "given"),
    [
        ([], None, SequenceContainsNoElementsError),
        ([None], None, [None]),
        ([1, 2], None, Exception),
        ([1, 2], lambda x: x > 2, SequenceContainsNoElementsError),
        ([1, 2], lambda x: x > 1, [2]),
        ([1, 2], lambda x: x > 0, Exception),
    ],
)
def test_single_wants_exactly_one(items: list[Any], predicate: Any, given: Any) -> None:
    probe = outcome(items, ops.single(predicate))
    default = outcome(items, ops.single_or_default(predicate, "z"))
    if isinstance(given, list):
        assert probe.items == default.items == given
    elif given is SequenceContainsNoElementsError:
        assert type(probe.error) is given
        assert default.items == ["z"]
    else:
        assert probe.items == default.items == []
        assert "more than one element" in str(probe.error)
        assert "more than one element" in str(default.error)


def test_single_reads_no_further_than_the_second_item() -> None:
    source = counted(count())
    assert "more than one" in str(outcome(source, ops.single()).error)
    assert (source.taken, source.closed) == (2, 1)


# pluck, dates, zip_with_iterable.


@pytest.mark.parametrize(
    ("operator", "items", "error"),
    [
        (ops.pluck("a"), [{"a": 1}, {"b": 2}, {"a": 3}], KeyError),
        (ops.pluck(0), [[1], [], [3]], IndexError),
        (ops.pluck("a"), [{"a": 1}, None], TypeError),
        (ops.pluck_attr("real"), [1, "text"], AttributeError),
    ],
)
def test_what_has_no_such_key_fails_behind_the_items(
    operator: Any, items: list[Any], error: type[Exception]
) -> None:
    source = counted(items)
    probe = outcome(source, operator)
    assert probe.items == [1]
    assert type(probe.error) is error
    assert (source.taken, source.closed) == (2, 1)


def at(clock: TestScheduler, time: int, action: Callable[[], Any]) -> None:
    clock.schedule_absolute(time, lambda *_: action())


def test_an_item_that_waited_is_stamped_when_it_is_taken() -> None:
    clock, subject = TestScheduler(), Subject[str]()
    stamped, intervals = TestSubscriber(1), TestSubscriber()
    doored = subject.pipe(ops.on_backpressure_buffer(9))
    at(clock, 200, lambda: doored.pipe(ops.timestamp(clock)).subscribe(stamped))
    at(clock, 200, lambda: doored.pipe(ops.time_interval(clock)).subscribe(intervals))
    at(clock, 210, lambda: subject.on_next("a"))
    at(clock, 220, lambda: subject.on_next("b"))
    at(clock, 230, lambda: intervals.request(1))
    at(clock, 270, lambda: (stamped.request(1), intervals.request(1)))
    clock.start()
    epoch = datetime.fromtimestamp(0, tz=stamped.items[0].timestamp.tzinfo)
    times = [each.timestamp - epoch for each in stamped.items]
    assert stamped.items[0] == Timestamp("a", stamped.items[0].timestamp)
    assert times[1] - times[0] == timedelta(seconds=60)
    assert intervals.items == [
        TimeInterval("a", timedelta(seconds=30)),
        TimeInterval("b", timedelta(seconds=40)),
    ]


def test_zip_with_iterable_advances_its_iterator_once_per_item() -> None:
    source, other = counted(count()), counted("abc")
    probe = outcome(source, ops.zip_with_iterable(other), demand=0)
    assert other.asked == 0
    for taken in range(1, 4):
        probe.request(1)
        assert (source.asked, other.asked) == (taken, taken)
    probe.request(1)
    assert probe.items == [(0, "a"), (1, "b"), (2, "c")]
    assert probe.completed
    assert source.closed == 1


def test_zip_with_iterable_fails_with_what_its_iterator_raises() -> None:
    source = counted(count())
    probe = outcome(source, ops.zip_with_iterable(1 // (1 - n) for n in range(3)))
    assert probe.items == [(0, 1)]
    assert isinstance(probe.error, ZeroDivisionError)
    assert source.closed == 1


def test_start_with_completes_with_its_last_item_when_the_source_is_empty() -> None:
    probe = outcome([], ops.start_with(None, 8), demand=2)
    assert probe.items == [None, 8]
    assert probe.completed


def test_start_with_gives_its_items_before_the_failure_of_the_source() -> None:
    probe = TestSubscriber(1)
    rx.throw(ERROR).pipe(ops.start_with(8, 9)).subscribe(probe)
    assert (probe.items, probe.error) == ([8], None)
    probe.request(1)
    assert (probe.items, probe.error) == ([8, 9], ERROR)


# What is asked for upstream, of a source that is told.

ALL = rx.UNBOUNDED

TOLD: list[tuple[Any, list[int], list[int]]] = [
    (ops.map(), [3, 1], [1, 1]),
    (ops.skip(2), [5, 1], [3, 1]),
    (ops.skip_last(2), [5, 1], [3, 1]),
    (ops.pairwise(), [4, 1], [2, 1]),
    (ops.buffer_with_count(2), [6, 2], [2, 2]),
    (ops.flat_map_iterable(lambda n: [n, n]), [1], [1]),
    (ops.take(2), [2], [1, 1]),
    (ops.element_at(3), [4], [4]),
    (ops.first(), [1], [1]),
    (ops.is_empty(), [1], [1]),
    (ops.take_last(2), [ALL], [ALL]),
    (ops.sum(), [ALL], [ALL]),
    (ops.to_list(), [ALL], [ALL]),
]
"""Operators; what they ask for when 3 items and one more are requested of them at once; and when
one is requested, and one more after what was asked for has come."""


@pytest.mark.parametrize(
    ("operator", "at_once", "step_by_step"), TOLD, ids=[each[0].name for each in TOLD]
)
def test_a_source_is_told_exactly_what_is_needed(
    operator: Any, at_once: list[int], step_by_step: list[int]
) -> None:
    for requests, served, expected in (((3, 1), False, at_once), ((1, 1), True, step_by_step)):
        asked: list[int] = []
        emitters: list[Any] = []

        def start(emitter: Any, asked: list[int] = asked, made: list[Any] = emitters) -> None:
            made.append(emitter)
            emitter.on_request(asked.append)

        probe = TestSubscriber()
        rx.create(start, overflow=rx.FAIL).pipe(operator).subscribe(probe)
        assert asked == []
        for index, n in enumerate(requests):
            probe.request(n)
            if served and index == 0:
                for item in range(min(asked[0], 9)):
                    emitters[0].try_offer(item)
                assert len(probe.items) == (0 if asked == [ALL] else 1)
        assert asked == expected
        assert probe.error is None
