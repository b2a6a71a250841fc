"""How the checks of Publishers and Subscriptions get what they check."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from ...protocol import UNBOUNDED, Publisher
from .environment import Verification, unsupported


class PublishingVerification(Verification):
    """A subclass says how to make a Publisher.

    Attributes:
        max_elements: Most items that a stream of it can have (items); checks that
            need longer ones are skipped; -1 where it gives none, and does not complete.
        max_depth: How deep ``on_next`` may be inside of itself when it requests (calls).
    """

    max_elements: int = UNBOUNDED
    max_depth: int = 1

    @abstractmethod
    def create_publisher(self, elements: int) -> Publisher[Any]:
        """Make a Publisher that gives so many items to each Subscriber, then completes.

        Args:
            elements: How many (items).
        """

    def create_failed_publisher(self) -> Publisher[Any] | None:
        """Make a Publisher that fails as soon as an item is requested, or None for none."""
        return None

    def publisher(self, elements: int) -> Publisher[Any]:
        """Make a Publisher, or skip the check where it cannot have so many items.

        Args:
            elements: How many (items).
        """
        if self.max_elements < max(0, elements):
            raise unsupported(f"it gives {max(0, self.max_elements)} items at most")
        return self.create_publisher(elements)

    def up_to(self, elements: int) -> int:
        """Give the number of items of a stream as long as it can be, but one at least.

        Args:
            elements: How many there are to be (items).
        """
        return max(1, min(elements, self.max_elements))

    def failed(self) -> Publisher[Any]:
        """Make a Publisher that fails, or skip the check where there is none."""
        publisher = self.create_failed_publisher()
        if publisher is None:
            raise unsupported("it cannot fail")
        return publisher
