"""Each bridge with a fast side and a slow side: what is between them is bounded, and whole.

``test_fast_and_slow_further`` has further ends of the same bridges: processes, connections,
memory streams of anyio. Whatever is registered as a source or a bridge is in one of the tables,
or has a reason not to be.
"""

from __future__ import annotations

import asyncio
import os
import queue
import re
import socket
import struct
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import janus
import pytest
from reactivex.disposable import Disposable

import rxflow as rx
from rxflow import operators as ops
from rxflow.flow.registry import registered
from tests.aio.test_streams import MOST, pair
from tests.support_server import run_real

FEW, MANY = 100, 1500  # items; many are more than the buffers of a kernel hold
SIZE = 1024  # of an item where it is bytes
SOCKETS = MOST // 2 // SIZE  # what the buffers of a connection hold, at most (items)
QUEUE = 5  # room of a queue (items)
SEVERAL = 4  # calls at once, which end in any order
PIPE = 2 * 64 + 1  # what a pipe holds, and one read or write (items)


def encoded(number: int) -> bytes:
    return str(number).encode().ljust(SIZE)


def decoded(data: Any) -> int:
    return int(re.search(rb"\d+", data if isinstance(data, bytes) else data.encode())[0])  # type: ignore[index]


class Source:
    """Numbers made on demand, as fast as they are asked for, or one at a time.

    Attributes:
        made: How many were.
        closed: Nobody wants more.
    """

    def __init__(self, count: int = FEW, fail_at: int | None = None, slow: bool = False) -> None:
        self.made = 0
        self.closed = False
        self.gate = threading.Semaphore(0 if slow else count)
        self._count = count
        self._fail_at = fail_at

    async def __aiter__(self) -> AsyncGenerator[int]:
        try:
            for number in range(self._count):
                if number == self._fail_at:
                    raise KeyError("the source's")
                while not self.gate.acquire(blocking=False):  # noqa: ASYNC110 - of a thread
                    await asyncio.sleep(0.001)
                self.made += 1
                yield number
        finally:
            await asyncio.sleep(0)
            self.closed = True


def count_of(bridge: Any) -> int:
    """Tell how many items there are to be, so that they are more than are held."""
    return MANY if bridge.__name__ in ("to_file", "from_file", *STREAMS) else FEW


STREAMS = ("to_stream_writer", "from_stream_reader", "connection")


async def still(made: Callable[[], int]) -> int:
    """Wait until no more are made; give how many were."""
    before, same = -1, 0
    while same < 5:
        await asyncio.sleep(0.002)
        same = same + 1 if made() == before else 0
        before = made()
    return before


async def patiently(step: Callable[[], Any]) -> Any:
    """Repeat what would block until it does not."""
    while True:
        try:
            return step()
        except (BlockingIOError, queue.Empty, queue.Full):
            await asyncio.sleep(0.001)


# Sinks: the near end is fast, the far end takes as much as it is told to.


@dataclass
class Sink:
    """A bridge to somewhere.

    Attributes:
        into: Runs it with a Flow of numbers.
        take: Takes the next number at the far end, when it is there.
        bound: What is between the two ends, at most (items).
        fail: Breaks the far end, if it can be.
        broken: What it fails with then.
    """

    into: Callable[[rx.Flow[int]], Awaitable[Any]]
    take: Callable[[], Awaitable[int]]
    bound: int
    fail: Callable[[], object] | None = None
    broken: type[Exception] | tuple[type[Exception], ...] = (ValueError, ConnectionError)


class Gate:
    """What a call at the far end waits at."""

    def __init__(self) -> None:
        self._open = threading.Semaphore(0)
        self._came: queue.Queue[int] = queue.Queue()
        self._broken = False

    async def passes(self, item: Any) -> None:
        while not self._open.acquire(blocking=False):  # noqa: ASYNC110 - of another thread
            await asyncio.sleep(0.001)
        if self._broken:
            raise ValueError("the far end's")
        self._came.put(item)

    async def take(self) -> int:
        self._open.release()
        return await patiently(self._came.get_nowait)

    def fail(self) -> None:
        self._broken = True
        self._open.release(10)


