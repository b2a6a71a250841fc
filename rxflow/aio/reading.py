"""Reading the newest value of a stream, from threads and tasks of one's own: latest."""

from __future__ import annotations

import asyncio
import warnings
import weakref
from asyncio import AbstractEventLoop, Future
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from threading import Event, Lock, Thread
from time import monotonic
from typing import Any, Generic, TypeVar, cast, overload

from ..flow import Flow, checks
from ..flow.inlet import inlet
from ..flow.registry import register
from ..flow.source import Source
from ..kernel import NOTHING, StageStatistics, hooks, needed_loop, running_loop
from ..protocol import (
    DROP_OLDEST,
    UNBOUNDED,
    StreamEndedError,
    StreamTimeoutError,
    Subscriber,
    Subscription,
)

T = TypeVar("T")
V = TypeVar("V")


class _Newest(Subscriber[Any]):
    """What the readers of one subscription share. Decides under its lock, tells outside it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._subscription: Subscription | None = None
        self._count = 0  # items that came: the number of the newest one
        self._value: Any = NOTHING
        self._got = 0  # items that at least one reader was given
        self._fresh = False  # no reader was given the newest one
        self._overtaken = 0
        self._discarded = 0
        self._end: Exception | None = None  # what is raised when there is nothing new any more
        self._traceback: Any = None  # that it came with; raising would add to it each time
        self._readers = 0
        self._waiting: tuple[Callable[[], object], ...] = ()

    @property
    def over(self) -> bool:
        return self._end is not None

    def on_subscribe(self, subscription: Subscription) -> None:
        self._subscription = subscription
        subscription.request(UNBOUNDED)

    def on_next(self, value: Any) -> None:
        with self._lock:
            if self._end is not None:
                return
            self._overtaken += self._fresh
            self._count, self._value, self._fresh = self._count + 1, value, True
            waiting, self._waiting = self._waiting, ()
        _tell(waiting)

    def on_error(self, error: Exception) -> None:
        self._finish(error)

    def on_completed(self) -> None:
        self._finish(StreamEndedError("latest: the stream is complete: no newer value will come"))

    def _finish(self, end: Exception) -> None:
        with self._lock:
            if self._end is None:
                self._end, self._traceback = end, end.__traceback__
            waiting, self._waiting = self._waiting, ()
        _tell(waiting)

    def enter(self) -> None:
        """Have one reader more."""
        with self._lock:
            self._readers += 1

    def leave(self) -> None:
        """Have one reader less; the last one ends the stream."""
        with self._lock:
            self._readers -= 1
            last = not self._readers
            if last:
                self._discarded += self._fresh
                self._value, self._fresh = NOTHING, False
            waiting, self._waiting = self._waiting, ()
        if last:
            self._finish(_closed())
            if self._subscription is not None:
                self._subscription.cancel()
        _tell(waiting)  # the one that leaves may wait in another thread

    def after(self, seen: int, call: Callable[[], object]) -> tuple[int, Any] | None:
        """Give a value newer than the one seen, or else None and a call when there is news."""
        with self._lock:
            if self._count > seen:
                self._got += self._fresh
                self._fresh = False
                return self._count, self._value
            if self._end is None:
                self._waiting = (*self._waiting, call)
                return None
        raise self._raised()

    def _raised(self) -> Exception:
        """Give what it ended with, as something that ends no loop silently."""
        assert self._end is not None
        if isinstance(self._end, StopIteration | StopAsyncIteration):
            false_end = RuntimeError(f"latest: the stream has failed with {self._end!r}")
            false_end.__cause__ = self._end
            return false_end
        return self._end.with_traceback(self._traceback)

    def forget(self, call: Callable[[], object]) -> None:
        """Make no call, after all."""
        with self._lock:
            self._waiting = tuple(each for each in self._waiting if each is not call)

    def peek(self) -> Any:
        """Give the newest value, or NOTHING."""
        if self._end is not None and not isinstance(self._end, StreamEndedError):
            raise self._raised()
        return self._value

    def statistics(self) -> tuple[StageStatistics, ...]:
        before = getattr(self._subscription, "statistics", tuple)()
        with self._lock:
            own = StageStatistics(
                "latest",
                requested=UNBOUNDED,
                received=self._count,
                delivered=self._got,
                held=int(self._fresh),
                peak=min(1, self._count),
                capacity=1,
                dropped={"overtaken": self._overtaken} if self._overtaken else {},
                discarded=self._discarded,
            )
        return (*before[:-1], own)


class LatestReader(Generic[T]):
    """Reads the newest value of a stream. For one thread or task: each has its own ``clone()``.

    Leave it by ``close()``, or use it as a context manager; the last of the clones that is
    closed cancels the source. One that is forgotten warns, and is closed.
    """

    def __init__(self, newest: _Newest) -> None:
        """Join those that read a subscription."""
        newest.enter()
        self._newest = newest
        self._seen = 0  # the number of the value that it was given last
        self._open = True
        self._finalizer = weakref.finalize(self, _forgotten, newest)
        self._finalizer.atexit = False

    def clone(self) -> LatestReader[T]:
        """Make another reader of the same subscription, to which even the newest value is new."""
        if not self._open:
            raise _closed()
        return LatestReader(self._newest)

    def get(self, timeout: float | timedelta | None = None) -> T:
        """Give the newest value as soon as it is newer than the last one; the thread waits.

        Args:
            timeout: Longest wait (seconds); 0 for none; None for ever.

        Returns:
            The value; those between it and the last one are passed over.

        Raises:
            StreamTimeoutError: No newer value came in time. It is a TimeoutError.
            StreamEndedError: None will come: the stream is complete, or this was closed.
            Exception: What the stream failed with, once its last value was given.
            RuntimeError: It would stop the event loop of this thread: await ``aget``.
        """
        limit = checks.seconds("get", "timeout", timeout)
        deadline = None if limit is None else monotonic() + limit
        while True:
            news = Event()
            call = news.set  # one object: a bound method is a new one each time
            value = self._look(call)
            if value is not NOTHING:
                return value
            left = None if deadline is None else deadline - monotonic()
            try:
                if (left is None or left > 0) and running_loop() is not None:
                    raise RuntimeError(
                        "latest: waiting here would stop the event loop; use 'await aget()'"
                    )
                if not news.wait(left):
                    raise _late("get", limit)
            finally:
                self._newest.forget(call)

    async def aget(self, timeout: float | timedelta | None = None) -> T:
        """Give the newest value as soon as it is newer than the last one; the task waits.

        Args:
            timeout: Longest wait (seconds); None for ever.

        Returns:
            The value, as from ``get``.

        Raises:
            StreamTimeoutError: See ``get``, also for the others.
            StreamEndedError: See there.
            Exception: See there.
        """
        loop = needed_loop("aget", "awaited")
        limit = checks.seconds("aget", "timeout", timeout)
        deadline = None if limit is None else loop.time() + limit
        while True:
            news: Future[None] = loop.create_future()
            call = _calling(loop, news)
            value = self._look(call)
            if value is not NOTHING:
                return value
            try:
                async with asyncio.timeout_at(deadline):
                    await news
            except TimeoutError:
                raise _late("aget", limit) from None
            finally:
                self._newest.forget(call)

    def _look(self, call: Callable[[], object]) -> Any:
        """Take a newer value; NOTHING if there is none, and a call when there is news."""
        if not self._open:
            raise _closed()
        found = self._newest.after(self._seen, call)
        if found is None:
            return NOTHING
        self._seen, value = found
        return value

    @overload
    def peek(self) -> T: ...
    @overload
    def peek(self, default: V) -> T | V: ...
    def peek(self, default: Any = NOTHING) -> Any:
        """Give the newest value without waiting, also if it was given before.

        Args:
            default: What to give when there is no value yet.

        Returns:
            The value; it stays new for ``get``. After the completion the last one.

        Raises:
            LookupError: There is no value yet, and no default.
            StreamEndedError: This was closed.
            Exception: What the stream failed with: a value would be a stale one.
        """
        if not self._open:
            raise _closed()
        value = self._newest.peek()
        if value is NOTHING:
            value = default
        if value is NOTHING:
            raise LookupError("latest: there is no value yet; wait for one with get(timeout=...)")
        return value

    @property
    def ended(self) -> bool:
        """Whether no further value will come: complete, failed or closed."""
        return not self._open or self._newest.over

    def statistics(self) -> tuple[StageStatistics, ...]:
        """Give the figures of each part that holds items, source first."""
        return self._newest.statistics()

    def close(self) -> None:
        """Read no more, and wake who waits here. Idempotent; from any thread."""
        if self._finalizer.detach() is not None:  # once, whoever comes first
            self._open = False
            self._newest.leave()

    def __enter__(self) -> LatestReader[T]:
        """Give itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def __iter__(self) -> LatestReader[T]:
        """Iterate over newer and newer values, until the stream is complete."""
        return self

    def __next__(self) -> T:
        """Wait for a newer value."""
        try:
            return self.get()
        except StreamEndedError:
            raise StopIteration from None

    def __aiter__(self) -> LatestReader[T]:
        """Iterate over newer and newer values, until the stream is complete."""
        return self

    async def __anext__(self) -> T:
        """Wait for a newer value."""
        try:
            return await self.aget()
        except StreamEndedError:
            raise StopAsyncIteration from None


