"""A run in virtual time, from sources and requests that are drawn as text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from ..flow import Flow
from ..testing import render_marbles
from .recording import Recorder


def record(
    build: Callable[..., Flow[Any]],
    diagram: str,
    *,
    values: Mapping[str, Any] | None = None,
    error: Exception | None = None,
) -> Recorder:
    """Run a pipeline in virtual time, as a text with marbles says, and record it.

    >>> import rxflow as rx
    >>> from rxflow import operators as ops
    >>> recorder = record(
    ...     lambda source: source.pipe(ops.on_backpressure_buffer(2, overflow=rx.DROP_OLDEST)),
    ...     '''
    ...     request  1-------2--
    ...     source   -a-b-c-d---|
    ...     ''',
    ... )
    >>> print(recorder)  # doctest: +ELLIPSIS
    In 11 s: 4 came in, 3 requested, 3 came out, 1 dropped (oldest), ...

    Args:
        build: Function of the sources, by name; it gives the Flow that is recorded.
        diagram: The lanes ``request`` and the sources, as in
            :func:`rxflow.testing.assert_marbles`; a column is a second.
        values: Items by the character that stands for each.
        error: What ``X`` is.

    Returns:
        The recorder, which a notebook shows as a marble diagram.

    Raises:
        ValueError: The diagram is wrong.
        TypeError: What ``build`` gives is no Flow.
    """
    recorder = Recorder()

    @wraps(build)
    def recorded(**sources: Any) -> Flow[Any]:
        watched = {name: recorder.source(name)(source) for name, source in sources.items()}
        return recorder(build(**watched))

    render_marbles(recorded, diagram, values=values, error=error)
    return recorder
