"""Both directions of a connection, and what asyncio.start_server calls for each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from inspect import isawaitable
from typing import Any, Generic, TypeVar, cast, overload

from reactivex import Observable

from ..flow import Flow, checks
from ..kernel import Context, hooks, spawn
from ..protocol import Framing
from .framing import framing_of
from .streams import from_stream_reader, to_stream_writer, write

T = TypeVar("T")


class Connection(Generic[T]):
    """A connection of asyncio, with its frames in both directions.

    Its methods are for a task that talks step by step; ``incoming`` and
    ``to_stream_writer`` are the same for a Flow. As a context manager it is closed at the
    end, and aborted when the block fails or is cancelled.

    Attributes:
        reader: The reader.
        writer: The writer.
        framing: How bytes are cut into items, in both directions.
    """

    @overload
    def __init__(
        self: Connection[bytes],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        framing: None = None,
        *,
        close_timeout: float | timedelta = 10.0,
    ) -> None: ...
    @overload
    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        framing: Framing[T],
        *,
        close_timeout: float | timedelta = 10.0,
    ) -> None: ...
    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        framing: Framing[Any] | None = None,
        *,
        close_timeout: float | timedelta = 10.0,
    ) -> None:
        """Take the two ends, such as those that ``asyncio.open_connection`` gives.

        Args:
            reader: The reader.
            writer: The writer.
            framing: See ``from_stream_reader``.
            close_timeout: Longest time that ``aclose`` waits for the peer to take what was
                written (seconds); then the connection is aborted.
        """
        limit = checks.seconds("Connection", "close_timeout", close_timeout, optional=False)
        assert limit is not None
        self.reader: asyncio.StreamReader = reader
        self.writer: asyncio.StreamWriter = writer
        self.framing: Framing[Any] = framing_of("Connection", framing)
        self._close_timeout = limit
        self._items: AsyncIterator[T] | None = None  # what ``receive`` takes from
        self._receiving = False  # a task awaits it

    @property
    def incoming(self) -> Flow[T]:
        """The frames that come, from where they were read up to."""
        return cast("Flow[T]", from_stream_reader(self.reader, self.framing))

    async def receive(self) -> T:
        """Await the next frame.

        Raises:
            EOFError: The peer has sent its last one.
            FrameError: See ``from_stream_reader``.
            ConnectionError: The connection was lost; or closed here meanwhile.
            RuntimeError: Another task awaits it already.
        """
        if self._receiving:
            raise RuntimeError(
                "Connection.receive: another task awaits the next frame already; "
                "have one task receive, and give the others their frames by a queue"
            )
        if self._items is None:
            self._items = aiter(self.incoming)
        items, self._receiving = self._items, True
        try:
            return await anext(items)
        except StopAsyncIteration:
            if self._items is not items:
                text = "Connection.receive: the connection was closed meanwhile"
                raise ConnectionAbortedError(text) from None
            raise EOFError("the peer has sent all") from None
        except BaseException:
            self._items = None  # what it has read is back in the reader
            raise
        finally:
            self._receiving = False

    async def send(self, item: Any) -> None:
        """Write an item, and wait until there is room for the next one.

        Args:
            item: The item.

        Raises:
            ConnectionError: The connection is lost, or was closed here.
            TypeError: The item is none for the framing.
            ValueError: It does not fit into a frame.
        """
        await write("Connection.send", self.writer, self.framing.encode(item))

    async def drain(self) -> None:
        """Wait until there is room for the next item."""
        await self.writer.drain()

    def half_close(self) -> None:
        """Tell the peer that nothing follows; it may still be read from.

        Raises:
            ValueError: It cannot be told without closing the connection, as with TLS.
        """
        if not self.writer.can_write_eof():
            raise ValueError("Connection.half_close: this connection can only be closed, by aclose")
        self.writer.write_eof()

    def abort(self) -> None:
        """Close at once; what was written and not sent is lost."""
        # A transport of asyncio that was closed, and sent what it had, has forgotten its loop.
        with suppress(AttributeError):
            self.writer.transport.abort()

    async def aclose(self) -> None:
        """Close, after what was written is sent, as far as the peer takes it in time.

        Raises:
            ConnectionError: The connection was lost.
        """
        items, self._items = self._items, None
        closed: asyncio.Future[None] | None = None
        try:
            if items is not None:
                await cast("Any", items).aclose()
            self.writer.close()
            # In a task, as a cancelled wait_closed would spoil it for all others.
            closed = asyncio.ensure_future(self.writer.wait_closed())
            await asyncio.wait([closed], timeout=self._close_timeout)
        finally:
            if closed is None or not closed.done():
                self.abort()
        assert closed is not None
        await closed

    async def __aenter__(self) -> Connection[T]:
        """Return itself."""
        return self

    async def __aexit__(self, kind: object, error: BaseException | None, _: object) -> None:
        """Close; abort if the block has failed."""
        if error is None:
            await self.aclose()
            return
        items, self._items = self._items, None
        self.abort()
        if items is not None:
            await cast("Any", items).aclose()


def connection_handler(
    handler: Callable[[Connection[T]], Flow[Any] | Awaitable[object]],
    framing: Framing[T] | None = None,
    *,
    timeout: float | timedelta | None = None,
    close_timeout: float | timedelta = 10.0,
    on_error: Callable[[Exception], object] | None = None,
) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], None]:
    """Make what ``asyncio.start_server`` calls for each connection.

    The connection is closed when the handler is through, and aborted when it fails: a
    frame that is too long or broken off, a peer that is idle for too long::

        def answer(connection):
            return connection.incoming.pipe(ops.idle_timeout(30), ops.map(str.upper))

        server = await asyncio.start_server(
            rx.connection_handler(answer, rx.Lines(encoding="utf-8")), "", 7777
        )

    Demand goes from the peer that reads, through the Flow, to the peer that writes.

    Args:
        handler: Function of a connection that gives the Flow to answer with; or an async
            function, which does all itself.
        framing: How bytes are cut into items, in both directions; see ``from_stream_reader``.
        timeout: Longest wait, after an item of the Flow, for the peer to make room for the next
            one (seconds); for ever when left out.
        close_timeout: Longest time to wait for a peer to take what was written (seconds);
            then the connection is aborted.
        on_error: Called with what a connection has failed with; by default it is reported
            as an error that no subscriber can be given.

    Returns:
        A function of a reader and a writer.

    Raises:
        TypeError: A handler or on_error that cannot be called; no framing.
    """
    name = "connection_handler"
    if not callable(handler):  # pyright: ignore[reportUnnecessaryComparison]
        raise TypeError(f"{name} wants a function of a connection, not {handler!r}")
    checks.callback(name, "on_error", on_error)
    cut = framing_of(name, framing)
    checks.seconds(name, "close_timeout", close_timeout, optional=False)
    limit = checks.seconds(name, "timeout", timeout)

    async def serve(connection: Connection[Any]) -> None:
        try:
            async with connection:
                given = handler(connection)
                if isinstance(given, Flow):
                    await to_stream_writer(given, connection.writer, cut, timeout=limit)
                elif isawaitable(given) and not isinstance(given, Observable):
                    await given
                else:  # an Observable could be awaited, too: for its last item
                    raise TypeError(
                        f"{name}: the handler must give a Flow or be async, but it gave {given!r}; "
                        "before a plain Observable put a door, such as on_backpressure_buffer(256)"
                    )
        except Exception as error:
            (on_error or hooks.dropped_error)(error)

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection[Any](reader, writer, cut, close_timeout=close_timeout)
        # In a task of its own: on Python 3.11 that of asyncio cannot be cancelled quietly.
        spawn(asyncio.get_running_loop(), Context(lambda: None), serve(connection))

    return connected
