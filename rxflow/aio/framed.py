"""The Feed of bytes that come on an event loop, cut into frames."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import repeat as times
from typing import Any

from ..kernel import BUDGET, NOTHING, Context, StageStatistics, State
from ..protocol import FrameError, Framing
from ..sources.asynchronous import AsyncPulled

READ = 64 * 1024
"""Most bytes that are read at once."""


class Bytes:
    """What was read and not given; of one reader, for whoever subscribes to it next, too.

    Attributes:
        coming: Read, on the loop.
        buffer: Cut from, by the consumer.
        measured: Who has measured the buffer in vain, and how much of it (bytes).
        users: How many subscriptions have it.
    """

    def __init__(self) -> None:
        self.coming: deque[bytes] = deque()
        self.buffer: bytearray = bytearray()
        self.measured: tuple[object, int] = None, 0
        self.users: int = 0

    def gather(self) -> bytearray:
        """Move what has come into the buffer, and give that; from the consumer's thread."""
        while self.coming:
            self.buffer += self.coming.popleft()
        return self.buffer


class Framed(AsyncPulled):
    """Reads when no whole frame is held; what was read ahead of a frame is cut on demand."""

    ahead = 1  # reads, not frames

    def __init__(
        self, context: Context, name: str, framing: Framing[Any], there: Bytes | None = None
    ) -> None:
        """Prepare; see AsyncPulled."""
        super().__init__(context, name)
        self._framing = framing
        self._bytes = there or Bytes()
        self._mark = object()  # by which it knows what it has measured
        self._given = 0  # frames
        self._dry = True  # no whole frame is held
        self._broken: FrameError | None = None

    async def read(self) -> bytes:
        """Await some bytes, at most READ; none at the end."""
        raise NotImplementedError

    def over(self) -> bool:
        """Tell whether it is known, without reading, that nothing follows."""
        return False

    async def _fetch(self) -> None:
        try:
            data = await self.read()
        except Exception as error:
            self._error = error
            return
        if data:
            self._bytes.coming.append(data)
        else:
            self._ended = True

    def run(self) -> Iterator[Any]:
        """Cut frames from what was read."""
        self._dry = False
        for _ in times(None, BUDGET):
            frame = self._cut()
            if frame is NOTHING:
                self._dry = True
                return
            self._given += 1
            yield frame

    def _cut(self) -> Any:
        ended = self._ended  # before the look at what was read, as both change on the loop
        there = self._bytes
        buffer = there.gather()
        if not buffer or self._broken is not None:
            return NOTHING
        who, seen = there.measured
        try:
            size = self._framing.measure(buffer, seen if who is self._mark else 0, ended)
            if size is not None and not 0 < size <= len(buffer):
                raise ValueError(f"was measured as {size} of {len(buffer)} bytes")
        except ValueError as error:
            return self._break(str(error), error)
        if size is None:
            there.measured = self._mark, len(buffer)
            if ended:
                what = f"breaks off: the stream has ended, {len(buffer)} bytes of it were there"
                return self._break(what)
            return NOTHING
        frame = bytes(buffer[:size])
        del buffer[:size]
        if seen:
            there.measured = None, 0
        try:
            return self._framing.decode(frame)
        except ValueError as error:
            return self._break(f"cannot be decoded: {error}", error)

    def _break(self, what: str, cause: Exception | None = None) -> Any:
        held = len(self._bytes.buffer)
        self._broken = FrameError(self._name, self._given + 1, what, held)
        self._broken.__cause__ = cause
        return NOTHING

    def settle(self) -> State:
        """End when the input has, and is cut to the end."""
        if not self._dry or self._bytes.coming:
            return State.READY
        if (error := self._broken or self._error) is not None:
            raise error
        if self._bytes.buffer:
            return State.READY if self._ended else State.WAITING
        return State.ENDED if self._ended or self.over() else State.WAITING

    def ending(self) -> bool:
        """Tell what is known without reading."""
        if self._broken is not None or (self._dry and self._error is not None):
            return True
        there = self._bytes.coming or self._bytes.buffer
        return not there and (self._ended or self._error is not None or self.over())

    def statistics(self) -> Iterator[StageStatistics]:
        """Give how many frames there were."""
        yield StageStatistics(self._name, received=self._given, delivered=self._given, inputs=0)
