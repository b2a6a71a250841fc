"""Subscribers that make trouble."""

from __future__ import annotations

from typing import Any

from ...protocol import UNBOUNDED, Subscription
from ..subscriber import TestSubscriber


class SubscriberError(Exception):
    """What a Subscriber raises."""


def raise_it(_: TestSubscriber[Any], item: Any) -> None:
    """Raise in on_next.

    Args:
        item: What it was given.
    """
    raise SubscriberError(item)


class CancelsAtOnce(TestSubscriber[Any]):
    """Cancels inside of on_subscribe, having requested everything."""

    def on_subscribe(self, subscription: Subscription) -> None:
        """Cancel, then request.

        Args:
            subscription: What it was given.
        """
        super().on_subscribe(subscription)
        self.cancel()
        self.request(UNBOUNDED)
