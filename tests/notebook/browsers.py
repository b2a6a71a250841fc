"""JupyterLab and marimo in a real browser, without a screen."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from .kernels import without

ROOT = Path(__file__).parent.parent.parent
PATIENCE = 120  # seconds; only a hang gets there

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def chromium() -> str | None:
    """Find the browser of the system."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


def missing() -> str | None:
    """Say what is missing for these tests, if something is."""
    if chromium() is None:
        return "there is no chromium on the PATH"
    return without("playwright", "jupyterlab", "marimo")


@contextmanager
def browser(profile: Path) -> Generator[Any]:
    """Start the browser; gives the context in which pages are opened."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            str(profile),
            executable_path=chromium(),
            headless=True,
            args=list(FLAGS),
            viewport={"width": 1280, "height": 900},
        )
        context.set_default_timeout(PATIENCE * 1000)
        try:
            yield context
        finally:
            context.close()


@contextmanager
def serving(command: Sequence[str], home: Path, ready: str) -> Generator[str]:
    """Run a server on a free port, until it answers; gives its address.

    Args:
        command: With ``{port}`` where the port belongs.
        home: Where it keeps what it writes.
        ready: The path that answers when it is ready.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        "HOME": str(home),
        "PYTHONPATH": str(ROOT),
        "JUPYTER_PLATFORM_DIRS": "1",
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "IPYTHONDIR": str(home / "ipython"),
        "XDG_CONFIG_HOME": str(home / "config"),
        "XDG_CACHE_HOME": str(home / "cache"),
    }
    log = home / "server.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            [part.format(port=port) for part in command],
            cwd=home,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            address = f"http://127.0.0.1:{port}"
            deadline = time.monotonic() + PATIENCE
            while True:
                with suppress(OSError), urllib.request.urlopen(address + ready, timeout=5):
                    break
                assert server.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.2)
            yield address
        finally:
            server.terminate()
            try:
                server.wait(30)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


@contextmanager
def jupyterlab(home: Path) -> Generator[str]:
    """Serve JupyterLab; notebooks are in ``home``."""
    command = [
        sys.executable,
        *("-m", "jupyterlab", "--no-browser", "--allow-root", "--port={port}"),
        "--ServerApp.token=",
        "--ServerApp.password=",
        f"--ServerApp.root_dir={home}",
        "--LabApp.expose_app_in_browser=True",
        "--LabApp.news_url=",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    with serving(command, home, "/api") as address:
        yield address


def write_notebook(path: Path, cells: Sequence[str]) -> None:
    """Write a notebook that was not run yet."""
    content = {
        "cells": [
            {
                "cell_type": "code",
                "id": f"cell{number}",
                "metadata": {},
                "source": source,
                "outputs": [],
                "execution_count": None,
            }
            for number, source in enumerate(cells)
        ],
        "metadata": {
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    path.write_text(json.dumps(content), encoding="utf-8")


class Lab:
    """A notebook that is open in JupyterLab."""

    def __init__(self, page: Any, address: str, name: str) -> None:
        self.page = page
        page.goto(f"{address}/lab/tree/{name}?reset")
        page.wait_for_function("() => window.jupyterapp !== undefined")
        page.wait_for_selector(".jp-Notebook .jp-CodeCell")
        page.wait_for_function(
            """() => {
                const widget = window.jupyterapp.shell.currentWidget;
                const kernel = widget?.context?.sessionContext?.session?.kernel;
                return kernel?.status === "idle";
            }"""
        )

    def run(self, number: int, *, wait: bool = True) -> None:
        """Run a cell.

        Args:
            number: Which, from 0.
            wait: Until it is over.
        """
        self.page.evaluate(
            """(number) => {
                const app = window.jupyterapp;
                app.shell.currentWidget.content.activeCellIndex = number;
                app.commands.execute("notebook:run-cell");
            }""",
            number,
        )
        if wait:
            self.idle()

    def idle(self) -> None:
        """Wait until no cell runs."""
        self.page.wait_for_function(
            """() => {
                const marks = [...document.querySelectorAll(".jp-CodeCell .jp-InputPrompt")];
                return !marks.some((mark) => mark.textContent.includes("*"));
            }"""
        )

    def command(self, name: str) -> None:
        """Carry out a command of JupyterLab, such as kernelmenu:interrupt."""
        self.page.evaluate("(name) => window.jupyterapp.commands.execute(name)", name)

    def theme(self, name: str) -> None:
        """Change the theme."""
        self.page.evaluate(
            "(theme) => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", name
        )
        self.page.wait_for_function("(it) => document.body.dataset.jpThemeName === it", arg=name)

    def save(self) -> None:
        """Save the notebook."""
        self.page.evaluate("() => window.jupyterapp.shell.currentWidget.context.save()")

    def close(self) -> None:
        """Close the notebook, and end its kernel."""
        self.page.evaluate(
            """async () => {
                const { context } = window.jupyterapp.shell.currentWidget;
                await context.sessionContext.shutdown();
            }"""
        )

    def output(self, number: int) -> Any:
        """Find the output of a cell."""
        return self.page.locator(".jp-CodeCell").nth(number).locator(".jp-OutputArea")


def figure(within: Any, part: str, field: str) -> float:
    """Read a number of a panel."""
    cell = within.locator(f'[data-part="{part}"] [data-field="{field}"]').first
    return float(cell.get_attribute("data-value"))
