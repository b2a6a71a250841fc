"""Ends of a Flow: subscribing, iterating, awaiting; a user's own Subscriber and Publisher."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import Future
from contextlib import aclosing
from queue import SimpleQueue
from typing import Any, assert_type

import reactivex
from reactivex import Observable, Subject
from reactivex import operators as stock
from reactivex.abc import DisposableBase
from reactivex.observer import Observer

import rxflow as rx
from rxflow import Flow, Publisher, StageStatistics, Subscriber, Subscription

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Collecting(Subscriber[float]):
    def __init__(self) -> None:
        self.items: list[float] = []
        self.subscription: Subscription | None = None

    def on_subscribe(self, subscription: Subscription) -> None:
        self.subscription = subscription
        subscription.request(2)

    def on_next(self, value: float) -> None:
        self.items.append(value)

    def on_error(self, error: Exception) -> None:
        raise error

    def on_completed(self) -> None:
        pass


class Countdown(Publisher[int]):
    def subscribe(self, subscriber: Subscriber[int], /) -> object:
        return rx.of(3, 2, 1).subscribe(subscriber)


def subscribing() -> None:
    flow = rx.range(4)
    subscriber = Collecting()  # takes int items too
    subscription = flow.subscribe(subscriber)
    assert_type(subscription, Subscription)
    subscription.request(1)
    subscription.cancel()
    assert subscriber.items == [0, 1, 2]
    assert_type(flow.subscribe(print), DisposableBase)
    assert_type(flow.subscribe(lambda x: None, print, lambda: None), DisposableBase)
    assert_type(flow.subscribe(Observer(print)), DisposableBase)
    assert_type(flow.subscribe(Subject[int]()), DisposableBase)
    assert_type(flow.subscribe(), DisposableBase)


def a_publisher_of_ones_own() -> None:
    assert_type(rx.from_publisher(Countdown()), Flow[int])
    assert_type(rx.from_publisher(Countdown(), prefetch=2).map(str), Flow[str])


def iterating() -> None:
    for item in rx.range(3):
        assert_type(item, int)
    assert_type(list(rx.of("a")), list[str])


async def iterating_on_a_loop() -> None:
    flow = rx.range(4)
    async for item in flow:
        assert_type(item, int)
    async for chunk in flow.map(str).chunks(3):
        assert_type(chunk, list[str])
    async with aclosing(flow.chunks(3)) as chunks:
        assert_type(await anext(chunks), list[int])
        assert_type(chunks.statistics(), tuple[StageStatistics, ...])
    assert_type([item async for item in flow.pairwise()], list[tuple[int, int]])
    iteration = aiter(flow)
    assert_type(await anext(iteration), int)
    assert_type(iteration.statistics(), tuple[StageStatistics, ...])
    await iteration.aclose()
    assert_type(await flow, int)


async def consuming() -> None:
    flow = rx.range(4)
    seen: list[float] = []

    async def store(item: float) -> None:
        seen.append(item)

    assert_type(await flow.for_each(store, max_concurrency=2), None)
    assert_type(await flow.for_each(seen.append), None)
    assert_type(await rx.for_each(flow, store), None)
    queue: asyncio.Queue[int] = asyncio.Queue()
    assert_type(await flow.to_queue(queue, end=-1), None)
    assert_type(await flow.to_queue(SimpleQueue()), None)
    assert_type(await flow.for_each(store, limiter=asyncio.Semaphore(2), timeout=3), None)
    assert_type(await flow.map(str).to_file(os.devnull, rx.Lines(), append=True), None)
    assert_type(flow.run_in_thread(store), Future[None])
    assert_type(await rx.to_queue(rx.from_queue(queue).take(2), asyncio.Queue()), None)


async def answering(receive: Receive, send: Send) -> None:
    body = rx.from_request_body(receive, max_bytes=10_000)
    assert_type(body, Flow[bytes])
    assert_type(await rx.send_response(body, receive, send, headers={"a": "b"}), bool)
    assert_type(await rx.send_events(rx.of("a"), receive, send), bool)
    assert_type(await rx.send_events(rx.of(rx.ServerSentEvent("a")), receive, send), bool)
    messages = rx.from_websocket(receive)
    assert_type(messages, Flow[str | bytes])
    assert_type(await rx.to_websocket(messages, receive, send), bool)
    assert_type(await rx.to_websocket(rx.of("a"), receive, send), bool)


def _wants_an_observable(source: Observable[float]) -> Observable[str]:
    return source.pipe(stock.map(str))


def as_an_observable() -> None:
    flow = rx.range(4)
    assert_type(_wants_an_observable(flow), Observable[str])
    assert_type(reactivex.merge(flow, Subject[int]()).pipe(stock.count()), Observable[int])
    wider: Flow[float] = flow  # covariant
    assert wider is flow


def added() -> None:
    flow = rx.range(2)
    assert_type(flow + flow, Flow[int])
    assert_type(flow + rx.of("a"), Flow[int | str])
