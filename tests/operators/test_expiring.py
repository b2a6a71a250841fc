"""timeout_with_mapper: limits that sources tell, and that count for a source that is slow only."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import reactivex
from reactivex.subject import Subject
from reactivex.testing import TestScheduler

import rxflow as rx
from rxflow import operators as ops
from rxflow.testing import TestSubscriber, run_virtual
from tests.kernel.recorder import dropped_errors
from tests.operators.test_batching import Driven
from tests.support import counted


class Stream:
    """A stream whose limits a test lets pass.

    Attributes:
        limits: The sources of the limits: the first one, then by item.
    """

    def __init__(self, demand: int = 0, other: Any = None, **policies: Any) -> None:
        self.source = Driven()
        self.probe: TestSubscriber[Any] = TestSubscriber(demand, **policies)
        self.limits: dict[Any, Subject[Any]] = {"first": Subject()}
        step = ops.timeout_with_mapper(self.limits["first"], self._limit, other)
        self.source.flow.pipe(step).subscribe(self.probe)

    def _limit(self, item: Any) -> Subject[Any]:
        self.limits[item] = Subject()
        return self.limits[item]

    def expire(self, key: Any) -> None:
        self.limits[key].on_next("late")

    @property
    def counting(self) -> list[Any]:
        """The limits that are listened to."""
        return [key for key, limit in self.limits.items() if limit.observers]


def test_a_consumer_that_takes_its_time_is_not_taken_for_a_source_that_is_slow() -> None:
    stream = Stream()
    assert stream.counting == []
    stream.expire("first")
    stream.probe.request(1)
    assert stream.counting == ["first"]
    stream.source.emit("a")
    assert stream.counting == []
    assert "a" not in stream.limits
    stream.probe.request(1)
    assert stream.counting == ["a"]
    stream.source.emit("b")
    stream.probe.assert_items("a", "b")


@pytest.mark.parametrize("demand", [2, rx.UNBOUNDED])
def test_a_limit_is_begun_for_the_next_item_that_is_asked_for(demand: int) -> None:
    stream = Stream(demand)
    assert stream.counting == ["first"]
    stream.source.emit(None)
    assert stream.counting == [None]
    stream.source.emit("b")
    assert stream.counting == (["b"] if demand == rx.UNBOUNDED else [])


@pytest.mark.parametrize("key", ["first", "a"])
@pytest.mark.parametrize("end", [False, True])
def test_a_limit_that_signals_ends_the_stream_with_an_error_that_says_who_is_slow(
    key: str, end: bool
) -> None:
    stream = Stream(3)
    if key == "a":
        stream.source.emit("a")
    stream.limits[key].on_completed() if end else stream.expire(key)
    error = stream.probe.error
    assert isinstance(error, rx.StreamTimeoutError)
    assert isinstance(error, TimeoutError)
    assert (error.operator, error.requested, error.held) == (
        "timeout_with_mapper",
        3 if key == "first" else 2,
        0,
    )
    assert ("first item" if key == "first" else "next item") in str(error)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    assert (stream.source.cancels, stream.counting) == (1, [])


def test_items_that_are_ready_need_no_limits() -> None:
    made: list[int] = []
    probe = TestSubscriber[Any](2)
    step = ops.timeout_with_mapper(None, lambda x: made.append(x) or ())
    rx.concat(rx.of(1, 2, 3), rx.never()).pipe(step).subscribe(probe)
    probe.request(1)
    probe.assert_items(1, 2, 3)
    assert made == []
    probe.request(1)
    assert made == [3]
    probe.assert_failed(rx.StreamTimeoutError, 1, 2, 3)


def test_the_other_source_goes_on_with_what_is_outstanding() -> None:
    other = counted(range(10))
    stream = Stream(3, other)
    stream.source.emit("a")
    stream.expire("a")
    stream.probe.assert_items("a", 0, 1)
    assert (stream.source.cancels, other.taken) == (1, 2)
    stream.probe.request(1)
    stream.probe.assert_items("a", 0, 1, 2)
    stream.probe.cancel()
    assert other.closed == 1


def test_the_other_source_has_no_limit() -> None:
    other: Subject[Any] = Subject()
    stream = Stream(9, other)
    stream.expire("first")
    assert stream.counting == []
    other.on_next("z")
    other.on_completed()
    stream.probe.assert_completed("z")


def test_a_failure_of_the_source_or_of_a_limit_is_no_timeout() -> None:
    for who in ("source", "limit"):
        stream, error = Stream(3, rx.of("other")), TimeoutError("their own")
        if who == "source":
            stream.source.fail(error)
        else:
            stream.limits["first"].on_error(error)
            assert stream.source.cancels == 1
        stream.probe.assert_failed(error)
        assert stream.counting == []


@pytest.mark.parametrize("demand", [0, 1, 9])
def test_the_end_needs_no_demand_and_lets_go_of_the_limit(demand: int) -> None:
    stream = Stream(demand)
    stream.source.complete()
    stream.probe.assert_completed()
    assert stream.counting == []


def test_a_source_that_ends_with_its_last_item_is_not_late() -> None:
    probe = TestSubscriber[Any](2)
    rx.of(1, 2).pipe(ops.timeout_with_mapper(None, lambda _: ())).subscribe(probe)
    probe.assert_completed(1, 2)


@pytest.mark.parametrize("items", [(), ("a",)])
def test_cancel_lets_go_of_the_source_and_of_the_limit(items: tuple[str, ...]) -> None:
    stream = Stream(9)
    stream.source.emit(*items)
    assert len(stream.counting) == 1
    stream.probe.cancel()
    assert (stream.counting, stream.source.cancels) == ([], 1)
    stream.expire("first")
    assert stream.probe.error is None


def test_cancel_inside_of_an_item_begins_no_limit() -> None:
    stream = Stream(9, then=lambda probe, _: probe.cancel())
    stream.source.emit("a")
    assert list(stream.limits) == ["first"]
    assert stream.source.cancels == 1


def test_a_first_limit_that_signals_at_once_leaves_the_source_alone() -> None:
    for other, items in ((None, []), (rx.of("z"), ["z"])):
        source, probe = counted(range(3)), TestSubscriber[Any](1)
        rx.from_iterable(source).pipe(ops.timeout_with_mapper((), None, other)).subscribe(probe)
        assert (source.asked, probe.items, probe.completed) == (0, items, other is not None)
        assert isinstance(probe.error, rx.StreamTimeoutError) is (other is None)


def test_a_request_inside_of_an_item_begins_the_next_limit() -> None:
    stream = Stream(1, request_each=1)
    for item in range(3):
        stream.source.emit(item)
        assert stream.counting == [item]
    stream.probe.assert_items(0, 1, 2)


def test_a_function_that_raises_or_gives_no_source_ends_the_stream() -> None:
    def fails(_: Any) -> Any:
        raise KeyError("bad")

    for function, error in ((fails, KeyError), (lambda _: 5, TypeError)):
        source, probe = Driven(), TestSubscriber[Any](2)
        with dropped_errors() as reported:
            source.flow.pipe(ops.timeout_with_mapper(None, function)).subscribe(probe)
            source.emit(1)
        probe.assert_failed(error, 1)
        assert (reported, source.cancels) == ([], 1)


def test_it_is_late_at_its_time_and_not_before() -> None:
    clock, source, probe = TestScheduler(), Driven(), TestSubscriber[Any](9)
    step = ops.timeout_with_mapper(
        reactivex.timer(3.0, scheduler=clock), lambda x: reactivex.timer(x, scheduler=clock)
    )
    source.flow.pipe(step).subscribe(probe)
    clock.advance_to(2.999)
    probe.assert_open()
    source.emit(2.0)
    clock.advance_to(4.998)
    probe.assert_open()
    clock.advance_to(4.999)
    probe.assert_failed(rx.StreamTimeoutError, 2.0)


def test_a_loop_that_takes_its_time_is_not_late_and_a_source_that_does_is() -> None:
    async def main(period: float) -> list[int]:
        flow = rx.interval(period).pipe(
            ops.take(3), ops.timeout_with_mapper(None, lambda _: reactivex.timer(2.0), [99])
        )
        items: list[int] = []
        async for item in flow:
            items.append(item)
            await asyncio.sleep(10.0)
        return items

    assert run_virtual(main(1.0)) == [0, 11, 22]  # the periods
    assert run_virtual(main(30.0)) == [0, 99]


@pytest.mark.parametrize(
    ("build", "error", "words"),
    [
        (lambda: ops.timeout_with_mapper(5), TypeError, "timeout_with_mapper wants a Flow"),  # type: ignore[arg-type]
        (lambda: ops.timeout_with_mapper(None, 5), TypeError, "mapper must be callable"),  # type: ignore[arg-type]
        (lambda: ops.timeout_with_mapper(None, asyncio.sleep), TypeError, "async function"),
        (lambda: ops.timeout_with_mapper(None, None, 5), TypeError, "wants a Flow"),  # type: ignore[arg-type]
    ],
)
def test_a_wrong_argument_raises_when_the_pipeline_is_built(
    build: Callable[[], Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        build()
