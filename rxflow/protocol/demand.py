"""Demand: how many items a Subscriber has asked for and not yet been given."""

from __future__ import annotations

from typing import Final

UNBOUNDED: Final = 2**63 - 1
"""The demand of "all there is". It is never decremented (Reactive Streams rule 3.17)."""


def add_demand(current: int, n: int) -> int:
    """Add a request to the demand there is, saturating at UNBOUNDED.

    Args:
        current: Demand so far (items).
        n: What is requested on top of it (items, at least 1).

    Returns:
        The sum, or UNBOUNDED when the sum reaches it.

    Source: Reactive Streams 3.8 and 3.17.
    """
    total = current + n
    return total if total < UNBOUNDED else UNBOUNDED


def invalid_request(n: object) -> Exception | None:
    """Say what is wrong with the argument of ``request``, if anything is.

    Args:
        n: What was requested (items).

    Returns:
        None for an int of at least 1; else the error to signal through on_error.

    Source: Reactive Streams 3.9.
    """
    whole = type(n) is int or (isinstance(n, int) and not isinstance(n, bool))
    if whole and n > 0:  # type: ignore[operator]
        return None
    return ValueError(
        f"request({n!r}): rule 3.9 of Reactive Streams wants an int of at least 1; "
        "use UNBOUNDED to ask for everything"
    )
