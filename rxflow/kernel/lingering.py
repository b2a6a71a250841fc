"""Loops that are stopped and not yet over: whoever is in them is further out, or on another thread.

What such a loop holds is let go of when that one is back, so figures that are taken before are
not the last.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Protocol, TypeVar

T = TypeVar("T")


class Lingering(Protocol):
    """A loop that is stopped and not yet over."""

    def when_over(self, call: Callable[[], object]) -> None:
        """Have ``call`` called when it is over; now if it is."""


_found: ContextVar[list[Lingering] | None] = ContextVar("rxflow_lingering", default=None)


def asked(ask: Callable[[], T]) -> tuple[T, Lingering | None]:
    """Ask for figures; give them, and a loop whose figures among them are not its last, if any.

    Args:
        ask: Gives them.
    """
    found: list[Lingering] = []
    token = _found.set(found)
    try:
        figures = ask()
    finally:
        _found.reset(token)
    return figures, found[0] if found else None


def lingers(loop: Lingering | None) -> None:
    """Say, where figures are given, that they are not the last.

    Args:
        loop: Whose; None where they are.
    """
    found = _found.get()
    if found is not None and loop is not None:
        found.append(loop)
