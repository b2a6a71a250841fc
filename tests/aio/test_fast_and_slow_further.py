"""Further ends of the bridges: processes and their queues, connections, anyio; and plain ``for``.

What is between a fast side and a slow one is bounded, and whole, as in ``test_fast_and_slow``.
Where else it is shown: of HTTP over real servers in tests/http, of RSocket in
tests/sources/test_reactivestreams, of ``latest``, which holds one item, in test_latest.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import socket
import sys
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import anyio
import janus
import pytest

import rxflow as rx
from rxflow import operators as ops
from tests.aio import test_fast_and_slow as ends
from tests.aio.test_fast_and_slow import (
    QUEUE,
    SIZE,
    SOCKETS,
    Origin,
    Sink,
    Source,
    decoded,
    encoded,
    patiently,
    producing,
)
from tests.aio.test_streams import LIMIT, pair

PATIENCE = 20.0  # seconds; only a hang gets there

SPAWN = multiprocessing.get_context("spawn")


def of_processes(make: Callable[[Callable[[int], Any]], Any]) -> Any:
    """Make an end with a queue of processes, which is closed when the end is left."""

    @asynccontextmanager
    async def end_at_a_queue(*source: Source) -> AsyncGenerator[Any]:
        queue = SPAWN.Queue(QUEUE)
        async with make(lambda _: queue)(*source) as end:
            yield end
        queue.close()
        queue.cancel_join_thread()  # what nobody has taken is lost with it

    return end_at_a_queue


# A process at the far end.


@asynccontextmanager
async def process(code: str, **options: Any) -> AsyncGenerator[asyncio.subprocess.Process]:
    """Run; it is killed in the end."""
    command = (sys.executable, "-S", "-E", "-c", code)
    running = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL, **options
    )
    try:
        yield running
    finally:
        if running.returncode is None:
            running.kill()
        await running.communicate()


# Gives out so many bytes of its input for each byte that it is told to.
TAKER = """
import os
while os.read({control}, 1):
    left = {size}
    while left:
        data = os.read(0, left)
        if not data:
            raise SystemExit
        os.write(1, data)
        left -= len(data)
