"""A Flow that runs in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import CancelledError, Future
from typing import Any

import pytest

import rxflow as rx
from rxflow import operators as ops
from tests.kernel.recorder import dropped_errors

PATIENCE = 20.0  # seconds; only a hang gets there


def test_the_function_is_called_in_one_other_thread_in_order() -> None:
    seen: list[tuple[int, int]] = []
    future = rx.range(100).run_in_thread(lambda n: seen.append((n, threading.get_ident())))
    assert future.result(PATIENCE) is None
    assert [n for n, _ in seen] == list(range(100))
    assert len({ident for _, ident in seen} - {threading.get_ident()}) == 1


def test_async_functions_and_operators_have_an_event_loop() -> None:
    seen: list[int] = []

    async def double(item: int) -> int:
        await asyncio.sleep(0)
        return 2 * item

    async def note(item: int) -> None:
        await asyncio.sleep(0)
        seen.append(item)

    flow = rx.range(20).pipe(ops.map_async(double, 4), ops.timeout(PATIENCE))
    flow.run_in_thread(note, max_concurrency=1).result(PATIENCE)
    assert seen == [2 * n for n in range(20)]
    flow.run_in_thread(note, max_concurrency=3).result(PATIENCE)
    assert sorted(seen[20:]) == seen[:20]


def test_a_failure_is_that_of_the_future() -> None:
    flow = rx.of(1).pipe(ops.concat(rx.throw(KeyError("source"))))
    with pytest.raises(KeyError, match="source"):
        flow.run_in_thread(print).result(PATIENCE)

    def fail(item: int) -> None:
        raise ValueError(f"function {item}")

    with pytest.raises(ValueError, match="function 1"):
        rx.run_in_thread(rx.of(1), fail).result(PATIENCE)


class Ticks:
    """An async iterable without an end."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.closed = threading.Event()

    async def __aiter__(self) -> Any:
        try:
            while True:
                self.begun.set()
                yield 1
                await asyncio.sleep(0)
        finally:
            await asyncio.sleep(0)
            self.closed.set()


def test_a_cancel_closes_the_source_and_ends_the_thread() -> None:
    ticks, threads = Ticks(), set[threading.Thread]()
    flow = rx.from_async_iterable(ticks)
    future = flow.run_in_thread(lambda _: threads.add(threading.current_thread()))
    assert ticks.begun.wait(PATIENCE)
    assert future.cancel()
    with pytest.raises(CancelledError):
        future.result(PATIENCE)
    assert ticks.closed.wait(PATIENCE)
    for thread in threads:
        assert thread.daemon
        thread.join(PATIENCE)
        assert not thread.is_alive()


def test_what_fails_while_it_is_cancelled_is_reported() -> None:
    working = threading.Event()

    async def work(_: int) -> None:
        working.set()
        try:
            await asyncio.sleep(PATIENCE)
        except asyncio.CancelledError:
            raise KeyError("on the way out") from None

    with dropped_errors() as reported:
        others = {*threading.enumerate()}
        future = rx.of(1).run_in_thread(work)
        assert working.wait(PATIENCE)
        [thread] = {*threading.enumerate()} - others
        assert future.cancel()
        thread.join(PATIENCE)
        assert not thread.is_alive()
    assert [str(error) for error in reported] == ["'on the way out'"]


def test_it_does_not_block_the_event_loop_from_which_it_is_called() -> None:
    go_on = threading.Event()

    async def main() -> None:
        future: Future[None] = rx.of(1).run_in_thread(lambda _: go_on.wait(PATIENCE) and None)
        await asyncio.sleep(0)
        assert not future.done()
        go_on.set()
        await asyncio.wrap_future(future)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("fn", "options", "error", "text"),
    [
        (None, {}, TypeError, "run_in_thread wants a function"),
        (print, {"max_concurrency": 0}, ValueError, "run_in_thread: max_concurrency"),
    ],
)
def test_bad_arguments_are_refused_at_once(fn: Any, options: Any, error: Any, text: str) -> None:
    with pytest.raises(error, match=text):
        rx.of(1).run_in_thread(fn, **options)
