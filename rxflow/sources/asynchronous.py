"""Sources on an event loop: async iterables and asyncio queues."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from time import perf_counter
from typing import Any, TypeVar

from ..flow import Flow
from ..flow.iteration import TURN
from ..flow.registry import register
from ..kernel import (
    HANDOVER,
    Context,
    Feed,
    StageStatistics,
    State,
    hooks,
    needed_loop,
    on_loop,
    put_back,
    running_trio,
    spawn,
)
from ..protocol import END, AwaitedQueue, BlockingQueue
from .queues import Taken, is_awaited, is_blocking, is_shut_down

T = TypeVar("T")


class AsyncPulled(Feed[Any]):
    """Advances an async iterator on demand only.

    A consumer on the loop advances it in its own task (``advance``). For any
    other a pump task runs while there is demand (``want``). Never both.

    Attributes:
        ahead: Most items that the pump fetches before they are taken (items).
        portable: ``advance`` and ``close`` work in a trio task too, where there is no pump.
    """

    ahead = HANDOVER
    portable = False

    def __init__(self, context: Context, name: str) -> None:
        """Prepare; the iterator is opened by ``start``."""
        self._context = context
        self._name = name
        self._items: deque[Any] = deque()  # fetched and not yet taken
        self._fetched = 0  # fetched so far, also those that were taken
        self._peak = 0
        self._discarded = 0  # fetched, and not taken before the cancel
        self._wanted = 0  # what the pump has still to fetch
        self._pump: asyncio.Task[Any] | None = None
        self._ended = False
        self._error: Exception | None = None
        self._cancelled = False
        self._loop: asyncio.AbstractEventLoop | None = None  # None until started, and on trio
        self._on_trio = False  # it was started there

    def start(self) -> None:
        """Remember the loop; nothing is fetched before there is demand."""
        if self.portable and self._context.pulls and running_trio() is not None:
            self._on_trio = True
        else:
            self._loop = needed_loop(self._name)
        if self._wanted:
            self.want(self._wanted)

    async def fetch_one(self) -> Any:
        """Await the next item; StopAsyncIteration at the end."""
        raise NotImplementedError

    async def close(self) -> None:
        """Close what is iterated."""

    def run(self) -> Iterator[Any]:
        """Give what was fetched."""
        while self._items:
            yield self._items.popleft()

    def settle(self) -> State:
        """End when the iterator has."""
        if self._items:
            return State.READY
        if self._error is not None:
            raise self._error
        return State.ENDED if self._ended else State.WAITING

    def ending(self) -> bool:
        """Tell what is known without advancing."""
        return not self._items and (self._ended or self._error is not None)

    async def _fetch(self) -> None:
        try:
            self._items.append(await self.fetch_one())
            self._fetched += 1
            self._peak = max(self._peak, len(self._items))
        except StopAsyncIteration:
            self._ended = True
        except Exception as error:
            self._error = error

    def advance(self) -> Any:
        """Fetch one item in the consumer's own task."""
        return None if self._pump is not None else self._fetch()

    def want(self, n: int) -> None:
        """Pump so many items, as far as they may be fetched ahead."""
        self._wanted = min(n, self.ahead)
        if self._loop is not None:
            on_loop(self._loop, self._start_pump)
        elif self._on_trio:
            self._fail_on_trio()

    def _fail_on_trio(self) -> None:
        try:
            needed_loop(f"{self._name}, behind an operator that has it fetch ahead,")
        except RuntimeError as error:
            self._error = error
            self._context.wake()

    def _start_pump(self) -> None:
        if self._pump is None and not self._cancelled:
            assert self._loop is not None
            self._pump = spawn(self._loop, self._context, self._run_pump())

    async def _run_pump(self) -> None:
        turn = perf_counter()
        try:
            while self._wanted and not (self._ended or self._cancelled):
                await self._fetch()
                if self._error is not None:
                    break
                self._wanted -= 1  # before the wake: who wants more says so in it
                self._context.wake()
                if perf_counter() - turn > TURN:
                    await asyncio.sleep(0)
                    turn = perf_counter()
        except asyncio.CancelledError:
            if not self._cancelled:  # then it is the iterator's, and an error of the stream
                text = f"{self._name}: the iterator ended with CancelledError()"
                self._error = RuntimeError(text)
            raise
        finally:
            self._pump = None
            self._context.wake()

    def cancel(self) -> None:
        """Stop the pump and close the iterator, on the loop."""
        if not self._cancelled:
            self._cancelled = True
            self._let_go()
            if self._loop is not None:
                on_loop(self._loop, self._stop)
            elif self._on_trio:
                self._context.closing.append(self.close)

    def _let_go(self) -> None:
        """Give up what was fetched and not taken."""
        self._discarded += len(self._items)
        self._items.clear()

    def _stop(self) -> None:
        assert self._loop is not None
        spawn(self._loop, self._context, self._close_after(self._pump))

    async def _close_after(self, pump: asyncio.Task[Any] | None) -> None:
        if pump is not None:
            pump.cancel()
            await asyncio.wait([pump])
        try:
            await self.close()
        except Exception as error:
            hooks.dropped_error(error)

    def statistics(self) -> Iterator[StageStatistics]:
        """Give how many items were fetched, and how many of them ahead."""
        held = len(self._items)
        yield StageStatistics(
            self._name,
            received=self._fetched,
            delivered=self._fetched - held - self._discarded,
            held=held,
            peak=self._peak,
            capacity=self.ahead,
            discarded=self._discarded,
            inputs=0,
        )


