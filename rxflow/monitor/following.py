"""Reports on what runs, look by look: what has limited it in the last seconds."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from weakref import WeakKeyDictionary

from ..kernel import Consumer
from .reporting import Report, Snapshot, compared, snapshot
from .totals import Subscribed

WINDOW = 5.0
"""How far a report looks back (seconds)."""

MOST = 8
"""Most flows that are followed at once."""


class Follower:
    """Reports on one subscription: on the last seconds while it runs, then on all of it."""

    def __init__(self, window: float = WINDOW) -> None:
        """Begin to follow.

        Args:
            window: How far it looks back (seconds).
        """
        self._window = window
        self._past: deque[Snapshot] = deque()

    def see(self, consumer: Consumer) -> None:
        """Look at it. The consumer is not kept.

        Args:
            consumer: Its consumer.
        """
        past = self._past
        now = snapshot(consumer, past[-1] if past else None)
        past.append(now)
        while len(past) > 2 and now.seconds - past[1].seconds >= self._window:
            past.popleft()

    def report(self) -> Report | None:
        """Report on it; None if it was not looked at."""
        past = tuple(self._past)
        if not past:
            return None
        first, last = past[0], past[-1]
        return compared(last, None if last.over or first is last else first)


class Following:
    """Reports on the flows that run: on the oldest subscription of each."""

    def __init__(self) -> None:
        """Begin to follow."""
        self._followers: WeakKeyDictionary[Consumer, Follower] = WeakKeyDictionary()

    def see(self, subscriptions: Iterable[Subscribed]) -> Iterator[str]:
        """Look at them, and tell what limits each flow, a line for each.

        Args:
            subscriptions: Those that run.
        """
        oldest: dict[str, Consumer] = {}
        for each in subscriptions:
            if len(oldest) < MOST:
                oldest.setdefault(each.flow, each.consumer)
        for flow, consumer in oldest.items():
            follower = self._followers.setdefault(consumer, Follower())
            follower.see(consumer)
            found = follower.report()
            if found is not None and found.bottleneck is not None:
                yield f"{flow}: {found}"
