"""P10: to build, subscribe and dispose a pipeline of three operators."""

from __future__ import annotations

from functools import partial

import reactivex
from reactivex import operators as stock

import rxflow as rx
from rxflow import operators as ops

from .floors import FLOOR, NOTE, BareFlow
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


@P10.contender("rxflow, built and not subscribed", note="a part of the work")
def _(items: int) -> None:
    source = rx.never()
    for _ in range(items):
        source.pipe(ops.map(increment), ops.filter(is_even), ops.map(double))


def _bare(source: BareFlow) -> BareFlow:
    return source.pipe(partial(map, increment), partial(filter, is_even), partial(map, double))


@P10.contender(f"{FLOOR}, an ordinary observer", note=f"{NOTE}, on reactivex's trampoline")
def _(items: int) -> None:
    source = BareFlow()
    for _ in range(items):
        _bare(source).observe().cancel()


@P10.contender(f"{FLOOR}, a Subscriber", note=NOTE)
def _(items: int) -> None:
    source = BareFlow()
    for _ in range(items):
        _bare(source).subscribe(lambda subscription: subscription.request(1)).cancel()


P10.claim("rxflow, built and not subscribed", against="reactivex", at_most=None)
for _who in ("an ordinary observer", "a Subscriber"):
    P10.claim(f"rxflow, {_who}", against="reactivex", at_most=0.15)
    P10.claim(f"{FLOOR}, {_who}", against="reactivex", at_most=None)
