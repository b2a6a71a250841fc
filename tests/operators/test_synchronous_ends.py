"""How streams of synchronous operators end: side effects, and ends as items."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest
from reactivex.notification import OnCompleted, OnError, OnNext

import rxflow as rx
from rxflow import operators as ops
from rxflow.testing import TestSubscriber
from tests.kernel.recorder import dropped_errors
from tests.support import counted

ERROR = ValueError("from the source")


class CallbackError(Exception):
    """What a callback raises."""


def raises(*_: Any) -> Any:
    raise CallbackError


def failing(*items: Any) -> Iterator[Any]:
    yield from items
    raise ERROR


def outcome(items: Any, *operators: Any, demand: int = rx.UNBOUNDED) -> TestSubscriber:
    probe = TestSubscriber(demand)
    rx.from_iterable(items).pipe(*operators).subscribe(probe)
    return probe


class Log(TestSubscriber):
    """Writes its end down in a list of its test, too."""

    def __init__(self, log: list[str], initial: int = rx.UNBOUNDED, then: Any = None) -> None:
        super().__init__(initial, then)
        self.log = log

    def on_error(self, error: Exception) -> None:
        super().on_error(error)
        self.log.append("on_error")

    def on_completed(self) -> None:
        super().on_completed()
        self.log.append("on_completed")


def watching(log: list[str]) -> Any:
    """Write down what passes."""
    return ops.do_action(
        lambda item: log.append(f"item {item}"),
        lambda error: log.append("error"),
        lambda: log.append("completed"),
    )


# do_action.


def test_do_action_is_told_before_the_subscriber() -> None:
    log: list[str] = []
    probe = Log(log, then=lambda _, item: log.append(f"given {item}"))
    rx.of(1, 2).pipe(watching(log)).subscribe(probe)
    assert log == ["item 1", "given 1", "item 2", "given 2", "completed", "on_completed"]


def test_an_on_next_that_raises_ends_the_stream_and_is_not_told_of_it() -> None:
    log: list[str] = []
    source = counted([1, 2, 3])

    def second_fails(item: int) -> None:
        if item == 2:
            raise CallbackError

    action = ops.do_action(
        second_fails, lambda _: log.append("error"), lambda: log.append("completed")
    )
    probe = outcome(source, action, watching(log))
    assert probe.items == [1]
    assert isinstance(probe.error, CallbackError)
    assert log == ["item 1", "error"]  # the one behind it
    assert (source.taken, source.closed) == (2, 1)


def test_an_on_error_that_raises_ends_the_stream_with_its_error_and_the_other_one_is_kept() -> None:
    probe = outcome(failing(1), ops.do_action(on_error=raises))
    assert probe.items == [1]
    assert isinstance(probe.error, CallbackError)
    assert probe.error.__context__ is ERROR


def test_an_on_completed_that_raises_makes_an_error_of_the_end() -> None:
    log: list[str] = []
    probe = outcome([1], ops.do_action(on_completed=raises), watching(log))
    assert probe.signals == ["on_subscribe", "on_next", "on_error"]
    assert isinstance(probe.error, CallbackError)
    assert log == ["item 1", "error"]


def test_a_failure_further_down_is_none_of_its_business() -> None:
    log: list[str] = []
    probe = outcome([1, 2], watching(log), ops.map(raises))
    assert isinstance(probe.error, CallbackError)
    assert log == ["item 1"]


def test_what_take_cuts_off_was_not_completed() -> None:
    log: list[str] = []
    assert outcome([1, 2], watching(log), ops.take(1), watching(log)).completed
    assert log == ["item 1", "item 1", "completed"]


def test_the_end_is_told_without_demand() -> None:
    for source, told in ((rx.empty(), "completed"), (rx.throw(ERROR), "error")):
        log: list[str] = []
        probe = TestSubscriber()
        source.pipe(watching(log)).subscribe(probe)
        assert log == [told]
        assert probe.ended


def test_a_cancel_is_not_told_as_an_end() -> None:
    log: list[str] = []
    probe = outcome(count(), watching(log), demand=1)
    probe.cancel()
    assert log == ["item 0"]


# finally_action.

Ending = Callable[[list[str]], TestSubscriber]


def subscribed(
    log: list[str], source: Any, *operators: Any, probe: TestSubscriber | None = None
) -> TestSubscriber:
    """Subscribe to a source that writes down its closing, with a finally_action behind it."""

    def closing() -> Iterator[Any]:
        try:
            yield from source
        finally:
            log.append("closed")

    probe = probe or Log(log)
    action = ops.finally_action(lambda: log.append("finally"))
    rx.from_iterable(closing()).pipe(action, *operators).subscribe(probe)
    return probe


ENDINGS: dict[str, tuple[Ending, list[str]]] = {
    "completes": (lambda log: subscribed(log, [1]), ["closed", "on_completed", "finally"]),
    "empty": (lambda log: subscribed(log, []), ["closed", "on_completed", "finally"]),
    "fails": (lambda log: subscribed(log, failing(1)), ["closed", "on_error", "finally"]),
    "a failure behind it": (
        lambda log: subscribed(log, [1, 2], ops.map(raises)),
        ["on_error", "closed", "finally"],
    ),
    "take": (
        lambda log: subscribed(log, [1, 2], ops.take(1)),
        ["on_completed", "closed", "finally"],
    ),
    "cancelled in on_next": (
        lambda log: subscribed(log, [1, 2], probe=Log(log, then=lambda it, _: it.cancel())),
        ["closed", "finally"],
    ),
    "cancelled": (
        lambda log: subscribed(log, [1, 2], probe=Log(log, 1)),
        ["closed", "finally"],
    ),
    "a wrong request": (
        lambda log: subscribed(log, [1, 2], probe=Log(log, -1)),
        ["on_error", "finally"],  # nothing was open
    ),
}


@pytest.mark.parametrize(("ending", "order"), ENDINGS.values(), ids=ENDINGS)
def test_finally_is_called_once_behind_the_end_and_the_closing(
    ending: Ending, order: list[str]
) -> None:
    log: list[str] = []
    probe = ending(log)
    probe.cancel()  # which is all that ends the one that is "cancelled"
    probe.cancel()
    probe.request(1)
    assert log == order


def test_finally_is_not_called_while_the_stream_goes_on() -> None:
    log: list[str] = []
    probe = subscribed(log, [1, 2, 3], probe=Log(log, 1))
    probe.request(1)
    assert probe.items == [1, 2]
    assert log == []


def test_finally_is_called_for_each_subscription() -> None:
    calls: list[int] = []
    flow = rx.of(1, 2).pipe(ops.finally_action(lambda: calls.append(1)))
    assert calls == []
    first, second = TestSubscriber(1), TestSubscriber(1)
    flow.subscribe(first)
    flow.subscribe(second)
    first.cancel()
    assert calls == [1]
    second.request(1)
    assert calls == [1, 1]


def test_several_are_called_source_first() -> None:
    calls: list[int] = []
    outcome([1], *[ops.finally_action(lambda n=n: calls.append(n)) for n in range(3)])
    assert calls == [0, 1, 2]


def test_a_finally_action_that_raises_does_not_keep_others_from_being_called() -> None:
    calls: list[str] = []
    with dropped_errors() as dropped:
        probe = outcome(
            [1], ops.finally_action(raises), ops.finally_action(lambda: calls.append("second"))
        )
    assert probe.signals == ["on_subscribe", "on_next", "on_completed"]
    assert [type(error) for error in dropped] == [CallbackError]
    assert calls == ["second"]


def test_a_source_whose_close_raises_does_not_keep_finally_from_being_called() -> None:
    def source() -> Iterator[int]:
        try:
            yield from count()
        finally:
            raise CallbackError

    calls: list[str] = []
    with dropped_errors() as dropped:
        probe = outcome(source(), ops.finally_action(lambda: calls.append("f")), demand=1)
        probe.cancel()
    assert [type(error) for error in dropped] == [CallbackError]
    assert calls == ["f"]


def test_an_inner_iterable_whose_close_raises_does_not_either() -> None:
    def inner(_: int) -> Iterator[int]:
        try:
            yield from count()
        finally:
            raise CallbackError

    calls: list[str] = []
    with dropped_errors() as dropped:
        action = ops.finally_action(lambda: calls.append("f"))
        outcome([1], ops.flat_map_iterable(inner), action, demand=1).cancel()
    assert [type(error) for error in dropped] == [CallbackError]
    assert calls == ["f"]


def test_a_subscriber_that_raises_at_the_end_does_not_either() -> None:
    class Raising(TestSubscriber):
        def on_completed(self) -> None:
            raise CallbackError

    log: list[str] = []
    with dropped_errors() as dropped:
        subscribed(log, [1], probe=Raising(rx.UNBOUNDED))
    assert [type(error) for error in dropped] == [CallbackError]
    assert log == ["closed", "finally"]


# materialize and dematerialize.


@pytest.mark.parametrize("length", [0, 1, 3])
@pytest.mark.parametrize("fails", [False, True], ids=["completes", "fails"])
def test_a_round_trip_changes_nothing(length: int, fails: bool) -> None:
    items = [None, *range(length - 1)] if length else []
    for demand in (1, rx.UNBOUNDED):
        source = failing(*items) if fails else iter(items)
        probe = outcome(source, ops.materialize(), ops.dematerialize(), demand=demand)
        for _ in range(length):
            probe.request(1)
        assert probe.items == items
        assert probe.error is (ERROR if fails else None)
        assert probe.completed is not fails


def test_an_end_that_is_an_item_needs_demand() -> None:
    for source, end in ((rx.empty(), OnCompleted()), (rx.throw(ERROR), OnError(ERROR))):
        probe = TestSubscriber()
        source.pipe(ops.materialize()).subscribe(probe)
        assert probe.signals == ["on_subscribe"]
        probe.request(1)
        assert probe.items == [end]
        assert probe.signals == ["on_subscribe", "on_next", "on_completed"]


def test_materialize_keeps_the_error_itself() -> None:
    probe = outcome(failing(1), ops.materialize())
    assert probe.items[0].value == 1
    assert probe.items[1].exception is ERROR
    assert probe.completed


@pytest.mark.parametrize("end", [OnCompleted(), OnError(ERROR)], ids=["completed", "error"])
def test_dematerialize_ends_and_closes_the_source_where_the_items_say_so(end: Any) -> None:
    source = counted([OnNext(1), end, OnNext(2)])
    probe = outcome(source, ops.dematerialize())
    assert probe.items == [1]
    assert probe.error is (ERROR if isinstance(end, OnError) else None)
    assert probe.ended
    assert (source.taken, source.closed) == (2, 1)


def test_dematerialize_completes_with_its_source_and_fails_with_it_too() -> None:
    assert outcome([OnNext(1)], ops.dematerialize()).completed
    assert outcome(failing(OnNext(1)), ops.dematerialize()).error is ERROR


def test_dematerialize_of_what_is_no_notification_fails() -> None:
    source = counted([OnNext(1), 5, OnNext(2)])
    probe = outcome(source, ops.dematerialize())
    assert probe.items == [1]
    assert isinstance(probe.error, AttributeError)
    assert source.closed == 1


# take_last, and operators behind one that is done.


def test_what_take_last_holds_waits_for_demand() -> None:
    probe = outcome([1, 2, 3, 4], ops.take_last(3), demand=1)
    for given in (1, 2):
        assert probe.items == [2, 3, 4][:given]
        assert probe.signals[1:] == ["on_next"] * given
        probe.request(1)
    assert probe.items == [2, 3, 4]
    assert probe.completed


def test_take_of_none_is_an_empty_source_to_those_behind_it() -> None:
    log: list[str] = []
    behind: list[tuple[Any, list[Any]]] = [
        (ops.count(), [0]),
        (ops.to_list(), [[]]),
        (ops.default_if_empty("z"), ["z"]),
        (ops.is_empty(), [True]),
        (ops.materialize(), [OnCompleted()]),
        (ops.take_last(2), []),
        (watching(log), []),
    ]
    for operator, items in behind:
        source = counted([1])
        probe = outcome(source, ops.take(0), operator)
        assert (probe.items, probe.completed) == (items, True)
        assert source.asked == 0
    assert log == ["completed"]


def test_items_are_not_lost_behind_an_operator_that_is_done() -> None:
    for last in (ops.take(1), ops.first(), ops.take_while(lambda _: False, inclusive=True)):
        source = counted(count(7))
        expand = ops.flat_map_iterable(lambda n: [n, n, n])
        probe = outcome(source, last, expand, ops.buffer_with_count(2), demand=1)
        assert (probe.items, probe.completed) == ([[7, 7]], False)
        probe.request(1)
        assert (probe.items, probe.completed) == ([[7, 7], [7]], True)
        assert (source.taken, source.closed) == (1, 1)
