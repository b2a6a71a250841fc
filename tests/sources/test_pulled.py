"""The sources that are pulled: nothing happens before it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest
from reactivex.scheduler import ImmediateScheduler
from reactivex.testing import TestScheduler

import rxflow as rx
from rxflow import operators as ops
from rxflow.testing import TestSubscriber
from tests.support import counted

SOURCES: dict[str, tuple[Callable[[], Any], list[Any]]] = {
    "from_iterable": (lambda: rx.from_iterable([1, 2, 3]), [1, 2, 3]),
    "from_iterable of a string": (lambda: rx.from_iterable("abc"), ["a", "b", "c"]),
    "from_list": (lambda: rx.from_list([1, 2]), [1, 2]),
    "range(3)": (lambda: rx.range(3), [0, 1, 2]),
    "range(1, 3)": (lambda: rx.range(1, 3), [1, 2]),
    "range(5, 1, -2)": (lambda: rx.range(5, 1, -2), [5, 3]),
    "of": (lambda: rx.of(1, None, 3), [1, None, 3]),
    "of nothing": (lambda: rx.of(), []),
    "return_value": (lambda: rx.return_value(4), [4]),
    "just": (lambda: rx.just(None), [None]),
    "repeat_value": (lambda: rx.repeat_value(4, 3), [4, 4, 4]),
    "repeat_value never": (lambda: rx.repeat_value(4, 0), []),
    "empty": (lambda: rx.empty(), []),
    "generate": (lambda: rx.generate(1, lambda n: n < 9, lambda n: 2 * n), [1, 2, 4, 8]),
    "defer": (lambda: rx.defer(lambda _: rx.of(1, 2)), [1, 2]),
}
EACH = pytest.mark.parametrize(("make", "items"), SOURCES.values(), ids=SOURCES.keys())


@EACH
def test_the_items_come_and_then_the_end(make: Callable[[], Any], items: list[Any]) -> None:
    probe = TestSubscriber(rx.UNBOUNDED)
    make().subscribe(probe)
    assert probe.items == items
    assert probe.signals == ["on_subscribe", *["on_next"] * len(items), "on_completed"]


@EACH
def test_a_subscription_takes_exactly_what_it_asks_for(
    make: Callable[[], Any], items: list[Any]
) -> None:
    probe = TestSubscriber()
    make().subscribe(probe)
    for taken in range(len(items)):
        assert probe.items == items[:taken]
        assert not probe.ended
        probe.request(1)
    assert probe.items == items


@EACH
def test_two_subscriptions_know_nothing_of_each_other(
    make: Callable[[], Any], items: list[Any]
) -> None:
    flow = make()
    first, second = TestSubscriber(1), TestSubscriber()
    flow.subscribe(first)
    flow.subscribe(second)
    first.cancel()
    second.request(rx.UNBOUNDED)
    assert first.items == items[:1]
    assert second.items == items
    assert second.completed


@EACH
def test_a_third_subscription_after_the_end_begins_anew(
    make: Callable[[], Any], items: list[Any]
) -> None:
    flow = make()
    assert list(flow) == items
    assert list(flow) == items


@pytest.mark.parametrize(
    "make",
    [
        lambda: rx.from_iterable([1, 2]),
        lambda: rx.from_iterable((1, 2)),
        lambda: rx.from_iterable(range(2)),
        lambda: rx.range(2),
        lambda: rx.of(1, 2),
        lambda: rx.repeat_value(1, 2),
    ],
)
def test_a_source_of_known_length_completes_with_its_last_item(make: Callable[[], Any]) -> None:
    probe = TestSubscriber(1)
    make().subscribe(probe)
    assert not probe.completed
    probe.request(1)
    assert probe.completed


def test_an_empty_source_completes_without_demand() -> None:
    for flow in (rx.empty(), rx.of(), rx.from_iterable([]), rx.range(0), rx.repeat_value(1, 0)):
        probe = TestSubscriber()
        flow.subscribe(probe)
        assert probe.signals == ["on_subscribe", "on_completed"]


def test_an_iterator_is_not_touched_before_it_is_asked_for() -> None:
    taken = counted(range(5))
    flow = rx.from_iterable(taken)
    piped = flow.pipe(ops.map(str), ops.filter(bool))
    probe = TestSubscriber()
    piped.subscribe(probe)
    assert taken.asked == 0
    probe.request(2)
    assert taken.asked == 2
    probe.request(1)
    assert taken.asked == 3
    probe.cancel()
    assert taken.asked == 3
    assert taken.closed == 1


def test_the_end_of_an_iterator_is_only_learnt_by_asking() -> None:
    taken = counted(range(2))
    probe = TestSubscriber(2)
    rx.from_iterable(taken).subscribe(probe)
    assert (taken.asked, probe.completed) == (2, False)
    probe.request(1)
    assert (taken.asked, probe.completed) == (3, True)
    assert taken.closed == 1


def test_iter_is_called_anew_for_each_subscription_and_not_before() -> None:
    class Iterable:
        iterated = 0

        def __iter__(self) -> Iterator[int]:
            self.iterated += 1
            return iter([self.iterated])

    source = Iterable()
    flow = rx.from_iterable(source)
    assert source.iterated == 0
    assert [list(flow), list(flow)] == [[1], [2]]


def test_an_iterable_that_cannot_be_iterated_now_fails_the_subscription() -> None:
    failure = ValueError("not now")

    class Iterable:
        def __iter__(self) -> Iterator[int]:
            raise failure

    probe = TestSubscriber()
    rx.from_iterable(Iterable()).subscribe(probe)
    assert probe.error is failure
    assert probe.signals == ["on_subscribe", "on_error"]


def test_an_iterator_that_raises_fails_behind_what_it_gave() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    probe = TestSubscriber(1)
    rx.from_iterable(broken()).subscribe(probe)
    assert probe.items == [1]
    assert not probe.ended
    probe.request(1)
    assert repr(probe.error) == "ValueError('broken')"


@pytest.mark.parametrize("end", ["cancel", "complete", "fail", "take"])
def test_a_generator_is_closed_at_any_end(end: str) -> None:
    closed: list[bool] = []

    def items() -> Iterator[int]:
        try:
            yield from range(3)
        finally:
            closed.append(True)

    steps = {
        "cancel": [],
        "complete": [],
        "fail": [ops.map(lambda item: 1 // (1 - item))],
        "take": [ops.take(2)],
    }[end]
    probe = TestSubscriber(1)
    rx.from_iterable(items()).pipe(*steps).subscribe(probe)
    assert closed == []
    if end == "cancel":
        probe.cancel()
    else:
        probe.request(9)
        assert probe.ended
    assert closed == [True]


def test_an_endless_repeat_value_gives_what_is_asked_for() -> None:
    for endless in (rx.repeat_value(7), rx.repeat_value(7, -1)):
        probe = TestSubscriber(3)
        endless.subscribe(probe)
        assert probe.items == [7, 7, 7]
        probe.request(2)
        assert probe.items == [7] * 5
        assert not probe.ended


def test_never_gives_nothing_and_can_be_cancelled() -> None:
    probe = TestSubscriber(rx.UNBOUNDED)
    rx.never().subscribe(probe)
    probe.cancel()
    assert probe.signals == ["on_subscribe"]


@pytest.mark.parametrize("exception", [ValueError("broken"), "broken"])
def test_throw_fails_without_demand(exception: Any) -> None:
    probe = TestSubscriber()
    rx.throw(exception).subscribe(probe)
    assert str(probe.error) == "broken"
    assert probe.signals == ["on_subscribe", "on_error"]
    if isinstance(exception, Exception):
        assert probe.error is exception


# generate


def test_generate_makes_one_step_for_each_item() -> None:
    steps: list[str] = []

    def condition(state: int) -> bool:
        steps.append(f"condition {state}")
        return True

    def iterate(state: int) -> int:
        steps.append(f"iterate {state}")
        return state + 1

    flow = rx.generate(0, condition, iterate)
    probe = TestSubscriber()
    flow.subscribe(probe)
    assert steps == []
    probe.request(1)
    assert steps == ["condition 0"]
    probe.request(2)
    assert steps == ["condition 0", "iterate 0", "condition 1", "iterate 1", "condition 2"]
    assert probe.items == [0, 1, 2]


@pytest.mark.parametrize("broken", ["condition", "iterate"])
def test_what_the_functions_of_generate_raise_is_the_error(broken: str) -> None:
    def function(state: int) -> int:
        if state == 1:
            raise ValueError(broken)
        return state + 1

    functions: dict[str, Any] = {"condition": lambda state: True, "iterate": lambda n: n + 1}
    functions[broken] = function
    probe = TestSubscriber(9)
    rx.generate(0, **functions).subscribe(probe)
    assert probe.items == ([0] if broken == "condition" else [0, 1])
    assert repr(probe.error) == f"ValueError('{broken}')"


# Schedulers.


SCHEDULED: dict[str, Callable[[Any], Any]] = {
    "from_iterable": lambda scheduler: rx.from_iterable([1, 2], scheduler),
    "range": lambda scheduler: rx.range(1, 3, 1, scheduler),
    "return_value": lambda scheduler: rx.return_value(1, scheduler),
    "empty": lambda scheduler: rx.empty(scheduler),
    "throw": lambda scheduler: rx.throw("broken", scheduler),
}


@pytest.mark.parametrize("make", SCHEDULED.values(), ids=SCHEDULED.keys())
@pytest.mark.parametrize("where", ["source", "subscribe"])
def test_a_source_starts_in_an_action_of_its_scheduler(
    make: Callable[[Any], Any], where: str
) -> None:
    clock = TestScheduler()
    probe = TestSubscriber(2)
    if where == "source":
        make(clock).subscribe(probe)
    else:
        make(None).subscribe(probe, scheduler=clock)
    assert probe.signals == ["on_subscribe"]
    clock.start()
    assert probe.ended
    assert probe.items == [1, 2][: len(probe.items)]


def test_the_scheduler_of_the_source_goes_before_that_of_the_subscription() -> None:
    own, other = TestScheduler(), TestScheduler()
    probe = TestSubscriber(5)
    rx.from_iterable([1], own).subscribe(probe, scheduler=other)
    other.start()
    assert probe.items == []
    own.start()
    assert probe.items == [1]


@pytest.mark.parametrize("make", SCHEDULED.values(), ids=SCHEDULED.keys())
def test_a_scheduled_source_that_is_cancelled_does_not_start(make: Callable[[Any], Any]) -> None:
    clock = TestScheduler()
    probe = TestSubscriber(2)
    make(clock).subscribe(probe)
    probe.cancel()
    clock.start()
    assert probe.signals == ["on_subscribe"]


def test_a_scheduled_iterator_is_not_advanced_beyond_demand_and_closed() -> None:
    clock = TestScheduler()
    taken = counted(count())
    probe = TestSubscriber(2)
    rx.from_iterable(taken, clock).subscribe(probe)
    assert taken.asked == 0
    clock.start()
    assert taken.asked == 2
    probe.request(1)
    assert taken.asked == 3
    probe.cancel()
    assert taken.closed == 1


@pytest.mark.parametrize("make", SCHEDULED.values(), ids=SCHEDULED.keys())
def test_a_scheduler_that_acts_at_once_changes_nothing(make: Callable[[Any], Any]) -> None:
    probe, scheduled = TestSubscriber(2), TestSubscriber(2)
    make(None).subscribe(probe)
    make(ImmediateScheduler()).subscribe(scheduled)
    assert scheduled.signals == probe.signals
    assert scheduled.items == probe.items


# defer


def test_defer_makes_its_source_when_it_is_subscribed_and_anew_each_time() -> None:
    made: list[int] = []

    def factory(_: Any) -> Any:
        made.append(len(made))
        return rx.of(made[-1])

    flow = rx.defer(factory)
    assert made == []
    assert [list(flow), list(flow)] == [[0], [1]]


def test_defer_passes_demand_on() -> None:
    taken = counted(count())
    probe = TestSubscriber(2)
    rx.defer(lambda _: rx.from_iterable(taken)).subscribe(probe)
    assert taken.asked == 2
    probe.cancel()
    assert taken.closed == 1


def test_defer_gives_its_factory_the_scheduler_of_the_subscription() -> None:
    seen: list[Any] = []
    clock = TestScheduler()
    flow = rx.defer(lambda scheduler: seen.append(scheduler) or rx.empty())
    flow.subscribe(TestSubscriber(), scheduler=clock)
    flow.subscribe(TestSubscriber())
    assert seen == [clock, None]


def test_what_the_factory_of_defer_raises_is_the_error() -> None:
    failure = ValueError("factory")

    def factory(_: Any) -> Any:
        raise failure

    probe = TestSubscriber()
    rx.defer(factory).subscribe(probe)
    assert probe.error is failure
    assert probe.signals == ["on_subscribe", "on_error"]


def test_a_factory_of_defer_that_gives_no_source_fails_the_subscription() -> None:
    probe = TestSubscriber()
    rx.defer(lambda _: 3).subscribe(probe)  # type: ignore[arg-type,return-value]
    assert isinstance(probe.error, TypeError)
    assert "defer" in str(probe.error)


def test_a_range_may_be_longer_than_any_sequence() -> None:
    probe = TestSubscriber(1)
    rx.range(2**70).subscribe(probe)
    probe.request(2)
    assert probe.items == [0, 1, 2]
    assert probe.error is None
