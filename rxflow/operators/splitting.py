"""One stream divided among inner Flows: the machinery of groups, windows and partitions.

Each inner Flow has a room, which is bounded. Upstream is pulled for the consumers
that ask: an item of another room waits there, and when that is full, all wait.
"""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter, deque
from collections.abc import Callable, Container, Iterator
from itertools import chain
from itertools import repeat as times
from threading import get_ident
from typing import Any

from ..kernel import (
    BUDGET,
    NOTHING,
    Alarm,
    Context,
    Drain,
    Feed,
    Figures,
    Input,
    Ledger,
    StageStatistics,
    State,
    changed,
    hooks,
    joined,
    lingers,
    own_trampoline,
    running_loop,
)
from ..protocol import UNBOUNDED, GroupStalledError, Offer
from .rooms import Outer, Room, Silent, abandon

Make = Callable[[Context], Feed[Any]]


class Split(Feed[Any]):
    """Pulls a Feed in a loop of its own, and puts what comes into rooms.

    Who has nothing left asks for more; then upstream is pulled until an item is for a
    room of whoever asked. So a consumer of all rooms gets the items in their order, one
    at a time, while one that is slow keeps the others waiting only when its room is full.
    All but ``ask``, ``left`` and what they note runs in that loop.
    """

    def __init__(
        self,
        context: Context,
        make: Make,
        name: str,
        *,
        prefetch: int,
        inners: int,
        stalled: float | None,
        scheduler: Any = None,
        max_groups: int | None = None,
    ) -> None:
        """Prepare the subscription.

        Args:
            context: Of the consumer of the inner Flows.
            make: Makes the Feed upstream.
            name: The operator.
            prefetch: Most items that a room holds (items).
            inners: Most inner Flows that wait for the consumer (Flows).
            stalled: How long a full room may keep the others waiting (seconds).
            scheduler: Whose clock.
            max_groups: For errors.
        """
        self.name = name
        self.outer: Outer = Outer(self, name, inners, context)
        self.readers: dict[Room, None] = {}  # that have a consumer
        self.past: Ledger = Ledger()  # of rooms that were abandoned
        self.forsaken: deque[Room] = deque()  # that nobody can subscribe to any more
        self.rooms: dict[Room, None] = {}  # that may get items
        self._prefetch = prefetch
        self._make = make
        self._context = context
        self._stalled = stalled
        self._max_groups = max_groups
        self._scheduler = scheduler or context.timed().scheduler
        self._drain = Drain(Silent(self), UNBOUNDED, loop=running_loop())
        self.wake: Callable[[], None] = self._drain.wake
        self.input: Input | None = None  # None until opened, and when all is let go of
        self._upstream: Figures = tuple  # its figures; the last ones when it was cancelled
        self._routing: Iterator[tuple[Room, Any]] | None = None  # where the last item goes
        self._next: tuple[Room, Any] | None = None  # what finds no room
        self._asked: dict[object, Room] = {}  # by the loop that asks, who asked first
        # By loop, where the item went that it asked for, and which one of that room's it is.
        self._landed: dict[object, tuple[Room, int]] = {}
        self._last: Room = self.outer  # where an item landed last
        self._asked_since: set[Room | None] = set()  # an inner Flow has landed
        self._ended = False
        self._rung = False  # the alarm has, since it was set
        self._over = False  # everybody has left
        self._again = False  # a budget was spent
        self._fired: deque[Input] = deque()  # of further sources, those that may have something
        self._unheard: deque[Input] = deque()  # those of them to be looked at in the next run
        self._caller: tuple[int, object] = (0, None)  # the thread and loop that run this one
        self._patience: float | None = None  # until when a full room is waited for
        self._received = self._passed = self._lost = 0
        self._dropped: Counter[str] = Counter()  # _lost in all

    # What its subclasses say.

    @abstractmethod
    def route(self, item: Any) -> Iterator[tuple[Room, Any]]:
        """Say which rooms an item goes to; called once for each, and advanced as there is room."""

    def before(self) -> None:
        """Set the clock, before upstream is subscribed to."""

    def after(self) -> None:
        """Start further sources, after upstream was subscribed to."""

    def attend(self) -> Iterator[tuple[Room, Any]] | None:
        """Look at the clock and at further sources; say what goes to which room for that."""
        return None

    def due(self) -> float | None:
        """Say when ``attend`` is to be called without anything else happening."""
        return None

    def exhausted(self) -> None:
        """Hear that upstream has completed."""
        self.finish(None)

    def release(self) -> None:
        """Let go of further sources."""

    # From any thread.

    def ask(self, room: Room) -> None:
        """Hear that a consumer wants items of a room that has none."""
        root = room.root
        if room.held or root in self._asked:
            return
        landed, number = self._landed.get(root, (None, 0))
        if landed is not None and landed.held and landed.taken < number:
            # Its own consumer asks: it is to take that first. An inner Flow it may not want
            # to open now; then it asks a second time.
            if landed is not self.outer:
                return
            if room not in self._asked_since:
                self._asked_since.add(room)
                return
        self._asked[root] = room
        self._wake_for(root)

    def _wake_for(self, root: object) -> None:
        """Run the loop for a consumer, through which an interrupt would go."""
        outer, self._caller = self._caller, (get_ident(), root)
        try:
            self.wake()
        finally:
            self._caller = outer

    def left(self, room: Room) -> None:
        """Hear that a consumer has left; upstream is cancelled with the last one."""
        self.readers.pop(room, None)
        if self._asked.get(room.root) is room:
            self._asked.pop(room.root, None)
        if self._landed.get(room.root, (None, 0))[0] is room:
            self._landed.pop(room.root, None)
        if room is self.outer and not self._ended:
            for inner in list(self.rooms):
                inner.abandon()
        if self.outer.closed and not self.readers:
            self._over = True
            self._drain.cancel()
        elif not self._ended:
            self.wake()

    # In its own loop.

    def open(self) -> None:
        """Subscribe upstream."""
        context = self._context
        self._drain.open(self._opened, context.scheduler, context.tasks, wrap=context.wrap)
        self._wake_for(context.root)

    def _opened(self, context: Context) -> Feed[Any]:
        self.alarm: Alarm = Alarm(self._ring, self._scheduler)
        self.context = context
        self.input = Input(self._make, context)
        self._upstream = self.input.statistics
        return self

    def start(self) -> None:
        """Start upstream."""
        assert self.input is not None
        self.before()
        self._set_alarm()
        self.input.start()
        self.after()

    def room(self, name: str, key: Any) -> Room:
        """Make a room, which is to be pushed to the outer one next."""
        room = Room(self, name, key, self._prefetch)
        self.rooms[room] = None
        return room

    def close(self, room: Room) -> None:
        """Complete a room."""
        self.rooms.pop(room, None)
        room.complete()

    def run(self) -> Iterator[Any]:
        """Fill rooms as long as anybody asks; nothing comes out here."""
        self._again = False
        while self._unheard:
            self._fired.append(self._unheard.popleft())
        for _ in times(None, BUDGET):
            try:
                if self._ended or not self._step():
                    return
            except Exception as error:
                self.finish(error)
                return
            except BaseException as error:
                thread, root = self._caller
                self.finish(
                    RuntimeError(f"{self.name}: a callback ended with {error!r}"),
                    interrupted=root if thread == get_ident() else None,
                )
                raise
        self._again = True
        yield from ()

    def _step(self) -> bool:
        """Put one item into its rooms, or hear the end; say whether there may be more to do."""
        while self.forsaken:
            self.forsaken.popleft().abandon()
        if self._routing is None:
            self._routing = self.attend()
        if self._ended:
            return False
        if self._routing is not None:
            return self._place()
        if self._last.next and self._last.root not in self._asked:
            return False  # it takes that first, then asks
        return self.pull()

    def pull(self) -> bool:
        """Take an item of upstream for whoever asks, or hear its end; say whether it has come."""
        assert self.input is not None
        if not self._asked and not self.input.ending():
            return False
        if not self._asked:
            self.input.waiting = False
        item = self.input.take()
        if item is NOTHING:
            if self.input.ended:
                self.exhausted()
            self._again = not (self.input.waiting or self.input.ended)
            return False
        self._received += 1
        self._routing = self.route(item)
        return True

    def _place(self) -> bool:
        """Put the item into the rooms that it goes to, as far as there is room."""
        assert self._routing is not None
        while True:
            if self._next is None:
                self._next = next(self._routing, None)
            if self._next is None:
                self._routing = None
                self._passed = self._received - self._lost
                return True
            room, value = self._next
            if not self._push(room, value):
                return False
            self._next = self._patience = None

    def _push(self, room: Room, value: Any) -> bool:
        """Push into a room; say whether that is done, or the room has to be waited for."""
        asked = room.asks or (room is self.outer and not room.full())
        if asked:  # before it is pushed: who takes it asks again
            root = room.root
            asker = self._asked.pop(root, None)
            self._last = room
            self._landed[root] = room, room.offered + 1
            if room is self.outer:
                self._asked_since = {asker}
        offer = room.push(value)
        while offer is Offer.FULL:
            if room.when_room(self.wake):
                self._look_for_stall(room)
                return False
            offer = room.push(value)
        if room is self.outer and asked:
            room.look_again()
        if offer is Offer.CLOSED:
            if asked:
                self._asked[room.root] = room
            self.refused(room, value)
        return True

    def drop(self, reason: str) -> None:
        """Count the item that is being routed as dropped."""
        self._lost += 1
        self._dropped[reason] += 1

    def refused(self, room: Room, value: Any) -> None:
        """Hear that the consumer of a room has left before a value came."""
        if room is self.outer:
            abandon(value)
        else:
            self.drop("cancelled")

    def _look_for_stall(self, room: Room) -> None:
        """Fail when others have waited too long for a room that nobody empties."""
        if self._stalled is None or room.requested or not self._asked:
            self._patience = None
            return
        now = self.alarm.now
        if self._patience is None:
            self._patience = now + self._stalled
        if now < self._patience:
            return
        held = next(room.statistics()).held
        raise GroupStalledError(
            self.name, room.key, held, self._max_groups, room.reader is not None
        )

    def finish(self, error: Exception | None, interrupted: object = None) -> None:
        """End all rooms, then the outer one.

        Args:
            error: What with; None completes them.
            interrupted: The loop that an exception goes through, which needs no telling.
        """
        if self._ended:
            if error is not None:
                hooks.dropped_error(error)
            return
        self._ended = True
        rooms, self.rooms = self.rooms, {}
        for room in (*rooms, self.outer):
            if error is None:
                room.complete()
            elif room.root is interrupted is not None:
                continue
            elif not room.closed:  # the failure of one may have had the others cancelled
                room.fail(error)

    def settle(self) -> State:
        """Wait for whoever asks, or for the clock."""
        if self._ended:
            return State.ENDED
        if self._again or self._unheard:
            return State.READY
        self._set_alarm()
        return State.WAITING

    def _set_alarm(self) -> None:
        # What is due is attended to when nothing is on its way; that may be waited for.
        due = self.due() if self._routing is None else self._patience
        self._rung = False
        if due is not None:
            self.alarm.set(due)

    def _ring(self) -> None:
        self._rung = True
        self.context.wake()

    def reached(self, time: float) -> bool:
        """Tell whether a time has come: at that very instant, only when the alarm has rung."""
        now = self.alarm.now
        return time < now or (self._rung and time <= now)

    def cancel(self) -> None:
        """Cancel upstream."""
        self._ended = True
        self._routing = self._next = None
        if self.input is not None:
            self.alarm.cancel()
            self._upstream = cancelled(self.input)
        self._make = _gone  # an inner Flow that is kept does not keep what is upstream
        self.release()
        self.input = None  # last: as long as it is there, no figures are the last ones

    def statistics(self) -> Iterator[StageStatistics]:
        """Give those of upstream, of what is on its way, and of rooms that nobody reads."""
        if self.input is not None:
            lingers(self._drain if self._ended or self._over else None)
        # Its loop may be under way on another thread: they are read once each, and balance.
        dropped, received = dict(self._dropped), self._received
        come = received - sum(dropped.values())
        rest = min(1, max(0, come - self._passed))
        over = self._ended or self._over
        own = StageStatistics(
            self.name,
            received=received,
            delivered=come - rest,
            held=0 if over else rest,
            peak=1,
            capacity=1,
            dropped=dropped,
            discarded=rest if over else 0,
        )
        yield from joined(self._upstream(), own)
        unread = [room for room in list(self.rooms) if room.reader is None]
        for part in chain(self.past, *(room.statistics() for room in unread)):
            yield changed(part, inputs=1)  # filled by that, as one behind the other

    def begin(self, make: Make, sources: dict[Input, Any], value: Any = None) -> Input:
        """Start a further source; then note it with a value, for ``fired`` to look at it."""
        entry = Input(make, self.context, self._fired.append)
        with own_trampoline():
            entry.start(1)
        sources[entry] = value
        self._fired.append(entry)
        return entry

    def fired(self, sources: Container[Input]) -> tuple[Input, Any] | None:
        """Give one of these sources that has something, with it; NOTHING stands for its end."""
        while self._fired:
            entry = self._fired.popleft()
            if entry not in sources:  # it is let go of, or still in its start
                continue
            item = entry.take()
            if item is not NOTHING:
                self._fired.appendleft(entry)  # it may have more
            elif not entry.ended:
                if not entry.waiting:  # its budget is spent, or something came: no wake follows
                    self._unheard.append(entry)
                continue
            return entry, item
        return None


def cancelled(entry: Input) -> Figures:
    """Cancel a source, and give what gives its last figures, which does not keep it."""
    entry.cancel()
    last = Ledger()
    last.keep(entry.statistics)
    return last.__iter__


def _gone(context: Context) -> Feed[Any]:
    raise AssertionError("it is opened once")
