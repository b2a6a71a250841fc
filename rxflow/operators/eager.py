"""Inner sources that run at the same time and are given in order: concat_map_eager."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from itertools import repeat as times
from typing import Any, TypeVar

from reactivex import Observable
from reactivex.typing import Mapper

from ..flow import Flow, checks
from ..flow.inlet import inlet
from ..flow.operator import fed, operator
from ..flow.source import Source
from ..kernel import (
    BUDGET,
    HANDOVER,
    NOTHING,
    Context,
    Feed,
    Input,
    Ledger,
    Prefetched,
    StageStatistics,
    State,
    drained,
    joined,
    own_trampoline,
)
from ..protocol import FAIL, Overflow
from .merged import CONCURRENCY, Make

T1 = TypeVar("T1")
T2 = TypeVar("T2")


class Eager(Feed[Any]):
    """Opens inner Feeds ahead, each behind a queue; gives what the oldest has."""

    def __init__(
        self,
        context: Context,
        outer: Make,
        inner: Callable[[Any], Make],
        max_concurrency: int,
        prefetch: int,
        delay_error: bool,
        name: str = "concat_map_eager",
    ) -> None:
        """Make the outer Feed.

        Args:
            context: The consumer's.
            outer: Makes the Feed whose items become inner ones.
            inner: Turns an item of it into what makes a Feed.
            max_concurrency: Most inner Feeds open at once (sources).
            prefetch: Most that is held of each of them (items).
            delay_error: A failure waits for what came before it.
            name: The operator, for statistics.
        """
        self._name = name
        self._context = context
        self._outer = Input(outer, context)
        self._make_inner = inner
        self._max_concurrency = max_concurrency
        self._prefetch = prefetch
        self._delay_error = delay_error
        self._open = deque[Input]()  # the oldest first
        self._queues = deque[Prefetched]()  # theirs
        self._past = Ledger()  # of those that were open
        self._wanted = 0
        self._asked = False  # there was demand
        self._error: Exception | None = None  # of the outer Feed, or of what makes inner ones

    def start(self) -> None:
        """Start the outer Feed."""
        self._outer.start(self._room() if self._wanted else 0)

    def _room(self) -> int:
        return self._max_concurrency - len(self._open)

    def run(self) -> Iterator[Any]:
        """Give what the oldest open one has, and open further ones."""
        self._asked = True
        for _ in times(None, BUDGET):
            self._fill()
            if not self._open:
                return
            item = self._open[0].take()
            if item is not NOTHING:
                yield item
            elif self._open[0].ended:
                self._forget_oldest()
            else:
                return

    def _fill(self) -> None:
        """Open as many as the bound allows and the outer Feed has items for."""
        try:
            while self._room():
                item = self._outer.take(self._room())
                if item is NOTHING:
                    break
                self._begin(self._make_inner(item))
        except Exception as error:
            self._outer.cancel()
            self._error = error
        if not self._delay_error:
            failures = (self._error, *(queue.failure for queue in self._queues))
            for failure in filter(None, failures):
                raise failure

    def _begin(self, make: Make) -> None:
        def queue(context: Context) -> Prefetched:
            size = self._prefetch
            batch = size - size // 4
            connect = drained(make, context)
            name, delay = self._name, self._delay_error
            made = Prefetched(context, name, size, batch, connect, delay_error=delay)
            self._queues.append(made)
            return made

        entry = Input(queue, self._context)
        self._open.append(entry)
        with own_trampoline():  # else one inside another subscribe would begin too late
            entry.start()

    def _forget_oldest(self) -> None:
        entry = self._open.popleft()
        self._queues.popleft()
        entry.cancel()
        entry.account(self._past)

    def settle(self) -> State:
        """End when the outer one and all that it has opened have."""
        if self._open:
            ready = not self._open[0].waiting
        elif self._error is not None:
            raise self._error
        elif self._outer.ended:
            return State.ENDED
        else:
            ready = False
        may_open = self._room() and not self._outer.ended and not self._outer.waiting
        return State.READY if ready or may_open else State.WAITING

    def ending(self) -> bool:
        """Let ends through, which need no demand; what has room is opened."""
        for _ in times(None, BUDGET):
            if self._asked:
                self._fill()
            if not self._open or not self._open[0].over():
                break
            self._forget_oldest()
        if self._open:
            return False
        return self._error is not None or self._outer.over()

    def want(self, n: int) -> None:
        """Ask the outer one for as many as may be opened."""
        self._wanted = n
        self._outer.want(self._room())

    def cancel(self) -> None:
        """Cancel them all."""
        self._outer.cancel()
        while self._open:
            self._forget_oldest()

    def statistics(self) -> Iterator[StageStatistics]:
        """Give those of the outer one, of those that were open, and of the open ones."""
        before = [*self._outer.statistics(), *self._past]
        for entry in self._open.copy():  # the loop may take one out meanwhile, on its thread
            before += entry.statistics()
        yield from joined(before, StageStatistics(self._name))


@operator(
    demand="max_concurrency, prefetch to each inner ; 1:1 ; holds <= max_concurrency * prefetch",
    category="combine",
)
def concat_map_eager(
    mapper: Mapper[T1, Source[T2]],
    *,
    max_concurrency: int = CONCURRENCY,
    prefetch: int = HANDOVER,
    overflow: Overflow = FAIL,
    delay_error: bool = True,
) -> Callable[[Flow[T1] | Observable[T1]], Flow[T2]]:
    """Turn each item into a source; these run at the same time, and are given in order.

    .. marble::
        :alt: concat_map_eager

        request  6--------------------
        source   -a-b-----|
        a        --1---2---3-|
        b          -4-5-|
        [ concat_map_eager(lambda x: x) ]
                 --1---2---3-(45)|

    Demand: max_concurrency, prefetch to each inner ; 1:1 ; holds <= max_concurrency * prefetch.
    Nothing is opened before the first request. From then on up to ``max_concurrency`` inner
    sources are open, and what those that are not yet at their turn give is held.

    Args:
        mapper: Function of an item that gives a Flow, an Observable, a future or an iterable.
        max_concurrency: Most inner sources open at once (sources).
        prefetch: Most that is held of one inner source (items).
        overflow: What gives way when an inner plain Observable, which does not
            obey demand, has 256 items waiting besides.
        delay_error: A failure waits for all that comes before it in order; else it comes
            at once, and what is held is discarded.

    Returns:
        An operator function.

    Raises:
        TypeError: The mapper is no function, or an async one, when the pipeline is built.
        ValueError: A count below 1, when the pipeline is built.

    Errors:
        What the mapper raises; the first failure of any source, in order, which cancels
        the others.

    Source: RxJava concatMapEager; Reactor flatMapSequential.
    """
    name = "concat_map_eager"
    checks.function(name, "mapper", mapper)
    max_concurrency = checks.whole(name, "max_concurrency", max_concurrency)
    prefetch = checks.whole(name, "prefetch", prefetch)
    checks.strategy(name, overflow)

    def inner(item: Any) -> Make:
        return inlet(mapper(item), name, overflow)

    return fed(
        lambda context, flow: Eager(
            context, flow.feed, inner, max_concurrency, prefetch, delay_error
        )
    )
