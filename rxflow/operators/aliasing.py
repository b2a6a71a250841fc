"""Operators that are others by another name: as_observable, single_or_default_async."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeVar, overload

from reactivex import Observable

from ..flow import Flow
from ..flow.operator import operator, staged
from .picking import single, single_or_default

T = TypeVar("T")
V = TypeVar("V")


@operator(demand="1:1 ; 1:1 ; holds 0", category="observe")
def as_observable() -> Callable[[Observable[T]], Flow[T]]:
    """Hide what a source is besides a Flow: a group with its key, a connectable Flow.

    .. marble::
        :alt: as_observable

        request  --2---------
        source   --1-2-|
        [  as_observable()  ]
                 --1-2-|

    Demand: 1:1 ; 1:1 ; holds 0.

    Returns:
        An operator function.

    Source: reactivex as_observable; RxJava hide.
    """
    return staged()


@overload
def single_or_default_async(
    has_default: Literal[False] = False, default_value: object = None
) -> Callable[[Observable[T]], Flow[T]]: ...
@overload
def single_or_default_async(
    has_default: bool, default_value: V
) -> Callable[[Observable[T]], Flow[T | V]]: ...
@overload
def single_or_default_async(has_default: bool) -> Callable[[Observable[T]], Flow[T | None]]: ...
@operator(demand="1:1 up to the second ; 1 at the end ; holds <= 1", category="filter")
def single_or_default_async(
    has_default: bool = False, default_value: Any = None
) -> Callable[[Observable[Any]], Flow[Any]]:
    """Give the only item; where there is none, a default if there is to be one.

    .. marble::
        :alt: single_or_default_async

        request  --1---------
        source   ----|
        [ single_or_default_async(True, z) ]
                 ----z|

    Demand: 1:1 up to the second ; 1 at the end ; holds <= 1.
    ``single`` and ``single_or_default`` say the same in fewer words.

    Args:
        has_default: There is a default; else it is an error that there is no item.
        default_value: What to give where there is no item.

    Returns:
        An operator function.

    Errors:
        Exception: There is a second item.
        SequenceContainsNoElementsError: There is none, and no default.

    Source: reactivex single_or_default_async.
    """
    return single_or_default(None, default_value) if has_default else single()
