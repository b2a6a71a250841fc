"""extrapolate, expand_latest and keep_alive: a consumer that is faster than its source."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import count, islice, repeat
from typing import Any

import pytest
from reactivex import Subject
from reactivex.testing import TestScheduler

import rxflow as rx
from rxflow import operators as ops
from rxflow.protocol import UNBOUNDED
from rxflow.testing import TestSubscriber, run_virtual


def behind(operator: Any, demand: int = 0) -> tuple[Subject[Any], TestSubscriber[Any]]:
    subject: Subject[Any] = Subject()
    probe: TestSubscriber[Any] = TestSubscriber(demand)
    subject.pipe(ops.on_backpressure_buffer(99), operator).subscribe(probe)
    return subject, probe


def tens(item: int) -> Iterator[int]:
    return count(10 * item + 1)


def test_extrapolated_items_follow_each_item_as_far_as_they_are_asked_for():
    subject, probe = behind(ops.extrapolate(tens))
    probe.request(2)
    probe.assert_items()
    subject.on_next(1)
    probe.assert_items(1, 11)
    probe.request(2)
    probe.assert_items(1, 11, 12, 13)
    subject.on_next(2)
    probe.request(2)
    probe.assert_items(1, 11, 12, 13, 2, 21)
    subject.on_completed()
    probe.assert_completed(1, 11, 12, 13, 2, 21)


def test_no_item_of_the_source_is_lost():
    subject, probe = behind(ops.extrapolate(tens))
    for item in range(5):
        subject.on_next(item)
    subject.on_completed()
    probe.request(4)
    probe.assert_items(0, 1, 2, 3)
    probe.request(1)
    probe.assert_completed(0, 1, 2, 3, 4)


def test_an_iterable_that_ends_is_waited_behind():
    subject, probe = behind(ops.extrapolate(lambda x: [x, x]), demand=9)
    subject.on_next(1)
    probe.assert_items(1, 1, 1)
    subject.on_next(2)
    probe.assert_items(1, 1, 1, 2, 2, 2)


def test_the_initial_item_stands_for_one_before_the_first():
    subject, probe = behind(ops.extrapolate(tens, 0), demand=1)
    probe.assert_items(0)
    subject.on_next(7)
    probe.request(2)
    probe.assert_items(0, 7, 71)


def test_none_is_an_item():
    subject, probe = behind(ops.expand_latest(repeat), demand=2)
    subject.on_next(None)
    probe.assert_items(None, None)


@pytest.mark.parametrize(
    ("operator", "items"),
    [
        (ops.extrapolate(tens), [1, 2]),
        (ops.extrapolate(tens, 0), [0, 1, 2]),
        (ops.expand_latest(repeat), [1, 2]),
    ],
)
def test_a_consumer_that_asks_for_everything_is_not_given_items_for_ever(
    operator: Any, items: list[int]
):
    subject, probe = behind(operator, demand=UNBOUNDED)
    subject.on_next(1)
    subject.on_next(2)
    probe.assert_items(*items)
    subject, probe = behind(operator)
    probe.request(UNBOUNDED)
    subject.on_next(1)
    subject.on_next(2)
    subject.on_completed()
    probe.assert_completed(*items)


def test_the_latest_item_is_expanded_until_the_next_one():
    subject, probe = behind(ops.expand_latest(repeat), demand=3)
    subject.on_next(1)
    probe.assert_items(1, 1, 1)
    subject.on_next(2)
    subject.on_next(3)
    probe.request(3)
    probe.assert_items(1, 1, 1, 2, 3, 3)  # each at least once


def test_an_item_with_nothing_to_expand_is_passed_over():
    subject, probe = behind(ops.expand_latest(lambda x: range(x)), demand=9)
    for item in (0, 2, 0, 1):
        subject.on_next(item)
    probe.assert_items(0, 1, 0)


@pytest.mark.parametrize("operator", [ops.extrapolate, ops.expand_latest])
def test_the_generator_of_an_item_is_closed_when_the_next_one_comes(operator: Any):
    closed: list[int] = []

    def again(item: int) -> Iterator[int]:
        try:
            while True:
                yield item
        finally:
            closed.append(item)

    subject, probe = behind(operator(again), demand=3)
    subject.on_next(1)
    assert closed == []
    subject.on_next(2)
    probe.request(3)
    assert closed == [1]
    probe.cancel()
    assert closed == [1, 2]


@pytest.mark.parametrize("operator", [ops.extrapolate, ops.expand_latest])
def test_what_the_function_or_its_iterable_raises_ends_the_stream(operator: Any):
    def fails(item: int) -> Iterator[int]:
        yield item
        raise KeyError(item)

    subject, probe = behind(operator(fails), demand=9)
    subject.on_next(1)
    assert isinstance(probe.error, KeyError)
    assert subject.observers == []
    subject, probe = behind(operator(lambda item: 1 / 0), demand=9)
    subject.on_next(1)
    assert isinstance(probe.error, ZeroDivisionError)
    assert subject.observers == []


@pytest.mark.parametrize(
    "operator", [ops.extrapolate(tens), ops.expand_latest(repeat), ops.keep_alive(5.0, object)]
)
def test_the_end_and_a_failure_need_no_demand(operator: Any):
    subject, probe = behind(operator)
    subject.on_completed()
    probe.assert_completed()
    subject, probe = behind(operator)
    subject.on_error(ValueError("broken"))
    assert isinstance(probe.error, ValueError)


def test_a_loop_that_is_faster_than_its_source_sees_every_item():
    async def main() -> list[Any]:
        flow = rx.from_async_iterable(slow()).pipe(ops.extrapolate(lambda x: repeat(f"~{x}")))
        seen: list[Any] = []
        async for item in flow:
            seen.append(item)
            await asyncio.sleep(0.4)
        return seen

    async def slow() -> Any:
        for item in range(3):
            await asyncio.sleep(1.0)
            yield item

    seen = run_virtual(main())
    assert [item for item in seen if isinstance(item, int)] == [0, 1, 2]
    assert seen[0] == 0
    assert len(seen) > 5
    assert seen.count("~0") in (2, 3)


def test_only_what_is_asked_for_is_pulled_from_an_endless_source():
    pulled: list[int] = []

    def numbers() -> Iterator[int]:
        for n in count():
            pulled.append(n)
            yield n

    flow = rx.from_iterable(numbers()).pipe(ops.expand_latest(repeat))
    assert list(islice(flow, 3)) == [0, 1, 2]
    assert pulled == [0, 1, 2]


# keep_alive.


class Kept:
    """A Subject behind keep_alive(4.0), on virtual time."""

    def __init__(self, demand: int = UNBOUNDED) -> None:
        self.clock = TestScheduler()
        self.made = 0
        self.subject: Subject[Any] = Subject()
        self.probe: TestSubscriber[Any] = TestSubscriber(demand)
        flow = self.subject.pipe(
            ops.on_backpressure_buffer(9), ops.keep_alive(4.0, self.make, self.clock)
        )
        flow.subscribe(self.probe)

    def make(self) -> str:
        self.made += 1
        return f"?{self.made}"

    def at(self, time: float) -> list[Any]:
        self.clock.advance_to(time)
        return self.probe.items


def test_a_silent_source_is_spoken_for_at_the_moment_the_time_is_over():
    kept = Kept()
    assert kept.at(3.999) == []
    assert kept.at(4.0) == ["?1"]
    assert kept.at(7.999) == ["?1"]
    assert kept.at(8.0) == ["?1", "?2"]


def test_an_item_begins_the_silence_anew():
    kept = Kept()
    kept.at(3.5)
    kept.subject.on_next("a")
    assert kept.at(7.499) == ["a"]
    assert kept.at(7.5) == ["a", "?1"]


def test_one_item_is_given_after_a_silence_without_demand():
    kept = Kept(demand=0)
    assert kept.at(50.0) == []
    assert kept.made == 0
    kept.probe.request(3)
    assert kept.probe.items == ["?1"]
    assert kept.at(53.999) == ["?1"]
    assert kept.at(54.0) == ["?1", "?2"]


def test_the_items_of_the_source_come_before_one_in_their_place():
    kept = Kept(demand=0)
    kept.at(50.0)
    kept.subject.on_next("a")
    kept.probe.request(2)
    assert kept.probe.items == ["a"]
    assert kept.at(54.0) == ["a", "?1"]


def test_nothing_is_given_after_the_end_or_a_cancel():
    kept = Kept()
    kept.subject.on_next("a")
    kept.subject.on_completed()
    kept.at(50.0)
    kept.probe.assert_completed("a")
    kept = Kept()
    kept.probe.cancel()
    assert kept.at(50.0) == []
    assert kept.subject.observers == []


def test_the_loop_keeps_the_time_without_a_scheduler():
    async def main() -> list[Any]:
        flow = rx.from_async_iterable(slow()).pipe(ops.keep_alive(1.0, lambda: "?"))
        return [item async for item in flow]

    async def slow() -> Any:
        yield 1
        await asyncio.sleep(2.5)
        yield 2

    assert run_virtual(main()) == [1, "?", "?", 2]


@pytest.mark.parametrize(
    ("build", "kind", "text"),
    [
        (lambda: ops.extrapolate(None), TypeError, "function must be callable"),
        (lambda: ops.expand_latest(3), TypeError, "function must be callable"),
        (lambda: ops.keep_alive(0, object), ValueError, "idle must be more than 0"),
        (lambda: ops.keep_alive(-1, object), ValueError, "must not be negative"),
        (lambda: ops.keep_alive(1, None), TypeError, "function must be callable"),
    ],
)
def test_bad_arguments_are_refused_when_the_pipeline_is_built(
    build: Any, kind: type[Exception], text: str
):
    with pytest.raises(kind, match=text):
        build()
