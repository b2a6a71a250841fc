"""The streams of asyncio at both ends of a Flow: sockets, pipes, subprocesses."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import timedelta
from typing import Any, TypeVar, overload
from weakref import WeakKeyDictionary

from ..flow import Flow, checks
from ..flow.registry import register
from ..kernel import Context
from ..protocol import Framing, StreamTimeoutError
from .framed import READ, Bytes, Framed
from .framing import framing_of

T = TypeVar("T")


_there: WeakKeyDictionary[asyncio.StreamReader, Bytes] = WeakKeyDictionary()


class _Read(Framed):
    def __init__(
        self, context: Context, reader: asyncio.StreamReader, framing: Framing[Any]
    ) -> None:
        there = _there.setdefault(reader, Bytes())
        there.users += 1
        super().__init__(context, "from_stream_reader", framing, there)
        self._reader = reader

    async def read(self) -> bytes:
        return await self._reader.read(READ)

    def over(self) -> bool:
        return self._reader.at_eof()

    def cancel(self) -> None:
        if self._loop is None and not self._cancelled:
            self._leave()  # it was never started, so close is not called
        super().cancel()

    async def close(self) -> None:
        self._leave()

    def _leave(self) -> None:
        """Give back to the reader what was read beyond the frames that were taken."""
        there = self._bytes
        there.users -= 1
        if not there.users and (left := there.gather()):
            # Nothing public puts bytes back. ``feed_data`` puts them behind those that have come
            # since, and refuses them after the end; and a reader of our own, which others would
            # have to read instead, is not what a server or a subprocess has given them.
            self._reader._buffer[:0] = left  # type: ignore[attr-defined] # pyright: ignore
            left.clear()
            there.measured = None, 0
            self._reader._wakeup_waiter()  # type: ignore[attr-defined] # pyright: ignore


@overload
def from_stream_reader(reader: asyncio.StreamReader, framing: None = None) -> Flow[bytes]: ...
@overload
def from_stream_reader(reader: asyncio.StreamReader, framing: Framing[T]) -> Flow[T]: ...
@register(
    "source",
    demand="1 read per frame that is not there ; 1:1 ; holds <= max_frame + 64 KiB",
    category="asyncio",
)
def from_stream_reader(
    reader: asyncio.StreamReader, framing: Framing[Any] | None = None
) -> Flow[Any]:
    """Read frames from a socket, a pipe or a subprocess, as they are asked for.

    .. marble::
        :alt: from_stream_reader

        request  1-----2------
        peer     a b|n c|n d|n e|n
        [ from_stream_reader(reader, Lines()) ]
                 ab----c-d----

    Demand: 1 read per frame that is not there ; 1:1 ; holds <= max_frame + 64 KiB.
    Without demand nothing is read, and so the peer is held: first the reader fills up,
    to twice its ``limit`` (64 KiB, unless it was made with another) and at most one
    receive of 256 KiB more; then the socket buffers of the kernels, here and there, of
    up to some MiB each (``SO_RCVBUF``, ``SO_SNDBUF``); then the peer cannot send. So
    bytes are bounded, and by more than the demand.

    What was read beyond the frames that were taken goes back into the reader when the
    stream is over: whoever reads it next, in another framing or by itself, goes on there.

    The output of a subprocess is such a reader: ``from_stream_reader(process.stdout, ...)``;
    so is the standard input, by ``loop.connect_read_pipe``, where it is a pipe or a terminal.
    Against peers that send nothing, ``idle_timeout`` goes behind it.

    Args:
        reader: Where from; it is not closed.
        framing: Where an item ends: ``Lines()``, ``Frames(size)``, ``LengthPrefixed()``, or
            one of your own; without it an item is what there is, at most 64 KiB.

    Returns:
        A Flow of the frames, to be subscribed on the reader's event loop.

    Raises:
        TypeError: It is no reader, or no framing.

    Errors:
        FrameError: A frame is too long, is broken off by the end, or is not in the encoding.
        ConnectionError: What the reader raises.

    Source: new; Pekko's Framing.
    """
    if not isinstance(reader, asyncio.StreamReader):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"from_stream_reader wants an asyncio.StreamReader, not {reader!r}")
    cut = framing_of("from_stream_reader", framing)
    return Flow(lambda context: _Read(context, reader, cut))


@register(
    "bridge",
    demand="1 per write ; none ; holds <= 1 and the transport's buffer",
    category="asyncio",
)
async def to_stream_writer(
    flow: Flow[Any],
    writer: asyncio.StreamWriter,
    framing: Framing[Any] | None = None,
    *,
    half_close: bool = False,
    timeout: float | timedelta | None = None,
) -> None:
    """Write each item to a socket, a pipe or a subprocess; the peer sets the pace.

    .. marble::
        :alt: to_stream_writer

        source   -a-b-c|
        [ await flow.to_stream_writer(writer, Lines()) ]
        peer     -a|n-b|n-c|n

    Demand: 1 per write ; none ; holds <= 1 and the transport's buffer.
    After each item it awaits ``drain``: that waits while the transport holds more than its
    high-water mark (64 KiB, see ``transport.set_write_buffer_limits``), so one item more
    than that is held. The kernel's socket buffers, here and there, hold some MiB besides.
    It hears that a connection is lost when it writes.

    Args:
        flow: The Flow.
        writer: Where to; it is not closed.
        framing: How an item is written; without it items are bytes, written as they are.
        half_close: On completion, and not on failure, tell the peer that nothing follows
            (``write_eof``), while it may still be read from. For a subprocess it closes
            its input.
        timeout: Longest wait, after an item, for the peer to make room for the next one
            (seconds); for ever when left out.

    Raises:
        Exception: What the Flow fails with.
        ConnectionError: The connection is lost, or was closed here; the source is cancelled.
        StreamTimeoutError: The peer has made no room for ``timeout``; the source is cancelled.
        TypeError: It is no writer, or no framing; an item is none for the framing.
        ValueError: An item does not fit into a frame; half_close of a connection that
            cannot be half-closed, such as TLS.

    Source: new; asyncio.StreamWriter.
    """
    if not isinstance(writer, asyncio.StreamWriter):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"to_stream_writer wants an asyncio.StreamWriter, not {writer!r}")
    encode = framing_of("to_stream_writer", framing).encode
    if half_close and not writer.can_write_eof():
        raise ValueError(
            "to_stream_writer: this connection cannot be half-closed; leave half_close out, "
            "and close the writer when all is written"
        )
    limit = checks.seconds("to_stream_writer", "timeout", timeout)
    async with aclosing(aiter(flow)) as items:
        async for item in items:
            await write("to_stream_writer", writer, encode(item), limit)
    if half_close:
        writer.write_eof()


async def write(
    name: str, writer: asyncio.StreamWriter, data: bytes, timeout: float | None = None
) -> None:
    """Write, and wait until there is room for more.

    A transport that is closed would drop what is written, some without a word.

    Args:
        name: Who writes, for errors.
        writer: Where to.
        data: What.
        timeout: Longest wait for room (seconds).

    Raises:
        ConnectionError: The connection is lost, or was closed here.
        StreamTimeoutError: There was no room in time.
    """
    if not writer.is_closing():
        writer.write(data)
        if timeout is None:
            await writer.drain()
        else:
            await _drain_within(name, writer, timeout)
    if writer.is_closing():
        await writer.drain()  # raises what it was lost with, if that is known
        raise ConnectionResetError(f"{name}: the connection is closed")


async def _drain_within(name: str, writer: asyncio.StreamWriter, timeout: float) -> None:
    scope = asyncio.timeout(timeout)
    try:
        async with scope:
            await writer.drain()
    except TimeoutError:
        if not scope.expired():
            raise  # the connection's own
        what = "the peer makes no room for the next item"
        raise StreamTimeoutError(name, timeout, what, 1, 1) from None


setattr(Flow, "to_stream_writer", to_stream_writer)  # noqa: B010 - declared in flow/_fluent
