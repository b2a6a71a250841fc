"""Marbles with a demand lane: what is asked for, what comes, and what is held, tick by tick."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from typing import Any, NamedTuple

from reactivex import Notification, Observable
from reactivex.disposable import SerialDisposable
from reactivex.notification import OnCompleted, OnError, OnNext
from reactivex.testing import Recorded, TestScheduler

from ..kernel import StageStatistics
from ..protocol import UNBOUNDED
from .publisher import TestPublisher
from .subscriber import TestSubscriber

__all__ = ["assert_marbles", "render_marbles"]

Mark = tuple[int, str]  # a tick, and a character that stands there

COUNTED: dict[str, Callable[[StageStatistics], int]] = {
    "held": lambda part: part.held,
    "dropped": lambda part: sum(part.dropped.values()),
}
MEANING: dict[str, tuple[str, str]] = {  # what may stand in the lanes that have no items
    "request": ("123456789ux", "1 to 9, u for all, x to cancel, - for nothing, or (...)"),
    **dict.fromkeys(COUNTED, ("0123456789+", "0 to 9, + for more, or . for what is not checked")),
}
ENDS = {"|", "X"}


def assert_marbles(
    build: Callable[..., Any],
    diagram: str,
    *,
    values: Mapping[str, Any] | None = None,
    error: Exception | type[Exception] | None = None,
) -> None:
    """Run a pipeline in virtual time, and assert that it does what is drawn.

    Each line is a lane, named by its first word; a column is a tick, one second of the
    TestScheduler that the stream is subscribed with at tick 0, where the leftmost lane starts.
    A blank is time that passes, like ``-``: a lane further right starts later. At one tick
    lanes act from top to bottom, then timers do. The end of the longest lane cancels.

    - ``request``: ``1`` to ``9`` asks for so many, ``u`` for UNBOUNDED, ``x`` cancels. Without
      this lane all is requested at once.
    - ``output``: what is to come out, all of it and nothing else.
    - ``held``: how many items the stream holds after each tick, as its statistics say:
      ``0`` to ``9``, ``+`` for more, ``.`` for what is not checked.
    - ``dropped``: how many it has dropped by then, in the same way.
    - Any other name: a hot Observable, which ``build`` is given by this name; with ``cold``
      before it a cold one, whose first column is when it is subscribed to.

    In sources and output a letter or digit is an item, ``|`` completes, ``X`` fails. As with
    ``reactivex.from_marbles`` a digit is an int, and a group, as ``(ab|)`` (no commas here),
    comes at the tick of its first bracket and takes the columns it is written in. If others
    need these, write the lane on two lines, which are laid over one another. ``#`` begins
    a line that is a comment.

    >>> import rxflow as rx
    >>> from rxflow import operators as ops
    >>> assert_marbles(
    ...     lambda source: source.pipe(
    ...         ops.on_backpressure_buffer(2, overflow=rx.DROP_OLDEST), ops.map(str.upper)
    ...     ),
    ...     '''
    ...     request  1-------2------1---
    ...     source   -a-b-c-d-----e---|
    ...     output   -A------(CD)---E-|
    ...     held     0001122200000110000
    ...     dropped  0000000111111111111
    ...     ''',
    ... )

    Args:
        build: Function of the sources, by name; it gives the stream under test: a Flow or
            another Publisher, or a plain Observable, which has no demand.
        diagram: The lanes.
        values: Items by the character that stands for each.
        error: What ``X`` is: an exception, which sources fail with and the output is to fail
            with (or one of the same class and arguments); or, for the output only, a class.
            By default ``Exception("error")``.

    Raises:
        AssertionError: It does something else, or breaks a rule of Reactive Streams; the
            message draws all lanes, and what came below what was expected.
        ValueError: The diagram is wrong.
        TypeError: What ``build`` gives is no stream.
    """
    __tracebackhide__ = True  # by pytest, which then shows the test
    drawn = _Diagram(diagram, values, error)
    if "output" not in drawn.lanes:
        raise ValueError("there is no output lane: draw it; render_marbles() tells what comes")
    came, violations = _run(build, drawn)
    wrong = {name: ticks for name in came if (ticks := _differing(drawn, name, came[name]))}
    if wrong or violations:
        what = [f"the {name} lane differs at tick {ticks[0]}" for name, ticks in wrong.items()]
        raise AssertionError("\n".join([*what, *violations, "", *_drawing(drawn, came, wrong)]))


def render_marbles(
    build: Callable[..., Any],
    diagram: str,
    *,
    values: Mapping[str, Any] | None = None,
    error: Exception | type[Exception] | None = None,
) -> str:
    """Run a pipeline as :func:`assert_marbles` does, and draw what it does.

    Args:
        build: Function of the sources; see :func:`assert_marbles`, also for what follows.
        diagram: The lanes; of those that are expected only the length counts, if they are there.
        values: Items by the character that stands for each.
        error: What ``X`` is.

    Returns:
        A diagram with what came and, if there are statistics, what was held and dropped.
        Comments below it tell what a character stands for that was chosen here.

    Raises:
        ValueError: The diagram is wrong.
        TypeError: What ``build`` gives is no stream.
    """
    drawn = _Diagram(diagram, values, error)
    came, _ = _run(build, drawn)
    return "\n".join(_drawing(drawn, came, None))


class _Lane(NamedTuple):
    rows: list[str]  # which begin at tick 0
    marks: list[Mark]
    cold: bool


class _Diagram:
    """The lanes as they were drawn, and what the characters in them stand for."""

    def __init__(
        self,
        diagram: str,
        values: Mapping[str, Any] | None,
        error: Exception | type[Exception] | None,
    ) -> None:
        self.lanes = _lanes(diagram)
        self.width = max((len(row) for lane in self.lanes.values() for row in lane.rows), default=0)
        self.values = dict(values or {})
        self.error = Exception("error") if error is None else error
        self._taken = {*diagram, *self.values, "X"}
        self.chosen: dict[str, Any] = {}  # what characters stand for that were not drawn
        for char in self.values:
            if len(char) != 1 or char.isspace() or char in "-|X()!":
                raise ValueError(f"values: {char!r} is to be one character, none of -|X()!")
        for name, lane in self.lanes.items():
            self._check(name, [char for _, char in lane.marks], lane.cold)

    @property
    def sources(self) -> dict[str, _Lane]:
        return {name: self.lanes[name] for name in self.lanes if name not in (*MEANING, "output")}

    def _check(self, name: str, chars: list[str], cold: bool) -> None:
        """Refuse what means nothing."""
        items = "an item (a letter, a digit or a key of values=), | or X, - or (...)"
        known, hint = MEANING.get(name, ("|X", items))
        for char in chars:
            if char not in known and (name in MEANING or not self._is_item(char)):
                raise ValueError(f"{char!r} means nothing in the {name} lane: write {hint}")
        if name not in MEANING and ENDS & set(chars[:-1]):
            raise ValueError(f"the {name} lane goes on after its end: let | or X be its last")
        if cold and name not in self.sources:
            raise ValueError(f"the {name} lane is no source: write it without cold")
        if name in self.sources and "X" in chars and isinstance(self.error, type):
            raise ValueError(f"the {name} lane fails: let error= be an exception, not a class")

    def _is_item(self, char: str) -> bool:
        return char in self.values or (char.isalnum() and char != "X")

    def _item(self, char: str) -> Any:
        return self.values[char] if char in self.values else int(char) if char.isdecimal() else char

    def signal(self, char: str) -> Notification[Any]:
        if char == "X" and isinstance(self.error, Exception):
            return OnError(self.error)
        return OnCompleted() if char == "|" else OnNext(self._item(char))

    def canonical(self, char: str) -> str:
        """Give the character that equal items have when they come."""
        return char if char in ENDS else self.char(self._item(char))

    def char(self, item: Any) -> str:
        """Give the character of an item, the same one for all that are equal."""
        own = [item] if isinstance(item, str) and len(item) == 1 and self._is_item(item) else []
        for char in chain(self.values, "0123456789", own):
            if char not in self.chosen and _equal(self._item(char), item):
                self._taken.add(char)
                return char
        for char, known in self.chosen.items():
            if _equal(known, item):
                return char
        letters = chain("ABCDEFGHIJKLMNOPQRSTUVWXYZ", map(chr, range(ord("a"), 0x10000)))
        char = next(each for each in letters if each.isalpha() and each not in self._taken)
        self._taken.add(char)
        self.chosen[char] = item
        return char

    def end(self, error: Exception | None) -> str:
        """Give the character of an end."""
        if error is None:
            return "|"
        if isinstance(self.error, type):
            same = isinstance(error, self.error)
        else:
            same = type(error) is type(self.error) and error.args == self.error.args
        if not same:
            self.chosen["!"] = error
        return "X" if same else "!"


def _equal(one: Any, other: Any) -> bool:
    return one is other or (isinstance(one, bool) is isinstance(other, bool) and one == other)


def _lanes(diagram: str) -> dict[str, _Lane]:
    """Take a diagram apart."""
    found: dict[str, list[tuple[int, str, bool]]] = {}
    for line in diagram.expandtabs().splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            match = re.match(r"\s*(cold\s+)?([^\W\d]\w*)\s+(\S.*?)\s*$", line)
            if match is None:
                raise ValueError(f"{line.strip()!r} is no lane: write name, blank and marbles")
            found.setdefault(match[2], []).append((match.start(3), match[3], bool(match[1])))
    origin = min((start for rows in found.values() for start, *_ in rows), default=0)
    return {name: _lane(name, origin, rows) for name, rows in found.items()}


def _lane(name: str, origin: int, drawn: list[tuple[int, str, bool]]) -> _Lane:
    """Read the rows of a lane, of which each has its column."""
    rows = [" " * (start - origin) + text for start, text, _ in drawn]
    if name in COUNTED:
        if len(rows) > 1:
            raise ValueError(f"there are two {name} lanes: write one")
        digits = [(tick, char) for tick, char in enumerate(rows[0]) if char not in ". "]
        return _Lane(rows, digits, drawn[0][2])
    cold = all(cold for _, _, cold in drawn)
    first = min(start for start, *_ in drawn) - origin if cold else 0
    marks = [mark for row in rows for mark in _marks(name, row[first:])]
    return _Lane(rows, sorted(marks, key=lambda mark: mark[0]), cold)


def _marks(name: str, row: str) -> Iterator[Mark]:
    """Give what stands in a row, without what only is time."""
    for match in re.finditer(r"\(([^()]*)\)|([^- ])", row):
        for char in match[1] or match[2] or "()":
            if char in "()- ":
                raise ValueError(f"{row.strip()!r}, the {name} lane: write groups as (ab|)")
            yield match.start(), char


def _run(build: Callable[..., Any], drawn: _Diagram) -> tuple[dict[str, list[Mark]], list[str]]:
    """Give what comes in each lane that can be expected, and the rules that are broken."""
    scheduler = TestScheduler()
    subscriber = TestSubscriber[Any](0 if "request" in drawn.lanes else UNBOUNDED)
    sources = _scheduled(scheduler, drawn, subscriber)
    try:
        inspect.signature(build).bind(**sources)
    except TypeError as error:
        raise ValueError(
            f"the source lanes are {', '.join(sources) or 'none'}, and the function is to "
            f"take just these, by name: {error}"
        ) from None
    _subscribe(build(**sources), subscriber, scheduler, drawn)
    came: dict[str, list[Mark]] = {"output": []}
    known, ended = 0, False
    try:
        counted = COUNTED if hasattr(subscriber.subscription, "statistics") else {}
        if missing := COUNTED.keys() & drawn.lanes.keys() - counted.keys():
            raise ValueError(f"the stream keeps no statistics: leave out {', '.join(missing)}")
        for tick in range(drawn.width):
            scheduler.advance_to(tick + 0.999999)  # seconds: all of this tick, not the next one
            new, known = subscriber.items[known:], len(subscriber.items)
            came["output"] += [(tick, drawn.char(item)) for item in new]
            if subscriber.ended and not ended:
                came["output"].append((tick, drawn.end(subscriber.error)))
            ended = subscriber.ended
            for name, count in counted.items():
                total = sum(map(count, subscriber.subscription.statistics()))
                came.setdefault(name, []).append((tick, str(total) if total < 10 else "+"))
    finally:
        subscriber.cancel()
    return came, subscriber.violations


def _scheduled(
    scheduler: TestScheduler, drawn: _Diagram, subscriber: TestSubscriber[Any]
) -> dict[str, Observable[Any]]:
    """Schedule the lanes; what is scheduled first comes first in its tick."""

    def ask(_: Any, char: Any) -> None:
        if char == "x":
            subscriber.cancel()
        else:
            subscriber.request(UNBOUNDED if char == "u" else int(char))

    sources: dict[str, Observable[Any]] = {}
    for name, lane in drawn.lanes.items():
        if name == "request":
            for tick, char in lane.marks:
                scheduler.schedule_absolute(float(tick), ask, char)
        elif name in drawn.sources:
            signals = [Recorded[Any](tick, drawn.signal(char)) for tick, char in lane.marks]
            cold, hot = scheduler.create_cold_observable, scheduler.create_hot_observable
            sources[name] = cold(signals) if lane.cold else hot(signals)
    return sources


def _subscribe(
    stream: Any, subscriber: TestSubscriber[Any], scheduler: TestScheduler, drawn: _Diagram
) -> None:
    if not callable(getattr(stream, "subscribe", None)):
        raise TypeError(f"the function is to give the stream under test, not {stream!r}")
    options = {"scheduler": scheduler} if issubclass(type(stream), Observable) else {}
    if not options or hasattr(stream, "feed"):  # as each Flow has
        stream.subscribe(subscriber, **options)
        assert subscriber.subscription is not None, "1.9: the subscriber got no Subscription"
        return
    if MEANING.keys() & drawn.lanes.keys():
        raise ValueError(
            f"a plain Observable has no {', '.join(MEANING)} lane: leave them out, or put a "
            "door such as ops.on_backpressure_buffer(...) into the pipeline"
        )
    left = SerialDisposable()
    told = TestPublisher[Any](on_cancel=lambda _: left.dispose())
    told.subscribe(subscriber)
    left.disposable = stream.subscribe(told.emit, told.fail, told.complete, **options)


def _at(marks: list[Mark], tick: int) -> str:
    return "".join(char for at, char in marks if at == tick)


def _differing(drawn: _Diagram, name: str, came: list[Mark]) -> list[int]:
    """Give the ticks at which a lane is not as expected."""
    marks = drawn.lanes[name].marks if name in drawn.lanes else []
    if name in COUNTED:
        return [tick for tick, char in marks if char != _at(came, tick)]
    expected = [(tick, drawn.canonical(char)) for tick, char in marks]
    return [tick for tick in range(drawn.width) if _at(expected, tick) != _at(came, tick)]


def _rows(marks: list[Mark], width: int) -> list[str]:
    """Draw what came; where brackets take the columns of what follows, on another row."""
    rows = ["", *("" for _ in marks)]
    for tick in dict.fromkeys(at for at, _ in marks):
        text = _at(marks, tick)
        place = next(place for place, row in enumerate(rows) if len(row) <= tick)
        before = rows[place].ljust(tick, " " if place else "-")
        rows[place] = before + (text if len(text) == 1 else f"({text})")
    if not marks or marks[-1][1] not in "|X!":
        rows[0] = rows[0].ljust(width, "-")
    return [row for row in rows if row]


def _drawing(
    drawn: _Diagram, came: Mapping[str, list[Mark]], wrong: Mapping[str, list[int]] | None
) -> list[str]:
    """Draw all lanes: what came, or below what was expected where ``wrong`` tells the ticks."""
    lines: list[tuple[str, str]] = []
    for name in dict.fromkeys([*drawn.lanes, *(came if wrong is None else ())]):
        if name in drawn.lanes and (wrong is not None or name not in came):
            lane = drawn.lanes[name]
            lines += [("cold " * lane.cold + name, row) for row in lane.rows]
        if name in came:
            label = name if wrong is None else "  came"
            lines += [(label, row) for row in _rows(came[name], drawn.width)]
        if wrong and name in wrong:
            lines.append(("", "".join(" ^"[at in wrong[name]] for at in range(drawn.width))))
    broad = max((len(label) for label, _ in lines), default=0)
    meaning = [f"# {char} is {thing!r}" for char, thing in drawn.chosen.items()]
    return [*(f"{label:{broad}}  {row}".rstrip() for label, row in lines), *meaning]
