"""Other sources whose items are signals, heard when they come, whatever the demand is."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

from ..kernel import NOTHING, Context, Feed, Intake, Prefetched, drained, own_trampoline

Make = Callable[[Context], Feed[Any]]


class Signalled(Prefetched):
    """A boundary that further sources have a say in: each is heard on the thread it signals on."""

    def __init__(self, context: Context, make: Make, name: str, high: int, batch: int) -> None:
        """Prepare the subscription to what ``make`` makes; see :class:`Prefetched` for the rest."""
        super().__init__(context, name, high, batch, drained(make, context))
        self.clocked: Context = context.timed()  # a source that is a timer starts no threads
        self.signals: dict[Signal, None] = {}  # that may be heard

    @abstractmethod
    def heard(self, key: Any, item: Any) -> None:
        """Hear what a source has given; NOTHING at its end.

        Args:
            key: Which source.
            item: The item.
        """

    def stop_producer(self) -> None:
        """Cancel all subscriptions."""
        super().stop_producer()
        self.stop_signals()

    def stop_signals(self) -> None:
        """Cancel the subscriptions to the further sources."""
        for signal in list(self.signals):
            signal.stop()

    def cancel(self) -> None:
        """Cancel the subscriptions, then let go of what is held."""
        self.stop_signals()
        super().cancel()


class Signal:
    """A further source: what it gives is heard at once; a failure of it is one of the stream."""

    def __init__(self, owner: Signalled, key: Any, wanted: int | None = None) -> None:
        """Prepare the subscription.

        Args:
            owner: Who hears it.
            key: What it is known by.
            wanted: How much it is asked for (items); None where it signals once, by its
                first item or by its end.
        """
        self._owner = owner
        self._key = key
        self._once = wanted is None
        self.intake: Intake = Intake(self, lambda intake: intake.request(wanted or 1))

    def open(self, make: Make) -> None:
        """Subscribe, unless the stream is over."""
        owner = self._owner
        owner.signals[self] = None
        if not owner.closed:
            with own_trampoline():  # else one inside another subscribe would begin too late
                drained(make, owner.clocked)(self.intake)
        if owner.closed:
            self.stop()

    def stop(self) -> None:
        """Cancel the subscription."""
        self._owner.signals.pop(self, None)
        self.intake.cancel()

    def push(self, item: Any) -> None:
        """Hand an item on."""
        if self._once:
            self.stop()
        self._tell(item)

    def complete(self) -> None:
        """Hand the end on."""
        self.stop()
        self._tell(NOTHING)

    def fail(self, error: Exception) -> None:
        """Fail with it."""
        self.stop()
        self._owner.break_off(error)

    def _tell(self, item: Any) -> None:
        try:
            self._owner.heard(self._key, item)
        except Exception as error:
            self._owner.break_off(error)
