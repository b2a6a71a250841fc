"""The framings: Raw, Lines, Frames and LengthPrefixed."""

from __future__ import annotations

from typing import Any, Literal, TypeVar, overload

from ..flow import checks
from ..protocol import Framing

F_co = TypeVar("F_co", bytes, str, covariant=True)

MAX_FRAME = 64 * 1024


class Raw(Framing[bytes]):
    """No frames: an item is what is there, up to a size. What is sent is sent as it is."""

    def __init__(self, max_size: int = MAX_FRAME) -> None:
        """Describe the items.

        Args:
            max_size: Longest item (bytes).
        """
        self.max_size: int = _size("Raw", "max_size", max_size)

    def __repr__(self) -> str:
        """Show the call."""
        return f"Raw({self.max_size})"

    def measure(self, data: bytearray, seen: int, ended: bool) -> int:
        """Take all there is, up to the size.

        Args:
            data: The bytes that are there.
            seen: How many were there the last time (bytes).
            ended: Whether no more will come.
        """
        return min(len(data), self.max_size)

    def decode(self, frame: bytes) -> bytes:
        """Give the bytes.

        Args:
            frame: Its bytes.
        """
        return frame

    def encode(self, item: Any) -> bytes:
        """Give the bytes.

        Args:
            item: The item.
        """
        return _bytes("Raw", item)


class Lines(Framing[F_co]):
    """Items that end with a separator, which is not part of them.

    What follows the last separator is the beginning of a line that was broken off, and
    an error; with ``open_end``, as text files have it, it is a line too.
    """

    @overload
    def __init__(
        self: Lines[bytes],
        separator: bytes = b"\n",
        *,
        encoding: None = None,
        max_frame: int = MAX_FRAME,
        open_end: bool = False,
    ) -> None: ...
    @overload
    def __init__(
        self: Lines[str],
        separator: bytes = b"\n",
        *,
        encoding: str,
        max_frame: int = MAX_FRAME,
        open_end: bool = False,
    ) -> None: ...
    def __init__(
        self,
        separator: bytes = b"\n",
        *,
        encoding: str | None = None,
        max_frame: int = MAX_FRAME,
        open_end: bool = False,
    ) -> None:
        r"""Describe the lines.

        Args:
            separator: What ends a line: ``b"\n"``, ``b"\r\n"``, ``b"\0"``, ...
            encoding: Of text, such as "utf-8"; without it the items are bytes.
            max_frame: Longest line, without the separator (bytes).
            open_end: Whether a last line needs no separator.
        """
        if not _bytes("Lines", separator):
            raise ValueError("Lines: separator must have at least one byte")
        if encoding is not None:
            "".encode(encoding)  # an unknown one raises LookupError, which names it
        self.separator: bytes = bytes(separator)
        self.encoding: str | None = encoding
        self.max_frame: int = _size("Lines", "max_frame", max_frame)
        self.open_end: bool = open_end

    def __repr__(self) -> str:
        """Show the call."""
        return f"Lines({self.separator!r}, encoding={self.encoding!r}, max_frame={self.max_frame})"

    def measure(self, data: bytearray, seen: int, ended: bool) -> int | None:
        """Look for the separator, where it was not looked for yet.

        Args:
            data: The bytes that are there.
            seen: How many were there the last time (bytes).
            ended: Whether no more will come.
        """
        width = len(self.separator)
        most = self.max_frame + width
        at = data.find(self.separator, max(0, seen - width + 1), most)
        if at >= 0:
            return at + width
        last = ended and self.open_end
        if last and len(data) <= self.max_frame:
            return len(data)
        if last or len(data) >= most:
            raise ValueError(f"has more than max_frame={self.max_frame} bytes")
        return None

    def decode(self, frame: bytes) -> F_co:
        """Take the separator off, and decode text.

        Args:
            frame: Its bytes.
        """
        frame = frame.removesuffix(self.separator)
        item: Any = frame if self.encoding is None else frame.decode(self.encoding)
        return item

    def encode(self, item: Any) -> bytes:
        """Encode text, and put the separator behind it.

        Args:
            item: The item.
        """
        if isinstance(item, str):
            line = item.encode(self.encoding or "utf-8")
        else:
            line = _bytes("Lines", item)
        if self.separator in line + self.separator[:-1]:
            raise ValueError(f"Lines: {item!r} has the separator in it, it would be two lines")
        return line + self.separator


