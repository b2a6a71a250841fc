"""The registry: every native operator, source, door and bridge, declared where it is written.

Operators and doors are many, and a program uses few of them: a module of them is imported when
one of its names is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import update_wrapper
from sys import _getframe  # pyright: ignore[reportPrivateUsage]
from typing import Any, NamedTuple, ParamSpec, TypeVar

from .assembly import NONE, UNKNOWN, Call, is_inside

P = ParamSpec("P")
R = TypeVar("R")


class Registered(NamedTuple):
    """One entry.

    Attributes:
        name: The public name.
        kind: "operator", "door", "source" or "bridge".
        category: The family it is listed under.
        demand: The Demand line: upstream ; downstream ; what it holds at most.
        build: The public function.
        summary: The first line of its docstring.
    """

    name: str
    kind: str
    category: str
    demand: str
    build: Callable[..., Any]
    summary: str


_entries: dict[tuple[str, str], Registered] = {}

_expected: dict[str, Callable[[str], Callable[..., Any]]] = {}  # imports an operator or a door

_DEMAND = re.compile(r"^[^;]+ ; [^;]+ ; holds [^;]+$")


def expect(names: Iterable[str], load: Callable[[str], Callable[..., Any]]) -> None:
    """Say how operators and doors are imported when they are asked for.

    Args:
        names: Theirs.
        load: Imports the one of a name, which declares it, and gives it.
    """
    _expected.update(dict.fromkeys(names, load))


def expected(name: str) -> Callable[..., Any] | None:
    """Give an operator or a door of rxflow, if there is one; it is imported for it."""
    load = _expected.get(name)
    return None if load is None else load(name)


def registered() -> Iterable[Registered]:
    """Give all entries; all are imported for it."""
    for name in _expected:
        expected(name)
    return tuple(_entries.values())


def native(name: str) -> Callable[..., Any] | None:
    """Give the native version of an operator, if there is one."""
    entry = find("operator", name)
    return None if entry is None else entry.build


def find(kind: str, name: str) -> Registered | None:
    """Give an entry, if there is one."""
    if (kind, name) not in _entries:
        expected(name)
    return _entries.get((kind, name))


def register(
    kind: str, *, demand: str, category: str
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Declare a public function with its Demand line.

    Args:
        kind: "operator", "door", "source" or "bridge".
        demand: "<upstream> ; <downstream> ; holds <bound>".
        category: The family it is listed under.
    """
    if not _DEMAND.match(demand):
        raise ValueError(f"not a Demand line: {demand!r}")

    def declare(function: Callable[P, R]) -> Callable[P, R]:
        name = function.__name__.rstrip("_")
        summary = (function.__doc__ or "").strip().partition("\n")[0]
        public = _noting(name, function) if kind == "source" else function
        _entries[kind, name] = Registered(name, kind, category, demand, public, summary)
        return public

    return declare


def _noting(name: str, function: Callable[P, R]) -> Callable[P, R]:
    """Have a source note in the Flow it makes where it was called."""

    def source(*args: P.args, **kwargs: P.kwargs) -> R:
        made: Any = function(*args, **kwargs)
        noted: Any = getattr(made, "assembly", None)  # None: a plain Observable
        # A Flow that the user has made and gets back as it was keeps what is noted there.
        if noted is UNKNOWN or (noted and is_inside(noted[1][-1].code)):
            call, frame = Call(), _getframe(1)
            call.name, call.args, call.kwargs = name, args, kwargs or NONE
            call.code, call.at = frame.f_code, frame.f_lasti
            made.assembly = (None, (call,))
        return made

    return update_wrapper(source, function)
