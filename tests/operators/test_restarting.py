"""retry with waits, and restart_with_backoff: what is tried again, when, on which demand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import tenacity
from reactivex.testing import TestScheduler

import rxflow as rx
from rxflow import operators as ops
from rxflow.testing import TestSubscriber, run_virtual


class BrokenError(Exception):
    """What a source fails with."""


class Trial:
    """A source that is told when to fail, an operator over it, and a Subscriber.

    Attributes:
        begun: When the source was subscribed to.
        emitters: Of each subscription.
    """

    def __init__(self, step: Any, demand: int = rx.UNBOUNDED, fails: Any = None) -> None:
        self.scheduler = TestScheduler()
        self.begun: list[float] = []
        self.closed: list[float] = []
        self.emitters: list[rx.Emitter[Any]] = []
        self.probe: TestSubscriber[Any] = TestSubscriber(demand)
        source = rx.create(self._start(fails), overflow=rx.FAIL, capacity=9)
        source.pipe(step).subscribe(self.probe, scheduler=self.scheduler)

    def _start(self, fails: Any) -> Callable[[Any], Any]:
        def start(emitter: rx.Emitter[Any]) -> Any:
            self.begun.append(self.scheduler.clock)
            self.emitters.append(emitter)
            if fails is not None:
                fails(emitter)
            return lambda: self.closed.append(self.scheduler.clock)

        return start

    def at(self, time: float) -> TestSubscriber[Any]:
        self.scheduler.advance_to(time)
        return self.probe

    def waiting(self) -> bool:
        """Tell whether a timer is set."""
        return any(not item.is_cancelled() for item, _ in self.scheduler._queue.items)


def failing(emitter: rx.Emitter[Any]) -> None:
    emitter.on_error(BrokenError(len(emitter.__class__.__name__)))


def completing(emitter: rx.Emitter[Any]) -> None:
    emitter.on_completed()


# retry


def test_each_attempt_waits_for_what_the_function_of_its_number_says() -> None:
    trial = Trial(ops.retry(4, wait=lambda attempt: attempt * 10.0), fails=failing)
    assert trial.begun == [0.0]
    trial.at(9.999)
    assert trial.begun == [0.0]
    trial.at(10.0)
    assert trial.begun == [0.0, 10.0]
    trial.at(29.999)
    assert trial.begun == [0.0, 10.0]
    trial.at(1000.0)
    assert trial.begun == [0.0, 10.0, 30.0, 60.0]
    assert isinstance(trial.probe.error, BrokenError)
    assert not trial.waiting()


def test_a_timedelta_and_no_wait_at_all_are_waits() -> None:
    waits = [timedelta(seconds=3), 0, timedelta(0), 2.0]
    trial = Trial(ops.retry(5, wait=lambda attempt: waits[attempt - 1]), fails=failing)
    trial.at(100.0)
    assert trial.begun == [0.0, 3.0, 3.0, 3.0, 5.0]


def test_without_waits_it_is_retried_at_once_and_sets_no_timer() -> None:
    trial = Trial(ops.retry(3), fails=failing)
    assert trial.begun == [0.0, 0.0, 0.0]
    assert isinstance(trial.probe.error, BrokenError)


@pytest.mark.parametrize("fails_after", [0, 1, 2])
def test_trap_a_retry_keeps_the_outstanding_demand(fails_after: int) -> None:
    trial = Trial(ops.retry(wait=lambda _: 5.0), demand=3)
    assert trial.emitters[0].requested == 3
    for item in range(fails_after):
        trial.emitters[0].on_next(item)
    trial.emitters[0].on_error(BrokenError())
    trial.probe.request(2)  # while it waits
    trial.at(5.0)
    assert trial.emitters[1].requested == 5 - fails_after
    for item in range(fails_after, 5):
        trial.emitters[1].on_next(item)
    assert trial.probe.items == [0, 1, 2, 3, 4]
    assert trial.emitters[1].requested == 0
    trial.emitters[1].on_completed()
    assert trial.probe.completed


@pytest.mark.parametrize("demand", [0, 1, rx.UNBOUNDED])
def test_a_failure_is_retried_whatever_the_demand(demand: int) -> None:
    trial = Trial(ops.retry(2, wait=lambda _: 5.0), demand=demand)
    trial.emitters[0].on_error(BrokenError())
    trial.at(5.0)
    assert trial.begun == [0.0, 5.0]
    assert trial.emitters[1].requested == demand
    trial.emitters[1].on_error(BrokenError())
    assert isinstance(trial.probe.error, BrokenError)


def test_trap_a_wait_is_cancelled_at_once() -> None:
    trial = Trial(ops.retry(wait=lambda _: 60.0), fails=failing)
    trial.at(1.0)
    assert trial.waiting()
    trial.probe.cancel()
    assert not trial.waiting()
    trial.at(1000.0)
    assert trial.begun == [0.0]
    assert trial.probe.signals == ["on_subscribe"]


def test_a_loop_that_is_left_while_it_waits_ends_at_once() -> None:
    async def main() -> float:
        loop = asyncio.get_running_loop()
        flow = rx.throw(BrokenError()).pipe(ops.retry(wait=lambda _: 3600.0))
        task = asyncio.ensure_future(flow.for_each(print))
        await asyncio.sleep(1.0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return loop.time()

    assert run_virtual(main()) == 1.0


def test_a_loop_waits_by_the_clock_of_its_event_loop() -> None:
    async def main() -> tuple[list[int], float]:
        loop = asyncio.get_running_loop()
        tries = iter([rx.throw(BrokenError()), rx.throw(BrokenError()), rx.of(1, 2)])
        flow = rx.defer(lambda _: next(tries)).pipe(ops.retry(wait=lambda n: 30.0 * n))
        taken = [item async for item in flow]
        return taken, loop.time()

    taken, time = run_virtual(main())
    assert taken == [1, 2]
    assert time == pytest.approx(90.0, abs=1e-3)


def test_the_source_that_failed_is_closed_before_the_wait() -> None:
    trial = Trial(ops.retry(wait=lambda _: 60.0))
    trial.at(2.0)
    trial.emitters[0].on_error(BrokenError())
    assert trial.closed == [2.0]


def test_the_predicate_says_which_errors_are_retried() -> None:
    seen: list[Exception] = []

    def is_broken(error: Exception) -> bool:
        seen.append(error)
        return isinstance(error, BrokenError)

    trial = Trial(ops.retry(wait=lambda _: 5.0, predicate=is_broken))
    first, second = BrokenError(), KeyError()
    trial.emitters[0].on_error(first)
    trial.at(5.0)
    trial.emitters[1].on_error(second)
    assert seen == [first, second]
    assert trial.probe.error is second
    assert not trial.waiting()


@pytest.mark.parametrize("wait", ["soon", None, -1.0, float("nan"), True])
def test_a_wait_that_is_no_duration_ends_the_stream(wait: Any) -> None:
    trial = Trial(ops.retry(wait=lambda _: wait), fails=failing)
    assert isinstance(trial.probe.error, TypeError | ValueError)
    assert "wait" in str(trial.probe.error)


async def later(attempt: int) -> float:
    return 1.0


@pytest.mark.parametrize("wrong", [1.0, "soon", later])
@pytest.mark.parametrize("name", ["wait", "predicate"])
def test_callbacks_that_cannot_be_called_are_refused(name: str, wrong: Any) -> None:
    with pytest.raises(TypeError, match=f"retry: {name}"):
        ops.retry(**{name: wrong})


@pytest.mark.parametrize("count", [0, 1])
def test_few_runs_of_the_source(count: int) -> None:
    trial = Trial(ops.retry(count, wait=lambda _: 1.0), fails=failing)
    trial.at(9.0)
    assert len(trial.begun) == count
    assert trial.probe.completed is (count == 0)


# tenacity


WAITED: dict[str, tuple[Any, list[float]]] = {
    "fixed": (tenacity.wait_fixed(2), [2.0, 2.0, 2.0, 2.0]),
    "exponential": (tenacity.wait_exponential(multiplier=1, max=5), [1.0, 2.0, 4.0, 5.0]),
    "incrementing": (tenacity.wait_incrementing(1, 2), [1.0, 3.0, 5.0, 7.0]),
    "none": (tenacity.wait_none(), [0.0, 0.0, 0.0, 0.0]),
    "chain": (
        tenacity.wait_chain(tenacity.wait_fixed(1), tenacity.wait_fixed(9)),
        [1.0, 9.0, 9.0, 9.0],
    ),
    "combined": (tenacity.wait_fixed(3) + tenacity.wait_incrementing(0, 1), [3.0, 4.0, 5.0, 6.0]),
}


@pytest.mark.parametrize(("wait", "waits"), WAITED.values(), ids=WAITED)
def test_a_wait_strategy_of_tenacity_says_how_long(wait: Any, waits: list[float]) -> None:
    trial = Trial(ops.retry(5, wait=wait), fails=failing)
    trial.at(1000.0)
    gaps = [later - former for former, later in zip(trial.begun, trial.begun[1:], strict=False)]
    assert gaps == waits


def test_a_strategy_with_jitter_stays_within_its_bounds() -> None:
    trial = Trial(ops.retry(30, wait=tenacity.wait_random(1, 3)), fails=failing)
    trial.at(1000.0)
    gaps = {later - former for former, later in zip(trial.begun, trial.begun[1:], strict=False)}
    assert len(gaps) > 10
    assert all(1.0 <= gap <= 3.0 for gap in gaps)


def test_a_strategy_of_ones_own_is_told_of_the_failure_and_of_the_time_waited() -> None:
    told: list[Any] = []

    class ByError(tenacity.wait.wait_base):
        def __call__(self, retry_state: Any) -> float:
            told.append((retry_state.outcome.exception(), retry_state.idle_for))
            return float(retry_state.attempt_number)

    failures = [BrokenError(1), BrokenError(2), BrokenError(3)]
    trial = Trial(ops.retry(3, wait=ByError()))
    for failure in failures:
        trial.emitters[-1].on_error(failure)
        trial.at(trial.scheduler.clock + 10.0)
    assert told == [(failures[0], 0.0), (failures[1], 1.0)]
    assert trial.probe.error is failures[2]


# restart_with_backoff


def test_the_wait_doubles_up_to_its_bound() -> None:
    for ends in (failing, completing):
        trial = Trial(ops.restart_with_backoff(1, 5, 0), fails=ends)
        trial.at(0.999)
        assert trial.begun == [0.0]
        trial.at(20.0)
        assert trial.begun == [0.0, 1.0, 3.0, 7.0, 12.0, 17.0]
        trial.probe.cancel()
        assert not trial.waiting()


def test_a_healthy_run_begins_the_waits_anew() -> None:
    trial = Trial(ops.restart_with_backoff(1, 100, 0, within=4))
    for lasts, waits in ((0.0, 1.0), (3.999, 2.0), (0.0, 4.0), (4.0, 1.0), (0.0, 2.0)):
        ended = trial.scheduler.clock + lasts
        trial.at(ended)
        trial.emitters[-1].on_error(BrokenError())
        runs = len(trial.begun)
        trial.at(ended + waits - 0.001)
        assert len(trial.begun) == runs
        trial.at(ended + waits)
        assert len(trial.begun) == runs + 1


@pytest.mark.parametrize("most", [0, 1, 3])
@pytest.mark.parametrize("ends", [failing, completing])
def test_after_the_last_restart_the_stream_ends_as_the_source(most: int, ends: Any) -> None:
    trial = Trial(ops.restart_with_backoff(1, 1, 0, max_restarts=most), fails=ends)
    trial.at(100.0)
    assert len(trial.begun) == most + 1
    assert trial.probe.completed is (ends is completing)
    assert isinstance(trial.probe.error, BrokenError) is (ends is failing)


def test_restarts_are_counted_anew_after_a_healthy_run() -> None:
    trial = Trial(ops.restart_with_backoff(1, 1, 0, max_restarts=1, within=5))
    for _ in range(4):
        trial.at(trial.scheduler.clock + 5.0)
        trial.emitters[-1].on_error(BrokenError())
        trial.at(trial.scheduler.clock + 1.0)
    assert len(trial.begun) == 5
    trial.emitters[-1].on_error(BrokenError())
    assert trial.probe.ended


def test_a_completion_is_passed_on_where_only_failures_are_restarted() -> None:
    trial = Trial(ops.restart_with_backoff(1, 1, 0, only_on_failures=True))
    trial.emitters[0].on_error(BrokenError())
    trial.at(1.0)
    trial.emitters[1].on_completed()
    assert trial.probe.completed
    assert trial.begun == [0.0, 1.0]


def test_a_restart_keeps_the_outstanding_demand() -> None:
    trial = Trial(ops.restart_with_backoff(1, 1, 0), demand=5)
    trial.emitters[0].on_next(1)
    trial.emitters[0].on_completed()
    trial.at(1.0)
    assert trial.emitters[1].requested == 4


def test_jitter_adds_at_most_its_part() -> None:
    trial = Trial(ops.restart_with_backoff(1, 1, 0.5), fails=failing)
    trial.at(100.0)
    gaps = {later - former for former, later in zip(trial.begun, trial.begun[1:], strict=False)}
    assert len(gaps) > 10
    assert all(1.0 <= gap <= 1.5 for gap in gaps)


@pytest.mark.parametrize(
    ("args", "error"),
    [
        ((0, 1), ValueError),
        ((2, 1), ValueError),
        ((-1, 1), ValueError),
        ((1, 1, 1.5), ValueError),
        ((1, 1, -0.1), ValueError),
        (("1", 1), TypeError),
        ((1, None), TypeError),
    ],
)
def test_wrong_numbers_are_refused(args: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="restart_with_backoff"):
        ops.restart_with_backoff(*args)
    with pytest.raises(ValueError, match="max_restarts"):
        ops.restart_with_backoff(1, 1, max_restarts=-1)
