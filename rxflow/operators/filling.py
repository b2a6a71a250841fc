"""Items for a consumer that is faster than its source: extrapolate, expand_latest, keep_alive."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from itertools import repeat as times
from typing import Any, TypeVar

from reactivex import Observable
from reactivex.abc import SchedulerBase
from reactivex.internal.utils import NotSet

from ..flow import Flow, checks
from ..flow.operator import fed, operator
from ..kernel import (
    BUDGET,
    NOTHING,
    Alarm,
    Context,
    Feed,
    Input,
    StageStatistics,
    State,
    close,
)
from ..protocol import UNBOUNDED

T = TypeVar("T")
T1 = TypeVar("T1")


@operator(demand="1 at a time ; 1:1 ; holds 0", category="demand")
def extrapolate(
    function: Callable[[T], Iterable[T1]], initial: Any = NotSet
) -> Callable[[Observable[T]], Flow[T | T1]]:
    """Give a faster consumer computed items while the source has none.

    .. marble::
        :alt: extrapolate

        request  1-1-1-1-1--
        source   1-----2----|
        [ extrapolate(lambda x: count(x + 0.1, 0.1)) ]
                 1-1.1-1.2-2-2.1-|

    Demand: 1 at a time ; 1:1 ; holds 0.
    Every item of the source is given as it is. It completes with the source.
    A consumer that asks for everything, and not for a number, is given no computed
    items, for there might be no end of them.

    Args:
        function: Makes of an item what may follow it until the next one comes: an
            iterable, which is advanced on demand only.
        initial: Stands for an item before the first one.

    Returns:
        An operator function.

    Raises:
        TypeError: The function is async or not callable, when the pipeline is built.

    Errors:
        What the function, or its iterable, raises.

    Source: Pekko extrapolate.
    """
    checks.function("extrapolate", "function", function)
    return fed(lambda context, flow: _Expanded(context, flow.feed, function, True, initial))


@operator(demand="1 at a time ; 1:1 ; holds 0", category="demand")
def expand_latest(
    function: Callable[[T], Iterable[T1]],
) -> Callable[[Observable[T]], Flow[T1]]:
    """Turn the latest item into as many as the consumer asks for until the next one comes.

    .. marble::
        :alt: expand_latest

        request  1-1-1-1-1--
        source   1-----2----|
        [ expand_latest(itertools.repeat) ]
                 1-1-1-2-2-|

    Demand: 1 at a time ; 1:1 ; holds 0.
    At least one is given for each item, unless its iterable is empty, and no more than
    one to a consumer that asks for everything. It completes with the source.

    Args:
        function: Turns an item into an iterable, which is advanced on demand only.

    Returns:
        An operator function.

    Raises:
        TypeError: The function is async or not callable, when the pipeline is built.

    Errors:
        What the function, or its iterable, raises.

    Source: Pekko expand.
    """
    checks.function("expand_latest", "function", function)
    return fed(lambda context, flow: _Expanded(context, flow.feed, function, False))


@operator(demand="1 at a time ; 1:1 ; holds 0", category="time")
def keep_alive(
    idle: float | timedelta,
    function: Callable[[], T1],
    scheduler: SchedulerBase | None = None,
) -> Callable[[Observable[T]], Flow[T | T1]]:
    """Give an item of your own whenever the source has been silent for so long.

    .. marble::
        :alt: keep_alive

        request  9---------------
        source   1---------2----|
        [ keep_alive(4.0, lambda: "?") ]
                 1---?---?-2----|

    Demand: 1 at a time ; 1:1 ; holds 0.
    Only what is asked for is given: after a silence without demand, one item.

    Args:
        idle: How long the source has to be silent (seconds).
        function: Makes the item.
        scheduler: Whose clock; that of the subscription, the running event loop's, or
            reactivex's default, when left out.

    Returns:
        An operator function.

    Raises:
        TypeError: The function is async or not callable, when the pipeline is built.
        ValueError: idle is not more than 0, when the pipeline is built.

    Errors:
        What the function raises.

    Source: Pekko keepAlive.
    """
    seconds = checks.seconds("keep_alive", "idle", idle, optional=False)
    if not seconds:
        raise ValueError(f"keep_alive: idle must be more than 0 s, not {idle!r}")
    checks.function("keep_alive", "function", function)
    return fed(lambda context, flow: _KeptAlive(context, flow.feed, seconds, function, scheduler))


class _Filled(Feed[Any]):
    """Gives what the source has, else what a subclass has to put in its place."""

    def __init__(self, context: Context, make: Callable[[Context], Feed[Any]]) -> None:
        self._input = Input(make, context)

    def start(self) -> None:
        self._input.start()

    @abstractmethod
    def _given(self, item: Any) -> Any:
        """Hear of an item of the source; say what to give, or NOTHING."""

    @abstractmethod
    def _filling(self) -> Any:
        """Give an item in place of the source's, or NOTHING."""

    @abstractmethod
    def _can_fill(self) -> bool:
        """Tell whether there may be one now."""

    def run(self) -> Iterator[Any]:
        for _ in times(None, BUDGET):
            item = self._input.take()
            if item is not NOTHING:
                item = self._given(item)
                if item is NOTHING:
                    continue
            elif self._input.ended or (item := self._filling()) is NOTHING:
                return
            yield item

    def settle(self) -> State:
        if self._input.ended:
            return State.ENDED
        return State.READY if self._can_fill() or not self._input.waiting else State.WAITING

    def ending(self) -> bool:
        return self._input.over()

    def cancel(self) -> None:
        self._input.cancel()

    def statistics(self) -> Iterator[StageStatistics]:
        return self._input.statistics()


