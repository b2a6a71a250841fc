"""P6: a Subject that is pushed, through a buffer and three native stages."""

from __future__ import annotations

from collections.abc import Callable

from reactivex import Observable
from reactivex import operators as stock
from reactivex.subject import Subject

import rxflow as rx
from rxflow import operators as ops

from .harness import Benchmark
from .work import double, expected_sum, increment, is_even

BURST = 500
CAPACITY = 1_000

P6 = Benchmark("P6", "a Subject pushed through map, filter, map", 500_000)


def _push(build: Callable[[Subject[int]], Observable[int]], items: int) -> None:
    """Push all items through what is built on a Subject, to an ordinary observer."""
    total = 0

    def add(x: int) -> None:
        nonlocal total
        total += x

    subject: Subject[int] = Subject()
    build(subject).subscribe(add)
    on_next = subject.on_next
    for x in range(items):
        on_next(x)
    subject.on_completed()
    assert total == expected_sum(items)


@P6.contender("reactivex", note="no backpressure")
def _(items: int) -> None:
    _push(
        lambda subject: subject.pipe(
            stock.map(increment), stock.filter(is_even), stock.map(double)
        ),
        items,
    )


def _flow(subject: Subject[int]) -> rx.Flow[int]:
    return subject.pipe(
        ops.on_backpressure_buffer(CAPACITY, overflow=rx.FAIL),
        ops.map(increment),
        ops.filter(is_even),
        ops.map(double),
    )


@P6.contender("rxflow, unbounded demand", note="each push runs through at once")
def _(items: int) -> None:
    _push(_flow, items)


class _Adder(rx.Subscriber[int]):
    """Adds up what it has asked for."""

    def __init__(self) -> None:
        self.total = 0
        self.subscription: rx.Subscription | None = None

    def on_subscribe(self, subscription: rx.Subscription) -> None:
        self.subscription = subscription

    def on_next(self, value: int) -> None:
        self.total += value

    def on_error(self, error: Exception) -> None:
        raise error

    def on_completed(self) -> None:
        pass


@P6.contender("rxflow, demand in bursts", note=f"asks after each {BURST} pushes")
def _(items: int) -> None:
    subject: Subject[int] = Subject()
    adder = _Adder()
    subscription = _flow(subject).subscribe(adder)
    on_next = subject.on_next
    for start in range(0, items, BURST):
        pushed = range(start, min(start + BURST, items))
        for x in pushed:
            on_next(x)
        if passing := len(pushed) // 2:  # every second item is even after the increment
            subscription.request(passing)
    subject.on_completed()
    assert adder.total == expected_sum(items)


@P6.contender("Subject alone", note="on_next into an observer that does nothing: the floor")
def _(items: int) -> None:
    subject: Subject[int] = Subject()
    subject.subscribe(lambda x: None)
    on_next = subject.on_next
    for x in range(items):
        on_next(x)
    subject.on_completed()


_FLOOR = "the stock Subject alone is above the target (next line), whatever comes behind it"
P6.claim("rxflow, unbounded demand", against="reactivex", at_most=0.25, note=_FLOOR)
P6.claim("rxflow, demand in bursts", against="reactivex", at_most=0.25, note=_FLOOR)
P6.claim("Subject alone", against="reactivex", at_most=None, note="the floor")
