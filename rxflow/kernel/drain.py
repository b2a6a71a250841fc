"""The drain loop: the one place where demand is counted and items are handed to a Subscriber."""

from __future__ import annotations

from asyncio import AbstractEventLoop, Task
from collections.abc import Callable, Iterable, Iterator, Sized
from functools import partial
from itertools import islice
from threading import Lock
from time import time
from typing import Any

from reactivex.abc import SchedulerBase

from ..protocol import UNBOUNDED, Subscriber, Subscription, add_demand, invalid_request
from . import hooks
from .consumer import Consumer, Status, consumed, flow_of, let_go
from .feed import NOTHING, Context, Feed, State, Wrap, remaining
from .lingering import asked, lingers
from .loops import running_loop
from .metering import SAMPLED, Meter
from .rows import CONSUMED, Row
from .running import appeared, disappeared
from .statistics import StageStatistics

BATCH = 64
"""Most items that are pulled before they are handed on at once (items)."""

_FINISHED = Exception("the stream is to complete")


class Drain(Subscription):
    """Hands the items of a Feed to a Subscriber, as many as it has requested.

    Whoever has the turn is in the loop. Who requests, wakes or cancels meanwhile
    leaves a note (``_again``), then tries to get the turn; the loop looks for a note
    once more when it has given the turn back. So signals are serial on any number of
    threads, and nothing recurses. What happens is decided under the lock; signals
    are sent outside it.
    """

    __slots__ = (
        *("_again", "_delivered", "_discarded", "_error", "_feed", "_final", "_granted", "_late"),
        *("_lock", "_loop", "_make", "_on_batch", "_on_next", "_outcome", "_over", "_raises"),
        *("_run", "_stopped", "_subscriber", "_thrown", "_told", "_turn", "meter", "started"),
    )

    def __init__(
        self,
        subscriber: Subscriber[Any],
        granted: int = 0,
        *,
        raises: bool = False,
        loop: AbstractEventLoop | None = None,
    ):
        """Serve one Subscriber.

        Args:
            subscriber: Who is given the items.
            granted: Demand there is from the beginning (items).
            raises: What the subscriber raises goes to whoever drains, as in
                reactivex, and not to the hook for dropped errors.
            loop: The event loop that is to have turns while much is pulled and little given.
        """
        self._lock = Lock()
        self._subscriber: Subscriber[Any] | None = subscriber  # None when stopped
        self._feed: Feed[Any] | None = None  # None until opened, and when stopped
        self._make: object = None  # makes it, or see let_go; None as that is
        self._final: Callable[[], Iterable[StageStatistics]] | None = None  # when stopped
        self._late: Feed[Any] | None = None  # gives them while a loop before this is not over
        self._run: Iterator[Any] | None = None  # the Feed's last run, None when exhausted
        self._on_next: Any = None  # its method, while it runs
        # Takes items that it cannot act on before this thread's event loop has a turn.
        self._on_batch: Any = None
        self._granted = granted  # all that was requested
        self._told = granted  # of that, what the Feed has been told of, or is to be
        self._delivered = 0  # all that was given; written only inside the loop
        self._discarded = 0  # pulled, but not given because of a cancel
        self._turn = Lock()  # of who is in the loop; taken as long as it is not open
        self._turn.acquire()
        self._again = False  # something happened since the loop last looked
        self._stopped = False  # ended, failed or cancelled
        self._outcome = Status.CANCELLED  # which of these, once it is stopped
        self._error: Exception | None = None  # found outside the loop, to be signalled
        self._raises = raises
        self._loop = loop
        self._thrown: BaseException | None = None  # raised by the subscriber, to be raised on
        # To be called when it is over; None when they were.
        self._over: tuple[Callable[[], object], ...] | None = ()

    def open(
        self,
        make: Callable[[Context], Feed[Any]],
        scheduler: SchedulerBase | None = None,
        tasks: set[Task[Any]] | None = None,
        *,
        held: bool = False,
        consumer: Consumer | None = None,
        wrap: Wrap | None = None,
    ) -> None:
        """Signal ``on_subscribe``, then make and start the Feed. A ``wake`` is to follow.

        Args:
            make: Makes the Feed.
            scheduler: The scheduler that was passed to ``subscribe``, if any.
            held: Nothing is signalled before the ``wake`` that follows, unless by a hot Feed.
            tasks: Where the asyncio tasks of the subscription are kept.
            consumer: Who is at the end of the pipeline, if not this one.
            wrap: As for a :class:`Context`.
        """
        subscriber = self._subscriber
        assert subscriber is not None, "a Drain is opened once"
        context = Context(self.wake, scheduler, tasks, consumer=consumer or self, wrap=wrap)
        self.meter: Meter = context.meter
        self.started: float = time()
        try:
            subscriber.on_subscribe(self)
        except Exception as error:
            hooks.dropped_error(error)
            self.cancel()
        opened = interrupted = False
        try:
            if not self._stopped:
                self._on_next = subscriber.on_next
                self._on_batch = getattr(subscriber, "on_batch", None)
                self._make = make
                self._feed = feed = context.opened(make)
                if consumer is None and not getattr(subscriber, "shared", False):
                    appeared(self)
                feed.serve(self)
                if self._told:
                    feed.want(self._told)
                opened, held = True, held and not feed.hot
                if not held:  # from here on a wake drains, on any thread
                    self._turn.release()
                feed.start()
        except Exception as error:
            with self._lock:
                late = self._stopped
                if not late:
                    self._error = error
            if late:
                hooks.dropped_error(error)
        except BaseException:  # KeyboardInterrupt and the like pass through
            interrupted = True
            raise
        finally:
            if held or not opened:
                self._turn.release()
            if interrupted:
                self.cancel()

    @property
    def flow(self) -> object:
        """The Flow that runs, or has run; see :class:`Consumer`."""
        return flow_of(self._make)

    def request(self, n: int) -> None:
        """Ask for more items; see :meth:`Subscription.request`."""
        error = invalid_request(n)
        with self._lock:
            if error is None:
                self._granted = add_demand(self._granted, n)
            elif self._error is None:
                self._error = error
            feed = None if self._stopped else self._feed
        if error is None:
            if feed is not None:
                feed.more(n)
            with self._lock:  # not before: whoever tells the whole would tell this twice
                self._told = add_demand(self._told, n)
        self.wake()

    def cancel(self) -> None:
        """Stop the stream; see :meth:`Subscription.cancel`."""
        with self._lock:
            if self._stopped:
                return
            self._stopped = True
        self.wake()

    def finish(self) -> None:
        """Complete, whatever is held. From any thread, idempotent."""
        with self._lock:
            if self._error is None:
                self._error = _FINISHED
        self.wake()

    def when_over(self, call: Callable[[], object]) -> None:
        """Have ``call`` called when the stream is over and its Feed cancelled."""
        with self._lock:
            if self._over is not None:
                self._over = (*self._over, call)
                return
        call()

    def enter(self, queue: Sized) -> bool | None:
        """Begin to take a single item; see :class:`Server`."""
        if self._granted == self._delivered or not self._turn.acquire(False):
            return False
        if queue or self._stopped or self._error is not None or self._granted == self._delivered:
            self._turn.release()
            return None
        return True

    def hand(self, item: Any, began: int | None = None) -> None:
        """Give a single item to the subscriber.

        Args:
            item: It; NOTHING where nothing has come of it.
            began: When the consumer was given the thread, if not now (nanoseconds).
        """
        meter = self.meter
        meter.handed = handed = meter.handed + 1
        if not handed & SAMPLED and began is None:
            began = meter.now()
        if self._stopped:
            self._discarded += item is not NOTHING
        elif item is NOTHING:
            self._tell_rest()
        else:
            try:
                self._on_next(item)
            except BaseException as error:
                self._threw(error)
            self._delivered += 1
        if began is not None:
            meter.returned(began)
        if self._again or self._stopped or self._granted == self._delivered:
            self.wake(True)  # there is something to be looked at
            return
        self._turn.release()
        if self._again:
            self.wake()

    def failed(self, error: BaseException) -> None:
        """Hear what the making of a single item has failed with; ``hand`` is to follow."""
        try:
            if isinstance(error, Exception):
                self._end(error)
                return
        except BaseException as thrown:  # KeyboardInterrupt and the like, from on_error
            error = thrown
        self._threw(error)

    def _tell_rest(self) -> None:
        """Tell the Feed again of the demand that an item was to meet, and did not."""
        feed = self._feed
        if feed is not None and UNBOUNDED > self._told > self._delivered:
            try:
                feed.want(self._told - self._delivered)
            except BaseException as error:
                self.failed(error)

    def wake(self, inside: bool = False) -> None:
        """Drain, or have the loop that is running look again. From any thread.

        Args:
            inside: The caller is in it already.
        """
        self._again = True
        while inside or (self._again and self._turn.acquire(False)):
            self._again = False
            if not self._stopped:
                try:
                    self._deliver()
                except BaseException as error:  # KeyboardInterrupt and the like pass through
                    self._stopped = True
                    self._thrown = error
            if self._stopped:
                self._release()
            inside = self._again
            if not inside:
                thrown, self._thrown = self._thrown, None
                self._turn.release()
                if thrown is not None:
                    raise thrown

    def _deliver(self) -> None:
        """Hand on what there is demand for, and the end as soon as it is known."""
        feed = self._feed
        early = self._run is not None  # what it says may be older than what woke this
        if self.meter.open:
            self.meter.served()
        while not self._stopped:
            if self._error is not None:
                return self._end(self._error)
            if feed is None:
                return None
            try:
                demand = self._granted
                if demand != UNBOUNDED:
                    demand -= self._delivered
                if not demand:
                    if not feed.ending():
                        return None
                    self._run = None  # it may be older than the failure, and hold items
                if not self._hand_over(feed, demand or 1):
                    continue
                self._run = None
                state = feed.settle()
                if state is State.WAITING and early:
                    early = False
                    continue
                if state is State.WAITING:
                    if self._granted != self._delivered:
                        self.meter.starve()
                    if (told := remaining(self._told, self._delivered)) > 0:
                        feed.want(told)
                    return None
            except Exception as error:
                return self._end(error)
            if state is State.ENDED:
                return self._end(None)
            if self._loop is not None:  # a budget is spent: others have a turn
                if not self._loop.is_closed():
                    self._loop.call_soon_threadsafe(self.wake)
                return None
        return None

    def _hand_over(self, feed: Feed[Any], demand: int) -> bool:
        """Give up to ``demand`` items to the subscriber; say whether the run is exhausted."""
        on_next = self._on_next
        if self._run is None:
            self._run = feed.run()
        if self._on_batch is not None and running_loop() is self._loop is not None:
            return self._hand_over_batch(self._run, min(demand, BATCH))
        count = 0
        try:
            for item in islice(self._run, demand):
                if self._stopped:
                    self._discarded += 1
                    return False
                count += 1
                try:
                    on_next(item)
                except Exception as error:
                    self._threw(error)
                if self._stopped or self._error is not None:
                    return False
        finally:
            self._delivered += count
        return count < demand

    def _hand_over_batch(self, run: Iterator[Any], most: int) -> bool:
        """Give up to so many items at once; say whether the run is exhausted."""
        batch: list[Any] = []
        try:
            batch.extend(islice(run, most))
        finally:  # what came before a failure is kept
            if self._stopped:
                self._discarded += len(batch)
            elif batch:
                self._delivered += len(batch)
                self._on_batch(batch)
        return len(batch) < most

    def _threw(self, error: BaseException) -> None:
        """Stop; keep what the subscriber raised for whoever drains, or report it."""
        self._stopped = True
        if self._raises or not isinstance(error, Exception):  # KeyboardInterrupt and the like
            self._thrown = error
        else:
            hooks.dropped_error(error)

    def _end(self, error: Exception | None) -> None:
        """Signal the end, once."""
        with self._lock:
            if self._stopped:
                if error is not None and error is not _FINISHED:
                    hooks.dropped_error(error)
                return
            self._stopped = True
            subscriber: Any = self._subscriber
            why = self._error if error is None else error  # a wrong request, made meanwhile
            error = None if why is _FINISHED else why
            self._outcome = Status.COMPLETED if error is None else Status.FAILED
        try:
            if error is None:
                subscriber.on_completed()
            else:
                hooks.traced(self._make, error)
                subscriber.on_error(error)
        except Exception as thrown:
            self._threw(thrown)

    def _release(self) -> None:
        """Cancel the Feed and let go of everything."""
        feed, self._run = self._feed, None
        self._subscriber = self._on_next = self._on_batch = None
        try:
            if feed is not None:
                self.meter.stop()
                hooks.reporting(feed.cancel)
        finally:  # KeyboardInterrupt and the like pass through
            if feed is not None:
                self._keep_figures(feed)
            self._feed = None  # not before: another thread may ask for the figures meanwhile
            disappeared(self)
            self._make = let_go(self._make)
            with self._lock:
                calls, self._over = self._over, None
            for call in calls or ():
                hooks.reporting(call)

    def _keep_figures(self, feed: Feed[Any]) -> None:
        """Keep the last figures; again when a loop before this is over that was stopped too."""
        self._final, late = asked(feed.record)
        self._late = None if late is None else feed
        if late is not None:
            late.when_over(partial(self._keep_figures, feed))

    @property
    def status(self) -> Status:
        """How it stands."""
        if self._stopped:
            return self._outcome
        if self.meter.open:
            return Status.STARVED
        return Status.BLOCKED if self._granted == self._delivered else Status.FLOWING

    def statistics(self) -> tuple[StageStatistics, ...]:
        """Give the figures of each part that holds items, source first, the subscriber last."""
        lingers(self if self._stopped and self._feed is not None else None)
        feed = self._feed or self._late
        last = self._final if feed is None else feed.statistics
        before = [] if last is None else self.meter.fill(last())
        return (*before, consumed(before, self._granted, self._delivered, self._discarded))

    def row(self, row: Row, *, last: bool = True) -> bool:
        """Put the same figures into a row, the subscriber's as the last; False when it is over."""
        feed = self._feed
        if feed is not None:
            waited = feed.row(row, self.meter, self.meter.times())
            if last:
                given, lost = self._delivered, self._discarded
                row.shape += ("subscriber", CONSUMED)
                row.figures += (self._granted, given + lost, given, lost, waited)
        return feed is not None
