"""``flow.chunks(max_size)``: lists of what is ready."""

from __future__ import annotations

import asyncio
import gc
from contextlib import aclosing
from typing import Any

import pytest
from reactivex.subject import Subject

import rxflow as rx
from rxflow import operators as ops
from tests.support_loop import VirtualTimeLoop, collect, forget, run, turns


async def chunked(flow: Any, max_size: int) -> list[list[Any]]:
    return [chunk async for chunk in flow.chunks(max_size)]


@pytest.mark.parametrize("max_size", [1, 2, 3, 7, 64, 256, 5000])
def test_chunks_are_full_where_all_is_ready_and_lose_nothing(max_size: int) -> None:
    chunks = run(chunked(rx.range(1000), max_size))
    assert [item for chunk in chunks for item in chunk] == list(range(1000))
    assert all(1 <= len(chunk) <= max_size for chunk in chunks)
    assert len(chunks) <= -(-1000 // max_size) + 1


def test_no_chunk_is_empty_where_a_filter_rejects_whole_runs() -> None:
    chunks = run(chunked(rx.range(5000).pipe(ops.filter(lambda x: x % 2000 == 1999)), 10))
    assert [item for chunk in chunks for item in chunk] == [1999, 3999]
    assert all(chunks)


def test_an_empty_source_gives_no_chunk() -> None:
    assert run(chunked(rx.empty(), 3)) == []


def test_none_is_an_item_of_a_chunk() -> None:
    assert run(chunked(rx.of(None, None), 5)) == [[None, None]]


def test_a_chunk_is_what_is_ready_and_does_not_wait_to_be_full() -> None:
    async def main() -> list[tuple[float, list[int]]]:
        loop = asyncio.get_running_loop()
        subject: Subject[int] = Subject()

        def push(*items: int) -> None:
            for item in items:
                subject.on_next(item)

        loop.call_at(1, push, 0, 1, 2)
        loop.call_at(2, push, 3)
        loop.call_at(5, push, 4, 5)
        loop.call_at(6, subject.on_completed)
        seen: list[tuple[float, list[int]]] = []
        async for chunk in subject.pipe(ops.on_backpressure_buffer(10)).chunks(2):
            seen.append((loop.time(), chunk))
        return seen

    assert run(main()) == [(1, [0, 1]), (1, [2]), (2, [3]), (5, [4, 5])]


def test_a_chunk_pulls_no_more_than_its_size() -> None:
    advanced: list[int] = []

    async def main() -> None:
        source = rx.from_iterable(advanced.append(n) or n for n in range(100))
        async with aclosing(source.chunks(7)) as chunks:
            assert await anext(chunks) == list(range(7))
            assert len(advanced) == 7
            assert await anext(chunks) == list(range(7, 14))
            assert len(advanced) == 14

    run(main())


@pytest.mark.parametrize("bad", [0, 1, 2, 4, 5, 9])
def test_a_failing_item_delivers_its_prefix_first(bad: int) -> None:
    async def main() -> list[int]:
        seen: list[list[int]] = []
        chunks = rx.range(100).pipe(ops.map(lambda x: (1 / (bad - x), x)[1])).chunks(5)
        with pytest.raises(ZeroDivisionError):
            await collect(chunks, seen)
        with pytest.raises(StopAsyncIteration):
            await anext(chunks)
        return [item for chunk in seen for item in chunk]

    assert run(main()) == list(range(bad))


def test_the_error_of_the_source_comes_behind_its_last_chunk() -> None:
    async def main() -> list[list[int]]:
        seen: list[list[int]] = []
        flow = rx.of(1, 2, 3).pipe(ops.concat(rx.throw(KeyError("behind"))))
        with pytest.raises(KeyError, match="behind"):
            await collect(flow.chunks(2), seen)
        return seen

    assert [item for chunk in run(main()) for item in chunk] == [1, 2, 3]


def test_a_callback_that_raises_stop_iteration_is_an_error() -> None:
    def stop(x: int) -> int:
        if x == 3:
            raise StopIteration
        return x

    async def main() -> list[int]:
        seen: list[list[int]] = []
        with pytest.raises(RuntimeError, match="StopIteration"):
            await collect(rx.range(10).pipe(ops.map(stop)).chunks(8), seen)
        return [item for chunk in seen for item in chunk]

    assert run(main()) == [0, 1, 2]


@pytest.mark.parametrize("size", [0, -1, 1.5, float("inf"), float("nan")])
def test_a_size_that_makes_no_sense_is_refused_by_the_call(size: Any) -> None:
    async def main() -> None:
        with pytest.raises(ValueError, match="chunks: max_size"):
            rx.of(1).chunks(size)

    run(main())


@pytest.mark.parametrize("size", [None, "3", True])
def test_a_size_that_is_no_number_is_refused_by_the_call(size: Any) -> None:
    async def main() -> None:
        with pytest.raises(TypeError, match="chunks: max_size"):
            rx.of(1).chunks(size)

    run(main())


def test_leaving_early_closes_the_source() -> None:
    subject: Subject[int] = Subject()

    async def main() -> None:
        asyncio.get_running_loop().call_soon(subject.on_next, 1)
        async for _ in subject.pipe(ops.on_backpressure_buffer(10)).chunks(3):
            assert len(subject.observers) == 1
            break
        gc.collect()
        await turns(1)
        assert not subject.observers

    run(main())


def test_chunks_never_taken_and_left_when_the_loop_closes_give_a_resource_warning() -> None:
    loop = VirtualTimeLoop()

    async def begin() -> Any:
        return rx.of(1).chunks(3)

    kept = [loop.run_until_complete(begin())]
    loop.close()
    with pytest.warns(ResourceWarning, match="still open"):
        forget(kept)


def test_chunks_of_an_async_generator_close_it() -> None:
    closed: list[int] = []

    async def numbers() -> Any:
        try:
            for number in range(10):
                await asyncio.sleep(1)
                yield number
        finally:
            closed.append(1)

    async def main() -> list[list[int]]:
        return [chunk async for chunk in rx.from_async_iterable(numbers()).chunks(4)]

    assert [item for chunk in run(main()) for item in chunk] == list(range(10))
    assert closed == [1]
