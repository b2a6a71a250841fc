"""expand: the order of trees, what is opened when, and that nothing is kept without a bound."""

from __future__ import annotations

import asyncio
from itertools import product
from typing import Any

import pytest
import reactivex
from reactivex import Subject
from reactivex import operators as stock

import rxflow as rx
from rxflow import operators as ops
from rxflow.testing import TestSubscriber, run_virtual
from tests.support import counted


def subscribed(flow: Any, demand: int = 0, **options: Any) -> TestSubscriber[Any]:
    probe = TestSubscriber[Any](demand, **options)
    flow.subscribe(probe)
    return probe


def children(item: int) -> list[int]:
    """Make a tree of eighty items below 1, 50 and 3, some levels deep."""
    return [2 * item, 2 * item + 1, 3 * item][: item % 4] if item < 200 else []


def tree() -> list[int]:
    """Give that tree as reactivex does."""
    given: list[int] = []
    reactivex.of(1, 50, 3).pipe(
        stock.expand(lambda item: reactivex.from_iterable(children(item)))
    ).subscribe(given.append)
    assert len(given) > 80
    return given


@pytest.mark.parametrize("demand", [1, 2, 7, rx.UNBOUNDED])
def test_a_tree_comes_in_the_order_of_reactivex_whatever_the_demand(demand: int) -> None:
    flow = rx.of(1, 50, 3).expand(children)
    probe = subscribed(flow, demand, request_each=1)
    probe.assert_completed(*tree())


@pytest.mark.parametrize(
    ("concurrency", "capacity"), [*product((12, 20), (1, 2, 3, 10)), (256, 1), (12, 256)]
)
def test_a_finite_tree_comes_whole_within_any_capacity_if_its_depth_may_be_open(
    concurrency: int, capacity: int
) -> None:
    flow = rx.of(1, 50, 3).expand(children, max_concurrency=concurrency, capacity=capacity)
    probe = subscribed(flow, rx.UNBOUNDED)
    assert probe.completed
    assert sorted(probe.items) == sorted(tree())
    figures = probe.statistics["expand"]
    assert figures.peak <= capacity
    assert (figures.received, figures.delivered, figures.held) == (len(probe.items),) * 2 + (0,)


@pytest.mark.parametrize("capacity", [1, 2, 5])
def test_a_wide_source_waits_instead_of_overflowing(capacity: int) -> None:
    source = counted(range(400))
    flow = rx.from_iterable(source).expand(
        lambda item: [item + 400] * 3 if item < 400 else [], capacity=capacity
    )
    probe = subscribed(flow)
    for _ in range(1_600):
        probe.request(1)
        assert source.taken <= len(probe.items)
    assert len(probe.items) == 1_600
    probe.request(1)
    assert probe.completed
    assert probe.statistics["expand"].peak <= capacity


def test_an_endless_chain_gives_what_is_asked_for() -> None:
    """Known of the others: without a bound on demand the next page is fetched for ever."""
    pages: list[int] = []

    def following(page: int) -> Any:
        pages.append(page)
        return rx.of(page + 1)

    probe = subscribed(rx.of(0).expand(following, max_concurrency=1, capacity=1), 3)
    assert probe.items == [0, 1, 2]
    assert len(pages) <= 3
    probe.request(2)
    assert probe.items == [0, 1, 2, 3, 4]
    probe.cancel()
    assert len(pages) <= 5


def test_an_endless_tree_that_is_open_everywhere_overflows_and_says_so() -> None:
    probe = subscribed(
        rx.of(0).expand(lambda item: rx.repeat_value(item + 1), max_concurrency=3, capacity=2), 99
    )
    assert isinstance(probe.error, rx.BufferOverflowError)
    assert str(probe.error).startswith("expand(capacity=2) overflowed: 2 held, ")
    figures = probe.statistics["expand"]
    assert figures.received == figures.delivered + figures.discarded + figures.dropped["overflow"]
    assert figures.held == 0


def test_nothing_is_taken_and_no_mapper_called_before_demand() -> None:
    source, calls = counted(range(5)), list[int]()
    flow = rx.from_iterable(source).expand(lambda item: calls.append(item) or [])
    probe = subscribed(flow)
    assert (source.asked, calls) == (0, [])
    probe.request(2)
    assert (source.taken, calls) == (2, [])
    probe.request(rx.UNBOUNDED)
    assert calls == [0, 1, 2, 3, 4]


