"""The same ends under uvloop: no virtual time there, so events say when to go on."""

from __future__ import annotations

import asyncio
import sys
from contextlib import aclosing
from itertools import pairwise
from typing import Any

import pytest
from reactivex.subject import Subject

import rxflow as rx
from rxflow import operators as ops
from tests.support_loop import Recorder, run, turns, until

if sys.platform == "win32":
    pytest.skip("uvloop does not run on Windows", allow_module_level=True)

import uvloop

SHUTS_DOWN = sys.version_info >= (3, 13)


def run_uvloop(main: Any) -> Any:
    return run(main, uvloop.new_event_loop)


class Gate:
    """An async function whose calls stand still until they are let go."""

    def __init__(self) -> None:
        self.waiting: dict[Any, asyncio.Event] = {}
        self.cancelled: list[Any] = []
        self.most = 0

    async def __call__(self, item: Any) -> Any:
        self.waiting[item] = asyncio.Event()
        self.most = max(self.most, len(self.waiting))
        try:
            await self.waiting[item].wait()
        except asyncio.CancelledError:
            self.cancelled.append(item)
            raise
        finally:
            del self.waiting[item]
        return item


def test_it_is_uvloop_that_runs_here() -> None:
    async def main() -> bool:
        return isinstance(asyncio.get_running_loop(), uvloop.Loop)

    assert run_uvloop(main())


def test_async_for_pulls_one_item_for_each_step() -> None:
    advanced: list[int] = []

    async def main() -> None:
        source = rx.from_iterable(advanced.append(n) or n for n in range(1000))
        async with aclosing(aiter(source.pipe(ops.map(lambda x: x + 1)))) as items:
            for n in range(200):
                assert await anext(items) == n + 1
                assert len(advanced) == n + 1

    run_uvloop(main())


def test_map_async_keeps_order_and_bound() -> None:
    gate = Gate()

    async def main() -> list[int]:
        async def let_go() -> None:
            for _ in range(40):
                await until(lambda: gate.waiting)
                await turns(10)  # let it start all it may
                last = max(gate.waiting)
                gate.waiting[last].set()
                await until(lambda last=last: last not in gate.waiting)

        helper = asyncio.ensure_future(let_go())
        items = [item async for item in rx.range(40).pipe(ops.map_async(gate, 8))]
        await helper
        return items

    assert run_uvloop(main()) == list(range(40))
    assert gate.most == 8


def test_map_async_without_order_gives_what_is_ready() -> None:
    gate = Gate()

    async def main() -> None:
        async with aclosing(
            aiter(rx.range(4).pipe(ops.map_async(gate, 4, ordered=False)))
        ) as items:
            step = asyncio.ensure_future(anext(items))
            await turns(10)
            gate.waiting[2].set()
            assert await step == 2
            gate.waiting[0].set()
            assert await anext(items) == 0
        assert sorted(gate.cancelled) == [1, 3]

    run_uvloop(main())


def test_map_async_fails_as_soon_as_a_call_fails() -> None:
    gate = Gate()

    async def work(item: int) -> int:
        if item == 2:
            await turns(3)
            raise KeyError("two")
        return await gate(item)

    async def main() -> None:
        with pytest.raises(KeyError, match="two"):
            await anext(aiter(rx.range(9).pipe(ops.map_async(work, 3))))
        assert sorted(gate.cancelled) == [0, 1]

    run_uvloop(main())


def test_a_subscriber_is_given_what_it_asks_for() -> None:
    async def echo(item: int) -> int:
        await asyncio.sleep(0)
        return item

    async def main() -> None:
        recorder = Recorder()
        rx.range(10).pipe(ops.map_async(echo, 3)).subscribe(recorder)
        for asked in range(1, 11):
            recorder.request(1)
            await turns(10)
            assert recorder.items == list(range(asked))
        assert recorder.completed == 1

    run_uvloop(main())


def test_a_generator_is_advanced_on_demand_and_closed() -> None:
    advanced, closed = [], []

    async def numbers() -> Any:
        try:
            for n in range(100):
                advanced.append(n)
                await asyncio.sleep(0)
                yield n
        finally:
            await asyncio.sleep(0)
            closed.append(True)

    async def main() -> None:
        async with aclosing(aiter(rx.from_async_iterable(numbers()))) as items:
            for n in range(10):
                assert await anext(items) == n
                assert len(advanced) == n + 1
        assert closed == [True]
        recorder = Recorder()
        rx.from_async_iterable(numbers()).subscribe(recorder)
        recorder.request(5)
        await turns(30)
        assert recorder.items == list(range(5))
        assert len(advanced) == 15
        recorder.cancel()
        await turns(5)
        assert closed == [True, True]

    run_uvloop(main())


