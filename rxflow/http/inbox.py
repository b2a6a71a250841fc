"""What one client sends: read by one Flow, and watched for its leaving by those who answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager, suppress
from typing import Any
from weakref import WeakValueDictionary

from ..kernel import needed_loop, running_trio

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

GONE = ("http.disconnect", "websocket.disconnect")


def checked(name: str, what: str, function: object) -> None:
    """Refuse what cannot be what a server gives.

    Raises:
        TypeError: It is not callable.
    """
    if not callable(function):
        raise TypeError(f"{name}: {what} must be what the ASGI server gives, not {function!r}")


def needed_asyncio(name: str) -> None:
    """Refuse to begin where there is no event loop of asyncio.

    Raises:
        RuntimeError: There is none; the message says what to do.
    """
    if running_trio() is not None:
        raise RuntimeError(
            f"{name} wants an event loop of asyncio, and trio runs here: have the ASGI server run "
            "on asyncio, as hypercorn does without --worker-class trio, and the others always"
        )
    needed_loop(name, "used")


# Those in use, or left without a word when their event loop was closed, until they are collected.
_inboxes: WeakValueDictionary[object, Inbox] = WeakValueDictionary()


def _key(receive: Receive) -> object:
    """Tell one client's function from another's, whatever it says of itself when it is compared.

    It is the same for a method that is asked for anew; the inbox keeps its object alive.
    """
    owner = getattr(receive, "__self__", None)
    return id(receive) if owner is None else (id(owner), getattr(receive, "__func__", None))


class Inbox:
    """The one place in which the messages of a client are received.

    A server has one ``receive`` for everything: the body, and the news that the
    client has left. A reader takes each message. Who answers only watches: as long
    as nobody reads, one message that a reader would want is received and kept.

    Attributes:
        gone: The client has left.
    """

    def __init__(self, receive: Receive) -> None:
        """Describe the messages of a client; see ``enter``."""
        self.gone: bool = False
        self._receive = receive
        self._users = 0
        self._reader: str | None = None
        self._early: asyncio.Task[Message] | None = None  # a message that no reader has asked for
        self._end: Message | None = None  # of a body without content, which nobody has read
        self._changed = asyncio.Event()  # the reader left

    @classmethod
    def enter(cls, receive: Receive, reader: str | None = None) -> Inbox:
        """Give the inbox of a client; to be left with ``leave``.

        Args:
            receive: The server's function.
            reader: Who takes the messages; None for somebody who watches.

        Raises:
            RuntimeError: Somebody takes them already.
        """
        inbox = _inboxes.get(_key(receive)) or cls(receive)
        if reader is not None:
            if inbox._reader is not None:
                raise RuntimeError(
                    f"{reader}: what this client sends is read by a {inbox._reader} already; "
                    "share() the Flow to give its items to several"
                )
            inbox._reader = reader
        _inboxes[_key(receive)] = inbox
        inbox._users += 1
        return inbox

    async def leave(self, reader: str | None = None) -> None:
        """Let go of it; the last one stops what is being received."""
        if reader is not None:
            self._reader = None
            self._changed.set()
        self._users -= 1
        if not self._users:
            _inboxes.pop(_key(self._receive), None)
            early, self._early = self._early, None
            if early is not None and early.cancel():
                await asyncio.wait([early])

    async def read(self) -> Message:
        """Receive the next message."""
        if self._end is not None:
            message, self._end = self._end, None
        elif self._early is not None:
            message = await asyncio.shield(self._early)
            self._early = None
        else:
            message = await self._receive()
        if message["type"] in GONE:
            self.gone = True  # who watches hears of it when the reader leaves
        return message

    async def watch(self) -> None:
        """Return when the client has left."""
        while not self.gone:
            if self._reader is not None or (self._early is not None and self._early.done()):
                self._changed.clear()
                await self._changed.wait()
                continue
            if self._early is None:
                self._early = asyncio.ensure_future(self._receive())
            early = self._early
            await asyncio.wait([early])
            if self._early is early:  # else a reader was quicker
                self._look_at(early.result())

    def _look_at(self, message: Message) -> None:
        """Leave what a reader may want where it is, and go on after the rest."""
        if message["type"] in GONE:
            self.gone = True
        elif (
            self._reader is None
            and message["type"] != "websocket.receive"
            and not message.get("body")
        ):
            self._early = None
            if not message.get("more_body", True):
                self._end = message

    @asynccontextmanager
    async def watched(self) -> AsyncGenerator[None]:
        """Leave the block, without an error, as soon as the client has left."""
        scope = asyncio.timeout(None)
        watch = asyncio.ensure_future(self.watch())

        def over(_: object) -> None:
            if not watch.cancelled():
                with suppress(RuntimeError):  # the block was left at the same time
                    scope.reschedule(0)

        try:
            async with scope:
                watch.add_done_callback(over)
                try:
                    yield
                finally:
                    watch.cancel()
                    await asyncio.wait([watch])
        except TimeoutError:
            if not scope.expired():
                raise
            watch.result()  # what ``receive`` has raised
