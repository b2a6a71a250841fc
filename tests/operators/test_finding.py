"""find, find_index, max_by, min_by, slice: how far they pull, and what they give at the end."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
import reactivex
from reactivex import operators as stock

import rxflow as rx
from rxflow import operators as ops
from rxflow.testing import TestSubscriber
from tests.support import counted


def subscribed(flow: Any, demand: int = 0, **options: Any) -> TestSubscriber[Any]:
    probe = TestSubscriber[Any](demand, **options)
    flow.subscribe(probe)
    return probe


def test_what_is_found_ends_the_stream_and_the_source_is_pulled_no_further() -> None:
    for name, answer in (("find", 3), ("find_index", 2)):
        source = counted([1, 2, 3, 4, 3])
        flow = rx.from_iterable(source).pipe(getattr(ops, name)(lambda x, i, s: x == 3))
        probe = subscribed(flow)
        assert source.asked == 0
        probe.request(1)
        probe.assert_completed(answer)
        assert (source.taken, source.closed) == (3, 1)


@pytest.mark.parametrize(("name", "nothing"), [("find", None), ("find_index", -1)])
def test_that_nothing_is_found_is_told_at_the_end_when_it_is_asked_for(
    name: str, nothing: Any
) -> None:
    for items in ([], [1, 2]):
        flow = rx.from_iterable(items).pipe(getattr(ops, name)(lambda x, i, s: x == 3))
        probe = subscribed(flow)
        probe.assert_open()
        probe.request(1)
        probe.assert_completed(nothing)


@pytest.mark.parametrize("find", [ops.find, ops.find_index])
def test_the_predicate_is_given_item_index_and_source_anew_for_each_subscription(find: Any) -> None:
    source, calls = rx.of("a", "b"), list[Any]()
    flow = source.pipe(find(lambda *arguments: calls.append(arguments)))
    for _ in range(2):
        calls.clear()
        assert subscribed(flow, 1).completed
        assert [call[:2] for call in calls] == [("a", 0), ("b", 1)]
        assert all(call[2] is source for call in calls)


@pytest.mark.parametrize("find", [ops.find, ops.find_index, ops.max_by, ops.min_by])
def test_bad_functions(find: Any) -> None:
    async def predicate(*_: Any) -> bool: ...

    for bad in (None, 3, predicate):
        with pytest.raises(TypeError, match=r"must be callable|async function"):
            find(bad)


@pytest.mark.parametrize("find", [ops.find, ops.find_index, ops.max_by, ops.min_by])
def test_what_a_function_raises_ends_the_stream_and_closes_the_source(find: Any) -> None:
    def fails(*_: Any) -> Any:
        raise KeyError("function")

    source = counted([1, 2])
    subscribed(rx.from_iterable(source).pipe(find(fails)), 1).assert_failed(KeyError)
    assert (source.taken, source.closed) == (1, 1)


def test_the_extremes_are_all_items_of_the_best_key_in_their_order() -> None:
    items = [(1, "a"), (3, "b"), (2, "c"), (3, "d"), (1, "e")]
    flow = rx.from_iterable(items)
    subscribed(flow.max_by(lambda x: x[0]), 1).assert_completed([(3, "b"), (3, "d")])
    subscribed(flow.min_by(lambda x: x[0]), 1).assert_completed([(1, "a"), (1, "e")])
    subscribed(flow.max_by(lambda x: x[0], lambda a, b: b - a), 1).assert_completed(
        [(1, "a"), (1, "e")]
    )


@pytest.mark.parametrize("best", [ops.max_by, ops.min_by])
def test_the_extremes_of_nothing_are_an_empty_list_when_it_is_asked_for(best: Any) -> None:
    flow = rx.empty().pipe(best(lambda x: x))
    for _ in range(2):
        probe = subscribed(flow)
        probe.assert_open()
        probe.request(1)
        probe.assert_completed([])
        probe.items[0].append(1)  # it is not that of the next subscription


# slice

INDICES = (None, -9, -3, -1, 0, 1, 3, 9)


@pytest.mark.parametrize("step", [None, 1, 2, 5])
def test_a_slice_is_that_of_a_list(step: int | None) -> None:
    for start, stop in product(INDICES, INDICES):
        for size in (0, 1, 5):
            if (start or 0) < 0 and stop is not None and stop < 0 and size < -start:
                continue  # reactivex counts the end off what is left, too; see below
            expected = list(range(size))[start:stop:step]
            given = list(rx.range(size).slice(start, stop, step))
            assert given == expected, (start, stop, step, size)


@pytest.mark.parametrize(("start", "stop"), [*product(INDICES, INDICES)])
def test_a_slice_is_that_of_reactivex(start: int | None, stop: int | None) -> None:
    for size in (0, 1, 5):
        plain: list[int] = []
        reactivex.range(size).pipe(stock.slice(start, stop, 2)).subscribe(plain.append)
        assert list(rx.range(size).slice(start, stop, 2)) == plain


def test_the_brackets_of_a_flow_are_the_native_slice() -> None:
    source = counted(range(9))
    probe = subscribed(rx.from_iterable(source)[1:5:2], 1)
    assert (probe.items, source.taken) == ([1], 2)
    probe.request(1)
    assert (probe.items, source.taken) == ([1, 3], 4)


def test_a_slice_pulls_what_it_needs_and_completes_with_its_last_item() -> None:
    source = counted(range(100))
    probe = subscribed(rx.from_iterable(source).slice(2, 4))
    assert source.asked == 0
    probe.request(2)
    probe.assert_completed(2, 3)
    assert (source.taken, source.closed) == (4, 1)
    nothing = counted(range(9))
    subscribed(rx.from_iterable(nothing).slice(0, 0)).assert_completed()
    assert nothing.asked == 0


@pytest.mark.parametrize("name", ["start", "stop", "step"])
@pytest.mark.parametrize("bad", [1.5, "1", True])
def test_bad_numbers(name: str, bad: Any) -> None:
    with pytest.raises(TypeError, match=f"slice: {name} must be a whole number"):
        ops.slice(**{name: bad})


def test_a_stream_has_no_way_back() -> None:
    with pytest.raises(TypeError, match="slice: step must not be negative"):
        ops.slice(None, None, -1)
