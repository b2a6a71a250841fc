"""The subscriptions that run, for those who look at them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from threading import Lock
from weakref import ref

from . import hooks
from .consumer import Consumer

_running: dict[ref[Consumer], None] = {}  # in the order of their beginning; none is kept alive
_told: dict[object, Callable[[Consumer], object]] = {}  # of each beginning
_watchers: tuple[Callable[[Consumer], object], ...] = ()  # mostly nobody, which costs nothing
_lock = Lock()  # for changes of the watchers


def _forget(gone: ref[Consumer]) -> None:
    _running.pop(gone, None)


def appeared(consumer: Consumer) -> None:
    """Note a consumer whose subscription begins.

    Args:
        consumer: It; when it is collected, it is forgotten.
    """
    _running[ref(consumer, _forget)] = None
    if _told:
        for call in tuple(_told.values()):
            hooks.reporting(partial(call, consumer))


def disappeared(consumer: Consumer) -> None:
    """Forget a consumer whose subscription is over.

    Args:
        consumer: It.
    """
    noted = ref(consumer)
    if noted in _running:
        for call in _watchers:  # before it is forgotten, so that it is always found somewhere
            call(consumer)
        _running.pop(noted, None)


def watch(call: Callable[[Consumer], object]) -> Callable[[], None]:
    """Be told of each subscription that is over, with its last figures.

    Args:
        call: Function of the consumer, called on any thread, perhaps inside of the garbage
            collector: it takes no lock that it would wait for, and does not raise.

    Returns:
        What ends it.
    """
    global _watchers
    with _lock:
        _watchers = (*_watchers, call)

    def end() -> None:
        global _watchers
        with _lock:
            _watchers = tuple(each for each in _watchers if each is not call)

    return end


def runs(noted: ref[Consumer]) -> bool:
    """Tell whether a subscription is among those that run.

    Args:
        noted: A reference to its consumer.
    """
    return noted in _running


def running(flow: object = None) -> tuple[Consumer, ...]:
    """Give the consumers whose subscriptions run, the oldest first. From any thread.

    Args:
        flow: The Flow whose subscriptions are meant; None for those of all.
    """
    noted = _running.copy()  # in one step, for others come and go
    return tuple(
        consumer
        for each in noted
        if (consumer := each()) is not None and (flow is None or consumer.flow is flow)
    )


def tell_of_beginnings(call: Callable[[Consumer], object]) -> Callable[[], None]:
    """Have ``call`` called with each consumer whose subscription begins.

    Args:
        call: Called on the thread that subscribes.

    Returns:
        A function that ends it.
    """
    key = object()
    _told[key] = call

    def leave() -> None:
        _told.pop(key, None)

    return leave
