"""The least that does the work of a benchmark in Python: nothing is counted, nobody can cancel.

No target can be met below its floor, whatever is left out. Each is written as a user of asyncio
would who knows what is in the way, on one thread, and for this one purpose.
"""

from __future__ import annotations

import asyncio
import sys
from abc import abstractmethod
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import reduce
from operator import add
from threading import Event, Lock
from typing import Any

from reactivex.scheduler import CurrentThreadScheduler

from rxflow.flow.flow import _Now

FLOOR = "floor"
NOTE = "the least that does it: nothing is counted, nobody can cancel"
_NOTHING = object()
_EAGER = sys.version_info >= (3, 12)


def folded(items: Iterator[int]) -> int:
    """Add up as reactivex's sum does, which is not what the function sum does with floats."""
    return reduce(add, items, 0)


class Pulled(AsyncIterator[Any]):
    """What gives the items of an iterator to an ``async for``, of all ways the quickest."""

    def __init__(self, items: Iterator[Any]) -> None:
        self._items = items

    async def __anext__(self) -> Any:
        try:
            return next(self._items)
        except StopIteration:
            raise StopAsyncIteration from None


class _Bounded(AsyncIterator[Any]):
    """A bounded queue that a task empties: it waits once for as much as there is."""

    def __init__(self, capacity: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: deque[Any] = deque()
        self._capacity = capacity
        self._taken: Iterator[Any] = iter(())
        self._ended = False
        self._item: asyncio.Future[None] | None = None

    async def __anext__(self) -> Any:
        for item in self._taken:
            return item
        items = await self.some()
        if not items:
            raise StopAsyncIteration
        self._taken = iter(items)
        return next(self._taken)

    @abstractmethod
    async def some(self) -> list[Any]:
        """Give all that there is, at least one item; nothing at the end."""


class BareQueue(_Bounded):
    """A bounded queue between two tasks: each side waits once for as much as fits."""

    def __init__(self, capacity: int) -> None:
        super().__init__(capacity)
        self._room: asyncio.Future[None] | None = None
        self.producer: asyncio.Task[None] | None = None  # a loop keeps its tasks weakly

    async def send(self, item: Any) -> None:
        """Put an item, when there is room."""
        while len(self._queue) >= self._capacity:
            self._room = self._loop.create_future()
            await self._room
        self.put(item)

    def put(self, item: Any) -> None:
        """Put an item."""
        self._queue.append(item)
        if self._item is not None:
            self._wake()

    def end(self) -> None:
        """Say that there are no more."""
        self._ended = True
        if self._item is not None:
            self._wake()

    def _wake(self) -> None:
        item, self._item = self._item, None
        if item is not None:
            item.set_result(None)

    async def some(self) -> list[Any]:
        while not self._queue and not self._ended:
            self._item = self._loop.create_future()
            await self._item
        items = list(self._queue)
        self._queue.clear()
        if self._room is not None:
            room, self._room = self._room, None
            room.set_result(None)
        return items


class Crossing(_Bounded):
    """A bounded queue from one thread to one task: each side waits once for as much as fits."""

    def __init__(self, capacity: int) -> None:
        super().__init__(capacity)
        self._room = Event()
        self._waits = False  # the task does

    def on_next(self, item: Any) -> None:
        """Put an item, when there is room; the thread waits."""
        if len(self._queue) >= self._capacity:
            self._room.clear()
            if len(self._queue) >= self._capacity:
                self._room.wait()
        self._queue.append(item)
        if self._waits:
            self._wake()

    def on_completed(self) -> None:
        """Say that there are no more."""
        self._ended = True
        if self._waits:
            self._wake()

    def _wake(self) -> None:
        self._waits = False
        self._loop.call_soon_threadsafe(self._tell)

    def _tell(self) -> None:
        if self._item is not None and not self._item.done():
            self._item.set_result(None)

    async def some(self) -> list[Any]:
        queue = self._queue
        while not queue and not self._ended:
            self._item = self._loop.create_future()
            self._waits = True
            if queue or self._ended:
                break
            await self._item
        items = [queue.popleft() for _ in range(len(queue))]
        self._room.set()
        return items


class BareFlow:
    """What chains iterators anew for each subscription."""

    def __init__(self, *stages: Callable[[Iterator[Any]], Iterator[Any]]) -> None:
        self._stages = stages

    def pipe(self, *stages: Callable[[Iterator[Any]], Iterator[Any]]) -> BareFlow:
        """Add stages."""
        return BareFlow(*self._stages, *stages)

    def subscribe(self, on_subscribe: Callable[[BareSubscription], object]) -> BareSubscription:
        """Begin."""
        items: Iterator[Any] = iter(())
        for stage in self._stages:
            items = stage(items)
        begun = BareSubscription(items)
        on_subscribe(begun)
        return begun

    def observe(self) -> BareSubscription:
        """Begin on the trampoline of reactivex, with demand for all, as an observer has it."""
        begun: list[BareSubscription] = []
        action: Any = _Now(lambda: begun.append(self.subscribe(lambda each: each.request(1))))
        CurrentThreadScheduler.singleton().get_trampoline().run(action)
        return begun[0]


class BareSubscription:
    """Looks for an item when one is requested."""

    __slots__ = ("_items", "_lock")

    def __init__(self, items: Iterator[Any]) -> None:
        self._items: Iterator[Any] | None = items
        self._lock = Lock()

    def request(self, n: int) -> None:
        """Look whether there is one."""
        with self._lock:
            items = self._items
        if n and items is not None:
            next(items, _NOTHING)

    def cancel(self) -> None:
        """Look for none any more."""
        with self._lock:
            self._items = None


def dropping(capacity: int) -> Callable[[int], None]:
    """Give what holds so many items, and loses the others; any thread may call it."""
    queue, lock = deque[int](), Lock()
    lost = 0

    def on_next(item: int) -> None:
        nonlocal lost
        with lock:
            if len(queue) >= capacity:
                queue.popleft()
                lost += 1
            queue.append(item)

    return on_next


async def mapped(
    items: Iterator[Any], function: Callable[[Any], Awaitable[int]], limit: int, buffer: int
) -> int:
    """Add up the results of an async function, in order, so many at a time in tasks that stay."""
    loop = asyncio.get_running_loop()
    window: deque[list[Any]] = deque()  # the result of each, once there is one
    free: deque[asyncio.Future[None]] = deque()
    first: asyncio.Future[None] | None = None
    total = 0
    left = True

    async def work() -> None:
        nonlocal first, left
        while left:
            if len(window) >= limit + buffer:
                free.append(place := loop.create_future())
                await place
                continue
            item = next(items, _NOTHING)
            if item is _NOTHING:
                left = False
                return
            window.append(result := [])
            result.append(await function(item))
            if first is not None and window[0] is result:
                first.set_result(None)
                first = None

    tasks = [loop.create_task(work()) for _ in range(limit)]
    while left or window:
        if not window:
            await asyncio.sleep(0)
            continue
        if not window[0]:
            first = loop.create_future()
            await first
        total += window.popleft()[0]
        if free:
            free.popleft().set_result(None)
    for place in free:
        place.set_result(None)
    await asyncio.wait(tasks)
    return total


async def called(
    items: Iterator[Any], function: Callable[[Any], Awaitable[int]], limit: int, buffer: int
) -> int:
    """Add up the results of an async function, in order, so many at a time, each in its own task.

    So each call has a context of its own, and what others hang on its task ends with it.
    """
    loop = asyncio.get_running_loop()
    window: deque[list[Any]] = deque()  # the task of each, and its result once there is one
    running = total = 0
    first: asyncio.Future[None] | None = None

    def begin() -> None:
        nonlocal running
        while running < limit and len(window) < limit + buffer:
            item = next(items, _NOTHING)
            if item is _NOTHING:
                return
            running += 1
            window.append(result := [None])
            work = call(item, result)
            if _EAGER:
                result[0] = asyncio.Task(work, loop=loop, eager_start=True)
            else:
                result[0] = loop.create_task(work)

    async def call(item: Any, result: list[Any]) -> None:
        nonlocal running, first
        result.append(await function(item))
        running -= 1
        if buffer:
            begin()
        if first is not None and window[0] is result:
            first.set_result(None)
            first = None

    begin()
    while window:
        if len(window[0]) == 1:
            first = loop.create_future()
            await first
        total += window.popleft()[1]
        begin()
    return total
