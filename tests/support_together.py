"""Many small checks as one test, where a test for each would cost more than the check."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any


def together(
    name: str | tuple[str, ...], values: Iterable[Any], shown: Callable[[Any], str] = str
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Run a test with each of several arguments, and tell all with which it fails.

    Like ``pytest.mark.parametrize``, but as one test.

    Args:
        name: The parameter; a tuple of several, which are given tuples.
        values: What it is given.
        shown: Names one of them in the report.
    """
    names = (name,) if isinstance(name, str) else name
    every = list(values)
    assert every, "a test without arguments tests nothing"

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        parameters = inspect.signature(test).parameters.values()

        @wraps(test)
        def run(**others: Any) -> None:
            failures: list[Exception] = []
            for value in every:
                try:
                    given = (value,) if isinstance(name, str) else value
                    test(**others, **dict(zip(names, given, strict=True)))
                except Exception as error:
                    error.add_note(f"with {', '.join(names)}: {shown(value)}")
                    failures.append(error)
            if failures:
                raise ExceptionGroup(f"with {len(failures)} of {len(every)}", failures)

        left = [each for each in parameters if each.name not in names]
        run.__signature__ = inspect.Signature(left)  # type: ignore[attr-defined]
        return run

    return decorate
