"""A clock in the hand of the test."""

from __future__ import annotations

SECOND = 1_000_000_000


class Clock:
    """Stands still unless the test moves it, and counts how often it is read."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.read = 0

    def __call__(self) -> int:
        self.read += 1
        return round(self.seconds * SECOND)
