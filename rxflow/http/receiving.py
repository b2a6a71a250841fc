"""What a client sends as a Flow: the body of a request, the messages of a WebSocket."""

from __future__ import annotations

from dataclasses import dataclass

from ..flow import Flow, checks
from ..flow.registry import register
from ..kernel import Context
from ..sources.asynchronous import AsyncPulled
from .errors import BodyTooLargeError, ClientDisconnectedError
from .inbox import GONE, Inbox, Message, Receive, checked, needed_asyncio

LEFT = (1000, 1001, 1005)
"""Close codes of those who leave as they should: done, going away, and none given."""


class _Received(AsyncPulled):
    """Takes messages from an inbox, which it has for itself from ``start`` on."""

    ahead = 1  # for the rest the client is the better place

    def __init__(self, context: Context, name: str, receive: Receive) -> None:
        super().__init__(context, name)
        self._receive = receive
        self._inbox: Inbox | None = None  # None before it is started

    def start(self) -> None:
        needed_asyncio(self._name)
        super().start()
        self._inbox = Inbox.enter(self._receive, self._name)

    async def next(self) -> Message:
        """Receive a message."""
        assert self._inbox is not None
        try:
            return await self._inbox.read()
        except StopAsyncIteration as error:  # it would pass for the end of the stream
            raise RuntimeError(f"{self._name}: receive raised {error!r}") from error

    async def close(self) -> None:
        if self._inbox is not None:
            await self._inbox.leave(self._name)


@dataclass(slots=True)
class _Request:
    receive: Receive
    limit: float  # bytes
    read: bool = False  # some subscription has begun to read it


class _Body(_Received):
    def __init__(self, context: Context, request: _Request) -> None:
        super().__init__(context, "from_request_body", request.receive)
        self._request = request
        self._received = 0  # bytes

    def start(self) -> None:
        if self._request.read:
            raise RuntimeError(
                "from_request_body: the body of a request can be read only once; "
                "share() the Flow, or collect what is needed again"
            )
        super().start()
        self._request.read = True

    async def fetch_one(self) -> bytes:
        while True:
            message = await self.next()
            if message["type"] in GONE:
                raise ClientDisconnectedError(self._name)
            body = message.get("body", b"")
            self._ended = not message.get("more_body", False)  # the last part may be the end, too
            self._received += len(body)
            if self._received > self._request.limit:
                raise BodyTooLargeError(self._request.limit, self._received)
            if body:
                return body
            if self._ended:
                raise StopAsyncIteration


class _Messages(_Received):
    def __init__(self, context: Context, receive: Receive) -> None:
        super().__init__(context, "from_websocket", receive)

    async def fetch_one(self) -> str | bytes:
        message = await self.next()
        while message["type"] == "websocket.connect":
            message = await self.next()
        if message["type"] in GONE:
            code = message.get("code", 1005)
            if code in LEFT:
                raise StopAsyncIteration
            raise ClientDisconnectedError(self._name, code, message.get("reason") or "")
        text: str | None = message.get("text")
        return message["bytes"] if text is None else text


@register("source", demand="1 receive per item asked for ; 1:1 ; holds 0", category="http")
def from_request_body(receive: Receive, *, max_bytes: float | None = None) -> Flow[bytes]:
    """Give the body of an HTTP request in parts, each of them received when it is asked for.

    .. marble::
        :alt: from_request_body

        request  2-----1---
        [ from_request_body(receive) ]
                 -a-b---c|

    Demand: 1 receive per item asked for ; 1:1 ; holds 0.
    A consumer that asks for no more stops the client: the server reads no further, and
    the kernel's buffers fill. Use ``timeout`` behind it against clients that send nothing.

    Args:
        receive: What the server gives an ASGI application.
        max_bytes: The most that is taken (bytes); any length when left out.

    Returns:
        A Flow of parts as they come, none of them empty; one subscription can read it.

    Raises:
        TypeError: receive is not callable.
        ValueError: max_bytes is not more than 0.

    Errors:
        BodyTooLargeError: More than max_bytes have come; the part is not given.
        ClientDisconnectedError: The client left before the end: a body that was cut
            is never taken for a whole one.
        RuntimeError: It was read already, or is being read.

    Source: new; ASGI 3.0 http.request.
    """
    checked("from_request_body", "receive", receive)
    limit = float("inf")
    if max_bytes is not None:
        limit = checks.positive("from_request_body", "max_bytes", max_bytes, "bytes")
    request = _Request(receive, limit)
    return Flow(lambda context: _Body(context, request))


@register("source", demand="1 receive per item asked for ; 1:1 ; holds 0", category="http")
def from_websocket(receive: Receive) -> Flow[str | bytes]:
    """Give the messages that come over a WebSocket, each received when it is asked for.

    .. marble::
        :alt: from_websocket

        request  2-----1---
        [ from_websocket(receive) ]
                 -a-b---c|

    Demand: 1 receive per item asked for ; 1:1 ; holds 0.
    Accept the connection first: ``await send({"type": "websocket.accept"})``. Completes
    when the client closes with code 1000, 1001 or without one.

    Args:
        receive: What the server gives an ASGI application.

    Returns:
        A Flow of str and bytes, as the client sends text or binary messages.

    Raises:
        TypeError: receive is not callable.

    Errors:
        ClientDisconnectedError: It was closed with any other code: 1006 when the
            connection was lost, 1007 when a text was no UTF-8. (Some servers, uvicorn
            with websockets, say 1005 for a lost connection, as for a close without code.)
        RuntimeError: Another subscription reads it.

    Source: new; ASGI 3.0 websocket.receive.
    """
    checked("from_websocket", "receive", receive)
    return Flow(lambda context: _Messages(context, receive))
