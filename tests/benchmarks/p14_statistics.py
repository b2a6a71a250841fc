"""P14: what it costs that items are counted, on the pipelines of P1, P3 and P5.

Statistics cannot be switched off. So they are compared with the same classes whose statements
that only measure were taken out of the source: looks at the clock, and what they lead to.

What is counted is left in, since more than statistics goes by it. How many were received tells
the demand that is left, which sources see (``Emitter.requested``) and doors without a buffer go
by; the peak is the level below which a push needs no closer look.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import cache
from textwrap import dedent
from types import FunctionType
from typing import Any

import rxflow as rx
from rxflow import operators as ops
from rxflow.flow.iteration import Iteration
from rxflow.kernel import Boundary
from rxflow.kernel.counting import Counted
from rxflow.kernel.drain import Drain
from rxflow.kernel.island import Island
from rxflow.kernel.pulled import Pulled
from rxflow.kernel.taking import Taken

from .harness import Benchmark
from .work import double, expected_sum, increment, is_even

CAPACITY = 256
CALLS = {"_took", "_company", "_mark", "served", "starve"}
"""What looks at the clock, and what is read only by statistics."""
CLASSES = (Pulled, Island, Iteration, Drain, Counted, Taken, Boundary)
"""All that an item passes in these pipelines."""

P14 = Benchmark("P14", "with and without counting", 200_000, expected=expected_sum)


class _Uncounted(ast.NodeTransformer):
    """Takes out what measures, and what then is an ``if`` of nothing."""

    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
        call = node.value
        looks = isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)
        return None if looks and call.func.attr in CALLS else node

    def visit_If(self, node: ast.If) -> ast.stmt | None:
        self.generic_visit(node)
        if node.body or node.orelse:
            node.body = node.body or [ast.Pass()]
            return node
        return None


@cache
def _uncounted(function: FunctionType) -> Callable[..., Any]:
    tree = _Uncounted().visit(ast.parse(dedent(inspect.getsource(function))))
    scope: dict[str, Any] = {}
    exec(
        compile(ast.fix_missing_locations(tree), "<uncounted>", "exec"), function.__globals__, scope
    )
    return scope[function.__name__]


def _counting(cls: type) -> dict[str, FunctionType]:
    """Give the methods that measure something and run for each item."""
    return {
        name: method
        for name, method in vars(cls).items()
        if isinstance(method, FunctionType)
        and name in ("push", "_rises", "run", "_hand_over", "_deliver", "__anext__", "_more")
        and CALLS & {*method.__code__.co_names}
    }


@contextmanager
def uncounted() -> Generator[list[str]]:
    """Take the counting out of the classes; give the names of the methods that had some."""
    had = {cls: _counting(cls) for cls in CLASSES}
    for cls, methods in had.items():
        for name, method in methods.items():
            setattr(cls, name, _uncounted(method))
    try:
        yield [method.__qualname__ for methods in had.values() for method in methods.values()]
    finally:
        for cls, methods in had.items():
            for name, method in methods.items():
                setattr(cls, name, method)


def _three_stages(source: rx.Flow[int]) -> rx.Flow[int]:
    return source.pipe(ops.map(increment), ops.filter(is_even), ops.map(double))


async def _p1(items: int) -> int:
    found: list[int] = []
    _three_stages(rx.range(items)).pipe(ops.sum()).subscribe(found.append)
    return found[0]


async def _p3(items: int) -> int:
    total = 0
    async for x in _three_stages(rx.range(items)):
        total += x
    return total


async def _p5(items: int) -> int:
    tasks: list[asyncio.Task[None]] = []

    def start(emitter: rx.Emitter[int]) -> None:
        async def produce() -> None:
            for x in range(items):
                await emitter.send(x)
            emitter.on_completed()

        tasks.append(asyncio.create_task(produce()))

    total = 0
    async for x in _three_stages(rx.create(start, overflow=rx.SUSPEND, capacity=CAPACITY)):
        total += x
    return total


def _enter(name: str, work: Callable[[int], Any], note: str) -> None:
    P14.contender(f"{name}, counted")(work)

    @P14.contender(f"{name}, not counted", note=note)
    async def _(items: int) -> int:
        with uncounted():
            return await work(items)

    P14.claim(f"{name}, counted", against=f"{name}, not counted", at_most=1.05)


_enter("P1", _p1, "there is nothing that only counts: the same code")
_enter("P3", _p3, "there is nothing that only counts: the same code")
_enter("P5", _p5, "create(overflow=SUSPEND), without what only counts")
