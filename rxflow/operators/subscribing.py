"""Subscribing and requesting somewhere else: subscribe_on."""

from __future__ import annotations

from asyncio import AbstractEventLoop, Task
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from threading import get_ident
from typing import Any, TypeVar

from reactivex import Observable
from reactivex.abc import SchedulerBase
from reactivex.scheduler.eventloop import AsyncIOThreadSafeScheduler

from ..flow import Flow
from ..flow.operator import fed, operator
from ..kernel import (
    HANDOVER,
    Boundary,
    Context,
    Feed,
    Intake,
    StageStatistics,
    drained,
    running_loop,
)
from ..protocol import FAIL, Offer

T = TypeVar("T")

BATCH = HANDOVER - HANDOVER // 4
"""What is asked for at a time where more is wanted than may be under way (items)."""


class _Stand(Enum):
    """How the subscription to the source stands."""

    SCHEDULED = "it is yet to be made"
    SUBSCRIBED = "there is one"
    OVER = "none is made any more, and one that there was is cancelled"


class _Elsewhere(Boundary[Any]):
    """Subscribes to a source, and calls its Subscription, in actions of a scheduler.

    What is guarded by the lock besides the queue: how the subscription stands, and what is
    to be asked for.
    """

    def __init__(
        self, context: Context, scheduler: SchedulerBase, make: Callable[[Context], Feed[Any]]
    ) -> None:
        super().__init__(context, "subscribe_on", HANDOVER, FAIL)
        self._scheduler = scheduler
        self._context = context
        self._tasks = set[Task[Any]]()  # of the source, perhaps on another loop
        upstream = Context(
            context.wake,
            scheduler,
            self._tasks,
            root=context.root,
            consumer=context.consumer,
            wrap=context.wrap,
        )
        self._connect = drained(make, upstream)
        self._intake = Intake(self, lambda _: self._begin())
        self._stand = _Stand.SCHEDULED
        self._asked = 0  # demand as a level of items taken, as far as it was passed on
        self._owed = 0  # the part of it that the source has yet to be asked for (items)
        self._asking = False  # an action that asks the source is on its way
        self._taken = 0  # since the last look at the room; written by the consumer only
        self._inside: int | None = None  # the thread on which the source gives an item, if any

    # On the scheduler, or where the source gives its items.

    def start(self) -> None:
        self._scheduler.schedule(self._subscribe)

    def _subscribe(self, *_: Any) -> None:
        if self._stand is not _Stand.OVER:
            self._connect(self._intake)

    def _begin(self) -> None:
        with self._lock:
            over = self._stand is _Stand.OVER  # cancelled meanwhile, on another thread
            if not over:
                self._stand = _Stand.SUBSCRIBED
        if over:
            self._intake.cancel()
        else:
            self._pay()

    def _pay(self, *_: Any) -> None:
        """Ask the source for what is owed."""
        with self._lock:
            self._asking = False
            owed, self._owed = self._owed, 0
        if owed:
            self._intake.request(owed)

    def push(self, item: Any) -> Offer:
        self._inside = get_ident()
        try:
            return super().push(item)
        finally:
            self._inside = None

    # The consumer's side.

    def run(self) -> Iterator[Any]:
        for item in super().run():
            self._taken += 1
            if self._taken >= BATCH:
                self._taken = 0
                self._ask()
            yield item

    def few(self) -> None:
        """Items that are taken are counted by a run."""

    def want(self, n: int) -> None:
        super().want(n)
        self._ask()

    def more(self, n: int) -> None:
        super().more(n)
        self._ask()

    def _ask(self) -> None:
        """Have the source asked for what is wanted, as far as there is room for it."""
        with self._lock:
            level = min(self._wanted, self._count_taken() + HANDOVER)
            more = level - self._asked
            if more <= 0 or (more < BATCH and level != self._wanted):
                return
            self._asked = level
            self._owed += more
            if self._stand is not _Stand.SUBSCRIBED or self._asking:
                return  # who subscribes, or is to ask, asks for this, too
            here = self._inside == get_ident()
            self._asking = not here
        if here:
            self._pay()
        else:
            self._act(self._pay)

    def _act(self, action: Callable[..., None]) -> None:
        try:
            self._scheduler.schedule(action)
        except Exception as error:  # it takes no actions any more
            if self._stand is _Stand.OVER:
                action()
            else:
                self.break_off(error)

    def stop_producer(self) -> None:
        self._intake.cancel()

    def cancel(self) -> None:
        with self._lock:
            stand, self._stand = self._stand, _Stand.OVER
        if stand is _Stand.SUBSCRIBED and not self.closed:
            loop = running_loop()
            self._context.tasks.update(task for task in self._tasks if task.get_loop() is loop)
            if self._inside == get_ident():
                self._intake.cancel()
            else:
                self._act(lambda *_: self._intake.cancel())
        self._connect = _nobody  # an action that never runs keeps nothing alive
        super().cancel()

    def _before(self) -> Iterable[StageStatistics]:
        return self._intake.statistics()


def _nobody(_: Any) -> None:
    """Subscribe to nothing."""


@operator(demand="1:1, at most 256 under way ; 1:1 ; holds <= 256", category="demand")
def subscribe_on(
    scheduler: SchedulerBase | AbstractEventLoop,
) -> Callable[[Observable[T]], Flow[T]]:
    """Subscribe to the source on a scheduler, and ask it for items there.

    A source that blocks, or that opens what belongs to a thread, so runs where it
    should; ``observe_on`` says where what follows runs.

    .. marble::
        :alt: subscribe_on

        request  3---------------
        source     -1-2-3-4------   (on the scheduler)
        [ subscribe_on(scheduler) ]
                 ---1-2-3--------

    Demand: 1:1, at most 256 under way ; 1:1 ; holds <= 256.
    The source is asked for exactly what is asked for downstream, in portions where that is
    more than 256 items. Items are handed on where the source gives them; they are held only
    while the consumer is busy on another thread. A request made while the source gives an
    item goes to it at once; any other one, and the cancel, in an action of the scheduler.

    Args:
        scheduler: Where to; an asyncio event loop stands for its scheduler.

    Returns:
        An operator function.

    Raises:
        TypeError: No scheduler, when the pipeline is built.

    Errors:
        What the scheduler raises when it takes no more actions.

    Source: reactivex subscribe_on; Reactor subscribeOn.
    """
    if isinstance(scheduler, AbstractEventLoop):
        scheduler = AsyncIOThreadSafeScheduler(scheduler)
    if not isinstance(scheduler, SchedulerBase):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"subscribe_on wants a scheduler or an event loop, not {scheduler!r}")
    target = scheduler
    return fed(lambda context, flow: _Elsewhere(context, target, flow.feed))
