"""``await flow.for_each(fn, max_concurrency)``."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from reactivex.subject import Subject

import rxflow as rx
from rxflow import operators as ops
from tests.support_loop import run, turns


class Busy:
    """An async function that takes its time; it measures how many calls run at once."""

    def __init__(self, seconds: float = 1.0) -> None:
        self.begun: list[Any] = []
        self.ended: list[Any] = []
        self.cancelled: list[Any] = []
        self.running = 0
        self.most = 0
        self._seconds = seconds

    async def __call__(self, item: Any) -> Any:
        self.begun.append(item)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await asyncio.sleep(self._seconds)
        except asyncio.CancelledError:
            self.cancelled.append(item)
            raise
        finally:
            self.running -= 1
        self.ended.append(item)
        return item


class Numbers:
    """An async iterable that counts its advances and takes a second to close."""

    def __init__(self, stop: int = 1000) -> None:
        self.advanced = 0
        self.closed_at: float | None = None
        self._stop = stop

    async def __aiter__(self) -> Any:
        try:
            while self.advanced < self._stop:
                self.advanced += 1
                yield self.advanced
        finally:
            await asyncio.sleep(1)
            self.closed_at = asyncio.get_running_loop().time()


def test_a_sync_function_is_called_with_each_item_in_order() -> None:
    seen: list[int] = []
    run(rx.range(200).for_each(seen.append))
    assert seen == list(range(200))


def test_an_async_function_is_awaited_before_the_next_item_is_asked_for() -> None:
    numbers = Numbers(5)
    log: list[tuple[int, int, float]] = []

    async def work(item: int) -> None:
        await asyncio.sleep(1)
        log.append((item, numbers.advanced, asyncio.get_running_loop().time()))

    run(rx.from_async_iterable(numbers).for_each(work))
    assert log == [(n, n, float(n)) for n in range(1, 6)]


def test_a_lambda_that_gives_a_coroutine_is_awaited() -> None:
    busy = Busy()
    run(rx.of(1, 2).for_each(lambda item: busy(item)))
    assert busy.ended == [1, 2]


def test_it_is_also_a_function_of_the_package() -> None:
    seen: list[int] = []
    run(rx.for_each(rx.of(1, 2), seen.append))
    assert seen == [1, 2]


@pytest.mark.parametrize("bound", [1, 2, 3, 8])
def test_the_bound_is_reached_and_never_exceeded(bound: int) -> None:
    busy = Busy()

    async def main() -> float:
        await rx.range(24).for_each(busy, max_concurrency=bound)
        return asyncio.get_running_loop().time()

    assert run(main()) == 24 / bound
    assert busy.most == bound
    assert sorted(busy.ended) == list(range(24))


def test_no_more_is_taken_from_the_source_than_is_worked_on() -> None:
    busy = Busy(1.0)
    numbers = Numbers()

    async def main() -> None:
        task = asyncio.ensure_future(
            rx.from_async_iterable(numbers).for_each(busy, max_concurrency=3)
        )
        await asyncio.sleep(10.5)
        assert len(busy.ended) == 30
        assert numbers.advanced <= 33
        task.cancel()
        await asyncio.wait([task])

    run(main())


@pytest.mark.parametrize("bound", [1, 4])
def test_an_error_cancels_the_others_and_closes_the_source_before_it_is_raised(bound: int) -> None:
    busy = Busy(10)
    numbers = Numbers()

    async def work(item: int) -> None:
        if item == bound:
            await asyncio.sleep(2)
            raise KeyError("work")
        if item > bound or bound > 1:
            await busy(item)

    async def main() -> None:
        with pytest.raises(KeyError, match="work"):
            await rx.from_async_iterable(numbers).for_each(work, max_concurrency=bound)
        assert busy.running == 0
        assert sorted(busy.cancelled) == list(range(1, bound))
        assert numbers.closed_at == asyncio.get_running_loop().time() == 3

    run(main())


def test_an_error_of_a_sync_function_closes_the_source() -> None:
    numbers = Numbers()

    def work(item: int) -> None:
        if item == 3:
            raise KeyError("sync")

    async def main() -> None:
        with pytest.raises(KeyError, match="sync"):
            await rx.from_async_iterable(numbers).for_each(work)
        assert numbers.advanced == 3
        assert numbers.closed_at == 1

    run(main())


@pytest.mark.parametrize("bound", [1, 4])
def test_cancellation_cancels_the_calls_and_closes_the_source_before_it_ends(bound: int) -> None:
    busy = Busy(10)
    numbers = Numbers()

    async def main() -> None:
        task = asyncio.ensure_future(
            rx.from_async_iterable(numbers).for_each(busy, max_concurrency=bound)
        )
        await asyncio.sleep(5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert sorted(busy.cancelled) == list(range(1, bound + 1))
        assert numbers.closed_at == asyncio.get_running_loop().time() == 6

    run(main())


@pytest.mark.parametrize("bound", [1, 4])
def test_an_error_of_the_source_is_raised_and_cancels_what_runs(bound: int) -> None:
    busy = Busy(10)

    async def main() -> None:
        subject: Subject[int] = Subject()
        task = asyncio.ensure_future(
            subject.pipe(ops.on_backpressure_buffer(10, delay_error=False)).for_each(
                busy, max_concurrency=bound
            )
        )
        await turns(3)
        subject.on_next(1)
        await asyncio.sleep(1)
        subject.on_error(KeyError("source"))
        with pytest.raises(KeyError, match="source"):
            await task
        assert busy.running == 0

    run(main())


def test_nothing_is_asked_for_after_the_last_call_of_a_finite_source() -> None:
    busy = Busy()

    async def main() -> float:
        await rx.of(1, 2, 3).for_each(busy, max_concurrency=2)
        return asyncio.get_running_loop().time()

    assert run(main()) == 2
    assert busy.running == 0


@pytest.mark.parametrize("wrong", [None, 3, "text"])
def test_what_is_no_function_is_refused(wrong: Any) -> None:
    async def main() -> None:
        with pytest.raises(TypeError, match="for_each wants a function"):
            await rx.of(1).for_each(wrong)

    run(main())


def test_a_sync_function_with_concurrency_is_refused() -> None:
    def work(item):
        return item

    async def main() -> None:
        with pytest.raises(TypeError, match="not an async function"):
            await rx.of(1).for_each(work, max_concurrency=2)

    run(main())


@pytest.mark.parametrize("bad", [0, -1, 1.5])
def test_a_bound_that_makes_no_sense_is_refused(bad: Any) -> None:
    async def main() -> None:
        with pytest.raises(ValueError, match="for_each: max_concurrency"):
            await rx.of(1).for_each(Busy(), max_concurrency=bad)

    run(main())


def test_two_in_a_task_group_end_together_when_one_fails() -> None:
    busy = Busy(100)
    numbers = Numbers()

    async def fail(_: int) -> None:
        await asyncio.sleep(1)
        raise KeyError("one")

    async def both() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(rx.of(1).for_each(fail))
            group.create_task(rx.from_async_iterable(numbers).for_each(busy, max_concurrency=2))

    async def main() -> None:
        with pytest.raises(ExceptionGroup) as caught:
            await both()
        assert [str(error) for error in caught.value.exceptions] == ["'one'"]
        assert numbers.closed_at == 2
        assert busy.running == 0

    run(main())


# A limiter that several flows share, and a limit of time


async def in_groups(busy: Busy, limiter: Any, flows: int = 3) -> None:
    async with asyncio.TaskGroup() as group:
        for _ in range(flows):
            flow = rx.range(8)
            group.create_task(flow.for_each(busy, max_concurrency=4, limiter=limiter))


@pytest.mark.parametrize("bound", [1, 3, 5])
def test_a_limiter_bounds_the_calls_of_several_flows_together(bound: int) -> None:
    busy = Busy()

    async def main() -> float:
        await in_groups(busy, asyncio.Semaphore(bound))
        return asyncio.get_running_loop().time()

    assert run(main()) == -(-24 // bound)
    assert busy.most == bound
    assert sorted(busy.ended) == sorted([*range(8)] * 3)


def test_a_limiter_of_anyio() -> None:
    anyio = pytest.importorskip("anyio")
    busy = Busy()

    async def main() -> None:
        limiter = anyio.CapacityLimiter(2)
        await in_groups(busy, limiter)
        await rx.range(3).for_each(busy, limiter=limiter)
        assert limiter.borrowed_tokens == 0

    run(main())
    assert busy.most == 2


def test_a_sync_function_holds_the_limiter_too() -> None:
    seen: list[tuple[int, bool]] = []

    async def main() -> None:
        lock = asyncio.Lock()
        await rx.range(3).for_each(lambda n: seen.append((n, lock.locked())), limiter=lock)
        assert not lock.locked()

    run(main())
    assert seen == [(0, True), (1, True), (2, True)]


@pytest.mark.parametrize("bound", [1, 3])
def test_a_call_that_takes_too_long_fails_with_its_item_and_frees_the_limiter(bound: int) -> None:
    numbers = Numbers()

    async def work(item: int) -> None:
        await asyncio.sleep(10 if item == 2 else 1)

    async def main() -> None:
        limiter = asyncio.Semaphore(3)
        flow = rx.from_async_iterable(numbers)
        with pytest.raises(TimeoutError, match=r"for_each: the call with 2 took longer than 2.0 s"):
            await flow.for_each(work, max_concurrency=bound, limiter=limiter, timeout=2)
        assert limiter._value == 3
        assert numbers.closed_at is not None

    run(main())


def test_the_wait_for_the_limiter_is_no_part_of_the_time_of_a_call() -> None:
    busy = Busy(3)

    async def main() -> float:
        limiter = asyncio.Semaphore(1)
        await rx.range(4).for_each(busy, max_concurrency=4, limiter=limiter, timeout=3.5)
        return asyncio.get_running_loop().time()

    assert run(main()) == 12


def test_a_timeout_of_the_function_itself_is_not_renamed() -> None:
    async def work(item: int) -> None:
        raise TimeoutError("its own")

    with pytest.raises(TimeoutError, match="its own"):
        run(rx.of(1).for_each(work, timeout=5))


@pytest.mark.parametrize("wrong", [3, threading.Semaphore()])
def test_what_cannot_be_held_by_async_with_is_no_limiter(wrong: Any) -> None:
    with pytest.raises(TypeError, match="limiter must be one for 'async with'"):
        run(rx.of(1).for_each(Busy(), limiter=wrong))


def test_a_sync_function_with_a_limit_of_time_is_refused() -> None:
    def work(item):
        return item

    with pytest.raises(TypeError, match="not an async function"):
        run(rx.of(1).for_each(work, timeout=1))
