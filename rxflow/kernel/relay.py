"""A relay: a Feed that passes another one on, for parts that only watch or end it."""

from __future__ import annotations

from collections.abc import Awaitable, Iterator
from typing import Any

from .feed import Feed, State
from .metering import Meter, Times
from .rows import Row
from .statistics import StageStatistics


class Relay(Feed[Any]):
    """Passes on what the source has and what is asked of it, unchanged.

    A subclass overrides what it is about. It holds nothing.
    """

    def __init__(self, source: Feed[Any]) -> None:
        """Relay a Feed, which is cancelled with this one.

        Args:
            source: The Feed, made with this one's context.
        """
        self._source = source
        self._ended = False  # its end was heard by ``ending``, and is not to be heard again
        self._end: Exception | None = None  # which it was, if a failure

    @property
    def hot(self) -> bool:
        """As the source."""
        return self._source.hot

    def start(self) -> None:
        """Start the source."""
        self._source.start()

    def run(self) -> Iterator[Any]:
        """Give what the source has."""
        return iter(()) if self._ended else self._source.run()

    def settle(self) -> State:
        """Say what the source says."""
        if not self._ended:
            return self._source.settle()
        if self._end is not None:
            raise self._end
        return State.ENDED

    def ending(self) -> bool:
        """As the source, whose stages are then let hear the end: who asks may not run this one."""
        if not self._ended and self._source.ending():
            self._ended = True
            try:
                for _ in self._source.run():
                    raise AssertionError("a Feed that is ending gave an item")
                self._source.settle()
            except Exception as error:
                self._end = error
        return self._ended

    def want(self, n: int) -> None:
        """Pass demand on."""
        self._source.want(n)

    def more(self, n: int) -> None:
        """Pass demand on."""
        self._source.more(n)

    def advance(self) -> Awaitable[object] | None:
        """As the source."""
        return self._source.advance()

    def cancel(self) -> None:
        """Cancel the source."""
        self._source.cancel()

    def statistics(self) -> Iterator[StageStatistics]:
        """Give the source's figures: nothing is held here."""
        return self._source.statistics()

    def row(self, row: Row, meter: Meter, times: Times, pulled: float | None = None) -> float:
        """Put them into a row; see :class:`Feed`."""
        return self._source.row(row, meter, times, pulled)
