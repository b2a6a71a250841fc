"""A boundary that asks for batches: how much a run gives, when there is room, and what is told."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Any

import pytest

from rxflow.kernel import BUDGET, Context, Limited, Limits, Prefetched, State
from rxflow.protocol import FAIL, Offer, Subscriber, Subscription


class Producer(Subscription):
    """Gives what the test tells it to."""

    subscriber: Any

    def connect(self, subscriber: Subscriber[Any]) -> None:
        self.subscriber = subscriber
        subscriber.on_subscribe(self)

    def request(self, n: int) -> None: ...
    def cancel(self) -> None: ...


def begun(
    high: int = 4,
    wake: Callable[[], None] = lambda: None,
    kind: Callable[..., Prefetched] = Prefetched,
    pulls: bool = True,
    **options: Any,
) -> tuple[Prefetched, Any]:
    producer = Producer()
    feed = kind(Context(wake, pulls=pulls), "merge", high, high, producer.connect, **options)
    feed.start()
    return feed, producer.subscriber


class Looking(Limited, Prefetched):
    """Looks at each of its items."""


class Noting(Prefetched):
    """Does something of its own with each item."""

    def push(self, item: Any) -> Offer:
        return super().push((item, "noted"))


def test_a_run_gives_a_budget_of_items_and_the_rest_comes_with_the_next() -> None:
    feed, subscriber = begun(BUDGET + 9)
    for item in range(BUDGET + 9):
        subscriber.on_next(item)
    assert [*feed.run()] == [*range(BUDGET)]
    assert feed.settle() is State.READY
    assert [*feed.run()] == [*range(BUDGET, BUDGET + 9)]
    assert feed.settle() is State.WAITING


def test_who_waits_for_room_is_told_at_the_low_level_and_not_before() -> None:
    feed, subscriber = begun(8)
    for item in range(8):
        subscriber.on_next(item)
    told = list[str]()
    assert feed.when_room(lambda: told.append("room"), "more")
    run = feed.run()
    assert next(run) == 0
    assert told == []  # there is room, but for one only
    assert next(run) == 1
    assert told == ["room"]
    assert [*islice(run, 2)] == [2, 3]
    assert told == ["room"]


@pytest.mark.parametrize("count", [2, 4])
def test_a_batch_is_there_as_a_whole_when_the_consumer_is_woken(count: int) -> None:
    held = list[tuple[int, int]]()

    def look() -> None:
        [own] = feed.statistics()
        held.append((own.held, own.peak))

    feed, subscriber = begun(4, look)
    subscriber.on_batch([*range(count)])
    assert held == [(count, count)]
    assert [*feed.run()] == [*range(count)]


@pytest.mark.parametrize(
    ("kind", "pulls", "batches"),
    [
        (Prefetched, True, True),
        (Prefetched, False, False),
        (Noting, True, False),
        (Noting, False, False),
    ],
)
def test_batches_are_for_those_that_act_later_and_do_nothing_of_their_own_with_an_item(
    kind: Any, pulls: bool, batches: bool
) -> None:
    _, subscriber = begun(4, kind=kind, pulls=pulls)
    assert (subscriber.on_batch is not None) is batches


def test_items_that_are_looked_at_come_one_at_a_time() -> None:
    feed, subscriber = begun(4, kind=Looking, overflow=FAIL, limits=Limits(weight=len))
    assert subscriber.on_batch is None
    subscriber.on_next("aa")
    *_, own = feed.statistics()
    assert (own.held, own.weight) == (1, 2)
