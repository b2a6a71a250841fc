"""The Feed of a queue of threads or processes, whose ``get`` blocks."""

from __future__ import annotations

import asyncio
import queue
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from queue import Empty, Queue, SimpleQueue
from typing import Any, cast

from ..kernel import HANDOVER, Context, Feed, StageStatistics, State, Worker, hooks, is_async
from ..protocol import END

WAIT = 0.1
"""How long a thread waits at a queue before it looks whether it still is to (seconds)."""

SHUT_DOWN: tuple[type[Exception], ...] = tuple(filter(None, [getattr(queue, "ShutDown", None)]))
"""What a queue raises that was shut down, from Python 3.13 on."""


_METHODS = ("get", "put", "get_nowait", "put_nowait")


def is_shut_down(error: Exception) -> bool:
    """Tell whether an error says that a queue was shut down.

    Before Python 3.13 there are queues of other libraries that can be, with errors of their
    own, which have the names of the later ones.
    """
    names = {kind.__name__ for kind in type(error).__mro__}
    return not names.isdisjoint(("ShutDown", "QueueShutDown"))


def is_blocking(source: Any) -> bool:
    """Tell whether something is a queue of threads or processes."""
    methods = [getattr(source, name, None) for name in _METHODS]
    return all(callable(method) and not is_async(method) for method in methods)


def is_awaited(source: Any) -> bool:
    """Tell whether something is a queue of tasks: of asyncio, or such as that of janus."""
    if isinstance(source, asyncio.Queue):
        return True
    get, put, *at_once = (getattr(source, name, None) for name in _METHODS)
    return (
        is_async(get)
        and is_async(put)
        and all(callable(method) and not is_async(method) for method in at_once)
    )


class Taken(Feed[Any]):
    """Takes what is there in the consumer's own steps; for the rest a thread waits."""

    def __init__(self, context: Context, source: Any, task_done: bool) -> None:
        """Prepare; no thread is made before it has to wait.

        Args:
            context: Of the subscription.
            source: What has ``get`` and ``put``.
            task_done: Whether to tell it when an item is done with, if it wants to hear.
        """
        self._context = context
        self._queue = source
        self._task_done = task_done and hasattr(source, "task_done")
        self._of_threads: Queue[Any] | None = source if isinstance(source, Queue) else None
        self._quick = isinstance(source, Queue | SimpleQueue)  # others may wait for a process
        self._worker = Worker("from_queue")
        self._came: deque[Any] = deque()  # taken by the thread, in order
        self._waits = False  # the thread takes, and nobody else
        self._ended = self._cancelled = False
        self._error: Exception | None = None
        self._received = self._delivered = 0

    # The thread.

    def _take(self, n: int) -> None:
        """Wait for an item, and take what is there with it, up to so many."""
        try:
            while not (self._cancelled or self._came):
                with suppress(Empty):
                    self._keep(self._queue.get(timeout=WAIT))
            while not (self._cancelled or self._ended) and len(self._came) < n:
                self._keep(self._queue.get_nowait())
        except Empty:
            pass
        except Exception as error:
            if is_shut_down(error):
                self._ended = True
            else:
                self._error = error
        self._waits = False
        if not self._cancelled:
            hooks.reporting(self._context.wake)

    def _keep(self, item: Any) -> None:
        self._came.append(item)
        if item is END:
            self._ended = True

    def _give_back(self) -> None:
        """Put what was taken and not given back into the queue, before others if it can be."""
        while self._came:
            item = self._came.pop()
            if self._of_threads is not None:
                _put_back(self._of_threads, item)
                continue
            self._queue.put(item)
            if hasattr(self._queue, "task_done"):
                self._queue.task_done()  # it was counted when it was first put

    # The consumer's side.

    def run(self) -> Iterator[Any]:
        """Give what was taken, then what is there."""
        while not self._cancelled:
            direct = self._quick and not (self._waits or self._ended)
            if self._came:
                item = self._came.popleft()
            elif direct:
                try:
                    item = self._queue.get_nowait()
                except Empty:
                    return
                except SHUT_DOWN:
                    self._ended = True
                    return
            else:
                return
            if item is END:
                self._ended = True
                if self._task_done:
                    self._queue.task_done()
                return
            self._received += 1
            self._delivered += 1
            try:
                yield item
            finally:  # when the next item is asked for, or the stream is over
                if self._task_done:
                    self._queue.task_done()

    def settle(self) -> State:
        """End when the queue has."""
        if self._came:
            return State.READY
        if self._error is not None:
            raise self._error
        return State.ENDED if self._ended else State.WAITING

    def ending(self) -> bool:
        """Tell what is known without taking."""
        only = not self._came or self._came[0] is END
        return only and (self._ended or self._error is not None)

    def want(self, n: int) -> None:
        """Have the thread wait for an item."""
        if not (self._waits or self._ended or self._cancelled):
            self._waits = True
            self._worker.submit(lambda: self._take(min(n, HANDOVER)))

    def cancel(self) -> None:
        """Let the thread go, and give back what it has taken."""
        self._cancelled = True
        if self._quick:
            self._give_back()
        if self._waits or self._came:
            self._worker.submit(self._give_back)  # also what it takes meanwhile
        self._worker.stop()

    def statistics(self) -> Iterator[StageStatistics]:
        """Give how many items passed."""
        yield StageStatistics(
            "from_queue", received=self._received, delivered=self._delivered, inputs=0
        )


def _put_back(source: Queue[Any], item: Any) -> None:
    """Put an item to where it was taken from, also if the queue is full or shut down."""
    with source.mutex:
        held: Any = source.queue
        if isinstance(held, deque):
            cast("deque[Any]", held).appendleft(item)
        else:  # it has an order of its own
            source._put(item)  # type: ignore[attr-defined] # pyright: ignore
        source.not_empty.notify()
