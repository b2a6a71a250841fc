"""The latest item of each source: combine_latest, with_latest_from, zip_latest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import repeat as times
from typing import Any, TypeVar, overload

from reactivex import Observable

from ..flow import Flow, checks
from ..flow.inlet import inlet
from ..flow.operator import fed, operator
from ..flow.source import Source
from ..kernel import BUDGET, HANDOVER, NOTHING, Context, DropCallback, Handing, Server
from ..protocol import DROP_OLDEST, UNBOUNDED
from .several import Make, Several

T1 = TypeVar("T1")
T2 = TypeVar("T2")
T3 = TypeVar("T3")
T4 = TypeVar("T4")

# A source that gives only when it is asked has an item whenever it is asked: to take these as
# they come would run through it. So it is asked for one, and for the next when that was given.


class CombinedLatest(Several):
    """Takes an item of each Feed in turn; gives all values whenever there is a new one."""

    def __init__(self, context: Context, sources: Sequence[Make], prefetch: int) -> None:
        """Make the Feeds; each is asked for up to ``prefetch`` items."""
        super().__init__(context, "combine_latest", sources)
        self._prefetch = prefetch
        self._turn = 0  # whose turn it is
        self._served = False  # the Feeds hand over single items
        self._hopeless = False  # a Feed had no item, and so there is no result any more
        self._wake = context.wake
        self._server: Server | None = None  # takes single results at once, once there was one
        self._batch = prefetch - prefetch // 4
        self._left = self._batch  # to be handed over before the Feeds are asked again (items)

    def serve(self, server: Server) -> None:
        """Make results of single items at once, when all have given one."""
        self._server = server

    def _serve_each(self) -> None:
        server = self._server
        if server is not None and not self._served:
            self._served = True
            for index, entry in enumerate(self._inputs):
                entry.serve(Handing(server.enter, partial(self._hand, server, index)))

    def _hand(self, server: Server, index: int, item: Any) -> None:
        """Hand over what comes of a single item, while all wait."""
        self._received += 1
        self._delivered += 1
        self._values[index] = item
        self._turn = (index + 1) % len(self._values)
        self._left -= 1
        if not self._left:
            self._left = self._batch
            for entry in self._inputs:
                entry.handed()
            self._wake()  # after this one the Feeds are looked at, and asked
        server.hand(tuple(self._values))

    def _ask(self, index: int) -> int:
        return min(self._prefetch, self._wanted)

    def _takes(self, index: int) -> bool:
        # Items are held only as long as values are missing.
        return index not in self._fresh or self._inputs[index].pushes or self._lacks_one()

    def _lacks_one(self) -> bool:
        pairs = zip(self._inputs, self._values, strict=True)
        return any(entry.ended and value is NOTHING for entry, value in pairs)

    def run(self) -> Iterator[Any]:
        """Give the values after each item, once all have given one."""
        for _ in times(None, BUDGET):
            index = self._take_in_turn()
            if index is None or self._hopeless:
                return
            if not self._missing:
                self._serve_each()
                yield self._give()
            else:
                ends = self._ends()
                self._hopeless = all(ends[:index] + ends[index + 1 :])

    def _take_in_turn(self) -> int | None:
        inputs = self._inputs
        for index in (*range(self._turn, len(inputs)), *range(self._turn)):
            entry = inputs[index]
            if not (entry.waiting or entry.ended) and self._takes(index) and self._take(index):
                self._turn = (index + 1) % len(inputs)
                return index
        return None

    def _over(self) -> bool:
        return self._hopeless or all(self._ends())

    def ending(self) -> bool:
        """Let the others run out, without demand, when one had no item."""
        if not super().ending() and self._lacks_one():
            for _ in self.run():
                raise AssertionError("a combination of a source that had no item")
        return self._over()


class WithLatest(Several):
    """Gives each item of the first Feed with the values of the others."""

    def __init__(
        self, context: Context, sources: Sequence[Make], on_drop: DropCallback | None
    ) -> None:
        """Make the Feeds, the first one first."""
        super().__init__(context, "with_latest_from", sources, on_drop)

    def _order(self) -> Iterable[int]:
        return (*range(1, len(self._inputs)), 0)

    def _ask(self, index: int) -> int:
        return UNBOUNDED if index and self._wanted else self._wanted

    def _takes(self, index: int) -> bool:
        if not index:
            return True
        if self._values[index] is NOTHING or self._inputs[index].pushes:
            return True
        return 0 in self._fresh and index not in self._fresh

    def run(self) -> Iterator[Any]:
        """Give each item of the first one, once the others have given one."""
        self._asked = True
        for _ in times(None, BUDGET):
            came = self._take(0)
            self._take_others()
            if not came:
                return
            if self._missing:
                item, self._values[0] = self._values[0], NOTHING
                self._missing += 1
                self._fresh.discard(0)
                self._lose(item, "unpaired")
            else:
                yield self._give()

    def _take_others(self) -> None:
        """Take what the others have, to keep the newest."""
        for _ in times(None, BUDGET):
            if not self._take_each(range(1, len(self._inputs))):
                return

    def _over(self) -> bool:
        return self._ends()[0]

    def ending(self) -> bool:
        """Keep the newest of the others also while nothing is asked for."""
        if self._asked:
            self._take_others()
        return super().ending()


class ZippedLatest(Several):
    """Gives the values whenever each Feed has given a new one."""

    def __init__(
        self, context: Context, sources: Sequence[Make], on_drop: DropCallback | None
    ) -> None:
        """Make the Feeds."""
        super().__init__(context, "zip_latest", sources, on_drop)

    def _ask(self, index: int) -> int:
        return UNBOUNDED if self._wanted else 0

    def _takes(self, index: int) -> bool:
        return index not in self._fresh or self._inputs[index].pushes

    def run(self) -> Iterator[Any]:
        """Take one of each, until there is a new one of each."""
        self._asked = True
        for _ in times(None, BUDGET):
            if self._over():
                return
            came = self._take_each(range(len(self._inputs)))
            if len(self._fresh) == len(self._inputs):
                yield self._give()
            elif not came:
                return

    def _over(self) -> bool:
        return any(over and i not in self._fresh for i, over in enumerate(self._ends()))

    def ending(self) -> bool:
        """Keep the newest of those whose items come by themselves, while nothing is asked for."""
        if self._asked:
            pushing = [index for index, entry in enumerate(self._inputs) if entry.pushes]
            for _ in times(None, BUDGET):
                if not self._take_each(pushing):
                    break
        return super().ending()


@overload
def combine_latest(*, prefetch: int = HANDOVER) -> Callable[[Observable[T1]], Flow[tuple[T1]]]: ...
@overload
def combine_latest(
    source2: Source[T2], /, *, prefetch: int = HANDOVER
) -> Callable[[Observable[T1]], Flow[tuple[T1, T2]]]: ...
@overload
def combine_latest(
    source2: Source[T2], source3: Source[T3], /, *, prefetch: int = HANDOVER
) -> Callable[[Observable[T1]], Flow[tuple[T1, T2, T3]]]: ...
@overload
def combine_latest(
    source2: Source[T2], source3: Source[T3], source4: Source[T4], /, *, prefetch: int = HANDOVER
) -> Callable[[Observable[T1]], Flow[tuple[T1, T2, T3, T4]]]: ...
@overload
def combine_latest(
    *others: Source[Any], prefetch: int = HANDOVER
) -> Callable[[Observable[Any]], Flow[tuple[Any, ...]]]: ...
@operator(demand="<= prefetch to each ; 1:1 ; holds <= prefetch per source", category="combine")
def combine_latest(
    *others: Source[Any], prefetch: int = HANDOVER
) -> Callable[[Observable[Any]], Flow[tuple[Any, ...]]]:
    """Give the latest items of all sources together whenever one of them gives an item.

    .. marble::
        :alt: combine_latest

        request  4---------------------
        a        -1-----2-----------|
        b        ---8-----9---|
        [     a.combine_latest(b)      ]
                 ---(1,8)(2,8)(2,9)-|

    Demand: <= prefetch to each ; 1:1 ; holds <= prefetch per source.
    Every combination is given: without demand nothing is taken, and items wait in their
    sources. Sources that are ready give one item each in turn. Until each has given one,
    an item that is followed by another one of its source is overtaken, and counted; a source
    that gives only when it is asked, such as an iterable, waits for the others instead. For
    the newest combination only, put ``on_backpressure_latest`` before a source. A plain
    Observable enters through a buffer of 256 items that fails when full.
    Ends: when all have ended.

    Args:
        others: Flows, Observables, futures or iterables to combine with this one.
        prefetch: Most that one source is asked for ahead of its turn (items).

    Returns:
        An operator function.

    Raises:
        TypeError: One is no source, when the pipeline is built.
        ValueError: prefetch < 1, when the pipeline is built.

    Errors:
        The first failure of any source, behind its items; it cancels the others.

    Source: reactivex combine_latest; RxJava combineLatest.
    """
    prefetch = checks.whole("combine_latest", "prefetch", prefetch)
    makes = [inlet(source, "combine_latest") for source in others]
    return fed(lambda context, flow: CombinedLatest(context, [flow.feed, *makes], prefetch))


@overload
def with_latest_from(
    *, on_drop: DropCallback | None = None
) -> Callable[[Observable[T1]], Flow[tuple[T1]]]: ...
@overload
def with_latest_from(
    source2: Source[T2], /, *, on_drop: DropCallback | None = None
) -> Callable[[Observable[T1]], Flow[tuple[T1, T2]]]: ...
@overload
def with_latest_from(
    source2: Source[T2], source3: Source[T3], /, *, on_drop: DropCallback | None = None
) -> Callable[[Observable[T1]], Flow[tuple[T1, T2, T3]]]: ...
@overload
def with_latest_from(
    source2: Source[T2],
    source3: Source[T3],
    source4: Source[T4],
    /,
    *,
    on_drop: DropCallback | None = None,
) -> Callable[[Observable[T1]], Flow[tuple[T1, T2, T3, T4]]]: ...
@overload
def with_latest_from(
    *sources: Source[Any], on_drop: DropCallback | None = None
) -> Callable[[Observable[Any]], Flow[tuple[Any, ...]]]: ...
@operator(
    demand="1:1, unbounded to the others ; 1:1 ; holds <= 1 per source",
    category="combine",
)
def with_latest_from(
    *sources: Source[Any], on_drop: DropCallback | None = None
) -> Callable[[Observable[Any]], Flow[tuple[Any, ...]]]:
    """Give each item together with the latest items of other sources.

    .. marble::
        :alt: with_latest_from

        request  4----------------------
        a        -1---2-----3------4--|
        b        ---8-----------9---|
        [    a.with_latest_from(b)      ]
                 -----(2,8)-(3,8)-(4,9)|

    Demand: 1:1, unbounded to the others ; 1:1 ; holds <= 1 per source.
    Items that come before each of the others has given one are dropped ("unpaired"). From
    the first request on the others are taken as they come, also while nothing is asked for;
    what is not given is overtaken by the next one, and counted. One that gives only when it
    is asked, such as an iterable, is asked for one item for each of this source. A plain
    Observable among them enters through a door that keeps its newest item.
    Ends: with this source.

    Args:
        sources: Flows, Observables, futures or iterables to take the latest item of.
        on_drop: Called with each item that is not given, and the reason: "unpaired",
            or "overtaken".

    Returns:
        An operator function.

    Raises:
        TypeError: One is no source, or on_drop is async, when the pipeline is built.

    Errors:
        What on_drop raises; the first failure of any source, behind its items; it
        cancels the others.

    Source: reactivex with_latest_from; RxJava withLatestFrom.
    """
    makes = _newest("with_latest_from", sources, on_drop)
    return fed(lambda context, flow: WithLatest(context, [flow.feed, *makes], on_drop))


@overload
def zip_latest(
    *, on_drop: DropCallback | None = None
) -> Callable[[Observable[T1]], Flow[tuple[T1]]]: ...
@overload
def zip_latest(
    source2: Source[T2], /, *, on_drop: DropCallback | None = None
) -> Callable[[Observable[T1]], Flow[tuple[T1, T2]]]: ...
@overload
def zip_latest(
    source2: Source[T2], source3: Source[T3], /, *, on_drop: DropCallback | None = None
) -> Callable[[Observable[T1]], Flow[tuple[T1, T2, T3]]]: ...
@overload
def zip_latest(
    source2: Source[T2],
    source3: Source[T3],
    source4: Source[T4],
    /,
    *,
    on_drop: DropCallback | None = None,
) -> Callable[[Observable[T1]], Flow[tuple[T1, T2, T3, T4]]]: ...
@overload
def zip_latest(
    *others: Source[Any], on_drop: DropCallback | None = None
) -> Callable[[Observable[Any]], Flow[tuple[Any, ...]]]: ...
@operator(
    demand="unbounded to each, from the first request on ; 1:1 ; holds <= 1 per source",
    category="combine",
)
def zip_latest(
    *others: Source[Any], on_drop: DropCallback | None = None
) -> Callable[[Observable[Any]], Flow[tuple[Any, ...]]]:
    """Give the latest items of all sources together whenever each has given a new one.

    .. marble::
        :alt: zip_latest

        request  4----------------------
        a        -1-2-----3---|
        b        -----8--------9------|
        [       a.zip_latest(b)         ]
                 -----(2,8)----(3,9)|

    Demand: unbounded to each, from the first request on ; 1:1 ; holds <= 1 per source.
    Sources are taken as they come, also while nothing is asked for; an item that is
    followed by another one of its source before it was given is overtaken, and counted.
    One that gives only when it is asked, such as an iterable, is asked for one item at a
    time. A plain Observable enters through a door that keeps its newest item.
    Ends: when one has ended whose last item was given.

    Args:
        others: Flows, Observables, futures or iterables to combine with this one.
        on_drop: Called with each item that is not given, and the reason "overtaken".

    Returns:
        An operator function.

    Raises:
        TypeError: One is no source, or on_drop is async, when the pipeline is built.

    Errors:
        What on_drop raises; the first failure of any source, at once; it cancels the others.

    Source: reactivex zip_latest.
    """
    makes = _newest("zip_latest", others, on_drop)
    return fed(lambda context, flow: ZippedLatest(context, [flow.feed, *makes], on_drop))


def _newest(name: str, sources: Sequence[Source[Any]], on_drop: DropCallback | None) -> list[Make]:
    """Say how to make the Feeds of sources, of which the newest item counts."""
    checks.callback(name, "on_drop", on_drop)

    def overtaken(item: Any, _: str) -> None:
        assert on_drop is not None
        on_drop(item, "overtaken")

    call = None if on_drop is None else overtaken
    return [inlet(source, name, DROP_OLDEST, 1, call) for source in sources]
