"""Limits that other sources tell: timeout_with_mapper."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from reactivex import Observable

from ..flow import Flow, checks
from ..flow.inlet import inlet
from ..flow.operator import fed, operator
from ..flow.source import Source
from ..kernel import NOTHING, Context, Feed, Input, Relay, State, own_trampoline, remaining
from ..protocol import DROP_INCOMING, StreamTimeoutError
from .serial import Make
from .timeouts import or_else

T = TypeVar("T")

_NAME = "timeout_with_mapper"


class _Expiring(Relay):
    """Fails when a limit signals before the item that is awaited has come.

    A limit is begun when there is demand that upstream has nothing for.
    """

    def __init__(
        self,
        context: Context,
        source: Feed[Any],
        first: Make | None,
        mapper: Callable[[Any], Any] | None,
    ) -> None:
        super().__init__(source)
        self._context = context.timed()
        self._first = first
        self._mapper = mapper
        self._limit: Input | None = None  # of the item that is awaited
        self._before: Any = NOTHING  # the last item
        self._lacks = True  # no limit was begun for the next one
        self._wanted = 0  # what of the demand that was heard of is outstanding (items)
        self.failure: StreamTimeoutError | None = None  # once it is too late

    def want(self, n: int) -> None:
        self._wanted = n
        super().want(n)

    def start(self) -> None:
        if self._wanted and self._late():
            return
        super().start()

    def run(self) -> Iterator[Any]:
        if self.failure is not None:
            return
        for item in super().run():
            self._end_limit()
            self._before, self._lacks = item, True
            self._wanted = remaining(self._wanted, 1)
            yield item

    def settle(self) -> State:
        if self.failure is None:
            state = super().settle()
            if state is State.ENDED or not self._late():
                limit = self._limit
                unheard = limit is not None and not limit.waiting  # it sends no further wake
                return State.READY if unheard and state is State.WAITING else state
        assert self.failure is not None
        raise self.failure

    def ending(self) -> bool:
        return self.failure is not None or super().ending()

    def advance(self) -> None:
        """Let the consumer wait for a wake, which may be the limit's."""

    def _late(self) -> bool:
        """Tell whether the limit has signalled; begin it first."""
        if self._lacks:
            self._lacks = False
            make = self._next_limit()
            if make is not None:
                with own_trampoline():  # else one inside another subscribe would begin too late
                    self._limit = Input(make, self._context)
                    self._limit.start(1)
        limit = self._limit
        if limit is None or (limit.take() is NOTHING and not limit.ended):
            return False
        first = self._before is NOTHING
        self.failure = StreamTimeoutError(
            _NAME,
            "first_timeout" if first else "timeout_duration_mapper",
            f"the source has not given its {'first' if first else 'next'} item in time",
            max(0, self._wanted),
            sum(part.held for part in self.statistics()),
        )
        return True

    def _next_limit(self) -> Make | None:
        if self._before is NOTHING:
            return self._first
        if self._mapper is None:
            return None
        return inlet(self._mapper(self._before), _NAME, DROP_INCOMING, 1)

    def _end_limit(self) -> None:
        limit, self._limit = self._limit, None
        if limit is not None:
            limit.cancel()

    def cancel(self) -> None:
        self._end_limit()
        super().cancel()


@operator(demand="1:1 ; 1:1 ; holds 0", category="time")
def timeout_with_mapper(
    first_timeout: Source[Any] | None = None,
    timeout_duration_mapper: Callable[[T], Source[Any]] | None = None,
    other: Source[T] | None = None,
) -> Callable[[Observable[T]], Flow[T]]:
    """Fail, or go on with another source, when a source signals before the next item comes.

    A source is made, or begun, when an item is asked for that is not there: so a consumer
    that takes its time is never taken for a source that is slow.

    .. marble::
        :alt: timeout_with_mapper

        request  2------------2-----
        source   -1-2-----------
        [ timeout_with_mapper(timer(3.0), lambda x: timer(4.0)) ]
                 -1-2-------------X

    Demand: 1:1 ; 1:1 ; holds 0. What is outstanding goes over to the other source.

    Args:
        first_timeout: The source whose first item or end means that the first item is too
            late; none when left out.
        timeout_duration_mapper: Function of an item that gives such a source for the next
            one; none when left out.
        other: The source to go on with.

    Returns:
        An operator function.

    Raises:
        TypeError: One is no source, or the function is async, when the pipeline is built.

    Errors:
        StreamTimeoutError: An item came too late, and there is no other source.
        What the function raises; the failure of any source.

    Source: reactivex timeout_with_mapper, which begins each source without demand too.
    """
    first = None if first_timeout is None else inlet(first_timeout, _NAME, DROP_INCOMING, 1)
    instead = None if other is None else inlet(other, _NAME)
    mapper = timeout_duration_mapper
    checks.callback(_NAME, "timeout_duration_mapper", mapper)

    def limited(context: Context, flow: Flow[Any]) -> _Expiring:
        return _Expiring(context, flow.feed(context), first, mapper)

    return fed(limited) if instead is None else fed(or_else(limited, instead))
