"""group_join: which items a group gets, within which bounds, and that a stall is named."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest
from reactivex import Subject
from reactivex.scheduler import ImmediateScheduler
from reactivex.testing import TestScheduler

import rxflow as rx
from rxflow import operators as ops
from rxflow.testing import TestSubscriber
from tests.support import counted


def for_ever(_: Any) -> Any:
    return rx.never()


def no_time(_: Any) -> Any:
    return rx.empty()


def over_at_once() -> Any:
    return rx.empty(ImmediateScheduler())


def both(pair: Any) -> Any:
    item, others = pair
    return others.pipe(ops.map(lambda other: (item, other)))


def listed(pair: Any) -> Any:
    item, others = pair
    return others.pipe(ops.to_list(), ops.map(lambda items: (item, items)))


class Two:
    """Two sources that a test pushes into, what ends times, and a consumer for each group."""

    def __init__(
        self, demand: int = rx.UNBOUNDED, read: int | None = rx.UNBOUNDED, **options: Any
    ) -> None:
        self.clock = TestScheduler()
        self.left, self.right = Subject[Any](), Subject[Any]()
        self.times = dict[Any, Subject[Any]]()
        self.groups = dict[Any, Any]()
        self.readers = dict[Any, TestSubscriber[Any]]()
        self._read = read
        flow = self.left.pipe(
            ops.on_backpressure_buffer(99),
            ops.group_join(self.right, self._begin, self._begin, **options),
        )
        self.probe = TestSubscriber[Any](demand, self._opened)
        flow.subscribe(self.probe, scheduler=self.clock)

    def _begin(self, item: Any) -> Any:
        return self.times.setdefault(item, Subject())

    def _opened(self, _: Any, pair: Any) -> None:
        item, self.groups[item] = pair
        if self._read is not None:
            self.read(item, self._read)

    def read(self, item: Any, demand: int) -> TestSubscriber[Any]:
        reader = self.readers[item] = TestSubscriber[Any](demand)
        self.groups.pop(item).subscribe(reader)
        return reader

    def push(self, *items: Any) -> None:
        """Push letters into the first source, numbers into the other one."""
        for item in items:
            (self.left if isinstance(item, str) else self.right).on_next(item)

    @property
    def got(self) -> dict[Any, list[Any]]:
        return {item: reader.items for item, reader in self.readers.items()}

    @property
    def observed(self) -> list[Any]:
        """Tell whose time has not passed."""
        return [item for item, time in self.times.items() if time.observers]

    def assert_all_is_let_go_of(self) -> None:
        assert (self.left.observers, self.right.observers, self.observed) == ([], [], [])


# Which items a group gets.


def test_a_group_gets_the_items_that_are_open_when_it_begins_and_those_that_come() -> None:
    two = Two()
    two.push(1, 2, "a")
    assert two.got == {"a": [1, 2]}
    two.times[1].on_next("over")
    two.push("b", 3)
    assert two.got == {"a": [1, 2, 3], "b": [2, 3]}
    two.times["a"].on_completed()
    two.readers["a"].assert_completed(1, 2, 3)
    two.push(4)
    assert two.got["b"] == [2, 3, 4]
    assert two.observed == [2, "b", 3, 4]


def test_an_item_whose_time_is_over_at_once_goes_into_the_groups_that_are_open() -> None:
    two = Two()
    two.times[1] = over_at_once()  # type: ignore[assignment]
    two.push("a", 1, "b", 2)
    assert two.got == {"a": [1, 2], "b": [2]}


def test_a_group_whose_time_is_over_at_once_has_what_was_open() -> None:
    two = Two()
    two.times["a"] = over_at_once()  # type: ignore[assignment]
    two.push(1, None, "a", 2)
    two.readers["a"].assert_completed(1, None)


@pytest.mark.parametrize("demand", [1, rx.UNBOUNDED])
@pytest.mark.parametrize("flatten", [ops.flat_map, ops.concat_map])
def test_lists_are_joined_whole_whatever_the_demand(demand: int, flatten: Any) -> None:
    flow = rx.range(5).group_join(range(10, 17), for_ever, for_ever).pipe(flatten(listed))
    probe = TestSubscriber[Any](demand, request_each=int(demand == 1))
    flow.subscribe(probe)
    assert sorted(probe.items) == [(item, list(range(10, 17))) for item in range(5)]
    assert probe.completed


@pytest.mark.parametrize(("left", "right"), [((), (1,)), ((), ()), ((1,), ())])
def test_without_items_there_is_nothing_to_give(left: Any, right: Any) -> None:
    flow = rx.from_iterable(left).group_join(right, for_ever, for_ever)
    probe = TestSubscriber[Any](0)
    flow.flat_map(both).subscribe(probe)
    probe.request(9)
    probe.assert_completed()


# Times.


@pytest.mark.parametrize(("at", "got"), [(9.9, [5, 6]), (10.0, [5]), (10.1, [5])])
def test_a_group_ends_at_its_time_and_not_before(at: float, got: list[int]) -> None:
    two = Two()
    two.times["a"] = rx.timer(10.0, scheduler=two.clock)  # type: ignore[assignment]
    two.push("a", 5)
    two.clock.advance_to(at)
    two.push(6)
    assert two.got["a"] == got
    assert two.readers["a"].completed == (at >= 10)


@pytest.mark.parametrize(("at", "got"), [(9.9, [5]), (10.0, []), (10.1, [])])
def test_an_item_is_open_to_its_time_and_no_longer(at: float, got: list[int]) -> None:
    two = Two()
    two.times[5] = rx.timer(10.0, scheduler=two.clock)  # type: ignore[assignment]
    two.push(5)
    two.clock.advance_to(at)
    two.push("a")
    assert two.got["a"] == got


def test_times_pass_without_demand_also() -> None:
    two = Two(demand=1, read=1)
    two.times["a"] = rx.timer(10.0, scheduler=two.clock)  # type: ignore[assignment]
    two.times[5] = rx.timer(20.0, scheduler=two.clock)  # type: ignore[assignment]
    two.push("a", 5)
    assert two.got == {"a": [5]}
    two.clock.advance_to(10)
    two.readers["a"].assert_completed(5)
    assert two.probe.statistics["open items"].held == 1
    two.clock.advance_to(20)
    assert two.probe.statistics["open items"].held == 0
    assert two.probe.statistics["open items"].delivered == 1


# Demand and bounds.


def test_nothing_is_taken_before_demand_and_nothing_beyond_the_groups_asked_for() -> None:
    left, right = counted(count()), counted(())
    probe = TestSubscriber[Any](0)
    rx.from_iterable(left).group_join(right, for_ever, for_ever).subscribe(probe)
    assert (left.asked, right.asked) == (0, 0)
    for demand in (1, 2, 3):
        probe.request(1)
        assert (len(probe.items), left.taken) == (demand, demand)
    probe.cancel()
    assert left.closed == 1


def test_the_reader_of_a_group_has_one_group_more_begun_and_no_further_one() -> None:
    two = Two(demand=1)
    two.push("a", "b", "c", 1, 2)
    assert two.got == {"a": [1, 2]}
    assert two.probe.statistics["on_backpressure_buffer"].held == 1  # c; b waits to be asked for
    two.probe.request(1)
    assert two.got == {"a": [1, 2], "b": [1, 2]}
    assert two.probe.statistics["on_backpressure_buffer"].held == 0


@pytest.mark.parametrize("prefetch", [1, 3])
def test_a_group_holds_prefetch_items_and_both_sources_wait(prefetch: int) -> None:
    left, right = counted(count()), counted(count())
    probe = TestSubscriber[Any](1)
    flow = rx.from_iterable(left).group_join(right, for_ever, for_ever, prefetch=prefetch)
    flow.subscribe(probe)
    probe.request(1)
    assert right.taken <= prefetch + 1
    probe.request(99)
    assert right.taken == prefetch + 1
    held = [part.held for part in probe.subscription.statistics() if part.name == "group"]
    assert max(held) == prefetch
    assert left.taken <= right.taken + 1
    probe.cancel()
    assert (left.closed, right.closed) == (1, 1)
    for part in probe.subscription.statistics():
        lost = sum(part.dropped.values()) + part.discarded
        assert part.received == part.delivered + lost
        assert part.held == 0


@pytest.mark.parametrize("items", [("a", "b", "c"), (1, 2, 3)])
def test_more_open_items_of_a_source_than_capacity_overflow_and_say_so(items: Any) -> None:
    two = Two(capacity=2)
    two.push(*items[:2])
    two.probe.assert_open()
    two.push(items[2])
    error = two.probe.error
    assert isinstance(error, rx.BufferOverflowError)
    assert str(error).startswith("group_join(capacity=2) overflowed: 2 held, ")
    assert repr(items[2]) in str(error)
    for reader in two.readers.values():
        reader.assert_failed(error)
    parts = two.probe.subscription.statistics()
    assert [each.dropped for each in parts if each.dropped] == [{"overflow": 1}]
    two.assert_all_is_let_go_of()


def test_what_has_ended_makes_room() -> None:
    two = Two(capacity=1)
    for letter, number in zip("abcde", range(5), strict=True):
        two.push(letter, number)
        two.times[letter].on_next("over")
        two.times[number].on_next("over")
    two.probe.assert_open()
    assert two.got == {letter: [number] for letter, number in zip("abcde", range(5), strict=True)}
    figures = two.probe.statistics["open items"]
    assert (figures.received, figures.delivered, figures.peak) == (5, 5, 1)


def test_a_reader_that_leaves_makes_room_and_its_time_is_let_go_of() -> None:
    two = Two(capacity=1)
    two.push("a", 1)
    two.readers["a"].cancel()
    assert two.observed == [1]
    two.push("b")
    assert two.got == {"a": [1], "b": [1]}


def test_groups_that_are_filtered_out_are_let_go_of() -> None:
    flow = rx.range(500).group_join([7], for_ever, for_ever, capacity=2)
    assert list(flow.map(lambda pair: pair[0])) == list(range(500))


def test_many_groups_one_after_another_do_not_recurse() -> None:
    flow = rx.range(400).group_join(rx.of(7).concat(rx.never()), no_time, for_ever)
    probe = TestSubscriber[Any](1, request_each=1)
    flow.flat_map(both).subscribe(probe)
    assert probe.items[1:] == [(item, 7) for item in range(2, 400)][-len(probe.items[1:]) :]
    assert len(probe.items) >= 399
    assert probe.completed


# Stalls.


def test_known_trap_a_group_that_nobody_reads_is_named_instead_of_hanging() -> None:
    two = Two(read=None, prefetch=2, stalled=5.0)
    two.push("a", 1, 2, 3)
    two.clock.advance_to(4.999)
    two.probe.assert_open()
    two.clock.advance_to(5)
    error = two.probe.error
    assert isinstance(error, rx.GroupStalledError)
    assert (error.operator, error.key, error.held, error.subscribed) == (
        "group_join",
        "a",
        2,
        False,
    )
    assert "nobody has subscribed to it" in str(error)
    two.assert_all_is_let_go_of()
    two.read("a", 9).assert_failed(error, 1, 2)


def test_known_trap_a_reader_that_asks_for_no_more_is_named_too() -> None:
    two = Two(read=0, prefetch=1, stalled=5.0)
    two.push("a", "b", 1)
    two.readers["b"].request(9)
    two.push(2)
    two.clock.advance_to(6)
    error = two.probe.error
    assert isinstance(error, rx.GroupStalledError)
    assert (error.key, error.subscribed) == ("a", True)
    two.readers["b"].assert_failed(error, 1)


def test_a_stall_that_ends_in_time_is_none() -> None:
    two = Two(read=0, prefetch=1, stalled=5.0)
    two.push("a", 1, 2)
    two.clock.advance_to(4.9)
    two.readers["a"].request(1)
    two.clock.advance_to(100)
    two.readers["a"].request(1)
    two.probe.assert_open()
    assert two.got == {"a": [1, 2]}


def test_nothing_stalls_where_nobody_asks() -> None:
    two = Two(demand=1, read=1, prefetch=1, stalled=5.0)
    two.push("a", 1, 2, 3, 4)
    two.clock.advance_to(100)
    two.probe.assert_open()
    two.readers["a"].request(9)
    assert two.got == {"a": [1, 2, 3, 4]}


def test_known_trap_groups_read_one_after_another_that_last_until_the_next_one_do_not_hang() -> (
    None
):
    letters = Subject[str]()
    numbers = Subject[int]()
    shared = letters.pipe(ops.on_backpressure_buffer(9)).share()
    flow = shared.group_join(numbers, lambda _: shared, no_time)
    probe = TestSubscriber[Any](9)
    flow.concat_map(listed).subscribe(probe)
    for letter, number in zip("abcd", range(4), strict=True):
        letters.on_next(letter)
        numbers.on_next(number)
    assert probe.items == [("a", [0]), ("b", [1]), ("c", [2])]
    letters.on_completed()
    probe.assert_completed(("a", [0]), ("b", [1]), ("c", [2]), ("d", [3]))


def test_a_slow_reader_of_one_group_leaves_the_others_alone_while_it_has_room() -> None:
    two = Two(read=0, prefetch=3)
    two.push("a", "b", 1, 2, 3)
    two.readers["b"].request(9)
    assert two.got == {"a": [], "b": [1, 2, 3]}
    two.readers["a"].request(9)
    assert two.got["a"] == [1, 2, 3]


# Ends.


@pytest.mark.parametrize("demand", [1, 5])
def test_the_groups_go_on_when_the_source_of_groups_has_ended(demand: int) -> None:
    two = Two(demand)
    two.push("a")
    two.left.on_completed()
    assert two.probe.completed
    two.push(1, 2)
    two.times["a"].on_completed()
    two.readers["a"].assert_completed(1, 2)
    two.assert_all_is_let_go_of()


@pytest.mark.parametrize("demand", [0, 2, 9])
def test_the_groups_end_with_the_other_source_behind_what_they_hold(demand: int) -> None:
    two = Two(read=demand)
    two.push("a", 1, 2)
    two.right.on_completed()
    two.probe.assert_open()
    assert two.readers["a"].completed == (demand >= 2)
    two.readers["a"].request(9)
    two.readers["a"].assert_completed(1, 2)
    two.push("b")  # has what is still open, and nothing to wait for
    two.readers["b"].request(9)
    two.readers["b"].assert_completed(1, 2)
    two.left.on_completed()
    assert two.probe.completed
    two.assert_all_is_let_go_of()


def test_completion_needs_no_demand() -> None:
    two = Two(demand=0)
    two.left.on_completed()
    two.probe.assert_completed()
    two.assert_all_is_let_go_of()


@pytest.mark.parametrize("which", ["left", "right", "time of a", "time of 1"])
def test_any_failure_reaches_the_groups_behind_what_they_hold_and_cancels_all(which: str) -> None:
    two = Two(read=1)
    two.push("a", 1, 2)
    sources = {"left": two.left, "right": two.right}
    sources |= {"time of a": two.times["a"], "time of 1": two.times[1]}
    sources[which].on_error(KeyError(which))
    assert isinstance(two.probe.error, KeyError)
    two.readers["a"].assert_open()
    two.readers["a"].request(1)
    two.readers["a"].assert_failed(KeyError, 1, 2)
    two.assert_all_is_let_go_of()


@pytest.mark.parametrize("failing", ["a", 1])
def test_what_a_function_raises_ends_the_groups_and_cancels_all(failing: Any) -> None:
    def duration(item: Any) -> Any:
        if item == failing:
            raise KeyError(item)
        return rx.never()

    left, right = Subject[Any](), counted([1, 2])
    groups = list[TestSubscriber[Any]]()

    def read(_: Any, pair: Any) -> None:
        groups.append(TestSubscriber(9))
        pair[1].subscribe(groups[-1])

    probe = TestSubscriber[Any](9, read)
    left.pipe(ops.on_backpressure_buffer(9), ops.group_join(right, duration, duration)).subscribe(
        probe
    )
    left.on_next("a")
    assert isinstance(probe.error, KeyError)
    assert right.closed == 1
    assert left.observers == []
    for group in groups:
        assert group.error is probe.error


@pytest.mark.parametrize("last", ["groups", "a group"])
@pytest.mark.parametrize("demand", [0, 1, 9])
def test_the_last_to_cancel_lets_go_of_the_sources_and_all_times(demand: int, last: str) -> None:
    two = Two(read=demand)
    two.push("a", 1, "b", 2)
    consumers = [two.probe, *two.readers.values()]
    if last == "groups":
        consumers.reverse()
    for consumer in consumers:
        assert two.right.observers
        assert two.observed
        consumer.cancel()
    two.assert_all_is_let_go_of()
    assert [len(items) for items in two.got.values()] == [min(demand, 2)] * 2
    for part in two.probe.subscription.statistics() if last == "groups" else ():
        assert part.held == 0
        assert part.received == part.delivered + sum(part.dropped.values()) + part.discarded


def test_without_the_consumer_of_groups_no_further_one_is_begun() -> None:
    two = Two()
    two.push("a", 1)
    two.probe.cancel()
    two.push(2)
    assert two.left.observers == []
    assert two.got == {"a": [1, 2]}
    two.times["a"].on_next("over")
    two.readers["a"].assert_completed(1, 2)
    two.assert_all_is_let_go_of()


def test_a_group_has_one_consumer() -> None:
    two = Two()
    two.push("a", 1)
    flow = rx.of("a").group_join([1], for_ever, for_ever)
    [(_, group)] = list(flow.take(1))
    second = TestSubscriber[Any](1)
    group.subscribe(second)
    assert isinstance(second.error, RuntimeError)


def test_a_push_and_a_request_inside_of_an_item_are_served() -> None:
    two = Two(read=None)
    got = list[Any]()

    def again(probe: Any, item: Any) -> None:
        got.append(item)
        if item < 4:
            two.push(item + 1)
        probe.request(1)

    two.push("a")
    two.groups["a"].subscribe(TestSubscriber(1, again))
    two.push(1)
    assert got == [1, 2, 3, 4]


# Arguments.


def test_bad_arguments() -> None:
    async def duration(_: Any) -> Any: ...

    bad: Any
    for bad in (None, 3, duration):
        with pytest.raises(TypeError, match="group_join: left_duration_mapper"):
            ops.group_join([1], bad, for_ever)
        with pytest.raises(TypeError, match="group_join: right_duration_mapper"):
            ops.group_join([1], for_ever, bad)
    with pytest.raises(TypeError, match="group_join wants a Flow"):
        ops.group_join(3, for_ever, for_ever)  # type: ignore[arg-type]  # pyright: ignore
    for name in ("capacity", "prefetch"):
        for bad in (0, -1, 1.5):
            with pytest.raises(ValueError, match=f"group_join: {name}"):
                ops.group_join([1], for_ever, for_ever, **{name: bad})
    with pytest.raises(ValueError, match="group_join: stalled"):
        ops.group_join([1], for_ever, for_ever, stalled=-1)


def test_over_a_plain_observable_it_is_that_of_reactivex() -> None:
    got = list[Any]()
    letters = Subject[str]()
    numbers = Subject[int]()
    letters.pipe(ops.group_join(numbers, for_ever, no_time), ops.flat_map(both)).subscribe(
        got.append
    )
    letters.on_next("a")
    numbers.on_next(1)
    assert got == [("a", 1)]
    with pytest.raises(TypeError, match="group_join needs demand"):
        letters.pipe(ops.group_join(numbers, for_ever, no_time, prefetch=3))
