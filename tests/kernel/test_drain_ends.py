"""How a stream ends, and where errors go that come from the subscriber or too late."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
import reactivex
from reactivex.scheduler import ImmediateScheduler
from reactivex.subject import Subject

import rxflow
from rxflow.protocol import DROP_OLDEST, UNBOUNDED
from tests.kernel.recorder import COMPLETED, Recorder, dropped_errors


class BrokenError(Exception):
    """Raised by a subscriber."""


class Source:
    """Endless; knows whether it was closed."""

    def __init__(self) -> None:
        self.closed = 0

    def __iter__(self) -> Iterator[int]:
        try:
            number = 0
            while True:
                yield number
                number += 1
        finally:
            self.closed += 1


def breaks(at: int, error: BaseException) -> Any:
    def then(recorder: Recorder, item: int) -> None:
        if item == at:
            raise error

    return then


def test_a_subscriber_that_raises_in_on_next_is_cut_off_and_its_error_reported():
    """Rule 2.13: the Subscription counts as cancelled."""
    source, error = Source(), BrokenError()
    recorder = Recorder(UNBOUNDED, then=breaks(3, error))
    with dropped_errors() as dropped:
        rxflow.from_iterable(source).subscribe(recorder)
        recorder.request(1)
    assert dropped == [error]
    assert recorder.items == [0, 1, 2, 3]
    assert recorder.ends == []
    assert source.closed == 1


def test_a_subscriber_that_raises_in_on_subscribe_is_cut_off_before_the_source_is_made():
    """Rule 2.13."""
    source, error = Source(), BrokenError()

    class Refusing(Recorder):
        def on_subscribe(self, subscription: rxflow.Subscription) -> None:
            super().on_subscribe(subscription)
            subscription.request(5)
            raise error

    recorder = Refusing()
    with dropped_errors() as dropped:
        rxflow.from_iterable(source).subscribe(recorder)
    assert dropped == [error]
    assert recorder.signals == [("subscribed",)]
    assert source.closed == 0


@pytest.mark.parametrize("signal", ["on_completed", "on_error"])
def test_a_subscriber_that_raises_in_its_end_signal_is_reported(signal: str):
    """Rule 2.13."""
    error = BrokenError()

    class Refusing(Recorder):
        def on_completed(self) -> None:
            super().on_completed()
            raise error

        def on_error(self, error: Exception) -> None:
            super().on_error(error)
            raise BrokenError from error

    recorder = Refusing(9)
    items = [1, 0] if signal == "on_completed" else (1 // n for n in [1, 0])
    with dropped_errors() as dropped:
        rxflow.from_iterable(items).subscribe(recorder)
    assert [type(error) for error in dropped] == [BrokenError]
    assert len(recorder.ends) == 1


@pytest.mark.parametrize("flow", [reactivex.range(1, 4), rxflow.range(1, 4), rxflow.of(1, 2, 3)])
def test_what_a_plain_callback_raises_reaches_whoever_subscribes_as_in_reactivex(flow: Any):
    seen: list[int] = []
    errors: list[Exception] = []

    def take(item: int) -> None:
        seen.append(item)
        if item == 2:
            raise BrokenError

    with dropped_errors() as dropped, pytest.raises(BrokenError):
        flow.subscribe(take, errors.append)
    assert (seen, errors, dropped) == ([1, 2], [], [])


def test_what_a_plain_callback_raises_reaches_whoever_pushes_and_ends_the_stream():
    seen: list[int] = []

    def take(item: int) -> None:
        seen.append(item)
        raise BrokenError

    subject: Subject[int] = Subject()
    rxflow.from_observable(subject, overflow=DROP_OLDEST).subscribe(take)
    with dropped_errors() as dropped, pytest.raises(BrokenError):
        subject.on_next(1)
    subject.on_next(2)
    assert (seen, dropped) == ([1], [])
    assert subject.observers == []


def test_what_a_plain_callback_raises_while_the_source_starts_is_told_once():
    """A scheduler stands between the callback and the caller; the error is not lost on the way."""
    error = BrokenError()
    told: list[BaseException] = []

    def take(item: int) -> None:
        raise error

    with dropped_errors() as dropped:
        try:
            rxflow.from_iterable([1, 2], ImmediateScheduler()).subscribe(take, told.append)
        except BrokenError as raised:
            told.append(raised)
    assert told + dropped == [error]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3), asyncio.CancelledError()])
def test_an_interrupt_passes_through_to_the_caller_and_the_source_is_closed(
    error: BaseException,
):
    source = Source()
    recorder = Recorder(2, then=breaks(3, error))
    rxflow.from_iterable(source).subscribe(recorder)
    with dropped_errors() as dropped, pytest.raises(type(error)) as raised:
        recorder.request(UNBOUNDED)
    assert raised.value is error
    assert source.closed == 1
    assert recorder.items == [0, 1, 2, 3]
    assert recorder.ends == []
    assert dropped == []
    recorder.request(1)  # the stream is over, and nobody waits in its loop
    assert recorder.items == [0, 1, 2, 3]


def test_an_interrupt_of_the_source_passes_through_and_closes_it():
    closed: list[int] = []

    def source() -> Iterator[int]:
        try:
            yield 1
            raise KeyboardInterrupt
        finally:
            closed.append(1)

    recorder = Recorder(1)
    rxflow.from_iterable(source()).subscribe(recorder)
    with pytest.raises(KeyboardInterrupt):
        recorder.request(1)
    assert recorder.signals == [("subscribed",), ("next", 1)]
    assert closed == [1]


def test_a_source_that_fails_gives_what_came_before_and_its_own_error():
    error = OSError("line is cut")

    def source() -> Iterator[int]:
        yield 1
        yield 2
        raise error

    recorder = Recorder(2)
    rxflow.from_iterable(source()).subscribe(recorder)
    assert recorder.items == [1, 2]
    assert recorder.ends == []  # nobody has looked whether there is a third
    recorder.request(1)
    assert recorder.error is error


def test_the_end_is_signalled_once_however_often_the_source_says_it():
    """Rule 1.7; a second error is reported and not lost."""
    recorder = Recorder(1)
    late = BrokenError("late")
    sources: list[rxflow.Emitter[int]] = []
    rxflow.create(sources.append, overflow=DROP_OLDEST).subscribe(recorder)
    [emitter] = sources
    emitter.on_next(1)
    emitter.on_completed()
    emitter.on_completed()
    emitter.on_next(2)
    with dropped_errors() as dropped:
        emitter.on_error(late)
    assert recorder.signals == [("subscribed",), ("next", 1), COMPLETED]
    assert dropped == [late]


def test_an_error_after_cancel_goes_to_the_hook():
    sources: list[rxflow.Emitter[int]] = []
    recorder = Recorder(1)
    rxflow.create(sources.append, overflow=DROP_OLDEST).subscribe(recorder)
    recorder.cancel()
    late = BrokenError("late")
    with dropped_errors() as dropped:
        sources[0].on_error(late)
    assert dropped == [late]
    assert recorder.signals == [("subscribed",)]


def test_an_error_of_a_source_that_cancels_while_it_fails_goes_to_the_hook():
    recorder = Recorder(5)
    error = OSError("and failed")

    def source() -> Iterator[int]:
        yield 1
        recorder.cancel()
        raise error

    with dropped_errors() as dropped:
        rxflow.from_iterable(source()).subscribe(recorder)
    assert dropped == [error]
    assert recorder.signals == [("subscribed",), ("next", 1)]


def test_an_error_of_a_source_that_was_started_and_has_ended_goes_to_the_hook():
    late = BrokenError("the start fails after the end")

    def start(emitter: rxflow.Emitter[int]) -> None:
        emitter.on_next(1)
        emitter.on_completed()
        raise late

    recorder = Recorder(1)
    with dropped_errors() as dropped:
        rxflow.create(start, overflow=DROP_OLDEST).subscribe(recorder)
    told = [*dropped, *(end[1] for end in recorder.ends if end[0] == "error")]
    assert told == [late]
    assert len(recorder.ends) == 1


def test_without_a_hook_of_ones_own_late_errors_are_logged(caplog: pytest.LogCaptureFixture):
    recorder = Recorder(UNBOUNDED, then=breaks(1, BrokenError("in on_next")))
    rxflow.from_iterable([1, 2]).subscribe(recorder)
    [record] = caplog.records
    assert record.name == "rxflow"
    assert record.levelname == "ERROR"
    assert record.getMessage() == (
        "an error came too late for any subscriber: BrokenError('in on_next')"
    )
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], BrokenError)
