"""tap_signals, on_request, log, named: demand is seen as well as items, and not changed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import reactivex
from reactivex import Subject

import rxflow as rx
from rxflow import operators as ops
from rxflow.testing import TestSubscriber, run_virtual
from tests.support import counted


class BrokenError(Exception):
    """What a source or a listener fails with."""


Told = list[tuple[str, Any]]


def tapped(flow: Any, demand: int = 0, *after: Any, **options: Any) -> tuple[Told, Any]:
    """Subscribe through ``tap_signals``; gives what is told."""
    told: Told = []
    probe: TestSubscriber[Any] = TestSubscriber(demand, **options)
    tap = ops.tap_signals(lambda signal, value: told.append((signal, value)))
    flow.pipe(tap, *after).subscribe(probe)
    return told, probe


def requests(told: Told) -> list[int]:
    return [value for signal, value in told if signal == "request"]


# tap_signals


def test_each_signal_is_told_in_order() -> None:
    told, probe = tapped(rx.of(1, None, 3), 2)
    expected: Told = [
        ("on_subscribe", None),
        ("request", 2),
        ("on_next", 1),
        ("on_next", None),
    ]
    assert told == expected
    probe.request(5)
    expected += [("request", 5), ("on_next", 3), ("on_completed", None)]
    assert told == expected
    probe.cancel()
    assert told == expected


def test_a_failure_and_a_cancel_are_told_once() -> None:
    failure = BrokenError()
    told, _ = tapped(rx.of(1).pipe(ops.concat(rx.throw(failure))), 9)
    assert told[-2:] == [("on_next", 1), ("on_error", failure)]
    told, _ = tapped(rx.throw(failure))
    assert told == [("on_subscribe", None), ("on_error", failure)]
    told, probe = tapped(rx.never(), 1)
    probe.cancel()
    probe.cancel()
    assert told == [("on_subscribe", None), ("request", 1), ("cancel", None)]


def test_an_end_without_demand_is_told_and_no_demand_is_made_up() -> None:
    source = Subject[int]()
    told, probe = tapped(source.pipe(ops.on_backpressure_buffer(9)), 2)
    source.on_next(1)
    source.on_next(2)
    source.on_completed()
    assert probe.completed
    assert requests(told) == [2]
    assert told[-1] == ("on_completed", None)
    told, _ = tapped(rx.empty())
    assert told == [("on_subscribe", None), ("on_completed", None)]


def test_an_operator_that_has_enough_cancels() -> None:
    told, probe = tapped(rx.range(9), 9, ops.take(2))
    assert probe.completed
    assert told[-3:] == [("on_next", 0), ("on_next", 1), ("cancel", None)]


def test_what_is_told_comes_before_it_passes() -> None:
    told: Told = []
    seen: list[int] = []
    flow = rx.of(1, 2).pipe(ops.tap_signals(lambda *signal: told.append(signal)))
    flow.subscribe(lambda item: seen.append(len(told)), on_completed=lambda: seen.append(len(told)))
    assert told[:2] == [("on_subscribe", None), ("request", rx.UNBOUNDED)]
    assert seen == [3, 4, 5]


@pytest.mark.parametrize("signal", ["on_subscribe", "request", "on_next", "on_completed"])
def test_what_the_listener_raises_ends_the_stream_and_it_is_not_called_again(signal: str) -> None:
    calls: list[str] = []

    def listen(name: str, value: Any) -> None:
        calls.append(name)
        if name == signal:
            raise BrokenError(name)

    source, probe = counted(range(1)), TestSubscriber[int]()
    rx.from_iterable(source).pipe(ops.tap_signals(listen)).subscribe(probe)
    probe.request(5)  # it does not raise
    assert isinstance(probe.error, BrokenError)
    assert calls[-1] == signal
    assert source.closed == (signal != "on_subscribe") or source.asked == 0


def test_what_it_raises_to_a_request_inside_of_an_item_stops_the_items() -> None:
    def listen(name: str, value: Any) -> None:
        if (name, value) == ("request", 7):
            raise BrokenError(name)

    probe = TestSubscriber[int](5, lambda it, item: item == 1 and it.request(7))
    rx.range(9).pipe(ops.tap_signals(listen)).subscribe(probe)
    assert probe.items == [0, 1]
    assert isinstance(probe.error, BrokenError)


def test_what_the_listener_raises_to_a_cancel_is_reported(caplog: Any) -> None:
    def listen(name: str, value: Any) -> None:
        if name == "cancel":
            raise BrokenError(name)

    source, probe = counted(range(9)), TestSubscriber[int](1)
    rx.from_iterable(source).pipe(ops.tap_signals(listen)).subscribe(probe)
    probe.cancel()
    assert source.closed == 1
    assert "BrokenError" in caplog.text


# on_request: what demand arrives.


def counting(flow: Any, probe: TestSubscriber[Any], *after: Any) -> list[int]:
    told: list[int] = []
    flow.pipe(ops.on_request(told.append), *after).subscribe(probe)
    return told


@pytest.mark.parametrize("after", [(), (ops.map(str),), (ops.map(str), ops.filter(bool))])
def test_each_request_of_a_subscriber_is_told_as_it_is(after: Any) -> None:
    probe = TestSubscriber[Any](2)
    told = counting(rx.range(100), probe, *after)
    assert told == [2]
    for n in (1, 5, 3):
        probe.request(n)
    assert told == [2, 1, 5, 3]
    probe.request(rx.UNBOUNDED)
    assert told == [2, 1, 5, 3, rx.UNBOUNDED]


def test_requests_are_told_while_the_source_has_nothing() -> None:
    probe = TestSubscriber[Any]()
    told = counting(rx.never(), probe)
    assert told == []
    for n in (4, 1, 7):
        probe.request(n)
    assert told == [4, 1, 7]


def test_a_request_inside_of_an_item_is_told() -> None:
    probe = TestSubscriber[int](1, request_each=2)
    told = counting(rx.range(3), probe)
    assert told == [1, 2, 2, 2]


def test_a_wrong_request_is_no_demand() -> None:
    probe = TestSubscriber[int]()
    told = counting(rx.range(3), probe)
    probe.request(0)
    assert told == []
    assert isinstance(probe.error, ValueError)


def test_an_observer_asks_for_everything_once() -> None:
    told: list[int] = []
    rx.range(500).pipe(ops.on_request(told.append)).subscribe()
    assert told == [rx.UNBOUNDED]


def test_a_queue_shows_its_batches() -> None:
    probe = TestSubscriber[int](rx.UNBOUNDED)
    told = counting(rx.range(10), probe, ops.limit_rate(4, 2))
    assert told[:3] == [4, 2, 2]
    assert probe.items == list(range(10))


ASKING: dict[str, tuple[Any, ...]] = {
    "take": (ops.take(3),),
    "pairs": (ops.buffer_with_count(2),),
    "merge": (ops.merge(rx.empty()),),
    "flat_map": (ops.flat_map(lambda n: rx.of(n, n)),),
    "zip": (ops.zip(rx.range(99)),),
}


@pytest.mark.parametrize("after", ASKING.values(), ids=ASKING)
@pytest.mark.parametrize("portions", [[1] * 6, [6], [2, 4]])
def test_the_sum_is_at_least_what_was_taken_and_nothing_is_told_twice(
    after: Any, portions: list[int]
) -> None:
    source, probe = counted(range(100)), TestSubscriber[Any]()
    told = counting(rx.from_iterable(source), probe, *after)
    for n in portions:
        probe.request(n)
        assert source.taken <= sum(told) <= source.taken + 1
    assert all(n > 0 for n in told)


async def numbers() -> AsyncIterator[int]:
    for number in range(3):
        await asyncio.sleep(1)
        yield number


@pytest.mark.parametrize(
    "make", [lambda: rx.range(3), lambda: rx.from_async_iterable(numbers())], ids=["sync", "async"]
)
def test_a_loop_asks_for_one_item_after_another(make: Callable[[], Any]) -> None:
    async def main() -> Told:
        told: Told = []
        tap = ops.tap_signals(lambda *signal: told.append(signal))
        async for item in make().pipe(tap):
            told.append(("body", item))
        return told

    expected: Told = [("on_subscribe", None)]
    for item in range(3):
        expected += [("request", 1), ("on_next", item), ("body", item)]
    told = run_virtual(main())
    assert [each for each in told if each != ("request", 1)][-1] == ("on_completed", None)
    assert told[: len(expected)] == expected
    assert len(requests(told)) <= 4  # the end of it is asked for, too


def test_it_does_not_advance_a_lazy_source() -> None:
    source = counted(range(9))
    told, probe = tapped(rx.from_iterable(source))
    assert source.asked == 0
    probe.request(2)
    assert source.asked == 2
    assert requests(told) == [2]


# log


def test_a_line_for_each_signal(caplog: Any) -> None:
    caplog.set_level(logging.INFO, "rxflow")
    probe = TestSubscriber[Any](1)
    rx.of(1, "x" * 99).pipe(ops.concat(rx.throw(BrokenError("why"))), ops.log("orders")).subscribe(
        probe
    )
    probe.request(rx.UNBOUNDED)
    assert [record.getMessage() for record in caplog.records] == [
        "orders: on_subscribe",
        "orders: request 1",
        "orders: on_next 1",
        "orders: request everything",
        "orders: on_next '" + "x" * 76 + "...",
        "orders: on_error BrokenError('why')",
    ]
    assert {record.name for record in caplog.records} == {"rxflow"}


def test_the_logger_and_the_level_are_ones_own(caplog: Any) -> None:
    own = logging.getLogger("tests.orders")
    caplog.set_level(logging.DEBUG, own.name)
    rx.of(1).pipe(ops.log("quiet"), ops.log("orders", own, logging.DEBUG)).subscribe()
    lines = [(record.name, record.levelname, record.getMessage()) for record in caplog.records]
    assert ("tests.orders", "DEBUG", "orders: on_completed") in lines
    assert len(lines) == 4


def test_an_item_is_not_shown_where_nobody_reads_it() -> None:
    class Costly:
        def __repr__(self) -> str:
            raise AssertionError("shown")

    own = logging.getLogger("tests.silent")
    own.setLevel(logging.ERROR)
    probe = TestSubscriber[Any](1)
    rx.of(Costly()).pipe(ops.log("silent", own)).subscribe(probe)
    assert probe.completed


@pytest.mark.parametrize("wrong", [{"name": 5}, {"logger": "rxflow"}, {"level": "INFO"}])
def test_a_wrong_argument_of_log_is_refused(wrong: Any) -> None:
    with pytest.raises(TypeError, match="log: "):
        ops.log(**{"name": "orders", **wrong})


# named


def test_the_figures_of_all_parts_before_it_are_named() -> None:
    source, probe = Subject[int](), TestSubscriber[int](1)
    source.pipe(
        ops.on_backpressure_buffer(9),
        ops.limit_rate(2),
        ops.named("inner"),
        ops.map(abs),
        ops.named("orders"),
        ops.limit_rate(3),
    ).subscribe(probe)
    source.on_next(1)
    assert list(probe.statistics) == [
        "orders/inner/on_backpressure_buffer",
        "orders/inner/limit_rate",
        "orders/map",
        "limit_rate",
        "subscriber",
    ]
    assert probe.statistics["orders/inner/limit_rate"].delivered == 1


def test_an_error_is_noted_once_however_often_it_passes() -> None:
    failure = BrokenError()
    probe = TestSubscriber[int](9)
    rx.throw(failure).pipe(ops.named("orders"), ops.retry(3), ops.named("shop")).subscribe(probe)
    assert probe.error is failure
    assert failure.__notes__ == [
        "in the Flow that is named 'orders'",
        "in the Flow that is named 'shop'",
    ]


def test_what_a_callback_raises_before_it_is_noted_and_behind_it_is_not() -> None:
    for operators, noted in (
        ((ops.map(lambda x: 1 / x), ops.named("orders")), ["in the Flow that is named 'orders'"]),
        ((ops.named("orders"), ops.map(lambda x: 1 / x)), []),
    ):
        probe = TestSubscriber[Any](9)
        rx.of(0).pipe(*operators).subscribe(probe)
        assert isinstance(probe.error, ZeroDivisionError)
        operator, *names = probe.error.__notes__
        assert operator.startswith("in map, added at ")
        assert names == noted


@pytest.mark.parametrize("wrong", [None, 5, b"orders"])
def test_a_name_is_a_text(wrong: Any) -> None:
    with pytest.raises(TypeError, match="named: name"):
        ops.named(wrong)


@pytest.mark.parametrize("name", ["tap_signals", "on_request", "log", "named"])
def test_a_plain_observable_has_no_demand_to_be_seen(name: str) -> None:
    argument: Any = "orders" if name in ("log", "named") else print
    with pytest.raises(TypeError, match="on_backpressure_buffer"):
        getattr(ops, name)(argument)(reactivex.of(1))


@pytest.mark.parametrize("wrong", [None, 5])
@pytest.mark.parametrize("name", ["tap_signals", "on_request"])
def test_only_functions_are_called(name: str, wrong: Any) -> None:
    with pytest.raises(TypeError, match=name):
        getattr(ops, name)(wrong)