def for_each(several: int, **options: Any) -> Callable[[], Any]:
    @asynccontextmanager
    async def sink() -> AsyncGenerator[Sink]:
        gate = Gate()
        yield Sink(
            lambda flow: flow.for_each(gate.passes, max_concurrency=several, **options),
            gate.take,
            several,
            gate.fail,
        )

    return sink


@asynccontextmanager
async def run_in_thread() -> AsyncGenerator[Sink]:
    gate = Gate()

    async def into(flow: rx.Flow[int]) -> None:
        await asyncio.wrap_future(flow.run_in_thread(gate.passes))

    yield Sink(into, gate.take, 1, gate.fail)


def asgi(bridge: Any, item: Callable[[int], Any], content: str) -> Callable[[], Any]:
    @asynccontextmanager
    async def sink() -> AsyncGenerator[Sink]:
        gate = Gate()

        async def receive() -> Any:
            return await asyncio.get_running_loop().create_future()

        async def send(message: Any) -> None:
            if message.get(content, b"").strip():
                await gate.passes(decoded(message[content]))

        yield Sink(
            lambda flow: bridge(flow.pipe(ops.map(item)), receive, send), gate.take, 1, gate.fail
        )

    return sink


def to_queue(make: Callable[[int], Any]) -> Callable[[], Any]:
    @asynccontextmanager
    async def sink() -> AsyncGenerator[Sink]:
        filled = make(QUEUE)

        async def take() -> int:
            while True:
                with suppress(queue.Empty, asyncio.QueueEmpty):
                    return filled.get_nowait()
                await asyncio.sleep(0.001)

        yield Sink(lambda flow: flow.to_queue(filled, end=rx.END), take, QUEUE + 1)

    return sink


@asynccontextmanager
async def to_stream_writer() -> AsyncGenerator[Sink]:
    async with pair() as (_, writer, peer):
        left = bytearray()

        async def take() -> int:
            while len(left) < SIZE:
                data = await asyncio.get_running_loop().sock_recv(peer, 65536)
                assert data
                left.extend(data)
            number = decoded(bytes(left[:SIZE]))
            del left[:SIZE]
            return number

        yield Sink(
            lambda flow: flow.pipe(ops.map(encoded)).to_stream_writer(writer),
            take,
            SOCKETS,
            peer.close,
        )


@asynccontextmanager
async def to_file() -> AsyncGenerator[Sink]:
    far, near = os.pipe()
    os.set_blocking(far, False)
    ends = {far, near}

    async def take() -> int:
        return decoded(await patiently(lambda: os.read(far, SIZE)))  # what is written is whole

    def fail() -> None:
        ends.discard(far)
        os.close(far)

    yield Sink(
        lambda flow: flow.pipe(ops.map(encoded)).to_file(near, rx.Frames(SIZE)),
        take,
        PIPE,
        fail,
    )
    with suppress(BlockingIOError):  # so that no thread waits for room in it
        while far in ends and os.read(far, 2**20):
            pass
    for end in ends:
        os.close(end)


SINKS: dict[str, Callable[[], AbstractAsyncContextManager[Sink]]] = {
    "for_each": for_each(1),
    "for_each, several": for_each(SEVERAL),
    "for_each, limited": for_each(SEVERAL, limiter=asyncio.Semaphore(SEVERAL), timeout=3600),
    "run_in_thread": run_in_thread,
    "send_response": asgi(rx.send_response, encoded, "body"),
    "send_events": asgi(rx.send_events, str, "body"),
    "to_websocket": asgi(rx.to_websocket, encoded, "bytes"),
    "to_queue": to_queue(asyncio.Queue),
    "to_queue, of threads": to_queue(queue.Queue),
    "to_queue, of janus": to_queue(lambda size: janus.Queue(size).async_q),
    "to_stream_writer": to_stream_writer,
    "to_file": to_file,
}

on_each_sink = pytest.mark.parametrize("sink", SINKS.values(), ids=SINKS)


