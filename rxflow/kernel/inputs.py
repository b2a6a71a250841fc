"""An input: one of several Feeds that a Feed pulls from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from . import hooks
from .feed import NOTHING, Context, Feed, Server, State
from .statistics import Ledger, StageStatistics


class Input:
    """Pulls one item at a time from a Feed, and remembers how it stands.

    Attributes:
        waiting: It had nothing and has not been woken since.
        ended: It has completed; its Feed is gone.
        queued: For the Feed that pulls from it, to keep it on a list at most once.
        steady: Its Feed need not hear the same demand twice; see :class:`Feed`.
        pushes: It has woken its consumer, so items come by themselves, not only when it is asked.
    """

    __slots__ = (
        "_asked",
        "_feed",
        "_make",
        "_meter",
        "_quiet",
        "_run",
        "_started",
        "ended",
        "pushes",
        "queued",
        "steady",
        "waiting",
    )

    def __init__(
        self,
        make: Callable[[Context], Feed[Any]],
        context: Context,
        woken: Callable[[Input], object] | None = None,
    ) -> None:
        """Make the Feed; ``start`` is to follow.

        Args:
            make: Makes it.
            context: Of the Feed that pulls from it.
            woken: Called, from any thread, just before the consumer is woken.
        """
        self.waiting: bool = True  # until it is started
        self._started = False
        self._quiet = True  # no wake has come since the run was made
        self.ended: bool = False
        self.queued: bool = False
        self.pushes: bool = False
        self._run: Iterator[Any] | None = None  # None when exhausted

        def wake() -> None:
            self._quiet = self.waiting = False
            self.pushes = True
            if starved:
                meter.served()
            if woken is not None:
                woken(self)
            context.wake()

        self._make = make  # for its errors
        inner = context.waking(wake)
        self._meter = meter = inner.meter
        starved = meter.open
        self._feed: Feed[Any] = make(inner)
        self.steady: bool = self._feed.steady
        self._asked = 0  # what the Feed was asked for last, if it is steady (items)

    def start(self, wanted: int = 0) -> None:
        """Start the Feed.

        Args:
            wanted: The demand there is already (items).
        """
        if self.ended:
            return  # cancelled by what came of one that was started before
        if wanted:
            self._feed.want(wanted)
        self._started, self.waiting = True, False
        self._feed.start()
        self.waiting = False  # who looked during the start may have found less than there is

    def serve(self, server: Server) -> None:
        """Have single items handed over at once, when it waits."""
        if self.pushes and not self.ended:
            self._feed.serve(server)

    def take(self, wanted: int = 1) -> Any:
        """Take one item, or NOTHING; raises the failure of the Feed.

        NOTHING means that it waits, has ended, or wants another turn.

        Args:
            wanted: What to ask the Feed for when it has nothing (items).
        """
        if self.waiting or self.ended:
            return NOTHING
        try:
            if self._run is None:
                self._quiet = True  # before the run looks: a wake meanwhile takes it back
                if self._meter.open:
                    self._meter.served()
                self._run = self._feed.run()
            item = next(self._run, NOTHING)
            if item is not NOTHING:
                return item
            self._run = None
            state = self._feed.settle()
        except Exception as error:  # before anybody handles it
            hooks.traced(self._make, error)
            raise
        if state is State.WAITING:
            # The run may have looked before its last items: a wake since then still counts.
            self.waiting = True
            if not self._quiet:
                self.waiting = False
            else:
                self._meter.starve()
            self._asked = wanted
            self._feed.want(wanted)
        if state is State.ENDED:
            self.cancel()
        return NOTHING

    def ending(self) -> bool:
        """Tell whether only the end is left, so that ``take`` gives no item."""
        ending = self._started and not self.ended and self._feed.ending()
        if ending:
            self._run = None  # it may be older than the failure, and hold items
        return ending

    def over(self) -> bool:
        """Let the end through, or raise the failure, where nothing else is left; tell if ended."""
        if self.ending():
            self.waiting = False
            while not self.ended:
                self.take()
        return self.ended

    def want(self, n: int) -> None:
        """Pass on demand that grew while it waits (items)."""
        if self._started and self.waiting and not self.ended:
            if self.steady and n == self._asked:
                return
            self._asked = n
            self._feed.want(n)

    def handed(self) -> None:
        """Hear that items were handed over at once: the same demand is news again."""
        self._asked = 0

    def cancel(self) -> None:
        """Cancel the Feed; idempotent."""
        if not self.ended:
            self.ended = True
            self._run = None
            self._meter.stop()
            self._feed.cancel()

    def account(self, ledger: Ledger) -> None:
        """Add the figures to those of others that have ended.

        Args:
            ledger: Has them.
        """
        self._feed.note(ledger, self._meter)

    def statistics(self) -> Iterator[StageStatistics]:
        """Give the figures of the Feed."""
        return iter(self._meter.fill(self._feed.statistics()))
