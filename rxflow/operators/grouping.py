"""Several items made one, and one made several: pairwise, buffer_with_count, flat_map_iterable."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar, overload

from reactivex import Observable
from reactivex.typing import Mapper

from ..flow import Flow, checks
from ..flow.operator import operator, staged
from ..kernel import NOTHING, Stage, close, used_up
from ..protocol import UNBOUNDED

T = TypeVar("T")
T1 = TypeVar("T1")
T2 = TypeVar("T2")


@operator(demand="1:1, +1 at the start ; 1:1 ; holds <= 1", category="transform")
def pairwise() -> Callable[[Observable[T]], Flow[tuple[T, T]]]:
    """Give each item together with the one before it.

    .. marble::
        :alt: pairwise

        request  --2---------------
        source   --1-2-----3-------
        [         pairwise()      ]
                 ----(1,2)-(2,3)---

    Demand: 1:1, +1 at the start ; 1:1 ; holds <= 1.

    Returns:
        An operator function.

    Source: reactivex pairwise.
    """
    return staged(lambda _: _Pairs())


class _Pairs(Stage):
    def __init__(self) -> None:
        self._last: Any = NOTHING

    def run(self, items: Iterator[Any]) -> Iterator[Any]:
        if self._last is NOTHING:
            self._last = next(items, NOTHING)
            if self._last is NOTHING:  # nothing now: advanced again, they might go on
                return
        for item in items:
            last, self._last = self._last, item
            yield last, item

    def demand(self, n: int) -> int:
        return min(UNBOUNDED, n + (self._last is NOTHING))


@operator(demand="count per list ; 1:1 ; holds <= count", category="transform")
def buffer_with_count(
    count: int, skip: int | None = None
) -> Callable[[Observable[T]], Flow[list[T]]]:
    """Give lists of ``count`` items; at the end what is left.

    .. marble::
        :alt: buffer_with_count

        request  --2-------------------
        source   --1-2-3-4---5-|
        [     buffer_with_count(2)    ]
                 ----[1,2]-[3,4]-[5]|

    Demand: count per list ; 1:1 ; holds <= count.
    An item is in several lists where skip is less than count; count / skip lists are held then.

    Args:
        count: How long a list is (items, at least 1).
        skip: How far the beginnings of two lists are apart (items, at least 1);
            count when left out.

    Returns:
        An operator function.

    Raises:
        ValueError: count or skip below 1 or not whole, when the pipeline is built.

    Source: reactivex buffer_with_count.
    """
    size = checks.whole("buffer_with_count", "count", count)
    step = size if skip is None else checks.whole("buffer_with_count", "skip", skip)
    if step == size:
        return staged(lambda _: _Batches(size))
    return staged(lambda _: _Windows(size, step))


class _Batches(Stage):
    """Lists that follow one another."""

    releases = True

    def __init__(self, count: int) -> None:
        self._count = count
        self._part: list[Any] = []  # the list that is being filled

    def run(self, items: Iterator[Any]) -> Iterator[Any]:
        count = self._count
        while True:
            part = self._part
            part.extend(islice(items, count - len(part)))
            if len(part) < count:
                return
            self._part = []
            yield part

    def finish(self) -> Iterable[Any]:
        return (self._part,) if self._part else ()

    def holds(self) -> bool:
        return bool(self._part)

    def demand(self, n: int) -> int:
        return min(UNBOUNDED, n * self._count - len(self._part))


class _Windows(Stage):
    """Lists that overlap, or leave items out between them."""

    releases = True

    def __init__(self, count: int, skip: int) -> None:
        self._count = count
        self._skip = skip
        self._index = 0  # of the next item
        self._open: list[list[Any]] = []  # lists that are being filled, oldest first

    def run(self, items: Iterator[Any]) -> Iterator[Any]:
        for item in items:
            if self._index % self._skip == 0:
                self._open.append([])
            self._index += 1
            for part in self._open:
                part.append(item)
            if self._open and len(self._open[0]) == self._count:
                yield self._open.pop(0)

    def finish(self) -> Iterable[Any]:
        return self._open

    def holds(self) -> bool:
        return bool(self._open)


@overload
def flat_map_iterable(mapper: None = None) -> Callable[[Observable[Iterable[T]]], Flow[T]]: ...
@overload
def flat_map_iterable(
    mapper: Mapper[T1, Iterable[T2]],
) -> Callable[[Flow[T1] | Observable[T1]], Flow[T2]]: ...
@operator(demand="1 per iterable used up ; 1:1 ; holds 0", category="transform")
def flat_map_iterable(
    mapper: Mapper[Any, Iterable[Any]] | None = None,
) -> Callable[[Observable[Any]], Flow[Any]]:
    """Turn each item into an iterable, and give its items one at a time.

    .. marble::
        :alt: flat_map_iterable

        request  --3---------
        source   --a---b-----
        [ flat_map_iterable([x, x]) ]
                 --a-a-b-----

    Demand: 1 per iterable used up ; 1:1 ; holds 0.
    The iterable is advanced on demand only, so it may be endless.

    Args:
        mapper: Function of an item that gives an iterable; the item itself when left out.

    Returns:
        An operator function.

    Raises:
        TypeError: The mapper is an async function, when the pipeline is built.

    Errors:
        What the mapper or the iterable raises; a result that is not iterable.

    Source: RxJava flatMapIterable.
    """
    checks.callback("flat_map_iterable", "mapper", mapper)
    return staged(lambda _: _Expanded(mapper))


class _Expanded(Stage):
    def __init__(self, mapper: Callable[[Any], Iterable[Any]] | None) -> None:
        self._mapper = mapper
        self._inner: Iterator[Any] | None = None  # what is being given

    def run(self, items: Iterator[Any]) -> Iterator[Any]:
        mapper = self._mapper
        for item in items:
            self._inner = inner = iter(item if mapper is None else mapper(item))
            try:
                for each in inner:  # noqa: UP028 - that would close it when the run is let go of
                    yield each
            except Exception:
                self.cancel()  # it may be supervised, and go on with the next one
                raise
            self._inner = None

    def holds(self) -> bool:
        return self._inner is not None and not used_up(self._inner)

    def cancel(self) -> None:
        inner, self._inner = self._inner, None
        close(inner)

    def demand(self, n: int) -> int:
        return 1
