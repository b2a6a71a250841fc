"""The marble diagram of a recording: requests, items, drops, and what was held, over time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import floor, log10

from ..protocol import UNBOUNDED
from .recording import Level, Mark, Recording
from .svg import BLUE, GREEN, ORANGE, PURPLE, RED, SKY, SMALL, Drawing, columns, cut, width

PLOT = 640.0
"""How broad the time is drawn (units)."""
LANE = 38.0
AREA = 62.0
LABEL = 26
"""How long the name of a lane is at most (columns)."""
ITEM = 10
"""How long the text of an item is at most (columns)."""
GROUP = 18
"""How long the text of several items is at most, before they are counted (columns)."""
TIMES = "\N{MULTIPLICATION SIGN}"
MANY = 40
"""So many marks are put where they are; more are put into bins."""
NEAR = 10.0
"""Marks that are nearer than this are one (units): half of the smallest pill."""
BIN = 46.0
"""How broad a bin is (units)."""


@dataclass(slots=True)
class Pill:
    """One or several marks that are drawn as one, for they would cover each other."""

    marks: list[Mark]
    middle: float  # units
    most: int = GROUP  # columns of its text

    @property
    def count(self) -> int:
        """How many items it stands for."""
        return len(self.marks) if self.marks[0].kind != "drop" else sum(m.count for m in self.marks)

    @property
    def text(self) -> str:
        """What is written in it."""
        joined, alone = self._joined, len(self.marks) == 1 and self.most == GROUP
        if self._unnamed:
            return TIMES + _short(self.count)
        if joined and (alone or columns(joined) <= self.most):
            return joined
        return _asked(self.marks) if self.marks[0].kind == "request" else TIMES + _short(self.count)

    @property
    def counts(self) -> bool:
        """Whether it counts what it stands for instead of showing it."""
        shows = self._unnamed or 0 < columns(self._joined) <= self.most
        return len(self.marks) > 1 and not shows

    @property
    def _unnamed(self) -> bool:
        """Whether all that is known is how many were dropped."""
        return self.marks[0].kind == "drop" and not any(mark.text for mark in self.marks)

    @property
    def _joined(self) -> str:
        """The texts of the marks, if there are so few that they may have room."""
        return " ".join(map(_text, self.marks)) if len(self.marks) <= self.most else ""

    @property
    def half(self) -> float:
        """Half of how broad it is (units)."""
        return max(20.0, width(self.text, SMALL) + 10) / 2


def pills(
    marks: Iterable[Mark],
    place: Callable[[float], float],
    lane: tuple[float, float],
    gap: float = 2.0,
) -> list[Pill]:
    """Put marks into pills that do not overlap and stay in their lane.

    Those that would cover each other are joined; one that would reach beyond an end of the
    lane, such as a long text at time 0, is moved into it.

    Args:
        marks: In the order of their time.
        place: Gives where a time is (units).
        lane: Where the lane begins and ends (units).
        gap: What is left between two (units).
    """
    marks = list(marks)
    if len(marks) > MANY:
        return _binned(marks, place, lane)
    found: list[Pill] = []

    def put(pill: Pill) -> None:
        middle = (place(pill.marks[0].at) + place(pill.marks[-1].at)) / 2
        pill.middle = max(lane[0] + pill.half, min(middle, lane[1] - pill.half))

    near: list[list[Mark]] = []  # what comes at one time is one pill, before any grows broad
    for mark in marks:
        if near and place(mark.at) - place(near[-1][0].at) < NEAR:
            near[-1].append(mark)
        else:
            near.append([mark])
    for group in near:
        found.append(Pill(group, 0.0))
        put(found[-1])
        while len(found) > 1 and (
            found[-1].middle - found[-1].half < found[-2].middle + found[-2].half + gap
        ):
            last, before = found.pop(), found[-1]
            before.marks += last.marks
            put(before)
    return found


def _binned(
    marks: Iterable[Mark], place: Callable[[float], float], lane: tuple[float, float]
) -> list[Pill]:
    """Put many marks into pills at even distances, so that their numbers show the rate."""
    found: dict[int, Pill] = {}
    count = max(1, int((lane[1] - lane[0]) // BIN))
    broad = (lane[1] - lane[0]) / count
    for mark in marks:
        at = max(0, min(int((place(mark.at) - lane[0]) // broad), count - 1))
        found.setdefault(at, Pill([], lane[0] + (at + 0.5) * broad, 4)).marks.append(mark)
    return list(found.values())


class _Diagram:
    """The lanes of one recording, drawn from top to bottom."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        names = ["request", "output", "blocked", "starved"]
        names += [level.name for level in recording.held] + list(recording.sources)
        names += [f"dropped: {reason}" for reason in recording.drops]
        self._left = 8 + width("m" * min(LABEL, max(12, *map(len, names)))) + 22
        self._y = 0.0
        self._notes: list[str] = []
        self._drawing = Drawing("Marble diagram of a recorded run", summary(recording))
        self._drawing.breadth = self._left + PLOT + 40

    def drawn(self) -> str:
        """Draw it."""
        recording = self._recording
        self._items("request", recording.requests, GREEN)
        for name, marks in recording.sources.items():
            self._items(name, marks, BLUE)
        for reason, marks in recording.drops.items():
            self._items(f"dropped: {reason}", marks, RED)
        for level in recording.held:
            self._area(level)
        self._stretches("blocked", recording.blocked, ORANGE)
        self._stretches("starved", recording.starved, SKY)
        self._items("output", recording.output, PURPLE)
        self._axis()
        return self._drawing.finished()

    def _place(self, at: float) -> float:
        return self._left + 12 + (PLOT - 24) * at / (self._recording.seconds or 1.0)

    def _label(self, name: str, note: str, height: float) -> float:
        """Name a lane; give the height of its middle."""
        middle = self._y + height / 2
        self._drawing.text(8.0, middle - 1, cut(name, LABEL), tip=name, font_weight="600")
        self._drawing.text(8.0, middle + 13, note, size=SMALL, fill_opacity=0.75)
        self._y += height
        return middle

    def _items(self, name: str, marks: Sequence[Mark], colour: str) -> None:
        items = [mark for mark in marks if mark.kind in ("item", "request", "drop")]
        ends = [mark for mark in marks if mark.kind in _ENDS]
        if name == "request":
            count = f"{_requested(items)} items" if items else "nothing"
        else:
            total = sum(mark.count for mark in items)
            count = f"{total:,} item{'' if total == 1 else 's'}"
        y = self._label(name, count, LANE)
        drawn = pills(items, self._place, (self._left, self._left + PLOT))
        self._track(y, [(pill.middle - pill.half, pill.middle + pill.half) for pill in drawn])
        for pill in drawn:
            self._pill(pill, y, colour)
        if joined := sum(len(pill.marks) for pill in drawn if pill.counts):
            self._notes.append(
                f"{cut(name, LABEL)}: {joined:,} of {len(items):,} are too close together to be "
                f"shown; {'+n adds' if name == 'request' else f'{TIMES}n counts'} them."
            )
        edge = drawn[-1].middle + drawn[-1].half + 10 if drawn else 0.0
        for mark in ends:
            self._end(name, mark, max(edge, self._place(mark.at)), y)

    def _track(self, y: float, covered: Sequence[tuple[float, float]]) -> None:
        """Draw the line of a lane, but for what is covered."""
        begin = self._left
        for left, right in (*covered, (self._left + PLOT,) * 2):
            if left > begin:
                self._drawing.line(begin, y, left, y, stroke_opacity=0.4)
            begin = max(begin, right)

    def _pill(self, pill: Pill, y: float, colour: str) -> None:
        """Draw marks: a round shape for items, a pointed one for requests, a notched for drops."""
        x, half, kind = pill.middle, pill.half, pill.marks[0].kind
        tips = [f"{mark.at:g} s: {_text(mark, 200)}" for mark in pill.marks[:20]]
        if len(pill.marks) > 20:
            tips.append(f"and {len(pill.marks) - 20:,} more")
        style = {"stroke": colour, "fill": colour, "fill_opacity": 0.2}
        tip = "; ".join(tips)
        left, right, top, bottom = x - half, x + half, y - 10, y + 10
        if kind == "item":
            box = {"x": left, "y": top, "width": 2 * half, "height": 20.0}
            self._drawing.shape("rect", tip, **box, rx=10, **style)
        elif kind == "request":  # it points up, to the source
            points = (
                f"{left:.1f},{bottom} {right:.1f},{bottom} {right:.1f},{y - 8} {x:.1f},{y - 14}"
            )
            points += f" {left:.1f},{y - 8}"
            self._drawing.shape("polygon", tip, points=points, **style)
        else:  # it has fallen out
            box = {"x": left, "y": top, "width": 2 * half, "height": 20.0}
            self._drawing.shape("rect", tip, **box, stroke_dasharray="3 2", **style)
        self._drawing.text(x, y + 4, pill.text, size=SMALL, anchor="middle")

    def _end(self, name: str, mark: Mark, x: float, y: float) -> None:
        tip = f"{mark.at:g} s: {mark.kind} {mark.text}".strip()
        if mark.kind == "completed":
            box = {"x": x - 1.5, "y": y - 12, "width": 3.0, "height": 24.0}
            self._drawing.shape("rect", tip, **box, fill="currentColor")
            return
        path = f"M{x - 6:.1f},{y - 6} l12,12 m0,-12 l-12,12"
        colour = RED if mark.kind == "error" else "currentColor"
        self._drawing.shape("path", tip, d=path, stroke=colour, stroke_width=2.5)
        what = f"failed: {mark.text}" if mark.kind == "error" else "cancelled"
        self._notes.append(f"{cut(name, LABEL)}: {what} at {_seconds(mark.at)}.")

    def _area(self, level: Level) -> None:
        """Draw what a part held, and the line of its capacity if that is near."""
        capacity, peak = level.capacity, level.peak
        near = capacity is not None and 0 < capacity <= max(1, 4 * peak)
        full = max(peak, capacity if near and capacity else 1)
        note = f"held, peak {peak:,}"
        if capacity is not None:
            note = f"held, peak {peak:,} of {capacity:,}"
        bottom = self._label(level.name, note, AREA) + AREA / 2 - 6
        high = AREA - 20

        def up(held: float) -> float:
            return bottom - high * held / full

        points = [(self._place(at), up(held)) for at, held in _thinned(level.points, self._place)]
        path = f"M{self._left:.1f},{bottom}"
        for x, y in points:
            path += f" H{x:.1f} V{y:.1f}"
        path += f" H{self._place(self._recording.seconds):.1f}"
        style = {"fill": BLUE, "fill_opacity": 0.25, "stroke": BLUE}
        self._drawing.shape("path", f"{level.name}: {note}", d=f"{path} V{bottom} Z", **style)
        self._drawing.line(self._left, bottom, self._left + PLOT, bottom, stroke_opacity=0.4)
        if near and capacity:
            y = up(capacity)
            dashes = {"stroke_dasharray": "6 4"}
            self._drawing.line(self._left, y, self._left + PLOT, y, **dashes)
            self._drawing.text(self._left + PLOT + 4, y + 4, f"{capacity:,}", size=SMALL)

    def _stretches(self, name: str, stretches: Sequence[tuple[float, float]], colour: str) -> None:
        total = sum(end - start for start, end in stretches)
        y = self._label(name, f"{_seconds(total)} in all", LANE)
        self._track(y, [(self._place(start), self._place(end)) for start, end in stretches])
        for start, end in stretches:
            x, broad = self._place(start), self._place(end) - self._place(start)
            tip = f"{name} from {start:g} s to {end:g} s"
            box = {"x": x, "y": y - 6, "width": max(1.0, broad), "height": 12.0}
            if name == "blocked":
                style: dict[str, object] = {"fill": colour, "stroke": "currentColor"}
            else:  # pale, with a broken edge: nothing was there
                style = {"fill": colour, "fill_opacity": 0.25, "stroke": "currentColor"}
                style |= {"stroke_dasharray": "4 3"} if broad > 12 else {}
            self._drawing.shape("rect", tip, **box, **style)

    def _axis(self) -> None:
        y = self._y + 8
        step = _step(self._recording.seconds)
        self._drawing.line(self._left, y, self._left + PLOT, y)
        for tick in range(int(self._recording.seconds / step + 1e-9) + 1):
            at = tick * step
            x = self._place(at)
            self._drawing.line(x, y, x, y + 5)
            self._drawing.text(x, y + 18, _seconds(at), size=SMALL, anchor="middle")
        y += 22
        if self._recording.missed:
            self._notes.append(f"{self._recording.missed:,} more signals were not kept.")
        for note in self._notes:
            y += 17
            self._drawing.text(8.0, y, cut(note, 100), size=SMALL, tip=note)


