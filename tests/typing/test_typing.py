"""What type checkers are told is true at run time.

The other files here are checked by pyright and mypy. Their functions are run with an
``assert_type`` that looks: at the class, and at the first items of a Flow or an Observable.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType, UnionType
from typing import Any, Union, get_args, get_origin

import pytest
import reactivex
from reactivex import Notification, Observable
from reactivex import operators as stock

import rxflow
from rxflow import Flow, Subscriber, Subscription
from rxflow.flow.registry import registered
from tests.support_together import together

from . import told_ends, told_errors, told_fluent, told_lambdas, told_pipes, told_sources

ITEMS = 3
"""How many items of a source are looked at (items)."""


class First(Subscriber[Any]):
    def __init__(self) -> None:
        self.items: list[Any] = []

    def on_subscribe(self, subscription: Subscription) -> None:
        subscription.request(ITEMS)

    def on_next(self, value: Any) -> None:
        self.items.append(value)

    def on_error(self, error: Exception) -> None:
        pass

    def on_completed(self) -> None:
        pass


class Looking:
    """An ``assert_type`` for run time."""

    def __init__(self) -> None:
        self.looked = 0  # at how many values

    def __call__(self, value: Any, told: Any) -> Any:
        assert self.is_a(value, told), f"{value!r} is told to be {told}"
        return value

    def is_a(self, value: Any, told: Any) -> bool:
        self.looked += 1
        if told is Any:
            return True
        if told is None:
            return value is None
        kind, args = get_origin(told), get_args(told)
        if kind in (Union, UnionType):
            return any(self.is_a(value, arg) for arg in args)
        if kind is None:
            return isinstance(value, (int, float) if told is float else told)
        if not isinstance(value, kind):
            return False
        if kind is tuple:
            if len(args) == 2 and args[1] is ...:
                return all(self.is_a(each, args[0]) for each in value)
            return len(args) == len(value) and all(map(self.is_a, value, args))
        if kind in (list, set):
            return all(self.is_a(each, args[0]) for each in value)
        if kind is dict:
            return all(self.is_a(key, args[0]) and self.is_a(value[key], args[1]) for key in value)
        if kind is Notification:
            return value.kind != "N" or self.is_a(value.value, args[0])
        if issubclass(kind, Observable):
            return all(self.is_a(each, args[-1]) for each in first_items(value))
        return True


def _ignore(error: Exception) -> None:
    pass


def first_items(source: Observable[Any]) -> list[Any]:
    """Give what comes at once of a source, a few items at most."""
    if isinstance(source, Flow):
        subscriber = First()
        source.subscribe(subscriber).cancel()
        return subscriber.items
    items: list[Any] = []
    source.pipe(stock.take(ITEMS)).subscribe(items.append, _ignore).dispose()
    return items


def functions(module: ModuleType) -> list[Any]:
    """Give the functions of a module that tell something of types and take no arguments."""
    return [
        pytest.param(module, function, id=f"{module.__name__.rpartition('.')[2]}-{name}")
        for name, function in vars(module).items()
        if inspect.isfunction(function)
        and function.__module__ == module.__name__
        and not inspect.signature(function).parameters
    ]


TOLD = [told_sources, told_pipes, told_lambdas, told_fluent, told_ends]


@pytest.mark.filterwarnings("ignore::rxflow.DemandBoundaryWarning")  # share, publish
@pytest.mark.parametrize(
    ("module", "function"), [each for module in TOLD for each in functions(module)]
)
def test_what_type_checkers_are_told_is_true(
    module: ModuleType, function: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    looking = Looking()
    monkeypatch.setattr(module, "assert_type", looking)
    if inspect.iscoroutinefunction(function):
        asyncio.run(function())
    else:
        function()
    assert looking.looked


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (reactivex.of(1), Flow[int]),
        (rxflow.of(1, "a"), Flow[int]),
        (rxflow.of((1, "a")), Flow[tuple[int, int]]),
        (rxflow.of(1, None), Flow[int | str]),
        ([1, "a"], list[int]),
        ({"a": "b"}, dict[str, int]),
    ],
    ids=["no Flow", "str", "str in a tuple", "None", "str in a list", "str as a key"],
)
def test_looking_sees_what_is_not_true(value: Any, told: Any) -> None:
    assert not Looking().is_a(value, told)


def test_every_mistake_is_marked_as_one() -> None:
    """Else pyright and mypy would find nothing amiss in a line that is right."""
    source = Path(told_errors.__file__).read_text(encoding="utf-8")
    lines = source.splitlines()
    marked = {number for number, line in enumerate(lines, 1) if "# type: ignore[" in line}
    for node in ast.parse(source).body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name in (
            "pipes",
            "methods",
            "sources",
            "ends",
            "loops",
        ):
            statements = {statement.lineno for statement in node.body}
            assert len(statements & marked) >= len(statements) - 1
    assert "reportUnnecessaryTypeIgnoreComment=true" in lines[0]


STUB = Path(rxflow.flow.__file__).with_name("_fluent.pyi")


@cache
def declared() -> dict[str, list[ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Give the methods of Flow that the stub declares, each with its overloads."""
    (body,) = (
        node.body
        for node in ast.parse(STUB.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef)
    )
    methods: dict[str, list[ast.FunctionDef | ast.AsyncFunctionDef]] = {}
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            methods.setdefault(node.name, []).append(node)
    return methods


@together("name", sorted(set(declared()) - {"pipe"}))
def test_a_declared_method_is_there_and_takes_those_arguments(name: str) -> None:
    method = inspect.unwrap(getattr(Flow, name))
    parameters = inspect.signature(method).parameters
    for node in declared()[name]:
        arguments = [*node.args.args[not node.args.posonlyargs :], *node.args.kwonlyargs]
        assert {argument.arg for argument in arguments} <= set(parameters)


@together("entry", registered(), lambda entry: entry.name)
def test_every_native_operator_is_declared_as_a_method(entry: Any) -> None:
    if entry.kind in ("operator", "door"):
        assert entry.name in declared()


def test_an_operator_that_takes_a_function_takes_a_flow_by_name() -> None:
    """So pyright knows the parameter of a lambda behind a door too; see ``.ci/fluent.py``."""
    poor: list[str] = []
    for path in Path(rxflow.operators.__file__).parent.glob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if not isinstance(node, ast.FunctionDef) or not node.decorator_list:
                continue
            takes, gives = ast.unparse(node.args), ast.unparse(node.returns or ast.Tuple([]))
            variables = {
                each.id
                for each in ast.walk(node.args)
                if isinstance(each, ast.Name) and each.id in ("T", "T1", "Ts")
            }
            wanted = any(word in takes for word in ("Mapper", "Predicate", "Accumulator", "OnNext"))
            if wanted and variables and not gives.startswith("Callable[[Flow["):
                poor.append(f"{path.name}: {node.name}")
    assert poor == []
