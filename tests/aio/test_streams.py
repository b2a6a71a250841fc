"""Real sockets and processes at both ends of a Flow: demand reaches the peer, ends are told."""

from __future__ import annotations

import asyncio
import hashlib
import socket
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Any

import pytest

import rxflow as rx
from rxflow import operators as ops
from tests.kernel.recorder import dropped_errors
from tests.support_loop import run, turns, until
from tests.support_streams import writer_to

PATIENCE = 60.0  # seconds; only a hang gets there

BUFFER = 16 * 1024  # of a socket, as it is asked for; the kernel takes about twice of it (bytes)
LIMIT = 4 * 1024  # of a reader (bytes)
MOST = 1024 * 1024  # well above what all buffers hold together (bytes)

LOOPS: list[Callable[[], asyncio.AbstractEventLoop]] = [asyncio.SelectorEventLoop]
if sys.platform != "win32":
    import uvloop

    LOOPS.append(uvloop.new_event_loop)

on_each_loop = pytest.mark.parametrize("make_loop", LOOPS, ids=lambda make: make.__module__[:7])


def run_real(main: Any, make_loop: Any = asyncio.SelectorEventLoop) -> Any:
    async def patient() -> Any:
        async with asyncio.timeout(PATIENCE):
            return await main

    return run(patient(), make_loop)


def small(end: socket.socket) -> socket.socket:
    """Give a socket small buffers, which a server's connections have from it."""
    for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
        end.setsockopt(socket.SOL_SOCKET, option, BUFFER)
    return end


@asynccontextmanager
async def pair(
    limit: int = LIMIT,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter, socket.socket]]:
    """Open a connection: a reader and a writer, and the peer's end as a plain socket."""
    with small(socket.create_server(("127.0.0.1", 0))) as listener, small(socket.socket()) as peer:
        peer.connect(listener.getsockname())
        peer.setblocking(False)
        own, _ = listener.accept()
        reader, writer = await asyncio.open_connection(sock=own, limit=limit)
        try:
            yield reader, writer, peer
        finally:
            rx.Connection(reader, writer).abort()
            await turns(3)


async def stuck(step: Callable[[], int]) -> int:
    """Repeat a step of the peer until it has blocked for many turns; gives what it has moved."""
    moved = blocked = 0
    while blocked < 100:
        try:
            moved += step()
            blocked = 0
        except BlockingIOError:
            blocked += 1
        await asyncio.sleep(0)
        assert moved < MOST, "nothing holds it"
    return moved


@on_each_loop
def test_the_peer_stops_sending_when_the_consumer_stops_and_goes_on_with_it(make_loop: Any) -> None:
    async def main() -> None:
        async with pair() as (reader, _, peer):
            flow = rx.from_stream_reader(reader, rx.Frames(1024))
            async with aclosing(aiter(flow)) as items:
                sent = await stuck(lambda: peer.send(bytes(1024)))
                assert sent > 1024
                for n in range(1, 4):  # as much as was taken is sent anew, and no more
                    for _ in range(200):
                        await anext(items)
                        with suppress(BlockingIOError):
                            sent += peer.send(bytes(1024))
                    sent += await stuck(lambda: peer.send(bytes(1024)))
                    assert 200 * n * 1024 <= sent < 200 * n * 1024 + MOST // 2

    run_real(main(), make_loop)


@on_each_loop
def test_the_source_stops_when_the_peer_stops_reading_and_goes_on_with_it(make_loop: Any) -> None:
    made: list[int] = []

    async def main() -> None:
        async with pair() as (_, writer, peer):
            endless = rx.generate(0, lambda n: True, lambda n: n + 1)
            flow = endless.pipe(ops.map(lambda n: made.append(n) or bytes(1024)))
            writing = asyncio.ensure_future(flow.to_stream_writer(writer))
            before = -1
            while before != len(made):
                before = len(made)
                await turns(100)
            assert before * 1024 < MOST // 2
            taken = 0
            while taken < MOST:
                try:
                    taken += len(peer.recv(65536))
                except BlockingIOError:
                    await asyncio.sleep(0)
            await turns(100)
            assert MOST <= len(made) * 1024 < MOST + MOST // 2
            writing.cancel()
            await asyncio.wait([writing])
            assert writing.cancelled()

    run_real(main(), make_loop)


