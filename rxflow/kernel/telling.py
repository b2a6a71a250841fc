"""An async ``on_drop``: its calls run one after the other, in a task of the subscription."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from inspect import CO_COROUTINE, iscoroutinefunction
from types import FunctionType
from typing import Any

from ..protocol import BackpressureError
from . import hooks
from .feed import Context
from .loops import needed_loop, on_loop, spawn

DropCallback = Callable[[Any, str], object]
DiscardCallback = Callable[[Any], object]

WAITING = 1024
"""Most calls of an async ``on_drop`` that wait for those before them."""


class Telling:
    """Calls an async function for each item that was dropped; it is true while it has to.

    Any thread may call it; the function runs on the event loop of the subscription.
    """

    def __init__(
        self,
        context: Context,
        name: str,
        function: Callable[..., Any],
        failed: Callable[[Exception], object],
    ) -> None:
        """Look for the event loop.

        Args:
            context: Of the subscription.
            name: The operator, for errors.
            function: Async function of an item and a reason.
            failed: Called with what it has raised.

        Raises:
            RuntimeError: No event loop is running in this thread.
        """
        self._loop = needed_loop(f"{name} with an async on_drop")
        self._context = context
        self._name = name
        self._function = function
        self._failed = failed
        self._waiting: deque[tuple[Any, str]] = deque()  # the first one is in the function
        self._active = False  # a task runs, or is on its way
        self._over = False  # cancelled or failed
        self._task: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        """Count the calls that are not done."""
        return len(self._waiting)

    def __call__(self, item: Any, reason: str) -> None:
        """Have the function called.

        Raises:
            BackpressureError: Too many calls are waiting.
        """
        if self._over:
            return
        if len(self._waiting) > WAITING:
            self.cancel()
            raise BackpressureError(
                f"{self._name}: {WAITING} calls of the async on_drop are waiting, it is slower "
                "than items are dropped; let it hand them over without waiting, or use a function "
                "that is not async"
            )
        self._waiting.append((item, reason))
        if not self._active:
            self._active = True
            on_loop(self._loop, self._begin)

    def _begin(self) -> None:
        if self._task is None and not self._over:
            self._task = spawn(self._loop, self._context, self._work())

    async def _work(self) -> None:
        try:
            while self._waiting:
                await self._function(*self._waiting[0])
                if self._over:
                    return
                self._waiting.popleft()
                if not self._waiting:
                    self._active = False  # then it is looked again: any thread may have appended
        except Exception as error:
            self._break(error)
        except BaseException as error:
            if not self._over:  # else it is the cancel that was asked for
                self._break(RuntimeError(f"{self._name}: on_drop ended with {error!r}"))
            if not isinstance(error, asyncio.CancelledError):
                raise
        finally:
            self._task = None
        self._context.wake()

    def _break(self, error: Exception) -> None:
        over, self._over = self._over, True
        self._waiting.clear()
        if over:
            hooks.dropped_error(error)
        else:
            self._failed(error)

    def cancel(self) -> None:
        """Call nothing any more, and cancel the call that runs."""
        self._over = True
        self._waiting.clear()
        on_loop(self._loop, self._cancel_task)

    def _cancel_task(self) -> None:
        if self._task is not None:
            self._task.cancel()


def is_async(function: Any) -> bool:
    """Tell whether what a function gives is to be awaited."""
    if type(function) is FunctionType:  # the usual case, and the quick one
        return bool(function.__code__.co_flags & CO_COROUTINE)
    called: Any = getattr(function, "func", function)  # functools.partial
    of_object: Any = called.__class__.__call__  # what a call of it calls; that of a class is plain
    return iscoroutinefunction(called) or iscoroutinefunction(of_object)
