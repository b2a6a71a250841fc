"""An operator is imported when it is asked for, in whatever way that is done."""

from __future__ import annotations

import subprocess
import sys

import pytest

import rxflow as rx
from rxflow import operators
from rxflow.operators._modules import MODULES

WAYS = {
    "an attribute": "rx.operators.scan(add)(flow)",
    "an import": "from rxflow.operators import scan; scan(add)(flow)",
    "a star": "from rxflow.operators import *; scan(add)(flow)",
    "a method": "flow.scan(add)",
    "a function of the class": "rx.Flow.scan(flow, add)",
    "a subclass": "flow.share().scan(add)",
    "the same of reactivex": "flow.pipe(reactivex.operators.scan(add))",
    "a dynamic way": "getattr(flow, 'scan')(add)",
}
ANEW = """
import sys, reactivex
from operator import add
for way in {ways!r}:
    for name in [name for name in sys.modules if name.partition(".")[0] == "rxflow"]:
        del sys.modules[name]
    import rxflow as rx
    flow = rx.range(4)
    assert "rxflow.operators.aggregating" not in sys.modules, way
    names = dict(rx=rx, flow=flow, add=add, reactivex=reactivex)
    *before, last = way.split("; ")
    for statement in before:
        exec(statement, names)
    result = eval(last, names)
    assert "rxflow.operators.aggregating" in sys.modules, way
    assert isinstance(result, rx.Flow), way
    seen = []
    result.subscribe(seen.append)
    assert seen == [0, 1, 3, 6], (way, seen)
    assert rx.Flow.scan.__doc__ == rx.operators.scan.__doc__, way
"""


def run(program: str) -> None:
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr


def test_it_is_imported_when_it_is_asked_for() -> None:
    run(ANEW.format(ways=[*WAYS.values()]))


THREADS = """
import sys, threading, rxflow as rx
from rxflow.operators._modules import MODULES
sys.setswitchinterval(1e-6)
ready, found = threading.Barrier(8), []
def ask(names):
    ready.wait()
    for name in names:
        found.append((getattr(rx.Flow, name), getattr(rx.operators, name), name))
orders = ([*MODULES], [*MODULES][::-1]) * 4
threads = [threading.Thread(target=ask, args=(names,)) for names in orders]
for each in threads:
    each.start()
for each in threads:
    each.join()
assert len(found) == 8 * len(MODULES)
for method, operator, name in found:
    assert method.__doc__ == operator.__doc__, name
    assert operator is getattr(rx.operators, name), name
"""


def test_several_threads_may_ask_for_the_first_time_at_once() -> None:
    run(THREADS)


PATCHED = """
import unittest.mock, rxflow as rx
flow = rx.range(2)
with unittest.mock.patch.object(rx.Flow, "scan", lambda flow, fn: "patched"):
    rx.operators.sum  # of the same module
    assert flow.scan(max) == "patched"
assert isinstance(flow.scan(max), rx.Flow)
assert isinstance(rx.Flow.scan(flow, max), rx.Flow)
"""


def test_what_somebody_has_put_in_the_place_of_a_method_stays_and_can_be_taken_back() -> None:
    run(PATCHED)


def test_each_is_where_it_is_said_to_be() -> None:
    for name, module in MODULES.items():
        assert getattr(operators, name).__module__ == f"rxflow.operators.{module}"
    assert {*MODULES} < {*operators.__all__} <= {*dir(operators)}


def test_what_there_is_not_is_an_error_that_names_it() -> None:
    with pytest.raises(AttributeError, match=r"module 'rxflow\.operators' has no attribute 'mapp'"):
        operators.mapp  # noqa: B018  # pyright: ignore
    with pytest.raises(ImportError, match="cannot import name 'mapp'"):
        from rxflow.operators import mapp  # noqa: F401  # pyright: ignore
    with pytest.raises(AttributeError, match="'Flow' object has no attribute 'mapp'"):
        rx.range(3).mapp  # noqa: B018  # pyright: ignore
