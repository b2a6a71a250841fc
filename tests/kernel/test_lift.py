"""Stock operators as a stage: what they are given, what comes out, and when they are done."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
import reactivex
from reactivex import Observer
from reactivex import operators as rx
from reactivex.disposable import SerialDisposable
from reactivex.scheduler import CurrentThreadScheduler, ImmediateScheduler

from rxflow.kernel import Context, LiftStage, own_trampoline
from rxflow.kernel.lift import Output
from tests.kernel.recorder import dropped_errors


def lifted(*operators: Any) -> LiftStage:
    return LiftStage(lambda source: source.pipe(*operators), Context(lambda: None))


def out_of(stage: LiftStage, items: Iterable[Any]) -> list[tuple[Any, bool]]:
    """Give each item that comes out, with whether the stage was done when it came."""
    return [(item, stage.done) for item in stage.run(iter(items))]


class Told:
    """An output, and how often its consumer was woken."""

    def __init__(self) -> None:
        self.wakes = 0
        self.output = Output(self.wake)

    def wake(self) -> None:
        self.wakes += 1


def test_an_output_wakes_for_each_item_and_for_the_end():
    told = Told()
    assert told.output.ended is False
    for item in (1, None):
        told.output.on_next(item)
    told.output.on_completed()
    assert (list(told.output.items), told.output.emitted, told.wakes) == ([1, None], 2, 3)
    assert (told.output.ended, told.output.error) == (True, None)


@pytest.mark.parametrize("end", ["on_completed", "on_error"])
def test_an_output_takes_nothing_after_its_end_and_loses_no_error(end: str):
    told, first, late = Told(), OSError("first"), OSError("late")
    told.output.on_error(first) if end == "on_error" else told.output.on_completed()
    assert (told.output.ended, told.wakes) == (True, 1)
    with dropped_errors() as dropped:
        told.output.on_next(1)
        told.output.on_error(late)
    assert (list(told.output.items), told.output.emitted, told.wakes) == ([], 0, 1)
    assert told.output.error is (first if end == "on_error" else None)
    assert dropped == [late]


def test_an_item_becomes_any_number_of_items():
    repeated = lifted(rx.flat_map(lambda n: reactivex.from_iterable([n] * n)))
    assert out_of(repeated, [2, 0, 1]) == [(2, False), (2, False), (1, False)]


def test_operators_that_end_with_an_item_are_done_when_it_comes_and_ask_for_no_more():
    given = iter([1, 2, 3])
    assert out_of(lifted(rx.take(2)), given) == [(1, False), (2, True)]
    assert list(given) == [3]


def test_of_several_items_at_the_end_only_the_last_finds_the_stage_done():
    ending = lifted(rx.take(1), rx.flat_map(lambda n: reactivex.of(n, n, n)))
    assert out_of(ending, [7, 8]) == [(7, False), (7, False), (7, True)]


def test_operators_that_end_without_an_item_are_done_all_the_same():
    stage, given = lifted(rx.take_while(lambda n: n < 1)), iter([0, 1, 2])
    assert out_of(stage, given) == [(0, False)]
    assert stage.done is True
    assert list(given) == [2]


def test_operators_that_want_no_source_are_done_from_the_beginning():
    assert lifted(rx.take(0)).done is True
    assert lifted(rx.take(1)).done is False


def test_a_failure_of_the_operators_comes_behind_their_items_and_they_are_not_done():
    def fail_behind(n: int) -> Any:
        return reactivex.concat(reactivex.of(n), reactivex.throw(OSError("behind")))

    stage = lifted(rx.flat_map(fail_behind))
    run = stage.run(iter([5, 6]))
    assert (next(run), stage.done) == (5, False)
    with pytest.raises(OSError, match="behind"):
        next(run)
    assert not stage.done


def test_a_failure_of_the_source_is_for_the_operators_first():
    def source() -> Iterator[int]:
        yield 1
        raise OSError("cut")

    stage = lifted(rx.materialize(), rx.map(str))
    assert out_of(stage, source()) == [
        ("OnNext(1.0)", False),
        ("OnError(cut)", True),
    ]


def test_a_failure_that_the_operators_pass_on_is_that_of_the_source():
    error = OSError("cut")
    told: list[Exception] = []

    def source() -> Iterator[int]:
        raise error
        yield

    with pytest.raises(OSError, match="cut") as raised:
        out_of(lifted(rx.do_action(on_error=told.append)), source())
    assert raised.value is error
    assert told == [error]


def operator(on_next: Callable[[Any, Any], None]) -> Any:
    """Make an operator that calls a function with its observer and each item."""
    return lambda source: reactivex.create(
        lambda observer, scheduler: source.subscribe(lambda item: on_next(observer, item))
    )


def test_what_an_operator_raises_behind_its_end_is_not_lost():
    def complete_and_raise(observer: Any, item: Any) -> None:
        observer.on_completed()
        raise OSError("behind the end")

    with pytest.raises(OSError, match="behind the end"):
        out_of(lifted(operator(complete_and_raise)), [1])


def test_the_operators_hear_of_completion_once_and_give_what_it_releases():
    told: list[str] = []
    stage = lifted(rx.do_action(on_completed=lambda: told.append("completed")), rx.to_list())
    assert out_of(stage, [1, 2]) == []
    assert told == []
    assert stage.holds() is True
    assert stage.holds() is True
    assert list(stage.finish()) == [[1, 2]]
    assert told == ["completed"]
    assert stage.holds() is False
    assert list(stage.finish()) == []


def test_completion_need_not_release_anything():
    stage = lifted(rx.map(str))
    assert stage.holds() is False
    assert list(stage.finish()) == []


def test_operators_that_fail_when_they_are_completed_fail_behind_what_they_release():
    stage = lifted(rx.start_with(1), rx.concat(reactivex.throw(OSError("at the end"))))
    released = iter(stage.finish())
    with pytest.raises(OSError, match="at the end"):
        list(released)


def test_a_sum_of_nothing_fails():
    with pytest.raises(Exception, match="no elements"):
        list(lifted(rx.reduce(lambda a, b: a + b)).finish())


def test_the_operators_are_given_the_scheduler_of_the_subscription():
    seen: list[Any] = []

    def noting(source: Any) -> Any:
        def subscribe(observer: Any, scheduler: Any) -> Any:
            seen.append(scheduler)
            return source.subscribe(observer)

        return reactivex.create(subscribe)

    scheduler = ImmediateScheduler()
    LiftStage(noting, Context(lambda: None, scheduler))
    assert seen == [scheduler]


def test_cancel_disposes_of_the_operators():
    told: list[str] = []
    stage = lifted(rx.finally_action(lambda: told.append("disposed")))
    assert told == []
    stage.cancel()
    assert told == ["disposed"]


def test_what_is_scheduled_inside_a_trampoline_of_ones_own_runs_at_once_and_later_not():
    told: list[str] = []
    scheduler = CurrentThreadScheduler.singleton()

    def outer(*_: Any) -> None:
        with own_trampoline():
            scheduler.schedule(lambda *_: told.append("inside"))
            assert told == ["inside"]
        scheduler.schedule(lambda *_: told.append("behind"))
        assert told == ["inside"]  # it waits for this call, as without the trampoline

    scheduler.schedule(outer)
    assert told == ["inside", "behind"]


@pytest.mark.parametrize("observes", ["functions", "an observer"])
def test_an_operator_that_has_left_its_source_is_fed_nothing_more(observes: str):
    """It gives nothing after the second item, and does not end: the rest is only counted."""
    fed: list[int] = []

    def two(source: reactivex.Observable[Any]) -> reactivex.Observable[Any]:
        def subscribe(observer: Any, scheduler: Any = None) -> Any:
            def on_next(item: int) -> None:
                fed.append(item)
                observer.on_next(item)
                if len(fed) == 2:
                    left.dispose()

            given = (
                (on_next, observer.on_error, observer.on_completed)
                if observes == "functions"
                else (Observer(on_next, observer.on_error, observer.on_completed),)
            )
            left.disposable = source.subscribe(*given, scheduler=scheduler)
            return left

        left = SerialDisposable()
        return reactivex.Observable(subscribe)

    stage = lifted(two)
    assert out_of(stage, range(5)) == [(0, False), (1, False)]
    assert fed == [0, 1]
    assert list(stage.finish()) == []
    assert fed == [0, 1]
