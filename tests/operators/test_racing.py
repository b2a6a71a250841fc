"""amb: the first to signal wins, the other one is cancelled, the demand goes over."""

from __future__ import annotations

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


def race(demand: int) -> tuple[TestSubscriber, Waiting, Waiting]:
    left, right = Waiting(), Waiting()
    return subscribed(left.flow.pipe(ops.amb(right.flow)), demand), left, right


@pytest.mark.parametrize("first", [0, 1])
def test_the_first_to_give_an_item_wins_and_the_other_is_cancelled_at_once(first: int) -> None:
    probe, *sources = race(5)
    winner, loser = sources[first], sources[1 - first]
    winner.emit(1)
    assert [winner.disposed, loser.disposed] == [0, 1]
    loser.emit(-1)
    winner.emit(2, 3)
    assert probe.items == [1, 2, 3]
    winner.complete()
    assert probe.completed


def test_each_is_asked_for_one_item_and_the_winner_for_the_rest_of_the_demand() -> None:
    probe, left, right = race(5)
    assert (left.asked, right.asked) == ([1], [1])
    right.emit(1)
    assert left.asked == [1]
    assert right.emitters[0].requested == 4
    probe.request(3)
    assert right.emitters[0].requested == 7


@pytest.mark.parametrize("first", [0, 1])
def test_the_first_is_the_one_that_came_first_also_before_there_was_demand(first: int) -> None:
    probe, *sources = race(0)
    sources[first].emit("first")
    sources[1 - first].emit("second")
    assert not probe.items
    probe.request(2)
    assert probe.items == ["first"]
    assert sources[1 - first].disposed == 1
    for part in probe.subscription.statistics():
        assert part.received == part.delivered + part.held + part.discarded


@pytest.mark.parametrize("demand", [0, 3])
@pytest.mark.parametrize("first", [0, 1])
def test_an_end_wins_and_needs_no_demand(first: int, demand: int) -> None:
    failure = ValueError("planted")
    for error in (None, failure):
        probe, *sources = race(demand)
        if error is None:
            sources[first].complete()
        else:
            sources[first].fail(error)
        assert probe.completed is (error is None)
        assert probe.error is error
        assert [each.disposed for each in sources] == [1, 1]


def test_an_end_that_comes_after_an_item_of_the_other_does_not_win() -> None:
    probe, left, right = race(0)
    right.emit("r")
    left.complete()
    assert not probe.ended
    probe.request(1)
    assert probe.items == ["r"]
    assert not probe.ended
    right.complete()
    assert probe.completed


def test_the_failure_of_the_loser_is_not_heard_of() -> None:
    probe, left, right = race(9)
    left.emit(1)
    right.fail(ValueError("too late"))
    left.emit(2)
    assert probe.items == [1, 2]
    assert not probe.ended


def test_of_two_that_are_ready_this_one_is_first() -> None:
    left, right = counted(count()), counted(count(100))
    probe = subscribed(rx.from_iterable(left).pipe(ops.amb(rx.from_iterable(right))))
    assert (left.asked, right.asked) == (0, 0)
    probe.request(3)
    assert probe.items == [0, 1, 2]
    assert (left.taken, right.taken, right.closed) == (3, 0, 1)
    probe.cancel()
    assert left.closed == 1


def test_one_that_gives_while_it_is_subscribed_to_wins_and_the_next_is_never_opened() -> None:
    opened: list[int] = []
    right = rx.defer(lambda _: opened.append(1) or rx.of(2))
    left = reactivex.of(1).pipe(ops.on_backpressure_buffer(9))
    probe = subscribed(left.pipe(ops.amb(right)), 9)
    assert probe.items == [1]
    assert probe.completed


def test_a_source_whose_items_are_all_filtered_out_has_not_won() -> None:
    probe, left, right = TestSubscriber(9), Waiting(), Waiting()
    left.flow.pipe(ops.filter(lambda item: item > 5), ops.amb(right.flow)).subscribe(probe)
    left.emit(1, 2)
    right.emit("r")
    assert probe.items == ["r"]
    assert left.disposed == 1


def test_a_plain_observable_enters_through_a_bounded_door() -> None:
    subject: Subject[int] = Subject()
    probe = subscribed(rx.never().pipe(ops.amb(subject)), 1)
    for item in range(258):
        subject.on_next(item)
    probe.request(rx.UNBOUNDED)
    assert probe.items == list(range(257))
    assert isinstance(probe.error, rx.BufferOverflowError)


def test_cancel_reaches_all_sources_in_every_state() -> None:
    for state in ("nothing asked", "nothing came", "waits for demand", "won", "cancelled inside"):
        left, right = Waiting(), Waiting()
        inside = state == "cancelled inside"
        probe: TestSubscriber[Any] = TestSubscriber(
            0 if state in ("nothing asked", "waits for demand") else 1,
            then=lambda it, _, inside=inside: it.cancel() if inside else None,
        )
        left.flow.pipe(ops.amb(right.flow)).subscribe(probe)
        if state in ("waits for demand", "won", "cancelled inside"):
            right.emit(1)
        probe.cancel()
        assert (left.disposed, right.disposed) == (1, 1), state
        for part in probe.subscription.statistics():
            assert (part.held, part.received) == (0, part.delivered + part.discarded)


def test_the_function_takes_several_and_is_plain_rx_for_plain_observables() -> None:
    sources = [Waiting() for _ in range(3)]
    probe = subscribed(rx.amb(*[each.flow for each in sources]), 9)
    sources[2].emit("c")
    assert probe.items == ["c"]
    assert [each.disposed for each in sources] == [1, 1, 0]
    assert not isinstance(rx.amb(reactivex.of(1), reactivex.of(2)), rx.Flow)


@pytest.mark.parametrize("name", ["combine_latest", "with_latest_from", "zip_latest"])
def test_the_functions_of_the_latest_are_flows_where_one_source_is(name: str) -> None:
    function: Any = getattr(rx, name)
    for sources in ((rx.of(1), reactivex.of("x")), (reactivex.of(1), rx.of("x"))):
        flow = function(*sources)
        assert isinstance(flow, rx.Flow)
        assert subscribed(flow, 1).items == [(1, "x")]
    plain = function(reactivex.of(1), reactivex.of("x"))
    assert not isinstance(plain, rx.Flow)
