"""``from_async_iterable``: advanced on demand only, and closed at any end."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

import pytest

import rxflow as rx
from rxflow import operators as ops
from tests.support_loop import Recorder, collect, run, turns


class Numbers:
    """An async iterable of 1, 2, 3, ...; each subscription is a generator of its own."""

    def __init__(self, stop: int = 1000, seconds: float = 0.0, fails_at: int | None = None) -> None:
        self.advanced = 0
        self.opened = 0
        self.closed = 0
        self._stop = stop
        self._seconds = seconds
        self._fails_at = fails_at

    async def __aiter__(self) -> Any:
        self.opened += 1
        try:
            for n in range(1, self._stop + 1):
                self.advanced += 1
                if self._seconds:
                    await asyncio.sleep(self._seconds)
                if n == self._fails_at:
                    raise KeyError(n)
                yield n
        finally:
            if self._seconds:
                await asyncio.sleep(self._seconds)
            self.closed += 1


SPEEDS = pytest.mark.parametrize("seconds", [0.0, 1.0], ids=["ready", "slow"])


@SPEEDS
def test_each_step_of_async_for_advances_it_by_one(seconds: float) -> None:
    numbers = Numbers(seconds=seconds)

    async def main() -> None:
        async with aclosing(aiter(rx.from_async_iterable(numbers))) as items:
            await asyncio.sleep(5)
            assert (numbers.opened, numbers.advanced) == (0, 0)
            for n in range(1, 100):
                assert await anext(items) == n
                assert numbers.advanced == n
        assert numbers.closed == 1

    run(main())


@SPEEDS
def test_a_subscriber_advances_it_as_far_as_it_asks(seconds: float) -> None:
    """Rule 1.1."""
    numbers = Numbers(seconds=seconds)
    subscriber = Recorder()

    async def main() -> None:
        rx.from_async_iterable(numbers).subscribe(subscriber)
        await asyncio.sleep(10)
        assert numbers.advanced == 0
        asked = 0
        for n in (1, 1, 3, 10, 300):
            asked += n
            subscriber.request(n)
            await asyncio.sleep(1000)
            assert numbers.advanced == asked
            assert subscriber.items == list(range(1, asked + 1))
        subscriber.cancel()
        await asyncio.sleep(5)
        assert numbers.closed == 1

    run(main())
    assert subscriber.errors == []
    assert subscriber.completed == 0


@SPEEDS
def test_a_subscriber_that_asks_when_it_is_subscribed_gets_its_items(seconds: float) -> None:
    numbers = Numbers(seconds=seconds)
    subscriber = Recorder(3)

    async def main() -> None:
        rx.from_async_iterable(numbers).subscribe(subscriber)
        await asyncio.sleep(10)
        assert numbers.advanced == 3
        subscriber.cancel()
        await asyncio.sleep(5)
        assert numbers.closed == 1

    run(main())
    assert subscriber.items == [1, 2, 3]
    assert subscriber.errors == []


@SPEEDS
def test_an_ordinary_observer_gets_all_and_the_end(seconds: float) -> None:
    numbers = Numbers(stop=600, seconds=seconds)
    seen: list[Any] = []

    async def main() -> None:
        done = asyncio.Event()
        rx.from_async_iterable(numbers).subscribe(seen.append, seen.append, done.set)
        await asyncio.wait_for(done.wait(), 1000)
        await asyncio.sleep(5)
        assert numbers.closed == 1

    run(main())
    assert seen == list(range(1, 601))


def test_an_ordinary_observer_that_disposes_closes_it() -> None:
    numbers = Numbers(seconds=1)
    seen: list[int] = []

    async def main() -> None:
        subscription = rx.from_async_iterable(numbers).subscribe(seen.append)
        await asyncio.sleep(3.5)
        subscription.dispose()
        await asyncio.sleep(2)
        assert numbers.closed == 1
        await asyncio.sleep(10)

    run(main())
    assert seen == [1, 2, 3]


@SPEEDS
def test_completion_closes_it(seconds: float) -> None:
    numbers = Numbers(stop=3, seconds=seconds)

    async def main() -> list[int]:
        items = [item async for item in rx.from_async_iterable(numbers)]
        assert numbers.closed == 1
        return items

    assert run(main()) == [1, 2, 3]


@SPEEDS
def test_its_error_comes_behind_its_items_and_it_is_closed(seconds: float) -> None:
    numbers = Numbers(seconds=seconds, fails_at=3)

    async def main() -> list[int]:
        seen: list[int] = []
        with pytest.raises(KeyError, match="3"):
            await collect(rx.from_async_iterable(numbers), seen)
        assert numbers.closed == 1
        return seen

    assert run(main()) == [1, 2]


@SPEEDS
def test_a_subscriber_hears_its_error_behind_its_items(seconds: float) -> None:
    numbers = Numbers(seconds=seconds, fails_at=3)
    subscriber = Recorder()

    async def main() -> None:
        rx.from_async_iterable(numbers).subscribe(subscriber)
        subscriber.request(10)
        await asyncio.sleep(10)

    run(main())
    assert subscriber.items == [1, 2]
    assert [type(error) for error in subscriber.errors] == [KeyError]
    assert numbers.closed == 1


@SPEEDS
def test_an_error_downstream_closes_it(seconds: float) -> None:
    numbers = Numbers(seconds=seconds)

    async def main() -> None:
        flow = rx.from_async_iterable(numbers).pipe(ops.map(lambda x: 1 / (x - 3)))
        with pytest.raises(ZeroDivisionError):
            await collect(flow, [])
        assert numbers.closed == 1

    run(main())
    assert numbers.advanced == 3


def test_take_does_not_advance_it_beyond_its_items() -> None:
    numbers = Numbers(seconds=1)

    async def main() -> list[int]:
        items = [item async for item in rx.from_async_iterable(numbers).pipe(ops.take(3))]
        assert numbers.closed == 1
        return items

    assert run(main()) == [1, 2, 3]
    assert numbers.advanced == 3


@pytest.mark.parametrize("after", range(8))
def test_a_cancel_at_any_turn_closes_it(after: int) -> None:
    numbers = Numbers(seconds=0)
    subscriber = Recorder()

    async def main() -> None:
        rx.from_async_iterable(numbers).subscribe(subscriber)
        subscriber.request(2)
        await turns(after)
        subscriber.cancel()
        given = len(subscriber.items)
        await turns(10)
        assert len(subscriber.items) == given
        assert numbers.closed == numbers.opened

    run(main())


@SPEEDS
def test_a_cancel_right_behind_a_request_closes_it(seconds: float) -> None:
    numbers = Numbers(seconds=seconds)
    subscriber = Recorder()

    async def main() -> None:
        rx.from_async_iterable(numbers).subscribe(subscriber)
        subscriber.request(1)
        await asyncio.sleep(5)
        assert subscriber.items == [1]
        subscriber.request(1)
        subscriber.cancel()  # the task that is to fetch has not begun
        await asyncio.sleep(5)
        assert numbers.closed == 1

    run(main())
    assert subscriber.items == [1]


def test_a_subscriber_that_cancels_in_on_next_closes_it() -> None:
    numbers = Numbers()
    subscriber = Recorder(5, cancel_after=2)

    async def main() -> None:
        rx.from_async_iterable(numbers).subscribe(subscriber)
        await turns(10)
        assert numbers.closed == 1

    run(main())
    assert subscriber.items == [1, 2]
    assert numbers.advanced <= 5


def test_each_subscription_iterates_anew() -> None:
    numbers = Numbers(stop=3, seconds=1)

    async def collect() -> list[int]:
        return [item async for item in rx.from_async_iterable(numbers)]

    async def main() -> list[list[int]]:
        return await asyncio.gather(collect(), collect())

    assert run(main()) == [[1, 2, 3], [1, 2, 3]]
    assert (numbers.opened, numbers.closed) == (2, 2)


def test_an_async_iterator_without_aclose_will_do() -> None:
    class Bare:
        def __init__(self) -> None:
            self.left = 3

        def __aiter__(self) -> Bare:
            return self

        async def __anext__(self) -> int | None:
            if not self.left:
                raise StopAsyncIteration
            self.left -= 1
            await asyncio.sleep(1)
            return None

    async def main() -> list[None]:
        return [item async for item in rx.from_async_iterable(Bare())]

    assert run(main()) == [None, None, None]


def test_an_error_of_aiter_itself_is_signalled() -> None:
    class Broken:
        def __aiter__(self) -> Any:
            raise KeyError("aiter")

    async def main() -> None:
        with pytest.raises(KeyError, match="aiter"):
            await anext(aiter(rx.from_async_iterable(Broken())))

    run(main())


def test_outside_of_a_loop_it_says_who_needs_one() -> None:
    numbers = Numbers()
    subscriber = Recorder(1)
    rx.from_async_iterable(numbers).subscribe(subscriber)
    (error,) = subscriber.errors
    assert isinstance(error, RuntimeError)
    assert "from_async_iterable must be subscribed where an asyncio event loop is running" in str(
        error
    )
    assert numbers.opened == 0


def test_outside_of_a_loop_nothing_else_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    reported: list[Any] = []
    monkeypatch.setattr("rxflow.kernel.hooks.on_dropped_error", reported.append)
    subscriber = Recorder()
    rx.from_async_iterable(Numbers()).subscribe(subscriber)
    subscriber.request(1)
    subscriber.cancel()
    assert reported == []
    assert len(subscriber.errors) == 1


def test_an_observer_outside_of_a_loop_gets_the_error() -> None:
    errors: list[Exception] = []
    rx.from_async_iterable(Numbers()).subscribe(on_error=errors.append)
    assert [type(error) for error in errors] == [RuntimeError]


async def function() -> Any:
    yield 1


@pytest.mark.parametrize("wrong", [None, [1], function, 3])
def test_what_is_no_async_iterable_is_refused_when_it_is_built(wrong: Any) -> None:
    with pytest.raises(TypeError, match="from_async_iterable wants an async iterable"):
        rx.from_async_iterable(wrong)


def test_an_unbounded_subscriber_of_a_ready_generator_does_not_starve_the_loop() -> None:
    seen: list[int] = []

    async def ready() -> Any:
        for n in range(2_000_000):
            yield n
        raise AssertionError("the event loop was starved")

    async def main() -> None:
        subscription = rx.from_async_iterable(ready()).subscribe(seen.append)
        await turns(10)
        subscription.dispose()
        count = len(seen)
        await turns(3)
        assert len(seen) == count

    run(main())
    assert seen


def test_what_its_cleanup_raises_reaches_the_event_loop_and_not_nowhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reports: list[Any] = []
    monkeypatch.setattr("rxflow.kernel.hooks.on_dropped_error", reports.append)

    async def untidy() -> Any:
        try:
            yield 1
            yield 2
        finally:
            raise KeyError("cleanup")

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, what: reports.append(what))
        items = aiter(rx.from_async_iterable(untidy()))
        await anext(items)
        await items.aclose()

    run(main())
    assert len(reports) == 1
    assert "cleanup" in str(reports[0])


def test_a_generator_that_ends_with_cancelled_error_fails_the_stream() -> None:
    async def numbers() -> Any:
        yield 1
        raise asyncio.CancelledError

    async def main() -> Recorder:
        recorder = Recorder(5)
        rx.from_async_iterable(numbers()).subscribe(recorder)
        await turns(10)
        return recorder

    recorder = run(main())
    assert recorder.items == [1]
    [error] = recorder.errors
    assert str(error) == "from_async_iterable: the iterator ended with CancelledError()"
