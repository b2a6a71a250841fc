"""Sources that are pulled in the consumer's own steps."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterable, Iterator
from itertools import repeat as times
from typing import Any, TypeVar

from reactivex.abc import SchedulerBase
from reactivex.disposable import SingleAssignmentDisposable

from ..flow import Flow, checks
from ..flow.registry import register
from ..kernel import Context, Failed, Feed, StageStatistics, State, feed_of

T = TypeVar("T")
TState = TypeVar("TState")


class _Scheduled(Feed[Any]):
    """Starts a Feed in an action of a scheduler, as the source of that name in reactivex does."""

    def __init__(self, context: Context, feed: Feed[Any], scheduler: SchedulerBase) -> None:
        self._context = context
        self._feed = feed
        self._scheduler = scheduler
        self._started = False
        self._action = SingleAssignmentDisposable()
        self.works: bool = feed.works

    def start(self) -> None:
        self._action.disposable = self._scheduler.schedule(self._act)

    def _act(self, *_: Any) -> None:
        self._started = True
        self._context.wake()

    def run(self) -> Iterator[Any]:
        return self._feed.run() if self._started else iter(())

    def settle(self) -> State:
        return self._feed.settle() if self._started else State.WAITING

    def ending(self) -> bool:
        return self._started and self._feed.ending()

    def cancel(self) -> None:
        self._action.dispose()
        self._feed.cancel()

    def tally(self) -> int | None:
        return self._feed.tally()

    def statistics(self) -> Iterator[StageStatistics]:
        return self._feed.statistics()


def pulled(
    iterable: Callable[[], Iterable[T]],
    scheduler: SchedulerBase | None = None,
    name: str = "from_iterable",
) -> Flow[T]:
    """Make a Flow that pulls an iterator of its own for each subscription."""

    def feed(context: Context) -> Feed[Any]:
        source = feed_of(iterable(), name)
        where = scheduler or context.scheduler
        return source if where is None else _Scheduled(context, source, where)

    return Flow(feed)


@register("source", demand="pulled ; 1:1 ; holds 0", category="create")
def from_iterable(iterable: Iterable[T], scheduler: SchedulerBase | None = None) -> Flow[T]:
    """Give the items of an iterable, which is advanced on demand only.

    .. marble::
        :alt: from_iterable

        request  2-----1---
        [ from_iterable([1, 2, 3]) ]
                 1-2---3|

    Demand: pulled ; 1:1 ; holds 0.
    A sequence completes with its last item; an iterator completes when it is
    asked for one more.

    Args:
        iterable: What to iterate; anew for each subscription. A generator is closed at the end.
        scheduler: Where to start; at once when left out.

    Returns:
        A Flow.

    Raises:
        TypeError: It is not iterable.

    Errors:
        What the iterator raises.

    Source: reactivex from_iterable.
    """
    if not isinstance(iterable, Iterable) and not hasattr(iterable, "__getitem__"):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(
            f"from_iterable wants an iterable, not {iterable!r}; "
            "use from_async_iterable for an async one"
        )
    return pulled(lambda: iterable, scheduler)


@register("source", demand="pulled ; 1:1 ; holds 0", category="create")
def range(
    start: int,
    stop: int | None = None,
    step: int | None = None,
    scheduler: SchedulerBase | None = None,
) -> Flow[int]:
    """Count from a number up to, or down to, another one.

    .. marble::
        :alt: range

        request  2-----1---
        [ range(1, 4) ]
                 1-2---3|

    Demand: pulled ; 1:1 ; holds 0.

    Args:
        start: The first number; or the number of items, when it stands alone.
        stop: Where to stop, exclusive.
        step: From one number to the next.
        scheduler: Where to start; at once when left out.

    Returns:
        A Flow.

    Source: reactivex range.
    """
    if stop is None and step is None:
        numbers = builtins.range(start)
    elif stop is None:
        raise TypeError("range: a step needs a stop too")
    else:
        numbers = builtins.range(start, stop, 1 if step is None else step)
    return pulled(lambda: numbers, scheduler, "range")


@register("source", demand="pulled ; 1:1 ; holds 0", category="create")
def of(*args: T) -> Flow[T]:
    """Give the arguments.

    .. marble::
        :alt: of

        request  2-----1---
        [ of(1, 2, 3) ]
                 1-2---3|

    Demand: pulled ; 1:1 ; holds 0.

    Args:
        args: The items.

    Returns:
        A Flow.

    Source: reactivex of.
    """
    return pulled(lambda: args, name="of")


@register("source", demand="pulled ; 1:1 ; holds 0", category="create")
def return_value(value: T, scheduler: SchedulerBase | None = None) -> Flow[T]:
    """Give one item.

    .. marble::
        :alt: return_value

        request  --1---
        [ return_value(4) ]
                 --4|

    Demand: pulled ; 1:1 ; holds 0.

    Args:
        value: The item.
        scheduler: Where to start; at once when left out.

    Returns:
        A Flow.

    Source: reactivex return_value.
    """
    return pulled(lambda: (value,), scheduler, "return_value")


@register("source", demand="pulled ; 1:1 ; holds 0", category="create")
def repeat_value(value: T, repeat_count: int | None = None) -> Flow[T]:
    """Give one item again and again.

    .. marble::
        :alt: repeat_value

        request  2-----1---
        [ repeat_value(4) ]
                 4-4---4---

    Demand: pulled ; 1:1 ; holds 0.

    Args:
        value: The item.
        repeat_count: How often (times); for ever when left out, or -1.

    Returns:
        A Flow.

    Source: reactivex repeat_value.
    """
    if repeat_count is None or repeat_count == -1:
        return pulled(lambda: times(value), name="repeat_value")
    count = checks.whole("repeat_value", "repeat_count", repeat_count, least=0)
    return pulled(lambda: [value] * count, name="repeat_value")


@register("source", demand="pulled ; 1:1 ; holds 0", category="create")
def generate(
    initial_state: TState,
    condition: Callable[[TState], bool],
    iterate: Callable[[TState], TState],
) -> Flow[TState]:
    """Run a state forward, one step for each item asked for.

    .. marble::
        :alt: generate

        request  2-----1---
        [ generate(1, lambda x: x < 9, lambda x: 2 * x) ]
                 1-2---4---

    Demand: pulled ; 1:1 ; holds 0.

    Args:
        initial_state: The first state, which is the first item.
        condition: Whether a state is an item; the first that is not completes.
        iterate: From one state to the next.

    Returns:
        A Flow.

    Raises:
        TypeError: A function is async.

    Errors:
        What the functions raise.

    Source: reactivex generate.
    """
    checks.callback("generate", "condition", condition)
    checks.callback("generate", "iterate", iterate)

    def states() -> Iterator[TState]:
        state = initial_state
        while condition(state):
            yield state
            state = iterate(state)

    return pulled(states, name="generate")


@register("source", demand="none ; 1:1 ; holds 0", category="create")
def empty(scheduler: SchedulerBase | None = None) -> Flow[Any]:
    """Complete at once.

    .. marble::
        :alt: empty

        [ empty() ]
                 |

    Demand: none ; 1:1 ; holds 0.

    Args:
        scheduler: Where to complete; at once when left out.

    Returns:
        A Flow.

    Source: reactivex empty.
    """
    return pulled(lambda: (), scheduler, "empty")


@register("source", demand="none ; 1:1 ; holds 0", category="create")
def never() -> Flow[Any]:
    """Give nothing, ever.

    .. marble::
        :alt: never

        [ never() ]
                 ------

    Demand: none ; 1:1 ; holds 0.

    Returns:
        A Flow.

    Source: reactivex never.
    """
    return Flow(lambda context: _Never())


class _Never(Feed[Any]):
    def run(self) -> Iterator[Any]:
        return iter(())

    def settle(self) -> State:
        return State.WAITING

    def cancel(self) -> None:
        pass

    def statistics(self) -> Iterator[StageStatistics]:
        yield StageStatistics("never", inputs=0)


@register("source", demand="none ; 1:1 ; holds 0", category="create")
def throw(exception: str | Exception, scheduler: SchedulerBase | None = None) -> Flow[Any]:
    """Fail at once.

    .. marble::
        :alt: throw

        [ throw(ValueError()) ]
                 X

    Demand: none ; 1:1 ; holds 0.

    Args:
        exception: The error; a text stands for an Exception.
        scheduler: Where to fail; at once when left out.

    Returns:
        A Flow.

    Errors:
        The exception.

    Source: reactivex throw.
    """
    error = exception if isinstance(exception, Exception) else Exception(exception)

    def feed(context: Context) -> Feed[Any]:
        where = scheduler or context.scheduler
        failed = Failed(error)
        return failed if where is None else _Scheduled(context, failed, where)

    return Flow(feed)
