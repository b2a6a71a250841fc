"""The live panel in JupyterLab and in marimo, seen by a real browser."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import rxflow as rx
from rxflow import operators as ops
from rxflow.notebook import Panel
from rxflow.testing import run_virtual
from tests.notebook import browsers
from tests.notebook.browsers import Lab, browser, figure, jupyterlab, serving, write_notebook

pytestmark = [
    pytest.mark.stress,
    pytest.mark.skipif(browsers.missing() is not None, reason=str(browsers.missing())),
]

SETUP = """
import asyncio, gc, threading, time
import rxflow as rx
from rxflow import monitor
from rxflow import operators as ops
from rxflow.notebook import panel, watch

async def slowly(item):
    await asyncio.sleep(0.02)
    return item

def make():
    return rx.interval(0.002).pipe(
        ops.on_backpressure_buffer(50, overflow=rx.DROP_OLDEST),
        ops.map_async(slowly, max_concurrency=2),
    )

flow = make()
"""

LOOP = "watch(flow, 0.1)\nasync for item in flow: pass"

LEFT = """
samplers = sum(each.name == "rxflow-sampler" for each in threading.enumerate())
print("left:", len(panel._open), samplers, len(monitor.running()))
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def context(home: Path) -> Iterator[Any]:
    with browser(home / "profile") as opened:
        yield opened


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[str]:
    with jupyterlab(home) as address:
        yield address


@pytest.fixture
def page(context: Any) -> Iterator[Any]:
    opened = context.new_page()
    complaints: list[str] = []
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    yield opened
    opened.close()
    assert complaints == []


def opened(page: Any, server: str, home: Path, name: str, *cells: str) -> Lab:
    write_notebook(home / name, [SETUP, *cells])
    lab = Lab(page, server, name)
    lab.run(0)
    return lab


# Shadow roots are looked into, too: marimo shows widgets in them.
READS = """([part, field, least]) => {
    const all = (root) => [...root.querySelectorAll("*")].flatMap(
        (it) => it.shadowRoot ? [it, ...all(it.shadowRoot)] : [it]);
    return all(document).some((cell) => cell.dataset?.field === field
        && cell.closest("[data-part]")?.dataset.part === part
        && Number(cell.dataset.value) >= least);
}"""


def until(within: Any, part: str, field: str, least: float) -> None:
    """Wait until a number of the panel is at least so high."""
    within.page.wait_for_function(READS, arg=[part, field, least])


def test_the_panel_is_seen_and_changes_while_a_pipeline_runs(
    page: Any, server: str, home: Path
) -> None:
    lab = opened(page, server, home, "seen.ipynb", LOOP)
    lab.run(1, wait=False)
    panel = lab.output(1).locator(".rxflow-panel")
    panel.wait_for()
    until(panel, "map_async", "delivered", 50)
    assert panel.count() == 1
    assert panel.get_attribute("data-state") == "running"
    row = panel.locator('[data-part="map_async"]').element_handle()
    early = {
        field: figure(panel, "on_backpressure_buffer", field) for field in ("delivered", "dropped")
    }
    until(panel, "map_async", "delivered", 150)
    assert figure(panel, "on_backpressure_buffer", "delivered") > early["delivered"]
    assert figure(panel, "on_backpressure_buffer", "dropped") > early["dropped"]
    assert row.evaluate("(it) => it.isConnected")  # it was changed in place
    until(panel, "on_backpressure_buffer", "peak", 50)
    assert figure(panel, "on_backpressure_buffer", "peak") == 50
    assert 10 < figure(panel, "map_async", "rate") < 101  # 2 at once, of 20 ms each
    headings = panel.locator("thead th").all_inner_texts()
    assert headings == ["part", "held", "peak", "demand", "items/s", "delivered", "dropped"]
    row = panel.locator('[data-part="on_backpressure_buffer"]')
    assert re.search(r"oldest [\d,]+", row.inner_text())
    held = row.locator('[data-field="held"]')
    assert held.get_attribute("data-capacity") == "50"
    bar, track = row.locator("td.bar").evaluate(
        "(cell) => ['i', 'span'].map((it) => cell.querySelector(it).getBoundingClientRect().width)"
    )
    assert 0.8 < bar / track <= 1.0  # it is full nearly all the time
    lab.command("kernelmenu:interrupt")
    lab.idle()


def test_the_panel_changes_while_a_cell_blocks(page: Any, server: str, home: Path) -> None:
    code = (
        "subject = rx.Subject()\n"
        "held = subject.pipe(ops.on_backpressure_buffer(1000))\n"
        "from rxflow.testing import TestSubscriber\n"
        "held.subscribe(TestSubscriber(0))\n"
        "watch(held, 0.1)\n"
        "for number in range(1000): subject.on_next(number); time.sleep(0.01)\n"
    )
    lab = opened(page, server, home, "blocks.ipynb", code)
    lab.run(1, wait=False)
    panel = lab.output(1).locator(".rxflow-panel")
    panel.wait_for()
    seen: list[float] = []
    for least in (20, 60, 120):
        until(panel, "on_backpressure_buffer", "held", least)
        seen.append(figure(panel, "on_backpressure_buffer", "held"))
    assert seen == sorted(set(seen))
    lab.command("kernelmenu:interrupt")
    lab.idle()


