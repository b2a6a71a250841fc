"""What an item of one of many sources costs does not depend on how many there are."""

from __future__ import annotations

from typing import Any

import pytest

import rxflow as rx
from rxflow import operators as ops
from rxflow.kernel import Boundary
from rxflow.testing import TestSubscriber


def _wants(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count how often a source is told of demand."""
    wants, want = [0], Boundary.want

    def told(boundary: Boundary[Any], n: int) -> None:
        wants[0] += 1
        want(boundary, n)

    monkeypatch.setattr(Boundary, "want", told)
    return wants


@pytest.mark.parametrize("sources", [10, 300])
@pytest.mark.parametrize("demand", [rx.UNBOUNDED, 100])
@pytest.mark.parametrize("flat", [False, True], ids=["merge", "flat_map"])
def test_item_is_no_news_to_the_other_sources(
    flat: bool, demand: int, sources: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    emitters: list[rx.Emitter[int]] = []
    made = [rx.create(emitters.append, overflow=rx.FAIL, capacity=4) for _ in range(sources)]
    merged = (
        rx.from_iterable(made).pipe(ops.flat_map(lambda each: each, max_concurrency=sources))
        if flat
        else rx.merge(*made)
    )
    probe = TestSubscriber[int](demand)
    merged.subscribe(probe)
    wants = _wants(monkeypatch)
    for x in range(50):
        emitters[x % sources].on_next(x)
    assert probe.items == [*range(50)]
    assert wants[0] <= 50


@pytest.mark.parametrize("sources", [10, 300])
def test_source_that_waits_is_not_asked_for_its_end_again_and_again(
    sources: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    emitters: list[rx.Emitter[int]] = []
    create = rx.create(emitters.append, overflow=rx.FAIL, capacity=4)
    probe = TestSubscriber[int](1)
    rx.merge(*[create] * sources).subscribe(probe)
    asked, ending = [0], Boundary.ending

    def told(boundary: Boundary[Any]) -> bool:
        asked[0] += 1
        return ending(boundary)

    monkeypatch.setattr(Boundary, "ending", told)
    for x in range(50):
        emitters[x % sources].on_next(x)
        probe.request(1)
    assert probe.items == [*range(50)]
    assert asked[0] <= 2 * 50
    for emitter in emitters:  # nothing is asked for but the item that does not come
        emitter.on_completed()
    assert probe.completed


@pytest.mark.parametrize("prefetch", [1, 3])
def test_all_sources_hear_of_demand_that_was_not_there(prefetch: int) -> None:
    requested: list[list[int]] = [[] for _ in range(3)]

    def source(index: int) -> rx.Flow[int]:
        def start(emitter: rx.Emitter[int]) -> None:
            emitter.on_request(requested[index].append)

        return rx.create(start, overflow=rx.FAIL, capacity=4)

    merged = source(0).pipe(ops.merge(source(1), source(2), prefetch=prefetch))
    probe = TestSubscriber[int](0)
    merged.subscribe(probe)
    assert requested == [[], [], []]
    probe.request(1)
    assert requested == [[1]] * 3
    probe.request(5)
    assert requested == [[1] if prefetch == 1 else [1, 2]] * 3
