"""Contenders whose pins collide with ours, each run by a Python that has it.

`python -m venv DIR && DIR/bin/pip install aioreactive`, then
`python -m tests.benchmarks --with-python aioreactive=DIR/bin/python`.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .harness import Contender, Figures, Work

HERE = Path(__file__).parent

PYTHONS: dict[str, str] = {}
"""By package, the Python that has it."""


@dataclass
class Foreign(Contender):
    """A program beside this file: given a number of items, it prints its figures and result.

    It may import ``harness`` and ``work``, which need nothing that is not in Python.

    Attributes:
        program: Its file name.
    """

    program: str = ""

    def missing(self) -> list[str]:
        """Give the packages that no Python was given for."""
        return [f"{name} (--with-python {name}=...)" for name in self.needs if name not in PYTHONS]

    def measure(self, work: Work, items: int) -> tuple[Figures, Any]:
        """Have it measured there, in the way that it would be here."""
        program = HERE / self.program
        return tuple(json.loads(_output(self.needs[0], str(program), str(items))))


def foreign(name: str, package: str, program: str, *, share: float, note: str) -> Foreign:
    """Make a contender of a program."""
    return Foreign(name, _elsewhere, (package,), share, note, program=program)


def _elsewhere(items: int) -> None:
    raise AssertionError("it is the program that does the work")


def versions() -> dict[str, str]:
    """Give the versions of the packages that a Python was given for."""
    ask = "import importlib.metadata as m, sys; print(m.version(sys.argv[1]))"
    return {name: _output(name, "-c", ask, name).strip() for name in PYTHONS}


def _output(package: str, *arguments: str) -> str:
    ran = subprocess.run([PYTHONS[package], *arguments], capture_output=True, text=True)
    if ran.returncode:
        raise RuntimeError(ran.stderr.strip().rpartition("\n")[2])
    return ran.stdout
