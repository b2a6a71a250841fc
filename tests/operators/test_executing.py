"""``map_executor`` and ``map_thread``: functions in threads and in processes."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import (
    BrokenExecutor,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)
from contextlib import aclosing, contextmanager
from typing import Any

import pytest

import rxflow as rx
from rxflow import operators as ops
from rxflow.testing import TestSubscriber
from tests.aio.test_map_async import Fed
from tests.kernel.recorder import dropped_errors


class Held(Executor):
    """An executor whose calls run when the test says so."""

    def __init__(self) -> None:
        self.calls: list[tuple[Future[Any], Callable[[], Any]]] = []
        self.most = 0

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.calls.append((future, lambda: fn(*args, **kwargs)))
        self.most = max(self.most, sum(not each.done() for each, _ in self.calls))
        return future

    def finish(self, index: int) -> None:
        """Run the n-th of all calls."""
        future, call = self.calls[index]
        assert future.set_running_or_notify_cancel()
        try:
            future.set_result(call())
        except BaseException as error:
            future.set_exception(error)


def double(item: int) -> int:
    return 2 * item


def fail(item: int) -> int:
    raise KeyError(item)


def die(item: int) -> None:
    os._exit(1)


def echo(item: Any) -> Any:
    return item


def part_of(probe: TestSubscriber[Any], name: str = "map_executor") -> Any:
    return probe.statistics[name]


# The bounds, with an executor that does what the test says.


def test_nothing_starts_before_demand_and_the_executor_is_given_no_more_than_the_bound() -> None:
    held, source, probe = Held(), Fed(range(9)), TestSubscriber[Any]()
    rx.from_iterable(source).pipe(ops.map_executor(held, double, 3)).subscribe(probe)
    assert (held.calls, source.advanced) == ([], 0)
    probe.request(2)
    assert (len(held.calls), source.advanced) == (3, 3)
    held.finish(1)
    probe.assert_items()  # the first one is still running
    held.finish(0)
    probe.assert_items(0, 2)
    # One place was freed while there was still demand.
    assert source.advanced == len(held.calls) == 4
    held.finish(2)
    held.finish(3)
    assert (source.advanced, part_of(probe).held) == (4, 2)
    probe.request(9)
    probe.assert_items(0, 2, 4, 6)
    assert held.most == part_of(probe).peak == part_of(probe).capacity == 3
    probe.cancel()


def test_as_they_come_and_with_a_buffer() -> None:
    held, probe = Held(), TestSubscriber[Any](9)
    rx.range(9).pipe(ops.map_executor(held, double, 2, ordered=False)).subscribe(probe)
    held.finish(1)
    held.finish(2)
    probe.assert_items(2, 4)
    probe.cancel()
    held, probe = Held(), TestSubscriber[Any](9)
    rx.range(9).pipe(ops.map_executor(held, double, 2, buffer=2)).subscribe(probe)
    held.finish(1)
    held.finish(2)
    assert len(held.calls) == 4
    held.finish(3)  # now the buffer is full
    assert (len(held.calls), held.most, part_of(probe).held) == (4, 2, 4)
    held.finish(0)
    probe.assert_items(0, 2, 4, 6)
    probe.cancel()


def test_completion_comes_with_the_last_item_and_that_of_nothing_without_demand() -> None:
    held, probe = Held(), TestSubscriber[Any](1)
    rx.of(5).pipe(ops.map_executor(held, double, 2)).subscribe(probe)
    held.finish(0)
    probe.assert_completed(10)
    probe = TestSubscriber[Any]()
    rx.empty().pipe(ops.map_executor(held, double, 2)).subscribe(probe)
    probe.assert_completed()


def test_none_is_an_item_and_a_result() -> None:
    with ThreadPoolExecutor(2) as threads:
        assert list(rx.of(None, 1, None).pipe(ops.map_executor(threads, echo, 2))) == [
            None,
            1,
            None,
        ]


@pytest.mark.parametrize("ordered", [True, False])
def test_a_failure_is_heard_as_soon_as_it_happens_and_cancels_what_has_not_begun(
    ordered: bool,
) -> None:
    held, source, probe = Held(), Fed(range(9)), TestSubscriber[Any](1)
    rx.from_iterable(source).pipe(
        ops.map_executor(held, lambda n: fail(n) if n == 1 else n, 3, ordered)
    ).subscribe(probe)
    held.finish(1)
    probe.assert_failed(KeyError)
    assert [future.cancelled() for future, _ in held.calls] == [True, False, True]
    assert source.closed
    assert (part_of(probe).received, part_of(probe).discarded) == (3, 3)


def test_a_failure_is_heard_without_demand() -> None:
    held, probe = Held(), TestSubscriber[Any](1)
    rx.range(3).pipe(ops.map_executor(held, lambda n: fail(n) if n else n, 2)).subscribe(probe)
    held.finish(0)
    held.finish(1)
    probe.assert_failed(KeyError, 0)


def test_a_call_that_was_cancelled_by_another_is_an_error_and_not_a_hang() -> None:
    held, probe = Held(), TestSubscriber[Any](9)
    rx.range(3).pipe(ops.map_executor(held, double, 2)).subscribe(probe)
    held.calls[1][0].cancel()
    probe.assert_failed(RuntimeError)
    assert "map_executor: the function ended with CancelledError()" in str(probe.error)


def test_on_cancel_what_waits_is_cancelled_and_what_runs_is_discarded_when_it_has_ended() -> None:
    held, probe = Held(), TestSubscriber[Any](1)
    discarded: list[int] = []
    rx.range(9).pipe(ops.map_executor(held, double, 4, on_discard=discarded.append)).subscribe(
        probe
    )
    running, _ = held.calls[2]
    held.finish(0)
    held.finish(1)
    assert running.set_running_or_notify_cancel()
    probe.cancel()
    assert discarded == [2]
    assert [future.cancelled() for future, _ in held.calls] == [False, False, False, True]
    running.set_result("late")
    assert discarded == [2, "late"]
    probe.assert_items(0)


def test_what_fails_behind_a_cancel_is_reported() -> None:
    held, probe, error = Held(), TestSubscriber[Any](1), KeyError()
    rx.range(9).pipe(ops.map_executor(held, double, 1)).subscribe(probe)
    [(running, _)] = held.calls
    running.set_running_or_notify_cancel()
    probe.cancel()
    with dropped_errors() as dropped:
        running.set_exception(error)
    assert dropped == [error]


def test_a_request_inside_of_on_next_and_results_that_are_there_at_once_do_not_recurse() -> None:
    held = Held()
    probe: TestSubscriber[Any] = TestSubscriber(1, request_each=1)
    rx.range(300).pipe(ops.map_executor(held, double, 300)).subscribe(probe)
    for index in reversed(range(300)):
        held.finish(index)
    probe.assert_completed(*range(0, 600, 2))
    assert probe.depth == 1


# Real executors.


@contextmanager
def processes() -> Iterator[Executor]:
    with ProcessPoolExecutor(2) as pool:
        yield pool


@contextmanager
def loky() -> Iterator[Executor]:
    module = pytest.importorskip("loky")
    pool = module.ProcessPoolExecutor(1)  # each takes its time to start
    try:
        yield pool
    finally:
        pool.shutdown(kill_workers=True)


@contextmanager
def threads() -> Iterator[Executor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


POOLS = pytest.mark.parametrize(
    "pool",
    [
        threads,
        # its workers are forked, of which newer interpreters warn where threads run
        pytest.param(
            processes, marks=pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
        ),
        loky,
    ],
    ids=lambda pool: pool.__name__,
)


@POOLS
def test_it_runs_with_and_without_an_event_loop(pool: Any) -> None:
    with pool() as executor:
        flow = rx.range(20).pipe(ops.map_executor(executor, double, 3))
        assert list(flow) == list(range(0, 40, 2))
        probe: TestSubscriber[Any] = TestSubscriber(5)
        flow.subscribe(probe)
        probe.wait_for(lambda probe: len(probe.items) == 5)
        assert part_of(probe).held <= 3
        probe.request(rx.UNBOUNDED)
        probe.wait_for(lambda probe: probe.ended)
        probe.assert_completed(*range(0, 40, 2))

        async def main() -> list[int]:
            async with aclosing(aiter(flow)) as items:
                return [item async for item in items]

        assert asyncio.run(main()) == list(range(0, 40, 2))
        with pytest.raises(KeyError):
            list(rx.of(5).pipe(ops.map_executor(executor, fail, 2)))
        if pool is not threads:
            check_broken_pool(executor)


def check_broken_pool(executor: Executor) -> None:
    """A broken process pool is an error of the stream, behind which another may begin."""
    errors: list[Exception] = []
    with dropped_errors() as dropped:
        probe: TestSubscriber[Any] = TestSubscriber(rx.UNBOUNDED)

        def again(error: Exception, _: Any) -> Any:
            errors.append(error)
            # The executor holds a lock when it tells of its end: this would hang in its thread.
            return rx.of(1).pipe(ops.map_executor(executor, double, 1))

        rx.range(5).pipe(ops.map_executor(executor, die, 3), ops.catch(again)).subscribe(probe)
        probe.wait_for(lambda probe: probe.ended)
        probe.assert_failed(BrokenExecutor)
    assert [isinstance(error, BrokenExecutor) for error in errors] == [True]
    assert dropped == []


def test_an_executor_that_is_closed_is_an_error_of_the_stream() -> None:
    executor = ThreadPoolExecutor(1)
    executor.shutdown()
    probe: TestSubscriber[Any] = TestSubscriber(1)
    rx.of(1).pipe(ops.map_executor(executor, double, 1)).subscribe(probe)
    probe.assert_failed(RuntimeError)


@pytest.mark.parametrize("bad", [None, 3, double, threading.Thread])
def test_what_is_no_executor_is_refused(bad: Any) -> None:
    with pytest.raises(TypeError, match=r"map_executor wants an executor of concurrent.futures"):
        ops.map_executor(bad, double, 1)


# map_thread: threads of its own.


class Gate:
    """A function that waits until the test opens it."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.entered = threading.Semaphore(0)
        self.threads: set[threading.Thread] = set()
        self.running = self.most = 0
        self._lock = threading.Lock()

    def __call__(self, item: Any) -> Any:
        with self._lock:
            self.threads.add(threading.current_thread())
            self.running += 1
            self.most = max(self.most, self.running)
        self.entered.release()
        assert self.opened.wait(10)
        with self._lock:
            self.running -= 1
        return item


