"""The live panel as HTML and as text: the same figures in both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from ..flow.registry import find
from ..kernel import StageStatistics
from ..protocol import UNBOUNDED
from .panel_figures import Look, Part

HEADINGS = ("part", "held", "peak", "demand", "items/s", "delivered", "dropped")

FULL = 0.9
"""From this share of its capacity on a queue is shown as full."""


def number(value: float) -> str:
    """Write a number so that it can be read at a glance.

    Args:
        value: It.
    """
    if value >= UNBOUNDED:
        return "∞"
    if value < 999_999.5:
        return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"
    units = iter("MGTPE")
    value, unit = value / 1e6, next(units)
    while value >= 999.5:
        value, unit = value / 1e3, next(units)
    return f"{value:.3g} {unit}"


def html(looks: Sequence[Look], state: str, *, more: int = 0) -> str:
    """Give the picture as HTML, without its style sheet.

    Its numbers are also there as ``data-value``, exactly, for those who read it by program.

    Args:
        looks: The subscriptions.
        state: How the whole stands: waiting, running, over or closed.
        more: How many subscriptions are not shown.
    """
    heads = "".join(
        f'<th scope="col"{" colspan=2" * (head == "held")}>{head}</th>' for head in HEADINGS
    )
    bodies = "".join(_body(look, len(looks) > 1 or more > 0) for look in looks)
    foot = f"<p>and {more} more</p>" if more else ""
    return (
        f'<div class="rxflow-panel" data-state="{state}" data-runs="{len(looks) + more}">'
        f"<p><strong>{escape(_headline(looks, state))}</strong></p>"
        + (f"<table><thead><tr>{heads}</tr></thead>{bodies}</table>" if bodies else "")
        + f"{foot}</div>"
    )


def text(looks: Sequence[Look], state: str, *, more: int = 0) -> str:
    """Give the picture as plain text; the arguments are those of :func:`html`."""
    lines = [_headline(looks, state)]
    for look in looks:
        if len(looks) > 1 or more:
            lines.append(_title(look))
        rows = [HEADINGS, *(_cells(part) for part in look.parts)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            cells = map(str.rjust, row[1:], widths[1:])
            lines.append("  ".join([row[0].ljust(widths[0]), *cells]).rstrip())
        lines.extend(_notes(look))
    if more:
        lines.append(f"and {more} more")
    return "\n".join(lines)


def _headline(looks: Sequence[Look], state: str) -> str:
    if not looks:
        waits = state == "waiting"
        return "waits for a subscription" if waits else "nothing was subscribed while it watched"
    seconds = f"{max(look.seconds for look in looks):.1f} s"
    return {"closed": f"no longer watched, after {seconds}"}.get(state, f"{state}, {seconds}")


def _title(look: Look) -> str:
    return f"subscription {look.number}, {'over' if look.over else 'running'}, {look.seconds:.1f} s"


def _held(part: StageStatistics) -> str:
    if part.capacity is None:
        return number(part.held) if part.held else "-"
    full = ", full" if _share(part) >= FULL else ""
    return f"{number(part.held)} of {number(part.capacity)}{full}"


def _share(part: StageStatistics) -> float:
    amount = part.held if part.weight is None else part.weight
    return min(1.0, amount / part.capacity) if part.capacity else 0.0


def _dropped(part: StageStatistics) -> str:
    reasons = [f"{reason} {number(count)}" for reason, count in sorted(part.dropped.items())]
    if part.discarded:
        reasons.append(f"discarded {number(part.discarded)}")
    return ", ".join(reasons) or "-"


def _counts(figures: StageStatistics) -> bool:
    """Tell whether a part counts what passes it.

    A stage runs in the loop of the part before it, which counts for both. What has nothing yet
    because nothing has come or was asked for (a source, a queue, a subscriber) does count.
    """
    counted = (figures.requested, figures.received, figures.delivered, figures.discarded)
    if any(counted) or figures.dropped or figures.capacity is not None:
        return True
    name = figures.name.rpartition("/")[2].partition(" #")[0]
    return name == "subscriber" or find("source", name) is not None


def _cells(part: Part) -> tuple[str, ...]:
    figures = part.figures
    if not _counts(figures):
        return (figures.name, _held(figures), *"-----")
    return (
        figures.name,
        _held(figures),
        number(figures.peak) if figures.capacity is not None else "-",
        number(part.demand),
        number(part.rate),
        number(figures.delivered),
        _dropped(figures),
    )


def _notes(look: Look) -> Iterator[str]:
    """Say what holds the stream up, in the words of the report on it."""
    if look.report is not None and (look.report.bottleneck or look.report.losses):
        yield look.report.text


def _body(look: Look, titled: bool) -> str:
    span = f'colspan="{len(HEADINGS) + 1}"'
    title = f'<tr><th {span} scope="rowgroup">{_title(look)}</th></tr>' if titled else ""
    rows = "".join(map(_row, look.parts))
    notes = "".join(
        f'<tr class="note"><td {span}>{escape(note)}</td></tr>' for note in _notes(look)
    )
    over = "over" if look.over else "running"
    return f'<tbody data-run="{look.number}" data-state="{over}">{title}{rows}{notes}</tbody>'


def _row(part: Part) -> str:
    figures, (name, held, peak, demand, rate, delivered, dropped) = part.figures, _cells(part)
    share = _share(figures)
    kind = "full" if share >= FULL else "some"
    bar = f'<i class="{kind}" style="width:{share:.0%}"></i>' if figures.capacity else ""
    bar = f'<td class="bar" aria-hidden="true">{bar and f"<span>{bar}</span>"}</td>'
    asked = "unbounded" if part.demand >= UNBOUNDED else part.demand
    return (
        f'<tr data-part="{escape(name)}"><th scope="row">{escape(name)}</th>{bar}'
        f'<td data-field="held" data-value="{figures.held}" data-capacity="{figures.capacity}">'
        f"{held}</td>"
        f'<td data-field="peak" data-value="{figures.peak}">{peak}</td>'
        f'<td data-field="demand" data-value="{asked}">{demand}</td>'
        f'<td data-field="rate" data-value="{part.rate:.6g}">{rate}</td>'
        f'<td data-field="delivered" data-value="{figures.delivered}">{delivered}</td>'
        f'<td data-field="dropped" data-value="{sum(figures.dropped.values())}">'
        f"{escape(dropped)}</td></tr>"
    )
