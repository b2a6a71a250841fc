"""``send_response`` behind a real server: the client sets the pace, and may leave."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from typing import Any

import httpx
import pytest

import rxflow as rx
from rxflow import operators as ops
from tests.support_loop import run, turns
from tests.support_server import STILL, App, Serving, connected, run_real, serving

GET = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n"
BUFFERS = 8192


class Source:
    """Items made on demand: how many were, and whether it was closed."""

    def __init__(self, item: bytes, stop: int | None = None) -> None:
        self.item = item
        self.made = 0
        self.closed = False
        self._stop = stop
        self._more = asyncio.Event()

    async def __aiter__(self) -> AsyncGenerator[bytes]:
        try:
            while self.made != self._stop:
                self.made += 1
                self._more.set()
                yield self.item
        finally:
            await asyncio.sleep(0)
            self.closed = True

    async def still(self) -> int:
        """Wait until no more are made; give how many were."""
        with suppress(TimeoutError):
            while True:
                self._more.clear()
                await asyncio.wait_for(self._more.wait(), STILL)
        return self.made


def sends(make: Callable[[Any], Any], told: list[Any] | None = None, **arguments: Any) -> App:
    """Make an application that sends a Flow."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        result = await rx.send_response(make(receive), receive, send, **arguments)
        if told is not None:
            told.append(result)

    return app


async def get(served: Serving) -> httpx.Response:
    async with httpx.AsyncClient() as client:
        return await client.get(served.url)


def test_status_headers_and_items_are_the_response() -> None:
    told: list[bool] = []
    app = sends(
        lambda _: rx.of(b"a", bytearray(b"b"), memoryview(b"c")),
        told,
        status=201,
        headers=[("Content-Type", "text/plain"), ("set-cookie", "a=1"), ("Set-Cookie", "b=2")],
    )

    async def main() -> None:
        async with serving(app) as served:
            response = await get(served)
            assert response.status_code == 201
            assert response.headers["content-type"] == "text/plain"
            assert response.headers.get_list("set-cookie") == ["a=1", "b=2"]
            assert response.content == b"abc"
            await served.over()

    run_real(main())
    assert told == [True]


@pytest.mark.parametrize("length", [0, 3])
def test_headers_may_be_a_mapping_and_the_flow_may_be_empty(length: int) -> None:
    app = sends(lambda _: rx.of(*[b"."] * length), headers={"Content-Length": str(length)})

    async def main() -> None:
        async with serving(app) as served:
            response = await get(served)
            assert response.headers["content-length"] == str(length)
            assert "transfer-encoding" not in response.headers
            assert response.content == b"." * length

    run_real(main())


def test_an_item_reaches_the_client_before_the_next_is_made() -> None:
    async def main() -> None:
        seen = asyncio.Event()

        async def items() -> Any:
            yield b"first"
            await seen.wait()
            yield b"second"

        app = sends(lambda _: rx.from_async_iterable(items()))
        async with (
            serving(app) as served,
            httpx.AsyncClient() as client,
            client.stream("GET", served.url) as response,
        ):
            parts = response.aiter_raw()
            assert await anext(parts) == b"first"
            seen.set()
            assert await anext(parts) == b"second"

    run_real(main())


def test_a_slow_client_holds_the_producer() -> None:
    """Of an endless source as much is made as the kernel's and the server's buffers hold."""

    async def main() -> None:
        source = Source(bytes(16384))
        app = sends(lambda _: rx.from_async_iterable(source))
        async with (
            serving(app, buffers=BUFFERS) as served,
            connected(served.port, buffers=BUFFERS) as client,
        ):
            await client.send(GET)
            await client.until(b"\r\n\r\n")
            held = await source.still()
            assert held * 16384 < 2**20
            read = 0
            while source.made < held + 20:  # it goes on when the client does
                read += len(await client.read())
            assert read > 0
            client.close()
            await served.over()
            assert source.closed

    run_real(main())


def test_a_flow_that_fails_at_once_can_still_be_answered_otherwise() -> None:
    async def main() -> None:
        async with serving(sends(lambda _: rx.throw(KeyError("early")))) as served:
            assert (await get(served)).status_code == 500
            assert [type(error) for error in served.failures] == [KeyError]

    run_real(main())


def test_a_flow_that_fails_later_is_no_whole_body() -> None:
    app = sends(lambda _: rx.of(b"a", b"b").pipe(ops.concat(rx.throw(KeyError("late")))))

    async def main() -> None:
        async with serving(app) as served:
            with pytest.raises(httpx.RemoteProtocolError, match="incomplete"):
                await get(served)
            assert [type(error) for error in served.failures] == [KeyError]

    run_real(main())


