"""Running a Flow in a thread of its own, for programs without an event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import TypeVar

from ..flow import Flow, checks
from ..flow.registry import register
from ..kernel import hooks, on_loop
from .ends import for_each

T = TypeVar("T")


@register(
    "bridge", demand="1 per call finished ; none ; holds <= max_concurrency", category="asyncio"
)
def run_in_thread(
    flow: Flow[T],
    fn: Callable[[T], Awaitable[object] | object],
    *,
    max_concurrency: int = 1,
) -> Future[None]:
    """Call a function with each item in a thread that has an event loop of its own.

    It is ``for_each`` for a program without an event loop, or for work that would block the
    one it has: the function may block, or be async, and the Flow may have ``map_async`` and
    operators of time. To take the items in this thread, iterate: ``for item in flow``.

    .. marble::
        :alt: run_in_thread

        source   -1-2-3|
        [ future = flow.run_in_thread(fn) ]
                 fn(1)--fn(2)--fn(3)--(future is done)

    Demand: 1 per call finished ; none ; holds <= max_concurrency.

    Args:
        flow: The Flow; it is subscribed in the thread.
        fn: Function of an item; what it gives is awaited if it can be.
        max_concurrency: Most calls at once (items); above 1 it must be async.

    Returns:
        A future: ``result(timeout)`` waits, and raises what the Flow fails with or the
        function raises; ``cancel()`` cancels the source. The thread is a daemon: at the end
        of the program nobody waits for it.

    Raises:
        TypeError: fn is not callable.
        ValueError: max_concurrency < 1.

    Source: new; asyncio.run_coroutine_threadsafe.
    """
    if not callable(fn):  # pyright: ignore[reportUnnecessaryComparison]
        raise TypeError(f"run_in_thread wants a function of an item, not {fn!r}")
    checks.whole("run_in_thread", "max_concurrency", max_concurrency)
    future: Future[None] = Future()
    threading.Thread(
        target=_run,
        args=(future, flow, fn, max_concurrency),
        name="rxflow run_in_thread",
        daemon=True,
    ).start()
    return future


def _run(
    future: Future[None], flow: Flow[T], fn: Callable[[T], object], max_concurrency: int
) -> None:
    async def main() -> None:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        # It stays pending, so that it can be cancelled; then this is called at once.
        future.add_done_callback(lambda _: on_loop(loop, task.cancel))
        await for_each(flow, fn, max_concurrency=max_concurrency)

    error: BaseException | None = None
    try:
        asyncio.run(main())
    except BaseException as raised:
        error = raised
    if not future.set_running_or_notify_cancel():  # it was cancelled
        if isinstance(error, Exception):
            hooks.dropped_error(error)
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)


setattr(Flow, "run_in_thread", run_in_thread)  # noqa: B010 - declared in flow/_fluent
