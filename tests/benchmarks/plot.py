"""A plot with two logarithmic axes, as SVG: what the page of scale.py needs, and no more."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
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


def short(value: float) -> str:
    """Write a figure in few characters."""
    for unit, sign in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if value >= unit:
            return f"{value / unit:.3g}{sign}"
    return f"{value:.3g}"
