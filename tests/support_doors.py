"""A door on a virtual clock, with a Subject before it and a TestSubscriber behind it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

from reactivex import Subject
from reactivex.testing import TestScheduler

import rxflow as rx
from rxflow.kernel import StageStatistics
from rxflow.testing import TestSubscriber


class Books:
    """What a door has given up.

    Attributes:
        drops: What was dropped, with the reasons.
        discards: What was discarded.
    """

    def __init__(self) -> None:
        self.drops: list[tuple[Any, str]] = []
        self.discards: list[Any] = []

    @property
    def callbacks(self) -> dict[str, Any]:
        """The callbacks that write into it."""
        return {
            "on_drop": lambda item, reason: self.drops.append((item, reason)),
            "on_discard": self.discards.append,
        }


class Opened(Books):
    """A door that is subscribed.

    Attributes:
        clock: The scheduler of the subscription.
        subject: What pushes into it.
        probe: What takes from it.
    """

    def __init__(
        self,
        make: Callable[..., Any],
        *args: Any,
        demand: int = 0,
        then: Callable[..., object] | None = None,
        behind: tuple[Any, ...] = (),
        **options: Any,
    ) -> None:
        super().__init__()
        self.clock = TestScheduler()
        self.subject: Subject[Any] = Subject()
        self.probe: TestSubscriber[Any] = TestSubscriber(demand, then)
        self._direct = not behind  # so that what it delivers is what is taken from it
        for name, callback in self.callbacks.items():
            options.setdefault(name, callback)
        options = {name: value for name, value in options.items() if value is not ...}
        flow = self.subject.pipe(make(*args, **options), *behind)
        flow.subscribe(self.probe, scheduler=self.clock)

    def push(self, *items: Any) -> None:
        for item in items:
            self.subject.on_next(item)

    def at(self, time: float) -> None:
        """Let the clock go on to a time (seconds)."""
        self.clock.advance_to(time)

    @property
    def figures(self) -> StageStatistics:
        """The figures of the door, which are to balance."""
        figures = next(iter(self.probe.subscription.statistics()))
        lost = sum(figures.dropped.values()) + figures.discarded
        assert figures.received == figures.delivered + figures.held + lost, figures
        if self._direct:
            assert figures.delivered == len(self.probe.items), figures
        return figures

    def wait_for_a_waiting_producer(self) -> StageStatistics:
        """Let the clock go on a little at a time, until somebody was seen to wait for room."""
        for microseconds in count(1):
            self.at(microseconds / 1e6)
            if (figures := self.figures).waited_seconds:
                return figures
        raise AssertionError

    def take_all(self) -> list[Any]:
        """Take what is held."""
        before = len(self.probe.items)
        self.probe.request(rx.UNBOUNDED)
        return self.probe.items[before:]
