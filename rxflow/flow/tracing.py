"""Which operator an error comes from: noted in the error, when there is one and not before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from traceback import walk_tb
from types import CodeType, FrameType, FunctionType, MethodType
from typing import Any, cast

from reactivex import Observable

from .assembly import Call, is_inside
from .registry import find

_PARTS = ("rxflow.operators.", "rxflow.sources.", "rxflow.aio.", "rxflow.http.")
_MOST = 5  # operators that a note names, where it cannot be told which one it was


def trace(flow: Any, error: BaseException) -> None:
    """Note in an error at which line of the user's code the operator was added that it is of.

    The frames that it has passed tell: a function of the user that was given to an operator;
    else the code of the operator itself. What nothing is known of gets no note.

    Args:
        flow: What has failed.
        error: With what.
    """
    found = _origins(error, list(_calls(flow)))
    if not found:
        return
    named = [f"{_shown(call)}" for call in found[:_MOST]]
    if len(found) > _MOST:
        named.append(f"{len(found) - _MOST} more")
    if len(found) == 1:
        add_note(error, f"in {named[0]}")
    elif not any(note.startswith("in ") for note in _notes(error)):
        add_note(error, f"in one of {'; '.join(named)}")


def add_note(error: BaseException, note: str) -> None:
    """Add a note to an error, once."""
    if note not in _notes(error):
        error.add_note(note)


def _notes(error: BaseException) -> list[str]:
    return getattr(error, "__notes__", [])


def _shown(call: Call) -> str:
    place = call.place
    return call.name if place is None else f"{call.name}, added at {place.file}:{place.line}"


def _calls(flow: Any) -> Iterator[Call]:
    """Give each call that a Flow was made by, with those of the sources among their arguments."""
    seen = set[int]()
    waiting = [flow]
    while waiting:
        what = waiting.pop()
        if isinstance(what, Observable):
            upstream, calls = getattr(cast("Any", what), "assembly", (None, ()))
            waiting += [*reversed(calls), upstream]  # the source is the first to be looked at
        elif isinstance(what, Call) and id(what) not in seen:
            seen.add(id(what))
            yield what
            waiting += [*what.args, *what.kwargs.values()]
        elif isinstance(what, list | tuple):
            waiting += cast("list[Any]", what)


def _origins(error: BaseException, calls: list[Call]) -> list[Call]:
    """Find the call that an error comes from; several, where it cannot be told which one."""
    frames = [frame for frame, _ in walk_tb(error.__traceback__)]
    codes: dict[CodeType, list[Call]] = {}
    for call in calls:
        for code in {*_codes(call)}:
            codes.setdefault(code, []).append(call)
    for above, frame in zip(frames, frames[1:], strict=False):
        if frame.f_code in codes and is_inside(above.f_code):
            return codes[frame.f_code]
    operator = getattr(error, "operator", None)  # of what rxflow signals
    named = [call for call in calls if call.name == operator]
    if len(named) > 1 and (capacity := getattr(error, "capacity", None)) is not None:
        named = [call for call in named if capacity in _numbers(call)] or named
    return named or _by_code(frames, calls)


def _by_code(frames: list[FrameType], calls: list[Call]) -> list[Call]:
    """Find the calls of which the code of rxflow runs that has raised."""
    inside = [frame for frame in frames if is_inside(frame.f_code)]
    if not inside:
        return []
    if inside[-1].f_code.co_name == "_false_end":
        return [call for call in calls if _calls_out(call) or [*_codes(call)]]
    for frame in reversed(inside):
        module = frame.f_globals.get("__name__", "")
        signalled = frame.f_code.co_name == "settle"  # it was handed on there
        if not (signalled or module.startswith(_PARTS)):
            break
        # Only what has returned is looked into: it would keep what it has now, up to Python 3.12.
        own = frame.f_locals.get("self")
        name = getattr(own, "name", None) or getattr(own, "_name", None)
        found = [call for call in calls if call.name == name or _module(call) == module]
        if found or signalled:
            return found
    return [call for call in calls if _calls_out(call)]


def _module(call: Call) -> str:
    """Tell where an operator or a source is defined."""
    entries = (find(kind, call.name) for kind in ("operator", "door", "source"))
    return next((entry.build.__module__ for entry in entries if entry is not None), "")


def _numbers(call: Call) -> Iterator[float]:
    for value in (*call.args, *call.kwargs.values()):
        if isinstance(value, int | float):
            yield value


def _calls_out(call: Call) -> bool:
    """Tell whether it was given a function that shows in no frame, such as one written in C."""
    return any(
        callable(value) and not isinstance(value, Observable | Call) and not [*_code(value)]
        for value in (*call.args, *call.kwargs.values())
    )


def _codes(call: Call) -> Iterator[CodeType]:
    """Give the code of each function of the user that a call was given."""
    for value in (*call.args, *call.kwargs.values()):
        values = cast("Iterable[Any]", value) if isinstance(value, list | tuple) else (value,)
        for each in values:
            if not isinstance(each, Observable | Call):
                yield from _code(each)


def _code(value: Any) -> Iterator[CodeType]:
    """Give the code that runs when something of the user is called, iterated or told."""
    while isinstance(value, partial | MethodType):
        value = cast("Any", value.func if isinstance(value, partial) else value.__func__)
    if isinstance(value, FunctionType):
        yield value.__code__
        yield from _code(getattr(value, "__wrapped__", None))
        return
    for name in ("gi_code", "ag_code", "cr_code"):
        if isinstance(code := getattr(value, name, None), CodeType):
            yield code
    kinds: Any = (value if isinstance(value, type) else type(value)).__mro__
    for kind in kinds:
        for method in vars(kind).values():
            if isinstance(method, FunctionType) and not is_inside(method.__code__):
                yield method.__code__