def gone(gate: Gate) -> None:
    """Wait until the threads have ended."""
    for thread in gate.threads:
        thread.join(10)
        assert not thread.is_alive(), "a thread is left"


def test_map_thread_runs_several_at_a_time_and_its_threads_end_with_the_stream() -> None:
    gate, probe = Gate(), TestSubscriber[Any](9)
    rx.range(5).pipe(ops.map_thread(gate, 3)).subscribe(probe)
    for _ in range(3):
        assert gate.entered.acquire(timeout=10)
    assert part_of(probe, "map_thread").held == 3
    gate.opened.set()
    probe.wait_for(lambda probe: probe.ended)
    probe.assert_completed(0, 1, 2, 3, 4)
    assert (gate.most, threading.current_thread() in gate.threads) == (3, False)
    gone(gate)


def test_map_thread_begins_no_thread_before_demand() -> None:
    before = set(threading.enumerate())
    probe: TestSubscriber[Any] = TestSubscriber()
    rx.range(5).pipe(ops.map_thread(double, 3)).subscribe(probe)
    assert set(threading.enumerate()) <= before
    probe.cancel()


def test_cancelled_map_thread_lets_the_call_end_and_discards_its_result() -> None:
    gate, probe = Gate(), TestSubscriber[Any](9)
    discarded: list[Any] = []
    rx.range(9).pipe(ops.map_thread(gate, 1, on_discard=discarded.append)).subscribe(probe)
    assert gate.entered.acquire(timeout=10)
    probe.cancel()
    assert discarded == []
    gate.opened.set()
    gone(gate)
    assert (discarded, probe.items) == ([0], [])


