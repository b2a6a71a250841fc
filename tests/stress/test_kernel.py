"""In a real kernel: cells that are interrupted, run again or never end leave nothing behind."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.notebook.kernels import Cell, Notebook, notebook, without

pytestmark = [
    pytest.mark.stress,
    pytest.mark.skipif(without() is not None, reason=str(without())),
]

SETUP = """
import asyncio, gc, sys, threading, time
import rxflow as rx
from rxflow import operators as ops
from rxflow import monitor
from rxflow.notebook import one_per_cell, panel, watch

async def left():
    "Everything that could be left behind."
    import ipywidgets.widgets.widget as widget
    gc.collect()
    return {
        "running": len(monitor.running()),
        "panels": len(panel._open),
        "samplers": sum(each.name == "rxflow-sampler" for each in threading.enumerate()),
        "widgets": len(widget._instances),
        "tasks": len(asyncio.all_tasks()),
    }

def clean():
    "Forget what the cells of a test have defined, and what IPython remembers of them."
    for name in set(globals()) - known:
        if not name.startswith("_i"):
            del globals()[name]
    Out.clear()
    sys.last_value = sys.last_exc = sys.last_traceback = None
    shell = get_ipython()
    shell.InteractiveTB.tb = shell.last_execution_result = None  # the frames of the last error
    gc.collect()

async def ticks():
    try:
        while True:
            await asyncio.sleep(0.005)
            yield time.monotonic()
    finally:
        print("the source is closed")

