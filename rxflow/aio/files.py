"""Files at both ends of a Flow, read and written in a thread of their own."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import aclosing
from io import FileIO
from os import PathLike
from selectors import EVENT_READ, EVENT_WRITE, DefaultSelector
from stat import S_ISREG
from typing import Any, TypeVar, overload

from ..flow import Flow
from ..flow.iteration import Chunks
from ..flow.registry import register
from ..kernel import Context, Worker, needed_loop
from ..protocol import Framing
from .framed import READ, Framed
from .framing import framing_of

T = TypeVar("T")

AT_ONCE = 64
"""Most items that are written in one call of the thread (items)."""


class _File:
    """A file whose calls are made in a thread, one after another.

    Only a regular file is waited for when it is closed: its calls come back. Those of a
    pipe or a terminal may not; it is closed when they do.
    """

    def __init__(self, name: str, path: str | PathLike[str] | int, mode: str) -> None:
        self._path = path
        self._mode = mode
        self._worker = Worker(name)
        self._file: FileIO | None = None  # until it is open; only the thread changes it
        self._regular = False

    def _opened(self) -> FileIO:
        if self._file is None:
            closes = not isinstance(self._path, int)
            self._file = FileIO(self._path, self._mode, closefd=closes)
            self._regular = S_ISREG(os.fstat(self._file.fileno()).st_mode)
        return self._file

    async def open(self) -> None:
        await self._worker.call(self._opened)

    async def read(self) -> bytes:
        return await self._worker.call(self._read)

    def _read(self) -> bytes:
        while (data := self._opened().read(READ)) is None:
            self._wait(EVENT_READ)
        return data

    async def write(self, data: bytes) -> None:
        await self._worker.call(lambda: self._write_all(data))

    def _write_all(self, data: bytes) -> None:
        with memoryview(data) as view:
            written = 0
            while written < len(view):
                wrote = self._opened().write(view[written:])
                if wrote is None:
                    self._wait(EVENT_WRITE)
                else:
                    written += wrote

    def _wait(self, event: int) -> None:
        """Wait at a pipe or terminal that does not block: others that share it may want it so."""
        with DefaultSelector() as selector:
            selector.register(self._opened(), event)
            selector.select()

    async def close(self) -> None:
        closing = self._worker.submit(self._close)  # also when the wait for it is cancelled
        try:
            if self._regular:
                await self._worker.call(closing.result)
        finally:
            self._worker.stop()

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()


class _Reading(Framed):
    def __init__(
        self, context: Context, path: str | PathLike[str] | int, framing: Framing[Any]
    ) -> None:
        super().__init__(context, "from_file", framing)
        self._file = _File("from_file", path, "rb")
        self.read = self._file.read  # type: ignore[method-assign]
        self.close = self._file.close  # type: ignore[method-assign]


@overload
def from_file(path: str | PathLike[str] | int, framing: None = None) -> Flow[bytes]: ...
@overload
def from_file(path: str | PathLike[str] | int, framing: Framing[T]) -> Flow[T]: ...
@register(
    "source",
    demand="1 read per frame that is not there ; 1:1 ; holds <= max_frame + 64 KiB",
    category="asyncio",
)
def from_file(path: str | PathLike[str] | int, framing: Framing[Any] | None = None) -> Flow[Any]:
    """Read the frames of a file as they are asked for, in a thread of its own.

    .. marble::
        :alt: from_file

        request  1-----2-----
        [ from_file("words.txt", Lines(encoding="utf-8", open_end=True)) ]
                 a-----b-c---

    Demand: 1 read per frame that is not there ; 1:1 ; holds <= max_frame + 64 KiB.
    The file is opened for each subscription, with its first demand, and closed when that
    is over. The event loop never waits for the disk. Of a pipe or a terminal, a read that
    is under way when the stream is cancelled goes on, and what it gives is lost.

    Args:
        path: The file; or a descriptor, such as 0 for the standard input, which stays open.
        framing: See ``from_stream_reader``. Of a text file the last line often has no end:
            ``Lines(encoding="utf-8", open_end=True)``.

    Returns:
        A Flow of the frames, to be subscribed where an event loop is running.

    Raises:
        TypeError: It is no path, or no framing.

    Errors:
        OSError: The file cannot be opened or read.
        FrameError: As for ``from_stream_reader``.

    Source: new; Pekko's FileIO.fromPath.
    """
    cut = framing_of("from_file", framing)
    checked = _path("from_file", path)
    return Flow(lambda context: _Reading(context, checked, cut))


@register("bridge", demand="64 per call ; none ; holds <= 64", category="asyncio")
async def to_file(
    flow: Flow[Any],
    path: str | PathLike[str] | int,
    framing: Framing[Any] | None = None,
    *,
    append: bool = False,
) -> None:
    r"""Write each item to a file, in a thread of its own; the disk sets the pace.

    .. marble::
        :alt: to_file

        source   -a-b-c|
        [ await flow.to_file("words.txt", Lines()) ]
        file     -a\n-b\n-c\n

    Demand: 64 per call ; none ; holds <= 64.
    What is ready is written at once, and before more is asked for: at most 64 items.
    What was written is in the file when this returns, however it ends; it is not
    made to reach the disk itself (``os.fsync``).

    Args:
        flow: The Flow.
        path: The file, which is made, or emptied; or a descriptor, such as 1 for the
            standard output, which stays open.
        framing: How an item is written; without it items are bytes, written as they are.
        append: Write behind what is in the file instead of emptying it.

    Raises:
        Exception: What the Flow fails with.
        OSError: The file cannot be opened or written; the source is cancelled.
        TypeError: It is no path, or no framing; an item is none for the framing.
        ValueError: An item does not fit into a frame.

    Source: new; Pekko's FileIO.toPath.
    """
    encode = framing_of("to_file", framing).encode
    needed_loop("to_file", "awaited")
    file = _File("to_file", _path("to_file", path), "ab" if append else "wb")
    try:
        await file.open()
        async with aclosing(Chunks[Any](flow.feed, AT_ONCE)) as chunks:
            async for chunk in chunks:
                data, failure = _encoded(encode, chunk)
                await file.write(data)
                if failure is not None:
                    raise failure
    finally:
        await file.close()


def _encoded(encode: Callable[[Any], bytes], items: list[Any]) -> tuple[bytes, Exception | None]:
    """Give the bytes of the items, up to the first that cannot be encoded, and why it cannot."""
    parts: list[bytes] = []
    try:
        for item in items:
            parts.append(encode(item))
    except Exception as error:
        return b"".join(parts), error
    return b"".join(parts), None


def _path(name: str, path: Any) -> str | PathLike[str] | int:
    if isinstance(path, bool) or not isinstance(path, str | PathLike | int):
        raise TypeError(f"{name} wants a path, or the descriptor of an open file, not {path!r}")
    return path  # pyright: ignore[reportUnknownVariableType]


setattr(Flow, "to_file", to_file)  # noqa: B010 - declared for type checkers in flow/_fluent
