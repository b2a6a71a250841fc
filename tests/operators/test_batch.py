"""batch: what it gathers while there is no demand, how much, and when it holds upstream."""

from __future__ import annotations

import asyncio
from itertools import count
from random import Random
from typing import Any

import pytest
from reactivex import Subject
from reactivex.testing import TestScheduler

import rxflow as rx
from rxflow import operators as ops
from rxflow.kernel import StageStatistics
from rxflow.testing import TestPublisher, TestSubscriber, run_virtual
from tests.kernel.recorder import in_thread
from tests.support import counted


class Batched:
    """A batch operator with a publisher before it that obeys demand."""

    def __init__(self, *args: Any, demand: int = 0, **options: Any) -> None:
        self.publisher: TestPublisher[Any] = TestPublisher()
        self.probe: TestSubscriber[Any] = TestSubscriber(demand)
        upstream = rx.from_publisher(self.publisher, prefetch=1)
        upstream.pipe(ops.batch(*args, **options)).subscribe(self.probe)

    @property
    def figures(self) -> StageStatistics:
        figures = self.probe.statistics["batch"]
        assert figures.received == figures.delivered + figures.held + figures.discarded, figures
        return figures


def over(source: Any, *args: Any, demand: int = 0, **options: Any) -> TestSubscriber[Any]:
    probe: TestSubscriber[Any] = TestSubscriber(demand)
    rx.from_iterable(source).pipe(ops.batch(*args, **options)).subscribe(probe)
    return probe


# How much.


@pytest.mark.parametrize("most", [1, 3, 10])
def test_capacity_is_exact_in_a_batch_and_one_item_waits_behind_it(most: int) -> None:
    numbers = counted(count())
    probe = over(numbers, most)
    assert numbers.taken == most + 1
    figures = probe.statistics["batch"]
    assert (figures.held, figures.peak, figures.capacity) == (most + 1, most + 1, most + 1)
    probe.request(1)
    assert probe.items == [list(range(most))]
    assert numbers.taken == 2 * most + 1
    probe.request(100)
    assert [item for batch in probe.items for item in batch] == list(range(101 * most))
    assert probe.statistics["batch"].peak == most + 1
    probe.cancel()


def test_what_is_asked_for_is_given_at_once() -> None:
    made = Batched(3, demand=2)
    for item in range(3):
        made.publisher.emit(item)
    assert made.probe.items == [[0], [1]]
    made.publisher.emit(3)
    made.probe.request(1)
    assert made.probe.items[2:] == [[2, 3]]
    made.probe.cancel()


def test_upstream_is_asked_for_one_item_at_a_time_and_held_when_the_budget_is_used_up() -> None:
    asked: list[int] = []
    probe: TestSubscriber[Any] = TestSubscriber()
    emitters: list[rx.Emitter[int]] = []

    def begin(emitter: rx.Emitter[int]) -> None:
        emitters.append(emitter)
        emitter.on_request(asked.append)

    numbers = rx.create(begin, overflow=rx.FAIL)
    numbers.pipe(ops.batch(2)).subscribe(probe)
    for item in range(3):
        assert asked == [1] * (item + 1)
        emitters[0].on_next(item)
    assert asked == [1, 1, 1]  # the third one did not fit: no more is asked for
    assert emitters[0].requested == 0
    probe.request(1)
    assert probe.items == [[0, 1]]
    assert asked == [1, 1, 1, 1]
    probe.cancel()
    assert emitters[0].closed


def test_an_unbounded_subscriber_gets_every_item_in_order_and_the_end() -> None:
    probe = over(range(1_000), 7, demand=rx.UNBOUNDED)
    assert [item for batch in probe.items for item in batch] == list(range(1_000))
    assert probe.completed


@pytest.mark.parametrize("length", [0, 1])
def test_empty_and_one_item(length: int) -> None:
    probe = over(range(length), 3)
    assert probe.completed is (length == 0)
    probe.request(1)
    assert probe.items == [[0]][:length]
    assert probe.completed


