"""Where Flows begin, and the functions that combine several."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from queue import SimpleQueue
from typing import Any, assert_type

from reactivex import Observable, Subject
from reactivex.abc import ObserverBase, SchedulerBase
from reactivex.disposable import Disposable

import rxflow as rx
from rxflow import Emitter, Flow, Offer


def _small(state: int) -> bool:
    return state < 9


def _twice(state: int) -> int:
    return state * 2


def pulled() -> None:
    assert_type(rx.range(3), Flow[int])
    assert_type(rx.range(0, 10, 2), Flow[int])
    assert_type(rx.of(1, 2), Flow[int])
    assert_type(rx.from_iterable({"a": 1}), Flow[str])
    assert_type(rx.from_iterable([(1, "a")]), Flow[tuple[int, str]])
    assert_type(rx.from_list([1]), Flow[int])
    assert_type(rx.just("a"), Flow[str])
    assert_type(rx.return_value(None), Flow[None])
    assert_type(rx.repeat_value(1.5), Flow[float])
    assert_type(rx.generate(1, _small, _twice), Flow[int])
    assert_type(rx.empty(), Flow[Any])
    assert_type(rx.never(), Flow[Any])
    assert_type(rx.throw("no"), Flow[Any])


def _two(emitter: Emitter[int]) -> None:
    assert_type(emitter.try_offer(1), Offer)
    assert_type(emitter.requested, int)
    emitter.on_next(2)
    emitter.on_completed()


def _with_cleanup(emitter: Emitter[str]) -> Disposable:
    emitter.on_request(lambda n: [emitter.try_offer("a") for _ in range(min(n, 3))])
    return Disposable()


def _plain(observer: ObserverBase[int], scheduler: SchedulerBase | None = None) -> Disposable:
    observer.on_next(1)
    return Disposable()


def created() -> None:
    assert_type(rx.create(_two, overflow=rx.FAIL), Flow[int])
    assert_type(rx.create(_with_cleanup, overflow=rx.DROP_OLDEST, capacity=4), Flow[str])
    assert_type(rx.create(_plain), Observable[int])  # as in reactivex
    strange: Flow[int] = rx.create(lambda emitter: emitter.on_next(1), overflow=rx.FAIL)
    assert_type(strange, Flow[int])


def pushed() -> None:
    subject = Subject[int]()
    assert_type(rx.from_observable(subject, overflow=rx.DROP_NEWEST), Flow[int])
    assert_type(rx.interval(1.0), Flow[int])
    assert_type(rx.interval(timedelta(seconds=1), overflow=rx.DROP_OLDEST), Flow[int])
    assert_type(rx.timer(1.0), Flow[int])


def deferred() -> None:
    def numbers(scheduler: SchedulerBase) -> Flow[int]:
        return rx.of(1)

    def letters(scheduler: SchedulerBase) -> list[str]:
        return ["a"]

    assert_type(rx.defer(numbers), Flow[int])
    assert_type(rx.defer(letters), Flow[str])
    assert_type(rx.defer(lambda _: rx.of(1.5)), Flow[float])


async def on_a_loop() -> None:
    async def ticks() -> AsyncIterator[int]:
        yield 1

    queue: asyncio.Queue[str] = asyncio.Queue()
    assert_type(rx.from_async_iterable(ticks()), Flow[int])
    assert_type(rx.from_queue(queue), Flow[str])
    threads: SimpleQueue[int] = SimpleQueue()
    assert_type(rx.from_queue(threads), Flow[int])
    reader = asyncio.StreamReader()
    assert_type(rx.from_stream_reader(reader), Flow[bytes])
    assert_type(rx.from_stream_reader(reader, rx.Lines(b"\r\n")), Flow[bytes])
    assert_type(rx.from_stream_reader(reader, rx.Lines(encoding="utf-8")), Flow[str])
    assert_type(rx.from_file("words", rx.LengthPrefixed()), Flow[bytes])


async def on_a_connection() -> None:
    text = rx.Lines(encoding="utf-8")
    handle = rx.connection_handler(lambda each: each.incoming.map(str.upper), text)
    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    assert_type(rx.Connection(reader, writer).incoming, Flow[bytes])
    async with rx.Connection(reader, writer, text) as connection:
        await connection.send("a")
        assert_type(await connection.receive(), str)
        assert_type(connection.incoming, Flow[str])
    server.close()


def combined() -> None:
    numbers, letters = rx.of(1), rx.of("a")
    plain: Observable[float] = Subject()
    assert_type(rx.concat(numbers, numbers), Flow[int])
    assert_type(rx.concat(numbers, letters), Flow[int | str])
    assert_type(rx.concat(numbers, [1.5]), Flow[int | float])
    assert_type(rx.merge(numbers, plain), Flow[int | float])
    assert_type(rx.merge(plain, letters), Flow[float | str])
    assert_type(rx.merge(plain, plain), Observable[float])
    assert_type(rx.catch(numbers, letters), Flow[int | str])
    assert_type(rx.zip(numbers, letters), Flow[tuple[int, str]])
    assert_type(rx.zip(numbers, letters, "b", plain), Flow[tuple[int, str, str, float]])
    assert_type(rx.zip(plain, letters), Flow[tuple[float, str]])
    assert_type(rx.zip(plain, plain), Observable[tuple[float, float]])
    assert_type(rx.combine_latest(numbers, letters), Flow[tuple[int, str]])
