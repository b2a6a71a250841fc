"""An async on_drop by itself: what it costs, and what is called after its end."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from functools import partial
from typing import Any

import pytest

from rxflow.kernel import Context
from rxflow.kernel.telling import WAITING, Telling, is_async
from rxflow.protocol import BackpressureError
from rxflow.testing import run_virtual
from tests.kernel.recorder import dropped_errors, in_thread


class Told:
    """What was told to a function that takes no time, or as long as it is held.

    Attributes:
        calls: Item and reason of each call.
        failures: What the subscription has heard.
        wakes: How often the consumer was woken.
    """

    def __init__(self, raises: BaseException | None = None) -> None:
        self.calls: list[tuple[Any, str]] = []
        self.failures: list[Exception] = []
        self.wakes = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.raises = raises
        self.context = Context(self._woken, tasks=set())
        self.telling = Telling(self.context, "door", self._tell, self.failures.append)

    def _woken(self) -> None:
        self.wakes += 1

    async def _tell(self, item: Any, reason: str) -> None:
        self.calls.append((item, reason))
        await self.gate.wait()
        if self.raises is not None:
            raise self.raises


def on_loop(test: Any) -> Any:
    def run() -> None:
        run_virtual(test())

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


async def turn() -> None:
    """Let all that is due run, and what comes of it."""
    for _ in range(5):
        await asyncio.sleep(0)


@on_loop
async def test_it_is_true_while_it_has_to_call_and_wakes_its_consumer_when_it_has_not() -> None:
    told = Told()
    assert not told.telling
    told.telling(1, "oldest")
    told.telling(2, "newest")
    assert len(told.telling) == 2
    await turn()
    assert told.calls == [(1, "oldest"), (2, "newest")]
    assert (len(told.telling), told.wakes, len(told.context.tasks)) == (0, 1, 0)
    told.telling(3, "oldest")
    await turn()
    assert told.calls[2:] == [(3, "oldest")]
    assert told.wakes == 2


@on_loop
async def test_many_drops_from_another_thread_cost_its_loop_one_call() -> None:
    told, loop = Told(), asyncio.get_running_loop()
    calls = 0
    call_soon = loop.call_soon_threadsafe

    def counting(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        return call_soon(*args, **kwargs)

    def drop_some() -> None:
        loop.call_soon_threadsafe = counting  # type: ignore[method-assign]
        for item in range(100):
            told.telling(item, "oldest")
        loop.call_soon_threadsafe = call_soon  # type: ignore[method-assign]

    in_thread(drop_some)()  # the loop waits meanwhile, so that all of them come at once
    await turn()
    assert [item for item, _ in told.calls] == list(range(100))
    assert calls == 1


@on_loop
async def test_a_cancel_before_the_first_call_begins_starts_no_task() -> None:
    told = Told()
    in_thread(lambda: (told.telling(1, "oldest"), told.telling.cancel()))()  # the loop waits
    for _ in range(5):
        assert not told.context.tasks
        await asyncio.sleep(0)
    assert told.calls == []
    assert told.wakes == 0


@on_loop
async def test_nothing_is_called_after_a_cancel() -> None:
    told = Told()
    told.gate.clear()
    told.telling(1, "oldest")
    told.telling(2, "oldest")
    await turn()
    told.telling.cancel()
    told.telling(3, "oldest")
    assert not told.telling
    await turn()
    told.telling(4, "oldest")
    await turn()
    assert told.calls == [(1, "oldest")]
    assert (told.failures, told.context.tasks) == ([], set())


@on_loop
async def test_nothing_is_called_after_a_failure() -> None:
    error = OSError("told")
    told = Told(error)
    told.telling(1, "oldest")
    told.telling(2, "oldest")
    await turn()
    assert not told.telling
    told.telling(3, "oldest")
    assert not told.telling  # else the end would wait for it
    await turn()
    assert told.calls == [(1, "oldest")]
    assert told.failures == [error]


@on_loop
async def test_a_call_that_hides_its_cancel_is_the_last_one() -> None:
    calls = list[Any]()

    async def stubborn(item: Any, reason: str) -> None:
        calls.append(item)
        try:
            await asyncio.sleep(9)
        except asyncio.CancelledError:
            calls.append("cancelled")

    failures = list[Exception]()
    telling = Telling(Context(lambda: None), "door", stubborn, failures.append)
    telling(1, "oldest")
    await turn()
    telling.cancel()
    await turn()
    telling(2, "oldest")
    await asyncio.sleep(60)
    assert calls == [1, "cancelled"]
    assert failures == []


@on_loop
async def test_too_many_that_wait_are_an_error_that_says_what_to_do() -> None:
    told = Told()
    told.gate.clear()
    for item in range(WAITING + 1):
        told.telling(item, "oldest")
    with pytest.raises(BackpressureError) as raised:
        told.telling("one too many", "oldest")
    assert str(raised.value) == (
        "door: 1024 calls of the async on_drop are waiting, it is slower than items are dropped; "
        "let it hand them over without waiting, or use a function that is not async"
    )
    await turn()
    assert not told.telling
    assert not told.context.tasks


def test_an_interrupt_of_a_call_reaches_who_runs_the_loop_and_fails_the_stream() -> None:
    told: list[Told] = []

    async def main() -> None:
        told.append(Told(KeyboardInterrupt("told")))
        told[0].telling(1, "oldest")
        await asyncio.sleep(9)

    with pytest.raises(KeyboardInterrupt, match="told"):
        run_virtual(main())
    [failure] = told[0].failures
    assert isinstance(failure, RuntimeError)
    assert str(failure) == "door: on_drop ended with KeyboardInterrupt('told')"


@on_loop
async def test_a_cancelled_error_of_a_call_is_a_failure_like_any_other() -> None:
    told = Told(asyncio.CancelledError("told"))
    told.telling(1, "oldest")
    await turn()
    assert [str(failure) for failure in told.failures] == [
        "door: on_drop ended with CancelledError('told')"
    ]
    assert told.wakes == 1  # the consumer hears of it


@on_loop
async def test_what_a_cancelled_call_raises_is_reported() -> None:
    error = OSError("late")

    async def late(item: Any, reason: str) -> None:
        try:
            await asyncio.sleep(9)
        finally:
            raise error

    failures = list[Exception]()
    telling = Telling(Context(lambda: None), "door", late, failures.append)
    telling(1, "oldest")
    await turn()
    telling.cancel()
    with dropped_errors() as reported:
        await turn()
    assert (failures, reported) == ([], [error])


def test_without_a_loop_it_names_the_operator_and_what_is_needed() -> None:
    async def tell(item: Any, reason: str) -> None: ...

    made: list[Coroutine[Any, Any, Any]] = []
    with pytest.raises(RuntimeError, match=r"^door with an async on_drop"):
        Telling(Context(lambda: None), "door", tell, made.append)  # type: ignore[arg-type]


class Callable:
    async def __call__(self, item: Any) -> None: ...

    async def method(self, item: Any) -> None: ...

    def plain(self, item: Any) -> None: ...


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (Callable(), True),
        (Callable().method, True),
        (partial(Callable()), True),
        (partial(Callable().method), True),
        (Callable().plain, False),
        (partial(Callable().plain), False),
        (lambda item: Callable().method(item), False),
        (print, False),
        (Callable, False),
        ("no function", False),
    ],
)
def test_what_is_async_is_known_without_a_call(function: Any, expected: bool) -> None:
    assert is_async(function) is expected