watch(rx.range(1)).close()  # what is imported and made once
known = set(globals()) | {"known", "_", "__", "___"}
"""


@pytest.fixture(scope="module")
def started() -> Iterator[Notebook]:
    with notebook() as opened:
        opened.run(SETUP)
        yield opened


@pytest.fixture
def cells(started: Notebook) -> Iterator[Notebook]:
    """Check that a test leaves nothing in the kernel."""
    before = started.run("print(await left())").printed
    yield started
    started.run("clean()")
    assert started.run("print(await left())").printed == before


def pictures(messages: list[dict[str, Any]]) -> list[str]:
    """Give what a panel has shown live, one after the other."""
    return [
        each["content"]["data"]["state"]["picture"]
        for each in messages
        if each["msg_type"] == "comm_msg" and "picture" in each["content"]["data"].get("state", {})
    ]


def delivered(picture: str) -> int:
    found = re.search(r'data-field="delivered" data-value="(\d+)"', picture)
    assert found, picture
    return int(found[1])


def last_display(cell: Cell) -> dict[str, str]:
    (*_, last) = cell.of_type("update_display_data")
    return last["data"]


def test_top_level_await_and_async_for(cells: Notebook) -> None:
    done = cells.run("await rx.range(5).pipe(ops.map_async(lambda n: asyncio.sleep(0, n), 2))")
    assert done.result == "4"
    done = cells.run("async for item in rx.range(3): print(item)")
    assert done.printed.split() == ["0", "1", "2"]


def test_interrupting_an_async_for_closes_the_source(cells: Notebook) -> None:
    begun = cells.begin(
        "async for item in rx.from_async_iterable(ticks()).pipe(\n"
        "    ops.map_async(lambda n: asyncio.sleep(0.01, n), 4)\n"
        "):\n    print('begun', flush=True)"
    )
    cells.until_printed("begun")
    cells.interrupt()
    done = cells.finish(begun)
    assert done.reply["status"] == "error"
    assert done.reply["ename"] in ("CancelledError", "KeyboardInterrupt")
    assert done.printed.count("the source is closed") == 1


def test_interrupting_a_loop_that_blocks_closes_the_source(cells: Notebook) -> None:
    begun = cells.begin(
        "def numbers():\n"
        "    try:\n"
        "        yield from iter(int, 1)\n"
        "    finally:\n"
        "        print('the source is closed')\n"
        "print('begun', flush=True)\n"
        "for item in rx.from_iterable(numbers()).pipe(ops.map(str)): pass"
    )
    cells.until_printed("begun")
    cells.interrupt()
    done = cells.finish(begun)
    assert done.reply["ename"] == "KeyboardInterrupt"
    cells.run("clean()")  # IPython keeps the frame of the last error
    assert "the source is closed" in "".join(
        each["content"].get("text", "") for each in cells.seen if each["msg_type"] == "stream"
    )


def test_the_panel_changes_while_an_async_for_goes_on(cells: Notebook) -> None:
    done = cells.run(
        "flow = rx.interval(0.005).pipe(\n"
        "    ops.on_backpressure_buffer(8, overflow=rx.DROP_OLDEST), ops.take(30)\n"
        ")\n"
        "watch(flow, 0.02)\n"
        "async for item in flow: await asyncio.sleep(0.01)"
    )
    counts = [delivered(each) for each in pictures(done.messages)]
    assert counts == sorted(counts)
    assert len(set(counts)) > 3
    final = last_display(done)
    assert set(final) == {"text/plain", "text/html"}  # no live view is left in what is saved
    assert 'data-state="over"' in final["text/html"]
    assert delivered(final["text/html"]) == 30
    assert len(done.of_type("display_data")) == 1


def test_the_panel_changes_while_a_cell_blocks(cells: Notebook) -> None:
    done = cells.run(
        "flow = rx.range(40)\n"
        "watch(flow, 0.02)\n"
        "for item in flow.pipe(): time.sleep(0.01)\n"
        "del item"
    )
    counts = [delivered(each) for each in pictures(done.messages) if "data-part" in each]
    assert counts == sorted(counts)
    final = last_display(done)["text/html"]
    assert 'data-state="over"' in final


def test_an_interrupt_ends_the_panel(cells: Notebook) -> None:
    begun = cells.begin(
        "watch(flow := rx.from_async_iterable(ticks()), 0.02)\n"
        "async for item in flow: print('begun', flush=True)"
    )
    cells.until_printed("begun")
    cells.interrupt()
    done = cells.finish(begun)
    assert 'data-state="over"' in last_display(done)["text/html"]


def test_a_cell_that_runs_again_replaces_its_panel_and_what_it_left_running(
    cells: Notebook,
) -> None:
    code = (
        "source = rx.from_async_iterable(ticks())\n"
        "subscription = one_per_cell(source.subscribe(lambda item: None))\n"
        "watch(source, 0.02); None"
    )
    cells.run(code, "again")
    first = cells.run("print(await left())").printed
    for _ in range(3):
        cells.run(code, "again")
    assert cells.run("print(await left())").printed == first
    assert "'running': 1, 'panels': 1, 'samplers': 1," in first
    cells.run("subscription.dispose(); await asyncio.sleep(0.7)")  # it lingers half a second


def test_two_panels_of_one_cell_do_not_replace_each_other(cells: Notebook) -> None:
    cells.run("one, two = rx.range(3), rx.range(3)\nwatch(one); watch(two); None", "two")
    assert "'panels': 2" in cells.run("print(await left())").printed
    cells.run("watch(one).close()", "two")
    assert "'panels': 0" in cells.run("print(await left())").printed


def test_a_panel_is_shown_once_also_as_the_last_line(cells: Notebook) -> None:
    done = cells.run("quiet = rx.range(3)\nshown = watch(quiet)\nshown")
    assert len(done.of_type("display_data")) == 1
    assert done.of_type("execute_result") == []
    elsewhere = cells.run("shown")
    assert len(elsewhere.of_type("display_data")) == 1


def test_closing_the_kernel_leaves_no_process_and_no_complaint(tmp_path: Path) -> None:
    log = tmp_path / "stderr"
    with log.open("wb") as errors, notebook(stderr=errors) as opened:
        opened.run(SETUP)
        opened.run(
            "flow = rx.from_async_iterable(ticks()).pipe(ops.map_thread(lambda n: n, 2))\n"
            "task = asyncio.create_task(rx.for_each(flow, lambda item: None))\n"
            "rx.interval(0.001, scheduler=rx.scheduler.NewThreadScheduler()).subscribe()\n"
            "watch(flow, 0.01)\n"
            "await asyncio.sleep(0.1)"
        )
        process = opened.manager.provisioner.process
        opened.client.shutdown()
        assert process.wait(30) == 0
    text = log.read_text(encoding="utf-8")
    assert "Traceback" not in text
    assert "rxflow" not in text
