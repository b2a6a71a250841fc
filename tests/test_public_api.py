"""The public names and their signatures are those of tests/public_api.txt.

A change of the public API is a change of that file: write it anew with
``python -m tests.test_public_api`` and look at the difference.
"""

from __future__ import annotations

import ast
import difflib
import enum
import inspect
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar, get_overloads

import pytest
import reactivex
import reactivex.operators as stock

import rxflow
import rxflow.operators
from rxflow import Flow
from rxflow.flow.iteration import Chunks, Iteration
from rxflow.flow.registry import registered
from tests.support_together import together

LISTED = Path(__file__).with_name("public_api.txt")
ROOT = Path(__file__).parent.parent

# Special methods that are part of what a class promises.
SPECIAL = {"__add__", "__aiter__", "__anext__", "__init__", "__iadd__", "__iter__"}

# Public classes that have no name of their own in rxflow.
UNNAMED = {"aiter(flow)": Iteration, "flow.chunks(...)": Chunks}

# Names in reactivex's modules that are not for its users.
INTERNAL = {"__all__", "_version", "alias"}


def _annotation(value: Any) -> str:
    text = value if isinstance(value, str) else inspect.formatannotation(value)
    return re.sub(r"\*Ts,\]", "*Ts]", text)


def _parameters(signature: inspect.Signature) -> Iterator[str]:
    kinds = inspect.Parameter
    before: Any = None
    for each in signature.parameters.values():
        if before is kinds.POSITIONAL_ONLY and each.kind is not kinds.POSITIONAL_ONLY:
            yield "/"
        if each.kind is kinds.KEYWORD_ONLY and before not in (
            kinds.KEYWORD_ONLY,
            kinds.VAR_POSITIONAL,
        ):
            yield "*"
        stars = {kinds.VAR_POSITIONAL: "*", kinds.VAR_KEYWORD: "**"}.get(each.kind, "")
        text = stars + each.name
        if each.annotation is not each.empty:
            text += f": {_annotation(each.annotation)}"
        if each.default is not each.empty:
            text += f" = {_default(each.default)}"
        yield text
        before = each.kind
    if before is kinds.POSITIONAL_ONLY:
        yield "/"


def _default(value: Any) -> str:
    return value.__qualname__ if isinstance(value, type) else repr(value)


def _signatures(name: str, function: Callable[..., Any]) -> Iterator[str]:
    """Write each overload of a function, or its one signature."""
    plain = inspect.unwrap(function)
    for each in get_overloads(plain) or [plain]:
        signature = inspect.signature(each)
        gives = signature.return_annotation
        returns = "" if gives is signature.empty else f" -> {_annotation(gives)}"
        start = "async " if inspect.iscoroutinefunction(plain) else ""
        yield f"{start}{name}({', '.join(_parameters(signature))}){returns}"


def _members(kind: type) -> Iterator[str]:
    if issubclass(kind, enum.Enum):
        yield from (f"    {member.name} = {member.value!r}" for member in kind)
        return
    for name, value in sorted(vars(kind).items()):
        if name.startswith("_") and name not in SPECIAL:
            continue
        if name == "__init__" and hasattr(kind, "__dataclass_fields__"):
            continue
        if isinstance(value, property):
            gives = inspect.signature(value.fget).return_annotation if value.fget else "Any"
            yield f"    {name}: {_annotation(gives)}  (property)"
        elif inspect.isfunction(value):
            if kind is Flow and value.__module__.startswith("rxflow.operators"):
                continue  # an operator: listed with them
            yield from (f"    {signature}" for signature in _signatures(name, value))
    for name, annotation in sorted(getattr(kind, "__annotations__", {}).items()):
        if not name.startswith("_"):
            yield f"    {name}: {_annotation(annotation)}"


def _class(name: str, kind: type) -> Iterator[str]:
    bases = [base.__qualname__ for base in kind.__bases__ if base is not object]
    yield f"class {name}" + (f"({', '.join(bases)})" if bases else "")
    yield from _members(kind)


def _named(module: ModuleType, name: str) -> Iterator[str]:
    value = getattr(module, name)
    full = f"{module.__name__}.{name}"
    home = getattr(value, "__module__", None)
    if inspect.ismodule(value):
        yield f"{full} is {value.__name__}"
    elif module is rxflow.operators and name not in NATIVE:
        yield f"{full} is reactivex's, lifted"
    elif isinstance(home, str) and home.startswith("reactivex"):
        yield f"{full} is reactivex's"
    elif isinstance(value, type):
        yield from _class(full, value)
    elif inspect.isfunction(value):
        yield from _signatures(full, value)
    elif name == "__version__":
        yield f"{full}: str"
    else:
        yield f"{full} = {value!r}"


