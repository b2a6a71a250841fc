"""Telling where demand becomes unbounded, and was probably not meant to."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar

from ..protocol import DemandBoundaryWarning

_quiet: ContextVar[bool] = ContextVar("rxflow_quiet", default=False)


@contextmanager
def quietly() -> Generator[None]:
    """Tell nothing of what is done inside: it was told already."""
    token = _quiet.set(True)
    try:
        yield
    finally:
        _quiet.reset(token)


def is_quiet() -> bool:
    """Tell whether nothing is told now."""
    return _quiet.get()


def tell(what: str) -> None:
    """Warn, at the line of the first caller outside of rxflow and reactivex.

    Args:
        what: What makes demand unbounded.
    """
    if not is_quiet():
        warnings.warn(
            f"demand becomes unbounded here: {what}; put a door behind it, such as "
            "on_backpressure_buffer, to be in control of demand again",
            DemandBoundaryWarning,
            stacklevel=_outside(),
        )


def tell_of_unlifted(flow: object) -> None:
    """Warn when it is a stock operator that subscribes to a Flow, and not lifted.

    An Observable's own ``pipe`` applies one like any function, also to a Flow that came of
    a door in it. That the operator was applied is first seen when it subscribes, and then
    by its frame: it is a function of its module that knows the Flow as its ``source``.

    Args:
        flow: Whose ``subscribe`` calls this.
    """
    frame = sys._getframe(2)  # pyright: ignore[reportPrivateUsage]
    package, _, module = frame.f_globals.get("__name__", "").rpartition(".")
    if package != "reactivex.operators" or module == "_tofuture":  # which is meant to want all
        return
    if frame.f_locals.get("source") is flow:
        tell(
            f"the operator in reactivex.operators.{module} has subscribed to a Flow; use the one "
            "of rxflow.operators, or flow.pipe(...), which keep demand"
        )


def _outside() -> int:
    """Find the stack level of the first caller outside of rxflow and reactivex."""
    frame = sys._getframe(2)  # pyright: ignore[reportPrivateUsage]
    level = 2
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(
        ("rxflow.", "reactivex.")
    ):
        frame = frame.f_back
        level += 1
    return level
