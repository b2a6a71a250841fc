"""What an explanation says in a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf
from typing import Any, cast

from reactivex import Observable

from ..flow.assembly import Call
from .explanation import Part

PLAIN = "gives what it has, whatever is asked for"
"""What is said of the demand of a plain Observable."""

_LONGEST = 32  # an argument that is shown (characters)
_WIDEST = 72  # a call that is shown (characters)


def shown(call: Call) -> Iterator[str]:
    """Show the arguments of a call, shortly."""
    for arg in call.args:
        yield _argument(arg)
    for name, arg in call.kwargs.items():
        yield f"{name}={_argument(arg)}"


def _argument(value: Any) -> str:
    if isinstance(value, Observable):
        return type(cast("object", value)).__name__
    name = getattr(value, "__qualname__", None)
    if isinstance(name, str):  # a function or a class
        return "lambda" if name.endswith("<lambda>") else name.rpartition(".")[2]
    kind = type(cast("object", value)).__name__
    if isinstance(value, list | tuple | dict | set) and len(cast("list[Any]", value)) > 4:
        return f"{kind} of {len(cast('list[Any]', value))}"
    try:
        text = repr(cast("object", value))
    except Exception:
        text = kind
    if " object at 0x" in text:
        text = kind
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def text_of(
    parts: tuple[Part, ...], islands: tuple[tuple[int, ...], ...], held: float | None
) -> str:
    """Write an explanation for people to read."""
    width = max(len(_call(part)) for part in parts)
    lines = [_total(parts, held)]
    for island, numbers in enumerate(islands):
        lines += ["", f"island {island + 1}{_before(parts, numbers)}"]
        for part in (parts[number] for number in numbers):
            lines.append(f"  {_call(part):<{width}}  {part.place or ''}".rstrip())
            if said := _says(part):
                lines.append(f"      {said}")
    lines += [*_unbounded(parts), *_lifted(parts)]
    return "\n".join(lines)


def _call(part: Part) -> str:
    call = f"{part.name}({', '.join(part.arguments)})" if part.arguments else part.name
    text = f"{part.label}: {call}" if part.label in part.names else call
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 3]}..."


def _before(parts: tuple[Part, ...], numbers: tuple[int, ...]) -> str:
    """Tell which islands an island draws from."""
    own = parts[numbers[0]].island
    drawn = {parts[source].island for number in numbers for source in parts[number].inputs}
    others = [str(island + 1) for island in sorted(drawn - {own})]
    return f", draws from {' and '.join(others)}" if others else ""


def _says(part: Part) -> str:
    said = [part.kind] if part.kind in ("door", "boundary", "lifted") else []
    if part.demand == PLAIN:
        said.append(PLAIN)
    elif part.bound is None:
        said.append(f"holds {part.bounded_by}, which only the run tells")
    elif part.bound == inf:
        said.append("holds all there is, without a bound")
    elif part.bound:
        items = _items(part.bound)
        how = "" if part.bounded_by == f"{part.bound:.0f}" else f" ({part.bounded_by})"
        said.append(f"holds at most {items}{how}")
    if part.overflow:
        said.append(_FULL[part.overflow])
    return ", ".join(said)


_FULL = {
    "DROP_OLDEST": "then drops the oldest",
    "DROP_NEWEST": "then drops the newest it holds",
    "DROP_INCOMING": "then drops what comes",
    "DROP_ALL": "then drops all of them",
    "FAIL": "then fails",
    "SUSPEND": "then the source waits",
    "BLOCK": "then the source's thread waits",
}


def _total(parts: tuple[Part, ...], held: float | None) -> str:
    if held == inf:
        where = [part.label for part in parts if part.bound == inf]
        return f"There is no bound to what it holds, because of {', '.join(where)}."
    if held is None:
        known = sum(part.bound or 0 for part in parts)
        some = f"holds at most {_items(known)}, and" if known else "holds"
        rest = [part.label for part in parts if part.bound is None]
        return f"It {some} what is in {', '.join(rest)}: how many, only the run tells."
    return f"It holds at most {_items(held)} in all." if held else "It holds nothing."


def _items(count: float) -> str:
    return f"{count:,.0f} item{'s' if count != 1 else ''}"


def _unbounded(parts: tuple[Part, ...]) -> Iterator[str]:
    found = [part for part in parts if part.unbounded]
    if found:
        yield ""
        yield "demand becomes unbounded at these, which ask for all there is before them:"
        for part in found:
            yield f"  {part.label}"


def _lifted(parts: tuple[Part, ...]) -> Iterator[str]:
    found = [part for part in parts if part.rule]
    if found:
        yield ""
        yield "operators of reactivex that are lifted, and how they are run:"
        for part in found:
            yield f"  {part.label}: {part.rule}"
