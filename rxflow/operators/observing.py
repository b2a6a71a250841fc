"""Side effects: do_action, tap, do, finally_action."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from reactivex import Observable
from reactivex.abc import ObserverBase
from reactivex.typing import Action, OnCompleted, OnError, OnNext

from ..flow import Flow, checks
from ..flow.operator import operator, staged
from ..kernel import NOTHING, Stage

T = TypeVar("T")


@operator(demand="1:1 ; 1:1 ; holds 0", category="observe")
def do_action(
    on_next: OnNext[T] | None = None,
    on_error: OnError | None = None,
    on_completed: OnCompleted | None = None,
) -> Callable[[Flow[T] | Observable[T]], Flow[T]]:
    """Call functions with what passes, before it passes.

    .. marble::
        :alt: do_action

        request  --2---------
        source   --1-2-|
        [  do_action(print) ]
                 --1-2-|

    Demand: 1:1 ; 1:1 ; holds 0.

    Args:
        on_next: Function of an item.
        on_error: Function of the error.
        on_completed: Function without arguments.

    Returns:
        An operator function.

    Raises:
        TypeError: A function is async, when the pipeline is built.

    Errors:
        What a function raises.

    Source: reactivex do_action.
    """
    checks.callback("do_action", "on_next", on_next)
    checks.callback("do_action", "on_error", on_error)
    checks.callback("do_action", "on_completed", on_completed)
    return staged(lambda _: _Observed(on_next, on_error, on_completed))


@operator(demand="1:1 ; 1:1 ; holds 0", category="observe")
def tap(
    on_next: OnNext[T] | None = None,
    on_error: OnError | None = None,
    on_completed: OnCompleted | None = None,
) -> Callable[[Flow[T] | Observable[T]], Flow[T]]:
    """Call functions with what passes, before it passes; the same as ``do_action``.

    .. marble::
        :alt: tap

        request  --2---------
        source   --1-2-|
        [     tap(print)    ]
                 --1-2-|

    Demand: 1:1 ; 1:1 ; holds 0.

    Args:
        on_next: Function of an item.
        on_error: Function of the error.
        on_completed: Function without arguments.

    Returns:
        An operator function.

    Raises:
        TypeError: A function is async, when the pipeline is built.

    Errors:
        What a function raises.

    Source: reactivex tap.
    """
    return do_action(on_next, on_error, on_completed)


@operator(demand="1:1 ; 1:1 ; holds 0", category="observe")
def do(observer: ObserverBase[T]) -> Callable[[Observable[T]], Flow[T]]:
    """Tell an observer what passes, before it passes.

    .. marble::
        :alt: do

        request  --2---------
        source   --1-2-|
        [   do(observer)    ]
                 --1-2-|

    Demand: 1:1 ; 1:1 ; holds 0.

    Args:
        observer: The observer.

    Returns:
        An operator function.

    Raises:
        TypeError: It is no observer, when the pipeline is built.

    Errors:
        What the observer raises.

    Source: reactivex do.
    """
    if not callable(getattr(observer, "on_next", None)):
        raise TypeError(f"do wants an observer, not {observer!r}; use do_action for functions")
    return do_action(observer.on_next, observer.on_error, observer.on_completed)


class _Observed(Stage):
    def __init__(
        self,
        on_next: Callable[[Any], Any] | None,
        on_error: Callable[[Exception], Any] | None,
        on_completed: Callable[[], Any] | None,
    ) -> None:
        self._on_next = on_next
        self._on_error = on_error
        self._on_completed = on_completed
        self.releases = on_completed is not None

    def run(self, items: Iterator[Any]) -> Iterator[Any]:
        if self._on_error is not None:
            items = self._watched(items, self._on_error)
        if self._on_next is not None:
            items = _telling(items, self._on_next)
        return items

    def _watched(self, items: Iterator[Any], on_error: Callable[[Exception], Any]) -> Iterator[Any]:
        while True:
            try:
                item = next(items, NOTHING)
            except Exception as error:
                on_error(error)
                raise
            if item is NOTHING:
                return
            yield item

    def finish(self) -> Iterable[Any]:
        if self._on_completed is not None:
            self._on_completed()
        return ()


def _telling(items: Iterator[Any], call: Callable[[Any], Any]) -> Iterator[Any]:
    for item in items:
        call(item)
        yield item


@operator(demand="1:1 ; 1:1 ; holds 0", category="observe")
def finally_action(action: Action) -> Callable[[Observable[T]], Flow[T]]:
    """Call a function when the stream is over: completed, failed or cancelled.

    .. marble::
        :alt: finally_action

        request  --2---------
        source   --1-2-|
        [ finally_action(f) ]
                 --1-2-|f()

    Demand: 1:1 ; 1:1 ; holds 0.

    Args:
        action: Function without arguments; called once, after the source was cancelled.

    Returns:
        An operator function.

    Raises:
        TypeError: The action is not callable or async, when the pipeline is built.

    Source: reactivex finally_action.
    """
    checks.function("finally_action", "action", action)
    return staged(lambda _: _Finally(action))


class _Finally(Stage):
    def __init__(self, action: Callable[[], Any]) -> None:
        self._action = action

    def run(self, items: Iterator[Any]) -> Iterator[Any]:
        return items

    def cancel(self) -> None:
        self._action()
