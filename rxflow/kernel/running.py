"""The subscriptions that run, for those who look at them."""

from __future__ import annotations

from weakref import ref

from .consumer import Consumer

_running: dict[ref[Consumer], None] = {}  # in the order of their beginning; none is kept alive


def _forget(gone: ref[Consumer]) -> None:
    _running.pop(gone, None)


def appeared(consumer: Consumer) -> None:
    """Note a consumer whose subscription begins.

    Args:
        consumer: It; when it is collected, it is forgotten.
    """
    _running[ref(consumer, _forget)] = None


def disappeared(consumer: Consumer) -> None:
    """Forget a consumer whose subscription is over.

    Args:
        consumer: It.
    """
    _running.pop(ref(consumer), None)


def running() -> tuple[Consumer, ...]:
    """Give the consumers whose subscriptions run, the oldest first. From any thread."""
    noted = _running.copy()  # in one step, for others come and go
    return tuple(consumer for each in noted if (consumer := each()) is not None)
