"""Callbacks of the synchronous operators that raise, and arguments that are none."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
from reactivex import Observer, Subject

import rxflow as rx
from rxflow import operators as ops
from rxflow.testing import TestSubscriber
from tests.support import counted


class CallbackError(Exception):
    """What a callback raises."""


# Callbacks that raise.


def third_fails(answer: Any = None) -> Callable[..., Any]:
    """Raise in the third call; else give an answer, or the first argument."""
    calls = count(1)

    def call(*args: Any) -> Any:
        if next(calls) == 3:
            raise CallbackError
        return args[0] if answer is None else answer

    return call


CALLBACKS: dict[str, tuple[Callable[[], Any], int, int]] = {
    "map": (lambda: ops.map(third_fails()), 2, 3),
    "map_indexed": (lambda: ops.map_indexed(third_fails()), 2, 3),
    "filter": (lambda: ops.filter(third_fails()), 2, 3),
    "filter_indexed": (lambda: ops.filter_indexed(third_fails()), 2, 3),
    "distinct, key": (lambda: ops.distinct(third_fails()), 2, 3),
    "distinct_until_changed, key": (lambda: ops.distinct_until_changed(third_fails()), 2, 3),
    "scan": (lambda: ops.scan(third_fails()), 3, 4),
    "scan, seed": (lambda: ops.scan(third_fails(), 0), 2, 3),
    "reduce": (lambda: ops.reduce(third_fails()), 0, 4),
    "count": (lambda: ops.count(third_fails()), 0, 3),
    "sum": (lambda: ops.sum(third_fails()), 0, 3),
    "average": (lambda: ops.average(third_fails()), 0, 3),
    "min": (lambda: ops.min(third_fails()), 0, 4),
    "max": (lambda: ops.max(third_fails()), 0, 4),
    "to_dict, key": (lambda: ops.to_dict(third_fails()), 0, 3),
    "to_dict, element": (lambda: ops.to_dict(str, third_fails()), 0, 3),
    "some": (lambda: ops.some(third_fails(False)), 0, 3),
    "all": (lambda: ops.all(third_fails(True)), 0, 3),
    "contains": (lambda: ops.contains(9, third_fails(False)), 0, 3),
    "flat_map_iterable": (lambda: ops.flat_map_iterable(third_fails([1])), 2, 3),
    "first": (lambda: ops.first(third_fails(False)), 0, 3),
    "first_or_default": (lambda: ops.first_or_default(third_fails(False)), 0, 3),
    "last": (lambda: ops.last(third_fails()), 0, 3),
    "last_or_default": (lambda: ops.last_or_default(0, third_fails()), 0, 3),
    "single": (lambda: ops.single(third_fails(False)), 0, 3),
    "single_or_default": (lambda: ops.single_or_default(third_fails(False)), 0, 3),
    "take_while": (lambda: ops.take_while(third_fails(True)), 2, 3),
    "take_while_indexed": (lambda: ops.take_while_indexed(third_fails(True)), 2, 3),
    "skip_while": (lambda: ops.skip_while(third_fails(True)), 0, 3),
    "skip_while_indexed": (lambda: ops.skip_while_indexed(third_fails(True)), 0, 3),
    "tap": (lambda: ops.tap(third_fails()), 2, 3),
    "do": (lambda: ops.do(Observer(third_fails())), 2, 3),
}
"""Operators with a callback, how many items they give before its third call, which takes how
many items of the source."""


@pytest.mark.parametrize(("build", "given", "taken"), CALLBACKS.values(), ids=CALLBACKS)
@pytest.mark.parametrize("hot", [False, True], ids=["pulled", "pushed"])
def test_a_callback_that_raises_fails_the_stream_and_the_source_is_closed(
    build: Callable[[], Any], given: int, taken: int, hot: bool
) -> None:
    probe = TestSubscriber(rx.UNBOUNDED)
    if hot:
        subject: Subject[int] = Subject()
        subject.pipe(ops.on_backpressure_buffer(9), build()).subscribe(probe)
        for item in range(1, 9):
            assert bool(subject.observers) is (item <= taken)
            subject.on_next(item)
    else:
        source = counted(count(1))
        rx.from_iterable(source).pipe(build()).subscribe(probe)
        assert (source.taken, source.closed) == (taken, 1)
    assert len(probe.items) == given
    assert isinstance(probe.error, CallbackError)
    assert probe.signals[-1] == "on_error"


# Arguments.

COUNTS: dict[str, tuple[Callable[[Any], Any], int]] = {
    "take_last: count": (ops.take_last, 0),
    "take_last_buffer: count": (lambda n: ops.take_last_buffer(n), 0),
    "skip: count": (ops.skip, 0),
    "skip_last: count": (ops.skip_last, 0),
    "element_at: index": (ops.element_at, 0),
    "element_at_or_default: index": (lambda n: ops.element_at_or_default(n), 0),
    "buffer_with_count: count": (lambda n: ops.buffer_with_count(n), 1),
    "buffer_with_count: skip": (lambda n: ops.buffer_with_count(2, n), 1),
}


@pytest.mark.parametrize(("what", "count"), COUNTS.items(), ids=COUNTS)
def test_a_count_that_is_none_names_itself_and_what_it_must_be(
    what: str, count: tuple[Callable[[Any], Any], int]
) -> None:
    build, least = count
    with pytest.raises(ValueError, match=f"^{what} must be at least {least}, not {least - 1}$"):
        build(least - 1)
    for value, error in ((1.5, ValueError), (float("inf"), ValueError), ("2", TypeError)):
        with pytest.raises(error, match=rf"^{what} must be a whole number of items, not .*{value}"):
            build(value)
    build(least)


async def work(*_: Any) -> None: ...


FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "starmap_indexed: mapper": lambda fn: ops.starmap_indexed(fn),
    "scan: accumulator": lambda fn: ops.scan(fn),
    "reduce: accumulator": lambda fn: ops.reduce(fn),
    "filter: predicate": lambda fn: ops.filter(fn),
    "all: predicate": lambda fn: ops.all(fn),
    "take_while: predicate": lambda fn: ops.take_while(fn),
    "take_while_indexed: predicate": lambda fn: ops.take_while_indexed(fn),
    "skip_while: predicate": lambda fn: ops.skip_while(fn),
    "skip_while_indexed: predicate": lambda fn: ops.skip_while_indexed(fn),
    "to_dict: key_mapper": lambda fn: ops.to_dict(fn),
    "finally_action: action": lambda fn: ops.finally_action(fn),
}
OPTIONAL: dict[str, Callable[[Any], Any]] = {
    "distinct: comparer": lambda fn: ops.distinct(comparer=fn),
    "distinct_until_changed: comparer": lambda fn: ops.distinct_until_changed(comparer=fn),
    "count: predicate": lambda fn: ops.count(fn),
    "sum: key_mapper": lambda fn: ops.sum(fn),
    "average: key_mapper": lambda fn: ops.average(fn),
    "min: comparer": lambda fn: ops.min(fn),
    "max: comparer": lambda fn: ops.max(fn),
    "to_dict: element_mapper": lambda fn: ops.to_dict(str, fn),
    "contains: comparer": lambda fn: ops.contains(1, fn),
    "first_or_default: predicate": lambda fn: ops.first_or_default(fn),
    "last: predicate": lambda fn: ops.last(fn),
    "last_or_default: predicate": lambda fn: ops.last_or_default(0, fn),
    "single: predicate": lambda fn: ops.single(fn),
    "single_or_default: predicate": lambda fn: ops.single_or_default(fn),
    "do_action: on_error": lambda fn: ops.do_action(None, fn),
    "do_action: on_completed": lambda fn: ops.do_action(None, None, fn),
}
EVERY = {**FUNCTIONS, **OPTIONAL}


@pytest.mark.parametrize("what", EVERY)
def test_a_callback_that_is_none_names_itself(what: str) -> None:
    with pytest.raises(TypeError, match=f"^{what} must be callable, not 'text'$"):
        EVERY[what]("text")
    with pytest.raises(TypeError, match=f"^{what} is an async function.*use map_async"):
        EVERY[what](work)


@pytest.mark.parametrize("what", FUNCTIONS)
def test_a_callback_that_is_left_out_names_itself(what: str) -> None:
    with pytest.raises(TypeError, match=f"^{what} must be callable, not None$"):
        FUNCTIONS[what](None)


@pytest.mark.parametrize(
    ("name", "build"),
    [
        ("pluck_attr", lambda: ops.pluck_attr(5)),  # type: ignore[arg-type]
        ("do", lambda: ops.do(5)),  # type: ignore[arg-type]
        ("zip_with_iterable", lambda: ops.zip_with_iterable(5)),  # type: ignore[arg-type]
        ("zip_with_list", lambda: ops.zip_with_list(None)),  # type: ignore[arg-type]
    ],
)
def test_a_bad_argument_names_the_operator_and_what_was_given(
    name: str, build: Callable[[], Any]
) -> None:
    with pytest.raises(TypeError, match=rf"^{name}\b.* not (5|None)"):
        build()