def marbles(recording: Recording) -> str:
    """Draw a recording as a marble diagram.

    Args:
        recording: It.

    Returns:
        An SVG: a lane for requests, each source, each reason of drops, what each part held,
        blocked and starved stretches, and the output, over time.
    """
    return _Diagram(recording).drawn()


def summary(recording: Recording) -> str:
    """Say in a sentence what happened.

    Args:
        recording: It.
    """
    came = sum(mark.kind == "item" for marks in recording.sources.values() for mark in marks)
    out = sum(mark.kind == "item" for mark in recording.output)
    dropped = {
        reason: sum(mark.count for mark in marks) for reason, marks in recording.drops.items()
    }
    parts = [f"{came:,} came in"] if recording.sources else []
    parts += [f"{_requested(recording.requests)} requested", f"{out:,} came out"]
    parts += [f"{count:,} dropped ({reason})" for reason, count in dropped.items()]
    parts += [f"{level.name} held at most {level.peak:,}" for level in recording.held]
    parts += [
        f"{name} for {_seconds(sum(end - start for start, end in stretches))}"
        for name, stretches in (("blocked", recording.blocked), ("starved", recording.starved))
    ]
    ends = [mark for mark in (*recording.output, *recording.requests) if mark.kind in _ENDS]
    parts += [f"{_ENDS[mark.kind]} {mark.text}".strip() for mark in ends] or ["still open"]
    return f"In {_seconds(recording.seconds)}: {', '.join(parts)}."