@pytest.mark.parametrize("step", range(40))
def test_a_cancel_at_any_turn_leaves_nothing(step: int) -> None:
    opened, closed, running = [], [], set()

    async def numbers() -> Any:
        opened.append(True)
        try:
            for n in range(4):
                await asyncio.sleep(0)
                yield n
        finally:
            closed.append(True)

    async def work(item: int) -> int:
        running.add(item)
        try:
            await turns(2)
            return item
        finally:
            running.discard(item)

    async def consume() -> None:
        flow = rx.from_async_iterable(numbers()).pipe(ops.map_async(work, 2))
        async with aclosing(aiter(flow)) as items:
            async for _ in items:
                await asyncio.sleep(0)

    async def main() -> None:
        task = asyncio.ensure_future(consume())
        await turns(step)
        task.cancel()
        await asyncio.wait([task])
        assert len(opened) == len(closed)
        assert not running

    run_uvloop(main())


def test_queues_hold_their_source() -> None:
    advanced: list[int] = []

    async def main() -> list[int]:
        first: asyncio.Queue[Any] = asyncio.Queue(3)
        source = rx.from_iterable(advanced.append(n) or n for n in range(100))
        filling = asyncio.ensure_future(source.to_queue(first))
        await turns(20)
        assert len(advanced) == 4
        items = [item async for item in rx.from_queue(first)]
        await filling
        await asyncio.wait_for(first.join(), 10)
        return items

    assert run_uvloop(main()) == list(range(100))


def test_for_each_bounds_its_calls_and_cancels_them() -> None:
    gate = Gate()

    async def main() -> None:
        task = asyncio.ensure_future(rx.range(100).for_each(gate, max_concurrency=5))
        await turns(20)
        assert sorted(gate.waiting) == [0, 1, 2, 3, 4]
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        assert sorted(gate.cancelled) == [0, 1, 2, 3, 4]

    run_uvloop(main())


def test_send_waits_for_room() -> None:
    async def main() -> list[int]:
        emitters: list[rx.Emitter[int]] = []
        items = aiter(rx.create(emitters.append, overflow=rx.SUSPEND, capacity=2))
        sent: list[int] = []

        async def produce() -> None:
            for n in range(50):
                await emitters[0].send(n)
                sent.append(n)
            emitters[0].on_completed()

        producer = asyncio.ensure_future(produce())
        await turns(10)
        assert sent == [0, 1]
        with pytest.raises(rx.OfferTimeoutError):
            await emitters[0].send(99, timeout=0)
        seen = [item async for item in items]
        await producer
        return seen

    assert run_uvloop(main()) == list(range(50))


def test_an_endless_ready_source_leaves_turns_to_others() -> None:
    async def main() -> None:
        async def consume() -> None:
            async with aclosing(aiter(rx.repeat_value(1))) as items:
                async for _ in items:
                    pass

        consumer = asyncio.ensure_future(consume())
        await turns(5)
        consumer.cancel()
        await asyncio.wait([consumer])
        assert consumer.cancelled()

    run_uvloop(main())


def test_the_design_example() -> None:
    async def enrich(pair: tuple[int, int]) -> tuple[int, int]:
        await turns(2)
        return pair

    async def main() -> list[tuple[int, int]]:
        ticks: Subject[int] = Subject()
        items = aiter(
            ticks.pipe(
                ops.on_backpressure_buffer(1000, overflow=rx.DROP_OLDEST),
                ops.map(lambda tick: tick * 2),
                ops.filter(lambda tick: tick % 3 == 0),
                ops.pairwise(),
                ops.map_async(enrich, max_concurrency=8),
            )
        )
        for tick in range(1200):
            ticks.on_next(tick)
        ticks.on_completed()
        return [pair async for pair in items]

    kept = [tick * 2 for tick in range(200, 1200) if tick * 2 % 3 == 0]
    assert run_uvloop(main()) == list(pairwise(kept))