def test_an_item_is_given_before_it_is_turned_into_a_source() -> None:
    log: list[str] = []

    def mapper(item: int) -> Any:
        log.append(f"maps {item}")
        return []

    subscribed(rx.of(1, 2).expand(mapper), 2, then=lambda _, item: log.append(f"has {item}"))
    assert log.index("has 1") < log.index("maps 1")
    assert log.index("has 2") < log.index("maps 2")


def test_the_end_comes_with_the_last_item() -> None:
    assert subscribed(rx.of(1).expand(lambda item: rx.empty()), 1).completed
    assert subscribed(rx.of(1).expand(lambda item: [2] if item == 1 else []), 2).completed
    assert subscribed(rx.empty().expand(lambda item: [item])).completed
    assert not subscribed(rx.of(1).expand(lambda item: [item]), 1).completed


@pytest.mark.parametrize("demand", [2, 3, rx.UNBOUNDED])
def test_what_the_mapper_raises_comes_behind_the_item(demand: int) -> None:
    def mapper(item: int) -> Any:
        raise KeyError(item)

    source = counted(range(9))
    probe = subscribed(rx.from_iterable(source).expand(mapper, capacity=1), demand)
    probe.assert_failed(KeyError, 0)
    assert source.closed == 1


def test_the_failure_of_one_source_cancels_the_others() -> None:
    first, second = Subject[int](), Subject[int]()
    flow = rx.of(1, 2).concat(rx.never()).expand({1: first, 2: second}.__getitem__)
    probe = subscribed(flow, 9)
    assert len(second.observers) == 1
    first.on_error(KeyError("first"))
    probe.assert_failed(KeyError, 1, 2)
    assert second.observers == []


def test_what_is_open_is_cancelled_and_what_waits_is_discarded() -> None:
    opened = dict[int, Subject[int]]()

    def mapper(item: int) -> Any:
        return opened.setdefault(item, Subject())

    probe = subscribed(rx.range(5).expand(mapper, max_concurrency=2), 6)
    assert list(opened) == [0, 1]
    assert probe.statistics["expand"].held == 3
    probe.cancel()
    assert [len(subject.observers) for subject in opened.values()] == [0, 0]
    figures = probe.statistics["expand"]
    assert (figures.received, figures.delivered, figures.discarded, figures.held) == (5, 2, 3, 0)


def test_one_that_ends_makes_room_for_the_one_that_waits_longest() -> None:
    opened = dict[int, Subject[int]]()
    probe = subscribed(
        rx.range(4).expand(lambda item: opened.setdefault(item, Subject()), max_concurrency=2), 99
    )
    opened[1].on_completed()
    assert list(opened) == [0, 1, 2]
    opened[2].on_next(20)
    assert probe.items == [0, 1, 2, 3, 20]
    opened[0].on_completed()
    assert list(opened) == [0, 1, 2, 3]


def test_the_pages_of_a_service_are_fetched_as_they_are_wanted() -> None:
    fetched: list[int] = []

    async def fetch(page: int) -> int:
        await asyncio.sleep(1)
        fetched.append(page)
        return page

    async def main() -> None:
        flow = rx.of(0).expand(lambda page: rx.of(page + 1).map_async(fetch) if page < 5 else [])
        taken: list[int] = []
        async for page in flow:
            taken.append(page)
            assert len(fetched) <= len(taken)
        assert taken == [0, 1, 2, 3, 4, 5]

    run_virtual(main())


def test_a_request_inside_of_an_item_does_not_recurse() -> None:
    flow = rx.of(0).expand(lambda item: [item + 1] if item < 1_500 else [])
    subscribed(flow, 1, request_each=1).assert_completed(*range(1_501))


@pytest.mark.parametrize("name", ["max_concurrency", "capacity"])
@pytest.mark.parametrize("count", [0, -1, 1.5, "two"])
def test_bad_counts(name: str, count: Any) -> None:
    with pytest.raises((ValueError, TypeError), match=f"expand: {name}"):
        ops.expand(lambda item: [], **{name: count})


def test_bad_mappers() -> None:
    async def mapper(item: int) -> Any: ...

    with pytest.raises(TypeError, match="expand: mapper is an async function"):
        ops.expand(mapper)
    nothing: Any = None
    with pytest.raises(TypeError, match="expand: mapper must be callable"):
        ops.expand(nothing)
    probe = subscribed(rx.of(1).expand(lambda item: item), 9)
    assert "expand wants a Flow, an Observable, a future or an iterable" in str(probe.error)
