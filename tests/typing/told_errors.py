# pyright: reportUnnecessaryTypeIgnoreComment=true
"""Mistakes that type checkers report: an ignore that is not needed is an error of its own.

Nothing here is run: each line is wrong.
"""

from __future__ import annotations

from reactivex import Subject
from reactivex import operators as stock

import rxflow as rx
from rxflow import Emitter, Flow, Subscriber
from rxflow import operators as ops


def upper(value: str) -> str:
    return value.upper()


async def fetch(value: int) -> str:
    return str(value)


async def emits_asynchronously(emitter: Emitter[int]) -> None:
    await emitter.send(1)


def pipes(flow: Flow[int], subject: Subject[int]) -> None:
    flow.pipe(ops.map(upper))  # type: ignore[arg-type]
    flow.pipe(stock.map(upper))  # type: ignore[arg-type]
    flow.pipe(ops.take(1), ops.map(upper), ops.take(1))  # type: ignore[arg-type, misc]
    flow.pipe(ops.map)  # type: ignore[arg-type]
    flow.pipe(ops.map_async(upper))  # type: ignore[arg-type]
    subject.pipe(ops.on_backpressure_buffer())  # type: ignore[call-arg]
    ops.on_backpressure_buffer(9, overflow="drop")  # type: ignore[arg-type]
    ops.merge(flow, max_concurrent=2)  # type: ignore[call-overload]


def methods(flow: Flow[int]) -> None:
    flow.map(upper)  # type: ignore[arg-type]
    flow.map(lambda x: x.upper())  # type: ignore[attr-defined]
    flow.flat_map(fetch)  # type: ignore[arg-type]
    flow.starmap(upper)  # type: ignore[arg-type]
    flow.map_async(upper)  # type: ignore[arg-type]
    flow.limit_rate("all")  # type: ignore[arg-type]
    flow.no_such_operator()  # type: ignore[attr-defined]


def sources() -> None:
    rx.create(emits_asynchronously, overflow=rx.FAIL)  # type: ignore[arg-type]
    rx.from_observable(Subject[int]())  # type: ignore[call-arg]
    rx.from_iterable(5)  # type: ignore[arg-type]
    rx.from_publisher(Subject[int]())  # type: ignore[arg-type]


def ends(flow: Flow[int], words: Subscriber[str]) -> None:
    flow.subscribe(words)  # type: ignore[arg-type]
    flow.subscribe(upper)  # type: ignore[arg-type]
    flow.subscribe(print).request(1)  # type: ignore[attr-defined]
    narrower: Flow[bool] = flow  # type: ignore[assignment]
    narrower.subscribe()
    Subscriber[int]()  # type: ignore[abstract]


async def loops(flow: Flow[int], subject: Subject[int]) -> None:
    async for _ in subject:  # type: ignore[attr-defined]
        pass
    async for _ in flow.multicast(subject):  # type: ignore[attr-defined]
        pass
    async for _ in flow.chunks():  # type: ignore[call-arg]
        pass
    await flow.for_each(upper)  # type: ignore[arg-type]
