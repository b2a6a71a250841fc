"""switch_map and its kin, exclusive: one inner source, the outer one taken as it comes."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
import reactivex
from reactivex import Subject
from reactivex.testing import TestScheduler

import rxflow as rx
from rxflow import operators as ops
from rxflow.testing import TestSubscriber
from tests.operators.waiting import Waiting, subscribed
from tests.support import counted

SWITCHING: dict[str, Callable[..., list[Any]]] = {
    "switch_map": lambda **options: [ops.switch_map(lambda each: each.flow, **options)],
    "switch_map without a function": lambda **options: [
        ops.map(lambda each: each.flow),
        ops.switch_map(**options),
    ],
    "switch_map_indexed": lambda **options: [
        ops.switch_map_indexed(lambda each, _: each.flow, **options)
    ],
    "switch_map_indexed without a function": lambda **options: [
        ops.map(lambda each: each.flow),
        ops.switch_map_indexed(**options),
    ],
    "flat_map_latest": lambda **options: [ops.flat_map_latest(lambda each: each.flow, **options)],
    "switch_latest": lambda **options: [
        ops.map(lambda each: each.flow),
        ops.switch_latest(**options),
    ],
}
EACH = pytest.mark.parametrize("steps", SWITCHING.values(), ids=SWITCHING)


def exclusively(**options: Any) -> list[Any]:
    return [ops.map(lambda each: each.flow), ops.exclusive(**options)]


ALL = pytest.mark.parametrize(
    "steps", [*SWITCHING.values(), exclusively], ids=[*SWITCHING, "exclusive"]
)


def over(outer: Any, steps: Callable[..., list[Any]], demand: int, **options: Any) -> Any:
    return subscribed(outer.pipe(*steps(**options)), demand)


# What is open.


@EACH
def test_the_next_inner_source_replaces_the_one_that_is_open(steps: Any) -> None:
    outer, inners = Waiting(), [Waiting(), Waiting()]
    probe = over(outer.flow, steps, 9)
    outer.emit(inners[0])
    inners[0].emit(1, 2)
    outer.emit(inners[1])
    assert [each.disposed for each in inners] == [1, 0]
    inners[0].emit(3)
    inners[1].emit(4)
    assert probe.items == [1, 2, 4]


@EACH
def test_a_replaced_inner_source_is_cancelled_at_once_also_without_demand(steps: Any) -> None:
    outer, inners = Waiting(), [Waiting(), Waiting(), Waiting()]
    probe = over(outer.flow, steps, 1)
    outer.emit(inners[0])
    inners[0].emit("a")
    assert probe.items == ["a"]
    for index in (1, 2):
        outer.emit(inners[index])
        assert [len(each.emitters) for each in inners[: index + 1]] == [1] * (index + 1)
        assert [each.disposed for each in inners] == [index > 0, index > 1, 0]
    assert outer.asked[-1] == rx.UNBOUNDED


@EACH
def test_items_of_a_replaced_inner_source_are_discarded_and_counted(steps: Any) -> None:
    outer, inners = Waiting(), [Waiting(), Waiting()]
    probe = over(outer.flow, steps, 1)
    outer.emit(inners[0])
    inners[0].emit(1, 2, 3)
    outer.emit(inners[1])
    inners[1].emit(4)
    probe.request(9)
    assert probe.items == [1, 4]
    figures = [part for part in probe.subscription.statistics() if part.name == "create"]
    past = next(part for part in figures if part.discarded)
    assert (past.received, past.delivered, past.discarded, past.held) == (3, 1, 2, 0)


def test_what_a_plain_inner_observable_had_waiting_is_discarded_and_counted() -> None:
    outer, subjects = Waiting(), [Subject[int](), Subject[int]()]
    probe = subscribed(outer.flow.pipe(ops.switch_latest()), 1)
    outer.emit(subjects[0])
    for item in range(4):
        subjects[0].on_next(item)
    outer.emit(subjects[1])
    assert not subjects[0].observers
    assert probe.statistics["switch_latest"].discarded == 0  # that is the open one's
    past = [part for part in probe.subscription.statistics() if part.name == "switch_latest"]
    assert [part.discarded for part in past] == [3, 0]


@ALL
def test_nothing_is_taken_before_the_first_request(steps: Any) -> None:
    outer, inner = Waiting(), Waiting()
    probe = over(outer.flow, steps, 0)
    outer.emit(inner)
    assert not outer.asked
    assert not inner.emitters
    probe.request(1)
    assert inner.emitters


def test_one_inner_source_is_open_when_many_come_at_once() -> None:
    opened: list[int] = []
    closed: list[int] = []

    def inner(number: int) -> Any:
        def start(_: Any) -> Callable[[], None]:
            opened.append(number)
            assert len(opened) - len(closed) == 1
            return lambda: closed.append(number)

        return rx.create(start, overflow=rx.FAIL)

    probe = subscribed(rx.range(3_000).pipe(ops.switch_map(inner)), 1)
    assert opened == list(range(3_000))
    assert closed == list(range(2_999))
    probe.cancel()
    assert closed == opened


def test_an_endless_iterable_outside_does_not_keep_the_inner_source_from_giving() -> None:
    outer = counted(count())
    probe = subscribed(rx.from_iterable(outer).pipe(ops.switch_map(lambda x: rx.of(x, -x))), 1)
    assert len(probe.items) == 1
    taken = outer.taken
    assert taken <= 1_024
    probe.cancel()
    assert outer.taken == taken
    assert outer.closed == 1


def test_an_iterable_outside_is_advanced_while_there_is_demand_only() -> None:
    outer = counted(count())
    probe = subscribed(rx.from_iterable(outer).pipe(ops.switch_map(lambda x: rx.of(x, -x))), 2)
    taken = outer.taken
    probe.request(1)
    assert len(probe.items) == 3
    assert outer.taken <= taken + 1_024


def test_an_inner_source_that_is_replaced_by_what_its_item_leads_to() -> None:
    outer: Subject[int] = Subject()
    items: list[int] = []

    def take(item: int) -> None:
        items.append(item)
        if item < 3:
            outer.on_next(item + 1)

    outer.pipe(ops.on_backpressure_buffer(9), ops.switch_map(lambda x: rx.of(x, x * 10))).subscribe(
        take
    )
    outer.on_next(1)
    assert items == [1, 2, 3, 30]


# Demand.


@ALL
@pytest.mark.parametrize(("demand", "asked"), [(1, 1), (3, 3), (9, 4), (rx.UNBOUNDED, 4)])
def test_the_open_source_is_asked_for_no_more_than_prefetch_and_the_demand(
    steps: Any, demand: int, asked: int
) -> None:
    outer, inner = Waiting(), Waiting()
    over(outer.flow, steps, demand, prefetch=4)
    outer.emit(inner)
    assert max(inner.asked) == asked


@ALL
def test_the_open_source_is_refilled_when_it_was_emptied(steps: Any) -> None:
    outer, inner = Waiting(), Waiting()
    probe = over(outer.flow, steps, rx.UNBOUNDED, prefetch=2)
    outer.emit(inner)
    for item in range(20):
        assert 1 <= inner.emitters[0].requested <= 2
        inner.emit(item)
    assert probe.items == list(range(20))


@ALL
def test_demand_goes_over_to_the_next_inner_source(steps: Any) -> None:
    outer, inners = Waiting(), [Waiting(), Waiting()]
    probe = over(outer.flow, steps, 5)
    outer.emit(inners[0])
    inners[0].emit(1, 2)
    inners[0].complete()
    outer.emit(inners[1])
    assert inners[1].emitters[0].requested >= 3
    inners[1].emit(3, 4, 5, 6)
    assert probe.items == [1, 2, 3, 4, 5]


def test_an_empty_inner_source_leaves_the_demand_to_the_next_one() -> None:
    for steps in ([ops.switch_map(lambda x: x)], [ops.exclusive()]):
        outer = Waiting()
        probe = subscribed(outer.flow.pipe(*steps), 2)
        for inner in (rx.empty(), [], reactivex.empty(), rx.of(7), rx.empty(), [8]):
            outer.emit(inner)
        assert probe.items == [7, 8]


def test_a_request_inside_of_an_item_is_served() -> None:
    probe: TestSubscriber[int] = TestSubscriber(1, request_each=1)
    rx.of(1).pipe(ops.switch_map(lambda _: rx.range(5))).subscribe(probe)
    assert probe.items == [0, 1, 2, 3, 4]
    assert probe.completed


# The end.


@ALL
def test_completion_needs_both_and_no_demand(steps: Any) -> None:
    for first in ("outer", "inner"):
        outer, inner = Waiting(), Waiting()
        probe = over(outer.flow, steps, 1)
        outer.emit(inner)
        inner.emit(1)
        (outer if first == "outer" else inner).complete()
        assert not probe.ended
        (inner if first == "outer" else outer).complete()
        assert probe.completed
        assert probe.items == [1]


@ALL
def test_an_empty_source_completes_without_demand(steps: Any) -> None:
    assert over(rx.empty(), steps, 0).completed


def test_one_item_completes_with_it() -> None:
    assert subscribed(rx.of(1).pipe(ops.switch_map(rx.of)), 1).completed
    assert subscribed(rx.of(rx.of(1)).pipe(ops.exclusive()), 1).completed


@ALL
def test_what_waits_for_demand_keeps_it_open(steps: Any) -> None:
    outer, inner = Waiting(), Waiting()
    probe = over(outer.flow, steps, 1)
    outer.emit(inner)
    inner.emit(1, 2)
    inner.complete()
    outer.complete()
    assert not probe.ended
    probe.request(1)
    assert probe.items == [1, 2]
    assert probe.completed


@ALL
@pytest.mark.parametrize("demand", [1, 2])
def test_a_failure_of_the_outer_source_comes_at_once_and_cancels_the_inner_one(
    steps: Any, demand: int
) -> None:
    outer, inner, failure = Waiting(), Waiting(), ValueError("outer")
    probe = over(outer.flow, steps, demand)
    outer.emit(inner)
    inner.emit(1)
    outer.fail(failure)
    assert probe.error is failure
    assert probe.items == [1]
    assert inner.disposed == 1


@ALL
def test_a_failure_of_the_inner_source_stands_behind_its_items_and_cancels_the_outer_one(
    steps: Any,
) -> None:
    outer, inner, failure = Waiting(), Waiting(), ValueError("inner")
    probe = over(outer.flow, steps, 1)
    outer.emit(inner)
    inner.emit(1, 2)
    inner.fail(failure)
    assert not probe.ended
    assert outer.disposed == 0
    probe.request(1)
    assert probe.items == [1, 2]
    assert probe.error is failure
    assert outer.disposed == 1


@EACH
def test_the_failure_of_an_inner_source_that_was_replaced_is_gone(steps: Any) -> None:
    outer, inners = Waiting(), [Waiting(), Waiting()]
    probe = over(outer.flow, steps, 1)
    outer.emit(inners[0])
    inners[0].emit(1, 2)
    inners[0].fail(ValueError("too late"))
    outer.emit(inners[1])
    inners[1].emit(3)
    probe.request(1)
    assert probe.items == [1, 3]
    assert not probe.ended


def test_what_the_function_raises_is_the_error_with_and_without_demand() -> None:
    failure = ValueError("planted")

    def project(item: int) -> Any:
        if item == 2:
            raise failure
        return rx.of(item)

    for demand in (1, 9):
        outer: Subject[int] = Subject()
        flow = outer.pipe(ops.on_backpressure_buffer(9), ops.switch_map(project))
        probe = subscribed(flow, demand)
        outer.on_next(1)
        outer.on_next(2)
        assert probe.items == [1]
        assert probe.error is failure
        assert not outer.observers


@ALL
def test_cancel_reaches_both_in_every_state(steps: Any) -> None:
    for state in ("nothing asked", "nothing came", "open", "held", "inner ended", "outer ended"):
        outer, inner = Waiting(), Waiting()
        probe = over(outer.flow, steps, 0 if state == "nothing asked" else 1)
        if state not in ("nothing asked", "nothing came"):
            outer.emit(inner)
        if state == "held":
            inner.emit(1, 2)
        if state == "inner ended":
            inner.complete()
        if state == "outer ended":
            outer.complete()
        probe.cancel()
        assert outer.disposed == 1, state
        assert inner.disposed == len(inner.emitters), state
        assert sum(part.held for part in probe.subscription.statistics()) == 0
        probe.request(1)
        assert probe.signals[-1] in ("on_subscribe", "on_next")


def test_an_item_that_is_no_source_is_an_error_that_names_the_operator() -> None:
    for name in ("switch_latest", "exclusive", "switch_map", "switch_map_indexed"):
        probe = subscribed(rx.of(5).pipe(getattr(ops, name)()), 1)
        assert isinstance(probe.error, TypeError)
        assert name in str(probe.error)
        assert "not 5" in str(probe.error)


# exclusive.


def test_exclusive_drops_what_comes_while_a_source_is_open_and_says_so() -> None:
    outer, dropped = Waiting(), list[Any]()
    inners = [Waiting() for _ in range(4)]
    flow = outer.flow.pipe(
        ops.exclusive(on_drop=lambda item, reason: dropped.append((item, reason)))
    )
    flows = [each.flow for each in inners]
    probe = subscribed(flow, 1)
    outer.emit(flows[0])
    inners[0].emit(1, 2)
    outer.emit(flows[1], flows[2])
    assert dropped == [(flows[1], "busy"), (flows[2], "busy")]
    inners[0].complete()
    probe.request(9)
    outer.emit(flows[3])
    inners[3].emit(3)
    assert probe.items == [1, 2, 3]
    figures = probe.statistics["exclusive"]
    assert (figures.received, figures.delivered, figures.dropped) == (4, 2, {"busy": 2})
    assert not inners[1].emitters


def test_an_inner_source_whose_items_wait_for_demand_is_still_open() -> None:
    outer, inner = Waiting(), Waiting()
    probe = subscribed(outer.flow.pipe(ops.exclusive()), 1)
    outer.emit(inner.flow)
    inner.emit(1, 2)
    inner.complete()
    outer.emit(rx.of(3))
    probe.request(9)
    assert probe.items == [1, 2]
    assert probe.statistics["exclusive"].dropped == {"busy": 1}


def test_what_on_drop_raises_ends_the_stream() -> None:
    failure = ValueError("planted")

    def on_drop(item: Any, reason: str) -> None:
        raise failure

    outer, inner = Waiting(), Waiting()
    probe = subscribed(outer.flow.pipe(ops.exclusive(on_drop=on_drop)), 1)
    outer.emit(inner.flow)
    inner.emit(1)
    outer.emit(rx.of(2))
    assert probe.error is failure
    assert inner.disposed == 1
    figures = probe.statistics["exclusive"]
    assert figures.received == figures.delivered + sum(figures.dropped.values()) == 2


# Plain Observables inside.


@pytest.mark.parametrize("name", ["switch_latest", "exclusive"])
def test_a_plain_inner_observable_enters_through_a_stated_overflow(name: str) -> None:
    for overflow, given in ((rx.FAIL, range(257)), (rx.DROP_OLDEST, [0, *range(744, 1_000)])):
        subject: Subject[int] = Subject()
        outer = Waiting()
        probe = subscribed(outer.flow.pipe(getattr(ops, name)(overflow=overflow)), 1)
        outer.emit(subject)
        for item in range(1_000):
            subject.on_next(item)
        assert probe.subscription.statistics()[1].held == 256
        probe.request(rx.UNBOUNDED)
        assert probe.items == list(given)
        assert isinstance(probe.error, rx.BufferOverflowError) is (overflow is rx.FAIL)


# Time.


def test_a_switch_at_the_instant_of_an_inner_item_is_as_in_plain_rx() -> None:
    for at in (9, 10, 11):  # the inner items come at 10, 20, ...

        def run(flow: Callable[[Any], Any], at: int = at) -> list[tuple[float, Any]]:
            clock = TestScheduler()
            seen: list[tuple[float, Any]] = []
            outer: Subject[str] = Subject()
            inner = reactivex.interval(10.0, scheduler=clock)
            flow(outer).pipe(
                ops.switch_map(lambda key: inner.pipe(reactivex.operators.map(lambda n: (key, n))))
            ).subscribe(lambda item: seen.append((clock.clock, item)), scheduler=clock)
            outer.on_next("a")
            clock.schedule_absolute(at, lambda *_: outer.on_next("b"))
            clock.advance_to(35)
            return seen

        plain = run(lambda outer: outer)
        assert plain
        assert run(ops.on_backpressure_buffer(9)) == plain


# Threads.


def test_threads_that_push_into_both_lose_nothing_unnoticed() -> None:
    from tests.kernel.recorder import in_thread

    outer: Subject[Any] = Subject()
    inner: Subject[int] = Subject()
    probe: TestSubscriber[Any] = TestSubscriber(1, request_each=1)
    outer.pipe(ops.on_backpressure_buffer(1_000), ops.switch_latest()).subscribe(probe)

    bounded = inner.pipe(ops.on_backpressure_buffer(1_000))  # a thread may be held up for long

    def switch() -> None:
        for _ in range(200):
            outer.on_next(bounded)

    def push() -> None:
        for item in range(500):
            inner.on_next(item)

    joins = [in_thread(switch), in_thread(push)]
    for join in joins:
        join()
    outer.on_completed()
    inner.on_completed()
    assert probe.completed
    assert not probe.violations
    assert probe.items == sorted(set(probe.items))
    for part in probe.subscription.statistics():
        lost = sum(part.dropped.values()) + part.discarded
        assert part.received == part.delivered + part.held + lost
