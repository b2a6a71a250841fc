"""A Feed: a running source that is pulled."""

from __future__ import annotations

from abc import ABC, abstractmethod
from asyncio import Task
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sized
from dataclasses import dataclass
from enum import Enum
from functools import cache, partial
from threading import Lock
from typing import Any, Final, Generic, Protocol, TypeAlias, TypeVar

from reactivex.abc import SchedulerBase

from ..protocol import UNBOUNDED
from .clock import running_scheduler, stopwatch
from .consumer import Consumer
from .metering import Lap, Meter, Times
from .rows import Row
from .statistics import Ledger, StageStatistics

T_out = TypeVar("T_out", covariant=True)

NOTHING: Final = object()
"""Stands for "no item", since None is an item like any other."""

BUDGET = 1024
"""Most inputs a run takes before it gives its consumer a turn (items)."""


class State(Enum):
    """Why a run of a Feed came to its end."""

    READY = "there is more: make another run"
    WAITING = "nothing now: a wake comes when there is"
    ENDED = "nothing ever again"


_making = Lock()
"""Of several threads that ask a Context for what is not made yet one makes it."""


class Context:
    """What a Feed is given by its consumer when it is made.

    Attributes:
        wake: To be called, from any thread, when a Feed that was WAITING has
            items or has ended.
        scheduler: The scheduler that was passed to ``subscribe``, if any.
        pulls: The consumer pulls in a thread of its own choice (``async for``);
            otherwise it pulls inside ``wake``, on the thread that calls it.
        consumer: Who is at the end of the pipeline, where that is known.
        meter: Measures how long the Feed was asked for items and had none.
        wrap: Makes of a Feed one that does inside of something what it is asked to do, for the
            loops of the producers before a boundary, too; None for nothing of the kind.
    """

    __slots__ = (
        *("_closing", "_root", "_tasks", "consumer", "meter", "pulls", "scheduler", "wake"),
        "wrap",
    )

    def __init__(
        self,
        wake: Callable[[], None],
        scheduler: SchedulerBase | None = None,
        tasks: set[Task[Any]] | Context | None = None,
        pulls: bool = False,
        root: object = None,
        consumer: Consumer | None = None,
        meter: Meter | None = None,
        wrap: Wrap | None = None,
    ) -> None:
        """Describe a consumer; see the attributes."""
        self.wake: Callable[[], None] = wake
        self.scheduler: SchedulerBase | None = scheduler
        self._tasks = tasks  # its own, or whose they are; most have none, and no set is made
        self._closing: list[Callable[[], Awaitable[object]]] | None = None
        self.pulls: bool = pulls
        self._root = root  # None for itself, which would never be let go of if it kept itself
        self.consumer: Consumer | None = consumer
        self.meter: Meter = meter or Meter(stopwatch(scheduler))
        self.wrap: Wrap | None = wrap

    @property
    def tasks(self) -> set[Task[Any]]:
        """The asyncio tasks that run for this subscription."""
        tasks = self._tasks
        if isinstance(tasks, Context):
            return tasks.tasks
        if tasks is None:
            with _making:
                tasks = self._tasks = set[Task[Any]]() if self._tasks is None else self.tasks
        return tasks

    @property
    def closing(self) -> list[Callable[[], Awaitable[object]]]:
        """What the consumer is to await at the end where there can be no such tasks."""
        if isinstance(self._tasks, Context):
            return self._tasks.closing
        if self._closing is None:
            with _making:
                self._closing = [] if self._closing is None else self._closing
        return self._closing

    @property
    def root(self) -> object:
        """Stands for the loop that pulls, whatever is between."""
        return self if self._root is None else self._root

    def waking(self, wake: Callable[[], None]) -> Context:
        """Give the context of a Feed that this one pulls from."""
        return self._like(wake, self.scheduler, Meter(self.meter.now))

    def lap(self) -> Context:
        """Give the context of one of several Feeds that this one passes on one after another."""
        return self._like(self.wake, self.scheduler, Lap(self.meter))

    def timed(self) -> Context:
        """Give this one with a clock: where no scheduler was passed, that of the running loop.

        So operators of reactivex that are driven by time start no threads on an event loop.
        """
        if self.scheduler is not None:
            return self
        return self._like(self.wake, running_scheduler(), self.meter)

    def inside(self, wrap: Wrap) -> Context:
        """Give this one, for what is to be done inside of something; see ``wrap``."""
        context = self._like(self.wake, self.scheduler, self.meter)
        context.wrap = wrap
        return context

    def opened(self, make: Callable[[Context], Feed[Any]]) -> Feed[Any]:
        """Make the Feed of a loop."""
        feed = make(self)
        return feed if self.wrap is None else self.wrap(feed)

    def _like(
        self, wake: Callable[[], None], scheduler: SchedulerBase | None, meter: Meter
    ) -> Context:
        of = self._tasks if isinstance(self._tasks, Context) else self
        return Context(wake, scheduler, of, self.pulls, self.root, self.consumer, meter, self.wrap)


class Few(ABC, Iterator[Any]):
    """An iterator that can be advanced again after its end.

    Attributes:
        ended: It was its own end, and not that of a callback, that was last heard.
    """

    __slots__ = ("ended",)
    ended: bool


