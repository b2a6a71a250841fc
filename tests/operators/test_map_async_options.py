"""``map_async``: time limits, retries, the buffer, what nobody takes; one call for each key."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from contextlib import aclosing
from datetime import timedelta
from typing import Any
from weakref import WeakSet

import pytest

import rxflow as rx
from rxflow import operators as ops
from rxflow.testing import TestSubscriber
from tests.aio.test_map_async import Fed, Work, now, timed
from tests.kernel.recorder import dropped_errors
from tests.support_loop import run


async def seconds(item: float) -> float:
    await asyncio.sleep(item)
    return item


def figures(consumer: Any, name: str = "map_async") -> Any:
    parts = consumer.statistics()
    return next(part for part in parts if part.name == name)


# A time limit for each call.


@pytest.mark.parametrize("limit", [2, 2.0, timedelta(seconds=2)])
def test_a_call_that_takes_too_long_fails_and_the_error_names_operator_and_item(limit: Any) -> None:
    async def main() -> None:
        probe: TestSubscriber[Any] = TestSubscriber(9)
        rx.of(1, 5, 1).pipe(ops.map_async(seconds, 2, timeout=limit)).subscribe(probe)
        await asyncio.sleep(1.999)
        probe.assert_open()
        await asyncio.sleep(0.002)
        probe.assert_failed(TimeoutError, 1)
        assert str(probe.error) == "map_async: the call with 5 took longer than 2.0 s"

    run(main())


def test_a_call_that_ends_just_before_its_limit_is_in_time() -> None:
    flow = rx.of(1.999, 1.999).pipe(ops.map_async(seconds, 1, timeout=2))
    assert run(timed(flow)) == [(1.999, 1.999), (1.999, 3.998)]


def test_the_limit_is_that_of_a_call_and_not_of_the_stream() -> None:
    flow = rx.of(*[1.5] * 9).pipe(ops.map_async(seconds, 1, timeout=2))
    assert len(run(timed(flow))) == 9


def test_a_timeout_of_the_functions_own_is_left_as_it_is() -> None:
    async def own(item: int) -> int:
        raise TimeoutError("the function's")

    with pytest.raises(TimeoutError, match=r"^the function's\nin map_async, added at .*$"):
        run(timed(rx.of(1).pipe(ops.map_async(own, timeout=2))))


def test_the_item_in_the_message_is_cut_and_may_have_no_repr() -> None:
    class Mute:
        def __repr__(self) -> str:
            raise KeyError

    async def endless(item: Any) -> None:
        await asyncio.sleep(99)

    with pytest.raises(TimeoutError, match=r"with <Mute whose repr fails> took"):
        run(timed(rx.of(Mute()).pipe(ops.map_async(endless, timeout=2))))
    with pytest.raises(TimeoutError) as raised:
        run(timed(rx.of("x" * 999).pipe(ops.map_async(endless, timeout=2))))
    assert len(str(raised.value)) < 150


@pytest.mark.parametrize(("bad", "error"), [(-1, ValueError), ("1", TypeError)])
def test_a_wrong_limit_is_an_error_when_the_pipeline_is_built(bad: Any, error: Any) -> None:
    with pytest.raises(error, match=r"^map_async: timeout must"):
        ops.map_async(seconds, timeout=bad)


# Retries.


class Flaky:
    """An async function that fails the first times for each item."""

    def __init__(self, failures: int) -> None:
        self.calls: Counter[Any] = Counter()
        self.times: list[float] = []
        self._failures = failures

    async def __call__(self, item: Any) -> Any:
        self.calls[item] += 1
        self.times.append(now())
        await asyncio.sleep(1)
        if self.calls[item] <= self._failures:
            raise ConnectionError(item, self.calls[item])
        return item


def test_a_number_of_retries_is_that_of_further_tries() -> None:
    flaky = Flaky(2)
    assert run(timed(rx.of("a", None).pipe(ops.map_async(flaky, 2, retry=2)))) == [
        ("a", 3),
        (None, 3),
    ]
    assert flaky.calls == {"a": 3, None: 3}


def test_when_the_tries_are_used_up_the_last_failure_ends_the_stream() -> None:
    flaky = Flaky(9)
    with pytest.raises(ConnectionError) as raised:
        run(timed(rx.of("a").pipe(ops.map_async(flaky, retry=3))))
    assert raised.value.args == ("a", 4)


def test_each_try_has_its_own_time_limit() -> None:
    tries: list[float] = []

    async def slow_at_first(item: int) -> int:
        tries.append(now())
        await asyncio.sleep(99 if len(tries) < 3 else 1)
        return item

    flow = rx.of(1).pipe(ops.map_async(slow_at_first, timeout=5, retry=2))
    assert run(timed(flow)) == [(1, 11)]
    assert tries == [0, 5, 10]


def test_a_call_that_is_cancelled_is_not_tried_again() -> None:
    work = Work()

    async def main() -> None:
        async with aclosing(aiter(rx.of(("a", 50)).pipe(ops.map_async(work, retry=5)))) as items:
            step = asyncio.ensure_future(anext(items))
            await asyncio.sleep(1)
        with pytest.raises(StopAsyncIteration):
            await step
        assert (work.begun, work.cancelled) == (["a"], ["a"])

    run(main())


def test_an_object_such_as_tenacitys_computes_the_waits() -> None:
    tenacity = pytest.importorskip("tenacity")
    for form in (tenacity.AsyncRetrying, tenacity.retry):
        flaky = Flaky(2)
        retry = form(
            stop=tenacity.stop_after_attempt(3),
            wait=tenacity.wait_exponential(multiplier=10, exp_base=2),
            reraise=True,
        )
        flow = rx.of("a", "b").pipe(ops.map_async(flaky, 2, retry=retry))
        assert run(timed(flow)) == [("a", 33), ("b", 33)]
        assert flaky.times == [0, 0, 11, 11, 32, 32]


def test_what_tenacity_gives_up_on_ends_the_stream() -> None:
    tenacity = pytest.importorskip("tenacity")
    retry = tenacity.AsyncRetrying(
        retry=tenacity.retry_if_exception_type(TimeoutError),
        stop=tenacity.stop_after_attempt(2),
        reraise=True,
    )
    with pytest.raises(ConnectionError):  # not one that it is to retry
        run(timed(rx.of(1).pipe(ops.map_async(Flaky(1), retry=retry))))
    with pytest.raises(TimeoutError, match="map_async: the call with 9"):
        run(timed(rx.of(9).pipe(ops.map_async(seconds, timeout=2, retry=retry))))


@pytest.mark.parametrize("bad", ["3", None, lambda: 3, lambda function: 3, [1]])
def test_what_cannot_retry_an_async_function_is_refused(bad: Any) -> None:
    with pytest.raises(TypeError):
        ops.map_async(seconds, retry=bad)


def test_the_synchronous_form_of_tenacity_is_refused_since_it_would_retry_nothing() -> None:
    tenacity = pytest.importorskip("tenacity")
    with pytest.raises(TypeError, match=r"tenacity.AsyncRetrying"):
        ops.map_async(seconds, retry=tenacity.Retrying())


def test_a_lambda_that_gives_no_awaitable_is_told_behind_a_retry_too() -> None:
    for options in ({"timeout": 1}, {"retry": 1}, {"retry": lambda function: function}):
        with pytest.raises(TypeError, match=r"map_async: the function gave 1, .* use map"):
            run(timed(rx.of(1).pipe(ops.map_async(lambda item: item, **options))))  # type: ignore[arg-type]


# The buffer.


@pytest.mark.parametrize("buffer", [0, 1, 2, 5])
def test_a_slow_head_idles_the_others_only_when_the_buffer_is_full(buffer: int) -> None:
    work = Work()
    source = Fed([("head", 100), *((n, 1) for n in range(50))])

    async def main() -> None:
        probe: TestSubscriber[Any] = TestSubscriber(99)
        rx.from_iterable(source).pipe(ops.map_async(work, 3, buffer=buffer)).subscribe(probe)
        await asyncio.sleep(99)
        assert probe.items == []
        assert len(work.begun) == 3 + buffer
        part = figures(probe.subscription)
        assert (part.held, part.capacity, part.peak) == (3 + buffer, 3 + buffer, 3 + buffer)
        await asyncio.sleep(100)
        probe.assert_completed("head", *range(50))
        assert work.most == 3

    run(main())


@pytest.mark.parametrize("ordered", [True, False])
def test_while_nothing_is_asked_for_what_is_held_stays_within_the_bound(ordered: bool) -> None:
    work = Work()
    source = Fed((n, n % 3) for n in range(100))

    async def main() -> None:
        probe: TestSubscriber[Any] = TestSubscriber()
        step = ops.map_async(work, 2, ordered, buffer=3)
        rx.from_iterable(source).pipe(step).subscribe(probe)
        for asked in range(1, 20):
            probe.request(1)
            await asyncio.sleep(50)
            assert len(probe.items) == asked
            assert source.advanced - asked <= 5
            assert work.running == 0
        assert work.most == 2
        assert figures(probe.subscription).peak == 5
        probe.cancel()

    run(main())


def test_nothing_starts_before_demand_with_a_buffer_either() -> None:
    work = Work()

    async def main() -> None:
        probe: TestSubscriber[Any] = TestSubscriber()
        rx.of(("a", 1)).pipe(ops.map_async(work, 2, buffer=9)).subscribe(probe)
        await asyncio.sleep(9)
        assert work.begun == []
        probe.cancel()

    run(main())


@pytest.mark.parametrize("ordered", [True, False])
def test_a_failure_is_heard_as_soon_as_it_happens_also_without_demand(ordered: bool) -> None:
    work = Work()

    async def main() -> None:
        probe: TestSubscriber[Any] = TestSubscriber(1)
        rx.of((0, 1), ("slow", 90), (KeyError("x"), 5), ("later", 90)).pipe(
            ops.map_async(work, 2, ordered, buffer=3)
        ).subscribe(probe)
        await asyncio.sleep(1.5)  # one is delivered, and the failing one runs
        probe.assert_items(0)
        await asyncio.sleep(4.6)
        probe.assert_failed(KeyError, 0)
        assert sorted(work.cancelled) == ["slow"]

    run(main())


# What nobody takes.


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("how", ["cancel", "failure"])
def test_each_result_is_delivered_or_discarded_once(ordered: bool, how: str) -> None:
    async def work(item: Any) -> Any:
        await asyncio.sleep(item)
        if item == 7:
            raise KeyError(item)
        return None if item == 2 else item

    async def main() -> None:
        discarded: list[Any] = []
        probe: TestSubscriber[Any] = TestSubscriber(1)
        rx.of(1, 2, 3, 7 if how == "failure" else 9, 9).pipe(
            ops.map_async(work, 3, ordered, buffer=2, on_discard=discarded.append)
        ).subscribe(probe)
        await asyncio.sleep(8.5)  # 1 was delivered, 2 and 3 wait, another one runs
        probe.cancel()
        assert discarded == [None, 3]
        part = figures(probe.subscription)
        assert (part.delivered, part.held) == (1, 0)
        assert part.received == part.delivered + part.discarded
        probe.assert_items(1)
        await asyncio.sleep(50)
        assert discarded == [None, 3]

    run(main())


def test_a_result_that_comes_in_spite_of_a_cancel_is_discarded_too() -> None:
    async def stubborn(item: int) -> int:
        try:
            await asyncio.sleep(50)
        except asyncio.CancelledError:
            await asyncio.sleep(1)
        return item

    async def main() -> None:
        discarded: list[Any] = []
        flow = rx.of(1, 2).pipe(ops.map_async(stubborn, 2, on_discard=discarded.append))
        async with aclosing(aiter(flow)) as items:
            step = asyncio.ensure_future(anext(items))
            await asyncio.sleep(1)
        assert discarded == [1, 2]
        with pytest.raises(StopAsyncIteration):
            await step

    run(main())


# Threads: what is requested elsewhere.


def test_a_request_from_another_thread_begins_its_calls_on_the_loop() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        threads: set[int] = set()

        async def work(item: int) -> int:
            threads.add(threading.get_ident())
            return item

        probe: TestSubscriber[Any] = TestSubscriber()
        rx.range(3).pipe(ops.map_async(work, 2)).subscribe(probe)
        await loop.run_in_executor(None, probe.request, 2)
        await probe.until(lambda probe: len(probe.items) == 2)
        await loop.run_in_executor(None, probe.request, 5)
        await probe.until(lambda probe: probe.completed)
        probe.assert_completed(0, 1, 2)
        assert threads == {threading.get_ident()}

    asyncio.run(main())


# One call at a time for each key.


def letter(pair: tuple[str, float]) -> str:
    return pair[0][0]


class Keyed(Work):
    """Measures how many calls of one key run at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.keys: Counter[str] = Counter()
        self.most_of_a_key = 0

    async def __call__(self, pair: tuple[Any, float]) -> Any:
        key = str(pair[0])[0]
        self.keys[key] += 1
        self.most_of_a_key = max(self.most_of_a_key, self.keys[key])
        try:
            return await super().__call__(pair)
        finally:
            self.keys[key] -= 1


