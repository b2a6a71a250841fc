"""An async function whose concurrency is adapted to what it calls: adaptive_concurrency."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, TypeVar

from reactivex import Observable

from ..flow import Flow, checks
from ..flow.operator import operator
from ..flow.retrying import Retry
from ..kernel import Context, DiscardCallback, Feed
from ..protocol import LimitAlgorithm, Limiter
from .asynchronous import Function, attempts
from .calls import Tasks, awaitable
from .concurrent import Concurrent, Decide, concurrent
from .limits import Gradient

T1 = TypeVar("T1")
T2 = TypeVar("T2")

NAME = "adaptive_concurrency"


class _Adaptive(Concurrent):
    """Begins as many calls as a limit allows that hears of each call's end."""

    def __init__(
        self,
        context: Context,
        make: Callable[[Context], Feed[Any]],
        function: Function,
        limiter: Limiter,
        bounds: tuple[int, int],
        retry: Retry,
        ordered: bool,
        on_discard: DiscardCallback | None,
        decide: Decide | None,
    ) -> None:
        self._least, self._most = bounds
        tasks = Tasks(NAME, attempts(NAME, self._measured, None, retry))
        super().__init__(context, make, NAME, tasks, ordered, self._most, 0, on_discard, decide)
        self._eager = True  # whoever finishes makes room
        self._limit = self._least
        self._limiter = limiter
        self._function = function
        self._busy = 0  # calls of the function; those that wait to be made again are none

    async def _measured(self, item: Any) -> Any:
        clock = asyncio.get_running_loop().time
        begun, failed = clock(), False
        self._busy += 1
        running = self._busy
        try:
            return await awaitable(NAME, self._function(item))
        except Exception:
            failed = True
            raise
        except BaseException:  # cancelled, which says nothing of the function
            begun = None
            raise
        finally:
            self._busy -= 1
            if begun is not None:
                limit = self._limiter.ended(clock() - begun, running, failed)
                self._limit = max(self._least, min(self._most, int(limit)))

    @property
    def capacity(self) -> int:
        """The limit of now (items)."""
        return self._limit


@operator(demand="max, then 1:1 ; 1:1 ; holds <= max", category="asyncio")
def adaptive_concurrency(
    function: Callable[[T1], Awaitable[T2]],
    min: int,  # noqa: A002 - its bounds, as everybody calls them
    max: int,  # noqa: A002
    ordered: bool = True,
    *,
    algorithm: LimitAlgorithm | None = None,
    timeout: float | timedelta | None = None,
    retry: Retry = 0,
    on_discard: DiscardCallback | None = None,
) -> Callable[[Flow[T1] | Observable[T1]], Flow[T2]]:
    """Transform each item with an async function, as many at a time as it can take.

    .. marble::
        :alt: adaptive_concurrency

        request  3---------------
        source   -a-b-c---|
        [ adaptive_concurrency(fetch, 1, 50) ]
                 ----A-B---C|

    Demand: max, then 1:1 ; 1:1 ; holds <= max.
    It is ``map_async`` with a limit that is found out while it runs, and follows a
    service whose capacity changes. It begins with ``min``. What runs is at most the
    limit; what runs and what has finished and was not taken is at most ``max``. The
    limit of now is the capacity in the statistics.

    Args:
        function: Async function of an item.
        min: The smallest limit (items).
        max: The largest limit (items).
        ordered: Give the results in the order of the items; else as they come.
        algorithm: How the limit is found: ``rxflow.Gradient(...)``, which looks at how long
            the calls take, when left out; ``rxflow.AIMD(...)``, which looks at failures,
            timeouts and a latency; or your own LimitAlgorithm.
        timeout: Longest time of a call (seconds, or a timedelta); each try has its own.
        retry: As for ``map_async``; each try counts as a call.
        on_discard: Called with each result that nobody takes, when the stream is cancelled
            or fails.

    Returns:
        An operator function; the Flow is to be subscribed where an event loop is running.

    Raises:
        TypeError: The function is not async, or it is no algorithm, when the pipeline is built.
        ValueError: min < 1, or max < min, when the pipeline is built.

    Errors:
        What the function raises, at once, unless it is tried again or supervised; what the
        algorithm raises.
        TimeoutError: A call took longer than timeout; it names the item.

    Source: concurrency-limits' AIMD and Gradient2.
    """
    bounds = checks.whole(NAME, "min", min), checks.whole(NAME, "max", max)
    if bounds[0] > bounds[1]:
        raise ValueError(f"{NAME}: min ({min}) must not be more than max ({max})")
    plan = Gradient() if algorithm is None else algorithm
    if not isinstance(plan, LimitAlgorithm):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"{NAME}: algorithm must be such as rxflow.Gradient(), not {plan!r}")
    checks.callback(NAME, "on_discard", on_discard)
    attempts(NAME, function, None, retry)  # a wrong one is told when the pipeline is built
    call = attempts(NAME, function, timeout, 0)
    return concurrent(
        lambda context, flow, decide: _Adaptive(
            context,
            flow.feed,
            call,
            plan.limiter(*bounds),
            bounds,
            retry,
            ordered,
            on_discard,
            decide,
        )
    )
