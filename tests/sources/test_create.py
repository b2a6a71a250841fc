"""create: a source of one's own, with demand to look at and a bounded buffer behind it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import reactivex
from reactivex.disposable import Disposable

import rxflow as rx
from rxflow import Emitter, Offer
from rxflow.testing import TestSubscriber
from tests.kernel.recorder import in_thread
from tests.support_loop import run, turns


class Source:
    """A ``create`` function that lets the test emit."""

    def __init__(self, on_request: Callable[[int], object] | None = None) -> None:
        self.emitters: list[Emitter[Any]] = []
        self.disposed = 0
        self._on_request = on_request

    @property
    def emitter(self) -> Emitter[Any]:
        return self.emitters[-1]

    def __call__(self, emitter: Emitter[Any]) -> Any:
        self.emitters.append(emitter)
        if self._on_request is not None:
            emitter.on_request(self._on_request)
        return self._dispose

    def _dispose(self) -> None:
        self.disposed += 1


def test_nothing_happens_before_it_is_subscribed_and_each_subscription_has_its_emitter() -> None:
    source = Source()
    flow = rx.create(source, overflow=rx.FAIL)
    assert source.emitters == []
    first, second = TestSubscriber(5), TestSubscriber(5)
    flow.subscribe(first)
    flow.subscribe(second)
    source.emitters[0].on_next(1)
    source.emitters[1].on_next(2)
    source.emitters[0].on_completed()
    assert (first.items, first.completed) == ([1], True)
    assert (second.items, second.completed) == ([2], False)


def test_without_a_strategy_it_is_plain_rx() -> None:
    plain = rx.create(lambda observer, scheduler: observer.on_next(1))
    assert isinstance(plain, reactivex.Observable)
    assert not isinstance(plain, rx.Flow)


def test_the_emitter_knows_the_demand() -> None:
    source = Source()
    probe = TestSubscriber()
    rx.create(source, overflow=rx.FAIL, capacity=3).subscribe(probe)
    emitter = source.emitter
    assert emitter.requested == 0
    probe.request(3)
    assert emitter.requested == 3
    emitter.on_next(1)
    assert emitter.requested == 2
    probe.request(2)
    assert emitter.requested == 4
    probe.request(rx.UNBOUNDED)
    emitter.on_next(2)
    assert emitter.requested == rx.UNBOUNDED


def test_on_request_is_called_with_the_demand_there_is_and_then_with_what_is_added() -> None:
    seen: list[int] = []
    source = Source(seen.append)
    probe = TestSubscriber(2)
    rx.create(source, overflow=rx.FAIL).subscribe(probe)
    assert seen == [2]
    source.emitter.on_next(1)
    probe.request(3)
    assert seen == [2, 3]
    source.emitter.on_next(2)
    probe.request(rx.UNBOUNDED)
    assert seen == [2, 3, rx.UNBOUNDED]


def test_a_source_that_answers_each_request_gives_exactly_what_is_asked_for() -> None:
    given: list[int] = []

    def start(emitter: Emitter[int]) -> None:
        def answer(n: int) -> None:
            while emitter.requested and len(given) < 1_000:
                given.append(len(given))
                emitter.on_next(given[-1])

        emitter.on_request(answer)

    probe = TestSubscriber(3)
    rx.create(start, overflow=rx.FAIL, capacity=1).subscribe(probe)
    assert probe.items == given == [0, 1, 2]
    probe.request(4)
    assert probe.items == given == list(range(7))
    probe.request(rx.UNBOUNDED)
    assert probe.items == given == list(range(1_000))


@pytest.mark.parametrize(
    ("overflow", "offers", "kept"),
    [
        (rx.DROP_OLDEST, [Offer.ENQUEUED] * 4, [3, 4]),
        (rx.DROP_NEWEST, [Offer.ENQUEUED] * 4, [1, 4]),
        (rx.DROP_INCOMING, [Offer.ENQUEUED] * 2 + [Offer.DROPPED] * 2, [1, 2]),
        (rx.DROP_ALL, [Offer.ENQUEUED] * 4, [3, 4]),
        (rx.FAIL, [Offer.ENQUEUED] * 2 + [Offer.DROPPED, Offer.CLOSED], [1, 2]),
        (rx.SUSPEND, [Offer.ENQUEUED] * 2 + [Offer.FULL] * 2, [1, 2]),
        (rx.BLOCK, [Offer.ENQUEUED] * 2 + [Offer.FULL] * 2, [1, 2]),
    ],
    ids=repr,
)
def test_try_offer_says_what_became_of_the_item(
    overflow: rx.Overflow, offers: list[Offer], kept: list[int]
) -> None:
    source = Source()
    probe = TestSubscriber()
    rx.create(source, overflow=overflow, capacity=2).subscribe(probe)
    assert [source.emitter.try_offer(item) for item in (1, 2, 3, 4)] == offers
    probe.request(2)
    assert probe.items == kept
    assert isinstance(probe.error, rx.BufferOverflowError) == (overflow is rx.FAIL)
    if overflow is rx.FAIL:
        assert "create(capacity=2) overflowed: 2 held, 0 requested, item 3" in str(probe.error)
        assert source.disposed == 1


def test_suspend_refuses_on_next_without_room_and_says_what_to_use() -> None:
    source = Source()
    rx.create(source, overflow=rx.SUSPEND, capacity=1).subscribe(TestSubscriber())
    source.emitter.on_next(1)
    with pytest.raises(RuntimeError, match="await send"):
        source.emitter.on_next(2)


def test_what_is_emitted_inside_the_function_is_kept_until_it_is_asked_for() -> None:
    def start(emitter: Emitter[int]) -> None:
        for item in range(3):
            emitter.on_next(item)
        emitter.on_completed()

    probe = TestSubscriber()
    rx.create(start, overflow=rx.FAIL, capacity=3).subscribe(probe)
    assert not probe.ended
    probe.request(2)
    assert (probe.items, probe.completed) == ([0, 1], False)
    probe.request(1)
    assert (probe.items, probe.completed) == ([0, 1, 2], True)


def test_what_is_asked_for_before_the_function_emits_needs_no_room() -> None:
    def start(emitter: Emitter[int]) -> None:
        for item in range(500):
            emitter.on_next(item)
        emitter.on_completed()

    for demand in (500, rx.UNBOUNDED):
        probe = TestSubscriber(demand)
        rx.create(start, overflow=rx.FAIL, capacity=1).subscribe(probe)
        assert probe.items == list(range(500))
        assert probe.completed


@pytest.mark.parametrize("demand", [0, 5])
@pytest.mark.parametrize("emitted", [0, 2])
def test_what_the_function_raises_is_the_error_behind_what_it_emitted(
    emitted: int, demand: int
) -> None:
    failure = ValueError("function")

    def start(emitter: Emitter[int]) -> None:
        for item in range(emitted):
            emitter.on_next(item)
        raise failure

    probe = TestSubscriber(demand)
    rx.create(start, overflow=rx.FAIL).subscribe(probe)
    if not demand and emitted:
        assert not probe.ended
        probe.request(emitted)
    assert probe.items == list(range(emitted))
    assert probe.error is failure


@pytest.mark.parametrize("end", ["cancel", "complete", "fail", "overflow"])
@pytest.mark.parametrize("kind", ["function", "disposable"])
def test_what_the_function_returns_is_called_once_at_any_end(end: str, kind: str) -> None:
    cleaned: list[int] = []
    emitters: list[Emitter[int]] = []

    def start(emitter: Emitter[int]) -> Any:
        emitters.append(emitter)
        clean = lambda: cleaned.append(1)  # noqa: E731
        return clean if kind == "function" else Disposable(clean)

    probe = TestSubscriber(1)
    rx.create(start, overflow=rx.FAIL, capacity=1).subscribe(probe)
    [emitter] = emitters
    emitter.on_next(0)
    assert cleaned == []
    if end == "cancel":
        probe.cancel()
    elif end == "complete":
        emitter.on_completed()
    elif end == "fail":
        emitter.on_error(ValueError())
    else:
        emitter.on_next(1)
        emitter.on_next(2)
        probe.request(1)
    probe.cancel()
    assert cleaned == [1]


def test_what_the_function_returns_is_called_when_it_has_completed_the_stream_itself() -> None:
    cleaned: list[int] = []

    def start(emitter: Emitter[int]) -> Any:
        emitter.on_completed()
        return lambda: cleaned.append(1)

    probe = TestSubscriber()
    rx.create(start, overflow=rx.FAIL).subscribe(probe)
    assert probe.completed
    assert cleaned == [1]


def test_the_emitter_is_closed_after_the_end() -> None:
    source = Source()
    probe = TestSubscriber(5)
    rx.create(source, overflow=rx.FAIL).subscribe(probe)
    assert not source.emitter.closed
    source.emitter.on_completed()
    assert source.emitter.closed
    assert source.emitter.try_offer(1) is Offer.CLOSED
    source.emitter.on_next(2)
    source.emitter.on_completed()
    assert probe.signals == ["on_subscribe", "on_completed"]


def test_cancel_discards_what_is_held() -> None:
    source = Source()
    discards: list[int] = []
    probe = TestSubscriber(1)
    rx.create(source, overflow=rx.FAIL, capacity=3, on_discard=discards.append).subscribe(probe)
    for item in range(4):
        source.emitter.on_next(item)
    probe.cancel()
    assert discards == [1, 2, 3]
    assert source.emitter.closed


def test_an_error_waits_for_what_is_held() -> None:
    failure = ValueError("broken")
    source = Source()
    probe = TestSubscriber()
    rx.create(source, overflow=rx.FAIL).subscribe(probe)
    source.emitter.on_next(1)
    source.emitter.on_error(failure)
    assert not probe.ended
    probe.request(1)
    assert probe.items == [1]
    assert probe.error is failure


def test_dropped_items_are_reported_and_counted() -> None:
    drops: list[Any] = []
    source = Source()
    probe = TestSubscriber()
    rx.create(
        source, overflow=rx.DROP_OLDEST, capacity=2, on_drop=lambda *lost: drops.append(lost)
    ).subscribe(probe)
    for item in range(4):
        source.emitter.on_next(item)
    assert drops == [(0, "oldest"), (1, "oldest")]
    assert probe.statistics["create"].dropped == {"oldest": 2}


def test_several_threads_emit_at_once_and_nothing_is_lost() -> None:
    source = Source()
    probe = TestSubscriber(rx.UNBOUNDED)
    rx.create(source, overflow=rx.FAIL, capacity=10_000).subscribe(probe)

    def emit(number: int) -> Callable[[], None]:
        return lambda: [source.emitter.on_next((number, item)) for item in range(500)] and None

    joins = [in_thread(emit(number)) for number in range(4)]
    for join in joins:
        join()
    source.emitter.on_completed()
    assert probe.completed
    for number in range(4):
        mine = [item for origin, item in probe.items if origin == number]
        assert mine == list(range(500))


def test_send_waits_for_room_and_no_longer_than_it_is_told_to() -> None:
    source = Source()
    probe = TestSubscriber()
    steps: list[Any] = []

    async def main() -> None:
        rx.create(source, overflow=rx.SUSPEND, capacity=2).subscribe(probe)
        assert [await source.emitter.send(item) for item in (1, 2)] == [Offer.ENQUEUED] * 2
        with pytest.raises(rx.OfferTimeoutError, match="create: no room"):
            await source.emitter.send("late", timeout=5)
        assert asyncio.get_running_loop().time() == 5
        waiting = asyncio.ensure_future(source.emitter.send(3))
        await turns(5)
        assert not waiting.done()
        probe.request(2)
        assert await waiting is Offer.ENQUEUED
        steps.append(list(probe.items))
        waiting = asyncio.ensure_future(source.emitter.send(4))
        await waiting
        waiting = asyncio.ensure_future(source.emitter.send(5))
        await turns(5)
        probe.cancel()
        assert await waiting is Offer.CLOSED

    run(main())
    assert steps == [[1, 2]]