class Frames(Framing[bytes]):
    """Items that all have the same length."""

    def __init__(self, size: int) -> None:
        """Describe the frames.

        Args:
            size: Length of each (bytes).
        """
        self.size: int = _size("Frames", "size", size)

    def __repr__(self) -> str:
        """Show the call."""
        return f"Frames({self.size})"

    def measure(self, data: bytearray, seen: int, ended: bool) -> int | None:
        """Wait for all of it.

        Args:
            data: The bytes that are there.
            seen: How many were there the last time (bytes).
            ended: Whether no more will come.
        """
        return self.size if len(data) >= self.size else None

    def decode(self, frame: bytes) -> bytes:
        """Give the bytes.

        Args:
            frame: Its bytes.
        """
        return frame

    def encode(self, item: Any) -> bytes:
        """Give the bytes, if it is as many.

        Args:
            item: The item.
        """
        frame = _bytes("Frames", item)
        if len(frame) != self.size:
            raise ValueError(f"Frames({self.size}): an item has {len(frame)} bytes")
        return frame


class LengthPrefixed(Framing[bytes]):
    """Items that are sent behind their length, as a number of a few bytes."""

    def __init__(
        self,
        prefix: int = 4,
        *,
        max_frame: int = MAX_FRAME,
        byteorder: Literal["big", "little"] = "big",
    ) -> None:
        """Describe the frames.

        Args:
            prefix: Length of the number (bytes).
            max_frame: Longest frame, without the number (bytes).
            byteorder: Of the number: "big" as networks have it, or "little".
        """
        self.prefix: int = _size("LengthPrefixed", "prefix", prefix)
        self.max_frame: int = _size("LengthPrefixed", "max_frame", max_frame)
        if byteorder not in ("big", "little"):
            raise ValueError(
                f'LengthPrefixed: byteorder must be "big" or "little", not {byteorder!r}'
            )
        self.byteorder: Literal["big", "little"] = byteorder

    def __repr__(self) -> str:
        """Show the call."""
        return f"LengthPrefixed({self.prefix}, max_frame={self.max_frame})"

    def measure(self, data: bytearray, seen: int, ended: bool) -> int | None:
        """Read the number, and wait for as much.

        Args:
            data: The bytes that are there.
            seen: How many were there the last time (bytes).
            ended: Whether no more will come.
        """
        if len(data) < self.prefix:
            return None
        length = int.from_bytes(data[: self.prefix], self.byteorder)
        if length > self.max_frame:
            raise ValueError(f"is to have {length} bytes, more than max_frame={self.max_frame}")
        size = self.prefix + length
        return size if len(data) >= size else None

    def decode(self, frame: bytes) -> bytes:
        """Take the number off.

        Args:
            frame: Its bytes.
        """
        return frame[self.prefix :]

    def encode(self, item: Any) -> bytes:
        """Put the number before the bytes.

        Args:
            item: The item.
        """
        frame = _bytes("LengthPrefixed", item)
        most = min(self.max_frame, 256**self.prefix - 1)
        if len(frame) > most:
            raise ValueError(f"LengthPrefixed: an item has {len(frame)} bytes, more than {most}")
        return len(frame).to_bytes(self.prefix, self.byteorder) + frame


def _size(name: str, argument: str, value: Any) -> int:
    return int(checks.positive(name, argument, checks.whole(name, argument, value), "bytes"))


def _bytes(name: str, item: Any) -> bytes:
    if not isinstance(item, bytes | bytearray | memoryview):
        raise TypeError(f"{name}: bytes are wanted, not {item!r}")
    return bytes(item)  # pyright: ignore[reportUnknownArgumentType]


def framing_of(name: str, framing: Any) -> Framing[Any]:
    """Give the framing, Raw where there is none.

    Args:
        name: Who wants it.
        framing: What was given.

    Raises:
        TypeError: It is none.
    """
    if framing is None:
        return Raw()
    if not isinstance(framing, Framing):
        raise TypeError(
            f"{name}: framing must be Lines(), Frames(size), LengthPrefixed() or Raw(), "
            f"not {framing!r}"
        )
    return framing  # pyright: ignore[reportUnknownVariableType]
