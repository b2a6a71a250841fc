"""The Feeds behind windows: which of them are open, and what opens and closes them."""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from reactivex.abc import SchedulerBase

from ..flow.grouped import InnerFlow
from ..flow.inlet import inlet
from ..kernel import NOTHING, Context, Feed, Input
from .splitting import Make, Room, Split

Places = Iterator[tuple[Room, Any]]


class Windows(Split):
    """Puts each item into all windows that are open."""

    def __init__(
        self,
        context: Context,
        make: Make,
        name: str,
        *,
        prefetch: int,
        stalled: float | None,
        scheduler: SchedulerBase | None = None,
    ) -> None:
        super().__init__(
            context,
            make,
            name,
            prefetch=prefetch,
            inners=1,
            stalled=stalled,
            scheduler=scheduler,
        )
        self.windows: deque[Room] = deque()  # open, oldest first
        self._number = 0  # windows so far

    def route(self, item: Any) -> Places:
        """Put an item into all windows that are open and read."""
        readable = [room for room in self.windows if not room.closed]
        for room in readable:
            yield room, item
        if not readable:
            self.drop("cancelled" if self.windows else "between windows")
        yield from self.took()

    def refused(self, room: Room, value: Any) -> None:
        """Count nothing: other windows have the item, or the last consumer is leaving."""
        if room is self.outer:
            super().refused(room, value)

    def took(self) -> Places:
        """Say what windows begin after an item; close those that end."""
        return iter(())

    def attend(self) -> Places | None:
        """Open the first window, then heed what opens and closes others."""
        return self.another() if not self._number else self.signalled()

    def signalled(self) -> Places | None:
        """Look at the clock and at further sources."""
        return None

    def another(self) -> Places:
        """Open a window."""
        room = self.room("window", self._number)
        self._number += 1
        self.windows.append(room)
        yield self.outer, InnerFlow(room)

    def release(self) -> None:
        """Let go of the windows, and of further sources."""
        self.windows.clear()


class Counted(Windows):
    """Windows by the number of items."""

    count: int
    skip: int
    _items = 0

    def took(self) -> Places:
        """Count an item; turn to other windows."""
        ended = self._items - self.count + 1
        if ended >= 0 and ended % self.skip == 0:
            self.close(self.windows.popleft())
        self._items += 1
        if self._items % self.skip == 0:
            yield from self.another()


class Timed(Windows):
    """Windows by the clock, on a grid; or a new one when one is closed, by time or count."""

    span: float
    shift: float | None
    count: int | None = None
    _items = 0

    def before(self) -> None:
        """Begin the first period."""
        now = self.alarm.now
        self._closes = deque([now + self.span])
        self._opens = now + (self.shift or self.span)

    def due(self) -> float | None:
        """Say when a window opens or closes."""
        return min([self._opens, *self._closes])

    def took(self) -> Places:
        """Count an item; turn to other windows."""
        self._items += 1
        if self._items == self.count:
            yield from self._turn()

    def signalled(self) -> Places | None:
        """Heed what has come."""
        if self.shift is None:
            return self._turn() if self.reached(self._closes[0]) else None
        first = self._closes[0] if self._closes else self._opens
        if self._opens <= first and self.reached(self._opens):
            return self._begin(self.shift)
        if self._closes and self.reached(first):
            self._closes.popleft()
            self.close(self.windows.popleft())
            return iter(())
        return None

    def _begin(self, shift: float) -> Places:
        """Open a window at its time; those that were missed are left out."""
        missed = max(0.0, (self.alarm.now - self._opens) // shift * shift)
        self._closes.append(self._opens + missed + self.span)
        self._opens += missed + shift
        yield from self.another()

    def _turn(self) -> Places:
        """Close the window, open the next one."""
        self._items = 0
        self._opens = self.alarm.now + self.span
        self._closes = deque([self._opens])
        self.close(self.windows.popleft())
        yield from self.another()


class Signalled(Windows):
    """Windows that other sources begin and end."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._sources: dict[Input, None] = {}

    def watch(self, make: Callable[[Context], Feed[Any]]) -> Input:
        """Start a source, and look at what it has."""
        return self.begin(make, self._sources)

    def signalled(self) -> Places | None:
        """Heed what has come."""
        fired = self.fired(self._sources)
        return None if fired is None else self.heard(*fired)

    @abstractmethod
    def heard(self, entry: Input, item: Any) -> Places | None:
        """Say what becomes of an item, or of the end, of a source; NOTHING is the end."""

    def forget(self, entry: Input) -> None:
        """Let go of a source."""
        self._sources.pop(entry, None)
        entry.cancel()

    def turn(self) -> Places:
        """Close the window, open the next one."""
        self.close(self.windows.popleft())
        yield from self.another()

    def release(self) -> None:
        """Let go of the windows, and of further sources."""
        super().release()
        for entry in self._sources:
            entry.cancel()
        self._sources.clear()


class Bounded(Signalled):
    """Windows between the items of another source."""

    boundaries: Make

    def after(self) -> None:
        """Start the source that closes windows."""
        self.watch(self.boundaries)

    def heard(self, entry: Input, item: Any) -> Places | None:
        """Turn to the next window, or end."""
        if not entry.ended:
            return self.turn()
        self.finish(None)
        return None


class Closing(Signalled):
    """Windows that end with a source that is made for each."""

    closing: Callable[[], Any]

    def after(self) -> None:
        """Start the source that closes windows."""
        self.watch(inlet(self.closing(), self.name, timed=True))

    def heard(self, entry: Input, item: Any) -> Places:
        """Turn to the next window, or end."""
        self.forget(entry)
        yield from self.turn()
        self.after()


class Toggled(Signalled):
    """Windows that another source opens, and that end with a source made for each."""

    openings: Make
    closing: Callable[[Any], Any]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._opening: Input | None = None  # None when it has ended
        self._closings: dict[Input, Room] = {}

    def before(self) -> None:
        """Start the source that opens windows."""
        self._opening = self.watch(self.openings)

    def attend(self) -> Places | None:
        """Open no window by itself; and none where nobody takes it."""
        if self.outer.closed and self._opening is not None:
            self.forget(self._opening)
            self._opening = None
        return self.signalled()

    def exhausted(self) -> None:
        """Go on without upstream: it is the openings that end the stream."""

    def heard(self, entry: Input, item: Any) -> Places:
        """Open or close a window; with the openings the stream of windows ends."""
        if entry not in self._closings:  # so it is what opens them, perhaps still in its start
            if item is not NOTHING:
                yield from self.another()
                room = self.windows[-1]
                if room.closed:  # nobody was there to take it
                    self.windows.pop()
                else:
                    closing = inlet(self.closing(item), self.name, timed=True)
                    self._closings[self.watch(closing)] = room
                return
            self._opening = None
            self.forget(entry)
            self.outer.complete()
        else:
            self.forget(entry)
            room = self._closings.pop(entry)
            self.windows.remove(room)
            self.close(room)

    def release(self) -> None:
        """Let go of the windows, and of further sources."""
        super().release()
        self._closings.clear()
        self._opening = None
