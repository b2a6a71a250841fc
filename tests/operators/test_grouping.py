"""group_by and group_by_until: bounded, in order, and a stall is named."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
from reactivex import GroupedObservable
from reactivex.subject import Subject
from reactivex.testing import TestScheduler

import rxflow as rx
from rxflow import operators as ops
from rxflow.testing import TestSubscriber, run_virtual
from tests.support import counted


def parity(x: int) -> int:
    return x % 2


def itself(group: Any) -> Any:
    return group


class Stream:
    """group_by, with a hot source, and a consumer for each group, that a test drives."""

    def __init__(self, *operators: Any, demand: int = rx.UNBOUNDED, read: int | None = 0) -> None:
        self.clock = TestScheduler()
        self.source: Subject[Any] = Subject()
        self.groups: list[Any] = []
        self.readers: dict[Any, TestSubscriber[Any]] = {}
        self._read = read
        flow = self.source.pipe(ops.on_backpressure_buffer(100), *operators)
        self.probe: TestSubscriber[Any] = TestSubscriber(demand, self._opened)
        rx.defer(lambda _: flow).subscribe(self.probe, scheduler=self.clock)

    def _opened(self, _: Any, group: Any) -> None:
        self.groups.append(group)
        if self._read is not None:
            self.read(group, self._read)

    def read(self, group: Any, demand: int) -> TestSubscriber[Any]:
        reader = self.readers[group.key] = TestSubscriber[Any](demand)
        group.subscribe(reader)
        return reader

    def push(self, *items: Any) -> None:
        for item in items:
            self.source.on_next(item)

    @property
    def waiting(self) -> int:
        """What waits before group_by (items)."""
        return self.probe.statistics["on_backpressure_buffer"].held


def test_fewer_consumers_than_groups_do_no_harm_where_the_rooms_are_large_enough() -> None:
    flow = rx.range(90).pipe(ops.group_by(lambda x: x % 3), ops.flat_map(itself, max_concurrency=1))
    assert list(flow) == [n for key in range(3) for n in range(key, 90, 3)]


def test_a_consumer_that_asks_for_no_more_is_named_too() -> None:
    stream = Stream(ops.group_by(parity, prefetch=2, stalled=5.0))
    stream.push(0, 1)
    stream.readers[0].request(9)
    stream.push(3, 5, 2)
    stream.clock.advance_to(4.999)
    stream.probe.assert_open()
    stream.clock.advance_to(5)
    error = stream.probe.error
    assert isinstance(error, rx.GroupStalledError)
    assert (error.key, error.held, error.subscribed) == (1, 2, True)
    assert "its consumer asks for no more" in str(error)
    stream.readers[0].assert_failed(error, 0)
    stream.readers[1].request(9)  # what its group holds comes before the error
    stream.readers[1].assert_failed(error, 1, 3)
    assert not stream.source.observers


def test_a_stall_that_ends_in_time_is_none() -> None:
    stream = Stream(ops.group_by(parity, prefetch=1, stalled=5.0))
    stream.push(1, 3, 0)
    stream.clock.advance_to(4)
    stream.readers[1].request(1)
    stream.clock.advance_to(8)
    stream.readers[1].request(1)
    stream.clock.advance_to(100)
    stream.probe.assert_open()
    assert stream.readers[1].items == [1, 3]
    assert stream.readers[0].subscribed


def test_nothing_stalls_where_nobody_asks() -> None:
    stream = Stream(ops.group_by(parity, prefetch=1, stalled=5.0), demand=1)
    stream.push(1, 3, 5)
    stream.clock.advance_to(100)
    stream.probe.assert_open()


def test_without_a_patience_others_wait_for_ever() -> None:
    stream = Stream(ops.group_by(parity, prefetch=1, stalled=None))
    stream.push(1, 3, 0)
    stream.clock.advance_to(1e6)
    stream.probe.assert_open()
    assert stream.waiting == 1  # and one more is on its way


# Bounds.


@pytest.mark.parametrize("prefetch", [1, 3])
def test_a_group_holds_prefetch_items_and_upstream_waits(prefetch: int) -> None:
    source = counted(count(1, 2))
    outer: TestSubscriber[Any] = TestSubscriber(rx.UNBOUNDED)
    rx.from_iterable(source).pipe(ops.group_by(parity, prefetch=prefetch)).subscribe(outer)
    assert source.taken == prefetch + 1
    figures = outer.statistics
    assert (figures["group 1"].held, figures["group 1"].peak) == (prefetch, prefetch)
    assert (figures["group_by"].held, figures["group_by"].received) == (1, prefetch + 1)
    outer.cancel()
    assert source.closed == 1
    assert outer.statistics["group 1"].discarded == prefetch
    assert outer.statistics["group_by"].dropped == {"cancelled": 1}


def test_nothing_is_pulled_before_there_is_demand_and_nothing_beyond_it() -> None:
    source = counted(count())
    probe = TestSubscriber()
    rx.from_iterable(source).pipe(ops.group_by(parity), ops.flat_map(itself)).subscribe(probe)
    assert source.asked == 0
    for demand in (1, 2, 3):
        probe.request(1)
        assert source.taken == demand
    probe.cancel()
    assert source.closed == 1


def test_no_more_than_max_groups_are_open_and_the_error_names_the_key() -> None:
    flow = rx.range(9).pipe(ops.group_by(itself, max_groups=3))
    probe: TestSubscriber[Any] = TestSubscriber(rx.UNBOUNDED)
    flow.subscribe(probe)
    assert [group.key for group in probe.items] == [0, 1, 2]
    assert isinstance(probe.error, rx.TooManyGroupsError)
    assert (probe.error.max_groups, probe.error.key) == (3, 3)
    assert "group_by(max_groups=3) has no room for a group 3" in str(probe.error)


def test_groups_that_nobody_has_asked_for_wait() -> None:
    stream = Stream(ops.group_by(itself), demand=1)
    stream.push("a")
    stream.readers["a"].request(9)
    stream.push("b", "c", "a")
    assert [group.key for group in stream.groups] == ["a"]
    assert stream.readers["a"].items == ["a", "a"]
    stream.probe.request(2)
    assert [group.key for group in stream.groups] == ["a", "b", "c"]


# Order.


@pytest.mark.parametrize("modulus", [1, 2, 7])
@pytest.mark.parametrize("demand", [1, 3, rx.UNBOUNDED])
def test_groups_that_are_flattened_come_in_the_order_of_their_items(
    modulus: int, demand: int
) -> None:
    probe = TestSubscriber(demand, request_each=demand)
    keys = ops.group_by(lambda x: x * x % modulus)
    rx.range(500).pipe(keys, ops.flat_map(itself)).subscribe(probe)
    probe.assert_completed(*range(500))


def test_a_stage_between_does_not_change_the_order_or_the_bound() -> None:
    source = counted(range(300))
    flow = rx.from_iterable(source).pipe(
        ops.group_by(lambda x: x % 5, prefetch=1),
        ops.map(lambda group: group.pipe(ops.map(lambda x: (group.key, x)))),
        ops.merge_all(prefetch=1),
    )
    assert list(flow) == [(n % 5, n) for n in range(300)]


def test_groups_that_are_read_one_by_one_as_they_come_get_their_items_in_order() -> None:
    seen: list[int] = []
    rx.range(2000).pipe(ops.group_by(lambda x: x % 7)).subscribe(
        lambda group: group.subscribe(seen.append)
    )
    assert seen == list(range(2000))


def test_each_group_has_a_task_of_its_own_and_a_slow_one_keeps_to_itself() -> None:
    async def main() -> dict[int, list[float]]:
        loop = asyncio.get_running_loop()
        done: dict[int, list[float]] = {0: [], 1: []}

        async def read(group: Any) -> None:
            async for _ in group:
                await asyncio.sleep(10.0 if group.key else 1.0)
                done[group.key].append(loop.time() - start)

        start = loop.time()
        async with asyncio.TaskGroup() as tasks:
            async for group in rx.range(20).pipe(ops.group_by(parity)):
                tasks.create_task(read(group))
        return done

    done = run_virtual(main())
    assert done[0] == pytest.approx([1.0 * n for n in range(1, 11)])
    assert done[1] == pytest.approx([10.0 * n for n in range(1, 11)])


# Who reads, and who does not.


def test_a_group_that_was_filtered_out_keeps_nobody_waiting() -> None:
    flow = rx.range(5000).pipe(
        ops.group_by(lambda x: x % 3, prefetch=2),
        ops.filter(lambda group: group.key != 1),
        ops.flat_map(itself),
    )
    assert list(flow) == [n for n in range(5000) if n % 3 != 1]


def test_what_comes_for_a_group_whose_consumer_has_left_is_dropped_and_counted() -> None:
    stream = Stream(ops.group_by(parity), read=9)
    stream.push(1, 3)
    stream.readers[1].cancel()
    stream.push(5, 0, 7)
    assert [group.key for group in stream.groups] == [1, 0]
    assert stream.readers[1].items == [1, 3]
    figures = stream.probe.statistics["group_by"]
    assert figures.dropped == {"cancelled": 2}
    assert (figures.received, figures.delivered, figures.held) == (5, 3, 0)


def test_take_in_a_group_gives_each_key_once() -> None:
    flow = rx.range(40).pipe(
        ops.group_by(lambda x: x % 4), ops.flat_map(lambda group: group.pipe(ops.take(1)))
    )
    assert list(flow) == [0, 1, 2, 3]


def test_a_group_has_one_consumer_and_a_second_one_is_told() -> None:
    stream = Stream(ops.group_by(parity), read=9)
    stream.push(1)
    second = TestSubscriber[Any](9)
    stream.groups[0].subscribe(second)
    assert "has a consumer already" in str(second.error)
    stream.push(3)
    assert stream.readers[1].items == [1, 3]


def test_the_groups_that_are_read_go_on_without_the_consumer_of_the_groups() -> None:
    stream = Stream(ops.group_by(parity), read=9)
    stream.push(1)
    stream.probe.cancel()
    stream.push(3, 2, 5)
    assert stream.readers[1].items == [1, 3, 5]
    assert stream.source.observers
    stream.readers[1].cancel()
    assert not stream.source.observers


def test_cancel_of_the_groups_lets_go_of_those_that_nobody_reads() -> None:
    stream = Stream(ops.group_by(parity), read=None)
    stream.push(1, 3, 2)
    stream.probe.cancel()
    assert not stream.source.observers
    figures = stream.probe.statistics
    assert (figures["group 1"].discarded, figures["group 0"].discarded) == (2, 1)


def test_a_group_is_a_grouped_observable_of_reactivex() -> None:
    stream = Stream(ops.group_by(parity), read=None)
    stream.push(1)
    assert isinstance(stream.groups[0], GroupedObservable)
    assert isinstance(stream.groups[0], rx.GroupedFlow)
    assert isinstance(stream.groups[0], rx.Flow)


# The end.


def test_completion_completes_the_groups_behind_what_they_hold() -> None:
    stream = Stream(ops.group_by(parity), read=0)
    stream.push(1, 3)
    stream.source.on_completed()
    assert stream.probe.completed
    reader = stream.readers[1]
    reader.assert_open()
    reader.request(1)
    reader.assert_items(1)
    reader.request(1)
    reader.assert_completed(1, 3)


def test_completion_needs_no_demand() -> None:
    probe = TestSubscriber[Any]()
    rx.empty().pipe(ops.group_by(parity)).subscribe(probe)
    probe.assert_completed()


def test_a_failure_reaches_the_groups_behind_what_they_hold() -> None:
    stream = Stream(ops.group_by(parity), read=0)
    stream.push(1)
    stream.source.on_error(KeyError("gone"))
    stream.probe.assert_failed(KeyError, *stream.groups)
    stream.readers[1].request(1)
    stream.readers[1].assert_failed(KeyError, 1)


@pytest.mark.parametrize("demand", [1, rx.UNBOUNDED])
def test_a_failure_of_a_function_ends_all_groups_and_cancels_upstream(demand: int) -> None:
    def key(x: int) -> int:
        if x == 3:
            raise KeyError("no key")
        return x % 2

    source = counted(count())
    probe = TestSubscriber[Any](demand, request_each=demand)
    rx.from_iterable(source).pipe(ops.group_by(key), ops.flat_map(itself)).subscribe(probe)
    probe.assert_failed(KeyError, 0, 1, 2)
    assert source.closed == 1


def test_a_request_and_a_push_inside_of_on_next_are_served() -> None:
    source: Subject[int] = Subject()

    def again(probe: TestSubscriber[int], item: int) -> None:
        if item < 5:
            source.on_next(item + 1)
        probe.request(1)

    probe = TestSubscriber(1, again)
    pipe = (ops.on_backpressure_buffer(9), ops.group_by(parity), ops.flat_map(itself))
    source.pipe(*pipe).subscribe(probe)
    source.on_next(0)
    probe.assert_items(0, 1, 2, 3, 4, 5)
    assert probe.depth == 1


# Time.


@pytest.mark.parametrize(("time", "open_again"), [(9.999, False), (10, True), (10.001, True)])
def test_an_idle_group_is_completed_and_opened_anew(time: float, open_again: bool) -> None:
    stream = Stream(ops.group_by(parity, idle=10.0), read=9)
    stream.push(1)
    first = stream.readers[1]
    stream.clock.advance_to(time)
    assert first.completed is open_again
    stream.push(3)
    assert len(stream.groups) == 1 + open_again
    assert first.items == ([1] if open_again else [1, 3])
    assert stream.readers[1].items == ([3] if open_again else [1, 3])


def test_a_group_with_items_is_not_idle_and_expired_ones_make_room() -> None:
    stream = Stream(ops.group_by(itself, idle=10.0, max_groups=2), read=99)
    for time in range(0, 50, 5):
        stream.clock.advance_to(time)
        stream.push("busy")
    stream.push("a")
    stream.clock.advance_to(54)
    stream.push("busy")
    assert [group.key for group in stream.groups] == ["busy", "a"]
    stream.clock.advance_to(60)
    stream.push("b")
    assert [group.key for group in stream.groups] == ["busy", "a", "b"]
    stream.probe.assert_open()


def test_group_by_until_ends_a_group_with_an_item_of_its_own() -> None:
    stream = Stream(
        ops.group_by_until(itself, None, lambda group: group.pipe(rx.operators.skip(2))), read=99
    )
    stream.push("a", "a", "a", "a", "a")
    assert [group.key for group in stream.groups] == ["a", "a"]
    assert stream.readers["a"].items == ["a", "a"]


def test_the_durations_are_let_go_of_at_the_end() -> None:
    durations: list[Subject[Any]] = []

    def duration(_: Any) -> Subject[Any]:
        durations.append(Subject())
        return durations[-1]

    stream = Stream(ops.group_by_until(parity, None, duration), read=9)
    stream.push(1, 2)
    durations[0].on_next("end")
    assert [len(each.observers) for each in durations] == [0, 1]
    assert stream.readers[1].completed
    stream.probe.cancel()
    for reader in stream.readers.values():
        reader.cancel()
    assert not durations[1].observers


def test_with_a_subject_of_ones_own_the_operator_of_reactivex_is_lifted() -> None:
    made: list[Subject[int]] = []

    def subject() -> Subject[int]:
        made.append(Subject())
        return made[-1]

    flow = rx.range(6).pipe(ops.group_by(parity, None, subject), ops.flat_map(itself))
    assert list(flow) == list(range(6))
    assert len(made) == 2


@pytest.mark.parametrize(
    ("build", "error", "words"),
    [
        (lambda: ops.group_by(None), TypeError, "key_mapper must be callable"),  # type: ignore
        (lambda: ops.group_by(asyncio.sleep), TypeError, "async function"),
        (lambda: ops.group_by(parity, 3), TypeError, "element_mapper must be callable"),  # type: ignore
        (lambda: ops.group_by(parity, max_groups=0), ValueError, "max_groups must be at least 1"),
        (lambda: ops.group_by(parity, prefetch=0), ValueError, "prefetch must be at least 1"),
        (lambda: ops.group_by(parity, idle=-1), ValueError, "idle must not be negative"),
        (lambda: ops.group_by(parity, stalled="x"), TypeError, "stalled must be seconds"),  # type: ignore
        (lambda: ops.group_by_until(parity, None, None), TypeError, "duration_mapper"),  # type: ignore
    ],
)
def test_a_wrong_argument_raises_when_the_pipeline_is_built(
    build: Callable[[], Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        build()


def test_one_group_of_an_endless_source_can_be_read_alone() -> None:
    source = counted(count())
    reader = TestSubscriber[int]()
    groups = TestSubscriber[Any](1, lambda _, group: group.subscribe(reader))
    rx.from_iterable(source).pipe(ops.group_by(parity, prefetch=4), ops.take(1)).subscribe(groups)
    assert groups.completed
    reader.request(50)
    assert reader.items == list(range(0, 100, 2))
    assert source.taken == 99
    reader.cancel()
    assert source.closed == 1


def test_a_group_that_was_let_go_of_says_so() -> None:
    groups = TestSubscriber[Any](1)
    rx.range(9).pipe(ops.group_by(parity), ops.take(1)).subscribe(groups)
    reader = TestSubscriber[int](9)
    groups.items[0].subscribe(reader)
    reader.assert_failed(RuntimeError)
    assert "was let go of when the consumer of group_by left" in str(reader.error)
