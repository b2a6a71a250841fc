"""compare: one source through several overflow strategies, side by side."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from threading import Event, Thread
from typing import Any, cast

from reactivex import Observable
from reactivex import abc as rx_abc
from reactivex.disposable import Disposable

from ..flow import Flow
from ..kernel import StageStatistics
from ..testing import VirtualTimeLoop
from .recording import shown
from .svg import cut
from .tables import html_table, text_table

UNTIL = 60.0
"""So long an Observable is listened to, unless told otherwise (seconds)."""

# The reasons for which it is the item that comes, or the one before it, that is lost; else it
# is the oldest one.
_COMING = {"incoming", "overflow", "refused", "too heavy", "timeout", "shed"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one strategy made of the source.

    Attributes:
        strategy: Which one.
        came: Items that the source gave (items).
        delivered: Items that the consumer got (items).
        dropped: Items that were given up, by reason (items).
        discarded: Items that were held at the end, when it failed or was left (items).
        peak: The most that was held at once (items).
        capacity: The most that may be held by the first part that holds any (items).
        waits: How long each item that was taken out of that part had been in it (seconds).
        held: When all parts held how many from then on (seconds, items).
        seconds: How long it took (seconds).
        end: "completed", "left" when its time was over, or what it failed with.
    """

    strategy: str
    came: int
    delivered: int
    dropped: Mapping[str, int]
    discarded: int
    peak: int
    capacity: int | None
    waits: tuple[float, ...]
    held: tuple[tuple[float, int], ...]
    seconds: float
    end: str

    @property
    def lost(self) -> int:
        """Items that came and were not delivered, for whatever reason (items)."""
        return sum(self.dropped.values()) + self.discarded

    def wait(self, share: float) -> float | None:
        """Give how long so many of the items waited at most; None where none was delivered.

        Args:
            share: Such as 0.99.
        """
        if not self.waits:
            return None
        ordered = sorted(self.waits)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


@dataclass(frozen=True)
class Comparison:
    """What several strategies made of the same source; a notebook shows a table and plots.

    Attributes:
        outcomes: One for each strategy, in their order.
    """

    outcomes: tuple[Outcome, ...]

    def rows(self) -> list[list[str]]:
        """Give the table, with its heading."""
        heading = ["strategy", "came", "delivered", "lost", "why", "held at most", "waited: half"]
        return [[*heading, "99 %", "longest", "end"], *map(_row, self.outcomes)]

    def figure(self) -> Any:
        """Draw held over time, waiting times and losses.

        Returns:
            A Figure of matplotlib.

        Raises:
            ImportError: matplotlib is not installed; the extra ``notebook`` has it.
        """
        from .plots import figure

        return figure(self.outcomes)

    def _repr_html_(self) -> str:
        try:
            from .plots import drawn

            picture = drawn(self.outcomes)
        except ImportError:
            picture = "<p>For the plots: pip install 'rxflow-streams[notebook]'.</p>"
        return html_table(self.rows()) + picture

    def __repr__(self) -> str:
        """Give the table as text."""
        return text_table(self.rows())


