"""How much may run at once, found out from how long it takes: what an algorithm is told."""

from __future__ import annotations

from abc import ABC, abstractmethod


class Limiter(ABC):
    """The limit of one subscription, which is adapted."""

    @abstractmethod
    def ended(self, seconds: float, running: int, failed: bool) -> float:
        """Hear of a call that has ended, and give the limit from now on.

        Args:
            seconds: How long it took (seconds).
            running: How many ran when it had begun, itself included (items).
            failed: It has failed, or took longer than its time limit.

        Returns:
            Most calls at a time (items); the whole part counts, within the bounds.
        """


class LimitAlgorithm(ABC):
    """An algorithm with its parameters."""

    @abstractmethod
    def limiter(self, least: int, most: int) -> Limiter:
        """Begin anew, for one subscription.

        Args:
            least: The limit to begin with, and the smallest one (items).
            most: The largest limit (items).
        """
