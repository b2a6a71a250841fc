"""Readers and writers of asyncio without a connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any


def reader_of(*chunks: bytes, end: bool = True, kind: Any = asyncio.StreamReader) -> Any:
    """Make a reader on the running loop, to which those chunks have come."""
    reader = kind()
    for chunk in chunks:
        reader.feed_data(chunk)
    if end:
        reader.feed_eof()
    return reader


class Sink(asyncio.Transport):
    """A transport that hands over what is written; like that of TLS, it has no half-close."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        super().__init__()
        self._write = write
        self._closed = False

    def write(self, data: Any) -> None:
        self._write(bytes(data))

    def can_write_eof(self) -> bool:
        return False

    def is_closing(self) -> bool:
        return self._closed

    def close(self) -> None:
        self._closed = True


class Unguarded(asyncio.StreamWriter):
    """A writer that may be left open: there is nothing behind it."""

    def __del__(self) -> None: ...


def writer_to(write: Callable[[bytes], object]) -> asyncio.StreamWriter:
    """Make a writer on the running loop, over a Sink."""
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    return Unguarded(Sink(write), protocol, reader, asyncio.get_running_loop())
