"""Which operator an error comes from: noted in the error, when there is one and not before."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from functools import cache, partial
from itertools import islice, pairwise
from opcode import opname
from types import CodeType, FrameType, FunctionType, MethodType
from typing import Any, NamedTuple, cast

from reactivex import Observable

from .assembly import Call, is_inside
from .registry import find

_PARTS = ("rxflow.operators.", "rxflow.sources.", "rxflow.aio.", "rxflow.http.")
_PLAIN = (list, tuple, range, dict, set, frozenset, str, bytes)  # these do not fail
_PLACE = ", added at "
_MOST = 5  # operators that a note names, where it cannot be told which one it was
_DEEP = 128  # frames that are looked at; an error that is raised again and again gathers them


def trace(flow: Any, error: BaseException) -> None:
    """Note in an error at which line of the user's code the operator was added that it is of.

    The frames that it has passed tell: a function of the user that was given to an operator;
    else the code of the operator itself. Where they tell of several, all are named; what
    nothing is known of, such as the failure of a source, gets no note.

    Args:
        flow: What has failed.
        error: With what.
    """
    calls = list(_calls(flow))
    steps = list(islice(_steps(error), _DEEP))
    found = _given(steps, calls) or _signalled(error, calls)
    if not found and not any(_PLACE in note for note in _notes(error)):  # it knows better there
        found = _by_code(steps, calls)
    if len(found) == 1:
        add_note(error, f"in {_shown(found[0])}")
    elif found:
        shown = "; ".join(map(_shown, found[:_MOST]))
        add_note(error, f"in one of {shown}" + (" and others" if len(found) > _MOST else ""))


def add_note(error: BaseException, note: str) -> None:
    """Add a note to an error, once."""
    if note not in _notes(error):
        error.add_note(note)


def _notes(error: BaseException) -> list[str]:
    return getattr(error, "__notes__", [])


def _shown(call: Call) -> str:
    place = call.place
    return f"{call.name}{_PLACE}{place.file}:{place.line}" if place else call.name


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


class _Step(NamedTuple):
    """A frame that an error has passed, and with which instruction."""

    frame: FrameType
    at: int

    @property
    def inside(self) -> bool:
        return is_inside(self.frame.f_code)

    @property
    def does(self) -> str:
        """The name of the instruction."""
        return opname[self.frame.f_code.co_code[self.at]]


def _steps(error: BaseException) -> Iterator[_Step]:
    """Give the frames, from the one that has caught the error to the one that has raised it."""
    traceback = error.__traceback__
    while traceback is not None:
        yield _Step(traceback.tb_frame, traceback.tb_lasti)
        traceback = traceback.tb_next


def _given(steps: list[_Step], calls: list[Call]) -> list[Call]:
    """Find the calls that were given the function of the user which rxflow has called."""
    codes: dict[int, list[Call]] = {}  # by identity: to look at what is in a code takes its time
    for call in calls:
        for code in {id(each) for each in _codes(call)}:
            codes.setdefault(code, []).append(call)
    for above, step in pairwise(steps):
        if (found := codes.get(id(step.frame.f_code))) and above.inside:
            return found
    return []


def _signalled(error: BaseException, calls: list[Call]) -> list[Call]:
    """Find the calls of the operator that says in its error that it is it."""
    operator = getattr(error, "operator", None)
    named = [call for call in calls if call.name == operator]
    if len(named) > 1 and (capacity := getattr(error, "capacity", None)) is not None:
        named = [call for call in named if capacity in _numbers(call)] or named
    return named


def _by_code(steps: list[_Step], calls: list[Call]) -> list[Call]:
    """Find the calls of which the code of rxflow runs that has raised, or called what has."""
    inside = [step for step in steps[1:] if step.inside]  # the first has caught it, and runs
    if inside and inside[-1].frame.f_code.co_name == "_false_end":
        return [call for call in calls if _hides(call) or [*_codes(call)]]
    for step in reversed(inside):
        frame = step.frame
        module = frame.f_globals.get("__name__", "")
        handed_on = frame.f_code.co_name == "settle"
        if not (handed_on or module.startswith(_PARTS)):
            continue
        own = frame.f_locals.get("self")
        name = getattr(own, "name", None) or getattr(own, "_name", None)
        named = [call for call in calls if call.name == name]
        if handed_on:  # the failure of a source, as far as it is not of the one that is named
            return named
        if found := named or [call for call in calls if module in _modules(call)]:
            return _with_hidden(step, found, calls) if step is inside[-1] else found
    return [call for call in calls if _hides(call)] if steps else []


def _with_hidden(step: _Step, found: list[Call], calls: list[Call]) -> list[Call]:
    """Add what the code may have pulled from, where functions written in C leave no frame."""
    before = [call for call in calls[: calls.index(found[0])] if _hides(call)]
    if step.does == "FOR_ITER":
        return before or found
    return [*before, *found] if step.does.startswith("CALL") else found


def _modules(call: Call) -> frozenset[str]:
    """Tell where an operator or a source is defined, and where what it is made of is."""
    entries = (find(kind, call.name) for kind in ("operator", "door", "source"))
    return next((_used(entry.build.__module__) for entry in entries if entry), frozenset[str]())


@cache
def _used(module: str) -> frozenset[str]:
    values = vars(sys.modules[module]).values()
    return frozenset({module, *(str(getattr(value, "__module__", "")) for value in values)})


def _numbers(call: Call) -> Iterator[float]:
    for value in (*call.args, *call.kwargs.values()):
        if isinstance(value, int | float):
            yield value


def _hides(call: Call) -> bool:
    """Tell whether it was given a function that shows in no frame, such as one written in C."""
    return any(
        not isinstance(value, Observable | Call | type(None))
        and (_hides_items(value) or (callable(value) and not [*_code(value)]))
        for value in (*call.args, *call.kwargs.values())
    )


def _hides_items(value: Any) -> bool:
    """Tell whether something is iterated by code that is not its own."""
    return isinstance(value, Iterable) and not isinstance(value, (*_PLAIN, Iterator))


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
    if (wrapped := getattr(value, "__wrapped__", None)) is not None:
        yield from _code(wrapped)
    if isinstance(value, FunctionType):
        yield value.__code__
        return
    for name in ("gi_code", "ag_code", "cr_code"):
        if isinstance(code := getattr(value, name, None), CodeType):
            yield code
    kind: type = value if isinstance(value, type) else type(value)
    for base in kind.__mro__:
        for method in vars(base).values():
            if isinstance(method, FunctionType) and not is_inside(method.__code__):
                yield method.__code__
