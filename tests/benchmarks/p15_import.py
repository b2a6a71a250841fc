"""P15: what `import rxflow` takes above `import reactivex`, each in a fresh process."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from .harness import Benchmark, Figures, own_figures

ROOT = Path(__file__).parents[2]
OPTIONAL = ("rich", "uvloop", "numpy", "pytest", "anyio")
"""What an import must not bring along."""

TEN = "buffer_with_count, filter, flat_map, map, map_async, merge, observe_on, scan, share, take"

PROGRAM = """
import sys, time
start = time.perf_counter()
import {module}
{then}
print(1000 * (time.perf_counter() - start), *{{"{optional}"}} & {{*sys.modules}})
"""

P15 = Benchmark("P15", "import, in a fresh process", 1, measure=own_figures, unit="ms")


@cache
def _compiled() -> TemporaryDirectory[str]:
    """Make a place for bytecode, which those have who import a module for the second time."""
    place = TemporaryDirectory()
    _run("from rxflow.operators import *", place)
    return place


def _run(program: str, bytecode: TemporaryDirectory[str]) -> str:
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": bytecode.name}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, "-c", program]
    ran = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    return ran.stdout


def _import(module: str, then: str = "") -> Figures:
    program = PROGRAM.format(module=module, then=then, optional='", "'.join(OPTIONAL))
    milliseconds, *optional = _run(program, _compiled()).split()
    if optional:
        raise AssertionError(f"import {module} imports {', '.join(optional)}")
    return {"ms": float(milliseconds)}


@P15.contender("import reactivex")
def _(items: int) -> Figures:
    return _import("reactivex")


@P15.contender("import rxflow", note="imports no optional dependency, or it would fail here")
def _(items: int) -> Figures:
    return _import("rxflow")


@P15.contender("import rxflow, and ask for ten operators", note="each is imported when asked for")
def _(items: int) -> Figures:
    return _import("rxflow", f"from rxflow.operators import {TEN}")


P15.claim("import rxflow", against="import reactivex", at_most=60, figure="ms", difference=True)
