# mypy: ignore-errors
"""``pipe`` with lambdas: pyright infers their parameters; mypy cannot, of reactivex neither."""

from __future__ import annotations

from typing import assert_type

from reactivex import Observable, Subject
from reactivex import operators as stock

import rxflow as rx
from rxflow import Flow
from rxflow import operators as ops


def native_and_stock() -> None:
    flow = rx.range(9)
    assert_type(flow.pipe(ops.map(lambda x: x / 2)), Flow[float])
    assert_type(flow.pipe(stock.map(lambda x: x / 2), ops.map(lambda x: [x])), Flow[list[float]])
    assert_type(
        flow.pipe(
            ops.filter(lambda x: x % 2 == 0),
            stock.map(lambda x: str(x)),
            ops.filter(lambda x: x.isdigit()),
            stock.pairwise(),
            ops.starmap(lambda a, b: len(a) + len(b)),
            ops.scan(lambda total, x: total + x),
            stock.scan(lambda total, x: total + str(x), ""),
            ops.flat_map_iterable(lambda x: [x, x]),
            ops.take_while(lambda x: len(x) < 9),
            ops.map_indexed(lambda x, i: (i, x)),
        ),
        Flow[tuple[int, str]],
    )


def each_kind_of_operator() -> None:
    flow = rx.range(4)
    assert_type(flow.pipe(ops.reduce(lambda a, b: a + b)), Flow[int])
    assert_type(flow.pipe(ops.reduce(lambda a, b: a + str(b), "")), Flow[str])
    assert_type(flow.pipe(ops.flat_map(lambda x: [x, x])), Flow[int])
    assert_type(flow.pipe(ops.flat_map(lambda x: rx.of(str(x)))), Flow[str])
    assert_type(flow.pipe(ops.concat_map(lambda x: rx.range(x))), Flow[int])
    assert_type(flow.pipe(ops.flat_map_indexed(lambda x, i: [(x, str(i))])), Flow[tuple[int, str]])
    assert_type(flow.pipe(ops.to_dict(lambda x: str(x))), Flow[dict[str, int]])
    assert_type(flow.pipe(ops.to_dict(lambda x: str(x), lambda x: x / 2)), Flow[dict[str, float]])
    assert_type(flow.pipe(ops.catch(lambda error, source: rx.of(str(error)))), Flow[int | str])
    assert_type(flow.pipe(ops.first_or_default(lambda x: x > 9, "none")), Flow[int | str])
    assert_type(flow.pipe(ops.last_or_default(predicate=lambda x: x > 9)), Flow[int | None])
    assert_type(flow.pipe(ops.sum(lambda x: x / 2)), Flow[float])
    assert_type(flow.pipe(ops.some(lambda x: x > 1)), Flow[bool])


def behind_a_door() -> None:
    subject = Subject[int]()
    assert_type(
        subject.pipe(
            ops.on_backpressure_buffer(10),
            ops.map(lambda x: x / 2),
            ops.filter(lambda x: x > 1),
            ops.flat_map(lambda x: [str(x)]),
            stock.pairwise(),
        ),
        Observable[tuple[str, str]],
    )
    assert_type(
        subject.pipe(
            ops.on_backpressure_reduce(lambda a, b: a + b),
            ops.scan(lambda total, x: total + str(x), ""),
            ops.map(lambda x: x.encode()),
        ),
        Flow[bytes],
    )
