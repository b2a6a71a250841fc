"""Lists that the signals of other sources begin and end: buffer, buffer_when, buffer_toggle."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from reactivex import Observable

from ..flow import Flow, checks
from ..flow.inlet import inlet
from ..flow.operator import fed, operator
from ..flow.source import Source
from ..protocol import DROP_INCOMING
from .batching import MAX_SIZE
from .lists import Bounded, Closing, Lists, Toggled

T = TypeVar("T")
V = TypeVar("V")


def _listed(name: str, kind: type[Lists], max_size: Any, **fields: Any) -> Any:
    size = checks.whole(name, "max_size", max_size)
    return fed(lambda context, flow: kind(context, flow.feed, name, size, **fields))


@operator(
    demand="max_size, then as many as a list has taken ; 1:1 ; holds <= max_size",
    category="transform",
)
def buffer(
    boundaries: Source[Any], *, max_size: int = MAX_SIZE
) -> Callable[[Observable[T]], Flow[list[T]]]:
    """Give lists of what has come between the items of another source.

    .. marble::
        :alt: buffer

        request  3---------------------
        source   -1-2-3---4-----5-|
        other    -------x----x------x--
        [         buffer(other)           ]
                 -------[1,2,3]-[4]-[5]|

    Demand: max_size, then as many as a list has taken ; 1:1 ; holds <= max_size.
    It never fails for want of demand: a list that nobody asks for waits as it is, and what
    comes behind it goes into the next one. When ``max_size`` items are held upstream waits,
    and with demand the list is given as far as it goes; what follows is in another one.
    While ``max_size`` lists wait no boundary is asked for, and those of a plain Observable
    are left out. A list may be empty, as in reactivex; at the end such a one is left out
    where nothing is asked for. The stream ends with the other source, too.

    Args:
        boundaries: The other source; each item of it ends a list and begins the next.
        max_size: Most items held (items, at least 1), so how long a list is at most; and
            most lists that wait.

    Returns:
        An operator function.

    Raises:
        TypeError: It is no source, when the pipeline is built.
        ValueError: max_size < 1, when the pipeline is built.

    Errors:
        The failure of either source, behind the lists that wait and one that is full; what
        is in one that is neither is discarded, as in reactivex.

    Source: reactivex buffer; RxJava buffer with a boundary.
    """
    other = inlet(boundaries, "buffer, boundaries", DROP_INCOMING, 0)
    return _listed("buffer", Bounded, max_size, boundaries=other)


@operator(
    demand="max_size, then as many as a list has taken ; 1:1 ; holds <= max_size",
    category="transform",
)
def buffer_when(
    closing_mapper: Callable[[], Source[Any]], *, max_size: int = MAX_SIZE
) -> Callable[[Observable[T]], Flow[list[T]]]:
    """Give lists, each of which ends with a source made for it.

    .. marble::
        :alt: buffer_when

        request  3---------------------
        source   -1-2-3---4-----5-|
        [ buffer_when(lambda: timer(6.0)) ]
                 ------[1,2,3]-[4]-[5]|

    Demand: max_size, then as many as a list has taken ; 1:1 ; holds <= max_size.
    While ``max_size`` lists wait no source is made for another one. All else is as with
    ``buffer``.

    Args:
        closing_mapper: Function that gives a source, whose first item or end ends the list
            and begins the next one.
        max_size: Most items held (items, at least 1), so how long a list is at most; and
            most lists that wait.

    Returns:
        An operator function.

    Raises:
        TypeError: The function is async or none, when the pipeline is built.
        ValueError: max_size < 1, when the pipeline is built.

    Errors:
        What the function raises; the failure of any source, behind the lists that wait and
        one that is full. What is in one that is neither is discarded, as in reactivex.

    Source: reactivex buffer_when.
    """
    name = "buffer_when"
    checks.function(name, "closing_mapper", closing_mapper)
    return _listed(name, Closing, max_size, closing_mapper=closing_mapper)


@operator(
    demand="max_size, then as many as lists have taken ; 1:1 ; holds <= max_size",
    category="transform",
)
def buffer_toggle(
    openings: Source[V],
    closing_mapper: Callable[[V], Source[Any]],
    *,
    max_size: int = MAX_SIZE,
) -> Callable[[Observable[T]], Flow[list[T]]]:
    """Give lists that another source begins, and that end with a source made for each.

    .. marble::
        :alt: buffer_toggle

        request  3-----------------------
        source   -1-2-3-4-5-6-7-8-9--
        openings --a-----b--c----|
        [ buffer_toggle(openings, lambda _: timer(5.0)) ]
                 -------[2,3]-[5,6]-[7,8]|

    Demand: max_size, then as many as lists have taken ; 1:1 ; holds <= max_size.
    Lists may overlap; an item is held once, and till the last list that it is in was given.
    It never fails for want of demand: a list that nobody asks for waits as it is. When
    ``max_size`` items are held upstream waits, and with demand the list that was begun first
    is given as far as it goes; what follows is in another one. While ``max_size`` lists are
    open or wait no opening is asked for; a plain Observable enters through a buffer of 256
    openings that fails when full. Items that come between two lists are dropped, and counted.
    The stream ends when the openings have ended and so has the last list; not with the source.

    Args:
        openings: The source whose items begin lists.
        closing_mapper: Function of such an item that gives a source, whose first item or
            end ends the list.
        max_size: Most items held (items, at least 1), so how long a list is at most; and
            most lists that are open or wait.

    Returns:
        An operator function.

    Raises:
        TypeError: The function is async or none, or the openings are no source, when the
            pipeline is built.
        ValueError: max_size < 1, when the pipeline is built.

    Errors:
        What the function raises; the failure of any source, behind the lists that wait and
        one that is full. What is in one that is neither is discarded, as in reactivex.

    Source: reactivex buffer_toggle.
    """
    name = "buffer_toggle"
    begins = inlet(openings, f"{name}, openings")
    checks.function(name, "closing_mapper", closing_mapper)
    return _listed(name, Toggled, max_size, openings=begins, closing_mapper=closing_mapper)
