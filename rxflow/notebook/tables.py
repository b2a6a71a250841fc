"""Tables, as text and as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from .svg import clean, columns


def text_table(rows: Sequence[Sequence[str]]) -> str:
    """Lay out a table as text; its columns are as broad as they have to be.

    Args:
        rows: Its rows, the heading first.
    """
    cells = [[clean(cell) for cell in row] for row in rows]
    broad = [max(map(columns, column)) for column in zip(*cells, strict=True)]
    lines = [
        "  ".join(_padded(cell, room) for cell, room in zip(row, broad, strict=True)).rstrip()
        for row in cells
    ]
    return "\n".join([lines[0], "  ".join("-" * room for room in broad), *lines[1:]])


def _padded(cell: str, room: int) -> str:
    blanks = " " * (room - columns(cell))
    return blanks + cell if cell[:1].isdigit() else cell + blanks


def html_table(rows: Sequence[Sequence[str]]) -> str:
    """Write a table as HTML, in the colours of the page.

    Args:
        rows: Its rows, the heading first.
    """
    heading = "".join(f'<th scope="col">{escape(clean(cell))}</th>' for cell in rows[0])
    lines = [
        f'<tr><th scope="row">{escape(clean(row[0]))}</th>'
        + "".join(f"<td>{escape(clean(cell))}</td>" for cell in row[1:])
        + "</tr>"
        for row in rows[1:]
    ]
    style = "white-space:nowrap;text-align:right;border-collapse:separate;border-spacing:12px 2px"
    body = f"<thead><tr>{heading}</tr></thead><tbody>{''.join(lines)}</tbody>"
    return f'<div style="overflow-x:auto"><table style="{style}">{body}</table></div>'