@on_each_loop
def test_an_echo_gives_the_same_bytes_to_a_client_that_reads_late(make_loop: Any) -> None:
    size, part = 4 * 2**20, bytes(range(256)) * 37
    sent, received = hashlib.sha256(), hashlib.sha256()

    async def main() -> None:
        async with serving(lambda connection: connection.incoming) as connect:
            connection = await connect()
            reader, writer = connection.reader, connection.writer

            async def send() -> None:
                for _ in range(size // len(part)):
                    sent.update(part)
                    writer.write(part)
                    await writer.drain()
                writer.write_eof()

            sending = asyncio.ensure_future(send())
            await turns(200)
            assert not sending.done()
            while data := await reader.read(65536):
                received.update(data)
            await sending
            await connection.aclose()

    run_real(main(), make_loop)
    assert sent.digest() == received.digest()


def test_a_peer_that_half_closes_within_a_frame_is_told_apart_from_one_that_is_through() -> None:
    async def main() -> None:
        async with pair() as (reader, _, peer):
            peer.send(b"\0\0\0\3abc\0\0\0\x0chello")
            peer.shutdown(socket.SHUT_WR)
            items: list[bytes] = []
            with pytest.raises(rx.FrameError, match="frame 2 breaks off") as raised:
                await rx.from_stream_reader(reader, rx.LengthPrefixed()).for_each(items.append)
            assert items == [b"abc"]
            assert raised.value.held == 9

    run_real(main())


def test_half_close_tells_the_peer_and_leaves_the_other_direction_open() -> None:
    async def main() -> None:
        async with pair() as (reader, writer, peer):
            await rx.of("a", "b").to_stream_writer(writer, rx.Lines(), half_close=True)
            data, loop = b"", asyncio.get_running_loop()
            while more := await loop.sock_recv(peer, 100):
                data += more
            assert data == b"a\nb\n"
            peer.send(b"answer\n")
            async with aclosing(aiter(rx.from_stream_reader(reader, rx.Lines()))) as items:
                assert await anext(items) == b"answer"

    run_real(main())


def test_a_flow_that_fails_is_not_taken_for_one_that_is_through() -> None:
    async def main() -> None:
        async with pair() as (_, writer, peer):
            flow = rx.of(b"a").pipe(ops.concat(rx.throw(KeyError("broken"))))
            with pytest.raises(KeyError, match="broken"):
                await flow.to_stream_writer(writer, half_close=True)
            await turns(20)
            assert peer.recv(100) == b"a"
            with pytest.raises(BlockingIOError):
                peer.recv(100)  # it would be b"" at the end

    run_real(main())


def test_a_peer_that_is_gone_fails_the_writer_and_cancels_the_source() -> None:
    class Numbers:
        closed = False

        async def __aiter__(self) -> Any:
            try:
                while True:
                    yield bytes(10_000)
            finally:
                await asyncio.sleep(0)
                Numbers.closed = True

    async def main() -> None:
        async with pair() as (_, writer, peer):
            task = asyncio.ensure_future(rx.from_async_iterable(Numbers()).to_stream_writer(writer))
            await turns(50)
            peer.close()
            with pytest.raises(ConnectionError):
                await task
            assert Numbers.closed

    run_real(main())


def test_a_peer_that_is_gone_fails_the_reader() -> None:
    async def main() -> None:
        async with pair() as (reader, writer, peer):
            writer.write(b"never read")
            await turns(10)
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset
            peer.close()
            with pytest.raises(ConnectionError):
                await rx.from_stream_reader(reader).for_each(print)

    run_real(main())


def test_an_item_that_fits_into_no_frame_fails_and_closes_the_source() -> None:
    async def main() -> None:
        async with pair() as (_, writer, peer):
            with pytest.raises(ValueError, match="it would be two lines"):
                await rx.of("a", "b\nc", "d").to_stream_writer(writer, rx.Lines())
            await turns(20)
            assert peer.recv(100) == b"a\n"

    run_real(main())


def test_half_close_is_refused_at_once_where_it_is_impossible() -> None:
    async def main() -> None:
        written: list[bytes] = []
        with pytest.raises(ValueError, match="cannot be half-closed"):
            await rx.of(b"a").to_stream_writer(writer_to(written.append), half_close=True)
        assert written == []

    run_real(main())


@pytest.mark.parametrize("wrong", [None, b"", object()])
def test_what_is_no_writer_is_refused(wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"wants an asyncio.StreamWriter"):
        run(rx.of(b"").to_stream_writer(wrong))


# Subprocesses, whose pipes are such streams

UPPER = """
import asyncio, sys
import rxflow as rx
from rxflow import operators as ops

async def main():
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    lines = rx.from_stream_reader(reader, rx.Lines(encoding="utf-8"))
    await lines.pipe(ops.map(str.upper)).for_each(lambda line: print(line, flush=True))

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="connects a pipe to the standard input")
def test_lines_through_a_process_that_reads_its_standard_input() -> None:
    async def main() -> list[str]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", UPPER),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        lines = rx.from_stream_reader(process.stdout, rx.Lines(encoding="utf-8"))
        results: list[str] = []
        async with asyncio.TaskGroup() as group:
            group.create_task(lines.for_each(results.append))
            words = rx.of("one", "zwölf", "")
            group.create_task(words.to_stream_writer(process.stdin, rx.Lines(), half_close=True))
        assert await process.wait() == 0
        await turns(5)
        return results

    assert run_real(main()) == ["ONE", "ZWÖLF", ""]


def test_a_process_that_writes_without_end_is_held_and_then_left() -> None:
    async def main() -> None:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", "while True: print('x' * 99)"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        assert process.stdout is not None
        flow = rx.from_stream_reader(process.stdout, rx.Lines())
        async with aclosing(aiter(flow)) as items:
            for _ in range(10):
                assert len(await anext(items)) == 99
            await turns(1000)
            held = len(process.stdout._buffer)  # type: ignore[attr-defined]
            assert held < 3 * 65536 + 256 * 1024
            process.kill()
        await process.communicate()

    run_real(main())


# Connections


@asynccontextmanager
async def serving(handler: Any, framing: Any = None, **options: Any) -> AsyncIterator[Any]:
    """Serve; gives how to connect to it."""
    handle = rx.connection_handler(handler, framing, **options)
    listener = small(socket.create_server(("127.0.0.1", 0)))
    server = await asyncio.start_server(handle, sock=listener, backlog=1024)

    async def connect() -> rx.Connection[Any]:
        end = small(socket.socket())
        end.connect(listener.getsockname())
        reader, writer = await asyncio.open_connection(sock=end)
        return rx.Connection(reader, writer, framing)

    try:
        yield connect
    finally:
        server.close()
        await turns(20)


def upper(connection: rx.Connection[str]) -> Any:
    return connection.incoming.pipe(ops.map(str.upper))


TEXT = rx.Lines(encoding="utf-8", max_frame=100)


@on_each_loop
def test_a_talk_step_by_step(make_loop: Any) -> None:
    async def main() -> None:
        async with serving(upper, TEXT) as connect, await connect() as connection:
            await connection.send("a")
            assert await connection.receive() == "A"
            await connection.send("b")
            await connection.send("c")
            await connection.drain()
            connection.half_close()
            assert [await connection.receive() for _ in range(2)] == ["B", "C"]
            for _ in range(2):
                with pytest.raises(EOFError, match="the peer has sent all"):
                    await connection.receive()

    run_real(main(), make_loop)


def test_an_async_handler_does_all_itself() -> None:
    async def answer(connection: rx.Connection[str]) -> None:
        name = await connection.receive()
        await connection.send(f"hello {name}")

    async def main() -> None:
        async with serving(answer, TEXT) as connect, await connect() as connection:
            await connection.send("you")
            assert await connection.receive() == "hello you"
            with pytest.raises(EOFError):
                await connection.receive()

    run_real(main())


def test_a_receive_that_is_given_up_loses_nothing() -> None:
    async def main() -> None:
        async with pair() as (reader, writer, peer):
            connection = rx.Connection(reader, writer, TEXT)
            peer.send(b"ha")
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await connection.receive()
            peer.send(b"lf\n")
            assert await connection.receive() == "half"

    run_real(main())


def test_a_receive_after_a_frame_that_is_none_fails_again_and_is_no_end() -> None:
    async def main() -> None:
        async with pair() as (reader, writer, peer):
            connection = rx.Connection(reader, writer, TEXT)
            peer.send(b"x" * 101)
            for _ in range(2):
                with pytest.raises(rx.FrameError, match="more than max_frame=100"):
                    await connection.receive()

    run_real(main())


def test_connections_that_are_open_when_the_program_ends_are_closed_quietly(caplog: Any) -> None:
    started, ended = threading.Event(), []

    async def wait(connection: rx.Connection[str]) -> None:
        started.set()
        try:
            await connection.receive()
        finally:
            ended.append(connection)

    async def main(client: socket.socket) -> None:
        handle = rx.connection_handler(wait, TEXT)
        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        client.connect(server.sockets[0].getsockname())
        await until(started.is_set, 10**6)
        server.close()

    with socket.socket() as client:
        asyncio.run(main(client))
        client.settimeout(PATIENCE)
        assert client.recv(1) == b""
    assert len(ended) == 1
    assert caplog.records == []


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        (b"fine\n" + b"x" * 101, "frame 2 has more than max_frame=100 bytes"),
        (b"fine\n\xff\n", "frame 2 cannot be decoded"),
    ],
)
def test_bad_input_closes_the_connection_and_is_told(sent: bytes, text: str) -> None:
    errors: list[Exception] = []

    async def main() -> None:
        async with serving(upper, TEXT, on_error=errors.append) as connect:
            connection = await connect()
            connection.writer.write(sent)
            data = b""
            try:
                while more := await connection.reader.read(100):  # until it is closed
                    data += more
            except ConnectionError:
                pass
            connection.abort()
            assert data in (b"", b"FINE\n")  # an abort may overtake it

    run_real(main())
    [error] = errors
    assert isinstance(error, rx.FrameError)
    assert text in str(error)


def test_without_on_error_a_failure_is_reported_all_the_same() -> None:
    async def main() -> None:
        async with serving(lambda _: rx.throw(KeyError("mine"))) as connect:
            connection = await connect()
            assert await connection.reader.read(1) == b""
            connection.abort()

    with dropped_errors() as reported:
        run_real(main())
    assert [str(error) for error in reported] == ["'mine'"]


def test_a_client_that_disconnects_midway_ends_its_connection_and_no_other() -> None:
    errors: list[Exception] = []

    async def main() -> None:
        def flood(connection: rx.Connection[str]) -> Any:
            return rx.repeat_value("x" * 99) if connection.writer is not None else None

        async with serving(flood, TEXT, on_error=errors.append) as connect:
            async with await connect() as other:
                connection = await connect()
                await connection.receive()
                connection.abort()
                await until(lambda: errors, 10**6)
                assert isinstance(errors[0], ConnectionError)
                for _ in range(100):
                    assert await other.receive() == "x" * 99
            await until(lambda: len(errors) == 2, 10**6)

    run_real(main())


def test_a_peer_that_does_not_read_is_aborted_when_the_time_to_close_is_over() -> None:
    async def main() -> None:
        async with pair() as (reader, writer, peer):
            connection = rx.Connection(reader, writer, close_timeout=0.01)
            writer.write(bytes(MOST))
            await connection.aclose()
            taken = 0
            while True:
                try:
                    data = peer.recv(65536)
                except BlockingIOError:
                    await asyncio.sleep(0)
                    continue
                if not data:
                    break
                taken += len(data)
            assert 0 < taken < MOST

    run_real(main())


def test_what_was_written_is_sent_before_it_is_closed() -> None:
    async def main() -> None:
        async with pair() as (reader, writer, peer):
            async with rx.Connection(reader, writer):
                writer.write(bytes(MOST))
                loop = asyncio.get_running_loop()
                taking = asyncio.ensure_future(everything(loop, peer))
            assert await taking == MOST

    async def everything(loop: Any, peer: socket.socket) -> int:
        taken = 0
        while data := await loop.sock_recv(peer, 65536):
            taken += len(data)
        return taken

    run_real(main())


def test_a_close_that_is_cancelled_aborts() -> None:
    async def main() -> None:
        async with pair() as (reader, writer, _):
            writer.write(bytes(MOST))
            closing = asyncio.ensure_future(rx.Connection(reader, writer).aclose())
            await turns(5)
            assert not closing.done()
            closing.cancel()
            await asyncio.wait([closing])
            assert closing.cancelled()
            await turns(5)
            assert writer.transport.get_write_buffer_size() == 0

    run_real(main())


def test_a_thousand_connections_that_send_nothing_are_closed_by_the_policy() -> None:
    resource = pytest.importorskip("resource")
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < 2200:
        pytest.skip("too few file descriptors are allowed")
    count, errors, seen = 1000, list[Exception](), list[rx.Connection[str]]()

    def patient(connection: rx.Connection[str]) -> Any:
        seen.append(connection)
        limit = 0.5 if len(seen) <= count else PATIENCE  # of the last, on a machine that is busy
        return connection.incoming.pipe(ops.idle_timeout(limit), ops.map(str.upper))

    async def main() -> None:
        async with serving(patient, TEXT, on_error=errors.append) as connect:
            idle = [await connect() for _ in range(count)]
            async with await connect() as busy:
                await busy.send("still served")
                assert await busy.receive() == "STILL SERVED"
                idle[0].writer.write(b"one byte, and no line")
                ends = await asyncio.gather(*(each.reader.read(1) for each in idle))
                assert ends == [b""] * count
            for each in idle:
                each.abort()

    run_real(main())
    assert len(errors) >= count
    assert {type(error) for error in errors} == {rx.StreamTimeoutError}


@pytest.mark.parametrize("wrong", [None, 3])
def test_a_handler_that_cannot_be_called_is_refused(wrong: Any) -> None:
    with pytest.raises(TypeError, match="connection_handler wants a function"):
        rx.connection_handler(wrong)
    with pytest.raises(TypeError, match="framing must be"):
        rx.connection_handler(upper, b"\n")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="close_timeout"):
        rx.connection_handler(upper, TEXT, close_timeout=-1)