@on_each_sink
def test_a_slow_far_end_holds_a_fast_source_and_is_given_each_item_once(sink: Any) -> None:
    async def main() -> None:
        count = count_of(sink)
        source, taken = Source(count), list[int]()
        async with sink() as end:
            running = asyncio.ensure_future(end.into(rx.from_async_iterable(source)))
            for more in (0, 1, 60):
                for _ in range(more):
                    taken.append(await end.take())
                made = await still(lambda: source.made)
                assert len(taken) <= made <= len(taken) + end.bound
            while len(taken) < count:
                taken.append(await end.take())
            if "queue" in sink.__qualname__:
                await end.take()  # the end
            await running
        assert sorted(taken) == list(range(count))
        assert taken == sorted(taken) or end.bound == SEVERAL
        assert source.closed

    run_real(main())


@on_each_sink
def test_a_slow_source_has_each_item_at_a_fast_far_end_at_once(sink: Any) -> None:
    async def main() -> None:
        source = Source(slow=True)
        async with sink() as end:
            running = asyncio.ensure_future(end.into(rx.from_async_iterable(source)))
            for number in range(10):
                taking = asyncio.ensure_future(end.take())
                source.gate.release()
                assert await taking == number
                assert source.made == number + 1
            running.cancel()
            await asyncio.wait([running])

    run_real(main())


@on_each_sink
def test_a_cancel_while_the_far_end_is_slow_closes_the_source(sink: Any) -> None:
    async def main() -> None:
        source = Source(count_of(sink))
        async with sink() as end:
            running = asyncio.ensure_future(end.into(rx.from_async_iterable(source)))
            assert await end.take() == 0
            await still(lambda: source.made)
            running.cancel()
            await asyncio.wait([running])
            assert running.cancelled()
            while not source.closed:  # in its thread, if it has one
                assert sink is run_in_thread
                await asyncio.sleep(0.001)

    run_real(main())


@on_each_sink
def test_a_far_end_that_fails_closes_the_source_and_is_told(sink: Any) -> None:
    async def main() -> None:
        source = Source(count_of(sink))
        async with sink() as end:
            if end.fail is None:
                return  # a queue in memory does not
            running = asyncio.ensure_future(end.into(rx.from_async_iterable(source)))
            assert await end.take() == 0
            end.fail()
            with pytest.raises(end.broken):
                await running
            assert source.closed

    run_real(main())


@on_each_sink
def test_a_source_that_fails_is_told_behind_what_came_before(sink: Any) -> None:
    async def main() -> None:
        source = Source(fail_at=3)
        async with sink() as end:
            running = asyncio.ensure_future(end.into(rx.from_async_iterable(source)))
            if end.bound != SEVERAL:  # else it cancels the calls that are under way
                assert [await end.take() for _ in range(3)] == [0, 1, 2]
            if "queue" in sink.__qualname__:
                assert await end.take() is rx.END  # type: ignore[comparison-overlap]
            with pytest.raises(KeyError, match="the source's"):
                await running
            assert source.closed

    run_real(main())


# Sources: the far end is fast, the near end takes as much as it is told to.


@dataclass
class Origin:
    """A bridge from somewhere.

    Attributes:
        flow: Gives the numbers.
        bound: What is between the two ends, at most (items).
        error: What it fails with when the far end does, if that can be.
        closes: The far end is closed when the consumer leaves.
        overtakes: What it fails with comes before what was sent.
    """

    flow: rx.Flow[int]
    bound: int
    error: type[Exception] | None = None
    closes: bool = True
    overtakes: bool = False


From = Callable[[Source], AbstractAsyncContextManager[Origin]]


@asynccontextmanager
async def producing(source: Source, put: Callable[[int], Awaitable[Any]]) -> AsyncGenerator[Any]:
    """Put all that a source has; gives the task."""

    async def produce() -> None:
        async with aclosing(aiter(source)) as numbers:
            async for number in numbers:
                await put(number)

    task = asyncio.ensure_future(produce())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])


