"""timeout, initial_, idle_, completion_ and backpressure_timeout: who is slow, and when it is told.

All on virtual time. A source is pushed into by hand, at the times that a test says.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from reactivex import Subject
from reactivex.testing import TestScheduler

import rxflow as rx
from rxflow import operators as ops
from rxflow.testing import TestSubscriber, run_virtual
from tests.support import counted

LIMIT = 5.0


class Timeline:
    """A source pushed into at times, an operator over it, and a Subscriber."""

    def __init__(self, step: Callable[[TestScheduler], Any], demand: int = 0) -> None:
        self.scheduler = TestScheduler()
        self.source: Subject[Any] = Subject()
        self.probe: TestSubscriber[Any] = TestSubscriber(demand)
        self.discarded: list[Any] = []
        door = ops.on_backpressure_buffer(9, on_discard=self.discarded.append)
        self.source.pipe(door, step(self.scheduler)).subscribe(self.probe)

    def at(self, time: float, call: Callable[..., object] | None = None, *args: Any) -> Any:
        """Go to a time, then do something there."""
        self.scheduler.advance_to(time)
        if call is not None:
            call(*args)
        return self.probe

    @property
    def error(self) -> Any:
        return self.probe.error


def timeout(scheduler: TestScheduler) -> Any:
    return ops.timeout(LIMIT, scheduler=scheduler)


STEPS: dict[str, Callable[[TestScheduler], Any]] = {
    "timeout": timeout,
    "initial_timeout": lambda s: ops.initial_timeout(LIMIT, s),
    "idle_timeout": lambda s: ops.idle_timeout(LIMIT, s),
    "completion_timeout": lambda s: ops.completion_timeout(LIMIT, s),
    "backpressure_timeout": lambda s: ops.backpressure_timeout(LIMIT, s),
}
EACH = pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
ON_SOURCE = pytest.mark.parametrize(
    "step", [STEPS[name] for name in STEPS if name != "backpressure_timeout"]
)


# All of them.


@ON_SOURCE
def test_a_source_without_an_item_fails_at_the_limit_and_not_before(step: Any) -> None:
    line = Timeline(step, demand=2)
    line.at(4.999)
    assert not line.probe.ended
    assert line.source.observers
    line.at(5.0)
    assert isinstance(line.error, rx.StreamTimeoutError)
    assert isinstance(line.error, TimeoutError)
    assert (line.error.limit, line.error.requested, line.error.held) == (LIMIT, 2, 0)
    assert str(line.error).startswith(f"{line.error.operator}(5.0): ")
    assert not line.source.observers


@EACH
def test_an_end_of_the_source_before_the_limit_is_passed_on(step: Any) -> None:
    assert Timeline(step).at(4.0, None).ended is False
    for demand in (0, 1, rx.UNBOUNDED):
        line = Timeline(step, demand)
        line.at(4.0, line.source.on_completed)
        assert line.probe.completed
        line = Timeline(step, demand)
        failure = KeyError()
        line.at(4.0, line.source.on_error, failure)
        assert line.error is failure


@EACH
def test_no_timer_is_left_after_an_end_or_a_cancel(step: Any) -> None:
    for end in ("on_completed", "on_error", "cancel"):
        line = Timeline(step, 1)
        if end == "cancel":
            line.at(1.0, line.probe.cancel)
        else:
            line.at(1.0, getattr(line.source, end), *([KeyError()] if end == "on_error" else []))
        signals = list(line.probe.signals)
        line.at(100.0)
        assert line.probe.signals == signals
        assert all(item.is_cancelled() for item, _ in line.scheduler._queue.items)
        assert not line.source.observers


@EACH
@pytest.mark.parametrize(
    ("limit", "error"),
    [(-1, ValueError), (float("nan"), ValueError), ("5", TypeError), (True, TypeError)],
)
def test_a_wrong_limit_is_refused_when_the_pipeline_is_built(
    step: Any, limit: Any, error: type[Exception]
) -> None:
    name = step(TestScheduler()).name
    with pytest.raises(error, match=name):
        getattr(ops, name)(limit)
    with pytest.raises(TypeError, match=name):
        getattr(ops, name)(None)


@EACH
def test_a_timedelta_is_a_limit(step: Any) -> None:
    build = getattr(ops, step(TestScheduler()).name)
    line = Timeline(lambda s: build(timedelta(seconds=2), scheduler=s))
    line.at(1.0, line.source.on_next, 1)
    line.at(1.5)
    if build is ops.backpressure_timeout:
        line.at(2.999)
        assert not line.probe.ended
        line.at(3.0)
    else:
        line.probe.request(2)
        assert line.probe.items == [1]
        line.at(3.5)
    assert line.probe.ended is (build is not ops.initial_timeout)


@EACH
def test_it_is_only_for_a_flow_where_reactivex_has_none(step: Any) -> None:
    operator = step(TestScheduler())
    if operator.name == "timeout":
        assert not isinstance(operator(Subject()), rx.Flow)
    else:
        with pytest.raises(TypeError, match="on_backpressure_buffer"):
            operator(Subject())


@ON_SOURCE
def test_a_lazy_source_is_not_advanced_ahead_of_the_demand(step: Any) -> None:
    source, probe, scheduler = counted(range(9)), TestSubscriber(), TestScheduler()
    rx.from_iterable(source).pipe(step(scheduler)).subscribe(probe)
    assert source.asked == 0
    for taken in range(1, 4):
        probe.request(1)
        assert (source.asked, probe.items) == (taken, list(range(taken)))


@ON_SOURCE
def test_the_demand_reaches_the_source_unchanged(step: Any) -> None:
    emitters: list[rx.Emitter[int]] = []
    probe, scheduler = TestSubscriber(3), TestScheduler()
    source = rx.create(emitters.append, overflow=rx.FAIL, capacity=1)
    source.pipe(step(scheduler)).subscribe(probe)
    [emitter] = emitters
    assert emitter.requested == 3
    emitter.on_next(1)
    emitter.on_next(2)
    assert emitter.requested == 1
    probe.request(2)
    assert emitter.requested == 3
    assert probe.items == [1, 2]


def test_the_clock_of_the_subscription_is_used_when_none_is_given() -> None:
    scheduler, probe = TestScheduler(), TestSubscriber(1)
    rx.never().pipe(ops.timeout(LIMIT)).subscribe(probe, scheduler=scheduler)
    scheduler.advance_to(4.999)
    assert not probe.ended
    scheduler.advance_to(5.0)
    assert probe.ended


# timeout


def test_trap_a_slow_consumer_is_not_timed_out_as_a_slow_source() -> None:
    line = Timeline(timeout, demand=1)
    line.at(4.0, line.source.on_next, 1)
    line.at(400.0)
    assert not line.probe.ended
    line.at(400.0, line.source.on_next, 2)  # it waits in the door, for the consumer
    line.at(800.0, line.probe.request, 1)
    assert line.probe.items == [1, 2]
    line.at(900.0, line.probe.request, 1)  # from here on it is the source that is slow
    line.at(904.999)
    assert not line.probe.ended
    line.at(905.0)
    assert line.error.operator == "timeout"


def test_time_counts_anew_for_each_item_and_from_the_first_demand() -> None:
    line = Timeline(timeout)
    line.at(50.0, line.probe.request, 3)
    for time in (54.9, 59.8, 64.7):
        line.at(time, line.source.on_next, time)
    assert line.probe.items == [54.9, 59.8, 64.7]
    line.at(200.0)
    assert not line.probe.ended
    line.at(200.0, line.probe.request, rx.UNBOUNDED)
    line.at(205.0)
    assert "everything requested" in str(line.error)


def test_more_demand_while_it_waits_gives_the_source_no_more_time() -> None:
    line = Timeline(timeout, demand=1)
    line.at(4.0, line.probe.request, 5)
    line.at(5.0)
    assert line.error.requested == 6


def test_an_item_of_the_same_instant_wins_if_it_comes_first() -> None:
    scheduler = TestScheduler()
    line = Timeline(lambda _: ops.timeout(LIMIT, scheduler=scheduler))
    scheduler.schedule_absolute(5.0, lambda *_: line.source.on_next(1))
    line.probe.request(1)
    scheduler.advance_to(50.0)
    assert line.probe.items == [1]
    assert not line.probe.ended


def test_what_a_filter_before_it_takes_does_not_count_as_an_item() -> None:
    scheduler, probe = TestScheduler(), TestSubscriber(1)
    source: Subject[int] = Subject()
    source.pipe(
        ops.on_backpressure_buffer(9), ops.filter(lambda x: x > 9), timeout(scheduler)
    ).subscribe(probe)
    for time in (1.0, 2.0, 3.0, 4.0):
        scheduler.advance_to(time)
        source.on_next(0)
    scheduler.advance_to(5.0)
    assert isinstance(probe.error, rx.StreamTimeoutError)


def test_a_source_that_is_busy_but_gives_nothing_is_too_slow() -> None:
    """It is never WAITING: an endless source of which a filter lets nothing through."""
    scheduler, probe = TestScheduler(), TestSubscriber(1)

    def rejects(n: int) -> bool:
        if n % 1000 == 0:
            scheduler._clock += 1.0  # what takes time here is the pipeline itself
        return False

    rx.generate(0, lambda _: True, lambda n: n + 1).pipe(
        ops.filter(rejects), timeout(scheduler)
    ).subscribe(probe)
    assert isinstance(probe.error, rx.StreamTimeoutError)


def test_the_other_source_gets_what_is_outstanding_and_no_limit() -> None:
    others: list[rx.Emitter[int]] = []
    other = rx.create(others.append, overflow=rx.FAIL, capacity=1)
    line = Timeline(lambda s: ops.timeout(LIMIT, other, s), demand=3)
    line.at(1.0, line.source.on_next, 1)
    line.at(5.999)
    assert others == []
    line.at(6.0)
    assert not line.source.observers
    assert others[0].requested == 2
    line.at(100.0)
    others[0].on_next(7)
    others[0].on_next(8)
    others[0].on_completed()
    assert line.probe.items == [1, 7, 8]
    assert line.probe.completed


def test_a_failure_of_the_source_is_not_taken_for_a_timeout() -> None:
    failure = rx.StreamTimeoutError("timeout", LIMIT, "another one", 0, 0)
    line = Timeline(lambda s: ops.timeout(LIMIT, rx.of(7), s), demand=3)
    line.at(1.0, line.source.on_error, failure)
    assert line.error is failure
    line = Timeline(lambda s: ops.timeout(LIMIT, rx.throw(failure), s), demand=3)
    line.at(5.0)
    assert line.error is failure


def test_nested_ones_know_their_own_failures() -> None:
    scheduler, probe = TestScheduler(), TestSubscriber(9)
    inner = ops.timeout(2.0, scheduler=scheduler)
    rx.never().pipe(inner, ops.timeout(9.0, rx.of(7), scheduler)).subscribe(probe)
    scheduler.advance_to(20.0)
    assert probe.items == []
    assert probe.error.limit == 2.0


@pytest.mark.parametrize("other", [5, object()])
def test_another_source_that_is_none_is_refused(other: Any) -> None:
    with pytest.raises(TypeError, match="timeout"):
        ops.timeout(LIMIT, other)


def test_a_time_of_day_is_the_latest_time_for_an_item() -> None:
    due = datetime.fromtimestamp(9.0, UTC)
    line = Timeline(lambda s: ops.timeout(due, scheduler=s), demand=2)
    line.at(8.0, line.source.on_next, 1)
    line.at(8.999)
    assert not line.probe.ended
    line.at(9.0)
    assert line.probe.items == [1]
    assert line.error.limit == due
    with pytest.raises(ValueError, match="time zone"):
        ops.timeout(due.replace(tzinfo=None))
    line = Timeline(lambda s: ops.timeout(due, scheduler=s), demand=1)
    line.at(8.0, line.source.on_next, 1)
    line.at(20.0, line.source.on_next, 2)
    line.probe.request(1)  # what is there already is no longer waited for
    assert line.probe.items == [1, 2]
    line.probe.request(1)
    assert line.error.limit == due


def test_a_demand_for_nothing_more_ends_no_waiting() -> None:
    """A merge asks each source for one item and takes it from whoever is quicker."""
    line = Timeline(lambda s: ops.merge(rx.never().pipe(ops.timeout(9.0, scheduler=s))), demand=1)
    line.at(1.0, line.source.on_next, 1)
    assert line.probe.items == [1]


async def numbers(period: float) -> AsyncIterator[int]:
    for number in range(4):
        await asyncio.sleep(period)
        yield number


def test_the_body_of_a_loop_may_take_as_long_as_it_likes() -> None:
    async def main() -> list[int]:
        taken = []
        async for number in rx.from_async_iterable(numbers(1.0)).pipe(ops.timeout(1.5)):
            taken.append(number)
            await asyncio.sleep(60.0)
        return taken

    assert run_virtual(main()) == [0, 1, 2, 3]


def test_a_loop_is_told_at_the_limit_and_its_generator_is_closed() -> None:
    async def main() -> float:
        loop = asyncio.get_running_loop()
        with pytest.raises(rx.StreamTimeoutError, match=r"timeout\(0.5\).*1 requested"):
            await rx.from_async_iterable(numbers(60.0)).pipe(ops.timeout(0.5)).for_each(print)
        return loop.time()

    assert run_virtual(main()) == pytest.approx(0.5, abs=1e-3)


# initial_timeout


def test_initial_timeout_counts_for_the_first_item_only_and_from_the_first_demand() -> None:
    line = Timeline(STEPS["initial_timeout"])
    line.at(50.0, line.probe.request, 9)
    line.at(54.999, line.source.on_next, 1)
    line.at(500.0)
    assert line.probe.items == [1]
    assert not line.probe.ended
    line = Timeline(STEPS["initial_timeout"])
    line.at(50.0, line.probe.request, 9)
    line.at(55.0)
    assert line.error.operator == "initial_timeout"


# idle_timeout


def test_idle_timeout_counts_whatever_the_demand_and_tells_it() -> None:
    line = Timeline(STEPS["idle_timeout"])
    line.at(5.0)
    assert (line.error.operator, line.error.requested) == ("idle_timeout", 0)
    line = Timeline(STEPS["idle_timeout"], demand=1)
    for time in (1.0, 2.0, 3.0):
        line.at(time, line.source.on_next, time)
    line.at(5.999)
    assert not line.probe.ended
    line.at(6.0)
    assert (line.error.requested, line.error.held) == (0, 2)  # so the consumer was idle
    assert line.discarded == [2.0, 3.0]


def test_idle_timeout_counts_from_the_last_item_that_passed() -> None:
    line = Timeline(STEPS["idle_timeout"], demand=9)
    for time in (4.9, 9.8, 14.7):
        line.at(time, line.source.on_next, time)
    line.at(19.699)
    assert not line.probe.ended
    line.at(19.7)
    assert line.error.requested == 6


def test_a_loop_hears_of_an_idle_time_when_it_asks_again() -> None:
    async def main() -> list[int]:
        taken: list[int] = []

        async def take(number: int) -> None:
            taken.append(number)
            await asyncio.sleep(number)

        flow = rx.from_async_iterable(numbers(0.1)).pipe(ops.idle_timeout(1.0))
        with pytest.raises(rx.StreamTimeoutError, match="idle_timeout"):
            await flow.for_each(take)
        return taken

    assert run_virtual(main()) == [0, 1]


# completion_timeout


def test_completion_timeout_counts_from_the_subscription_whatever_comes() -> None:
    line = Timeline(STEPS["completion_timeout"], demand=9)
    for time in (1.0, 2.0, 3.0, 4.0):
        line.at(time, line.source.on_next, time)
    line.at(4.999)
    assert not line.probe.ended
    line.at(5.0)
    assert line.probe.items == [1.0, 2.0, 3.0, 4.0]
    assert line.error.operator == "completion_timeout"


def test_an_endless_source_in_one_run_is_stopped_at_its_completion_time() -> None:
    scheduler = TestScheduler()

    def tick(probe: Any, item: int) -> None:
        scheduler.advance_by(1.0)

    probe: TestSubscriber[int] = TestSubscriber(rx.UNBOUNDED, tick)
    rx.range(10**9).pipe(STEPS["completion_timeout"](scheduler)).subscribe(probe)
    assert probe.items == [0, 1, 2, 3, 4]
    assert isinstance(probe.error, rx.StreamTimeoutError)


def test_a_stream_that_has_completed_in_time_is_not_failed_for_a_slow_loop() -> None:
    async def main() -> list[int]:
        source: Subject[int] = Subject()
        taken = []
        flow = source.pipe(ops.on_backpressure_buffer(9), ops.completion_timeout(5.0))
        iterator = aiter(flow)
        source.on_next(1)
        taken.append(await anext(iterator))
        source.on_completed()
        await asyncio.sleep(60.0)
        taken += [item async for item in iterator]
        return taken

    assert run_virtual(main()) == [1]


# backpressure_timeout


def test_the_consumer_is_named_when_it_asks_for_nothing_while_an_item_waits() -> None:
    line = Timeline(STEPS["backpressure_timeout"], demand=1)
    line.at(100.0)  # nothing waits
    line.at(100.0, line.source.on_next, 1)
    line.at(101.0, line.source.on_next, 2)
    line.at(105.999)
    assert line.probe.items == [1]
    assert not line.probe.ended
    line.at(106.0)
    assert "the consumer has asked for nothing" in str(line.error)
    assert (line.error.requested, line.error.held) == (0, 1)
    assert not line.source.observers


def test_each_item_has_its_own_time_to_wait() -> None:
    line = Timeline(STEPS["backpressure_timeout"])
    for number in range(4):
        line.source.on_next(number)
    for time in (4.9, 9.8, 14.7):
        line.at(time, line.probe.request, 1)
        assert not line.probe.ended
    line.at(19.699)
    assert not line.probe.ended
    line.at(19.7)
    assert line.probe.items == [0, 1, 2]
    assert line.error.operator == "backpressure_timeout"


def test_a_slow_source_is_not_taken_for_a_slow_consumer() -> None:
    line = Timeline(STEPS["backpressure_timeout"], demand=2)
    line.at(400.0, line.source.on_next, 1)
    line.at(800.0, line.source.on_next, 2)
    line.at(1200.0)
    assert line.probe.items == [1, 2]
    assert not line.probe.ended


def test_one_item_is_had_ready_and_given_to_on_discard() -> None:
    lost: list[int] = []
    source, probe, scheduler = counted(range(9)), TestSubscriber(), TestScheduler()
    step = ops.backpressure_timeout(LIMIT, scheduler, on_discard=lost.append)
    rx.from_iterable(source).pipe(step).subscribe(probe)
    assert source.asked == 1
    probe.request(2)
    assert (probe.items, source.asked) == ([0, 1], 3)
    scheduler.advance_to(5.0)
    assert lost == [2]
    assert probe.error is not None
    assert source.closed == 1
    figures = probe.statistics["backpressure_timeout"]
    assert (figures.received, figures.delivered, figures.discarded, figures.held) == (3, 2, 1, 0)
    assert (figures.peak, figures.capacity) == (1, 1)


def test_a_source_that_has_ended_is_not_held_up() -> None:
    line = Timeline(STEPS["backpressure_timeout"])
    line.at(1.0, line.source.on_next, 1)
    line.at(1.0, line.source.on_completed)
    line.at(100.0)
    assert not line.probe.ended
    line.probe.request(1)
    assert line.probe.items == [1]
    assert line.probe.completed


def test_a_stuck_loop_frees_its_source_at_the_limit_and_hears_of_it_when_it_goes_on() -> None:
    async def main() -> tuple[list[int], list[float]]:
        loop, freed, taken = asyncio.get_running_loop(), list[float](), list[int]()
        flow = rx.range(9).pipe(
            ops.finally_action(lambda: freed.append(loop.time())), ops.backpressure_timeout(2.0)
        )

        async def take(number: int) -> None:
            taken.append(number)
            await asyncio.sleep(1.0 if number < 2 else 60.0)

        with pytest.raises(rx.StreamTimeoutError, match="the loop over the Flow"):
            await flow.for_each(take)
        return taken, freed

    taken, freed = run_virtual(main())
    assert taken == [0, 1, 2]
    assert freed == [pytest.approx(4.0, abs=1e-3)]
