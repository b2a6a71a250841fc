"""Operators made once for each place in the code that makes the same again and again.

A service that runs a Flow for each of its connections builds all of them at the same lines,
with the same functions. What an operator was made of there need not be made, and kept by what
runs, once more for each.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any
from weakref import ref

from .assembly import Call

MOST = 256
"""Most places that are known of one operator; code that is made at run time may have any number."""

KEPT = 32
"""Most that are kept of one operator."""

_VALUES = (type(None), bool, int, float)


class Places:
    """What one operator function has made of functions and numbers, by place.

    It is known as long as a Flow has it, and a few are kept that were made of numbers and of
    functions that their modules keep, too. Only functions without variables of their own, and
    numbers, are the same whenever they look the same: whatever else is given to an operator has
    it made anew.
    """

    __slots__ = ("_kept", "_made")

    def __init__(self) -> None:
        """Know none."""
        self._made: dict[tuple[int, int], ref[Call]] = {}
        self._kept: dict[tuple[int, int], Call] = {}  # of those, what is kept

    def __len__(self) -> int:
        """Count the places."""
        return len(self._made)

    def find(self, code: CodeType, at: int, args: tuple[Any, ...]) -> Call | None:
        """Give what was made at a place of the same arguments, if it is known.

        Args:
            code: The code that calls.
            at: Where in it.
            args: The arguments.
        """
        known = self._made.get((id(code), at))
        made = None if known is None else known()
        if made is None or made.code is not code or made.at != at:
            return None
        if len(made.args) != len(args):
            return None
        if len(args) == 1 and made.args[0] is args[0]:  # as most have
            return made
        for one, other in zip(made.args, args, strict=True):
            if one is not other and not (type(one) is FunctionType and _alike(one, other)):
                return None
        return made

    def keep(self, made: Call) -> None:
        """Know what was made, if its arguments can be told to be the same.

        Args:
            made: It; its place and arguments are set.
        """
        if not _each(made, _is_bare):
            return
        if len(self._made) >= MOST:
            self._made.clear()
        place = id(made.code), made.at
        self._made[place] = ref(made)
        if _each(made, _is_kept):
            self._keep(place, made)

    def _keep(self, place: tuple[int, int], made: Call) -> None:
        """Keep what was made, but nothing of a module that was loaded anew meanwhile."""
        kept = {
            at: each
            for at, each in self._kept.items()
            # At another place another operator was made of it.
            if (id(each.code), each.at) == at and _each(each, _is_kept)
        }
        if len(kept) >= KEPT:
            kept.clear()
        kept[place] = made
        self._kept = kept


def _alike(one: FunctionType, other: Any) -> bool:
    """Tell whether another function does the same as a bare one: a lambda that is run over."""
    return (
        type(other) is FunctionType
        and other.__code__ is one.__code__
        and other.__globals__ is one.__globals__
        and other.__closure__ is other.__defaults__ is other.__kwdefaults__ is None
    )


def _each(made: Call, told: Callable[[Any], bool]) -> bool:
    """Tell whether something can be told of each argument that is not a number."""
    return all(type(arg) in _VALUES or told(arg) for arg in made.args)


def _is_bare(function: Any) -> bool:
    """Tell whether it is a function that refers to nothing but the names around it."""
    if type(function) is BuiltinFunctionType:
        return function.__self__ is None or type(function.__self__) is ModuleType
    if type(function) is not FunctionType:
        return False
    return (
        function.__closure__ is function.__defaults__ is function.__kwdefaults__ is None
        and not function.__dict__
    )


def _is_kept(function: Any) -> bool:
    """Tell whether it is kept by the module that it is named in."""
    module = sys.modules.get(function.__module__)
    return type(module) is ModuleType and vars(module).get(function.__name__) is function
