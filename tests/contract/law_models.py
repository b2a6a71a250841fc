"""The reference models: each operator as a plain function from an iterator to an iterator.

A model is lazy, as the operator is: it takes an input when it is asked for an output.
The few that begin anew take what makes the iterator.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import reduce
from itertools import chain, islice
from typing import Any

from reactivex.internal import ArgumentOutOfRangeException, SequenceContainsNoElementsError

from .law_callbacks import CallbackError, Run, SourceError

Items = Iterator[Any]
Make = Callable[[], Items]
Step = Callable[[Make], Make]

NONE: Any = object()
"""Stands for no default."""


class PendingError(BaseException):
    """There is nothing now, and it is not known whether there will be."""


PENDING: Any = PendingError()
"""Stands for no end so far."""


def each(function: Callable[[Items], Iterable[Any]]) -> Step:
    """Make a step of a function from iterator to iterator."""

    def step(make: Make) -> Make:
        def begun() -> Items:
            yield from function(make())

        return begun

    return step


def at_end(function: Callable[[Items], Any]) -> Step:
    """Make a step of a function that gives one value for all items."""
    return each(lambda items: iter([function(items)]))


def same(items: Items) -> Items:
    return items


def watched(call: Callable[[Any], Any]) -> Step:
    """Call a function with each item, and give the item."""

    def watching(items: Items) -> Items:
        for item in items:
            call(item)
            yield item

    return each(watching)


def indexed(call: Callable[[Any, int], Any]) -> Callable[[Items], Items]:
    """Give each item with the answer of a function of it and its index."""
    return lambda items: ((item, call(item, index)) for index, item in enumerate(items))


def those(pairs: Items) -> Items:
    return (item for item, answer in pairs if answer)


def unlike_all(items: Items, key: Callable[[Any], Any]) -> Items:
    seen: list[Any] = []
    for item in items:
        if (mark := key(item)) not in seen:
            seen.append(mark)
            yield item


def unlike_last(items: Items, key: Callable[[Any], Any]) -> Items:
    last = NONE
    for item in items:
        if (mark := key(item)) != last:
            last = mark
            yield item


def scanned(items: Items, call: Callable[[Any, Any], Any], seed: Any = NONE) -> Items:
    for item in items:
        seed = item if seed is NONE else call(seed, item)
        yield seed


def reduced(items: Items, call: Callable[[Any, Any], Any], seed: Any = NONE) -> Any:
    if seed is NONE:
        seed = nth(items, 0)
    return reduce(call, items, seed)


def average(values: Items) -> int:
    numbers = list(values)
    if not numbers:
        raise SequenceContainsNoElementsError
    return int(sum(numbers) / len(numbers))


def nth(
    items: Items,
    index: int,
    default: Any = NONE,
    missing: type[Exception] = SequenceContainsNoElementsError,
) -> Any:
    for item in islice(items, index, None):
        return item
    if default is NONE:
        raise missing
    return default


def element(items: Items, index: int) -> Any:
    return nth(items, index, missing=ArgumentOutOfRangeException)


def last(items: Items, default: Any = NONE) -> Any:
    return nth(iter(deque(items, 1)), 0, default)


def last_if_any(items: Items) -> Items:
    return iter(deque(items, 1))


def single(items: Items, default: Any = NONE) -> Any:
    value = nth(items, 0, default)
    for _ in items:
        raise Exception("Sequence contains more than one element")
    return value


def or_default(items: Items, default: Any) -> Items:
    item = nth(items, 0, default)
    yield item
    yield from items


def until(items: Items, call: Callable[[Any], Any], inclusive: bool) -> Items:
    for item in items:
        goes_on = call(item)
        if goes_on or inclusive:
            yield item
        if not goes_on:
            return


def without_last(items: Items, count: int) -> Items:
    late: deque[Any] = deque()
    for item in items:
        late.append(item)
        if len(late) > count:
            yield late.popleft()


def lists(items: Items, count: int, skip: int) -> Items:
    open_ones: deque[list[Any]] = deque()
    for index, item in enumerate(items):
        if index % skip == 0:
            open_ones.append([])
        for each_one in open_ones:
            each_one.append(item)
        if open_ones and len(open_ones[0]) == count:
            yield open_ones.popleft()
    yield from open_ones


def flattened(items: Items, call: Callable[..., Iterable[Any]]) -> Items:
    return chain.from_iterable(map(call, items))


def signals(items: Items) -> Items:
    """Give each item, then -1 for the end or -2 for a failure."""
    try:
        yield from items
    except Exception:
        yield -2
    else:
        yield -1


def caught(items: Items, other: Callable[[], Iterable[Any]]) -> Items:
    failed = False
    try:
        yield from items
    except Exception:
        failed = True
    if failed:
        yield from other()


def resumed(items: Items, other: Iterable[Any]) -> Items:
    with suppress(Exception):
        yield from items
    yield from other


def repeated(count: int) -> Step:
    return lambda make: lambda: (item for _ in range(count) for item in make())


def retried(count: int) -> Step:
    def step(make: Make) -> Make:
        def tries() -> Items:
            for left in reversed(range(count)):
                try:
                    yield from make()
                except Exception:
                    if not left:
                        raise
                else:
                    return

        return tries

    return step


def until_indexed(items: Items, call: Callable[[Any, int], Any]) -> Items:
    for item, goes_on in indexed(call)(items):
        if not goes_on:
            return
        yield item


def from_indexed(items: Items, call: Callable[[Any, int], Any]) -> Items:
    for item, skips in indexed(call)(items):
        if not skips:
            yield item
            break
    yield from items


def replayed(runs: Iterable[Run]) -> Make:
    """Make what gives one run after another, each time it is begun anew."""
    left = iter(runs)

    def begun() -> Iterator[int]:
        run = next(left, None)
        if run is None:
            raise PENDING
        yield from run.items
        if run.end is run:
            raise PENDING
        if run.end is not None:
            raise run.end

    return begun


def evaluated(make: Callable[[], Iterator[int]]) -> tuple[list[int], Any]:
    """Give all items of an iterator, and its end."""
    items: list[int] = []
    try:
        items.extend(make())
    except PendingError:
        return items, PENDING
    except Exception as error:
        return items, error
    return items, None


def alike(one: Any, other: Any) -> bool:
    """Tell whether two ends are the same."""
    planned = isinstance(one, CallbackError | SourceError)
    return type(one) is type(other) and (not planned or one.args == other.args)


def in_turns(expected: Iterable[int], items: Iterable[int], keys: int) -> list[int]:
    """Put what is expected into the order in which items came, as far as that is free.

    Args:
        expected: What is expected; those of the same remainder stay in their order.
        items: What came.
        keys: What the remainders are of.
    """
    queues: dict[int, deque[int]] = {}
    for item in expected:
        queues.setdefault(item % keys, deque()).append(item)
    came = [queue.popleft() for item in items if (queue := queues.get(item % keys))]
    return [*came, *chain.from_iterable(queues.values())]


def is_within(items: Sequence[int], entered: Sequence[int]) -> bool:
    """Tell whether items are among others, in their order."""
    others = iter(entered)
    return all(item in others for item in items)
