"""One source after another: concat, repeat, catch; and the Feed behind them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import repeat as times
from typing import Any, TypeVar, overload

from reactivex import Observable

from ..flow import Flow, checks
from ..flow.inlet import inlet
from ..flow.operator import fed, operator
from ..flow.source import Source
from ..kernel import BUDGET, Context, Failed, Feed, Ledger, Pulled, StageStatistics, State, joined
from ..protocol import UNBOUNDED

T = TypeVar("T")
V = TypeVar("V")

Make = Callable[[Context], Feed[Any]]
After = Callable[[Exception | None], Make | None]


class Serial(Feed[Any]):
    """One Feed after another; what follows is decided when one has ended or failed.

    Demand that is outstanding goes over to the next one.
    """

    def __init__(self, context: Context, first: Make, after: After, name: str = "concat") -> None:
        """Begin with the first.

        Args:
            context: The consumer's.
            first: Makes the first Feed.
            after: Given None or the failure, it gives what makes the next Feed,
                or None to complete; what it raises is the failure of the whole.
            name: The operator, for statistics.
        """
        self._name = name
        self._context = context
        self._first = first
        self._after = after
        self._feed: Feed[Any] | None = None  # the current one; None when ended
        self._state = State.WAITING  # what the current Feed said last; at first not started
        self._started = False
        self._error: Exception | None = None
        self._wanted = 0  # demand that was heard of and is outstanding (items)
        self._past = Ledger()  # of those that have ended
        self._lap = context.meter  # of the current one

    def start(self) -> None:
        """Start the first."""
        self._started = True
        self._begin(self._first)

    def run(self) -> Iterator[Any]:
        """Give what the current one has, and go on to the next."""
        for _ in times(None, BUDGET):
            feed = self._feed
            if feed is None:
                return
            failure: Exception | None = None
            try:
                for item in feed.run():
                    if self._wanted and self._wanted != UNBOUNDED:
                        self._wanted -= 1
                    yield item
                    if feed is not self._feed:
                        break  # ``ending`` has gone on meanwhile
                else:
                    self._state = feed.settle()
            except Exception as error:
                failure = error
            else:
                if feed is not self._feed:
                    continue
                if self._state is not State.ENDED:
                    return
            self._wanted = self._wanted or 1  # who runs it wants an item
            # Outside of the except clause, else each failure would hold the one before it.
            self._go_on(failure)

    def _go_on(self, failure: Exception | None) -> None:
        """Begin what follows the current one."""
        self.cancel()
        try:
            make = self._after(failure)
        except Exception as error:
            self._error = error
            return
        del failure  # this frame is in the traceback of the next one
        if make is not None:
            self._begin(make)

    def _begin(self, make: Make) -> None:
        self._state = State.READY
        context = self._context.lap()
        self._lap = context.meter
        try:
            self._feed = feed = make(context)
            if self._wanted:
                feed.want(self._wanted)
            feed.start()
        except Exception as error:  # a failure like any other: it is heard when it is pulled
            self.cancel()
            self._feed = Failed(error)

    def settle(self) -> State:
        """End after the last one."""
        if not self._started:
            return State.WAITING
        if self._feed is not None:
            return State.READY if self._state is State.ENDED else self._state
        if self._error is not None:
            raise self._error
        return State.ENDED

    def ending(self) -> bool:
        """Let ends through, which need no demand."""
        if not self._started:
            return False
        for _ in times(None, BUDGET):
            feed = self._feed
            if feed is None:
                return True
            failure: Exception | None = None
            try:
                if not feed.ending():
                    return False
                for _ in feed.run():
                    raise AssertionError("a Feed that is ending gave an item")
                feed.settle()
            except Exception as error:
                failure = error
            self._go_on(failure)
        self._context.wake()
        return False

    def want(self, n: int) -> None:
        """Pass on, and remember for the next one."""
        self._wanted = n
        if self._feed is not None:
            self._feed.want(n)

    def advance(self) -> Any:
        """Advance the current one."""
        return None if self._feed is None else self._feed.advance()

    def cancel(self) -> None:
        """Cancel the current one."""
        feed, self._feed = self._feed, None
        if feed is not None:
            self._lap.stop()
            feed.cancel()
            feed.note(self._past, self._lap)

    def statistics(self) -> Iterator[StageStatistics]:
        """Give those of the ones before, then the current one's, then its own: it holds nothing."""
        before = [*self._past]
        if self._feed is not None:
            before += self._lap.fill(self._feed.statistics())
        yield from joined(before, StageStatistics(self._name))


def in_turn(context: Context, sources: Iterator[Make], name: str = "concat") -> Feed[Any]:
    """Run sources one after another, each on the completion of the last one."""

    def after(error: Exception | None) -> Make | None:
        if error is not None:
            raise error
        return next(sources, None)

    first = next(sources, None)
    return Serial(context, first or (lambda context: Pulled(())), after, name)


