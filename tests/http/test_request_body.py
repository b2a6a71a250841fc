"""``from_request_body`` behind a real server: demand reaches the client that uploads."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import aclosing
from typing import Any

import httpx
import pytest

import rxflow as rx
from rxflow import operators as ops
from tests.support_loop import Recorder, run, turns, until
from tests.support_server import connected, run_real, serving

BUFFERS = 8192


async def answer(send: Any, status: int, body: bytes = b"") -> None:
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": body})


def post(size: int) -> bytes:
    return b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n\r\n" % size


def part(body: bytes, more: bool = True) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


GONE = {"type": "http.disconnect"}


class Client:
    """What a server's ``receive`` gives: messages that are here, then none for ever."""

    def __init__(self, messages: Iterable[dict[str, Any]]) -> None:
        self.messages = list(messages)
        self.received = 0

    async def __call__(self) -> dict[str, Any]:
        if not self.messages:
            await asyncio.get_running_loop().create_future()
        self.received += 1
        return self.messages.pop(0)


def test_an_upload_arrives_whole_and_in_order() -> None:
    data = bytes(range(256)) * 4096

    async def app(scope: Any, receive: Any, send: Any) -> None:
        parts = [item async for item in rx.from_request_body(receive)]
        assert all(parts)
        assert len(parts) > 1
        await answer(send, 200, b"".join(parts))

    async def main() -> None:
        async with serving(app) as served, httpx.AsyncClient() as client:
            response = await client.post(served.url, content=data)
            assert response.content == data

    run_real(main())


@pytest.mark.parametrize("through", ["async for", "subscriber"])
def test_a_consumer_that_stops_stops_the_upload(through: str) -> None:
    """It takes one part of 8 MiB: what the client can send on is what buffers hold."""
    size = 8 * 2**20
    taken: list[int] = []

    async def main() -> None:
        stopped, go_on = asyncio.Event(), asyncio.Event()

        async def iterate(receive: Any) -> None:
            async for item in rx.from_request_body(receive):
                taken.append(len(item))
                stopped.set()
                await go_on.wait()

        async def subscribe(receive: Any) -> None:
            subscriber = Recorder(1)
            rx.from_request_body(receive).pipe(ops.map(len)).subscribe(subscriber)
            await until(lambda: subscriber.items)
            stopped.set()
            await go_on.wait()
            subscriber.request(rx.UNBOUNDED)
            await until(lambda: subscriber.completed, most=10**9)
            taken.extend(subscriber.items)

        async def app(scope: Any, receive: Any, send: Any) -> None:
            await (iterate if through == "async for" else subscribe)(receive)
            await answer(send, 200)

        async with (
            serving(app, buffers=BUFFERS) as served,
            connected(served.port, buffers=BUFFERS) as client,
        ):
            await client.send(post(size))
            chunk = bytes(65536)
            accepted = await client.flood(chunk)
            await stopped.wait()
            accepted += await client.flood(chunk)
            # uvicorn reads on until it has 64 KiB, and up to 256 KiB at once.
            assert accepted < 2**20, "bytes accepted without demand"
            go_on.set()
            while accepted < size:
                rest = min(size - accepted, len(chunk))
                await client.send(chunk[:rest])
                accepted += rest
            assert b" 200 " in await client.until(b"\r\n\r\n")

    run_real(main())
    assert sum(taken) == size


def test_each_item_is_one_receive_and_nothing_is_received_ahead() -> None:
    client = Client([part(b"a"), part(b"b"), part(b"c"), part(b"d", more=False)])
    subscriber = Recorder()

    async def main() -> None:
        async with aclosing(aiter(rx.from_request_body(client))) as items:
            await turns(5)
            assert client.received == 0
            assert await anext(items) == b"a"
            await turns(5)
            assert client.received == 1
        client.messages.insert(0, part(b"a"))
        client.received = 0
        subscription = rx.from_request_body(client).subscribe(subscriber)
        figures, *_ = subscription.statistics()
        assert figures.capacity == 1, "however much is asked for"
        for n in (0, 2, 1):
            if n:
                subscriber.request(n)
            await turns(20)
            assert client.received == len(subscriber.items)

    run(main())
    assert subscriber.items == [b"a", b"b", b"c"]
    assert subscriber.completed == 0


def test_the_end_comes_with_the_last_part_and_needs_no_demand() -> None:
    subscriber = Recorder(2)

    async def main() -> None:
        rx.from_request_body(Client([part(b"a"), part(b"b", more=False)])).subscribe(subscriber)
        await turns(20)

    run(main())
    assert subscriber.items == [b"a", b"b"]
    assert subscriber.completed == 1


@pytest.mark.parametrize(
    "messages",
    [[part(b"", more=False)], [part(b""), part(b"", more=False)], [{"type": "http.request"}]],
)
def test_a_request_without_a_body_is_an_empty_flow(messages: list[dict[str, Any]]) -> None:
    async def main() -> list[bytes]:
        return [item async for item in rx.from_request_body(Client(messages))]

    assert run(main()) == []


