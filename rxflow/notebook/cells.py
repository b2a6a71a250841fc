"""What one run of a cell leaves running for the next one to replace."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from ..kernel import hooks
from .screen import execution

R = TypeVar("R")

_left: dict[str, tuple[str | None, list[Callable[[], Any]]]] = {}  # by cell: its run, what ends it


def one_per_cell(running: R) -> R:
    """End what the former run of this cell has left running, and remember what this one leaves.

    A subscription, or a task, that goes on in the background goes on when its cell is run again,
    and nobody can reach it then: ``one_per_cell(flow.subscribe(print))``. Where the front
    end does not tell which cell runs (JupyterLab, Jupyter Notebook and VS Code do), and outside
    of a notebook, it does nothing.

    Args:
        running: What has a method ``dispose``, ``cancel`` or ``close``.

    Returns:
        It.

    Raises:
        TypeError: It has none of them.
    """
    for name in ("dispose", "cancel", "close"):
        end = getattr(running, name, None)
        if callable(end):
            break
    else:
        raise TypeError(
            "one_per_cell wants a subscription, a disposable or a task, something with a method "
            f"dispose, cancel or close; not {running!r}"
        )
    cell, run = execution()
    if cell is None:
        return running
    former, ends = _left.get(cell, (None, []))
    if former != run:
        for each in ends:
            hooks.reporting(each)
        ends = []
    _left[cell] = run, [*ends, end]
    return running
