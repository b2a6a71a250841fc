"""It is told of each subscription how it has ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

import pytest

import rxflow as rx
from rxflow import Flow
from rxflow.monitor import Status, Totals, running
from rxflow.testing import TestSubscriber


def boom(item: Any) -> Any:
    raise ValueError(item)


def subscribed(flow: Flow[Any], most: int) -> None:
    subscriber = TestSubscriber[Any](most)
    flow.subscribe(subscriber)
    subscriber.cancel()


def looped(flow: Flow[Any], most: int) -> None:
    async def loop() -> None:
        left = most
        async with aclosing(aiter(flow)) as items:
            async for _ in items:
                left -= 1
                if not left:
                    return

    asyncio.run(loop())


def blocked(flow: Flow[Any], most: int) -> None:
    for count, _ in enumerate(flow, 1):
        if count == most:
            return


WAYS = {"a Subscriber": subscribed, "async for": looped, "for": blocked}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize(
    ("flow", "most", "outcome"),
    [
        (rx.range(2), 9, "completed"),
        (rx.range(2).map(boom), 9, "failed"),
        (rx.range(9), 1, "cancelled"),
    ],
    ids=["completed", "failed", "cancelled"],
)
def test_totals_tell_how_subscriptions_have_ended(
    way: Callable[[Flow[Any], int], None], flow: Flow[Any], most: int, outcome: str
) -> None:
    totals = Totals()
    try:
        way(flow.named("outcome"), most)
    except ValueError:
        assert outcome == "failed"
    (read,) = [each for each in totals.read().flows if each.flow == "outcome"]
    assert dict(read.terminated) == {outcome: 1}
    totals.close()


def test_a_consumer_that_is_finished_has_completed() -> None:
    flow = rx.range(9)
    subscriber = TestSubscriber[int](1)
    flow.subscribe(subscriber)
    (consumer,) = running(flow)
    assert not consumer.status.over
    consumer.finish()
    assert consumer.status is Status.COMPLETED
    assert consumer.status.over


def test_a_loop_that_is_forgotten_is_told_by_its_name() -> None:
    totals = Totals()

    async def forget() -> None:
        await anext(aiter(rx.range(9).named("forgotten")))

    asyncio.run(forget())
    (read,) = [each for each in totals.read().flows if each.flow == "forgotten"]
    assert dict(read.terminated) == {"cancelled": 1}
    totals.close()
