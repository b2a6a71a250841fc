"""How a Flow was put together: which operators, of what, at which lines of the user's code."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from itertools import islice
from os.path import basename, dirname, join
from sys import _getframe  # pyright: ignore[reportPrivateUsage]
from types import CodeType, MappingProxyType
from typing import Any, NamedTuple, TypeAlias

import reactivex

# Not by pathlib, which brings a sixteenth of all that importing rxflow takes.
_PACKAGE = dirname(dirname(__file__))
_INSIDE = (join(_PACKAGE, ""), join(dirname(reactivex.__file__), ""))
_PROGRAMS = tuple(join(_PACKAGE, name, "") for name in ("demo", "examples"))  # use it as any does


class Place(NamedTuple):
    """A line of the user's code.

    Attributes:
        file: The file, as Python names it.
        line: The line, from 1.
    """

    file: str
    line: int

    def __str__(self) -> str:
        """Name it shortly, such as "app.py:12", or "In[3]:2" for a cell of a notebook."""
        return f"{_cell(self.file) or basename(self.file)}:{self.line}"


def _cell(file: str) -> str | None:
    """Name the cell whose code it is, as IPython's tracebacks do; None where it is none."""
    module = sys.modules.get("IPython")
    shell = None if module is None else module.get_ipython()
    name: Any = getattr(getattr(shell, "compile", None), "format_code_name", None)
    named = None if name is None else name(file)
    return None if named is None else str(named[1])


class Call:
    """A call of a source, an operator or a door in the user's code.

    Attributes:
        name: Which one.
        args: How it was called.
        kwargs: How it was called.
        code: The code that has called it. No frame is kept, nor anything that is local to it.
        at: Where in that code (bytes of instructions); the line is looked up when it is asked for.
    """

    __slots__ = ("args", "at", "code", "kwargs", "name")

    name: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    code: CodeType
    at: int

    @property
    def place(self) -> Place | None:
        """Look up the line; None where rxflow itself has called."""
        if is_inside(self.code):
            return None
        line = next(islice(self.code.co_positions(), self.at // 2, None), (None,))[0]
        return None if line is None else Place(self.code.co_filename, line)

    @property
    def label(self) -> str:
        """Name it with its line, such as "map_async at app.py:12"."""
        place = self.place
        return self.name if place is None else f"{self.name} at {place}"


Assembly: TypeAlias = tuple[Any, tuple[Call, ...]]
"""What a Flow was made of: a source, to which calls were applied; None and the call of a source."""

NONE: Mapping[str, Any] = MappingProxyType({})
"""No keyword arguments: one object for all calls, of which a running Flow keeps many."""

UNKNOWN: Assembly = (None, ())
"""Nobody has noted it."""


def name_of(flow: Any) -> str:
    """Give the name that ``named`` has given a Flow, the last one; empty where there is none.

    Args:
        flow: It, or whatever else it may have been made of.
    """
    while flow is not None:
        flow, calls = getattr(flow, "assembly", UNKNOWN)
        for call in reversed(calls):
            if call.name == "named":
                return given_name(call)
    return ""


def given_name(call: Call) -> str:
    """Give the name that a call of ``named`` gives."""
    return str(call.args[0] if call.args else next(iter(call.kwargs.values())))


def is_inside(code: CodeType) -> bool:
    """Tell whether code is that of rxflow or reactivex, and not a user's."""
    name = code.co_filename
    return name.startswith(_INSIDE) and not name.startswith(_PROGRAMS)


def called(name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any] | None = None) -> Call:
    """Note a call that the user made somewhere below, of what is not told its caller.

    Args:
        name: What was called.
        args: How.
        kwargs: How.
    """
    return noted(Call(), name, args, kwargs)


def noted(
    call: Any, name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any] | None = None
) -> Any:
    """Note all of a call, of what is not told its caller.

    Args:
        call: What it is noted in.
        name: What was called.
        args: How.
        kwargs: How.
    """
    call.name, call.args, call.kwargs = name, args, kwargs or NONE
    return placed(call)


def placed(call: Any) -> Any:
    """Have a call's place be that of the first caller outside of rxflow and reactivex."""
    frame = _getframe(1)
    while frame.f_back is not None and is_inside(frame.f_code):
        frame = frame.f_back
    call.code, call.at = frame.f_code, frame.f_lasti
    return call
