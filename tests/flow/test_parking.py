"""Groups and windows that leave a run of stock operators."""

from itertools import count
from typing import Any

import pytest
from reactivex import operators as stock
from reactivex.subject import Subject

import rxflow as rx
from rxflow import operators as ops
from rxflow.testing import TestSubscriber
from tests.kernel.recorder import dropped_errors
from tests.support import counted


def test_a_group_that_is_read_later_has_lost_nothing() -> None:
    groups: list[Any] = list(rx.range(512).pipe(ops.group_by(lambda x: x % 2)))
    assert [group.key for group in groups] == [0, 1]
    assert [list(group) for group in groups] == [list(range(n, 512, 2)) for n in (0, 1)]


def test_a_group_that_nobody_reads_is_named_when_it_overflows() -> None:
    with dropped_errors() as errors:
        grouping = rx.lift(stock.group_by(lambda x: "ab"[x % 2]))
        groups: list[Any] = list(rx.range(514).pipe(grouping))
    assert [str(error) for error in errors] == [
        "group 'a'(capacity=256) overflowed: 256 held, 0 requested, item 512",
        "group 'b'(capacity=256) overflowed: 256 held, 0 requested, item 513",
    ]
    seen: list[Any] = []
    groups[0].subscribe(seen.append, seen.append)
    assert seen == [*range(0, 512, 2), errors[0]]


def test_a_group_that_is_read_at_once_is_not_bounded_by_its_buffer() -> None:
    seen: list[tuple[int, int]] = []

    def read(group: Any) -> None:
        group.subscribe(lambda item: seen.append((group.key, item)))

    with dropped_errors() as errors:
        rx.range(3000).pipe(ops.group_by(lambda x: x % 3)).subscribe(read)
    assert seen == [(n % 3, n) for n in range(3000)]
    assert errors == []


def test_behind_group_by_all_operators_join_its_run_until_the_groups_are_flattened() -> None:
    flow = rx.range(6_000).pipe(
        ops.group_by(lambda x: x % 3),
        ops.filter(lambda group: group.key != 1),
        ops.map(lambda group: group.pipe(ops.map(lambda x: (group.key, x)))),
        ops.merge_all(),
    )
    assert list(flow) == [(n % 3, n) for n in range(6_000) if n % 3 != 1]


@pytest.mark.parametrize(
    "windows_of_3",
    [ops.window_with_count(3), rx.lift(stock.window_with_count(3))],
    ids=["native", "lifted"],
)
def test_a_window_goes_on_when_the_outer_subscription_is_over(windows_of_3: Any) -> None:
    source: Subject[int] = Subject()
    windows: list[Any] = []
    seen: list[Any] = []
    outer = source.pipe(ops.on_backpressure_buffer(8), windows_of_3).subscribe(windows.append)
    source.on_next(1)
    windows[0].subscribe(seen.append, on_completed=lambda: seen.append("completed"))
    with dropped_errors() as errors:
        outer.dispose()
        source.on_next(2)
        source.on_next(3)
    assert seen == [1, 2, 3, "completed"]
    assert errors == []


@pytest.mark.parametrize("fails", [True, False])
def test_a_lifted_group_goes_on_to_the_end_of_its_source_when_the_outer_one_is_over(
    fails: bool,
) -> None:
    source, error = counted(range(1000)), KeyError("source")
    end = rx.throw(error) if fails else rx.empty()
    grouping = rx.lift(stock.group_by(lambda x: x % 2))
    heard: list[Any] = []
    outer: list[Any] = []

    def read(group: Any) -> None:
        group.subscribe(heard.append, heard.append, lambda: heard.append("completed"))
        outer[0].cancel()  # with the first one: nobody asks for another

    probe = TestSubscriber[Any](1, then=lambda _, group: read(group))
    outer.append(probe)
    with dropped_errors() as errors:
        rx.from_iterable(source).concat(end).pipe(grouping).subscribe(probe)
    assert len(probe.items) == 1
    assert heard == [*range(0, 1000, 2), error if fails else "completed"]
    assert source.taken == 1000
    assert errors == []  # the reader of the group has heard of it


def test_a_lifted_group_that_its_reader_leaves_too_lets_go_of_the_source() -> None:
    source: Subject[int] = Subject()
    grouping = rx.lift(stock.group_by(lambda x: 0))
    outer = TestSubscriber[Any](1)
    source.pipe(ops.on_backpressure_buffer(8), grouping).subscribe(outer)
    source.on_next(1)
    seen: list[int] = []
    reader = outer.items[0].subscribe(seen.append)
    outer.cancel()
    source.on_next(2)
    assert seen == [1, 2]
    assert source.observers
    reader.dispose()
    assert not source.observers


def test_the_items_of_lifted_groups_that_are_let_go_of_are_in_the_books() -> None:
    source: Subject[int] = Subject()
    probe = TestSubscriber(5)
    grouping = rx.lift(stock.group_by(lambda x: x % 2))
    source.pipe(ops.on_backpressure_buffer(8), grouping).subscribe(probe)
    for item in range(6):
        source.on_next(item)
    probe.cancel()
    groups = [probe.statistics[f"group {key}"] for key in (0, 1)]
    assert [(group.received, group.discarded, group.held) for group in groups] == [(3, 3, 0)] * 2


def test_a_group_that_nobody_reads_keeps_no_source_going() -> None:
    source = counted(count())
    probe = TestSubscriber(1)
    rx.from_iterable(source).pipe(ops.group_by(lambda x: x == 0), ops.take(1)).subscribe(probe)
    assert (probe.completed, source.taken, source.closed) == (True, 1, 1)

    source = counted(count())
    probe = TestSubscriber(1)
    rx.from_iterable(source).pipe(ops.group_by(lambda x: x == 0)).subscribe(probe)
    probe.cancel()
    assert (len(probe.items), source.taken, source.closed) == (1, 1, 1)


def test_the_items_of_groups_that_are_let_go_of_are_in_the_books() -> None:
    source: Subject[int] = Subject()
    probe = TestSubscriber(5)
    source.pipe(ops.on_backpressure_buffer(8), ops.group_by(lambda x: x % 2)).subscribe(probe)
    for item in range(6):
        source.on_next(item)
    probe.cancel()
    groups = [probe.statistics[f"group {key}"] for key in (0, 1)]
    assert [(group.received, group.discarded, group.held) for group in groups] == [(3, 3, 0)] * 2
