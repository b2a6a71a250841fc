"""How the consumer takes items out of the queue of a boundary."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, repeat, starmap
from typing import Generic, TypeVar

from ..protocol import Overflow, Victim
from .counting import Counted
from .feed import BUDGET, Context

T = TypeVar("T")


class Taken(Counted[T], Generic[T]):
    """A queue that one consumer takes items out of, without the lock."""

    __slots__ = ("_keeps", "_low")

    def __init__(
        self, context: Context, name: str, capacity: int, overflow: Overflow, delay_error: bool
    ) -> None:
        """Hold nothing yet; see :class:`Boundary` for the arguments."""
        super().__init__(context, name, capacity, overflow)
        self._low = capacity - max(1, capacity // 4)  # waiting producers go on at this level
        # Nobody else takes items out while this is open.
        self._keeps = delay_error and overflow.victim not in (
            Victim.OLDEST,
            Victim.NEWEST,
            Victim.ALL,
        )

    def run(self) -> Iterator[T]:
        """Give what is held, oldest first."""
        return chain.from_iterable(self._parts())

    def _parts(self) -> Iterator[Iterable[T]]:
        """Give what is held in parts: what needs no look, and an item after which there is one."""
        queue, room, left = self._queue, self._room, BUDGET
        most = self._capacity - self._low  # from full to where those who wait are told
        self._passed()  # a run that was left in the middle of a part has not told what it took
        while left and queue and (n := self._stretch(left if left < most else most)):
            left -= n
            if n > 1:
                if self._keeps and not room:  # no step of Python for an item
                    yield starmap(queue.popleft, repeat((), n - 1))
                else:
                    yield self._carefully(n - 1)
            try:
                item = queue.popleft()
            except IndexError:
                return
            self._took()
            if room and len(queue) <= self._low:
                self._tell_room()
            self._passed()
            yield (item,)

    def _carefully(self, n: int) -> Iterator[T]:
        """Give so many items, unless they have to give way; those who wait for room are told."""
        queue, room = self._queue, self._room
        for _ in repeat(None, n):
            try:
                item = queue.popleft()
            except IndexError:
                return
            if room and len(queue) <= self._low:
                self._tell_room()
            yield item

    def _stretch(self, most: int) -> int:
        """Say how many items can be taken till it is to be looked at the time; no lock is held."""
        held = len(self._queue)
        if self._stay.marked:
            marked = self._stay.limit + 1 - (self._received - held)
            most = most if marked > most else marked if marked > 1 else 1
        return held if held < most else most

    def _took(self) -> None:
        """Look at the time: the item that was taken is the one that is timed, or the last one."""
        held, stay, lock = self._queue, self._stay, self._lock
        lock.acquire()
        try:
            stay.left(self._received - len(held), 0 if self._front else self._lost, len(held))
            if stay.armed or not held:
                self._quick, self._quiet = 0, False  # the next item gets a closer look
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
