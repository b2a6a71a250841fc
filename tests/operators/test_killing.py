"""kill_switch: a stream is ended from outside, at once or when it is drained."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import pytest
import reactivex
from reactivex import Subject

import rxflow as rx
from rxflow import operators as ops
from rxflow.kernel import hooks
from rxflow.testing import TestSubscriber, run_virtual
from tests.support import counted


class BrokenError(Exception):
    """What a switch aborts with."""


ENDS: dict[str, Callable[[rx.KillSwitch], None]] = {
    "shutdown": lambda switch: switch.shutdown(),
    "abort": lambda switch: switch.abort(BrokenError()),
}
EACH_END = pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)


def ended(probe: TestSubscriber[Any], end: Any) -> bool:
    return probe.completed if end is ENDS["shutdown"] else isinstance(probe.error, BrokenError)


# At once.


@EACH_END
@pytest.mark.parametrize("demand", [0, 1, rx.UNBOUNDED])
def test_it_ends_downstream_and_cancels_upstream(end: Any, demand: int) -> None:
    source, switch, probe = Subject[int](), rx.KillSwitch(), TestSubscriber(demand)
    lost: list[int] = []
    door = ops.on_backpressure_buffer(9, on_discard=lost.append)
    source.pipe(door, ops.kill_switch(switch)).subscribe(probe)
    source.on_next(1)
    source.on_next(2)
    assert not probe.ended
    end(switch)
    assert ended(probe, end)
    assert probe.items + lost == [1, 2]
    assert not source.observers


@EACH_END
def test_the_first_end_decides_and_the_others_do_nothing(end: Any) -> None:
    switch, probe = rx.KillSwitch(), TestSubscriber(1)
    rx.never().pipe(ops.kill_switch(switch)).subscribe(probe)
    assert not switch.pulled
    end(switch)
    assert switch.pulled
    signals = list(probe.signals)
    for other in ENDS.values():
        other(switch)
    assert probe.signals == signals
    late: TestSubscriber[int] = TestSubscriber(1)
    rx.of(1).pipe(ops.kill_switch(switch)).subscribe(late)
    assert ended(late, end)


def test_a_failure_that_an_item_was_made_of_is_not_told_to_the_stages_once_more() -> None:
    """The demand is met by that item, and then it is asked whether only the end is left."""
    emitters: list[rx.Emitter[int]] = []
    told: list[str] = []

    def telling(name: str) -> Any:
        return ops.do_action(on_error=lambda error: told.append(f"{name}: {error}"))

    probe: TestSubscriber[Any] = TestSubscriber(1)
    rx.create(emitters.append, overflow=rx.DROP_OLDEST, capacity=1).pipe(
        telling("first"),
        ops.switch_map(lambda item: [item]),
        telling("second"),
        ops.kill_switch(rx.KillSwitch()),
        ops.materialize(),
    ).subscribe(probe)
    emitters[0].on_error(OSError("cut"))
    assert told == ["first: cut", "second: cut"]
    assert ([item.kind for item in probe.items], probe.completed) == (["E"], True)


@EACH_END
def test_who_subscribes_later_opens_no_source(end: Any) -> None:
    switch, opened = rx.KillSwitch(), list[int]()
    end(switch)
    for demand in (0, 1):
        probe: TestSubscriber[int] = TestSubscriber(demand)
        source = rx.create(lambda _: opened.append(1), overflow=rx.FAIL)
        source.pipe(ops.kill_switch(switch)).subscribe(probe)
        assert ended(probe, end)
        plain: TestSubscriber[int] = TestSubscriber(demand)
        reactivex.create(lambda *_: opened.append(1)).pipe(
            ops.kill_switch(switch), ops.on_backpressure_buffer(1)
        ).subscribe(plain)
        assert ended(plain, end)
    assert opened == []


def test_several_pipelines_share_one_and_those_that_are_over_have_left() -> None:
    switch = rx.KillSwitch()
    probes = [TestSubscriber[int](1) for _ in range(5)]
    for probe in probes:
        rx.never().pipe(ops.kill_switch(switch)).subscribe(probe)
    rx.of(1).pipe(ops.kill_switch(switch)).subscribe(TestSubscriber(1))
    probes[0].cancel()
    assert len(switch._parts) == 4
    switch.shutdown()
    assert [probe.completed for probe in probes] == [False, True, True, True, True]
    assert not switch._parts


def test_a_switch_keeps_no_pipeline_that_is_over_alive() -> None:
    switch, source = rx.KillSwitch(), counted(range(3))
    gone = weakref.ref(source)
    rx.from_iterable(source).pipe(ops.kill_switch(switch)).subscribe(TestSubscriber(9))
    del source
    gc.collect()
    assert gone() is None


@EACH_END
def test_inside_of_an_item_no_further_item_comes(end: Any) -> None:
    switch, source = rx.KillSwitch(), counted(range(9))
    probe = TestSubscriber[int](rx.UNBOUNDED, lambda it, item: item == 2 and end(switch))
    rx.from_iterable(source).pipe(ops.kill_switch(switch)).subscribe(probe)
    assert probe.items == [0, 1, 2]
    assert (source.taken, source.closed) == (3, 1)
    assert ended(probe, end)


def test_many_threads_may_pull_it_at_once() -> None:
    for _ in range(30):
        switch, source = rx.KillSwitch(), Subject[int]()
        probe = TestSubscriber[int](rx.UNBOUNDED)
        source.pipe(ops.kill_switch(switch), ops.on_backpressure_buffer(9)).subscribe(probe)
        together = threading.Barrier(4)

        def pull(number: int, switch: rx.KillSwitch = switch, at: Any = together) -> None:
            at.wait()
            ENDS["abort" if number % 2 else "shutdown"](switch)

        threads = [threading.Thread(target=pull, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert probe.ended
        assert not probe.violations
        assert not source.observers


@EACH_END
def test_a_loop_that_waits_is_ended(end: Any) -> None:
    async def endless() -> AsyncIterator[int]:
        yield 1
        await asyncio.sleep(3600)

    async def main() -> tuple[list[int], str]:
        switch, taken = rx.KillSwitch(), list[int]()
        asyncio.get_running_loop().call_later(5.0, end, switch)
        try:
            async for item in rx.from_async_iterable(endless()).pipe(ops.kill_switch(switch)):
                taken.append(item)
        except BrokenError:
            return taken, "failed"
        return taken, "completed"

    assert run_virtual(main()) == ([1], "completed" if end is ENDS["shutdown"] else "failed")


@pytest.mark.parametrize("wrong", [None, rx.KillSwitch, "switch"])
def test_only_a_switch_is_one(wrong: Any) -> None:
    with pytest.raises(TypeError, match="KillSwitch"):
        ops.kill_switch(wrong)


@pytest.mark.parametrize("wrong", [None, "why", BrokenError, KeyboardInterrupt()])
def test_only_an_exception_aborts(wrong: Any) -> None:
    switch = rx.KillSwitch()
    with pytest.raises(TypeError, match="abort"):
        switch.abort(wrong)
    assert not switch.pulled


# A plain Observable, before a door.


@EACH_END
def test_a_plain_observable_stays_one(end: Any) -> None:
    switch, source = rx.KillSwitch(), Subject[int]()
    heard: list[Any] = []
    plain = source.pipe(ops.kill_switch(switch=switch))
    assert not isinstance(plain, rx.Flow)
    plain.subscribe(heard.append, heard.append, lambda: heard.append("completed"))
    source.on_next(1)
    end(switch)
    source.on_next(2)
    assert heard[0] == 1
    assert [str(each) for each in heard[1:]] == ["completed" if end is ENDS["shutdown"] else ""]
    assert not source.observers


@EACH_END
def test_before_a_door_what_the_door_holds_is_delivered(end: Any) -> None:
    switch, source, probe = rx.KillSwitch(), Subject[int](), TestSubscriber(1)
    source.pipe(ops.kill_switch(switch), ops.on_backpressure_buffer(9)).subscribe(probe)
    for item in (1, 2, 3):
        source.on_next(item)
    end(switch)
    assert not source.observers
    assert not probe.ended
    probe.request(2)
    assert probe.items == [1, 2, 3]
    assert ended(probe, end)


def test_a_plain_source_that_ends_or_is_left_has_left_the_switch() -> None:
    switch = rx.KillSwitch()
    reactivex.of(1).pipe(ops.kill_switch(switch)).subscribe()
    Subject[int]().pipe(ops.kill_switch(switch)).subscribe().dispose()
    assert not switch._parts


# Draining.


class Intake:
    """A source with a switch before the door, and what its door has discarded."""

    def __init__(self, count: int) -> None:
        self.switch = rx.KillSwitch()
        self.source: Subject[int] = Subject()
        self.count = count
        self.discarded: list[int] = []
        self.flow: Any = self.source.pipe(
            ops.kill_switch(self.switch),
            ops.on_backpressure_buffer(99, on_discard=self.discarded.append),
        )

    def push(self) -> None:
        for item in range(self.count):
            self.source.on_next(item)


async def drained(
    intake: Intake, consume: Callable[[Any, list[int]], Any], timeout: Any
) -> tuple[list[int], rx.DrainReport, float]:
    """Run a consumer that takes a second for each item, and drain when it has begun."""
    loop, taken = asyncio.get_running_loop(), list[int]()
    task = asyncio.ensure_future(consume(intake.flow, taken))
    await asyncio.sleep(0)
    intake.push()
    await asyncio.sleep(0.5)
    report = await intake.switch.drain_and_complete(timeout)
    time = loop.time()
    intake.source.on_next(-1)  # nobody takes it any more
    await task
    return taken, report, time


async def in_a_loop(flow: Any, taken: list[int]) -> None:
    async for item in flow:
        taken.append(item)
        await asyncio.sleep(1.0)


async def in_for_each(flow: Any, taken: list[int]) -> None:
    async def take(item: int) -> None:
        taken.append(item)
        await asyncio.sleep(1.0)

    await flow.for_each(take)


async def in_a_subscriber(flow: Any, taken: list[int]) -> None:
    loop, over = asyncio.get_running_loop(), asyncio.Event()

    class Consumer(TestSubscriber[int]):
        def on_completed(self) -> None:
            super().on_completed()
            over.set()

    def take(probe: TestSubscriber[int], item: int) -> None:
        taken.append(item)
        loop.call_later(1.0, probe.request, 1)

    flow.subscribe(Consumer(1, take))
    await over.wait()


async def behind_a_queue(flow: Any, taken: list[int]) -> None:
    await in_a_loop(flow.pipe(ops.limit_rate(2)), taken)


CONSUMERS = pytest.mark.parametrize(
    "consume",
    [in_a_loop, in_for_each, in_a_subscriber, behind_a_queue],
)


@CONSUMERS
@pytest.mark.parametrize("timeout", [None, 60.0, timedelta(minutes=1)])
def test_what_is_held_is_delivered_within_the_time(consume: Any, timeout: Any) -> None:
    intake = Intake(5)
    taken, report, time = run_virtual(drained(intake, consume, timeout))
    assert taken == [0, 1, 2, 3, 4]
    assert report == rx.DrainReport(True, {})
    assert report.complete
    assert 4.0 <= time <= 5.1
    assert not intake.source.observers


@CONSUMERS
def test_trap_graceful_shutdown_reports_what_was_not_delivered(consume: Any) -> None:
    intake = Intake(9)
    taken, report, time = run_virtual(drained(intake, consume, 3.0))
    assert taken == [0, 1, 2, 3]
    assert not report.in_time
    assert not report.complete
    assert sum(report.undelivered.values()) == 5
    assert time == pytest.approx(3.5, abs=1e-3)
    if consume is behind_a_queue:
        assert report.undelivered == {"on_backpressure_buffer": 3, "limit_rate": 2}
        assert intake.discarded == [6, 7, 8]
    else:
        assert report.undelivered == {"on_backpressure_buffer": 5}
        assert intake.discarded == [4, 5, 6, 7, 8]


def test_what_runs_in_tasks_is_delivered_or_counted() -> None:
    async def consume(flow: Any, taken: list[int]) -> None:
        async def work(item: int) -> int:
            await asyncio.sleep(1.0 if item < 2 else 3600.0)
            return item

        async for item in flow.pipe(ops.map_async(work, max_concurrency=2)):
            taken.append(item)

    intake = Intake(5)
    taken, report, _ = run_virtual(drained(intake, consume, 10.0))
    assert taken == [0, 1]
    assert report.undelivered == {"on_backpressure_buffer": 1, "map_async": 2}


def test_a_subscriber_that_asks_for_nothing_is_completed_at_the_deadline() -> None:
    intake, probe = Intake(3), TestSubscriber[int](1)

    async def main() -> rx.DrainReport:
        intake.flow.subscribe(probe)
        intake.push()
        return await intake.switch.drain_and_complete(5.0)

    report = run_virtual(main())
    assert probe.items == [0]
    assert probe.completed
    assert (report.in_time, dict(report.undelivered)) == (False, {"on_backpressure_buffer": 2})


def test_a_switch_behind_a_door_gives_up_what_the_door_holds_and_says_so() -> None:
    switch, source, probe = rx.KillSwitch(), Subject[int](), TestSubscriber[int](1)
    source.pipe(ops.on_backpressure_buffer(9), ops.kill_switch(switch)).subscribe(probe)

    async def main() -> rx.DrainReport:
        for item in (1, 2, 3):
            source.on_next(item)
        return await switch.drain_and_complete(5.0)

    report = run_virtual(main())
    assert (report.in_time, dict(report.undelivered)) == (True, {"on_backpressure_buffer": 2})
    assert not report.complete
    assert probe.completed


def test_several_pipelines_are_drained_together() -> None:
    async def main() -> Any:
        switch, source = rx.KillSwitch(), Subject[int]()
        loop, taken = asyncio.get_running_loop(), [list[int]() for _ in range(3)]
        intake = source.pipe(ops.kill_switch(switch))
        tasks = [
            asyncio.ensure_future(in_a_loop(intake.pipe(ops.on_backpressure_buffer(9)), each))
            for each in taken
        ]
        await asyncio.sleep(0)
        for item in range(4):
            source.on_next(item)
        await asyncio.sleep(0.5)
        report = await switch.drain_and_complete(60.0)
        time = loop.time()
        await asyncio.gather(*tasks)
        return taken, report, time

    taken, report, time = run_virtual(main())
    assert taken == [[0, 1, 2, 3]] * 3
    assert report.complete
    assert time == pytest.approx(4.0, abs=0.1)


def test_two_intakes_of_one_pipeline_count_once() -> None:
    async def main() -> rx.DrainReport:
        switch, probe = rx.KillSwitch(), TestSubscriber[int](1)
        one, two = Subject[int](), Subject[int]()
        door = ops.on_backpressure_buffer(9)
        first, second = (each.pipe(ops.kill_switch(switch), door) for each in (one, two))
        first.pipe(ops.merge(second)).subscribe(probe)
        for item in range(3):
            one.on_next(item)
            two.on_next(item)
        return await switch.drain_and_complete(1.0)

    assert dict(run_virtual(main()).undelivered) == {"on_backpressure_buffer": 5}


def test_nothing_to_drain_is_drained_at_once() -> None:
    async def main() -> float:
        assert (await rx.KillSwitch().drain_and_complete(60.0)).complete
        return asyncio.get_running_loop().time()

    assert run_virtual(main()) == 0.0


@pytest.mark.parametrize(("wrong", "error"), [(-1, ValueError), ("1", TypeError)])
def test_a_wrong_timeout_is_refused_and_pulls_nothing(wrong: Any, error: Any) -> None:
    async def main() -> None:
        switch = rx.KillSwitch()
        with pytest.raises(error, match="timeout"):
            await switch.drain_and_complete(wrong)
        assert not switch.pulled

    run_virtual(main())


def test_what_is_thrown_while_it_ends_is_reported_and_nothing_is_dropped_silently() -> None:
    reported: list[BaseException] = []
    before, hooks.on_dropped_error = hooks.on_dropped_error, reported.append
    try:
        switch, probe = rx.KillSwitch(), TestSubscriber[int](1)
        rx.never().pipe(ops.finally_action(lambda: 1 / 0), ops.kill_switch(switch)).subscribe(probe)
        switch.shutdown()
    finally:
        hooks.on_dropped_error = before
    assert [type(error) for error in reported] == [ZeroDivisionError]
    assert probe.completed