class _Iterated(AsyncPulled):
    portable = True

    def __init__(self, context: Context, iterable: AsyncIterable[Any]) -> None:
        super().__init__(context, "from_async_iterable")
        self._iterable = iterable
        self._iterator: AsyncIterator[Any] | None = None

    async def fetch_one(self) -> Any:
        if self._iterator is None:
            self._iterator = aiter(self._iterable)
        return await anext(self._iterator)

    async def close(self) -> None:
        close = getattr(self._iterator, "aclose", None)
        if close is not None:
            await close()


class _Queued(AsyncPulled):
    """Takes from the queue in the consumer's own steps, as long as it has items."""

    ahead = 1  # for the rest the queue is the better place

    def __init__(self, context: Context, queue: Any, task_done: bool) -> None:
        super().__init__(context, "from_queue")
        self._queue = queue
        self._task_done = task_done and hasattr(queue, "task_done")

    async def fetch_one(self) -> Any:
        try:
            item = await self._queue.get()
            if self._cancelled:  # since the pump was last running
                put_back(self._queue, item)
                raise StopAsyncIteration
            return self._unless_end(item)
        except Exception as error:
            if is_shut_down(error):
                raise StopAsyncIteration from None
            raise

    def _unless_end(self, item: Any) -> Any:
        if item is END:
            if self._task_done:
                self._queue.task_done()
            raise StopAsyncIteration
        return item

    def run(self) -> Iterator[Any]:
        while not self._ended:
            try:
                if self._items:
                    item = self._items.popleft()
                else:
                    item = self._unless_end(self._queue.get_nowait())
                    self._fetched += 1
            except asyncio.QueueEmpty:
                return
            except Exception as error:
                if not (isinstance(error, StopAsyncIteration) or is_shut_down(error)):
                    raise
                self._ended = True
                return
            try:
                yield item
            finally:  # when the next item is asked for, or the stream is over
                if self._task_done:
                    self._queue.task_done()

    def _let_go(self) -> None:
        self._fetched -= len(self._items)  # they go back where they came from
        for item in self._items:
            put_back(self._queue, item)
        self._items.clear()


@register("source", demand="1 advance per item asked for ; 1:1 ; holds 0", category="asyncio")
def from_async_iterable(iterable: AsyncIterable[T]) -> Flow[T]:
    """Give the items of an async iterable, which is advanced on demand only.

    .. marble::
        :alt: from_async_iterable

        request  2-----1---
        [ from_async_iterable(ticks()) ]
                 -1-2---3--

    Demand: 1 advance per item asked for ; 1:1 ; holds 0.
    Several items are fetched ahead only for a consumer that asks for several.
    So the body of an HTTP response is a source: ``response.aiter_bytes()`` of httpx and
    ``response.content.iter_any()`` of aiohttp; keep it inside the client's ``async with``.
    And so are the receiving ends of memory streams of anyio and trio, which it closes.

    Args:
        iterable: An async generator, or anything with ``__aiter__``.

    Returns:
        A Flow, to be subscribed where an event loop is running. In a trio task it is
        for a consumer in that task, and operators that fetch nothing ahead.

    Raises:
        TypeError: It is no async iterable.

    Errors:
        What the iterable raises; it is closed (``aclose``) at any end.

    Source: RxJava Flowable.fromIterable, for async iterables.
    """
    if not isinstance(iterable, AsyncIterable):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(
            f"from_async_iterable wants an async iterable, not {iterable!r}; "
            "call an async generator function first, use from_iterable for a plain iterable"
        )
    return Flow(lambda context: _Iterated(context, iterable))


@register("source", demand="1 get per item asked for ; 1:1 ; holds 0", category="asyncio")
def from_queue(
    queue: asyncio.Queue[T] | AwaitedQueue[T] | BlockingQueue[T], *, task_done: bool = True
) -> Flow[T]:
    """Take items from a queue of tasks, threads or processes, as they are asked for.

    .. marble::
        :alt: from_queue

        request  2-----1---
        queue    1-2-3-4---
        [ from_queue(queue) ]
                 1-2---3---

    Demand: 1 get per item asked for ; 1:1 ; holds 0.
    Ends: when the queue is shut down (3.13) and empty, or gives ``rxflow.END``.
    Where ``get`` blocks, a thread waits in it while there is demand and the queue is empty.
    It looks ten times a second whether it still is to: an item that comes after the stream
    was cancelled, and before that, goes back; to its old place in a ``queue.Queue``, to the
    end of others.

    Args:
        queue: An asyncio.Queue; a queue.Queue, SimpleQueue or multiprocessing.Queue; or
            another with the methods of one of them, such as both sides of a janus.Queue.
            It may be shared with other takers.
        task_done: Say ``task_done`` for an item when the next one is asked for or
            the stream is over, so that ``queue.join()`` waits for the consumer.

    Returns:
        A Flow; that of an asyncio.Queue is to be subscribed and consumed on its event loop.

    Raises:
        TypeError: It is no such queue.

    Errors:
        What ``get`` of a queue of processes raises, such as OSError when that is closed.

    Source: new; asyncio.Queue.
    """
    if is_awaited(queue):
        return Flow(lambda context: _Queued(context, queue, task_done))
    if not is_blocking(queue):
        raise TypeError(
            f"from_queue wants an asyncio.Queue, or a queue of threads or processes, not {queue!r}"
        )
    return Flow(lambda context: Taken(context, queue, task_done))
