"""Event loops: which one runs here, and how to call into another thread's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from .feed import Context

_running: set[asyncio.Task[Any]] = set()  # a task that nobody refers to may be collected


def running_loop() -> asyncio.AbstractEventLoop | None:
    """Give the event loop that runs in this thread, if any."""
    return asyncio._get_running_loop()  # quick: no exception where there is none


def needed_loop(name: str) -> asyncio.AbstractEventLoop:
    """Give the event loop that runs in this thread.

    Raises:
        RuntimeError: There is none; the message names who needs it.
    """
    loop = running_loop()
    if loop is None:
        raise RuntimeError(f"{name} must be subscribed where an asyncio event loop is running")
    return loop


def on_loop(loop: asyncio.AbstractEventLoop, call: Callable[[], object]) -> None:
    """Call now if the loop runs in this thread, else have it called there.

    A closed loop counts as one on which everything is cancelled already.
    """
    if running_loop() is loop:
        call()
        return
    try:
        loop.call_soon_threadsafe(call)
    except RuntimeError:
        if not loop.is_closed():
            raise


def spawn(
    loop: asyncio.AbstractEventLoop, context: Context, work: Coroutine[Any, Any, Any]
) -> asyncio.Task[Any]:
    """Start a task for a subscription; it is held until it is done.

    Args:
        loop: The loop, which runs in this thread.
        context: Of the subscription.
        work: What to run.
    """
    try:
        task = loop.create_task(work)
    except RuntimeError:  # the loop is closed
        work.close()
        raise
    for holder in (_running, context.tasks):
        holder.add(task)
        task.add_done_callback(holder.discard)
    return task


def put_back(queue: asyncio.Queue[Any], item: Any) -> None:
    """Put an item into a queue that may be full, or shut down, without waiting.

    It is not counted by ``join``: it was counted when it was first put, or is an
    end that stands for no work. The methods are those that a Queue has for its
    subclasses to override; nothing public goes past the bound.
    """
    queue._put(item)  # pyright: ignore
    queue._wakeup_next(queue._getters)  # pyright: ignore
