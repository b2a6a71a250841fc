"""``from_websocket`` and ``to_websocket`` behind a real server, with a real client."""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

import rxflow as rx
from rxflow import operators as ops
from tests.http.test_response import Source
from tests.support_loop import run, turns
from tests.support_server import App, Raw, Serving, connected, run_real, serving

BUFFERS = 8192


def accepting(app: App) -> App:
    async def accepted(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        await app(scope, receive, send)

    return accepted


def client(served: Serving) -> Any:
    return connect(f"ws://127.0.0.1:{served.port}/", compression=None)


@asynccontextmanager
async def handshaken(port: int) -> AsyncGenerator[Raw]:
    """Connect with nothing but what is in the kernel between the two."""
    async with connected(port, buffers=BUFFERS) as raw:
        key = base64.b64encode(os.urandom(16))
        await raw.send(
            b"GET / HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + key + b"\r\n\r\n"
        )
        await raw.until(b"\r\n\r\n")
        yield raw


def frame(opcode: int, payload: bytes) -> bytes:
    """Give a frame with a mask that changes nothing."""
    size = len(payload)
    head = bytes([0x80 | opcode, 0x80 | size]) if size < 126 else bytes([0x80 | opcode, 0xFE])
    return head + (b"" if size < 126 else size.to_bytes(2, "big")) + bytes(4) + payload


def test_text_and_bytes_go_both_ways() -> None:
    told: list[bool] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        flow = rx.from_websocket(receive).pipe(ops.map(lambda item: item + item), ops.take(4))
        told.append(await rx.to_websocket(flow, receive, send))

    async def main() -> None:
        async with serving(accepting(app)) as served, client(served) as socket:
            for message in ("a", b"b", "ü\u2028", ""):
                await socket.send(message)
                assert await socket.recv() == message + message  # type: ignore[operator]
            with pytest.raises(ConnectionClosed):
                await socket.recv()
            assert socket.close_code == 1000
            await served.over()

    run_real(main())
    assert told == [True]


@pytest.mark.parametrize("code", [1000, 1001, None])
def test_a_client_that_closes_is_the_end(code: int | None) -> None:
    taken: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await rx.from_websocket(receive).for_each(taken.append)
        taken.append("end")

    async def main() -> None:
        async with serving(accepting(app)) as served:
            async with handshaken(served.port) as raw:
                await raw.send(frame(1, b"a") + frame(1, b"b"))
                await raw.send(frame(8, b"" if code is None else code.to_bytes(2, "big")))
                await served.over()
            assert served.failures == []

    run_real(main())
    assert taken == ["a", "b", "end"]


def bad_text() -> bytes:
    return frame(1, b"\xff\xfe")


def bad_close() -> bytes:
    return frame(8, (4001).to_bytes(2, "big") + b"no more")


@pytest.mark.parametrize(
    ("sent", "code", "text"),
    [
        (bad_text, 1007, "from_websocket: the client disconnected with code 1007"),
        (bad_close, 4001, r"disconnected with code 4001 \(no more\)"),
    ],
)
def test_another_end_is_an_error_behind_what_has_come(
    sent: Callable[[], bytes], code: int, text: str
) -> None:
    taken: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        with pytest.raises(rx.ClientDisconnectedError, match=text) as raised:
            await rx.from_websocket(receive).for_each(taken.append)
        assert raised.value.code == code

    async def main() -> None:
        async with serving(accepting(app)) as served:
            async with handshaken(served.port) as raw:
                await raw.send(frame(1, b"a") + sent())
                await served.over()
            assert served.failures == []

    run_real(main())
    assert taken == ["a"]


def test_a_consumer_that_stops_stops_the_client() -> None:
    """It takes one of 8,000 messages of 1 KiB: what the client can send on is in buffers."""
    taken: list[bytes] = []

    async def main() -> None:
        stopped, go_on = asyncio.Event(), asyncio.Event()

        async def app(scope: Any, receive: Any, send: Any) -> None:
            async for item in rx.from_websocket(receive):
                taken.append(item)  # type: ignore[arg-type]
                stopped.set()
                await go_on.wait()

        async with serving(accepting(app), buffers=BUFFERS) as served:
            async with handshaken(served.port) as raw:
                message = frame(2, bytes(1024))
                accepted = await raw.flood(message)
                await stopped.wait()
                assert accepted < 2**20
                go_on.set()
                await raw.send(message[accepted % len(message) :])
                await raw.send(frame(8, b"\x03\xe8"))
                await served.over()
            assert served.failures == []
        assert len(taken) == accepted // len(message) + 1
        assert {len(item) for item in taken} == {1024}

    run_real(main())


def test_a_slow_client_holds_the_producer() -> None:
    async def main() -> None:
        source = Source(bytes(16384))

        async def app(scope: Any, receive: Any, send: Any) -> None:
            await rx.to_websocket(rx.from_async_iterable(source), receive, send)

        async with serving(accepting(app), buffers=BUFFERS) as served:
            async with handshaken(served.port) as raw:
                held = await source.still()
                assert held * 16384 < 2**20
                while source.made < held + 20:
                    assert await raw.read()
            await served.over()
            assert source.closed

    run_real(main())


def test_a_client_that_takes_nothing_is_given_up_after_a_time() -> None:
    async def main() -> None:
        source = Source(bytes(65536))

        async def app(scope: Any, receive: Any, send: Any) -> None:
            flow = rx.from_async_iterable(source)
            with pytest.raises(rx.StreamTimeoutError, match=r"to_websocket\(0.05\): the client"):
                await rx.to_websocket(flow, receive, send, timeout=0.05)

        async with serving(accepting(app), buffers=BUFFERS) as served:
            async with handshaken(served.port):
                await served.over()
            assert served.failures == []
            assert source.closed

    run_real(main())


@pytest.mark.parametrize("reads", [False, True], ids=["sends only", "reads, too"])
@pytest.mark.parametrize("polite", [False, True], ids=["lost", "closed"])
def test_a_silent_stream_ends_when_the_client_leaves(reads: bool, polite: bool) -> None:
    """Who reads hears of it, and tells those who only send."""
    told: list[bool] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        async with asyncio.TaskGroup() as group:
            if reads:
                group.create_task(rx.from_websocket(receive).for_each(told.append))
            told.append(await rx.to_websocket(rx.never(), receive, send))

    async def main() -> None:
        async with serving(accepting(app)) as served:
            async with handshaken(served.port) as raw:
                if polite:
                    await raw.send(frame(8, b"\x03\xe8"))
            await served.over()
            assert served.failures == []

    run_real(main())
    assert told == [False]


def test_what_comes_before_it_is_read_is_not_lost_to_the_one_who_sends() -> None:
    taken: list[Any] = []

    async def main() -> None:
        sent = asyncio.Event()

        async def app(scope: Any, receive: Any, send: Any) -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(rx.to_websocket(rx.of("x").concat(rx.never()), receive, send))
                await sent.wait()
                for _ in range(2):  # one subscription goes on where the other has stopped
                    flow = rx.from_websocket(receive).pipe(ops.take(2))
                    await flow.for_each(taken.append)
                await rx.from_websocket(receive).for_each(taken.append)

        async with serving(accepting(app)) as served:
            async with client(served) as socket:
                assert await socket.recv() == "x"
                for n in range(6):
                    await socket.send(str(n))
                sent.set()
            await served.over()

    run_real(main())
    assert taken == list("012345")


def test_a_flow_that_fails_closes_with_an_error() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        flow = rx.of("a").pipe(ops.concat(rx.throw(KeyError("broken"))))
        await rx.to_websocket(flow, receive, send)

    async def main() -> None:
        async with serving(accepting(app)) as served, client(served) as socket:
            assert await socket.recv() == "a"
            with pytest.raises(ConnectionClosed):
                await socket.recv()
            assert socket.close_code == 1011
            await served.over()
            assert [type(error) for error in served.failures] == [KeyError]

    run_real(main())


def test_the_connection_may_be_taken_note_of_before_or_by_it() -> None:
    async def main() -> None:
        for taken in (0, 1):
            messages: list[Any] = [
                {"type": "websocket.connect"},
                {"type": "websocket.receive", "text": "a", "bytes": None},
                {"type": "websocket.receive", "bytes": b"", "text": None},
                {"type": "websocket.disconnect"},
            ][taken:]

            async def receive(messages: list[Any] = messages) -> Any:
                return messages.pop(0)

            assert [item async for item in rx.from_websocket(receive)] == ["a", b""]

    run(main())


def test_one_message_is_received_for_each_that_is_asked_for() -> None:
    received: list[int] = []

    async def receive() -> Any:
        received.append(1)
        return {"type": "websocket.receive", "text": "a"}

    async def main() -> None:
        async with aclosing(aiter(rx.from_websocket(receive))) as items:
            for n in range(1, 10):
                assert await anext(items) == "a"
                await turns(5)
                assert len(received) == n

    run(main())


def test_other_items_and_arguments_are_refused() -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return await asyncio.get_running_loop().create_future()

    async def main() -> None:
        with pytest.raises(TypeError, match="to_websocket sends str or bytes, not 1"):
            await rx.to_websocket(rx.of(1), receive, send)  # type: ignore[arg-type]
        assert sent == [{"type": "websocket.close", "code": 1011}]
        with pytest.raises(TypeError, match="to_websocket: send must be what"):
            await rx.to_websocket(rx.of("a"), receive, "send")  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="from_websocket: receive must be what"):
            rx.from_websocket("receive")  # type: ignore[arg-type]

    run(main())


def test_many_clients_at_once_get_what_is_theirs() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await rx.to_websocket(rx.from_websocket(receive), receive, send)

    async def one(served: Serving, n: int) -> None:
        socket: ClientConnection
        async with client(served) as socket:
            for k in range(20):
                await socket.send(f"{n} {k}")
            assert [await socket.recv() for _ in range(20)] == [f"{n} {k}" for k in range(20)]

    async def main() -> None:
        async with serving(accepting(app)) as served:
            async with asyncio.TaskGroup() as group:
                for n in range(20):
                    group.create_task(one(served, n))
            await served.over(20)
            assert served.failures == []

    run_real(main())
