"""zip: one item of each at a time, and the end as soon as it is known."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
import reactivex
from reactivex import Subject

import rxflow as rx
from rxflow import operators as ops
from rxflow.testing import TestSubscriber
from tests.support import counted


def endless() -> counted:
    return counted(count())


def subscribed(flow: Any, demand: int = 0) -> TestSubscriber:
    probe = TestSubscriber(demand)
    flow.subscribe(probe)
    return probe


def test_each_child_is_asked_for_one_item_per_tuple() -> None:
    left, right = endless(), endless()
    probe = subscribed(rx.from_iterable(left).pipe(ops.zip(rx.from_iterable(right))))
    for taken in range(5):
        assert (left.asked, right.asked) == (taken, taken)
        probe.request(1)
    assert probe.items == [(item, item) for item in range(5)]


def test_a_child_that_has_its_item_is_not_asked_again_while_the_other_waits() -> None:
    left = endless()
    right: Subject[str] = Subject()
    probe = subscribed(rx.from_iterable(left).pipe(ops.zip(right)), 3)
    assert left.asked == 1
    right.on_next("a")
    assert probe.items == [(0, "a")]
    assert left.asked == 2
    probe.request(5)
    assert left.asked == 2


def test_children_are_asked_for_one_at_a_time_when_demand_is_one() -> None:
    asked: list[int] = []

    def start(emitter: Any) -> None:
        emitter.on_request(asked.append)

    waiting = rx.create(start, overflow=rx.FAIL)
    probe = subscribed(rx.range(9).pipe(ops.zip(waiting)), 1)
    assert set(asked) == {1}
    assert probe.items == []


def test_the_shorter_one_ends_it_and_the_longer_one_is_closed() -> None:
    for stop in range(4):
        left, right = counted(range(stop)), endless()
        probe = subscribed(
            rx.from_iterable(left).pipe(ops.zip(rx.from_iterable(right))), rx.UNBOUNDED
        )
        assert probe.items == [(item, item) for item in range(stop)]
        assert probe.completed
        assert right.closed == 1
        assert right.taken <= stop + 1


@pytest.mark.parametrize("shorter", ["first", "second"])
def test_completion_comes_with_the_last_tuple_where_a_length_is_known(shorter: str) -> None:
    short, long = rx.of(1, 2), rx.from_iterable(endless())
    flow = rx.zip(short, long) if shorter == "first" else rx.zip(long, short)
    probe = subscribed(flow, 2)
    assert len(probe.items) == 2
    assert probe.completed


def test_completion_is_noticed_when_one_has_ended_and_nothing_of_it_is_held() -> None:
    left: Subject[int] = Subject()
    right: Subject[int] = Subject()
    flow = rx.zip(*[rx.from_observable(each, overflow=rx.FAIL) for each in (left, right)])
    probe = subscribed(flow)
    left.on_next(1)
    left.on_completed()
    assert not probe.ended  # its item may still find a partner
    right.on_next(2)
    probe.request(1)
    assert probe.items == [(1, 2)]
    assert probe.completed
    assert not right.observers


def test_completion_without_demand_of_one_that_gave_nothing() -> None:
    subject: Subject[int] = Subject()
    probe = subscribed(rx.never().pipe(ops.zip(subject)))
    subject.on_completed()
    assert probe.completed


def test_a_completion_while_the_other_waits_is_noticed() -> None:
    left: Subject[int] = Subject()
    right: Subject[int] = Subject()
    probe = subscribed(
        rx.zip(*[rx.from_observable(each, overflow=rx.FAIL) for each in (left, right)]), 5
    )
    left.on_next(1)
    right.on_completed()
    assert probe.completed
    assert probe.items == []
    assert not left.observers


@pytest.mark.parametrize("position", [0, 1, 2])
def test_an_error_of_any_child_cancels_the_others(position: int) -> None:
    failure = ValueError("broken")
    others = [endless(), endless()]
    subject: Subject[int] = Subject()
    sources: list[Any] = [rx.from_iterable(other) for other in others]
    sources.insert(position, rx.from_observable(subject, overflow=rx.FAIL))
    probe = subscribed(rx.zip(*sources), 5)
    subject.on_next(7)
    assert len(probe.items) == 1
    subject.on_error(failure)
    assert probe.error is failure
    assert [other.closed for other in others] == [1, 1]


def test_an_iterator_that_raises_fails_it_after_the_tuples_before() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    right = endless()
    probe = subscribed(
        rx.from_iterable(broken()).pipe(ops.zip(rx.from_iterable(right))), rx.UNBOUNDED
    )
    assert probe.items == [(1, 0)]
    assert repr(probe.error) == "ValueError('broken')"
    assert right.closed == 1


def test_cancel_closes_them_all() -> None:
    sources = [endless() for _ in range(3)]
    probe = subscribed(rx.zip(*map(rx.from_iterable, sources)), 2)
    probe.cancel()
    assert [source.closed for source in sources] == [1, 1, 1]
    assert probe.items == [(0, 0, 0), (1, 1, 1)]


def test_none_is_an_item_like_any_other() -> None:
    probe = subscribed(rx.zip(rx.of(None, None), rx.of(1, None)), 2)
    assert probe.items == [(None, 1), (None, None)]


def test_zip_takes_iterables_and_plain_observables() -> None:
    subject: Subject[str] = Subject()
    probe = subscribed(rx.range(3).pipe(ops.zip("abc", subject)), 9)
    subject.on_next("x")
    subject.on_next("y")
    assert probe.items == [(0, "a", "x"), (1, "b", "y")]
    subject.on_completed()
    assert probe.completed


def test_two_subscriptions_know_nothing_of_each_other() -> None:
    flow = rx.range(3).pipe(ops.zip(rx.of("a", "b")))
    first = subscribed(flow, 1)
    assert list(flow) == [(0, "a"), (1, "b")]
    first.request(1)
    assert first.items == [(0, "a"), (1, "b")]


@pytest.mark.parametrize("combine", [ops.zip_with_iterable, ops.zip_with_list])
def test_zip_with_an_iterable_takes_one_for_one(combine: Any) -> None:
    left = endless()
    probe = subscribed(rx.from_iterable(left).pipe(combine("abc")), 2)
    assert probe.items == [(0, "a"), (1, "b")]
    assert left.taken == 2
    probe.request(5)
    assert probe.items == [(0, "a"), (1, "b"), (2, "c")]
    assert probe.completed
    assert left.taken == 4  # the first item for which there was no partner
    assert left.closed == 1


@pytest.mark.parametrize(
    "late",
    [
        rx.of(1).pipe(ops.concat(rx.of(2))),
        rx.of(2).pipe(ops.start_with(1)),
        rx.of(1, 2).pipe(ops.retry(2)),
        rx.of(1, 2).pipe(ops.catch(rx.of(3))),
    ],
    ids=["concat", "start_with", "retry", "catch"],
)
def test_items_that_come_while_the_sources_are_subscribed_to_wait_for_the_last_one(
    late: Any,
) -> None:
    probe = subscribed(rx.zip(reactivex.of("a", "b"), late), 5)
    assert probe.items == [("a", 1), ("b", 2)]
    assert probe.signals[-1] == "on_completed"
