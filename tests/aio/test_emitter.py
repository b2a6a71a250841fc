"""``create`` and its Emitter."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import timedelta
from itertools import pairwise
from typing import Any
from weakref import ref

import pytest

import rxflow as rx
from rxflow import Offer
from rxflow import operators as ops
from tests.support_loop import Recorder, run, turns


class Emitting:
    """A function for ``create`` that keeps the emitter, and counts its cleanups."""

    def __init__(self) -> None:
        self.cleanups = 0

    def __call__(self, emitter: rx.Emitter[Any]) -> Any:
        self.emitter = emitter
        return self._clean

    def _clean(self) -> None:
        self.cleanups += 1


def subscribed(
    overflow: rx.Overflow, capacity: int, requested: int = 0, **options: Any
) -> tuple[rx.Emitter[Any], Recorder, Emitting]:
    emitting = Emitting()
    recorder = Recorder(requested)
    rx.create(emitting, overflow=overflow, capacity=capacity, **options).subscribe(recorder)
    return emitting.emitter, recorder, emitting


def offers(emitter: rx.Emitter[Any], count: int) -> list[Offer]:
    return [emitter.try_offer(n) for n in range(count)]


KEPT, LOST = Offer.ENQUEUED, Offer.DROPPED


@pytest.mark.parametrize(
    ("overflow", "told", "left"),
    [
        (rx.DROP_OLDEST, [KEPT] * 5, [2, 3, 4]),
        (rx.DROP_NEWEST, [KEPT] * 5, [0, 1, 4]),
        (rx.DROP_INCOMING, [KEPT] * 3 + [LOST] * 2, [0, 1, 2]),
        (rx.DROP_ALL, [KEPT] * 5, [3, 4]),
        (rx.SUSPEND, [KEPT] * 3 + [Offer.FULL] * 2, [0, 1, 2]),
        (rx.BLOCK, [KEPT] * 3 + [Offer.FULL] * 2, [0, 1, 2]),
        (rx.FAIL, [KEPT] * 3 + [LOST, Offer.CLOSED], [0, 1, 2]),
    ],
)
def test_what_try_offer_tells_and_what_is_left(
    overflow: rx.Overflow, told: list[Offer], left: list[int]
) -> None:
    dropped: list[int] = []
    emitter, recorder, _ = subscribed(
        overflow, 3, on_drop=lambda item, reason: dropped.append(item)
    )
    assert offers(emitter, 5) == told
    recorder.request(100)
    assert recorder.items == left
    taken = told.count(Offer.ENQUEUED) + told.count(Offer.DROPPED)
    assert sorted(left + dropped) == list(range(taken)), "each item is delivered or dropped"


def test_fail_signals_the_overflow_behind_what_is_held() -> None:
    emitter, recorder, emitting = subscribed(rx.FAIL, 2)
    offers(emitter, 3)
    assert emitter.closed
    assert emitting.cleanups == 1
    recorder.request(5)
    assert recorder.items == [0, 1]
    (error,) = recorder.errors
    assert isinstance(error, rx.BufferOverflowError)
    assert (error.operator, error.capacity, error.requested, error.item) == ("create", 2, 0, 2)


def test_what_is_asked_for_passes_at_once() -> None:
    emitter, recorder, _ = subscribed(rx.FAIL, 1, requested=3)
    assert offers(emitter, 4) == [KEPT] * 4
    assert recorder.items == [0, 1, 2]
    assert emitter.try_offer(9) is LOST


def test_requested_says_what_is_asked_for_and_not_yet_emitted() -> None:
    emitter, recorder, _ = subscribed(rx.FAIL, 10)
    seen = [emitter.requested]
    recorder.request(3)
    seen.append(emitter.requested)
    emitter.try_offer(0)
    seen.append(emitter.requested)
    recorder.request(2)
    seen.append(emitter.requested)
    for n in range(5):
        emitter.try_offer(n)
    seen.append(emitter.requested)
    assert seen == [0, 3, 2, 4, 0]
    recorder.request(rx.UNBOUNDED)
    assert emitter.requested == rx.UNBOUNDED
    emitter.try_offer(0)
    assert emitter.requested == rx.UNBOUNDED


def test_on_request_hears_of_demand_that_is_not_met() -> None:
    emitter, recorder, _ = subscribed(rx.FAIL, 10)
    heard: list[int] = []
    emitter.on_request(heard.append)
    assert heard == []
    recorder.request(2)
    assert heard == [2]
    emitter.try_offer("a")
    emitter.try_offer("b")
    emitter.try_offer("parked")
    recorder.request(1)
    assert recorder.items == ["a", "b", "parked"]
    assert sum(heard[-1:]) == 1 or heard == [2], "what was parked has met that request"
    recorder.request(1)
    assert heard[-1] == 1


def test_on_request_set_when_there_is_demand_is_called_at_once() -> None:
    emitter, _, _ = subscribed(rx.FAIL, 10, requested=4)
    heard: list[int] = []
    emitter.on_request(heard.append)
    assert heard == [4]


def test_a_source_that_emits_in_on_request_is_never_ahead_of_demand() -> None:
    emitted: list[int] = []

    def source(emitter: rx.Emitter[int]) -> None:
        def more(n: int) -> None:
            while emitter.requested and not emitter.closed:
                emitted.append(len(emitted))
                emitter.try_offer(emitted[-1])

        emitter.on_request(more)

    recorder = Recorder()
    rx.create(source, overflow=rx.FAIL, capacity=1).subscribe(recorder)
    for asked in (1, 1, 5, 100):
        recorder.request(asked)
        assert recorder.items == emitted
    assert len(emitted) == 107
    recorder.cancel()
    assert recorder.errors == []


def ten_at_once(emitter: rx.Emitter[int]) -> None:
    for n in range(10):
        emitter.on_next(n)
    emitter.on_completed()


def test_what_the_function_emits_at_once_and_was_asked_for_passes() -> None:
    recorder = Recorder(10)
    rx.create(ten_at_once, overflow=rx.FAIL, capacity=3).subscribe(recorder)
    assert recorder.items == list(range(10))
    assert (recorder.errors, recorder.completed) == ([], 1)


def test_what_the_function_emits_at_once_passes_to_an_ordinary_observer() -> None:
    seen: list[Any] = []
    rx.create(ten_at_once, overflow=rx.FAIL, capacity=3).subscribe(seen.append, seen.append)
    assert seen == list(range(10))


def test_what_the_function_emits_at_once_beyond_demand_and_room_overflows() -> None:
    recorder = Recorder(4)
    rx.create(ten_at_once, overflow=rx.DROP_INCOMING, capacity=3).subscribe(recorder)
    recorder.request(100)
    assert recorder.items == list(range(7))
    assert recorder.completed == 1


@pytest.mark.parametrize("end", ["complete", "error", "cancel"])
def test_after_the_end_it_is_closed_and_cleaned_up_once(end: str) -> None:
    async def main() -> None:
        emitter, recorder, emitting = subscribed(rx.SUSPEND, 2, requested=5)
        emitter.try_offer(1)
        if end == "complete":
            emitter.on_completed()
        elif end == "error":
            emitter.on_error(KeyError("end"))
        else:
            recorder.cancel()
        assert emitter.closed
        assert emitter.try_offer(2) is Offer.CLOSED
        assert await emitter.send(3) is Offer.CLOSED
        emitter.on_next(4)
        emitter.on_completed()
        assert recorder.items == [1]
        assert (recorder.completed, len(recorder.errors)) == {
            "complete": (1, 0),
            "error": (0, 1),
            "cancel": (0, 0),
        }[end]
        assert emitting.cleanups == 1

    run(main())


def test_an_error_after_the_end_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    reported: list[BaseException] = []
    monkeypatch.setattr("rxflow.kernel.hooks.on_dropped_error", reported.append)
    emitter, recorder, _ = subscribed(rx.FAIL, 2)
    emitter.on_completed()
    late = KeyError("late")
    emitter.on_error(late)
    assert reported == [late]
    assert recorder.errors == []


@pytest.mark.parametrize("overflow", [rx.SUSPEND, rx.BLOCK])
def test_send_waits_for_room_and_loses_nothing(overflow: rx.Overflow) -> None:
    async def main() -> list[int]:
        emitting = Emitting()
        flow = rx.create(emitting, overflow=overflow, capacity=3)
        sent: list[int] = []

        async def produce() -> None:
            for n in range(50):
                assert await emitting.emitter.send(n) is Offer.ENQUEUED
                sent.append(n)
            emitting.emitter.on_completed()

        items = aiter(flow)
        producer = asyncio.ensure_future(produce())
        await turns(20)
        assert sent == [0, 1, 2]
        seen: list[int] = []
        async for item in items:
            seen.append(item)
            await turns(4)
            assert len(sent) - len(seen) <= 3
            (figures,) = items.statistics()
            assert figures.peak <= 3
        await producer
        return seen

    assert run(main()) == list(range(50))


def test_several_senders_on_one_emitter_lose_nothing_and_keep_their_order() -> None:
    async def main() -> list[tuple[int, int]]:
        emitting = Emitting()
        items = aiter(rx.create(emitting, overflow=rx.SUSPEND, capacity=2))

        async def produce(who: int) -> None:
            for n in range(20):
                await emitting.emitter.send((who, n))

        async def all_of_them() -> None:
            await asyncio.gather(*(produce(who) for who in range(5)))
            emitting.emitter.on_completed()

        producing = asyncio.ensure_future(all_of_them())
        seen: list[tuple[int, int]] = []
        async for item in items:
            seen.append(item)
            await asyncio.sleep(1)
        await producing
        return seen

    seen = run(main())
    assert sorted(seen) == [(who, n) for who in range(5) for n in range(20)]
    for who in range(5):
        assert [n for each, n in seen if each == who] == list(range(20))


@pytest.mark.parametrize("limit", [2.5, timedelta(seconds=2.5)])
def test_send_gives_up_in_time_and_the_item_is_not_taken(limit: Any) -> None:
    async def main() -> None:
        emitter, recorder, _ = subscribed(rx.SUSPEND, 1)
        await emitter.send("held")
        with pytest.raises(rx.OfferTimeoutError, match="create"):
            await emitter.send("late", timeout=limit)
        assert asyncio.get_running_loop().time() == 2.5
        recorder.request(5)
        await turns(5)
        assert recorder.items == ["held"]

    run(main())


def test_send_with_no_time_at_all_still_takes_the_room_there_is() -> None:
    async def main() -> None:
        emitter, _, _ = subscribed(rx.SUSPEND, 1)
        assert await emitter.send("held", timeout=0) is Offer.ENQUEUED
        with pytest.raises(rx.OfferTimeoutError):
            await emitter.send("late", timeout=0)

    run(main())


def test_room_in_time_is_used() -> None:
    async def main() -> None:
        emitter, recorder, _ = subscribed(rx.SUSPEND, 1)
        await emitter.send("first")
        asyncio.get_running_loop().call_later(2, recorder.request, 1)
        assert await emitter.send("second", timeout=3) is Offer.ENQUEUED
        assert asyncio.get_running_loop().time() == 2
        recorder.request(1)
        assert recorder.items == ["first", "second"]

    run(main())


@pytest.mark.parametrize("bad", [-1, float("nan"), "soon", True])
def test_a_timeout_that_makes_no_sense_is_refused(bad: Any) -> None:
    async def main() -> None:
        emitter, _, _ = subscribed(rx.SUSPEND, 1)
        with pytest.raises((TypeError, ValueError), match="send: timeout"):
            await emitter.send("item", timeout=bad)

    run(main())


class Item:
    """Something that can be seen to be let go of."""


def waited_seconds(iteration: Any) -> float:
    (figures,) = iteration.statistics()
    return figures.waited_seconds


def test_a_cancelled_send_leaves_nothing_behind() -> None:
    async def main() -> None:
        emitting = Emitting()
        items = aiter(rx.create(emitting, overflow=rx.SUSPEND, capacity=1))
        await emitting.emitter.send("held")
        item = Item()
        gone = ref(item)
        sending = asyncio.ensure_future(emitting.emitter.send(item))
        del item
        await turns(3)
        before = waited_seconds(items)
        await asyncio.sleep(1)
        assert waited_seconds(items) == before + 1, "it grows while somebody waits"
        sending.cancel()
        await asyncio.wait([sending])
        del sending
        assert gone() is None
        assert waited_seconds(items) == waited_seconds(items), "nobody waits any more"
        assert await anext(items) == "held"
        emitting.emitter.on_completed()
        with pytest.raises(StopAsyncIteration):
            await anext(items)

    run(main())


@pytest.mark.parametrize("after", range(5))
def test_a_send_cancelled_at_any_turn_is_taken_once_or_not_at_all(after: int) -> None:
    async def main() -> None:
        emitter, recorder, _ = subscribed(rx.SUSPEND, 1)
        await emitter.send(0)
        sending = asyncio.ensure_future(emitter.send(1))
        await turns(2)
        recorder.request(1)  # makes room
        await turns(after)
        sending.cancel()
        (outcome,) = await asyncio.gather(sending, return_exceptions=True)
        recorder.request(5)
        await turns(3)
        taken = outcome is Offer.ENQUEUED
        assert recorder.items == ([0, 1] if taken else [0])
        assert await emitter.send(2, timeout=1) is Offer.ENQUEUED
        assert recorder.items[-1] == 2

    run(main())


def test_on_next_with_suspend_says_that_it_cannot_wait() -> None:
    emitter, _, _ = subscribed(rx.SUSPEND, 1)
    emitter.on_next(1)
    with pytest.raises(RuntimeError, match="await send"):
        emitter.on_next(2)


def test_on_next_with_block_on_the_loops_own_thread_is_refused() -> None:
    async def main() -> None:
        emitter, _, _ = subscribed(rx.BLOCK, 1)
        with pytest.raises(RuntimeError, match="event loop's own thread"):
            emitter.on_next(1)

    run(main())


def test_items_held_at_the_cancel_are_handed_to_on_discard() -> None:
    discarded: list[int] = []
    emitter, recorder, emitting = subscribed(rx.FAIL, 5, on_discard=discarded.append)
    offers(emitter, 4)
    recorder.request(1)
    recorder.cancel()
    assert recorder.items == [0]
    assert discarded == [1, 2, 3]
    assert emitting.cleanups == 1


def test_leaving_async_for_cleans_up() -> None:
    async def main() -> None:
        emitting = Emitting()
        async with aclosing(aiter(rx.create(emitting, overflow=rx.FAIL, capacity=2))) as items:
            emitting.emitter.try_offer(1)
            assert await anext(items) == 1
        assert emitting.cleanups == 1
        assert emitting.emitter.try_offer(2) is Offer.CLOSED

    run(main())


def test_what_the_function_raises_is_signalled() -> None:
    def broken(emitter: rx.Emitter[int]) -> None:
        raise KeyError("function")

    recorder = Recorder(1)
    rx.create(broken, overflow=rx.FAIL).subscribe(recorder)
    assert [type(error) for error in recorder.errors] == [KeyError]


def test_an_async_function_and_bad_arguments_are_refused_when_it_is_built() -> None:
    async def wrong(emitter: rx.Emitter[int]) -> None: ...

    with pytest.raises(TypeError, match="create: function is an async function"):
        rx.create(wrong, overflow=rx.FAIL)
    with pytest.raises(TypeError, match="create: overflow"):
        rx.create(Emitting(), overflow="oldest")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="create: capacity"):
        rx.create(Emitting(), overflow=rx.FAIL, capacity=0)


def test_each_subscription_has_an_emitter_and_a_buffer_of_its_own() -> None:
    emitters: list[rx.Emitter[int]] = []
    flow = rx.create(emitters.append, overflow=rx.FAIL, capacity=1)
    first, second = Recorder(), Recorder()
    flow.subscribe(first)
    flow.subscribe(second)
    emitters[0].try_offer(1)
    emitters[1].try_offer(2)
    first.request(1)
    second.request(1)
    assert (first.items, second.items) == ([1], [2])


def test_the_design_example_end_to_end() -> None:
    """Subject, door, map, filter, a stock operator, map_async, async for."""
    from reactivex.subject import Subject

    running: list[int] = []
    most: list[int] = []

    async def enrich(pair: tuple[int, int]) -> tuple[int, int]:
        running.append(1)
        most.append(len(running))
        await asyncio.sleep(1)
        running.pop()
        return pair

    async def main() -> list[tuple[int, int]]:
        ticks: Subject[str] = Subject()
        flow = ticks.pipe(
            ops.on_backpressure_buffer(1000, overflow=rx.DROP_OLDEST),
            ops.map(int),
            ops.filter(lambda tick: tick % 2 == 0),
            ops.pairwise(),
            ops.map_async(enrich, max_concurrency=8),
        )
        items = aiter(flow)
        for tick in range(1500):
            ticks.on_next(str(tick))
        ticks.on_completed()
        seen = [pair async for pair in items]
        door = items.statistics()[0]
        assert (door.peak, door.capacity, dict(door.dropped)) == (1000, 1000, {"oldest": 500})
        return seen

    evens = list(range(500, 1500, 2))
    assert run(main()) == list(pairwise(evens))
    assert max(most) == 8