def test_none_is_an_item() -> None:
    probe = over([None, None], 3)
    probe.request(1)
    assert probe.items == [[None, None]]


def test_a_deep_stream_does_not_recurse() -> None:
    probe = over(range(10_000), 10_000)
    probe.request(1)
    assert len(probe.items[0]) == 10_000
    probe = over(range(5_000), 1)
    probe.request(rx.UNBOUNDED)
    assert len(probe.items) == 5_000


# Functions.


def test_seed_and_fn_make_batches_of_another_type() -> None:
    probe = over(range(1, 8), 3, str, lambda held, item: f"{held}+{item}")
    probe.request(9)
    assert probe.items == ["1+2+3", "4+5+6", "7"]
    assert probe.completed


def test_weight_bounds_a_batch_and_what_does_not_fit_begins_the_next() -> None:
    words = ["aa", "bbb", "c", "dddd", "eeeeeee", "f"]
    taken = counted(words)
    probe = over(taken, 6, weight=len)
    assert taken.taken == 4  # 2 + 3 + 1 fit, and "dddd" waits
    assert probe.statistics["batch"].capacity is None  # the bound is no number of items
    probe.request(1)
    assert probe.items == [["aa", "bbb", "c"]]
    assert taken.taken == 5
    probe.request(9)
    assert probe.items[1:] == [["dddd"], ["eeeeeee"], ["f"]]  # the heavy one is alone
    assert probe.completed


@pytest.mark.parametrize("weight", [0, -1, float("nan"), "1", None], ids=repr)
def test_a_weight_that_bounds_nothing_ends_the_stream(weight: Any) -> None:
    endless = counted(count())
    probe = over(endless, 5, weight=lambda item: weight if item == 2 else 1)
    assert endless.taken == 3
    assert endless.closed == 1
    assert not probe.ended
    probe.request(1)
    assert probe.items == [[0, 1]]
    assert isinstance(probe.error, ValueError)
    assert "batch: the weight of an item must be a number above 0" in str(probe.error)


@pytest.mark.parametrize("broken", ["seed", "fn", "weight"])
def test_a_function_that_raises_ends_the_stream_and_closes_the_source(broken: str) -> None:
    def fail(*_: Any) -> Any:
        raise KeyError(broken)

    functions: dict[str, Any] = {"seed": str, "fn": lambda held, item: held, "weight": len}
    functions |= {"weight": lambda item: 1, broken: fail}
    source = counted(count())
    probe = over(source, 5, **functions)
    assert source.closed == 1
    probe.request(5)
    assert isinstance(probe.error, KeyError)
    figures = probe.statistics["batch"]
    assert figures.held == 0
    assert figures.received == figures.delivered + figures.discarded


def test_a_batch_that_is_taken_while_it_grows_is_given_once() -> None:
    def add(held: list[int], item: int) -> list[int]:
        if item == 2:
            made.probe.request(1)
        held.append(item)
        return held

    made = Batched(9, lambda item: [item], add)
    made.publisher.emit(1)
    made.publisher.emit(2)
    made.publisher.emit(3)
    assert made.probe.items == [[1, 2]]
    assert made.figures.held == 1
    made.probe.cancel()


# Ends.


def test_completion_comes_with_the_last_batch_and_needs_no_demand_when_none_is_held() -> None:
    made = Batched(3)
    made.publisher.emit(1)
    made.publisher.complete()
    assert not made.probe.ended
    made.probe.request(1)
    assert made.probe.items == [[1]]
    assert made.probe.completed
    made = Batched(3, demand=1)
    made.publisher.emit(1)
    made.publisher.complete()
    assert made.probe.completed


def test_an_error_comes_behind_what_is_held() -> None:
    failure = ValueError()
    made = Batched(3)
    made.publisher.emit(1)
    made.publisher.fail(failure)
    assert not made.probe.ended
    made.probe.request(1)
    assert made.probe.items == [[1]]
    assert made.probe.error is failure