def compare(
    build: Callable[[Observable[Any], Any], Flow[Any]],
    strategies: Iterable[Any] | Mapping[str, Any],
    source: Iterable[tuple[float, Any]] | Observable[Any],
    *,
    work: float | Callable[[Any], float] = 0.0,
    until: float | None = None,
    virtual: bool | None = None,
) -> Comparison:
    """Run a source through several overflow strategies, one after the other.

    A source with a time line is run in virtual time: a year takes as long as its items take
    to compute, and each run gives the same.

    >>> import rxflow as rx
    >>> from rxflow import operators as ops
    >>> compare(
    ...     lambda source, strategy: source.pipe(ops.on_backpressure_buffer(2, overflow=strategy)),
    ...     [rx.DROP_OLDEST, rx.FAIL],
    ...     [(n * 0.1, n) for n in range(10)],
    ...     work=0.25,
    ... ).outcomes[0].delivered
    6

    Args:
        build: Function of the source, an Observable, and a strategy; it gives the Flow.
        strategies: What ``build`` is given, one after the other: overflow strategies, or
            anything else; with names of their own as a mapping.
        source: Pairs of a time (seconds from the beginning, ascending) and an item; or an
            Observable.
        work: How long the consumer takes for an item, or a function of the item (seconds).
        until: The consumer leaves after so long (seconds); 60 for an Observable, and at the
            end of a time line, when left out.
        virtual: Whether the time is virtual; as a rule that of an Observable is real, for it
            may have a clock of its own.

    Returns:
        The outcomes, as a table and plots.

    Raises:
        TypeError: The source is neither of these, or ``build`` gives no Flow.
        ValueError: The times do not ascend.
    """
    given = cast("Mapping[str, Any]", strategies) if isinstance(strategies, Mapping) else None
    named = given or {shown(each): each for each in cast("Iterable[Any]", strategies)}
    if isinstance(source, Observable):
        opened, limit, is_virtual = source, UNTIL if until is None else until, bool(virtual)
    else:
        opened, limit, is_virtual = _replayed(_checked(source)), until, virtual is not False
    outcomes: list[Outcome] = []
    for name, strategy in named.items():
        run = _Run(name, work if callable(work) else lambda _: work, limit)
        flow = build(run.listening(opened), strategy)
        if not isinstance(flow, Flow):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"compare: the function is to give a Flow, not {flow!r}")
        outcomes.append(_on_a_loop_of_its_own(run, flow, is_virtual))
    return Comparison(tuple(outcomes))


@dataclass
class _Run:
    """One strategy at work."""

    name: str
    work: Callable[[Any], float]
    until: float | None
    came: int = 0
    delivered: int = 0
    waits: list[float] = field(default_factory=list[float])
    held: list[tuple[float, int]] = field(default_factory=list[tuple[float, int]])
    peak: int = 0
    _zero: float = 0.0
    _in: deque[float] = field(default_factory=deque[float])  # when what is in the door came
    _door: StageStatistics | None = None  # as last seen
    _look: Callable[[], object] = bool  # looks at the figures, once it runs

    async def consume(self, flow: Flow[Any]) -> Outcome:
        """Take all items, at the pace of the work."""
        loop = asyncio.get_running_loop()
        self._zero = loop.time()
        iteration = aiter(flow)
        self._look = lambda: self._seen(loop.time() - self._zero, iteration.statistics())
        end = "completed"
        try:
            async with asyncio.timeout(self.until):
                async for item in iteration:
                    self.delivered += 1
                    self._look()
                    if (pause := self.work(item)) > 0:
                        await asyncio.sleep(pause)
        except TimeoutError as error:
            is_over = self.until is not None and loop.time() - self._zero >= self.until
            end = "left" if is_over else f"{type(error).__name__}: {error}"
        except Exception as error:
            end = f"{type(error).__name__}: {error}"
        finally:  # also when it is interrupted
            seconds = loop.time() - self._zero
            with suppress(Exception):
                await iteration.aclose()
        return self._outcome(end, seconds, iteration.statistics())

    def listening(self, source: Observable[Any]) -> Observable[Any]:
        """Count what comes, and look what became of it."""

        def subscribe(
            observer: rx_abc.ObserverBase[Any], scheduler: rx_abc.SchedulerBase | None = None
        ) -> rx_abc.DisposableBase:
            def on_next(item: Any) -> None:
                self.came += 1
                observer.on_next(item)
                self._look()

            return source.subscribe(
                on_next, observer.on_error, observer.on_completed, scheduler=scheduler
            )

        return Observable(subscribe)

    def _seen(self, now: float, parts: Sequence[StageStatistics]) -> None:
        """See what is held, and how long what has left the first part had been in it."""
        held = sum(part.held for part in parts)
        if not self.held or self.held[-1][1] != held:
            self.held.append((now, held))
            self.peak = max(self.peak, held)
        door = next((part for part in parts if part.capacity is not None), None)
        if door is None:
            return
        before, self._door = self._door or StageStatistics(door.name), door
        self._in.extend([now] * (door.received - before.received))
        for reason, count in door.dropped.items():
            for _ in range(count - before.dropped.get(reason, 0)):
                self._lost(reason)
        for _ in range(min(door.delivered - before.delivered, len(self._in))):
            self.waits.append(now - self._in.popleft())

    def _lost(self, reason: str) -> None:
        if not self._in:
            return
        if reason in _COMING:
            self._in.pop()
        elif reason == "newest" and len(self._in) > 1:
            del self._in[-2]
        else:
            self._in.popleft()

    def _outcome(self, end: str, seconds: float, parts: Sequence[StageStatistics]) -> Outcome:
        dropped: Counter[str] = Counter()
        for part in parts:
            dropped.update(part.dropped)
        return Outcome(
            self.name,
            self.came,
            self.delivered,
            dict(dropped),
            sum(part.discarded for part in parts),
            max([self.peak, *(part.peak for part in parts)]),
            None if self._door is None else self._door.capacity,
            tuple(self.waits),
            tuple(self.held),
            seconds,
            end,
        )


