"""The Feeds behind buffer, buffer_when and buffer_toggle: lists that signals begin and end."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from ..flow.inlet import inlet
from ..kernel import NOTHING, Context, State, joined
from ..protocol import DROP_INCOMING, Offer
from .signals import Make, Signal, Signalled

Span = tuple[int, int]
"""From the first item to the one behind the last, as positions in the stream."""


class Lists(Signalled):
    """Gives its queue in parts, from where one was begun to where it was ended.

    Upstream fills the queue without demand, and waits when it is full. Then the list that
    was begun first is given as far as it goes, and goes on.

    Attributes:
        overlap: A list may begin before the one that ends before it.
    """

    overlap = False

    def __init__(self, context: Context, make: Make, name: str, size: int) -> None:
        """Prepare the subscription.

        Args:
            context: The consumer's.
            make: Makes the Feed upstream.
            name: The operator.
            size: Most items held (items), and most lists that wait for demand.
        """
        super().__init__(context, make, name, size, size)
        self._open: dict[object, Span] = {}  # by list, how far it was given and where it began
        self._ripe: deque[Span] = deque()  # ended, in that order
        self._gone = 0  # the position of the first item that is in the queue
        self._edge = 0  # where the last list has ended
        self._gaps: deque[Span] = deque()  # of what is in the queue and in no list
        self._over = False  # no list begins or ends any more
        self._hungry = False  # the consumer waits for a list

    @property
    def _here(self) -> int:
        """Where the stream is."""
        return self._gone + len(self._queue)

    @property
    def _crowded(self) -> bool:
        """Whether no more comes before something is given."""
        return len(self._queue) >= self._high and not self.closed

    def push(self, item: Any) -> Offer:
        """Keep an item; wake the consumer when there is no room for more."""
        offer = super().push(item)
        if self._hungry and self._crowded:
            self._hungry = False
            self._wake()
        return offer

    def mark(self, ends: object = None, begins: object = None) -> None:
        """End a list, and begin another one, where the stream is."""
        left_out = False
        with self._lock:
            if self._over:
                return
            here = self._here
            if ends is not None:
                left_out = self._end_list(ends, here)
            if begins is not None:
                if not self._open and here > self._edge:
                    self._gaps.append((self._edge, here))
                self._open[begins] = here, here
        if left_out:
            self.given()
        self._wake()

    def _end_list(self, key: object, here: int) -> bool:
        """End a list; tell whether all of it was given before. The lock is held."""
        first, began = self._open.pop(key)
        self._edge = here
        if began < first == here:
            return True
        self._ripe.append((first, here))
        return False

    def _full_lists(self) -> list[object]:
        """Give the lists that would be given now, had all that have ended been; lock held."""
        first = min((first for first, _ in self._open.values()), default=self._here)
        if self._here - first < self._high:
            return []
        return [key for key, (begun, _) in self._open.items() if begun == first]

    def given(self) -> None:
        """Hear that one list less waits for demand."""

    def complete(self) -> None:
        """End with the lists that are open."""
        with self._lock:
            if not self._over:
                self._over = True
                for key in list(self._open):
                    self._end_list(key, self._here)
        super().complete()
        self.stop_producer()
        self._wake()

    def fail(self, error: Exception) -> None:
        """Fail behind the lists that have ended or are full; the others are discarded."""
        with self._lock:
            if not self._over:
                self._over = True
                for key in self._full_lists():
                    self._end_list(key, self._here)
                self._open.clear()
                self._edge = max((end for _, end in self._ripe), default=self._gone)
                while self._here > self._edge:
                    self._queue.pop()
                    self._discarded += 1
                self._gaps = deque(gap for gap in self._gaps if gap[1] <= self._edge)
        super().fail(error)
        self.stop_producer()
        self._wake()

    def run(self) -> Iterator[Any]:
        """Give the lists that have ended; and those that have not, when there is no room."""
        if self._crowded and not self._open and not self._ripe:
            self._trim()
        while (part := self._next()) is not None:
            yield part

    def _next(self) -> list[Any] | None:
        with self._lock:
            ended = bool(self._ripe)
            if ended:
                first, end = self._ripe.popleft()
            elif self._open and self._crowded:
                key = min(self._open, key=lambda each: self._open[each][0])
                (first, began), end = self._open[key], self._here
                self._open[key] = end, began
            else:
                return None
            part = list(islice(self._queue, first - self._gone, end - self._gone))
            self._hungry = False
        self._trim()
        if ended:
            self.given()
        return part

    def _trim(self) -> None:
        """Let go of what is in no list any more, and ask for as much."""
        with self._lock:
            ripe = self._ripe if self.overlap else islice(self._ripe, 1)
            spans = [*self._open.values(), *ripe]
            if not spans and self._here > self._edge:
                self._gaps.append((self._edge, self._here))
                self._edge = self._here
            low = min((first for first, _ in spans), default=self._here)
            count = min(low - self._gone, len(self._queue))  # a cancel may have emptied it
            for _ in range(count):
                self._queue.popleft()
            self._gone += count
            while self._gaps and self._gaps[0][1] <= self._gone:
                first, end = self._gaps.popleft()
                self._count_lost("between lists", end - first)
        if count:
            self._intake.request(count)

    def settle(self) -> State:
        """Wait until a list has ended, or there is no room for more."""
        self._hungry = True  # from here on a push that fills the queue wakes
        if self._ripe or self._crowded:
            return State.READY
        if not self.closed:
            return State.WAITING
        if self.failure is not None:
            raise self.failure
        return State.ENDED

    def ending(self) -> bool:
        """Need no demand where no list is left but empty ones."""
        with self._lock:
            if not self.closed or any(first < end for first, end in self._ripe):
                return False
            self._ripe.clear()
        return True

    def cancel(self) -> None:
        """Let go of the lists."""
        with self._lock:
            self._over = True
            self._open.clear()
            self._ripe.clear()
        super().cancel()


_THE_LIST = object()


class Bounded(Lists):
    """Lists between the items of another source, with which they end too."""

    def __init__(
        self, context: Context, make: Make, name: str, size: int, *, boundaries: Make
    ) -> None:
        """Prepare the subscriptions.

        Args:
            context: See :class:`Lists`, also for what follows.
            make: Makes the Feed upstream.
            name: The operator.
            size: Most items held (items).
            boundaries: Makes the other source.
        """
        super().__init__(context, make, name, size)
        self._make_boundaries = boundaries
        self._boundaries = Signal(self, None, size)

    def start(self) -> None:
        """Begin the first list."""
        self.mark(begins=_THE_LIST)
        super().start()
        self._boundaries.open(self._make_boundaries)

    def heard(self, key: Any, item: Any) -> None:
        """Turn to the next list, or end."""
        if item is NOTHING:
            self.complete()
        else:
            self.mark(_THE_LIST, _THE_LIST)

    def given(self) -> None:
        """Ask for one more."""
        self._boundaries.intake.request(1)

    def statistics(self) -> Iterator[Any]:
        """Give those of the other source too."""
        *before, own = super().statistics()
        yield from joined([*self._boundaries.intake.statistics(), *before], own)


class Closing(Lists):
    """Lists that end with a source that is made for each."""

    def __init__(
        self,
        context: Context,
        make: Make,
        name: str,
        size: int,
        *,
        closing_mapper: Callable[[], Any],
    ) -> None:
        """Prepare the subscription.

        Args:
            context: See :class:`Lists`, also for what follows.
            make: Makes the Feed upstream.
            name: The operator.
            size: Most items held (items).
            closing_mapper: Gives the source that ends a list.
        """
        super().__init__(context, make, name, size)
        self._mapper = closing_mapper
        self._lacks = True  # the list that is open has no such source
        self._making = False  # somebody is at it

    def start(self) -> None:
        """Begin the first list."""
        self.mark(begins=_THE_LIST)
        super().start()
        self.given()

    def heard(self, key: Any, item: Any) -> None:
        """Turn to the next list."""
        self.mark(_THE_LIST, _THE_LIST)
        self._lacks = True
        self.given()

    def given(self) -> None:
        """Make what ends the list, unless too many wait; again and again if it ends at once."""
        while True:
            with self._lock:
                many = len(self._ripe) >= self._high
                if self._making or not self._lacks or self._over or many:
                    return
                self._making, self._lacks = True, False
            try:
                Signal(self, None).open(inlet(self._mapper(), self.name, DROP_INCOMING, 1))
            except Exception as error:
                self.break_off(error)
            finally:
                self._making = False


class Toggled(Lists):
    """Lists that the items of another source begin, and a source made for each of them ends."""

    overlap = True

    def __init__(
        self,
        context: Context,
        make: Make,
        name: str,
        size: int,
        *,
        openings: Make,
        closing_mapper: Callable[[Any], Any],
    ) -> None:
        """Prepare the subscriptions.

        Args:
            context: See :class:`Lists`, also for what follows.
            make: Makes the Feed upstream.
            name: The operator.
            size: Most items held (items).
            openings: Makes the source whose items begin lists.
            closing_mapper: Gives of such an item the source that ends the list.
        """
        super().__init__(context, make, name, size)
        self._make_openings = openings
        self._openings = Signal(self, None, size)
        self._opens = True  # more lists may begin
        self._mapper = closing_mapper

    def start(self) -> None:
        """Subscribe to the openings before upstream."""
        self._openings.open(self._make_openings)
        if not self.closed:
            super().start()

    def complete(self) -> None:
        """Go on without upstream: it is the openings that end the stream."""

    def heard(self, key: Any, item: Any) -> None:
        """Begin or end a list; end with the last one."""
        if key is not None:
            self.mark(ends=key)
        elif item is NOTHING:
            self._opens = False
        else:
            number = object()
            self.mark(begins=number)
            self._trim()
            closing = inlet(self._mapper(item), self.name, DROP_INCOMING, 1)
            Signal(self, number).open(closing)
            return
        if not self._opens and not self._open:
            super().complete()

    def given(self) -> None:
        """Ask for one more."""
        self._openings.intake.request(1)

    def statistics(self) -> Iterator[Any]:
        """Give those of the openings too."""
        *before, own = super().statistics()
        yield from joined([*self._openings.intake.statistics(), *before], own)
