"""Webhooks: a real server, real requests, a real database, and a real SIGKILL."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import httpx

from rxflow.examples import webhooks
from tests.examples.serving import serving
from tests.support_loop import run

LIMIT = 30.0


def kept(path: Path) -> dict[str, bytes]:
    with closing(sqlite3.connect(path)) as database:
        return dict(database.execute("SELECT key, body FROM webhooks"))


@asynccontextmanager
async def served(path: Path, capacity: int) -> AsyncIterator[httpx.AsyncClient]:
    """Serve it on this loop."""
    application = webhooks.Webhooks(str(path), capacity)
    limits = httpx.Limits(max_connections=None)
    async with (
        serving(application, lifespan="on") as url,
        httpx.AsyncClient(
            base_url=url, limits=limits, timeout=LIMIT, trust_env=False, verify=False
        ) as client,
    ):
        yield client


async def post(client: httpx.AsyncClient, key: str) -> httpx.Response:
    return await client.post("/", content=f"body {key}", headers={"Webhook-Id": key})


def test_beyond_its_bound_it_refuses_at_once_and_takes_in_all_it_has_not_refused(
    tmp_path: Path,
) -> None:
    path = tmp_path / "hooks.db"

    async def main() -> None:
        async with served(path, capacity=5) as client:
            with closing(sqlite3.connect(path, isolation_level=None)) as lock:
                lock.execute("BEGIN EXCLUSIVE")  # nothing can be written
                tasks = [asyncio.create_task(post(client, str(n))) for n in range(40)]
                for _, answer in zip(range(35), asyncio.as_completed(tasks), strict=False):
                    response = await answer
                    assert response.status_code == 429
                    assert response.headers["retry-after"] == "1"
                lock.execute("COMMIT")
            answers = {str(n): (await task).status_code for n, task in enumerate(tasks)}
            assert {*answers.values()} == {202, 429}
            acknowledged = {key for key, status in answers.items() if status == 202}
            assert len(acknowledged) == 5
            assert kept(path) == {key: b"body " + key.encode() for key in acknowledged}

    asyncio.run(asyncio.wait_for(main(), LIMIT))


def test_one_that_is_sent_again_is_kept_once_and_bad_ones_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "hooks.db"

    async def main() -> None:
        async with served(path, capacity=5) as client:
            for _ in range(2):
                assert (await post(client, "again")).status_code == 202
            large = await client.post("/", content=b"x" * (webhooks.MOST_BYTES + 1))
            assert large.status_code == 413
            assert (await client.post("/", content=b"no id")).status_code == 202
            with closing(sqlite3.connect(path)) as other:
                other.execute("DROP TABLE webhooks")
            failed = await post(client, "lost")
            assert (failed.status_code, failed.headers["retry-after"]) == (503, "1")

    asyncio.run(asyncio.wait_for(main(), LIMIT))


def test_a_body_that_does_not_come_is_given_up(tmp_path: Path) -> None:
    async def main() -> tuple[list[dict[str, Any]], float]:
        sent: list[dict[str, Any]] = []

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        async def receive() -> dict[str, Any]:
            await asyncio.sleep(2)
            return {"type": "http.request", "body": b"x", "more_body": True}  # for ever

        application = webhooks.Webhooks(str(tmp_path / "hooks.db"))
        await application({"type": "http", "headers": []}, receive, send)
        return sent, asyncio.get_running_loop().time()

    sent, ended = run(main())
    assert sent[0]["status"] == 408
    assert ended == webhooks.PATIENCE


def test_a_sender_that_leaves_in_the_middle_of_a_body_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "hooks.db"

    async def main() -> None:
        async with served(path, capacity=1) as client:
            url = client.base_url
            _, writer = await asyncio.open_connection(url.host, url.port)
            writer.write(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nhalf")
            await writer.drain()
            status = 202
            while status == 202:  # until it has the only place
                status = (await client.post("/", content=b"first")).status_code
            assert status == 429
            writer.close()
            await writer.wait_closed()
            while status == 429:  # until the place is free
                status = (await client.post("/", content=b"second")).status_code
            assert status == 202
        assert {*kept(path).values()} <= {b"first", b"second"}

    asyncio.run(asyncio.wait_for(main(), LIMIT))


def test_nothing_that_was_acknowledged_is_lost_when_it_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "hooks.db"
    command = [sys.executable, "-m", "rxflow.examples.webhooks", str(path), "--port", "0"]
    acknowledged: list[str] = []

    async def sender(client: httpx.AsyncClient, name: int, process: Any) -> None:
        for number in range(10_000):
            key = f"{name}-{number}"
            try:
                response = await post(client, key)
            except httpx.TransportError:
                return  # it is dead
            assert response.status_code == 202
            acknowledged.append(key)
            if len(acknowledged) == 60:
                process.send_signal(signal.SIGKILL)

    async def main(url: str, process: Any) -> None:
        async with httpx.AsyncClient(
            base_url=url, timeout=LIMIT, trust_env=False, verify=False
        ) as client:
            await asyncio.gather(*(sender(client, name, process) for name in range(8)))

    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        asyncio.run(asyncio.wait_for(main(url_of(process), process), LIMIT))
        process.communicate(timeout=LIMIT)
    assert process.returncode == -signal.SIGKILL
    assert len(acknowledged) >= 60
    found = kept(path)
    assert set(acknowledged) <= found.keys()
    assert all(found[key] == f"body {key}".encode() for key in acknowledged)


def url_of(process: subprocess.Popen[str]) -> str:
    """Give the address that it says it runs on."""
    assert process.stderr is not None
    for line in process.stderr:
        for word in line.split():
            if word.startswith("http://"):
                return word
    raise AssertionError("it does not run")
