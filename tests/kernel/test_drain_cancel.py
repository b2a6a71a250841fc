"""Cancel: prompt, idempotent, seen by the source, and nothing is kept."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from reactivex.scheduler import ImmediateScheduler
from reactivex.subject import Subject

import rxflow
from rxflow import operators as ops
from rxflow.protocol import DROP_OLDEST, FAIL, UNBOUNDED
from rxflow.testing import TestSubscriber
from tests.kernel.recorder import COMPLETED, Recorder, dropped_errors


class Item:
    """Something that a weak reference can point to."""


def test_cancel_inside_of_on_next_is_followed_by_nothing():
    """Rule 3.12, and promptly: the item at hand is the last."""
    closed: list[int] = []

    def source() -> Iterator[int]:
        try:
            yield from range(10)
        finally:
            closed.append(1)

    recorder = Recorder(UNBOUNDED, then=lambda it, item: it.cancel() if item == 3 else None)
    rxflow.from_iterable(source()).subscribe(recorder)
    assert recorder.signals == [("subscribed",), *(("next", n) for n in range(4))]
    assert closed == [1]


def test_cancel_inside_of_the_last_on_next_prevents_completion():
    recorder = Recorder(UNBOUNDED, then=lambda it, item: it.cancel() if item == 2 else None)
    rxflow.from_iterable([1, 2]).subscribe(recorder)
    assert recorder.signals == [("subscribed",), ("next", 1), ("next", 2)]


def test_cancel_inside_of_on_subscribe_never_makes_the_source():
    made: list[int] = []

    class Source:
        def __iter__(self) -> Iterator[int]:
            made.append(1)
            return iter([1])

    class Never(Recorder):
        def on_subscribe(self, subscription: rxflow.Subscription) -> None:
            super().on_subscribe(subscription)
            subscription.request(1)
            subscription.cancel()

    recorder = Never()
    rxflow.from_iterable(Source()).subscribe(recorder)
    recorder.request(5)
    assert recorder.signals == [("subscribed",)]
    assert made == []


def test_cancel_is_idempotent_and_closes_the_source_once():
    """Rule 3.7."""
    closed: list[int] = []

    class Source(Iterator[int]):
        def __next__(self) -> int:
            return 1

        def close(self) -> None:
            closed.append(1)

    recorder = Recorder(2)
    rxflow.from_iterable(Source()).subscribe(recorder)
    recorder.cancel()
    recorder.cancel()
    assert recorder.subscription is not None
    recorder.subscription.dispose()
    assert closed == [1]
    assert recorder.ends == []


def test_cancel_by_the_source_itself_while_it_is_advanced_closes_it_afterwards():
    """A generator that is running cannot be closed; the item it was about to give is discarded."""
    closed: list[int] = []
    recorder = Recorder(5)

    def source() -> Iterator[str]:
        try:
            yield "kept"
            recorder.cancel()
            yield "discarded"
            yield "never made"
        finally:
            closed.append(1)

    with dropped_errors() as dropped:
        subscription = rxflow.from_iterable(source()).subscribe(recorder)
    assert recorder.items == ["kept"]
    assert closed == [1]
    assert dropped == []
    figures = subscription.statistics()[-1]
    assert (figures.received, figures.delivered, figures.discarded) == (2, 1, 1)


def test_a_source_that_fails_when_it_is_closed_is_reported_to_the_hook():
    def source() -> Iterator[int]:
        try:
            yield 1
            yield 2
        finally:
            raise OSError("cannot close")

    recorder = Recorder(1)
    rxflow.from_iterable(source()).subscribe(recorder)
    with dropped_errors() as dropped:
        recorder.cancel()
    assert [str(error) for error in dropped] == ["cannot close"]
    assert recorder.signals == [("subscribed",), ("next", 1)]


def test_cancel_lets_go_of_the_subscriber():
    """Rule 3.13, although the Subscription itself is kept."""
    recorder = Recorder(1)
    seen = weakref.ref(recorder)
    subscription = rxflow.from_iterable([1, 2, 3]).subscribe(recorder)
    subscription.cancel()
    del recorder
    gc.collect()
    assert seen() is None


def test_cancel_inside_of_on_next_lets_go_of_the_subscriber_too():
    """Rule 3.13."""
    recorder = Recorder(UNBOUNDED, then=lambda it, item: it.cancel())
    seen = weakref.ref(recorder)
    subscription = rxflow.from_iterable([1, 2, 3]).subscribe(recorder)
    del recorder
    gc.collect()
    assert seen() is None
    subscription.cancel()


@pytest.mark.parametrize("end", ["completed", "failed"])
def test_the_end_lets_go_of_the_subscriber_as_a_cancel_does(end: str):
    recorder = Recorder(1)
    seen = weakref.ref(recorder)
    source = [1] if end == "completed" else (n // 0 for n in [1])
    subscription = rxflow.from_iterable(source).subscribe(recorder)
    assert [kind for kind, *_ in recorder.ends] == ["completed" if end == "completed" else "error"]
    del recorder, source
    gc.collect()
    assert seen() is None
    subscription.cancel()


def test_cancel_lets_go_of_what_the_source_has_in_hand():
    seen: list[weakref.ref[Item]] = []

    def source() -> Iterator[Item]:
        kept: list[Item] = []
        while True:
            kept.append(Item())
            seen.append(weakref.ref(kept[-1]))
            yield kept[-1]

    class Forgetful(Recorder):
        def on_next(self, value: Any) -> None: ...

    recorder = Forgetful(5)
    flow = rxflow.from_iterable(source())
    subscription = flow.subscribe(recorder)
    gc.collect()
    assert [ref() is None for ref in seen] == [False] * 5
    subscription.cancel()
    gc.collect()
    assert [ref() is None for ref in seen] == [True] * 5


def test_cancel_empties_a_door_and_leaves_its_source():
    subject: Subject[Item] = Subject()
    discarded: list[weakref.ref[Item]] = []
    flow = rxflow.from_observable(
        subject,
        overflow=DROP_OLDEST,
        capacity=3,
        on_discard=lambda item: discarded.append(weakref.ref(item)),
    )
    recorder = Recorder()
    subscription = flow.subscribe(recorder)
    items = [Item() for _ in range(3)]
    for item in items:
        subject.on_next(item)
    seen = [weakref.ref(item) for item in items]
    subscription.cancel()
    assert [ref() for ref in discarded] == items
    assert subject.observers == []
    del items, item
    gc.collect()
    assert [ref() for ref in seen] == [None] * 3


def test_an_observer_that_disposes_inside_of_on_next_hears_nothing_more():
    seen: list[int] = []
    subject: Subject[int] = Subject()
    flow = rxflow.from_observable(subject, overflow=DROP_OLDEST, capacity=9)

    def take(item: int) -> None:
        seen.append(item)
        subject.on_next(item + 1)  # comes while the observer still wants it
        disposable.dispose()

    disposable = flow.subscribe(take)
    subject.on_next(1)
    assert seen == [1]
    assert subject.observers == []


def test_a_failing_door_is_not_fed_after_cancel():
    subject: Subject[int] = Subject()
    recorder = Recorder(1)
    subscription = rxflow.from_observable(subject, overflow=FAIL, capacity=1).subscribe(recorder)
    subject.on_next(1)
    subscription.cancel()
    for item in range(10):
        subject.on_next(item)
    subject.on_completed()
    assert recorder.signals == [("subscribed",), ("next", 1)]
    assert COMPLETED not in recorder.signals


def test_the_figures_are_there_while_the_source_is_being_cancelled() -> None:
    """Whoever hears of the end on another thread may ask for them at once."""
    seen: list[list[str]] = []
    probe = TestSubscriber[int](1)
    flow = rxflow.range(9).pipe(
        ops.observe_on(ImmediateScheduler(), prefetch=4),
        ops.finally_action(lambda: seen.append([*probe.statistics])),
    )
    flow.subscribe(probe).cancel()
    assert seen == [["range", "observe_on", "finally_action", "subscriber"]]
