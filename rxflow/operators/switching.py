"""One inner source at a time, the newest or the first: switch_map, switch_latest, exclusive."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count
from itertools import repeat as times
from typing import Any, TypeVar

from reactivex import Observable
from reactivex.typing import Mapper, MapperIndexed

from ..flow import Flow, checks
from ..flow.inlet import inlet
from ..flow.operator import fed, operator
from ..flow.source import Source
from ..kernel import (
    BUDGET,
    HANDOVER,
    NOTHING,
    Context,
    DropCallback,
    Feed,
    Input,
    Ledger,
    StageStatistics,
    State,
    joined,
    own_trampoline,
)
from ..protocol import FAIL, UNBOUNDED, Overflow

T = TypeVar("T")
T1 = TypeVar("T1")
T2 = TypeVar("T2")

Make = Callable[[Context], Feed[Any]]

SWITCHES = "unbounded, from the first request on ; 1:1 of the newest inner ; holds <= prefetch"
KEEPS = "unbounded, from the first request on ; 1:1 of the open inner ; holds <= prefetch"


class Switched(Feed[Any]):
    """Pulls one inner Feed; whatever the outer one gives is taken first.

    From the first request on it takes from an outer Feed whose items come by themselves
    without further demand, so that an inner one is cancelled as soon as it is replaced.
    """

    def __init__(
        self, context: Context, outer: Make, inner: Callable[[Any], Make], prefetch: int
    ) -> None:
        """Make the outer Feed.

        Args:
            context: The consumer's.
            outer: Makes the Feed whose items become inner ones.
            inner: Turns an item of it into what makes a Feed.
            prefetch: Most that an inner Feed that has nothing is asked for (items).
        """
        self._context = context
        self._outer = Input(outer, context)
        self._make_inner = inner
        self._prefetch = prefetch
        self._inner: Input | None = None  # the open one
        self._past = Ledger()  # of those that were open
        self._wanted = 0
        self._asked = False  # there was demand

    def start(self) -> None:
        """Start the outer Feed."""
        self._outer.start(UNBOUNDED if self._wanted else 0)

    def run(self) -> Iterator[Any]:
        """Give what the open one has, but look at the outer one before each item."""
        self._asked = True
        for left in reversed(range(BUDGET)):
            if left and self._hear_outer():
                continue  # the last turn is the inner one's: an endless outer one leaves it that
            inner = self._inner
            if inner is None:
                return
            item = inner.take(min(self._prefetch, self._wanted) or 1)
            if item is not NOTHING:
                yield item
            elif inner.ended:
                self._close()
            else:
                return

    def _hear_outer(self) -> bool:
        """Take an item of the outer Feed, and do what is to be done with it; tell if there was."""
        item = self._outer.take(UNBOUNDED)
        if item is NOTHING:
            return False
        self._heard(item)
        return True

    def _heard(self, item: Any) -> None:
        """Open what an item stands for in place of the one that is open."""
        self._close()
        self._open(item)

    def _open(self, item: Any) -> None:
        with own_trampoline():  # else one inside another subscribe would begin too late
            self._inner = Input(self._make_inner(item), self._context)
            self._inner.start(min(self._prefetch, self._wanted))

    def _close(self) -> None:
        inner, self._inner = self._inner, None
        if inner is not None:
            inner.cancel()
            inner.account(self._past)

    def settle(self) -> State:
        """End when the outer one and the open one have."""
        inner, outer = self._inner, self._outer
        if not (outer.ended or outer.waiting) or not (inner is None or inner.waiting):
            return State.READY
        return State.ENDED if outer.ended and inner is None else State.WAITING

    def ending(self) -> bool:
        """Replace the open one where something new has come; let ends through."""
        if self._asked and self._outer.pushes:
            for _ in times(None, BUDGET):
                if not self._hear_outer():
                    break
        if self._inner is not None and self._inner.over():
            self._close()
        return self._outer.over() and self._inner is None

    def want(self, n: int) -> None:
        """Ask the outer one for everything, the open one for up to ``prefetch``."""
        self._wanted = n
        self._outer.want(UNBOUNDED)
        if self._inner is not None:
            self._inner.want(min(self._prefetch, n))

    def cancel(self) -> None:
        """Cancel both."""
        self._outer.cancel()
        self._close()

    def statistics(self) -> Iterator[StageStatistics]:
        """Give those of the outer one, of those that were open, and of the open one."""
        yield from joined(self._sources(), StageStatistics("switch_map"))

    def _sources(self) -> Iterator[StageStatistics]:
        yield from self._outer.statistics()
        yield from self._past
        if self._inner is not None:
            yield from self._inner.statistics()


class Exclusive(Switched):
    """Drops what the outer Feed gives while an inner one is open."""

    def __init__(
        self,
        context: Context,
        outer: Make,
        inner: Callable[[Any], Make],
        prefetch: int,
        on_drop: DropCallback | None,
    ) -> None:
        """Make the outer Feed; see :class:`Switched`."""
        super().__init__(context, outer, inner, prefetch)
        self._on_drop = on_drop
        self._dropped = Counter[str]()
        self._opened = 0

    def _heard(self, item: Any) -> None:
        if self._inner is not None and not self._inner.over():
            self._dropped["busy"] += 1
            if self._on_drop is not None:
                self._on_drop(item, "busy")
            return
        self._close()
        self._opened += 1
        self._open(item)

    def statistics(self) -> Iterator[StageStatistics]:
        """Give those of all, then how many sources were opened, and how many dropped."""
        own = StageStatistics(
            "exclusive",
            received=self._opened + self._dropped.total(),
            delivered=self._opened,
            dropped=dict(self._dropped),
        )
        yield from joined(self._sources(), own)


@operator(demand=SWITCHES, category="combine")
def switch_map(
    project: Mapper[T1, Source[T2]] | None = None,
    *,
    prefetch: int = HANDOVER,
    overflow: Overflow = FAIL,
) -> Callable[[Flow[T1] | Observable[T1]], Flow[T2]]:
    """Turn each item into a source, and give the items of the newest one.

    .. marble::
        :alt: switch_map

        request  4-----------------
        source   -a---b-----|
        a        --1-2-3-4-|
        b             --5-6-|
        [ switch_map(lambda x: x) ]
                 --1-2--5-6-|

    Demand: unbounded, from the first request on ; 1:1 of the newest inner ; holds <= prefetch.
    The source is taken as it comes, also while nothing is asked for; of its sources one is
    open. The one that it replaces is cancelled at once; what was held of that is discarded,
    and counted. Of a source that gives only when it is asked, such as an iterable, all is
    taken with the first request, up to 1,024 items for each item that is given.

    Args:
        project: Function of an item that gives a Flow, an Observable, a future or an
            iterable; when left out the items are such sources.
        prefetch: Most that the open source is asked for (items).
        overflow: What gives way when an inner plain Observable, which does not
            obey demand, has 256 items waiting.

    Returns:
        An operator function.

    Raises:
        TypeError: The function is async, when the pipeline is built.
        ValueError: prefetch < 1, when the pipeline is built.

    Errors:
        What the function raises; the failure of the source, at once; that of the open
        inner source, behind its items.

    Source: reactivex switch_map; RxJava switchMap.
    """
    checks.callback("switch_map", "project", project)
    return _switching("switch_map", project or _itself, prefetch, overflow)


@operator(demand=SWITCHES, category="combine")
def switch_map_indexed(
    project: MapperIndexed[T1, Source[T2]] | None = None,
    *,
    prefetch: int = HANDOVER,
    overflow: Overflow = FAIL,
) -> Callable[[Flow[T1] | Observable[T1]], Flow[T2]]:
    """Turn each item and its index into a source, and give the items of the newest one.

    .. marble::
        :alt: switch_map_indexed

        request  4-------------------
        source   -a---b-----|
        [ switch_map_indexed(lambda x, i: [x, i]) ]
                 -a-0-b-1---|

    Demand: unbounded, from the first request on ; 1:1 of the newest inner ; holds <= prefetch.
    As :func:`switch_map`.

    Args:
        project: Function of an item and its index that gives a source; when left out
            the items are such sources.
        prefetch: Most that the open source is asked for (items).
        overflow: What gives way when an inner plain Observable has 256 items waiting.

    Returns:
        An operator function.

    Raises:
        TypeError: The function is async, when the pipeline is built.
        ValueError: prefetch < 1, when the pipeline is built.

    Errors:
        What the function raises; the failure of the source, at once; that of the open
        inner source, behind its items.

    Source: reactivex switch_map_indexed.
    """
    name = "switch_map_indexed"
    checks.callback(name, "project", project)
    function: Callable[[Any, int], Any] = project or _first
    prefetch = checks.whole(name, "prefetch", prefetch)
    checks.strategy(name, overflow)

    def feed(context: Context, flow: Flow[Any]) -> Feed[Any]:
        index = count()

        def inner(item: Any) -> Make:
            return inlet(function(item, next(index)), name, overflow)

        return Switched(context, flow.feed, inner, prefetch)

    return fed(feed)


@operator(demand=SWITCHES, category="combine")
def flat_map_latest(
    mapper: Mapper[T1, Source[T2]], *, prefetch: int = HANDOVER, overflow: Overflow = FAIL
) -> Callable[[Flow[T1] | Observable[T1]], Flow[T2]]:
    """Turn each item into a source, and give the items of the newest one: ``switch_map``.

    .. marble::
        :alt: flat_map_latest

        request  4-----------------
        source   -a---b-----|
        a        --1-2-3-4-|
        b             --5-6-|
        [ flat_map_latest(lambda x: x) ]
                 --1-2--5-6-|

    Demand: unbounded, from the first request on ; 1:1 of the newest inner ; holds <= prefetch.
    As :func:`switch_map`.

    Args:
        mapper: Function of an item that gives a Flow, an Observable, a future or an iterable.
        prefetch: Most that the open source is asked for (items).
        overflow: What gives way when an inner plain Observable has 256 items waiting.

    Returns:
        An operator function.

    Raises:
        TypeError: The mapper is no function or an async one, when the pipeline is built.
        ValueError: prefetch < 1, when the pipeline is built.

    Errors:
        What the mapper raises; the failure of the source, at once; that of the open
        inner source, behind its items.

    Source: reactivex flat_map_latest.
    """
    checks.function("flat_map_latest", "mapper", mapper)
    return _switching("flat_map_latest", mapper, prefetch, overflow)


@operator(demand=SWITCHES, category="combine")
def switch_latest(
    *, prefetch: int = HANDOVER, overflow: Overflow = FAIL
) -> Callable[[Observable[Source[T]]], Flow[T]]:
    """Give the items of the newest of the sources that are this one's items.

    .. marble::
        :alt: switch_latest

        request  4-----------------
        source   -a---b-----|
        a        --1-2-3-4-|
        b             --5-6-|
        [ switch_latest()         ]
                 --1-2--5-6-|

    Demand: unbounded, from the first request on ; 1:1 of the newest inner ; holds <= prefetch.
    As :func:`switch_map`.

    Args:
        prefetch: Most that the open source is asked for (items).
        overflow: What gives way when an inner plain Observable has 256 items waiting.

    Returns:
        An operator function.

    Raises:
        ValueError: prefetch < 1, when the pipeline is built.

    Errors:
        An item that is no source; the failure of the source, at once; that of the open
        inner source, behind its items.

    Source: reactivex switch_latest; Reactor switchOnNext.
    """
    return _switching("switch_latest", _itself, prefetch, overflow)


@operator(demand=KEEPS, category="combine")
def exclusive(
    *,
    prefetch: int = HANDOVER,
    overflow: Overflow = FAIL,
    on_drop: DropCallback | None = None,
) -> Callable[[Observable[Source[T]]], Flow[T]]:
    """Give the items of one source; those that come before it has ended are dropped.

    .. marble::
        :alt: exclusive

        request  4-----------------
        source   -a---b---c----|
        a        --1-2---3|
        b             (dropped)
        c                 --4-|
        [ exclusive()             ]
                 --1-2---3--4--|

    Demand: unbounded, from the first request on ; 1:1 of the open inner ; holds <= prefetch.
    The source is taken as it comes, as by :func:`switch_map`. An inner source is open until
    its last item was given, however long that waits for demand.

    Args:
        prefetch: Most that the open source is asked for (items).
        overflow: What gives way when an inner plain Observable has 256 items waiting.
        on_drop: Called with each source that is dropped, and the reason "busy".

    Returns:
        An operator function.

    Raises:
        TypeError: on_drop is async, when the pipeline is built.
        ValueError: prefetch < 1, when the pipeline is built.

    Errors:
        An item that is no source; what on_drop raises; the failure of the source, at once;
        that of the open inner source, behind its items.

    Source: reactivex exclusive.
    """
    prefetch = checks.whole("exclusive", "prefetch", prefetch)
    checks.strategy("exclusive", overflow)
    checks.callback("exclusive", "on_drop", on_drop)

    def inner(item: Any) -> Make:
        return inlet(item, "exclusive", overflow)

    return fed(lambda context, flow: Exclusive(context, flow.feed, inner, prefetch, on_drop))


def _switching(name: str, function: Callable[[Any], Any], prefetch: int, overflow: Overflow) -> Any:
    """Make the operator that switches to the source which a function gives for each item."""
    prefetch = checks.whole(name, "prefetch", prefetch)
    checks.strategy(name, overflow)

    def inner(item: Any) -> Make:
        return inlet(function(item), name, overflow)

    return fed(lambda context, flow: Switched(context, flow.feed, inner, prefetch))


def _itself(item: Any) -> Any:
    return item


def _first(item: Any, _: int) -> Any:
    return item
