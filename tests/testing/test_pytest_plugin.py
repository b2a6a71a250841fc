"""The fixtures that pytest finds, in a pytest of their own."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

ROOT = Path(__file__).parents[2]

TESTS = """
import asyncio
import rxflow as rx
from rxflow import operators as ops
from rxflow.kernel import hooks


def test_a_subscriber(rxflow_subscriber):
    subscriber = rxflow_subscriber(2)
    rx.range(3).subscribe(subscriber)
    subscriber.assert_items(0, 1)


def test_a_rule_that_is_broken(rxflow_subscriber):
    rx.range(3).subscribe(rxflow_subscriber(2))
    subscriber = rxflow_subscriber(1)
    rx.range(3).subscribe(subscriber)
    subscriber.on_next(7)


def test_virtual_time(rxflow_run):
    async def main():
        await asyncio.sleep(3600)
        return asyncio.get_running_loop().time()

    assert rxflow_run(main()) == 3600


def test_dropped_errors(rxflow_dropped_errors):
    hooks.dropped_error(KeyError(1))
    assert [repr(error) for error in rxflow_dropped_errors] == ["KeyError(1)"]
"""


def run(folder: Path, *arguments: str) -> tuple[int, str]:
    (folder / "test_them.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    environment = {"PYTHONPATH": str(ROOT), "PATH": ""}
    ended = subprocess.run(
        [*command, "test_them.py"], cwd=folder, capture_output=True, text=True, env=environment
    )
    return ended.returncode, ended.stdout + ended.stderr


def test_the_fixtures_do_what_they_say(tmp_path: Path) -> None:
    installed = entry_points(group="pytest11", name="rxflow")
    code, output = run(tmp_path, *([] if installed else ["-p", "rxflow.testing.pytest_plugin"]))
    assert code == 1, output
    assert "4 passed, 1 error" in output, output
    assert "ERROR test_them.py::test_a_rule_that_is_broken" in output, output
    assert "1.1: 7 came" in output, output


def test_the_kit_itself_imports_no_pytest() -> None:
    code = "import sys, rxflow.testing.tck; sys.exit('pytest' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
