"""The live panel: how a pipeline stands, while it runs."""

from __future__ import annotations

import threading
from typing import Any, cast
from weakref import ref

from ..flow import Flow
from ..flow.iteration import Iteration
from ..kernel import Consumer, hooks, running, tell_of_beginnings
from ..monitor import Sample, Sampler
from . import panel_picture
from .ancestry import draws_from
from .panel_figures import Look, Watched
from .screen import Screen, after_each_cell, execution

LINGER = 0.5
"""So long it stays live when all is over, for what begins anew (seconds)."""

MOST = 8
"""Most subscriptions that are shown one by one."""

_open: set[Panel] = set()  # those that are not closed; else nobody might hold them


class Panel:
    """Shows how what runs stands, in the output of a notebook's cell; see :func:`watch`.

    A thread looks at the figures, so it goes on while a cell blocks. It is there only
    while something runs. What is watched is not kept alive.
    """

    def __init__(self, flow: Flow[Any] | None, interval: float) -> None:
        """Watch a Flow, or what is added.

        Args:
            flow: The Flow whose subscriptions are watched, and those of what is made of it.
            interval: Time between two looks (seconds).
        """
        self._flow = None if flow is None else ref(flow)
        self._cell, self._shown_in = execution()
        self._screen = Screen()
        self._showing = threading.Lock()  # of who changes what is shown
        self._sampler = Sampler(interval, of=self._consumers)  # runs while something does
        self._sampler.listen(self._see)
        self._lock = threading.Lock()  # of the fields below; taken last
        self._runs: list[Watched] = []  # those that run, and some that are over
        self._count = 0  # of the subscriptions seen
        self._looks = False  # the sampler runs
        self._idle_since: float | None = None  # all was over then (seconds)
        self._closed = False
        _open.add(self)
        self._leave = tell_of_beginnings(self._hear) if flow is not None else lambda: None

    def _hear(self, consumer: Consumer) -> None:
        """Hear that a subscription begins, of whatever Flow."""
        flow = None if self._flow is None else self._flow()
        if flow is not None and draws_from(consumer.flow, flow):
            self.add(consumer)

    def add(self, consumer: Consumer) -> None:
        """Watch a subscription, too.

        Args:
            consumer: Its consumer.
        """
        with self._lock:
            if self._closed or any(run.consumer() is consumer for run in self._runs):
                return
            over = [run for run in self._runs if run.over]
            # When all are over, and one begins, it is the only one; else a few stay to be seen.
            gone = over[: 1 - MOST] if self._looks else over
            self._count += 1
            self._runs = [run for run in self._runs if run not in gone]
            self._runs.append(Watched(consumer, self._count))
            self._idle_since, self._looks = None, True
            self._sampler.start()

    @property
    def closed(self) -> bool:
        """Whether it watches nothing any more."""
        return self._closed

    @property
    def useless(self) -> bool:
        """Whether nothing that it watches can ever run again."""
        return not self._looks and (self._flow is None or self._flow() is None)

    def close(self) -> None:
        """Watch no longer; what it shows stays as it is. Idempotent."""
        _open.discard(self)
        self._leave()
        with self._lock:
            self._closed, self._looks = True, False
        self._sampler.stop()
        self._settle()

    def replaces(self, cell: str | None, run: str | None, target: object) -> bool:
        """Tell whether a new panel comes in the place of this one.

        Args:
            cell: The cell of the new one, where that is known.
            run: Which run of that cell it is.
            target: What the new one watches.
        """
        mine = self._flow() if self._flow is not None else None
        with self._lock:
            if cell is not None or self._cell is not None:
                return cell == self._cell and run != self._shown_in
            return target is mine or any(each.consumer() is target for each in self._runs)

    def _consumers(self) -> list[Consumer]:
        found = [run.consumer() for run in self._runs if not run.over]
        return [consumer for consumer in found[:MOST] if consumer is not None]

    def _refresh(self) -> None:
        """Look now, at what runs."""
        with self._lock:
            for run in self._runs:
                run.refresh()

    def _see(self, sample: Sample) -> None:
        """Take a sample, and show it; on the thread of the sampler."""
        with self._lock:
            by_consumer = {run.consumer(): run for run in self._runs}
            for each in sample.reading.subscriptions:
                if each.consumer in by_consumer:
                    by_consumer[each.consumer].see(sample.at, each.stages)
            idle = None if self._running() else self._idle_since or sample.at
            self._idle_since = idle
            ends = idle is not None and sample.at - idle >= LINGER
            if ends:
                self._looks = False
                self._sampler.stop()
        try:
            self._draw()
        except Exception as error:  # nobody is there who could be shown anything
            hooks.dropped_error(error)
            self.close()
        if ends:
            self.close() if self._flow is None else self._settle()

    def _draw(self) -> None:
        with self._showing:
            if self._screen.dark and self._running():
                self._screen.display(self._picture(), repr(self), again=True)
            else:
                self._screen.draw(self._picture())

    def _settle(self) -> None:
        """Show the last picture, unless it goes on meanwhile."""
        with self._showing:
            if self._closed or not self._running():
                hooks.reporting(lambda: self._screen.settle(self._picture(), repr(self)))

    def after_cell(self, run: str | None) -> None:
        """Leave a picture of how it stands in the output of the cell that has ended.

        Args:
            run: Which run of a cell it was.
        """
        with self._lock:
            ends = self._looks and not self._running()
            self._looks = self._looks and not ends
        if ends:
            self._sampler.stop()
            self._settle()
        if self.useless:
            self.close()
        elif self._looks and run == self._shown_in:
            with self._showing:
                self._screen.display(self._picture(), repr(self), again=True)

    def _running(self) -> bool:
        return any(not run.over for run in self._runs)

    def _state(self) -> tuple[list[Look], str, int]:
        with self._lock:
            runs = self._runs.copy()
        runs.sort(key=lambda run: run.over)  # those that run come first
        looks = [run.look() for run in runs[:MOST]]
        if any(not look.over for look in looks):
            state = "closed" if self._closed else "running"
        elif looks:
            state = "over"
        else:
            state = "closed" if self._closed else "waiting"
        return looks, state, len(runs) - len(looks)

    def _picture(self) -> str:
        looks, state, more = self._state()
        return panel_picture.html(looks, state, more=more)

    def __repr__(self) -> str:
        """Give the figures as text, as they are now."""
        self._refresh()
        looks, state, more = self._state()
        return panel_picture.text(looks, state, more=more)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        """Give the live view, a picture for where that cannot be, and text."""
        with self._showing:
            return self._screen.bundle(self._picture(), repr(self))

    def _ipython_display_(self) -> None:
        """Appear in the cell that runs, once."""
        run = execution()[1]
        with self._showing:
            if self._shown_in != run or not self._screen.displayed:
                self._shown_in = run
                self._screen.display(self._picture(), repr(self))
        after_each_cell(_leave_pictures)

    def _display_(self) -> object:
        """Appear in marimo."""
        with self._showing:
            return self._screen.widget(self._picture())