class Server(Protocol):
    """Who takes a single item at once, without the ceremony of a wake, a run and a settle."""

    @property
    def enter(self) -> Callable[[Sized], bool | None]:
        """Begins to take one, if there is demand, nobody is at it and its queue is empty.

        It says whether ``hand`` is to follow, with the item; None where a ``wake`` is to, since
        one may have come to nothing meanwhile. It never calls out. When anything happens before
        ``hand`` is over, a ``wake`` is to follow, too.
        """
        ...

    def hand(self, item: Any, /) -> None:
        """Take it, and all that has come meanwhile."""


@dataclass(frozen=True, slots=True)
class Handing:
    """A Server that does something of its own with an item; see there."""

    enter: Callable[[Sized], bool | None]
    hand: Callable[[Any], None]


class Feed(ABC, Generic[T_out]):
    """One running subscription to a source, seen by the one consumer that pulls it.

    The life of a Feed: it is made; ``want`` says the first demand, if there is
    one already; ``start`` starts the source; then the consumer makes a ``run``,
    takes from it what it has demand for, and when the run is exhausted asks
    ``settle`` why. Only one thread at a time is in these calls; the consumer
    sees to that. ``cancel`` is called once, by the same consumer, and ends it.

    Attributes:
        steady: To say the same to ``want`` once more, when nothing has come, changes nothing.
        works: Functions of the user make its items, at the time at which they are pulled.
    """

    __slots__ = ()
    steady: bool = False
    works: bool = False

    def __init_subclass__(cls) -> None:
        """Have records of its own put into rows, where it does not say that in another way."""
        super().__init_subclass__()
        own = cls.__dict__
        records = "statistics" in own or ("_before" in own and "_put_before" not in own)
        if records and "row" not in own:
            cls.row = Feed[Any].row

    @property
    def hot(self) -> bool:
        """Whether what it has is handed over at once, inside of ``subscribe`` itself."""
        return False

    def serve(self, server: Server) -> None:
        """Hear, before it is started, of a consumer that can take a single item at once.

        Where it is WAITING and holds nothing, an item may be handed over instead of a wake.
        """

    def start(self) -> None:
        """Start the source. Items may come, and wakes, before this returns."""

    @abstractmethod
    def run(self) -> Iterator[T_out]:
        """Give an iterator over what is there now, of at most BUDGET inputs.

        It is advanced exactly once for each item that the consumer has demand
        for, and may be left and taken up again. After it is exhausted a new one
        is made.
        """

    @abstractmethod
    def settle(self) -> State:
        """Say why the run is exhausted; raise the failure of the source if that is why."""

    def few(self) -> Few | None:
        """Give what is there now as an iterator that can be advanced again after its end.

        It saves the making of a run where items come one at a time; None where
        they do not, or where there are many.
        """
        return None

    def single(self) -> Any:
        """Take, after a wake, the one item that has come since WAITING.

        Returns:
            NOTHING where there is not exactly one, or that is not known: a run says what there is.
        """
        return NOTHING

    def ending(self) -> bool:
        """Say whether only the end is left, so that a run holds no item and needs no demand."""
        return False

    def want(self, n: int) -> None:
        """Hear that ``n`` items in all are wanted which the last run did not have.

        Args:
            n: The demand that is outstanding (items), or UNBOUNDED.
        """

    def more(self, n: int) -> None:
        """Hear at once, on any thread, that ``n`` more items are asked for.

        ``want`` follows when what is there has been taken.
        """

    def note(self, ledger: Ledger, meter: Meter) -> None:
        """Put its last figures into a ledger.

        Args:
            ledger: Where to.
            meter: Of the edge that it was pulled through.
        """
        ledger.keep(lambda: meter.fill(self.statistics()))

    def tally(self) -> int | None:
        """Count the items that were pulled out of it; None where they are not counted."""
        return None

    def advance(self) -> Awaitable[object] | None:
        """Give what a consumer on an event loop can await, in its own task, to go on.

        Used instead of ``want`` after WAITING; None where only a wake helps.
        """
        return None

    @abstractmethod
    def cancel(self) -> None:
        """Stop the source and let go of what is held."""

    def record(self) -> Callable[[], Iterable[StageStatistics]]:
        """Give what makes the figures as they are now, when it is over, and keeps nothing alive."""
        return partial(tuple, tuple(self.statistics()))

    def statistics(self) -> Iterator[StageStatistics]:
        """Give the figures of this Feed and of those before it, source first."""
        return iter(())

    def row(self, row: Row, meter: Meter, times: Times, pulled: float | None = None) -> float:
        """Put the same figures into a row, for those who add up many.

        Args:
            row: Where to.
            meter: Of the edge that it is pulled through.
            times: What that gives.
            pulled: How long it took to pull its items (seconds); None where nobody knows.

        Returns:
            How long its last part was starved (seconds).
        """
        return row.put_records(self.statistics(), times, pulled, self.works)


Wrap: TypeAlias = Callable[[Feed[Any]], Feed[Any]]
"""See :class:`Context`."""


def remaining(granted: int, delivered: int) -> int:
    """Compute the demand that is left (items); UNBOUNDED is never decremented."""
    return UNBOUNDED if granted == UNBOUNDED else granted - delivered


@cache
def inherits(kind: type, base: type, *names: str) -> bool:
    """Tell whether a class has methods of its base as they are there."""
    return all(getattr(kind, name) is getattr(base, name) for name in names)
