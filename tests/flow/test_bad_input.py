"""Bad arguments fail when the pipeline is built, with a message that says what to do instead."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from operator import itemgetter
from typing import Any

import pytest
import reactivex
from reactivex import Subject
from reactivex.scheduler import ImmediateScheduler

import rxflow as rx
from rxflow import operators as ops
from rxflow.testing import TestSubscriber
from tests.contract.law_callbacks import AtOnce
from tests.support import counted
from tests.support_together import together


class Silent(rx.Publisher[Any]):
    def subscribe(self, subscriber: rx.Subscriber[Any], /) -> None: ...


async def work(*args: Any) -> Any: ...


def take_emitter(emitter: Any) -> None: ...


# Counts.


COUNTS: dict[str, Callable[[Any], Any]] = {
    "on_backpressure_buffer": lambda n: ops.on_backpressure_buffer(n),
    "on_backpressure_block": lambda n: ops.on_backpressure_block(n),
    "from_observable": lambda n: rx.from_observable(Subject(), overflow=rx.FAIL, capacity=n),
    "create": lambda n: rx.create(take_emitter, overflow=rx.FAIL, capacity=n),
    "from_publisher": lambda n: rx.from_publisher(Silent(), prefetch=n),
    "limit_rate": lambda n: ops.limit_rate(n),
    "observe_on": lambda n: ops.observe_on(ImmediateScheduler(), prefetch=n),
    "merge": lambda n: ops.merge(rx.never(), prefetch=n),
    "merge of sources": lambda n: ops.merge(max_concurrent=n),
    "flat_map": lambda n: ops.flat_map(rx.of, max_concurrency=n),
    "flat_map prefetch": lambda n: ops.flat_map(rx.of, prefetch=n),
    "flat_map_indexed": lambda n: ops.flat_map_indexed(rx.of, max_concurrency=n),
    "flat_map_indexed prefetch": lambda n: ops.flat_map_indexed(rx.of, prefetch=n),
    "concat_map": lambda n: ops.concat_map(rx.of, prefetch=n),
    "merge_all": lambda n: ops.merge_all(prefetch=n),
    "map_async": lambda n: ops.map_async(work, max_concurrency=n),
    "concat_map_eager": lambda n: ops.concat_map_eager(rx.of, max_concurrency=n),
    "concat_map_eager prefetch": lambda n: ops.concat_map_eager(rx.of, prefetch=n),
    "merge_prioritized": lambda n: ops.merge_prioritized((rx.never(), n)),
    "merge_prioritized priority": lambda n: ops.merge_prioritized(priority=n),
    "merge_prioritized prefetch": lambda n: ops.merge_prioritized(prefetch=n),
    "combine_latest": lambda n: ops.combine_latest(rx.never(), prefetch=n),
    "switch_map": lambda n: ops.switch_map(rx.of, prefetch=n),
    "switch_map_indexed": lambda n: ops.switch_map_indexed(rx.of, prefetch=n),
    "flat_map_latest": lambda n: ops.flat_map_latest(rx.of, prefetch=n),
    "switch_latest": lambda n: ops.switch_latest(prefetch=n),
    "exclusive": lambda n: ops.exclusive(prefetch=n),
    "map_async_partitioned": lambda n: ops.map_async_partitioned(str, work, n),
    "adaptive_concurrency min": lambda n: ops.adaptive_concurrency(work, n, 9),
    "adaptive_concurrency max": lambda n: ops.adaptive_concurrency(work, 1, n),
    "map_executor": lambda n: ops.map_executor(AtOnce(), str, n),
    "map_thread": lambda n: ops.map_thread(str, n),
    "chunks": lambda n: rx.of(1).chunks(n),
}
FROM_ZERO: dict[str, Callable[[Any], Any]] = {
    "map_async buffer": lambda n: ops.map_async(work, buffer=n),
    "map_async_partitioned buffer": lambda n: ops.map_async_partitioned(str, work, 1, buffer=n),
    "map_executor buffer": lambda n: ops.map_executor(AtOnce(), str, 1, buffer=n),
    "map_thread buffer": lambda n: ops.map_thread(str, buffer=n),
    "limit_rate": lambda n: ops.limit_rate(5, n),
    "repeat": lambda n: ops.repeat(n),
    "retry": lambda n: ops.retry(n),
    "repeat_value": lambda n: rx.repeat_value(1, n),
    "take": lambda n: ops.take(n),
}
EVERY_COUNT = [*COUNTS.items(), *FROM_ZERO.items()]
NAMES = [name for name, _ in EVERY_COUNT]


def on_the_loop(build: Callable[[], Any]) -> None:
    """Build where an event loop runs, which some ends need."""

    async def main() -> None:
        build()

    asyncio.run(main())


@together(("name", "build"), EVERY_COUNT, itemgetter(0))
@together("value", [-2, 1.5, float("nan"), float("inf"), -float("inf")])
def test_a_count_that_is_no_whole_number_is_a_value_error(
    name: str, build: Callable[[Any], Any], value: Any
) -> None:
    with pytest.raises(ValueError, match=f"^{name.split()[0]}: ") as raised:
        on_the_loop(lambda: build(value))
    assert repr(value) in str(raised.value)
    assert "at least" in str(raised.value) or "whole number" in str(raised.value)


@together(("name", "build"), COUNTS.items(), itemgetter(0))
def test_zero_is_too_small(name: str, build: Callable[[Any], Any]) -> None:
    with pytest.raises(ValueError, match=f"^{name.split()[0]}: .* at least 1, not 0$"):
        on_the_loop(lambda: build(0))


@together(("name", "build"), EVERY_COUNT, itemgetter(0))
@together("value", ["3", True, False, [3], object], repr)
def test_a_count_that_is_no_number_is_a_type_error(
    name: str, build: Callable[[Any], Any], value: Any
) -> None:
    with pytest.raises(TypeError, match=f"^{name.split()[0]}: .*whole number") as raised:
        on_the_loop(lambda: build(value))
    assert repr(value) in str(raised.value)


def test_low_must_not_be_more_than_high() -> None:
    with pytest.raises(ValueError, match=r"limit_rate: low \(5\) must not be more than high \(4\)"):
        ops.limit_rate(4, 5)


@pytest.mark.parametrize("value", [-1, -0.5, float("nan")])
def test_a_negative_time_limit_is_a_value_error(value: float) -> None:
    with pytest.raises(ValueError, match="on_backpressure_block: timeout must not be negative"):
        ops.on_backpressure_block(1, timeout=value)


@pytest.mark.parametrize("value", ["1", True, object()])
def test_a_time_limit_that_is_no_duration_is_a_type_error(value: Any) -> None:
    with pytest.raises(TypeError, match="on_backpressure_block: timeout must be seconds or"):
        ops.on_backpressure_block(1, timeout=value)


@pytest.mark.parametrize("value", [-1, float("nan")])
def test_a_negative_period_is_a_value_error(value: Any) -> None:
    with pytest.raises(ValueError, match="interval: period must not be negative"):
        rx.interval(value)


# Strategies.


STRATEGIES: dict[str, Callable[[Any], Any]] = {
    "on_backpressure_buffer": lambda value: ops.on_backpressure_buffer(3, overflow=value),
    "from_observable": lambda value: rx.from_observable(Subject(), overflow=value),
    "create": lambda value: rx.create(take_emitter, overflow=value),
    "flat_map": lambda value: ops.flat_map(rx.of, overflow=value),
    "concat_map_eager": lambda value: ops.concat_map_eager(rx.of, overflow=value),
    "switch_map": lambda value: ops.switch_map(rx.of, overflow=value),
    "switch_map_indexed": lambda value: ops.switch_map_indexed(rx.of, overflow=value),
    "flat_map_latest": lambda value: ops.flat_map_latest(rx.of, overflow=value),
    "switch_latest": lambda value: ops.switch_latest(overflow=value),
    "exclusive": lambda value: ops.exclusive(overflow=value),
    "interval": lambda value: rx.interval(1.0, overflow=value),
    "timer": lambda value: rx.timer(1.0, 1.0, overflow=value),
}


@together(("name", "build"), STRATEGIES.items(), itemgetter(0))
@together("value", ["DROP_OLDEST", 3, rx.Overflow], repr)
def test_a_wrong_strategy_is_a_type_error_that_names_the_right_ones(
    name: str, build: Callable[[Any], Any], value: Any
) -> None:
    with pytest.raises(TypeError) as raised:
        build(value)
    assert "overflow must be a strategy such as rxflow.DROP_OLDEST" in str(raised.value)
    assert repr(value) in str(raised.value)
    assert name in str(raised.value)


@pytest.mark.parametrize("name", ["on_backpressure_buffer", "from_observable"])
def test_a_plain_observable_cannot_be_suspended(name: str) -> None:
    with pytest.raises(TypeError, match=r"use BLOCK .* or create") as raised:
        STRATEGIES[name](rx.SUSPEND)
    assert name in str(raised.value)


def test_from_observable_has_no_silent_default() -> None:
    with pytest.raises(TypeError, match="overflow"):
        rx.from_observable(Subject())  # type: ignore[call-arg]


# A demand that nobody can keep.


@pytest.mark.parametrize(
    "plain",
    [
        lambda: Subject[int](),
        lambda: reactivex.of(1),
        lambda: reactivex.never(),
        lambda: reactivex.of(1).pipe(reactivex.operators.map(str)),
    ],
    ids=["Subject", "of", "never", "map"],
)
def test_a_subscriber_is_no_observer_of_a_plain_observable(plain: Callable[[], Any]) -> None:
    probe = TestSubscriber(1)
    with pytest.raises(TypeError) as raised:
        plain().subscribe(probe)
    assert probe.signals == []
    assert "on_backpressure_buffer" in str(raised.value) or "Flow" in str(raised.value)


NEED_DEMAND: dict[str, Callable[[], Any]] = {
    "limit_rate": lambda: ops.limit_rate(3),
    "map_async": lambda: ops.map_async(work),
    "map_async_partitioned": lambda: ops.map_async_partitioned(str, work, 2),
    "adaptive_concurrency": lambda: ops.adaptive_concurrency(work, 1, 2),
    "map_executor": lambda: ops.map_executor(AtOnce(), str, 2),
    "map_thread": lambda: ops.map_thread(str),
    "supervise": lambda: ops.supervise(ops.map(str)),
    "flat_map_iterable": lambda: ops.flat_map_iterable(lambda item: [item]),
    "flat_map": lambda: ops.flat_map(rx.of, max_concurrency=2),
    "observe_on": lambda: ops.observe_on(ImmediateScheduler(), prefetch=2),
}


@pytest.mark.parametrize(("name", "build"), NEED_DEMAND.items(), ids=NEED_DEMAND.keys())
def test_an_operator_that_needs_demand_names_the_doors_to_a_plain_observable(
    name: str, build: Callable[[], Any]
) -> None:
    with pytest.raises(TypeError, match=f"^{name} needs demand") as raised:
        Subject[int]().pipe(build())
    for door in ("on_backpressure_buffer", "on_backpressure_drop", "from_observable"):
        assert door in str(raised.value)


@pytest.mark.parametrize(
    "operator",
    [ops.map(str), ops.limit_rate(3), ops.on_backpressure_drop(), ops.on_backpressure_buffer(3)],
    ids=repr,
)
@pytest.mark.parametrize("source", [5, None, [1, 2], "text"])
def test_an_operator_applied_to_no_observable_says_so(operator: Any, source: Any) -> None:
    with pytest.raises(TypeError, match="wants an Observable or a Flow, not"):
        operator(source)


def test_a_plain_observable_is_no_publisher() -> None:
    with pytest.raises(TypeError, match="does not obey demand; use a door: on_backpressure"):
        rx.from_publisher(Subject())  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="wants a Publisher, not 5"):
        rx.from_publisher(5)  # type: ignore[arg-type]


# Async where it is not awaited, and the other way round.


class AsyncCallable:
    async def __call__(self, *args: Any) -> Any: ...

    async def method(self, *args: Any) -> Any: ...


ASYNC = {
    "async def": work,
    "partial": partial(work, 1),
    "method": AsyncCallable().method,
    "object": AsyncCallable(),
}
TAKES_A_FUNCTION: dict[str, Callable[[Any], Any]] = {
    "map": lambda fn: ops.map(fn),
    "map_indexed": lambda fn: ops.map_indexed(fn),
    "starmap": lambda fn: ops.starmap(fn),
    "filter": lambda fn: ops.filter(fn),
    "filter_indexed": lambda fn: ops.filter_indexed(fn),
    "scan": lambda fn: ops.scan(fn),
    "reduce": lambda fn: ops.reduce(fn),
    "take_while": lambda fn: ops.take_while(fn),
    "skip_while": lambda fn: ops.skip_while(fn),
    "distinct": lambda fn: ops.distinct(fn),
    "distinct_until_changed": lambda fn: ops.distinct_until_changed(fn),
    "do_action": lambda fn: ops.do_action(fn),
    "finally_action": lambda fn: ops.finally_action(fn),
    "first": lambda fn: ops.first(fn),
    "all": lambda fn: ops.all(fn),
    "some": lambda fn: ops.some(fn),
    "flat_map": lambda fn: ops.flat_map(fn),
    "flat_map_indexed": lambda fn: ops.flat_map_indexed(fn),
    "flat_map_iterable": lambda fn: ops.flat_map_iterable(fn),
    "concat_map": lambda fn: ops.concat_map(fn),
    "switch_map": lambda fn: ops.switch_map(fn),
    "switch_map_indexed": lambda fn: ops.switch_map_indexed(fn),
    "flat_map_latest": lambda fn: ops.flat_map_latest(fn),
    "exclusive": lambda fn: ops.exclusive(on_drop=fn),
    "concat_map_eager": lambda fn: ops.concat_map_eager(fn),
    "merge_sorted": lambda fn: ops.merge_sorted(rx.never(), key=fn),
    "with_latest_from": lambda fn: ops.with_latest_from(rx.never(), on_drop=fn),
    "zip_latest": lambda fn: ops.zip_latest(rx.never(), on_drop=fn),
    "catch": lambda fn: ops.catch(fn),
    "map_async_partitioned": lambda fn: ops.map_async_partitioned(fn, work, 1),
    "map_executor": lambda fn: ops.map_executor(AtOnce(), fn, 1),
    "map_thread": lambda fn: ops.map_thread(fn),
    "supervise": lambda fn: ops.supervise(ops.map(str), fn),
    "on_backpressure_reduce": lambda fn: ops.on_backpressure_reduce(fn),
    "on_backpressure_buffer": lambda fn: ops.on_backpressure_buffer(3, on_discard=fn),
    "on_backpressure_block": lambda fn: ops.on_backpressure_block(3, on_discard=fn),
    "from_observable": lambda fn: rx.from_observable(Subject(), overflow=rx.FAIL, on_discard=fn),
    "create": lambda fn: rx.create(fn, overflow=rx.FAIL),
    "generate": lambda fn: rx.generate(1, fn, fn),
    "defer": lambda fn: rx.defer(fn),
}
TAKES_A_FUNCTION_THAT_MAY_BE_ASYNC: dict[str, Callable[[Any], Any]] = {
    "on_backpressure_buffer": lambda fn: ops.on_backpressure_buffer(3, on_drop=fn),
    "from_observable": lambda fn: rx.from_observable(Subject(), overflow=rx.FAIL, on_drop=fn),
    "create": lambda fn: rx.create(print, overflow=rx.FAIL, on_drop=fn),
    "interval": lambda fn: rx.interval(1.0, on_drop=fn),
    "timer": lambda fn: rx.timer(1.0, on_drop=fn),
}


@together("kind", ASYNC)
@together(("name", "build"), TAKES_A_FUNCTION.items(), itemgetter(0))
def test_an_async_function_where_it_would_not_be_awaited_is_a_type_error(
    name: str, build: Callable[[Any], Any], kind: str
) -> None:
    with pytest.raises(TypeError, match="async function") as raised:
        build(ASYNC[kind])
    assert str(raised.value).startswith(f"{name}: ")
    assert "map_async" in str(raised.value)


ONLY_A_FUNCTION = sorted(TAKES_A_FUNCTION.keys() - {"flat_map", "flat_map_indexed"})


@together("name", ONLY_A_FUNCTION)
def test_what_cannot_be_called_is_a_type_error(name: str) -> None:
    with pytest.raises(TypeError, match=name):
        TAKES_A_FUNCTION[name](5)


@pytest.mark.parametrize("name", TAKES_A_FUNCTION_THAT_MAY_BE_ASYNC)
def test_what_cannot_be_called_is_a_type_error_where_a_function_may_be_async(name: str) -> None:
    build = TAKES_A_FUNCTION_THAT_MAY_BE_ASYNC[name]
    for function in ASYNC.values():
        build(function)
    with pytest.raises(TypeError, match=f"{name}: on_drop must be callable"):
        build(5)


def synchronous(item: int) -> int:
    return item


@pytest.mark.parametrize(
    "function", [synchronous, len, partial(synchronous)], ids=["def", "builtin", "partial"]
)
def test_a_synchronous_function_is_none_for_map_async(function: Any) -> None:
    with pytest.raises(TypeError, match=r"map_async: .* is not an async function; use map"):
        ops.map_async(function)


@pytest.mark.parametrize("function", [5, None, "work"])
def test_map_async_wants_a_function(function: Any) -> None:
    with pytest.raises(TypeError, match="map_async: an async function is wanted, not"):
        ops.map_async(function)


def test_a_function_whose_result_cannot_be_awaited_fails_the_stream_and_says_so() -> None:
    probe = TestSubscriber(5)

    async def main() -> None:
        rx.of(1).pipe(ops.map_async(lambda item: item)).subscribe(probe)

    asyncio.run(main())
    assert isinstance(probe.error, TypeError)
    assert "cannot be awaited; use map" in str(probe.error)


# Sources that are none.


async def ticks() -> AsyncIterator[int]:
    yield 1


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: rx.from_iterable(5), "from_iterable wants an iterable, not 5"),  # type: ignore
        (lambda: rx.from_iterable(ticks()), "use from_async_iterable"),  # type: ignore
        (lambda: rx.from_async_iterable([1]), "use from_iterable"),  # type: ignore
        (lambda: rx.from_async_iterable(ticks), "call an async generator function first"),  # type: ignore
        (lambda: rx.from_queue([1]), "wants an asyncio.Queue"),  # type: ignore
        (lambda: rx.from_observable([1], overflow=rx.FAIL), "wants an Observable or a Flow"),  # type: ignore
        (lambda: rx.range(1, step=2), "range: a step needs a stop too"),
        (lambda: ops.merge(5), "merge wants a Flow, an Observable, a future or an iterable"),  # type: ignore
        (lambda: ops.concat(5), "concat wants a Flow, an Observable, a future or an iterable"),  # type: ignore
        (lambda: ops.combine_latest(5), "combine_latest wants a Flow, an Observable, a future"),  # type: ignore
        (lambda: ops.with_latest_from(5), "with_latest_from wants a Flow, an Observable, a"),  # type: ignore
        (lambda: ops.zip_latest(5), "zip_latest wants a Flow, an Observable, a future or"),  # type: ignore
        (lambda: ops.merge_prioritized(rx.of(1)), "wants pairs of a source and its priority"),  # type: ignore
        (lambda: ops.merge_prioritized((5, 1)), "merge_prioritized wants a Flow, an Observable"),  # type: ignore
        (lambda: ops.merge_sorted(5), "merge_sorted wants a Flow, an Observable, a future or"),  # type: ignore
        (lambda: ops.amb(5), "amb wants a Flow, an Observable, a future or an iterable"),  # type: ignore
        (lambda: ops.take_until(5), "take_until wants a Flow, an Observable, a future or"),  # type: ignore
        (lambda: ops.skip_until(5), "skip_until wants a Flow, an Observable, a future or"),  # type: ignore
        (lambda: ops.zip(5), "zip wants a Flow, an Observable, a future or an iterable"),  # type: ignore
        (lambda: ops.catch(5), "catch wants a Flow, an Observable, a future or an iterable"),  # type: ignore
        (lambda: ops.zip_with_iterable(5), "wants an iterable, not 5; use zip for a source"),  # type: ignore
        (lambda: ops.observe_on("loop"), "wants a scheduler or an event loop, not 'loop'"),  # type: ignore
        (
            lambda: ops.merge(rx.of(1), max_concurrent=2),
            "merge: max_concurrent goes with a source of sources",
        ),
        (lambda: rx.lift(len), "lift wants an operator of reactivex.operators"),
    ],
)
def test_a_wrong_source_is_a_type_error_that_says_what_is_wanted(
    build: Callable[[], Any], message: str
) -> None:
    with pytest.raises(TypeError) as raised:
        build()
    assert message in str(raised.value)


@pytest.mark.parametrize("wrong", [5, object(), [print]], ids=["int", "object", "list"])
def test_what_is_neither_subscriber_nor_observer_nor_function_is_a_type_error(wrong: Any) -> None:
    source = counted([1])
    with pytest.raises(TypeError, match="subscribe"):
        rx.from_iterable(source).subscribe(wrong)
    assert source.asked == 0


# Waiting where that would stop the loop.


def test_a_blocking_iteration_that_would_stop_the_event_loop_says_what_to_use() -> None:
    async def main() -> None:
        for _ in rx.never():
            raise AssertionError

    with pytest.raises(RuntimeError, match="iterate with 'async for'"):
        asyncio.run(main())


def test_a_blocking_iteration_that_fails_like_that_has_cancelled_its_source() -> None:
    subject: Subject[int] = Subject()
    items: list[int] = []

    async def main() -> None:
        iterator = iter(subject.pipe(ops.on_backpressure_buffer(3)))
        with pytest.raises(RuntimeError, match="async for"):
            items.append(next(iterator))
        assert not subject.observers

    asyncio.run(main())
    assert items == []


# Bad arguments of stock operators.


def test_a_stock_operator_with_wrong_arguments_fails_when_it_is_applied() -> None:
    with pytest.raises(TypeError):
        rx.of(1).pipe(ops.delay())  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        rx.of(1).delay()  # type: ignore[call-arg]
