"""The body of a response as a source: ``from_async_iterable`` over what httpx and aiohttp give."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from typing import Any

import aiohttp
import httpx
import pytest

import rxflow as rx
from rxflow import operators as ops
from tests.http.test_response import BUFFERS, Source, sends
from tests.support_server import run_real, serving

Opened = AbstractAsyncContextManager[AsyncIterator[bytes]]


@asynccontextmanager
async def by_httpx(url: str) -> AsyncGenerator[AsyncIterator[bytes]]:
    async with httpx.AsyncClient() as client, client.stream("GET", url) as response:
        yield response.aiter_bytes()


@asynccontextmanager
async def by_aiohttp(url: str) -> AsyncGenerator[AsyncIterator[bytes]]:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        yield response.content.iter_any()


CLIENTS = pytest.mark.parametrize("opened", [by_httpx, by_aiohttp])


@CLIENTS
def test_a_body_is_a_source_like_any(opened: Callable[[str], Opened]) -> None:
    async def main() -> int:
        app = sends(lambda _: rx.of(*[bytes(1000)] * 1000))
        async with serving(app) as served, opened(served.url) as body:
            flow = rx.from_async_iterable(body).pipe(ops.map(len), ops.sum())
            return await flow

    assert run_real(main()) == 1_000_000


@CLIENTS
def test_a_consumer_that_stops_stops_the_server(opened: Callable[[str], Opened]) -> None:
    """Demand reaches through the client, two kernel buffers and the server to what is sent."""
    told: list[bool] = []

    async def main() -> None:
        source = Source(bytes(16384))
        app = sends(lambda _: rx.from_async_iterable(source), told)
        async with serving(app, buffers=BUFFERS) as served:
            async with opened(served.url) as body:
                flow = rx.from_async_iterable(body)
                async with aclosing(aiter(flow)) as items:
                    assert set(await anext(items)) == {0}
                    held = await source.still()
                    assert held * 16384 < 8 * 2**20, "the client's receive buffer is 6 MiB at most"
                    while source.made < held + 20:
                        await anext(items)
            await served.over()
            assert source.closed

    run_real(main())
    assert told == [False]


@CLIENTS
def test_a_body_that_is_cut_is_an_error_behind_what_has_come(
    opened: Callable[[str], Opened],
) -> None:
    taken: list[bytes] = []

    async def main() -> None:
        seen = asyncio.Event()

        async def items() -> Any:
            yield b"abc"
            await seen.wait()
            raise KeyError("the server's")

        def take(item: bytes) -> None:
            taken.append(item)
            seen.set()

        app = sends(lambda _: rx.from_async_iterable(items()))
        async with serving(app) as served, opened(served.url) as body:
            with pytest.raises((httpx.RemoteProtocolError, aiohttp.ClientPayloadError)):
                await rx.from_async_iterable(body).for_each(take)

    run_real(main())
    assert taken == [b"abc"]


@CLIENTS
def test_a_slow_server_has_each_part_at_a_fast_consumer_at_once(
    opened: Callable[[str], Opened],
) -> None:
    async def main() -> None:
        gate, made = asyncio.Semaphore(0), list[bytes]()

        async def slowly() -> AsyncGenerator[bytes]:
            for number in range(10):
                await gate.acquire()
                made.append(b"%d" % number)
                yield made[-1]

        app = sends(lambda _: rx.concat(rx.of(b"head"), rx.from_async_iterable(slowly())))
        async with (
            serving(app) as served,
            opened(served.url) as body,
            aclosing(aiter(rx.from_async_iterable(body))) as parts,
        ):
            assert await anext(parts) == b"head"
            for number in range(10):
                waiting = asyncio.ensure_future(anext(parts))
                gate.release()
                assert await waiting == made[-1]
                assert len(made) == number + 1

    run_real(main())


@CLIENTS
def test_a_body_that_never_ends_and_says_nothing_is_given_up_after_a_time(
    opened: Callable[[str], Opened],
) -> None:
    taken: list[bytes] = []

    async def main() -> None:
        app = sends(lambda _: rx.concat(rx.of(b"abc"), rx.never()))
        async with serving(app) as served:
            async with opened(served.url) as body:
                flow = rx.from_async_iterable(body).pipe(ops.idle_timeout(0.1))
                with pytest.raises(TimeoutError, match="idle_timeout"):
                    await flow.for_each(taken.append)
            await served.over()  # the connection is closed, so the server is through with it

    run_real(main())
    assert taken == [b"abc"]
