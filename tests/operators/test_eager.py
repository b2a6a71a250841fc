"""concat_map_eager: sources that run at the same time, in order, within a bound."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest
import reactivex
from reactivex import Subject

import rxflow as rx
from rxflow import operators as ops
from rxflow.testing import TestSubscriber, run_virtual
from tests.operators.waiting import Waiting, subscribed
from tests.support import counted


def eager(sources: Any, demand: int = 0, **options: Any) -> TestSubscriber:
    flow = rx.from_iterable(sources).pipe(
        ops.concat_map_eager(
            lambda each: each.flow if isinstance(each, Waiting) else each, **options
        )
    )
    return subscribed(flow, demand)


def test_inner_sources_run_at_the_same_time_and_are_given_in_order() -> None:
    a, b, c = sources = [Waiting() for _ in range(3)]
    probe = eager(sources, 9)
    assert [len(each.emitters) for each in sources] == [1, 1, 1]
    b.emit("b1", "b2")
    b.complete()
    c.emit("c1")
    a.emit("a1")
    assert probe.items == ["a1"]
    a.emit("a2")
    a.complete()
    assert probe.items == ["a1", "a2", "b1", "b2", "c1"]
    c.complete()
    assert probe.completed


def test_tasks_of_inner_sources_overlap_in_time() -> None:
    import asyncio

    async def slow(item: int) -> Any:
        await asyncio.sleep(10 - item)
        yield item

    async def main() -> tuple[list[int], float]:
        loop = asyncio.get_running_loop()
        begin = loop.time()
        flow: Any = rx.range(4).pipe(
            ops.concat_map_eager(lambda n: rx.from_async_iterable(slow(n)))
        )
        return [item async for item in flow], loop.time() - begin

    items, passed = run_virtual(main())
    assert items == [0, 1, 2, 3]
    assert passed == pytest.approx(10)


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_no_more_than_max_concurrency_are_open(limit: int) -> None:
    sources = [Waiting() for _ in range(8)]
    outer = counted(sources)
    probe = eager(outer, rx.UNBOUNDED, max_concurrency=limit)
    for done in range(8):
        assert [len(each.emitters) for each in sources].count(1) == min(8, done + limit)
        assert outer.taken == min(8, done + limit)
        sources[done].emit(done)
        sources[done].complete()
    assert probe.items == list(range(8))
    assert probe.completed


def test_a_later_source_that_has_ended_keeps_its_place_until_it_was_given() -> None:
    sources = [Waiting() for _ in range(3)]
    probe = eager(sources, 9, max_concurrency=2)
    sources[1].emit("b")
    sources[1].complete()
    assert not sources[2].emitters
    sources[0].complete()
    assert probe.items == ["b"]
    assert sources[2].emitters


@pytest.mark.parametrize(("max_concurrency", "prefetch"), [(1, 1), (2, 3), (4, 2), (3, 8)])
def test_what_is_held_is_bounded_exactly(max_concurrency: int, prefetch: int) -> None:
    inners = [counted(count(100 * n)) for n in range(8)]
    probe = eager([rx.from_iterable(each) for each in inners], 1, max_concurrency=max_concurrency,
                  prefetch=prefetch)  # fmt: skip
    held = 0
    for taken in range(1, 20):
        assert probe.items == list(range(taken))
        figures = [
            part for part in probe.subscription.statistics() if part.name == "concat_map_eager"
        ]
        assert all(part.held <= prefetch for part in figures)
        assert sum(each.taken for each in inners) <= taken + max_concurrency * prefetch
        held = max(held, sum(part.held for part in figures))
        probe.request(1)
    assert max_concurrency * prefetch - 1 <= held <= max_concurrency * prefetch


def test_nothing_is_opened_before_the_first_request() -> None:
    source = counted(count())
    probe = subscribed(rx.from_iterable(source).pipe(ops.concat_map_eager(rx.of)))
    assert source.asked == 0
    probe.cancel()
    assert source.closed == 1


def test_empty_inner_sources_refill_too() -> None:
    inners = [[], rx.empty(), reactivex.empty(), [1], *[rx.empty()] * 2_000, [2]]
    probe = eager(inners, 2, max_concurrency=2)
    assert probe.items == [1, 2]
    assert probe.completed


@pytest.mark.parametrize("demand", [0, 1])
def test_an_empty_source_completes_without_demand(demand: int) -> None:
    assert eager([], demand).completed


def test_completion_needs_no_demand_once_all_was_given() -> None:
    a, b = sources = [Waiting(), Waiting()]
    probe = eager(sources, 2)
    a.emit(1)
    b.emit(2)
    a.complete()
    assert probe.items == [1, 2]
    assert not probe.ended
    b.complete()
    assert probe.completed


def test_a_failure_waits_for_all_that_is_before_it() -> None:
    failure = ValueError("planted")
    a, b, c = sources = [Waiting() for _ in range(3)]
    probe = eager(sources, 9)
    c.emit("never given")
    b.emit("b")
    b.fail(failure)
    assert not probe.ended
    a.emit("a")
    a.complete()
    assert probe.items == ["a", "b"]
    assert probe.error is failure
    assert c.disposed == 1


@pytest.mark.parametrize("demand", [1, 9])
def test_a_failure_that_is_not_delayed_comes_at_once(demand: int) -> None:
    failure = ValueError("planted")
    a, b = sources = [Waiting(), Waiting()]
    probe = eager(sources, demand, delay_error=False)
    a.emit("a")
    b.emit("b")
    b.fail(failure)
    assert probe.items == ["a"]
    assert probe.error is failure
    assert a.disposed == 1


@pytest.mark.parametrize("delay", [True, False])
def test_a_failure_of_the_outer_source_or_of_the_mapper(delay: bool) -> None:
    failure = ValueError("planted")
    inner = Waiting()

    def mapper(item: Any) -> Any:
        if item == 2:
            raise failure
        return inner.flow

    for pushed in (True, False):
        outer: Subject[int] = Subject()
        flow = outer.pipe(
            ops.on_backpressure_buffer(9), ops.concat_map_eager(mapper, delay_error=delay)
        )
        probe = subscribed(flow, 9)
        outer.on_next(1)
        if pushed:
            outer.on_next(2)
        else:
            outer.on_error(failure)
        assert probe.ended is not delay
        assert not outer.observers
        if delay:
            inner.emit("a")
            inner.complete()
            assert probe.items == ["a"]
        assert probe.error is failure


def test_a_plain_inner_observable_enters_through_a_stated_overflow() -> None:
    subject: Subject[int] = Subject()
    probe = eager([Waiting(), subject], 1, prefetch=4)
    for item in range(260):
        subject.on_next(item)
    assert subject.observers
    subject.on_next(260)
    assert not subject.observers
    subject = Subject()
    first = Waiting()
    probe = eager([first, subject], rx.UNBOUNDED, prefetch=4, overflow=rx.DROP_OLDEST)
    for item in range(1_000):
        subject.on_next(item)
    first.complete()
    assert probe.items == [0, 1, 2, 3, *range(744, 1_000)]


def test_cancel_reaches_all_sources_in_every_state() -> None:
    for state in ("nothing asked", "opened", "held", "first ended", "second ended"):
        a, b, _ = sources = [Waiting() for _ in range(3)]
        outer = counted([*sources, None])
        probe = eager(outer, 0 if state == "nothing asked" else 1, max_concurrency=3)
        if state == "held":
            a.emit(1, 2, 3)
            b.emit(4)
        if state == "first ended":
            a.complete()
        if state == "second ended":
            b.complete()
        probe.cancel()
        assert [each.disposed for each in sources] == [len(each.emitters) for each in sources]
        assert outer.closed == 1
        for part in probe.subscription.statistics():
            assert (part.held, part.received) == (0, part.delivered + part.discarded), state


def test_a_request_inside_of_an_item_is_served() -> None:
    probe: TestSubscriber[int] = TestSubscriber(1, request_each=1)
    rx.range(5).pipe(
        ops.concat_map_eager(lambda n: [n, n], max_concurrency=2, prefetch=1)
    ).subscribe(probe)
    assert probe.items == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert probe.completed
    assert not probe.violations
