"""A real ASGI server and raw connections to it, on 127.0.0.1 and in the test's own loop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import uvicorn

T = TypeVar("T")
App = Callable[[Any, Any, Any], Awaitable[object]]

PATIENCE = 30.0
"""For what must come; a machine that is busy makes no test fail (seconds)."""

STILL = 0.15
"""For what must not come (seconds)."""


def run_real(main: Coroutine[Any, Any, T], patience: float = PATIENCE) -> T:
    """Run in real time; what does not come fails the test instead of holding it."""

    async def limited() -> T:
        async with asyncio.timeout(patience):
            return await main

    return asyncio.run(limited())


class Serving:
    """A running server.

    Attributes:
        port: Where it listens.
        failures: What applications have raised.
        calls: How many calls of the application are over.
    """

    def __init__(self, app: App) -> None:
        self.failures: list[BaseException] = []
        self.calls = 0
        self._app = app
        self._changed = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await self._app(scope, receive, send)
        except BaseException as error:
            self.failures.append(error)
            raise
        finally:
            self.calls += 1
            self._changed.set()

    async def over(self, calls: int = 1) -> None:
        """Wait until so many calls of the application are over."""
        while self.calls < calls:
            self._changed.clear()
            await self._changed.wait()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    port: int


class _Server(uvicorn.Server):
    """Stops at once, whatever connections are left; a test sees to them itself."""

    async def stop(self) -> None:
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            transport: Any = connection.transport  # type: ignore[union-attr]
            transport.abort()
        for task in list(self.server_state.tasks):
            task.cancel()
        await asyncio.gather(*self.server_state.tasks, return_exceptions=True)


@asynccontextmanager
async def serving(
    app: App, *, buffers: int | None = None, http: Any = "auto"
) -> AsyncGenerator[Serving]:
    """Serve an application.

    Args:
        app: The application.
        buffers: Of the kernel for each connection, in each direction (bytes).
        http: The protocol of its connections, for uvicorn.
    """
    listening = socket.create_server(("127.0.0.1", 0))
    if buffers is not None:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffers)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffers)
    served = Serving(app)
    served.port = listening.getsockname()[1]
    config = uvicorn.Config(served, lifespan="off", log_config=None, access_log=False, http=http)
    config.load()
    server = _Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=[listening])
    try:
        yield served
    finally:
        await server.stop()
        listening.close()


class Raw:
    """A client that reads and writes only when it is told to."""

    def __init__(self, port: int, buffers: int | None = None) -> None:
        self._socket = socket.socket()
        if buffers is not None:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffers)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffers)
        self._socket.connect(("127.0.0.1", port))
        self._socket.setblocking(False)
        self._loop = asyncio.get_running_loop()

    async def send(self, data: bytes) -> None:
        await self._loop.sock_sendall(self._socket, data)

    async def flood(self, data: bytes) -> int:
        """Write until nothing more is accepted; give how many bytes were."""
        accepted = 0
        while True:
            try:
                accepted += self._socket.send(data)
                await asyncio.sleep(0)
            except BlockingIOError:
                writable = asyncio.Event()
                self._loop.add_writer(self._socket, writable.set)
                try:
                    await asyncio.wait_for(writable.wait(), STILL)
                except TimeoutError:
                    return accepted
                finally:
                    self._loop.remove_writer(self._socket)

    async def read(self, size: int = 65536) -> bytes:
        return await self._loop.sock_recv(self._socket, size)

    async def until(self, text: bytes) -> bytes:
        """Read until a text has come."""
        data = b""
        while text not in data:
            part = await self.read()
            assert part, data
            data += part
        return data

    async def rest(self) -> bytes:
        """Read to the end of the connection."""
        data = b""
        while part := await self.read():
            data += part
        return data

    def half_close(self) -> None:
        """Send no more; it still reads."""
        self._socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self._socket.close()


@asynccontextmanager
async def connected(port: int, *, buffers: int | None = None) -> AsyncGenerator[Raw]:
    """Connect to a port of this machine."""
    raw = Raw(port, buffers)
    try:
        yield raw
    finally:
        raw.close()
