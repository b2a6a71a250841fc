"""The recorder: what it writes down of a subscription, in virtual and in real time."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
import reactivex
from reactivex import Subject
from reactivex.testing import TestScheduler

import rxflow as rx
from rxflow import UNBOUNDED
from rxflow import operators as ops
from rxflow.notebook import Recorder, Recording, record
from rxflow.notebook.recording import Mark, shown
from rxflow.testing import TestSubscriber, run_virtual


def times(marks: tuple[Mark, ...]) -> list[tuple[float, str]]:
    return [(mark.at, mark.text or mark.kind) for mark in marks]


def overflowing(on_drop: bool = True) -> Recording:
    recorder = Recorder()

    def build(source: rx.Observable[str]) -> rx.Flow[str]:
        tell = recorder.on_drop if on_drop else None
        door = ops.on_backpressure_buffer(2, overflow=rx.DROP_OLDEST, on_drop=tell)
        return source.pipe(recorder.source("ticks"), door, ops.map(str.upper), recorder)

    record(
        build,
        """
        request  1-------2------1---
        source   -a-b-c-d-----e---|
        """,
    )
    return recorder.recording()


def test_every_lane_of_a_run_in_virtual_time() -> None:
    recording = overflowing()
    assert [(mark.at, mark.count) for mark in recording.requests] == [(0, 1), (8, 2), (15, 1)]
    assert times(recording.sources["ticks"]) == [
        (1, "'a'"),
        (3, "'b'"),
        (5, "'c'"),
        (7, "'d'"),
        (13, "'e'"),
        (17, "completed"),
    ]
    assert times(recording.output) == [
        (1, "'A'"),
        (8, "'C'"),
        (8, "'D'"),
        (15, "'E'"),
        (17, "completed"),
    ]
    assert recording.seconds == 17


def test_held_is_a_step_for_each_change_with_the_capacity() -> None:
    [level] = overflowing().held
    assert (level.name, level.capacity, level.peak) == ("on_backpressure_buffer", 2, 2)
    assert level.points == ((0, 0), (3, 1), (5, 2), (8, 1), (8, 0), (13, 1), (15, 0))


def test_blocked_is_held_and_not_asked_for_and_starved_the_other_way_round() -> None:
    recording = overflowing()
    assert recording.blocked == ((3, 8), (13, 15))
    assert recording.starved == ((0, 1),)


def test_a_drop_is_named_where_the_recorder_is_told_of_it() -> None:
    assert overflowing().drops == {"oldest": (Mark(7, "drop", "'b'"),)}


def test_a_drop_is_counted_where_nobody_tells_of_it() -> None:
    assert overflowing(on_drop=False).drops == {"oldest": (Mark(7, "drop", count=1),)}


def test_the_same_run_gives_the_same_recording() -> None:
    assert overflowing() == overflowing()


def test_it_changes_nothing_of_what_the_pipeline_does() -> None:
    recorder = Recorder()
    scheduler = TestScheduler()
    source = Subject[int]()
    door = ops.on_backpressure_buffer(2, overflow=rx.DROP_INCOMING)
    subscriber = TestSubscriber[int](1)
    source.pipe(recorder.source("s"), door, recorder).subscribe(subscriber, scheduler=scheduler)
    for item in range(5):
        source.on_next(item)
    subscriber.assert_items(0)
    part = subscriber.statistics["on_backpressure_buffer"]
    assert (part.held, part.dropped) == (2, {"incoming": 2})
    subscriber.request(1)
    source.on_completed()
    subscriber.assert_items(0, 1)
    subscriber.request(1)
    subscriber.assert_completed(0, 1, 2)


def test_real_time_is_the_clock_of_the_loop() -> None:
    recorder = Recorder()

    async def main() -> None:
        flow = rx.interval(0.5).pipe(ops.take(3), recorder)
        async for _ in flow:
            await asyncio.sleep(0.25)

    run_virtual(main())
    items = [mark for mark in recorder.recording().output if mark.kind == "item"]
    assert [mark.text for mark in items] == ["0", "1", "2"]
    assert [mark.at for mark in items] == pytest.approx([0.5, 1.0, 1.5])


def test_without_a_loop_time_is_real() -> None:
    recorder = Recorder()
    assert list(rx.range(3).pipe(recorder)) == [0, 1, 2]
    recording = recorder.recording()
    assert [mark.kind for mark in recording.output] == ["item"] * 3 + ["completed"]
    assert 0 <= recording.seconds < 60


def test_a_failure_and_a_cancel_end_the_lanes() -> None:
    failed = record(
        lambda source: source.pipe(ops.on_backpressure_buffer(2)), "request u\nsource  -aX"
    )
    assert times(failed.recording().output)[-1] == (2, "Exception('error')")
    left = record(
        lambda source: source.pipe(ops.on_backpressure_buffer(2)),
        """
        request u--x-
        source  -a--b
        """,
    )
    assert left.recording().requests[-1] == Mark(3, "cancel")
    assert times(left.recording().output) == [(1, "'a'")]


def test_unbounded_demand_is_starved_while_nothing_comes() -> None:
    recording = record(
        lambda source: source.pipe(ops.on_backpressure_buffer(2)), "request u---\nsource  --a|"
    ).recording()
    assert recording.requests[0].count == UNBOUNDED
    assert recording.starved == ((0, 3),)
    assert recording.blocked == ()


def test_a_second_subscription_begins_anew() -> None:
    recorder = Recorder()
    flow = rx.of(1, 2).pipe(recorder)
    assert list(flow) == list(flow) == [1, 2]
    assert [mark.text for mark in recorder.recording().output] == ["1", "2", ""]


def test_what_goes_beyond_the_limit_is_counted() -> None:
    recorder = Recorder(limit=10)
    subscriber = TestSubscriber[int](UNBOUNDED)
    rx.range(100).pipe(recorder).subscribe(subscriber)
    assert len(subscriber.items) == 100
    recording = recorder.recording()
    kept = len(recording.requests) + len(recording.output)
    assert kept == 10
    assert kept + recording.missed == 1 + 100 + 1


def test_parts_of_one_name_are_kept_apart() -> None:
    def build(**sources: rx.Observable[str]) -> rx.Flow[str]:
        doors = [source.pipe(ops.on_backpressure_buffer(3)) for source in sources.values()]
        return rx.merge(*doors)

    recording = record(build, "request ---u\na       a---|\nb       bb--|").recording()
    peaks = {level.name: level.peak for level in recording.held}
    assert peaks["on_backpressure_buffer"] == 1
    assert peaks["on_backpressure_buffer (2)"] == 2


def test_it_keeps_texts_and_no_items() -> None:
    class Item:
        alive = 0

        def __init__(self) -> None:
            Item.alive += 1

        def __del__(self) -> None:
            Item.alive -= 1

    recorder = Recorder()
    for _ in rx.range(5).pipe(ops.map(lambda _: Item()), recorder):
        pass
    del _
    assert Item.alive == 0
    assert len(recorder.recording().output) == 6


def test_a_plain_observable_is_refused() -> None:
    with pytest.raises(TypeError, match="put it behind a door"):
        Subject[int]().pipe(Recorder())  # type: ignore[arg-type]


def test_nothing_recorded_is_an_empty_recording() -> None:
    recording = Recorder().recording()
    assert recording.seconds == 0
    assert (recording.requests, recording.output, recording.held) == ((), (), ())


class Unspeakable:
    def __repr__(self) -> str:
        raise ValueError("no")


@pytest.mark.parametrize(
    ("item", "text"),
    [
        (None, "None"),
        (Unspeakable(), "<Unspeakable>"),
        (object(), "<object object>"),
        ("a", "'a'"),
    ],
)
def test_the_text_of_an_item_is_the_same_in_each_run(item: Any, text: str) -> None:
    assert shown(item) == text


def test_the_text_of_a_huge_item_is_short() -> None:
    assert len(shown("x" * 10**6)) <= 60
    assert len(shown(list(range(10**6)))) <= 60


def test_a_source_on_another_thread_is_recorded_in_full() -> None:
    recorder = Recorder()
    source = Subject[int]()
    door = ops.on_backpressure_buffer(1000)
    subscriber = TestSubscriber[int](1, request_each=1)
    source.pipe(recorder.source("s"), door, recorder).subscribe(subscriber)

    def push() -> None:
        for item in range(500):
            source.on_next(item)
        source.on_completed()

    thread = threading.Thread(target=push)
    thread.start()
    while thread.is_alive():  # looked at meanwhile
        assert len(recorder.recording().output) <= 501
    thread.join()
    subscriber.assert_completed(*range(500))
    recording = recorder.recording()
    assert len(recording.sources["s"]) == len(recording.output) == 501
    assert sum(mark.count for mark in recording.requests) == 501
    assert [mark.at for mark in recording.output] == sorted(mark.at for mark in recording.output)


def test_what_a_former_subscription_does_is_not_heard() -> None:
    recorder = Recorder()
    source = Subject[str]()
    door = ops.on_backpressure_buffer(9)
    flow = source.pipe(recorder.source("s"), door, recorder)
    former, present = TestSubscriber[str](UNBOUNDED), TestSubscriber[str](UNBOUNDED)
    flow.subscribe(former)
    source.on_next("a")
    flow.subscribe(present)
    source.on_next("b")
    former.assert_items("a", "b")
    present.assert_items("b")
    recording = recorder.recording()
    assert [mark.text for mark in recording.output] == ["'b'"]
    assert [mark.text for mark in recording.sources["s"]] == ["'b'"]


def test_the_source_of_a_flow_is_recorded_for_its_own_subscription() -> None:
    recorder = Recorder()
    flow = rx.of(1, 2, 3).pipe(recorder.source("s"), ops.filter(lambda n: n != 2), recorder)
    assert list(flow) == list(flow) == [1, 3]
    recording = recorder.recording()
    assert [mark.text for mark in recording.sources["s"]] == ["1", "2", "3", ""]
    assert [mark.text for mark in recording.output] == ["1", "3", ""]


def test_a_recorder_that_nobody_carries_is_in_nobodys_way() -> None:
    recorder = Recorder()
    seen: list[int] = []
    rx.of(1, 2).pipe(recorder.source("flow")).subscribe(seen.append)
    reactivex.of(3).pipe(recorder.source("plain")).subscribe(seen.append)
    assert seen == [1, 2, 3]
    assert recorder.recording().sources == {}


def test_a_stretch_is_not_cut_by_what_took_no_time() -> None:
    recorder = record(
        lambda source: source.pipe(ops.on_backpressure_buffer(9)),
        """
        request  ----1----1---5--
        source   abcdefg---|
        """,
    )
    blocked = recorder.recording().blocked
    assert blocked == ((0.0, 13.0),)  # at 4 s and 9 s one was asked for, and given at once
