"""Where a callback is made to fail: the source before it, the consumer behind it, and the fault."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from typing import Any

import reactivex
from reactivex import Observable
from reactivex.disposable import Disposable
from reactivex.testing import TestScheduler

import rxflow as rx
from rxflow import operators as ops

ITEMS = (1, 2, 3, 4, 5, 6)
"""What each source gives."""


class PlantedError(Exception):
    """What a callback raises."""


class SourceError(Exception):
    """What a source fails with, where a callback is there for that."""


class Fault:
    """Makes callbacks of functions; the n-th call of any of them raises.

    Attributes:
        error: What is raised.
        nth: Which call raises.
        calls: How often they were called.
    """

    def __init__(self, nth: int, error: BaseException) -> None:
        self.error = error
        self.calls = 0
        self.nth = nth

    def hit(self) -> None:
        """Count a call, and raise if it is the one."""
        self.calls += 1
        if self.calls == self.nth:
            raise self.error

    def __call__(self, function: Callable[..., Any] = lambda *args: args[0]) -> Any:
        """Make a callback; by default it gives its first argument."""

        def callback(*args: Any) -> Any:
            self.hit()
            return function(*args)

        return callback


class Upstream(Iterator[Any]):
    """An iterator that is to be closed once, and says so."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._items = iter(ITEMS)
        world.opened += 1
        world.alive.add(self)

    def __next__(self) -> Any:
        return next(self._items)

    def close(self) -> None:
        self._world.closed += 1


class Broken(Upstream):
    """An iterator that may fail; like a generator it is closed when it has ended."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._fault = world.fault
        self._ended = False

    def __next__(self) -> Any:
        try:
            self._fault.hit()
            return super().__next__()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        if not self._ended:
            self._ended = True
            super().close()


class Closing(Upstream):
    """An iterator whose ``close`` may fail."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._closing = world.fault

    def close(self) -> None:
        super().close()
        self._closing.hit()


class World:
    """One run: what was opened and closed, and how to push into it.

    Attributes:
        opened: Sources and subscriptions to sources that were opened.
        closed: How many of them were closed or disposed of.
        alive: The sources that are alive.
        fault: What makes callbacks.
        failure: What a source fails with, where a callback is there for that.
        source: The source before the operator: a Flow, or for doors an Observable.
        scheduler: A virtual clock.
        push: Pushes an item, where the source is hot.
        complete: Completes it, where it is hot.
    """

    def __init__(self, fault: Fault, kind: str) -> None:
        self.opened = 0
        self.closed = 0
        self.alive: weakref.WeakSet[Any] = weakref.WeakSet()
        self.fault = fault
        self.failure = SourceError()
        self.scheduler = TestScheduler()
        self.push: Callable[[Any], object] | None = None
        self.complete: Callable[[], object] | None = None
        make = {"cold": self.cold, "hot": self.door, "door": self.hot, "own": lambda: None}
        self.source: Any = make[kind]()

    def cold(self) -> Any:
        """Give a Flow that makes an iterator for each subscription, and keeps none."""
        return rx.defer(lambda _: Upstream(self))

    def hot(self) -> Observable[Any]:
        """Give a plain Observable that the run pushes into."""

        def subscribe(observer: Any, _: Any = None) -> Any:
            return Disposable(self.take(observer))

        return reactivex.create(subscribe)

    def take(self, observer: Any) -> Callable[[], None]:
        """Push into an observer from now on; gives what ends that."""
        self.opened += 1
        self.alive.add(observer)
        self.push, self.complete = observer.on_next, observer.on_completed

        def close() -> None:
            self.closed += 1
            self.push = self.complete = None

        return close

    def door(self) -> Any:
        """Give a Flow over a plain Observable that the run pushes into."""
        return self.hot().pipe(ops.on_backpressure_buffer(100))

    def ticking(self) -> Any:
        """Have the clock go on where an item would be pushed; gives its scheduler."""
        self.push = lambda _: self.scheduler.advance_by(1.0)
        return self.scheduler

    def broken(self) -> Any:
        """Give a further source, whose iterators fail in the n-th step in all."""
        return Iterating(lambda: Broken(self))

    def failing(self) -> Any:
        """Give the source, which fails behind its items."""
        return self.source.pipe(ops.concat(rx.throw(self.failure)))


class Iterating:
    """An iterable that a function makes the iterators of."""

    def __init__(self, make: Callable[[], Iterator[Any]]) -> None:
        self._make = make

    def __iter__(self) -> Iterator[Any]:
        return self._make()