@pytest.mark.parametrize("planted", [KeyError("x"), StopIteration("x"), SystemExit(3)], ids=repr)
def test_a_failure_in_a_thread_ends_the_stream_and_the_threads(planted: BaseException) -> None:
    seen: set[threading.Thread] = set()

    def work(item: int) -> int:
        seen.add(threading.current_thread())
        if item == 2:
            raise planted
        return item

    probe: TestSubscriber[Any] = TestSubscriber(9)
    rx.range(9).pipe(ops.map_thread(work, 1)).subscribe(probe)
    probe.wait_for(lambda probe: probe.ended)
    assert probe.items == [0, 1]
    if isinstance(planted, SystemExit):
        assert "map_thread: the function ended with SystemExit(3)" in str(probe.error)
    else:
        assert probe.error is planted
    for thread in seen:
        thread.join(10)
        assert not thread.is_alive()


def test_an_on_discard_that_fails_is_reported_and_the_others_are_told() -> None:
    held, probe = Held(), TestSubscriber[Any](1)
    told: list[int] = []

    def discard(item: int) -> None:
        told.append(item)
        raise KeyError(item)

    rx.range(9).pipe(ops.map_executor(held, double, 4, on_discard=discard)).subscribe(probe)
    for index in range(3):
        held.finish(index)
    with dropped_errors() as dropped:
        probe.cancel()
    assert told == [2, 4]
    assert [error.args for error in dropped] == [(2,), (4,)]


def test_iterating_takes_the_results_in_its_own_thread() -> None:
    here = threading.get_ident()
    flow = rx.range(6).pipe(
        ops.map_thread(lambda _: threading.get_ident(), 2),
        ops.map(lambda there: (there, threading.get_ident())),
    )
    assert all(there != here and taken == here for there, taken in flow)


def test_map_thread_before_map_async_begins_its_calls_on_the_loop() -> None:
    """A subscriber's drain runs in the threads; tasks are not to begin there."""

    async def main() -> None:
        probe: TestSubscriber[Any] = TestSubscriber(rx.UNBOUNDED)

        async def work(item: int) -> int:
            assert threading.current_thread() is threading.main_thread()
            await asyncio.sleep(0)
            return item

        rx.range(20).pipe(ops.map_thread(double, 3), ops.map_async(work, 2)).subscribe(probe)
        await probe.until(lambda probe: probe.ended)
        probe.assert_completed(*range(0, 40, 2))

    asyncio.run(main())
