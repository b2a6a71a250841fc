"""The producers that wait for room in a boundary, and how long they have."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic


class Waiters:
    """Whom to tell that there is room. The lock of the boundary guards it."""

    __slots__ = ("_seconds", "since")

    def __init__(self) -> None:
        """Have nobody wait."""
        self.since: dict[Callable[[], object], float] = {}  # each that waits, and since when
        self._seconds = 0.0  # how long those that wait no more have waited

    def add(self, call: Callable[[], object]) -> None:
        """Let one wait."""
        self.since[call] = monotonic()

    def leave(self, call: Callable[[], object]) -> None:
        """Let one go, if it waits."""
        since = self.since.pop(call, None)
        if since is not None:
            self._seconds += monotonic() - since

    def dismissed(self) -> list[Callable[[], object]]:
        """Let all go, and give them."""
        calls = list(self.since)
        for call in calls:
            self.leave(call)
        return calls

    @property
    def seconds(self) -> float:
        """How long they have waited, all in all (seconds)."""
        now = monotonic()
        return self._seconds + sum(now - since for since in self.since.values())