def test_an_interrupt_ends_it_and_a_picture_stays_in_the_saved_notebook(
    page: Any, server: str, home: Path
) -> None:
    lab = opened(page, server, home, "interrupted.ipynb", LOOP, LEFT)
    lab.run(1, wait=False)
    panel = lab.output(1).locator(".rxflow-panel")
    panel.wait_for()
    until(panel, "map_async", "delivered", 20)
    lab.command("kernelmenu:interrupt")
    lab.idle()
    page.wait_for_selector('.rxflow-panel[data-state="over"]')
    assert panel.count() == 1
    last = figure(panel, "map_async", "delivered")
    lab.run(2)
    assert "left: 1 0 0" in lab.output(2).inner_text()  # the panel waits for the next run
    assert figure(panel, "map_async", "delivered") == last
    lab.save()
    (output, *_) = json.loads((home / "interrupted.ipynb").read_text())["cells"][1]["outputs"]
    assert set(output["data"]) == {"text/plain", "text/html"}
    assert "map_async" in "".join(output["data"]["text/plain"])
    lab.close()
    again = Lab(page, server, "interrupted.ipynb")
    kept = again.output(1).locator(".rxflow-panel")
    kept.wait_for()
    assert kept.get_attribute("data-state") == "over"
    assert figure(kept, "map_async", "delivered") == last


def test_to_run_the_cell_again_does_not_double_the_panel(
    page: Any, server: str, home: Path
) -> None:
    background = (
        "flow = make()\n"
        "task = asyncio.create_task(rx.for_each(flow, lambda item: None))\n"
        "watch(flow, 0.1); None"
    )
    lab = opened(page, server, home, "again.ipynb", background, LEFT, "watch(flow, 0.1); None")
    panels = page.locator(".rxflow-panel")
    for _ in range(3):
        lab.run(1)  # the task of the run before goes on: it belongs to the user
        until(panels, "map_async", "delivered", 10)
        assert panels.count() == 1
    lab.run(2)
    assert "left: 1 1 " in lab.output(2).inner_text()
    for _ in range(2):
        lab.run(3)
        until(lab.output(3).locator(".rxflow-panel"), "map_async", "delivered", 10)
        assert panels.count() == 2
    lab.run(2)
    assert "left: 2 2 " in lab.output(2).inner_text()


STAGES = """
from dataclasses import replace
from rxflow import StageStatistics
from rxflow.notebook import panel_picture
from rxflow.notebook.screen import document
from rxflow.notebook.panel_figures import Look, Part
from IPython.display import HTML, display

for count in (3, 12, 40):
    parts = [
        Part(
            StageStatistics(
                f"{'a_rather_long_name_of_an_operator' if each % 5 == 4 else 'map_async'}_{each}",
                requested=rx.UNBOUNDED if each % 3 else 10**each, delivered=10 ** (each % 9),
                held=each, capacity=40 if each % 4 else None, peak=each,
                dropped={"oldest": 12345, "expired": 10**7} if each % 7 == 3 else {},
            ),
            10.0**each / 7,
        )
        for each in range(count)
    ]
    display(HTML(document(panel_picture.html([Look(1, tuple(parts), False, 2.0)], "running"))))
"""

OVERLAPS = """() => {
    const found = [];
    for (const panel of document.querySelectorAll(".rxflow-panel")) {
        for (const cell of panel.querySelectorAll("th, td")) {
            if (!cell.innerText) continue;
            const range = document.createRange();
            range.selectNodeContents(cell);
            const text = range.getBoundingClientRect(), box = cell.getBoundingClientRect();
            const over = text.left < box.left - 1 || text.right > box.right + 1
                || text.top < box.top - 1 || text.bottom > box.bottom + 1;
            if (over) found.push(cell.innerText);
        }
    }
    return found;
}"""

CONTRASTS = """() => {
    const parse = (text) => text.match(/[\\d.]+/g).map(Number);
    const light = ([r, g, b]) => {
        const part = (x) => (x /= 255) <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4;
        return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
    };
    const behind = (element) => {
        for (let at = element; at; at = at.parentElement) {
            const color = parse(getComputedStyle(at).backgroundColor);
            if (color.length < 4 || color[3] > 0.99) return color;
        }
        return [255, 255, 255];
    };
    const ratio = (a, b) => {
        const [low, high] = [light(a), light(b)].sort((x, y) => x - y);
        return (high + 0.05) / (low + 0.05);
    };
    const panel = document.querySelector(".rxflow-panel");
    const texts = [...panel.querySelectorAll("th, td:not(.bar)")].map((cell) =>
        ratio(parse(getComputedStyle(cell).color), behind(cell)));
    const bars = [...panel.querySelectorAll(".bar i")].map((bar) =>
        ratio(parse(getComputedStyle(bar).backgroundColor), behind(panel)));
    return [Math.min(...texts), Math.min(...bars)];
}"""


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_many_stages_are_legible_in_light_and_dark(
    page: Any, server: str, home: Path, theme: str
) -> None:
    lab = opened(page, server, home, f"{theme.split()[1]}.ipynb", STAGES)
    lab.theme(theme)
    lab.run(1)
    panels = lab.output(1).locator(".rxflow-panel")
    assert [each.locator("[data-part]").count() for each in panels.all()] == [3, 12, 40]
    assert page.evaluate(OVERLAPS) == []
    text, bar = page.evaluate(CONTRASTS)
    assert text > 4.5
    assert bar > 3
    before = panels.first.bounding_box()["height"]
    page.add_style_tag(content=".jp-OutputArea-output { font-size: 26px !important; }")
    assert panels.first.bounding_box()["height"] > 1.4 * before
    assert page.evaluate(OVERLAPS) == []