@asynccontextmanager
async def from_async_iterable(source: Source) -> AsyncGenerator[Origin]:
    yield Origin(rx.from_async_iterable(source), 1, KeyError)


def from_queue(make: Callable[[int], Any]) -> From:
    @asynccontextmanager
    async def origin(source: Source) -> AsyncGenerator[Origin]:
        filled = make(QUEUE)

        async def put(item: Any) -> None:
            while True:
                with suppress(queue.Full, asyncio.QueueFull):
                    return filled.put_nowait(item)
                await asyncio.sleep(0.0001)

        async with producing(source, put) as task:
            task.add_done_callback(
                lambda task: None if task.cancelled() else ending.append(spawn(put(rx.END)))
            )
            ending: list[Any] = []
            spawn = asyncio.ensure_future
            yield Origin(rx.from_queue(filled), QUEUE + 1, closes=False)
        for each in ending:
            each.cancel()

    return origin


def closes(peer: socket.socket) -> Callable[[Any], None]:
    """Make what closes a socket when its producer is over; with a reset, if that has failed."""

    def over(task: Any) -> None:
        if not task.cancelled() and task.exception():
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.close()

    return over


@asynccontextmanager
async def from_stream_reader(source: Source) -> AsyncGenerator[Origin]:
    async with pair() as (reader, _, peer):

        async def put(number: int) -> None:
            await asyncio.get_running_loop().sock_sendall(peer, encoded(number))

        async with producing(source, put) as task:
            task.add_done_callback(closes(peer))
            flow = rx.from_stream_reader(reader, rx.Frames(SIZE)).pipe(ops.map(decoded))
            yield Origin(flow, SOCKETS, ConnectionError, closes=False, overtakes=True)


@asynccontextmanager
async def from_file(source: Source) -> AsyncGenerator[Origin]:
    near, far = os.pipe()
    os.set_blocking(far, False)

    async def put(number: int) -> None:
        await patiently(lambda: os.write(far, encoded(number)))  # of that size all or nothing

    async with producing(source, put) as task:
        task.add_done_callback(lambda _: os.close(far))
        flow = rx.from_file(near, rx.Frames(SIZE)).pipe(ops.map(decoded))
        yield Origin(flow, PIPE, closes=False)
    os.close(near)


def by_receive(bridge: Any, received: Callable[[int], Any], gone: Any) -> From:
    @asynccontextmanager
    async def origin(source: Source) -> AsyncGenerator[Origin]:
        numbers = aiter(source)

        async def receive() -> Any:
            try:
                return received(await anext(numbers))
            except StopAsyncIteration:
                return {"type": "http.request"} if bridge is rx.from_request_body else gone(1000)
            except KeyError:
                return gone(1006)

        async with aclosing(numbers):
            flow = bridge(receive).pipe(ops.map(decoded))
            yield Origin(flow, 1, rx.ClientDisconnectedError, closes=False)

    return origin


def by_emitter(overflow: Any) -> From:
    @asynccontextmanager
    async def origin(source: Source) -> AsyncGenerator[Origin]:
        async def produce(emitter: rx.Emitter[int]) -> None:
            try:
                async with aclosing(aiter(source)) as numbers:
                    async for number in numbers:
                        await emitter.send(number)
                emitter.on_completed()
            except KeyError as error:
                emitter.on_error(error)

        def begin(emitter: rx.Emitter[int]) -> Any:
            task = asyncio.ensure_future(produce(emitter))
            tasks.append(task)
            return Disposable(task.cancel)

        tasks: list[Any] = []
        yield Origin(rx.create(begin, overflow=overflow, capacity=3), 3 + 1, KeyError)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    return origin


@asynccontextmanager
async def from_publisher(source: Source) -> AsyncGenerator[Origin]:
    yield Origin(rx.from_publisher(rx.from_async_iterable(source), prefetch=4), 4 + 1, KeyError)


def part(number: int) -> Any:
    return {"type": "http.request", "body": encoded(number), "more_body": True}


