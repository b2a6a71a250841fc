"""The conformance suite finds the defects that are planted in an operator written by hand."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from threading import RLock
from typing import Any
from unittest import SkipTest

import pytest

from rxflow import UNBOUNDED, Publisher, StageStatistics, Subscriber, Subscription
from rxflow.protocol import add_demand, invalid_request
from rxflow.testing.tck import ProcessorVerification

PREFETCH = 4


class Relay(Subscriber[Any], Subscription):
    """A map as one writes it on the four interfaces: a bounded queue, and one drain loop."""

    def __init__(self, downstream: Subscriber[Any]) -> None:
        self.downstream: Subscriber[Any] | None = downstream  # None when it is over
        self.upstream: Subscription | None = None
        self.queue: deque[Any] = deque()
        self.lock = RLock()
        self.busy = self.again = self.cancelled = self.completed = False
        self.error: Exception | None = None
        self.refused: Exception | None = None
        self.granted = self.received = self.given = self.discarded = 0

    def on_subscribe(self, subscription: Subscription) -> None:
        if subscription is None:
            raise TypeError("no Subscription")
        if self.upstream is not None:
            subscription.cancel()
            return
        assert self.downstream is not None
        self.upstream = subscription
        self.busy = True
        self.downstream.on_subscribe(self)
        if not self.cancelled:
            self.ask(PREFETCH)
        self.busy = False
        self.drain()

    def on_next(self, value: Any) -> None:
        self.received += 1
        self.queue.append(value)
        self.drain()

    def on_error(self, error: Exception) -> None:
        if error is None:
            raise TypeError("no error")
        self.error = error
        self.drain()

    def on_completed(self) -> None:
        self.completed = True
        self.drain()

    def request(self, n: int) -> None:
        wrong = invalid_request(n)
        with self.lock:
            if wrong is None:
                self.granted = self.add(self.granted, n)
            else:
                self.refused = wrong
        self.drain()

    def cancel(self) -> None:
        self.cancelled = True
        self.drain()

    def statistics(self) -> tuple[StageStatistics, ...]:
        held = len(self.queue)
        return (
            StageStatistics(
                "relay",
                received=self.received,
                delivered=self.given,
                held=held,
                discarded=self.discarded,
            ),
        )

    def drain(self) -> None:
        with self.lock:
            if self.busy:
                self.again = True
                return
            self.busy = True
        while True:
            self.again = False
            self.deliver()
            with self.lock:
                if not self.again:
                    self.busy = False
                    return

    def deliver(self) -> None:
        while (downstream := self.downstream) is not None:
            error = self.refused or self.error
            if self.cancelled or error is not None:
                self.leave()
                if not self.cancelled and error is not None:
                    downstream.on_error(error)
            elif self.queue and self.wanted():
                self.give(downstream)
            elif self.completed and not self.queue:
                self.downstream = None
                self.complete(downstream)
            else:
                return
        self.discard()

    def give(self, downstream: Subscriber[Any]) -> None:
        item = self.queue.popleft()
        self.given += 1
        if not self.completed:
            self.ask(1)
        try:
            downstream.on_next(item)
        except Exception:
            self.leave()

    def leave(self) -> None:
        self.downstream = None
        if self.error is None and not self.completed and self.upstream is not None:
            with suppress(Exception):  # one that raises breaks rule 3.15
                self.upstream.cancel()

    def ask(self, n: int) -> None:
        assert self.upstream is not None
        try:
            self.upstream.request(n)
        except Exception as error:  # it breaks rule 3.16
            self.refused = error

    # What the defects are planted in.

    def add(self, granted: int, n: int) -> int:
        return add_demand(granted, n)

    def wanted(self) -> bool:
        return self.granted == UNBOUNDED or self.given < self.granted

    def complete(self, downstream: Subscriber[Any]) -> None:
        downstream.on_completed()

    def discard(self) -> None:
        self.discarded += len(self.queue)
        self.queue.clear()


class AddsAsALong(Relay):
    """Demand beyond 2**63 - 1 becomes negative, as where nobody saturates the sum."""

    def add(self, granted: int, n: int) -> int:
        return (granted + n + 2**63) % 2**64 - 2**63

    def wanted(self) -> bool:
        return self.given < self.granted


class GivesOneTooMany(Relay):
    def wanted(self) -> bool:
        return self.given <= self.granted


class ForgetsToCancelOnError(Relay):
    def leave(self) -> None:
        self.downstream = None


class HoldsTheLock(Relay):
    def give(self, downstream: Subscriber[Any]) -> None:
        with self.lock:
            super().give(downstream)


class LosesWhatItHolds(Relay):
    def discard(self) -> None:
        self.queue.clear()


class CompletesTwice(Relay):
    def complete(self, downstream: Subscriber[Any]) -> None:
        downstream.on_completed()
        downstream.on_completed()


class GoesOnAfterCancel(Relay):
    def cancel(self) -> None:
        if self.upstream is not None:
            self.upstream.cancel()


class KeepsTheSubscriber(Relay):
    def leave(self) -> None:
        super().leave()
        self.cancel = lambda: None  # type: ignore[method-assign]

    def give(self, downstream: Subscriber[Any]) -> None:
        self.kept = downstream
        super().give(downstream)


class TakesAnyRequest(Relay):
    def request(self, n: int) -> None:
        if invalid_request(n) is None:
            super().request(n)


class TakesTwoSubscriptions(Relay):
    def on_subscribe(self, subscription: Subscription) -> None:
        if self.upstream is None:
            super().on_subscribe(subscription)
        else:
            subscription.request(PREFETCH)


class ReliesOnDemandForErrors(Relay):
    def on_error(self, error: Exception) -> None:
        if self.wanted():
            super().on_error(error)


class Mapped(Publisher[Any]):
    def __init__(self, upstream: Publisher[Any], relay: type[Relay]) -> None:
        self.upstream = upstream
        self.relay = relay

    def subscribe(self, subscriber: Subscriber[Any], /) -> None:
        if not callable(getattr(subscriber, "on_subscribe", None)):
            raise TypeError("no Subscriber")
        self.upstream.subscribe(self.relay(subscriber))


def failures(relay: type[Relay], rules: set[str] | None = None) -> set[str]:
    """Run the suite, the whole or the checks of some rules; give the rules that are broken."""

    class Verification(ProcessorVerification):
        def create_processor(self, upstream: Publisher[Any]) -> Publisher[Any]:
            return Mapped(upstream, relay)

    failed: set[str] = set()
    for check in Verification.checks():
        if rules is not None and check.rule not in rules:
            continue
        try:
            getattr(Verification(), check.name)()
        except SkipTest:
            continue
        except Exception:
            failed.add(check.rule)
    return failed


def test_the_operator_without_a_defect_passes() -> None:
    assert failures(Relay) == set()


@pytest.mark.parametrize(
    ("relay", "rules"),
    [
        (AddsAsALong, {"3.17"}),
        (GivesOneTooMany, {"1.1"}),
        (ForgetsToCancelOnError, {"2.6", "2.13"}),
        (HoldsTheLock, {"3.4"}),
        (LosesWhatItHolds, {"3.12"}),
        (CompletesTwice, {"1.7"}),
        (GoesOnAfterCancel, {"3.6", "3.12"}),
        (KeepsTheSubscriber, {"3.13"}),
        (TakesAnyRequest, {"3.9"}),
        (TakesTwoSubscriptions, {"2.5", "2.12"}),
        (ReliesOnDemandForErrors, {"1.4"}),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_a_planted_defect_is_found(relay: type[Relay], rules: set[str]) -> None:
    assert failures(relay, rules) == rules
