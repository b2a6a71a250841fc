"""The recorder: what is asked for, what comes, and what is held, of one subscription over time."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from reprlib import Repr
from threading import Lock
from typing import Any, TypeVar

from reactivex import Observable
from reactivex import abc as rx_abc

from ..flow import Flow
from ..flow.registry import native
from ..kernel import Alarm, Context, Feed, StageStatistics
from ..protocol import UNBOUNDED, add_demand

T = TypeVar("T")

LIMIT = 10_000
"""So many signals are kept of a run; the rest is counted (signals)."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened.

    Attributes:
        at: When (seconds from the beginning).
        kind: "item", "completed", "error", "request", "cancel" or "drop".
        text: The item, the error or the reason, shortened.
        count: How many items were asked for, or dropped (items); UNBOUNDED for all.
    """

    at: float
    kind: str
    text: str = ""
    count: int = 1


@dataclass(frozen=True, slots=True)
class Level:
    """What one part held.

    Attributes:
        name: The part.
        capacity: The most it may hold (items), None where that is not bounded or not known.
        points: When it held how many from then on (seconds, items).
    """

    name: str
    capacity: int | None
    points: tuple[tuple[float, int], ...]

    @property
    def peak(self) -> int:
        """The most that was seen in it (items)."""
        return max((held for _, held in self.points), default=0)


@dataclass(frozen=True, slots=True)
class Recording:
    """One run, as far as it was heard.

    Attributes:
        seconds: How long it took (seconds).
        requests: What was asked for.
        sources: What came in, by the name of the source.
        output: What came out.
        drops: What was given up, by reason.
        held: What the parts held.
        blocked: From when to when something was held that nobody had asked for (seconds).
        starved: From when to when something was asked for and nothing was there (seconds).
        missed: Signals that were not kept, beyond the limit.
    """

    seconds: float
    requests: tuple[Mark, ...]
    sources: dict[str, tuple[Mark, ...]]
    output: tuple[Mark, ...]
    drops: dict[str, tuple[Mark, ...]]
    held: tuple[Level, ...]
    blocked: tuple[tuple[float, float], ...]
    starved: tuple[tuple[float, float], ...]
    missed: int


class Recorder:
    """Writes down a subscription that carries it, in virtual or in real time.

    Put it at the end of a pipeline, as an operator, and ``source(name)`` where items come
    in; then consume the Flow as you like. As the last line of a cell it is a marble
    diagram. It keeps the last subscription only, and texts instead of items.

    >>> import rxflow as rx
    >>> from rxflow import operators as ops
    >>> recorder = Recorder()
    >>> list(rx.range(4).pipe(recorder.source("numbers"), ops.map(str), recorder))
    ['0', '1', '2', '3']
    >>> [mark.text for mark in recorder.recording().output]
    ["'0'", "'1'", "'2'", "'3'", '']
    """

    def __init__(self, *, limit: int = LIMIT) -> None:
        """Record nothing yet.

        Args:
            limit: So many signals of a run are kept, the rest is counted (signals).
        """
        self._limit = limit
        self._run: _Run | None = None

    def __call__(self, flow: Flow[T]) -> Flow[T]:
        """Have each subscription of a Flow recorded; it begins the recording anew.

        Args:
            flow: The Flow; what a :class:`Recorder` stands behind in a ``pipe``.

        Raises:
            TypeError: It is no Flow.
        """
        if not isinstance(flow, Flow):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"a Recorder records a Flow, not {flow!r}: put it behind a door")

        def feed(context: Context) -> Feed[Any]:
            run = self._run = _Run(context, self._limit)
            run.feed = _tap(run.heard)(flow).feed(context)
            return run.feed

        return _watched(flow, feed)

    def source(self, name: str) -> Callable[[Observable[Any]], Any]:
        """Record what comes from a source, as an operator right behind it.

        Args:
            name: What its lane is called.

        Returns:
            A function from an Observable, or a Flow, to the same kind.
        """

        def apply(source: Observable[Any]) -> Any:
            if isinstance(source, Flow):
                flow: Flow[Any] = source

                def feed(context: Context) -> Feed[Any]:
                    run = self._run
                    if run is None:
                        return flow.feed(context)
                    return _tap(partial(run.came, name))(flow).feed(context)

                return _watched(flow, feed)

            def subscribe(
                observer: rx_abc.ObserverBase[Any], scheduler: rx_abc.SchedulerBase | None = None
            ) -> rx_abc.DisposableBase:
                run = self._run
                if run is None:  # nobody carries the recorder
                    return source.subscribe(observer, scheduler=scheduler)

                def on_next(item: Any) -> None:
                    run.came(name, "on_next", item)
                    observer.on_next(item)
                    run.look()

                def on_error(error: Exception) -> None:
                    run.came(name, "on_error", error)
                    observer.on_error(error)
                    run.look()

                def on_completed() -> None:
                    run.came(name, "on_completed", None)
                    observer.on_completed()
                    run.look()

                return source.subscribe(on_next, on_error, on_completed, scheduler=scheduler)

            return Observable(subscribe)

        return apply

    def on_drop(self, item: Any, reason: str) -> None:
        """Hear of an item that was dropped: pass it as ``on_drop`` to have it named.

        Without it drops are seen by their number and reason.

        Args:
            item: It.
            reason: Why.
        """
        if self._run is not None:
            self._run.lost.setdefault(reason, []).append(shown(item))

    def recording(self) -> Recording:
        """Give what was recorded so far, of the last subscription."""
        return (self._run or _Run(None, 0)).recording()

    def _repr_svg_(self) -> str:
        """Draw it, for a notebook."""
        from .marbles import marbles

        return marbles(self.recording())

    def __repr__(self) -> str:
        """Say in lines of text what was recorded."""
        from .marbles import told

        return told(self.recording())


class _Run:
    """The recording of one subscription; from any thread."""

    def __init__(self, context: Context | None, limit: int) -> None:
        scheduler = None if context is None else context.timed().scheduler
        self._clock = Alarm(lambda: None, scheduler)
        self._zero = self._clock.read()
        self.feed: Feed[Any] | None = None  # whose figures are looked at; None when it is over
        self._left = limit
        self._missed = 0
        self._lock = Lock()
        self._asked = 0  # in all (items)
        self._delivered = 0
        self._end = 0.0
        self._marks: list[tuple[str, Mark]] = []  # each with its lane
        self._levels: dict[str, tuple[int | None, list[tuple[float, int]]]] = {}
        self._dropped: Counter[tuple[str, str]] = Counter()  # by part and reason, as last seen
        self._drops: list[Mark] = []
        self._states: list[tuple[float, str]] = []  # from when on it is blocked or starved
        self.lost: dict[str, list[str]] = {}  # items of whose drop on_drop has told, by reason

    def heard(self, signal: str, value: Any) -> None:
        """Hear a signal at the end of the pipeline."""
        with self._lock:
            if signal == "request":
                self._asked = add_demand(self._asked, value)
                self._note("request", Mark(self._now(), "request", count=value))
            elif signal == "cancel":
                self._note("request", Mark(self._now(), "cancel"))
            else:
                self._delivered += signal == "on_next"
                self._signal("output", signal, value)
        self.look()
        if signal in ("cancel", "on_error", "on_completed"):
            self.feed = None

    def came(self, lane: str, signal: str, value: Any) -> None:
        """Hear a signal of a source."""
        with self._lock:
            self._signal(f"source {lane}", signal, value)

    def look(self) -> None:
        """See what the parts hold and have dropped by now."""
        feed = self.feed
        if feed is None:
            return
        with self._lock:
            now = self._now()
            total = sum(self._seen(now, name, part) for name, part in _named(feed.statistics()))
            asked = self._asked == UNBOUNDED or self._asked > self._delivered
            state = ("blocked" if total else "") if not asked else "" if total else "starved"
            if not self._states or self._states[-1][1] != state:
                self._states.append((now, state))

    def _now(self) -> float:
        self._end = max(self._end, (self._clock.read() - self._zero) / 1_000_000)
        return self._end

    def _signal(self, lane: str, signal: str, value: Any) -> None:
        if kind := {"on_next": "item", "on_error": "error", "on_completed": "completed"}.get(
            signal
        ):
            text = "" if kind == "completed" else shown(value)
            self._note(lane, Mark(self._now(), kind, text))

    def _note(self, lane: str, mark: Mark) -> None:
        if self._left > 0:
            self._left -= 1
            self._marks.append((lane, mark))
        else:
            self._missed += 1

    def _seen(self, now: float, name: str, part: StageStatistics) -> int:
        """Keep what has changed in the figures of a part; give what it holds."""
        for reason, count in part.dropped.items():
            more = count - self._dropped[name, reason]
            self._dropped[name, reason] = count
            if more > 0:
                self._lost(now, reason, more)
        if part.capacity is None and not part.held and name not in self._levels:
            return 0
        _, points = self._levels.setdefault(name, (part.capacity, []))
        if (not points or points[-1][1] != part.held) and self._left > 0:
            self._left -= 1
            points.append((now, part.held))
        return part.held

    def _lost(self, now: float, reason: str, count: int) -> None:
        told = self.lost.get(reason, [])
        texts = [told.pop(0) for _ in range(min(count, len(told)))]
        for text in texts:
            self._note(f"drop {reason}", Mark(now, "drop", text))
        if count > len(texts):
            self._note(f"drop {reason}", Mark(now, "drop", count=count - len(texts)))

    def recording(self) -> Recording:
        """Give what is there by now."""
        with self._lock:
            lanes: dict[str, list[Mark]] = {}
            for lane, mark in self._marks:
                lanes.setdefault(lane, []).append(mark)

            def of(kind: str) -> dict[str, tuple[Mark, ...]]:
                begin = f"{kind} "
                return {
                    lane.removeprefix(begin): tuple(marks)
                    for lane, marks in lanes.items()
                    if lane.startswith(begin)
                }

            return Recording(
                self._end,
                tuple(lanes.get("request", ())),
                of("source"),
                tuple(lanes.get("output", ())),
                of("drop"),
                tuple(
                    Level(name, capacity, tuple(points))
                    for name, (capacity, points) in self._levels.items()
                ),
                tuple(self._stretches("blocked")),
                tuple(self._stretches("starved")),
                self._missed,
            )

    def _stretches(self, wanted: str) -> Iterator[tuple[float, float]]:
        """Give when it was in a state; what was in between for no time does not count."""
        ends = [at for at, _ in self._states[1:]] + [self._end]
        begun: float | None = None
        until = 0.0
        for (start, state), end in zip(self._states, ends, strict=False):
            if state != wanted or end <= start:
                continue
            if begun is not None and start > until:
                yield begun, until
                begun = None
            begun, until = start if begun is None else begun, end
        if begun is not None:
            yield begun, until


def _tap(listener: Callable[[str, Any], None]) -> Callable[[Flow[Any]], Flow[Any]]:
    tap_signals = native("tap_signals")
    assert tap_signals is not None
    return tap_signals(listener)


def _watched(flow: Flow[T], feed: Callable[[Context], Feed[Any]]) -> Flow[T]:
    """Make a Flow that is explained as one with tap_signals, and has a listener per subscription.

    So what a former subscription still does is not heard as if it were the present one.
    """
    made: Flow[T] = _tap(lambda signal, value: None)(flow)
    made.source = feed
    return made


def _named(parts: Iterator[StageStatistics]) -> Iterator[tuple[str, StageStatistics]]:
    """Give each part with a name of its own."""
    times: Counter[str] = Counter()
    for part in parts:
        times[part.name] += 1
        yield part.name if times[part.name] == 1 else f"{part.name} ({times[part.name]})", part


_ADDRESS = re.compile(" (?:instance )?at 0x[0-9a-fA-F]+")
_SHORT = Repr()
_SHORT.maxstring = _SHORT.maxother = 60


def shown(item: Any) -> str:
    """Give a short text of an item, whatever its own ``repr`` does.

    Args:
        item: It.
    """
    try:
        text = _SHORT.repr(item)
    except Exception:
        text = f"<{type(item).__name__}>"
    return _ADDRESS.sub("", text)  # so that the same run gives the same picture