def _leave_pictures(run: str | None) -> None:
    for panel in tuple(_open):
        panel.after_cell(run)


def watch(target: Flow[Any] | Iteration[Any] | Consumer | object, interval: float = 0.2) -> Panel:
    """Show live how a pipeline stands: what is held, asked for, given and dropped.

    In Jupyter the panel appears at once in the output of the cell, so it may stand before the
    loop that it is to show; in marimo it is the last line of a cell. When all is over it
    becomes a plain picture, which stays in the saved notebook. Running the cell again replaces
    it. Needs anywidget: ``pip install 'rxflow-streams[notebook]'``.

    Args:
        target: A Flow, of which all subscriptions are watched, also later ones, and those of
            the Flows that are made of it: ``watch(flow)`` sees ``flow.map(str)`` run, with
            all its parts. Not those that a function opens meanwhile, as that of ``flat_map``
            or ``defer`` does: for these, watch the Flow that is subscribed to. Or a running
            subscription: what ``subscribe(Subscriber)``, ``aiter(flow)`` or ``running()`` gives.
        interval: Time between two looks (seconds); more where they would take more than 2 % of
            a processor.

    Returns:
        The panel; as text it shows the same figures. ``close()`` ends it early.

    Raises:
        TypeError: The target is nothing that can be watched.
        ValueError: interval is not above 0.
    """
    if not interval > 0:
        raise ValueError(f"watch: interval must be above 0 seconds, not {interval!r}")
    watched: Flow[Any] | Consumer
    if isinstance(target, Flow):
        watched = cast("Flow[Any]", target)
    elif isinstance(target, Iteration):
        watched = target.consumer
    elif hasattr(target, "statistics") and hasattr(target, "when_over"):
        watched = cast("Consumer", target)
    else:
        raise TypeError(
            "watch wants a Flow, or what subscribe(Subscriber) or aiter(flow) gives; "
            f"to see the subscription of an ordinary observer, watch its Flow; not {target!r}"
        )
    cell, run = execution()
    for other in tuple(_open):
        if other.useless or other.replaces(cell, run, watched):
            other.close()
    flow = watched if isinstance(watched, Flow) else None
    panel = Panel(flow, interval)
    if isinstance(watched, Flow):
        found = [each for each in running() if draws_from(each.flow, watched)]
    else:
        found = [watched]
    for consumer in found:
        panel.add(consumer)
    try:
        panel._ipython_display_()  # pyright: ignore[reportPrivateUsage]
    except BaseException:
        panel.close()
        raise
    return panel
