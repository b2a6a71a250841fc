"""A source that another one stops or lets through: take_until, skip_until."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import chain
from itertools import repeat as times
from typing import Any, TypeVar

from reactivex import Observable

from ..flow import Flow
from ..flow.inlet import inlet
from ..flow.operator import fed, operator
from ..flow.source import Source
from ..kernel import BUDGET, NOTHING, Context, Feed, Input, StageStatistics, State, joined
from ..protocol import DROP_INCOMING
from .merged import Make

T = TypeVar("T")


class Gated(Feed[Any]):
    """Pulls a Feed, and one item of another one, which is the signal."""

    name: str

    def __init__(self, context: Context, source: Make, other: Make) -> None:
        """Make both Feeds."""
        self._wake = context.wake
        self._source = Input(source, context)
        self._other = Input(other, context)
        self._signalled = False
        self._started = False  # both are: before that nothing is taken
        self._wanted = 0
        self._received = self._delivered = self._discarded = 0
        self._dropped = Counter[str]()

    def start(self) -> None:
        """Start both; the signal is asked for at once."""
        self._source.start(self._wanted)
        self._other.start(1)
        self._started = True

    def _take(self) -> Any:
        return self._source.take() if self._started else NOTHING

    def _waits(self) -> bool:
        quiet = self._source.ended or self._source.waiting
        return not self._started or (quiet and not self._unheard())

    def _unheard(self) -> bool:
        """Tell whether the other may have the signal, which was not seen: no wake follows."""
        return not (self._signalled or self._other.waiting or self._other.ended)

    def _look(self) -> bool:
        """Look for the signal; tell whether it has come."""
        if not self._signalled and self._other.take() is not NOTHING:
            self._signalled = True
            self._other.cancel()
        return self._signalled

    def want(self, n: int) -> None:
        """Pass it on to the source."""
        self._wanted = n
        self._source.want(n)

    def cancel(self) -> None:
        """Cancel both."""
        self._source.cancel()
        self._other.cancel()

    def statistics(self) -> Iterator[StageStatistics]:
        """Give those of both, then how many items were given up."""
        own = StageStatistics(
            self.name,
            received=self._received,
            delivered=self._delivered,
            dropped=dict(self._dropped),
            discarded=self._discarded,
        )
        yield from joined(chain(self._source.statistics(), self._other.statistics()), own)


class TakenUntil(Gated):
    """Ends at the signal."""

    name = "take_until"

    def run(self) -> Iterator[Any]:
        """Give what comes before the signal."""
        for _ in times(None, BUDGET):
            item = NOTHING if self._look() else self._take()
            if item is NOTHING:
                return
            self._received += 1
            if self._look():  # it has come while the source made the item
                self._discarded += 1
                return
            self._delivered += 1
            yield item

    def settle(self) -> State:
        """End with the source, or at the signal."""
        if self._look() or self._source.ended:
            return State.ENDED
        return State.WAITING if self._waits() else State.READY

    def ending(self) -> bool:
        """Let the signal, and the end, through."""
        self._other.over()
        if self._look() or self._source.over():
            return True
        if self._unheard():
            self._wake()
        return False


class SkippedUntil(Gated):
    """Begins at the signal."""

    name = "skip_until"
    _missed = False  # the source has ended before the signal

    def run(self) -> Iterator[Any]:
        """Give what comes after the signal."""
        for _ in times(None, BUDGET):
            self._look()
            item = self._take()
            if item is NOTHING:
                return
            self._received += 1
            if self._look():
                self._delivered += 1
                yield item
            else:
                self._dropped["early"] += 1

    def settle(self) -> State:
        """End with the source, once there was a signal."""
        if self._over():
            return State.ENDED
        return State.WAITING if self._waits() else State.READY

    def ending(self) -> bool:
        """Let the signal, and the end behind it, through."""
        self._other.over()
        return self._over()

    def _over(self) -> bool:
        signalled = self._look()
        if not self._started or not self._source.over():
            return False
        self._missed |= not signalled
        return not self._missed


@operator(demand="1:1, 1 to the other ; 1:1 ; holds 0", category="combine")
def take_until(other: Source[Any]) -> Callable[[Observable[T]], Flow[T]]:
    """Give what comes until another source gives an item.

    .. marble::
        :alt: take_until

        request  9----------------
        source   -1--2--3--4--5-|
        other    ----------x-----
        [   take_until(other)    ]
                 -1--2--3--|

    Demand: 1:1, 1 to the other ; 1:1 ; holds 0.
    The other source is asked for one item at once, before there is demand; the first one
    completes the stream and cancels both. Its end is no signal.

    Args:
        other: A Flow, an Observable, a future or an iterable, whose first item ends the stream.

    Returns:
        An operator function.

    Raises:
        TypeError: It is no source, when the pipeline is built.

    Errors:
        The first failure of either.

    Source: reactivex take_until; RxJava takeUntil.
    """
    signal = inlet(other, "take_until", DROP_INCOMING, 1)
    return fed(lambda context, flow: TakenUntil(context, flow.feed, signal))


@operator(demand="1:1, +1 per item dropped, 1 to the other ; 1:1 ; holds 0", category="combine")
def skip_until(other: Source[Any]) -> Callable[[Observable[T]], Flow[T]]:
    """Drop what comes until another source gives an item.

    .. marble::
        :alt: skip_until

        request  9----------------
        source   -1--2--3--4--5-|
        other    -----x----------
        [   skip_until(other)    ]
                 -------3--4--5-|

    Demand: 1:1, +1 per item dropped, 1 to the other ; 1:1 ; holds 0.
    The other source is asked for one item at once, before there is demand. What this source
    gives before that is dropped ("early"), and counted. Where it ends before, and where the
    other one ends without an item, the stream stays open, as in reactivex.

    Args:
        other: A Flow, an Observable, a future or an iterable, whose first item lets items through.

    Returns:
        An operator function.

    Raises:
        TypeError: It is no source, when the pipeline is built.

    Errors:
        The first failure of either.

    Source: reactivex skip_until; RxJava skipUntil.
    """
    signal = inlet(other, "skip_until", DROP_INCOMING, 1)
    return fed(lambda context, flow: SkippedUntil(context, flow.feed, signal))