@register("bridge", demand="unbounded ; none ; holds <= 1", category="threads")
def latest(source: Source[T]) -> LatestReader[T]:
    """Follow a stream, and read its newest value whenever you like.

    .. marble::
        :alt: latest

        source       -1-2-3-----4-----|
        [ reader = latest(source); reader.get() ]
        get() at     -----^-^------^--^
                     -----3-(wait)4(wait)(ended)

    Demand: unbounded ; none ; holds <= 1.
    The source is subscribed at once, and waits for no reader. One that gives only when it is
    asked, such as an iterable, is run through before this returns; put ``observe_on`` or
    ``throttle`` behind it. A plain Observable is taken as it comes, from any thread.

    Args:
        source: A Flow, an Observable, a future or an iterable.

    Returns:
        A reader: ``get(timeout)`` for threads, ``await aget(timeout)`` for tasks, ``peek()``
        without waiting, ``clone()`` for each further thread or task; to be closed.

    Raises:
        TypeError: It is no source.

    Source: RxJava blockingLatest; what robotics programs write by hand.
    """
    newest = _Newest()
    flow = cast("Flow[Any]", source if isinstance(source, Flow) else _held(source))
    reader = LatestReader[T](newest)
    try:
        flow.subscribe(newest)
    except BaseException:
        reader.close()
        raise
    return reader


def _held(source: Any) -> Flow[Any]:
    """Take in what is no Flow."""
    return Flow(inlet(source, "latest", DROP_OLDEST, 1))


def _tell(waiting: tuple[Callable[[], object], ...]) -> None:
    for call in waiting:
        call()


def _calling(loop: AbstractEventLoop, news: Future[None]) -> Callable[[], object]:
    def tell() -> None:
        if not news.done():
            news.set_result(None)

    def call() -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(tell)

    return call


def _late(method: str, limit: float | None) -> StreamTimeoutError:
    return StreamTimeoutError(f"latest.{method}", limit, "no newer value came", UNBOUNDED, 0)


def _closed() -> StreamEndedError:
    return StreamEndedError("latest: the reader is closed")


def _forgotten(newest: _Newest) -> None:
    """Close for a reader that was collected."""
    try:
        if not newest.over:
            warnings.warn("a reader of latest() was not closed", ResourceWarning, stacklevel=2)
    finally:
        # In a thread of its own: the collector may run inside of a lock that this takes.
        Thread(target=hooks.reporting, args=(newest.leave,), daemon=True).start()
