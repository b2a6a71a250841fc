"""The subscriptions that run can be found, and nothing keeps them alive."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import rxflow as rx
from rxflow import monitor
from rxflow.testing import TestSubscriber


def found() -> list[Any]:
    gc.collect()
    return list(monitor.running())


def test_a_subscription_is_found_until_it_is_over() -> None:
    before = found()
    subscriber = TestSubscriber[int](0)
    rx.range(3).subscribe(subscriber)
    assert found() == [*before, subscriber.subscription]
    subscriber.request(3)
    assert found() == before


def test_a_subscription_that_is_cancelled_is_not_found() -> None:
    before = found()
    subscriber = TestSubscriber[int](1)
    rx.range(3).subscribe(subscriber)
    subscriber.cancel()
    assert found() == before


def test_a_subscription_that_nobody_keeps_is_not_kept() -> None:
    before = found()
    rx.range(3).subscribe(TestSubscriber[int](0))
    assert found() == before


def test_a_loop_is_found_while_it_runs() -> None:
    before = found()

    async def look() -> None:
        async for _ in rx.range(2):
            assert len(found()) == len(before) + 1

    asyncio.run(look())
    assert found() == before