NATIVE = {entry.name for entry in registered() if entry.kind in ("operator", "door")}


def public_api() -> str:
    """Write every public name with its signature, a line each."""
    lines = ["# Written by python -m tests.test_public_api: do not edit."]
    for module in (rxflow, rxflow.operators):
        lines.append("")
        for name in sorted(module.__all__):
            lines.extend(_named(module, name))
    lines.append("")
    for name, kind in UNNAMED.items():
        lines.append(f"# What {name} gives")
        lines.extend(_class(kind.__name__, kind))
    lines.append("")
    lines.append("# Methods of Flow that Observable does not have")
    theirs = set(dir(reactivex.Observable))
    ours = {name for name in dir(Flow) if not name.startswith("_")} - theirs
    lines.extend(f"Flow.{name}" for name in sorted(ours))
    return "\n".join(lines) + "\n"


def test_the_public_api_is_the_one_that_is_listed() -> None:
    there = LISTED.read_text(encoding="utf-8").splitlines()
    now = public_api().splitlines()
    difference = list(difflib.unified_diff(there, now, "listed", "now", n=0, lineterm=""))
    if difference:
        pytest.fail(
            "\n".join(
                [
                    "the public API has changed; if that is meant, write the list anew with",
                    "    python -m tests.test_public_api",
                    *difference,
                ]
            ),
            pytrace=False,
        )


def test_nothing_in_the_list_depends_on_where_or_when_it_is_written() -> None:
    assert not re.search(r" at 0x|/site-packages/|<function|<object", LISTED.read_text("utf-8"))


@pytest.mark.parametrize("module", [rxflow, rxflow.operators], ids=lambda module: module.__name__)
def test_all_is_complete_and_sorted(module: Any) -> None:
    assert len(set(module.__all__)) == len(module.__all__)
    assert all(hasattr(module, name) for name in module.__all__)
    rooms = {path.parent.name for path in Path(rxflow.__file__).parent.glob("*/__init__.py")}
    public = {
        name
        for name, value in vars(module).items()
        if not name.startswith(("_", "@"))  # "@": what pytest puts into modules it rewrites
        and not (inspect.ismodule(value) and name in rooms)
    }
    files = {path.stem for path in Path(module.__file__).parent.glob("*.py")}
    assert public - files - {"TYPE_CHECKING", "PackageNotFoundError", "version"} <= {
        *module.__all__,
        "operators",
    }


def test_every_native_operator_source_and_bridge_is_public() -> None:
    for entry in registered():
        module = rxflow.operators if entry.kind in ("operator", "door") else rxflow
        assert entry.name in module.__all__
        assert getattr(module, entry.name) is entry.build


def _for_users() -> list[str]:
    """Give the names that reactivex itself defines or imports of its own, listed or not.

    They are read from its source: its namespace has whatever module of it was imported since.
    """
    names = set(reactivex.__all__)
    for node in ast.parse(inspect.getsource(reactivex)).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.ImportFrom) and node.level:
            names |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    variables = {name for name in names if isinstance(getattr(reactivex, name), TypeVar)}
    return sorted(name for name in names - variables - INTERNAL)


def test_names_that_reactivex_does_not_list_are_looked_for_too() -> None:
    unlisted = set(_for_users()) - set(reactivex.__all__)
    assert {"cold", "generate", "hot", "interval", "just", "merge"} <= unlisted


@pytest.mark.parametrize("name", _for_users())
def test_rxflow_has_every_name_of_reactivex_listed_or_not(name: str) -> None:
    assert hasattr(rxflow, name)
    assert name in rxflow.__all__


@together("name", sorted(stock.__all__))
def test_every_stock_operator_is_listed(name: str) -> None:
    assert name in rxflow.operators.__all__


def test_every_operator_defined_by_reactivex_is_in_its_list() -> None:
    defined = {
        name
        for name, value in vars(stock).items()
        if inspect.isfunction(value)
        and value.__module__ == stock.__name__
        and not name.startswith("_")
    }
    assert defined <= set(stock.__all__)


def test_the_declarations_of_the_methods_of_flow_are_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / ".ci" / "fluent.py"), "--check"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


if __name__ == "__main__":
    LISTED.write_text(public_api(), encoding="utf-8")
