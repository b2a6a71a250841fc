"""A server that is held by nobody who sends nothing, or hardly anything ("slow loris")."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect

import rxflow as rx
from rxflow.examples import patient
from tests.examples.test_webhooks import kept, post, url_of
from tests.support_server import Raw, Serving, connected, run_real, serving

GET = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n"


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["path"] == "/slow":
        await asyncio.sleep(3 * patient.PATIENCE)
    headers = [(b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body"})


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patient, "PATIENCE", 0.1)


@asynccontextmanager
async def served(app: Any = app) -> AsyncGenerator[tuple[Serving, Raw]]:
    async with (
        serving(app, http=patient.Patient) as server,
        connected(server.port) as client,
    ):
        yield server, client


async def trickle(client: Raw) -> None:
    """Send a head that has no end, a byte at a time."""
    while True:
        await client.send(b"x")
        await asyncio.sleep(0.01)


async def closed(client: Raw) -> None:
    """Wait until the server has closed the connection."""
    with suppress(ConnectionError):
        assert await client.rest() == b""


async def nothing(client: Raw) -> None:
    await closed(client)


async def head_without_an_end(client: Raw) -> None:
    await client.send(GET[:-2])
    sending = asyncio.ensure_future(trickle(client))
    await closed(client)
    sending.cancel()
    await asyncio.wait([sending])


async def nothing_after_a_request(client: Raw) -> None:
    await client.send(GET)
    await client.until(b"\r\n\r\n")
    await closed(client)


async def head_without_an_end_after_two_requests(client: Raw) -> None:
    for _ in range(2):
        await client.send(GET)
        await client.until(b"\r\n\r\n")
    await head_without_an_end(client)


async def body_without_an_end_that_nobody_wants(client: Raw) -> None:
    await client.send(b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 10000000\r\n\r\n")
    await client.until(b"\r\n\r\n")
    sending = asyncio.ensure_future(trickle(client))
    await closed(client)
    sending.cancel()
    await asyncio.wait([sending])


@pytest.mark.parametrize(
    "hold",
    [
        nothing,
        head_without_an_end,
        nothing_after_a_request,
        head_without_an_end_after_two_requests,
        body_without_an_end_that_nobody_wants,
    ],
)
def test_a_connection_on_which_no_request_comes_is_closed(
    hold: Callable[[Raw], Awaitable[None]],
) -> None:
    async def main() -> None:
        async with served() as (server, client):
            await hold(client)
            assert server.failures == []

    run_real(main())


def test_a_request_takes_the_time_that_its_answer_takes() -> None:
    async def main() -> None:
        async with served() as (_, client):
            await client.send(GET.replace(b"/", b"/slow", 1))
            assert b"200 OK" in await client.until(b"\r\n\r\n")

    run_real(main())


def test_a_websocket_may_be_silent() -> None:
    async def echo(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        await rx.to_websocket(rx.from_websocket(receive), receive, send)

    async def main() -> None:
        async with (
            served(echo) as (server, _),
            connect(f"ws://127.0.0.1:{server.port}/") as socket,
        ):
            await asyncio.sleep(2 * patient.PATIENCE)
            await socket.send("still there")
            assert await socket.recv() == "still there"

    run_real(main())


def test_one_connection_too_many_is_closed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patient, "PATIENCE", 3600)
    monkeypatch.setattr(patient, "CONNECTIONS", 2)

    async def main() -> None:
        async with served() as (server, first), connected(server.port) as second:
            for client in (first, second):
                await client.send(GET)
                await client.until(b"\r\n\r\n")
            async with connected(server.port) as third:
                await closed(third)
            await first.send(GET)
            assert b"200 OK" in await first.until(b"\r\n\r\n")

    run_real(main())


# Runs the webhooks, and tells what was needed of memory before they began, and at most.
SERVER = r"""
import re, resource, sys
from pathlib import Path
from rxflow.examples import patient, webhooks
def need():
    # Not ru_maxrss: that is at least what the process had that has started this one.
    told = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    print("peak", told[1], file=sys.stderr, flush=True)
most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 4096), most))
patient.PATIENCE, webhooks.PATIENCE = 1.0, 0.5
need()
try:
    webhooks.main()
finally:
    need()
"""


def test_the_webhooks_survive_1000_connections_that_send_nothing(tmp_path: Path) -> None:
    """A third each: nothing at all; half a head; and half a body, which takes a place."""
    if not Path("/proc/self/status").exists():
        pytest.skip("memory is not told here")
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2500:
        pytest.skip("too few file descriptors are allowed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2500), hard))
    beginnings = [b"", GET[:-2], b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nhalf"]
    path = tmp_path / "hooks.db"

    async def main(url: str) -> None:
        async with (
            AsyncExitStack() as idle,
            httpx.AsyncClient(base_url=url, timeout=30, trust_env=False, verify=False) as client,
        ):
            port = client.base_url.port
            assert port is not None
            held: list[Raw] = []
            for number in range(1000):
                held.append(await idle.enter_async_context(connected(port)))
                await held[-1].send(beginnings[number % 3])
            assert (await post(client, "while they are there")).status_code == 202
            answers = await asyncio.gather(*(each.rest() for each in held))
            # Half a body is a request, so it has an answer; the others have none.
            assert [answer[:12] for answer in answers] == [b"", b"", b"HTTP/1.1 408"] * 333 + [b""]
            assert (await post(client, "afterwards")).status_code == 202

    command = [sys.executable, "-c", SERVER, str(path), "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            before = int(process.stderr.readline().split()[1])
            run_real(main(url_of(process)))
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=30)
        finally:
            process.kill()
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    grown = int(err.split("peak ")[1].split()[0]) - before
    assert grown < 30 * 1024  # KiB: 30 for each connection; it was 12
    assert {*kept(path)} == {"while they are there", "afterwards"}