@pytest.mark.parametrize("way", ["idle", "endless", "before it begins"])
def test_a_response_that_never_ends_is_stopped_when_the_client_leaves(way: str) -> None:
    told: list[bool] = []

    async def main() -> None:
        opened, closed = asyncio.Event(), asyncio.Event()

        async def items() -> Any:
            opened.set()
            try:
                if way != "before it begins":
                    yield b"first"
                while way == "endless":
                    yield bytes(1000)
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0)
                closed.set()

        app = sends(lambda _: rx.from_async_iterable(items()), told)
        async with serving(app) as served:
            async with connected(served.port) as client:
                await client.send(GET)
                await opened.wait()
                if way != "before it begins":
                    await client.until(b"first")
            await served.over()
            assert closed.is_set()
            assert served.failures == []

    run_real(main())
    assert told == [False]


def test_a_client_that_half_closes_has_left_as_servers_see_it() -> None:
    """It sends no more, and would read on; uvicorn closes the connection, so the Flow is closed."""
    told: list[bool] = []

    async def main() -> None:
        source = Source(bytes(1000))
        app = sends(lambda _: rx.from_async_iterable(source), told)
        async with serving(app) as served, connected(served.port) as client:
            await client.send(GET)
            await client.until(b"\r\n\r\n")
            client.half_close()
            await served.over()
            assert source.closed
            assert served.failures == []

    run_real(main())
    assert told == [False]


def test_a_client_that_takes_nothing_is_given_up_after_a_time() -> None:
    async def main() -> None:
        source = Source(bytes(65536))
        app = sends(lambda _: rx.from_async_iterable(source), timeout=0.05)
        async with (
            serving(app, buffers=BUFFERS) as served,
            connected(served.port, buffers=BUFFERS) as client,
        ):
            await client.send(GET)
            await served.over()
            [error] = served.failures
            assert isinstance(error, rx.StreamTimeoutError)
            assert "send_response(0.05): the client takes nothing" in str(error)
            assert source.closed

    run_real(main())


