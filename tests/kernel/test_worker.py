"""A Worker: calls that block, one after another in a thread that nobody has to wait for."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
import weakref
from concurrent.futures import CancelledError
from typing import Any

import pytest

from rxflow.kernel import Worker
from tests.support_loop import turns, until

PATIENCE = 10.0  # seconds; only a hang gets there


class Gate:
    """A call that blocks until it is let go."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.open = threading.Event()

    def __call__(self) -> str:
        self.begun.set()
        assert self.open.wait(PATIENCE)
        return "through"


def run(main: Any) -> tuple[Any, list[dict[str, Any]]]:
    """Run on a real loop; give the result, and what reached the loop's exception handler."""
    found: list[dict[str, Any]] = []

    async def watched() -> Any:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: found.append(context))
        async with asyncio.timeout(PATIENCE):
            return await main

    return asyncio.run(watched()), found


def test_calls_are_made_in_order_in_one_thread_that_begins_with_the_first() -> None:
    before = set(threading.enumerate())
    worker = Worker("in order")
    assert set(threading.enumerate()) <= before
    made: list[int] = []
    gate = Gate()
    first = worker.submit(gate)
    assert gate.begun.wait(PATIENCE)
    later = [worker.submit(lambda n=n: made.append(n)) for n in range(3)]
    assert made == []  # one at a time
    gate.open.set()
    assert first.result(PATIENCE) == "through"
    later[-1].result(PATIENCE)
    assert made == [0, 1, 2]
    threads = {worker.submit(threading.current_thread).result(PATIENCE) for _ in range(3)}
    assert len(threads) == 1
    assert threading.current_thread() not in threads
    worker.stop()


def test_its_thread_has_its_name_and_keeps_no_program_from_ending() -> None:
    worker = Worker("from_somewhere")
    thread = worker.submit(threading.current_thread).result(PATIENCE)
    assert thread.name == "rxflow from_somewhere"
    assert thread.daemon
    worker.stop()


def test_a_worker_that_is_forgotten_ends_its_thread() -> None:
    worker = Worker("forgotten")
    thread = worker.submit(threading.current_thread).result(PATIENCE)
    assert worker.submit(lambda: 1 / 1).result(PATIENCE) == 1
    assert thread.is_alive()
    del worker
    gc.collect()
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_a_worker_that_is_stopped_makes_the_calls_that_were_submitted_then_ends() -> None:
    worker, gate = Worker("stopped"), Gate()
    thread = worker.submit(threading.current_thread).result(PATIENCE)
    worker.submit(gate)
    last = worker.submit(lambda: "last")
    worker.stop()
    worker.stop()
    assert gate.begun.wait(PATIENCE)
    assert thread.is_alive()
    gate.open.set()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert last.result(0) == "last"


def test_a_worker_that_was_never_used_is_stopped_without_a_thread() -> None:
    before = set(threading.enumerate())
    Worker("unused").stop()
    assert set(threading.enumerate()) <= before


@pytest.mark.parametrize("error", [ZeroDivisionError("0"), SystemExit(3), KeyboardInterrupt()])
def test_a_worker_hands_over_what_a_call_raises_and_goes_on(error: BaseException) -> None:
    def fail() -> None:
        raise error

    worker = Worker("failing")
    with pytest.raises(type(error)) as raised:
        worker.submit(fail).result(PATIENCE)
    assert raised.value is error
    assert worker.submit(lambda: 3).result(PATIENCE) == 3
    worker.stop()


def test_a_call_that_is_cancelled_before_it_has_begun_is_not_made() -> None:
    worker, gate, made = Worker("cancelled"), Gate(), list[int]()
    first = worker.submit(gate)
    assert gate.begun.wait(PATIENCE)
    never = worker.submit(lambda: made.append(1))
    assert never.cancel()
    assert not first.cancel()  # it has begun
    gate.open.set()
    assert worker.submit(lambda: 2).result(PATIENCE) == 2
    assert made == []
    with pytest.raises(CancelledError):
        never.result(0)
    worker.stop()


def test_what_was_called_is_not_kept_while_the_thread_waits_for_the_next_call() -> None:
    class Large:
        def read(self) -> int:
            return 7

    worker, large = Worker("forgetful"), Large()
    kept = weakref.ref(large)
    assert worker.submit(large.read).result(PATIENCE) == 7
    del large
    for _ in range(1000):  # the thread lets go of it after it has told the result
        if kept() is None:
            break
        threading.Event().wait(0.001)
    assert kept() is None
    worker.stop()


def test_a_call_is_awaited_and_the_loop_goes_on_meanwhile() -> None:
    async def main() -> str:
        worker, gate = Worker("awaited"), Gate()
        call = asyncio.create_task(worker.call(gate))
        await asyncio.to_thread(gate.begun.wait, PATIENCE)
        await turns(3)
        assert not call.done()
        gate.open.set()
        through = await call
        with pytest.raises(ZeroDivisionError):
            await worker.call(lambda: 1 // 0)
        worker.stop()
        return through

    assert run(main()) == ("through", [])


def test_a_call_that_is_not_awaited_any_more_goes_on_if_it_has_begun() -> None:
    async def main() -> list[str]:
        worker, gate, made = Worker("left"), Gate(), list[str]()
        begun = asyncio.create_task(worker.call(lambda: made.append(gate())))
        await asyncio.to_thread(gate.begun.wait, PATIENCE)
        waiting = asyncio.create_task(worker.call(lambda: made.append("never")))
        await turns(1)
        for task in (begun, waiting):
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert made == []
        gate.open.set()
        await worker.call(lambda: made.append("next"))
        await turns(3)  # the end of what was left is told to the loop
        worker.stop()
        return made

    assert run(main()) == (["through", "next"], [])


def test_a_call_whose_loop_is_closed_meanwhile_has_nobody_to_tell() -> None:
    worker, gate = Worker("late"), Gate()

    async def main() -> None:
        begun = asyncio.create_task(worker.call(gate))
        await until(lambda: gate.begun.is_set() or gate.begun.wait(0.01))
        begun.cancel()

    run(main())
    gate.open.set()
    assert worker.submit(lambda: "goes on").result(PATIENCE) == "goes on"
    worker.stop()


AT_THE_END = """
import atexit

def last():
    print(worker.submit(lambda: "written").result(10))

atexit.register(last)  # before anything of rxflow: so it is called after all of its own
from rxflow.kernel import Worker
worker = Worker("to the end")
worker.submit(lambda: None).result(10)
"""


def test_a_worker_serves_the_program_to_its_very_end() -> None:
    """What is written by an exit handler is written, too."""
    command = [sys.executable, "-c", AT_THE_END]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr, done.returncode) == ("written\n", "", 0)
