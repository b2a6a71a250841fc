"""latest(): the newest value of a stream, read by threads and tasks at their own pace."""

from __future__ import annotations

import asyncio
import gc
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from reactivex.scheduler import NewThreadScheduler
from reactivex.subject import Subject

import rxflow as rx
from rxflow import operators as ops
from rxflow.testing import TestPublisher
from tests.support_loop import run

LIMIT = 20.0  # a busy machine may take long; nothing here waits that long otherwise


def figures(reader: rx.LatestReader[Any]) -> rx.StageStatistics:
    own = reader.statistics()[-1]
    assert own.received == own.delivered + own.held + sum(own.dropped.values()) + own.discarded
    return own


class Waiting:
    """Knows when threads wait: an Event of threading's own that is being waited on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun = threading.Semaphore(0)
        begun = self.begun

        class Told(threading.Event):
            def wait(self, timeout: float | None = None) -> bool:
                begun.release()
                return super().wait(timeout)

        monkeypatch.setattr("rxflow.aio.reading.Event", Told)

    def for_(self, count: int) -> None:
        for _ in range(count):
            assert self.begun.acquire(timeout=LIMIT)


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> Waiting:
    return Waiting(monkeypatch)


def test_it_gives_the_newest_value_and_passes_over_the_others() -> None:
    source = Subject[int]()
    with rx.latest(source) as reader:
        for n in range(5):
            source.on_next(n)
        assert reader.get() == 4
        source.on_next(5)
        assert reader.get(timeout=0) == 5
        assert figures(reader).dropped == {"overtaken": 4}
        assert figures(reader).delivered == 2


def test_a_value_is_new_once_for_each_reader() -> None:
    source = Subject[Any]()
    with rx.latest(source) as first:
        source.on_next(None)
        assert first.get() is None
        with first.clone() as second:
            assert second.get() is None
            for reader in (first, second):
                with pytest.raises(rx.StreamTimeoutError, match="no newer value"):
                    reader.get(timeout=0)
        assert figures(first).delivered == 1


def test_peek_neither_waits_nor_uses_up() -> None:
    source = Subject[int]()
    with rx.latest(source) as reader:
        with pytest.raises(LookupError, match="no value yet"):
            reader.peek()
        assert reader.peek("nothing") == "nothing"
        assert reader.peek(None) is None
        source.on_next(1)
        assert [reader.peek(), reader.peek(0), reader.get(), reader.peek()] == [1, 1, 1, 1]


def test_threads_wait_and_each_is_given_the_newer_value(waiting: Waiting) -> None:
    source = Subject[int]()
    with rx.latest(source) as reader, ThreadPoolExecutor(4) as pool:
        clones = [reader.clone() for _ in range(4)]
        found = [pool.submit(clone.get, LIMIT) for clone in clones]
        waiting.for_(4)
        source.on_next(7)
        assert [each.result(LIMIT) for each in found] == [7] * 4
        for clone in clones:
            clone.close()


def test_a_thread_that_waits_hears_of_the_completion(waiting: Waiting) -> None:
    source = Subject[int]()
    with rx.latest(source) as reader, ThreadPoolExecutor(1) as pool:
        waits = pool.submit(reader.get)
        waiting.for_(1)
        assert not reader.ended
        source.on_completed()
        with pytest.raises(rx.StreamEndedError, match="complete"):
            waits.result(LIMIT)
        assert reader.ended


def test_a_thread_that_waits_hears_of_the_failure(waiting: Waiting) -> None:
    source = Subject[int]()
    with rx.latest(source) as reader, ThreadPoolExecutor(1) as pool:
        waits = pool.submit(reader.get)
        waiting.for_(1)
        source.on_error(KeyError("camera"))
        with pytest.raises(KeyError, match="camera"):
            waits.result(LIMIT)


def test_a_thread_that_waits_is_woken_when_its_reader_is_closed(waiting: Waiting) -> None:
    source = Subject[int]()
    with rx.latest(source) as kept, ThreadPoolExecutor(1) as pool:
        reader = kept.clone()
        waits = pool.submit(reader.get)
        waiting.for_(1)
        reader.close()
        with pytest.raises(rx.StreamEndedError, match="closed"):
            waits.result(LIMIT)
        source.on_next(1)
        assert kept.get() == 1  # the others go on


def test_the_last_value_comes_before_the_end() -> None:
    for end, kind in ((Subject.on_completed, rx.StreamEndedError), (_fail, ZeroDivisionError)):
        source = Subject[int]()
        with rx.latest(source) as reader:
            source.on_next(1)
            end(source)
            assert reader.get() == 1
            for _ in range(3):
                with pytest.raises(kind):
                    reader.get()


def _fail(source: Subject[int]) -> None:
    source.on_error(ZeroDivisionError())


def test_a_failed_stream_has_no_value_to_peek_at_and_a_complete_one_has() -> None:
    source, other = Subject[int](), Subject[int]()
    with rx.latest(source) as failed, rx.latest(other) as complete:
        for each in (source, other):
            each.on_next(1)
        source.on_error(ZeroDivisionError())
        other.on_completed()
        with pytest.raises(ZeroDivisionError):
            failed.peek(default=5)
        assert complete.peek() == 1


def test_the_failure_does_not_grow_with_each_read() -> None:
    with rx.latest(rx.throw(ZeroDivisionError())) as reader:

        def depth() -> int:
            with pytest.raises(ZeroDivisionError) as found:
                reader.get()
            return len(found.traceback)

        first = depth()
        assert [depth() for _ in range(5)] == [first] * 5


def test_the_last_reader_that_is_closed_cancels_the_source() -> None:
    publisher = TestPublisher[int]()
    reader = rx.latest(rx.from_publisher(publisher))
    other = reader.clone()
    publisher.emit(1)
    reader.close()
    reader.close()
    assert not publisher.cancelled
    other.close()
    assert publisher.cancelled
    assert figures(other).discarded == 1
    for call in (other.get, other.peek, other.clone):
        with pytest.raises(rx.StreamEndedError, match="closed"):
            call()


def test_what_the_source_gives_after_the_last_reader_was_closed_is_not_kept() -> None:
    source = Subject[int]()
    reader = rx.latest(source)
    reader.close()
    source.on_next(1)
    assert not source.observers
    assert figures(reader).received == 0


def _forget(held: list[Any]) -> None:
    held.clear()
    gc.collect()


def test_a_reader_that_was_forgotten_warns_and_is_closed() -> None:
    closed = threading.Event()
    flow: rx.Flow[int] = rx.create(lambda _: closed.set, overflow=rx.DROP_OLDEST)
    held = [rx.latest(flow)]
    with pytest.warns(ResourceWarning, match=r"latest\(\) was not closed"):
        _forget(held)
    assert closed.wait(LIMIT)


def test_a_reader_of_a_stream_that_has_ended_is_forgotten_without_a_word() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert rx.latest(rx.of(1, 2, 3)).get() == 3
        gc.collect()


@pytest.mark.parametrize("error", [StopIteration, StopAsyncIteration])
def test_a_failure_that_looks_like_an_end_ends_no_loop_silently(error: type[Exception]) -> None:
    async def main() -> None:
        with rx.latest(rx.throw(error("planted"))) as reader:
            with pytest.raises(RuntimeError, match="planted"):
                next(reader)
            with pytest.raises(RuntimeError, match="planted"):
                await anext(reader)
            with pytest.raises(RuntimeError, match="planted"):
                reader.peek()

    run(main())


@pytest.mark.parametrize("timeout", [0, 0.001])
def test_nothing_newer_in_time_is_a_timeout(timeout: float) -> None:
    with rx.latest(Subject[int]()) as reader:
        with pytest.raises(TimeoutError):
            reader.get(timeout)
        assert reader._newest._waiting == ()  # nobody is left in it


@pytest.mark.parametrize(("timeout", "error"), [(-1, ValueError), ("1", TypeError)])
def test_a_wrong_timeout_is_refused(timeout: Any, error: type[Exception]) -> None:
    with rx.latest(Subject[int]()) as reader, pytest.raises(error, match="get: timeout"):
        reader.get(timeout)


def test_no_source_is_refused() -> None:
    with pytest.raises(TypeError, match="latest wants a Flow"):
        rx.latest(5)  # type: ignore[arg-type]


def test_waiting_on_the_thread_of_an_event_loop_is_refused() -> None:
    async def main() -> None:
        source = Subject[int]()
        with rx.latest(source) as reader:
            with pytest.raises(RuntimeError, match="await aget"):
                reader.get(timeout=1)
            source.on_next(1)
            assert reader.get() == 1  # it has not to wait

    run(main())


def test_tasks_wait_with_a_timeout_of_the_loop() -> None:
    async def main() -> list[Any]:
        seen: list[Any] = []
        loop = asyncio.get_running_loop()
        source = Subject[int]()
        with rx.latest(source) as reader:
            loop.call_later(2, source.on_next, 1)
            loop.call_later(2, source.on_next, 2)
            loop.call_later(9, source.on_completed)
            seen.append((await reader.aget(timeout=3), loop.time()))
            with pytest.raises(rx.StreamTimeoutError):
                await reader.aget(timeout=3)
            seen.append(loop.time())
            with pytest.raises(rx.StreamEndedError):
                await reader.aget(timeout=5)
            assert reader._newest._waiting == ()
            return [*seen, loop.time()]

    assert run(main()) == [(2, 2.0), 5.0, 9.0]


def test_a_task_that_is_cancelled_leaves_nothing_behind() -> None:
    async def main() -> None:
        with rx.latest(Subject[int]()) as reader:
            task = asyncio.create_task(reader.aget())
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert reader._newest._waiting == ()

    run(main())


def test_it_iterates_until_the_stream_is_complete() -> None:
    async def main() -> list[int]:
        ticks = rx.interval(1).pipe(ops.take(4))
        with rx.latest(ticks) as reader:
            return [value async for value in reader]

    assert run(main()) == [0, 1, 2, 3]
    with rx.latest(rx.of(1, 2, 3)) as reader:
        assert list(reader) == [3]


def test_an_iteration_raises_what_the_stream_fails_with() -> None:
    with rx.latest(rx.of(1).concat(rx.throw(ZeroDivisionError()))) as reader:
        assert next(reader) == 1
        with pytest.raises(ZeroDivisionError):
            next(reader)


def test_a_flow_on_an_event_loop_is_read_in_threads() -> None:
    async def numbers() -> Any:
        for n in range(1000):
            yield n
            await asyncio.sleep(0)

    async def main() -> list[list[int]]:
        with rx.latest(rx.from_async_iterable(numbers())) as reader:
            clones = [reader.clone() for _ in range(3)]
            return await asyncio.gather(*(asyncio.to_thread(list, each) for each in clones))

    for seen in asyncio.run(asyncio.wait_for(main(), LIMIT)):
        assert seen == sorted(set(seen))
        assert seen[-1] == 999


def test_producer_and_readers_on_threads_of_their_own() -> None:
    """Each reader sees rising values without a repetition, and none misses the last one."""
    source = rx.range(20_000, scheduler=None).pipe(ops.observe_on(NewThreadScheduler()))
    start = threading.Barrier(4)

    def read(reader: rx.LatestReader[int]) -> list[int]:
        with reader:
            start.wait(LIMIT)
            return list(reader)

    with rx.latest(source) as reader, ThreadPoolExecutor(4) as pool:
        found = [pool.submit(read, reader.clone()) for _ in range(4)]
        for each in found:
            seen = each.result(LIMIT)
            assert seen == sorted(set(seen))
            assert seen[-1] == 19_999
        own = figures(reader)
        assert own.received == 20_000
        assert own.peak == 1


@pytest.mark.parametrize("make", [rx.of, lambda *items: list(items)], ids=["flow", "iterable"])
def test_what_gives_when_it_is_asked_is_run_through(make: Callable[..., Any]) -> None:
    with rx.latest(make(1, 2, 3)) as reader:
        assert reader.ended
        assert reader.get() == 3