_ENDS = {"completed": "completed", "error": "failed with", "cancel": "cancelled"}


def told(recording: Recording) -> str:
    """Give the text in place of the diagram: a line for each lane.

    Args:
        recording: It.
    """
    lanes = {"request": recording.requests, **recording.sources}
    lanes |= {f"dropped: {reason}": marks for reason, marks in recording.drops.items()}
    lanes["output"] = recording.output
    broad = max(map(len, lanes))
    lines = [summary(recording)]
    for name, marks in lanes.items():
        texts = [f"{mark.at:g}s {_text(mark, 40)}" for mark in marks[:20]]
        if len(marks) > 20:
            texts.append(f"and {len(marks) - 20:,} more")
        lines.append(f"{name:{broad}}  {', '.join(texts) or '-'}")
    return "\n".join(lines)


def _text(mark: Mark, most: int = ITEM) -> str:
    if mark.kind == "request":
        return "∞" if mark.count == UNBOUNDED else f"+{mark.count:,}"
    if mark.kind == "drop" and not mark.text:
        return f"{TIMES}{mark.count:,}"
    bare = mark.text[1:-1]  # of a text that can be taken for nothing else
    plain = mark.text == repr(bare) and bare.isidentifier() and bare not in _VALUES
    return cut(bare if plain else mark.text or mark.kind, most)


