"""The rooms of inner Flows: what waits for the consumer of a group, of a window or of one side."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from threading import get_ident
from typing import TYPE_CHECKING, Any

from ..kernel import Boundary, Context, Failed, Feed, StageStatistics
from ..protocol import SUSPEND, Subscriber, Subscription

if TYPE_CHECKING:
    from .splitting import Split


class Room(Boundary[Any]):
    """The items of one inner Flow, from when they are there until its consumer takes them.

    Attributes:
        key: What it is called in errors.
        reader: The context of its consumer; None until there is one.
        used: When it last got an item, where that is noted (seconds).
    """

    def __init__(self, split: Split, name: str, key: Any, capacity: int) -> None:
        """Make an empty one.

        Args:
            split: What fills it.
            name: For statistics.
            key: What it is called in errors.
            capacity: Most items held (items).
        """
        super().__init__(Context(self._tell), name, capacity, SUSPEND)
        self.key = key
        self.reader: Context | None = None
        self.used: float = 0.0
        self._split = split
        self._abandoned = False  # nobody had subscribed when the consumer of all left
        self._inside: int | None = None  # the thread in which a loop of its own is at it

    def attach(self, context: Context) -> Feed[Any]:
        """Give it to its consumer, who must be the only one."""
        if self.reader is not None:
            return Failed(
                RuntimeError(f"{self.name} has a consumer already; share() it for several")
            )
        if self._abandoned:
            return Failed(
                RuntimeError(
                    f"{self.name} was let go of when the consumer of {self._split.name} left; "
                    "subscribe to it before, such as inside of on_next"
                )
            )
        self.reader = context
        self._split.readers[self] = None
        return self

    def ticket(self) -> Ticket:
        """Give what subscribes to it; when that is gone, nobody ever will."""
        return Ticket(self, self._split.forsaken)

    def _tell(self) -> None:
        if self.reader is not None:
            self.reader.wake()

    @property
    def hot(self) -> bool:
        """What is held is handed over at once."""
        return True

    @property
    def root(self) -> object:
        """The loop that takes the items."""
        return None if self.reader is None else self.reader.root

    @property
    def _direct(self) -> bool:
        """Whether a loop of its own hands the items to its consumer."""
        reader = self.reader
        return reader is not None and reader.root is reader and not reader.pulls

    @property
    def held(self) -> bool:
        """Whether there are items."""
        return bool(self._queue)

    @property
    def asks(self) -> bool:
        """Whether its consumer asks for more than has come, and there is room for it."""
        return len(self._queue) < self._capacity and self.requested > 0

    @property
    def offered(self) -> int:
        """How many items have come (items); only who fills it can tell."""
        return self.received

    @property
    def taken(self) -> int:
        """How many of them the consumer has taken (items)."""
        with self._lock:
            return self._count_taken()

    def start(self) -> None:
        """Have the consumer look at what is there."""
        self._tell()

    def look_again(self) -> None:
        """Have the consumer look again, also where it has left something here."""
        self._tell()

    @property
    def next(self) -> bool:
        """Whether the consumer takes something as soon as this thread is back where it pulls."""
        return self.held and self._inside == get_ident()

    def run(self) -> Iterator[Any]:
        """Give what is held."""
        # Where it is not direct the loop that pulls is asked for, and not this consumer.
        return self._run_noting() if self._direct else super().run()

    def _run_noting(self) -> Iterator[Any]:
        try:
            for item in super().run():
                self._inside = get_ident()
                yield item
        finally:
            self._inside = None

    def want(self, n: int) -> None:
        """Have upstream pulled."""
        super().want(n)
        self._inside = get_ident() if self._direct else None
        try:
            self._split.ask(self)
        finally:
            self._inside = None

    def ending(self) -> bool:
        """Go on for the others; nothing more is asked for here."""
        if self._inside is not None:
            self._inside = None
            self._split.wake()
        return super().ending()

    def cancel(self) -> None:
        """Let go of what is held; what else comes is dropped."""
        super().cancel()
        self._split.left(self)

    def abandon(self) -> None:
        """Let go of what is held, if nobody has subscribed."""
        if self.reader is None:
            self._abandoned = True
            self._split.rooms.pop(self, None)
            self.cancel()
            self._split.past.keep(self.statistics)


class Ticket:
    """Makes the Feed of an inner Flow, and of all that is made of it."""

    def __init__(self, room: Room, forsaken: deque[Room]) -> None:
        """Admit one consumer to a room.

        Args:
            room: It.
            forsaken: Where the rooms are noted that nobody can subscribe to any more.
        """
        self._room = room
        self._forsaken = forsaken

    def __call__(self, context: Context) -> Feed[Any]:
        """Give the room to its consumer."""
        return self._room.attach(context)

    def __del__(self) -> None:
        """Note it, and no more: the collector may run inside of any lock."""
        if self._room.reader is None:
            self._forsaken.append(self._room)


def abandon(inner: Any) -> None:
    """Let go of what an inner Flow holds, if nobody has subscribed to it."""
    inner.room.abandon()


class Outer(Room):
    """The inner Flows themselves, on their way to the consumer."""

    def __init__(self, split: Split, name: str, capacity: int, context: Context) -> None:
        """Make an empty one for a consumer that is there."""
        super().__init__(split, name, name, capacity)
        self._on_discard = abandon
        self.reader: Context | None = context

    @property
    def hot(self) -> bool:
        """Nothing is there before it is started."""
        return False

    def start(self) -> None:
        """Subscribe upstream."""
        self._split.open()

    def statistics(self) -> Iterator[StageStatistics]:
        """Give those of upstream, then what is held for inner Flows that nobody reads."""
        yield from self._split.statistics()


class Silent(Subscriber[Any]):
    """Stands behind the loop that fills the rooms, where nothing comes out."""

    def __init__(self, split: Split) -> None:
        """Stand behind the loop of a split."""
        self._split = split

    def on_subscribe(self, subscription: Subscription) -> None:
        """Have asked for everything already."""

    def on_next(self, value: Any) -> None:
        """Never be called: items go to the rooms."""
        raise AssertionError("items go to the rooms")

    def on_error(self, error: Exception) -> None:
        """End the split."""
        self._split.finish(error)

    def on_completed(self) -> None:
        """Never be called: a split never ends by itself."""
