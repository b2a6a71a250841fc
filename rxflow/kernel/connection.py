"""What a hub has with its producer."""

from __future__ import annotations

from asyncio import Task
from typing import TYPE_CHECKING, Any

from reactivex.abc import DisposableBase

from .prefetched import Intake

if TYPE_CHECKING:
    from .hub import Hub


class Connection(DisposableBase):
    """One subscription of a hub to its producer; disposing of it disconnects the hub."""

    def __init__(self, hub: Hub) -> None:
        """Connect a hub."""
        self._hub = hub
        self.intake: Intake = Intake(self, lambda _: hub.refill())
        self.intake.shared = True
        self.tasks: set[Task[Any]] = set()  # that the producer has started
        # The hub's lock guards these.
        self.asked = 0  # requested and not yet handed to all
        self.requesting = False  # somebody is in a call of request, and looks again after it

    def push(self, item: Any) -> None:
        """Take an item."""
        self._hub.take(self, item)

    def fail(self, error: Exception) -> None:
        """Hear of a failure."""
        self._hub.end(self, error)

    def complete(self) -> None:
        """Hear of the end."""
        self._hub.end(self, None)

    def dispose(self) -> None:
        """Disconnect."""
        self._hub.disconnect(self)
