"""What a sceptic tries: two at one end, a close in the middle, pipes that do not block."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, closing
from pathlib import Path
from typing import Any

import pytest
import reactivex

import rxflow as rx
from tests.aio.test_streams import on_each_loop, pair, run_real
from tests.support import counted
from tests.support_loop import run, turns
from tests.support_server import run_real as in_real_time

# A connection that is closed.

ENDS: dict[str, Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]] = {
    "to_stream_writer": lambda reader, writer: rx.of(b"a").to_stream_writer(writer),
    "Connection.send": lambda reader, writer: rx.Connection(reader, writer).send(b"a"),
}


@on_each_loop
@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("way", ["close", "abort"])
def test_what_is_written_to_a_closed_connection_is_an_error_on_each_loop(
    end: str, way: str, make_loop: Any
) -> None:
    """asyncio drops it, and says so later or never; uvloop raises a RuntimeError."""

    async def main() -> None:
        async with pair() as (reader, writer, _):
            (writer.close if way == "close" else writer.transport.abort)()
            for settled in (0, 5):
                await turns(settled)
                with pytest.raises(ConnectionError):
                    await ENDS[end](reader, writer)

    run_real(main(), make_loop)


@on_each_loop
def test_an_abort_while_the_last_item_waits_for_room_is_no_success(make_loop: Any) -> None:
    source = counted([bytes(2**23)])

    async def main() -> None:
        async with pair() as (_, writer, _peer):
            flow = rx.from_iterable(source)
            writing = asyncio.ensure_future(flow.to_stream_writer(writer))
            await turns(10)
            assert not writing.done()
            writer.transport.abort()
            with pytest.raises(ConnectionError):
                await writing
        assert source.closed == 1

    run_real(main(), make_loop)


@on_each_loop
def test_a_peer_that_is_gone_between_two_items_is_a_connection_error(make_loop: Any) -> None:
    closed: list[bool] = []

    async def main() -> None:
        async with pair() as (_, writer, peer):

            async def until_it_is_gone() -> AsyncGenerator[bytes]:
                try:
                    yield b"first"
                    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    peer.close()
                    while True:
                        await turns(20)
                        yield b"more"
                finally:
                    closed.append(True)

            with pytest.raises(ConnectionError):
                await rx.from_async_iterable(until_it_is_gone()).to_stream_writer(writer)

    run_real(main(), make_loop)
    assert closed == [True]


@on_each_loop
def test_what_drain_raises_closes_the_source(make_loop: Any) -> None:
    source = counted(bytes(100) for _ in range(1000))

    async def main() -> None:
        async with pair() as (reader, writer, _):
            reader.set_exception(LookupError("of the protocol"))
            with pytest.raises(LookupError, match="of the protocol"):
                await rx.from_iterable(source).to_stream_writer(writer)

    run_real(main(), make_loop)
    assert (source.taken, source.closed) == (1, 1)


@on_each_loop
def test_a_writer_that_is_cancelled_at_any_turn_closes_the_source(make_loop: Any) -> None:
    opened = closed = 0

    async def items() -> AsyncGenerator[bytes]:
        nonlocal opened, closed
        opened += 1
        try:
            while True:
                await asyncio.sleep(0)
                yield bytes(30_000)
        finally:
            await asyncio.sleep(0)
            closed += 1

    async def main() -> None:
        for turn in range(15):
            async with pair() as (_, writer, _peer):
                flow = rx.from_async_iterable(items())
                writing = asyncio.ensure_future(flow.to_stream_writer(writer))
                await turns(turn)
                writing.cancel()
                await asyncio.wait([writing])
                assert writing.cancelled()
                assert opened == closed

    run_real(main(), make_loop)


class Tls(asyncio.Transport):
    """A transport of which only one thing is asked."""

    def can_write_eof(self) -> bool:
        return False

    def is_closing(self) -> bool:
        return True  # so the writer has nothing to warn of when it is forgotten


def test_a_half_close_of_what_can_only_be_closed_is_refused() -> None:
    async def main() -> None:
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        writer = asyncio.StreamWriter(Tls(), protocol, reader, asyncio.get_running_loop())
        with pytest.raises(ValueError, match="can only be closed"):
            rx.Connection(reader, writer).half_close()

    run(main())


# A peer that takes nothing.


@on_each_loop
def test_a_peer_that_makes_no_room_in_time_fails_the_writer_and_closes_the_source(
    make_loop: Any,
) -> None:
    source = counted(bytes(2**16) for _ in range(1000))

    async def main() -> None:
        async with pair() as (_, writer, _peer):
            flow = rx.from_iterable(source)
            with pytest.raises(rx.StreamTimeoutError, match="the peer makes no room"):
                await flow.to_stream_writer(writer, timeout=0.01)
        assert 0 < source.taken < 1000
        assert source.closed == 1

    run_real(main(), make_loop)


@on_each_loop
def test_a_peer_that_takes_all_in_time_is_given_all(make_loop: Any) -> None:
    async def main() -> None:
        async with pair() as (_, writer, peer):
            flow = rx.of(*[bytes(2**16)] * 20)
            writing = asyncio.ensure_future(flow.to_stream_writer(writer, timeout=3600))
            taken = 0
            while taken < 20 * 2**16:
                taken += len(await asyncio.get_running_loop().sock_recv(peer, 2**16))
            await writing

    run_real(main(), make_loop)


def test_a_handler_s_connection_is_aborted_when_its_peer_takes_nothing() -> None:
    failures: list[Exception] = []

    async def main() -> None:
        async with pair() as (reader, writer, _):
            endless = rx.repeat_value(bytes(2**16))
            handle = rx.connection_handler(
                lambda _: endless, rx.Raw(), timeout=0.01, on_error=failures.append
            )
            handle(reader, writer)
            while not failures:
                await turns(1)
            assert writer.is_closing()

    run_real(main())
    assert isinstance(failures[0], rx.StreamTimeoutError)


@pytest.mark.parametrize("timeout", [-1, float("nan")])
def test_a_limit_of_time_that_makes_no_sense_is_refused(timeout: float) -> None:
    with pytest.raises(ValueError, match=r"connection_handler.*timeout"):
        rx.connection_handler(lambda _: rx.never(), timeout=timeout)


# Two at one end.


@on_each_loop
def test_a_second_receive_is_refused_and_the_first_loses_nothing(make_loop: Any) -> None:
    async def main() -> None:
        async with pair() as (reader, writer, peer):
            connection = rx.Connection(reader, writer, rx.Lines())
            first = asyncio.ensure_future(connection.receive())
            await turns(3)
            with pytest.raises(RuntimeError, match="another task awaits the next frame already"):
                await connection.receive()
            peer.send(b"one\ntwo\n")
            assert await first == b"one"
            assert await connection.receive() == b"two"

    run_real(main(), make_loop)


@on_each_loop
def test_a_close_while_a_receive_waits_is_not_taken_for_the_end_of_the_peer(make_loop: Any) -> None:
    async def main() -> None:
        async with pair() as (reader, writer, _):
            connection = rx.Connection(reader, writer, rx.Lines())
            waiting = asyncio.ensure_future(connection.receive())
            await turns(3)
            await connection.aclose()
            with pytest.raises(ConnectionAbortedError, match="closed meanwhile"):
                await waiting

    run_real(main(), make_loop)


def test_two_tasks_that_iterate_over_the_same_are_told_and_none_hangs() -> None:
    emitters: list[rx.Emitter[int]] = []

    async def main() -> None:
        flow = rx.create(emitters.append, overflow=rx.FAIL, capacity=10)
        async with aclosing(aiter(flow)) as items:
            first = asyncio.ensure_future(anext(items))
            await turns(3)
            with pytest.raises(RuntimeError, match="use for_each"):
                await anext(items)
            emitters[0].on_next(1)
            emitters[0].on_next(2)
            assert await first == 1
            assert await anext(items) == 2  # when nobody else waits it is free again

    run(main())


def test_two_tasks_that_iterate_over_chunks_are_told() -> None:
    async def main() -> None:
        async with aclosing(rx.never().chunks(2)) as chunks:
            first = asyncio.ensure_future(anext(chunks))
            await turns(3)
            with pytest.raises(RuntimeError, match="use for_each"):
                await anext(chunks)
            first.cancel()
            await asyncio.wait([first])

    run(main())


def test_a_frame_that_another_framing_has_taken_is_not_counted_as_seen() -> None:
    """One has looked for the end of a line in vain, when the other takes what it has looked at."""

    async def main() -> None:
        reader = asyncio.StreamReader()
        lines = aiter(rx.from_stream_reader(reader, rx.Lines()))
        frames = aiter(rx.from_stream_reader(reader, rx.Frames(10)))
        async with aclosing(lines), aclosing(frames):
            reader.feed_data(b"0123456789abcdef")
            line = asyncio.ensure_future(anext(lines))
            await turns(5)
            assert await anext(frames) == b"0123456789"
            reader.feed_data(b"\nx\n")
            assert await line == b"abcdef"
            assert await anext(lines) == b"x"

    run(main())


def test_bytes_that_go_back_wake_whoever_waits_for_the_reader_itself() -> None:
    async def main() -> None:
        reader = asyncio.StreamReader()
        async with aclosing(aiter(rx.from_stream_reader(reader, rx.Lines()))) as lines:
            reader.feed_data(b"line\nrest")
            assert await anext(lines) == b"line"
            rest = asyncio.ensure_future(reader.read(100))
            await turns(3)
        assert await rest == b"rest"

    run(main())


# What a handler gives.


@pytest.mark.parametrize("given", [None, reactivex.of("a"), "a"])
def test_a_handler_that_gives_no_flow_is_told_and_the_connection_closed(given: Any) -> None:
    """A plain Observable can be awaited: it would be run, and nothing of it sent."""
    failures: list[Exception] = []

    async def main() -> None:
        over = asyncio.Event()

        def failed(error: Exception) -> None:
            failures.append(error)
            over.set()

        async with pair() as (reader, writer, _):
            rx.connection_handler(lambda _: given, rx.Lines(), on_error=failed)(reader, writer)
            await over.wait()
            assert writer.is_closing()

    run_real(main())
    assert len(failures) == 1
    assert "must give a Flow or be async" in str(failures[0])


# An item that cannot be written, in the middle of others.


def test_what_comes_before_an_item_that_cannot_be_written_is_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "lines"

    async def main() -> None:
        with pytest.raises(ValueError, match="would be two lines"):
            await rx.of("one", "two", "three\n", "four").to_file(path, rx.Lines())

    in_real_time(main())
    assert path.read_bytes() == b"one\ntwo\n"


# Pipes that do not block, as a terminal that is shared with another program may be.


def test_a_pipe_that_does_not_block_has_not_ended_when_it_is_empty() -> None:
    async def main() -> None:
        near, far = os.pipe()
        os.set_blocking(near, False)
        with closing(os.fdopen(near)), closing(os.fdopen(far, "wb", 0)) as writes:
            async with aclosing(aiter(rx.from_file(near, rx.Lines()))) as lines:
                for line in (b"1", b"2"):
                    waiting = asyncio.ensure_future(anext(lines))
                    await asyncio.sleep(0.02)
                    assert not waiting.done()
                    writes.write(line + b"\n")
                    assert await waiting == line
                waiting = asyncio.ensure_future(anext(lines))
                writes.close()
                with pytest.raises(StopAsyncIteration):
                    await waiting

    in_real_time(main())


def test_a_full_pipe_that_does_not_block_is_waited_for_and_nothing_is_lost() -> None:
    data = os.urandom(300_000)

    async def main() -> bytes:
        near, far = os.pipe()
        for end in (near, far):
            os.set_blocking(end, False)
        with closing(os.fdopen(near, "rb", 0)) as reads, closing(os.fdopen(far)):
            writing = asyncio.ensure_future(rx.of(data).to_file(far))
            await asyncio.sleep(0.05)
            used = time.process_time()
            await asyncio.sleep(0.3)
            assert time.process_time() - used < 0.06  # it waits, and does not try again and again
            taken = bytearray()
            while not writing.done() or len(taken) < len(data):
                taken += reads.read(65536) or b""
                await asyncio.sleep(0)
            await writing
        return bytes(taken)

    assert in_real_time(main()) == data
