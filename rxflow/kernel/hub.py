"""A hub: one producer upstream, several consumers with a Boundary each."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from itertools import count
from threading import Lock
from typing import Any

from reactivex.abc import SchedulerBase

from ..protocol import BufferOverflowError, SlowConsumerError, Subscriber
from . import hooks
from .clock import Alarm, running_scheduler
from .connection import Connection
from .feed import Context
from .loops import running_loop
from .outlet import Lease, Memory, Outlet
from .statistics import Ledger, StageStatistics, changed, joined

Subscribe = Callable[[Subscriber[Any], Context], object]
"""Subscribes a Subscriber to the producer, for a consumer's context."""

_numbers = count(1)  # of hubs


class Hub:
    """Hands each item of its producer to all of its outlets.

    The lock guards all fields; items, ends and requests are passed on outside of it.
    The outlets are gone through as a tuple, made anew when they are others, so that an item
    goes to those that were there when it came, whoever joins or leaves meanwhile.
    """

    deals = False
    """Each item is for one outlet only, so those that ask first need not wait for the others."""

    def __init__(
        self,
        name: str,
        prefetch: int,
        subscribe: Subscribe | None = None,
        *,
        memory: Memory | None = None,
        eject_after: float | None = None,
        scheduler: SchedulerBase | None = None,
    ) -> None:
        """Make one without outlets, which is not connected.

        Args:
            name: The operator, for errors and statistics.
            prefetch: Most that is asked for beyond what an outlet has given (items).
            subscribe: How it subscribes; None where it is given a Subscription.
            memory: What late subscribers get first.
            eject_after: How long a lockstep outlet may be without room (seconds).
            scheduler: Whose clock; that of the connecting subscriber when left out.
        """
        self.name = name
        self.prefetch = prefetch
        self.batch: int = prefetch - prefetch // 4
        self.capacity: int = prefetch + (memory.size if memory else 0)
        self._subscribe = subscribe
        self._memory = memory
        self._eject_after = eject_after
        # All outlets are of one subscription, which tells the figures of the hub itself.
        self.private: bool = False
        self._shared = next(_numbers)  # by which its figures are known, whoever tells them
        self._scheduler = scheduler
        self._clock_of = scheduler
        self._lock = Lock()
        self._members: dict[Outlet, None] = {}  # in the order in which they came
        self._told: tuple[Outlet, ...] | None = ()  # the same; None since one has come or gone
        self._first = 0  # where a look at all of them begins: at who last held the others back
        self._numbers = 0
        self._connection: Connection | None = None
        self._past = Ledger()  # figures of the producer, and of those that were disconnected
        self._stash: deque[Any] = deque()  # came while there was nobody to take it
        self._ended = False
        self._heard = False  # a subscriber has heard of the end, so it is for good
        self._error: Exception | None = None  # why it has ended, if by a failure
        self._alarm: Alarm | None = None  # made when the time is first needed
        self._watching = False  # the alarm is set, and will be seen to
        self.hungry: bool = False  # an outlet waits since the last item: any room is made use of
        self.giving: bool = False  # an item is on its way to the outlets; then that is looked at
        self._received = self._lost = self._discarded = self._peak = self._requested = 0

    # Consumers.

    def next_number(self) -> int:
        """Count the subscribers, from 1."""
        with self._lock:
            self._numbers += 1
            return self._numbers

    def attach(self, outlet: Outlet, lease: Lease | None) -> None:
        """Give an outlet what comes from now on, after what is remembered."""
        connection: Connection | None = None
        with self._lock:
            outlet.preload(self._backlog())
            over = self._over()
            if not over:
                self._members[outlet], self._told = None, None
                outlet.full_since = self._now()
            if lease is not None:
                lease.count += 1
                if lease.count == lease.needed and not over and self._connection is None:
                    connection = self._connected()
        if over:
            self._tell_end(outlet)
        if connection is not None:
            self._open(connection, outlet.context.scheduler)
        self.refill()
        self._watch()

    def detach(self, outlet: Outlet, lease: Lease | None) -> None:
        """Let an outlet go; the last one of a lease disconnects."""
        connection, alarm = None, None
        with self._lock:
            self._forget(outlet)
            if lease is not None:
                lease.count -= 1
                if not lease.count and not lease.keeps:
                    connection = self._connection
                    alarm = self._cut()
                    if not self._heard:  # what was ahead of the demand is fetched again
                        self._ended, self._error = False, None
        if connection is not None:
            self._close(connection, alarm, outlet.context)
        self.refill()  # it may have been the slowest

    def heard_end(self) -> None:
        """Note that a subscriber has come to the end."""
        self._heard = self._heard or self._ended

    def remove(self, outlet: Outlet) -> None:
        """Give an outlet nothing more, though its consumer is still there."""
        with self._lock:
            self._forget(outlet)
        self.refill()

    def _forget(self, outlet: Outlet) -> None:
        self._members.pop(outlet, None)
        self._told = None

    @property
    def _outlets(self) -> tuple[Outlet, ...]:
        """Who is there now; the lock is held."""
        self._told = told = self._told or tuple(self._members)
        return told

    def _backlog(self) -> list[Any]:
        """Give what a new outlet gets first; the lock is held."""
        if self._memory is not None:
            return (
                self._memory.items(self._now()) if self._memory.lasting or not self._ended else []
            )
        items = list(self._stash)
        self._stash.clear()
        return items

    # The producer.

    @property
    def connection(self) -> Connection | None:
        """The subscription that there is."""
        return self._connection

    def connect(self, scheduler: SchedulerBase | None = None) -> Connection:
        """Subscribe to the producer, unless that is done already.

        Args:
            scheduler: The default scheduler of the subscription.
        """
        with self._lock:
            connection = self._connection
            there = connection is not None
            if connection is None:
                connection = self._connected()
        if not there:
            self._open(connection, scheduler)
            self._watch()
        return connection

    def _connected(self) -> Connection:
        """Have a connection; the lock is held."""
        self._connection = connection = Connection(self)
        self._past.begin(connection.intake.statistics)
        return connection

    def _open(self, connection: Connection, scheduler: SchedulerBase | None) -> None:
        self._stop_clock()
        self._clock_of = self._scheduler or scheduler
        with self._lock:
            for outlet in self._outlets:
                outlet.full_since = self._now()
        if self._subscribe is not None:
            context = Context(lambda: None, scheduler, connection.tasks)
            self._subscribe(connection.intake, context)

    def disconnect(self, connection: Connection, context: Context | None = None) -> None:
        """Cancel a subscription; what nobody has taken is discarded.

        Args:
            connection: It; if there is another by now, nothing happens.
            context: Of the consumer who leaves; it waits for what the producer closes.
        """
        with self._lock:
            if connection is not self._connection:
                return
            alarm = self._cut()
        self._close(connection, alarm, context)

    def _cut(self) -> Alarm | None:
        """Be without a connection, so that another can be made; the lock is held."""
        self._connection = None
        self._discarded += len(self._stash)
        self._stash.clear()
        alarm, self._alarm = self._alarm, None
        return alarm

    def _close(self, connection: Connection, alarm: Alarm | None, context: Context | None) -> None:
        if alarm is not None:
            alarm.cancel()
        if context is not None:
            loop = running_loop()
            context.tasks.update(task for task in connection.tasks if task.get_loop() is loop)
        connection.intake.cancel()
        self._past.end(connection.intake.statistics)

    def refill(self) -> None:
        """Ask the producer for as much as there is room for."""
        with self._lock:
            connection = self._connection
            if connection is None or connection.requesting or not connection.intake.subscribed:
                return  # who is requesting looks again
            connection.requesting = True
        while True:
            with self._lock:
                more = self._more(connection.asked)
                if more <= 0:
                    connection.requesting = False
                    return
                connection.asked += more
                self._requested += more
            try:
                connection.intake.request(more)
            except Exception as error:  # rule 3.16: it is not to raise
                self._break_off(error)

    def _more(self, asked: int) -> int:
        """Say how much may be asked for beyond what was (items); the lock is held."""
        # Each outlet comes here after each item, so none looks at all of the others every time.
        least = self.prefetch
        if asked >= least or not (outlets := self._outlets):
            return 0
        for _ in outlets:
            self._first %= len(outlets)
            outlet = outlets[self._first]
            if outlet.lockstep and (least := min(least, outlet.room)) <= asked:
                return 0  # whoever looks next begins with this one
            self._first += 1
        return least - asked

    def take(self, connection: Connection, item: Any) -> None:
        """Hand an item to those it is for, or keep it for the next one."""
        with self._lock:
            if connection is not self._connection or self._ended:
                return
            asked = connection.asked  # with this one, till all have it: who has it may ask
            self._received += 1
            if self._memory is not None:
                self._memory.add(item, self._now())
            outlets = self._outlets
            kept = self._keeps()
            held = len(self._stash)
            if kept and asked:
                self._stash.append(item)
                self._peak = max(self._peak, held + 1)
            elif kept:
                self._lost += 1
        if kept and not asked:
            self._break_off(BufferOverflowError(self.name, self.capacity, held, 0, item))
            return
        self.hungry, self.giving = False, True
        try:
            self._give(item, outlets)
        finally:
            self.giving = False
        with self._lock:
            asked = connection.asked = max(0, connection.asked - 1)
        # One that waits makes use of any room; but with the rest of a batch, that comes by itself.
        if not asked or (self.hungry and asked <= self.prefetch - self.batch):
            self.refill()

    def _over(self) -> bool:
        """Say whether nothing comes to an outlet any more; the lock is held."""
        return self._ended

    def _keeps(self) -> bool:
        """Say whether an item is kept till an outlet has room for it; the lock is held."""
        return not self._members and self._memory is None

    def _break_off(self, error: Exception) -> None:
        """Fail, and cancel the producer."""
        connection = self._connection
        if connection is not None:
            connection.intake.cancel()
            self.end(connection, error)

    def _give(self, item: Any, outlets: tuple[Outlet, ...]) -> None:
        """Push an item to outlets."""
        for outlet in outlets:
            try:
                outlet.push(item)
            except Exception as error:
                hooks.dropped_error(error)
            except BaseException as error:
                self._interrupted(error)
                raise
            if not self.hungry and outlet.waits:
                self.hungry = True
            if self._eject_after is not None and outlet.reading and outlet.room <= 0:
                outlet.full_since = self._now()
                self._watch()

    def guarded(self, call: Callable[..., object], *args: Any) -> object:
        """Call what may run a consumer: what it raises is not for the others."""
        try:
            return call(*args)
        except Exception as error:
            hooks.dropped_error(error)
            return None
        except BaseException as error:
            self._interrupted(error)
            raise

    def _interrupted(self, error: BaseException) -> None:
        self._break_off(RuntimeError(f"{self.name}: a subscriber ended with {error!r}"))

    def end(self, connection: Connection, error: Exception | None) -> None:
        """Tell all of the end, each behind what it has still to take."""
        with self._lock:
            late = connection is not self._connection or self._ended
            if not late:
                self._ended, self._error = True, error
        if not late:
            self._finish()
        elif error is not None:
            hooks.dropped_error(error)

    def _finish(self) -> None:
        """Let all outlets go, once nothing more is to come to them."""
        with self._lock:
            outlets, self._told = self._outlets, ()
            self._members.clear()
        self._stop_clock()
        for outlet in outlets:
            self.guarded(self._tell_end, outlet)

    def _tell_end(self, outlet: Outlet) -> None:
        if self._error is None:
            outlet.complete()
        elif not outlet.closed:  # the failure of one may have had the others cancelled
            outlet.fail(self._error)

    # Time.

    def _clock(self) -> Alarm:
        if self._alarm is None:
            self._alarm = Alarm(self._look, self._clock_of or running_scheduler())
        return self._alarm

    def _stop_clock(self) -> None:
        alarm, self._alarm, self._watching = self._alarm, None, False
        if alarm is not None:
            alarm.cancel()

    def _now(self) -> float:
        """Give the time, where anything depends on it (seconds)."""
        if self._eject_after is None and (self._memory is None or self._memory.window is None):
            return 0.0
        return self._clock().now

    def _watch(self) -> None:
        """Have it looked at who has no room, when one of them may be due."""
        if self._eject_after is None:
            return
        with self._lock:
            if self._watching or self._ended or self._connection is None:
                return
            self._watching = True
        self._clock().set(self._now() + self._eject_after)

    def _look(self) -> None:
        """Eject who has had no room for too long; look again when the next one is due."""
        after = self._eject_after
        assert after is not None
        now, slow, due = self._now(), list[Outlet](), list[float]()
        with self._lock:
            for outlet in self._outlets:
                if outlet.lockstep and outlet.room <= 0:
                    if now >= outlet.full_since + after:
                        slow.append(outlet)
                    else:
                        due.append(outlet.full_since + after)
            self._watching = bool(due)
            for outlet in slow:
                self._forget(outlet)
        if due:
            self._clock().set(min(due))
        for outlet in slow:
            error = SlowConsumerError(
                self.name, outlet.number, outlet.held, now - outlet.full_since
            )
            self.guarded(outlet.eject, error)
        if slow:
            self.refill()

    def statistics(self) -> Iterator[StageStatistics]:
        """Give the producer's figures, where it is a Flow, then its own."""
        if self.private:
            yield from self._figures()
            return
        for part in self._figures():
            yield part if part.shared else changed(part, shared=self._shared)

    def _figures(self) -> Iterator[StageStatistics]:
        before = [*self._past]
        with self._lock:
            held = len(self._stash)
            own = StageStatistics(
                self.name,
                requested=self._requested,
                received=self._received,
                delivered=self._received - held - self._lost - self._discarded,
                held=held,
                peak=self._peak,
                capacity=self.capacity,
                dropped={"overflow": self._lost} if self._lost else {},
                discarded=self._discarded,
            )
        yield from joined(before, own)

    def all_statistics(self) -> tuple[StageStatistics, ...]:
        """Give those, then the figures of each outlet."""
        with self._lock:
            outlets = self._outlets
        return (*self.statistics(), *(each.own_statistics() for each in outlets))
