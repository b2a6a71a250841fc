"""The Feed behind map_async, map_executor and their kin: a bounded window of running calls."""

from __future__ import annotations

from asyncio import CancelledError
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor
from threading import Thread
from typing import Any

from ..flow import Flow
from ..flow.operator import fed
from ..kernel import (
    NANOS,
    NOTHING,
    Context,
    DiscardCallback,
    Feed,
    Histogram,
    Input,
    StageStatistics,
    State,
    hooks,
)
from ..protocol import add_demand
from .calls import Call, Runner

Decide = Callable[[Exception, Any], bool]
"""Told of a failure and its item, it says whether the stream is to go on without the item."""


_RARELY = 7
"""Of one item in so many and one it is measured how long it was there, the first one included."""


class Concurrent(Feed[Any]):
    """Runs a call for each item: at most ``limit`` at a time, and ``window`` with what is held.

    Calls finish on any thread, which only puts them into ``_finished`` and wakes
    the consumer; all else is done by the one that pulls.
    """

    def __init__(
        self,
        context: Context,
        make: Callable[[Context], Feed[Any]],
        name: str,
        runner: Runner,
        ordered: bool,
        max_concurrency: int,
        buffer: int = 0,
        on_discard: DiscardCallback | None = None,
        decide: Decide | None = None,
    ) -> None:
        """Make one that is not started.

        Args:
            context: The consumer's.
            make: Makes the Feed of the items.
            name: The operator, for errors and statistics.
            runner: Runs the calls.
            ordered: Give the results in the order of the items; else as they come.
            max_concurrency: Most calls that run at a time (items).
            buffer: Most results that are held beside them (items).
            on_discard: Called with each result that nobody takes.
            decide: Told of each failure, it may have the stream go on.
        """
        self._context = context
        self._input = Input(make, context)
        self._name = name
        self._runner = runner
        self._limit = max_concurrency
        self._window = max_concurrency + buffer
        self._ordered = ordered
        self._eager = not ordered or buffer > 0  # whoever finishes makes room, and so wakes
        self._on_discard = on_discard
        self._decide = decide
        self._calls: dict[Call, None] = {}  # held: they wait, run, or have a result
        self._queue: deque[Call] = deque()  # to be delivered: all, or if not ordered, the done
        self._running = 0
        self.now: Callable[[], int] = context.meter.now
        self._work = 0  # how long the calls took that were seen to have finished (nanoseconds)
        self._stays = Histogram()  # how long items were in it, of some
        self._finished: deque[Call] = deque()  # not seen by the consumer; written by any thread
        self._error: Exception | None = None
        self._received = self._delivered = self._peak = self._wanted = 0
        self._dropped: Counter[str] = Counter()
        self._started = self._over = False

    # The side of the calls: any thread.

    def finished(self, call: Call) -> None:
        """Note that a call has finished, and wake the consumer if that matters to it."""
        call.ended = self.now()
        self._finished.append(call)
        if self._over:
            self._let_go()
            return
        if call.error is None:
            try:
                if not self._eager and self._queue[0] is not call:
                    return  # it waits for an earlier one, whose end will wake
            except IndexError:  # cancelled meanwhile, or taken
                pass
        elif isinstance(call.error, BrokenExecutor):
            # It says so under its lock, which others may need.
            Thread(target=self._context.wake, daemon=True).start()
            return
        self._context.wake()

    # The consumer's side: one thread at a time.

    def start(self) -> None:
        """Start the input."""
        self._runner.start(self._context)
        self._started = True
        self._input.start()

    def run(self) -> Iterator[Any]:
        """Give the results that are next; begin a call for each place that is free."""
        queue = self._queue
        if not self._started or not self._runner.here():
            return
        while True:
            if self._finished:
                self._look()
            self._fill()
            if self._error is not None:
                return
            if not queue or not queue[0].done:
                if self._finished:
                    continue
                return
            call = queue.popleft()
            del self._calls[call]
            if not self._delivered & _RARELY:
                self._stays.add(self.now() - call.came)
            self._delivered += 1
            yield call.result

    def _fill(self) -> None:
        """Begin as many calls as the bounds allow and the input has items for."""
        calls = self._calls
        while (room := self._room()) > 0 and self._error is None:
            item = self._input.take(room)
            if item is NOTHING:
                return
            self._received += 1
            call = Call(self, item, self.now())
            calls[call] = None
            if (held := len(calls)) > self._peak:
                self._peak = held
            if self._ordered:
                self._queue.append(call)
            self._admit(call)

    def _room(self) -> int:
        """Say how many more items can be taken."""
        places, more = self._window - len(self._calls), self._limit - self._running
        return places if places < more else more  # min() takes its time, and it is hot

    def _begin(self, call: Call) -> None:
        try:
            call.future = self._runner.begin(call)
        except Exception as error:
            self._failed(call, error)
            self._ended(call)
            return
        self._running += 1
        if self._over:  # it was cancelled by what it has called first
            self._runner.cancel(call.future)

    _admit = _begin  # what is done with a call whose item was taken

    def _look(self) -> None:
        """See to the calls that have finished, where calls can begin."""
        finished = self._finished
        while finished:
            call = finished.popleft()
            self._running -= 1
            self._work += call.ended - call.began
            call.future = None
            if call.error is None:
                call.done = True
                if not self._ordered:
                    self._queue.append(call)
            elif isinstance(call.error, Exception):
                self._failed(call, call.error)
            else:
                told = f"{self._name}: the function ended with {call.error!r}"
                self._failed(call, RuntimeError(told))
            self._ended(call)

    def _ended(self, call: Call) -> None:
        """Hear that a call has ended."""

    def _failed(self, call: Call, error: Exception) -> None:
        """Fail, or go on without the item if that is what is decided."""
        if self._error is None and self._decide is not None:
            try:
                goes_on = self._decide(error, call.item)
            except Exception as other:
                goes_on, error = False, other
            if goes_on:
                self._dropped[type(error).__name__] += 1
                del self._calls[call]
                if self._ordered:
                    self._queue.remove(call)
                return
        self._fail(error)

    def _fail(self, error: Exception) -> None:
        """Have the stream fail, if it has not."""
        if self._error is None:
            self._error = error
        elif not isinstance(error, BrokenExecutor):  # which all calls fail with, together
            hooks.dropped_error(error)

    def settle(self) -> State:
        """End when the input has and nothing is held; fail with the first failure."""
        here = self._started and self._runner.here()
        if here:
            self._look()
        if self._error is not None:
            raise self._error
        if not here:
            return State.WAITING
        if self._queue and self._queue[0].done:
            return State.READY
        if self._input.ended:
            return State.WAITING if self._calls else State.ENDED
        may_begin = self._room() > 0 and not self._input.waiting
        return State.READY if may_begin else State.WAITING

    def ending(self) -> bool:
        """Let ends and failures through, which need no demand."""
        if not self._started:
            return False
        if self._finished and self._runner.here():
            self._look()
        if self._error is not None:
            return True
        if self._calls:
            return False
        return self._input.over()

    def want(self, n: int) -> None:
        """Ask for as many items as there are free places."""
        self._wanted = add_demand(self._delivered, n)
        if (room := self._room()) > 0:
            self._input.want(room)

    def cancel(self) -> None:
        """Cancel the input and the calls, and let go of the results."""
        self._input.cancel()
        self._over = True
        self._running, self._work = 0, self._at_work()[1]
        queue, calls = list(self._queue), self._calls
        self._queue.clear()
        self._calls = {}
        for call in queue:
            if call.done:
                self._discard(call)
        self._let_go()
        for call in calls:
            if call.future is not None and not call.done:
                self._runner.cancel(call.future)
        self._runner.close()

    # After the end: any thread.

    def _let_go(self) -> None:
        """See to the calls that have finished since the consumer left."""
        while self._finished:
            try:
                call = self._finished.popleft()
            except IndexError:  # another thread was quicker
                return
            if call.error is None:
                self._discard(call)
            elif not isinstance(call.error, CancelledError | BrokenExecutor):
                hooks.dropped_error(call.error)

    def _discard(self, call: Call) -> None:
        """Hand the result of a call to ``on_discard``."""
        discard = self._on_discard
        if discard is not None:
            hooks.reporting(lambda: discard(call.result))

    def _at_work(self) -> tuple[int, int]:
        """Count the calls that run, and for how long all have run together (nanoseconds)."""
        running, work, now = 0, self._work, self.now()
        for call in self._calls.copy():  # in one step: another thread may be at it
            if call.future is not None:
                running += call.ended < 0
                work += (now if call.ended < 0 else call.ended) - call.began
        return running, work

    @property
    def capacity(self) -> int:
        """The most that it may hold (items)."""
        return self._window

    def statistics(self) -> Iterator[StageStatistics]:
        """Give those of the input, then its own."""
        yield from self._input.statistics()
        running, work = self._at_work()
        oldest = next(iter(self._calls.copy()), None)
        held, dropped = len(self._calls), dict(self._dropped)
        yield StageStatistics(
            self._name,
            requested=max(self._wanted, self._delivered),  # the rest by taking what was there
            received=self._received,
            delivered=self._delivered,
            held=held,
            peak=self._peak,
            capacity=self.capacity,
            dropped=dropped,
            working_seconds=work / NANOS,
            in_flight=running,
            oldest_seconds=(self.now() - oldest.came) / NANOS if oldest else 0.0,
            latency=self._stays.latency(),
            # failed or cancelled
            discarded=max(0, self._received - self._delivered - held - sum(dropped.values())),
        )


def concurrent(feed: Callable[[Context, Flow[Any], Decide | None], Feed[Any]]) -> Any:
    """Make an operator of a Concurrent, which can be supervised."""

    def supervised(decide: Decide | None) -> Any:
        return fed(lambda context, flow: feed(context, flow, decide))

    built = supervised(None)
    built.supervised = supervised
    return built
