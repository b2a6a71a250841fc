"""What follows an end, whichever it was: on_error_resume_next, while_do, do_while."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from reactivex import Observable
from reactivex.typing import Predicate

from ..flow import Flow, checks
from ..flow.inlet import inlet
from ..flow.operator import fed, operator
from ..flow.source import Source
from ..kernel import Context, Feed, Pulled
from .serial import Make, Serial

T = TypeVar("T")
V = TypeVar("V")


@operator(demand="1:1 ; 1:1 ; holds 0", category="recover")
def on_error_resume_next(
    second: Source[V] | Callable[[Exception | None], Source[V]],
) -> Callable[[Observable[T]], Flow[T | V]]:
    """Go on with another source when this one has completed, or has failed.

    .. marble::
        :alt: on_error_resume_next

        request  4---------------
        source   -1-2-X
        second         -8-9-X
        [ on_error_resume_next(second) ]
                 -1-2--8-9-|

    Demand: 1:1 ; 1:1 ; holds 0. What is outstanding goes over to the other source.
    Ends: as completed, however the other source ends. To hear of errors use ``catch``.

    Args:
        second: The other source; or a function of the failure, None where there was none,
            that gives it.

    Returns:
        An operator function.

    Raises:
        TypeError: It is neither, when the pipeline is built.

    Errors:
        What the function raises.

    Source: reactivex on_error_resume_next.
    """
    name = "on_error_resume_next"
    checks.synchronous(name, second if callable(second) else None, "second")
    fixed = None if callable(second) else inlet(second, name)

    def feed(context: Context, flow: Flow[Any]) -> Feed[Any]:
        resumed = False

        def after(error: Exception | None) -> Make | None:
            nonlocal resumed
            if resumed:
                return None
            resumed = True
            if fixed is not None:
                return fixed
            assert callable(second)
            return inlet(second(error), name)

        return Serial(context, flow.feed, after, name)

    return fed(feed)


def _while(
    context: Context, flow: Flow[Any], first: Make, condition: Callable[[Any], Any], name: str
) -> Feed[Any]:
    """Begin with something; then subscribe to a Flow as long as a condition holds."""

    def after(error: Exception | None) -> Make | None:
        if error is not None:
            raise error
        return flow.feed if condition(flow) else None

    return Serial(context, first, after, name)


def _nothing(_: Context) -> Feed[Any]:
    return Pulled(())


@operator(demand="1:1 ; 1:1 ; holds 0", category="recover")
def while_do(
    condition: Predicate[Observable[T]],
) -> Callable[[Flow[T] | Observable[T]], Flow[T]]:
    """Subscribe as long as a condition holds, each time when the source has completed.

    .. marble::
        :alt: while_do

        request  9---------------
        source   -1-2-|
        [ while_do(lambda _: next(answers)) ]
                 -1-2--1-2-|

    Demand: 1:1 ; 1:1 ; holds 0. What is outstanding goes over to the next subscription.

    Args:
        condition: Function of the source that tells whether to subscribe; it is asked
            before the first time, too.

    Returns:
        An operator function.

    Raises:
        TypeError: The condition is not callable or async, when the pipeline is built.

    Errors:
        What the condition raises; the failure of the source.

    Source: reactivex while_do.
    """
    checks.function("while_do", "condition", condition)
    return fed(lambda context, flow: _while(context, flow, _nothing, condition, "while_do"))


@operator(demand="1:1 ; 1:1 ; holds 0", category="recover")
def do_while(
    condition: Predicate[Observable[T]],
) -> Callable[[Flow[T] | Observable[T]], Flow[T]]:
    """Subscribe once, and again as long as a condition holds when the source has completed.

    .. marble::
        :alt: do_while

        request  9---------------
        source   -1-2-|
        [ do_while(lambda _: next(answers)) ]
                 -1-2--1-2-|

    Demand: 1:1 ; 1:1 ; holds 0. What is outstanding goes over to the next subscription.

    Args:
        condition: Function of the source that tells whether to subscribe again.

    Returns:
        An operator function.

    Raises:
        TypeError: The condition is not callable or async, when the pipeline is built.

    Errors:
        What the condition raises; the failure of the source.

    Source: reactivex do_while.
    """
    checks.function("do_while", "condition", condition)
    return fed(lambda context, flow: _while(context, flow, flow.feed, condition, "do_while"))