class _Expanded(_Filled):
    def __init__(
        self,
        context: Context,
        make: Callable[[Context], Feed[Any]],
        function: Callable[[Any], Iterable[Any]],
        keeps: bool,
        initial: Any = NotSet,
    ) -> None:
        super().__init__(context, make)
        self._function = function
        self._keeps = keeps  # the item itself comes first
        self._more: Iterator[Any] | None = None  # None when there is nothing to expand
        self._initial = initial
        self._everything = False  # it is asked for all there is: computed items would never end

    def want(self, n: int) -> None:
        self.more(n)

    def more(self, n: int) -> None:
        self._everything = self._everything or n == UNBOUNDED

    def _given(self, item: Any) -> Any:
        close(self._more)
        self._more = iter(self._function(item))
        return item if self._keeps else self._next()

    def _next(self) -> Any:
        item = NOTHING if self._more is None else next(self._more, NOTHING)
        if item is NOTHING:
            self._more = None
        return item

    def _filling(self) -> Any:
        if self._initial is not NotSet:
            item, self._initial = self._initial, NotSet
            return self._given(item)
        return NOTHING if self._everything else self._next()

    def _can_fill(self) -> bool:
        return self._initial is not NotSet or (self._more is not None and not self._everything)

    def cancel(self) -> None:
        super().cancel()
        close(self._more)
        self._more = None


class _KeptAlive(_Filled):
    def __init__(
        self,
        context: Context,
        make: Callable[[Context], Feed[Any]],
        idle: float,
        function: Callable[[], Any],
        scheduler: SchedulerBase | None,
    ) -> None:
        super().__init__(context, make)
        self._idle = idle
        self._function = function
        self._alarm = Alarm(context.wake, scheduler or context.timed().scheduler)
        self._due = 0.0  # when the silence is over

    def start(self) -> None:
        self._due = self._alarm.now + self._idle
        super().start()

    def _given(self, item: Any) -> Any:
        self._due = self._alarm.now + self._idle
        return item

    def _filling(self) -> Any:
        return self._given(self._function()) if self._can_fill() else NOTHING

    def _can_fill(self) -> bool:
        return self._alarm.now >= self._due

    def settle(self) -> State:
        state = super().settle()
        if state is State.WAITING:
            self._alarm.set(self._due)
        return state

    def cancel(self) -> None:
        self._alarm.cancel()
        super().cancel()