@pytest.mark.parametrize("pushed", [0, 1, 4])
def test_a_cancel_reaches_upstream_in_each_state(pushed: int) -> None:
    made = Batched(3)
    for item in range(pushed):
        made.publisher.emit(item)
    made.probe.cancel()
    assert made.publisher.cancelled
    assert made.figures.discarded == pushed
    assert made.figures.held == 0


# Others.


def test_a_busy_async_for_gets_batches_of_what_came_meanwhile() -> None:
    async def main() -> list[list[int]]:
        ticks = rx.interval(1.0, overflow=rx.FAIL).pipe(ops.take(13), ops.batch(4))
        seen: list[list[int]] = []
        async for batch in ticks:
            seen.append(batch)
            await asyncio.sleep(3.5)
        return seen

    seen = run_virtual(main())
    assert [item for batch in seen for item in batch] == list(range(13))
    assert max(map(len, seen)) in (3, 4)
    assert len(seen) <= 5


def test_latest_before_an_async_boundary_delivers_whole_batches() -> None:
    clock = TestScheduler()
    probe: TestSubscriber[list[int]] = TestSubscriber(1)
    subject: Subject[int] = Subject()
    subject.pipe(ops.on_backpressure_buffer(100), ops.batch(100), ops.observe_on(clock)).subscribe(
        probe
    )
    for item in range(9):
        subject.on_next(item)
    clock.advance_to(1)
    probe.request(5)
    clock.advance_to(2)
    assert [item for batch in probe.items for item in batch] == list(range(9))
    assert len(probe.items) == 2
    probe.cancel()


@pytest.mark.parametrize("seed", range(10))
def test_every_item_is_in_one_batch_in_order_and_the_bound_holds(seed: int) -> None:
    chance = Random(seed)
    most = chance.randint(1, 5)
    probe: TestSubscriber[list[int]] = TestSubscriber()
    subject: Subject[int] = Subject()
    subject.pipe(ops.on_backpressure_buffer(1_000), ops.batch(most)).subscribe(probe)
    pushed = count()
    last = -1
    for _ in range(200):
        if chance.random() < 0.6:
            last = next(pushed)
            subject.on_next(last)
        else:
            probe.request(chance.randint(1, 3))
        figures = probe.statistics["batch"]
        assert figures.held <= most + 1
        assert figures.peak <= most + 1
        assert all(1 <= len(batch) <= most for batch in probe.items)
    subject.on_completed()
    probe.request(rx.UNBOUNDED)
    assert [item for batch in probe.items for item in batch] == list(range(last + 1))
    assert probe.completed


def test_threads_that_push_and_take_lose_nothing() -> None:
    probe: TestSubscriber[list[int]] = TestSubscriber()
    subject: Subject[int] = Subject()
    subject.pipe(ops.on_backpressure_buffer(4_000), ops.batch(3)).subscribe(probe)

    def push() -> None:
        for item in range(3_000):
            subject.on_next(item)
        subject.on_completed()

    join = in_thread(push)
    for _ in range(500):
        probe.request(1)
    join()
    probe.request(rx.UNBOUNDED)
    assert [item for batch in probe.items for item in batch] == list(range(3_000))
    assert probe.completed


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((0,), "max must be at least 1"),
        ((1.5,), "max must be a whole number"),
        ((3, str), "seed and fn go together"),
        ((3, None, max), "seed and fn go together"),
        ((3, str, 5), "fn must be callable"),
    ],
)
def test_wrong_arguments_are_errors_when_the_pipeline_is_built(arguments: Any, text: str) -> None:
    with pytest.raises((TypeError, ValueError), match=f"batch: {text}"):
        ops.batch(*arguments)


def test_on_a_plain_observable_it_names_the_doors() -> None:
    with pytest.raises(TypeError, match=r"batch needs demand.*on_backpressure_buffer"):
        Subject[int]().pipe(ops.batch(3))
