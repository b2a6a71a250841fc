"""concat, start_with, repeat, retry, catch: one source after another, on one demand."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest
import reactivex
from reactivex import Subject
from reactivex.scheduler import ImmediateScheduler

import rxflow as rx
from rxflow import operators as ops
from rxflow.testing import TestSubscriber
from tests.support import counted


def failing(*items: Any, error: Exception | None = None) -> Any:
    """A Flow of some items that then fails."""

    def run() -> Iterator[Any]:
        yield from items
        raise error or ValueError("broken")

    return rx.defer(lambda _: rx.from_iterable(run()))


def failing_in_start(error: Exception) -> Any:
    def start(emitter: Any) -> Any:
        raise error

    return rx.create(start, overflow=rx.FAIL)


def subscribed(flow: Any, demand: int = 0) -> TestSubscriber:
    probe = TestSubscriber(demand)
    flow.subscribe(probe)
    return probe


# Demand goes over from one to the next, exactly.


OVER: dict[str, Callable[[Any, Any], Any]] = {
    "concat": lambda first, second: first.pipe(ops.concat(second)),
    "rx.concat": lambda first, second: rx.concat(first, second),
    "+": lambda first, second: first + second,
    "catch": lambda first, second: first.pipe(ops.concat(rx.throw("end")), ops.catch(second)),
    "rx.catch": lambda first, second: rx.catch(first.pipe(ops.concat(rx.throw("end"))), second),
    "catch with a function": lambda first, second: first.pipe(
        ops.concat(rx.throw("end")), ops.catch(lambda error, source: second)
    ),
}
EACH = pytest.mark.parametrize("join", OVER.values(), ids=OVER.keys())


@EACH
def test_what_is_outstanding_goes_over_to_the_next(join: Callable[[Any, Any], Any]) -> None:
    first, second = counted(range(2)), counted(range(10, 15))
    probe = subscribed(join(rx.from_iterable(first), rx.from_iterable(second)), 4)
    assert probe.items == [0, 1, 10, 11]
    assert (first.taken, second.taken) == (2, 2)
    probe.request(1)
    assert probe.items == [0, 1, 10, 11, 12]
    assert second.taken == 3
    assert not probe.ended


@EACH
@pytest.mark.parametrize(("demand", "left"), [(2, 0), (3, 1), (5, 3), (rx.UNBOUNDED, rx.UNBOUNDED)])
def test_the_next_is_told_of_what_is_outstanding_and_no_more(
    join: Callable[[Any, Any], Any], demand: int, left: int
) -> None:
    first: Subject[int] = Subject()
    others: list[rx.Emitter[int]] = []
    second = rx.create(others.append, overflow=rx.FAIL)
    probe = subscribed(join(first.pipe(ops.on_backpressure_buffer(9)), second), demand)
    first.on_next(1)
    first.on_next(2)
    first.on_completed()
    assert probe.items == [1, 2]
    assert others[0].requested == left


@EACH
def test_the_next_is_told_of_what_is_outstanding_when_all_of_the_first_is_there(
    join: Callable[[Any, Any], Any],
) -> None:
    others: list[rx.Emitter[int]] = []
    second = rx.create(others.append, overflow=rx.FAIL)
    probe = subscribed(join(rx.of(1, 2), second), 5)
    assert probe.items == [1, 2]
    assert others[0].requested == 3


@EACH
def test_the_next_is_not_touched_while_demand_is_used_up(
    join: Callable[[Any, Any], Any],
) -> None:
    first, second = counted(range(3)), counted(range(10, 15))
    probe = subscribed(join(rx.from_iterable(first), rx.from_iterable(second)), 2)
    assert (first.taken, second.asked) == (2, 0)
    probe.request(1)
    assert (first.asked, second.asked) == (3, 0)
    assert first.closed == 0
    probe.request(1)
    assert (first.asked, second.asked) == (4, 1)
    assert first.closed == 1


@EACH
def test_cancel_reaches_the_one_that_runs_and_leaves_the_next_alone(
    join: Callable[[Any, Any], Any],
) -> None:
    first, second = counted(range(3)), counted(range(3))
    probe = subscribed(join(rx.from_iterable(first), rx.from_iterable(second)), 1)
    probe.cancel()
    assert (first.closed, second.asked, second.closed) == (1, 0, 0)
    first, second = counted(range(1)), counted(range(3))
    probe = subscribed(join(rx.from_iterable(first), rx.from_iterable(second)), 2)
    assert first.closed == 1
    probe.cancel()
    assert (first.closed, second.closed) == (1, 1)


@EACH
def test_the_end_of_the_last_needs_no_demand(join: Callable[[Any, Any], Any]) -> None:
    probe = subscribed(join(rx.of(1), rx.of(2)), 2)
    assert probe.items == [1, 2]
    assert probe.completed
    assert subscribed(join(rx.empty(), rx.empty())).completed
    assert repr(subscribed(join(rx.empty(), rx.throw(ValueError(1)))).error) == "ValueError(1)"


@EACH
def test_unbounded_demand_goes_over_too(join: Callable[[Any, Any], Any]) -> None:
    probe = subscribed(join(rx.range(2_000), rx.range(2_000, 4_000)), rx.UNBOUNDED)
    assert probe.items == list(range(4_000))
    assert probe.completed


@EACH
def test_the_next_may_be_a_plain_observable(join: Callable[[Any, Any], Any]) -> None:
    subject: Subject[int] = Subject()
    probe = subscribed(join(rx.of(1), subject), 2)
    assert len(subject.observers) == 1
    subject.on_next(2)
    subject.on_next(3)  # is held in the door
    assert probe.items == [1, 2]
    probe.request(1)
    assert probe.items == [1, 2, 3]
    subject.on_completed()
    assert probe.completed


@EACH
def test_a_source_that_fails_when_it_is_started_fails_in_its_turn(
    join: Callable[[Any, Any], Any],
) -> None:
    failure = ValueError("start")
    probe = subscribed(join(rx.of(1), failing_in_start(failure)), 5)
    assert probe.items == [1]
    assert probe.error is failure


def test_a_request_inside_of_the_last_item_of_a_source_reaches_the_next() -> None:
    probe = TestSubscriber(1, lambda probe, _: probe.request(1))
    rx.concat(rx.of(1), rx.of(2), rx.of(3)).subscribe(probe)
    assert probe.items == [1, 2, 3]
    assert probe.completed


def test_concat_opens_one_source_at_a_time() -> None:
    opened: list[int] = []

    def source(number: int) -> Any:
        return rx.defer(lambda _: opened.append(number) or rx.of(number))

    probe = subscribed(rx.concat(*[source(number) for number in range(4)]), 1)
    assert probe.items == [0]
    assert opened in ([0], [0, 1])  # the end of the first is known without demand
    probe.request(2)
    assert probe.items == [0, 1, 2]
    probe.request(1)
    assert opened == [0, 1, 2, 3]
    assert probe.completed


@pytest.mark.parametrize("portion", [1, 2, 3, 4])
def test_portions_lose_nothing(portion: int) -> None:
    sources = [rx.of(1), rx.empty(), rx.of(2, 3), rx.range(4, 9), rx.empty(), rx.of(9)]
    for flow in (
        rx.concat(*sources),
        rx.of(*sources).pipe(ops.concat_all()),
        sources[2].pipe(ops.start_with(1), ops.concat(*sources[3:])),
    ):
        probe = subscribed(flow)
        for taken in range(portion, 9 + portion, portion):
            assert not probe.ended
            probe.request(portion)
            assert probe.items == list(range(1, 10))[:taken]
        assert probe.completed


def test_an_error_leaves_out_the_rest_of_concat() -> None:
    later = counted([1])
    probe = subscribed(rx.concat(failing(0), rx.from_iterable(later)), 9)
    assert probe.items == [0]
    assert repr(probe.error) == "ValueError('broken')"
    assert later.asked == 0


@pytest.mark.parametrize("demand", [0, 1, rx.UNBOUNDED])
def test_a_hundred_thousand_empty_sources_do_not_recurse(demand: int) -> None:
    empty = rx.empty()
    probe = subscribed(rx.concat(*[empty] * 100_000, rx.of("end")), demand)
    if not demand:
        probe.request(1)
    assert probe.items == ["end"]
    assert probe.completed


def test_start_with_subscribes_the_source_when_its_own_items_are_given() -> None:
    source = counted(range(3))
    probe = subscribed(rx.from_iterable(source).pipe(ops.start_with("a", None)), 1)
    assert (probe.items, source.asked) == (["a"], 0)
    probe.request(1)
    assert (probe.items, source.asked) == (["a", None], 0)
    probe.request(1)
    assert (probe.items, source.asked) == (["a", None, 0], 1)


# repeat


def test_repeat_for_ever_with_take_ends() -> None:
    runs = count()
    source = rx.defer(lambda _: rx.of(next(runs), "x"))
    assert list(source.pipe(ops.repeat(), ops.take(5))) == [0, "x", 1, "x", 2]
    assert next(runs) == 3


@pytest.mark.parametrize("times", [0, 1, 2, 5])
def test_repeat_runs_the_source_so_often_in_all(times: int) -> None:
    runs = count()
    source = rx.defer(lambda _: rx.of(next(runs)))
    probe = subscribed(source.pipe(ops.repeat(times)), rx.UNBOUNDED)
    assert probe.items == list(range(times))
    assert probe.completed
    plain: list[int] = []
    reactivex.of(7).pipe(reactivex.operators.repeat(times)).subscribe(plain.append)
    assert len(plain) == times


def test_repeat_gives_exactly_what_is_asked_for() -> None:
    probe = subscribed(rx.range(3).pipe(ops.repeat()))
    for taken in range(10):
        probe.request(1)
        assert probe.items == [item % 3 for item in range(taken + 1)]


def test_repeat_of_an_empty_source_a_hundred_thousand_times_does_not_recurse() -> None:
    probe = subscribed(rx.empty().pipe(ops.repeat(100_000)))
    assert probe.completed


def test_repeat_stops_at_an_error() -> None:
    probe = subscribed(failing(1).pipe(ops.repeat()), 9)
    assert probe.items == [1]
    assert repr(probe.error) == "ValueError('broken')"


def test_repeat_for_ever_of_an_unbounded_demand_stops_when_it_is_cancelled() -> None:
    probe = TestSubscriber(rx.UNBOUNDED, lambda probe, _: len(probe.items) == 7 and probe.cancel())
    rx.of(1, 2).pipe(ops.repeat()).subscribe(probe)
    assert probe.items == [1, 2, 1, 2, 1, 2, 1]


# retry


@pytest.mark.parametrize("times", [1, 2, 5])
def test_retry_runs_the_source_so_often_and_gives_the_last_failure(times: int) -> None:
    runs = count()
    source = rx.defer(lambda _: failing("item", error=ValueError(next(runs))))
    probe = subscribed(source.pipe(ops.retry(times)), rx.UNBOUNDED)
    assert probe.items == ["item"] * times
    assert repr(probe.error) == f"ValueError({times - 1})"


def test_retry_carries_the_demand_over() -> None:
    probe = subscribed(failing(1, 2).pipe(ops.retry()), 5)
    assert probe.items == [1, 2, 1, 2, 1]
    assert not probe.ended
    probe.request(2)
    assert probe.items == [1, 2, 1, 2, 1, 2, 1]


def test_retry_ends_with_the_first_run_that_completes() -> None:
    runs = count()
    source = rx.defer(lambda _: rx.of("done") if next(runs) == 3 else rx.throw("again"))
    probe = subscribed(source.pipe(ops.retry()), 1)
    assert probe.items == ["done"]
    assert probe.completed
    assert next(runs) == 4


@pytest.mark.parametrize("times", [2, None])
def test_retry_of_a_source_that_fails_when_it_is_started(times: int | None) -> None:
    failure = ValueError("start")
    runs = count()

    def start(emitter: Any) -> None:
        if next(runs) < 3:
            raise failure
        emitter.on_completed()

    probe = subscribed(rx.create(start, overflow=rx.FAIL).pipe(ops.retry(times)))
    if times is None:
        assert probe.completed
        assert next(runs) == 4
    else:
        assert probe.error is failure
        assert next(runs) == 2


def test_a_source_that_fails_a_hundred_thousand_times_does_not_recurse() -> None:
    probe = subscribed(rx.throw("again").pipe(ops.retry(100_000)))
    assert str(probe.error) == "again"


def test_a_source_that_fails_ten_thousand_times_when_it_is_made_does_not_recurse() -> None:
    runs = count()

    def factory(_: Any) -> Any:
        next(runs)
        raise ValueError("made")

    probe = subscribed(rx.defer(factory).pipe(ops.retry(10_000)), 1)
    assert repr(probe.error) == "ValueError('made')"
    assert next(runs) == 10_000


@pytest.mark.parametrize("fails", ["made", "started", "run"])
def test_the_failures_of_earlier_tries_are_let_go(fails: str) -> None:
    errors: list[weakref.ref[Exception]] = []

    class TryError(Exception):
        pass

    def fail(*_: Any) -> Any:
        error = TryError()
        errors.append(weakref.ref(error))
        raise error

    source = {
        "made": rx.defer(fail),
        "started": rx.create(fail, overflow=rx.FAIL),
        "run": rx.of(1).pipe(ops.map(fail)),
    }[fails]
    probe = subscribed(source.pipe(ops.retry(100)), 1)
    assert isinstance(probe.error, TryError)
    assert len(errors) == 100
    gc.collect()
    # The last one, and the first while the start that it came from is on the stack.
    assert sum(error() is not None for error in errors) <= 2
    assert probe.error.__context__ is None


def test_a_scheduler_that_acts_at_once_does_not_make_repeat_recurse() -> None:
    probe = subscribed(rx.return_value(1, ImmediateScheduler()).pipe(ops.repeat(5_000)), 5_000)
    assert probe.items == [1] * 5_000
    assert probe.completed


# catch


def test_catch_gives_its_function_the_error_and_the_source() -> None:
    failure = ValueError("first")
    source = failing(1, error=failure)
    seen: list[Any] = []

    def handler(error: Exception, source: Any) -> Any:
        seen.append((error, source))
        return rx.of("instead")

    probe = subscribed(source.pipe(ops.catch(handler)), 9)
    assert probe.items == [1, "instead"]
    assert probe.completed
    [(error, given)] = seen
    assert error is failure
    assert list(given.pipe(ops.take(1))) == [1]


def test_what_the_handler_raises_is_the_error() -> None:
    failure = KeyError("handler")
    first = ValueError("first")

    def handler(error: Exception, source: Any) -> Any:
        raise failure

    probe = subscribed(failing(1, error=first).pipe(ops.catch(handler)), 9)
    assert probe.items == [1]
    assert probe.error is failure


def test_a_handler_that_gives_no_source_fails_the_stream_with_a_type_error() -> None:
    handler: Any = lambda error, source: 5  # noqa: E731
    probe = subscribed(failing().pipe(ops.catch(handler)), 9)
    assert isinstance(probe.error, TypeError)
    assert "catch" in str(probe.error)


def test_an_error_of_the_second_source_passes() -> None:
    handled: list[Exception] = []
    second = ValueError("second")

    def handler(error: Exception, source: Any) -> Any:
        handled.append(error)
        return failing(2, error=second)

    probe = subscribed(failing(1).pipe(ops.catch(handler)), 9)
    assert probe.items == [1, 2]
    assert probe.error is second
    assert len(handled) == 1


def test_the_handler_is_not_called_without_an_error() -> None:
    handled: list[Exception] = []
    flow = rx.of(1).pipe(ops.catch(lambda error, source: handled.append(error) or rx.empty()))
    assert list(flow) == [1]
    assert handled == []


def test_catch_of_a_source_that_fails_when_it_is_started() -> None:
    probe = subscribed(failing_in_start(ValueError()).pipe(ops.catch(rx.of(1))), 1)
    assert probe.items == [1]
    assert probe.completed


def test_catch_of_a_source_that_fails_when_it_is_made() -> None:
    class Unready:
        def __iter__(self) -> Iterator[int]:
            raise ValueError("made")

    def factory(_: Any) -> Any:
        raise ValueError("made")

    for source in (rx.defer(factory), rx.from_iterable(Unready())):
        for handler in (rx.of(1), lambda error, source: rx.of(1)):
            probe = subscribed(source.pipe(ops.catch(handler)), 1)
            assert probe.items == [1]
            assert probe.completed


def test_a_failing_source_is_closed_before_the_next_is_opened() -> None:
    steps: list[str] = []

    def first() -> Iterator[int]:
        try:
            yield 1
            raise ValueError
        finally:
            steps.append("closed")

    second = rx.defer(lambda _: steps.append("opened") or rx.of(2))
    assert list(rx.from_iterable(first()).pipe(ops.catch(second))) == [1, 2]
    assert steps == ["closed", "opened"]


def test_rx_catch_tries_one_after_another_and_gives_the_last_failure() -> None:
    flow = rx.catch(failing(1), failing(2), rx.of(3), rx.of(4))
    assert list(flow) == [1, 2, 3]
    last = ValueError("last")
    probe = subscribed(rx.catch(failing(1), failing(2, error=last)), 9)
    assert probe.items == [1, 2]
    assert probe.error is last


def test_two_subscriptions_of_repeat_count_each_for_itself() -> None:
    flow = rx.of(1).pipe(ops.repeat(2))
    assert [list(flow), list(flow)] == [[1, 1], [1, 1]]


def test_a_failure_that_is_heard_early_is_told_once_to_what_is_before() -> None:
    source: Subject[int] = Subject()
    told: list[Exception] = []
    error = KeyError("once")
    probe = TestSubscriber(1)
    source.pipe(
        ops.on_backpressure_buffer(3), ops.do_action(on_error=told.append), ops.catch(rx.of(70))
    ).subscribe(probe)
    source.on_next(1)
    source.on_error(error)
    probe.request(5)
    assert probe.items == [1, 70]
    assert told == [error]