ITEMS = [("a1", 5), ("a2", 1), ("b1", 1), ("b2", 1), ("c1", 2)]


def test_in_order_the_results_of_other_keys_wait_for_those_before_them() -> None:
    work = Keyed()
    flow = rx.of(*ITEMS).pipe(ops.map_async_partitioned(letter, work, 4))
    assert run(timed(flow)) == [("a1", 5), ("a2", 6), ("b1", 6), ("b2", 6), ("c1", 7)]
    assert (work.most_of_a_key, work.begun) == (1, ["a1", "b1", "b2", "a2", "c1"])


def test_not_in_order_a_busy_key_holds_up_nobody_else() -> None:
    work = Keyed()
    flow = rx.of(*ITEMS).pipe(ops.map_async_partitioned(letter, work, 4, ordered=False))
    assert run(timed(flow)) == [("b1", 1), ("b2", 2), ("c1", 3), ("a1", 5), ("a2", 6)]
    assert work.most_of_a_key == 1


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("buffer", [0, 4])
def test_each_key_keeps_its_order_and_the_bounds_hold(ordered: bool, buffer: int) -> None:
    work = Keyed()
    source = [(f"{n * 7 % 3}-{n:03}", n * 5 % 4) for n in range(120)]

    async def main() -> list[str]:
        flow = rx.from_iterable(source).pipe(
            ops.map_async_partitioned(letter, work, 3, ordered, buffer=buffer)
        )
        async with aclosing(aiter(flow)) as items:
            given = [item async for item in items]
            part = figures(items, "map_async_partitioned")
            assert part.peak <= part.capacity == 3 + buffer
        return given

    given = run(main())
    for key in "012":
        of_key = [item for item in given if item[0] == key]
        assert of_key == [item for item, _ in source if item[0] == key]
    assert work.most_of_a_key == 1
    assert 2 <= work.most <= 3
    if ordered:
        assert given == [item for item, _ in source]


