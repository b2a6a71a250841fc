"""The producers that wait for room in a boundary, and how long they have."""

from __future__ import annotations

from collections.abc import Callable

from .latency import NANOS


class Waiters:
    """Whom to tell that there is room. The lock of the boundary guards it."""

    __slots__ = ("_now", "_waited", "since")

    def __init__(self, now: Callable[[], int]) -> None:
        """Have nobody wait.

        Args:
            now: Reads the clock (nanoseconds).
        """
        self._now = now
        self.since: dict[Callable[[], object], int] = {}  # each that waits, and since when
        self._waited = 0  # how long those that wait no more have waited

    def add(self, call: Callable[[], object]) -> None:
        """Let one wait."""
        self.since[call] = self._now()

    def leave(self, call: Callable[[], object]) -> None:
        """Let one go, if it waits."""
        since = self.since.pop(call, None)
        if since is not None:
            self._waited += self._now() - since

    def dismissed(self) -> list[Callable[[], object]]:
        """Let all go, and give them."""
        calls = list(self.since)
        for call in calls:
            self.leave(call)
        return calls

    @property
    def seconds(self) -> float:
        """How long they have waited, all in all (seconds)."""
        if not self.since:
            return self._waited / NANOS
        now = self._now()
        return (self._waited + sum(now - since for since in self.since.values())) / NANOS
