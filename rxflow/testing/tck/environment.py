"""What all verifications share: checks that know their rule, skips with reasons, virtual time."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Any, TypeVar
from unittest import SkipTest
from weakref import WeakSet, ref

from ...protocol import Publisher
from ..clock import VirtualTimeLoop, run_virtual
from ..subscriber import TestSubscriber

V = TypeVar("V", bound="Verification")

RUNS = 100
"""How often what depends on chance is tried."""


class Kind(Enum):
    """How binding a check is."""

    REQUIRED = "required"
    OPTIONAL = "optional"  # a MAY of the specification
    STOCHASTIC = "stochastic"  # it tries often, and proves nothing
    UNTESTED = "untested by the kit of the JVM"


@dataclass(frozen=True, slots=True)
class Check:
    """One check.

    Attributes:
        name: The method.
        rule: The number of the rule in Reactive Streams 1.0.4, such as "1.3".
        kind: How binding it is.
        summary: What it checks.
    """

    name: str
    rule: str
    kind: Kind
    summary: str


def check(
    rule: str, kind: Kind = Kind.REQUIRED
) -> Callable[[Callable[[V], Awaitable[None]]], Callable[[V], None]]:
    """Make a coroutine method a check, which runs on a loop of its own and can be skipped.

    Args:
        rule: The number of the rule.
        kind: How binding it is.
    """

    def decorate(method: Callable[[V], Awaitable[None]]) -> Callable[[V], None]:
        name = method.__name__

        def checked(self: V) -> None:
            if name in self.skips:
                raise SkipTest(self.skips[name])
            self.run(method, self)

        checked.__name__, checked.__qualname__ = name, method.__qualname__
        checked.__doc__, checked.__module__ = method.__doc__, method.__module__
        summary = (method.__doc__ or "").strip().partition("\n")[0]
        setattr(checked, _CHECK, Check(name, rule, kind, summary))
        return checked

    return decorate


_CHECK = "rxflow_check"


class Verification:
    """Runs checks, one method each; a test runner finds them by their names (``test_...``).

    Attributes:
        skips: The checks that do not apply, by method name, each with the reason.
        patience: How long whatever is under way is waited for (seconds of virtual time).
    """

    skips: Mapping[str, str] = {}
    patience: float = 1000.0

    @classmethod
    def checks(cls) -> Iterator[Check]:
        """Give all checks, in the order of their rules."""
        found = [getattr(getattr(cls, name), _CHECK, None) for name in dir(cls)]
        yield from sorted(
            (each for each in found if each is not None),
            key=lambda each: ([int(part) for part in each.rule.split(".")], each.name),
        )

    def run(self, method: Callable[..., Awaitable[None]], *args: Any) -> None:
        """Run a coroutine method to its end.

        Args:
            method: It.
            args: Its arguments.
        """

        async def main() -> None:
            try:
                await method(*args)
            finally:
                self.release()
                await self.settle()

        run_virtual(main(), self.make_loop)

    def release(self) -> None:
        """Let go of what a check has left open."""
        for subscriber in list(self._subscribers):
            if subscriber.subscription is not None and not subscriber.ended:
                subscriber.cancel()

    @cached_property
    def _subscribers(self) -> WeakSet[TestSubscriber[Any]]:
        return WeakSet()

    def make_loop(self) -> asyncio.AbstractEventLoop:
        """Make the event loop that a check runs on; one with virtual time."""
        return VirtualTimeLoop()

    async def settle(self) -> None:
        """Wait until whatever is under way has happened."""
        await asyncio.sleep(self.patience)

    async def subscribed(
        self, publisher: Publisher[Any], initial: int = 0, **policies: Any
    ) -> TestSubscriber[Any]:
        """Subscribe, and wait for what comes of it.

        Args:
            publisher: What to subscribe to.
            initial: What to request at once (items).
            policies: See :class:`TestSubscriber`.
        """
        subscriber = TestSubscriber[Any](initial, **policies)
        self._subscribers.add(subscriber)
        publisher.subscribe(subscriber)
        await self.settle()
        subscriber.assert_valid()
        assert subscriber.signals[:1] == ["on_subscribe"], "1.9: on_subscribe was to come first"
        return subscriber

    async def requested(self, subscriber: TestSubscriber[Any], n: Any) -> None:
        """Request, and wait for what comes of it.

        Args:
            subscriber: Who requests.
            n: What (items).
        """
        subscriber.request(n)
        await self.settle()

    async def finished(self, subscriber: TestSubscriber[Any], elements: int) -> None:
        """Assert that so many items came, and the end, for which one more may be requested.

        Args:
            subscriber: Who has requested all of them.
            elements: How many (items).
        """
        if not subscriber.ended:
            await self.requested(subscriber, 1)
        subscriber.assert_valid()
        assert (len(subscriber.items), subscriber.completed) == (elements, True), subscriber

    async def assert_dropped(self, kept: list[Any]) -> None:
        """Assert that nothing but a list refers to what is in it.

        Args:
            kept: The list; it is emptied.
        """
        references = [ref(each) for each in kept]
        kept.clear()
        await self.settle()
        gc.collect()
        left = [each() for each in references if each() is not None]
        assert not left, f"3.13: it still refers to {left}"


def unsupported(reason: str) -> SkipTest:
    """Make what a check raises where it needs what the rules do not ask for.

    Args:
        reason: What is not there.
    """
    return SkipTest(reason)
