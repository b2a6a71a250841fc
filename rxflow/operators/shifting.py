"""Later, each item by a source of its own: delay_with_mapper."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from reactivex import Observable
from reactivex.typing import Mapper

from ..flow import Flow, checks
from ..flow.inlet import as_flow, inlet
from ..flow.operator import fed, operator
from ..flow.source import Source
from ..kernel import HANDOVER, Context, Feed, StageStatistics, changed
from ..protocol import DROP_INCOMING, Offer
from .filtering import ignore_elements
from .serial import in_turn
from .signals import Make, Signal, Signalled
from .taking import take

T = TypeVar("T")


class _Shifted(Signalled):
    """Starts the delay of each item that comes, and gives the item when that has signalled."""

    def __init__(
        self, context: Context, make: Make, prefetch: int, mapper: Callable[[Any], Any]
    ) -> None:
        # Each that is taken makes room at once, or the times between items would grow.
        super().__init__(context, make, "delay_with_mapper", prefetch, 1)
        self._mapper = mapper
        self._entered = 0  # items of upstream; those that were not received here are delayed
        self._most = 0  # held at once
        self._over = False  # upstream has completed

    def push(self, item: Any) -> Offer:
        """Start the delay of an item."""
        with self._lock:
            if self.closed:
                return Offer.CLOSED
            self._entered += 1
            self._most = max(self._most, self._entered - self._count_taken())
        try:
            delay = inlet(self._mapper(item), self.name, DROP_INCOMING, 1)
        except Exception as error:
            self.break_off(error)
            return Offer.CLOSED
        Signal(self, item).open(delay)
        return Offer.ENQUEUED

    def heard(self, key: Any, item: Any) -> None:
        """Keep the item for the consumer."""
        super().push(key)
        self._look_for_end()

    def complete(self) -> None:
        """Complete when the last delay is over."""
        self._over = True
        self._look_for_end()

    def _look_for_end(self) -> None:
        if self._over and self._entered == self._received:
            super().complete()

    def fail(self, error: Exception) -> None:
        """Fail behind the items whose delays are over; let go of the others."""
        super().fail(error)
        self.stop_producer()

    def statistics(self) -> Iterator[StageStatistics]:
        """Give the producer's figures, then its own, with the items that are delayed."""
        *before, own = super().statistics()
        yield from before
        delayed = self._entered - own.received
        yield changed(
            own,
            received=self._entered,
            held=own.held + (0 if self.closed else delayed),
            peak=self._most,
            discarded=own.discarded + (delayed if self.closed else 0),
        )


@operator(demand="prefetch, then 1:1 ; 1:1 ; holds <= prefetch", category="time")
def delay_with_mapper(
    subscription_delay: Source[Any] | Mapper[T, Source[Any]] | None = None,
    delay_duration_mapper: Mapper[T, Source[Any]] | None = None,
    *,
    prefetch: int = HANDOVER,
) -> Callable[[Flow[T] | Observable[T]], Flow[T]]:
    """Give each item when a source that is made of it has signalled.

    .. marble::
        :alt: delay_with_mapper

        request  9---------------
        source   -1-2---3--|
        [ delay_with_mapper(lambda x: timer(8.0 - 2 * x)) ]
                 -----2-(13)|

    Demand: prefetch, then 1:1 ; 1:1 ; holds <= prefetch.
    Items are taken when they come, and given in the order in which their sources signal; but
    no more than ``prefetch`` are on their way or wait for demand, and behind those a faster
    source waits. The completion waits for the last item.

    Args:
        subscription_delay: A source, at whose first item or end the items are subscribed
            to; or in its place the function, where there is no such delay.
        delay_duration_mapper: Function of an item that gives a source, whose first item or
            end is the signal.
        prefetch: Most items on their way (items, at least 1).

    Returns:
        An operator function.

    Raises:
        TypeError: There is no function, it is async, or the delay is no source, when the
            pipeline is built.
        ValueError: prefetch < 1, when the pipeline is built.

    Errors:
        What the function raises; the failure of any source, which overtakes the items that
        have not been signalled.

    Source: reactivex delay_with_mapper; RxJava delay with an indicator.
    """
    name = "delay_with_mapper"
    late, mapper = _told(subscription_delay, delay_duration_mapper)
    checks.function(name, "delay_duration_mapper", mapper)
    size = checks.whole(name, "prefetch", prefetch)
    pause = None if late is None else as_flow(late, name).pipe(take(1), ignore_elements())

    def feed(context: Context, flow: Flow[Any]) -> Feed[Any]:
        def make(context: Context) -> Feed[Any]:
            if pause is None:
                return flow.feed(context)
            return in_turn(context, iter([pause.feed, flow.feed]), "subscription_delay")

        return _Shifted(context, make, size, mapper)

    return fed(feed)


def _told(first: Any, second: Any) -> tuple[Any, Any]:
    """Tell the delay of the subscription from the function, which may be in its place."""
    alone = second is None and not issubclass(type(first), Observable)
    return (None, first) if alone else (first, second)
