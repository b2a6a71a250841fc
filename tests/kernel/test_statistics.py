"""The figures of a running stream, and those that stay when it is over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from reactivex.subject import Subject

import rxflow
from rxflow import operators as ops
from rxflow.kernel import Ledger, StageStatistics
from rxflow.protocol import DROP_OLDEST, FAIL, UNBOUNDED
from tests.kernel.recorder import COMPLETED, Recorder, dropped_errors
from tests.support import timeless


def balanced(figures: StageStatistics) -> bool:
    out = figures.delivered + figures.held + figures.discarded + sum(figures.dropped.values())
    return figures.received == out


def behind_a_door(
    recorder: Recorder, capacity: int = 3, overflow: rxflow.Overflow = DROP_OLDEST
) -> tuple[Subject[int], Any]:
    subject: Subject[int] = Subject()
    flow = rxflow.from_observable(subject, overflow=overflow, capacity=capacity)
    return subject, flow.subscribe(recorder)


def test_before_anything_has_happened_only_the_demand_is_known():
    source, figures = timeless(*rxflow.from_iterable([1]).subscribe(Recorder()).statistics())
    assert source == StageStatistics("from_iterable", inputs=0)
    assert figures == StageStatistics("subscriber")


def test_while_it_runs_each_part_says_what_it_has_had_has_now_and_has_lost():
    recorder = Recorder(2)
    subject, subscription = behind_a_door(recorder)
    for item in range(9):
        subject.on_next(item)
    door, consumer = timeless(*subscription.statistics())
    assert consumer == StageStatistics("subscriber", requested=2, received=2, delivered=2)
    assert (door.name, door.capacity, door.peak) == ("from_observable", 3, 3)
    assert (door.received, door.delivered, door.held) == (9, 2, 3)
    assert door.dropped == {"oldest": 4}
    assert balanced(door)
    assert recorder.items == [0, 1]


def ends() -> dict[str, Callable[[Recorder, Subject[int]], None]]:
    def complete(recorder: Recorder, subject: Subject[int]) -> None:
        subject.on_completed()
        recorder.request(3)

    def fail(recorder: Recorder, subject: Subject[int]) -> None:
        subject.on_error(OSError())
        recorder.request(3)

    def cancel(recorder: Recorder, subject: Subject[int]) -> None:
        recorder.cancel()

    def ask_wrongly(recorder: Recorder, subject: Subject[int]) -> None:
        recorder.request(0)

    return {f.__name__: f for f in (complete, fail, cancel, ask_wrongly)}


@pytest.mark.parametrize(("end", "finish"), ends().items())
def test_after_the_end_the_last_figures_stay_and_balance(
    end: str, finish: Callable[[Recorder, Subject[int]], None]
):
    recorder = Recorder(2)
    subject, subscription = behind_a_door(recorder)
    for item in range(9):
        subject.on_next(item)
    finish(recorder, subject)
    subject.on_next(99)  # too late to be counted
    recorder.cancel()
    door, consumer = subscription.statistics()
    left = 0 if end in ("complete", "fail") else 3
    assert (door.received, door.held, door.discarded) == (9, 0, left)
    assert door.delivered == consumer.received == consumer.delivered == 5 - left
    assert door.dropped == {"oldest": 4}
    assert balanced(door)
    assert balanced(consumer)
    assert subscription.statistics() == (door, consumer)


def test_an_overflow_that_fails_is_in_the_last_figures():
    recorder = Recorder(1)
    subject, subscription = behind_a_door(recorder, overflow=FAIL)
    for item in range(9):
        subject.on_next(item)
    recorder.request(3)
    assert isinstance(recorder.error, rxflow.BufferOverflowError)
    door, consumer = subscription.statistics()
    assert (door.received, door.delivered, door.dropped) == (5, 4, {"overflow": 1})
    assert balanced(door)
    assert consumer.delivered == 4


def test_an_item_that_the_subscriber_raised_on_counts_as_delivered():
    def then(recorder: Recorder, item: int) -> None:
        raise OSError

    recorder = Recorder(UNBOUNDED, then)
    with dropped_errors():
        subscription = rxflow.from_iterable([1, 2]).subscribe(recorder)
    _, consumer = subscription.statistics()
    assert (consumer.received, consumer.delivered, consumer.discarded) == (1, 1, 0)


def test_figures_asked_for_inside_of_signals_are_those_of_that_moment():
    held: list[int] = []
    peaks: list[int] = []

    def note(recorder: Recorder, item: Any = None) -> None:
        door = recorder.subscription.statistics()[0]  # type: ignore
        assert balanced(door)
        held.append(door.held)
        peaks.append(door.peak)

    class Asking(Recorder):
        def on_completed(self) -> None:
            super().on_completed()
            note(self)

    recorder = Asking(then=note)
    subject, _ = behind_a_door(recorder)
    for item in range(3):
        subject.on_next(item)
    subject.on_completed()
    recorder.request(5)
    assert recorder.ends == [COMPLETED]
    assert held == [2, 1, 0, 0]
    assert peaks == [3, 3, 3, 3]


def test_synchronous_operators_that_hold_nothing_count_nothing():
    flow = rxflow.range(9).pipe(ops.map(str), ops.filter(bool), ops.skip(2))
    recorder = Recorder(3)
    source, *stages, consumer = timeless(*flow.subscribe(recorder).statistics())
    assert source == StageStatistics("range", received=5, delivered=5, inputs=0)
    assert stages == [StageStatistics(name) for name in ("map", "filter", "skip")]
    assert consumer == StageStatistics("subscriber", requested=3, received=3, delivered=3)


def test_a_snapshot_does_not_change_afterwards():
    recorder = Recorder(1)
    subject, subscription = behind_a_door(recorder)
    subject.on_next(1)
    before = subscription.statistics()
    copies = [(f.received, f.held, dict(f.dropped)) for f in before]
    for item in range(9):
        subject.on_next(item)
    assert [(f.received, f.held, dict(f.dropped)) for f in before] == copies


def test_a_ledger_adds_up_what_is_put_together_alike_and_keeps_others_apart():
    ledger = Ledger()
    first = StageStatistics(
        "door", 5, 10, 4, 0, 3, 3, {"oldest": 4, "all": 1}, 1, waited_seconds=0.5
    )
    second = StageStatistics(
        "door", UNBOUNDED, 2, 1, 0, 2, 3, {"oldest": 1}, 0, waited_seconds=0.25
    )
    other = StageStatistics("other", 1, 1, 1)
    ledger.keep(lambda: [first, other])
    ledger.keep(lambda: [second, other])
    ledger.keep(lambda: [other])
    ledger.keep(list)
    door, kept, alone = ledger
    assert (kept.requested, kept.received, kept.delivered) == (2, 2, 2)
    assert alone == other
    assert (door.requested, door.received, door.delivered, door.peak) == (UNBOUNDED, 12, 5, 3)
    assert door.dropped == {"oldest": 5, "all": 1}
    assert (door.discarded, door.waited_seconds) == (1, 0.75)
    assert balanced(door)


def test_the_sum_of_two_parts_has_the_name_of_the_first_and_the_capacity_of_the_last():
    first = StageStatistics("first", 10, 20, 30, 40, 50, 60, {"a": 1, "b": 2}, 70, 0.5, 8)
    second = StageStatistics("second", 1, 2, 3, 4, 5, 6, {"b": 3}, 7, 0.25, 9)
    dropped = {"a": 1, "b": 5}
    assert first.plus(second) == StageStatistics(
        "first", 11, 22, 33, 44, 50, 6, dropped, 77, 0.75, 9
    )
    assert second.plus(first) == StageStatistics(
        "second", 11, 22, 33, 44, 50, 60, dropped, 77, 0.75, 8
    )
