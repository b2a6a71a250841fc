"""``pipe`` with native and stock operators, of functions that say their types."""

from __future__ import annotations

import asyncio
from typing import Any, assert_type

from reactivex import ConnectableObservable, Notification, Observable, Subject
from reactivex import operators as stock

import rxflow as rx
from rxflow import ConnectableFlow, Flow, SharedFlow
from rxflow import operators as ops


def half(value: float) -> float:
    return value / 2


def text(value: object) -> str:
    return str(value)


def letters(value: str) -> list[str]:
    return list(value)


def even(value: int) -> bool:
    return value % 2 == 0


def add(total: int, value: int) -> int:
    return total + value


def longer(total: str, value: int) -> str:
    return total + str(value)


async def fetch(value: int) -> str:
    return str(value)


def counted(value: int) -> Flow[int]:
    return rx.range(value)


def from_one_to_ten_operators() -> None:
    flow = rx.range(40)
    assert_type(flow.pipe(), Flow[int])
    assert_type(flow.pipe(ops.map(text)), Flow[str])
    assert_type(flow.pipe(stock.map(text)), Flow[str])
    assert_type(flow.pipe(ops.filter(even), stock.pairwise()), Flow[tuple[int, int]])
    assert_type(
        flow.pipe(stock.filter(even), ops.map(half), ops.pairwise()), Flow[tuple[float, float]]
    )
    assert_type(
        flow.pipe(ops.filter(even), stock.scan(add), ops.map(text), stock.buffer_with_count(2)),
        Flow[list[str]],
    )
    assert_type(
        flow.pipe(
            ops.filter(even), ops.scan(longer, ""), stock.skip(1), ops.take(3), stock.to_list()
        ),
        Flow[list[str]],
    )
    assert_type(
        flow.pipe(
            stock.take(9),
            ops.skip(1),
            stock.filter(even),
            ops.map(half),
            stock.pairwise(),
            ops.take_last(2),
        ),
        Flow[tuple[float, float]],
    )
    assert_type(
        flow.pipe(
            ops.take(9),
            stock.skip(1),
            ops.map(text),
            stock.skip_last(1),
            ops.start_with(1.5),
            stock.take(4),
            ops.materialize(),
        ),
        Flow[Notification[str | float]],
    )
    assert_type(
        flow.pipe(
            ops.take(9),
            stock.take(8),
            ops.take(7),
            stock.take(6),
            ops.map(text),
            stock.flat_map(letters),
            ops.pairwise(),
            stock.take(2),
        ),
        Flow[tuple[str, str]],
    )
    assert_type(
        flow.pipe(
            ops.take(9),
            stock.take(8),
            ops.take(7),
            stock.take(6),
            ops.map(text),
            ops.concat_map(letters),
            ops.pairwise(),
            stock.take(2),
            ops.to_list(),
        ),
        Flow[list[tuple[str, str]]],
    )
    assert_type(
        flow.pipe(
            ops.take(20),
            stock.filter(even),
            ops.map(half),
            stock.pairwise(),
            ops.take(8),
            stock.skip(1),
            ops.buffer_with_count(2),
            stock.take(3),
            ops.flat_map_iterable(),
            stock.take_last(2),
        ),
        Flow[tuple[float, float]],
    )


def of_a_list() -> None:
    steps = [ops.map(half), ops.map(half)]
    assert_type(rx.range(3).pipe(*steps), Any)


