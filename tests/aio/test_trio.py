"""A Flow in trio's tasks and in anyio's, and their memory streams at both ends of one."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

import anyio
import anyio.lowlevel
import pytest
import trio
import trio.testing

import rxflow as rx
from rxflow import operators as ops
from tests.kernel.recorder import dropped_errors
from tests.support import counted
from tests.support_loop import forget

BACKENDS = pytest.mark.parametrize("backend", ["asyncio", "trio"])


def in_trio(main: Callable[[], Awaitable[Any]]) -> Any:
    """Run; what does not come fails the test instead of holding it."""

    async def limited() -> Any:
        with trio.fail_after(30):
            return await main()

    return trio.run(limited)


class Numbers:
    """An async iterable of 0, 1, 2, ... that waits before each, and when it is closed."""

    def __init__(self, stop: int = 1000, fails_at: int | None = None) -> None:
        self.advanced = 0
        self.closed = 0
        self._stop = stop
        self._fails_at = fails_at

    async def __aiter__(self) -> AsyncGenerator[int]:
        try:
            for n in range(self._stop):
                self.advanced += 1
                await anyio.lowlevel.checkpoint()
                if n == self._fails_at:
                    raise KeyError(n)
                yield n
        finally:
            self.closed += 1
            await anyio.lowlevel.checkpoint()


def test_a_flow_is_iterated_in_a_trio_task() -> None:
    source = counted(range(1000))

    async def main() -> list[str]:
        flow = rx.from_iterable(source).pipe(ops.filter(lambda n: n % 2 == 0), ops.map(str))
        async with aclosing(aiter(flow)) as items:
            taken = [await anext(items) for _ in range(3)]
            assert source.taken == 5
        return taken

    assert in_trio(main) == ["0", "2", "4"]
    assert source.closed == 1


def test_lists_of_what_is_ready_are_iterated_in_a_trio_task() -> None:
    async def main() -> list[list[int]]:
        return [chunk async for chunk in rx.range(5).chunks(2)]

    assert in_trio(main) == [[0, 1], [2, 3], [4]]


def test_for_each_waits_for_a_function_of_trio() -> None:
    running, most, seen = 0, 0, list[int]()

    async def store(item: int) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await trio.lowlevel.checkpoint()
        seen.append(item)
        running -= 1

    in_trio(lambda: rx.range(20).for_each(store))
    assert seen == list(range(20))
    assert most == 1


@pytest.mark.parametrize("error", [KeyError("broken"), StopAsyncIteration()])
def test_a_failure_reaches_the_task_and_closes_the_source(error: Exception) -> None:
    source = counted(range(10))

    def fail(item: int) -> int:
        if item == 3:
            raise error
        return item

    async def main() -> None:
        async for _ in rx.from_iterable(source).map(fail):
            pass

    with pytest.raises(KeyError if isinstance(error, KeyError) else RuntimeError):
        in_trio(main)
    assert source.closed == 1


def test_a_ready_source_gives_other_tasks_their_turns() -> None:
    async def main() -> int:
        over = trio.Event()
        turns = 0

        async def other() -> None:
            nonlocal turns
            while not over.is_set():
                turns += 1
                await trio.lowlevel.checkpoint()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(other)
            deadline = trio.current_time() + 10  # only reached if it gives none
            async for _ in rx.repeat_value(0):
                if turns > 3 or trio.current_time() > deadline:
                    break
            over.set()
        return turns

    assert in_trio(main) > 3


def test_an_item_of_another_thread_wakes_the_task() -> None:
    async def main() -> list[int]:
        emitters: list[rx.Emitter[int]] = []
        flow = rx.create(emitters.append, overflow=rx.FAIL, capacity=10)
        seen: list[int] = []

        def push() -> None:
            emitters[0].on_next(len(seen))

        async with aclosing(aiter(flow)) as items:
            for _ in range(5):
                thread = threading.Thread(target=push)
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(take, items, seen)
                    await trio.testing.wait_all_tasks_blocked()
                    thread.start()
                await trio.to_thread.run_sync(thread.join)
        return seen

    async def take(items: Any, seen: list[int]) -> None:
        seen.append(await anext(items))

    assert in_trio(main) == [0, 1, 2, 3, 4]


def test_time_passes_in_trio_too() -> None:
    async def main() -> list[int]:
        flow = rx.interval(0.005).pipe(ops.take(3), ops.timeout(30.0), ops.delay(0.005))
        return [item async for item in flow]

    assert in_trio(main) == [0, 1, 2]


@pytest.mark.parametrize("ready", [True, False])
def test_a_cancelled_task_closes_the_source_before_it_leaves(ready: bool) -> None:
    source = counted(range(10**9) if ready else ())
    closed: list[str] = []

    async def main() -> None:
        flow = rx.from_iterable(source).concat(rx.never())
        flow = flow.finally_action(lambda: closed.append("closed"))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(flow.for_each, lambda _: None)
            while not source.asked:
                await trio.lowlevel.checkpoint()
            nursery.cancel_scope.cancel()
        assert closed == ["closed"]

    in_trio(main)


def test_an_async_iterable_is_advanced_by_the_task_that_asks() -> None:
    async def main() -> None:
        numbers = Numbers()
        async with aclosing(aiter(rx.from_async_iterable(numbers).map(str))) as items:
            for n in range(5):
                assert await anext(items) == str(n)
                await trio.testing.wait_all_tasks_blocked()
                assert numbers.advanced == n + 1
        assert numbers.closed == 1

    in_trio(main)


def test_an_async_iterable_that_ends_or_fails_is_closed() -> None:
    async def main() -> None:
        numbers = Numbers(stop=3)
        assert [item async for item in rx.from_async_iterable(numbers)] == [0, 1, 2]
        assert numbers.closed == 1
        failing, seen = Numbers(fails_at=2), list[int]()
        with pytest.raises(KeyError):
            await rx.from_async_iterable(failing).for_each(seen.append)
        assert seen == [0, 1]
        assert failing.closed == 1

    in_trio(main)


def test_an_async_iterable_is_closed_when_the_task_is_cancelled() -> None:
    """What it raises then is reported."""
    closed: list[str] = []

    class Waiting:
        def __init__(self, name: str) -> None:
            self.name = name

        def __aiter__(self) -> Waiting:
            return self

        async def __anext__(self) -> int:
            await trio.sleep_forever()
            raise AssertionError

        async def aclose(self) -> None:
            closed.append(self.name)
            raise OSError(self.name)

    async def main() -> None:
        with trio.move_on_after(0.01) as scope:
            await rx.from_async_iterable(Waiting("a")).for_each(print)
        assert scope.cancelled_caught

    with dropped_errors() as reported:
        in_trio(main)
    assert closed == ["a"]
    assert [str(error) for error in reported] == ["a"]


def test_an_iteration_that_is_forgotten_lets_go_of_its_source() -> None:
    async def main() -> None:
        source = counted(range(10))
        items: Any = aiter(rx.from_iterable(source))
        await anext(items)
        del items
        gc.collect()
        await trio.testing.wait_all_tasks_blocked()
        assert source.closed == 1

    in_trio(main)


def test_an_iteration_that_is_forgotten_after_trio_has_ended_says_so() -> None:
    closed = threading.Event()
    kept: list[Any] = []

    class Source(counted):
        def close(self) -> None:
            closed.set()

    async def main() -> None:
        kept.append(aiter(rx.from_iterable(Source(range(10)))))
        await anext(kept[0])

    in_trio(main)
    with pytest.warns(ResourceWarning, match="still open when its event loop was closed"):
        forget(kept)
    assert closed.wait(20)


def test_nothing_keeps_an_iteration_alive() -> None:
    async def main() -> None:
        items = aiter(rx.range(3))
        alive = weakref.ref(items)
        assert [item async for item in items] == [0, 1, 2]
        del items
        gc.collect()
        assert alive() is None

    in_trio(main)


def test_a_kill_switch_on_another_thread_ends_the_loop() -> None:
    switch = rx.KillSwitch()

    async def main() -> None:
        flow = rx.never().pipe(ops.kill_switch(switch))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(flow.for_each, print)
            await trio.testing.wait_all_tasks_blocked()
            await trio.to_thread.run_sync(switch.shutdown)

    in_trio(main)


# What needs tasks of asyncio says so.


async def _same(item: Any) -> Any:
    return item


async def _newest() -> None:
    with rx.latest(rx.never()) as reader:
        await reader.aget()


NEEDS_ASYNCIO: dict[str, Callable[[], Any]] = {
    "map_async": lambda: rx.range(3).map_async(_same, 2),
    "for_each of several": lambda: rx.range(3).for_each(_same, max_concurrency=2),
    "from_queue": lambda: rx.from_queue(asyncio.Queue()),
    "to_queue": lambda: rx.range(3).to_queue(asyncio.Queue()),
    "to_file": lambda: rx.of(b"a").to_file(os.devnull),
    "aget": lambda: _newest(),
    "from_async_iterable": lambda: rx.merge(rx.from_async_iterable(Numbers()), rx.range(3)),
}


@pytest.mark.parametrize("name", NEEDS_ASYNCIO)
def test_what_needs_tasks_of_its_own_says_so(name: str) -> None:
    async def main() -> None:
        made = NEEDS_ASYNCIO[name]()
        await (made.for_each(print) if isinstance(made, rx.Flow) else made)

    needs = "map_async" if name.startswith("for_each") else name
    with pytest.raises(RuntimeError, match=f"{needs}.* asyncio event loop .* trio runs here: use"):
        in_trio(main)


def test_waiting_with_a_plain_for_would_stop_trio() -> None:
    async def main() -> None:
        assert list(rx.range(3)) == [0, 1, 2]
        with pytest.raises(RuntimeError, match="iterate with 'async for'"):
            list(rx.never())
        # In a thread of its own it stops nobody.
        assert await trio.to_thread.run_sync(list, rx.timer(0.001)) == [0]

    in_trio(main)


def test_an_emitter_that_waits_needs_asyncio() -> None:
    async def main() -> None:
        emitters: list[rx.Emitter[int]] = []
        flow = rx.create(emitters.append, overflow=rx.SUSPEND, capacity=1)
        async with aclosing(aiter(flow)):
            with pytest.raises(RuntimeError, match="send must be awaited where an asyncio event"):
                await emitters[0].send(1)

    in_trio(main)


def test_without_any_loop_it_says_which_there_are() -> None:
    with pytest.raises(RuntimeError, match=r"no running event loop: .* of asyncio or of trio"):
        aiter(rx.range(3))


# anyio, on both


@BACKENDS
def test_memory_streams_are_at_both_ends_of_a_flow(backend: str) -> None:
    async def main() -> list[str]:
        to_flow, source = anyio.create_memory_object_stream[int](0)
        sink, from_flow = anyio.create_memory_object_stream[str](0)

        async def produce() -> None:
            async with to_flow:
                for n in range(100):
                    await to_flow.send(n)

        async def transform() -> None:
            async with sink:
                await rx.from_async_iterable(source).map(str).for_each(sink.send)

        async with anyio.create_task_group() as group, from_flow:
            group.start_soon(produce)
            group.start_soon(transform)
            return [item async for item in from_flow]

    assert anyio.run(main, backend=backend) == [str(n) for n in range(100)]


@BACKENDS
def test_a_receiver_that_stops_stops_the_sender(backend: str) -> None:
    """Streams without a buffer: one item is in each hand, and the flow between asks for one."""
    sent: list[int] = []

    async def main() -> None:
        to_flow, source = anyio.create_memory_object_stream[int](0)
        sink, from_flow = anyio.create_memory_object_stream[int](0)

        async def produce() -> None:
            async with to_flow:
                for n in range(100):
                    await to_flow.send(n)
                    sent.append(n)

        async def transform() -> None:
            async with sink:
                await rx.from_async_iterable(source).for_each(sink.send)

        async with anyio.create_task_group() as group, from_flow:
            group.start_soon(produce)
            group.start_soon(transform)
            for taken in range(5):
                await anyio.wait_all_tasks_blocked()
                assert len(sent) == taken + 1
                assert await from_flow.receive() == taken
            group.cancel_scope.cancel()
        assert source.statistics().open_receive_streams == 0, "the flow has closed its source"

    anyio.run(main, backend=backend)


@BACKENDS
def test_a_receiver_that_leaves_stops_the_flow(backend: str) -> None:
    source = counted(range(1000))

    async def main() -> None:
        sink, from_flow = anyio.create_memory_object_stream[int](0)

        async def fill() -> None:
            async with sink:
                with pytest.raises(anyio.BrokenResourceError):
                    await rx.from_iterable(source).for_each(sink.send)

        async with anyio.create_task_group() as group:
            group.start_soon(fill)
            assert await from_flow.receive() == 0
            from_flow.close()

    anyio.run(main, backend=backend)
    assert source.closed == 1


@BACKENDS
def test_a_cancel_scope_closes_the_source(backend: str) -> None:
    numbers = Numbers()

    async def main() -> None:
        async with anyio.create_task_group() as group:
            seen: list[int] = []

            async def take(item: int) -> None:
                seen.append(item)
                if len(seen) == 3:
                    group.cancel_scope.cancel()
                await anyio.lowlevel.checkpoint()

            group.start_soon(rx.from_async_iterable(numbers).for_each, take)
        await anyio.wait_all_tasks_blocked()

    anyio.run(main, backend=backend)
    assert numbers.advanced == 3
    assert numbers.closed == 1
