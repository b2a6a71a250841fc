"""Event loops: calls into them, tasks on them, and queues past their bound."""

from __future__ import annotations

import asyncio
import sys
import threading
from typing import Any

import pytest
import trio

from rxflow.kernel import (
    Context,
    needed_loop,
    on_loop,
    put_at_once,
    put_back,
    running_loop,
    spawn,
)
from rxflow.kernel import loops as loops_module
from rxflow.testing import run_virtual
from tests.kernel.recorder import dropped_errors, in_thread


def test_without_a_loop_whoever_needs_one_is_named():
    assert running_loop() is None
    with pytest.raises(RuntimeError) as raised:
        needed_loop("map_async")
    assert str(raised.value) == (
        "map_async must be subscribed where an asyncio event loop is running"
    )


def test_whoever_needs_a_loop_says_what_for():
    with pytest.raises(RuntimeError, match=r"^send must be awaited where an asyncio event loop is"):
        needed_loop("send", "awaited")


def test_where_trio_runs_it_is_found_and_whoever_needs_a_loop_says_what_to_do():
    async def main() -> None:
        assert loops_module.running_trio() is trio
        assert running_loop() is None
        with pytest.raises(RuntimeError) as raised:
            needed_loop("map_async")
        assert str(raised.value) == (
            "map_async must be subscribed where an asyncio event loop is running, and trio runs "
            "here: use what needs no tasks of its own (map_thread, for_each), or run on asyncio, "
            "as anyio.run does where it is not told otherwise"
        )

    assert loops_module.running_trio() is None  # it is imported, and does not run
    trio.run(main)
    assert loops_module.running_trio() is None


def test_a_program_without_trio_is_not_asked_for_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delitem(sys.modules, "trio")
    assert loops_module.running_trio() is None
    assert "trio" not in sys.modules


def test_the_loop_that_runs_here_is_found():
    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert running_loop() is loop
        assert needed_loop("map_async") is loop

    run_virtual(main())


def test_a_call_into_the_loop_of_this_thread_is_made_at_once():
    told: list[int] = []

    async def main() -> None:
        on_loop(asyncio.get_running_loop(), lambda: told.append(1))
        assert told == [1]

    run_virtual(main())
    assert told == [1]


def test_a_call_from_another_thread_is_made_by_the_thread_of_the_loop():
    callers: list[int] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        called = asyncio.Event()

        def call() -> None:
            callers.append(threading.get_ident())
            called.set()

        join = in_thread(lambda: on_loop(loop, call))
        await asyncio.wait_for(called.wait(), 10)
        join()

    asyncio.run(main())
    assert callers == [threading.get_ident()]


def test_a_call_into_a_closed_loop_is_not_made_and_no_error():
    loop = asyncio.new_event_loop()
    loop.close()
    on_loop(loop, lambda: pytest.fail("called"))


def test_an_error_of_a_loop_that_is_open_is_not_hidden():
    class Refusing(asyncio.SelectorEventLoop):
        def call_soon_threadsafe(self, *args: Any, **kwargs: Any) -> Any:
            raise RuntimeError("not now")

    loop = Refusing()
    try:
        with pytest.raises(RuntimeError, match="not now"):
            on_loop(loop, lambda: None)
    finally:
        loop.close()


def test_a_task_is_held_until_it_is_done_by_its_subscription_and_by_the_module():
    async def main() -> None:
        context, go_on = Context(lambda: None), asyncio.Event()
        task = spawn(asyncio.get_running_loop(), context, go_on.wait())
        for holder in (context.tasks, loops_module._running):
            assert task in holder
        go_on.set()
        assert await task is True
        await asyncio.sleep(0)
        for holder in (context.tasks, loops_module._running):
            assert task not in holder

    run_virtual(main())


def test_work_for_a_closed_loop_is_closed_and_the_error_told():
    async def work() -> None: ...

    loop = asyncio.new_event_loop()
    loop.close()
    coroutine = work()
    with pytest.raises(RuntimeError, match="closed"):
        spawn(loop, Context(lambda: None), coroutine)
    with pytest.raises(RuntimeError, match="cannot reuse already awaited coroutine"):
        coroutine.send(None)  # it was closed: else it would run, or warn that nobody awaited it


def test_an_item_that_is_put_back_goes_past_the_bound_and_wakes_who_waits():
    async def main() -> None:
        queue: asyncio.Queue[str] = asyncio.Queue(1)
        getter = asyncio.create_task(queue.get())
        await asyncio.sleep(0)
        put_back(queue, "for who waits")
        assert await getter == "for who waits"
        queue.put_nowait("counted")
        put_back(queue, "past the bound")
        assert [queue.get_nowait(), queue.get_nowait()] == ["counted", "past the bound"]
        queue.task_done()
        await queue.join()  # what was put back is not counted

    run_virtual(main())


class Foreign:
    """A queue of another library, which counts nothing.

    Attributes:
        items: What was put.
        full: It has no room without waiting.
        error: What it raises.
    """

    def __init__(self, full: bool = False, error: Exception | None = None) -> None:
        self.items: list[Any] = []
        self.full = full
        self.error = error

    def put_nowait(self, item: Any) -> None:
        if self.full:
            raise asyncio.QueueFull
        self._take(item)

    async def put(self, item: Any) -> None:
        await asyncio.sleep(0)
        self._take(item)

    def _take(self, item: Any) -> None:
        if self.error is not None:
            raise self.error
        self.items.append(item)


@pytest.mark.parametrize("put", [put_back, put_at_once])
@pytest.mark.parametrize("full", [False, True])
def test_what_is_put_into_a_queue_that_counts_nothing_is_there(put: Any, full: bool) -> None:
    queue = Foreign(full)

    async def main() -> None:
        put(queue, 1)
        for _ in range(3):
            await asyncio.sleep(0)

    with dropped_errors() as errors:
        run_virtual(main())
    assert (queue.items, errors) == ([1], [])


@pytest.mark.parametrize("full", [False, True])
def test_what_a_queue_raises_is_reported(full: bool) -> None:
    wrong = OSError("shut down")

    async def main() -> None:
        put_at_once(Foreign(full, wrong), 1)
        for _ in range(3):
            await asyncio.sleep(0)

    with dropped_errors() as errors:
        run_virtual(main())
    assert errors == [wrong]
