"""Random pipelines in virtual time, of which it is known what limits them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Any

from reactivex import Subject

import rxflow as rx
from rxflow import operators as ops
from rxflow.monitor import Report, report
from rxflow.testing import TestSubscriber, run_virtual

CONSUMER = "the consumer"


async def every(seconds: float, most: int | None = None) -> AsyncIterator[int]:
    for number in count() if most is None else range(most):
        await asyncio.sleep(seconds)
        yield number


def taking(seconds: float) -> Callable[[Any], Awaitable[Any]]:
    async def take(item: Any) -> Any:
        await asyncio.sleep(seconds)
        return item

    return take


def working(seconds: float) -> Callable[[Any], Any]:
    """Make a synchronous function that moves the virtual clock, as if it took its time."""

    def work(item: Any) -> Any:
        loop: Any = asyncio.get_running_loop()
        loop._jumping.clock += seconds
        return item

    return work


async def iterating(flow: Any, body: float, seconds: float) -> Report:
    """Iterate over a Flow, whose body takes a time, for so long; then report."""
    iteration = aiter(flow)

    async def iterate() -> None:
        async for _ in iteration:
            await asyncio.sleep(body)

    return await _reported(iteration, iterate(), seconds)


async def requesting(flow: Any, body: float, seconds: float) -> Report:
    """Request an item every so often."""
    probe = TestSubscriber[Any](0)
    flow.subscribe(probe)

    async def request() -> None:
        while True:
            probe.request(1)
            await asyncio.sleep(body)

    try:
        return await _reported(probe.subscription, request(), seconds)
    finally:
        probe.cancel()


async def _reported(subscription: Any, consuming: Any, seconds: float) -> Report:
    task = asyncio.ensure_future(consuming)
    try:
        await asyncio.sleep(seconds / 2)
        first = report(subscription)
        await asyncio.sleep(seconds / 2)
        return report(subscription, since=first)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        if hasattr(subscription, "aclose"):
            await subscription.aclose()


@dataclass
class Pipeline:
    """A pipeline of random parts, one of which takes longer than all the others together.

    If it were only slower than each of them, several that take turns could limit it more.

    Attributes:
        random: Where it comes from.
        told: How it was put together.
        names: What a report may name; one of those that limit it.
        spent: How long the others take for an item, together (seconds).
        slow: How long the planted one takes (seconds).
        tasks: What pushes into it, and its other subscribers.
    """

    random: Random
    told: list[str] = field(default_factory=list[str])
    names: set[str] = field(default_factory=set[str])
    spent: float = 0.0
    slow: float = 1.0
    tasks: list[Any] = field(default_factory=list[Any])

    def takes(self, place: str, planted: str, *names: str) -> float:
        """Draw how long a part takes; a part is planted when the others were drawn."""
        seconds = self.slow if place == planted else self.random.uniform(0.02, 0.2)
        self.spent += 0.0 if place == planted else seconds
        if place == planted:
            self.names.update(names or (place,))
        self.told.append(f"{place}={seconds:.3g}")
        return seconds

    def chain(self, planted: str, prefix: str = "", *, pushed: bool = False) -> Any:
        """Make a source, and some operators over it."""
        place = f"{prefix}source"
        seconds = self.takes(place, planted)
        flow: Any
        if pushed:
            subject = Subject[int]()
            self.tasks.append(self._push(subject, seconds))
            overflow = self.random.choice([rx.DROP_OLDEST, rx.DROP_INCOMING])
            capacity = self.random.randint(1, 9)
            flow = subject.pipe(
                ops.on_backpressure_buffer(capacity, overflow=overflow), ops.named(place)
            )
        else:
            flow = rx.from_async_iterable(every(seconds)).pipe(ops.named(place))
        return self.over(flow, planted, prefix)

    def over(self, flow: Any, planted: str, prefix: str) -> Any:
        """Put some operators over a flow; in any case the one that is planted."""
        places = [f"{prefix}{kind}" for kind in ("callback", "async", "rate", "queue", "plain")]
        self.random.shuffle(places)
        for place in places:
            if place != planted and self.random.random() < 0.5:
                continue
            operator = self.operator(place, place.removeprefix(prefix), planted)
            flow = flow.pipe(operator, ops.named(place))
        return flow

    def operator(self, place: str, kind: str, planted: str) -> Any:
        if kind == "callback":
            return ops.map(working(self.takes(place, planted)))
        if kind == "async":
            most = self.random.randint(1, 8)
            seconds = self.takes(place, planted) * most
            return ops.map_async(taking(seconds), most, self.random.random() < 0.5)
        if kind == "rate":
            return ops.throttle(1, self.takes(place, planted))
        self.told.append(place)
        return ops.limit_rate(self.random.randint(2, 16)) if kind == "queue" else ops.map(str)

    async def _push(self, subject: Subject[int], seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds)
            subject.on_next(0)


KINDS = ("source", "callback", "async", "rate")


def chain(made: Pipeline, planted: str) -> Any:
    return made.chain(planted, pushed=made.random.random() < 0.4)


def merged(made: Pipeline, planted: str) -> Any:
    """Both branches are slow, or what is behind them; or one is, and the other one is over."""
    if planted != "branches":
        flow = made.chain(planted, "a-").pipe(ops.merge(made.chain(planted, "b-")))
        return made.over(flow, planted, "")
    slow, names = made.slow, ("a-source", "b-source")
    made.names.update(names)
    many = made.random.random() < 0.5
    ends = None if many else 2
    made.told.append(f"branches={slow:.3g}, {ends}")
    # Two give twice as much.
    a, b = (
        rx.from_async_iterable(every(slow * (1 + many), most)).pipe(ops.named(name))
        for name, most in zip(names, (None, ends), strict=True)
    )
    if not many:
        made.names = {"a-source"}
    return made.over(a.pipe(ops.merge(b)), planted, "")


def zipped(made: Pipeline, planted: str) -> Any:
    flow = made.chain(planted, "a-").pipe(ops.zip(made.chain(planted, "b-")))
    return made.over(flow, planted, "")


def flat_mapped(made: Pipeline, planted: str) -> Any:
    most, size = made.random.randint(1, 4), made.random.randint(1, 3)
    inner = made.takes("inner", planted) * most

    def opened(_: Any) -> Any:
        return rx.from_async_iterable(every(inner, size))

    flow = made.chain(planted, "a-")
    flow = flow.pipe(ops.flat_map(opened, max_concurrency=most), ops.named("inner"))
    return made.over(flow, planted, "")


def shared(made: Pipeline, planted: str) -> Any:
    both = made.chain(planted, "a-").pipe(
        ops.share(prefetch=made.random.randint(1, 8)), ops.named("peer")
    )
    body = made.takes("peer", planted)

    async def other() -> None:
        async for _ in both:
            await asyncio.sleep(body)

    made.tasks.append(other())
    return made.over(both, planted, "")


def of(*prefixes: str) -> tuple[str, ...]:
    return tuple(f"{prefix}{kind}" for prefix in prefixes for kind in KINDS)


SHAPES: dict[Callable[[Pipeline, str], Any], tuple[str, ...]] = {
    chain: (*of(""), CONSUMER),
    merged: ("branches", *of("")[1:], CONSUMER),
    zipped: (*of("a-", "b-"), *of("")[1:], CONSUMER),
    flat_mapped: ("inner", *of("")[1:], CONSUMER),
    shared: ("peer", *of("a-"), *of("")[1:], CONSUMER),
}


@dataclass
class Trial:
    """A random pipeline, and what was reported on it."""

    shape: str
    planted: str
    made: Pipeline
    report: Report

    @property
    def right(self) -> bool:
        found = self.report.bottleneck
        return found is not None and found.label in self.made.names

    def __str__(self) -> str:
        limits = [f"{limit.label} {limit.share:.2f}" for limit in self.report.limits]
        told = f"{self.shape}, planted {self.planted}: {', '.join(self.made.told)}"
        return f"{told}\n    named {limits}\n    {self.report}"


def drawn(seed: int) -> tuple[Random, Callable[[Pipeline, str], Any], str]:
    """Draw the shape of a pipeline, and the position of what is planted in it."""
    random = Random(seed)
    shape = random.choice(list(SHAPES))
    return random, shape, random.choice(SHAPES[shape])


def trial(seed: int) -> Trial:
    """Make a random pipeline, run it, and report on it."""
    random, shape, planted = drawn(seed)
    first = Pipeline(Random(seed))  # to see how long the others take together
    shape(first, planted)
    body = random.uniform(0.02, 0.2)
    slow = (first.spent + (body if planted != CONSUMER else 0)) * random.uniform(1.2, 3)
    for task in first.tasks:
        task.close()

    async def main() -> tuple[Pipeline, Report]:
        made = Pipeline(Random(seed), slow=slow)
        flow = shape(made, planted)
        made.told.append(f"consumer={slow if planted == CONSUMER else body:.3g}")
        if planted == CONSUMER:
            made.names.add(CONSUMER)
        consume = random.choice([iterating, iterating, requesting])
        tasks = [asyncio.ensure_future(task) for task in made.tasks]
        found = await consume(flow, slow if planted == CONSUMER else body, 30 * slow)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(9 * slow)
        return made, found

    made, found = run_virtual(main())
    return Trial(shape.__name__, planted, made, found)


def trials(most: int) -> Iterator[Trial]:
    return map(trial, range(most))
