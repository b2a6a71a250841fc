"""How a stream of bytes is cut into items: what a framing is asked."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Generic, TypeVar

F_co = TypeVar("F_co", covariant=True)


class Framing(ABC, Generic[F_co]):
    """Where an item begins and ends in a stream of bytes, and what it is.

    A framing is a value: it remembers nothing, so one serves any number of streams.
    A ValueError of ``measure`` or ``decode`` becomes the FrameError of the stream.
    """

    @abstractmethod
    def measure(self, data: bytearray, seen: int, ended: bool) -> int | None:
        """Say how many bytes the frame at the beginning of ``data`` has.

        Args:
            data: The bytes that are there, at least one; they are not to be changed.
            seen: How many of them were there the last time, which was in vain (bytes).
            ended: Whether no more will come.

        Returns:
            The length, with all that belongs to the frame (bytes, at least 1); None if
            it is not all there.

        Raises:
            ValueError: It will be too long; the text goes on after "frame 7 ".
        """

    @abstractmethod
    def decode(self, frame: bytes) -> F_co:
        """Give the item of a frame.

        Args:
            frame: As many bytes as were measured.

        Raises:
            ValueError: They are none; the text says why.
        """

    @abstractmethod
    def encode(self, item: Any) -> bytes:
        """Give the bytes of an item, so that the other side finds its end.

        Args:
            item: The item.

        Raises:
            ValueError: It does not fit into a frame.
        """
