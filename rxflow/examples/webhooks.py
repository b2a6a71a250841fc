"""Webhooks: taken in quickly, held within bounds, written in batches, and none is lost.

``python -m rxflow.examples.webhooks hooks.db`` (extra ``examples``) answers a POST with

- 202 once its write has committed: so nothing that was acknowledged is lost, whatever kills the
  process. One that is sent again with the same ``Webhook-Id`` is kept once.
- 429 with ``Retry-After``, before its body is read, when as many are on their way as may
- 413 and 408 for a body that is too large, or takes too long; 503 when the database fails
- nothing, and a close, when no request comes: 1,000 idle connections do not stop it (``patient``)

Those that wait share a commit. Measured by ``python -m tests.benchmarks.applications webhooks``:
wrk sends 48 KiB on 500 connections for 10 s, to a database that takes 4 ms for each; who is refused
comes again after 1 s. What was sent is in uvicorn's memory, refused or not. Of all answers:

================  ========  =======  ======  ======  ===========
                  accepted  refused  p50     p99     peak memory
================  ========  =======  ======  ======  ===========
100 on their way  2,001     5,557    0.03 s  0.66 s  73 MiB
unbounded         2,672     0        2.20 s  2.27 s  78 MiB
================  ========  =======  ======  ======  ===========
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import uvicorn

import rxflow as rx
from rxflow.examples.patient import Patient

CAPACITY, BATCH = 500, 500  # webhooks on their way, and in one write
MOST_BYTES, PATIENCE = 64 * 1024, 5.0  # of one body (bytes), and for it (seconds)

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


@dataclass
class Webhook:
    """One that waits for its acknowledgement."""

    key: str
    body: bytes
    status: asyncio.Future[int] = field(default_factory=asyncio.Future[int])


class Webhooks:
    """The application, for an ASGI server; so many may be on their way to the database."""

    def __init__(self, path: str, capacity: int = CAPACITY) -> None:
        self._path, self._room = path, capacity
        self._flow = rx.create(self._begin, overflow=rx.SUSPEND, capacity=capacity)

    def _begin(self, emitter: rx.Emitter[Webhook]) -> None:
        self._emitter = emitter

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        status = 429
        if self._room:
            self._room -= 1  # from here to the answer: so bodies that come are bounded, too
            try:
                status = await self._take(dict(scope["headers"]), receive)
            finally:
                self._room += 1
        headers = [(b"content-length", b"0"), *[(b"retry-after", b"1")] * (status in (429, 503))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body"})

    async def _take(self, headers: dict[bytes, bytes], receive: Receive) -> int:
        try:
            body = await asyncio.wait_for(whole(receive), PATIENCE)
        except TimeoutError:
            return 408
        if body is None:
            return 413
        webhook = Webhook(headers.get(b"webhook-id", b"").decode("latin-1") or uuid4().hex, body)
        if self._emitter.try_offer(webhook) is not rx.Offer.ENQUEUED:
            return 503  # it is being shut down
        return await webhook.status

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        with closing(sqlite3.connect(self._path, check_same_thread=False)) as database:
            database.execute("PRAGMA synchronous = FULL")
            database.execute("CREATE TABLE IF NOT EXISTS webhooks (key PRIMARY KEY, body BLOB)")
            writing = asyncio.create_task(write(self._flow.chunks(BATCH), database))
            await send({"type": "lifespan.startup.complete"})
            await receive()  # the shutdown: every request has been answered
            writing.cancel()
            await asyncio.wait([writing])
        await send({"type": "lifespan.shutdown.complete"})


async def write(batches: AsyncIterator[list[Webhook]], database: sqlite3.Connection) -> None:
    """Write what is ready, each time in one transaction, and tell those who wait for it."""

    def insert(rows: list[tuple[str, bytes]]) -> None:
        with database:
            database.executemany("INSERT OR IGNORE INTO webhooks VALUES (?, ?)", rows)

    async for batch in batches:
        status = 202
        try:
            await asyncio.to_thread(insert, [(webhook.key, webhook.body) for webhook in batch])
        except Exception:  # a full disk, perhaps: they are to come again
            logging.exception("%d webhooks could not be written", len(batch))
            status = 503
        for webhook in batch:
            if not webhook.status.done():  # its sender is still there
                webhook.status.set_result(status)


async def whole(receive: Receive) -> bytes | None:
    """Receive a body; None if it is too large, or its sender leaves in the middle of it."""
    body, more = bytearray(), True
    while more:
        message = await receive()
        body += message.get("body", b"")
        if message["type"] == "http.disconnect" or len(body) > MOST_BYTES:
            return None
        more = message.get("more_body", False)
    return bytes(body)


def main() -> None:
    """Run it from the command line."""
    parser = argparse.ArgumentParser(description="Takes in webhooks.")
    parser.add_argument("path", help="the database")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--capacity", type=int, default=CAPACITY, help="webhooks on their way")
    told = parser.parse_args()
    served = Webhooks(told.path, told.capacity)
    uvicorn.run(served, port=told.port, lifespan="on", access_log=False, http=Patient)


if __name__ == "__main__":
    main()
