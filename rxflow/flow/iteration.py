"""Consuming a Flow by iterating: the loop body sets the pace."""

from __future__ import annotations

import sys
import threading
import warnings
import weakref
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from time import perf_counter, time
from typing import Any, Generic, TypeVar

from ..kernel import (
    NOTHING,
    Consumer,
    Context,
    Feed,
    Meter,
    StageStatistics,
    State,
    Status,
    appeared,
    disappeared,
    flow_of,
    hooks,
    let_go,
    running_loop,
    running_trio,
)
from .signals import Signal, signal_here

T = TypeVar("T")
T_out = TypeVar("T_out", covariant=True)

Make = Callable[[Context], Feed[Any]]

LOOK = 256
"""After so many items at most it is looked whether the event loop is to have a turn (items)."""

TURN = 0.001
"""How long a ready source may keep the event loop (seconds)."""

_NO_ITEMS: Iterator[Any] = iter(())


class _Loop:
    """The loop as the parts of the pipeline see it; it does not keep it alive."""

    __slots__ = (
        "__weakref__",
        "_calls",
        "_final",
        "_make",
        "_outcome",
        "iteration",
        "meter",
        "started",
    )

    meter: Meter

    def __init__(self, make: Make) -> None:
        self.started: float = time()
        self._make: object = make
        self._outcome = Status.CANCELLED  # how it has ended, when it is over
        self.iteration: Callable[[], Iteration[Any] | _Blocked | None] = lambda: None
        self._calls: list[Callable[[], object]] | None = []  # None when it is over
        self._final: Callable[[], Iterable[StageStatistics]] = tuple

    @property
    def flow(self) -> object:
        return flow_of(self._make)

    def finish(self) -> None:
        iteration = self.iteration()
        if iteration is not None:
            iteration.finish()

    def when_over(self, call: Callable[[], object]) -> None:
        if self._calls is None:
            call()
        else:
            self._calls.append(call)

    @property
    def status(self) -> Status:
        if self.meter.stopped:
            return self._outcome
        return Status.STARVED if self.meter.open else Status.FLOWING

    def statistics(self) -> tuple[StageStatistics, ...]:
        iteration = self.iteration()
        if self._calls is None or iteration is None:
            return tuple(self.meter.fill(self._final()))
        return iteration.statistics()

    def cancel(self, feed: Feed[Any], outcome: Status = Status.CANCELLED) -> None:
        """Cancel the source: the loop is over."""
        self._outcome = outcome
        self.meter.stop()
        feed.cancel()
        self._final = feed.record()
        disappeared(self)
        self._make = let_go(self._make)
        calls, self._calls = self._calls, None
        for call in calls or ():
            call()


