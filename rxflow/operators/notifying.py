"""Signals as items, and items as signals: materialize, dematerialize."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from reactivex import Notification, Observable
from reactivex.notification import OnCompleted, OnError, OnNext

from ..flow import Flow
from ..flow.operator import operator, staged
from ..kernel import NOTHING, Stage

T = TypeVar("T")


@operator(demand="1:1, the end is an item ; 1:1 ; holds <= 1", category="transform")
def materialize() -> Callable[[Observable[T]], Flow[Notification[T]]]:
    """Give each signal as an item, also the end, then complete.

    .. marble::
        :alt: materialize

        request  --3-------------------
        source   --1-------2-------|
        [        materialize()        ]
                 --OnNext(1)-OnNext(2)-OnCompleted()|

    Demand: 1:1, the end is an item ; 1:1 ; holds <= 1.

    Returns:
        An operator function.

    Source: reactivex materialize.
    """
    return staged(lambda _: _Materialized())


class _Materialized(Stage):
    releases = True
    catches = True

    def run(self, items: Iterator[Any]) -> Iterator[Any]:
        while True:
            try:
                item = next(items, NOTHING)
            except Exception as error:
                self.done = True
                yield OnError[Any](error)
                return
            if item is NOTHING:
                return
            yield OnNext(item)

    def finish(self) -> Iterable[Any]:
        return (OnCompleted[Any](),)

    def holds(self) -> bool:
        return True


@operator(demand="1:1 ; 1:1 ; holds 0", category="transform")
def dematerialize() -> Callable[[Observable[Notification[T]]], Flow[T]]:
    """Turn the items that stand for signals into the signals.

    .. marble::
        :alt: dematerialize

        request  --3-------------------
        source   --OnNext(1)-OnCompleted()---
        [       dematerialize()       ]
                 --1---------|

    Demand: 1:1 ; 1:1 ; holds 0.

    Returns:
        An operator function.

    Errors:
        The exception of an OnError; AttributeError for an item that is no Notification.

    Source: reactivex dematerialize.
    """
    return staged(lambda _: _Dematerialized())


class _Dematerialized(Stage):
    def run(self, items: Iterator[Any]) -> Iterator[Any]:
        for item in items:
            value = item.accept(_identity, _fail, _nothing)
            if value is NOTHING:
                self.done = True
                return
            yield value


def _identity(value: Any) -> Any:
    return value


def _nothing() -> Any:
    return NOTHING


def _fail(error: Exception) -> Any:
    raise error
