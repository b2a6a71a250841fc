"""A limit of time on the consumer: backpressure_timeout."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

from reactivex import Observable
from reactivex.abc import SchedulerBase

from ..flow import Flow, checks
from ..flow.operator import fed, operator
from ..kernel import Alarm, Context, DiscardCallback, Feed, Prefetched, drained
from ..protocol import UNBOUNDED, Offer, StreamTimeoutError
from .timed import GRAIN

T = TypeVar("T")

NAME = "backpressure_timeout"


class _Ejecting(Prefetched):
    """Has the next item ready; ends the stream when nobody asks for it."""

    def __init__(
        self,
        context: Context,
        make: Callable[[Context], Feed[Any]],
        limit: float,
        scheduler: SchedulerBase | None,
        on_discard: DiscardCallback | None,
    ) -> None:
        super().__init__(context, NAME, 1, 1, drained(make, context))
        self._on_discard = on_discard
        self._limit = limit
        self._alarm = Alarm(self._look, scheduler or context.timed().scheduler)
        self._since = 0.0  # when the item that is held came, if nobody had asked for it
        self._pulls = context.pulls

    def push(self, item: Any) -> Offer:
        if not self.requested:
            self._since = self._alarm.now  # before the alarm is set: it may just be ringing
            self._alarm.set(self._since + self._limit)
        return super().push(item)

    def _look(self) -> None:
        """End the stream if it is time; on the thread of the alarm."""
        with self._lock:
            held = len(self._queue)
            asked = self._wanted == UNBOUNDED or self._wanted > self._count_taken()
            due = self._since + self._limit
        if not held or asked or self.closed:  # a source that has ended is not held up
            return  # the next item sets the alarm
        if self._alarm.now + GRAIN < due:
            self._alarm.set(due)
            return
        who = "the loop over the Flow" if self._pulls else "the consumer"
        what = f"{who} has asked for nothing while an item waits"
        self.stop_producer()
        self._delay_error = False  # the item that waits would delay it for ever
        self.fail(StreamTimeoutError(NAME, self._limit, what, 0, held))

    def cancel(self) -> None:
        self._alarm.cancel()
        super().cancel()


@operator(demand="1 ahead ; 1:1 ; holds <= 1", category="time")
def backpressure_timeout(
    duration: float | timedelta,
    scheduler: SchedulerBase | None = None,
    *,
    on_discard: DiscardCallback | None = None,
) -> Callable[[Observable[T]], Flow[T]]:
    """Fail when the consumer asks for nothing for so long although an item waits.

    So a consumer that is stuck does not hold its source for ever: the source is
    cancelled at once, also while a loop over the Flow is still at its last item; the loop
    hears of it when it asks for the next one.

    .. marble::
        :alt: backpressure_timeout

        request  -1-------------
        source   1-2------------
        [ backpressure_timeout(4) ]
                 -1----X

    Demand: 1 ahead ; 1:1 ; holds <= 1.
    Time counts from when an item is there that nobody has asked for, until it is taken; not
    any more when the source has completed, which is then not held up.

    Args:
        duration: Longest that an item waits (seconds).
        scheduler: Whose clock; that of the subscription, or of the running event loop,
            when left out.
        on_discard: Called with an item that waits when the stream fails or is cancelled.

    Returns:
        An operator function.

    Raises:
        TypeError: No duration, or an async callback, when the pipeline is built.
        ValueError: A negative duration, when the pipeline is built.

    Errors:
        StreamTimeoutError: The consumer has asked for nothing for so long. It overtakes
            the item that waits.

    Source: Pekko backpressureTimeout, which does not look whether an item waits.
    """
    limit = checks.seconds(NAME, "duration", duration, optional=False)
    checks.callback(NAME, "on_discard", on_discard)
    assert limit is not None
    seconds = limit
    return fed(lambda context, flow: _Ejecting(context, flow.feed, seconds, scheduler, on_discard))
