"""The subscriptions that run can be found, and nothing keeps them alive."""

from __future__ import annotations

import asyncio
import gc
import threading
from typing import Any

import pytest

import rxflow as rx
from rxflow import monitor
from rxflow.kernel import Consumer, hooks, tell_of_beginnings
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


def test_a_loop_that_blocks_its_thread_is_found_while_it_runs() -> None:
    before = found()
    for item in rx.range(2):
        (loop,) = found()[len(before) :]
        assert loop.statistics() is not None, item
    assert found() == before


def test_a_blocking_loop_that_is_left_is_not_found() -> None:
    before = found()
    for _ in rx.range(3):
        break
    assert found() == before


def test_a_blocking_loop_ends_when_it_is_finished_though_more_is_there() -> None:
    taken: list[int] = []
    over: list[str] = []
    for item in rx.range(1_000_000):
        taken.append(item)
        if item == 0:
            (loop,) = found()
            loop.when_over(lambda: over.append("over"))
            loop.finish()
            assert over == []
    assert len(taken) < 1_000
    assert over == ["over"]


def test_a_blocking_loop_that_waits_is_woken_by_finish() -> None:
    ready = threading.Event()

    def loop() -> None:
        for _ in rx.never():
            pass
        ready.set()

    before = found()
    thread = threading.Thread(target=loop, daemon=True)
    thread.start()
    while len(found()) == len(before):
        pass
    found()[-1].finish()
    assert ready.wait(10)
    thread.join()
    assert found() == before


def test_the_subscriptions_of_one_flow_are_found() -> None:
    flow, other = rx.range(3), rx.range(3)
    mine, another = TestSubscriber[int](0), TestSubscriber[int](0)
    flow.subscribe(mine)
    other.subscribe(another)
    assert monitor.running(flow) == (mine.subscription,)
    assert monitor.running(other) == (another.subscription,)
    for item in flow:
        assert len(monitor.running(flow)) == 2, item
    mine.cancel()
    assert monitor.running(flow) == ()


def test_beginnings_are_told_until_nobody_wants_to_hear() -> None:
    heard: list[tuple[Any, Any]] = []

    def hear(consumer: Consumer) -> None:
        heard.append((consumer, consumer.flow))

    leave = tell_of_beginnings(hear)
    flow = rx.range(3)
    subscriber = TestSubscriber[int](0)
    flow.subscribe(subscriber)
    assert heard == [(subscriber.subscription, flow)]
    leave()
    leave()
    flow.subscribe(TestSubscriber[int](0))
    assert len(heard) == 1
    subscriber.cancel()


def test_who_hears_of_beginnings_and_fails_stops_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    errors: list[BaseException] = []
    monkeypatch.setattr(hooks, "on_dropped_error", errors.append)
    leave = tell_of_beginnings(lambda _: 1 / 0)
    assert list(rx.range(3)) == [0, 1, 2]
    leave()
    assert [type(error) for error in errors] == [ZeroDivisionError]
