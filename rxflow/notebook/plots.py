"""The plots of a comparison, with matplotlib: the extra ``notebook`` has it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from io import StringIO
from typing import TYPE_CHECKING, Any

from .svg import BLUE, GREEN, ORANGE, PURPLE, RED, SKY, cut

if TYPE_CHECKING:
    from .comparing import Outcome

POINTS = 300
"""So many points of a line are drawn at most, or a little more."""

# Each line has a colour and a pattern, each bar a colour and a hatching.
_COLOURS = (BLUE, RED, GREEN, PURPLE, ORANGE, SKY)
_LINES = ("-", "--", "-.", ":")
_HATCHES = ("", "//", "..", "xx", "\\\\", "++")

# A hundredth of a point is not seen; matplotlib writes millionths, twice the size of the picture.
_PLACE, _FINE = re.compile(r'\bd="[^"]*"'), re.compile(r"(\.\d\d)\d+")
_BREAK = re.compile(r"\s+")

_MARKED = "#010203"
"""Stands for the colour of the page's text, which matplotlib has no word for."""
_INK = ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color")


def figure(outcomes: Sequence[Outcome]) -> Any:
    """Draw held over time, the distribution of waiting times, and what was lost.

    Args:
        outcomes: Of the strategies.

    Returns:
        A Figure of matplotlib.

    Raises:
        ImportError: matplotlib is not installed.
    """
    from matplotlib.figure import Figure

    count = len(outcomes)
    made: Any = Figure(figsize=(10.0, 2.2 + 1.0 * count), layout="constrained")
    grid = made.add_gridspec(count + 1, 2, height_ratios=[*[1.0] * count, 0.6 + 0.4 * count])
    waits = made.add_subplot(grid[:count, 1])
    first: Any = None
    for number, outcome in enumerate(outcomes):
        colour, name = _COLOURS[number % len(_COLOURS)], cut(outcome.strategy, 24)
        held = made.add_subplot(grid[number, 0], sharex=first, sharey=first)
        first = first or held
        times, items = _steps(outcome)
        held.fill_between(times, items, step="post", color=colour, alpha=0.35)
        held.plot(times, items, drawstyle="steps-post", color=colour, linewidth=1)
        held.set_ylabel(name, rotation=0, ha="right", va="center")
        held.tick_params(labelbottom=number == count - 1)
        ordered = _thinned(sorted(outcome.waits))
        shares = [100 * (n + 1) / len(ordered) for n in range(len(ordered))]
        # The first is the broadest, so that those that take the same way are all seen.
        style = {"ls": _LINES[number % len(_LINES)], "lw": 1.2 + 0.6 * (count - 1 - number)}
        waits.plot(ordered, shares, drawstyle="steps-post", color=colour, label=name, **style)
        if number == 0:
            held.set(title="Items held, over time", ylim=(0, None))
        if number == count - 1:
            held.set_xlabel("seconds")
    waits.set(title="How long items waited", xlabel="seconds at most", ylabel="% of those taken")
    waits.set_ylim(0, 103)
    waits.legend(fontsize="small", loc="center left", bbox_to_anchor=(1.0, 0.5))
    _losses(made.add_subplot(grid[count, :]), outcomes)
    return made


def _steps(outcome: Outcome) -> tuple[list[float], list[int]]:
    """Give what was held, of many points the highest in each stretch of time."""
    size = max(1, len(outcome.held) // POINTS)
    points = [
        max(outcome.held[at : at + size], key=lambda point: point[1])
        for at in range(0, len(outcome.held), size)
    ]
    times = [time for time, _ in points] + [outcome.seconds]
    return times, [items for _, items in points] + [points[-1][1] if points else 0]


def _thinned(ordered: list[float]) -> list[float]:
    if len(ordered) <= POINTS:
        return ordered
    return [ordered[round(at * (len(ordered) - 1) / POINTS)] for at in range(POINTS + 1)]


def _losses(axes: Any, outcomes: Sequence[Outcome]) -> None:
    """Draw a bar for each strategy: what was delivered, and what was lost by reason."""
    places = range(len(outcomes))
    delivered = [outcome.delivered for outcome in outcomes]
    axes.barh(places, delivered, color="#bbbbbb", label="delivered")
    reasons = dict.fromkeys(reason for outcome in outcomes for reason in outcome.dropped)
    left = delivered
    for number, reason in enumerate([*reasons, "discarded"]):
        counts = [
            outcome.discarded if reason == "discarded" else outcome.dropped.get(reason, 0)
            for outcome in outcomes
        ]
        if any(counts):
            colour, hatch = _COLOURS[number % 6], _HATCHES[1 + number % 5]
            style = {"color": colour, "hatch": hatch, "edgecolor": "white", "label": reason}
            axes.barh(places, counts, left=left, **style)
            left = [before + count for before, count in zip(left, counts, strict=True)]
    axes.set_yticks(places, [cut(outcome.strategy, 32) for outcome in outcomes])
    axes.invert_yaxis()
    axes.set(title="What became of the items", xlabel="items")
    axes.legend(fontsize="small", loc="center left", bbox_to_anchor=(1.0, 0.5))


def drawn(outcomes: Sequence[Outcome]) -> str:
    """Draw the figure as an SVG, to be put into a page; the same one for the same outcomes.

    Args:
        outcomes: Of the strategies.

    Raises:
        ImportError: matplotlib is not installed.
    """
    import matplotlib

    library: Any = matplotlib
    text = StringIO()
    settings: Any = {"svg.hashsalt": "rxflow", "svg.fonttype": "none", "font.size": 10}
    settings |= dict.fromkeys(("figure.facecolor", "axes.facecolor", "legend.facecolor"), "none")
    settings |= dict.fromkeys(_INK, _MARKED)
    with library.rc_context(settings):
        figure(outcomes).savefig(text, format="svg", metadata={"Date": None})
    svg = text.getvalue()
    svg = _PLACE.sub(lambda path: _FINE.sub(r"\1", _BREAK.sub(" ", path[0])), svg)
    svg = svg[svg.index("<svg") :]
    return svg.replace(_MARKED, "currentColor")
