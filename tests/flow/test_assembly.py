"""Each Flow knows what it was made of: which calls, of what, at which lines of the user's code."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator
from sys import _getframe
from typing import Any

import pytest
import reactivex
from reactivex import operators as stock
from reactivex.subject import Subject

import rxflow as rx
from rxflow import Flow
from rxflow import operators as ops
from rxflow.flow.assembly import Call, Place


def line() -> int:
    """Give the line of the caller."""
    return _getframe(1).f_lineno


def calls(flow: Any) -> Iterator[Call]:
    """Give the calls that a Flow was made by, last first."""
    while isinstance(flow, Flow):
        flow, added = flow.assembly
        yield from reversed(added)


def seen(flow: Any) -> list[tuple[str, int]]:
    """Give names and lines, first to last."""
    found = [(call.name, call.place.line if call.place else 0) for call in calls(flow)]
    return found[::-1]


def test_each_operator_of_a_pipe_is_at_its_own_line() -> None:
    here = line()
    flow = rx.range(9).pipe(
        ops.map(str),
        ops.filter(
            bool,
        ),
        ops.limit_rate(4),
        ops.take(2),
    )
    assert seen(flow) == [
        ("range", here + 1),
        ("map", here + 2),
        ("filter", here + 3),
        ("limit_rate", here + 6),
        ("take", here + 7),
    ]


def test_each_method_of_a_chain_is_at_its_own_line() -> None:
    here = line()
    flow = (
        rx.of(1, 2)
        .map(str)
        .limit_rate(
            4,
        )
        .share()
    )
    assert seen(flow) == [
        ("of", here + 2),
        ("map", here + 3),
        ("limit_rate", here + 4),
        ("share", here + 7),
    ]


def test_the_file_is_that_of_the_user() -> None:
    (call,) = calls(rx.of(1))
    assert call.place == Place(__file__, _getframe().f_lineno - 1)
    assert call.label == f"of at test_assembly.py:{_getframe().f_lineno - 2}"


def test_a_function_of_the_user_that_applies_operators_shows_what_it_applied() -> None:
    def both(flow: Flow[int]) -> Flow[str]:
        return flow.pipe(ops.filter(bool), ops.map(str))

    assert [name for name, _ in seen(rx.of(1).pipe(both, ops.take(1)))] == [
        *("of", "filter", "map", "take")
    ]


Make = Callable[[Flow[Any]], Any]

AT_ONE_LINE: dict[str, tuple[Make, list[str]]] = {
    "composed of others": (lambda flow: flow.pipe(ops.do(reactivex.Observer())), ["do"]),
    "a door": (lambda flow: flow.pipe(ops.on_backpressure_buffer(9)), ["on_backpressure_buffer"]),
    "two of one kind": (lambda flow: flow.map(str).map(int), ["map", "map"]),
    "swapped": (lambda flow: flow.pipe(stock.map(str)), ["map"]),
    "lifted": (lambda flow: flow.pipe(rx.lift(stock.map(str))), ["map"]),
    "a run that is lifted": (
        lambda flow: flow.pipe(rx.lift(stock.delay(1)), rx.lift(stock.scan(max)), ops.take(1)),
        ["delay", "scan", "take"],
    ),
    "taken into a run": (
        lambda flow: flow.pipe(rx.lift(stock.window_with_count(2)), ops.merge_all()),
        ["window_with_count", "merge_all"],
    ),
    "plus": (lambda flow: flow + rx.of(1), ["concat"]),
    "combined": (lambda flow: rx.merge(flow, rx.of(1)), ["merge"]),
    "combined, one by one": (lambda flow: rx.amb(flow, rx.of(1), rx.of(2)), ["amb", "amb"]),
    "connected": (lambda flow: flow.publish().ref_count(), ["publish"]),
    "connected by an operator": (
        lambda flow: flow.publish().pipe(ops.ref_count()),
        ["publish", "ref_count"],
    ),
    "a buffer of its own": (
        lambda flow: flow.share().with_overflow(rx.DROP_OLDEST),
        ["share", "with_overflow"],
    ),
    "a side": (lambda flow: flow.partition(bool)[1], ["partition"]),
    "a method of reactivex": (lambda flow: flow.to_set(), ["to_set"]),
    "supervised": (lambda flow: flow.pipe(ops.supervise(ops.map(int))), ["supervise"]),
    "nothing at all": (lambda flow: flow.as_observable(), ["as_observable"]),
    "named": (lambda flow: flow.named("x"), ["named"]),
}


@pytest.mark.parametrize("case", AT_ONE_LINE)
def test_it_shows_what_the_user_wrote(case: str) -> None:
    make, names = AT_ONE_LINE[case]
    flow = make(rx.of(1))
    assert [name for name, _ in seen(flow)] == ["of", *names]
    files = {call.place.file if call.place else None for call in calls(flow)}
    assert files == {__file__}
    first = make.__code__.co_firstlineno
    assert all(first - 1 <= at <= first + 4 for _, at in seen(flow)[1:])


def test_what_a_door_is_put_behind_is_kept() -> None:
    subject = Subject[int]()
    flow: Any = subject.pipe(ops.on_backpressure_latest())
    assert flow.assembly[0] is subject


def test_a_source_that_gives_a_flow_back_leaves_what_is_noted_there() -> None:
    flow: Any = rx.range(3).map(str)
    before = flow.assembly
    assert rx.from_publisher(flow) is flow
    assert flow.assembly is before


def test_an_operator_that_is_used_twice_is_noted_twice() -> None:
    double = ops.map(str)
    assert [name for name, _ in seen(rx.of(1).pipe(double, double))] == ["of", "map", "map"]


def test_no_frame_and_no_local_is_kept() -> None:
    class Local:
        pass

    def build() -> tuple[Flow[Any], weakref.ref[Local]]:
        local = Local()
        flow = rx.of(1).map(str).pipe(ops.limit_rate(3), rx.lift(stock.delay(1)))
        return flow + rx.of(2), weakref.ref(local)

    flow, local = build()
    gc.collect()
    assert local() is None
    assert len(seen(flow)) == 5
