"""merge, flat_map, concat_map, merge_all: bounds that are measured, turns that are fair."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
import reactivex
from reactivex import Subject

import rxflow as rx
from rxflow import operators as ops
from rxflow.testing import TestSubscriber
from tests.operators.waiting import Waiting, subscribed
from tests.support import counted

# How many are open.


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_no_more_than_max_concurrency_are_open(limit: int) -> None:
    inners = [Waiting() for _ in range(8)]
    source = counted(inners)
    flow = rx.from_iterable(source).pipe(
        ops.flat_map(lambda inner: inner.flow, max_concurrency=limit)
    )
    probe = subscribed(flow, rx.UNBOUNDED)
    for done in range(8):
        opened = [inner for inner in inners if inner.emitters]
        assert len(opened) == min(8, done + limit)
        assert source.taken == min(8, done + limit)
        inners[done].emit(done)
        inners[done].complete()
    assert probe.items == list(range(8))
    assert probe.completed


@pytest.mark.parametrize(
    "operator",
    [
        lambda: ops.merge(max_concurrent=3),
        lambda: ops.flat_map_indexed(lambda inner, _: inner, max_concurrency=3),
    ],
)
def test_the_bound_holds_for_the_others_too(operator: Callable[[], Any]) -> None:
    inners = [Waiting() for _ in range(5)]
    subscribed(rx.of(*[inner.flow for inner in inners]).pipe(operator()), rx.UNBOUNDED)
    assert [len(inner.emitters) for inner in inners] == [1, 1, 1, 0, 0]


def test_merge_all_opens_256() -> None:
    opened: list[int] = []

    def inner(number: int) -> Any:
        return rx.defer(lambda _: opened.append(number) or rx.never())

    flow = rx.range(1_000).pipe(ops.map(inner), ops.merge_all())
    subscribed(flow, rx.UNBOUNDED)
    assert opened == list(range(256))


def test_nothing_is_opened_before_there_is_demand() -> None:
    for operator in (
        ops.flat_map(rx.of),
        ops.concat_map(rx.of),
        ops.flat_map_indexed(lambda item, _: rx.of(item)),
    ):
        source = counted(count())
        probe = subscribed(rx.from_iterable(source).pipe(operator))
        assert source.asked == 0
        probe.cancel()
        assert source.asked == 0


# How much is asked of each.


@pytest.mark.parametrize(("demand", "asked"), [(1, 1), (3, 3), (4, 4), (9, 4), (rx.UNBOUNDED, 4)])
@pytest.mark.parametrize("operator", ["merge", "flat_map", "concat_map", "merge_all"])
def test_each_source_is_asked_for_no_more_than_prefetch_and_no_more_than_the_demand(
    operator: str, demand: int, asked: int
) -> None:
    sources = [Waiting(), Waiting()]
    flows = [source.flow for source in sources]
    flow = {
        "merge": lambda: flows[0].pipe(ops.merge(flows[1], prefetch=4)),
        "flat_map": lambda: rx.of(*flows).pipe(ops.flat_map(lambda inner: inner, prefetch=4)),
        "concat_map": lambda: rx.of(*flows).pipe(ops.concat_map(lambda inner: inner, prefetch=4)),
        "merge_all": lambda: rx.of(*flows).pipe(ops.merge_all(prefetch=4)),
    }[operator]()
    subscribed(flow, demand)
    assert max(sources[0].asked) == asked
    if operator == "concat_map":
        assert not sources[1].emitters
    else:
        assert max(sources[1].asked) == asked


@pytest.mark.parametrize("prefetch", [1, 2, 4])
def test_an_inner_source_refills_whenever_it_was_emptied(prefetch: int) -> None:
    inner = Waiting()
    probe = subscribed(
        rx.of(inner.flow).pipe(ops.flat_map(lambda flow: flow, prefetch=prefetch)), rx.UNBOUNDED
    )
    for item in range(20):
        assert inner.emitters[0].requested >= 1
        assert inner.emitters[0].requested <= prefetch
        inner.emit(item)
    assert probe.items == list(range(20))


def test_what_is_pulled_ahead_of_a_slow_consumer_is_bounded_per_source() -> None:
    sources = [counted(count()) for _ in range(3)]
    flow = rx.from_iterable(sources).pipe(
        ops.flat_map(rx.from_iterable, max_concurrency=3, prefetch=2)
    )
    probe = subscribed(flow)
    for taken in range(1, 30):
        probe.request(1)
        assert len(probe.items) == taken
        assert sum(source.taken for source in sources) <= taken + 3 * 2


# Whose turn it is.


def test_a_source_that_ends_leaves_the_turn_to_the_others() -> None:
    probe = subscribed(rx.merge(rx.of(1, 2), rx.of("a"), rx.range(10, 14)), rx.UNBOUNDED)
    assert sorted(map(str, probe.items)) == sorted(map(str, [1, 2, "a", 10, 11, 12, 13]))
    assert probe.completed
    assert [item for item in probe.items if item in (10, 11, 12, 13)] == [10, 11, 12, 13]


def test_another_inner_source_is_opened_when_none_of_the_open_ones_has_an_item() -> None:
    first, second = Waiting(), Waiting()
    probe = subscribed(rx.of(first.flow, second.flow).pipe(ops.flat_map(lambda flow: flow)), 5)
    assert second.emitters
    second.emit("b")
    first.emit("a")
    assert probe.items == ["b", "a"]


# Demand, exactly.


STEPS: dict[str, list[Any]] = {
    "map": [ops.map(lambda item: item)],
    "flat_map": [ops.flat_map(rx.of)],
    "flat_map of an iterable": [ops.flat_map(lambda item: [item])],
    "flat_map of a plain Observable": [ops.flat_map(reactivex.of)],
    "concat_map": [ops.concat_map(rx.of)],
    "flat_map_indexed": [ops.flat_map_indexed(lambda item, _: rx.of(item))],
    "merge_all": [ops.map(rx.of), ops.merge_all()],
    "concat_all": [ops.map(rx.of), ops.concat_all()],
    "a stock flat_map": [reactivex.operators.flat_map(rx.of)],
    "a lifted flat_map": [rx.lift(reactivex.operators.flat_map(rx.of))],
    "a lifted concat_map": [rx.lift(reactivex.operators.concat_map(rx.of))],
    "flat_map twice": [ops.flat_map(rx.of), ops.flat_map(rx.of)],
}
EACH = pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS.keys())


@EACH
def test_no_more_is_pulled_than_is_asked_for(steps: list[Any]) -> None:
    source = counted(count())
    probe = subscribed(rx.from_iterable(source).pipe(*steps))
    for taken in range(1, 6):
        probe.request(2)
        assert probe.items == list(range(2 * taken))
        assert source.taken == 2 * taken


@EACH
def test_no_more_is_pulled_inside_the_subscribe_of_another_observable(steps: list[Any]) -> None:
    source = counted(count())
    flow = rx.from_iterable(source).pipe(*steps)
    probe = TestSubscriber(2)
    outer = reactivex.create(lambda observer, scheduler: flow.subscribe(probe))
    outer.subscribe(lambda item: None)
    assert probe.items == [0, 1]
    assert source.taken == 2
    probe.request(1)
    assert probe.items == [0, 1, 2]
    assert source.taken == 3


@EACH
@pytest.mark.parametrize("within", [False, True])
def test_take_ends_an_endless_source(steps: list[Any], within: bool) -> None:
    source = counted(count())
    flow = rx.from_iterable(source).pipe(*steps, ops.take(3))
    items: list[int] = []
    ends: list[str] = []

    def begin(observer: Any, scheduler: Any) -> Any:
        return flow.subscribe(
            items.append, lambda error: ends.append(repr(error)), lambda: ends.append("done")
        )

    if within:
        reactivex.create(begin).subscribe(lambda item: None)
    else:
        begin(None, None)
    assert items == [0, 1, 2]
    assert ends == ["done"]
    assert source.taken == 3
    assert source.closed == 1


# The end.


def test_the_end_needs_no_demand_when_all_have_ended() -> None:
    for flow in (
        rx.merge(rx.empty(), rx.empty()),
        rx.empty().pipe(ops.flat_map(rx.of)),
        rx.empty().pipe(ops.concat_map(rx.of)),
        rx.empty().pipe(ops.merge_all()),
    ):
        assert subscribed(flow).completed
    waiting = [Waiting(), Waiting()]
    probe = subscribed(rx.merge(*[each.flow for each in waiting]))
    waiting[0].complete()
    assert not probe.ended
    waiting[1].complete()
    assert probe.completed


def test_completion_waits_for_the_inner_sources() -> None:
    outer: Subject[int] = Subject()
    inner = Waiting()
    probe = subscribed(
        outer.pipe(ops.on_backpressure_buffer(9), ops.flat_map(lambda _: inner.flow)), 9
    )
    outer.on_next(1)
    outer.on_completed()
    assert not probe.ended
    inner.emit("last")
    inner.complete()
    assert probe.items == ["last"]
    assert probe.completed


def test_completion_waits_for_the_outer_source() -> None:
    outer: Subject[int] = Subject()
    probe = subscribed(outer.pipe(ops.on_backpressure_buffer(9), ops.flat_map(rx.of)), 9)
    outer.on_next(1)
    assert probe.items == [1]
    assert not probe.ended
    outer.on_completed()
    assert probe.completed


def test_an_inner_error_cancels_the_others_and_the_outer_one() -> None:
    failure = ValueError("inner")
    inners = [Waiting(), Waiting(), Waiting()]
    outer = counted([*inners, "never reached"])
    flow = rx.from_iterable(outer).pipe(ops.flat_map(lambda inner: inner.flow, max_concurrency=3))
    probe = subscribed(flow, 9)
    inners[0].emit(1)
    inners[1].emitters[0].on_error(failure)
    assert probe.items == [1]
    assert probe.error is failure
    assert [inner.disposed for inner in inners] == [1, 1, 1]
    assert (outer.taken, outer.closed) == (3, 1)


def test_an_error_of_the_outer_source_cancels_the_inner_ones() -> None:
    failure = ValueError("outer")
    outer: Subject[int] = Subject()
    inner = Waiting()
    probe = subscribed(
        outer.pipe(ops.on_backpressure_buffer(9), ops.flat_map(lambda _: inner.flow)), 9
    )
    outer.on_next(1)
    outer.on_error(failure)
    assert probe.error is failure
    assert inner.disposed == 1


@pytest.mark.parametrize("position", [0, 1, 2])
def test_an_error_of_one_merged_source_cancels_the_others(position: int) -> None:
    failure = ValueError("broken")
    sources = [Waiting(), Waiting(), Waiting()]
    probe = subscribed(rx.merge(*[source.flow for source in sources]), 9)
    sources[position].emitters[0].on_error(failure)
    assert probe.error is failure
    assert [source.disposed for source in sources] == [1, 1, 1]


def test_what_the_mapper_raises_is_the_error() -> None:
    failure = ValueError("mapper")

    def mapper(item: int) -> Any:
        if item == 1:
            raise failure
        return rx.of(item)

    for operator in (ops.flat_map(mapper), ops.concat_map(mapper)):
        source = counted(range(5))
        probe = subscribed(rx.from_iterable(source).pipe(operator), 9)
        assert probe.items == [0]
        assert probe.error is failure
        assert source.closed == 1


def test_an_item_that_is_no_source_is_an_error_that_names_the_operator() -> None:
    for name in ("flat_map", "merge_all", "concat_all"):
        operator = {"flat_map": lambda: ops.flat_map(lambda item: item)}.get(
            name, getattr(ops, name)
        )()
        probe = subscribed(rx.of(5).pipe(operator), 1)
        assert isinstance(probe.error, TypeError)
        assert name in str(probe.error)
        assert "not 5" in str(probe.error)


def test_cancel_reaches_the_outer_and_all_inner_sources() -> None:
    inners = [Waiting(), Waiting()]
    outer = counted([*inners, None])
    probe = subscribed(
        rx.from_iterable(outer).pipe(ops.flat_map(lambda inner: inner.flow, max_concurrency=2)), 9
    )
    inners[0].emit(1)
    probe.cancel()
    assert [inner.disposed for inner in inners] == [1, 1]
    assert outer.closed == 1
    inners[1].emit(2)
    assert probe.items == [1]


# Plain Observables inside.


def test_a_plain_inner_observable_enters_through_a_bounded_door() -> None:
    subject: Subject[int] = Subject()
    probe = subscribed(rx.of(1).pipe(ops.flat_map(lambda _: subject)), 1)
    for item in range(257):
        subject.on_next(item)
    assert probe.items == [0]
    assert not probe.ended
    parts = probe.subscription.statistics()
    assert [each.held for each in parts if each.name == "flat_map"] == [256, 0]  # door, operator
    subject.on_next(257)
    assert not subject.observers
    probe.request(rx.UNBOUNDED)
    assert probe.items == list(range(257))
    assert isinstance(probe.error, rx.BufferOverflowError)
    assert "flat_map(capacity=256) overflowed" in str(probe.error)


def test_the_overflow_of_that_door_can_be_chosen() -> None:
    subject: Subject[int] = Subject()
    flow = rx.of(1).pipe(ops.flat_map(lambda _: subject, overflow=rx.DROP_OLDEST))
    probe = subscribed(flow, 1)
    for item in range(1_000):
        subject.on_next(item)
    subject.on_completed()
    probe.request(rx.UNBOUNDED)
    assert probe.items == [0, *range(744, 1_000)]
    assert probe.completed


def test_a_plain_source_among_merged_ones_enters_through_a_bounded_door() -> None:
    subject: Subject[int] = Subject()
    probe = subscribed(rx.never().pipe(ops.merge(subject)), 1)
    for item in range(258):
        subject.on_next(item)
    probe.request(rx.UNBOUNDED)
    assert probe.items == list(range(257))
    assert isinstance(probe.error, rx.BufferOverflowError)


def test_plain_observables_alone_stay_plain_rx() -> None:
    merged = rx.merge(reactivex.of(1), reactivex.of(2))
    assert not isinstance(merged, rx.Flow)
    items: list[int] = []
    merged.subscribe(items.append)
    assert sorted(items) == [1, 2]


# Order, and many of them.


def test_concat_map_opens_one_after_another() -> None:
    inners = [Waiting(), Waiting()]
    probe = subscribed(rx.from_iterable(inners).pipe(ops.concat_map(lambda each: each.flow)), 9)
    inners[0].emit(1)
    assert not inners[1].emitters
    inners[0].complete()
    inners[1].emit(2)
    inners[1].complete()
    assert probe.items == [1, 2]
    assert probe.completed


@pytest.mark.parametrize("operator", [ops.flat_map, ops.concat_map])
def test_ten_thousand_inner_sources_that_are_empty_do_not_recurse(operator: Any) -> None:
    probe = subscribed(rx.range(10_000).pipe(operator(lambda _: rx.empty())), 1)
    assert probe.completed
    assert probe.items == []


def test_none_is_an_item_like_any_other() -> None:
    probe = subscribed(rx.of(None).pipe(ops.flat_map(rx.of), ops.merge(rx.of(None))), 2)
    assert probe.items == [None, None]
    assert probe.completed


def test_a_merge_with_threads_gives_each_item_once() -> None:
    from tests.kernel.recorder import in_thread

    subjects: list[Subject[Any]] = [Subject() for _ in range(4)]
    probe = subscribed(
        rx.merge(*[each.pipe(ops.on_backpressure_buffer(1_000)) for each in subjects], rx.empty()),
        rx.UNBOUNDED,
    )

    def produce(number: int) -> Callable[[], None]:
        def run() -> None:
            for item in range(300):
                subjects[number].on_next((number, item))
            subjects[number].on_completed()

        return run

    joins = [in_thread(produce(number)) for number in range(4)]
    for join in joins:
        join()
    assert probe.completed
    for number in range(4):
        assert [item for n, item in probe.items if n == number] == list(range(300))


def test_items_that_come_while_the_sources_are_subscribed_to_end_nothing() -> None:
    flow = rx.merge(reactivex.of("a", "b"), rx.of(1).pipe(ops.concat(rx.of(2))))
    probe = subscribed(flow, 1)
    assert probe.items == ["a"]
    probe.request(10)
    assert sorted(map(str, probe.items)) == ["1", "2", "a", "b"]
    assert probe.completed
