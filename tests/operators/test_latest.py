"""combine_latest, with_latest_from, zip_latest: the latest of each, and what was overtaken."""

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

NAMES = ["combine_latest", "with_latest_from", "zip_latest"]
EACH = pytest.mark.parametrize("name", NAMES)
NEWEST = pytest.mark.parametrize("name", ["with_latest_from", "zip_latest"])


def combined(name: str, first: Any, *others: Any, **options: Any) -> Any:
    return first.pipe(getattr(ops, name)(*others, **options))


def of_two(name: str, demand: int, **options: Any) -> tuple[TestSubscriber, Waiting, Waiting]:
    first, second = Waiting(), Waiting()
    probe = subscribed(combined(name, first.flow, second.flow, **options), demand)
    return probe, first, second


# combine_latest: every combination.


def test_combine_latest_gives_all_values_at_each_new_one() -> None:
    probe, a, b = of_two("combine_latest", 9)
    a.emit(1)
    b.emit("x")
    a.emit(2)
    b.emit("y", "z")
    assert probe.items == [(1, "x"), (2, "x"), (2, "y"), (2, "z")]


def test_combine_latest_loses_no_combination_for_want_of_demand() -> None:
    probe, a, b = of_two("combine_latest", 1)
    a.emit(1)
    b.emit("x")
    a.emit(2, 3)
    b.emit("y")
    assert probe.items == [(1, "x")]
    probe.request(9)
    assert len(probe.items) == 4
    assert [left for left, _ in probe.items] == sorted(left for left, _ in probe.items)
    assert {item for pair in probe.items for item in pair} == {1, 2, 3, "x", "y"}
    assert probe.statistics["combine_latest"].dropped == {}


