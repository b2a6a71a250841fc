"""How the consumer takes items out of the queue of a boundary."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import repeat, starmap
from typing import Any, Generic, TypeVar

from ..protocol import Overflow
from .counting import Counted
from .feed import BUDGET, NOTHING, Context

T = TypeVar("T")


class Taken(Counted[T], Generic[T]):
    """A queue that one consumer takes items out of, without the lock."""

    __slots__ = ("_low",)

    def __init__(self, context: Context, name: str, capacity: int, overflow: Overflow) -> None:
        """Hold nothing yet; see :class:`Boundary` for the arguments."""
        super().__init__(context, name, capacity, overflow)
        self._low = capacity - max(1, capacity // 4)  # waiting producers go on at this level

    def run(self) -> Iterator[T]:
        """Give what is held, oldest first."""
        queue, room, left = self._queue, self._room, BUDGET
        self._passed()  # a run that was left in the middle has not told what it took
        while left and (due := self._stretch()):
            n = min(due, left, self._until_told())
            if room:  # a producer waits, and is told in time
                n = max(1, min(n, len(queue) - self._low))
            left -= n
            try:  # all but the last need no look, and so no step of Python
                yield from starmap(queue.popleft, repeat((), n - 1))
                item = queue.popleft()
            except IndexError:  # the rest had to give way
                return
            if n == due:
                self._took()
            if room and len(queue) <= self._low:
                self._tell_room()
            self._passed()
            yield item

    def single(self) -> Any:
        """Take the item that is alone, if there is one."""
        lock, stay = self._lock, self._stay
        lock.acquire()
        try:
            if not stay.alone:
                return NOTHING
            stay.went()
            return self._queue.popleft()
        finally:
            lock.release()

    def _stretch(self) -> int:
        """Say how many items can be taken till it is to be looked at the time; no lock is held.

        Where the first one is timed, that is done now.
        """
        held = len(self._queue)
        if self._stay.marked:
            marked = self._stay.limit + 1 - (self._received - held)
            if held < marked:
                return held
            if marked > 1:
                return marked
            if held > 1:
                self._took(1)  # it is taken at once, with those behind it
        return held

    def _until_told(self) -> int:
        """Say how many items can be taken till others are to be told of it."""
        return self._capacity - self._low  # from full to where those who wait are told

    def _took(self, ahead: int = 0) -> None:
        """Look at the time: what is taken last is the item that is timed, or nothing is left.

        Args:
            ahead: How many are about to be taken, beside those that were (items).
        """
        stay, lock = self._stay, self._lock
        lock.acquire()
        try:
            held = len(self._queue) - ahead
            if ahead and held < 1:  # others have given way: whoever takes the last one looks
                return
            stay.left(self._received - held, 0 if self._front else self._lost, held)
            if stay.armed or not held:
                self._quick, self._shortcut = 0, None  # the next item gets a closer look
        finally:
            lock.release()

    def _passed(self) -> None:
        """Hear that items were taken: all since this was called last."""

    def _tell_room(self) -> None:
        """Tell all waiting producers to try again."""
        with self._lock:
            calls = self._waiters.dismissed()
        for call in calls:
            call()
