"""How a task waits for a Flow: on asyncio's event loop, or on trio's."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any

from ..kernel import Context, hooks, on_loop, running_loop, running_trio


class Signal(ABC):
    """Wakes a task from any thread; a wake that nobody waits for is kept."""

    @abstractmethod
    def wake(self) -> None:
        """Wake the task that waits, or the next that will."""

    @abstractmethod
    def waiter(self) -> Awaitable[object]:
        """Give what is to be awaited for a wake."""

    @abstractmethod
    def rest(self) -> Awaitable[object]:
        """Give other tasks a turn."""

    @abstractmethod
    async def closed(self, context: Context) -> None:
        """Wait until what a subscription has opened is closed."""

    @abstractmethod
    def call(self, call: Callable[[], object]) -> None:
        """Call on the loop's thread: now, if this is it."""

    @abstractmethod
    def soon(self, call: Callable[[], object]) -> bool:
        """Have it called on the loop's thread; False where the loop is over."""


def signal_here() -> Signal:
    """Give a signal for the task that runs.

    Raises:
        RuntimeError: None does.
    """
    trio = running_trio()
    if trio is not None:
        return _OnTrio(trio)
    loop = running_loop()
    if loop is not None:
        return _OnAsyncio(loop)
    raise RuntimeError(
        "no running event loop: 'async for' over a Flow wants one, of asyncio or of trio; "
        "a plain 'for' does without"
    )


class _OnAsyncio(Signal):
    __slots__ = ("_loop", "_raised", "_waiter")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._raised = False  # a wake has come since the last wait
        self._waiter: asyncio.Future[None] | None = None

    def wake(self) -> None:
        if self._raised:  # and who waits has been told
            return
        self._raised = True
        waiter = self._waiter
        if waiter is None:
            return
        if running_loop() is not self._loop:
            on_loop(self._loop, self._tell)
            return
        self._waiter, self._raised = None, False  # before the task looks what there is
        if not waiter.done():
            waiter.set_result(None)

    def _tell(self) -> None:
        self._raised = False
        self.wake()

    def waiter(self) -> asyncio.Future[None]:
        waiter = self._waiter = self._loop.create_future()
        if self._raised:  # looked at after it is there, as a wake does it the other way round
            self._tell()
        return waiter

    def rest(self) -> Awaitable[object]:
        return asyncio.sleep(0)

    async def closed(self, context: Context) -> None:
        if running_loop() is None:
            return  # it is collected after its loop was closed: nobody can wait any more
        if tasks := context.tasks - {asyncio.current_task()}:
            await asyncio.wait(tasks)

    def call(self, call: Callable[[], object]) -> None:
        on_loop(self._loop, call)

    def soon(self, call: Callable[[], object]) -> bool:
        if self._loop.is_closed():
            return False
        self._loop.call_soon_threadsafe(call)
        return True


class _OnTrio(Signal):
    """Nothing runs for a subscription in tasks of its own: trio has none without a nursery."""

    __slots__ = ("_raised", "_token", "_trio", "_waiter")

    def __init__(self, trio: Any) -> None:
        self._trio = trio
        self._token = trio.lowlevel.current_trio_token()
        self._raised = False  # a wake has come since the last wait
        self._waiter: Any = None  # a trio.Event

    def wake(self) -> None:
        self._raised = True
        if self._waiter is not None:
            self.call(self._tell)

    def _tell(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None:
            self._raised = False  # before the task looks what there is
            waiter.set()

    def waiter(self) -> Awaitable[object]:
        waiter = self._waiter = self._trio.Event()
        if self._raised:
            self._tell()
        awaited: Awaitable[object] = waiter.wait()
        return awaited

    def rest(self) -> Awaitable[object]:
        checkpoint: Awaitable[object] = self._trio.lowlevel.checkpoint()
        return checkpoint

    async def closed(self, context: Context) -> None:
        await _each(context.closing)

    def call(self, call: Callable[[], object]) -> None:
        if running_trio() is not None and self._trio.lowlevel.current_trio_token() is self._token:
            call()
        else:
            self.soon(call)

    def soon(self, call: Callable[[], object]) -> bool:
        try:
            self._token.run_sync_soon(hooks.reporting, call)  # what raises there ends trio
        except self._trio.RunFinishedError:
            return False
        return True


async def _each(closing: list[Callable[[], Awaitable[object]]]) -> None:
    """Close each, also when this is cancelled in the middle."""
    if closing:
        try:
            await closing.pop(0)()
        except Exception as error:
            hooks.dropped_error(error)
        finally:
            await _each(closing)
