"""Where errors go that no Subscriber can be given: never nowhere."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

log: logging.Logger = logging.getLogger("rxflow")


def _log(error: BaseException) -> None:
    log.error("an error came too late for any subscriber: %r", error, exc_info=error)


on_dropped_error: Callable[[BaseException], None] = _log
"""Called with each error that could not be signalled. Assign your own to collect them."""


def reporting(call: Callable[[], object]) -> None:
    """Call what closes or disposes; report what it raises, so that the rest is closed too."""
    try:
        call()
    except Exception as error:
        dropped_error(error)


def traced(make: object, error: BaseException) -> None:
    """Have a Flow that has failed note in the error which of its operators it comes from.

    Args:
        make: What made the Feed that has failed: a method of the Flow, if it is one.
        error: The failure.
    """
    trace = getattr(getattr(make, "__self__", None), "trace", None)
    if trace is not None:
        reporting(partial(trace, error))


def dropped_error(error: BaseException) -> None:
    """Report an error that comes after the end, or from a callback that must not raise."""
    on_dropped_error(error)