def _checked(source: Any) -> list[tuple[float, Any]]:
    """Read a time line."""
    hint = "compare: source is to be an Observable, or pairs of a time (seconds) and an item"
    try:
        line = [(float(at), item) for at, item in source]
    except (TypeError, ValueError):
        raise TypeError(f"{hint}, not {shown(source)}") from None
    for (before, _), (after, _) in pairwise(line):
        if not before <= after:
            raise ValueError(f"{hint}; the times ascend, and {after!r} comes after {before!r}")
    return line


def _replayed(line: Sequence[tuple[float, Any]]) -> Observable[Any]:
    """Give the items of a time line at their times, on the running loop's clock."""

    def subscribe(
        observer: rx_abc.ObserverBase[Any], scheduler: rx_abc.SchedulerBase | None = None
    ) -> rx_abc.DisposableBase:
        loop = asyncio.get_running_loop()
        zero, place, over = loop.time(), 0, False

        def emit() -> None:
            nonlocal place
            while not over and place < len(line) and zero + line[place][0] <= loop.time():
                place += 1
                observer.on_next(line[place - 1][1])
            if over:
                return
            if place == len(line):
                observer.on_completed()
            else:
                loop.call_at(zero + line[place][0], emit)

        def stop() -> None:
            nonlocal over
            over = True

        loop.call_soon(emit)
        return Disposable(stop)

    return Observable(subscribe)


def _on_a_loop_of_its_own(run: _Run, flow: Flow[Any], virtual: bool) -> Outcome:
    """Consume a Flow in another thread, for this one may have a loop that runs."""
    loop: asyncio.AbstractEventLoop = VirtualTimeLoop() if virtual else asyncio.new_event_loop()
    task = loop.create_task(run.consume(flow))

    over = Event()

    def work() -> None:
        with suppress(BaseException):  # the task keeps it
            loop.run_until_complete(task)
        over.set()

    thread = Thread(target=work, daemon=True)
    try:
        thread.start()
        while not over.wait(0.1):  # a wait without an end cannot be interrupted everywhere
            pass
    finally:
        if not over.is_set():  # the cell is interrupted
            loop.call_soon_threadsafe(task.cancel)
            over.wait()
        thread.join()
        loop.close()
    return task.result()


def _row(outcome: Outcome) -> list[str]:
    why = ", ".join(f"{count:,} {reason}" for reason, count in outcome.dropped.items() if count)
    if outcome.discarded:
        why = f"{why}, {outcome.discarded:,} discarded".removeprefix(", ")
    held = f"{outcome.peak:,}"
    if outcome.capacity:
        held += f" of {outcome.capacity:,}"
    waits = [outcome.wait(share) for share in (0.5, 0.99, 1.0)]
    return [
        outcome.strategy,
        f"{outcome.came:,}",
        f"{outcome.delivered:,}",
        f"{outcome.lost:,}",
        why or "-",
        held,
        *("-" if wait is None else f"{wait:,.4g} s" for wait in waits),
        cut(outcome.end, 28),
    ]
