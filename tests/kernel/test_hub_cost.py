"""What one more subscriber of a hub costs does not depend on how many there are."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

import rxflow as rx
from rxflow import operators as ops
from rxflow.kernel.outlet import Outlet
from rxflow.testing import TestSubscriber

ORDERS: dict[str, Callable[[list[Any]], list[Any]]] = {
    "as they came": lambda subscribers: subscribers,
    "the last first": lambda subscribers: subscribers[::-1],
    "at random": lambda subscribers: random.Random(5).sample(subscribers, len(subscribers)),
}
ITEMS = 64
SUBSCRIBERS = 100
MOST = 4
"""So often a subscriber is looked at for each item, at most; it was a hundred times and more."""


def _looks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count how often an outlet is looked at for its room."""
    looks = [0]
    room = Outlet.room.fget
    assert room is not None

    def looked_at(outlet: Outlet) -> int:
        looks[0] += 1
        return room(outlet)

    monkeypatch.setattr(Outlet, "room", property(looked_at))
    return looks


@pytest.mark.parametrize("order", ORDERS)
def test_each_item_costs_each_subscriber_the_same(
    order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks, held = _looks(monkeypatch), 4
    emitters: list[rx.Emitter[int]] = []
    shared = rx.create(emitters.append, overflow=rx.FAIL).pipe(ops.share(prefetch=held))
    probes = [TestSubscriber[int](1) for _ in range(SUBSCRIBERS)]
    for probe in probes:
        shared.subscribe(probe)
    for x in range(ITEMS):
        emitters[0].on_next(x)
    for _ in range(ITEMS // held):  # each takes all that is held for it, and waits for one more
        for probe in ORDERS[order](probes):
            probe.request(held)
    assert all(probe.items == [*range(ITEMS)] for probe in probes)
    assert looks[0] <= MOST * ITEMS * SUBSCRIBERS


def test_slow_subscriber_is_not_looked_for_again_and_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks = _looks(monkeypatch)
    emitters: list[rx.Emitter[int]] = []
    shared = rx.create(emitters.append, overflow=rx.FAIL).pipe(ops.share(prefetch=ITEMS))
    fast = [TestSubscriber[int](rx.UNBOUNDED) for _ in range(SUBSCRIBERS)]
    slow = TestSubscriber[int](1)
    for probe in (*fast[:50], slow, *fast[50:]):
        shared.subscribe(probe)
    for x in range(2 * ITEMS):
        emitters[0].on_next(x)
    assert len(slow.items) == 1
    assert all(probe.items == [*range(ITEMS + 1)] for probe in fast)
    assert looks[0] <= MOST * ITEMS * SUBSCRIBERS
    slow.request(rx.UNBOUNDED)
    assert all(probe.items == [*range(2 * ITEMS)] for probe in (*fast, slow))


def test_subscriber_that_leaves_is_gone_and_the_others_are_not() -> None:
    emitters: list[rx.Emitter[int]] = []
    shared = rx.create(emitters.append, overflow=rx.FAIL).pipe(ops.share(prefetch=2))
    probes = [TestSubscriber[int](rx.UNBOUNDED) for _ in range(5)]
    for probe in probes:
        shared.subscribe(probe)
    for x, leaving in enumerate((2, 4, 0)):
        emitters[0].on_next(x)
        probes[leaving].cancel()
    for x in range(3, 20):  # a look that began at one who has left finds the others
        emitters[0].on_next(x)
    assert [len(probe.items) for probe in probes] == [3, 20, 1, 20, 2]