def test_combine_latest_of_two_ready_sources_is_fair() -> None:
    flow = combined("combine_latest", rx.range(100), rx.range(100))
    for demand in (20, 1):
        probe = subscribed(flow, demand)
        for _ in range(20 // demand - 1):
            probe.request(1)
        left, right = probe.items[-1]
        assert len(probe.items) == 20
        assert abs(left - right) <= 1


def test_what_is_overtaken_before_each_has_given_one_is_counted() -> None:
    probe, a, b = of_two("combine_latest", 9)
    a.emit(1, 2, 3)
    b.emit("x")
    assert probe.items == [(3, "x")]
    figures = probe.statistics["combine_latest"]
    assert figures.dropped == {"overtaken": 2}
    assert (figures.received, figures.delivered, figures.held) == (4, 2, 0)


def test_an_iterable_waits_for_the_others_instead_of_being_overtaken() -> None:
    source, late = counted(count()), Waiting()
    probe = subscribed(combined("combine_latest", rx.from_iterable(source), late.flow), 3)
    assert source.taken == 1
    late.emit("x")
    assert probe.items == [(0, "x"), (1, "x"), (2, "x")]
    assert source.taken == 3


@pytest.mark.parametrize(("demand", "asked"), [(1, 1), (3, 3), (9, 4), (rx.UNBOUNDED, 4)])
def test_combine_latest_asks_each_for_no_more_than_prefetch_and_the_demand(
    demand: int, asked: int
) -> None:
    _, a, b = of_two("combine_latest", demand, prefetch=4)
    assert max(a.asked) == max(b.asked) == asked
    a.emit(1)
    b.emit("x")
    assert a.emitters[0].requested <= asked


def test_sources_are_refilled() -> None:
    probe, a, b = of_two("combine_latest", rx.UNBOUNDED, prefetch=2)
    b.emit("x")
    for item in range(20):
        assert 1 <= a.emitters[0].requested <= 2
        a.emit(item)
    assert [left for left, _ in probe.items] == list(range(20))


@pytest.mark.parametrize("prefetch", [1, 2, 4])
def test_sources_that_push_are_asked_again_while_they_are_handed_over_at_once(
    prefetch: int,
) -> None:
    emitters: list[Any] = []
    first, second = (rx.create(emitters.append, overflow=rx.FAIL, capacity=9) for _ in range(2))
    probe = subscribed(first.pipe(ops.combine_latest(second, prefetch=prefetch)), rx.UNBOUNDED)
    for number in range(60):
        for emitter in emitters:
            assert 0 < emitter.requested <= prefetch
            emitter.on_next(number)
    pairs = [(n + later, n) for n in range(60) for later in (0, 1)][:-1]
    assert probe.items == pairs
    figures = probe.statistics["combine_latest"]
    assert (figures.received, figures.delivered, figures.held) == (120, 120, 0)


def test_what_is_pushed_inside_of_a_combination_comes_after_it() -> None:
    a, b = Subject[int](), Subject[int]()
    order: list[Any] = []

    def take(pair: Any) -> None:
        order.append(("begin", pair))
        if pair == (3, 2):
            b.on_next(4)
            a.on_next(5)
        order.append(("end", pair))

    a.pipe(ops.on_backpressure_buffer(9), ops.combine_latest(b)).subscribe(take)
    a.on_next(1)
    b.on_next(2)
    a.on_next(3)
    b.on_next(6)
    assert [pair for when, pair in order if when == "begin"][:2] == [(1, 2), (3, 2)]
    assert order[-1] == ("end", (5, 6))
    assert len(order) == 10
    assert all(
        begin == ("begin", end[1]) for begin, end in zip(order[::2], order[1::2], strict=True)
    )


def test_combine_latest_ends_when_all_have() -> None:
    probe, a, b = of_two("combine_latest", 9)
    a.emit(1)
    a.complete()
    b.emit("x", "y")
    assert not probe.ended
    b.complete()
    assert probe.items == [(1, "x"), (1, "y")]
    assert probe.completed


@pytest.mark.parametrize("demand", [0, 1])
def test_combine_latest_with_a_source_that_has_no_item_ends_without_demand(demand: int) -> None:
    for flow in (
        combined("combine_latest", rx.empty(), rx.of(1)),
        combined("combine_latest", rx.of(1, 2), rx.empty()),
        combined("combine_latest", rx.of(1, 2), rx.empty(), rx.of(3)),
        combined("combine_latest", rx.empty()),
    ):
        probe = subscribed(flow, demand)
        assert probe.completed
        assert probe.items == []


def test_a_failure_stands_behind_the_items_of_its_source() -> None:
    probe, a, b = of_two("combine_latest", 1)
    failure = ValueError("a")
    a.emit(1)
    b.emit("x")
    a.emit(2)
    a.fail(failure)
    assert not probe.ended
    probe.request(1)
    assert probe.items == [(1, "x"), (2, "x")]
    assert probe.error is failure
    assert b.disposed == 1


# with_latest_from.


def test_each_item_comes_with_the_latest_of_the_others() -> None:
    main, b, c = Waiting(), Waiting(), Waiting()
    probe = subscribed(combined("with_latest_from", main.flow, b.flow, c.flow), 9)
    main.emit(1)
    b.emit("x")
    main.emit(2)
    c.emit(True)
    main.emit(3)
    b.emit("y", "z")
    main.emit(4, 5)
    assert probe.items == [(3, "x", True), (4, "z", True), (5, "z", True)]
    figures = probe.statistics["with_latest_from"]
    assert figures.dropped == {"unpaired": 2, "overtaken": 1}
    assert figures.held == 0


def test_the_latest_is_the_one_at_the_time_of_delivery() -> None:
    main, b = Waiting(), Waiting()
    probe = subscribed(combined("with_latest_from", main.flow, b.flow), 1)
    b.emit("a")
    main.emit(1, 2)
    b.emit("b", "c")
    probe.request(1)
    assert probe.items == [(1, "a"), (2, "c")]


def test_the_main_source_is_asked_for_what_is_wanted_and_the_others_for_everything() -> None:
    _, main, b = of_two("with_latest_from", 3)
    assert main.asked == [3]
    assert b.asked == [rx.UNBOUNDED]


def test_nothing_is_asked_before_the_first_request() -> None:
    for name in NAMES:
        probe, a, b = of_two(name, 0)
        assert (a.asked, b.asked) == ([], [])
        probe.request(1)
        assert a.asked
        assert b.asked


def test_an_item_that_its_source_makes_while_it_gives_one_is_the_latest() -> None:
    other: Subject[int] = Subject()

    def numbers() -> Any:
        for n in range(3):
            other.on_next(n)
            yield n

    probe = subscribed(combined("with_latest_from", rx.from_iterable(numbers()), other), 9)
    assert probe.items == [(0, 0), (1, 1), (2, 2)]


def test_an_endless_iterable_among_the_others_is_asked_for_one_item_each_time() -> None:
    other = counted(count())
    probe = subscribed(combined("with_latest_from", rx.range(9), rx.from_iterable(other)), 3)
    assert probe.items == [(0, 0), (1, 1), (2, 2)]
    assert other.taken == 3


def test_with_latest_from_ends_with_the_main_source_alone() -> None:
    probe, main, b = of_two("with_latest_from", 1)
    b.emit("x")
    b.complete()
    main.emit(1)
    assert probe.items == [(1, "x")]
    assert not probe.ended
    main.complete()
    assert probe.completed


def test_the_main_source_runs_out_where_another_has_no_item() -> None:
    probe = subscribed(combined("with_latest_from", rx.range(3_000), rx.empty()), 1)
    assert probe.completed
    assert probe.items == []
    assert probe.statistics["with_latest_from"].dropped == {"unpaired": 3_000}


# zip_latest.


def test_zip_latest_gives_the_newest_once_each_has_a_new_one() -> None:
    probe, a, b = of_two("zip_latest", 9)
    a.emit(1, 2)
    b.emit("x", "y")
    a.emit(3)
    assert probe.items == [(2, "x"), (3, "y")]
    assert probe.statistics["zip_latest"].dropped == {"overtaken": 1}


def test_what_is_overtaken_while_there_is_no_demand_is_counted_and_told() -> None:
    dropped: list[Any] = []
    probe, a, b = of_two("zip_latest", 1, on_drop=lambda item, why: dropped.append((item, why)))
    a.emit(1)
    b.emit("x")
    a.emit(2, 3)
    b.emit("y", "z")
    a.emit(4)
    assert dropped == [(2, "overtaken"), ("y", "overtaken"), (3, "overtaken")]
    probe.request(1)
    assert probe.items == [(1, "x"), (4, "z")]
    figures = probe.statistics["zip_latest"]
    assert (figures.received, figures.delivered, figures.peak) == (7, 4, 2)


def test_iterables_are_zipped_and_not_overtaken() -> None:
    source = counted(count())
    probe = subscribed(combined("zip_latest", rx.from_iterable(source), rx.range(3)), 1)
    assert source.taken == 1
    probe.request(1)
    assert source.taken == 2
    probe.request(9)
    assert probe.items == [(0, 0), (1, 1), (2, 2)]
    assert probe.completed
    assert source.closed == 1


def test_an_endless_iterable_beside_a_silent_source_does_not_spin() -> None:
    for name in NAMES:
        source = counted(count())
        probe, silent = TestSubscriber(rx.UNBOUNDED), Waiting()
        others = (rx.from_iterable(source),)
        combined(name, silent.flow, *others).subscribe(probe)
        assert source.taken <= 1
        probe.cancel()
        assert (source.closed, silent.disposed) == (1, 1)


def test_zip_latest_ends_when_one_has_whose_item_was_given() -> None:
    probe, a, b = of_two("zip_latest", 9)
    a.emit(1)
    a.complete()
    assert not probe.ended
    b.emit("x")
    assert probe.items == [(1, "x")]
    assert probe.completed
    assert b.disposed == 1


def test_zip_latest_that_holds_a_result_ends_behind_it() -> None:
    probe, a, b = of_two("zip_latest", 1)
    a.emit(1)
    b.emit("x")
    a.emit(2)
    b.emit("y")
    a.complete()
    b.complete()
    assert not probe.ended
    probe.request(1)
    assert probe.items == [(1, "x"), (2, "y")]
    assert probe.completed


@pytest.mark.parametrize("demand", [0, 1])
def test_zip_latest_with_an_empty_source_ends_without_demand(demand: int) -> None:
    for flow in (
        combined("zip_latest", rx.empty(), rx.never()),
        combined("zip_latest", rx.never(), rx.empty()),
    ):
        assert subscribed(flow, demand).completed


# Bounds.


@NEWEST
def test_zip_latest_and_with_latest_from_never_hold_more_than_one_item_per_source(
    name: str,
) -> None:
    sources = [Waiting() for _ in range(3)]
    probe = subscribed(combined(name, *[each.flow for each in sources]), 1)
    for item in range(1_000):
        for source in sources[1:]:
            source.emit(item)
            held = [part.held for part in probe.subscription.statistics()]
            assert held[:3] == [0, 0, 0]
            assert held[3] <= 2
    assert probe.statistics[name].peak <= 3
    assert probe.statistics[name].dropped["overtaken"] == 2 * 999


@NEWEST
def test_a_plain_observable_enters_through_a_door_that_keeps_the_newest(name: str) -> None:
    subject: Subject[int] = Subject()
    main, dropped = Waiting(), list[Any]()
    flow = combined(name, main.flow, subject, on_drop=lambda *args: dropped.append(args))
    probe = subscribed(flow)  # without demand the items stay in the door
    for item in range(1_000):
        subject.on_next(item)
    assert dropped == [(item, "overtaken") for item in range(999)]
    probe.request(1)
    main.emit("main")
    assert probe.items == [("main", 999)]


def test_a_plain_observable_in_combine_latest_enters_through_a_bounded_door() -> None:
    subject: Subject[int] = Subject()
    probe = subscribed(combined("combine_latest", rx.of("a"), subject), 1)
    for item in range(1_000):
        subject.on_next(item)
    probe.request(rx.UNBOUNDED)
    assert probe.items == [("a", item) for item in range(257)]
    assert isinstance(probe.error, rx.BufferOverflowError)
    assert "combine_latest(capacity=256) overflowed" in str(probe.error)


# All of them.


@EACH
@pytest.mark.parametrize("position", [0, 1, 2])
def test_a_failure_cancels_the_others(name: str, position: int) -> None:
    for demand in (1, 9):
        failure = ValueError("planted")
        sources = [Waiting() for _ in range(3)]
        probe = subscribed(combined(name, *[each.flow for each in sources]), demand)
        sources[0].emit(1)
        sources[position].fail(failure)
        assert probe.error is failure
        assert [each.disposed for each in sources] == [1, 1, 1]


@EACH
def test_a_source_that_fails_at_once_needs_no_demand(name: str) -> None:
    failure = ValueError("planted")
    for flows in ((rx.throw(failure), rx.never()), (rx.never(), rx.throw(failure))):
        assert subscribed(combined(name, *flows)).error is failure


@EACH
def test_cancel_reaches_all_sources_in_every_state(name: str) -> None:
    for state in ("nothing asked", "nothing came", "one came", "all came", "held", "one ended"):
        sources = [Waiting() for _ in range(3)]
        demand = 0 if state == "nothing asked" else 1
        probe = subscribed(combined(name, *[each.flow for each in sources]), demand)
        came = {"one came": 1, "all came": 3, "held": 3, "one ended": 1}.get(state, 0)
        for source in sources[:came]:
            source.emit(1)
        if state == "held":
            for source in sources:
                source.emit(2)
        if state == "one ended":
            sources[0].complete()
        if not probe.ended:
            probe.cancel()
        assert [each.disposed for each in sources] == [1, 1, 1], state
        for part in probe.subscription.statistics():
            lost = sum(part.dropped.values()) + part.discarded
            assert (part.held, part.received) == (0, part.delivered + lost), state


@NEWEST
def test_what_on_drop_raises_ends_the_stream(name: str) -> None:
    failure = ValueError("planted")

    def on_drop(item: Any, reason: str) -> None:
        raise failure

    probe, a, b = of_two(name, 1, on_drop=on_drop)
    b.emit(1, 2)
    assert probe.error is failure
    assert (a.disposed, b.disposed) == (1, 1)


@EACH
def test_none_and_what_cannot_be_compared_are_items_like_any_other(name: str) -> None:
    class Odd:
        def __eq__(self, other: object) -> bool:
            raise AssertionError("items are not compared")

        __hash__ = None  # type: ignore[assignment]

    probe, a, b = of_two(name, 9)
    odd = Odd()
    b.emit(odd)
    a.emit(None)
    [(left, right)] = probe.items
    assert left is None
    assert right is odd


@EACH
def test_a_request_and_a_push_inside_of_an_item_are_served(name: str) -> None:
    a, b = Waiting(), Waiting()

    def then(probe: TestSubscriber, item: Any) -> None:
        if len(probe.items) < 5:
            probe.request(1)
            b.emit(len(probe.items))
            a.emit(len(probe.items))

    probe = TestSubscriber(1, then=then)
    combined(name, a.flow, b.flow).subscribe(probe)
    b.emit(0)
    a.emit(0)
    assert len(probe.items) == 5
    assert not probe.violations


@EACH
def test_one_source_alone_gives_tuples_of_one(name: str) -> None:
    assert subscribed(combined(name, rx.of(1, 2)), 9).items == [(1,), (2,)]


@EACH
def test_items_that_come_while_the_sources_are_subscribed_to_are_not_overtaken(name: str) -> None:
    first = reactivex.of(1).pipe(ops.on_backpressure_buffer(9))
    probe = subscribed(combined(name, first, reactivex.of("x")), 9)
    assert probe.items == [(1, "x")]
    assert probe.completed


@EACH
def test_an_async_loop_takes_them(name: str) -> None:
    async def numbers() -> Any:
        for n in range(3):
            yield n

    async def main() -> list[Any]:
        flow: Any = combined(name, rx.from_async_iterable(numbers()), rx.of("x"))
        return [pair async for pair in flow]

    from rxflow.testing import run_virtual

    assert run_virtual(main())[0] == (0, "x")


def test_threads_that_push_at_once_are_counted_completely() -> None:
    from tests.kernel.recorder import in_thread

    for name in NAMES:
        subjects: list[Subject[Any]] = [Subject() for _ in range(3)]
        doors = [each.pipe(ops.on_backpressure_buffer(1_000)) for each in subjects]
        probe: TestSubscriber[Any] = TestSubscriber(1, request_each=1)
        combined(name, *doors).subscribe(probe)

        def produce(subject: Subject[Any]) -> Callable[[], None]:
            def run() -> None:
                for item in range(300):
                    subject.on_next(item)
                subject.on_completed()

            return run

        joins = [in_thread(produce(subject)) for subject in subjects]
        for join in joins:
            join()
        assert probe.completed
        assert not probe.violations
        for index in range(3):
            column = [item[index] for item in probe.items]
            assert column == sorted(column)
        figures = probe.statistics[name]
        lost = sum(figures.dropped.values()) + figures.discarded
        assert figures.received == figures.delivered + lost
