"""Event loops: which one runs here, and how to call into another thread's."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from typing import Any, cast

from . import hooks
from .feed import Context

_running: set[asyncio.Task[Any]] = set()  # a task that nobody refers to may be collected


running_loop: Callable[[], asyncio.AbstractEventLoop | None] = asyncio._get_running_loop
"""Gives the event loop that runs in this thread, or None: no exception where there is none."""


def running_trio() -> Any:
    """Give the package trio, if it runs in this thread; None where it does not."""
    trio = sys.modules.get("trio")
    try:
        return trio and trio.lowlevel.current_trio_token() and trio
    except RuntimeError:
        return None


def needed_loop(name: str, what: str = "subscribed") -> asyncio.AbstractEventLoop:
    """Give the event loop that runs in this thread.

    Args:
        name: Who needs it.
        what: What is done with it there.

    Raises:
        RuntimeError: There is none; the message names who needs it.
    """
    loop = running_loop()
    if loop is None:
        text = f"{name} must be {what} where an asyncio event loop is running"
        if running_trio() is not None:
            text += (
                ", and trio runs here: use what needs no tasks of its own (map_thread, for_each), "
                "or run on asyncio, as anyio.run does where it is not told otherwise"
            )
        raise RuntimeError(text)
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
    loop: asyncio.AbstractEventLoop,
    context: Context,
    work: Coroutine[Any, Any, Any],
    done: Callable[[asyncio.Task[Any]], object] | None = None,
) -> asyncio.Task[Any]:
    """Start a task for a subscription; it is held until it is done.

    Args:
        loop: The loop, which runs in this thread.
        context: Of the subscription.
        work: What to run.
        done: Called with the task when it is done.
    """
    task = spawned(loop, work)
    hold(context, task, done)
    return task


def spawned(
    loop: asyncio.AbstractEventLoop,
    work: Coroutine[Any, Any, Any],
    done: Callable[[asyncio.Task[Any]], object] | None = None,
) -> asyncio.Task[Any]:
    """Start a task that the caller is to hold; see :func:`spawn`."""
    try:
        task = loop.create_task(work)
    except RuntimeError:  # the loop is closed
        work.close()
        raise
    if done is not None:
        task.add_done_callback(done)
    return task


def hold(
    context: Context,
    task: asyncio.Task[Any],
    done: Callable[[asyncio.Task[Any]], object] | None = None,
) -> None:
    """Hold a task until it is done: who waits for the subscription waits for it, too."""
    tasks = context.tasks
    _running.add(task)
    tasks.add(task)

    def over(task: asyncio.Task[Any]) -> None:  # one call of the loop for all that is to be done
        _running.discard(task)
        tasks.discard(task)
        if done is not None:
            done(task)

    task.add_done_callback(over)


def ordinary(loop: asyncio.AbstractEventLoop) -> bool:
    """Tell whether the tasks of a loop are its own: nobody has set a factory that makes them."""
    try:
        return loop.get_task_factory() is None
    except NotImplementedError:
        return False


def eager(loop: asyncio.AbstractEventLoop) -> bool:
    """Tell whether tasks can take their first step when they are made.

    They can from Python 3.12 on, on a loop of asyncio whose tasks nobody else makes.
    """
    return (
        isinstance(loop, asyncio.BaseEventLoop)
        and type(loop).create_task is asyncio.BaseEventLoop.create_task
        and ordinary(loop)
        and sys.version_info >= (3, 12)
    )


def eager_task(
    loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any]
) -> asyncio.Task[Any]:
    """Make a task, on a running loop that is ``eager``; who calls this is to hold it."""
    make = cast("Any", asyncio.Task)
    return make(work, loop=loop, eager_start=True)


def put_back(queue: Any, item: Any) -> None:
    """Put an item back into a queue of tasks that may be full, or shut down, without waiting.

    It is not counted by ``join``: it was counted when it was first put. The methods are those
    that asyncio.Queue has for its subclasses to override; nothing public goes past the bound.
    In a queue of another library it goes to the end, as soon as there is room.
    """
    if isinstance(queue, asyncio.Queue):
        waited = cast("Any", queue)
        waited._put(item)
        waited._wakeup_next(waited._getters)
    else:
        _put_soon(queue, item, getattr(queue, "task_done", _nothing))


def put_at_once(queue: Any, item: Any) -> None:
    """Put an item into a queue of tasks that may be full, without waiting; ``join`` counts it."""
    if isinstance(queue, asyncio.Queue):
        waited = cast("Any", queue)
        put_back(queue, item)
        waited._unfinished_tasks += 1
        waited._finished.clear()
    else:
        _put_soon(queue, item, _nothing)


def _put_soon(queue: Any, item: Any, then: Callable[[], object]) -> None:
    async def put() -> None:
        try:
            await queue.put(item)
            then()
        except Exception as error:
            hooks.dropped_error(error)

    try:
        queue.put_nowait(item)
    except asyncio.QueueFull:
        spawn(asyncio.get_running_loop(), Context(_nothing), put())
    except Exception as error:  # it was shut down
        hooks.dropped_error(error)
    else:
        then()


def _nothing() -> None:
    pass
