"""A part of a stream, counted as in a list: slice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from reactivex import Observable

from ..flow import Flow
from ..flow.operator import composed, operator
from .filtering import filter_indexed
from .mapping import map, map_indexed
from .skipping import skip, skip_last
from .taking import take, take_last, take_while

T = TypeVar("T")


@operator(
    demand="1:1, as many as there are with start < 0 ; 1:1 ; holds what is counted from the end",
    category="filter",
)
def slice(
    start: int | None = None, stop: int | None = None, step: int | None = None
) -> Callable[[Observable[T]], Flow[T]]:
    """Give a part of the items, as ``items[start:stop:step]`` does of a list.

    .. marble::
        :alt: slice

        request  --9-------------
        source   --1-2-3-4-5-6-|
        [      slice(1, 5, 2)   ]
                 ----2---4-|

    Demand: 1:1, as many as there are with start < 0 ; 1:1 ; holds what is counted from the end.
    A number below 0 counts from the end, and so many items are held. It is what
    ``flow[start:stop:step]`` does.

    Args:
        start: The index of the first item (items); the beginning when left out.
        stop: The index behind the last item (items); the end when left out.
        step: Each how manieth item is given (items, not below 0); each one when left out.

    Returns:
        An operator function.

    Raises:
        TypeError: A number is not whole, or the step is below 0, when the pipeline is built.

    Source: reactivex slice.
    """
    for name, value in (("start", start), ("stop", stop), ("step", step)):
        if value is not None and type(value) is not int:
            raise TypeError(f"slice: {name} must be a whole number of items, not {value!r}")
    if step is not None and step < 0:
        raise TypeError(f"slice: step must not be negative, not {step}: a stream has no way back")
    if (start or 0) < 0 and stop is not None and stop > 0:
        return composed(*_mixed(start or 0, stop), *_each(step))
    parts: list[Any] = []
    if stop is not None and stop >= 0:
        parts.append(take(stop))
    if start is not None and start:
        parts.append(skip(start) if start > 0 else take_last(-start))
    if stop is not None and stop < 0:
        parts.append(skip_last(-stop))
    return composed(*parts, *_each(step))


def _each(step: int | None) -> list[Any]:
    if step is None or step <= 1:
        return []
    return [filter_indexed(lambda _, index: index % step == 0)]


def _mixed(start: int, stop: int) -> list[Any]:
    """Count from the end, then leave out what the other end leaves out."""

    def numbered(item: Any, index: int) -> tuple[Any, int]:
        return item, index

    def before_stop(pair: tuple[Any, int]) -> bool:
        return pair[1] < stop

    def item_of(pair: tuple[Any, int]) -> Any:
        return pair[0]

    return [
        map_indexed(numbered),
        take_last(-start),
        take_while(before_stop),
        map(item_of),
    ]
