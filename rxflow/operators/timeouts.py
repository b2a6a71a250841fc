"""Limits of time on a stream: timeout, and one for each way of being slow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any, TypeVar, overload

from reactivex import Observable
from reactivex.abc import SchedulerBase

from ..flow import Flow
from ..flow.inlet import inlet
from ..flow.operator import fed, operator
from ..flow.source import Source
from ..kernel import Context, Feed, Relay, State, remaining
from ..protocol import StreamTimeoutError
from .serial import Make, Serial
from .timed import Limit, Timed, duration_of, time_of

T = TypeVar("T")
V = TypeVar("V")


class _Timed(Timed):
    """Fails when no item passes in time."""

    name: str
    what: str

    def __init__(
        self, context: Context, source: Feed[Any], limit: Limit, scheduler: SchedulerBase | None
    ) -> None:
        super().__init__(context, source, limit, scheduler)
        self._wanted = 0  # what of the demand that was heard of is outstanding (items)
        self.failure: StreamTimeoutError | None = None  # once it is too late

    def want(self, n: int) -> None:
        self._wanted = n
        super().want(n)

    def _fail(self) -> StreamTimeoutError:
        held = sum(part.held for part in self.statistics())
        wanted = max(0, self._wanted)
        self.failure = StreamTimeoutError(self.name, self._limit, self.what, wanted, held)
        return self.failure


class _Awaited(_Timed):
    """Counts while demand is outstanding, anew for each item."""

    name = "timeout"
    what = "the source has given no item in time"

    def start(self) -> None:
        if self._wanted:
            self._begin()  # before the source, whose first item may come at the same instant
        super().start()

    def run(self) -> Iterator[Any]:
        for item in super().run():
            self._since = None
            self._wanted = remaining(self._wanted, 1)
            yield item

    def settle(self) -> State:
        state = super().settle()
        if state is not State.ENDED:  # so there is demand, and nothing to meet it
            if self._since is None:
                self._begin()
            if self._late():
                raise self._fail()
        return state


class _FirstAwaited(_Awaited):
    """Counts while demand is outstanding, until the first item has come."""

    name = "initial_timeout"
    what = "the source has not given its first item in time"
    _came = False

    def run(self) -> Iterator[Any]:
        for item in super().run():
            self._came = True
            yield item

    def settle(self) -> State:
        return Relay.settle(self) if self._came else super().settle()


class _Passing(_Timed):
    """Counts from the subscription on, whatever the demand."""

    name = "completion_timeout"
    what = "the stream has not completed in time"

    def start(self) -> None:
        self._begin()
        super().start()

    def run(self) -> Iterator[Any]:
        if self._failing():
            return
        for item in super().run():
            self._wanted = remaining(self._wanted, 1)
            self._note()
            yield item
            if self._rung and self._failing():
                return

    def _note(self) -> None:
        """Hear that an item passes."""

    def _failing(self) -> bool:
        """Tell whether it is late, and the source not at its end."""
        if self.failure is None and self._late() and not super().ending():
            self._fail()
        return self.failure is not None

    def settle(self) -> State:
        if self.failure is None:
            state = super().settle()
            if state is State.ENDED or not self._failing():
                return state
        assert self.failure is not None
        raise self.failure

    def ending(self) -> bool:
        return super().ending() or self._failing()


class _Idle(_Passing):
    """Counts from the last item that has passed, whatever the demand."""

    name = "idle_timeout"
    what = "no item has passed in time"

    def _note(self) -> None:
        self._since = self._alarm.now


def or_else(
    limited: Callable[[Context, Flow[Any]], Any], instead: Make
) -> Callable[[Context, Flow[Any]], Feed[Any]]:
    """Go on with another source when one was too slow.

    Args:
        limited: Makes the Feed of the first source, whose ``failure`` is what it fails with
            when it was too slow, and None before.
        instead: Makes that of the other one.
    """

    def feed(context: Context, flow: Flow[Any]) -> Feed[Any]:
        current: Any = None

        def first(context: Context) -> Feed[Any]:
            nonlocal current
            current = made = limited(context, flow)
            return made

        def after(error: Exception | None) -> Make | None:
            if error is None:
                return None
            if current is None or error is not current.failure:  # so it is a source's own
                raise error
            return instead

        return Serial(context, first, after, "timeout")

    return feed


@overload
def timeout(
    duetime: float | timedelta | datetime,
    other: None = None,
    scheduler: SchedulerBase | None = None,
) -> Callable[[Observable[T]], Flow[T]]: ...
@overload
def timeout(
    duetime: float | timedelta | datetime, other: Source[V], scheduler: SchedulerBase | None = None
) -> Callable[[Observable[T]], Flow[T | V]]: ...
@operator(demand="1:1 ; 1:1 ; holds 0", category="time")
def timeout(
    duetime: float | timedelta | datetime,
    other: Source[Any] | None = None,
    scheduler: SchedulerBase | None = None,
) -> Callable[[Observable[Any]], Flow[Any]]:
    """Fail, or go on with another source, when an item that is asked for does not come.

    Time counts while there is demand, anew for each item: so a consumer that takes
    its time is never taken for a source that is slow. For the others who may be slow
    see ``initial_timeout``, ``idle_timeout``, ``completion_timeout`` and
    ``backpressure_timeout``.

    .. marble::
        :alt: timeout

        request  2----------2-----
        source   -1-2---------
        [      timeout(4)        ]
                 -1-2-----------X

    Demand: 1:1 ; 1:1 ; holds 0. What is outstanding goes over to the other source.

    Args:
        duetime: Longest wait for an item (seconds); or the time of day at which an
            item that is asked for and has not come is too late.
        other: The source to go on with.
        scheduler: Whose clock; that of the subscription, or of the running event loop,
            when left out.

    Returns:
        An operator function.

    Raises:
        TypeError: No duration and no time, or no source, when the pipeline is built.
        ValueError: A negative duration, or a time without a time zone, when the pipeline
            is built.

    Errors:
        StreamTimeoutError: No item came in time, and there is no other source.

    Source: reactivex timeout, which counts without demand too.
    """
    limit = time_of("timeout", "duetime", duetime)

    def limited(context: Context, flow: Flow[Any]) -> _Awaited:
        return _Awaited(context, flow.feed(context), limit, scheduler)

    return fed(limited if other is None else or_else(limited, inlet(other, "timeout")))


@operator(demand="1:1 ; 1:1 ; holds 0", category="time")
def initial_timeout(
    duration: float | timedelta, scheduler: SchedulerBase | None = None
) -> Callable[[Observable[T]], Flow[T]]:
    """Fail when the first item does not come in time after it was asked for.

    .. marble::
        :alt: initial_timeout

        request  --2------
        source   ---------
        [ initial_timeout(4) ]
                 ------X

    Demand: 1:1 ; 1:1 ; holds 0.
    Time counts from the first demand on: a consumer that subscribes early does no harm.

    Args:
        duration: Longest wait for the first item (seconds).
        scheduler: Whose clock; that of the subscription, or of the running event loop,
            when left out.

    Returns:
        An operator function.

    Raises:
        TypeError: No duration, when the pipeline is built.
        ValueError: A negative duration, when the pipeline is built.

    Errors:
        StreamTimeoutError: The first item has not come in time.

    Source: Pekko initialTimeout, which counts without demand too.
    """
    return _counting(_FirstAwaited, duration, scheduler)


@operator(demand="1:1 ; 1:1 ; holds 0", category="time")
def idle_timeout(
    duration: float | timedelta, scheduler: SchedulerBase | None = None
) -> Callable[[Observable[T]], Flow[T]]:
    """Fail when no item has passed for so long, whoever is to blame for it.

    It is for what is to be given back when nobody uses it, such as a connection. The
    error tells the demand: where there was some it is the source that was slow,
    otherwise the consumer. To blame the source only, use ``timeout``.

    .. marble::
        :alt: idle_timeout

        request  1------------
        source   -1-----------
        [    idle_timeout(4)   ]
                 -1---X

    Demand: 1:1 ; 1:1 ; holds 0.
    A loop over the Flow hears of it when it asks for its next item.

    Args:
        duration: Longest time from one item to the next (seconds), and from the
            subscription to the first.
        scheduler: Whose clock; that of the subscription, or of the running event loop,
            when left out.

    Returns:
        An operator function.

    Raises:
        TypeError: No duration, when the pipeline is built.
        ValueError: A negative duration, when the pipeline is built.

    Errors:
        StreamTimeoutError: No item has passed for so long.

    Source: Pekko idleTimeout.
    """
    return _counting(_Idle, duration, scheduler)


@operator(demand="1:1 ; 1:1 ; holds 0", category="time")
def completion_timeout(
    duration: float | timedelta, scheduler: SchedulerBase | None = None
) -> Callable[[Observable[T]], Flow[T]]:
    """Fail when the stream has not completed in time, whoever is to blame for it.

    .. marble::
        :alt: completion_timeout

        request  5------------
        source   -1-2-3-4-5-6-
        [ completion_timeout(8) ]
                 -1-2-3-4X

    Demand: 1:1 ; 1:1 ; holds 0.
    A loop over the Flow hears of it when it asks for its next item.

    Args:
        duration: Longest time from the subscription to the end (seconds).
        scheduler: Whose clock; that of the subscription, or of the running event loop,
            when left out.

    Returns:
        An operator function.

    Raises:
        TypeError: No duration, when the pipeline is built.
        ValueError: A negative duration, when the pipeline is built.

    Errors:
        StreamTimeoutError: The stream has not completed in time.

    Source: Pekko completionTimeout.
    """
    return _counting(_Passing, duration, scheduler)


def _counting(kind: type[_Timed], duration: Any, scheduler: SchedulerBase | None) -> Any:
    limit = duration_of(kind.name, "duration", duration)
    return fed(lambda context, flow: kind(context, flow.feed(context), limit, scheduler))