async def noted() -> str:
    """Give the picture of a panel that tells at length what limits a pipeline."""

    async def slow(item: int) -> int:
        await asyncio.sleep(1)
        return item

    flow = rx.interval(0.01).pipe(
        ops.on_backpressure_buffer(20, overflow=rx.DROP_OLDEST),
        ops.map_async(slow, max_concurrency=2),
        ops.take(8),
    )
    seen = Panel(flow, 3600)
    async for _ in flow:
        repr(seen)  # looks
    html = seen._picture()
    seen.close()
    return html


@pytest.mark.parametrize("broad", [760, 900, 1280])
def test_what_limits_it_is_told_in_lines_and_widens_nothing(page: Any, broad: int) -> None:
    with ThreadPoolExecutor(1) as pool:  # a loop of the browser runs in this thread
        html = pool.submit(run_virtual, noted()).result()
    page.set_viewport_size({"width": broad, "height": 600})
    page.set_content(f'<body style="font: 13px sans-serif">{html}</body>')
    note = page.locator(".rxflow-panel tr.note td")
    assert "raise max_concurrency" in note.inner_text()
    assert len(note.inner_text()) > 150  # in one line it would be broader than the page
    panel = page.locator(".rxflow-panel").evaluate("(it) => [it.scrollWidth, it.clientWidth]")
    assert panel[0] <= panel[1]
    dropped = page.locator('[data-field="dropped"]').first.bounding_box()
    assert dropped["x"] + dropped["width"] <= broad  # all columns are seen
    assert (
        note.bounding_box()["width"] <= page.locator(".rxflow-panel table").bounding_box()["width"]
    )
    assert page.evaluate(OVERLAPS) == []


MARIMO = """
import marimo

app = marimo.App()

@app.cell
def _():
    {setup}
    import marimo as mo
    return asyncio, make, mo, panel, rx, threading, watch

@app.cell
def _(asyncio, make, rx):
    flow = make()
    task = asyncio.create_task(rx.for_each(flow, lambda item: None))
    return flow, task

@app.cell
def _(mo):
    again = mo.ui.button(label="again", value=0, on_click=lambda value: value + 1)
    again
    return (again,)

@app.cell
def _(mo, task):
    end = mo.ui.button(label="end", value=0, on_click=lambda value: task.cancel())
    end
    return (end,)

@app.cell
def _(again, flow, watch):
    shown = watch(flow, 0.1)
    shown
    return (shown,)

@app.cell
def _(again, mo, panel, shown, threading):
    _samplers = sum(each.name == "rxflow-sampler" for each in threading.enumerate())
    mo.md("run " + str(again.value) + " left " + str(len(panel._open)) + " " + str(_samplers))
    return
"""


def test_the_same_panel_in_marimo(page: Any, home: Path) -> None:
    setup = SETUP.replace("flow = make()", "").strip().replace("\n", "\n    ")
    app = home / "app.py"
    app.write_text(MARIMO.format(setup=setup))
    command = [
        sys.executable,
        *("-m", "marimo", "--log-level", "WARN", "run", "--headless", "--no-token"),
        *("--port", "{port}", str(app)),
    ]
    with serving(command, home, "/health") as address:
        page.goto(address)
        panel = page.locator(".rxflow-panel")
        for run in range(3):
            # The first time the panel is there before the task runs, and looks at nothing.
            page.get_by_text(f"run {run} left 1 {min(run, 1)}").wait_for()
            panel.locator("[data-part]").first.wait_for()
            assert panel.count() == 1
            first = figure(panel, "map_async", "delivered")
            page.wait_for_function(READS, arg=["map_async", "delivered", first + 50])
            if run < 2:
                page.get_by_role("button", name="again").click()
        assert panel.get_attribute("data-state") == "running"
        page.wait_for_function(READS, arg=["on_backpressure_buffer", "peak", 50])  # soon or late
        assert figure(panel, "on_backpressure_buffer", "peak") == 50
        page.get_by_role("button", name="end").click()
        page.locator('.rxflow-panel[data-state="over"]').wait_for()
        assert panel.count() == 1
