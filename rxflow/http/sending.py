"""A Flow as what a client gets: a response, the messages of a WebSocket."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import aclosing, suppress
from datetime import timedelta
from typing import Any, TypeAlias, cast

from ..flow import Flow, checks
from ..flow.registry import register
from ..protocol import StreamTimeoutError
from .errors import ClientDisconnectedError
from .inbox import Inbox, Receive, Send, checked, needed_asyncio

Headers: TypeAlias = Mapping[str, str] | Iterable[tuple[str, str]]


def pairs_of(headers: Headers) -> list[tuple[str, str]]:
    """Give headers as pairs."""
    if isinstance(headers, Mapping):
        return list(cast("Mapping[str, str]", headers).items())
    return list(headers)


def _is_bytes(item: object) -> bool:
    return isinstance(item, bytes | bytearray | memoryview)


class Answer:
    """Sends the items of one Flow to one client, one at a time, until either is at its end."""

    def __init__(
        self, name: str, receive: Receive, send: Send, timeout: float | timedelta | None
    ) -> None:
        """Describe the client, and who answers it."""
        checked(name, "receive", receive)
        checked(name, "send", send)
        needed_asyncio(name)
        self.name = name
        self._receive = receive
        self._send = send
        self._timeout = None
        if timeout is not None:
            self._timeout = checks.positive(name, "timeout", timeout, "seconds")

    async def tell(self, message: dict[str, Any]) -> None:
        """Send a message to the client.

        Raises:
            ClientDisconnectedError: There is nobody to take it.
            StreamTimeoutError: The client takes nothing.
        """
        try:
            if self._timeout is None:
                await self._send(message)
                return
            async with asyncio.timeout(self._timeout) as limit:
                await self._send(message)
        except TimeoutError:
            if self._timeout is None or not limit.expired():  # pyright: ignore
                raise
            what = "the client takes nothing"
            raise StreamTimeoutError(self.name, self._timeout, what, 1, 1) from None
        except OSError as error:
            raise ClientDisconnectedError(self.name) from error

    async def begin(self) -> None:
        """Send what comes before any item."""

    async def item(self, item: Any) -> None:
        """Send an item."""
        raise NotImplementedError

    async def end(self) -> None:
        """Send the end."""
        raise NotImplementedError

    async def give(self, flow: Flow[Any]) -> bool:
        """Send everything; tell whether the client has stayed for it.

        Args:
            flow: Cancelled, and closed before this returns, when the client leaves.
        """
        whole = False
        inbox = Inbox.enter(self._receive)
        try:
            async with aclosing(aiter(flow)) as items, inbox.watched():
                await self.begin()
                async for item in items:
                    await self.item(item)
                await self.end()
                whole = True
        except ClientDisconnectedError as error:
            if not (inbox.gone or error.operator == self.name):  # it is another client's
                raise
        finally:
            await inbox.leave()
        return whole


class Response(Answer):
    """A Flow of bytes as an HTTP response, which begins with the first of them."""

    def __init__(
        self,
        name: str,
        receive: Receive,
        send: Send,
        timeout: float | timedelta | None,
        headers: Headers,
        status: int = 200,
    ) -> None:
        """Describe a response that has not begun."""
        super().__init__(name, receive, send, timeout)
        if isinstance(status, bool) or not isinstance(status, int) or not 200 <= status <= 599:  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ValueError(f"{name}: status must be a whole number 200 to 599, not {status!r}")
        self._head = {
            "type": "http.response.start",
            "status": status,
            "headers": [self._header(*pair) for pair in pairs_of(headers)],
        }
        self._begun = False

    def _header(self, name: Any, value: Any) -> tuple[bytes, bytes]:
        """Check a header: one with a line end in it would become two."""
        for part in (name, value):
            if not isinstance(part, str):
                raise TypeError(f"{self.name}: headers are pairs of str, not {part!r}")
            if any(sign in part for sign in "\r\n\0"):
                raise ValueError(f"{self.name}: a header must be one line, not {part!r}")
        return name.lower().encode("latin-1"), value.encode("latin-1")

    async def _begin_once(self) -> None:
        if not self._begun:
            self._begun = True
            await self.tell(self._head)

    async def item(self, item: Any) -> None:
        """Send a part of the body."""
        if not _is_bytes(item):
            raise TypeError(f"{self.name} sends bytes, not {item!r}; use map(str.encode) for text")
        await self._begin_once()
        await self._body(item, more=True)

    async def end(self) -> None:
        """Send the end of the body."""
        await self._begin_once()
        await self._body(b"", more=False)

    async def _body(self, data: Any, more: bool) -> None:
        await self.tell({"type": "http.response.body", "body": bytes(data), "more_body": more})


class _Messages(Answer):
    """A Flow as the messages of a WebSocket."""

    async def item(self, item: Any) -> None:
        if isinstance(item, str):
            await self.tell({"type": "websocket.send", "text": item})
        elif _is_bytes(item):
            await self.tell({"type": "websocket.send", "bytes": bytes(item)})
        else:
            raise TypeError(f"{self.name} sends str or bytes, not {item!r}")

    async def end(self) -> None:
        await self._close(1000)

    async def _close(self, code: int) -> None:
        await self.tell({"type": "websocket.close", "code": code})

    async def give(self, flow: Flow[Any]) -> bool:
        try:
            return await super().give(flow)
        except Exception:
            with suppress(ClientDisconnectedError, StreamTimeoutError):
                await self._close(1011)
            raise


@register("bridge", demand="1 per send finished ; none ; holds 0", category="http")
async def send_response(
    flow: Flow[bytes],
    receive: Receive,
    send: Send,
    *,
    status: int = 200,
    headers: Headers = (),
    timeout: float | timedelta | None = None,
) -> bool:
    """Send the items as the body of an HTTP response; the client sets the pace.

    .. marble::
        :alt: send_response

        source   -a-b-c|
        [ await send_response(flow, receive, send) ]
        client   -a-b-c(end)

    Demand: 1 per send finished ; none ; holds 0.
    The status goes out with the first item, so a Flow that fails before it can still be
    answered otherwise. When it fails later, the error is raised without an end of the
    body, so that the client sees that it is not whole. The Flow is cancelled, and closed
    before this returns, when the client leaves; if that is what the Flow fails with,
    because it reads the same client's body, nothing is raised. Another body that nobody
    reads stays with the client, and hides that it leaves from servers that only tell by
    ``receive``.

    Args:
        flow: Items of bytes, none of which is split or joined.
        receive: What the server gives an ASGI application; tells that the client leaves.
        send: What the server gives an ASGI application.
        status: Of the response (200 to 599).
        headers: Of the response, in order; content-length if it is known.
        timeout: How long the client may take none of it (seconds); for ever when left out.

    Returns:
        Whether all of it was sent; False when the client has left.

    Raises:
        Exception: What the Flow fails with.
        StreamTimeoutError: The client takes nothing for ``timeout``.
        TypeError: An item is not bytes; a header is not text; receive or send is no function.
        ValueError: A status or header that cannot be sent; timeout is not more than 0.

    Source: new; ASGI 3.0 http.response.
    """
    return await Response("send_response", receive, send, timeout, headers, status).give(flow)


@register("bridge", demand="1 per send finished ; none ; holds 0", category="http")
async def to_websocket(
    flow: Flow[str] | Flow[bytes] | Flow[str | bytes],
    receive: Receive,
    send: Send,
    *,
    timeout: float | timedelta | None = None,
) -> bool:
    """Send the items as the messages of a WebSocket; the client sets the pace.

    .. marble::
        :alt: to_websocket

        source   -a-b-c|
        [ await to_websocket(flow, receive, send) ]
        client   -a-b-c(close 1000)

    Demand: 1 per send finished ; none ; holds 0.
    Accept the connection first: ``await send({"type": "websocket.accept"})``. Closes it
    with code 1000 on completion, with 1011 when the Flow fails. The Flow is cancelled,
    and closed before this returns, when the client leaves. What the client sends is
    left for a ``from_websocket``.

    Args:
        flow: Items of str, sent as text, or bytes, sent as binary messages.
        receive: What the server gives an ASGI application; tells that the client leaves.
        send: What the server gives an ASGI application.
        timeout: How long the client may take none of it (seconds); for ever when left out.

    Returns:
        Whether all of it was sent; False when the client has left.

    Raises:
        Exception: What the Flow fails with.
        StreamTimeoutError: The client takes nothing for ``timeout``.
        TypeError: An item is neither str nor bytes; receive or send is no function.
        ValueError: timeout is not more than 0.

    Source: new; ASGI 3.0 websocket.send.
    """
    return await _Messages("to_websocket", receive, send, timeout).give(flow)
