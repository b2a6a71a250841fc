"""balance and parallel: each item to one of several, whichever has room."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

import pytest
from reactivex import operators as stock

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


# In order.


def steps_at_random(rng: Random) -> tuple[list[Any], list[Any]]:
    """Make operators that drop, multiply and delay items, with what each makes of a list."""

    async def later(item: int) -> int:
        await asyncio.sleep(Random(item * salt).random() * 9)
        return item + 1

    def made(kind: str) -> tuple[Any, Any]:
        return {
            "drops": (ops.filter(lambda x: x % 3), lambda xs: [x for x in xs if x % 3]),
            "multiplies": (
                ops.flat_map_iterable(lambda x: [x] * (x % 4)),
                lambda xs: [x for x in xs for _ in range(x % 4)],
            ),
            "one after another": (ops.map_async(later, 1), lambda xs: [x + 1 for x in xs]),
            "several at once": (ops.map_async(later, 3), lambda xs: [x + 1 for x in xs]),
            "of reactivex": (
                stock.flat_map(lambda x: rx.of(x, x + 5)),
                lambda xs: [y for x in xs for y in (x, x + 5)],
            ),
            "prefetches": (ops.limit_rate(3), lambda xs: xs),
        }[kind]

    salt = rng.random()
    kinds = ["drops", "multiplies", "one after another", "several at once"]
    chosen = rng.choices([*kinds, "of reactivex", "prefetches"], k=rng.randint(1, 4))
    steps, models = zip(*map(made, chosen), strict=True)
    return list(steps), list(models)


@pytest.mark.parametrize("seed", range(25))
def test_ordered_rails_give_what_each_item_leads_to_in_the_order_of_the_items(seed: int) -> None:
    """Rails that are joined in turn shift their items, or hang, when one drops or multiplies."""
    rng = Random(seed)
    steps, models = steps_at_random(rng)
    rails, demand = rng.randint(1, 5), rng.choice([1, 2, rx.UNBOUNDED])
    expected: list[int] = []
    for item in range(25):
        led_to = [item]
        for model in models:
            led_to = model(led_to)
        expected += led_to

    async def main() -> None:
        probe = TestSubscriber[int](demand, request_each=1 if demand < 9 else 0)
        rx.range(25).parallel(rails, *steps, ordered=True).subscribe(probe)
        await probe.until(lambda it: it.ended, timeout=9_000)
        probe.assert_completed(*expected)

    run_virtual(main())


@pytest.mark.parametrize("rails", [1, 2, 5])
def test_ordered_rails_run_at_the_same_time_and_take_no_more_items_than_there_are_rails(
    rails: int,
) -> None:
    source, running, peak = counted(range(20)), 0, 0

    async def work(item: int) -> int:
        nonlocal running, peak
        running += 1
        peak = max(peak, running)
        await asyncio.sleep(20 - item)
        running -= 1
        return item

    async def main() -> None:
        probe = TestSubscriber[int](0)
        rx.from_iterable(source).parallel(rails, ops.map_async(work), ordered=True).subscribe(probe)
        assert source.taken == 0
        for asked in range(1, 11):
            probe.request(1)
            await probe.until(lambda it: len(it.items) == asked, timeout=999)  # noqa: B023
            assert source.taken <= asked + rails
        assert probe.items == list(range(10))
        probe.cancel()
        await asyncio.sleep(1)

    run_virtual(main())
    assert peak == rails


def test_an_ordered_rail_holds_one_result_while_another_one_is_slow() -> None:
    made: list[int] = []

    async def first_is_slow(item: int) -> int:
        await asyncio.sleep(1000 if item == 0 else 1)
        return item

    def three(item: int) -> Any:
        for part in range(3):
            made.append(item)
            yield item, part

    async def main() -> None:
        probe = TestSubscriber[Any](rx.UNBOUNDED)
        rx.range(9).parallel(
            3, ops.map_async(first_is_slow), ops.flat_map_iterable(three), ordered=True
        ).subscribe(probe)
        await asyncio.sleep(500)
        assert probe.items == []
        assert made == [1, 2]  # the second and third item, one result of each
        await asyncio.sleep(1000)
        assert probe.items == [(item, part) for item in range(9) for part in range(3)]
        assert probe.completed

    run_virtual(main())


def test_each_item_of_ordered_rails_has_operators_of_its_own() -> None:
    twice = ops.flat_map_iterable(lambda item: [item] * item)
    assert list(rx.range(4).parallel(2, twice, ops.count(), ordered=True)) == [0, 1, 2, 3]
    assert list(rx.range(4).parallel(2, ops.pairwise(), ordered=True)) == []


def test_a_failure_of_an_ordered_rail_comes_in_its_turn_and_cancels_the_rest() -> None:
    source = counted(range(9))

    async def fails_soon(item: int) -> int:
        await asyncio.sleep(1 if item == 2 else 10)
        if item == 2:
            raise KeyError(item)
        return item

    async def main() -> None:
        probe = TestSubscriber[int](9)
        flow = rx.from_iterable(source).parallel(4, ops.map_async(fails_soon), ordered=True)
        flow.subscribe(probe)
        await asyncio.sleep(5)
        probe.assert_open()
        await asyncio.sleep(50)
        probe.assert_failed(KeyError, 0, 1)
        assert source.closed == 1
        assert source.taken <= 4 + 2

    run_virtual(main())


def test_a_cancel_of_ordered_rails_cancels_what_runs_and_discards_what_is_held() -> None:
    over: list[int] = []

    async def slow(item: int) -> int:
        try:
            await asyncio.sleep(100 if item == 0 else 1)
        finally:
            over.append(item)
        return item

    async def main() -> None:
        source = counted(range(9))
        probe = TestSubscriber[int](9)
        rx.from_iterable(source).parallel(3, ops.map_async(slow), ordered=True).subscribe(probe)
        await asyncio.sleep(5)
        probe.cancel()
        await asyncio.sleep(1)
        assert sorted(over) == [0, 1, 2]
        assert source.closed == 1
        for part in probe.subscription.statistics():
            lost = sum(part.dropped.values()) + part.discarded
            assert part.held == 0
            assert part.received == part.delivered + lost
        assert sum(p.discarded for p in probe.subscription.statistics() if p.name == "parallel")

    run_virtual(main())


def test_ordered_rails_over_an_empty_source_and_one_item() -> None:
    assert list(rx.empty().parallel(3, ordered=True)) == []
    assert list(rx.of(None).parallel(3, ordered=True)) == [None]
    probe = TestSubscriber[int](1)
    rx.of(7).parallel(3, ordered=True).subscribe(probe)
    probe.assert_completed(7)