class Iteration(AsyncIterator[T_out], Generic[T_out]):
    """The running ``async for`` over a Flow.

    It pulls one item when one is asked for, and nothing ahead. Close it with
    ``aclose`` (or ``async with contextlib.aclosing(...)``) when you leave early;
    left by ``break`` or forgotten, it is closed when it is collected.

    In a trio task it does the same, without what needs tasks of its own: only trio's
    nurseries have those. Operators that are driven by time wake it from a thread.
    """

    __slots__ = (
        *("__weakref__", "_context", "_feed", "_look", "_loop", "_make", "_meter", "_open"),
        *("_part", "_run", "_signal", "_stepping", "_turn"),
    )

    def __init__(self, make: Make) -> None:
        """Subscribe, on the running event loop."""
        self._open = False  # till there is something to be closed
        self._signal = signal_here()
        self._make = make
        self._loop = _Loop(make)
        self._loop.iteration = weakref.ref(self)
        self._context = Context(self._signal.wake, pulls=True, consumer=self._loop)
        self._meter = self._loop.meter = self._context.meter
        try:
            self._feed = make(self._context)
        except Exception as error:
            hooks.traced(make, error)
            raise
        appeared(self._loop)
        self._run: Iterator[T_out] | None = None  # None when exhausted
        self._part: Iterator[T_out] = _NO_ITEMS  # the next items of the run
        self._look = 1  # how many: more as long as they are quick
        self._turn = perf_counter()  # when the event loop last had a turn
        self._open = True
        self._stepping = False  # a task awaits the next item
        try:
            self._feed.start()
        except BaseException:
            self._open = False
            self._loop.cancel(self._feed)
            raise

    def __del__(self) -> None:
        """Cancel the source when this was left without ``aclose``."""
        if self._open and not sys.is_finalizing():
            _abandoned(self._feed, self._loop, self._signal)

    def __aiter__(self) -> Iteration[T_out]:
        """Return itself."""
        return self

    async def __anext__(self) -> T_out:
        """Pull one item."""
        try:
            for item in self._part:
                return item
        except StopAsyncIteration as error:
            await self._end(Status.FAILED)
            raise _false_end() from error
        except BaseException as error:
            await self._failed(error)
            raise
        item = await self._more()
        if item is NOTHING:
            raise StopAsyncIteration
        return item

    async def _more(self) -> Any:
        """Pull one item after a part is used up; NOTHING at the end."""
        if self._stepping:  # two that wait would take each other's wakes
            raise RuntimeError(
                "another task awaits the next item of this iteration already; to share the items "
                "among several tasks use for_each(fn, max_concurrency=n)"
            )
        self._stepping = True
        try:
            while self._open:
                if perf_counter() - self._turn > TURN:
                    self._look = max(1, self._look // 2)
                    await self._signal.rest()
                    self._turn = perf_counter()
                elif self._look < LOOK:
                    self._look *= 2
                if self._run is None:
                    self._run = self._feed.run()
                item = next(self._run, NOTHING)
                if item is not NOTHING:
                    if self._open:  # else a callback has closed it
                        self._part = islice(self._run, self._look)
                    return item
                self._run = None
                if not self._open:
                    break
                state = self._feed.settle()
                if state is State.ENDED:
                    break
                if state is State.WAITING:
                    self._meter.starve()
                    advance = self._feed.advance()
                    if advance is not None:
                        await advance
                    else:
                        self._feed.want(1)
                        await self._signal.waiter()
                        self._turn = perf_counter()
                    self._meter.served()
                    item = self._feed.single()
                    if item is not NOTHING:
                        return item
            await self._end(Status.COMPLETED)
        except StopAsyncIteration as error:
            await self._end(Status.FAILED)
            raise _false_end() from error
        except BaseException as error:
            await self._failed(error)
            raise
        finally:
            self._stepping = False
        return NOTHING

    async def _failed(self, error: BaseException) -> None:
        if isinstance(error, Exception):
            hooks.traced(self._make, error)
            await self._end(Status.FAILED)
        await self.aclose()

    async def aclose(self) -> None:
        """Cancel the source, and wait until what it opened is closed."""
        await self._end(Status.CANCELLED)

    async def _end(self, outcome: Status) -> None:
        if self._open:
            self._close(outcome)
            await self._signal.closed(self._context)

    def _close(self, outcome: Status = Status.COMPLETED) -> None:
        if self._open:
            self._open = False
            self._part = _NO_ITEMS
            self._run = None
            self._loop.cancel(self._feed, outcome)
            self._signal.wake()  # a step that waits in another task

    @property
    def consumer(self) -> Consumer:
        """The loop, as :func:`rxflow.monitor.running` gives it."""
        return self._loop

    def finish(self) -> None:
        """End it as if the source had completed, whatever is held. From any thread."""
        self._signal.call(self._close)

    def statistics(self) -> tuple[StageStatistics, ...]:
        """Give the figures of each part, source first."""
        return tuple(self._meter.fill(self._feed.statistics()))


class Chunks(Iteration[list[T]], Generic[T]):
    """The running ``async for`` over what is ready, in lists."""

    __slots__ = ("_failure", "_max_size")

    def __init__(self, make: Make, max_size: int) -> None:
        """Subscribe, on the running event loop."""
        super().__init__(make)
        self._max_size = max_size
        self._failure: Exception | None = None  # came in the middle of the last chunk

    async def __anext__(self) -> list[T]:
        """Pull what is ready, at least one item."""
        failure, self._failure = self._failure, None
        if failure is not None:
            await self._failed(failure)
            if isinstance(failure, StopAsyncIteration):
                raise _false_end() from failure
            raise failure
        first: Any = await self._more()
        if first is NOTHING:
            raise StopAsyncIteration
        chunk: list[Any] = [first]
        run = _NO_ITEMS if self._run is None else self._run  # a callback may have closed it
        try:
            chunk.extend(islice(run, self._max_size - 1))
        except Exception as error:
            self._failure = error
        except BaseException:  # KeyboardInterrupt and the like pass through
            await self.aclose()
            raise
        return chunk


def _false_end() -> RuntimeError:
    return RuntimeError(
        "a callback of the pipeline raised StopAsyncIteration; "
        "catch it in the callback, it would end the loop silently"
    )


def _abandoned(feed: Feed[Any], left: _Loop, signal: Signal) -> None:
    """Cancel the source of an iteration that was left without ``aclose``."""
    if not signal.soon(partial(left.cancel, feed)):
        try:
            warnings.warn(
                "an iteration over a Flow was still open when its event loop was closed",
                ResourceWarning,
                stacklevel=2,
            )
        finally:
            # In a thread of its own: the collector may run inside of a lock that this takes.
            threading.Thread(target=left.cancel, args=(feed,), daemon=True).start()


class _Blocked:
    """A loop that blocks its thread, as those see it who look at what runs."""

    __slots__ = ("_awake", "_feed", "_meter", "finished")

    def __init__(self, feed: Feed[Any], awake: threading.Event, meter: Meter) -> None:
        self._feed = feed
        self._awake = awake
        self._meter = meter
        self.finished = False  # somebody has asked for the end

    def finish(self) -> None:
        self.finished = True
        self._awake.set()

    def statistics(self) -> tuple[StageStatistics, ...]:
        return tuple(self._meter.fill(self._feed.statistics()))


def blocking(make: Make) -> Iterator[Any]:
    """Iterate in this thread, which waits where the source does.

    Raises:
        RuntimeError: The thread has a running event loop, which must not wait.
    """
    awake = threading.Event()
    context = Context(awake.set, pulls=True)
    feed, meter = make(context), context.meter
    blocked, loop = _Blocked(feed, awake, meter), _Loop(make)
    loop.meter = meter
    loop.iteration = lambda: blocked
    appeared(loop)
    run: Iterator[Any] | None = None  # None when exhausted
    look = 1  # so many items are given before it is looked for a finish: more when they are quick
    outcome = Status.CANCELLED
    try:
        feed.start()
        while not blocked.finished:
            turn = perf_counter()
            if run is None:
                run = feed.run()
            item = next(run, NOTHING)
            if item is not NOTHING:
                yield item
                yield from islice(run, look - 1)
                look = max(1, look // 2) if perf_counter() - turn > TURN else min(LOOK, look * 2)
                continue
            run = None
            state = feed.settle()
            if state is State.ENDED:
                break
            if state is State.WAITING:
                if running_loop() is not None or running_trio() is not None:
                    raise RuntimeError(
                        "waiting here would stop the event loop; iterate with 'async for'"
                    )
                meter.starve()
                feed.want(1)
                awake.wait()
                awake.clear()
                meter.served()
        outcome = Status.COMPLETED
    except Exception as error:
        outcome = Status.FAILED
        hooks.traced(make, error)
        raise
    finally:
        loop.cancel(feed, outcome)