_VALUES = ("None", "True", "False")


def _asked(marks: Sequence[Mark]) -> str:
    total = sum(mark.count for mark in marks)
    return "∞" if total >= UNBOUNDED else f"+{_short(total)}"


def _short(count: int) -> str:
    """Write a number in four characters at most."""
    for size, unit in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if count >= size:
            return f"{count / size:.3g}{unit}" if count < 100 * size else f"{count // size}{unit}"
    return str(count)


def _requested(marks: Sequence[Mark]) -> str:
    total = sum(mark.count for mark in marks if mark.kind == "request")
    return "all" if total >= UNBOUNDED else f"{total:,}"


def _thinned(
    points: Sequence[tuple[float, int]], place: Callable[[float], float]
) -> list[tuple[float, int]]:
    """Leave out what cannot be seen: of many points in one unit the least, the most, the last."""
    seen: dict[int, list[tuple[float, int]]] = {}
    for point in points:
        seen.setdefault(int(place(point[0])), []).append(point)
    kept: list[tuple[float, int]] = []
    for near in seen.values():
        ends = {min(near, key=lambda point: point[1]), max(near, key=lambda point: point[1])}
        kept += sorted({*ends, near[-1]}) if len(near) > 3 else near
    return kept


def _step(seconds: float) -> float:
    """Give a round distance of ticks, of which there are up to 10 or so."""
    if seconds <= 0:
        return 1.0
    scale = 10.0 ** floor(log10(seconds / 8))
    return next(scale * by for by in (1, 2, 5, 10, 20) if seconds / (scale * by) <= 8)


def _seconds(seconds: float) -> str:
    if seconds == 0 or seconds >= 1:
        return f"{seconds:,.4g} s" if seconds < 10_000 else f"{seconds:,.0f} s"
    return f"{seconds * 1e3:.3g} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.3g} µs"
