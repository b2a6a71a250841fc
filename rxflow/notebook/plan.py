"""The picture of how a Flow is put together: islands, boundaries, bounds, and doors."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Any

from ..flow import Flow
from ..monitor import explain
from ..monitor.explanation import Explanation, Part
from .svg import BLUE, GREEN, ORANGE, PURPLE, RED, SKY, SMALL, Drawing, cut, width

BREADTH = 640.0
"""Of a block (units)."""
GAP = 26.0
"""Between two blocks, one below the other (units)."""
RAIL = 24.0
"""Between two rails (units); less where there are many."""
RAILS = 240.0
"""All rails together are not broader than this, if there are more than ten (units)."""
HEAD, LINE, CHIP = 26.0, 18.0, 28.0
"""How high the first line of a block is, each further one, and a row of stages (units)."""
STAGE = 30
"""How long the text of a stage is at most (columns)."""

_LEGEND = {
    "source": "source",
    "door": "door: takes all that comes, whatever is asked for",
    "boundary": "boundary: bounded, with a loop of its own",
    "merge": "boundary where several sources meet",
    "lifted": "operator of reactivex, lifted",
    "stage": "synchronous stages",
    "sink": "subscriber",
}
_COLOURS = {
    "source": GREEN,
    "door": RED,
    "boundary": BLUE,
    "merge": PURPLE,
    "lifted": SKY,
    "stage": GREEN,
    "sink": ORANGE,
}


@dataclass(frozen=True, slots=True)
class Block:
    """An island, as it is drawn.

    Attributes:
        head: Its first part.
        stages: The others.
        inputs: The places of the blocks that it draws from.
        rail: The rail it stands on, from the left.
    """

    head: Part
    stages: tuple[Part, ...]
    inputs: tuple[int, ...]
    rail: int

    @property
    def shape(self) -> str:
        """What it is, as the legend names it."""
        kind = self.head.kind
        return "merge" if kind == "boundary" and len(self.head.inputs) > 1 else kind


def blocks(explanation: Explanation) -> list[Block]:
    """Put the islands in an order in which each is below those it draws from, with rails.

    A block stands on the leftmost rail that comes to it, or else on the first free one. A
    rail is taken until all that draw from its block have been drawn.

    Args:
        explanation: The pipeline.
    """
    parts = explanation.parts
    islands = sorted((numbers for numbers in explanation.islands if numbers), key=min)
    place = {number: at for at, numbers in enumerate(islands) for number in numbers}
    inputs = [
        [place[number] for part in numbers for number in parts[part].inputs if place[number] != at]
        for at, numbers in enumerate(islands)
    ]
    awaited = [sum(each.count(at) for each in inputs) for at in range(len(islands))]
    rails: list[int | None] = []  # which block each rail leads down from
    found: list[Block] = []
    for at, numbers in enumerate(islands):
        for source in inputs[at]:
            awaited[source] -= 1
            if not awaited[source]:
                rails[found[source].rail] = None
        ended = [found[source].rail for source in inputs[at] if not awaited[source]]
        free = [rail for rail, source in enumerate(rails) if source is None]
        rail = min(ended) if ended else min(free, default=len(rails))
        rails += [None] * (rail + 1 - len(rails))
        rails[rail] = at if awaited[at] else None
        head, *stages = (parts[number] for number in numbers)
        found.append(Block(head, tuple(stages), tuple(inputs[at]), rail))
    return found


class _Diagram:
    """The blocks of one pipeline, drawn from the sources down."""

    def __init__(self, explanation: Explanation) -> None:
        self._blocks = blocks(explanation)
        count = 1 + max(block.rail for block in self._blocks)
        self._rail = min(RAIL, RAILS / count)
        self._left = 26 + self._rail * (count - 1) + 22
        self._tops: list[float] = []
        y = 8.0
        for block in self._blocks:
            self._tops.append(y)
            y += self._height(block) + GAP
        self._end = y - GAP
        self._drawing = Drawing(f"Pipeline of {_count(explanation)}", explanation.text)
        self._drawing.breadth = self._left + BREADTH
        self._total = _total(explanation)

    def drawn(self) -> str:
        """Draw it."""
        for at, block in enumerate(self._blocks):  # below what is drawn over them
            for source in sorted(set(block.inputs)):
                self._edge(source, at)
        for at, block in enumerate(self._blocks):
            self._block(block, self._tops[at])
        y = self._end + 30
        self._drawing.text(8.0, y, self._total)
        for shape in dict.fromkeys([*(block.shape for block in self._blocks), "sink"]):
            y += 22
            self._mark(shape, 20.0, y - 4, 0.8)
            self._drawing.text(38.0, y, _LEGEND[shape], size=SMALL)
        return self._drawing.finished()

    def _x(self, rail: int) -> float:
        return 22 + self._rail * rail

    def _height(self, block: Block) -> float:
        return HEAD + LINE * len(_facts(block.head)) + CHIP * len(self._rows(block)) + 10

    def _rows(self, block: Block) -> list[list[tuple[Part, str]]]:
        """Put the stages into rows that fit."""
        rows: list[list[tuple[Part, str]]] = []
        left = 0.0
        for part in block.stages:
            text = _stage(part)
            broad = width(text, SMALL) + 36
            if not rows or left < broad:
                rows.append([])
                left = BREADTH - 24
            rows[-1].append((part, text))
            left -= broad
        return rows

    def _edge(self, source: int, at: int) -> None:
        """Lead a rail down from a block to one below it."""
        x1, x2 = self._x(self._blocks[source].rail), self._x(self._blocks[at].rail)
        y1, y2 = self._tops[source] + 16, self._tops[at] + 16
        path = f"M{x1:.1f},{y1:.1f} V{y2:.1f}"
        if x1 != x2:
            turn = y2 - GAP
            path = f"M{x1:.1f},{y1:.1f} V{turn:.1f} C{x1:.1f},{y2:.1f} {x2:.1f},{turn:.1f}"
            path += f" {x2:.1f},{y2:.1f}"
        names = (self._blocks[source].head.label, self._blocks[at].head.label)
        self._drawing.shape(
            "path", " to ".join(names), d=path, stroke="currentColor", stroke_opacity=0.6
        )

    def _block(self, block: Block, y: float) -> None:
        colour, part = _COLOURS[block.shape], block.head
        high, x = self._height(block), self._left
        style = {"stroke": colour, "fill": colour, "fill_opacity": 0.1}
        if part.unbounded or part.bound == inf:
            style |= {"stroke_dasharray": "7 4", "stroke_width": 2.5}
        box = {"x": x, "y": y, "width": BREADTH - 8, "height": high, "rx": 6}
        self._drawing.shape("rect", _tip(part), **box, **style)
        dots = {"stroke_opacity": 0.5, "stroke_dasharray": "1.5 4"}  # it is no rail
        self._drawing.line(self._x(block.rail), y + 16, x, y + 16, **dots)
        self._mark(block.shape, self._x(block.rail), y + 16, 1.0)
        place = cut(str(part.place or ""), 28)
        edge = x + BREADTH - 20
        if place:
            self._drawing.text(edge, y + 20, place, size=SMALL, anchor="end", fill_opacity=0.75)
        room = BREADTH - 40 - width(place, SMALL)
        title = cut(_call(part), int(room / width("m")))
        y += 20
        self._drawing.text(x + 12, y, title, tip=_tip(part), font_weight="600")
        for fact in _facts(part):
            y += LINE
            self._drawing.text(x + 12, y, cut(fact, 80), size=SMALL)
        y += 10
        for row in self._rows(block):
            self._row(row, y)
            y += CHIP

    def _row(self, row: list[tuple[Part, str]], y: float) -> None:
        """Draw stages, each with an arrow before it."""
        x = self._left + 12
        for part, text in row:
            broad = width(text, SMALL) + 14
            arrow = f"M{x:.1f},{y + 11} h10 m-4,-4 l4,4 l-4,4"
            self._drawing.shape("path", d=arrow, stroke="currentColor", stroke_opacity=0.7)
            x += 14
            style: dict[str, object] = {"stroke": "currentColor", "stroke_opacity": 0.6, "rx": 11}
            if part.kind == "lifted":
                style |= {"stroke": SKY, "stroke_opacity": 1, "stroke_dasharray": "4 2", "rx": 3}
            elif part.kind == "sink":
                style |= {"stroke": ORANGE, "stroke_opacity": 1, "stroke_width": 3, "rx": 3}
            box = {"x": x, "y": y, "width": broad, "height": 22.0}
            self._drawing.shape("rect", _tip(part), **box, **style)
            self._drawing.text(x + 7, y + 15, text, size=SMALL, tip=_tip(part))
            x += broad + 6

    def _mark(self, shape: str, x: float, y: float, scale: float) -> None:
        """Draw the sign of a kind: it can be told without its colour."""
        colour, r = _COLOURS[shape], 9 * scale
        style: dict[str, Any] = {"stroke": colour, "fill": colour}
        white: dict[str, Any] = {"stroke": "#fff", "stroke_width": 2 * scale}
        if shape == "sink":  # a frame, as it has in a block
            box: dict[str, Any] = {
                "x": x - r * 1.2,
                "y": y - r * 0.8,
                "width": r * 2.4,
                "height": r * 1.6,
            }
            self._drawing.shape("rect", **box, stroke=colour, stroke_width=3, rx=2)
            return
        if shape in ("source", "stage"):
            self._drawing.shape("circle", cx=x, cy=y, r=r, **style)
            if shape == "stage":
                self._drawing.shape("circle", cx=x, cy=y, r=r / 2, **white)
            return
        points = {
            "door": [(-1.1, -0.9), (1.1, -0.9), (0, 1.1)],
            "boundary": [(-1, -1), (1, -1), (1, 1), (-1, 1)],
            "merge": [(-1.3, 0), (0, -1.3), (1.3, 0), (0, 1.3)],
            "lifted": [(-1.1, 0), (-0.6, -1), (0.6, -1), (1.1, 0), (0.6, 1), (-0.6, 1)],
        }[shape]
        corners = " ".join(f"{x + dx * r:.1f},{y + dy * r:.1f}" for dx, dy in points)
        self._drawing.shape("polygon", points=corners, **style)
        if shape == "boundary":  # the places of a queue
            for dx in (-0.4, 0.4):
                self._drawing.line(x + dx * r, y - r * 0.6, x + dx * r, y + r * 0.6, **white)


def pipeline(flow: Flow[Any]) -> str:
    """Draw how a Flow is put together; a notebook does so where a Flow is the last line of a cell.

    Nothing is subscribed to.

    Args:
        flow: It.

    Returns:
        An SVG.
    """
    return diagram(explain(flow))


def diagram(explanation: Explanation) -> str:
    """Draw a pipeline that was explained.

    Args:
        explanation: What :func:`rxflow.monitor.explain` gives.

    Returns:
        An SVG: a block for each island, below those that it draws from; its boundary first,
        with its bound and strategy, then its stages.
    """
    return _Diagram(explanation).drawn()


def _call(part: Part) -> str:
    call = f"{part.name}({', '.join(part.arguments)})" if part.arguments else part.name
    return f"{part.label}: {call}" if part.label in part.names else call


def _stage(part: Part) -> str:
    held = "" if part.bound == 0 else f" ≤ {_items(part)}"
    return cut(_call(part), STAGE) + held


def _items(part: Part) -> str:
    if part.bound is None:
        return part.bounded_by or "?"
    return "∞" if part.bound == inf else f"{part.bound:,.0f}"


def _facts(part: Part) -> list[str]:
    """Say what there is to know of the part that an island begins with."""
    facts: list[str] = []
    if part.kind == "sink":
        return ["its demand sets the pace"]
    if part.unbounded:
        facts.append("unbounded: asks for all there is")
    held = ""
    if part.bound is None:
        held = f"holds ≤ {part.bounded_by or '?'}, which the run tells"
    elif part.bound == inf:
        held = "holds all there is, without a bound"
    elif part.bound:
        held = f"holds ≤ {part.bound:,.0f}"
        if part.bounded_by not in ("", f"{part.bound:.0f}"):
            held += f" ({part.bounded_by})"
    if part.overflow:
        held = f"{held or 'holds 0'}, when full {part.overflow}"
    if held:
        facts.append(held)
    if part.rule:
        facts.append(f"lifted: {part.rule}")
    return facts


def _tip(part: Part) -> str:
    said = [part.label, _call(part)]
    if part.demand:
        said.append(f"Demand: {part.demand}")
    return "; ".join(dict.fromkeys(said))


def _count(explanation: Explanation) -> str:
    parts, islands = len(explanation.parts), sum(map(bool, explanation.islands))
    return f"{parts} parts in {islands} island{'' if islands == 1 else 's'}"


def _total(explanation: Explanation) -> str:
    said = f"{_count(explanation)}; "
    if explanation.bound == inf:
        return f"{said}what it holds has no bound"
    if explanation.bound is None:
        return f"{said}how much it holds only the run tells"
    return f"{said}holds at most {explanation.bound:,.0f} items"
