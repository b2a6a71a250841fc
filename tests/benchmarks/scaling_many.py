"""How cost grows with how many there are: subscribers, sources, Flows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import process_time_ns
from typing import Any

import reactivex
from reactivex import operators as stock
from reactivex.subject import Subject

import rxflow as rx
from rxflow import operators as ops

from . import p13_many as many
from .curve import Curve, Prepared, Series

CAPACITY = 256

SUBSCRIBERS = Curve(
    "subscribers",
    "Subscribers of a share",
    "subscribers",
    "ns per item and subscriber",
    (1, 10, 100, 1_000, 10_000),
    10_000,
    "An item is pushed into the queue of each subscriber, and taken out by its own drain: that is "
    "what a subscriber costs, whatever the others do. Who holds the others back is looked for from "
    "where the last one was, so all of them are looked at once per request. While an item is on "
    "its way to 10,000 subscribers the event loop does not get a turn.",
)


def _pushed(x: int, steps: int, on_next: Callable[[int], None], count: Sequence[int]) -> Prepared:
    items = max(2, steps // 4 // x)
    since = process_time_ns()
    for item in range(items):
        on_next(item)
    assert count[0] == items * x
    return Prepared(items * x, since)


def _counting() -> tuple[list[int], Callable[[int], None]]:
    count = [0]

    def add(item: int) -> None:
        count[0] += 1

    return count, add


def _emitted_to(x: int, add: Callable[[int], None]) -> tuple[rx.Emitter[int], list[Any]]:
    emitters: list[rx.Emitter[int]] = []
    source = rx.create(emitters.append, overflow=rx.SUSPEND, capacity=CAPACITY)
    shared = source.pipe(ops.share())
    subscriptions = [shared.subscribe(add) for _ in range(x)]
    return emitters[0], subscriptions


@SUBSCRIBERS.enter("rxflow, share")
def _(x: int, steps: int) -> Prepared:
    count, add = _counting()
    emitter, _ = _emitted_to(x, add)
    return _pushed(x, steps, emitter.on_next, count)


@SUBSCRIBERS.enter("reactivex, share")
def _(x: int, steps: int) -> Prepared:
    count, add = _counting()
    subject: Subject[int] = Subject()
    shared = subject.pipe(stock.share())
    for _ in range(x):
        shared.subscribe(add)
    return _pushed(x, steps, subject.on_next, count)


JOINING = Curve(
    "joining",
    "Subscribers that come and go",
    "subscribers of a share",
    "ns for one to join and to leave",
    (1, 10, 100, 1_000, 10_000),
    10_000,
    "Who joins or leaves is put into a dict or taken out of it, whoever else is there; the tuple "
    "of all of them, that an item goes to, is made when the next item comes. What bounds the "
    "number of subscribers is what each holds, and Python's collector.",
)


@JOINING.enter("rxflow, share")
def _(x: int, steps: int) -> int:
    _, subscriptions = _emitted_to(x, lambda item: None)
    for subscription in subscriptions:
        subscription.dispose()
    return x


@JOINING.enter("reactivex, share")
def _(x: int, steps: int) -> int:
    subject: Subject[int] = Subject()
    shared = subject.pipe(stock.share())
    subscriptions = [shared.subscribe(lambda item: None) for _ in range(x)]
    for subscription in subscriptions:
        subscription.dispose()
    return x


SOURCES = Curve(
    "sources",
    "Sources of a merge",
    "sources that push one after the other",
    "ns per item",
    (1, 10, 100, 1_000, 10_000),
    10_000,
    "A source that has an item puts itself in a queue, and only those in the queue are looked at. "
    "All of them hear of demand when it has grown, which it does not while it is unbounded, nor "
    "for a consumer that always asks for as much.",
)


@SOURCES.enter("rxflow, merge")
def _(x: int, steps: int) -> Prepared:
    count, add = _counting()
    emitters: list[rx.Emitter[int]] = []
    create = rx.create(emitters.append, overflow=rx.SUSPEND, capacity=CAPACITY)
    rx.merge(*[create] * x).subscribe(add)
    return _in_turn([emitter.on_next for emitter in emitters], steps, count)


@SOURCES.enter("reactivex, merge")
def _(x: int, steps: int) -> Prepared:
    count, add = _counting()
    subjects: list[Subject[int]] = [Subject() for _ in range(x)]
    reactivex.merge(*subjects).subscribe(add)
    return _in_turn([subject.on_next for subject in subjects], steps, count)


def _in_turn(puts: Sequence[Callable[[int], None]], steps: int, count: Sequence[int]) -> Prepared:
    items = max(1, steps // 4)
    since = process_time_ns()
    for item in range(items):
        puts[item % len(puts)](item)
    assert count[0] == items
    return Prepared(items, since)


FLOWS = Curve(
    "flows",
    "Flows at the same time",
    "Flows of five stages and a boundary on one loop",
    "ns to begin one, give it five items, and end it",
    (1, 10, 100, 1_000, 10_000, 100_000),
    10_000,
    "Flows have nothing in common, so one more costs what the first did. What bounds their number "
    "is memory (P13 says how much each takes), and Python's collector, which goes through all that "
    "is alive whenever a quarter more has come.",
)


def _flows(begin: many.Begin) -> Series:
    async def run(x: int, steps: int) -> int:
        results: list[int] = []
        await many.feed([begin(results) for _ in range(x)])
        assert results == [many.EXPECTED] * x
        return x

    return run


FLOWS.series = {
    "rxflow, subscribe": _flows(many.subscribed),
    "rxflow, async for": _flows(many.iterated),
    "asyncio.Queue(16) and a task": _flows(many.queued),
}
