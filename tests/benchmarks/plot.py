"""Plots with logarithmic axes, as SVG: what scale.py and report.py need, and no more."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10

WIDTH, HEIGHT = 720, 400
LEFT, RIGHT, TOP, BOTTOM = 70, 240, 40, 50
COLOURS = ("#0b6bcb", "#c2410c", "#4d7c0f", "#7e22ce")
NONE = 0.5
"""Where 0 is drawn, which has no logarithm."""

Points = Sequence[tuple[float, float]]


def svg(title: str, across: str, up: str, series: Mapping[str, Points]) -> str:
    """Draw a line for each series, its name beside its end.

    Args:
        title: Above it.
        across: What is counted across.
        up: What is counted up.
        series: By name, the points of each.
    """
    xs = [x for points in series.values() for x, _ in points]
    ys = [y for points in series.values() for _, y in points]
    at_x = _axis(min(xs) or NONE, max(xs), LEFT, WIDTH - RIGHT)
    at_y = _axis(10 ** floor(log10(min(ys))), 10 ** ceil(log10(max(ys))), HEIGHT - BOTTOM, TOP)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="12">',
        f"<title>{escape(title)}: {escape(up)}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        _text(LEFT, 22, f"{title}: {up}", size=15),
        _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, across, anchor="middle"),
        *_grid(sorted({*xs}), at_x, (min(ys), max(ys)), at_y),
        *_lines(series, at_x, at_y),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _axis(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    """Give where on an axis a value is (pixels)."""
    width = log10(high / low) or 1.0

    def at(value: float) -> float:
        return round(start + (end - start) * log10((value or NONE) / low) / width, 1)

    return at


def _grid(
    xs: Sequence[float],
    at_x: Callable[[float], float],
    ys: tuple[float, float],
    at_y: Callable[[float], float],
) -> Iterator[str]:
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    last = -100.0
    for x in xs:
        yield f'<path d="M{at_x(x)} {TOP}V{bottom}" stroke="#e5e7eb"/>'
        if at_x(x) - last >= 36:  # or its figure would cover the one before
            last = at_x(x)
            yield _text(at_x(x), bottom + 18, short(x), anchor="middle")
    for power in range(floor(log10(ys[0])), ceil(log10(ys[1])) + 1):
        yield f'<path d="M{LEFT} {at_y(10**power)}H{right}" stroke="#e5e7eb"/>'
        yield _text(LEFT - 8, at_y(10**power) + 4, short(10**power), anchor="end")


def _lines(
    series: Mapping[str, Points], at_x: Callable[[float], float], at_y: Callable[[float], float]
) -> Iterator[str]:
    free = float(TOP)
    ends = sorted(series, key=lambda name: at_y(series[name][-1][1]))
    for name in ends:  # from the top, so that the names do not cover each other
        colour = COLOURS[[*series].index(name) % len(COLOURS)]
        drawn = [(at_x(x), at_y(y)) for x, y in series[name]]
        path = " ".join(f"{x},{y}" for x, y in drawn)
        yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
        for x, y in drawn:
            yield f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"/>'
        free = max(free + 16, drawn[-1][1])
        yield _text(WIDTH - RIGHT + 12, free + 4, name, colour=colour)


def _text(
    x: float, y: float, text: str, *, size: int = 12, anchor: str = "start", colour: str = "#374151"
) -> str:
    return (
        f'<text x="{x:g}" y="{y:g}" font-size="{size}" text-anchor="{anchor}" fill="{colour}">'
        f"{escape(text)}</text>"
    )


@dataclass
class Mark:
    """A point of a ladder.

    Attributes:
        kind: Whose it is; each kind has a colour, and a shape for those who see none.
        value: Where it is.
    """

    kind: str
    value: float


LINE, NAMES, HEAD = 16, 560, 80
"""Of a ladder: the height of a line, the width of the names, the height of what is above."""


def ladder(title: str, rows: Mapping[str, Sequence[Mark]], low: float, high: float) -> str:
    """Draw a line for each row, with marks on a logarithmic axis on which 1 is a bar.

    Args:
        title: Above it.
        rows: By name, what is on each line.
        low: Where the axis begins, a power of 10; what is less is drawn there.
        high: Where it ends, a power of 10; what is more is drawn there.
    """
    width, height = NAMES + 360, HEAD + LINE * len(rows) + 10
    at = _axis(low, high, NAMES, width - 20)
    kinds = [*dict.fromkeys(mark.kind for marks in rows.values() for mark in marks)]
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="12">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{width}" height="{height}" fill="white"/>',
        _text(12, 22, title, size=15),
    ]
    for number, kind in enumerate(kinds):
        x = NAMES + 90 * number
        lines += [_mark(x, 40, number), _text(x + 10, 44, kind)]
    for power in range(floor(log10(low)), ceil(log10(high)) + 1):
        x = at(10.0**power)
        stroke = ' stroke="#111827" stroke-width="2"' if power == 0 else ' stroke="#d1d5db"'
        lines.append(f'<path d="M{x} {HEAD - 8}V{height - 4}"{stroke}/>')
        lines.append(_text(x, HEAD - 12, short(10.0**power), anchor="middle"))
    for line, (name, marks) in enumerate(rows.items()):
        y = HEAD + 8 + LINE * line
        lines.append(_text(NAMES - 10, y + 4, name, anchor="end"))
        for mark in marks:
            lines.append(_mark(at(min(max(mark.value, low), high)), y, kinds.index(mark.kind)))
    return "\n".join([*lines, "</svg>"]) + "\n"


def _mark(x: float, y: float, kind: int) -> str:
    style = f'fill="none" stroke="{COLOURS[kind % len(COLOURS)]}" stroke-width="2"'
    if kind % 2:
        return f'<path d="M{x - 4:g} {y - 4}l8 8m0 -8l-8 8" {style}/>'
    return f'<circle cx="{x:g}" cy="{y}" r="4" {style}/>'


def short(value: float) -> str:
    """Write a figure in few characters."""
    for unit, sign in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if value >= unit:
            return f"{value / unit:.3g}{sign}"
    return f"{value:.3g}"
