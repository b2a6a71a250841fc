"""Flow's methods: native, stock and new ones, all of which give a Flow."""

from __future__ import annotations

import asyncio
from typing import assert_type

from reactivex import ConnectableObservable, GroupedObservable, Notification, Observable, Subject

import rxflow as rx
from rxflow import ConnectableFlow, Flow, SharedFlow


async def fetch(value: int) -> str:
    return str(value)


def chains() -> None:
    flow = rx.range(9)
    assert_type(
        flow.map(lambda x: x / 2).filter(lambda x: x > 1).pairwise().take(3),
        Flow[tuple[float, float]],
    )
    assert_type(
        flow.scan(lambda total, x: total + str(x), "").delay(0.0).distinct().to_list(),
        Flow[list[str]],
    )
    assert_type(flow.pairwise().starmap(lambda a, b: a * b).debounce(0.0), Flow[int])
    assert_type(flow[2:5], Flow[int])
    assert_type(flow[3], Flow[int])


def native_ones() -> None:
    flow = rx.range(4)
    words = rx.of("a", "b")
    assert_type(flow.reduce(lambda a, b: a + b), Flow[int])
    assert_type(flow.reduce(lambda a, b: a + str(b), ""), Flow[str])
    assert_type(flow.sum(), Flow[float])
    assert_type(flow.map_indexed(lambda x, i: (i, str(x))), Flow[tuple[int, str]])
    assert_type(flow.first_or_default(default_value="none"), Flow[int | str])
    assert_type(flow.last_or_default(), Flow[int | None])
    assert_type(flow.default_if_empty("none"), Flow[int | str])
    assert_type(flow.to_dict(str), Flow[dict[str, int]])
    assert_type(flow.buffer_with_count(2), Flow[list[int]])
    assert_type(flow.materialize(), Flow[Notification[int]])
    assert_type(flow.materialize().dematerialize(), Flow[int])
    assert_type(flow.start_with("a", "b"), Flow[int | str])
    assert_type(flow.concat(words), Flow[int | str])
    assert_type(flow.merge(words, ["c"]), Flow[int | str])
    assert_type(flow.map(rx.range).merge(max_concurrent=2), Flow[int])
    assert_type(flow.map(lambda x: [x]).merge_all(), Flow[int])
    assert_type(flow.map(lambda x: rx.of(str(x))).concat_all(), Flow[str])
    assert_type(flow.flat_map(lambda x: rx.of(str(x))), Flow[str])
    assert_type(flow.flat_map(lambda x: [x, x], max_concurrency=2), Flow[int])
    assert_type(flow.flat_map(words), Flow[str])
    assert_type(flow.concat_map(lambda x: [str(x)], prefetch=2), Flow[str])
    assert_type(flow.catch(lambda error, source: rx.of(str(error))), Flow[int | str])
    assert_type(flow.zip(words, [1.5]), Flow[tuple[int, str, float]])
    assert_type(flow.zip_with_iterable("ab"), Flow[tuple[int, str]])


def stock_ones() -> None:
    flow = rx.range(4)
    words = rx.of("a", "b")
    assert_type(flow.as_observable(), Flow[int])
    assert_type(flow.find(lambda x, i, source: x > 1), Flow[int | None])
    assert_type(flow.expand(lambda x: rx.empty()), Flow[int])
    assert_type(flow.switch_map(lambda x: words), Flow[str])
    assert_type(flow.switch_map_indexed(lambda x, i: rx.of(str(i))), Flow[str])
    assert_type(flow.combine_latest(words), Flow[tuple[int, str]])
    assert_type(flow.with_latest_from(words, words), Flow[tuple[int, str, str]])
    assert_type(flow.zip_latest(words), Flow[tuple[int, str]])
    assert_type(flow.fork_join(words), Flow[tuple[int, str]])
    assert_type(flow.max_by(lambda x: x % 2), Flow[list[int]])
    assert_type(flow.buffer(rx.never()), Flow[list[int]])
    assert_type(flow.window_with_count(2), Flow[Observable[int]])
    assert_type(flow.sequence_equal([1, 2]), Flow[bool])
    assert_type(flow.take_until(rx.never()), Flow[int])
    assert_type(flow.timeout(9.0), Flow[int])


def groups() -> None:
    flow = rx.range(4)
    grouped: Flow[GroupedObservable[int, int]] = flow.group_by(lambda x: x % 2)
    assert_type(grouped.flat_map(lambda group: group), Flow[int])
    texts: Flow[GroupedObservable[int, str]] = flow.group_by(lambda x: x % 2, str)
    assert_type(texts.map(lambda group: group.key), Flow[int])


def new_ones() -> None:
    flow = rx.range(4)
    assert_type(flow.flat_map_iterable(lambda x: [str(x)]), Flow[str])
    assert_type(flow.buffer_with_count(2).flat_map_iterable(), Flow[int])
    assert_type(flow.limit_rate(8, 2), Flow[int])
    assert_type(flow.on_backpressure_buffer(8, overflow=rx.DROP_OLDEST), Flow[int])
    assert_type(flow.on_backpressure_drop(), Flow[int])
    assert_type(flow.on_backpressure_latest(), Flow[int])
    assert_type(flow.on_backpressure_error(), Flow[int])
    assert_type(flow.on_backpressure_reduce(lambda a, b: a + b), Flow[int])
    assert_type(flow.on_backpressure_block(8), Flow[int])


async def on_a_loop() -> None:
    flow = rx.range(4)
    assert_type(flow.map_async(fetch, max_concurrency=2, ordered=False), Flow[str])
    assert_type(flow.observe_on(asyncio.get_running_loop()), Flow[int])
    assert_type(flow.to_future(), asyncio.Future[int])


def shared() -> None:
    flow = rx.range(4)
    assert_type(flow.share(), SharedFlow[int])
    assert_type(flow.publish(), ConnectableFlow[int])
    assert_type(flow.publish(lambda source: source), Flow[int])
    assert_type(flow.replay(2), ConnectableFlow[int])
    assert_type(flow.multicast(Subject[int]()), ConnectableObservable[int])
    assert_type(flow.publish_value(0), ConnectableFlow[int])
    assert_type(flow.partition(lambda x: x > 1), list[Flow[int]])
