"""One item in, one item out."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from reactivex import Observable
from reactivex.typing import Mapper

from ..flow import Flow, checks
from ..flow.operator import operator, staged
from ..kernel import Plain

T1 = TypeVar("T1")
T2 = TypeVar("T2")


@operator(demand="1:1 ; 1:1 ; holds 0", category="transform")
def map(mapper: Mapper[T1, T2] | None = None) -> Callable[[Observable[T1]], Flow[T2]]:  # noqa: A001
    """Transform each item with a function.

    .. marble::
        :alt: map

        request  --2---------
        source   --1-2-------
        [     map(x * 10)   ]
                 --10-20-----

    Demand: 1:1 ; 1:1 ; holds 0.

    Args:
        mapper: Function of an item; the identity when left out.

    Returns:
        An operator function.

    Raises:
        TypeError: The mapper is an async function, when the pipeline is built.

    Errors:
        What the mapper raises.

    Source: reactivex map.
    """
    checks.callback("map", "mapper", mapper)
    if mapper is None:
        return staged(lambda: Plain(iter))
    stage = Plain(partial(builtins.map, mapper))
    return staged(lambda: stage)
