"""A stock operator run once on virtual time: what it gave, when, and what it did to its sources."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from reactivex import Notification, Observable
from reactivex.abc import ObserverBase
from reactivex.notification import OnCompleted, OnError, OnNext
from reactivex.scheduler import VirtualTimeScheduler
from reactivex.testing import ReactiveTest, TestScheduler
from reactivex.testing.recorded import Recorded

from rxflow.flow import Flow
from rxflow.flow.door import Door
from rxflow.protocol import FAIL, Subscriber, Subscription

SUBSCRIBED = 200
CAPACITY = 256


def _once(function: Callable[[Any], Any]) -> Any:
    """Remember what a function gave, for equal values of one type."""
    return lru_cache(maxsize=4096, typed=True)(function)


class SourceError(Exception):
    """The failure of a source."""


ERROR = SourceError("from the source")

Script = tuple[tuple[float, Any], ...]
"""Absolute times, each with an item, ``ERROR`` or ``END``."""

END = OnCompleted[Any]()

SCRIPTS: dict[str, Script] = {
    "completes": ((210, 1), (220, 2), (230, 3), (240, 4), (250, END)),
    "empty": ((230, END),),
    "never": (),
    "stays open": ((210, 1), (220, 2), (230, 3)),
    "one item": ((215, 3), (225, END)),
    "repeats itself": ((210, 2), (220, 2), (230, 1), (240, 2), (245, 1), (250, END)),
    "all at once": ((210, 1), (210, 2), (210, 3), (210, END)),
    "fails first": ((230, ERROR),),
    "fails after one": ((210, 1), (220, ERROR)),
    "fails after three": ((210, 1), (220, 2), (230, 3), (240, ERROR)),
}


def notification(value: Any) -> Notification[Any]:
    if value is END:
        return END
    return OnError(value) if value is ERROR else OnNext(value)


class Clock(TestScheduler):
    """The clock of reactivex; it converts each time once, and not ten thousands of times."""

    to_datetime = staticmethod(_once(TestScheduler.to_datetime))
    to_seconds = staticmethod(_once(TestScheduler.to_seconds))


class World:
    """One run: a clock and the sources that live on it."""

    def __init__(self) -> None:
        self.scheduler = Clock()
        self.sources: list[Any] = []
        self.calls: list[Any] = []  # what side effects an operator had, with their times

    def hot(self, *script: tuple[float, Any]) -> Observable[Any]:
        """Make a source whose items come at absolute times."""
        return self._made(self.scheduler.create_hot_observable(_recorded(script)))

    def cold(self, *script: tuple[float, Any]) -> Observable[Any]:
        """Make a source whose items come at times after its subscription."""
        return self._made(self.scheduler.create_cold_observable(_recorded(script)))

    def note(self, *what: Any) -> None:
        """Record a side effect."""
        self.calls.append((self.scheduler.clock, *map(readable, what)))

    def _made(self, source: Any) -> Observable[Any]:
        self.sources.append(source)
        return source


def _recorded(script: Script) -> list[Recorded[Any]]:
    return [Recorded(time, notification(value)) for time, value in script]


class Tape(ObserverBase[Any]):
    """Records notifications with their times, and those of inner Observables within them."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.messages: list[tuple[Any, ...]] = []

    def on_next(self, value: Any) -> None:
        self._record("next", self._heard(value))

    def on_error(self, error: Exception) -> None:
        self._record("error", readable(error))

    def on_completed(self) -> None:
        self._record("completed")

    def _record(self, *what: Any) -> None:
        self.messages.append((float(self.world.scheduler.clock), *what))

    def _heard(self, value: Any) -> Any:
        """Listen to an inner Observable, also one inside of a tuple."""
        if isinstance(value, Observable):
            inner = Tape(self.world)
            value.subscribe(inner, scheduler=self.world.scheduler)
            return ("inner", readable(getattr(value, "key", None)), inner.messages)
        if isinstance(value, tuple):
            return tuple(self._heard(part) for part in value)  # pyright: ignore
        return readable(value)


def readable(value: Any) -> Any:
    """Make a value one that two runs can be compared by."""
    if isinstance(value, Exception):
        return (type(value).__name__, str(value))
    if isinstance(value, Notification):
        return str(value)
    if isinstance(value, Observable):
        return "an Observable"
    if isinstance(value, list):
        return [readable(part) for part in value]  # pyright: ignore
    return value


class OneByOne(Subscriber[Any]):
    """Asks for the first item at once, and for the next one when it has one."""

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        self.outstanding = 0

    def on_subscribe(self, subscription: Subscription) -> None:
        self.subscription = subscription
        self._ask()

    def on_next(self, value: Any) -> None:
        if not self.outstanding:
            self.tape.messages.append("more items than were asked for")
        self.outstanding -= 1
        self.tape.on_next(value)
        self._ask()

    def on_error(self, error: Exception) -> None:
        self.tape.on_error(error)

    def on_completed(self) -> None:
        self.tape.on_completed()

    def _ask(self) -> None:
        self.outstanding += 1
        self.subscription.request(1)


@dataclass(frozen=True)
class Run:
    """What one run showed."""

    messages: list[Any]
    subscriptions: list[Any]
    calls: list[Any] = field(default_factory=list)


def door(source: Observable[Any]) -> Flow[Any]:
    """Let a plain source into the demand world."""
    return Flow(lambda context: Door(context, source, "door", CAPACITY, FAIL))


def run(
    script: Script,
    hot: bool,
    disposed: float,
    compose: Callable[[World, Observable[Any]], Observable[Any]],
    subscriber: Callable[[Tape], Any] = lambda tape: tape,
) -> Run:
    """Run a composition over a scripted source.

    Args:
        script: What the source does.
        hot: Whether it does so at absolute times, else from its subscription on.
        disposed: When the subscription is disposed of.
        compose: Makes of the source what is subscribed to.
        subscriber: Makes what subscribes of the tape.
    """
    world = World()
    if hot:
        source = world.hot((150, 99), *script)
    else:
        source = world.cold(*((time - SUBSCRIBED, value) for time, value in script))
    tape = Tape(world)
    composed = compose(world, source)
    subscriptions: list[Any] = []

    def subscribe(*_: Any) -> None:
        subscriptions.append(composed.subscribe(subscriber(tape), scheduler=world.scheduler))

    world.scheduler.schedule_absolute(SUBSCRIBED, subscribe)
    world.scheduler.schedule_absolute(disposed, lambda *_: subscriptions[0].dispose())
    world.scheduler.schedule_absolute(2 * ReactiveTest.disposed, lambda *_: world.scheduler.stop())
    VirtualTimeScheduler.start(world.scheduler)  # TestScheduler.start adds a source of its own
    made = [[(s.subscribe, s.unsubscribe) for s in each.subscriptions] for each in world.sources]
    return Run(tape.messages, made, world.calls)
