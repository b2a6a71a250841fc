"""The same source again after a while: retry, restart_with_backoff."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar, cast

from reactivex import Observable

from ..flow import Flow, checks
from ..flow.operator import fed, operator
from ..flow.retrying import Wait
from ..kernel import Alarm, Context, Feed, Pulled, State
from .serial import Make, Serial
from .timed import GRAIN

T = TypeVar("T")


class _Pause(Feed[Any]):
    """Has no item, and ends after a while."""

    def __init__(self, context: Context, seconds: float) -> None:
        self._alarm = Alarm(context.wake, context.timed().scheduler)
        self._due = self._alarm.now + seconds

    def start(self) -> None:
        self._alarm.set(self._due)

    def run(self) -> Iterator[Any]:
        return iter(())

    def settle(self) -> State:
        return State.ENDED if self.ending() else State.WAITING

    def ending(self) -> bool:
        if self._alarm.now + GRAIN >= self._due:
            return True
        self._alarm.set(self._due)  # it may have rung too early
        return False

    def cancel(self) -> None:
        self._alarm.cancel()


def _restarting(
    context: Context, make: Make, decide: Callable[[Exception | None], float | None], name: str
) -> Feed[Any]:
    """Make a source anew each time it is over.

    Args:
        context: The consumer's.
        make: Makes it.
        decide: Given None or the failure, says how long to wait before (seconds), or None
            to end as the source has.
        name: The operator, for statistics.
    """
    pausing = False

    def after(error: Exception | None) -> Make | None:
        nonlocal pausing
        seconds = 0.0 if pausing and error is None else None
        if not pausing:
            seconds = decide(error)
        pausing = False
        if seconds is None:
            if error is not None:
                raise error
            return None
        if not seconds:
            return make
        pausing = True
        return partial(_Pause, seconds=seconds)

    return Serial(context, make, after, name)


@operator(demand="1:1 ; 1:1 ; holds 0", category="recover")
def retry(
    retry_count: int | None = None,
    *,
    wait: Wait | None = None,
    predicate: Callable[[Exception], bool] | None = None,
) -> Callable[[Observable[T]], Flow[T]]:
    """Subscribe again each time the source fails, at once or after a while.

    .. marble::
        :alt: retry

        request  4---------------
        source   -1-2-X
        [     retry(2)          ]
                 -1-2--1-2-X

    Demand: 1:1 ; 1:1 ; holds 0. What is outstanding goes over to the next subscription.

    Args:
        retry_count: How often the source is run in all (times); for ever when left out.
        wait: Function of the number of the attempt that has failed, from 1, which gives
            how long to wait before the next one (seconds, or a timedelta); or a wait
            strategy of the package tenacity, such as ``wait_exponential_jitter(1, 30)``.
            At once when left out. A cancel ends the wait.
        predicate: Function of the error, which says whether to try again.

    Returns:
        An operator function.

    Raises:
        TypeError: A callback is not callable or async, when the pipeline is built.
        ValueError: A negative count, when the pipeline is built.

    Errors:
        The failure of the last try; what a callback raises; TypeError or ValueError for a
        wait that is no duration.

    Source: reactivex retry; Reactor retryWhen(Retry.backoff).
    """
    count = None
    if retry_count is not None:
        count = checks.whole("retry", "retry_count", retry_count, least=0)
    checks.callback("retry", "wait", wait)
    checks.callback("retry", "predicate", predicate)

    def feed(context: Context, flow: Flow[Any]) -> Feed[Any]:
        if count == 0:
            return Pulled(())
        attempt = 0
        waited = 0.0

        def decide(error: Exception | None) -> float | None:
            nonlocal attempt, waited
            attempt += 1
            if error is None or attempt == count:
                return None
            if predicate is not None and not predicate(error):
                return None
            seconds = _seconds(wait, attempt, error, waited)
            waited += seconds
            return seconds

        return _restarting(context, flow.feed, decide, "retry")

    return fed(feed)


def _seconds(wait: Wait | None, attempt: int, error: Exception, waited: float) -> float:
    """Ask how long to wait after an attempt has failed (seconds)."""
    if wait is None:
        return 0.0
    tenacity: Any = sys.modules.get("tenacity")  # who has a strategy has imported it
    argument: Any = attempt
    if tenacity is not None and isinstance(wait, tenacity.wait.wait_base):
        argument = tenacity.RetryCallState(tenacity.Retrying(), None, (), {})
        argument.attempt_number, argument.idle_for = attempt, waited
        argument.set_exception((type(error), error, error.__traceback__))
    answer = cast("Callable[[Any], Any]", wait)(argument)
    seconds = checks.seconds("retry", "what wait gives", answer, optional=False)
    assert seconds is not None
    return seconds


@operator(demand="1:1 ; 1:1 ; holds 0", category="recover")
def restart_with_backoff(
    min_backoff: float | timedelta,
    max_backoff: float | timedelta,
    jitter: float = 0.2,
    *,
    max_restarts: int | None = None,
    within: float | timedelta | None = None,
    only_on_failures: bool = False,
) -> Callable[[Observable[T]], Flow[T]]:
    """Subscribe again whenever the source is over, each time after a longer while.

    It is for a source that is to be there always, such as a connection. The wait doubles
    from ``min_backoff`` up to ``max_backoff``. A run that lasts for ``within`` is healthy:
    the restarts are counted, and the wait doubles, from the beginning after it.

    .. marble::
        :alt: restart_with_backoff

        request  5-----------------
        source   -1-X
        [ restart_with_backoff(1, 8, 0) ]
                 -1---1-----1---------1

    Demand: 1:1 ; 1:1 ; holds 0. What is outstanding goes over to the next subscription.

    Args:
        min_backoff: The first wait (seconds, more than 0).
        max_backoff: The longest wait (seconds, at least min_backoff), before the jitter.
        jitter: So much of each wait is added at most, by chance (from 0 to 1), lest many
            that failed together come back together.
        max_restarts: Most restarts (times), counted anew after a healthy run; any number
            when left out.
        within: How long a healthy run lasts at least (seconds); min_backoff when left out.
        only_on_failures: A completion of the source is passed on.

    Returns:
        An operator function.

    Raises:
        TypeError: No duration or no number, when the pipeline is built.
        ValueError: A number out of its range, when the pipeline is built.

    Errors:
        The failure of the source when there are no restarts left; if it has completed
        then, the stream completes.

    Source: Pekko RestartSource.withBackoff.
    """
    name = "restart_with_backoff"
    least = checks.seconds(name, "min_backoff", min_backoff, optional=False) or 0.0
    most = checks.seconds(name, "max_backoff", max_backoff, optional=False) or 0.0
    part = checks.seconds(name, "jitter", jitter, optional=False) or 0.0
    if not 0 < least <= most:
        raise ValueError(
            f"{name}: 0 < min_backoff <= max_backoff must hold, not {least} and {most}"
        )
    if part > 1:
        raise ValueError(f"{name}: jitter must be from 0 to 1, not {jitter!r}")
    healthy = checks.seconds(name, "within", within)
    if healthy is None:
        healthy = least
    if max_restarts is not None:
        max_restarts = checks.whole(name, "max_restarts", max_restarts, least=0)

    from random import random  # here, so that nobody else pays for its import

    def feed(context: Context, flow: Flow[Any]) -> Feed[Any]:
        clock = Alarm(context.wake, context.timed().scheduler)
        restarts = 0  # since the last healthy run
        begun = clock.now

        def begin(context: Context) -> Feed[Any]:
            nonlocal begun
            begun = clock.now
            return flow.feed(context)

        def decide(error: Exception | None) -> float | None:
            nonlocal restarts
            if error is None and only_on_failures:
                return None
            if clock.now - begun + GRAIN >= healthy:
                restarts = 0
            if restarts == max_restarts:
                return None
            backoff = min(most, least * 2.0 ** min(restarts, 64))
            restarts += 1
            return backoff * (1 + part * random())

        return _restarting(context, begin, decide, name)

    return fed(feed)
