"""Loops that are stopped and not yet over: whoever is in them is further out, or on another thread.

What such a loop holds is let go of when that one is back, so figures that are taken before are
not the last.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol


class Lingering(Protocol):
    """A loop that is stopped and not yet over."""

    def when_over(self, call: Callable[[], object]) -> None:
        """Have ``call`` called when it is over; now if it is."""


_found: ContextVar[list[Lingering] | None] = ContextVar("rxflow_lingering", default=None)


@contextmanager
def lingering() -> Generator[list[Lingering]]:
    """Collect the loops whose figures are asked for inside of this and are not their last."""
    found: list[Lingering] = []
    token = _found.set(found)
    try:
        yield found
    finally:
        _found.reset(token)


def lingers(loop: Lingering | None) -> None:
    """Say, where figures are given, that they are not the last.

    Args:
        loop: Whose; None where they are.
    """
    found = _found.get()
    if found is not None and loop is not None:
        found.append(loop)


def called_when_over(loop: Lingering | None, call: Callable[[], object]) -> None:
    """Have ``call`` called when a loop is over, if there is one that lingers."""
    if loop is not None:
        loop.when_over(call)
