"""A valve: what pauses and resumes pipelines from outside of them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from threading import Lock


class Valve:
    """Pauses and resumes the pipelines that it is put into, from any thread.

    One may be in several pipelines, and in several subscriptions of each.
    """

    __slots__ = ("_lock", "_paused", "_waiting")

    def __init__(self, *, paused: bool = False) -> None:
        """Make one that is open, or paused from the beginning.

        Args:
            paused: Whether it is.
        """
        self._lock = Lock()
        self._paused = paused
        self._waiting: dict[object, Callable[[], None]] = {}  # wakes the running pipelines

    @property
    def paused(self) -> bool:
        """Whether nothing passes now."""
        return self._paused

    def pause(self) -> None:
        """Let nothing pass any more; idempotent."""
        self._paused = True

    def resume(self) -> None:
        """Let items pass again; idempotent.

        What is held behind the valve may be delivered inside of this call.
        """
        with self._lock:
            self._paused = False
            wakes = list(self._waiting.values())
        with ExitStack() as stack:  # all are woken, also behind one that raises
            for wake in reversed(wakes):
                stack.callback(wake)

    def __repr__(self) -> str:
        """Show how it stands."""
        return f"Valve(paused={self._paused})"

    def attach(self, who: object, wake: Callable[[], None]) -> None:
        """Have a running pipeline woken when this is resumed.

        Args:
            who: The pipeline.
            wake: Called, from any thread.
        """
        with self._lock:
            self._waiting[who] = wake

    def detach(self, who: object) -> None:
        """Forget a pipeline that is over.

        Args:
            who: The pipeline.
        """
        with self._lock:
            self._waiting.pop(who, None)