def each_kind_of_operator() -> None:
    flow = rx.range(4)
    words = rx.of("a", "b")
    assert_type(flow.pipe(ops.reduce(add)), Flow[int])
    assert_type(flow.pipe(ops.reduce(longer, "")), Flow[str])
    assert_type(flow.pipe(ops.count()), Flow[int])
    assert_type(flow.pipe(ops.sum()), Flow[float])
    assert_type(flow.pipe(ops.average()), Flow[float])
    assert_type(flow.pipe(ops.max()), Flow[int])
    assert_type(flow.pipe(ops.all(even)), Flow[bool])
    assert_type(flow.pipe(ops.is_empty()), Flow[bool])
    assert_type(flow.pipe(ops.first()), Flow[int])
    assert_type(flow.pipe(ops.first_or_default()), Flow[int | None])
    assert_type(flow.pipe(ops.first_or_default(even, "none")), Flow[int | str])
    assert_type(flow.pipe(ops.last_or_default("none")), Flow[int | str])
    assert_type(flow.pipe(ops.element_at_or_default(9)), Flow[int | None])
    assert_type(flow.pipe(ops.element_at_or_default(9, "none")), Flow[int | str])
    assert_type(flow.pipe(ops.filter(even), ops.take(1), ops.single_or_default()), Flow[int | None])
    assert_type(flow.pipe(ops.default_if_empty("none")), Flow[int | str])
    assert_type(flow.pipe(ops.default_if_empty()), Flow[int | None])
    assert_type(flow.pipe(ops.to_set()), Flow[set[int]])
    assert_type(flow.pipe(ops.to_dict(text)), Flow[dict[str, int]])
    assert_type(flow.pipe(ops.to_dict(text, half)), Flow[dict[str, float]])
    assert_type(flow.pipe(ops.materialize(), ops.dematerialize()), Flow[int])
    assert_type(flow.pipe(ops.start_with("a")), Flow[int | str])
    assert_type(flow.pipe(ops.concat(words)), Flow[int | str])
    assert_type(flow.pipe(ops.concat(words, ["c"])), Flow[int | str])
    assert_type(flow.pipe(ops.merge(words)), Flow[int | str])
    assert_type(flow.pipe(ops.map(counted), ops.merge(max_concurrent=2)), Flow[int])
    assert_type(flow.pipe(ops.map(counted), ops.merge_all()), Flow[int])
    assert_type(flow.pipe(ops.map(counted), ops.concat_all()), Flow[int])
    assert_type(flow.pipe(ops.flat_map(counted)), Flow[int])
    assert_type(flow.pipe(ops.flat_map(words)), Flow[str])
    assert_type(flow.pipe(ops.map(text), ops.flat_map_iterable(letters)), Flow[str])
    assert_type(flow.pipe(ops.catch(words)), Flow[int | str])
    assert_type(flow.pipe(ops.zip(words)), Flow[tuple[int, str]])
    assert_type(flow.pipe(ops.zip(words, [1.5], flow)), Flow[tuple[int, str, float, int]])
    assert_type(flow.pipe(ops.zip_with_iterable("ab")), Flow[tuple[int, str]])
    assert_type(flow.pipe(ops.limit_rate(8), ops.repeat(2), ops.retry(3)), Flow[int])
    assert_type(flow.pipe(stock.timestamp(), stock.map(text)), Flow[str])
    assert_type(flow.pipe(ops.delay(0.0), stock.debounce(0.0)), Flow[int])


async def with_async_functions() -> None:
    flow = rx.range(4)
    assert_type(flow.pipe(ops.map_async(fetch, max_concurrency=2)), Flow[str])
    assert_type(flow.pipe(ops.map_async(fetch), stock.pairwise()), Flow[tuple[str, str]])
    assert_type(flow.pipe(ops.to_future()), asyncio.Future[int])


def behind_a_door() -> None:
    subject = Subject[int]()
    assert_type(subject.pipe(ops.on_backpressure_buffer(10)), Flow[int])
    assert_type(
        subject.pipe(ops.on_backpressure_buffer(10), ops.map(text), ops.filter(str.isdigit)),
        Flow[str],
    )
    assert_type(
        subject.pipe(ops.on_backpressure_buffer(10), ops.map(text), stock.pairwise()),
        Observable[tuple[str, str]],  # an Observable's own pipe applies what is not rxflow's
    )
    assert_type(
        subject.pipe(ops.on_backpressure_buffer(10)).pipe(ops.map(text), stock.pairwise()),
        Flow[tuple[str, str]],
    )
    assert_type(subject.pipe(ops.on_backpressure_latest(), ops.map_async(fetch)), Flow[str])
    assert_type(subject.pipe(ops.on_backpressure_drop(print)), Flow[int])
    assert_type(subject.pipe(ops.on_backpressure_error()), Flow[int])
    assert_type(subject.pipe(ops.on_backpressure_reduce(add)), Flow[int])
    assert_type(subject.pipe(ops.on_backpressure_block(3, timeout=1.0)), Flow[int])


def smooth(source: Flow[int]) -> Flow[float]:
    return source.map(half)


def plain(source: Observable[int]) -> Observable[int]:
    return source.pipe(stock.take(1))


def of_functions_of_a_source() -> None:
    flow = rx.range(3)
    assert_type(flow.pipe(smooth), Flow[float])
    assert_type(flow.pipe(smooth, ops.map(text)), Flow[str])
    assert_type(flow.pipe(ops.take(2), plain), Flow[int])


def shared() -> None:
    flow = rx.range(3)
    assert_type(flow.pipe(ops.publish()), ConnectableFlow[int])
    assert_type(flow.pipe(ops.map(half), ops.share()), SharedFlow[float])
    assert_type(flow.share(), SharedFlow[int])
    assert_type(flow.publish().ref_count(2), SharedFlow[int])
    assert_type(flow.publish(lambda shared: shared.map(half)), Flow[float])
    assert_type(flow.replay(1), ConnectableFlow[int])
    assert_type(flow.share().with_overflow(rx.DROP_OLDEST, capacity=1), Flow[int])
    assert_type(flow.pipe(ops.publish(), ops.ref_count()), SharedFlow[int])
    assert_type(flow.pipe(ops.map(half), stock.replay(1)), ConnectableObservable[float])


def kept_in_a_variable() -> None:
    pairs = ops.pairwise()  # of any item type
    assert_type(rx.range(3).pipe(pairs), Flow[tuple[int, int]])
    assert_type(rx.of("a", "b").pipe(pairs), Flow[tuple[str, str]])
