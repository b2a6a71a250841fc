"""Producers that come and go, each with a bounded buffer: what a MergeHub runs."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from itertools import repeat
from typing import Any

from ..kernel import (
    BUDGET,
    NOTHING,
    Context,
    Feed,
    Input,
    Intake,
    Ledger,
    Prefetched,
    StageStatistics,
    State,
    hooks,
    joined,
)


class Early(Prefetched):
    """A boundary that is filled by a Subscription which it is given, before anybody reads it."""

    def __init__(self, name: str, capacity: int) -> None:
        """Make an empty one.

        Args:
            name: For errors and statistics.
            capacity: Most items held (items).
        """
        super().__init__(
            Context(self._tell), name, capacity, capacity - capacity // 4, lambda _: None
        )
        self.reader: Context | None = None
        self._intake = Intake(self, self._begin)

    def _begin(self, intake: Intake) -> None:
        try:
            intake.request(self._capacity)
        except Exception as error:  # rule 3.16: it is not to raise
            intake.cancel()
            self.fail(error)

    @property
    def intake(self) -> Intake:
        """What is to be subscribed to the producer."""
        return self._intake

    def read_by(self, context: Context) -> Early:
        """Have a consumer woken from now on."""
        self.reader = context
        return self

    def stop_intake(self) -> None:
        """Cancel the producer, and end behind what is held."""
        self._intake.cancel()
        self.complete()

    def _tell(self) -> None:
        if self.reader is not None:
            self.reader.wake()


class Joined(Feed[Any]):
    """Pulls those of the producers that are there, each in turn."""

    def __init__(
        self,
        context: Context,
        arrived: deque[Early],
        closed: Callable[[], bool],
        leave: Callable[[], object],
    ) -> None:
        """Pull nothing yet.

        Args:
            context: The consumer's.
            arrived: Those that have come and are not pulled yet; any thread appends to it.
            closed: Tells whether no more come.
            leave: Called when the consumer leaves; no more come then.
        """
        self._context = context
        self._arrived = arrived
        self._closed = closed
        self._leave = leave
        self._inputs: list[Input] = []
        self._ready: deque[Input] = deque()  # may have an item
        self._past = Ledger()

    def run(self) -> Iterator[Any]:
        """Give one item of each that is ready, again and again."""
        for _ in repeat(None, BUDGET):
            self._let_in()
            if not self._ready:
                return
            entry = self._ready.popleft()
            entry.queued = False  # before it is looked at: a wake meanwhile queues it again
            item = self._taken(entry)
            if item is not NOTHING:
                self._queue(entry)
                yield item
            elif not entry.ended and not entry.waiting:
                self._queue(entry)

    def _let_in(self) -> None:
        while self._arrived:
            entry = Input(self._arrived.popleft().read_by, self._context, self._queue)
            self._inputs.append(entry)
            entry.start()
            self._queue(entry)

    def _queue(self, entry: Input) -> None:
        if not entry.queued:
            entry.queued = True
            self._ready.append(entry)

    def _taken(self, entry: Input) -> Any:
        """Take an item; the failure of one producer is reported, and is not that of the others."""
        try:
            item = entry.take()
        except Exception as error:
            hooks.dropped_error(error)
            entry.cancel()
            item = NOTHING
        if entry.ended and entry in self._inputs:
            self._inputs.remove(entry)
            entry.account(self._past)
        return item

    def settle(self) -> State:
        """End when no more come and all have ended."""
        if self._ready or self._arrived:
            return State.READY
        return State.ENDED if self._closed() and not self._inputs else State.WAITING

    def ending(self) -> bool:
        """Let ends through, which need no demand."""
        self._let_in()
        for entry in list(self._inputs):
            if entry.ending():
                entry.waiting = False
                while not entry.ended:
                    self._taken(entry)
        return self._closed() and not self._inputs

    def cancel(self) -> None:
        """Cancel all producers."""
        self._leave()
        self._let_in()
        for entry in self._inputs:
            entry.cancel()
            entry.account(self._past)
        self._inputs.clear()
        self._ready.clear()

    def statistics(self) -> Iterator[StageStatistics]:
        """Give those of all, then its own: it holds nothing."""
        before = [*self._past]
        for entry in self._inputs:
            before += entry.statistics()
        yield from joined(before, StageStatistics("MergeHub"))
