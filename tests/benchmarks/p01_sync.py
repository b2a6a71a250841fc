"""P1, P2b: synchronous native pipelines against a hand-written loop."""

from __future__ import annotations

import reactivex
from reactivex import operators as stock

import rxflow as rx
from rxflow import operators as ops

from .floors import FLOOR, NOTE, folded
from .harness import Benchmark
from .work import double, expected_sum, increment, is_even, three_stages

P1 = Benchmark(
    "P1", "map, filter, map and a sum over a range of ints", 500_000, expected=expected_sum
)
P1.contender("hand-written loop")(three_stages)


@P1.contender("rxflow")
def _(items: int) -> int:
    found: list[int] = []
    rx.range(items).pipe(
        ops.map(increment), ops.filter(is_even), ops.map(double), ops.sum()
    ).subscribe(found.append)
    return found[0]


@P1.contender("reactivex", note="no backpressure")
def _(items: int) -> int:
    found: list[int] = []
    reactivex.from_iterable(range(items)).pipe(
        stock.map(increment), stock.filter(is_even), stock.map(double), stock.sum()
    ).subscribe(found.append)
    return found[0]


@P1.contender("streamable", "streamable")
def _(items: int) -> int:
    from streamable import stream

    return sum(stream(range(items)).map(increment).filter(is_even).map(double))


@P1.contender("streamz", "streamz", share=0.1, note="given a tenth of the items")
def _(items: int) -> int:
    from streamz import Stream

    total = 0

    def add(x: int) -> None:
        nonlocal total
        total += x

    source = Stream()
    source.map(increment).filter(is_even).map(double).sink(add)
    for x in range(items):
        source.emit(x)
    return total


@P1.contender("rxbp", "rxbp", share=0.001, note="given a thousandth of the items")
def _(items: int) -> int:
    import rxbp

    stages = rxbp.from_iterable(range(items)).map(increment).filter(is_even).map(double)
    return sum(rxbp.run(stages))


P1.claim("rxflow", against="hand-written loop", at_most=1.15, elsewhere=1.3)
P1.claim("rxflow", against="reactivex", at_most=0.42)


@P1.contender(FLOOR, note=NOTE)
def _(items: int) -> int:
    return folded(map(double, filter(is_even, map(increment, range(items)))))


P1.claim(FLOOR, against="hand-written loop", at_most=None)


def _chained(stages: int, items: int) -> int:
    found: list[int] = []
    rx.range(items).pipe(*[ops.map(increment)] * stages, ops.sum()).subscribe(found.append)
    return found[0]


P2B = Benchmark("P2b", "1, 3 and 10 native stages of map and a sum", 200_000)


@P2B.contender("hand-written loop, 1 stage")
def _(items: int) -> None:
    total = 0
    for x in range(items):
        total += increment(x)
    assert total == sum(range(1, items + 1))


@P2B.contender("rxflow, 1 stage")
def _(items: int) -> None:
    assert _chained(1, items) == sum(range(1, items + 1))


@P2B.contender(f"{FLOOR}, 1 stage", note=NOTE)
def _(items: int) -> None:
    assert folded(map(increment, range(items))) == sum(range(1, items + 1))


@P2B.contender("hand-written loop, 3 stages")
def _(items: int) -> None:
    total = 0
    for x in range(items):
        y = increment(x)
        y = increment(y)
        total += increment(y)
    assert total == sum(range(3, items + 3))


@P2B.contender("rxflow, 3 stages")
def _(items: int) -> None:
    assert _chained(3, items) == sum(range(3, items + 3))


@P2B.contender("hand-written loop, 10 stages")
def _(items: int) -> None:
    total = 0
    for x in range(items):
        y = increment(x)
        y = increment(y)
        y = increment(y)
        y = increment(y)
        y = increment(y)
        y = increment(y)
        y = increment(y)
        y = increment(y)
        y = increment(y)
        total += increment(y)
    assert total == sum(range(10, items + 10))


@P2B.contender("rxflow, 10 stages")
def _(items: int) -> None:
    assert _chained(10, items) == sum(range(10, items + 10))


for _stages in ("1 stage", "3 stages", "10 stages"):
    P2B.claim(f"rxflow, {_stages}", against=f"hand-written loop, {_stages}", at_most=1.3)
P2B.claim(f"{FLOOR}, 1 stage", against="hand-written loop, 1 stage", at_most=None)
