"""A thread of its own for calls that block: of files, of the queues of threads."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

from .loops import on_loop

T = TypeVar("T")

_Calls = SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None]


class Worker:
    """Makes calls one after another in a thread that begins with the first one.

    It is a daemon, unlike those of an executor: a call that never comes back, such as a
    read from a terminal, does not keep the program from ending.
    """

    __slots__ = ("__weakref__", "_calls", "_name", "_started", "_stop")

    def __init__(self, name: str) -> None:
        """Prepare.

        Args:
            name: Of the thread.
        """
        self._name = name
        self._calls: _Calls = SimpleQueue()
        self._started = False
        self._stop = weakref.finalize(self, self._calls.put, None)
        self._stop.atexit = False

    def submit(self, call: Callable[[], T]) -> Future[T]:
        """Have a call made; from one thread at a time.

        Args:
            call: What blocks.

        Returns:
            Its future; its callbacks run in the worker's thread.
        """
        future: Future[T] = Future()
        self._calls.put((future, call))
        if not self._started:
            self._started = True
            threading.Thread(
                target=_work, args=(self._calls,), name=f"rxflow {self._name}", daemon=True
            ).start()
        return future

    async def call(self, call: Callable[[], T]) -> T:
        """Await a call. When this is cancelled the call goes on, if it has begun.

        Args:
            call: What blocks.
        """
        loop = asyncio.get_running_loop()
        told: asyncio.Future[None] = loop.create_future()

        def tell(_: object) -> None:
            on_loop(loop, lambda: None if told.done() else told.set_result(None))

        future = self.submit(call)
        future.add_done_callback(tell)
        try:
            await told
        except asyncio.CancelledError:
            future.cancel()
            raise
        return future.result()

    def stop(self) -> None:
        """End the thread after the calls that were submitted."""
        self._stop()


def _work(calls: _Calls) -> None:
    """Make calls, without a reference to the Worker, which may be forgotten."""
    while (submitted := calls.get()) is not None:
        future, call = submitted
        if future.set_running_or_notify_cancel():
            try:
                future.set_result(call())
            except BaseException as error:
                future.set_exception(error)
        del submitted, future, call
