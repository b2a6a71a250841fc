"""Letting go at the end: detach."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from reactivex import Observable

from ..flow import Flow
from ..flow.operator import operator, staged

T = TypeVar("T")


@operator(demand="1:1 ; 1:1 ; holds 0", category="observe")
def detach() -> Callable[[Observable[T]], Flow[T]]:
    """Let go of the source and of the consumer at the end; here every Flow does.

    .. marble::
        :alt: detach

        request  --2---------
        source   --1-2-|
        [      detach()     ]
                 --1-2-|

    Demand: 1:1 ; 1:1 ; holds 0.
    It changes nothing, and is there for those who look for it: whoever keeps a
    Subscription after the end, or after a cancel, keeps nothing else alive.

    Returns:
        An operator function.

    Source: RxJava onTerminateDetach; rule 3.13.
    """
    return staged()
