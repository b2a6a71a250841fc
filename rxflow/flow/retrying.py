"""What an operator that calls again after a failure accepts to say how."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Protocol


class Wraps(Protocol):
    """What ``tenacity.AsyncRetrying`` is, and others that are made like it."""

    def wraps(self, fn: Callable[..., Any], /) -> Callable[..., Any]:
        """Give an async function that calls this one until it is well, or time to give up."""
        ...


Retry = int | Wraps | Callable[[Callable[..., Any]], Callable[..., Any]]
"""A number of further tries; or what makes an async function that tries again."""

Wait = Callable[[int], float | timedelta] | Callable[[Any], float]
"""Function of the number of the attempt that has failed; or a wait strategy of tenacity."""