SHAPES: dict[str, Callable[[Any], Any]] = {
    "as it comes": lambda body: body.pipe(ops.map(bytes.upper)),
    "behind a header": lambda body: body.pipe(ops.map(bytes.upper), ops.start_with(b"")),
    "at once": lambda body: body.pipe(ops.reduce(lambda a, b: a + b), ops.map(bytes.upper)),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_the_body_of_the_request_can_be_the_response(shape: str) -> None:
    """The watch for the client's leaving takes no part of the body, however late it is read."""
    told: list[bool] = []
    data = b"abcdefghij" * 30_000

    async def main() -> None:
        app = sends(lambda receive: SHAPES[shape](rx.from_request_body(receive)), told)
        async with serving(app) as served, httpx.AsyncClient() as client:
            response = await client.post(served.url, content=data)
            assert response.content == data.upper()
            await served.over()

    run_real(main())
    assert told == [True]


def test_a_body_that_is_read_long_after_the_response_has_begun_is_whole() -> None:
    data = b"abcdefghij" * 30_000

    async def main() -> None:
        begun = asyncio.Event()

        def flow(receive: Any) -> Any:
            async def late() -> Any:
                yield b"begun"
                await begun.wait()
                async for item in rx.from_request_body(receive):
                    yield item

            return rx.from_async_iterable(late())

        async with serving(sends(flow)) as served, connected(served.port) as client:
            await client.send(
                b"POST / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n"
                b"Content-Length: %d\r\n\r\n" % len(data)
            )
            await client.send(data[:1000])
            await client.until(b"begun")
            begun.set()
            rest = asyncio.ensure_future(client.rest())
            await client.send(data[1000:])
            got = await rest
            assert sum(got.count(letter) for letter in b"ghij") == 120_000

    run_real(main())


def test_a_request_without_a_body_can_be_read_long_after_the_response_has_begun() -> None:
    async def main() -> None:
        begun = asyncio.Event()

        def flow(receive: Any) -> Any:
            async def late() -> Any:
                yield b"begun"
                await begun.wait()
                async for _ in rx.from_request_body(receive):
                    yield b"something"
                yield b"over"

            return rx.from_async_iterable(late())

        async with serving(sends(flow)) as served, connected(served.port) as client:
            await client.send(GET)
            await client.until(b"begun")
            begun.set()
            assert b"something" not in await client.until(b"over")

    run_real(main())


class Sending:
    """A client that sends what the test says, when it says so."""

    def __init__(self) -> None:
        self.messages: asyncio.Queue[Any] = asyncio.Queue()

    async def receive(self) -> Any:
        return await self.messages.get()

    async def send(self, message: Any) -> None:
        pass


def test_a_part_that_came_before_it_is_read_stays_for_the_reader() -> None:
    async def main() -> None:
        client = Sending()
        task = asyncio.ensure_future(rx.send_response(rx.never(), client.receive, client.send))
        for body in (b"a", b"b"):
            client.messages.put_nowait({"type": "http.request", "body": body, "more_body": True})
        await turns(20)
        assert client.messages.qsize() == 1, "one is taken to see whether the client has left"
        client.messages.put_nowait({"type": "http.request", "body": b"c"})
        assert [part async for part in rx.from_request_body(client.receive)] == [b"a", b"b", b"c"]
        client.messages.put_nowait({"type": "http.disconnect"})
        assert await task is False

    run(main())


def test_the_end_of_a_body_that_came_before_it_is_read_stays_for_the_reader() -> None:
    """And who watches goes on, to hear that the client leaves."""

    async def main() -> None:
        client = Sending()
        task = asyncio.ensure_future(rx.send_response(rx.never(), client.receive, client.send))
        client.messages.put_nowait({"type": "http.request", "body": b"", "more_body": False})
        await turns(20)
        assert [part async for part in rx.from_request_body(client.receive)] == []
        client.messages.put_nowait({"type": "http.disconnect"})
        assert await task is False

    run(main())


def test_a_reader_that_is_cancelled_takes_nothing_from_the_one_who_watches() -> None:
    async def main() -> None:
        client = Sending()
        task = asyncio.ensure_future(rx.send_response(rx.never(), client.receive, client.send))
        await turns(20)  # it watches, so the reader joins it in waiting
        reading = asyncio.ensure_future(rx.from_websocket(client.receive).for_each(print))
        await turns(20)
        reading.cancel()
        await asyncio.wait([reading])
        client.messages.put_nowait({"type": "websocket.receive", "text": "a"})
        await turns(20)
        flow = rx.from_websocket(client.receive).pipe(ops.take(1))
        assert [item async for item in flow] == ["a"]
        assert not task.done()
        client.messages.put_nowait({"type": "websocket.disconnect", "code": 1000})
        assert await task is False

    run(main())


def test_a_client_that_leaves_in_the_middle_of_its_upload_is_no_failure_of_the_answer() -> None:
    told: list[bool] = []

    async def main() -> None:
        app = sends(rx.from_request_body, told)
        async with serving(app) as served:
            async with connected(served.port) as client:
                await client.send(
                    GET.replace(b"GET", b"POST")[:-2] + b"Content-Length: 9\r\n\r\nabc"
                )
                await client.until(b"abc")
            await served.over()
            assert served.failures == []

    run_real(main())
    assert told == [False]


def test_another_client_that_leaves_is_a_failure_like_any() -> None:
    class Gone:
        async def __call__(self) -> Any:
            return {"type": "http.disconnect"}

    async def main() -> None:
        async with serving(sends(lambda _: rx.from_request_body(Gone()))) as served:
            assert (await get(served)).status_code == 500
            [error] = served.failures
            assert isinstance(error, rx.ClientDisconnectedError)

    run_real(main())


# What a server gives, without one: each of these is a state that is hard to meet in time.


class Server:
    """The two functions that a server gives, for a request without a body."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.receiving = 0
        self._request = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive(self) -> Any:
        if self._request:
            return self._request.pop()
        self.receiving += 1
        try:
            return await asyncio.get_running_loop().create_future()
        finally:
            self.receiving -= 1

    async def send(self, message: Any) -> None:
        self.sent.append(message)


def test_nothing_is_received_any_more_when_it_returns() -> None:
    async def main() -> None:
        server = Server()
        flow = rx.of(b"a", b"b")
        assert await rx.send_response(flow, server.receive, server.send)
        assert server.receiving == 0
        bodies = [message.get("body") for message in server.sent]
        assert bodies == [None, b"a", b"b", b""]
        assert [message.get("more_body") for message in server.sent] == [None, True, True, False]

    run(main())


@pytest.mark.parametrize("sends_first", [False, True])
def test_a_cancelled_answer_closes_the_flow_and_stops_the_receive(sends_first: bool) -> None:
    async def main() -> None:
        server, closed = Server(), asyncio.Event()

        async def items() -> Any:
            try:
                if sends_first:
                    yield b"a"
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(1)
                closed.set()

        flow = rx.from_async_iterable(items())
        task = asyncio.ensure_future(rx.send_response(flow, server.receive, server.send))
        await turns(20)
        assert server.receiving == 1
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        assert closed.is_set()
        assert server.receiving == 0
        assert len(server.sent) == 2 * sends_first

    run(main())


def test_a_server_whose_send_says_that_the_client_is_gone() -> None:
    """ASGI 2.4: send raises an OSError."""

    async def main() -> None:
        source, server = Source(b"a"), Server()

        async def send(message: Any) -> None:
            if source.made == 3:
                raise BrokenPipeError
            await server.send(message)

        flow = rx.from_async_iterable(source)
        assert not await rx.send_response(flow, server.receive, send)
        assert source.closed
        assert len(server.sent) == 3
        assert server.receiving == 0

    run(main())


@pytest.mark.parametrize("timeout", [None, 5.0])
def test_a_timeout_of_the_server_or_of_the_flow_is_passed_on(timeout: float | None) -> None:
    async def main() -> None:
        server = Server()

        async def send(message: Any) -> None:
            raise TimeoutError("the server's")

        with pytest.raises(TimeoutError, match="the server's"):
            await rx.send_response(rx.of(b"a"), server.receive, send, timeout=timeout)
        flow = rx.throw(TimeoutError("the flow's"))
        with pytest.raises(TimeoutError, match="the flow's"):
            await rx.send_response(flow, server.receive, server.send, timeout=timeout)

    run(main())


def test_a_receive_that_fails_ends_the_answer() -> None:
    async def main() -> None:
        source, server = Source(b"a"), Server()

        async def receive() -> Any:
            await turns(3)
            raise LookupError("no server")

        async def send(message: Any) -> None:
            await asyncio.sleep(1)

        with pytest.raises(LookupError, match="no server"):
            await rx.send_response(rx.from_async_iterable(source), receive, send)
        assert source.closed
        assert server.receiving == 0

    run(main())


@pytest.mark.parametrize(
    "headers",
    [[("a", "b\r\nx: y")], [("a\nb", "c")], {"a": "b\0"}, [("a\r", "")]],
)
def test_a_header_with_a_line_end_is_refused_and_nothing_is_sent(headers: Any) -> None:
    async def main() -> None:
        server = Server()
        with pytest.raises(ValueError, match="a header must be one line"):
            await rx.send_response(rx.of(b"a"), server.receive, server.send, headers=headers)
        assert server.sent == []

    run(main())


BAD: dict[str, tuple[Callable[[Server], Any], type[Exception], str]] = {
    "text": (
        lambda s: rx.send_response(rx.of("a"), s.receive, s.send),  # type: ignore
        TypeError,
        r"send_response sends bytes, not 'a'; use map\(str.encode\)",
    ),
    "headers of bytes": (
        lambda s: rx.send_response(rx.of(b"a"), s.receive, s.send, headers=[(b"a", b"b")]),  # type: ignore
        TypeError,
        "headers are pairs of str, not b'a'",
    ),
    "status": (
        lambda s: rx.send_response(rx.of(b"a"), s.receive, s.send, status=100),
        ValueError,
        "status must be a whole number 200 to 599, not 100",
    ),
    "status that is true": (
        lambda s: rx.send_response(rx.of(b"a"), s.receive, s.send, status=True),
        ValueError,
        "status must be",
    ),
    "timeout": (
        lambda s: rx.send_response(rx.of(b"a"), s.receive, s.send, timeout=0),
        ValueError,
        "send_response: timeout must be more than 0",
    ),
    "the scope": (
        lambda s: rx.send_response(rx.of(b"a"), {}, s.send),  # type: ignore
        TypeError,
        "receive must be what the ASGI server gives",
    ),
    "no send": (
        lambda s: rx.send_response(rx.of(b"a"), s.receive, None),  # type: ignore
        TypeError,
        "send must be what the ASGI server gives",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_arguments_and_items_are_refused_before_anything_is_sent(name: str) -> None:
    call, error, text = BAD[name]

    async def main() -> None:
        server = Server()
        with pytest.raises(error, match=text):
            await call(server)
        assert server.sent == []
        assert server.receiving == 0

    run(main())


def test_one_item_is_asked_for_each_send_that_is_over() -> None:
    async def main() -> None:
        source, server = Source(b"a"), Server()
        gate = asyncio.Semaphore(0)

        async def send(message: Any) -> None:
            await gate.acquire()
            await server.send(message)

        flow = rx.from_async_iterable(source)
        task = asyncio.ensure_future(rx.send_response(flow, server.receive, send))
        for made in range(1, 10):
            await turns(20)
            assert source.made == made
            gate.release()
            if made == 1:
                gate.release()  # the status is a message of its own
        task.cancel()
        await asyncio.wait([task])

    run(main())
