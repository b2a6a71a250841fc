"""A producer that waits for room: the one way to wait, for a thread and for a task."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from threading import get_ident
from time import monotonic
from typing import Any

from ..protocol import Offer, OfferTimeoutError
from .boundary import Boundary
from .ends import FULL
from .loops import needed_loop, on_loop, running_loop, running_trio


def offer_blocking(boundary: Boundary[Any], item: Any, timeout: float | None = None) -> Offer:
    """Offer an item; let the thread wait for room.

    Args:
        boundary: Where to.
        item: What.
        timeout: Longest wait (seconds); None for ever.

    Returns:
        What became of it; never FULL.

    Raises:
        OfferTimeoutError: No room was made in time.
        RuntimeError: This is the thread of a running event loop, which must not wait.
    """
    thread = get_ident()
    if boundary.pusher != thread:
        _needs_no_loop()
        boundary.pusher = thread  # one that pushes has no loop mostly, and to look takes time
    offer = boundary.push(item)
    if offer is not FULL:
        return offer
    _needs_no_loop()
    deadline = None if timeout is None else monotonic() + timeout
    while (offer := boundary.push(item)) is FULL:
        room = threading.Event()
        call = room.set  # one object: a bound method is a new one each time
        if not boundary.when_room(call, item):
            continue
        in_time = room.wait(None if deadline is None else max(0.0, deadline - monotonic()))
        boundary.forget_room(call)
        if not in_time:
            return _last_try(boundary, item, timeout)
    return offer


def _needs_no_loop() -> None:
    """Refuse to let a thread wait that runs an event loop."""
    if running_loop() is not None or running_trio() is not None:
        raise RuntimeError(
            "a blocking push on the event loop's own thread would stop the loop that is to make "
            "room; push from another thread, or use create(..., overflow=SUSPEND) and await send()"
        )


async def offer_suspending(
    boundary: Boundary[Any], item: Any, timeout: float | None = None
) -> Offer:
    """Offer an item; let the task wait for room. See :func:`offer_blocking`."""
    loop = needed_loop("send", "awaited")
    deadline = None if timeout is None else loop.time() + timeout
    while (offer := boundary.push(item)) is FULL:
        room = loop.create_future()
        call = _telling(loop, room)
        if not boundary.when_room(call, item):
            continue
        try:
            async with asyncio.timeout_at(deadline):
                await room
        except TimeoutError:
            return _last_try(boundary, item, timeout)
        finally:
            boundary.forget_room(call)
    return offer


def _last_try(boundary: Boundary[Any], item: Any, timeout: float | None) -> Offer:
    """Offer once more when the time is over: some room is made before producers are told."""
    offer = boundary.push(item)
    if offer is FULL:
        raise OfferTimeoutError(
            f"{boundary.name}: no room was made for an item in {timeout} s"
        ) from None
    return offer


def _telling(loop: asyncio.AbstractEventLoop, room: asyncio.Future[None]) -> Callable[[], None]:
    def tell() -> None:
        if not room.done():
            room.set_result(None)

    return lambda: on_loop(loop, tell)
