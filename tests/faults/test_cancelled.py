"""Consumers and producers are cancelled at every turn of the loop: what they opened is closed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing, suppress
from typing import Any

import pytest

import rxflow as rx
from rxflow import operators as ops
from rxflow.testing import TestSubscriber, run_virtual
from tests.kernel.recorder import dropped_errors
from tests.support_loop import until
from tests.support_streams import reader_of, writer_to

from .loop_cases import LoopWorld, filled, iterate
from .worlds import ITEMS, Fault

MOST_TURNS = 300

SHUT_DOWN: tuple[type[Exception], ...] = tuple(
    filter(None, [getattr(asyncio, "QueueShutDown", None)])
)
"""What the reader of a queue hears at its end, from Python 3.13 on."""


class CancelWorld(LoopWorld):
    """A world with queues and producers, in which no callback fails.

    Attributes:
        queue: The queue that is written or read.
        sent: What a producer has got to know of each item that it has sent.
    """

    def __init__(self) -> None:
        super().__init__(Fault(0, AssertionError()))
        self.queue: asyncio.Queue[Any] = asyncio.Queue()
        self.sent: list[Any] = []
        self.emitter: Any = None

    def numbers_flow(self) -> Any:
        return rx.from_async_iterable(self.numbers())

    def suspending(self) -> Any:
        """Give a source of two places, whose producer is to wait for room."""

        def emit(emitter: rx.Emitter[Any]) -> Callable[[], None]:
            self.opened += 1
            self.emitter = emitter

            def close() -> None:
                self.closed += 1

            return close

        return rx.create(emit, overflow=rx.SUSPEND, capacity=2)

    async def send_all(self) -> None:
        for item in ITEMS:
            if await self.emitter.send(item) is not rx.Offer.CLOSED:
                self.sent.append(item)
        self.emitter.on_completed()


async def chunked(world: CancelWorld, flow: Any) -> None:
    async with aclosing(flow.chunks(2)) as chunks:
        async for chunk in chunks:
            world.seen += chunk
            await asyncio.sleep(0)


async def to_queue(world: CancelWorld, size: int, end: Any = None) -> None:
    """Write into a queue that another task reads from, slowly."""
    world.queue = asyncio.Queue(size)

    async def read() -> None:
        while True:
            item = await world.queue.get()
            if item in (rx.END, "end"):
                return
            world.seen.append(item)
            await asyncio.sleep(0)
            await asyncio.sleep(0)

    reader = asyncio.ensure_future(read())
    try:
        with suppress(*SHUT_DOWN):
            await world.numbers_flow().to_queue(world.queue, end=end)
            await reader
    finally:
        reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)


async def from_queue(world: CancelWorld, late: bool) -> None:
    """Read a queue that is full from the beginning, or written to meanwhile."""
    world.queue = asyncio.Queue()

    async def write() -> None:
        for item in ITEMS:
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            world.queue.put_nowait(item)

    writer = asyncio.ensure_future(write()) if late else None
    if not late:
        filled(world.queue)
    try:
        await iterate(world, rx.from_queue(world.queue).pipe(ops.take(len(ITEMS))))
    finally:
        if writer is not None:
            await writer


async def from_emitter(world: CancelWorld, consume: Any) -> None:
    """Take what another task sends, who waits for room again and again."""
    flow = world.suspending()
    producing: list[asyncio.Task[None]] = []

    def start(flow: Any) -> Any:
        return rx.defer(lambda _: flow)

    async def produce() -> None:
        await until(lambda: world.emitter is not None)
        await world.send_all()

    producing.append(asyncio.ensure_future(produce()))
    try:
        await consume(world, start(flow))
    finally:
        if world.emitter is None:  # cancelled before it was subscribed
            producing[0].cancel()
        done, _ = await asyncio.wait(producing, timeout=5)
        assert done, "the producer is not told that its consumer has left"


ENDS: dict[str, Callable[[CancelWorld], Awaitable[Any]]] = {
    "async for": lambda w: iterate(w, w.numbers_flow()),
    "async for, operators": lambda w: iterate(
        w, w.numbers_flow().pipe(ops.map(lambda x: x), ops.limit_rate(2), ops.filter(bool))
    ),
    "chunks": lambda w: chunked(w, w.numbers_flow()),
    "chunks of what was fetched": lambda w: chunked(w, w.numbers_flow().pipe(ops.limit_rate(4))),
    "for_each, sync": lambda w: w.numbers_flow().for_each(w.seen.append),
    "for_each": lambda w: w.numbers_flow().for_each(w.note),
    "for_each, 3 at once": lambda w: w.numbers_flow().for_each(w.note, max_concurrency=3),
    "to_queue": lambda w: to_queue(w, 0),
    "to_queue, full": lambda w: to_queue(w, 1),
    "to_queue, full, end": lambda w: to_queue(w, 1, "end"),
    "map_async": lambda w: iterate(w, w.numbers_flow().pipe(ops.map_async(w.work, 1))),
    "map_async, 3 at once": lambda w: iterate(w, w.numbers_flow().pipe(ops.map_async(w.work, 3))),
    "map_async, unordered": lambda w: iterate(
        w, w.numbers_flow().pipe(ops.map_async(w.work, 3, ordered=False))
    ),
    "map_async, two": lambda w: iterate(
        w, w.numbers_flow().pipe(ops.map_async(w.work, 2), ops.map_async(w.work, 2))
    ),
    "map_async, limit_rate": lambda w: iterate(
        w, w.numbers_flow().pipe(ops.map_async(w.work, 2), ops.limit_rate(3))
    ),
    "flat_map": lambda w: iterate(
        w,
        w.numbers_flow().pipe(
            ops.concat_map(lambda x: rx.from_async_iterable(w.numbers()).pipe(ops.take(1)))
        ),
    ),
    "merge": lambda w: iterate(w, rx.merge(w.numbers_flow(), w.numbers_flow())),
    "zip": lambda w: iterate(w, w.numbers_flow().pipe(ops.zip(w.numbers_flow()))),
    "concat": lambda w: iterate(w, rx.concat(w.numbers_flow(), w.numbers_flow())),
    "observe_on": lambda w: _on_this_loop(w),
    "delay, lifted": lambda w: iterate(w, w.numbers_flow().pipe(ops.delay(0.0))),
    "from_queue": lambda w: from_queue(w, late=False),
    "from_queue, which waits": lambda w: from_queue(w, late=True),
    "from_stream_reader": lambda w: iterate(
        w, rx.from_stream_reader(reader_of(bytes(ITEMS)), rx.Frames(1)).pipe(ops.map(ord))
    ),
    "to_stream_writer": lambda w: (
        w.numbers_flow()
        .pipe(ops.map(lambda n: bytes([n])))
        .to_stream_writer(writer_to(w.seen.extend))
    ),
    "Emitter.send": lambda w: from_emitter(w, iterate),
    "Emitter.send, chunks": lambda w: from_emitter(w, chunked),
}


async def _on_this_loop(world: CancelWorld) -> None:
    loop = asyncio.get_running_loop()
    await iterate(world, world.numbers_flow().pipe(ops.observe_on(loop, prefetch=2)))


async def turns(task: asyncio.Task[Any], count: int) -> bool:
    """Let a task have turns; tells whether it still runs."""
    for _ in range(count):
        if task.done():
            break
        await asyncio.sleep(0)
    return not task.done()


@pytest.mark.parametrize("again", [False, True], ids=["once", "twice"])
@pytest.mark.parametrize("name", ENDS)
def test_a_consumer_is_cancelled_at_every_turn(name: str, again: bool):
    """The second cancel comes one turn later: while it cleans up."""
    for count in range(MOST_TURNS):
        world = CancelWorld()

        async def main(world: CancelWorld = world, count: int = count) -> bool:
            task = asyncio.ensure_future(ENDS[name](world))
            running = await turns(task, count)
            if running:
                task.cancel()
                if again and await turns(task, 1):
                    task.cancel()
            [outcome] = await asyncio.gather(task, return_exceptions=True)
            if running:
                assert isinstance(outcome, asyncio.CancelledError), outcome
            else:
                assert outcome is None
            if again:  # what was cancelled in the middle of closing is closed by its own tasks
                await asyncio.sleep(0.01)
            world.settled()
            return running

        with dropped_errors() as reported:
            running = run_virtual(main())
        assert reported == []
        if not running:
            assert len(world.seen) >= len(ITEMS)
            assert count > 3, "there is something to cancel"
            return
    raise AssertionError("it does not end")


def test_no_item_of_a_queue_is_lost_or_doubled_by_a_cancel():
    """What was not seen is still in the queue, in order, and join() waits for just that."""
    for late in (False, True):
        for count in range(1, 60):
            world = CancelWorld()

            async def main(
                world: CancelWorld = world, count: int = count, late: bool = late
            ) -> None:
                task = asyncio.ensure_future(from_queue(world, late))
                await turns(task, count)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                queue = world.queue
                left = [queue.get_nowait() for _ in range(queue.qsize())]
                if late and len(world.seen) + len(left) < len(ITEMS):
                    left += list(ITEMS[len(world.seen) + len(left) :])  # not written any more
                else:
                    for _ in left:
                        queue.task_done()
                    await asyncio.wait_for(queue.join(), 1)
                assert world.seen + left == list(ITEMS)

            run_virtual(main())


def test_a_producer_is_cancelled_at_every_turn_and_what_it_knows_is_true():
    """An item whose ``send`` has returned is given; one whose ``send`` was cancelled is not."""
    for count in range(MOST_TURNS):
        world = CancelWorld()

        async def main(world: CancelWorld = world, count: int = count) -> bool:
            probe: TestSubscriber[Any] = TestSubscriber()
            world.suspending().subscribe(probe)
            task = asyncio.ensure_future(world.send_all())
            running = True
            for turn in range(count):
                if turn % 3 == 2:
                    probe.request(1)
                await asyncio.sleep(0)
            running = not task.done()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            blocked = [probe.statistics["create"].waited_seconds for _ in range(2)]
            assert blocked[0] == blocked[1], "nobody waits any more"
            probe.request(len(ITEMS))
            probe.assert_items(*world.sent)
            # Nobody waits in its place: another producer finds room.
            if running:
                offers = [await world.emitter.send("next", timeout=1) for _ in range(2)]
                assert offers == [rx.Offer.ENQUEUED] * 2
            probe.cancel()
            world.settled()
            return running

        if not run_virtual(main()):
            assert world.sent == list(ITEMS)
            return
    raise AssertionError("it does not end")


@pytest.mark.parametrize("count", range(8))
def test_a_send_that_waits_when_the_consumer_leaves_is_told_so_at_once(count: int):
    world = CancelWorld()

    async def main() -> None:
        probe: TestSubscriber[Any] = TestSubscriber()
        world.suspending().subscribe(probe)
        sends = [asyncio.ensure_future(world.emitter.send(item)) for item in ITEMS]
        for _ in range(count):
            await asyncio.sleep(0)
        probe.cancel()
        offers = await asyncio.wait_for(asyncio.gather(*sends), 1)
        enqueued = 2 if count else 0  # they have not begun before the first turn
        assert offers == [rx.Offer.ENQUEUED] * enqueued + [rx.Offer.CLOSED] * (6 - enqueued)
        assert asyncio.get_running_loop().time() == 0, "at once"
        world.settled()

    run_virtual(main())


@pytest.mark.parametrize("count", [0, 1, 2, 5, 9])
def test_a_task_group_cancels_a_stream_when_another_task_fails(count: int):
    world = CancelWorld()

    async def main() -> None:
        async def fail() -> None:
            for _ in range(count):
                await asyncio.sleep(0)
            raise OSError

        async def both() -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(world.numbers_flow().for_each(world.note, max_concurrency=2))
                group.create_task(fail())

        with pytest.raises(ExceptionGroup) as raised:
            await both()
        assert [type(error) for error in raised.value.exceptions] == [OSError]
        world.settled()

    run_virtual(main())