def test_empty_parts_are_no_items() -> None:
    messages = [part(b""), part(b"a"), part(b""), part(b"b"), part(b"", more=False)]

    async def main() -> list[bytes]:
        return [item async for item in rx.from_request_body(Client(messages))]

    assert run(main()) == [b"a", b"b"]


@pytest.mark.parametrize("length", [False, True], ids=["chunked", "with its length"])
def test_a_body_that_is_too_large_is_refused_at_the_first_byte_too_many(length: bool) -> None:
    taken: list[bytes] = []
    refused: list[rx.BodyTooLargeError] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        try:
            await rx.from_request_body(receive, max_bytes=100_000).for_each(taken.append)
        except rx.BodyTooLargeError as error:
            refused.append(error)
            await answer(send, 413, str(error).encode())
            return
        await answer(send, 200)

    async def main() -> None:
        async with serving(app) as served, httpx.AsyncClient() as client:
            for size, status in ((100_000, 200), (100_001, 413)):
                taken.clear()
                data = bytes(size)

                async def parts(data: bytes = data) -> Any:
                    for start in range(0, len(data), 1000):
                        yield data[start : start + 1000]

                headers = {"content-length": str(size)} if length else {}
                response = await client.post(served.url, content=parts(), headers=headers)
                assert response.status_code == status
                assert sum(map(len, taken)) <= 100_000
            assert "max_bytes=100000" in response.text

    run_real(main())
    [error] = refused
    assert error.max_bytes == 100_000 < error.received <= 100_001


@pytest.mark.parametrize("way", ["disconnects", "half-closes"])
def test_a_client_that_leaves_in_the_middle_is_an_error_and_no_end(way: str) -> None:
    taken: list[bytes] = []
    raised: list[Exception] = []

    async def main() -> None:
        some = asyncio.Event()

        async def app(scope: Any, receive: Any, send: Any) -> None:
            try:
                async for item in rx.from_request_body(receive):
                    taken.append(item)
                    some.set()
            except rx.ClientDisconnectedError as error:
                raised.append(error)

        async with serving(app) as served:
            async with connected(served.port) as client:
                await client.send(post(1000) + b"abc")
                await some.wait()
                if way == "half-closes":
                    client.half_close()
                    await served.over()
            await served.over()

    run_real(main())
    assert taken == [b"abc"]
    [error] = raised
    assert isinstance(error, ConnectionError)
    assert "from_request_body: the client disconnected before the end" in str(error)


def test_a_client_that_sends_nothing_is_left_to_the_policy_of_a_timeout() -> None:
    """Slow loris: many of them, each in the middle of its body."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        try:
            await rx.from_request_body(receive).pipe(ops.timeout(0.05)).for_each(len)
        except rx.StreamTimeoutError:
            await answer(send, 408)

    async def main() -> None:
        async with serving(app) as served:
            many = [connected(served.port) for _ in range(50)]
            for each in many:
                client = await each.__aenter__()
                await client.send(post(1000) + b"a")
            await served.over(50)
            for each in many:
                await each.__aexit__(None, None, None)
        assert served.failures == []

    run_real(main())


def test_a_body_can_be_read_once() -> None:
    async def main() -> None:
        flow = rx.from_request_body(Client([part(b"a", more=False)]))
        assert [item async for item in flow] == [b"a"]
        with pytest.raises(RuntimeError, match="read only once"):
            aiter(flow)

    run(main())


def test_what_is_read_already_is_not_read_by_another() -> None:
    client = Client([part(b"a"), part(b"b", more=False)])

    async def main() -> None:
        async with aclosing(aiter(rx.from_request_body(client))) as items:
            assert await anext(items) == b"a"
            with pytest.raises(RuntimeError, match="read by a from_request_body already"):
                aiter(rx.from_websocket(client))
            assert await anext(items) == b"b"

    run(main())


def test_cancelling_the_consumer_stops_the_receive() -> None:
    async def main() -> None:
        client = Client([])
        task = asyncio.ensure_future(rx.from_request_body(client).for_each(print))
        await turns(5)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        again = rx.from_request_body(client)  # nobody reads it any more
        client.messages.append(part(b"a", more=False))
        assert [item async for item in again] == [b"a"]

    run(main())


def test_the_next_receive_of_the_server_may_fail() -> None:
    async def receive() -> Any:
        raise OSError("no server")

    async def main() -> None:
        with pytest.raises(OSError, match="no server"):
            await rx.from_request_body(receive).for_each(print)

    run(main())


def test_bad_arguments_are_refused_at_once() -> None:
    with pytest.raises(TypeError, match="receive must be what the ASGI server gives"):
        rx.from_request_body(None)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="max_bytes must be more than 0"):
        rx.from_request_body(Client([]), max_bytes=0)
    with pytest.raises(TypeError, match="max_bytes must be a number"):
        rx.from_request_body(Client([]), max_bytes="1 MB")  # type: ignore[arg-type]
