"""P2: stock reactivex operators in a Flow against reactivex itself."""

from __future__ import annotations

import reactivex
from reactivex import operators as stock

import rxflow as rx

from .harness import Benchmark
from .work import double, expected_sum, increment, is_even

P2 = Benchmark("P2", "stock map, filter, map and sum", 500_000, expected=expected_sum)


@P2.contender("reactivex", note="no backpressure")
def _(items: int) -> int:
    found: list[int] = []
    reactivex.from_iterable(range(items)).pipe(
        stock.map(increment), stock.filter(is_even), stock.map(double), stock.sum()
    ).subscribe(found.append)
    return found[0]


@P2.contender("rxflow, stock operators lifted", note="by rx.lift, so that none is swapped")
def _(items: int) -> int:
    found: list[int] = []
    rx.range(items).pipe(
        rx.lift(stock.map(increment)),
        rx.lift(stock.filter(is_even)),
        rx.lift(stock.map(double)),
        rx.lift(stock.sum()),
    ).subscribe(found.append)
    return found[0]


@P2.contender("rxflow, stock operators swapped", note="for the native ones, as pipe does")
def _(items: int) -> int:
    found: list[int] = []
    rx.range(items).pipe(
        stock.map(increment), stock.filter(is_even), stock.map(double), stock.sum()
    ).subscribe(found.append)
    return found[0]


P2.claim("rxflow, stock operators lifted", against="reactivex", at_most=1.0)
P2.claim("rxflow, stock operators swapped", against="reactivex", at_most=1.0)