def test_a_buffer_lets_other_keys_run_beside_a_busy_one() -> None:
    begun: dict[int, list[str]] = {}
    items = [("a1", 9), ("a2", 9), ("a3", 9), ("b1", 1), ("c1", 1)]
    for buffer in (0, 3):
        work = Keyed()

        async def main(work: Keyed = work, buffer: int = buffer) -> None:
            probe: TestSubscriber[Any] = TestSubscriber(9)
            rx.of(*items).pipe(
                ops.map_async_partitioned(letter, work, 2, ordered=False, buffer=buffer)
            ).subscribe(probe)
            await asyncio.sleep(5)
            begun[buffer] = list(work.begun)
            probe.cancel()
            await asyncio.sleep(1)

        run(main())
    assert begun == {0: ["a1"], 3: ["a1", "b1", "c1"]}


def test_none_is_a_key_an_item_and_a_result() -> None:
    async def echo(item: Any) -> Any:
        return item

    flow = rx.of(None, None, 1).pipe(ops.map_async_partitioned(lambda item: item, echo, 2))
    assert [item for item, _ in run(timed(flow))] == [None, None, 1]


def test_when_a_call_fails_those_that_wait_for_its_key_never_begin() -> None:
    work = Keyed()

    async def main() -> None:
        probe: TestSubscriber[Any] = TestSubscriber(9)
        rx.of((KeyError("x"), 1), (KeyError("y"), 1), ("b", 50)).pipe(
            ops.map_async_partitioned(lambda pair: str(pair[0])[0], work, 3)
        ).subscribe(probe)
        await asyncio.sleep(5)
        probe.assert_failed(KeyError)
        assert (len(work.begun), work.cancelled) == (2, ["b"])

    with dropped_errors() as dropped:
        run(main())
    assert dropped == []


def test_the_state_of_a_key_is_let_go_when_it_is_idle() -> None:
    class Key:
        pass

    alive: WeakSet[Key] = WeakSet()
    most = 0

    def key(item: int) -> Key:
        alive.add(made := Key())
        return made

    async def main() -> None:
        nonlocal most
        flow = rx.range(50).pipe(ops.map_async_partitioned(key, seconds, 3))
        async with aclosing(aiter(flow)) as items:
            async for _ in items:
                most = max(most, len(alive))

    run(main())
    assert most <= 4  # one more is just being delivered


def test_a_key_that_cannot_be_hashed_ends_the_stream() -> None:
    with pytest.raises(TypeError, match="unhashable"):
        run(timed(rx.of(1).pipe(ops.map_async_partitioned(lambda item: [], seconds, 1))))
