"""Clear errors for bad arguments, when the pipeline is built."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from inspect import CO_COROUTINE, unwrap
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

from reactivex import Observable

from ..kernel import is_async
from ..protocol import Overflow

DOORS = (
    "on_backpressure_buffer, on_backpressure_drop, on_backpressure_latest, "
    "on_backpressure_reduce, on_backpressure_block, on_backpressure_error or "
    "rxflow.from_observable(source, overflow=...)"
)


def whole(operator: str, name: str, value: Any, least: int = 1) -> int:
    """Check a count.

    Args:
        operator: Whose argument it is.
        name: The argument.
        value: What was given (items).
        least: The smallest that makes sense (items).

    Raises:
        TypeError: It is not a number.
        ValueError: It is not whole, or too small.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{operator}: {name} must be a whole number of items, not {value!r}")
    if value != value or value in (float("inf"), float("-inf")) or value != int(value):
        raise ValueError(f"{operator}: {name} must be a whole number of items, not {value!r}")
    if value < least:
        raise ValueError(f"{operator}: {name} must be at least {least}, not {value!r}")
    return int(value)


def seconds(operator: str, name: str, value: Any, *, optional: bool = True) -> float | None:
    """Check a duration (seconds, or a timedelta) and give it in seconds."""
    if value is None and optional:
        return None
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{operator}: {name} must be seconds or a timedelta, not {value!r}")
    if not value >= 0:
        raise ValueError(f"{operator}: {name} must not be negative, not {value!r}")
    return float(value)


def positive(operator: str, name: str, value: Any, unit: str) -> float:
    """Check an amount that must be more than nothing; a timedelta is one of seconds."""
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{operator}: {name} must be a number ({unit}), not {value!r}")
    if not 0 < value < float("inf"):
        raise ValueError(
            f"{operator}: {name} must be more than 0 and finite ({unit}), not {value!r}"
        )
    return value


def strategy(operator: str, value: Any) -> Overflow:
    """Check an overflow strategy."""
    if not isinstance(value, Overflow):
        raise TypeError(
            f"{operator}: overflow must be a strategy such as rxflow.DROP_OLDEST, "
            f"DROP_NEWEST, DROP_INCOMING, DROP_ALL or FAIL, not {value!r}"
        )
    return value


def callback(operator: str, name: str, value: Any) -> None:
    """Check an optional callback that is called synchronously."""
    if value is None or (
        type(value) is FunctionType and not value.__code__.co_flags & CO_COROUTINE
    ):
        return
    if not callable(value):
        raise TypeError(f"{operator}: {name} must be callable, not {value!r}")
    synchronous(operator, value, name)


def on_drop(operator: str, value: Any) -> None:
    """Check what is called with dropped items; it may be async."""
    if value is not None and not callable(value):
        raise TypeError(f"{operator}: on_drop must be callable, not {value!r}")


def function(operator: str, name: str, value: Any) -> None:
    """Check a callback that must be given and is called synchronously."""
    if value is None:
        raise TypeError(f"{operator}: {name} must be callable, not None")
    callback(operator, name, value)


def synchronous(operator: str, function: Callable[..., Any] | None, name: str = "it") -> None:
    """Refuse an async function where its result would never be awaited."""
    if function is not None and is_async(function):
        raise TypeError(
            f"{operator}: {name} is an async function, which {operator} would not await; "
            "use map_async, or for_each at the end"
        )


def asynchronous(operator: str, function: Any) -> None:
    """Refuse a function that gives nothing to await."""
    if not callable(function):
        raise TypeError(f"{operator}: an async function is wanted, not {function!r}")
    if not is_async(unwrap(function)) and _is_plain(function):
        raise TypeError(
            f"{operator}: {function!r} is not an async function; "
            "use map for a synchronous one, or define it with async def"
        )


def observable(operator: str, source: Any) -> None:
    """Check that an operator is applied to an Observable."""
    if not isinstance(source, Observable):
        raise TypeError(f"{operator} wants an Observable or a Flow, not {source!r}")


# What the result of a plain function is annotated with, if at all; as text in newer modules.
_NOT_AWAITABLE = (
    None,
    "None",
    str,
    "str",
    int,
    "int",
    float,
    "float",
    bool,
    "bool",
    bytes,
    "bytes",
)


def _is_plain(function: Any) -> bool:
    """Tell whether it surely returns no awaitable: a builtin, or a def without async."""
    function = getattr(function, "func", function)  # functools.partial
    if isinstance(function, FunctionType | MethodType):
        if function.__name__ == "<lambda>":
            return False
        annotation = function.__annotations__.get("return", None)
        return annotation in _NOT_AWAITABLE
    return isinstance(function, BuiltinFunctionType)
