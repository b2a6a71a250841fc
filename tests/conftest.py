"""What holds for all tests."""

from __future__ import annotations

import gc
import os
import sys

import pytest
from hypothesis import Phase, settings

# A machine that is busy with something else makes no test fail.
settings.register_profile("undisturbed", deadline=None)
settings.load_profile("undisturbed")
# Of a mutant it is enough to know that it fails; the smallest example takes long to find.
settings.register_profile("mutation", deadline=None, phases=(Phase.explicit, Phase.generate))

# What is compiled once need not be compiled by each of the processes that tests start.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False


def pytest_xdist_auto_num_workers() -> int:
    """Start a worker more than there are cores: some tests wait for other processes."""
    affinity = getattr(os, "sched_getaffinity", None)
    return (os.cpu_count() or 1 if affinity is None else len(affinity(0))) + 1


def pytest_collection_finish() -> None:
    """Leave what was collected to itself; the collector would look through it every time."""
    freeze()


@pytest.fixture(autouse=True, scope="module")
def small_heap() -> None:
    """Leave what the modules before have made out of the collections that tests ask for."""
    freeze()


def freeze() -> None:
    """Let the garbage collector forget what there is at present."""
    gc.collect()
    gc.freeze()
