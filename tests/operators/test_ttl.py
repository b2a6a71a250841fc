"""Items that get too old in a door: when exactly they go, who hears of it, and by which clock."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from random import Random
from typing import Any

import pytest
import reactivex
from reactivex import Subject
from reactivex.testing import TestScheduler

import rxflow as rx
from rxflow import operators as ops
from rxflow.testing import TestSubscriber, VirtualTimeLoop, run_virtual
from tests.kernel.recorder import in_thread
from tests.support_doors import Books, Opened
from tests.support_loop import turns


def aging(ttl: Any = 10.0, capacity: float = 5, **options: Any) -> Opened:
    options.setdefault("overflow", rx.DROP_OLDEST)
    return Opened(ops.on_backpressure_buffer, capacity, ttl=ttl, **options)


# When an item goes.


@pytest.mark.parametrize(
    ("time", "kept"), [(9.999, ["a"]), (10.0, []), (10.001, [])], ids=["before", "at", "after"]
)
def test_an_item_goes_at_its_age_and_not_before(time: float, kept: list[str]) -> None:
    door = aging(10.0)
    door.push("a")
    door.at(time)
    assert door.drops == [(item, "expired") for item in "a" if not kept]
    assert door.figures.held == len(kept)
    assert door.take_all() == kept


def test_each_item_has_a_time_of_its_own() -> None:
    door = aging(10.0)
    for time in (1, 4, 4, 8):
        door.at(time)
        door.push(time)
    heard: list[tuple[float, int]] = []
    for time in (10.9, 11, 13.9, 14, 17.9, 18):
        door.at(time)
        heard.append((time, len(door.drops)))
    assert heard == [(10.9, 0), (11, 1), (13.9, 1), (14, 3), (17.9, 3), (18, 4)]
    assert door.figures.dropped == {"expired": 4}


def test_the_callback_is_timely_although_nobody_pushes_or_takes() -> None:
    told: list[float] = []
    door = aging(10.0, on_drop=lambda item, reason: told.append(door.clock.clock))
    door.push("a")
    door.at(3)
    door.push("b")
    door.at(100)
    assert told == [10, 13]


def test_a_door_that_was_empty_for_a_while_keeps_the_time_again() -> None:
    door = aging(10.0, demand=1)
    door.push("a")
    door.at(50)
    door.push("b")
    door.at(59.9)
    assert door.drops == []
    door.at(60)
    assert door.drops == [("b", "expired")]


def test_what_was_taken_in_time_is_not_dropped() -> None:
    door = aging(10.0)
    door.push("a", "b")
    door.at(9)
    door.probe.request(1)
    door.at(100)
    assert door.probe.items == ["a"]
    assert door.drops == [("b", "expired")]


def test_what_is_asked_for_passes_at_once_however_short_its_time() -> None:
    door = aging(1e-6, demand=rx.UNBOUNDED)
    door.push(*range(100))
    assert door.probe.items == list(range(100))
    assert door.drops == []


class Stopped(TestScheduler):
    """A clock that goes on, and whose timers never ring."""

    def schedule_relative(self, *_: Any, **__: Any) -> Any:
        return reactivex.disposable.Disposable()


def stopped(**options: Any) -> tuple[Books, Any, Subject[Any], TestSubscriber[Any]]:
    books, clock, subject = Books(), Stopped(), Subject[Any]()
    probe: TestSubscriber[Any] = TestSubscriber()
    door = ops.on_backpressure_buffer(3, ttl=10.0, **options, **books.callbacks)
    subject.pipe(door).subscribe(probe, scheduler=clock)
    return books, clock, subject, probe


def test_an_item_that_is_too_old_is_not_delivered_though_the_timer_is_late() -> None:
    books, clock, subject, probe = stopped(overflow=rx.DROP_OLDEST)
    subject.on_next("a")
    clock.advance_to(5)
    subject.on_next("b")
    clock.advance_to(10)
    probe.request(5)
    assert probe.items == ["b"]
    assert books.drops == [("a", "expired")]


def test_a_push_looks_for_what_is_too_old_though_the_timer_is_late() -> None:
    books, clock, subject, probe = stopped(overflow=rx.FAIL)
    for item in range(3):
        subject.on_next(item)
    clock.advance_to(10)
    for item in range(3, 6):
        subject.on_next(item)  # there is room
    assert books.drops == [(item, "expired") for item in range(3)]
    probe.request(9)
    assert probe.items == [3, 4, 5]
    assert probe.error is None


def test_an_item_gets_too_old_between_two_that_are_delivered() -> None:
    """The consumer takes its time: what is behind the first item is looked at again."""
    door = aging(10.0, then=lambda probe, item: door.clock.sleep(6))
    door.push("a")
    door.at(1)
    door.push("b", "c")
    door.probe.request(3)
    assert door.probe.items == ["a", "b"]
    assert door.drops == [("c", "expired")]


def test_ttl_is_seconds_or_a_timedelta() -> None:
    door = aging(timedelta(milliseconds=500))
    door.push("a")
    door.at(0.499)
    assert door.drops == []
    door.at(0.5)
    assert door.drops == [("a", "expired")]


@pytest.mark.parametrize(
    ("ttl", "error", "text"),
    [
        (0, ValueError, "more than 0 seconds"),
        (-1, ValueError, "must not be negative"),
        (timedelta(0), ValueError, "more than 0 seconds"),
        ("1", TypeError, "seconds or a timedelta"),
        (float("nan"), ValueError, "ttl"),
    ],
)
def test_a_wrong_ttl_is_an_error_when_the_pipeline_is_built(
    ttl: Any, error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=rf"on_backpressure_buffer: .*{text}"):
        ops.on_backpressure_buffer(3, ttl=ttl)


# Together with the strategies and the ends.


def test_an_item_that_is_too_old_makes_room_before_the_strategy_is_asked() -> None:
    door = aging(10.0, 2, overflow=rx.FAIL)
    door.push(1, 2)
    door.at(10)
    door.push(3, 4)
    assert door.probe.error is None
    assert door.take_all() == [3, 4]


@pytest.mark.parametrize(
    "overflow", [rx.DROP_OLDEST, rx.DROP_NEWEST, rx.DROP_INCOMING, rx.DROP_ALL], ids=repr
)
def test_capacity_3_holds_3_with_a_ttl(overflow: rx.Overflow) -> None:
    door = aging(10.0, 3, overflow=overflow)
    door.push(1, 2, 3)
    assert door.drops == []
    assert (door.figures.held, door.figures.capacity) == (3, 3)
    door.push(4)
    assert len(door.drops) == (3 if overflow is rx.DROP_ALL else 1)
    assert {reason for _, reason in door.drops} == {overflow.victim.value}


def test_the_end_needs_no_demand_once_the_last_item_is_too_old() -> None:
    door = aging(10.0)
    door.push(1, 2)
    door.subject.on_completed()
    door.at(9)
    assert not door.probe.completed
    door.at(10)
    assert door.probe.completed
    assert door.drops == [(1, "expired"), (2, "expired")]


def test_an_error_needs_no_demand_once_the_last_item_is_too_old() -> None:
    failure = ValueError()
    door = aging(10.0)
    door.push(1)
    door.subject.on_error(failure)
    door.at(10)
    assert door.probe.error is failure


def test_an_error_that_is_not_delayed_discards_and_leaves_nothing_to_get_old() -> None:
    failure = ValueError()
    door = aging(10.0, delay_error=False)
    door.push(1)
    door.subject.on_error(failure)
    assert door.probe.error is failure
    door.at(20)
    assert (door.drops, door.discards) == ([], [1])


def test_a_cancel_discards_and_stops_the_clock() -> None:
    door = aging(10.0)
    door.push(1, 2)
    door.probe.cancel()
    door.at(20)
    assert (door.drops, door.discards) == ([], [1, 2])
    assert door.figures.discarded == 2


def test_a_callback_that_raises_when_the_time_is_over_ends_the_stream() -> None:
    failure = ValueError()

    def refuse(item: int, reason: str) -> None:
        raise failure

    door = aging(10.0, on_drop=refuse)
    door.push(1)
    door.at(5)
    door.push(2)
    door.at(10)
    assert not door.subject.observers
    door.probe.request(1)
    assert door.probe.items == [2]
    assert door.probe.error is failure


def test_a_callback_that_raises_after_the_source_has_completed_is_the_end() -> None:
    failure = ValueError()

    def refuse(item: int, reason: str) -> None:
        raise failure

    door = aging(10.0, on_drop=refuse)
    door.push(1)
    door.subject.on_completed()
    door.at(10)
    assert door.probe.error is failure


def test_a_callback_may_push_and_request_while_the_time_is_over() -> None:
    def again(item: int, reason: str) -> None:
        if item < 3:
            door.push(item + 1)
            door.probe.request(1)

    door = aging(10.0, on_drop=again)
    door.push(1)
    door.at(10)
    assert door.probe.items == [2]


def test_what_gets_too_old_makes_room_for_a_thread_that_waits() -> None:
    """The trap: who is blocked is told when an item is taken, and must be when one expires."""
    door = aging(10.0, 1, overflow=rx.BLOCK)
    done: list[bool] = []

    def produce() -> None:
        door.push(1, 2)
        done.append(True)

    join = in_thread(produce)
    assert door.wait_for_a_waiting_producer().held == 1
    assert done == []
    door.at(10)
    join()
    assert done == [True]
    assert door.drops == [(1, "expired")]
    assert door.take_all() == [2]


# What is fetched ahead would get old elsewhere.


def test_latest_before_an_async_boundary_delivers_the_latest_with_ttl() -> None:
    door = aging(10.0, 1, demand=1, behind=(ops.observe_on(clock := TestScheduler()),))
    for item in range(1, 9):
        door.push(item)
    clock.advance_to(1)
    door.probe.request(1)
    clock.advance_to(2)
    assert door.probe.items[-1] == 8
    assert len(door.probe.items) <= 2


def test_nothing_that_is_too_old_is_kept_for_delivery_behind_an_async_boundary() -> None:
    clock = TestScheduler()
    door = aging(10.0, 5, behind=(ops.observe_on(clock),))
    door.push(1, 2, 3)
    clock.advance_to(1)
    door.at(20)
    assert door.drops == [(2, "expired"), (3, "expired")]  # 1 is with observe_on, which holds 1
    assert door.probe.statistics["observe_on"].held == 1


# The clock.


def test_the_clock_is_that_of_the_running_loop_also_when_it_is_virtual() -> None:
    async def main() -> list[tuple[str, float]]:
        loop = asyncio.get_running_loop()
        told: list[tuple[str, float]] = []
        subject: Subject[str] = Subject()
        door = ops.on_backpressure_buffer(
            9, ttl=60.0, on_drop=lambda item, _: told.append((item, loop.time()))
        )
        probe: TestSubscriber[str] = TestSubscriber()
        subject.pipe(door).subscribe(probe)
        subject.on_next("a")
        await asyncio.sleep(45)
        subject.on_next("b")
        await asyncio.sleep(14)
        assert told == []
        await asyncio.sleep(100)
        probe.cancel()
        return told

    told = run_virtual(main())
    assert [item for item, _ in told] == ["a", "b"]
    assert [time for _, time in told] == pytest.approx([60, 105], abs=1e-4)


def test_items_get_old_while_the_body_of_an_async_for_takes_its_time() -> None:
    async def main() -> tuple[list[int], list[tuple[int, float]]]:
        loop = asyncio.get_running_loop()
        told: list[tuple[int, float]] = []
        subject: Subject[int] = Subject()
        door = ops.on_backpressure_buffer(
            9, ttl=10.0, on_drop=lambda item, _: told.append((item, loop.time()))
        )
        seen: list[int] = []
        loop.call_later(1, lambda: [subject.on_next(n) for n in (1, 2, 3)])
        loop.call_later(30, lambda: subject.on_next(4))
        loop.call_later(31, subject.on_completed)
        async for item in subject.pipe(door):
            seen.append(item)
            await asyncio.sleep(25)
        return seen, told

    seen, told = run_virtual(main())
    assert seen == [1, 4]
    assert [item for item, _ in told] == [2, 3]
    assert [time for _, time in told] == pytest.approx([11, 11], abs=1e-4)


def test_a_push_after_the_loop_was_closed_does_not_reach_who_pushes() -> None:
    subject: Subject[int] = Subject()
    probe: TestSubscriber[int] = TestSubscriber()
    loop = VirtualTimeLoop()

    async def main() -> None:
        subject.pipe(ops.on_backpressure_buffer(9, ttl=1.0)).subscribe(probe)
        await turns(1)

    loop.run_until_complete(main())
    loop.close()
    subject.on_next(1)
    probe.request(1)
    assert probe.items == [1]
    probe.cancel()


def test_from_observable_and_create_have_it_too() -> None:
    clock, books = TestScheduler(), Books()
    subject: Subject[int] = Subject()
    one: TestSubscriber[int] = TestSubscriber()
    other: TestSubscriber[int] = TestSubscriber()
    options: Any = {"overflow": rx.DROP_OLDEST, "ttl": 5.0, **books.callbacks}
    emitters: list[rx.Emitter[int]] = []
    rx.from_observable(subject, **options).subscribe(one, scheduler=clock)
    rx.create(emitters.append, **options).subscribe(other, scheduler=clock)
    subject.on_next(1)
    emitters[0].on_next(2)
    clock.advance_to(5)
    assert sorted(books.drops) == [(1, "expired"), (2, "expired")]
    assert one.statistics["from_observable"].held == other.statistics["create"].held == 0


def test_a_producer_that_awaits_room_gets_it_when_an_item_is_too_old() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        emitters: list[rx.Emitter[int]] = []
        probe: TestSubscriber[int] = TestSubscriber()
        rx.create(emitters.append, overflow=rx.SUSPEND, capacity=1, ttl=10.0).subscribe(probe)
        await emitters[0].send(1)
        assert await emitters[0].send(2) is rx.Offer.ENQUEUED
        assert loop.time() == pytest.approx(10, abs=1e-4)
        probe.cancel()

    run_virtual(main())


@pytest.mark.parametrize("overflow", [rx.DROP_OLDEST, rx.DROP_NEWEST, rx.DROP_ALL], ids=repr)
@pytest.mark.parametrize("seed", range(15))
def test_every_item_is_delivered_in_time_dropped_or_discarded_exactly_once(
    overflow: rx.Overflow, seed: int
) -> None:
    chance = Random(seed)
    ages: list[float] = []
    door = aging(
        10.0,
        chance.randint(1, 5),
        overflow=overflow,
        then=lambda probe, item: ages.append(door.clock.clock - came[item]),
    )
    came: list[float] = []
    for _ in range(60):
        match chance.randint(0, 3):
            case 0 | 1:
                came.append(door.clock.clock)
                door.push(len(came) - 1)
            case 2:
                door.probe.request(chance.randint(1, 2))
            case _:
                door.clock.advance_by(chance.choice([1, 3, 9.5]))
        assert door.figures.held <= 5
    door.probe.cancel()
    everything = [*door.probe.items, *door.discards, *(item for item, _ in door.drops)]
    assert sorted(everything) == list(range(len(came)))
    assert door.probe.items == sorted(door.probe.items)
    assert max(ages, default=0) < 10
