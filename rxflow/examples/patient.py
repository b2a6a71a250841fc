"""What keeps a server of uvicorn from being held by peers that send nothing ("slow loris").

An application can give up a body that does not come, as ``webhooks`` does. But before a request's
head is whole it is not even called, and uvicorn waits for that as long as the peer likes. Here it
waits for so many seconds only, whatever comes bit by bit meanwhile; and a connection beyond so
many is closed at once, so that those that wait are bounded, too::

    uvicorn.run(application, http=Patient)

Behind a reverse proxy that reads the head itself, such as nginx with its
``client_header_timeout``, it is not needed.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

PATIENCE, CONNECTIONS = 10.0, 2000  # for the head of a request (seconds), at once


class Patient(H11Protocol):
    """The protocol of a connection; for ``http`` of uvicorn's configuration."""

    _limit: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Wait for the first request."""
        super().connection_made(transport)
        self._wait()
        if len(self.connections) > CONNECTIONS:
            transport.abort()

    def data_received(self, data: bytes) -> None:
        """Wait no more when a request has begun."""
        super().data_received(data)
        if self._at_work():
            self._leave_off()

    def on_response_complete(self) -> None:
        """Wait for the next request; it may be there already."""
        super().on_response_complete()
        if not self._at_work():
            self._wait()

    def handle_websocket_upgrade(self, event: Any) -> None:
        """Leave the connection to another protocol."""
        self._leave_off()
        super().handle_websocket_upgrade(event)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._leave_off()
        super().connection_lost(exc)

    def _at_work(self) -> bool:
        cycle: Any = self.cycle  # None before the first request
        return cycle is not None and not cycle.response_complete

    def _wait(self) -> None:
        self._leave_off()
        self._limit = self.loop.call_later(PATIENCE, self.transport.abort)

    def _leave_off(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
