"""A Feed that does what the test tells it to."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from rxflow.flow import Flow
from rxflow.kernel import BUDGET, Context, Feed, StageStatistics, State, lingers


class Hand(Feed[Any]):
    """A Feed in the hand of the test; it knows what it was asked for."""

    def __init__(self, *items: Any, ended: bool = False, name: str = "hand") -> None:
        self.items = deque(items)
        self.ended = ended
        self.error: Exception | None = None
        self.turn = BUDGET  # most items of a run
        self.wanted: list[int] = []
        self.more_wanted: list[int] = []
        self.starting: Callable[[], object] = lambda: None  # called when it is started
        self.started = self.cancelled = self.given = 0
        self.runs = self.settled = 0
        self.name = name
        self.wake: Callable[[], None] = lambda: None

    def make(self, context: Context) -> Hand:
        self.wake = context.wake
        return self

    @property
    def flow(self) -> Flow[Any]:
        return Flow[Any](self.make)

    def give(self, *items: Any) -> None:
        self.items.extend(items)
        self.wake()

    def end(self) -> None:
        self.ended = True
        self.wake()

    def start(self) -> None:
        self.started += 1
        self.starting()

    def run(self) -> Iterator[Any]:
        self.runs += 1
        return self._items()

    def _items(self) -> Iterator[Any]:
        for _ in range(self.turn):
            if not self.items:
                return
            self.given += 1
            yield self.items.popleft()

    def settle(self) -> State:
        self.settled += 1
        if self.items:
            return State.READY
        if self.error is not None:
            raise self.error
        return State.ENDED if self.ended else State.WAITING

    def ending(self) -> bool:
        return self.ended and not self.items

    def want(self, n: int) -> None:
        self.wanted.append(n)

    def more(self, n: int) -> None:
        self.more_wanted.append(n)

    def cancel(self) -> None:
        self.cancelled += 1

    def statistics(self) -> Iterator[StageStatistics]:
        yield StageStatistics(self.name, delivered=self.given)


class Barren(Hand):
    """Its runs end before they give anything, some times."""

    barren = 3

    def run(self) -> Any:
        return iter(()) if self.barren else super().run()

    def settle(self) -> State:
        if not self.barren:
            return super().settle()
        self.barren -= 1
        return State.READY


class Late:
    """A loop that goes on until it is ended, and figures that are not the last before."""

    def __init__(self) -> None:
        self.over = False
        self.calls: list[Callable[[], object]] = []

    def when_over(self, call: Callable[[], object]) -> None:
        if self.over:
            call()
        else:
            self.calls.append(call)

    def end(self) -> None:
        self.over = True
        for call in self.calls:
            call()

    def figures(self) -> list[StageStatistics]:
        over = self.over
        lingers(None if over else self)
        return [StageStatistics("part", received=2 if over else 1)]
