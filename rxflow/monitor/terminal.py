"""Whether there is a terminal on which something can be drawn in place."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.console import Console


def terminal(file: TextIO) -> Console | None:
    """Give the terminal that a file is.

    Args:
        file: Where to.

    Returns:
        A console of ``rich``; None where that is not installed, or nothing can be drawn in
        place: the file is no terminal, or one that cannot go back in its lines.
    """
    if not file.isatty():
        return None
    try:
        from rich.console import Console
    except ImportError:
        return None
    console = Console(file=file)
    return None if console.is_dumb_terminal else console
