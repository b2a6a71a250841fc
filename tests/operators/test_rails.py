"""balance and parallel: each item to one of several, whichever has room."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import rxflow as rx
from rxflow import operators as ops
from rxflow.testing import TestPublisher, TestSubscriber, run_virtual
from tests.support import counted


def probes(flows: list[Any], *demands: int) -> list[Any]:
    made = [TestSubscriber[Any](demand) for demand in demands]
    for flow, probe in zip(flows, made, strict=True):
        flow.subscribe(probe)
    return made


def test_each_item_goes_to_one_that_has_room_in_turn() -> None:
    source = counted(range(9))
    fast, slow = probes(rx.from_iterable(source).balance(2, prefetch=1), rx.UNBOUNDED, 1)
    assert slow.items == [1]
    assert fast.items == [0, 2, 4, 5, 6, 7, 8]  # the slow one holds 3
    slow.assert_open()
    slow.request(9)
    slow.assert_completed(1, 3)
    fast.assert_completed(0, 2, 4, 5, 6, 7, 8)


def test_balance_begins_when_all_are_there_and_keeps_demand() -> None:
    source = counted(range(100))
    flows = rx.from_iterable(source).balance(2, prefetch=3)
    first = TestSubscriber[int](9)
    flows[0].subscribe(first)
    assert source.taken == 0
    second = TestSubscriber[int](0)
    flows[1].subscribe(second)
    assert len(first.items) == 9
    assert source.taken <= 9 + 3  # the second has asked for nothing
    assert second.items == []


def test_what_one_holds_when_it_leaves_goes_to_the_others() -> None:
    source = TestPublisher[int]()
    first, second = probes(rx.from_publisher(source, prefetch=1).balance(2, prefetch=3), 1, 1)
    for item in range(6):
        if source.requested:
            source.emit(item)
    held = 6 - len(first.items) - len(second.items)
    assert held > 0
    second.request(rx.UNBOUNDED)
    first.cancel()
    assert sorted(first.items + second.items) == list(range(6))
    source.complete()
    assert second.completed
    assert source.cancels == 0


def test_the_last_one_that_leaves_cancels() -> None:
    source = TestPublisher[int]()
    first, second = probes(rx.from_publisher(source).balance(2), 1, 1)
    first.cancel()
    assert not source.cancelled
    second.cancel()
    assert source.cancelled


@pytest.mark.parametrize("error", [None, KeyError()])
def test_the_end_comes_behind_what_is_held(error: Exception | None) -> None:
    end = rx.throw(error) if error else rx.empty()
    first, second = probes(rx.range(4).concat(end).balance(2, prefetch=2), 1, 9)
    assert second.items == [1, 3]
    assert (second.error, second.completed) == (error, error is None)
    first.assert_open()
    first.request(1)
    assert first.items == [0, 2]
    assert (first.error, first.completed) == (error, error is None)


@pytest.mark.parametrize("n", [0, -1, 1.5, "two"])
def test_bad_counts(n: Any) -> None:
    for build in (rx.range(3).balance, rx.range(3).parallel):
        with pytest.raises((ValueError, TypeError)):
            build(n)


def test_parallel_gives_all_and_pulls_what_is_asked_for() -> None:
    source = counted(range(100))
    flow = rx.from_iterable(source).parallel(3, ops.map(lambda x: -x))
    probe = TestSubscriber[int](0)
    flow.subscribe(probe)
    assert source.taken == 0
    probe.request(5)
    assert len(probe.items) == 5
    assert source.taken <= 5 + 3
    probe.request(rx.UNBOUNDED)
    assert sorted(probe.items) == list(range(-99, 1))
    assert probe.completed


def test_each_rail_has_its_own_operators() -> None:
    flow = rx.range(6).parallel(2, ops.map(lambda x: x), ops.count())
    for _ in range(2):  # anew for each subscription
        counts = list(flow)
        assert len(counts) == 2
        assert sum(counts) == 6


def test_a_slow_rail_holds_only_its_own_items() -> None:
    async def wait(item: int) -> int:
        await asyncio.sleep(1000 if item == 0 else 1)
        return item

    async def main() -> None:
        probe = TestSubscriber[int](rx.UNBOUNDED)
        rx.range(8).parallel(2, ops.map_async(wait)).subscribe(probe)
        await asyncio.sleep(900)
        held = set(range(8)) - set(probe.items)
        assert 0 in held
        assert len(held) <= 2  # it, and the next one of its rail
        await asyncio.sleep(200)
        assert sorted(probe.items) == list(range(8))
        assert probe.completed

    run_virtual(main())


def test_a_rail_that_fails_fails_the_whole_and_cancels_upstream() -> None:
    source = TestPublisher[int]()

    def fail(item: int) -> int:
        raise KeyError(item)

    probe = TestSubscriber[int](9)
    rx.from_publisher(source, prefetch=2).parallel(2, ops.map(fail)).subscribe(probe)
    source.emit(1)
    probe.assert_failed(KeyError)
    assert source.cancelled


def test_cancelling_discards_what_the_rails_hold() -> None:
    source = TestPublisher[int]()
    probe = TestSubscriber[int](1)
    rx.from_publisher(source, prefetch=4).parallel(2, ops.limit_rate(2)).subscribe(probe)
    source.emit(*range(source.requested))
    probe.cancel()
    assert source.cancelled
    for part in probe.subscription.statistics():
        lost = sum(part.dropped.values()) + part.discarded
        assert part.held == 0
        assert part.received == part.delivered + lost


def test_an_empty_source_and_one_item() -> None:
    assert list(rx.empty().parallel(3)) == []
    assert list(rx.of(7).parallel(3)) == [7]
    assert [list(flow) for flow in rx.of(7).balance(1)] == [[7]]
