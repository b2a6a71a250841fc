"""What one consumer of a hub has still to take, and what several of them have in common."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from ..protocol import FAIL, Overflow
from .boundary import Boundary
from .feed import Context, Few, Handing, Server, State
from .metering import Times
from .rows import Row
from .statistics import StageStatistics
from .telling import DiscardCallback, DropCallback

if TYPE_CHECKING:
    from .hub import Hub


class Lease:
    """What some subscribers of a hub have in common: they connect it, and disconnect it.

    Attributes:
        needed: It is connected when so many of them are there (subscribers).
        keeps: It stays connected when they have left.
        count: So many are there; the hub's lock guards it (subscribers).
    """

    __slots__ = ("count", "keeps", "needed")

    def __init__(self, needed: int, keeps: bool = False) -> None:
        """See the attributes."""
        self.needed: int = needed
        self.keeps: bool = keeps
        self.count: int = 0


class Memory:
    """The last items, for those who subscribe late."""

    def __init__(
        self,
        size: int,
        window: float | None = None,
        initial: Iterable[Any] = (),
        lasting: bool = True,
    ) -> None:
        """Keep the last items.

        Args:
            size: Most that are kept (items).
            window: How long one is kept (seconds); None for ever.
            initial: What it begins with.
            lasting: It is still told when the stream has ended.
        """
        self.size: int = size
        self.window: float | None = window
        self.lasting: bool = lasting
        self._kept: deque[tuple[float, Any]] = deque(((0.0, item) for item in initial), size)

    def add(self, item: Any, now: float) -> None:
        """Keep an item; the oldest gives way."""
        self._kept.append((now, item))

    def items(self, now: float) -> list[Any]:
        """Give those that are kept, oldest first."""
        kept = self._kept
        if self.window is not None:
            while kept and now - kept[0][0] > self.window:
                kept.popleft()
        return [item for _, item in kept]


class Outlet(Boundary[Any]):
    """What one consumer of a hub has still to take.

    In lockstep the hub asks its producer for no more than there is room for here.
    With an overflow strategy of its own it never holds the others back.
    """

    def __init__(
        self,
        context: Context,
        hub: Hub,
        lease: Lease | None = None,
        *,
        overflow: Overflow | None = None,
        capacity: int = 0,
        on_drop: DropCallback | None = None,
        on_discard: DiscardCallback | None = None,
    ) -> None:
        """Make an empty one; ``start`` attaches it.

        Args:
            context: The consumer's.
            hub: Whose.
            lease: What connects the hub, if its subscribers do.
            overflow: What gives way when it is full; None for lockstep.
            capacity: Most items held, when not in lockstep (items).
            on_drop: See :class:`Boundary`.
            on_discard: See :class:`Boundary`.
        """
        self.number: int = hub.next_number()
        self.lockstep: bool = overflow is None
        super().__init__(
            context,
            f"{hub.name} #{self.number}",
            hub.capacity if self.lockstep else capacity,
            overflow or FAIL,
            on_drop=on_drop,
            on_discard=on_discard,
        )
        self.context: Context = context
        self._hub = hub
        self._lease = lease
        self.reading: bool = not self.lockstep  # it has been pulled for the first time
        self.coming: int = 0  # dealt to it, and not yet pushed; the hub's lock guards it
        self.full_since: float = 0.0  # when it was last filled up, or attached
        self._taken = 0  # since the hub was last told of room
        self._reader: Server | None = None  # takes single items at once, when it is read

    @property
    def room(self) -> int:
        """How many items the producer may be asked for on account of this one (items)."""
        return self._hub.prefetch - len(self._queue) - self.coming if self.reading else 0

    @property
    def waits(self) -> bool:
        """Whether it is in lockstep, has taken all there was, and asks for more."""
        return self.lockstep and self._idle and self._wanted > self.received

    @property
    def held(self) -> int:
        """How many it holds (items)."""
        return len(self._queue)

    def preload(self, items: list[Any]) -> None:
        """Hold what came before it was attached; the newest, where that is more than it holds."""
        items = items[-self._capacity :]
        with self._lock:
            self._queue.extend(items)
            self._received += len(items)
            self._peak = max(self._peak, len(items))

    def start(self) -> None:
        """Attach it."""
        self._hub.attach(self, self._lease)

    def want(self, n: int) -> None:
        """Hear of demand; where items are dealt out, that is enough to get some."""
        super().want(n)
        if n and self._hub.deals:
            self.reading = True

    def run(self) -> Iterator[Any]:
        """Give what is held; tell the hub of the room."""
        if not self.lockstep:
            yield from super().run()
            return
        if not self.reading:
            self.reading = True
            self._hub.refill()
            self._serve(self._reader)
        for item in super().run():
            self._count()
            yield item

    def _count(self) -> None:
        """Count an item that is taken; tell the hub of a batch, or where others wait."""
        self._taken += 1
        hub = self._hub
        if self._taken >= hub.batch or (hub.hungry and not hub.giving):
            self._taken = 0
            hub.refill()

    def settle(self) -> State:
        """Tell the hub of the end that was heard, or that there is nothing left."""
        state = State.ENDED
        try:
            state = super().settle()
        finally:
            if state is State.ENDED:
                self._hub.heard_end()
            elif state is State.WAITING and self.lockstep:
                self._hub.hungry = True
                self._hub.refill()  # there may be room for less than a batch
        return state

    def serve(self, server: Server) -> None:
        """Hand single items over at once; in lockstep, when it is read."""
        self._reader = (
            Handing(server.enter, partial(self._hand, server)) if self.lockstep else server
        )
        if self.reading:
            self._serve(self._reader)

    def _hand(self, server: Server, item: Any) -> None:
        self._count()
        server.hand(item)

    def few(self) -> Few | None:
        """Items that are taken in lockstep are counted by a run."""
        return None if self.lockstep else super().few()

    def eject(self, error: Exception) -> None:
        """Fail, ahead of what is held, which is discarded."""
        self._delay_error = False
        if not self.closed:
            self.fail(error)

    def stop_producer(self) -> None:
        """Get nothing more: it has failed."""
        self._hub.remove(self)

    def cancel(self) -> None:
        """Leave the hub, then let go of what is held."""
        self._hub.detach(self, self._lease)
        super().cancel()

    def _before(self) -> Iterable[StageStatistics]:
        return () if self._hub.private else self._hub.statistics()

    def _put_before(self, row: Row, times: Times) -> None:
        row.shared = row.shared or not self._hub.private

    def own_statistics(self) -> StageStatistics:
        """Give its own figures."""
        *_, own = super().statistics()
        return own