@overload
def concat() -> Callable[[Observable[T]], Flow[T]]: ...
@overload
def concat(source: Source[V], /, *sources: Source[V]) -> Callable[[Observable[T]], Flow[T | V]]: ...
@operator(demand="1:1 ; 1:1 ; holds 0", category="combine")
def concat(*sources: Source[Any]) -> Callable[[Observable[Any]], Flow[Any]]:
    """Give the items of the source, then those of each further source.

    .. marble::
        :alt: concat

        request  ---3------------
        a        -1-2-|
        b               -3-4-|
        [    a.concat(b)        ]
                 ---1-2--3-------

    Demand: 1:1 ; 1:1 ; holds 0.
    A plain Observable enters through a buffer of 256 items that fails when full.

    Args:
        sources: Flows, Observables, futures or iterables to go on with.

    Returns:
        An operator function.

    Raises:
        TypeError: One is no source, when the pipeline is built.

    Source: reactivex concat; RxJava concatWith.
    """
    makes = [inlet(source, "concat") for source in sources]
    return fed(lambda context, flow: in_turn(context, iter([flow.feed, *makes])))


@overload
def start_with() -> Callable[[Observable[T]], Flow[T]]: ...
@overload
def start_with(arg: V, /, *args: V) -> Callable[[Observable[T]], Flow[T | V]]: ...
@operator(demand="1:1 ; 1:1 ; holds 0", category="combine")
def start_with(*args: Any) -> Callable[[Observable[Any]], Flow[Any]]:
    """Give some items, then those of the source.

    .. marble::
        :alt: start_with

        request  4----------
        source     -1-2-|
        [  start_with(8, 9) ]
                 8-9-1-2-|

    Demand: 1:1 ; 1:1 ; holds 0.
    The source is subscribed when the items have been given.

    Args:
        args: The items.

    Returns:
        An operator function.

    Source: reactivex start_with.
    """

    def given(context: Context) -> Feed[Any]:
        return Pulled(args)

    return fed(lambda context, flow: in_turn(context, iter([given, flow.feed]), "start_with"))


@operator(demand="1:1 ; 1:1 ; holds 0", category="recover")
def repeat(repeat_count: int | None = None) -> Callable[[Observable[T]], Flow[T]]:
    """Subscribe again each time the source completes.

    .. marble::
        :alt: repeat

        request  4---------------
        source   -1-2-|
        [     repeat(2)         ]
                 -1-2--1-2-|

    Demand: 1:1 ; 1:1 ; holds 0. What is outstanding goes over to the next subscription.

    Args:
        repeat_count: How often the source is run in all (times); for ever when left out.

    Returns:
        An operator function.

    Raises:
        ValueError: A negative count, when the pipeline is built.

    Source: reactivex repeat.
    """
    if repeat_count is None:
        return fed(lambda context, flow: in_turn(context, times(flow.feed), "repeat"))
    count = checks.whole("repeat", "repeat_count", repeat_count, least=0)
    return fed(lambda context, flow: in_turn(context, times(flow.feed, count), "repeat"))


@overload
def catch(handler: Source[V]) -> Callable[[Observable[T]], Flow[T | V]]: ...
@overload
def catch(
    handler: Callable[[Exception, Observable[T]], Source[V]],
) -> Callable[[Flow[T] | Observable[T]], Flow[T | V]]: ...
@operator(demand="1:1 ; 1:1 ; holds 0", category="recover")
def catch(
    handler: Source[Any] | Callable[[Exception, Observable[Any]], Source[Any]],
) -> Callable[[Observable[Any]], Flow[Any]]:
    """Go on with another source when this one fails.

    .. marble::
        :alt: catch

        request  4---------------
        source   -1-2-X
        other          -8-9-|
        [     catch(other)      ]
                 -1-2--8-9-|

    Demand: 1:1 ; 1:1 ; holds 0. What is outstanding goes over to the other source.

    Args:
        handler: The other source; or a function of the error and the source that gives it.

    Returns:
        An operator function.

    Raises:
        TypeError: The handler is neither, when the pipeline is built.

    Errors:
        What the handler raises; the failure of the other source.

    Source: reactivex catch; Reactor onErrorResume.
    """
    checks.synchronous("catch", handler if callable(handler) else None, "handler")
    fixed = None if callable(handler) else inlet(handler, "catch")

    def feed(context: Context, flow: Flow[Any]) -> Feed[Any]:
        caught = False

        def after(error: Exception | None) -> Make | None:
            nonlocal caught
            if error is None:
                return None
            if caught:
                raise error
            caught = True
            if fixed is not None:
                return fixed
            assert callable(handler)
            return inlet(handler(error, flow), "catch")

        return Serial(context, flow.feed, after, "catch")

    return fed(feed)
