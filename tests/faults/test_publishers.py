"""A Publisher that breaks the rules, taken in by from_publisher: nothing hangs, all is released."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

import rxflow as rx
from rxflow.protocol import UNBOUNDED
from rxflow.testing import Misbehaviour, TestPublisher, TestSubscriber, run_virtual
from tests.kernel.recorder import dropped_errors
from tests.support_loop import turns

NO_SUBSCRIPTION, TWO_SUBSCRIPTIONS = Misbehaviour.NO_ON_SUBSCRIBE, Misbehaviour.TWO_ON_SUBSCRIBE

BROKEN = [
    flags
    for bits in range(32)
    if not ((flags := Misbehaviour(bits)) & NO_SUBSCRIPTION and flags & TWO_SUBSCRIPTIONS)
]


def misbehave(publisher: TestPublisher[int]) -> None:
    """Do all that may be done, and all that it is told to do wrong."""
    flags = publisher._misbehaviour
    granted = 100 if flags & Misbehaviour.IGNORES_DEMAND else publisher.requested
    publisher.emit(*range(min(granted, 12)))
    publisher.complete()
    if flags & Misbehaviour.IGNORES_END:
        if flags & Misbehaviour.IGNORES_DEMAND:
            publisher.emit(100, 101)
        publisher.complete()
        publisher.fail(OSError("late"))


@pytest.mark.parametrize("demand", [0, 3, UNBOUNDED])
@pytest.mark.parametrize("broken", BROKEN, ids=str)
def test_a_publisher_breaks_rules(broken: Misbehaviour, demand: int):
    publisher: TestPublisher[int] = TestPublisher(broken)
    probe: TestSubscriber[int] = TestSubscriber(demand)
    prefetch = 4
    with dropped_errors() as reported:
        rx.from_publisher(publisher, prefetch=prefetch).subscribe(probe)
        assert probe.subscribed == 1
        if broken & TWO_SUBSCRIPTIONS:
            assert publisher.cancels == 1, "the second Subscription is cancelled (rule 2.5)"
        misbehave(publisher)
        probe.request(20)
    probe.assert_valid()
    assert probe.ended
    told = not isinstance(probe.error, rx.BufferOverflowError)
    told = told or bool(broken & (NO_SUBSCRIPTION | Misbehaviour.IGNORES_CANCEL))  # not cancelled
    late = ["late"] if told and broken & Misbehaviour.IGNORES_END else []
    assert [str(error) for error in reported] == late, "what cannot be signalled is not lost"
    assert probe.items == list(range(len(probe.items)))
    if broken & Misbehaviour.IGNORES_DEMAND:
        if isinstance(probe.error, rx.BufferOverflowError):
            assert len(probe.items) == prefetch + min(demand, 12) or demand == 3
            assert probe.statistics["from_publisher"].dropped == {"overflow": 1}
        else:
            assert len(probe.items) == 12
    else:
        assert probe.completed
    assert not [part for part in probe.subscription.statistics() if part.held]


@pytest.mark.parametrize("broken", BROKEN, ids=str)
def test_a_consumer_leaves_a_publisher_that_breaks_rules(broken: Misbehaviour):
    """Also one that does not hear it: what it still gives goes nowhere, and harms nobody."""
    publisher: TestPublisher[int] = TestPublisher(broken)
    probe: TestSubscriber[int] = TestSubscriber(2)
    with dropped_errors() as reported:
        rx.from_publisher(publisher, prefetch=4).subscribe(probe)
        probe.cancel()
        if broken & NO_SUBSCRIPTION:
            assert publisher.cancels == 0, "it has given nothing to cancel"
        else:
            publisher.assert_cancelled()
        if broken & Misbehaviour.IGNORES_CANCEL:
            misbehave(publisher)
    probe.assert_open()
    assert probe.items == []
    assert {str(error) for error in reported} <= {"late"}
    assert not [part for part in probe.subscription.statistics() if part.held]


@pytest.mark.parametrize("broken", BROKEN, ids=str)
def test_a_loop_over_a_publisher_that_breaks_rules(broken: Misbehaviour):
    publisher: TestPublisher[int] = TestPublisher(broken)
    seen: list[int] = []

    async def main() -> None:
        async def consume() -> None:
            async with aclosing(aiter(rx.from_publisher(publisher, prefetch=4))) as items:
                async for item in items:
                    seen.append(item)

        task = asyncio.ensure_future(consume())
        await turns(3)
        misbehave(publisher)
        [outcome] = await asyncio.gather(task, return_exceptions=True)
        if broken & Misbehaviour.IGNORES_DEMAND:
            assert isinstance(outcome, rx.BufferOverflowError)
        else:
            assert outcome is None

    with dropped_errors() as reported:
        run_virtual(main())
    assert {str(error) for error in reported} <= {"late"}
    assert seen == list(range(len(seen)))
    if broken & Misbehaviour.IGNORES_DEMAND:
        assert len(seen) == 4
    elif not broken & NO_SUBSCRIPTION:
        assert seen == [0, 1, 2, 3]


def test_signals_at_the_same_time_are_put_in_a_row():
    """Rule 1.3 is the Publisher's; behind from_publisher it holds nevertheless."""
    for _ in range(10):
        publisher: TestPublisher[int] = TestPublisher(Misbehaviour.IGNORES_DEMAND)
        probe: TestSubscriber[int] = TestSubscriber(UNBOUNDED)
        rx.from_publisher(publisher, prefetch=8).subscribe(probe)
        publisher.emit_concurrently(*range(8))
        probe.wait_for(lambda probe: len(probe.items) == 8)
        probe.assert_valid()
        assert sorted(probe.items) == list(range(8))
        probe.cancel()
        publisher.assert_cancelled()
