"""take_until, skip_until: a signal that needs no demand."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest
from reactivex import Subject

import rxflow as rx
from rxflow import operators as ops
from rxflow.testing import TestSubscriber
from tests.operators.waiting import Waiting, subscribed
from tests.support import counted

EACH = pytest.mark.parametrize("name", ["take_until", "skip_until"])


def gated(name: str, demand: int) -> tuple[TestSubscriber, Waiting, Waiting]:
    source, other = Waiting(), Waiting()
    return subscribed(source.flow.pipe(getattr(ops, name)(other.flow)), demand), source, other


@EACH
def test_the_signal_is_asked_for_once_and_before_there_is_demand(name: str) -> None:
    probe, source, other = gated(name, 0)
    assert (source.asked, other.asked) == ([], [1])
    probe.request(3)
    assert (sum(source.asked), other.asked) == (3, [1])


@pytest.mark.parametrize("demand", [0, 1, 9])
def test_the_signal_completes_take_until_whatever_the_demand(demand: int) -> None:
    probe, source, other = gated("take_until", demand)
    source.emit(1, 2)
    other.emit("stop")
    assert probe.items == [1, 2][:demand]
    assert probe.completed
    assert (source.disposed, other.disposed) == (1, 1)
    for part in probe.subscription.statistics():
        assert (part.held, part.received) == (0, part.delivered + part.discarded)


def test_the_end_of_the_other_source_is_no_signal() -> None:
    probe, source, other = gated("take_until", 9)
    other.complete()
    source.emit(1)
    source.complete()
    assert probe.items == [1]
    assert probe.completed


def test_what_comes_before_the_signal_is_dropped_and_counted() -> None:
    probe, source, other = gated("skip_until", 2)
    source.emit(1, 2, 3)
    other.emit("go")
    assert other.disposed == 1
    source.emit(4, 5, 6)
    assert probe.items == [4, 5]
    figures = probe.statistics["skip_until"]
    assert (figures.received, figures.delivered, figures.dropped) == (5, 2, {"early": 3})
    source.complete()
    probe.request(1)
    assert probe.completed


def test_skip_until_that_missed_the_signal_stays_open_as_in_reactivex() -> None:
    probe, source, other = gated("skip_until", 2)
    source.complete()
    other.emit("go")
    assert not probe.ended
    probe.cancel()
    assert (source.disposed, other.disposed) == (1, 1)


def test_a_signal_that_is_there_already_lets_the_first_item_through() -> None:
    source = counted(count())
    probe = subscribed(rx.from_iterable(source).pipe(ops.skip_until([1])), 2)
    assert probe.items == [0, 1]
    assert source.taken == 2


@EACH
def test_a_plain_signal_may_give_as_much_as_it_likes(name: str) -> None:
    subject: Subject[int] = Subject()
    probe = subscribed(rx.never().pipe(getattr(ops, name)(subject)))
    for item in range(1_000):
        subject.on_next(item)
    assert not subject.observers
    assert probe.completed is (name == "take_until")


@EACH
@pytest.mark.parametrize("failing", [0, 1])
@pytest.mark.parametrize("demand", [0, 2])
def test_the_failure_of_either_ends_it_and_cancels_the_other(
    name: str, failing: int, demand: int
) -> None:
    failure = ValueError("planted")
    probe, *sources = gated(name, demand)
    sources[failing].fail(failure)
    assert probe.error is failure
    assert [each.disposed for each in sources] == [1, 1]


@EACH
def test_cancel_reaches_all_sources_in_every_state(name: str) -> None:
    for state in ("nothing asked", "nothing came", "source came", "other ended"):
        probe, source, other = gated(name, 0 if state == "nothing asked" else 1)
        if state == "source came":
            source.emit(1, 2)
        if state == "other ended":
            other.complete()
        probe.cancel()
        assert (source.disposed, other.disposed) == (1, 1), state


def test_a_signal_inside_of_an_item_is_heard_before_the_next_one() -> None:
    stop: Subject[Any] = Subject()
    items: list[int] = []

    def take(item: int) -> None:
        items.append(item)
        if item == 2:
            stop.on_next("now")

    rx.range(10).pipe(ops.take_until(stop)).subscribe(take)
    assert items == [0, 1, 2]
