"""Fused operators: long chains, false ends, and runs that find nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest
from reactivex import operators as rx
from reactivex.subject import Subject

import rxflow
from rxflow import operators as ops
from rxflow.kernel import BUDGET
from rxflow.protocol import UNBOUNDED
from rxflow.testing import TestSubscriber
from tests.kernel.recorder import COMPLETED, Recorder, dropped_errors

CHAIN = [ops.map(lambda n: n + 1)] * 500


def test_a_chain_of_500_maps_keeps_demand():
    recorder = Recorder(2)
    rxflow.from_iterable([1, 2, 3]).pipe(*CHAIN).subscribe(recorder)
    assert recorder.signals == [("subscribed",), ("next", 501), ("next", 502)]
    recorder.request(1)
    assert recorder.signals[-2:] == [("next", 503), COMPLETED]


def test_a_chain_of_500_maps_serves_an_ordinary_observer():
    seen: list[Any] = []
    rxflow.from_iterable([1, 2, 3]).pipe(*CHAIN).subscribe(
        seen.append, on_completed=lambda: seen.append("completed")
    )
    assert seen == [501, 502, 503, "completed"]


def test_a_chain_of_500_maps_lets_go_and_can_be_subscribed_again():
    flow = rxflow.from_iterable([1]).pipe(*CHAIN)
    for _ in range(3):
        recorder = Recorder(1)
        flow.subscribe(recorder)
        assert recorder.items == [501]


def test_an_item_travels_through_the_whole_chain_before_the_next_is_made():
    order: list[str] = []

    def source() -> Iterator[int]:
        for n in range(4):
            order.append(f"made {n}")
            yield n

    flow = rxflow.from_iterable(source()).pipe(
        ops.map(lambda n: (order.append(f"mapped {n}"), n)[1]),
        ops.filter(lambda n: (order.append(f"looked at {n}"), n % 2 == 0)[1]),
    )
    recorder = Recorder(2, then=lambda it, item: order.append(f"got {item}"))
    flow.subscribe(recorder)
    assert order == [
        *("made 0", "mapped 0", "looked at 0", "got 0"),
        *("made 1", "mapped 1", "looked at 1"),
        *("made 2", "mapped 2", "looked at 2", "got 2"),
    ]


def raises_stop(n: Any, *_: Any) -> Any:
    if n == 2:
        raise StopIteration("from a next() without default")
    return n


CALLBACKS: dict[str, Callable[[], Any]] = {
    "map": lambda: ops.map(raises_stop),
    "filter": lambda: ops.filter(lambda n: raises_stop(n) is not None),
    "scan": lambda: ops.scan(lambda _, n: raises_stop(n)),
    "take_while": lambda: ops.take_while(lambda n: raises_stop(n) is not None),
    "map before reduce": lambda: (
        lambda flow: flow.pipe(ops.map(raises_stop), ops.reduce(lambda a, b: a + b))
    ),
    "map after filter": lambda: lambda flow: flow.pipe(ops.filter(bool), ops.map(raises_stop)),
    "reduce": lambda: ops.reduce(lambda total, n: raises_stop(n)),
    "a stock map": lambda: rx.map(raises_stop),
}


@pytest.mark.parametrize("make", CALLBACKS.values(), ids=CALLBACKS)
@pytest.mark.parametrize("demand", [3, UNBOUNDED])
def test_a_callback_that_raises_stop_iteration_fails_the_stream(
    make: Callable[[], Any], demand: int
):
    """A builtin ``map`` takes it for its end, and the rest of the items are silently lost."""
    closed: list[int] = []

    def source() -> Iterator[int]:
        try:
            yield from range(1, 9)
        finally:
            closed.append(1)

    recorder = Recorder(demand)
    with dropped_errors() as dropped:
        rxflow.from_iterable(source()).pipe(make()).subscribe(recorder)
    assert isinstance(recorder.error, RuntimeError | StopIteration)
    assert "StopIteration" in repr(recorder.error)
    assert recorder.items in ([1], [])
    assert closed == [1]
    assert dropped == []


def test_a_stop_iteration_that_was_caught_is_none_of_our_business():
    recorder = Recorder(9)
    rxflow.of([1], [], [2]).pipe(ops.map(lambda it: next(iter(it), None))).subscribe(recorder)
    assert recorder.items == [1, None, 2]
    assert recorder.signals[-1] == COMPLETED


def test_a_stop_iteration_in_the_last_item_is_not_the_end_either():
    recorder = Recorder(9)
    rxflow.of(0, 1, 2).pipe(ops.map(raises_stop)).subscribe(recorder)
    assert recorder.items == [0, 1]
    assert isinstance(recorder.error, RuntimeError)
    assert str(recorder.error) == (
        "a callback of the pipeline raised StopIteration; "
        "catch it in the callback, it would end the stream silently"
    )


def test_a_filter_that_rejects_a_million_items_finishes():
    seen: list[int] = []
    recorder = Recorder(1)
    rxflow.range(1_000_001).pipe(ops.filter(lambda n: n == 1_000_000)).subscribe(recorder)
    assert recorder.items == [1_000_000]
    assert recorder.ends == [COMPLETED]
    rxflow.range(5000).pipe(ops.filter(lambda n: False)).subscribe(
        seen.append, on_completed=lambda: seen.append(-1)
    )
    assert seen == [-1]


def test_a_filter_that_rejects_everything_still_hears_of_a_cancel_within_one_turn():
    """A run takes at most BUDGET inputs before it returns to the drain."""
    looked: list[int] = []
    recorder = Recorder(1)

    def reject(n: int) -> bool:
        looked.append(n)
        if n == 5000:
            recorder.cancel()
        assert n < 9000
        return False

    rxflow.from_iterable(count()).pipe(ops.filter(reject)).subscribe(recorder)
    assert recorder.signals == [("subscribed",)]
    assert 5001 <= len(looked) <= 5001 + BUDGET


def test_a_callback_that_fails_closes_the_source_and_keeps_what_came_before():
    closed: list[int] = []

    def source() -> Iterator[int]:
        try:
            yield from (2, 1, 0, 5)
        finally:
            closed.append(1)

    recorder = Recorder(UNBOUNDED)
    rxflow.from_iterable(source()).pipe(ops.map(lambda n: 2 // n)).subscribe(recorder)
    assert recorder.items == [1, 2]
    assert isinstance(recorder.error, ZeroDivisionError)
    assert closed == [1]


def test_take_completes_with_its_last_item_and_closes_the_source_there():
    advanced: list[int] = []
    closed: list[int] = []

    def source() -> Iterator[int]:
        try:
            for n in count():
                advanced.append(n)
                yield n
        finally:
            closed.append(1)

    recorder = Recorder(UNBOUNDED)
    rxflow.from_iterable(source()).pipe(ops.take(3)).subscribe(recorder)
    assert recorder.signals == [("subscribed",), *(("next", n) for n in range(3)), COMPLETED]
    assert (advanced, closed) == ([0, 1, 2], [1])


def test_take_of_none_does_not_touch_the_source():
    made: list[int] = []

    class Source:
        def __iter__(self) -> Iterator[int]:
            made.append(1)
            return iter(())

    def started(emitter: rxflow.Emitter[int]) -> None:
        made.append(2)

    for flow in (rxflow.create(started, overflow=rxflow.FAIL), rxflow.from_iterable([1, 2])):
        recorder = Recorder()
        flow.pipe(ops.take(0)).subscribe(recorder)
        assert recorder.signals == [("subscribed",), COMPLETED]
    assert made == []


def test_operators_of_two_subscriptions_do_not_share_what_they_remember():
    flow = rxflow.range(1, 9).pipe(ops.scan(lambda a, b: a + b), ops.skip(1))
    first, second = Recorder(2), Recorder(1)
    flow.subscribe(first)
    flow.subscribe(second)
    first.request(1)
    second.request(2)
    assert first.items == second.items == [3, 6, 10]


@pytest.mark.parametrize(
    "step",
    [ops.count(), ops.to_list(), ops.take_last(2), ops.default_if_empty(0), ops.map(str)],
    ids=["count", "to_list", "take_last", "default_if_empty", "map"],
)
def test_a_failure_needs_no_demand_behind_what_waits_for_the_end(step: Any) -> None:
    source: Subject[int] = Subject()
    probe = TestSubscriber[Any]()
    source.pipe(ops.on_backpressure_buffer(8), step).subscribe(probe)
    source.on_error(KeyError("at the source"))
    assert probe.signals == ["on_subscribe", "on_error"]


def test_a_failure_that_becomes_an_item_needs_demand() -> None:
    told: list[Exception] = []
    error = KeyError("at the source")
    for fails in (rxflow.throw(error), rxflow.merge(rxflow.throw(error), rxflow.of(1))):
        probe = TestSubscriber[Any]()
        fails.pipe(ops.do_action(on_error=told.append), ops.materialize()).subscribe(probe)
        assert probe.signals == ["on_subscribe"]
        probe.request(2)
        assert [item.exception for item in probe.items if item.kind == "E"] == [error]
        assert probe.completed
    assert told == [error, error]
