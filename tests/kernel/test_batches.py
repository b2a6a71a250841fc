"""A Drain that hands on in batches: where nobody could act on the first item of one earlier."""

from __future__ import annotations

import asyncio
import functools
import operator
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import rxflow as rx
from rxflow import operators as ops
from rxflow.kernel import Drain, Pulled
from rxflow.protocol import UNBOUNDED
from tests.kernel.recorder import Recorder
from tests.support_loop import collect, run


class Batched(Recorder):
    """A Subscriber that takes batches, too."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[list[Any]] = []

    def on_batch(self, items: list[Any]) -> None:
        self.batches.append(items)


def drained(count: int, granted: int, loop: Any) -> Batched:
    subscriber = Batched()
    drain = Drain(subscriber, granted, loop=loop)
    drain.open(lambda _: Pulled(iter(range(count))))
    drain.wake()
    return subscriber


def test_on_its_own_loop_it_gives_batches_of_64_at_most_and_what_is_asked_for() -> None:
    async def main() -> None:
        subscriber = drained(1000, 150, asyncio.get_running_loop())
        assert [len(batch) for batch in subscriber.batches] == [64, 64, 22]
        assert functools.reduce(operator.iadd, subscriber.batches, []) == list(range(150))
        assert subscriber.items == []

    run(main())


@pytest.mark.parametrize("where", ["no loop", "another loop", "a thread"])
def test_elsewhere_each_item_is_given_as_it_comes(where: str) -> None:
    async def main() -> None:
        if where == "another loop":
            other = asyncio.new_event_loop()
            kept.append(drained(100, UNBOUNDED, other))
            other.close()
        else:
            loop = asyncio.get_running_loop()
            thread = threading.Thread(target=lambda: kept.append(drained(100, 100, loop)))
            thread.start()
            thread.join()

    kept: list[Batched] = []
    if where == "no loop":
        kept.append(drained(100, UNBOUNDED, None))
    else:
        run(main())
    (subscriber,) = kept
    assert subscriber.batches == []
    assert subscriber.items == list(range(100))


def observed(function: Callable[[int], Any], prefetch: int = 256) -> Any:
    """A pipeline whose source and function run before a queue, on the consumer's loop."""
    loop = asyncio.get_running_loop()
    return rx.range(1000).pipe(ops.map(function), ops.observe_on(loop, prefetch=prefetch))


def test_what_came_before_a_failure_in_the_middle_of_a_batch_is_delivered() -> None:
    def fail(item: int) -> int:
        if item == 100:
            raise ValueError(item)
        return item

    async def main() -> None:
        seen = list[int]()
        with pytest.raises(ValueError, match="100"):
            await collect(observed(fail), seen)
        assert seen == list(range(100))

    run(main())


@pytest.mark.parametrize("prefetch", [1, 2, 63, 64, 65, 256])
def test_the_function_before_the_queue_is_never_called_ahead_of_its_bound(prefetch: int) -> None:
    async def main() -> None:
        called = list[int]()
        taken = 0
        async for _ in observed(called.append, prefetch):
            taken += 1
            assert len(called) <= taken + prefetch
        assert taken == len(called) == 1000

    run(main())


def test_what_a_batch_has_pulled_when_its_own_function_ends_the_stream_is_counted() -> None:
    async def main() -> None:
        def end(item: int) -> int:
            if item == 70:
                switch.abort(ValueError("over"))
            return item

        switch = rx.KillSwitch()
        results = aiter(observed(end).pipe(ops.kill_switch(switch)))
        with pytest.raises(ValueError, match="over"):
            await collect(results, [])
        for figures in results.statistics():
            gone = figures.delivered + figures.discarded + sum(figures.dropped.values())
            assert figures.received == gone + figures.held
            assert figures.held == 0

    run(main())


def test_chunks_have_what_one_batch_has_brought() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        flow = rx.range(300).pipe(ops.observe_on(loop, prefetch=128))
        sizes = [len(chunk) async for chunk in flow.chunks(50)]
        assert sum(sizes) == 300
        assert max(sizes) == 50

    run(main())


def test_a_batch_that_was_being_pulled_when_the_cancel_came_is_discarded_item_by_item() -> None:
    def items() -> Iterator[int]:
        yield 1
        drain.cancel()
        yield from (2, 3)

    subscriber = Batched()

    async def main() -> None:
        nonlocal drain
        drain = Drain(subscriber, 9, loop=asyncio.get_running_loop())
        drain.open(lambda _: Pulled(items()))
        drain.wake()

    drain: Drain
    run(main())
    consumer = drain.statistics()[-1]
    assert subscriber.batches == []
    assert (consumer.received, consumer.delivered, consumer.discarded) == (3, 0, 3)
