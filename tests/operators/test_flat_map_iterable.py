"""flat_map_iterable: iterables that are advanced on demand, and closed at the end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import count
from typing import Any

import pytest

import rxflow as rx
from rxflow import operators as ops
from rxflow.testing import TestSubscriber
from tests.support import counted

ERROR = ValueError("from a callback")


def collected(items: Iterable[Any], *operators: Any) -> list[Any]:
    """Give all items; the stream must complete."""
    probe = outcome(items, *operators)
    assert probe.error is None
    assert probe.completed
    return probe.items


def outcome(items: Iterable[Any], *operators: Any, demand: int = rx.UNBOUNDED) -> TestSubscriber:
    probe = TestSubscriber(demand)
    rx.from_iterable(items).pipe(*operators).subscribe(probe)
    return probe


def raises(*_: Any) -> Any:
    raise ERROR


def test_flat_map_iterable_advances_an_inner_iterator_on_demand_only() -> None:
    outer, inner = counted(count()), counted(count())
    probe = outcome(outer, ops.flat_map_iterable(lambda _: inner), demand=0)
    assert (outer.asked, inner.asked) == (0, 0)
    for taken in range(1, 4):
        probe.request(1)
        assert probe.items == list(range(taken))
        assert (outer.asked, inner.asked) == (1, taken)


def test_flat_map_iterable_takes_the_next_item_only_when_an_iterable_is_used_up() -> None:
    outer = counted([2, 0, 0, 3])
    probe = outcome(outer, ops.flat_map_iterable(range), demand=0)
    taken: list[int] = []
    for _ in range(5):
        probe.request(1)
        taken.append(outer.taken)
    assert probe.items == [0, 1, 0, 1, 2]
    assert taken == [1, 1, 4, 4, 4]


def test_flat_map_iterable_gives_a_million_items_in_small_portions() -> None:
    inner = counted(range(1_000_000))
    probe = outcome([1], ops.flat_map_iterable(lambda _: inner), demand=7)
    probe.request(5)
    assert probe.items == list(range(12))
    assert inner.asked == 12


def test_flat_map_iterable_without_a_mapper_takes_any_iterable() -> None:
    items = [[1, None], "ab", (), {"k": 1}, range(2), (n for n in (7,))]
    assert collected(items, ops.flat_map_iterable()) == [1, None, "a", "b", "k", 0, 1, 7]


def test_flat_map_iterable_that_gives_what_is_no_iterable_fails_behind_the_items() -> None:
    source = counted([[1, 2], 5, [3]])
    probe = outcome(source, ops.flat_map_iterable())
    assert probe.items == [1, 2]
    assert isinstance(probe.error, TypeError)
    assert "int" in str(probe.error)
    assert source.closed == 1
    assert source.taken == 2


def test_flat_map_iterable_gives_the_items_before_an_inner_iterator_raises() -> None:
    def inner(item: int) -> Iterator[int]:
        yield item
        raise ERROR

    source = counted(range(1, 9))
    probe = outcome(source, ops.flat_map_iterable(inner), demand=1)
    assert probe.items == [1]
    assert probe.error is None
    probe.request(1)
    assert probe.items == [1]
    assert probe.error is ERROR
    assert source.closed == 1
    assert source.taken == 1


@pytest.mark.parametrize("end", ["cancel", "cancel in on_next", "take", "a later failure"])
def test_flat_map_iterable_closes_the_open_generator_when_the_stream_ends(end: str) -> None:
    closed: list[int] = []

    def inner(item: int) -> Iterator[int]:
        try:
            yield from count(item)
        finally:
            closed.append(item)

    def then(probe: TestSubscriber, item: int) -> None:
        if end == "cancel in on_next" and item == 2:
            probe.cancel()

    def check(item: int) -> int:
        return raises() if end == "a later failure" and item == 3 else item

    source = counted([1, 10])
    probe = TestSubscriber(2 if end == "cancel" else rx.UNBOUNDED, then)
    limit = ops.take(2) if end == "take" else ops.map(lambda item: item)
    flow = rx.from_iterable(source).pipe(ops.flat_map_iterable(inner), ops.map(check), limit)
    flow.subscribe(probe)
    if end == "cancel":
        assert closed == []
        probe.cancel()
    assert probe.items == [1, 2]
    assert closed == [1]
    assert source.taken == 1
    assert source.closed == 1


def test_flat_map_iterable_closes_an_iterator_once() -> None:
    inner = counted(count())
    probe = outcome([1], ops.flat_map_iterable(lambda _: inner), demand=1)
    assert inner.closed == 0
    probe.cancel()
    assert inner.closed == 1


def test_flat_map_iterable_completes_with_the_last_item_of_a_list() -> None:
    assert outcome([[1], [2, 3]], ops.flat_map_iterable(), demand=3).completed
    waiting = outcome([[1], [2, 3], []], ops.flat_map_iterable(), demand=3)
    assert not waiting.completed  # an empty iterable cannot be told from one with items
    waiting.request(1)
    assert waiting.items == [1, 2, 3]
    assert waiting.completed


def test_flat_map_iterable_inside_of_another_one_keeps_the_order() -> None:
    probe = outcome([1, 2], *[ops.flat_map_iterable(lambda x: (x, -x))] * 2, demand=3)
    assert probe.items == [1, -1, -1]
    probe.request(9)
    assert probe.items == [1, -1, -1, 1, 2, -2, -2, 2]
    assert probe.completed
