"""The figures of what runs, under the labels that the user knows."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import Any

from reactivex import operators as stock
from reactivex.subject import Subject

import rxflow as rx
from rxflow import monitor
from rxflow import operators as ops
from rxflow.testing import TestSubscriber


def labels(consumer: Any) -> list[str]:
    """Give the labels, without the lines."""
    return [
        each.name if part is None else part.label.partition(" at ")[0]
        for each, part in monitor.parts(consumer)
    ]


def test_each_figure_has_the_part_it_is_of() -> None:
    subject = Subject[int]()
    flow: Any = subject.pipe(
        ops.on_backpressure_buffer(9),
        ops.map(str),
        ops.limit_rate(4),
        ops.named("parse"),
        ops.limit_rate(2),
    )
    subscription = flow.subscribe(TestSubscriber[Any](1))
    assert labels(subscription) == [
        "on_backpressure_buffer",
        "map",
        "parse",
        "limit_rate",
        "subscriber",
    ]
    places = [part.place.line for _, part in monitor.parts(subscription) if part and part.place]
    first = test_each_figure_has_the_part_it_is_of.__code__.co_firstlineno
    assert places == [first + 3, first + 4, first + 5, first + 7]
    assert [each.name for each, _ in monitor.parts(subscription)][2] == "parse/limit_rate"
    subscription.cancel()


def test_two_parts_of_one_name_are_told_apart() -> None:
    one = rx.range(9).pipe(ops.limit_rate(4), ops.named("one"))
    two = rx.range(9).pipe(ops.limit_rate(4), ops.named("two"))
    subscription: Any = one.merge(two).subscribe(TestSubscriber[Any](1))
    found = labels(subscription)
    assert [name for name in found if name in ("one", "two")] == ["one", "two"]
    subscription.cancel()


def test_a_door_that_an_operator_has_put_there_is_no_other_part() -> None:
    subject = Subject[int]()
    subscription: Any = rx.never().merge(subject).subscribe(TestSubscriber[Any](1))
    found = [(each.name, part and part.kind) for each, part in monitor.parts(subscription)]
    assert ("merge", "door") in found
    subscription.cancel()


def test_inner_sources_are_not_taken_for_parts_that_come_after_them() -> None:
    """Their queues have the name of the operator that has opened them."""
    flow: Any = rx.range(3).pipe(
        ops.flat_map(lambda _: Subject[int]()),
        ops.named("first"),
        ops.flat_map(lambda _: rx.range(3)),
        ops.flat_map(rx.of),
        ops.named("whole"),
    )
    subscription = flow.subscribe(TestSubscriber[Any](1))
    found = [(each.name, part and part.label) for each, part in monitor.parts(subscription)]
    code = test_inner_sources_are_not_taken_for_parts_that_come_after_them.__code__
    first = code.co_firstlineno + 2
    inner = [("whole/first/flat_map", None)] * 3
    assert found == [
        ("whole/first/range", f"range at test_parts.py:{first}"),
        *inner,
        ("whole/first/flat_map", "first"),
        ("whole/flat_map", f"flat_map at test_parts.py:{first + 3}"),
        ("whole/flat_map", "whole"),
        ("subscriber", "subscriber"),
    ]
    subscription.cancel()


def test_what_is_lifted_and_what_is_shared_is_found() -> None:
    flow = rx.range(9).pipe(rx.lift(stock.delay(1)), ops.share())
    subscription: Any = flow.subscribe(TestSubscriber[Any](1))
    assert labels(subscription) == ["range", "delay", "share", "share", "subscriber"]
    subscription.cancel()


def test_a_loop_is_labelled_while_it_runs() -> None:
    async def look() -> list[str]:
        async for _ in rx.range(2).limit_rate(2).named("counting"):
            return labels(monitor.running()[-1])
        return []

    assert asyncio.run(look()) == ["range", "counting"]


def test_when_it_is_over_the_labels_are_left_as_long_as_somebody_has_the_flow() -> None:
    flow = rx.range(2).pipe(ops.limit_rate(2), ops.limit_rate(1), ops.named("parse"))
    subscription: Any = flow.subscribe(TestSubscriber[Any](9))

    async def main(flow: Any) -> Any:
        iteration = aiter(flow)
        async for _ in iteration:
            pass
        return iteration

    for over in (subscription, asyncio.run(main(flow)).consumer):
        assert over.status is monitor.Status.COMPLETED
        assert labels(over)[:3] == ["range", "limit_rate", "parse"]
        assert all(part and part.place for _, part in monitor.parts(over)[:3])
        assert over not in monitor.running(flow)
    known = weakref.ref(flow)
    del flow
    gc.collect()
    assert known() is None
    assert subscription.flow is over.flow is None


def test_when_it_is_over_the_names_are_left_and_nothing_is_kept() -> None:
    flow = rx.range(2).limit_rate(2)
    known = weakref.ref(flow)
    probe = TestSubscriber[Any](9)
    subscription: Any = flow.subscribe(probe)
    del flow
    gc.collect()
    assert known() is None
    assert monitor.parts(subscription)[0][1] is None
    assert labels(subscription) == ["range", "limit_rate", "subscriber"]
