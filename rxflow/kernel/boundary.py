"""A boundary: the bounded queue where a producer and a consumer of different pace meet."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import repeat
from sys import maxsize
from typing import Any, Generic, TypeVar

from ..protocol import UNBOUNDED, BufferOverflowError, Offer, Overflow, Victim, add_demand
from . import hooks
from .counting import ATOMIC
from .ends import CLOSED, DROPPED, ENQUEUED, FULL, INCOMING, NEWEST, OLDEST, OPEN, End
from .feed import BUDGET, Context, Few, Server, State, inherits
from .queues import FEW, Held, popped
from .taking import Taken
from .telling import DiscardCallback, DropCallback, Telling, is_async

T = TypeVar("T")


class Boundary(Taken[T], Generic[T]):
    """A bounded queue: any thread pushes, one consumer pulls.

    The lock guards all fields; callbacks and wakes are called outside it. The
    consumer takes items without the lock (``deque.popleft`` is atomic).

    One wake is sent per batch: only when the consumer has found the queue empty.
    """

    # A dict of so many attributes takes more room than all else that an empty boundary has.
    __slots__ = (
        "__weakref__",
        "_delay_error",
        "_end",
        "_error",
        "_few",
        "_on_discard",
        "_on_drop",
        "_server",
        "_singles",
        "_telling",
        "_waits",
        "_wake",
        "pusher",
        "steady",
    )

    def __init__(
        self,
        context: Context,
        name: str,
        capacity: int,
        overflow: Overflow,
        *,
        on_drop: DropCallback | None = None,
        on_discard: DiscardCallback | None = None,
        delay_error: bool = True,
    ) -> None:
        """Make an empty queue.

        Args:
            context: Whom to wake.
            name: The operator, for errors and statistics.
            capacity: Most items held beyond the demand (items); 0 holds none.
            overflow: What gives way when it is full.
            on_drop: Called with each item that was dropped, and the reason; it may be async.
            on_discard: Called with each item that is held when the consumer leaves.
            delay_error: An error waits for what is held; else it overtakes and discards it.
        """
        super().__init__(context, name, capacity, overflow)
        self._wake = context.wake
        self.steady: bool = inherits(type(self), Boundary, "want")
        self._waits = overflow.victim in (Victim.TASK, Victim.THREAD)
        self._on_drop = on_drop
        self._telling: Telling | tuple[()] = ()  # true while an async on_drop has work to do
        if on_drop is not None and is_async(on_drop):
            self._on_drop = self._telling = Telling(context, name, on_drop, self.break_off)
        self._on_discard = on_discard
        self._delay_error = delay_error
        # What gives way when it is full is known without a closer look, and nobody is told.
        quiet = (OLDEST, NEWEST, INCOMING)
        self._usual_quiet = ATOMIC and bool(capacity) and not on_drop and overflow.victim in quiet
        self._singles = context.pulls and bool(capacity) and self._unheard()
        self._end = OPEN
        self._error: Exception | None = None  # why _end is FAILED
        self.pusher: int = 0  # a thread that was found to run no event loop, so that it may wait
        self._few: Held | None = None  # made when it is needed
        self._server: Server | None = None  # takes a single item at once, when it is idle

    # The producer's side: any thread.

    def push(self, item: T) -> Offer:
        """Offer one item; when full, the overflow strategy decides.

        Returns:
            ENQUEUED when it is held; DROPPED when it was lost, then counted and
            reported; FULL when it is the producer who is to wait; CLOSED after
            the end.
        """
        queue, lock = self._queue, self._lock
        shortcut = self._shortcut
        if shortcut:
            if shortcut is True:
                if len(queue) >= self._capacity and (offer := self._gives_way(item)):
                    return offer
            elif self._idle:
                if self._capacity:
                    if entered := shortcut.enter(queue):
                        self._handed += 1
                else:  # the demand that is left decides: nobody is to look at it meanwhile
                    with lock:
                        if entered := shortcut.enter(queue):
                            self._handed += 1
                if entered:
                    shortcut.hand(item)
                    if self._end is not OPEN:
                        self.stop_producer()
                    return ENQUEUED
                if entered is None:
                    self._wake()
        lock.acquire()  # in half the time of a with statement, and it is hot
        try:
            held = len(queue)
            if held < self._quick:  # it is open, nobody waits for an item, and there is room
                self._received += 1
                queue.append(item)
                return ENQUEUED
            if self._end is not OPEN:
                return CLOSED
            kept, idle = True, self._idle
            lost: list[tuple[T, str]] | None = None
            if idle and self._singles and not held:
                self._received += 1
                self._peak = self._peak or 1
                self._stay.since, self._stay.alone = self._meter.now(), True
                queue.append(item)
            elif self._rises(held):
                self._received += 1
                queue.append(item)
            elif self._waits and self._full(item):
                return FULL
            else:
                kept, lost = self._overflowing(item)
            self._idle = False
        finally:
            lock.release()
        if lost:
            self._report(lost)
        if idle:
            self._wake()
        if self._end is not OPEN:
            self.stop_producer()
        return ENQUEUED if kept else DROPPED

    def stop_producer(self) -> None:
        """Stop the source, which a full queue or a callback has made to fail."""

    def interrupted(self, error: BaseException) -> None:
        """Fail, and stop the source: a callback was interrupted, which its caller hears of."""
        self.break_off(RuntimeError(f"{self.name}: a callback ended with {error!r}"))

    def break_off(self, error: Exception) -> None:
        """Fail, and stop the source: a callback has raised, perhaps after the source's end."""
        with self._lock:
            if self._end is End.COMPLETED:
                self._end = OPEN  # nobody was told of that end, and this one comes before
        self.fail(error)
        self.stop_producer()

    def complete(self) -> None:
        """Say that no item comes any more."""
        self._close(End.COMPLETED, None)

    def fail(self, error: Exception) -> None:
        """Say that the source has failed."""
        self._close(End.FAILED, error)

    @property
    def closed(self) -> bool:
        """Whether nothing is taken any more."""
        return self._end is not OPEN

    @property
    def failure(self) -> Exception | None:
        """What the source has failed with."""
        return self._error

    def when_room(self, call: Callable[[], object], item: Any = None) -> bool:
        """Have ``call`` called, from the consumer's thread, when there may be room for an item.

        Returns:
            False when there is room now, or the queue is closed; nothing is kept then.
        """
        with self._lock:
            # Noted before it is looked: the consumer takes without the lock, then looks here.
            self._waiters.add(call)
            if self._end is OPEN and self._full(item):
                return True
            del self._room[call]  # it has not waited
            return False

    def full(self, item: Any = None) -> bool:
        """Tell whether an item that came now would find no room."""
        with self._lock:
            return self._full(item)

    def lose(self, item: T, reason: str) -> None:
        """Count and report an item that was not taken and that nobody will offer again."""
        with self._lock:
            self._received += 1
            self._count_lost(reason, 1)
        self._report([(item, reason)])

    def take_back(self, reason: str) -> list[T]:
        """Take back all that is held, to push something in its place.

        Args:
            reason: Under which it is counted as dropped.
        """
        with self._lock:
            items = self._emptied()
            if items:
                self._count_lost(reason, len(items))
                self._stay.empty()
                self._quick, self._shortcut = 0, None  # what is put in their place is timed
        return items

    def forget_room(self, call: Callable[[], object]) -> None:
        """Take back what was said to ``when_room``."""
        with self._lock:
            self._waiters.leave(call)

    # The consumer's side: one thread at a time.

    def serve(self, server: Server) -> None:
        """Hand single items over at once, where nobody is to hear of it."""
        if self._unheard():
            self._singles = False
            self._serve(server)

    def few(self) -> Few | None:
        """Give the few items that are held, if nobody waits for room."""
        if len(self._queue) > FEW or self._waits:
            return None
        if self._few is None:
            self._few = Held(self._queue, self._stay, self._took)
        self._few.ended, self._few.left = False, BUDGET
        return self._few

    def settle(self) -> State:
        """Look once more under the lock, then wait for a wake."""
        with self._lock:
            if self._queue:
                return State.READY
            self._stay.empty()
            if self._end is OPEN or self._telling:
                self._waits_now()
                return State.WAITING
            error = self._error
        if error is not None:
            raise error
        return State.ENDED

    def ending(self) -> bool:
        """Tell whether the source is at its end and nothing is held; else be woken then."""
        with self._lock:
            if self._queue:
                return False
            self._stay.empty()
            self._waits_now()
            return self._end is not OPEN and not self._telling

    def want(self, n: int) -> None:
        """Hear of demand that what was held has not met."""
        if n == UNBOUNDED:
            self._wanted = n
            return
        with self._lock:
            self._wanted = add_demand(self._count_taken(), n)

    def more(self, n: int) -> None:
        """Count demand that comes while the consumer is busy."""
        with self._lock:
            self._wanted = add_demand(self._wanted, n)

    def cancel(self) -> None:
        """Close, and hand what is held to ``on_discard``."""
        with self._lock:
            self._end, self._quick = End.CANCELLED, 0
            self._error = self._server = self._shortcut = self._few = None
            self._stay.empty()
        if self._telling:
            self._telling.cancel()
        self._discard()
        self._tell_room()

    # Inside.

    def _serve(self, server: Server | None) -> None:
        """Hand single items over to a Server from now on."""
        with self._lock:
            self._server = server
            if self._idle:
                self._waits_now()

    def _waits_now(self) -> None:
        """Note that the consumer has found the queue empty; the lock is held."""
        self._idle, self._quick = True, 0
        self._shortcut = self._server if self._end is OPEN else None

    def _unheard(self) -> bool:
        """Tell whether an item can be taken without a run: nobody waits for room, or counts."""
        return not self._waits and inherits(type(self), Boundary, "run", "settle", "_passed")

    def _gives_way(self, item: T) -> Offer | None:
        """Apply a quiet strategy to a full queue, if that is as if the item had come before."""
        victim, lock, queue = self._overflow.victim, self._lock, self._queue
        if self._end is not OPEN or self._starting:
            return None
        if victim is INCOMING:
            next(self._displaced)
            return DROPPED
        try:
            if victim is not OLDEST:
                queue[-1] = item
                next(self._displaced)
                return ENQUEUED
            lock.acquire()  # this takes two operations
            try:
                if len(queue) < self._capacity or self._end is not OPEN:
                    return None
                queue.popleft()
                before = self._received
                if before - len(queue) > self._stay.limit:  # the one that is timed is gone
                    self._mark(before)
                queue.append(item)
                self._received = before + 1
                self._lost += 1
            finally:
                lock.release()
        except IndexError:  # the consumer has taken all
            return None
        return ENQUEUED

    def _overflowing(self, item: T) -> tuple[bool, list[tuple[T, str]]]:
        """Apply the overflow strategy; the lock is held.

        Returns:
            Whether the item was kept, and the items that were lost, each with the reason.
        """
        queue, victim = self._queue, self._overflow.victim
        kept, lost, reason = True, list[T](), victim.value
        full, requested = self._full(item), self.requested
        if self._stay.alone:
            self._company()
        self._received += 1
        if full:
            if victim in (Victim.OLDEST, Victim.NEWEST, Victim.ALL):
                lost = self._evict(victim, item)
            else:
                kept, lost, reason = False, [item], "incoming"
                if victim is Victim.STREAM:
                    self._overflow_with(item, requested)
                    reason = "overflow"
            if lost:
                self._count_lost(reason, len(lost))
        if kept:
            self._mark_instead(self._received - 1)
            queue.append(item)
            self._peak = max(self._peak, len(queue))
        return kept, list(zip(lost, repeat(reason)))

    def _overflow_with(self, item: Any, requested: int) -> None:
        """Fail behind what is held; the lock is held."""
        self._end, self._quick = End.FAILED, 0
        self._error = BufferOverflowError(self.name, self._capacity, self._load(), requested, item)

    def _load(self) -> float:
        """Say how much of the capacity is taken; the lock is held."""
        return len(self._queue)

    def _evict(self, victim: Victim, item: T) -> list[T]:
        """Take out what gives way; nothing where the consumer was quicker and made room."""
        take = self._queue.pop if victim is Victim.NEWEST else self._queue.popleft
        return popped(take, maxsize if victim is Victim.ALL else 1)

    def _emptied(self) -> list[T]:
        """Take out all that is held."""
        return popped(self._queue.popleft, maxsize)

    def _report(self, lost: list[tuple[T, str]]) -> None:
        """Call ``on_drop`` for each lost item; what it raises ends the stream."""
        if self._on_drop is None:
            return
        for item, reason in lost:
            try:
                self._on_drop(item, reason)
            except Exception as error:
                self.break_off(error)
            except BaseException as error:
                self.interrupted(error)
                raise

    def _close(self, end: End, error: Exception | None) -> None:
        with self._lock:
            if opened := self._end is OPEN:
                self._end, self._error, self._quick = end, error, 0
            idle, self._idle = self._idle, False
        if not opened and error is not None:
            hooks.dropped_error(error)
        overtakes = opened and error is not None and not self._delay_error
        if overtakes:
            if self._telling:
                self._telling.cancel()
            self._discard()
        if idle or overtakes:
            self._wake()
        self._tell_room()

    def _discard(self) -> None:
        """Hand everything that is held to ``on_discard``."""
        with self._lock:
            items = self._emptied()
            self._discarded += len(items)
            self._stay.empty()
        if self._on_discard is None:
            return
        for item in items:
            hooks.reporting(partial(self._on_discard, item))
