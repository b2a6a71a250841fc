"""The Feed behind throttle, cap_demand, pace and valve: it asks for what an allowance permits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from itertools import repeat as times
from typing import Any

from ..kernel import BUDGET, NOTHING, Context, Feed, Input, StageStatistics, State
from ..protocol import UNBOUNDED


class Allowance(ABC):
    """Says how much may pass now. It is asked only where there is demand.

    Attributes:
        capacity: The most that it has held back of what has come (items), None for nothing.
        grows: What it has permitted once it does not take back; so it is asked again only
            when that has come, and not for each item.
    """

    capacity: int | None = None
    grows: bool = False

    @abstractmethod
    def ask(self) -> int:
        """Say how much upstream may be asked for now (items); 0 for nothing."""

    def admits(self, item: Any) -> bool:
        """Let an item that has come pass, and note it; else it is held and tried again."""
        return True

    def start(self) -> None:  # noqa: B027 - few have something to open
        """Hear that the subscription begins."""

    def wait(self) -> None:  # noqa: B027 - some are told otherwise
        """Have the consumer woken when more may pass."""

    def cancel(self) -> None:  # noqa: B027 - few have something to close
        """Hear that it is over."""


class Metered(Feed[Any]):
    """Asks upstream for no more than is asked for and than an allowance permits.

    It holds nothing, but for one item that has come and is not admitted yet.
    """

    def __init__(
        self,
        context: Context,
        name: str,
        make: Callable[[Context], Feed[Any]],
        allowance: Allowance,
    ) -> None:
        """Make the Feed upstream.

        Args:
            context: The consumer's.
            name: The operator, for statistics.
            make: Makes the Feed upstream.
            allowance: Says how much may pass.
        """
        self._name = name
        self._input = Input(make, context)
        self._allowance = allowance
        self._wanted = 0
        self._held: Any = NOTHING  # has come, and is not admitted yet
        self._received = self._delivered = self._peak = 0

    def start(self) -> None:
        """Start the Feed upstream, with the first demand."""
        self._allowance.start()
        self._input.start(self._ask() if self._wanted else 0)

    def _ask(self) -> int:
        """Say how much upstream may be asked for, of what is wanted (items)."""
        return min(self._wanted, self._allowance.ask())

    def run(self) -> Iterator[Any]:
        """Give what there is, as long as it is admitted."""
        allowance = self._allowance
        allowed = 0
        grows = allowance.grows
        for _ in times(None, BUDGET):
            if self._held is NOTHING:
                if not (allowed and grows):
                    allowed = allowance.ask()
                    if not allowed:
                        return
                wanted = self._wanted
                item = self._input.take((wanted if wanted < allowed else allowed) or 1)
                if item is NOTHING:
                    return
                allowed -= 1
                self._held = item
                self._received += 1
            if not allowance.admits(self._held):
                self._peak = 1
                return
            item, self._held = self._held, NOTHING
            self._delivered += 1
            if 0 < self._wanted < UNBOUNDED:
                self._wanted -= 1
            yield item

    def settle(self) -> State:
        """End with upstream, whose end needs no allowance; else wait for one or the other."""
        if self._held is NOTHING:
            if self._input.over():
                return State.ENDED
            if self._allowance.ask():
                return State.WAITING if self._input.waiting else State.READY
        self._allowance.wait()
        return State.WAITING

    def ending(self) -> bool:
        """Let the end through when nothing is held."""
        return self._held is NOTHING and self._input.over()

    def want(self, n: int) -> None:
        """Pass on what is permitted of it."""
        self._wanted = n
        if self._held is NOTHING and (allowed := self._ask()):
            self._input.want(allowed)

    def cancel(self) -> None:
        """Cancel upstream, and let go of what is held."""
        self._allowance.cancel()
        self._held = NOTHING
        self._input.cancel()

    def statistics(self) -> Iterator[StageStatistics]:
        """Give those of upstream, then whether an item is held."""
        yield from self._input.statistics()
        held = int(self._held is not NOTHING)
        yield StageStatistics(
            self._name,
            requested=self._delivered + self._wanted if self._wanted < UNBOUNDED else UNBOUNDED,
            received=self._received,
            delivered=self._delivered,
            held=held,
            peak=self._peak,
            capacity=self._allowance.capacity,
            discarded=self._received - self._delivered - held,
        )
