"""P10: to build, subscribe and dispose a pipeline of three operators."""

from __future__ import annotations

import reactivex
from reactivex import operators as stock

import rxflow as rx
from rxflow import operators as ops

from .harness import Benchmark
from .work import double, increment, is_even

P10 = Benchmark("P10", "build, subscribe and dispose map, filter, map", 10_000)


def _ignore(x: int) -> None:
    pass


@P10.contender("reactivex")
def _(items: int) -> None:
    source = reactivex.never()
    for _ in range(items):
        source.pipe(stock.map(increment), stock.filter(is_even), stock.map(double)).subscribe(
            _ignore
        ).dispose()


@P10.contender("rxflow, an ordinary observer")
def _(items: int) -> None:
    source = rx.never()
    for _ in range(items):
        source.pipe(ops.map(increment), ops.filter(is_even), ops.map(double)).subscribe(
            _ignore
        ).dispose()


class _Idle(rx.Subscriber[int]):
    def on_subscribe(self, subscription: rx.Subscription) -> None:
        subscription.request(1)

    def on_next(self, value: int) -> None:
        pass

    def on_error(self, error: Exception) -> None:
        pass

    def on_completed(self) -> None:
        pass


@P10.contender("rxflow, a Subscriber")
def _(items: int) -> None:
    source = rx.never()
    for _ in range(items):
        source.pipe(ops.map(increment), ops.filter(is_even), ops.map(double)).subscribe(
            _Idle()
        ).cancel()


P10.claim("rxflow, an ordinary observer", against="reactivex", at_most=0.15)
P10.claim("rxflow, a Subscriber", against="reactivex", at_most=0.15)
