"""A real HTTP server on the running loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn


@asynccontextmanager
async def serving(application: Any, *, lifespan: Any = "off") -> AsyncIterator[str]:
    """Serve an ASGI application; give its URL."""
    server = uvicorn.Server(
        uvicorn.Config(application, port=0, lifespan=lifespan, log_config=None, access_log=False)
    )
    task = asyncio.create_task(server.serve())
    while not server.started:
        assert not task.done()
        await asyncio.sleep(0)
    host, port = server.servers[0].sockets[0].getsockname()
    yield f"http://{host}:{port}/"
    server.should_exit = True
    await task