SOURCES: dict[str, From] = {
    "from_async_iterable": from_async_iterable,
    "from_queue": from_queue(asyncio.Queue),
    "from_queue, of threads": from_queue(queue.Queue),
    "from_queue, of janus": from_queue(lambda size: janus.Queue(size).async_q),
    "from_stream_reader": from_stream_reader,
    "from_file": from_file,
    "from_request_body": by_receive(
        rx.from_request_body, part, lambda _: {"type": "http.disconnect"}
    ),
    "from_websocket": by_receive(
        rx.from_websocket,
        lambda number: {"type": "websocket.receive", "text": str(number)},
        lambda code: {"type": "websocket.disconnect", "code": code},
    ),
    "create": by_emitter(rx.SUSPEND),
    "from_publisher": from_publisher,
}

on_each_source = pytest.mark.parametrize("origin", SOURCES.values(), ids=SOURCES)


@on_each_source
def test_a_slow_consumer_holds_a_fast_far_end_and_is_given_each_item_once(origin: From) -> None:
    async def main() -> None:
        count = count_of(origin)
        source, taken = Source(count), list[int]()
        async with origin(source) as bridge, aclosing(aiter(bridge.flow)) as items:
            for more in (1, 60):
                for _ in range(more):
                    taken.append(await anext(items))
                made = await still(lambda: source.made)
                assert len(taken) <= made <= len(taken) + bridge.bound
            async for item in items:
                taken.append(item)
        assert taken == list(range(count))
        assert source.closed

    run_real(main())


@on_each_source
def test_a_slow_far_end_has_each_item_at_a_fast_consumer_at_once(origin: From) -> None:
    async def main() -> None:
        source = Source(slow=True)
        async with origin(source) as bridge, aclosing(aiter(bridge.flow)) as items:
            for number in range(10):
                waiting = asyncio.ensure_future(anext(items))
                source.gate.release()
                assert await waiting == number
                assert source.made == number + 1

    run_real(main())


@on_each_source
def test_a_consumer_that_leaves_closes_the_far_end_or_takes_no_more_of_it(origin: From) -> None:
    async def main() -> None:
        source = Source(count_of(origin))
        async with origin(source) as bridge:
            async with aclosing(aiter(bridge.flow)) as items:
                assert [await anext(items) for _ in range(3)] == [0, 1, 2]
            if bridge.closes:
                for _ in range(20):
                    await asyncio.sleep(0)
                assert source.closed
            assert await still(lambda: source.made) <= 3 + bridge.bound

    run_real(main())


@on_each_source
def test_a_far_end_that_fails_is_told_behind_what_came_before(origin: From) -> None:
    async def main() -> None:
        source, taken = Source(fail_at=3), list[int]()
        async with origin(source) as bridge:
            if bridge.error is None:
                return  # it has no way to say so
            with pytest.raises(bridge.error):
                await bridge.flow.for_each(taken.append)
        if not bridge.overtakes:  # as a reset does
            assert taken == [0, 1, 2]
        assert source.closed

    run_real(main())


# What is not in the tables above, and why.

IN_MEMORY = "it is pulled, and has no far end: one item is made for each that is asked for"
CLOCK = "its far end is the clock"
OTHERS = {
    **dict.fromkeys(
        ("from_iterable", "range", "of", "return_value", "repeat_value", "generate"), IN_MEMORY
    ),
    **dict.fromkeys(("empty", "never", "throw"), "it has no items"),
    **dict.fromkeys(("interval", "timer"), CLOCK),
    "defer": "it is whatever source it is given",
    "from_observable": "it is a door; see test_thread_bridge and the doors of test_demand",
    "latest": "it holds nobody, and passes over items on purpose; see test_latest",
}


def test_every_bridge_that_is_registered_is_here_or_has_a_reason_not_to_be() -> None:
    names = {entry.name for entry in registered() if entry.kind in ("bridge", "source")}
    tested = {name.split(",")[0] for name in (*SINKS, *SOURCES)}
    assert tested.isdisjoint(OTHERS)
    assert tested | OTHERS.keys() == names
