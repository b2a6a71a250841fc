"""A bounded queue between producer and consumer: limit_rate, observe_on."""

from __future__ import annotations

from asyncio import AbstractEventLoop
from collections.abc import Callable, Iterator
from threading import get_ident
from typing import Any, TypeVar

from reactivex import Observable
from reactivex.abc import SchedulerBase
from reactivex.scheduler.eventloop import AsyncIOThreadSafeScheduler

from ..flow import Flow, checks
from ..flow.operator import fed, operator
from ..kernel import HANDOVER, Context, Feed, Prefetched, State, drained

T = TypeVar("T")


@operator(demand="high, then low per low delivered ; 1:1 ; holds <= high", category="demand")
def limit_rate(high: int, low: int | None = None) -> Callable[[Observable[T]], Flow[T]]:
    """Ask upstream for batches of a known size, whatever is asked for downstream.

    .. marble::
        :alt: limit_rate

        request   9------------------
        upstream  4--------3-----3---
        source    -1-2-3-4--5-6-7----
        [ limit_rate(4)            ]
                  -1-2-3-4--5-6-7----

    Demand: high, then low per low delivered ; 1:1 ; holds <= high.

    Args:
        high: The first request, and the most that is held (items).
        low: What is requested when so many were delivered (items, at most
            high); 75 % of high when left out; 0 for strict batches of high.

    Returns:
        An operator function.

    Raises:
        ValueError: high < 1, or low not in 0 to high, when the pipeline is built.

    Source: Reactor limitRate.
    """
    high = checks.whole("limit_rate", "high", high)
    if low is None:
        low = high - high // 4
    low = checks.whole("limit_rate", "low", low, least=0) or high
    if low > high:
        raise ValueError(f"limit_rate: low ({low}) must not be more than high ({high})")
    return fed(
        lambda context, flow: Prefetched(
            context, "limit_rate", high, low, drained(flow.feed, context)
        )
    )


@operator(demand="prefetch, then 75 % of it each ; 1:1 ; holds <= prefetch", category="demand")
def observe_on(
    scheduler: SchedulerBase | AbstractEventLoop, *, prefetch: int | None = None
) -> Callable[[Observable[T]], Flow[T]]:
    """Deliver on a scheduler, through a bounded queue.

    What follows in the pipeline runs on the scheduler; what comes before it stays
    where it is. A consumer that iterates (``async for``) pulls on its own event
    loop: then what follows runs there, and this is a queue only.

    .. marble::
        :alt: observe_on

        request   3-----------
        source    -1-2-3------|
        [ observe_on(scheduler) ]
                  --1-2-3-----|

    Demand: prefetch, then 75 % of it each ; 1:1 ; holds <= prefetch.

    Args:
        scheduler: Where to; an asyncio event loop stands for its scheduler.
        prefetch: Most items held in the queue (items); 256 when left out, but 1
            behind on_backpressure_latest and its like, whatever operators are between,
            as their items would be stale.

    Returns:
        An operator function.

    Raises:
        TypeError: No scheduler, when the pipeline is built.
        ValueError: prefetch < 1, when the pipeline is built.

    Source: reactivex observe_on; Reactor publishOn.
    """
    if isinstance(scheduler, AbstractEventLoop):
        scheduler = AsyncIOThreadSafeScheduler(scheduler)
    if not isinstance(scheduler, SchedulerBase):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"observe_on wants a scheduler or an event loop, not {scheduler!r}")
    size = None if prefetch is None else checks.whole("observe_on", "prefetch", prefetch)
    target = scheduler

    def feed(context: Context, flow: Flow[Any]) -> Feed[Any]:
        return _Observed(context, target, size or (1 if flow.latest else HANDOVER), flow.feed)

    return fed(feed)


class _Observed(Prefetched):
    """Lets itself be pulled in actions of the scheduler only."""

    def __init__(
        self,
        context: Context,
        scheduler: SchedulerBase,
        prefetch: int,
        make: Callable[[Context], Feed[Any]],
    ) -> None:
        super().__init__(
            context if context.pulls else context.waking(self._schedule),
            "observe_on",
            prefetch,
            prefetch - prefetch // 4,
            drained(make, context),
        )
        self._scheduler = scheduler
        self._consumer = context.wake
        self._anywhere = context.pulls
        self._scheduled = False  # an action is on its way
        self._arriving: int | None = None  # the thread that is scheduling an action, to pull in it
        self._inside: int | None = None  # the thread that is in the action, if any

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._scheduler.schedule(self._act)

    def _act(self, *_: Any) -> None:
        self._scheduled = False
        self._inside = get_ident()
        if self._arriving == self._inside:  # the scheduler acts at once: who pulls is there
            return
        try:
            self._consumer()
        finally:
            self._inside = None

    def _here(self) -> bool:
        return self._anywhere or self._inside == get_ident()

    def _arrive(self) -> bool:
        """Tell whether items may be taken in this thread; else the consumer is called elsewhere."""
        if not self._here():
            self._arriving = get_ident()
            self._schedule()
            self._arriving = None
        return self._here()

    def run(self) -> Iterator[Any]:
        """Give what is held in an action of the scheduler; else go there."""
        return super().run() if self._anywhere else self._run_here()

    def _run_here(self) -> Iterator[Any]:
        if not self._arrive():
            return
        for item in super().run():
            yield item
            if not self._arrive():  # taken up again elsewhere
                return

    def settle(self) -> State:
        """Wait for the action when this is not its thread."""
        return super().settle() if self._here() else State.WAITING

    def ending(self) -> bool:
        """Tell it in an action of the scheduler only."""
        return super().ending() and self._arrive()
