"""``map_async``: async functions in a pipeline, bounded."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator
from contextlib import aclosing
from typing import Any

import pytest
import reactivex
from reactivex.subject import Subject

import rxflow as rx
from rxflow import operators as ops
from tests.support_loop import Recorder, run, turns


class Work:
    """An async function of (item, seconds) pairs; it measures what runs."""

    def __init__(self) -> None:
        self.begun: list[Any] = []
        self.cancelled: list[Any] = []
        self.running = 0
        self.most = 0

    async def __call__(self, pair: tuple[Any, float]) -> Any:
        item, seconds = pair
        self.begun.append(item)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            self.cancelled.append(item)
            raise
        finally:
            self.running -= 1
        if isinstance(item, Exception):
            raise item
        return item


class Fed:
    """Items in order, counting how far it was advanced."""

    def __init__(self, items: Any) -> None:
        self.advanced = 0
        self.closed = False
        self._items = items

    def __iter__(self) -> Iterator[Any]:
        try:
            for item in self._items:
                self.advanced += 1
                yield item
        finally:
            self.closed = True


def now() -> float:
    return asyncio.get_running_loop().time()


async def timed(flow: Any) -> list[tuple[Any, float]]:
    return [(item, now()) async for item in flow]


# Order and time


def test_results_keep_the_order_of_the_items() -> None:
    work = Work()
    flow = rx.of(("a", 5), ("b", 1), ("c", 3), ("d", 1)).pipe(ops.map_async(work, 2))
    # b waits for a and keeps its place; so c begins when a was taken, and d when b was.
    assert run(timed(flow)) == [("a", 5), ("b", 5), ("c", 8), ("d", 8)]
    assert work.most == 2


def test_without_order_results_come_as_they_are_ready() -> None:
    work = Work()
    flow = rx.of(("a", 5), ("b", 1), ("c", 3), ("d", 2)).pipe(ops.map_async(work, 2, ordered=False))
    assert run(timed(flow)) == [("b", 1), ("c", 4), ("a", 5), ("d", 6)]
    assert work.most == 2


def test_one_at_a_time_is_the_default() -> None:
    work = Work()
    flow = rx.of(("a", 2), ("b", 1), ("c", 1)).pipe(ops.map_async(work))
    assert run(timed(flow)) == [("a", 2), ("b", 3), ("c", 4)]
    assert work.most == 1


@pytest.mark.parametrize("ordered", [True, False])
def test_none_is_an_item_and_a_result(ordered: bool) -> None:
    async def echo(item: Any) -> Any:
        await asyncio.sleep(1)
        return item

    flow = rx.of(None, None, 3, None).pipe(ops.map_async(echo, 2, ordered=ordered))
    items = [item for item, _ in run(timed(flow))]
    assert sorted(items, key=str) == [3, None, None, None]


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("length", [0, 1, 7, 8, 9, 300])
def test_every_item_comes_out_once(ordered: bool, length: int) -> None:
    async def uneven(item: int) -> int:
        await asyncio.sleep(item * 7 % 5)
        return item

    flow = rx.range(length).pipe(ops.map_async(uneven, 8, ordered=ordered))
    items = [item for item, _ in run(timed(flow))]
    assert sorted(items) == list(range(length))
    if ordered:
        assert items == sorted(items)


# The bound


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("bound", [1, 2, 3, 8, 64])
def test_the_most_in_flight_equals_the_bound(ordered: bool, bound: int) -> None:
    work = Work()
    flow = rx.from_iterable([(n, 1 + n % 3) for n in range(200)]).pipe(
        ops.map_async(work, bound, ordered=ordered)
    )
    run(timed(flow))
    assert work.most == bound


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("bound", [1, 2, 5])
def test_what_has_finished_and_was_not_taken_counts_too(ordered: bool, bound: int) -> None:
    work = Work()
    source = Fed((n, 1) for n in range(100))
    flow = rx.from_iterable(source).pipe(ops.map_async(work, bound, ordered=ordered))

    async def main() -> None:
        async with aclosing(aiter(flow)) as items:
            for taken in range(1, 20):
                await anext(items)
                await asyncio.sleep(100)  # a slow consumer: all that may run has finished
                assert work.running == 0
                assert len(work.begun) - taken <= bound
                assert source.advanced == len(work.begun)
            (figures,) = (each for each in items.statistics() if each.name == "map_async")
            assert figures.capacity == bound
            assert figures.peak == bound
            assert figures.held <= bound

    run(main())


def test_nothing_starts_before_demand() -> None:
    work = Work()
    source = Fed((n, 1) for n in range(100))
    subscriber = Recorder()

    async def main() -> None:
        rx.from_iterable(source).pipe(ops.map_async(work, 4)).subscribe(subscriber)
        await asyncio.sleep(10)
        assert work.begun == []
        assert source.advanced == 0
        subscriber.request(1)
        await asyncio.sleep(10)
        assert subscriber.items == [0]
        assert 1 <= len(work.begun) <= 4
        subscriber.cancel()
        await turns(3)

    run(main())


def test_iterating_starts_nothing_before_the_first_step() -> None:
    work = Work()

    async def main() -> None:
        flow = rx.from_iterable([(n, 1) for n in range(10)]).pipe(ops.map_async(work, 4))
        async with aclosing(aiter(flow)):
            await asyncio.sleep(10)
            assert work.begun == []

    run(main())


@pytest.mark.parametrize("ordered", [True, False])
def test_one_by_one_requests_give_exactly_what_was_asked(ordered: bool) -> None:
    work = Work()
    subscriber = Recorder()
    source = Fed((n, 1) for n in range(10))

    async def main() -> None:
        rx.from_iterable(source).pipe(ops.map_async(work, 3, ordered=ordered)).subscribe(subscriber)
        for asked in range(1, 11):
            subscriber.request(1)
            await asyncio.sleep(5)
            assert len(subscriber.items) == asked
            assert len(work.begun) <= asked + 3
            assert source.advanced == len(work.begun)
        await asyncio.sleep(5)

    run(main())
    assert sorted(subscriber.items) == list(range(10))
    assert subscriber.errors == []
    assert source.closed


def test_completion_comes_with_the_last_item_without_further_demand() -> None:
    subscriber = Recorder(2)

    async def main() -> None:
        rx.of(("a", 1), ("b", 1)).pipe(ops.map_async(Work(), 2)).subscribe(subscriber)
        await asyncio.sleep(5)

    run(main())
    assert subscriber.items == ["a", "b"]
    assert subscriber.completed == 1


def test_an_empty_source_completes_without_demand() -> None:
    subscriber = Recorder()

    async def main() -> None:
        rx.empty().pipe(ops.map_async(Work(), 2)).subscribe(subscriber)
        await turns(3)

    run(main())
    assert subscriber.completed == 1


def test_an_ordinary_observer_gets_all() -> None:
    seen: list[Any] = []

    async def main() -> None:
        done = asyncio.Event()
        rx.of(("a", 2), ("b", 1)).pipe(ops.map_async(Work(), 2)).subscribe(
            seen.append, seen.append, done.set
        )
        await asyncio.wait_for(done.wait(), 10)

    run(main())
    assert seen == ["a", "b"]


def test_two_in_a_row_hold_no_more_than_their_bounds() -> None:
    first, second = Work(), Work()

    async def again(item: int) -> int:
        return await second((item, 2))

    source = Fed((n, 1) for n in range(100))

    async def main() -> None:
        flow = rx.from_iterable(source).pipe(ops.map_async(first, 3), ops.map_async(again, 2))
        async with aclosing(aiter(flow)) as items:
            for taken in range(1, 10):
                assert await anext(items) == taken - 1
                await asyncio.sleep(50)
                assert source.advanced - taken <= 3 + 2

    run(main())
    assert (first.most, second.most) == (3, 2)


# Errors


@pytest.mark.parametrize("ordered", [True, False])
def test_it_fails_as_soon_as_a_call_fails_and_cancels_the_others(ordered: bool) -> None:
    work = Work()
    source = Fed([("slow", 100), (KeyError("quick"), 2), ("other", 50), ("next", 1)])

    async def main() -> None:
        items = aiter(rx.from_iterable(source).pipe(ops.map_async(work, 3, ordered=ordered)))
        with pytest.raises(KeyError, match="quick"):
            await anext(items)
        assert now() == 2
        assert sorted(work.cancelled) == ["other", "slow"]
        assert source.closed
        assert "next" not in work.begun
        with pytest.raises(StopAsyncIteration):
            await anext(items)

    run(main())


def test_a_subscriber_hears_of_the_failure_at_once_and_without_demand() -> None:
    work = Work()
    subscriber = Recorder(1)

    async def main() -> None:
        rx.of(("first", 1), ("slow", 100), (KeyError("quick"), 5)).pipe(
            ops.map_async(work, 3)
        ).subscribe(subscriber)
        await asyncio.sleep(5.5)

    run(main())
    assert subscriber.items == ["first"]
    assert [type(error) for error in subscriber.errors] == [KeyError]
    assert work.cancelled == ["slow"]


def test_of_several_calls_that_fail_together_one_is_raised_and_the_others_are_reported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reported: list[Any] = []
    monkeypatch.setattr("rxflow.kernel.hooks.on_dropped_error", reported.append)

    async def fail(item: int) -> None:
        await asyncio.sleep(1)
        raise KeyError(item)

    async def main() -> None:
        with pytest.raises(KeyError, match="0"):
            await anext(aiter(rx.range(5).pipe(ops.map_async(fail, 5))))

    run(main())
    assert sorted(error.args[0] for error in reported) == [1, 2, 3, 4]


def test_a_call_that_raises_before_its_first_await() -> None:
    async def fail(item: int) -> int:
        raise KeyError(item)

    async def main() -> None:
        source = Fed(range(5))
        with pytest.raises(KeyError, match="0"):
            await anext(aiter(rx.from_iterable(source).pipe(ops.map_async(fail, 2))))
        assert source.closed

    run(main())


def test_an_error_of_the_source_cancels_what_runs() -> None:
    work = Work()

    async def main() -> None:
        subject: Subject[Any] = Subject()
        flow = subject.pipe(
            ops.on_backpressure_buffer(10, delay_error=False), ops.map_async(work, 2)
        )
        step = asyncio.ensure_future(anext(aiter(flow)))
        await turns(3)
        subject.on_next(("running", 100))
        await asyncio.sleep(1)
        subject.on_error(KeyError("source"))
        with pytest.raises(KeyError, match="source"):
            await step
        assert now() == 1
        assert work.cancelled == ["running"]

    run(main())


def test_a_call_that_cancels_itself_is_an_error_and_not_a_hang() -> None:
    async def give_up(item: int) -> int:
        raise asyncio.CancelledError

    async def main() -> None:
        with pytest.raises(RuntimeError, match="CancelledError"):
            await anext(aiter(rx.of(1).pipe(ops.map_async(give_up))))

    run(main())


# Leaving


@pytest.mark.parametrize("ordered", [True, False])
def test_aclose_cancels_the_calls_and_waits_for_them(ordered: bool) -> None:
    tidied: list[tuple[Any, float]] = []

    async def tidy(item: int) -> int:
        try:
            await asyncio.sleep(1 if item == 0 else 100)
        finally:
            await asyncio.sleep(item)
            tidied.append((item, now()))
        return item

    async def main() -> None:
        items = aiter(rx.range(10).pipe(ops.map_async(tidy, 4, ordered=ordered)))
        assert await anext(items) == 0
        await items.aclose()
        assert tidied == [(0, 1), (1, 2), (2, 3), (3, 4)]

    run(main())


def test_cancelling_the_consumer_cancels_the_calls_and_waits_for_them() -> None:
    work = Work()
    source = Fed((n, 10) for n in range(10))

    async def main() -> None:
        step = asyncio.ensure_future(
            anext(aiter(rx.from_iterable(source).pipe(ops.map_async(work, 3))))
        )
        await asyncio.sleep(5)
        step.cancel()
        with pytest.raises(asyncio.CancelledError):
            await step
        assert work.cancelled == [0, 1, 2]
        assert source.closed

    run(main())


def test_a_subscriber_that_cancels_stops_the_calls() -> None:
    work = Work()
    subscriber = Recorder(5, cancel_after=1)

    async def main() -> None:
        source = Fed([(0, 1), *((n, 100) for n in range(1, 10))])
        rx.from_iterable(source).pipe(ops.map_async(work, 3)).subscribe(subscriber)
        await asyncio.sleep(2)
        assert sorted(work.cancelled) == sorted(set(work.begun) - {0})
        assert source.closed

    run(main())
    assert subscriber.items == [0]
    assert (subscriber.errors, subscriber.completed) == ([], 0)


def test_a_call_that_fails_while_it_is_cancelled_is_reported_and_not_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def stubborn(item: int) -> int:
        try:
            await asyncio.sleep(100)
        finally:
            raise KeyError("in the cleanup")

    reports: list[Any] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, what: reports.append(what))
        items = aiter(rx.of(1).pipe(ops.map_async(stubborn)))
        step = asyncio.ensure_future(anext(items))
        await asyncio.sleep(1)
        step.cancel()
        with pytest.raises(asyncio.CancelledError):
            await step

    monkeypatch.setattr("rxflow.kernel.hooks.on_dropped_error", reports.append)
    run(main())
    assert len(reports) == 1
    assert "in the cleanup" in str(reports[0])


# Upstream


def test_an_async_generator_upstream_is_advanced_for_free_places_only() -> None:
    work = Work()
    advanced: list[int] = []

    async def pairs() -> Any:
        for n in range(100):
            advanced.append(n)
            await asyncio.sleep(0.1)
            yield n, 1

    async def main() -> None:
        flow = rx.from_async_iterable(pairs()).pipe(ops.map_async(work, 3))
        async with aclosing(aiter(flow)) as items:
            for taken in range(1, 10):
                assert await anext(items) == taken - 1
                await asyncio.sleep(30)
                assert len(advanced) - taken <= 3

    run(main())
    assert work.most == 3


def test_a_lifted_operator_between_two_map_async_keeps_the_bound() -> None:
    work = Work()
    source = Fed((n, 1) for n in range(50))

    async def add(pair: tuple[int, int]) -> int:
        await asyncio.sleep(1)
        return sum(pair)

    flow = rx.from_iterable(source).pipe(
        ops.map_async(work, 3), ops.pairwise(), ops.map_async(add, 2)
    )
    assert [item for item, _ in run(timed(flow))] == [2 * n + 1 for n in range(49)]
    assert work.most == 3


def test_it_behaves_the_same_with_hot_items_that_come_while_it_waits() -> None:
    work = Work()

    async def main() -> list[Any]:
        subject: Subject[Any] = Subject()
        loop = asyncio.get_running_loop()
        flow = subject.pipe(ops.on_backpressure_buffer(100), ops.map_async(work, 2))
        for n in range(6):
            loop.call_later(n, subject.on_next, (n, 1.5))
        loop.call_later(6, subject.on_completed)
        return await timed(flow)

    assert run(main()) == [(n, n + 1.5) for n in range(6)]
    assert work.most == 2


# What is refused


def plain(item):
    return item


@pytest.mark.parametrize("function", [plain, len, None, 3, "text"])
def test_what_is_not_async_is_refused_when_the_pipeline_is_built(function: Any) -> None:
    with pytest.raises(TypeError, match="map_async"):
        ops.map_async(function)


@pytest.mark.parametrize("bad", [0, -1, 2.5, float("inf"), float("nan")])
def test_a_bound_that_makes_no_sense_is_refused_when_the_pipeline_is_built(bad: Any) -> None:
    with pytest.raises(ValueError, match="map_async: max_concurrency"):
        ops.map_async(Work(), bad)


@pytest.mark.parametrize("bad", [None, "2", True])
def test_a_bound_that_is_no_number_is_refused_when_the_pipeline_is_built(bad: Any) -> None:
    with pytest.raises(TypeError, match="map_async: max_concurrency"):
        ops.map_async(Work(), bad)


def test_a_lambda_that_gives_no_awaitable_is_a_clear_error_and_closes_the_source() -> None:
    source = Fed(range(5))

    async def main() -> None:
        with pytest.raises(TypeError, match=r"map_async: the function gave 0, .* use map"):
            await anext(aiter(rx.from_iterable(source).pipe(ops.map_async(lambda x: x, 2))))
        assert source.closed

    run(main())


def test_a_function_that_raises_when_it_is_called_cancels_what_runs() -> None:
    work = Work()

    def begin(item: int) -> Awaitable[Any]:
        if item == 2:
            raise KeyError("called")
        return work((item, 10))

    async def main() -> None:
        with pytest.raises(KeyError, match="called"):
            await anext(aiter(rx.range(5).pipe(ops.map_async(begin, 3))))
        assert work.running == 0

    run(main())


def test_a_call_that_is_cancelled_before_it_begins_leaves_no_warning(
    recwarn: pytest.WarningsRecorder,
) -> None:
    async def never_begun(item: int) -> int:
        raise AssertionError(item)

    async def main() -> None:
        subscriber = Recorder(1)
        rx.range(5).pipe(ops.map_async(never_begun, 3)).subscribe(subscriber)
        subscriber.cancel()
        await turns(2)

    run(main())
    assert [str(each.message) for each in recwarn] == []


def test_futures_and_callable_objects_count_as_async() -> None:
    async def main() -> list[Any]:
        loop = asyncio.get_running_loop()

        def later(item: int) -> asyncio.Future[int]:
            future = loop.create_future()
            loop.call_later(1, future.set_result, item * 2)
            return future

        return [item async for item in rx.range(3).pipe(ops.map_async(later, 2))]

    assert run(main()) == [0, 2, 4]


def test_without_a_loop_it_says_who_needs_one() -> None:
    subscriber = Recorder(1)
    rx.of(("a", 1)).pipe(ops.map_async(Work())).subscribe(subscriber)
    (error,) = subscriber.errors
    assert isinstance(error, RuntimeError)
    assert "map_async must be subscribed where an asyncio event loop is running" in str(error)


def test_applied_to_a_plain_observable_it_names_the_doors() -> None:
    with pytest.raises(TypeError, match="on_backpressure_buffer"):
        Subject().pipe(ops.map_async(Work()))


def test_a_call_that_ends_with_cancelled_error_fails_the_stream() -> None:
    async def main() -> Recorder:
        go = asyncio.Event()

        async def work(item: int) -> int:
            await go.wait()
            if item == 1:
                raise asyncio.CancelledError
            return item

        recorder = Recorder(5)
        rx.range(3).pipe(ops.map_async(work, 3)).subscribe(recorder)
        await turns(2)
        go.set()
        await turns(10)
        return recorder

    recorder = run(main())
    assert recorder.items == [0]
    [error] = recorder.errors
    assert str(error) == "map_async: the function ended with CancelledError()"


def test_a_partner_that_emits_while_it_is_not_started_yet_is_kept_waiting() -> None:
    async def double(item: int) -> int:
        return 2 * item

    async def main() -> Recorder:
        recorder = Recorder(5)
        rx.zip(reactivex.of("a", "b"), rx.range(3).pipe(ops.map_async(double))).subscribe(recorder)
        await turns(10)
        return recorder

    assert run(main()).items == [("a", 0), ("b", 2)]