"""
TAKEN = 2 * 64 + 2  # the transport's buffer and a pipe, each with one item more


@asynccontextmanager
async def to_stream_writer() -> AsyncGenerator[Sink]:
    there, here = socket.socketpair()
    with there, here:
        code = TAKER.format(control=there.fileno(), size=SIZE)
        options: Any = {"stdin": asyncio.subprocess.PIPE, "pass_fds": (there.fileno(),)}
        async with process(code, **options) as running:
            assert running.stdin is not None
            assert running.stdout is not None
            reads, writer = running.stdout, running.stdin

            async def take() -> int:
                here.send(b"1")
                return decoded(await reads.readexactly(SIZE))

            yield Sink(
                lambda flow: flow.pipe(ops.map(encoded)).to_stream_writer(writer),
                take,
                TAKEN,
                running.kill,
            )


COPIER = "import os\nwhile data := os.read(0, 65536): os.write(1, data)"
# Two pipes, what is read there and here, and what the reader takes before it stops.
COPIED = 4 * 64 + 256 + 2 * LIMIT // SIZE


@asynccontextmanager
async def from_stream_reader(source: Source) -> AsyncGenerator[Origin]:
    theirs, ours = os.pipe()
    os.set_blocking(ours, False)

    async def put(number: int) -> None:
        await patiently(lambda: os.write(ours, encoded(number)))  # of that size all or nothing

    async with process(COPIER, stdin=theirs, limit=LIMIT) as running:
        os.close(theirs)
        async with producing(source, put) as task:
            task.add_done_callback(lambda _: os.close(ours))
            assert running.stdout is not None
            flow = rx.from_stream_reader(running.stdout, rx.Frames(SIZE))
            yield Origin(flow.pipe(ops.map(decoded)), COPIED, closes=False)


# Both directions of a connection, step by step.


async def received(connection: rx.Connection[bytes]) -> AsyncGenerator[bytes]:
    while True:
        try:
            yield await connection.receive()
        except EOFError:
            return


def to_connection() -> Callable[[], AbstractAsyncContextManager[Sink]]:
    @asynccontextmanager
    async def connection() -> AsyncGenerator[Sink]:
        async with pair() as (reader, writer, peer):
            far = await asyncio.open_connection(sock=peer, limit=LIMIT)
            async with rx.Connection(*far, rx.Frames(SIZE)) as other:
                near = rx.Connection(reader, writer, rx.Frames(SIZE))

                async def take() -> int:
                    return decoded(await other.receive())

                yield Sink(
                    lambda flow: flow.pipe(ops.map(encoded)).for_each(near.send),
                    take,
                    SOCKETS,
                    other.abort,
                )
                near.abort()

    return connection


def from_connection() -> ends.From:
    @asynccontextmanager
    async def connection(source: Source) -> AsyncGenerator[Origin]:
        async with pair() as (reader, writer, peer):

            async def put(number: int) -> None:
                await asyncio.get_running_loop().sock_sendall(peer, encoded(number))

            async with producing(source, put) as task:
                task.add_done_callback(ends.closes(peer))
                near = rx.Connection(reader, writer, rx.Frames(SIZE))
                flow = rx.from_async_iterable(received(near)).pipe(ops.map(decoded))
                yield Origin(flow, SOCKETS, ConnectionError, closes=False, overtakes=True)

    return connection


# Memory streams of anyio.


@asynccontextmanager
async def to_memory_stream() -> AsyncGenerator[Sink]:
    near, far = anyio.create_memory_object_stream[int](QUEUE)
    async with near, far:
        yield Sink(
            lambda flow: flow.for_each(near.send),
            far.receive,
            QUEUE + 1,
            far.close,
            anyio.BrokenResourceError,
        )


@asynccontextmanager
async def from_memory_stream(source: Source) -> AsyncGenerator[Origin]:
    far, near = anyio.create_memory_object_stream[int](QUEUE)
    async with near, far, producing(source, far.send) as task:
        task.add_done_callback(lambda task: far.close())
        yield Origin(rx.from_async_iterable(near), QUEUE + 1)


SINKS: dict[str, Callable[[], AbstractAsyncContextManager[Sink]]] = {
    "to_queue, of processes": of_processes(ends.to_queue),
    "to_queue, of janus for threads": ends.to_queue(lambda size: janus.Queue(size).sync_q),
    "to_stream_writer, of a process": to_stream_writer,
    "Connection.send": to_connection(),
    "for_each, into a memory stream": to_memory_stream,
}

SOURCES: dict[str, ends.From] = {
    "from_queue, of processes": of_processes(ends.from_queue),
    "from_queue, of janus for threads": ends.from_queue(lambda size: janus.Queue(size).sync_q),
    "from_stream_reader, of a process": from_stream_reader,
    "Connection.receive": from_connection(),
    "from_async_iterable, of a memory stream": from_memory_stream,
}

OF_A_SINK = (
    ends.test_a_slow_far_end_holds_a_fast_source_and_is_given_each_item_once,
    ends.test_a_slow_source_has_each_item_at_a_fast_far_end_at_once,
    ends.test_a_cancel_while_the_far_end_is_slow_closes_the_source,
    ends.test_a_far_end_that_fails_closes_the_source_and_is_told,
    ends.test_a_source_that_fails_is_told_behind_what_came_before,
)
OF_A_SOURCE = (
    ends.test_a_slow_consumer_holds_a_fast_far_end_and_is_given_each_item_once,
    ends.test_a_slow_far_end_has_each_item_at_a_fast_consumer_at_once,
    ends.test_a_consumer_that_leaves_closes_the_far_end_or_takes_no_more_of_it,
    ends.test_a_far_end_that_fails_is_told_behind_what_came_before,
)


def named(check: Callable[..., None]) -> str:
    return check.__name__.removeprefix("test_")


@pytest.mark.parametrize("check", OF_A_SINK, ids=named)
@pytest.mark.parametrize("sink", SINKS.values(), ids=SINKS)
def test_sink(sink: Any, check: Callable[[Any], None]) -> None:
    check(sink)


@pytest.mark.parametrize("check", OF_A_SOURCE, ids=named)
@pytest.mark.parametrize("origin", SOURCES.values(), ids=SOURCES)
def test_source(origin: Any, check: Callable[[Any], None]) -> None:
    check(origin)


# A plain ``for`` in a thread, and a producer in another.

ROOM = 3


class Producer:
    """Pushes 0, 1, 2, ... from a thread of its own, as long as anybody listens."""

    def __init__(self, count: int | None = None, fails: bool = False) -> None:
        self.pushed = 0
        self.over = threading.Event()
        self._count = count
        self._fails = fails

    def begin(self, emitter: rx.Emitter[int]) -> None:
        threading.Thread(target=self._push, args=(emitter,), daemon=True).start()

    def _push(self, emitter: rx.Emitter[int]) -> None:
        while self.pushed != self._count and not emitter.closed:
            emitter.on_next(self.pushed)
            self.pushed += 1
        if self._fails:
            emitter.on_error(KeyError("the producer's"))
        else:
            emitter.on_completed()
        self.over.set()

    def flow(self) -> rx.Flow[int]:
        return rx.create(self.begin, overflow=rx.BLOCK, capacity=ROOM)

    def still(self) -> int:
        """Wait until it pushes no more; give how many it has."""
        before = -1
        while before != self.pushed:
            before = self.pushed
            self.over.wait(0.02)
        return before


def test_a_slow_loop_holds_a_fast_thread_and_is_given_each_item_once() -> None:
    producer, taken = Producer(200), list[int]()
    for item in producer.flow():
        taken.append(item)
        if len(taken) in (1, 2, 50):
            assert len(taken) <= producer.still() <= len(taken) + ROOM + 1
    assert taken == list(range(200))


def test_a_loop_that_is_left_lets_the_thread_go() -> None:
    producer = Producer()
    items = iter(producer.flow())
    assert [next(items) for _ in range(5)] == list(range(5))
    items.close()  # type: ignore[attr-defined] # as a ``break`` does when it is collected
    assert producer.over.wait(PATIENCE)
    assert producer.pushed <= 5 + ROOM + 1


def test_a_thread_that_fails_is_told_behind_what_came_before() -> None:
    producer, taken = Producer(10, fails=True), list[int]()
    with pytest.raises(KeyError, match="the producer's"):
        taken.extend(producer.flow())
    assert taken == list(range(10))
